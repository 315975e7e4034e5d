"""The opposite of a leg: what undoes it in the books, to the cent and per VAT code."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from mappings.bookkeeping.legs import LegPlan, Line


def reverse(leg: LegPlan, *, on: date | None = None) -> LegPlan:
    """The leg with every line negated, on its own day or on `on`, a day of an open period. Its place (source, kind,
    ordinal) stays that of the leg: the reference of a reversal is computed from the kind `reversal-<kind>`.

    Raises `ValueError` for a leg that waits: nothing was booked, so nothing can be undone.
    """
    if leg.problem:
        raise ValueError(f"{leg.kind} {leg.source_id} waits: there is nothing to reverse")
    lines = tuple(negated(line) for line in leg.lines)
    return replace(leg, date=on or leg.date, lines=lines, is_reversal=not leg.is_reversal)


def negated(line: Line) -> Line:
    return replace(line, amount=-line.amount, vat=-line.vat)
