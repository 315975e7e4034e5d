"""The owner looks at the money: what came in each day, what reached the bank, who still owes, in both systems."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from connections.sandbox.generator import generate
from connections.sandbox.square import TenderSpec
from sync import money
from tests.journeys.pages import words
from tests.journeys.shop import cents


def a_month(world):
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        world.sandbox.square, seed=11, payments=120, days=10, end=end, customers=world.customers, oddities=False,
        refunds=0.1, payouts=True,
    )  # fmt: skip
    world.furnish(go_live=month.days[0])
    assert world.run().state == "done"
    return month


def page(world):
    return reverse("admin:sync_synclane_money", args=[world.shop.lane.pk])


@pytest.mark.accepts("S000-33")
def test_received_settled_and_owed_are_what_square_and_exact_come_to(world, browser):
    month = a_month(world)

    total = money.total(money.days(world.shop.lane, month.days[0], world.timeline.now().date()))["EUR"]

    sold, back = month.truth, month.refunded
    assert total.received == sold.tenders["card"] + sold.tenders["cash"]
    assert total.refunded == back.tenders["card"] + back.tenders["cash"]
    assert total.fees == sold.fees - back.fees
    assert total.settled == month.paid_out
    shown = words(browser.post(page(world)))
    assert "differs" not in shown
    for row in money.customers(world.shop.lane):
        assert row.outstanding == sum(cents(term["Amount"]) for term in world.books.receivables(row.id))


@pytest.mark.accepts("S000-33")
def test_a_customer_on_account_owes_and_an_entry_deleted_in_exact_shows_as_a_difference(till, browser):
    till.sell(tenders=(TenderSpec("house"),), customer_id=till.world.customers[0])
    till.next_morning()
    shown = words(browser.post(page(till.world)))
    assert "EUR 25.00 EUR 0.00 EUR 25.00 EUR 25.00 equal" in shown

    till.world.books.delete_entry(till.world.books.entries("70")[0]["EntryID"])

    assert "EUR 25.00 EUR 0.00 EUR 25.00 EUR 0.00 EUR −25.00 differs" in words(browser.post(page(till.world)))


def test_a_day_without_an_answer_from_exact_says_so_and_still_shows_our_side(till, browser):
    till.sell()
    till.next_morning()
    till.world.site.revoke("sandbox-exact-app")

    shown = words(browser.post(page(till.world)))

    assert "Exact was not reached" in shown
    assert "EUR 25.00" in shown


def test_whoever_may_not_see_lanes_does_not_see_their_money(till, client, plain_http):
    stranger = User.objects.create_user("piet", password="x", is_staff=True)
    stranger.groups.set(Group.objects.none())
    client.force_login(stranger)
    assert client.get(page(till.world)).status_code == 403
