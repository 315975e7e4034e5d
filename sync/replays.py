"""Replaying many records: counted first, carried out by a worker in the order of dependence, seen and cancelled.

What is replayed is what was counted: the records are written down when a person says yes. One transaction a record, as
for a single replay; a worker that dies is followed by another one from where it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django_q.tasks import async_task

from audit import context, trail
from audit.trail import Fact
from connections import clock
from sync import actions
from sync.models import SyncItem, SyncLane
from sync.models.issues import Issue, Replay

State = Replay.State
MOST, CHUNK, REASONS = 50_000, 200, 50
SLICE_SECONDS = 60.0
ABANDONED = timedelta(minutes=3)
# What another kind of record needs comes first.
ORDER = ("invoice", "payment", "refund", "expiry", "payout", "dispute", "order")


def begin(rows: QuerySet[SyncItem], *, what: str, by: str, issue: Issue | None = None) -> Replay:
    """Write down which records, and wake a worker. Raises `actions.Impossible` for none, or for too many."""
    found = list(rows.order_by("took_place_at", "pk").values_list("pk", "kind")[: MOST + 1])
    if not found:
        raise actions.Impossible("Nothing waits there any more.")
    if len(found) > MOST:
        raise actions.Impossible(f"More than {MOST:,} records: filter the list and replay a part of them.")
    places = {kind: place for place, kind in enumerate(ORDER)}
    ids = [pk for pk, _ in sorted(found, key=lambda row: places.get(row[1], len(places)))]
    now = clock.now()
    with transaction.atomic():
        replay = Replay.objects.create(
            issue=issue, what=what[:200], ids=ids, total=len(ids), requested_by=by, created_at=now, touched_at=now
        )
        fact = Fact("replay.asked", "replay", replay.pk, replay.what, detail={"records": len(ids)})
        trail.record([fact], at=now)
        ring(replay.pk)
    return replay


def ring(replay_id: int) -> None:
    name = {"task_name": f"replay-{replay_id}"}
    transaction.on_commit(lambda: async_task("sync.tasks.replay", replay_id, q_options=name))


def ring_abandoned() -> int:
    """Those whose worker has died are taken up again. Returns how many."""
    silent = Replay.objects.filter(state=State.RUNNING, touched_at__lt=clock.now() - ABANDONED)
    ids = list(silent.values_list("pk", flat=True))
    for replay_id in ids:
        ring(replay_id)
    return len(ids)


def go_on(replay_id: int) -> str:
    """One slice. Safe to call twice, late, or for one that is over: a record that is replayed already is skipped."""
    ends_at = time.monotonic() + SLICE_SECONDS
    replay = Replay.objects.get(pk=replay_id)
    with context.acting(actor=replay.requested_by, trigger="replay"):
        while replay.is_open and replay.position < replay.total:
            if time.monotonic() >= ends_at:
                ring(replay_id)
                return "again"
            _chunk(replay)
        if replay.is_open:
            _finish(replay)
    return str(replay.state)


def _chunk(replay: Replay) -> None:
    """The next records. Cancelled meanwhile: they are replayed, the rest is not."""
    ids = replay.ids[replay.position : replay.position + CHUNK]
    rows = SyncItem.objects.filter(pk__in=ids).select_related("lane__division", "lane__source").defer("payload")
    in_order = sorted(rows, key=lambda row: ids.index(row.pk))
    tally = actions.replay_without_running(in_order, by=replay.requested_by)
    before = replay.position
    replay.position += len(ids)
    replay.done += tally.done
    replay.skipped += len(ids) - tally.done
    replay.reasons = [*replay.reasons, *tally.skipped][:REASONS]
    Replay.objects.filter(pk=replay.pk, position=before).update(
        position=replay.position, done=replay.done, skipped=replay.skipped, reasons=replay.reasons,
        touched_at=clock.now(),
    )  # fmt: skip
    replay.refresh_from_db(fields=["state", "position", "done", "skipped", "reasons"])


def _finish(replay: Replay) -> None:
    now = clock.now()
    actions.run_lanes(_lanes(replay.ids), by=replay.requested_by, trigger="replay")
    with transaction.atomic():
        ended = Replay.objects.filter(pk=replay.pk, state=State.RUNNING).update(
            state=State.DONE, finished_at=now, touched_at=now
        )
        if ended:
            detail = {"replayed": replay.done, "skipped": replay.skipped}
            trail.record([Fact("replay.done", "replay", replay.pk, replay.what, detail=detail)], at=now)
    replay.refresh_from_db()


def _lanes(ids: Iterable[int]) -> list[SyncLane]:
    held, rest = set(), list(ids)
    while rest:
        chunk, rest = rest[:CHUNK], rest[CHUNK:]
        held |= set(SyncItem.objects.filter(pk__in=chunk).values_list("lane", flat=True).distinct().order_by())
    return list(SyncLane.objects.filter(pk__in=held).select_related("division__connection", "source"))


def cancel(replay: Replay, *, by: str) -> None:
    """What is through stays on its way; the rest goes on waiting. Raises `actions.Impossible`."""
    now = clock.now()
    with transaction.atomic():
        ended = Replay.objects.filter(pk=replay.pk, state=State.RUNNING).update(
            state=State.CANCELLED, finished_at=now, touched_at=now
        )
        if not ended:
            raise actions.Impossible(f"it is {replay.get_state_display()}, so there is nothing to cancel")
        trail.record([Fact("replay.cancelled", "replay", replay.pk, replay.what, detail={"by": by})], at=now)
    # What is through by now is booked without waiting for the lane's next time.
    actions.run_lanes(_lanes(replay.ids[: replay.position]), by=by, trigger="replay")
