"""A worker dies anywhere, the wire breaks anywhere: each payment stands in the books once, to the cent."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

import pytest
from django.db import connections

from audit.models import AuditEntry
from connections import clients
from connections.providers.exact import documents, resources
from connections.sandbox.faults import Fault
from sync import runs
from sync.grip import lease, settle
from sync.models import Posting, SyncRun
from tests import crashing
from tests.crashing import deaths, recover, shop, sleeping, undone, work_once, wrongs

# Entry by entry the statements are those of the summary, once for each: there the calls are what is different.
SWEEPS = (
    ("daily_summary", crashing.before_commits),
    ("daily_summary", crashing.around_calls),
    ("per_payment", crashing.around_calls),
)
OF_THE_LANE = ("run", "item", "leg", "posting")


@pytest.fixture
def world(db):
    with shop() as made:
        yield made


def recovered(world):
    """What is wrong once others have taken over."""
    recover(world)
    return wrongs(world)


@pytest.mark.accepts("S000-28", "S000-47")
@pytest.mark.parametrize(("grouping", "counts"), SWEEPS)
def test_a_worker_may_die_at_any_boundary_and_each_payment_is_booked_once(db, grouping, counts):
    with shop(sales_grouping=grouping) as world:
        steps, broken = deaths(world, work_once, recovered, counts=counts)
    assert steps > 15
    assert broken == {}


def told(world):
    """How much the trail tells of the lane, and how many entries were sent to Exact."""
    return AuditEntry.objects.filter(subject_type__in=OF_THE_LANE).count(), len(world.sandbox.posts)


def overslept(world, at):
    """What a worker did that slept at that boundary until others had taken its lane over and finished."""
    seen = []

    def others_finish():
        world.timeline.advance(lease().total_seconds())
        recover(world)
        seen.append(told(world))

    with undone(world):
        with sleeping(at, meanwhile=others_finish):
            work_once(world)
        assert seen
        return [*([f"{seen[0]} became {told(world)}"] if told(world) != seen[0] else []), *wrongs(world)]


def test_a_worker_that_wakes_up_after_its_lease_has_gone_writes_and_sends_nothing(world):
    with undone(world), sleeping(0, meanwhile=world.close_days) as passed:
        work_once(world)
    taken = 2  # opening the run and taking the lane need no lease
    broken = {at: found for at in range(taken + 1, passed.passed + 1) if (found := overslept(world, at))}
    assert passed.passed > 30
    assert broken == {}


SALES = "*/salesentry/SalesEntries"
LOST_ANSWERS = {
    "cut after the commit": Fault("drop_after", "exact", "POST", SALES),
    "an error page after the commit": Fault("500_after", "exact", "POST", SALES),
    "half an answer": Fault("truncate", "exact", "POST", SALES),
    "committed a minute late": Fault("late_commit", "exact", "POST", SALES, seconds=60),
    "committed between two looks": Fault("late_commit", "exact", "POST", SALES, seconds=190),
}


def sales_entry():
    return Posting.objects.get(document="sales_entry")


def calls(world, method, ending):
    return [entry.at for entry in world.sandbox.log.entries if entry.method == method and entry.path.endswith(ending)]


@pytest.mark.parametrize("fault", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_an_entry_whose_answer_was_lost_is_found_not_sent_again(world, fault):
    world.sandbox.faults.add(fault)
    work_once(world)
    assert sales_entry().state == "sending"
    assert "It may be booked already" in sales_entry().problem

    recover(world)

    assert wrongs(world) == []
    assert len(calls(world, "POST", "/SalesEntries")) == 1


def test_an_entry_that_never_arrived_is_sent_again_after_two_looks_a_minute_apart(world):
    world.sandbox.faults.add(Fault("drop_before", "exact", "POST", SALES))
    work_once(world)

    recover(world)

    (first, again), looks = calls(world, "POST", "/SalesEntries"), calls(world, "GET", "/SalesEntries")
    assert wrongs(world) == []
    assert len(looks) == 2
    assert looks[0] - first >= settle()
    assert (looks[1] - looks[0]).total_seconds() >= 60
    assert again >= looks[1]


def booked_by_hand(world, **changed):
    """Somebody books an entry with our reference in Exact, not quite as we meant it."""
    body = json.loads(sales_entry().body, parse_float=Decimal)
    body["SalesEntryLines"][0] |= changed
    return documents.post(clients.exact_client(world.shop.division), resources.SALES_ENTRIES, body)


def test_an_entry_found_with_another_amount_is_a_conflict_for_a_person(world):
    world.sandbox.faults.add(Fault("drop_before", "exact", "POST", SALES))
    work_once(world)
    booked_by_hand(world, AmountFC=1)

    world.timeline.advance(600)
    world.run()

    assert sales_entry().state == "conflict"
    assert "where this entry says" in sales_entry().problem
    assert len(calls(world, "POST", "/SalesEntries")) == 2  # ours, and that of the person


def test_an_entry_found_twice_is_a_conflict_for_a_person(world):
    world.sandbox.faults.add(Fault("drop_after", "exact", "POST", SALES))
    work_once(world)
    booked_by_hand(world)

    world.timeline.advance(600)
    world.run()

    assert sales_entry().state == "conflict"
    assert "holds this entry 2 times" in sales_entry().problem


def slice_after(world, run):
    """Work one slice when it is due; returns how it ended and for how long the run then waits."""
    run.refresh_from_db()
    if run.due_at:
        world.timeline.advance((run.due_at - world.timeline.now()).total_seconds())
    ended = runs.work_slice(run.pk)
    run.refresh_from_db()
    return str(ended), (run.due_at - world.timeline.now()).total_seconds() if run.due_at else 0


def test_two_failures_in_a_row_make_the_run_wait_longer_and_then_it_goes_on(world):
    world.sandbox.faults.add(Fault("503", "square", "GET", "/v2/payments", times=2))
    run = SyncRun.objects.get(pk=runs.open_run(world.shop.lane, trigger="schedule").pk)

    (first, short), (second, long), (third, _) = (slice_after(world, run) for _ in range(3))

    assert (first, second, third) == ("paused", "paused", "over")
    assert long > short >= 30
    assert run.state == "done"
    assert wrongs(world) == []


def test_a_throttled_run_rests_until_the_reset_and_calls_nobody_before(world):
    world.sandbox.faults.add(Fault("429", "exact", "POST", SALES))
    run = work_once(world)
    run.refresh_from_db()
    reset = world.timeline.now().replace(second=0, microsecond=0).timestamp() + 60
    assert (run.state, run.due_at.timestamp()) == ("paused", pytest.approx(reset, abs=2))
    assert (sales_entry().state, sales_entry().attempts) == ("draft", 0)
    before = len(world.sandbox.log.entries)

    assert str(runs.work_slice(run.pk)) == "paused"
    assert len(world.sandbox.log.entries) == before

    world.timeline.advance(61)
    assert str(runs.work_slice(run.pk)) == "over"
    world.sandbox.calm()
    assert wrongs(world) == []


def in_a_thread(work):
    """Run it with a database connection of its own; returns the thread and where its result will stand."""
    results = []

    def body():
        try:
            results.append(str(work()))
        finally:
            connections.close_all()

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread, results


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_one_lane_do_the_work_once():
    with shop() as world:
        run = runs.open_run(world.shop.lane, trigger="schedule")
        inside, go_on = threading.Event(), threading.Event()

        def hold(name):
            inside.set()
            assert go_on.wait(20)

        crashing.hold_first_post(hold)
        first, ended_first = in_a_thread(lambda: runs.work_slice(run.pk))
        assert inside.wait(20)
        second, ended_second = in_a_thread(lambda: runs.work_slice(run.pk))
        second.join(20)
        go_on.set()
        first.join(20)

        assert (ended_first, ended_second) == (["over"], ["busy"])
        assert wrongs(world) == []


@pytest.mark.django_db(transaction=True)
def test_many_workers_that_start_at_once_do_the_work_once():
    with shop() as world:
        run = runs.open_run(world.shop.lane, trigger="schedule")
        start = threading.Barrier(4)

        def race():
            start.wait(20)
            return runs.work_slice(run.pk)

        threads = [in_a_thread(race) for _ in range(4)]
        for thread, _ in threads:
            thread.join(30)

        ended = sorted(result for _, results in threads for result in results)
        assert ended.count("over") >= 1
        assert set(ended) <= {"over", "busy"}
        assert wrongs(world) == []
