"""Nobody presses anything: the schedule opens lanes when they are due."""

from __future__ import annotations

import pytest
from django_q.models import OrmQ, Schedule

from sync import schedules, tasks
from sync.models import SyncLane, SyncRun


@pytest.mark.accepts("S000-02", "S000-29", "CARD-08")
def test_a_due_lane_is_opened_by_the_sweep_and_its_payments_are_booked(till, queue):
    till.sell()
    till.world.close_days()

    with queue.listening():
        tasks.sweep()
    queue.work()

    run = SyncRun.objects.get()
    assert (run.trigger, run.state) == ("schedule", "done")
    assert till.ledger == {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
    assert SyncLane.objects.get().due_at > till.world.timeline.now()


def test_two_sweeps_at_once_open_a_lane_once(till, queue):
    with queue.listening():
        tasks.sweep()
        tasks.sweep()

    assert SyncRun.objects.count() == 1
    queue.work()
    assert SyncRun.objects.get().state == "done"


def test_a_run_whose_worker_died_is_rung_again(till, queue):
    till.sell()
    till.world.close_days()
    with queue.listening():
        tasks.sweep()
    OrmQ.objects.all().delete()
    SyncRun.objects.update(state="running", touched_at=till.world.timeline.now())

    till.world.timeline.advance(240)
    with queue.listening():
        tasks.sweep()
    queue.work()

    assert SyncRun.objects.get().state == "done"
    assert till.ledger["8000"] == -2066


@pytest.mark.accepts("S000-29")
def test_the_queue_has_its_three_schedules_and_no_other(db):
    Schedule.objects.create(name="stray", func="os.system", schedule_type=Schedule.ONCE)

    schedules.ensure()
    schedules.ensure()

    assert set(Schedule.objects.values_list("name", "func")) == {
        ("sweep", "sync.tasks.sweep"), ("beat", "sync.tasks.beat"), ("nightly", "sync.tasks.nightly"),
    }  # fmt: skip
