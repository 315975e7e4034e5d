"""Three shops of one merchant, each booked in a division of its own, their runs interleaved."""

from __future__ import annotations

import re

import pytest

from config.demo import shop as shops
from connections import divisions, locations
from connections.models import Location
from connections.sandbox.square import LineSpec, TenderSpec
from mappings import reference
from mappings.models import DebtorAccount
from sync import actions, runs
from sync.models import LaneLocation, SyncLane
from tests.journeys.pages import page_of, press, words
from tests.journeys.shop import ledger_of

TOWNS = {"Amsterdam": 123456, "Utrecht": 200002, "Zwolle": 200003}
PRICES = {"Amsterdam": 1210, "Utrecht": 2420, "Zwolle": 3630}


def open_lanes(world):
    """One lane per town; the first is the shop's own."""
    lanes = {"Amsterdam": world.shop.lane}
    for town in ("Utrecht", "Zwolle"):
        world.site.add_division(TOWNS[town], f"{town} BV", registration_number=str(TOWNS[town]))
        world.sandbox.square.add_location(town, "Europe/Amsterdam", "EUR")
        lanes[town] = open_lane(world, town)
    return lanes


def open_lane(world, town):
    locations.discover(world.shop.square)
    division = next(row for row in divisions.discover(world.shop.exact) if row.code == TOWNS[town])
    division = divisions.pin(division, by="anna")
    reference.refresh(division)
    shops.map_accounts(division)
    lane = SyncLane.objects.create(
        label=town, source=world.shop.square, division=division, go_live=world.shop.lane.go_live, sales_journal="70",
        clearing_journal="21", cash_journal="10", is_enabled=True,
        collective_debtor=DebtorAccount.objects.get(division=division, name="Counter sales"),
    )  # fmt: skip
    LaneLocation.objects.create(lane=lane, location=Location.objects.get(name=town))
    return lane


def sell_everywhere(world, times):
    for town, price in PRICES.items():
        for _ in range(times):
            line = LineSpec("Mug", price)
            world.sandbox.square.sell(town, world.timeline.now(), [line], [TenderSpec("cash", price)])


@pytest.mark.accepts("S000-42", "S002-14")
def test_three_lanes_side_by_side_never_book_in_each_others_division(till):
    world = till.world
    lanes = open_lanes(world)
    sell_everywhere(world, times=3)
    world.close_days()
    world.sandbox.log.clear()

    opened = [runs.open_run(lane, trigger="schedule") for lane in lanes.values()]
    for run in opened:
        runs.work_to_rest(run)

    for town, code in TOWNS.items():
        taken = 3 * PRICES[town]
        net = taken * 100 // 121
        assert ledger_of(world.site.division(code)) == {"1000": taken, "8000": -net, "1500": net - taken}
    calls = [entry for entry in world.sandbox.log.entries if entry.system == "exact"]
    data = [entry for entry in calls if "oauth2" not in entry.path and not entry.path.endswith("current/Me")]
    assert {entry.division for entry in data} == set(TOWNS.values())
    assert all(re.match(r"^/api/v1/\d+/", entry.path) for entry in data)


@pytest.mark.accepts("S000-43")
def test_the_browser_of_the_user_moving_elsewhere_changes_nothing_that_is_booked(till):
    world = till.world
    open_lanes(world)
    till.sell()
    world.site.set_current_division(TOWNS["Zwolle"])

    till.next_morning()

    assert ledger_of(world.site.division(TOWNS["Zwolle"])) == {}
    assert till.ledger["8000"] == -2066
    world.shop.exact.refresh_from_db()
    assert world.shop.exact.current_division == TOWNS["Zwolle"]


@pytest.mark.accepts("S000-43")
def test_a_division_that_became_another_is_not_booked_in_until_a_person_confirms(till, browser):
    till.sell()
    till.world.site.rename_division(shops.DIVISION, "Somebody Else BV")
    till.world.timeline.advance(24 * 3600)
    divisions.discover(till.world.shop.exact)
    division = till.world.shop.division
    division.refresh_from_db()

    with pytest.raises(actions.Impossible, match="held"):
        actions.run_now(SyncLane.objects.get(), by="anna")
    assert "Somebody Else BV" in words(browser.get(page_of(division)))
    assert till.posts == 0

    press(browser, division, "confirm")
    till.world.run()
    assert till.ledger["8000"] == -2066
