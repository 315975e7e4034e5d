"""The daily summary: one sales entry for the sales of a location, day, currency and customer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Line
from mappings.bookkeeping.sale import SALES_ROLES, together


class Day(NamedTuple):
    """What one summary entry is about. `debtor` is the id of the Exact customer."""

    location: str
    date: date
    currency: str
    debtor: str


def day_of(leg: LegPlan) -> Day:
    return Day(leg.location, leg.date, leg.currency, leg.debtor.id if leg.debtor else "")


def merge(legs: Iterable[LegPlan]) -> tuple[Line, ...]:
    """Lines per (account, VAT code, cost centre, cost unit), sorted; their sum is the sum of the legs, cent for cent.

    Refunds and what is taken back are negative lines of their own, so that a day shows what was sold and what came
    back, and a sale that came back whole is still an entry. A line is left out only when both its amount and its VAT
    are zero: VAT without a net amount is still VAT.
    Raises `ValueError` for legs that do not belong in one summary.
    """
    kept = sorted(legs, key=lambda leg: (leg.source_id, leg.kind, leg.ordinal))
    _check(kept)
    groups: dict[tuple[str, ...], Line] = {}
    told = [((leg.kind is LegKind.REFUND, leg.is_reversal), line) for leg in kept for line in leg.lines]
    for back, line in sorted(told, key=lambda item: SALES_ROLES.index(item[1].role)):
        key = (str(back), line.account.code, line.account.id, line.vat_code, line.cost_center, line.cost_unit)
        groups[key] = together(groups[key], line) if key in groups else replace(line, suffix="")
    return tuple(groups[key] for key in sorted(groups) if groups[key].amount or groups[key].vat)


def _check(legs: list[LegPlan]) -> None:
    if len({day_of(leg) for leg in legs}) > 1:
        raise ValueError("the legs of a summary must share location, day, currency and customer")
    for leg in legs:
        if leg.problem or leg.stands_alone or leg.document is not Document.SALES_ENTRY:
            raise ValueError(f"{leg.kind} {leg.source_id} waits, stands alone or is no sale: it is not for a summary")
