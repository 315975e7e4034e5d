"""What Square pays out leaves the clearing account, and its entries check what is booked."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from connections.sandbox.generator import generate
from connections.sandbox.square import LineSpec, TenderSpec
from sync import runs
from sync.models import Leg, Settlement, SyncItem, SyncLane


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


def test_entries_that_square_lists_after_the_payout_are_read_again_by_themselves(world):
    shop(world)
    sell(world)
    payout = paid_out(world)
    with unlisted(world, payout, 1):
        world.close_days()
        assert world.run().state == "done"
        item = SyncItem.objects.get(kind="payout")
        assert (item.problem_kind, item.recheck_at is None) == ("no_lines", False)
        assert world.books.balance("1290") == 0

    world.timeline.advance(3600)
    world.run()

    item.refresh_from_db()
    assert item.state == "done"
    assert world.books.balance("1290") == Decimal("24.56")


def test_entries_that_square_lists_only_in_part_are_read_again_by_themselves(world):
    shop(world)
    sell(world)
    sell(world, 1000)
    payout = paid_out(world)
    with unlisted(world, payout, 1):
        world.close_days()
        world.run()
        assert SyncItem.objects.get(kind="payout").problem_kind == "unbalanced"

    world.timeline.advance(3600)
    world.run()

    assert SyncItem.objects.get(kind="payout").state == "done"
    assert world.books.balance("1105") == 0


@contextmanager
def unlisted(world, payout, count):
    """Square does not list so many of the payout's entries yet."""
    index = world.sandbox.square.state.payout_entries._indexes[payout["id"], "effective"]
    whole = list(index)
    del index[:count]
    yield
    index[:] = whole


def test_a_payment_that_is_booked_after_its_payout_is_compared_then(world):
    """Nobody had mapped its customer when the payout came. Square settles it for 0.03 more than the payment states."""
    shop(world)
    stranger = world.sandbox.square.add_customer(company_name="Nobody we know")["id"]
    mug, card = LineSpec("Mug", 2500, tax="VAT 21"), TenderSpec("card", 2500)
    world.sandbox.square.sell("Amsterdam", world.timeline.now(), [mug], [card], customer_id=stranger)
    payout = paid_out(world)
    entry = next(row for row in world.sandbox.square.payout_entries(payout["id"]) if row["type"] == "CHARGE")
    cheaper_by_three_cents(world, payout, entry)
    world.close_days()
    world.run()
    assert not Settlement.objects.get().is_verified
    assert world.books.balance("1290") == Decimal("24.59")

    world.shop.lane.unknown_customers = "collective"
    world.shop.lane.save()
    SyncItem.objects.filter(kind="payment").update(state="extracted")
    world.run()
    run = world.run()

    assert run.state == "done", run.sentence
    assert Settlement.objects.get().is_verified
    assert world.books.balance("4960") == Decimal("0.41")
    assert world.books.balance("1105") == 0
    assert world.run().entries_posted == 0


def test_a_payout_that_is_paid_after_a_late_fee_posts_nothing_back(world):
    """A fee that the payment states after its payout belongs to a later payout: SENT becoming PAID changes nothing."""
    shop(world)
    payment = sell(world).payment_ids[0]
    payout = paid_out(world)
    world.close_days()
    world.run()
    world.sandbox.square.add_fee(payment, 3, at=world.timeline.now())
    world.close_days()
    world.run()
    world.sandbox.square.settle_payout(payout["id"], "PAID", at=world.timeline.now())
    world.close_days()
    run = world.run()

    assert run.state == "done", run.sentence
    assert not Leg.objects.filter(kind="payout_entry").exists()
    assert world.books.balance("4960") == Decimal("0.47")
    assert world.books.balance("1105") == Decimal("-0.03")


def test_two_adjustments_of_a_fee_in_two_payouts_are_each_in_the_books_once(world):
    shop(world)
    payment = sell(world).payment_ids[0]
    paid_out(world)
    for amount in (3, 2):
        world.close_days()
        world.sandbox.square.add_fee(payment, amount, at=world.timeline.now())
        world.close_days()
        world.run()
        world.sandbox.square.pay_out("Amsterdam", at=world.timeline.now())
    world.close_days()
    world.run()

    assert not Leg.objects.filter(kind="payout_entry").exists()
    assert world.books.balance("4960") == Decimal("0.49")
    assert world.books.balance("1105") == 0


def test_a_payout_in_another_currency_waits_and_says_what_it_needs(world):
    shop(world)
    sell(world)
    payout = paid_out(world)
    payout["amount_money"]["currency_code"] = "USD"
    world.close_days()
    run = world.run()

    item = SyncItem.objects.get(kind="payout")
    assert run.state == "done", run.sentence
    assert (item.state, item.problem_subject) == ("waiting", "currency USD")
    assert "Give this currency a lane with journals of its own" in item.problem
    assert world.books.balance("1105") == Decimal("24.56")


def test_a_payout_of_payments_of_several_locations_of_a_lane_settles_them_all(world):
    square = world.sandbox.square
    square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
    square.add_location("Utrecht", "Europe/Amsterdam", "EUR")
    square.add_tax("VAT 21", "21")
    world.furnish()
    paid = sell_in(world, "Utrecht")
    square.add_payout_entry("CHARGE", 2500, location="Amsterdam", at=world.timeline.now(), fee=44, payment_id=paid)
    sell(world)
    paid_out(world)
    world.close_days()
    world.run()

    assert SyncItem.objects.get(kind="payout").state == "done"
    assert world.books.balance("1290") == Decimal("49.12")
    assert world.books.balance("1105") == 0
    assert not Leg.objects.filter(kind="payout_entry").exists()


def sell_in(world, place):
    mug, card = LineSpec("Mug", 2500, tax="VAT 21"), TenderSpec("card", 2500)
    return world.sandbox.square.sell(place, world.timeline.now(), [mug], [card]).payment_ids[0]


def test_a_payout_of_payments_of_a_lane_with_other_journals_waits(world):
    square = world.sandbox.square
    for name in ("Amsterdam", "Utrecht"):
        square.add_location(name, "Europe/Amsterdam", "EUR")
    square.add_tax("VAT 21", "21")
    world.furnish()
    second = other_lane(world, "Utrecht")
    paid = sell_in(world, "Utrecht")
    sell(world)
    world.timeline.advance(3 * 3600)
    runs.work_to_rest(runs.open_run(second, trigger="person"))
    square.add_payout_entry("CHARGE", 2500, location="Amsterdam", at=world.timeline.now(), fee=44, payment_id=paid)
    paid_out(world)
    world.close_days()
    world.run()

    item = SyncItem.objects.get(kind="payout", lane=world.shop.lane)
    assert item.state == "waiting"
    assert f"which lane {second} books on another clearing account" in item.problem
    assert world.books.balance("1290") == 0


def other_lane(world, place):
    """A lane of its own for one location, with the plain bank journal as its clearing."""
    first = world.shop.lane
    lane = SyncLane.objects.get(pk=first.pk)
    lane.pk, lane.label, lane.clearing_journal = None, "Second lane", "20"
    lane.save()
    first.feeds.filter(location__name=place).update(lane=lane)
    return lane


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
