"""Records whose legs are ready but in no entry yet, resolved again after the division chose to book otherwise."""

from __future__ import annotations

from django.db.models import QuerySet
from django_q.tasks import async_task

from audit.trail import Fact
from connections import clock
from sync import engine
from sync.engine import Move, Outcome, Overtaken
from sync.lifecycle import ItemState, LegState
from sync.models import SyncItem

# A person waits for the page: each record is a transaction of its own.
AT_ONCE = 100
CHUNK = 500


def records(division_id: int) -> QuerySet[SyncItem]:
    ready = SyncItem.objects.filter(lane__division=division_id, state=ItemState.RESOLVED, legs__state=LegState.READY)
    return ready.filter(legs__posting=None).distinct()


def resolve_again(division_id: int) -> None:
    """A few at once, many by a worker. The next run resolves them."""
    if records(division_id)[: AT_ONCE + 1].count() <= AT_ONCE:
        release(division_id)
    else:
        async_task("sync.unbooked.release", division_id, q_options={"task_name": f"unbooked-{division_id}"})


def release(division_id: int) -> int:
    """Returns how many. One that somebody overtook is being booked, and stays as it is."""
    released = 0
    for item in records(division_id).defer("payload").order_by("id").iterator(CHUNK):
        fact = Fact("item.conventions_changed", "item", item.pk, item.source_id, item.source_id)
        move = Move(SyncItem, {"pk": item.pk}, ItemState.RESOLVED, ItemState.EXTRACTED, {"changed_at": clock.now()})
        try:
            engine.apply(Outcome(moves=[move], facts=[fact]), grip=None)
        except Overtaken:
            continue
        released += 1
    return released
