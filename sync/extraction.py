"""From the source into our rows: pages are kept whole, and the cursor moves with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from audit.trail import Fact
from connections import clock
from connections.providers.errors import NotAuthorised, Refused
from sync import engine
from sync.engine import Move, Outcome
from sync.flows import edited
from sync.flows.base import Flow, Page, Record, Stream, Work
from sync.lifecycle import ItemState
from sync.models import FeedCursor, LaneLocation, SyncItem

# A first read begins this long before go-live, so that a payment taken the night before is seen and waits.
LOOK_BACK = timedelta(days=1)
FIRST_RECHECK = timedelta(minutes=5)
LAST_RECHECK = timedelta(hours=24)
# What the column holds. Ids of Square are shorter; a record with a longer one waits as unreadable.
LONGEST_ID = 255


def read_feeds(work: Work, flow: Flow) -> None:
    """Read each stream of every location from its cursor to the start of the run. Restarts at the last kept page."""
    for stream in flow.streams(work.lane):
        try:
            _read_stream(work, stream)
        except (Refused, NotAuthorised) as error:
            if stream.is_essential:
                raise
            work.setbacks.append(f"The {stream.name} could not be read: {error.sentence}")


def _read_stream(work: Work, stream: Stream) -> None:
    until = work.run.created_at
    for feed in work.lane.feeds.select_related("location"):
        if [feed.pk, stream.name] in work.run.feeds_done:
            continue
        missed = feed.cursors.filter(stream=stream.name).values_list("again_from", flat=True).first()
        for page in stream.pages(work, feed, start_of(feed, stream), until):
            keep(work, page, until=until)
            work.breathe()
        if missed:  # unless something even earlier was missed meanwhile
            feed.cursors.filter(stream=stream.name, again_from=missed).update(again_from=None)


def start_of(feed: LaneLocation, stream: Stream) -> datetime:
    cursor, begin = feed.cursors.filter(stream=stream.name).first(), first_start(feed)
    if cursor is None:
        return begin
    overlapping = cursor.read_up_to - stream.overlap
    return max(min(overlapping, cursor.again_from or overlapping), begin)


def first_start(feed: LaneLocation) -> datetime:
    """Where the first reading of a location begins."""
    return datetime.combine(feed.lane.go_live, time.min, ZoneInfo(feed.location.timezone)) - LOOK_BACK


def keep(work: Work, page: Page, *, until: datetime) -> None:
    """Store what is new or changed on the page, and move the cursor, in one transaction.

    The cursor moves whatever becomes of the records, never past the start of the run and never back.
    """
    outcome, changed = kept(work, page.records)
    _move_cursor(outcome, page, until if page.is_last else min(page.read_up_to, until))
    if page.is_last:
        work.run.feeds_done = [*work.run.feeds_done, [page.feed.pk, page.stream]]
    work.run.records_read += page.size
    work.run.records_changed += changed
    outcome.updates.append((work.run, ["feeds_done", "records_read", "records_changed"]))
    engine.apply(outcome, grip=work.grip)


def _move_cursor(outcome: Outcome, page: Page, read_up_to: datetime) -> None:
    cursor = page.feed.cursors.filter(stream=page.stream).first()
    if cursor is None:
        outcome.created.append(FeedCursor(feed=page.feed, stream=page.stream, read_up_to=read_up_to))
    elif read_up_to > cursor.read_up_to:
        cursor.read_up_to = read_up_to
        outcome.updates.append((cursor, ["read_up_to"]))


def read_unfinished(work: Work, flow: Flow) -> None:
    """Read records again that were not complete when they came in, ever more rarely."""
    for stream in flow.streams(work.lane):
        due = SyncItem.objects.filter(lane=work.lane, kind=stream.kind, recheck_at__lte=work.run.created_at)
        due = due.exclude(state=ItemState.DISMISSED)
        while batch := list(due.order_by("recheck_at", "id")[:100]):
            _read_again(work, stream, batch)
            work.breathe()


def _read_again(work: Work, stream: Stream, batch: Sequence[SyncItem]) -> None:
    outcome, changed = kept(work, _again(work, stream, batch))
    for item in batch:
        item.recheck_at = next_recheck(item.attempts)
        item.attempts += 1
        outcome.updates.append((item, ["recheck_at", "attempts"]))
    work.run.records_changed += changed
    outcome.updates.append((work.run, ["records_changed"]))
    engine.apply(outcome, grip=work.grip)


def _again(work: Work, stream: Stream, batch: Sequence[SyncItem]) -> list[Record]:
    """The records as they are now. One that Square refuses to show stays as it is held and does not stop the lane."""
    try:
        return list(stream.again(work, batch))
    except Refused:
        return [] if len(batch) == 1 else [record for item in batch for record in _again(work, stream, [item])]


def next_recheck(attempts: int) -> datetime:
    pause: timedelta = FIRST_RECHECK * 2 ** min(attempts, 12)
    return clock.now() + min(LAST_RECHECK, pause)


def kept(work: Work, records: Iterable[Record]) -> tuple[Outcome, int]:
    """What keeping these records means: new rows, changed rows, nothing for unchanged ones."""
    outcome = Outcome()
    records = _newest(replace(record, source_id=record.source_id[:LONGEST_ID]) for record in records)
    known = SyncItem.objects.filter(lane=work.lane, source_id__in=[record.source_id for record in records])
    items = {item.source_id: item for item in known.defer("payload")}
    changed, others = 0, []
    for record in records:
        item = items.get(record.source_id)
        if item is None:
            outcome.created.append(_new(work, record))
        elif item.digest != record.digest:
            _change(outcome, item, record)
            others.append((item, record))
        else:
            continue
        changed += 1
        outcome.facts.append(_read_fact(record, item))
    edited.overtaken(outcome, others)
    return outcome, changed


def _newest(records: Iterable[Record]) -> Sequence[Record]:
    """One record per source id: a row that changed while we were paging comes twice."""
    newest: dict[str, Record] = {}
    for record in records:
        held = newest.get(record.source_id)
        if held is None or record.updated_at >= held.updated_at:
            newest[record.source_id] = record
    return list(newest.values())


def _new(work: Work, record: Record) -> SyncItem:
    item = SyncItem(lane=work.lane, source_id=record.source_id, created_at=clock.now())
    _fill(item, record)
    return item


def _change(outcome: Outcome, item: SyncItem, record: Record) -> None:
    """A dismissed record is kept up to date but stays dismissed; every other one is resolved anew."""
    before = ItemState(item.state)
    after = before if before is ItemState.DISMISSED else ItemState.EXTRACTED
    _fill(item, record)
    changes = {name: getattr(item, name) for name in (*FILLED, "changed_at")}
    outcome.moves.append(Move(SyncItem, {"pk": item.pk}, before, after, changes))


FILLED = (
    "location_id", "kind", "parent_id", "order_id", "customer_id", "receipt_number", "tender", "source_updated_at",
    "took_place_at", "local_day", "currency", "amount", "payload", "digest", "problem_kind", "problem_subject",
    "problem",
)  # fmt: skip


def _fill(item: SyncItem, record: Record) -> None:
    item.location_id, item.kind, item.parent_id = record.location_id, record.kind, record.parent_id
    item.order_id, item.customer_id = record.order_id, record.customer_id
    item.receipt_number, item.tender = _cut(item, "receipt_number", record), _cut(item, "tender", record)
    item.source_updated_at, item.took_place_at, item.local_day = (
        record.updated_at,
        record.took_place_at,
        record.local_day,
    )
    item.currency, item.amount = record.currency, record.amount
    item.payload, item.digest = _storable(record.payload), record.digest
    item.problem_kind = record.problem.kind if record.problem else ""
    item.problem_subject = record.problem.subject if record.problem else ""
    item.problem = record.problem.sentence if record.problem else ""
    item.changed_at = clock.now()


def _cut(item: SyncItem, name: str, record: Record) -> str:
    """For showing and finding only, so the column's length is enough; the payload keeps the whole."""
    text: str = getattr(record, name)
    column: Any = item._meta.get_field(name)
    return text[: column.max_length]


def _storable(payload: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON holds it. A number with a fraction, which no record of Square should have, becomes text."""
    try:
        json.dumps(payload)
    except TypeError:
        stored: dict[str, Any] = json.loads(json.dumps(payload, default=str))
        return stored
    return dict(payload)


def _read_fact(record: Record, item: SyncItem | None) -> Fact:
    verb = "item.changed" if item else "item.extracted"
    detail = {"updated_at": record.updated_at, "digest": record.digest}
    return Fact(verb, "item", item.pk if item else None, record.source_id, record.source_id, detail=detail)
