"""A reconciliation as people and programs read it: a table per role, its differences, JSON and CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from audit.cells import csv_writer, safe_text
from connections import money
from mappings.roles import Role, words_of
from sync.models.reconciliation import Difference, Reconciliation
from sync.reconciliation.kinds import MEANINGS, TITLES, Kind

COLUMNS = ("square", "explained", "ours", "exact", "difference")
ORDER = {role.value: place for place, role in enumerate(Role)}
MOST_PRINTED = 25


@dataclass(frozen=True, slots=True)
class Total:
    """One role in one currency, over the whole period or one day. `square` = `explained` + `exact` + `difference`."""

    role: str
    currency: str
    square: int
    explained: int
    ours: int
    exact: int

    @property
    def difference(self) -> int:
        return self.square - self.explained - self.exact

    @property
    def words(self) -> str:
        return words_of(self.role)


def totals(row: Reconciliation, *, day: str = "") -> list[Total]:
    """Per role and currency, in the order of the roles; of one day (ISO) when given."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for on, role, currency, *amounts in row.figures:
        if not day or on == day:
            sums.setdefault((role, currency), Counter()).update(dict(zip(COLUMNS, amounts, strict=False)))
    found = [
        Total(role, currency, **{name: held[name] for name in COLUMNS[:4]}) for (role, currency), held in sums.items()
    ]
    return sorted(found, key=lambda total: (total.currency, ORDER.get(total.role, len(ORDER)), total.role))


def decimal(minor: int, currency: str) -> Decimal:
    """Of a currency nobody counts in, hundredths."""
    return money.to_decimal(minor, currency) if currency in money.KNOWN else Decimal(minor).scaleb(-2)


def lines(row: Reconciliation) -> Iterator[str]:
    """For a terminal."""
    yield f"\n{row.lane}: division {row.division}, {row.begin} to {row.end}"
    yield f"{'debit +':<20}" + "".join(f"{name:>14}" for name in COLUMNS)
    for total in totals(row):
        amounts = "".join(f"{decimal(getattr(total, name), total.currency):>14,}" for name in COLUMNS)
        yield f"{total.currency} {total.words:<16}{amounts}"
    yield from _differences(row)
    read = f"{row.records:,} records and {row.lines:,} ledger lines compared"
    if row.is_clean:
        yield f"\n{read}. Nothing is left unexplained."
    else:
        yield (
            f"\n{read}. {row.findings} difference{'s' if row.findings > 1 else ''} need a person, "
            f"{decimal(row.unexplained, _currency(row)):,} {_currency(row)} in all."
        )


def _differences(row: Reconciliation) -> Iterator[str]:
    kinds = Counter(dict.fromkeys(TITLES, 0))
    for kind, count in row.differences.values_list("kind", "count"):
        kinds[Kind(kind)] += count
    if sum(kinds.values()):
        yield ""
    for kind, count in kinds.items():
        if count:
            yield f"{TITLES[kind]} ({count}): {MEANINGS[kind]}"
            for one in row.differences.filter(kind=kind)[:MOST_PRINTED]:
                yield f"  {decimal(one.amount, one.currency):>12,} {one.currency:<4}{one.sentence}"


def _currency(row: Reconciliation) -> str:
    found = {figure[2] for figure in row.figures}
    return found.pop() if len(found) == 1 else ""


def as_json(row: Reconciliation) -> dict[str, Any]:
    """Amounts as text with their decimals, so that no program reads them as a float."""
    return {
        "lane": row.lane.label, "division": row.division.code, "begin": row.begin.isoformat(),
        "end": row.end.isoformat(), "clean": row.is_clean, "findings": row.findings,
        "unexplained_cents": row.unexplained,
        "roles": [
            {"role": total.role, "currency": total.currency,
             **{name: str(decimal(getattr(total, name), total.currency)) for name in COLUMNS}}
            for total in totals(row)
        ],
        "differences": [
            {"kind": one.kind, "explained": one.is_explained, "day": one.day.isoformat() if one.day else None,
             "currency": one.currency, "amount": str(decimal(one.amount, one.currency)), "count": one.count,
             "sentence": one.sentence, "source_id": one.source_id, "reference": one.reference,
             "entry_number": one.entry_number}
            for one in row.differences.all()
        ],
        "vat": row.vat, "checks": row.checks,
    }  # fmt: skip


def as_csv(row: Reconciliation) -> bytes:
    """Figures per day and role, then the differences, as one table for a spreadsheet."""
    return csv_writer(quotes_all=False)(_rows(row))


def _rows(row: Reconciliation) -> Iterator[Sequence[object]]:
    yield "what", "day", "role or kind", "currency", *COLUMNS, "sentence", "Square id", "reference", "entry"
    for day, role, currency, *amounts in row.figures:
        told = [*amounts, amounts[0] - amounts[1] - amounts[3]]
        yield "figure", day, role, currency, *(decimal(amount, currency) for amount in told), "", "", "", ""
    yield from map(_written, row.differences.all())


def _written(one: Difference) -> Sequence[object]:
    amount = decimal(one.amount, one.currency)
    texts = [safe_text(text) for text in (one.sentence, one.source_id, one.reference)]
    return ("difference", one.day or "", one.kind, one.currency, "", "", "", "", amount, *texts, one.entry_number or "")
