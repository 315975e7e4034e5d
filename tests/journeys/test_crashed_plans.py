"""A worker dies anywhere while an approved plan or an undo is booked: each entry stands once, and the ledger ties."""

from __future__ import annotations

import pytest

from sync import approval, runs, undo
from sync.models import PlannedEntry, Posting, SyncRun
from tests import crashing
from tests.crashing import deaths, recover, shop, wrongs
from tests.journeys.shop import ledger_of

SWEEPS = (
    ("daily_summary", crashing.before_commits),
    ("per_payment", crashing.around_calls),
)


def carry_out(world):
    """Open the lane for what is approved and work one slice."""
    approval.open_approved()
    run = SyncRun.objects.filter(state__in=SyncRun.OPEN).first()
    if run:
        runs.work_slice(run.pk)


def recovered(found):
    """What is `found` wrong once others have taken over all that is approved."""

    def told(world):
        for _ in range(8):
            approval.open_approved()
            recover(world)
            if not SyncRun.objects.filter(state="approved").exists():
                break
        return found(world)

    return told


def approved_plan(world):
    run = runs.work_to_rest(runs.open_run(world.shop.lane, trigger="person", purpose="plan"))
    assert run.state == "planned", run.sentence
    approval.approve(run, by="anna")


def approved_undo(world):
    """Everything is booked; the undo of all of it is approved."""
    run = world.run()
    assert run.entries_posted > 0
    plan = undo.plan(undo.entries_of(run), by="anna", subject=str(run))
    approval.approve(plan, by="bert")


def not_as_planned(world):
    """Every entry of the plan booked once, as planned, and nothing wrong in any other way."""
    planned = {row.reference: row.expected for row in PlannedEntry.objects.all()}
    booked = {row.reference: row.expected for row in Posting.objects.filter(state="confirmed")}
    left = list(PlannedEntry.objects.exclude(state="posted").values_list("reference", "reason"))
    return [*wrongs(world), *left, *([] if planned == booked else ["the books are not the plan"])]


def not_undone(world):
    """Nothing left in the ledger, and no entry twice."""
    found = [f"{account} {amount}" for account, amount in ledger_of(world.books).items()]
    references = [line["YourRef"] for line in world.books.entries("70")]
    twice = [reference for reference in references if references.count(reference) > 1]
    states = set(Posting.objects.values_list("state", flat=True))
    return [*found, *twice, *([] if states == {"reversed", "confirmed"} else sorted(states))]


@pytest.mark.parametrize(("grouping", "counts"), SWEEPS)
def test_an_approved_plan_is_booked_once_wherever_a_worker_dies(db, grouping, counts):
    with shop(sales_grouping=grouping) as world:
        approved_plan(world)
        steps, broken = deaths(world, carry_out, recovered(not_as_planned), counts=counts)
    assert steps >= 8
    assert broken == {}


@pytest.mark.parametrize(("grouping", "counts"), SWEEPS)
def test_an_undo_is_booked_once_wherever_a_worker_dies(db, grouping, counts):
    with shop(sales_grouping=grouping) as world:
        approved_undo(world)
        steps, broken = deaths(world, carry_out, recovered(not_undone), counts=counts)
    assert steps >= 8
    assert broken == {}
