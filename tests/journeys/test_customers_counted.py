"""The nightly count of the directory: whom Square's lagging index left out of a reading is found and read again."""

from __future__ import annotations

import pytest

from audit.models import AuditEntry
from mappings.models import CustomerMapping
from sync import sentinel, tasks
from sync.models import SourceCount, SyncLane
from tests.journeys.customers import HOTEL, open_register
from tests.world import world as make_world


@pytest.fixture
def register(db):
    with make_world() as world:
        made = open_register(world)
        made.run()
        yield made


def test_an_edit_that_the_index_showed_too_late_is_found_and_reaches_exact(register):
    who, square = register.ids[0], register.world.sandbox.square
    register.edit_square(who, phone_number="+31 20 5550199")
    square.hide(who)
    register.run()
    square.show(who)
    register.run()
    register.run()
    assert register.in_exact(HOTEL).get("Phone") != "+31 20 5550199"  # its time lies before what is read now

    assert sentinel.count(register.lane) == 1

    row = SourceCount.objects.get(stream="customers", examples=[who])
    assert row.missing == 1
    assert AuditEntry.objects.get(verb="lane.gap_found").detail["ids"] == [who]
    register.run()
    assert register.in_exact(HOTEL)["Phone"] == "+31 20 5550199"
    assert sentinel.count(register.lane) == 0
    row.refresh_from_db()
    assert (row.missing, row.filled) == (0, 1)


def test_a_new_customer_that_was_missed_is_laid_before_finance(register):
    who, square = register.customer(company_name="Bakkerij Zuid"), register.world.sandbox.square
    square.hide(who)
    register.run()
    square.show(who)
    register.run()
    assert not CustomerMapping.objects.filter(square_customer_id=who).exists()

    assert sentinel.count(register.lane) == 1
    register.run()

    assert CustomerMapping.objects.get(square_customer_id=who).status == "proposed"
    assert sentinel.count(register.lane) == 0


def test_where_nothing_is_missing_one_call_tells_so_and_nothing_moves(register):
    register.run()
    policy = register.lane.customer_policy
    policy.refresh_from_db()
    before, calls = policy.read_up_to, register.world.sandbox.log.count("square")

    assert sentinel.count(register.lane) == 0

    policy.refresh_from_db()
    assert (policy.read_up_to, register.world.sandbox.log.count("square")) == (before, calls + 1)
    assert not AuditEntry.objects.filter(verb="lane.gap_found").exists()


def test_what_the_lane_leaves_alone_is_not_missing(register):
    """Nobody asks who they are, and profiles that Square makes of cards are not asked about either."""
    register.lane.customer_policy.__class__.objects.update(unmapped="leave")
    register.customer(company_name="Bakkerij Zuid")
    register.run()
    register.run()
    assert sentinel.count(register.lane) == 0


def test_each_night_counts_every_lane_that_reads_square(register, queue):
    register.edit_square(register.ids[0], phone_number="+31 20 5550199")
    register.run()
    with queue.listening():
        tasks.nightly()
    queue.work()
    lanes = SyncLane.objects.filter(is_enabled=True, paused_reason="").exclude(source=None)
    assert set(SourceCount.objects.values_list("lane", flat=True)) <= set(lanes.values_list("pk", flat=True))
    assert SourceCount.objects.filter(lane=register.lane, stream="customers").exists()
