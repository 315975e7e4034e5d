"""Who goes first when calls are short: postings before customers before the archive, and people before all of them.

Whoever comes later leaves a share of the day and of the burst to those before. The share of the day shrinks as the day
goes by: what the others have not used by the evening is anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

DAY = timedelta(days=1)
# Of the day's calls; the last tenth is kept for people: replay, connection test.
RESERVED_FOR_PEOPLE = 0.1
# A share that grows by one call at a time would open a run for each; so it grows unseen for this long.
SHORTEST_WAIT = timedelta(minutes=15)


class Priority(IntEnum):
    """Lower goes first."""

    PEOPLE = 0
    FIRST = 1
    SECOND = 2
    LAST = 3


WORDS = {
    Priority.PEOPLE: "people", Priority.FIRST: "first (postings)", Priority.SECOND: "second (customers)",
    Priority.LAST: "last (archive, history)",
}  # fmt: skip
# Per cent left to those before, where nobody chose.
USUAL = {Priority.PEOPLE: 0, Priority.FIRST: 0, Priority.SECOND: 20, Priority.LAST: 50}


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose call it is. `leaves`: per cent of the day and of the burst it leaves to those before it."""

    priority: Priority
    leaves: int

    @property
    def is_persons(self) -> bool:
        return self.priority is Priority.PEOPLE


PERSONS = Claim(Priority.PEOPLE, 0)


def claim(priority: Priority, leaves: int | None = None) -> Claim:
    """With what is usual where nobody chose how much it leaves. Nobody comes before the first but people."""
    return Claim(priority, USUAL[priority] if leaves is None or priority <= Priority.FIRST else leaves)


@dataclass(frozen=True, slots=True)
class Share:
    """What stays untouched: calls of the day, and tokens of the burst (at least one can always be taken)."""

    day: int
    burst: float


def share(whose: Claim, *, day_limit: int, burst: float, day_left: timedelta) -> Share:
    """What `whose` leaves to others of so many calls a day and so large a burst, with so much of the day to come."""
    if whose.is_persons:
        return Share(0, 0.0)
    ahead = min(max(day_left / DAY, 0.0), 1.0)
    day = round(day_limit * (RESERVED_FOR_PEOPLE + whose.leaves / 100 * ahead))
    return Share(min(day, day_limit), max(0.0, min(burst * whose.leaves / 100, burst - 1)))


def wait_for_day(whose: Claim, *, day_limit: int, remaining: int, day_left: timedelta) -> timedelta:
    """How long until its share has grown above what is used by now, if nobody else calls; at most until the reset."""
    free = remaining - round(day_limit * RESERVED_FOR_PEOPLE)
    left_to_others = day_limit * whose.leaves / 100
    if whose.is_persons or free <= 0 or not left_to_others:
        return day_left
    grown = day_left - DAY * (free / left_to_others)
    return min(day_left, max(grown, SHORTEST_WAIT))


_calling: ContextVar[Claim] = ContextVar("calling", default=Claim(Priority.FIRST, 0))  # noqa: B039 - frozen


def current() -> Claim:
    return _calling.get()


@contextmanager
def calling(whose: Claim) -> Iterator[None]:
    """Within the block, automatic calls are made with this priority."""
    token = _calling.set(whose)
    try:
        yield
    finally:
        _calling.reset(token)
