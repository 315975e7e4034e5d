"""Reading a lane's history: in batches, off peak, behind everything else, and going on where it was cut off.

A batch is a run of its own that reads and works out, and neither sends nor books: what lies before go-live waits for
the click that releases it, and what does not is booked by the lane's next ordinary run. No batch is ever left open
while it waits, because the lane runs one at a time and its own runs come first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.models import Division
from sync import engine, extraction, forecast, offpeak, outlook
from sync.flows import FLOWS
from sync.flows.base import Flow, Page, Stream, Work
from sync.models import Backfill, LaneLocation, SyncItem, SyncLane, SyncRun
from sync.offpeak import Estimate, Window

State = Backfill.State
FILL = "fill"
# Between two batches, so that the lane's own runs find it free.
BREATH = timedelta(minutes=1)
# A guess for the first batch; after it the pace is measured.
USUAL_PACE = 1_000.0
# Of a location in daily summaries: its sales, its clearing and its cash. Those that stand alone come on top.
ENTRIES_A_DAY = 3
JUDGED_BY = timedelta(days=28)
# Exact's country sites by the zone their books are kept in; elsewhere the installation's.
ZONES = {
    "NL": "Europe/Amsterdam", "BE": "Europe/Brussels", "DE": "Europe/Berlin", "FR": "Europe/Paris",
    "ES": "Europe/Madrid", "GB": "Europe/London", "UK": "Europe/London",
}  # fmt: skip


class NotPossible(Exception):
    """The message is a sentence for the person who asked."""


def zone_of(division: Division) -> ZoneInfo:
    return ZoneInfo(ZONES.get(division.country.upper(), settings.TIME_ZONE))


def window_of(job: Backfill) -> Window:
    return Window(job.from_hour, job.to_hour, zone_of(job.lane.division))


# --- what people do ---------------------------------------------------------------------------------------------------
def begin(job: Backfill, *, by: str) -> None:
    """Let it be read from the next opening of its window on."""
    try:
        _move(job, State.DRAFT, State.RUNNING, by=by, started_at=clock.now(), expected=expected(job), due_at=_next(job))
    except IntegrityError:
        raise NotPossible(f"Another backfill of lane {job.lane} is open. Let it end, or cancel it.") from None


def pause(job: Backfill, *, by: str) -> None:
    """No batch begins any more; one at work stops at its next page."""
    _move(job, State.RUNNING, State.PAUSED, by=by, sentence=f"Paused by {by}.", due_at=None)


def resume(job: Backfill, *, by: str) -> None:
    _move(job, State.PAUSED, State.RUNNING, by=by, sentence="", due_at=_next(job))


def cancel(job: Backfill, *, by: str) -> None:
    """What has been read stays."""
    if job.state not in {State.DRAFT, *Backfill.OPEN}:
        raise NotPossible(f"It is {job.get_state_display()}: there is nothing to cancel.")
    _move(job, State(job.state), State.CANCELLED, by=by, finished_at=clock.now(), due_at=None)


def _next(job: Backfill) -> datetime:
    return window_of(job).opens(clock.now())


def _move(job: Backfill, before: State, after: State, *, by: str = "", **changes: object) -> None:
    """Raises `NotPossible` when somebody was quicker."""
    detail = {"by": by, "from": job.begins, "up to": job.ends, "read": job.records_read, "reason": job.reason}
    verb = "resumed" if before is State.PAUSED and after is State.RUNNING else _VERBS[after]
    with transaction.atomic():
        if Backfill.objects.filter(pk=job.pk, state=before).update(state=after, **changes) != 1:
            raise NotPossible(f"It was {before.label} when you looked and is not any more. Look at it again.")
        fact = Fact(f"backfill.{verb}", "backfill", job.pk, str(job), division=job.lane.division.code, detail=detail)
        trail.record([fact], at=clock.now())
    job.refresh_from_db()


_VERBS = {State.RUNNING: "begun", State.PAUSED: "paused", State.DONE: "done", State.CANCELLED: "cancelled"}


# --- opening batches --------------------------------------------------------------------------------------------------
def open_due() -> int:
    """Open a batch of each backfill whose window is open and whose lane has nothing of its own to do. Returns how
    many.
    """
    from sync import runs  # a batch is one of its phases, so it imports this module

    now, opened = clock.now(), 0
    at_work = SyncRun.objects.filter(lane=OuterRef("lane"), state__in=SyncRun.OPEN)
    due = Backfill.objects.filter(~Exists(at_work), state=State.RUNNING, due_at__lte=now)
    lane_due = Q(lane__is_enabled=True, lane__due_at__lte=now)
    for job in due.exclude(lane_due).select_related("lane__division__connection", "lane__source"):
        window = window_of(job)
        coming = now + BREATH if window.is_open(now) else window.opens(now)
        if Backfill.objects.filter(pk=job.pk, due_at=job.due_at, state=State.RUNNING).update(due_at=coming) != 1:
            continue
        if window.is_open(now):
            try:
                runs.open_run(job.lane, trigger="backfill", by=job.requested_by, purpose=FILL)
            except runs.NotNow as standing:
                Backfill.objects.filter(pk=job.pk).update(sentence=str(standing))
                continue
            opened += 1
    return opened


def put_off(lane: SyncLane, *, until: datetime, sentence: str) -> None:
    """A batch was cut short by a vendor: the next one comes later."""
    Backfill.objects.filter(lane=lane, state=State.RUNNING).update(due_at=until, sentence=sentence)


def stop(lane: SyncLane, *, sentence: str) -> None:
    """A person must act first."""
    job = _open(lane)
    if job:
        _move(job, State.RUNNING, State.PAUSED, sentence=sentence, due_at=None)


# --- a batch ----------------------------------------------------------------------------------------------------------
def read_history(work: Work, flow: Flow) -> None:
    """Read the next batch. It ends early when the window closes or somebody pauses it."""
    job = _open(work.lane)
    if job is None:
        return
    window, began = window_of(job), clock.now()
    for feed, stream in _places(work.lane, flow):
        key = _key(feed, stream)
        for page in _left(work, job, feed, stream):
            _keep(work, job, key, page, worked=clock.now() - began)
            began = clock.now()
            if work.run.records_read >= job.batch_size or not window.is_open(clock.now()) or not _open(work.lane):
                return
            work.breathe()
    sentence = f"{job.records_read} records were read, {job.records_changed} of them new."
    _move(job, State.RUNNING, State.DONE, sentence=sentence, finished_at=clock.now(), due_at=None)


def _open(lane: SyncLane) -> Backfill | None:
    rows = Backfill.objects.filter(lane=lane, state=State.RUNNING)
    return rows.select_related("lane__division").first()


def _places(lane: SyncLane, flow: Flow) -> Iterator[tuple[LaneLocation, Stream]]:
    """Payments of every location before refunds of any: what refers to a record is read after it."""
    for stream in flow.streams(lane):
        if stream.goes_back:
            for feed in lane.feeds.select_related("location"):
                yield feed, stream


def _key(feed: LaneLocation, stream: Stream) -> str:
    return f"{feed.pk}:{stream.name}"


def span(job: Backfill, feed: LaneLocation) -> tuple[datetime, datetime]:
    zone = ZoneInfo(feed.location.timezone)
    return datetime.combine(job.begins, time.min, zone), datetime.combine(job.ends, time.min, zone)


def _left(work: Work, job: Backfill, feed: LaneLocation, stream: Stream) -> Iterator[Page]:
    begin_at, end = span(job, feed)
    reached = job.cursors.get(_key(feed, stream))
    if reached == "":
        return
    yield from stream.pages(work, feed, datetime.fromisoformat(reached) if reached else begin_at, end)


def _keep(work: Work, job: Backfill, key: str, page: Page, *, worked: timedelta) -> None:
    """The records and how far they reach, in one transaction: a kill loses a page that nobody counted."""
    outcome, changed = extraction.kept(work, page.records)
    job.cursors = {**job.cursors, key: "" if page.is_last else page.read_up_to.isoformat()}
    job.records_read += page.size
    job.records_changed += changed
    job.minutes_worked += worked / timedelta(minutes=1)
    work.run.records_read += page.size
    work.run.records_changed += changed
    outcome.updates.append((job, ["cursors", "records_read", "records_changed", "minutes_worked"]))
    outcome.updates.append((work.run, ["records_read", "records_changed"]))
    engine.apply(outcome, grip=work.grip)


# --- how far and how long ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Prospect:
    """`total` and `left`: records, None while nobody can say. `share`: of the span read, 0 to 1. `reading`: of what is
    left. `booking_calls`: to Exact, once all is released; `booked_in`: whole days that they take.
    """

    share: float
    total: int | None
    left: int | None
    reading: Estimate | None
    booking_calls: int | None
    booked_in: int | None


def expected(job: Backfill) -> int | None:
    """Records that its days will probably hold, by the lane's last four weeks; None while it holds none of them."""
    until = clock.now().date()
    kinds = [stream.kind for _, stream in _places(job.lane, FLOWS[job.lane.flow])]
    held = SyncItem.objects.filter(lane=job.lane, kind__in=kinds, local_day__gt=until - JUDGED_BY)
    days = held.order_by().aggregate(days=Count("local_day", distinct=True), records=Count("pk"))
    return round(days["records"] / days["days"] * (job.ends - job.begins).days) if days["days"] else None


def prospect(job: Backfill) -> Prospect:
    share = _share(job)
    guessed = job.expected if job.expected is not None else expected(job)
    total = round(job.records_read / share) if share > 0 and job.records_read else guessed
    if job.state == State.DONE:
        total = job.records_read
    if total is None:
        return Prospect(share, None, None, None, None, None)
    left = max(0, total - job.records_read)
    pace = job.records_read / job.minutes_worked if job.minutes_worked > 0 else USUAL_PACE
    # Each batch is followed by a breath.
    a_minute = job.batch_size / (job.batch_size / pace + BREATH / timedelta(minutes=1))
    reading = offpeak.estimate(offpeak.reading(left, a_minute=a_minute), window_of(job), now=clock.now())
    calls, days = _booking(job, total)
    return Prospect(share, total, left, reading, calls, days)


def _share(job: Backfill) -> float:
    """Of all lists and their days together."""
    parts = []
    for feed, stream in _places(job.lane, FLOWS[job.lane.flow]):
        begin_at, end = span(job, feed)
        reached = job.cursors.get(_key(feed, stream))
        if reached == "":
            parts.append(1.0)
        elif reached is None:
            parts.append(0.0)
        else:
            parts.append(min(1.0, max(0.0, (datetime.fromisoformat(reached) - begin_at) / (end - begin_at))))
    return sum(parts) / len(parts) if parts else 0.0


def _to_book(job: Backfill, records: int) -> forecast.Backlog:
    if job.lane.sales_grouping != "daily_summary":
        return forecast.Backlog(expected=records, entries_each=max(1.0, outlook.entries_each(job.lane)))
    entries = (job.ends - job.begins).days * job.lane.feeds.count() * ENTRIES_A_DAY
    return forecast.Backlog(ready=min(entries, records * ENTRIES_A_DAY))


def _booking(job: Backfill, records: int) -> tuple[int, int | None]:
    """Calls to Exact that booking so many records takes, and in how many days a lane may make them."""
    now, lane = clock.now(), job.lane
    calls = forecast.needs(_to_book(job, records)).exact
    allowed = outlook.allowance(lane, now=now)
    done = forecast.done_by(calls, allowed, now=now) if allowed else None
    return calls, (done - now).days + 1 if done else None
