"""A booked leg whose record has changed: taken back whole, and booked again as it is now.

An auditor sees what stood, that it was taken back, and what stands now; a difference alone would show neither amount.
A leg keeps its place (kind and number within the record) through its revisions: each takes the next ordinal of the
place, 1000 higher, since fees and payouts number their own legs from 0 up. So a revision has the same reference in
every process and after a restore, whatever else the record has come to owe meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from mappings.bookkeeping.legs import LegPlan
from mappings.bookkeeping.reversal import reverse

STEP = 1000


class Correction(NamedTuple):
    """`taken_back` None: what was booked is reversed already, and the leg is only booked again."""

    taken_back: LegPlan | None
    booked: LegPlan


def place_of(ordinal: int) -> int:
    """Which leg of its kind it is, whatever its revision."""
    return ordinal % STEP


def next_ordinal(ordinal: int) -> int:
    return ordinal + STEP


def revised(plan: LegPlan, booked: LegPlan) -> LegPlan:
    """The plan under the ordinal that follows `booked`, an earlier revision of the same place."""
    return replace(plan, ordinal=next_ordinal(booked.ordinal))


def correct(booked: LegPlan, now: LegPlan, *, on: date | None = None) -> Correction:
    """What takes `booked` back, on its own day or on `on`, and books `now` in its stead."""
    return Correction(reverse(booked, on=on), revised(now, booked))


def tells_the_same(booked: LegPlan, now: LegPlan) -> bool:
    """Whether both tell of the same event: the same money, per role and rate, of the same customer on the same day.

    Accounts and VAT codes are left out: they follow from mappings, and a mapping that changes later does not change
    what was booked by the former one.
    """
    return _facts(booked) == _facts(now)


def _facts(leg: LegPlan) -> tuple[Any, ...]:
    sums: dict[tuple[str, Decimal | None], tuple[int, int]] = {}
    for line in leg.lines:
        net, vat = sums.get((line.role, line.rate), (0, 0))
        sums[line.role, line.rate] = net + line.amount, vat + line.vat
    debtor = leg.debtor.id if leg.debtor else ""
    lines = frozenset((key, amounts) for key, amounts in sums.items() if any(amounts))
    return leg.document, leg.date, leg.currency, leg.tender, debtor, lines
