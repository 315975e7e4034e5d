"""The records behind an entry: what each brought to it, per VAT code, and that together they are the entry.

Read in portions, so that a day of any size costs the same memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from audit.cells import csv_writer, safe_text
from connections.money import to_decimal, to_minor
from sync import precheck
from sync.legs import plan_of
from sync.models import Leg, Posting

READ = 500
# (net, VAT) in minor units, by VAT code.
Codes = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Listed:
    """One leg of the entry and its record. Amounts in minor units, with the signs of the entry."""

    item_id: int
    source_id: str
    receipt_number: str
    kind: str
    took_place_at: datetime
    reference: str
    total: int
    codes: Codes


@dataclass(slots=True)
class Totals:
    """Sums over all records. `agrees`: they are the entry, in total and per VAT code."""

    records: int = 0
    total: int = 0
    codes: dict[str, tuple[int, int]] = field(default_factory=dict)
    agrees: bool = False


def listed(posting: Posting, *, begin: int = 0, count: int | None = None) -> Iterator[Listed]:
    """The records in the order in which they took place; `begin` and `count` choose a page of them."""
    legs = posting.legs.select_related("item", "location").defer("item__payload").order_by("item__took_place_at", "id")
    chosen = legs[begin : begin + count] if count is not None else legs
    return (_listed(leg) for leg in chosen.iterator(chunk_size=READ))


def _listed(leg: Leg) -> Listed:
    codes: dict[str, tuple[int, int]] = {}
    for line in plan_of(leg).lines:
        net, vat = codes.get(line.vat_code, (0, 0))
        codes[line.vat_code] = (net + line.amount, vat + line.vat)
    item = leg.item
    return Listed(
        leg.item_id, item.source_id, item.receipt_number, leg.get_kind_display(),
        item.took_place_at.astimezone(ZoneInfo(leg.location.timezone)), leg.reference, leg.amount, codes,
    )  # fmt: skip


def totals(posting: Posting) -> Totals:
    """One pass over all records, compared with the entry as it was sent."""
    found = Totals()
    for row in listed(posting):
        found.records += 1
        found.total += row.total
        for code, (net, vat) in row.codes.items():
            before = found.codes.get(code, (0, 0))
            found.codes[code] = (before[0] + net, before[1] + vat)
    found.agrees = found.total == posting.total and _without_zeros(found.codes) == _without_zeros(_sent(posting))
    return found


def _sent(posting: Posting) -> dict[str, tuple[int, int]]:
    """What the frozen body says per VAT code."""
    sums: dict[str, tuple[int, int]] = {}
    for line in precheck.body_of(posting)[1]:
        net, vat = sums.get(line.get("VATCode", ""), (0, 0))
        more = [to_minor(line.get(name) or 0, posting.currency) for name in ("AmountFC", "VATAmountFC")]
        sums[line.get("VATCode", "")] = (net + more[0], vat + more[1])
    return sums


def _without_zeros(codes: Codes) -> dict[str, tuple[int, int]]:
    return {code: sums for code, sums in codes.items() if any(sums)}


def lines(posting: Posting, found: Totals) -> Iterator[bytes]:
    """The list as CSV (comma, UTF-8, CR LF, amounts with a point), line by line, its sum last."""
    codes, currency = sorted(found.codes), posting.currency
    write = csv_writer(quotes_all=False)
    yield write([["Receipt", "Square id", "Taken at", "For", "Reference", f"Total {currency}", *_headings(codes)]])
    for row in listed(posting):
        cells = [
            safe_text(row.receipt_number), safe_text(row.source_id), row.took_place_at.isoformat(), row.kind,
            row.reference, *_amounts(row.total, row.codes, codes, currency),
        ]  # fmt: skip
        yield write([cells])
    yield write([["Sum", "", "", "", posting.reference, *_amounts(found.total, found.codes, codes, currency)]])


def _headings(codes: Iterable[str]) -> list[str]:
    names = [f"code {code}" if code else "no code" for code in codes]
    return [heading for name in names for heading in (f"Net {name}", f"VAT {name}")]


def _amounts(total: int, per_code: Codes, codes: Sequence[str], currency: str) -> list[str]:
    sums = [total, *(amount for code in codes for amount in per_code.get(code, (0, 0)))]
    return [str(to_decimal(amount, currency)) for amount in sums]
