"""Nobody presses anything: the schedule opens lanes when they are due."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_q.models import OrmQ, Schedule

from mappings.models import GLMapping
from sync import schedules, tasks
from sync.models import Alert, AlertChannel, AlertLimits, SyncLane, SyncRun
from sync.models.issues import Issue
from tests.journeys.pages import press, words


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


def test_an_issue_stands_on_its_page_as_soon_as_the_run_is_over(till, queue, browser):
    rules = GLMapping.objects.filter(pk__in=list(GLMapping.objects.filter(role="revenue").values_list("pk", flat=True)))
    rules.update(status="conflict")
    till.sell()
    till.world.close_days()
    with queue.listening():
        tasks.sweep()
    queue.work()
    page = words(browser.get(reverse("admin:sync_issue_changelist")))
    assert "No rule for this tax: revenue: VAT 21, 21 % open 1 EUR 25.00" in page

    rules.update(status="matched")
    with queue.listening():
        press(browser, Issue.objects.get(), "replay")
    queue.work()
    with queue.listening():
        tasks.sweep()
    queue.work()
    assert till.ledger["8000"] == -2066
    assert Issue.objects.get().state == "resolved"


def test_a_sweep_costs_the_same_however_much_waits_and_however_many_limits_there_are(till):
    """It is asked for every two seconds while something is due; issues and alerts are looked after each minute."""
    SyncLane.objects.update(is_enabled=False)
    tasks.sweep()
    with CaptureQueriesContext(connection) as seen:
        tasks.sweep()
    asked = " ".join(query["sql"] for query in seen)
    assert "sync_issue" not in asked
    assert "sync_alert" not in asked
    assert "connections_vendorcall" not in asked


def test_the_minute_brings_issues_and_alerts_up_to_date(till):
    GLMapping.objects.filter(role="revenue").update(status="conflict")
    till.sell()
    till.next_morning()
    AlertLimits.objects.create(unmapped_growth=0, unbooked_hours=None)
    AlertChannel.objects.create(name="Finance", addresses="anna@example.com")
    assert not Issue.objects.exists()

    tasks.beat()  # the trail is sealed, so that no alert tells otherwise
    tasks.look()

    assert Issue.objects.get().count == 1
    assert Alert.objects.get().kind == "unmapped"
    tasks.send_alerts()
    assert [letter.subject for letter in mail.outbox] == [
        f"[Tillbridge] Lane {SyncLane.objects.get()} meets much that is unmapped"
    ]


@pytest.mark.accepts("S000-29")
def test_the_queue_has_its_four_schedules_and_no_other(db):
    Schedule.objects.create(name="stray", func="os.system", schedule_type=Schedule.ONCE)

    schedules.ensure()
    schedules.ensure()

    assert set(Schedule.objects.values_list("name", "func")) == {
        ("sweep", "sync.tasks.sweep"), ("beat", "sync.tasks.beat"), ("look", "sync.tasks.look"),
        ("nightly", "sync.tasks.nightly"),
    }  # fmt: skip
