"""A worker dies, or an answer is lost, while a refused entry is cut: each line is booked once, the bad one waits."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from config.prove import checks, consent
from config.prove.witness import WitnessedSandbox
from connections.sandbox.faults import Fault
from connections.sandbox.square import LineSpec, TenderSpec
from mappings import reference
from sync import actions
from sync.models import Posting, SyncItem
from tests import crashing
from tests.crashing import deaths, work_once, wrongs
from tests.world import START
from tests.world import world as make_world

VOUCHER = TenderSpec("external", external_type="FOOD_VOUCHER")
MUG, LOAF = LineSpec("Mug", 2500, tax="VAT 21"), LineSpec("Loaf", 1090, tax="VAT 9")
BANK = "*/financialtransaction/BankEntries"


@contextmanager
def world_with(*sales):
    """A shop with these sales, and their day closed."""
    with make_world(START, sandbox=WitnessedSandbox) as world:
        square = world.sandbox.square
        square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
        for name, rate in (("VAT 21", "21"), ("VAT 9", "9")):
            square.add_tax(name, rate)
        world.furnish()
        for line, tender in sales:
            square.sell("Amsterdam", world.timeline.now(), [line], [tender])
        world.close_days()
        reference.refresh(world.shop.division)
        yield world


CARD = TenderSpec("card")
# Calls are few; of the many commits each third, so that the suite stays short.
SWEEPS = ((crashing.before_commits, 3), (crashing.around_calls, 1))
BAD_MONEY = [(MUG, CARD), (MUG, VOUCHER), (MUG, CARD)]


def demand(world, account, use):
    """Exact wants a cost centre on this account (1) or not (0), and names neither line nor account when it refuses."""
    world.books.tables["glaccounts"].change(world.books.gl(account)["ID"], UseCostcenter=use)


def work_to_rest(world):
    """Hours may pass: an endpoint that refused too often rests."""
    for _ in range(40):
        world.timeline.advance(4 * 60)
        consent.give_again(world.sandbox)
        world.run()
        if checks.is_at_rest(world.shop.lane):
            return
    raise AssertionError(f"not at rest: {list(Posting.objects.values_list('reference', 'state', 'problem'))}")


def after_all(put_right):
    """What is wrong once everything came to rest, the cause was put right and what waited was replayed."""

    def found(world):
        work_to_rest(world)
        waiting = SyncItem.objects.filter(state="waiting")
        told = [] if waiting.count() == 1 else [f"{waiting.count()} records wait"]
        put_right(world)
        reference.refresh(world.shop.division)
        actions.replay_items(waiting, by="anna")
        work_to_rest(world)
        return [*told, *wrongs(world)]

    return found


@pytest.mark.parametrize(("counts", "step"), SWEEPS)
def test_a_worker_may_die_anywhere_while_an_entry_is_cut(db, counts, step):
    with world_with(*BAD_MONEY) as world:
        demand(world, "1110", 1)
        passed, broken = deaths(
            world, work_once, after_all(lambda world: demand(world, "1110", 0)), counts=counts, every=step
        )
    assert passed > 20
    assert broken == {}


@pytest.mark.parametrize(("counts", "step"), SWEEPS)
def test_a_worker_may_die_anywhere_while_a_summary_is_planned_again(db, counts, step):
    with world_with((MUG, CARD), (LOAF, CARD), (MUG, CARD)) as world:
        world.books.block_account("8001")
        passed, broken = deaths(
            world, work_once, after_all(lambda world: world.books.block_account("8001", blocked=False)),
            counts=counts, every=step,
        )  # fmt: skip
    assert passed > 15
    assert broken == {}


@pytest.mark.parametrize("action", ["drop_after", "500_after", "drop_before", "late_commit"])
@pytest.mark.parametrize("skip", [1, 2, 3])
def test_a_half_whose_answer_was_lost_is_found_not_sent_again(db, action, skip):
    """The first call to bank entries is the refusal; the halves follow."""
    with world_with(*BAD_MONEY) as world:
        demand(world, "1110", 1)
        world.sandbox.faults.add(Fault(action, "exact", "POST", BANK, skip=skip, seconds=75))
        found = after_all(lambda world: demand(world, "1110", 0))(world)
    assert found == []
