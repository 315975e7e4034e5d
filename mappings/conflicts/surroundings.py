"""What the app above knows of an open mapping: what waits for it, and what its lanes would do with a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connections.models import Connection, Division
from mappings.signals import lanes_asked, waiting_asked


@dataclass(slots=True)
class Waiting:
    """Records that wait for one mapping. `sums`: minor units per currency. `url`: the list of them."""

    records: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    first: date | None = None
    last: date | None = None
    url: str = ""

    def add(self, *, records: int, total: int, currency: str, first: date, last: date) -> None:
        self.records += records
        self.sums[currency] = self.sums.get(currency, 0) + total
        self.first = min(filter(None, (self.first, first)))
        self.last = max(filter(None, (self.last, last)))


@dataclass(frozen=True, slots=True)
class Lanes:
    """`collective`: the collective debtors by name; `without`: lanes that have none; `rest`: their items for the rest;
    `creates`: a lane is switched on that creates customers in Exact.
    """

    collective: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    creates: bool = False


def waiting_for(rows: Sequence[Any]) -> Mapping[int, Waiting]:
    """By primary key of the mappings, which are of one model; those for which nothing waits are left out."""
    if not rows:
        return {}
    found: dict[int, Waiting] = {}
    answers: Iterable[tuple[Any, Any]] = waiting_asked.send(sender=type(rows[0]), rows=rows)
    for _, told in answers:
        found |= told
    return found


def lanes_of(division: Division, merchant: Connection | None) -> Lanes:
    answers: Iterable[tuple[Any, Any]] = lanes_asked.send(sender=Division, division=division, merchant=merchant)
    return next((told for _, told in answers if isinstance(told, Lanes)), Lanes())
