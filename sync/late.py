"""What was booked on another day than its own, or after its day had been summed up: the late-arrivals report.

Every row carries both days, so that whoever signs off a month sees what belongs to another one and which return its
VAT is declared in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import QuerySet

from connections.money import UnknownCurrency, to_decimal
from mappings.bookkeeping.legs import Document
from sync import calendar_months
from sync.legs import plan_of
from sync.models import LateArrival

COLUMNS = (
    "own_day", "booked_on", "why", "lane", "location", "record", "leg", "reference", "entry", "exact_number", "state",
    "currency", "vat_code", "net", "vat",
)  # fmt: skip
MOST = 20_000  # legs that totals are computed over; a month in which more come late is no month of late arrivals


@dataclass(frozen=True, slots=True)
class Total:
    """Net and VAT of the late sales lines of one currency and VAT code, minor units, positive for sales."""

    currency: str
    vat_code: str
    net: int
    vat: int


def arrivals() -> QuerySet[LateArrival]:
    """All of them, newest booking first. Only late legs are indexed for this: the table of legs is not read."""
    return LateArrival.objects.filter(is_late=True)


def in_month(rows: QuerySet[LateArrival], month: str) -> QuerySet[LateArrival]:
    """Those booked in the month '2026-04'. Raises `ValueError` for anything else."""
    first = calendar_months.read(month)
    return rows.filter(date__gte=first, date__lte=calendar_months.last_day(first))


def why(leg: LateArrival) -> str:
    """In words, for people. Its `posting` must be loaded."""
    if leg.moved_from:
        return "its period was closed"
    if leg.posting and leg.posting.ordinal and leg.document == Document.SALES_ENTRY:
        return "supplement to a day that was summed up"
    return "came after its day was booked"


def own_day(leg: LateArrival) -> date:
    return leg.moved_from or leg.date


def totals(rows: Iterable[LateArrival]) -> list[Total]:
    """Per currency and VAT code, over the sales lines: what the VAT return of the booked month contains of others."""
    sums: Mapping[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for leg in rows:
        if leg.document != Document.SALES_ENTRY:
            continue
        for line in plan_of(leg).lines:
            both = sums[leg.currency, line.vat_code]
            both[0], both[1] = both[0] + line.amount, both[1] + line.vat
    return [Total(*key, net=net, vat=vat) for key, (net, vat) in sorted(sums.items())]


def lines(rows: Iterable[LateArrival]) -> Iterator[list[object]]:
    """Rows of the export, one per leg and VAT code; a leg without lines yet has one row without amounts."""
    for leg in rows:
        entry = leg.posting
        told: list[object] = [
            own_day(leg).isoformat(), leg.date.isoformat(), why(leg), leg.lane.label, leg.location.name,
            leg.item.source_id, leg.kind, leg.reference, entry.reference if entry else "",
            (entry.remote_number or "") if entry else "", leg.state, leg.currency,
        ]  # fmt: skip
        for code, (net, vat) in _per_code(leg).items():
            yield [*told, code, _decimal(net, leg.currency), _decimal(vat, leg.currency)]


def _per_code(leg: LateArrival) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for line in plan_of(leg).lines:
        net, vat = sums.get(line.vat_code, (0, 0))
        sums[line.vat_code] = net + line.amount, vat + line.vat
    return sums or {"": (0, 0)}


def _decimal(minor: int, currency: str) -> Decimal:
    try:
        return to_decimal(minor, currency)
    except UnknownCurrency:
        return Decimal(minor)
