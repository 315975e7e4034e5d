"""A bank takes a payment back: payouts move the money, and the lane says where it goes when it is lost."""

from __future__ import annotations

import pytest

from mappings.models import GLMapping
from sync.models import Leg, SyncItem
from tests.journeys.shop import MUG

DISPUTES, LOSS, CLEARING = "1291", "4970", "1105"


@pytest.fixture
def sold(till):
    """A mug of 25.00, paid by card, fee 0.44."""
    return till.sell(MUG).payment_ids[0]


def next_payout(till):
    square = till.world.sandbox.square
    payout = square.pay_out("Amsterdam", at=till.world.timeline.now())
    run = till.next_morning()
    assert run.state == "done", run.sentence
    return payout


def settle(till, dispute, outcome):
    till.world.sandbox.square.settle_dispute(dispute["id"], outcome, at=till.world.timeline.now())


def dispute(till, payment, amount=None):
    return till.world.sandbox.square.dispute(payment, amount, at=till.world.timeline.now())


def test_a_dispute_that_is_opened_stands_apart_from_the_square_balance(till, sold):
    dispute(till, sold)
    next_payout(till)

    # 25.00 - 0.44 - 25.00 leaves -0.44, which Square takes from the bank.
    assert till.ledger[DISPUTES] == 2500
    assert CLEARING not in till.ledger
    assert till.ledger["1290"] == -44
    assert till.ledger["1500"] == -434


def test_a_dispute_that_is_won_comes_back(till, sold):
    filed = dispute(till, sold)
    next_payout(till)
    settle(till, filed, "WON")
    next_payout(till)

    assert DISPUTES not in till.ledger
    assert LOSS not in till.ledger
    assert till.ledger["1290"] == 2456
    assert not Leg.objects.filter(kind="dispute").exists()


@pytest.mark.parametrize("outcome", ["LOST", "ACCEPTED"])
def test_a_dispute_that_is_lost_is_a_loss_and_the_vat_stays(till, sold, outcome):
    filed = dispute(till, sold)
    next_payout(till)
    settle(till, filed, outcome)
    till.next_morning()
    run = till.next_morning()

    assert run.state == "done", run.sentence
    assert till.ledger[LOSS] == 2500
    assert DISPUTES not in till.ledger
    assert CLEARING not in till.ledger
    assert (till.ledger["8000"], till.ledger["1500"]) == (-2066, -434)
    assert SyncItem.objects.get(kind="dispute").state == "done"


def test_a_dispute_lost_to_a_known_customer_is_owed_again(till):
    world = till.world
    world.shop.lane.lost_disputes = "customer"
    world.shop.lane.save()
    payment = till.sell(MUG, customer_id=world.customers[0]).payment_ids[0]
    filed = dispute(till, payment)
    next_payout(till)
    assert till.owed_by("Hotel Prinsengracht") == 0

    settle(till, filed, "LOST")
    till.next_morning()
    till.next_morning()

    assert till.owed_by("Hotel Prinsengracht") == 2500
    assert LOSS not in till.ledger
    assert DISPUTES not in till.ledger


def test_a_counter_sale_has_nobody_to_charge_so_it_is_a_loss(till, sold):
    till.world.shop.lane.lost_disputes = "customer"
    till.world.shop.lane.save()
    filed = dispute(till, sold)
    next_payout(till)
    settle(till, filed, "LOST")
    till.next_morning()
    till.next_morning()

    assert till.ledger[LOSS] == 2500
    assert "1300" not in till.ledger


def test_several_disputes_on_one_payment_end_each_for_itself(till, sold):
    first, second = dispute(till, sold, 1000), dispute(till, sold, 700)
    next_payout(till)
    assert till.ledger[DISPUTES] == 1700

    settle(till, first, "WON")
    settle(till, second, "LOST")
    next_payout(till)
    till.next_morning()

    assert DISPUTES not in till.ledger
    assert till.ledger[LOSS] == 700
    assert CLEARING not in till.ledger
    assert till.ledger["1290"] == 2456 - 700


def test_a_dispute_of_a_refunded_payment_leaves_the_refund_alone(till, sold):
    till.next_morning()
    till.world.sandbox.square.refund(sold, 1000, at=till.world.timeline.now())
    filed = dispute(till, sold, 1500)
    next_payout(till)
    assert till.ledger[DISPUTES] == 1500

    settle(till, filed, "LOST")
    till.next_morning()
    till.next_morning()

    assert till.ledger[LOSS] == 1500
    # What stays sold is 15.00 with its VAT: 12.40 + 2.60.
    assert till.ledger["8000"] + till.ledger["1500"] == -1500
    assert DISPUTES not in till.ledger
    assert not Leg.objects.filter(kind="fee", ordinal__gt=0).exists()


def test_a_late_fee_of_a_disputed_payment_is_still_compared_with_its_own(till, sold):
    filed = dispute(till, sold)
    next_payout(till)
    till.world.sandbox.square.add_fee(sold, 3, at=till.world.timeline.now())
    till.next_morning()
    next_payout(till)

    assert till.ledger["4960"] == 47
    assert CLEARING not in till.ledger
    assert Leg.objects.filter(kind="payout_entry").count() == 1
    settle(till, filed, "LOST")
    till.next_morning()
    till.next_morning()
    assert till.ledger[LOSS] == 2500


def test_square_is_not_asked_about_disputes_until_a_payout_tells_of_one(till, sold):
    next_payout(till)
    till.next_morning()
    assert till.calls("square", "GET", "disputes") == 0

    filed = dispute(till, sold)
    next_payout(till)
    settle(till, filed, "WON")
    next_payout(till)
    till.next_morning()
    asked = till.calls("square", "GET", "disputes")
    till.next_morning()

    assert asked > 0
    assert till.calls("square", "GET", "disputes") == asked


def test_without_an_account_for_losses_the_dispute_waits_and_says_so(till, sold):
    GLMapping.objects.filter(role="dispute_loss").delete()
    filed = dispute(till, sold)
    next_payout(till)
    settle(till, filed, "LOST")
    till.next_morning()
    till.next_morning()

    item = SyncItem.objects.get(kind="dispute")
    assert item.state == "waiting"
    assert "dispute loss" in item.problem
    assert till.ledger[DISPUTES] == 2500
