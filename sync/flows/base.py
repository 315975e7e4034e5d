"""What a flow is: a handful of functions. The engine drives them; none of them writes a row.

Adding a flow: write these functions in a module of its own and name them in `FLOWS` (sync/flows/__init__.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import QuerySet

from connections import clients
from connections.providers.errors import Refused
from connections.providers.exact.client import ExactClient
from connections.providers.square.client import SquareClient
from mappings import decisions, reference, soundness
from mappings.bookkeeping.legs import Document, LegPlan, Line, Problem
from mappings.bookkeeping.periods import Calendar
from mappings.bookkeeping.validation import Facts
from mappings.decisions import Decisions
from mappings.suggestions import Directory
from sync import precheck
from sync.grip import Grip
from sync.models import ItemEdit, LaneLocation, Leg, Posting, Settlement, SyncItem, SyncLane, SyncRun
from sync.precheck import Barred

SLICE_SECONDS = 60.0


class LeftAlone(Refused):
    """Raised by a flow's `send` instead of sending: what stands at the other side is not ours to change any more. The
    sentence says what a person does; `code` groups equal causes.
    """


class SliceOver(Exception):
    """The slice has used its time; the run goes on in the next one."""


@dataclass
class Work:
    """One slice of one run: who works, until when (real seconds, bounded by the queue's time-out), and what could not
    be read.
    """

    lane: SyncLane
    run: SyncRun
    grip: Grip
    ends_at: float = field(default_factory=lambda: time.monotonic() + SLICE_SECONDS)
    setbacks: list[str] = field(default_factory=list)
    ordinals: dict[tuple[str, str], int] = field(default_factory=dict)
    # Legs that a plan has in its entries so far: what depends on them may be planned behind them.
    planned: set[int] = field(default_factory=set)
    # Legs of an approved plan that is not through yet: nothing else may book or plan them.
    claimed: set[int] = field(default_factory=set)
    # Edits that are only tried, by record: a preview goes by them instead of by those that count.
    tried: dict[int, ItemEdit] = field(default_factory=dict)
    # Who is known in Exact, read once for whoever looks many customers up.
    directory: Directory | None = None

    @cached_property
    def square(self) -> SquareClient:
        return clients.square_client(self.lane.source)

    @cached_property
    def exact(self) -> ExactClient:
        return clients.exact_client(self.lane.division, guard=self.grip.require_time)

    @cached_property
    def decisions(self) -> Decisions:
        """Mappings and reference data as they were when this slice began."""
        return decisions.read(self.lane.division)

    @cached_property
    def calendar(self) -> Calendar:
        """What is closed in Exact, as last read."""
        return Calendar(self.decisions.closed)

    @cached_property
    def facts(self) -> Facts:
        """The division's reference data, by which legs are checked before they are sent."""
        return soundness.facts(self.lane.division)

    def decide_anew(self) -> None:
        """Reference data was read again: what follows decides by it."""
        for known in ("decisions", "calendar", "facts", "barred", "fingerprint"):
            self.__dict__.pop(known, None)

    @cached_property
    def fingerprint(self) -> str:
        """Of every decision as it was when this slice first asked."""
        from sync import fingerprints  # it reads drafts, and so imports this module

        return fingerprints.of_decisions(self.lane)

    @cached_property
    def barred(self) -> Barred:
        """What must not be booked on, by the reference data as last read."""
        return precheck.barred(self.lane.division)

    def read_reference_again(self) -> None:
        """Ask Exact for the division's reference data, and go by it from here on."""
        reference.refresh(self.lane.division)
        self.decide_anew()

    def breathe(self) -> None:
        """Between two units of work. Raises `SliceOver`."""
        if time.monotonic() >= self.ends_at:
            raise SliceOver


@dataclass(frozen=True, slots=True)
class Record:
    """One source record as read. `digest` covers the fields an entry is computed from, and nothing else."""

    kind: str
    source_id: str
    order_id: str
    customer_id: str
    receipt_number: str
    tender: str
    location_id: int
    updated_at: datetime
    took_place_at: datetime
    local_day: date
    currency: str
    amount: int
    payload: Mapping[str, Any]
    digest: str
    problem: Problem | None = None
    is_unfinished: bool = False
    parent_id: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """One list of the source that a lane reads per location. `overlap`: how long before the last read the next begins.

    `pages(work, feed, begin, end)` reads it; `again` reads unfinished records of it once more; `resolve` turns its
    records into legs (pure but for reading mappings), `chunk` of them stored together; `ready` names records that
    waited for another stream and may go on. What cannot be read of a stream that is not essential is told at the end
    of the run and holds nothing else up. One that `goes_back` can be read for any days of the past.
    """

    name: str
    kind: str
    overlap: timedelta
    pages: Callable[[Work, LaneLocation, datetime, datetime], Iterator[Page]]
    again: Callable[[Work, Sequence[SyncItem]], Iterable[Record]]
    resolve: Callable[[Work, Sequence[SyncItem]], list[Resolution]]
    ready: Callable[[Work], QuerySet[SyncItem]] | None = None
    is_essential: bool = True
    chunk: int = 200
    goes_back: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a stream: what is new or changed of `size` rows. `read_up_to`: everything changed before it has been
    read once this page is kept.
    """

    feed: LaneLocation
    stream: str
    records: Sequence[Record]
    size: int
    read_up_to: datetime
    is_last: bool


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one record owes the books, each leg with its reference; or a problem of the record as a whole."""

    item: SyncItem
    legs: Sequence[tuple[str, LegPlan]]
    problem: Problem | None = None
    is_unfinished: bool = False
    notes: Sequence[str] = ()
    settles: Sequence[Settlement] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry about to be booked. `leg_ids` are frozen into it; `again` is the refused entry it takes the place of;
    `corrects` the booked one that it changes, or that its reversals take back; `lines` are those of the body.
    """

    document: Document
    journal: str
    reference: str
    group: str
    ordinal: int
    date: date
    currency: str
    total: int
    body: str
    find_by: str
    expected: Mapping[str, int]
    leg_ids: Sequence[int]
    again: Posting | None = None
    corrects: int | None = None
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A document that stands at the other side. `total` in minor units, None when the answer does not say."""

    remote_id: str
    number: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Flow:
    """`streams` are read and resolved in this order; `gather` groups ready legs of a stage into drafts; `find` looks an
    entry up by its text; `send` books it; `confirm` reads the ledger back: posting id -> movement per GL account,
    absent when nothing was found. `part` writes some legs of a refused entry out again: as that ordinal of its group,
    or (None) under its own reference; a flow without it keeps a refused entry whole.
    """

    name: str
    streams: Callable[[SyncLane], Sequence[Stream]]
    stages: Sequence[str]
    gather: Callable[[Work, str], Iterator[Sequence[Draft]]]
    find: Callable[[Work, Posting], Sequence[Entry]]
    send: Callable[[Work, Posting], Entry]
    confirm: Callable[[Work, Sequence[Posting]], Mapping[int, Mapping[str, int]]]
    part: Callable[[Work, Posting, Sequence[Leg], int | None], Draft] | None = None
