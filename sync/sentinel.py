"""Every night: what Square holds is counted against what we hold, and what was missed is read again.

A lane reads by time of change and trusts that Square's lists are complete when they are read. Where they were not, a
record would be missed for ever; so the last days are listed once more and compared by id. Payments and refunds count on
the day on which Square changed them, payouts on the day of their creation. Invoices and disputes are read whole by each
run anyway.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from audit import trail
from audit.trail import Fact
from connections import clients, clock
from connections.providers.errors import NotAuthorised, Refused, Unreadable
from connections.providers.payload import Reader
from connections.providers.square.client import Page, SquareClient
from sync import extraction
from sync.customers import counting
from sync.flows import FLOWS, records
from sync.flows.base import Stream
from sync.models import FeedCursor, LaneLocation, SourceCount, SyncItem, SyncLane
from sync.models.lanes import CUSTOMERS

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class _Listing:
    """How Square lists a stream between two moments of `moment`, and how far back it is counted."""

    moment: str
    days: timedelta
    pages: Callable[[SquareClient, str, datetime, datetime], Iterator[Page]]


LISTINGS = {
    "payments": _Listing(
        "updated_at", timedelta(days=7),
        lambda client, place, begin, end: client.payments(place, updated_from=begin, updated_to=end),
    ),
    "refunds": _Listing(
        "updated_at", timedelta(days=7),
        lambda client, place, begin, end: client.refunds(place, updated_from=begin, updated_to=end),
    ),
    # There are few, and a lane reads those of the last 16 days again by itself.
    "payouts": _Listing(
        "created_at", timedelta(days=31),
        lambda client, place, begin, end: client.payouts(place, created_from=begin, created_to=end),
    ),
}  # fmt: skip


@dataclass
class _Count:
    """Of one stream, over all locations. `missing`: day -> ids."""

    at_square: Counter[date] = field(default_factory=Counter)
    missing: dict[date, list[str]] = field(default_factory=lambda: defaultdict(list))


def count(lane: SyncLane) -> int:
    """Count, keep the result, and have the lane read again what is missing. Returns how many records are.

    Raises the errors of the providers; then nothing is kept of the stream. One that the lane can do without and may not
    read is left out.
    """
    if lane.flow == CUSTOMERS:
        directory = counting.count(lane)
        _keep(lane, counting.NAME, directory.at_square, directory.missing)
        counting.read_again(lane, directory)
    elif lane.books:
        _count_streams(lane)
    return sum(row.missing for row in lane.counts.filter(at_square__gt=F("held")))


def _count_streams(lane: SyncLane) -> None:
    client = clients.square_client(lane.source)
    streams = [stream for stream in FLOWS[lane.flow].streams(lane) if stream.name in LISTINGS]
    feeds = list(lane.feeds.select_related("location", "lane"))
    for stream in streams:
        found = _Count()
        try:
            gaps = [(feed, gap) for feed in feeds if (gap := _counted(client, stream, feed, found))]
        except (Refused, NotAuthorised):
            if stream.is_essential:
                raise
            continue
        _keep(lane, stream.name, found.at_square, found.missing)
        for feed, gap in gaps:
            _read_again(feed, stream, gap)


def _counted(client: SquareClient, stream: Stream, feed: LaneLocation, found: _Count) -> dict[str, datetime]:
    """What of the location is missing: id -> the time Square lists it by. Due is only what lies before the cursor."""
    cursor = feed.cursors.filter(stream=stream.name).first()
    if cursor is None:
        return {}
    listing = LISTINGS[stream.name]
    # What the first reading began with, so that nothing before it counts as missed.
    begin = max(clock.now() - listing.days, extraction.first_start(feed))
    if begin >= cursor.read_up_to:
        return {}
    gap: dict[str, datetime] = {}
    for page in listing.pages(client, feed.location.location_id, begin, cursor.read_up_to):
        listed = dict(_dated(page.records, listing.moment))
        held = set(SyncItem.objects.filter(lane=feed.lane, source_id__in=listed).values_list("source_id", flat=True))
        for key, at in listed.items():
            day = records.local_day(feed, at)
            found.at_square[day] += 1
            if key not in held:
                found.missing[day].append(key)
                gap[key] = at
    return gap


def _dated(rows: Iterable[Mapping[str, Any]], moment: str) -> Iterator[tuple[str, datetime]]:
    """Id and the time by which it is listed. A row whose time cannot be read is left to the lane, which keeps it."""
    for row in rows:
        try:
            yield records.source_id(row), Reader(row, "record").time(moment)
        except Unreadable:
            continue


def _keep(lane: SyncLane, stream: str, at_square: Mapping[date, int], missing_on: Mapping[date, list[str]]) -> None:
    now = clock.now()
    before = {row.day: row for row in lane.counts.filter(stream=stream, day__in=list(at_square))}
    with transaction.atomic():
        # What was missing changed again since, and counts on its new day.
        moved = lane.counts.filter(stream=stream, at_square__gt=F("held")).exclude(day__in=list(at_square))
        moved.update(at_square=F("held"), examples=[], counted_at=now)
        for day, number in at_square.items():
            missing = missing_on.get(day, [])
            held, row = number - len(missing), before.get(day)
            filled = row.filled + max(0, row.missing - len(missing)) if row else 0
            SourceCount.objects.update_or_create(
                lane=lane, stream=stream, day=day,
                defaults={"at_square": number, "held": held, "filled": filled, "examples": missing[:MOST_NAMED],
                          "counted_at": now},
            )  # fmt: skip


def _read_again(feed: LaneLocation, stream: Stream, gap: Mapping[str, datetime]) -> None:
    """From the earliest that is missing on, with the lane's next run, which is due now."""
    now, since = clock.now(), min(gap.values())
    detail = {"stream": stream.name, "location": feed.location.name, "missing": len(gap), "since": since,
              "ids": sorted(gap)[:MOST_NAMED]}  # fmt: skip
    with transaction.atomic():
        later = Q(again_from=None) | Q(again_from__gt=since)
        FeedCursor.objects.filter(later, feed=feed, stream=stream.name).update(again_from=since)
        SyncLane.objects.filter(pk=feed.lane_id, due_at__gt=now).update(due_at=now)
        fact = Fact("lane.gap_found", "lane", feed.lane_id, feed.lane.label, division=feed.lane.division.code,
                    detail=detail)  # fmt: skip
        trail.record([fact], at=now)
