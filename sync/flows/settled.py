"""Clearing per payout: which entry each movement of the Square balance goes in.

A receipt, refund or fee goes in the entry of the payout that settles it, a payout's own movements in their payout's.
An entry stands in one period, so what a payout settles of two months becomes two entries. What no payout has settled
waits for its payout until its month is over, and is then booked as the rest of that month: the entry of a later payout
could not take it up without moving it into another period, and a month whose money is not booked cannot be closed.
Reference: bookkeeping section 3 "Clearing".
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.db.models import QuerySet

from mappings.bookkeeping.legs import Document, LegKind
from sync.flows.base import Work
from sync.lifecycle import STANDING
from sync.models import Leg, Settlement, SyncLane

FEES = (LegKind.FEE, LegKind.REFUND_FEE)
UNPAID = "unpaid"
# Whether a local day of a time zone is over and closed.
Closed = Callable[[date, str], bool]


class Group(NamedTuple):
    """What one entry is about. `payout` is Square's id, "unpaid" for what no payout settled by the end of the month."""

    journal: str
    currency: str
    payout: str
    month: date

    def key(self, merchant: str) -> str:
        return f"{merchant}|{self.journal}|{self.payout}|{self.month:%Y-%m}|{self.currency}"


@dataclass(frozen=True, slots=True)
class Said:
    """What one payout said of an event, and its own local day. `fee` in Square's signs."""

    payout: str
    day: date
    fee: int


def moving(work: Work, ready: QuerySet[Leg]) -> QuerySet[Leg]:
    """Legs that move the Square balance. Gift cards and external tenders pass through the journal and net to zero, cash
    and tenders with a journal of their own are not in it: they never reach a payout and stay per day.
    """
    journal = work.lane.clearing_journal
    return ready.filter(document=Document.BANK_ENTRY, journal=journal).exclude(amount=0)


def groups(work: Work, ready: QuerySet[Leg], *, closed: Closed) -> Iterator[tuple[Group, list[int]]]:
    """Groups that can be booked, oldest month first, each with the primary keys of its legs."""
    rows = list(
        ready.values(
            "pk", "kind", "ordinal", "date", "journal", "currency", "item_id", "item__source_id", "item__kind",
            "item__local_day", "location__timezone",
        )
    )  # fmt: skip
    said = _said(work, ready)
    cumulated = _fees_so_far(row["item_id"] for row in rows if row["kind"] in FEES and len(said[_event(row)]) > 1)
    found: dict[Group, list[int]] = defaultdict(list)
    for row in rows:
        settled = _payout_of(row, said[_event(row)], cumulated)
        if payout := _entry_of(row, settled, closed):
            month = row["date"].replace(day=1)
            found[Group(row["journal"], row["currency"], payout, month)].append(row["pk"])
    yield from sorted(found.items(), key=lambda item: (item[0].month, item[0]))


def _event(row: Mapping[str, Any]) -> str:
    return str(row["item__source_id"])


def _said(work: Work, ready: QuerySet[Leg]) -> dict[str, list[Said]]:
    """By event, what payouts said of it, oldest payout first."""
    # A payout of another lane may settle it, but only entries of this lane are made here.
    lanes = SyncLane.objects.filter(division=work.lane.division_id, clearing_journal=work.lane.clearing_journal)
    rows = Settlement.objects.filter(item__lane__in=lanes, event__in=ready.values("item__source_id"))
    said: dict[str, list[Said]] = defaultdict(list)
    for event, payout, day, fee in rows.order_by("item__took_place_at", "item").values_list(
        "event", "item__source_id", "item__local_day", "fee"
    ):
        said[event].append(Said(payout, day, fee))
    return said


def _fees_so_far(items: Iterable[int]) -> dict[tuple[int, str, int], int]:
    """By record, kind and ordinal, the fees of the record up to and with this one, in Square's signs."""
    legs = Leg.objects.filter(item__in=set(items), kind__in=FEES, state__in=STANDING).order_by("item", "ordinal")
    sums: dict[int, int] = defaultdict(int)
    found = {}
    for item, kind, ordinal, amount in legs.values_list("item", "kind", "ordinal", "amount"):
        sums[item] -= amount
        found[item, kind, ordinal] = sums[item]
    return found


def _payout_of(row: Mapping[str, Any], said: Sequence[Said], so_far: Mapping[tuple[int, str, int], int]) -> Said | None:
    """The payout that settles the leg: its own, the first that names its event, for a late fee the one that states it;
    None while there is none.
    """
    if row["item__kind"] == "payout":
        return Said(_event(row), row["item__local_day"], 0)
    if len(said) > 1 and row["kind"] in FEES:
        return _stating(said, so_far[row["item_id"], row["kind"], row["ordinal"]])
    # A fee that came after its payment was settled is in none of the payouts yet.
    return said[0] if said and not (row["kind"] in FEES and row["ordinal"] and said[0].day < row["date"]) else None


def _stating(said: Sequence[Said], fee: int) -> Said | None:
    """The payout with which what was said of the fees comes to `fee`, else reaches it."""
    sums, total = [], 0
    for one in said:
        total += one.fee
        sums.append((total, one))
    exact = (one for total, one in sums if total == fee)
    reached = (one for total, one in sums if abs(total) >= abs(fee))
    return next(exact, next(reached, None))


def _entry_of(row: Mapping[str, Any], settled: Said | None, closed: Closed) -> str:
    """The payout whose entry takes the leg now, or the rest of its month; empty while it waits."""
    zone = row["location__timezone"]
    if settled and closed(settled.day, zone) and closed(row["date"], zone):
        return settled.payout
    return UNPAID if not settled and closed(_last_day(row["date"]), zone) else ""


def _last_day(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
