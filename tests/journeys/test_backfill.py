"""History from before go-live: asked for, read off peak behind everything else, resumed after a kill, never booked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connections.sandbox.faults import Fault
from sync import actions, backfill, runs
from sync.models import Backfill, SyncItem, SyncLane, SyncRun
from tests.crashing import dying
from tests.pages import confirm, in_role, text_of

FIRST_DAY = datetime(2026, 2, 1, 9, tzinfo=UTC)
DAYS, SALES = 12, 20
ALL = DAYS * SALES
PAGE = "/admin/sync/backfill/"


@pytest.fixture
def history(till):
    """A shop that sold twenty mugs on each of twelve days in February, a month before its go-live."""
    for day in range(DAYS):
        for number in range(SALES):
            till.sell(at=FIRST_DAY + timedelta(days=day, minutes=7 * number))
    till.run_after(minutes=1)
    SyncLane.objects.update(is_enabled=False)
    return till


def asked(till, **choices) -> Backfill:
    fields = {"begins": "2026-02-01", "ends": "2026-02-13", "batch_size": 100, "reason": "Comparison with last year"}
    lane = till.world.shop.lane
    made = Backfill.objects.create(lane=lane, created_at=till.world.timeline.now(), **{**fields, **choices})
    return Backfill.objects.select_related("lane__division").get(pk=made.pk)


def begun(till, **choices) -> Backfill:
    job = asked(till, **choices)
    backfill.begin(job, by="anna")
    return job


def at(till, hour: int) -> None:
    """The next time that the clock in Amsterdam shows this hour."""
    now = till.world.timeline.now()
    coming = now.replace(hour=hour - 1, minute=0, second=0)
    till.world.timeline.advance(((coming if coming > now else coming + timedelta(days=1)) - now).total_seconds())


def batches(till, *, most: int = 20) -> int:
    """What a worker does minute by minute; how many batches were read."""
    read = 0
    for _ in range(most):
        if backfill.open_due():
            read += 1
            runs.work_to_rest(SyncRun.objects.get(state="queued"))
        till.world.timeline.advance(61)
    return read


def held() -> int:
    return SyncItem.objects.filter(kind="payment", local_day__lt="2026-02-13").count()


@pytest.mark.accepts("S001-58")
def test_history_is_asked_for_shown_with_its_estimate_and_read_at_night(history, browser):
    form = {"lane": history.world.shop.lane.pk, "begins": "2026-02-01", "ends": "2026-02-13", "from_hour": 22,
            "to_hour": 6, "batch_size": 100, "reason": "Comparison with last year"}  # fmt: skip
    page = text_of(browser.post(f"{PAGE}add/", form, follow=True))
    assert "Look at what it comes to, then begin it." in page
    job = Backfill.objects.get()
    assert batches(history, most=3) == 0, "nobody has begun it"

    url = f"{PAGE}{job.pk}/do/begin/"
    question = text_of(browser.get(url))
    assert "22:00 to 6:00, Europe/Amsterdam" in question
    assert "12, 2026-02-01 up to 2026-02-13" in question
    assert "cannot be said before the first batch" in question
    confirm(browser, url)

    assert batches(history, most=3) == 0, "it is one in the afternoon"
    at(history, 22)
    assert batches(history) == 3
    job.refresh_from_db()
    assert (job.state, held()) == ("done", ALL)
    assert job.sentence == f"{job.records_read} records were read, {ALL} of them new."
    assert SyncRun.objects.filter(trigger="backfill", purpose="fill", state="done").count() == 3
    assert "done" in text_of(browser.get(f"{PAGE}{job.pk}/change/"))


def test_nothing_of_it_is_booked_until_somebody_releases_it(history):
    begun(history)
    at(history, 22)
    batches(history)
    SyncLane.objects.update(is_enabled=True)
    history.world.run()
    history.next_morning()
    assert history.ledger == {}
    waiting = SyncItem.objects.filter(state="waiting", problem_kind="before_go_live")
    assert waiting.count() == ALL

    actions.release(waiting, by="anna")
    history.world.run()

    assert not SyncItem.objects.exclude(state="done").exists()
    assert history.ledger["8000"] == -ALL * 2066


def test_an_estimate_goes_by_what_the_lane_has_read_of_late(history):
    for _ in range(6):
        history.sell()
    history.run_after(minutes=10)

    job = begun(history)

    assert job.expected == 6 * DAYS
    found = backfill.prospect(job)
    assert (found.total, found.left, found.reading.days) == (72, 72, 1)
    assert found.reading.done_at > job.due_at
    assert found.booking_calls > 0


@pytest.mark.parametrize("boundary", range(2, 40, 3))
def test_a_batch_that_is_killed_anywhere_goes_on_where_it_was(history, boundary):
    job = begun(history, batch_size=1_000)
    at(history, 22)
    backfill.open_due()
    run = SyncRun.objects.get(state="queued")

    with dying(boundary, counts=lambda name: name.startswith(("before ", "after "))) as crash:
        runs.work_slice(run.pk)
    assert crash.is_dead
    history.world.timeline.advance(300)
    runs.work_to_rest(run)

    job.refresh_from_db()
    assert (job.state, held()) == ("done", ALL)
    assert SyncItem.objects.filter(state="waiting", problem_kind="before_go_live").count() == ALL


def test_it_pauses_at_the_next_page_and_resumes_there(history):
    job = begun(history)
    at(history, 22)
    assert batches(history, most=1) == 1
    job.refresh_from_db()
    backfill.pause(job, by="anna")
    half = held()
    assert 0 < half < ALL

    assert batches(history, most=3) == 0
    assert held() == half
    backfill.resume(job, by="anna")
    batches(history)

    job.refresh_from_db()
    assert (job.state, held()) == ("done", ALL)


def test_the_end_of_its_hours_ends_a_night_and_the_next_goes_on(history):
    job = begun(history)
    at(history, 22)
    assert batches(history, most=1) == 1
    at(history, 6)
    assert batches(history, most=5) == 0
    at(history, 22)
    batches(history)

    job.refresh_from_db()
    assert job.state == "done"


def test_the_lane_goes_before_its_history(history):
    begun(history)
    at(history, 22)
    SyncLane.objects.update(is_enabled=True, due_at=history.world.timeline.now() - timedelta(seconds=1))
    assert backfill.open_due() == 0
    SyncLane.objects.update(due_at=history.world.timeline.now() + timedelta(minutes=15))
    assert backfill.open_due() == 1
    assert SyncRun.objects.get(state="queued").claim.leaves == 50


def test_a_source_that_asks_to_wait_does_not_hold_the_lane(history):
    job = begun(history)
    at(history, 22)
    history.world.sandbox.faults.add(Fault("429", system="square", path="/v2/payments"))
    backfill.open_due()

    over = runs.work_to_rest(SyncRun.objects.get(state="queued"))

    job.refresh_from_db()
    assert over.state == "done"
    assert "Cut short" in over.sentence
    assert job.due_at > history.world.timeline.now() + timedelta(seconds=30)
    history.world.timeline.advance(600)
    batches(history)
    assert held() == ALL


def test_two_backfills_of_a_lane_are_never_open_at_once(history, browser):
    begun(history)
    other = asked(history)

    page = text_of(confirm(browser, f"{PAGE}{other.pk}/do/begin/"))

    assert "Another backfill of lane" in page
    other.refresh_from_db()
    assert other.state == "draft"


def test_only_who_runs_lanes_may_ask_for_history(history, plain_http):
    job = asked(history)
    auditor = in_role("Auditor")
    assert auditor.get(PAGE).status_code == 200
    assert auditor.get(f"{PAGE}{job.pk}/do/begin/").status_code == 403
    assert in_role("Bookkeeper").get(f"{PAGE}add/").status_code == 403
    assert in_role("Operator").get(f"{PAGE}{job.pk}/do/begin/").status_code == 200
