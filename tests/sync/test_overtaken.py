"""Between two statements of a worker others may have done everything: what it read before no longer holds."""

from __future__ import annotations

import pytest
from django.db import connection

from sync import runs
from sync.grip import lease
from sync.models import SyncRun
from tests.crashing import recover, shop, sleeping, undone, work_once, wrongs


@pytest.fixture
def world(db):
    with shop() as made:
        yield made


def reading_legs(name):
    return name == "before SELECT sync_leg" and not connection.savepoint_ids


def looking_for_the_open_run(name):
    return name == "before SELECT sync_syncrun"


def test_a_worker_whose_legs_were_booked_by_others_while_it_read_them_just_stops(world):
    def others_finish():
        world.timeline.advance(lease().total_seconds())
        recover(world)

    with undone(world), sleeping(0, meanwhile=others_finish, counts=reading_legs) as passed:
        work_once(world)
    assert passed.passed > 5
    for at in range(1, passed.passed + 1):
        with undone(world):
            with sleeping(at, meanwhile=others_finish, counts=reading_legs):
                work_once(world)
            assert wrongs(world) == []


def test_a_lane_whose_open_run_ends_while_it_is_opened_gets_a_new_run(world):
    before = runs.open_run(world.shop.lane, trigger="schedule")

    def it_ends():
        runs.work_to_rest(before)

    with sleeping(1, meanwhile=it_ends, counts=looking_for_the_open_run):
        after = runs.open_run(world.shop.lane, trigger="schedule")

    assert after.pk != before.pk
    assert list(SyncRun.objects.filter(state__in=SyncRun.OPEN)) == [after]
