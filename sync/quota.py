"""The numbers of the page "Quota": what each division has used today, for what, and what rests. Few statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncHour

from connections import budget, priorities
from connections.budget import HOUR, SLOT
from connections.models import CallBudget, ErrorBudget, VendorCall
from connections.priorities import Claim, Priority
from sync.models import SyncLane, SyncRun

DAY = timedelta(days=1)
HOURS = 24
MOST_ENDPOINTS = 50
MOST_PURPOSES = 50
# More runs in a day than lanes ever open: what is beyond is counted without its lane.
MOST_RUNS = 5_000


@dataclass(frozen=True, slots=True)
class Purpose:
    """Calls of today by who made them for what. `lane` None: not in a run of a lane."""

    trigger: str
    lane: SyncLane | None
    calls: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Errors of the last hour that count against one endpoint. `is_refusals`: writes that Exact refused for a reason of
    business. Until when automatic calls and those of people rest; None while they do not.
    """

    name: str
    is_refusals: bool
    errors: int
    machines_until: datetime | None
    people_until: datetime | None


@dataclass(frozen=True, slots=True)
class PriorityShare:
    """What automatic calls of one priority leave of the day, and may still use now. `lanes`: who they are."""

    claim: Claim
    lanes: Sequence[SyncLane]
    kept: int
    free: int


@dataclass(frozen=True, slots=True)
class Use:
    """One division's quota. `minute`: calls of the last minute; `hours`: calls per hour since the day began."""

    row: CallBudget
    left: int
    minute: int
    hours: Sequence[tuple[datetime, int]]
    purposes: Sequence[Purpose]
    endpoints: Sequence[Endpoint]
    shares: Sequence[PriorityShare]

    @property
    def used(self) -> int:
        """By anybody, also outside of Tillbridge: as Exact tells it."""
        return max(0, self.row.day_limit - self.left)

    @property
    def seen(self) -> int:
        """By Tillbridge."""
        return sum(count for _, count in self.hours)


def use_of(row: CallBudget, now: datetime) -> Use:
    """Of one connection and division, as of now."""
    overdue = max(timedelta(0), now - row.day_resets_at)
    began = row.day_resets_at + DAY * (overdue // DAY) - (DAY if not overdue else timedelta(0))
    calls = VendorCall.objects.filter(connection=row.connection_id, division=row.division or None, at__gte=began)
    minute = calls.filter(at__gt=now - timedelta(minutes=1)).count()
    return Use(
        row=row, left=budget.left_today(row, now), minute=minute, hours=_hours(calls, began, now),
        purposes=_purposes(calls), endpoints=_endpoints(row, now), shares=_shares(row, now),
    )  # fmt: skip


def _hours(calls: QuerySet[VendorCall], began: datetime, now: datetime) -> list[tuple[datetime, int]]:
    """Each hour from the reset of the day up to now."""
    found = calls.order_by().annotate(hour=TruncHour("at", tzinfo=UTC)).values_list("hour").annotate(count=Count("pk"))
    counted = dict(found)
    first = began.replace(minute=0, second=0, microsecond=0)
    hours = (first + HOUR * place for place in range(HOURS + 1))
    return [(hour, counted.get(hour, 0)) for hour in hours if hour <= now]


def _purposes(calls: QuerySet[VendorCall]) -> list[Purpose]:
    """Most calls first."""
    rows = list(
        calls.order_by().values_list("trigger", "run_id").annotate(count=Count("pk")).order_by("-count")[:MOST_RUNS]
    )
    lane_of = dict(SyncRun.objects.filter(pk__in={run for _, run, _ in rows if run}).values_list("pk", "lane"))
    counted: Counter[tuple[str, int | None]] = Counter()
    for trigger, run, count in rows:
        counted[trigger, lane_of.get(run) if run else None] += count
    lanes = SyncLane.objects.in_bulk({lane for _, lane in counted if lane})
    return [
        Purpose(trigger, lanes.get(lane) if lane else None, count)
        for (trigger, lane), count in counted.most_common(MOST_PURPOSES)
    ]


def _endpoints(row: CallBudget, now: datetime) -> list[Endpoint]:
    """Those with errors in the last hour, most errors first."""
    slots = ErrorBudget.objects.filter(
        connection=row.connection_id, division=row.division, hour__gt=now - HOUR - SLOT
    ).order_by("hour")
    found: dict[str, list[tuple[datetime, int]]] = {}
    for endpoint, hour, errors in slots.values_list("endpoint", "hour", "errors"):
        found.setdefault(endpoint, []).append((hour, errors))
    rows = [_endpoint(name, counted) for name, counted in found.items()]
    return sorted(rows, key=lambda one: (-one.errors, one.name))[:MOST_ENDPOINTS]


def _endpoint(name: str, counted: Sequence[tuple[datetime, int]]) -> Endpoint:
    return Endpoint(
        name=name.removeprefix(budget.refusals_of("")), is_refusals=name.startswith(budget.refusals_of("")),
        errors=sum(count for _, count in counted),
        machines_until=budget.rests_until(budget.ERRORS_FOR_MACHINES, counted),
        people_until=budget.rests_until(budget.ERRORS_FOR_PEOPLE, counted),
    )  # fmt: skip


def _shares(row: CallBudget, now: datetime) -> list[PriorityShare]:
    """People, and each priority that a lane of the division has or would have."""
    lanes: dict[Claim, list[SyncLane]] = {priorities.PERSONS: []}
    for priority in (Priority.FIRST, Priority.SECOND, Priority.LAST):
        lanes[priorities.claim(priority)] = []
    rows = SyncLane.objects.filter(division__connection=row.connection_id, division__code=row.division)
    for lane in rows:
        lanes.setdefault(lane.claim, []).append(lane)
    left = budget.left_today(row, now)
    shares = [(whose, budget.share_of(row, whose, now).day) for whose in lanes]
    return [
        PriorityShare(whose, lanes[whose], kept, max(0, left - kept))
        for whose, kept in sorted(shares, key=lambda one: (one[0].priority, one[0].leaves))
    ]
