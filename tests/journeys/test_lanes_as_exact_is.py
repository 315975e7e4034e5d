"""A lane that books on what is blocked or gone in Exact says so before its records wait."""

from __future__ import annotations

import pytest

from mappings import items, reference
from mappings.models import TenderJournal
from sync import health, soundness
from sync.models import SyncLane
from tests.journeys.pages import page_of, words

LANES = "/admin/sync/synclane/"


@pytest.fixture
def lane(till):
    return till.world.shop.lane


def told(browser, lane):
    """The work list, the list of lanes and the lane's page."""
    return [words(browser.get(address)) for address in ("/admin/", LANES, page_of(lane))]


def test_a_sound_lane_is_left_in_peace(till, lane, division, browser):
    reference.refresh(division)
    home, listed, page = told(browser, lane)
    assert "books on what is blocked or gone" not in home
    assert "usable" in listed
    assert "usable" in page


def test_a_journal_that_was_blocked_or_removed_is_named_where_people_look(till, lane, division, browser):
    books = till.world.books
    books.block_journal("21")
    books.tables["journals"].remove(books._known("journals", "10", "journal")["ID"])
    reference.refresh(division)

    home, listed, page = told(browser, lane)
    assert f"Lane {lane} books on what is blocked or gone" in home
    assert "Clearing journal 21 is blocked; cash journal 10 no longer exists." in home
    for shown in (listed, page):
        assert "clearing journal 21 is blocked" in shown
        assert "cash journal 10 no longer exists" in shown

    books.block_journal("21", blocked=False)
    books.add_journal("10", "Cash again", 10, gl="1000")  # made anew under its code
    reference.refresh(division)
    assert not any("is blocked" in shown or "no longer exists" in shown for shown in told(browser, lane))


def test_what_a_journal_and_the_collective_debtor_are_is_looked_at_too(till, lane, division, browser):
    books = till.world.books
    books.block_account("1105")
    books.block_relation(lane.collective_debtor.name)
    reference.refresh(division)
    for shown in told(browser, lane):
        assert "ccount 1105 of clearing journal 21 is blocked" in shown
        assert f"collective debtor {lane.collective_debtor} is blocked" in shown


def test_the_item_for_the_rest_counts_only_where_orders_are_written(till, lane, division, browser):
    books = till.world.books
    SyncLane.objects.filter(pk=lane.pk).update(order_item="SQUARE")
    items.refresh(division)
    books.forget("items", books.tables["items"].first("Code", "SQUARE")["ID"])
    items.refresh(division)
    reference.refresh(division)
    assert [row.troubles for row in health.lanes()] == [()]

    SyncLane.objects.filter(pk=lane.pk).update(orders="sales_orders")
    assert "tem for the rest SQUARE no longer exists" in words(browser.get("/admin/"))
    SyncLane.objects.filter(pk=lane.pk).update(order_item="NOWHERE")
    assert "item for the rest NOWHERE is not known in Exact" in words(browser.get(page_of(lane)))


def test_a_tender_whose_journal_is_blocked_stands_on_the_work_list(till, lane, division, browser):
    TenderJournal.objects.create(division=division, tender="EXTERNAL:CHECK", journal="20")
    till.world.books.block_journal("20")
    reference.refresh(division)
    assert "1 tender journal names what is blocked or gone" in words(browser.get("/admin/"))


def test_many_lanes_cost_no_more_statements_than_one(till, lane, division, django_assert_num_queries):
    reference.refresh(division)
    for number in range(3):
        SyncLane.objects.create(
            label=f"Lane {number}", source=lane.source, division=division, go_live=lane.go_live,
            collective_debtor=lane.collective_debtor, sales_journal="70", clearing_journal="21", orders="quotations",
            order_item="SQUARE",
        )  # fmt: skip
    lanes = list(SyncLane.objects.select_related("division", "collective_debtor"))
    with django_assert_num_queries(3):
        soundness.of_lanes(lanes)
