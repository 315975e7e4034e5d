"""Which state follows which: the life of items, legs, postings and runs. Pure; only the engine writes by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    PLANNED = "planned"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    EXTRACTED = "extracted"
    RESOLVED = "resolved"
    DONE = "done"
    WAITING = "waiting"
    DISMISSED = "dismissed"


class LegState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    POSTING = "posting"
    POSTED = "posted"
    CONFIRMED = "confirmed"
    REVERSING = "reversing"
    REVERSED = "reversed"
    REFUSED = "refused"
    DISMISSED = "dismissed"


# A leg whose lines count: other records take their accounts and amounts from it.
STANDING = (LegState.READY, LegState.POSTING, LegState.POSTED, LegState.CONFIRMED)


class PostingState(StrEnum):
    DRAFT = "draft"
    SENDING = "sending"
    POSTED = "posted"
    CONFIRMED = "confirmed"
    REVERSED = "reversed"
    CONFLICT = "conflict"
    REFUSED = "refused"
    # Refused, and gone on as two halves: kept as the trace of it.
    SPLIT = "split"


class AttachmentState(StrEnum):
    DUE = "due"
    SENDING = "sending"
    ATTACHED = "attached"
    REFUSED = "refused"


class LinkState(StrEnum):
    """How a customer stands between its two sides."""

    IN_STEP = "in_step"
    PENDING = "pending"
    CONFLICT = "conflict"
    WAITING = "waiting"
    # Another Square customer is the same Exact account, and nobody has said which one leads.
    SHARED = "shared"
    MERGED = "merged"
    GONE = "gone"
    ENDED = "ended"


LIVE = frozenset({LinkState.IN_STEP, LinkState.PENDING, LinkState.CONFLICT, LinkState.WAITING, LinkState.SHARED})


class CreationState(StrEnum):
    """An account that is to be made in Exact; `sending` means that the request may have left the building."""

    DRAFT = "draft"
    SENDING = "sending"
    CREATED = "created"
    FOUND = "found"
    ASKED = "asked"
    REFUSED = "refused"


RUNS = {
    RunState.QUEUED: {RunState.RUNNING, RunState.CANCELLED, RunState.FAILED},
    RunState.RUNNING: {RunState.PAUSED, RunState.PLANNED, RunState.DONE, RunState.FAILED, RunState.CANCELLED},
    RunState.PAUSED: {RunState.RUNNING, RunState.FAILED, RunState.CANCELLED},
    # A plan waits for a person and holds nothing up; what was approved is done once each entry of it is decided.
    RunState.PLANNED: {RunState.APPROVED, RunState.REJECTED, RunState.SUPERSEDED},
    RunState.APPROVED: {RunState.DONE},
    RunState.REJECTED: set(),
    RunState.SUPERSEDED: set(),
    RunState.DONE: set(),
    RunState.FAILED: set(),
    RunState.CANCELLED: set(),
}

ITEMS = {
    ItemState.EXTRACTED: {ItemState.RESOLVED, ItemState.WAITING, ItemState.DONE, ItemState.DISMISSED},
    ItemState.WAITING: {ItemState.EXTRACTED, ItemState.RESOLVED, ItemState.DONE, ItemState.DISMISSED},
    ItemState.RESOLVED: {ItemState.EXTRACTED, ItemState.DONE, ItemState.WAITING},
    ItemState.DONE: {ItemState.EXTRACTED, ItemState.WAITING},
    ItemState.DISMISSED: {ItemState.EXTRACTED},
}

LEGS = {
    LegState.WAITING: {LegState.READY, LegState.DISMISSED},
    LegState.READY: {LegState.POSTING, LegState.WAITING, LegState.DISMISSED},
    LegState.POSTING: {LegState.POSTED, LegState.REFUSED},
    LegState.POSTED: {LegState.CONFIRMED},
    # Reversing from the moment its reversal is owed: nothing else takes amounts from it any more.
    LegState.CONFIRMED: {LegState.REVERSING, LegState.REVERSED},
    LegState.REVERSING: {LegState.REVERSED, LegState.CONFIRMED},
    LegState.REVERSED: set(),
    LegState.REFUSED: {LegState.READY, LegState.WAITING, LegState.DISMISSED},
    LegState.DISMISSED: {LegState.WAITING},
}

POSTINGS = {
    PostingState.DRAFT: {PostingState.SENDING, PostingState.REFUSED},
    PostingState.SENDING: {
        PostingState.POSTED,
        PostingState.REFUSED,
        PostingState.CONFLICT,
        PostingState.DRAFT,
        PostingState.SPLIT,
    },
    PostingState.POSTED: {PostingState.CONFIRMED, PostingState.CONFLICT},
    PostingState.CONFIRMED: {PostingState.REVERSED},
    PostingState.REFUSED: {PostingState.DRAFT},
    PostingState.CONFLICT: {PostingState.POSTED, PostingState.SENDING},
    PostingState.REVERSED: set(),
    PostingState.SPLIT: set(),
}


ATTACHMENTS = {
    AttachmentState.DUE: {AttachmentState.SENDING, AttachmentState.ATTACHED, AttachmentState.REFUSED},
    AttachmentState.SENDING: {AttachmentState.DUE, AttachmentState.ATTACHED, AttachmentState.REFUSED},
    AttachmentState.ATTACHED: set(),
    AttachmentState.REFUSED: {AttachmentState.DUE},
}


class EditState(StrEnum):
    """What a person says of a record in Square's stead: it waits for a second person, counts, or is over."""

    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    # Square changed the record since: what was said of other data is never laid over this.
    OVERTAKEN = "overtaken"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


EDITS = {
    EditState.PROPOSED: {EditState.IN_FORCE, EditState.OVERTAKEN, EditState.REJECTED, EditState.WITHDRAWN},
    EditState.IN_FORCE: {EditState.OVERTAKEN, EditState.WITHDRAWN},
    EditState.OVERTAKEN: {EditState.WITHDRAWN},
    EditState.REJECTED: set(),
    EditState.WITHDRAWN: set(),
}
# The one edit that a record has at a time.
STANDING_EDITS = (EditState.PROPOSED, EditState.IN_FORCE, EditState.OVERTAKEN)


# A link follows what is true on both sides, wherever it came from; what is over begins again as pending.
LINKS: dict[LinkState, AbstractSet[LinkState]] = {
    **{state: frozenset(LinkState) - {state} for state in LIVE},
    LinkState.MERGED: {LinkState.PENDING, LinkState.ENDED},
    LinkState.GONE: {LinkState.PENDING, LinkState.ENDED, LinkState.MERGED},
    LinkState.ENDED: {LinkState.PENDING},
}

CREATIONS = {
    CreationState.DRAFT: {CreationState.SENDING, CreationState.FOUND, CreationState.ASKED, CreationState.REFUSED},
    CreationState.SENDING: {CreationState.CREATED, CreationState.DRAFT, CreationState.REFUSED},
    CreationState.CREATED: {CreationState.DRAFT},
    # A person has decided once more that it is to be created.
    CreationState.FOUND: {CreationState.DRAFT},
    CreationState.ASKED: {CreationState.DRAFT},
    CreationState.REFUSED: {CreationState.DRAFT},
}


class BatchState(StrEnum):
    """One INSERT into the archive. What is being sent may be in Snowflake already."""

    DRAFT = "draft"
    SENDING = "sending"
    DONE = "done"
    CONFLICT = "conflict"


BATCHES = {
    BatchState.DRAFT: {BatchState.SENDING},
    BatchState.SENDING: {BatchState.DONE, BatchState.DRAFT, BatchState.CONFLICT},
    BatchState.DONE: set(),
    BatchState.CONFLICT: set(),
}


class PlannedState(StrEnum):
    """What became of one entry of a plan: it waits for approval, was handed to the posting, or was refused."""

    PLANNED = "planned"
    POSTED = "posted"
    REFUSED = "refused"


PLANNED = {
    PlannedState.PLANNED: {PlannedState.POSTED, PlannedState.REFUSED},
    PlannedState.POSTED: set(),
    PlannedState.REFUSED: set(),
}


TABLES: Mapping[type[StrEnum], Mapping[Any, AbstractSet[Any]]] = {
    RunState: RUNS,
    ItemState: ITEMS,
    LegState: LEGS,
    PostingState: POSTINGS,
    PlannedState: PLANNED,
    AttachmentState: ATTACHMENTS,
    LinkState: LINKS,
    CreationState: CREATIONS,
    EditState: EDITS,
    BatchState: BATCHES,
}


class ForbiddenMove(ValueError):
    """Somebody asked for a step that the life of this thing does not have. Always a fault of ours."""


def check(before: StrEnum, after: StrEnum) -> None:
    """Raise `ForbiddenMove` unless `after` may follow `before`."""
    if after not in TABLES[type(before)][before]:
        raise ForbiddenMove(f"{type(before).__name__}: {before} is not followed by {after}")


def item_state(legs: Iterable[LegState]) -> ItemState:
    """What an item shows: its least advanced leg. Without legs it owes nothing and is done."""
    states = set(legs)
    if states & {LegState.WAITING, LegState.REFUSED}:
        return ItemState.WAITING
    if states <= {LegState.CONFIRMED, LegState.REVERSED, LegState.DISMISSED}:
        return ItemState.DISMISSED if states == {LegState.DISMISSED} else ItemState.DONE
    return ItemState.RESOLVED
