"""What lies before a run: its backlog as the rows show it, and the calls its lane may still make today."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q, Sum

from connections import budget, clock
from connections.models import CallBudget, VendorCall
from mappings import reference
from sync import forecast, plans
from sync.flows import FLOWS
from sync.forecast import Allowance, Backlog, Need
from sync.lifecycle import ItemState, LegState, PostingState, RunState
from sync.models import FeedCursor, Leg, PlannedEntry, Posting, SyncItem, SyncLane, SyncRun

# Runs by which the pace of a lane is judged.
LAST_RUNS = 20
LONGEST_GAP = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Outlook:
    """`need` None: nobody knows before Square has been read once. `left`: calls to Exact left today; None while Exact
    has told nothing yet. `done_by` None: cannot be said.
    """

    need: Need | None
    left: int | None
    done_by: datetime | None


def of_run(run: SyncRun) -> Outlook:
    """For a run that is about to open."""
    now = clock.now()
    found = allowance(run.lane, now=now)
    if run.purpose == "fill":  # it reads Square, whose limits nobody knows
        return Outlook(None, found.left if found else None, None)
    if run.lane.books and not FeedCursor.objects.filter(feed__lane=run.lane).exists():
        return Outlook(None, found.left if found else None, None)
    need = forecast.needs(backlog(run, now=now))
    if found is None:
        return Outlook(need, None, None)
    return Outlook(need, found.left, forecast.done_by(need.exact, found, now=now))


def allowance(lane: SyncLane, *, now: datetime) -> Allowance | None:
    """Calls to Exact that automatic runs of the lane may make; None before the first call."""
    row = CallBudget.objects.filter(connection=lane.division.connection_id, division=lane.division.code).first()
    if row is None:
        return None
    kept = budget.share_of(row, lane.claim, now)
    return Allowance(
        left=budget.left_today(row, now), kept=kept.day, a_day=row.day_limit, a_minute=budget.pace(row),
        resets_at=row.day_resets_at if row.day_resets_at > now else now,
    )  # fmt: skip


def backlog(run: SyncRun, *, now: datetime) -> Backlog:
    """As the rows stand now."""
    lane = run.lane
    if not lane.books:
        return Backlog(usual=_usual_calls(lane), sends=False)
    phases = plans.phases_of(run)
    counts = _entries(lane)
    known = Backlog(
        drafted=counts[PostingState.DRAFT], in_doubt=counts[PostingState.SENDING],
        unconfirmed=counts[PostingState.POSTED], sends="confirm" in phases,
        reads_reference="prepare" in phases and reference.is_stale(lane.division, now=now),
    )  # fmt: skip
    if "read" not in phases:
        approved = PlannedEntry.objects.filter(run__lane=lane, run__state=RunState.APPROVED, state="planned")
        return replace(known, ready=approved.count())
    expected, each = _pace(lane, now)
    lists = lane.feeds.count() * len(FLOWS[lane.flow].streams(lane))
    held = SyncItem.objects.filter(lane=lane, state=ItemState.EXTRACTED).count()
    return replace(known, lists=lists, expected=expected, held=held, entries_each=each, ready=_ready(lane))


def _entries(lane: SyncLane) -> Counter[str]:
    """How many there are in each state."""
    return Counter(dict(Posting.objects.filter(lane=lane).order_by().values_list("state").annotate(Count("pk"))))


def _ready(lane: SyncLane) -> int:
    """Entries that ready legs come to: one for each that stands alone, one per day and journal of the others."""
    ready = Leg.objects.filter(lane=lane, state=LegState.READY).order_by()
    single = Q(stands_alone=True)
    if lane.sales_grouping == "per_payment":
        single |= Q(journal=lane.sales_journal)
    alone = ready.filter(single).values("item").distinct().count()
    return alone + ready.exclude(single).values("date", "journal", "location", "currency").distinct().count()


def entries_each(lane: SyncLane) -> float:
    """Entries that a record comes to, by what the lane booked last; one where it has booked nothing."""
    return _pace(lane, clock.now())[1]


def _pace(lane: SyncLane, now: datetime) -> tuple[int, float]:
    """New records to expect since the last run, and entries that each comes to; by the last runs that ended well."""
    newest = SyncRun.objects.filter(lane=lane, state=RunState.DONE, purpose="book").order_by("-id")
    keys = list(newest.values_list("pk", flat=True)[:LAST_RUNS])
    told = SyncRun.objects.filter(pk__in=keys).aggregate(
        changed=Sum("records_changed"), posted=Sum("entries_posted"), first=Min("created_at"), last=Max("created_at")
    )
    if not told["changed"]:
        return 0, 1.0
    each = told["posted"] / told["changed"] if told["posted"] else 1.0
    span = told["last"] - told["first"]
    gap = min(now - told["last"], LONGEST_GAP)
    return round(told["changed"] * (gap / span)) if span else 0, each


def _usual_calls(lane: SyncLane) -> int:
    """Of the last run that ended well."""
    last = SyncRun.objects.filter(lane=lane, state=RunState.DONE).order_by("-id").values_list("pk", flat=True).first()
    return VendorCall.objects.filter(run_id=last, system="exact").count() if last else 0
