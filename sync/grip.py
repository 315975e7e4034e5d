"""The hold of one worker on one lane: a lease that runs out, and a fence number that tells late wakers apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from connections import clients, clock
from connections.models import Division
from sync.models import SyncLane


class Busy(Exception):
    """Another worker holds this lane, or one that shares its division and flow or a journal."""


class LostGrip(Exception):
    """The lease ran out or went to somebody else. Whatever was being done must not be written."""


@dataclass(slots=True)
class Grip:
    """Proof that we hold the lane. Every write of a worker is conditional on it (`still_held`)."""

    lane_id: int
    fence: int
    held_until: datetime

    def still_held(self, *, at: datetime) -> None:
        """Renew the lease in the caller's transaction. Raises `LostGrip`."""
        until = at + lease()
        held = SyncLane.objects.filter(pk=self.lane_id, fence=self.fence, lease_until__gt=at)
        if held.update(lease_until=until) != 1:
            raise LostGrip(f"lane {self.lane_id} is no longer ours (fence {self.fence})")
        self.held_until = until

    def require_time(self, seconds: float | None = None) -> None:
        """Right before a request leaves: raises `LostGrip` unless its answer must come while the lane is still ours.
        `seconds`: how long it may take where that is not the usual.
        """
        longest = clients.answer_timeout() if seconds is None else seconds
        if clock.now() + timedelta(seconds=longest) >= self.held_until:
            raise LostGrip(f"too little is left of the lease of lane {self.lane_id} to send anything")

    def release(self) -> None:
        SyncLane.objects.filter(pk=self.lane_id, fence=self.fence).update(lease_until=None)


def lease() -> timedelta:
    """Longer than the longest answer we wait for, so that a request never outlives the right to send it."""
    return timedelta(seconds=max(90.0, 3 * clients.answer_timeout()))


def settle() -> timedelta:
    """How long a request without an answer is left alone: our time-out plus the slowest late commit seen at Exact."""
    return timedelta(seconds=max(120.0, clients.answer_timeout() + 75))


def take(lane: SyncLane) -> Grip:
    """Take the lane, or raise `Busy`. One worker per division and flow; lanes that share a journal take turns."""
    now = clock.now()
    with transaction.atomic():
        # Serialises takers of one division on PostgreSQL; SQLite's IMMEDIATE transactions do it by themselves.
        Division.objects.select_for_update().get(pk=lane.division_id)
        if _rivals(lane).filter(lease_until__gt=now).exists():
            raise Busy(f"another lane of division {lane.division} is at work")
        free = SyncLane.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now), pk=lane.pk)
        until = now + lease()
        if free.update(fence=F("fence") + 1, lease_until=until) != 1:
            raise Busy(f"lane {lane} is at work")
        fence = SyncLane.objects.values_list("fence", flat=True).get(pk=lane.pk)
    return Grip(lane_id=lane.pk, fence=fence, held_until=until)


def _rivals(lane: SyncLane) -> QuerySet[SyncLane]:
    journals = [journal for journal in (lane.sales_journal, lane.clearing_journal, lane.cash_journal) if journal]
    shared = (
        Q(flow=lane.flow)
        | Q(sales_journal__in=journals)
        | Q(clearing_journal__in=journals)
        | Q(cash_journal__in=journals)
    )
    return SyncLane.objects.filter(shared, division=lane.division_id).exclude(pk=lane.pk)
