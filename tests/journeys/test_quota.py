"""Calls are short: whoever comes later waits with a sentence, nothing fails, and the vendor never has to refuse."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connections.models import CallBudget
from connections.sandbox.exact.apps import Limits
from sync import runs
from sync.models import SyncLane, SyncRun
from sync.runs import Slice
from tests.benchmarks import quota
from tests.pages import text_of


def leave(till, calls: int) -> None:
    """So many calls are left today."""
    midnight = till.world.timeline.now().replace(hour=0, minute=0) + timedelta(days=1)
    CallBudget.objects.filter(division__gt=0).update(day_remaining=calls, day_resets_at=midnight)


def opened(till, **choices) -> SyncRun:
    SyncLane.objects.update(**choices)
    till.world.shop.lane.refresh_from_db()
    return runs.open_run(till.world.shop.lane, trigger="schedule")


def test_a_lane_that_comes_last_waits_where_the_first_goes_on(till):
    till.sell()
    till.world.close_days()
    leave(till, 1_200)
    run = opened(till, priority=3)

    assert runs.work_slice(run.pk) is Slice.PAUSED

    run.refresh_from_db()
    assert run.state == "paused"
    assert run.due_at > till.world.timeline.now()
    assert "kept for people and for lanes that come first. This lane waits and goes on at" in run.sentence
    assert till.ledger == {}
    SyncLane.objects.update(priority=1)
    SyncRun.objects.update(due_at=till.world.timeline.now())
    assert runs.work_to_rest(run).state == "done"
    assert till.ledger != {}


def test_a_lane_that_waited_goes_on_by_itself_and_books_all(till):
    till.sell()
    till.world.close_days()
    leave(till, 600)
    run = opened(till, priority=3)

    over = runs.work_to_rest(run)

    assert over.state == "done"
    assert till.ledger != {}


def test_what_a_person_asks_for_does_not_wait_for_other_lanes(till):
    till.sell()
    till.world.close_days()
    leave(till, 400)
    SyncLane.objects.update(priority=3)
    till.world.shop.lane.refresh_from_db()

    assert runs.work_to_rest(runs.open_run(till.world.shop.lane, trigger="person", by="anna")).state == "done"
    assert CallBudget.objects.filter(division__gt=0).get().day_remaining < 400


@pytest.mark.accepts("S001-32")
def test_three_lanes_write_more_than_a_day_allows_and_no_call_is_refused(till):
    till.world.site.apps["sandbox-exact-app"].limits = Limits(minute=60, day=120)

    found = quota.play(till.world, 300)

    assert (found.held, found.refused, found.errors) == (300, 0, 0)
    assert found.busiest_minute <= 60
    assert found.order == (1, 2, 3)
    assert found.people == found.asked > 0
    assert found.days >= 3
    assert any("lanes that come first" in sentence for sentence in found.sentences[3])


def test_a_run_says_before_it_begins_what_it_needs_and_what_is_left(till, browser):
    SyncLane.objects.update(sales_grouping="per_payment")
    first = opened(till)
    assert "known once Square has been read" in text_of(browser.get(f"/admin/sync/syncrun/{first.pk}/change/"))
    runs.work_to_rest(first)
    for _ in range(3):
        for _ in range(5):
            till.sell()
        till.run_after(minutes=60)
    for _ in range(5):
        till.sell()
    till.world.timeline.advance(3600)
    leave(till, 4_380)

    run = opened(till)

    page = text_of(browser.get(f"/admin/sync/syncrun/{run.pk}/change/"))
    assert f"Needs about {run.needs_exact} calls to Exact" in page
    assert "4,380 were left today when it was opened, done by about" in page
    assert run.done_by > run.created_at
    before = till.calls("exact", containing="/api/v1/")
    runs.work_to_rest(run)
    used = till.calls("exact", containing="/api/v1/") - before
    assert used / 2 <= run.needs_exact <= used * 2
