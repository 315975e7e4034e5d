"""What closed and reopened periods do to records that are on their way: who is planned again, and who came late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from connections import clock
from mappings import reference
from mappings.bookkeeping.legs import ProblemKind
from mappings.bookkeeping.periods import Policy
from sync.flows.base import Resolution, Work
from sync.lifecycle import ItemState, LegState, PostingState
from sync.models import Leg, Posting, SyncItem, SyncLane

# A refusal older than this has been asked about: what is closed is not read again for it.
FRESH = timedelta(hours=1)
BOOKED = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED)


def to_plan_again(work: Work) -> Iterator[QuerySet[SyncItem]]:
    """Records whose legs must be planned again, since what is closed, or what the lane does then, is not what it was.

    1. Exact refused an entry for a period nobody knew to be closed: what is closed is read again.
    2. Held records whose period is open again, or whose lane no longer holds.
    3. Ready legs whose period was closed before they were sent.
    4. Refused legs, when the lane moves what lies in a closed period; frozen ones are never touched.
    """
    if _refused_unawares(work):
        reference.refresh_periods(work.lane.division)
        work.decide_anew()
    yield _held(work)
    if work.calendar:
        yield _overtaken(work)
        if work.lane.closed_periods != Policy.HOLD:
            yield _refused(work)


def _refused_unawares(work: Work) -> bool:
    fresh = Posting.objects.filter(
        lane=work.lane, state=PostingState.REFUSED, problem_kind=ProblemKind.PERIOD_CLOSED,
        changed_at__gte=clock.now() - FRESH,
    )  # fmt: skip
    days = fresh.values_list("journal", "date").distinct()
    return any(work.calendar.closing([journal], day) is None for journal, day in days)


def _held(work: Work) -> QuerySet[SyncItem]:
    held = SyncItem.objects.filter(
        lane=work.lane, state=ItemState.WAITING, problem_kind=ProblemKind.PERIOD_CLOSED, legs__state=LegState.WAITING,
        legs__problem_kind=ProblemKind.PERIOD_CLOSED,
    )  # fmt: skip
    if work.lane.closed_periods == Policy.HOLD:
        held = held.exclude(problem_subject__in={period.label for period in work.decisions.closed})
    return held.distinct()


def _in_closed_periods(work: Work) -> Q:
    """Legs of the lane's journals on days that are closed; none when nothing is."""
    found = Q(pk__in=())
    for journal in {work.lane.sales_journal, work.lane.clearing_journal, work.lane.cash_journal}:
        for first, last in work.calendar.spans(journal):
            found |= Q(journal=journal, date__range=(first, last))
    return found


def _with_legs(work: Work, *states: LegState) -> QuerySet[SyncItem]:
    legs = Leg.objects.filter(_in_closed_periods(work), lane=work.lane, state__in=states)
    return SyncItem.objects.filter(lane=work.lane, pk__in=legs.values("item"))


def _overtaken(work: Work) -> QuerySet[SyncItem]:
    return _with_legs(work, LegState.READY).filter(state__in=[ItemState.RESOLVED, ItemState.WAITING])


def _refused(work: Work) -> QuerySet[SyncItem]:
    refused = _with_legs(work, LegState.REFUSED)
    return refused.filter(state=ItemState.WAITING, problem_kind=ProblemKind.PERIOD_CLOSED)


# --- who came late ------------------------------------------------------------------------------
def closes_at(day: date, zone: str, lane: SyncLane) -> datetime:
    """When a day is summed up: some hours after its local midnight."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone))
    return midnight + timedelta(hours=lane.day_closes_after_hours)


def booked_days(work: Work, resolutions: Sequence[Resolution]) -> set[tuple[int, date]]:
    """Days (location, own day) of these legs that had been closed and booked before: what is new on them is late.

    A backlog is not: of its days nothing is booked when its records are planned. One statement, and only where a day
    has been closed.
    """
    now, places = clock.now(), {resolution.item.location for resolution in resolutions}
    zones = {place.pk: place.timezone for place in places}
    found = {
        (resolution.item.location_id, leg.moved_from or leg.date)
        for resolution in resolutions
        for _, leg in resolution.legs
    }
    closed = {(place, day) for place, day in found if now >= closes_at(day, zones[place], work.lane)}
    if not closed:
        return set()
    days = {day for _, day in closed}
    booked = Leg.objects.filter(
        Q(date__in=days) | Q(moved_from__in=days), lane=work.lane, state__in=BOOKED, location__in=zones
    )
    rows = booked.values_list("location_id", "date", "moved_from").distinct()
    return closed & {(place, moved_from or day) for place, day, moved_from in rows}
