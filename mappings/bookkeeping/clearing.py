"""Clearing per day: one bank or cash entry for the receipts and fees of a journal, day and currency; or per payout: one
for everything that a payout settles of a month.

Its lines stay apart, since each carries the reference it is found by; only the entry is shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

from mappings.bookkeeping.legs import Document, LegKind, LegPlan

KINDS = tuple(LegKind)

R = TypeVar("R")


class Entry(NamedTuple):
    """What one clearing entry is about."""

    document: Document
    journal: str
    date: date
    currency: str


def entry_of(leg: LegPlan) -> Entry:
    """Raises `ValueError` for a leg that is not booked in a bank or cash entry, or that waits."""
    if leg.document is Document.SALES_ENTRY or leg.problem:
        raise ValueError(f"{leg.kind} {leg.source_id} waits or is a sale: it is not for a clearing entry")
    return Entry(leg.document, leg.journal, leg.date, leg.currency)


def entries(legs: Iterable[LegPlan], *, most_lines: int) -> Iterator[tuple[Entry, tuple[LegPlan, ...]]]:
    """The legs by entry, in a fixed order, none with more than `most_lines` lines; a leg's own lines stay together."""
    groups: dict[Entry, list[LegPlan]] = {}
    for leg in legs:
        groups.setdefault(entry_of(leg), []).append(leg)
    for entry in sorted(groups):
        ordered = sorted(groups[entry], key=_place)
        for part in _parts(ordered, most_lines):
            yield entry, tuple(part)


def of_one_payout(legs: Iterable[LegPlan], *, most_lines: int) -> Iterator[tuple[LegPlan, ...]]:
    """The legs of one payout and month by day, in as many entries as their lines need.

    Raises `ValueError` for legs of two months, journals or currencies: an entry stands in one period of one journal.
    """
    ordered = sorted(legs, key=lambda leg: (leg.date, _place(leg)))
    if len({entry_of(leg)._replace(date=leg.date.replace(day=1)) for leg in ordered}) > 1:
        raise ValueError("the legs of a payout's entry must share journal, month and currency")
    yield from (tuple(part) for part in _parts(ordered, most_lines))


def halves(records: Sequence[R]) -> tuple[Sequence[R], Sequence[R]]:
    """A refused entry in two, cut between records: one bad record among n stands alone after log2(n) cuts.

    Raises `ValueError` for fewer than two.
    """
    if len(records) < 2:  # noqa: PLR2004
        raise ValueError("a single record is not cut")
    middle = (len(records) + 1) // 2
    return records[:middle], records[middle:]


def _place(leg: LegPlan) -> tuple[str, int, int]:
    """A payment's receipt, then its fees."""
    return leg.source_id, KINDS.index(leg.kind), leg.ordinal


def _parts(legs: list[LegPlan], most_lines: int) -> Iterator[list[LegPlan]]:
    part: list[LegPlan] = []
    size = 0
    for leg in legs:
        if part and size + len(leg.lines) > most_lines:
            yield part
            part, size = [], 0
        part.append(leg)
        size += len(leg.lines)
    if part:
        yield part
