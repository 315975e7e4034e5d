"""What a run will need, what is left today, and when it will be done: arithmetic on counts, nothing else.

All figures are estimates: what Square will show is judged by what it has shown so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

# Rows of one page of Square; each page of payments also reads its orders.
PAGE = 100
CALLS_PER_PAGE = 2
# A reading of reference data that finds nothing new. Reference: README, Decisions.
REFERENCE = 9
# Entries that are read back from the ledger together.
READ_BACK = 30
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Backlog:
    """`lists`: lists of Square that are asked, at least one call each; `expected`: records that they will probably show
    as new; `held`: records read and not worked out; `entries_each`: entries that a record comes to, by what was booked
    so far; `ready`: entries that legs at hand come to; `drafted`, `in_doubt`, `unconfirmed`: entries by what they still
    need. `usual`: calls of a run of this lane, where nothing else is known.
    """

    lists: int = 0
    expected: int = 0
    held: int = 0
    entries_each: float = 1.0
    ready: int = 0
    drafted: int = 0
    in_doubt: int = 0
    unconfirmed: int = 0
    reads_reference: bool = False
    sends: bool = True
    usual: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """Calls."""

    exact: int
    square: int


def needs(backlog: Backlog) -> Need:
    """Calls that a run over this backlog will make."""
    square = backlog.lists + CALLS_PER_PAGE * ceil(backlog.expected / PAGE)
    exact = backlog.usual + backlog.in_doubt + REFERENCE * backlog.reads_reference
    if backlog.sends:
        coming = ceil((backlog.expected + backlog.held) * backlog.entries_each)
        entries = backlog.drafted + backlog.ready + coming
        exact += entries + ceil((entries + backlog.unconfirmed) / READ_BACK)
    return Need(exact=exact, square=square)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Calls of one division as a lane may use them. `left`: of today; `kept`: what it leaves to others of a day."""

    left: int
    kept: int
    a_day: int
    a_minute: int
    resets_at: datetime


def done_by(calls: int, allowance: Allowance, *, now: datetime) -> datetime | None:
    """When so many calls will have been made, if nobody else makes any. None: never, since all is kept for others."""
    free, pace = max(0, allowance.left - allowance.kept), max(1, allowance.a_minute)
    if calls <= free:
        return now + timedelta(minutes=calls / pace)
    # What a day lets through, by the allowance and by the minute.
    whole = min(allowance.a_day - allowance.kept, pace * 24 * 60)
    if whole <= 0:
        return None
    days, rest = divmod(calls - free, whole)
    return max(now, allowance.resets_at) + days * DAY + timedelta(minutes=rest / pace)
