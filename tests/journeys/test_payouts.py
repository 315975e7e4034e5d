"""What Square pays out leaves the clearing account, and its entries check what is booked."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from connections.sandbox.generator import generate
from connections.sandbox.square import LineSpec, TenderSpec
from sync.models import Leg, SyncItem


def shop(world):
    square = world.sandbox.square
    square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
    square.add_tax("VAT 21", "21")
    world.furnish()


def sell(world, amount=2500):
    return world.sandbox.square.sell(
        "Amsterdam", world.timeline.now(), [LineSpec("Mug", amount, tax="VAT 21")], [TenderSpec("card", amount)]
    )


def paid_out(world):
    world.close_days()
    return world.sandbox.square.pay_out("Amsterdam", at=world.timeline.now())


def test_a_payout_empties_the_clearing_account(world):
    shop(world)
    sell(world)
    payout = paid_out(world)
    world.close_days()

    run = world.run()

    assert run.state == "done", run.sentence
    assert SyncItem.objects.get(kind="payout").source_id == payout["id"]
    assert world.books.balance("1105") == 0
    assert world.books.balance("1290") == Decimal("24.56")
    assert world.run().entries_posted == 0


def test_a_payout_that_fails_brings_the_money_back(world):
    shop(world)
    sell(world)
    payout = paid_out(world)
    world.close_days()
    world.run()
    world.sandbox.square.settle_payout(payout["id"], "FAILED", at=world.timeline.now())
    world.close_days()

    run = world.run()

    assert run.state == "done", run.sentence
    assert world.books.balance("1290") == 0
    assert world.books.balance("1105") == Decimal("24.56")


def test_a_subscription_in_a_payout_is_booked_on_its_account(world):
    shop(world)
    sell(world)
    world.close_days()
    world.sandbox.square.add_payout_entry("SUBSCRIPTION_FEE", -500, location="Amsterdam", at=world.timeline.now())
    world.sandbox.square.pay_out("Amsterdam", at=world.timeline.now())
    world.close_days()

    run = world.run()

    assert run.state == "done", run.sentence
    assert world.books.balance("4500") == Decimal("5.00")
    assert world.books.balance("1105") == 0


def test_a_fee_that_the_payout_knew_first_is_in_the_books_once(world):
    shop(world)
    payment = sell(world).payment_ids[0]
    payout = paid_out(world)
    entry = next(row for row in world.sandbox.square.payout_entries(payout["id"]) if row["type"] == "CHARGE")
    cheaper_by_three_cents(world, payout, entry)
    world.close_days()
    world.run()
    assert world.books.balance("4960") == Decimal("0.41")
    assert world.books.balance("1105") == 0

    world.sandbox.square.add_fee(payment, -3, at=world.timeline.now())
    world.close_days()
    run = world.run()

    assert run.state == "done", run.sentence
    assert world.books.balance("4960") == Decimal("0.41")
    assert Leg.objects.filter(kind="fee").count() == 1


def cheaper_by_three_cents(world, payout, entry):
    """Square settled the payment for less than it had announced."""
    entry["fee_amount_money"]["amount"] -= 3
    entry["net_amount_money"]["amount"] += 3
    payout["amount_money"]["amount"] += 3


def test_a_lane_without_the_right_to_read_payouts_still_books_payments(world):
    shop(world)
    sell(world)
    world.close_days()
    grant = world.sandbox.square.grants
    for token in grant.tokens.values():
        token.scopes = tuple(scope for scope in token.scopes if scope != "PAYOUTS_READ")

    run = world.run()

    assert run.state == "done"
    assert "payouts could not be read" in run.sentence
    assert world.books.balance("8000") == Decimal("-20.66")


@pytest.mark.parametrize("grouping", ["daily_summary", "per_payment"])
def test_a_month_with_refunds_and_daily_payouts_leaves_what_square_still_holds(world, grouping):
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        world.sandbox.square, seed=5, payments=200, days=15, end=end, customers=world.customers, oddities=False,
        refunds=0.1, payouts=True,
    )  # fmt: skip
    world.furnish(go_live=month.days[0], sales_grouping=grouping)

    run = world.run()

    assert run.state == "done", run.sentence
    assert not SyncItem.objects.exclude(state="done").exists()
    truth = month.ledger()
    assert int(world.books.balance("1290") * 100) == truth["bank_in_transit"] == month.paid_out
    assert int(world.books.balance("1105") * 100) == truth["clearing"]
    assert not Leg.objects.filter(kind="payout_entry").exists()
    assert world.run().entries_posted == 0
