"""What went back to a customer is credited with the VAT of its sale, and the money leaves the right account."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from connections.sandbox.generator import generate
from connections.sandbox.square import LineSpec, TenderSpec
from mappings.models import GLMapping
from sync import actions
from sync.models import Leg, SyncItem


def sold(world, *, tender="card"):
    """Case 4 of the bookkeeping: 25.00 at 21 %, 12.95 at 9 %, 8.99 at 0 %."""
    lines = [
        LineSpec("Mug", 2500, tax="VAT 21"),
        LineSpec("Lunch", 1295, tax="VAT 9"),
        LineSpec("Gift", 899, tax="VAT 0"),
    ]
    sale = world.sandbox.square.sell("Amsterdam", world.timeline.now(), lines, [TenderSpec(tender, 4694)])
    return sale.payment_ids[0]


def shop(world, **choices):
    square = world.sandbox.square
    square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
    for rate in ("21", "9", "0"):
        square.add_tax(f"VAT {rate}", rate)
    world.furnish(**choices)


def map_tourist_tax(division):
    """The rule a bookkeeper adds for the tax that was missing."""
    like = GLMapping.objects.get(division=division, role="revenue", tax_rate=21)
    GLMapping.objects.create(
        division=division, role="revenue", tax_rate=13, account=like.account, vat_code=like.vat_code,
        effective_from=like.effective_from,
    )  # fmt: skip
    actions.release_mapped(division.pk, ())


def booked(world):
    codes = ("8000", "8001", "8002", "1500", "1501", "1300", "1105", "1000")
    return {code: world.books.balance(code) for code in codes if world.books.balance(code)}


def test_a_refund_by_amount_shares_the_vat_of_its_sale(world):
    shop(world, sales_grouping="per_payment")
    payment = sold(world)
    world.close_days()
    world.run()
    before = booked(world)
    world.sandbox.square.refund(payment, 1000, at=world.timeline.now(), reason="Cold lunch")
    world.close_days()

    run = world.run()

    assert run.state == "done", run.sentence
    moved = {code: world.books.balance(code) - before.get(code, 0) for code in booked(world)}
    assert moved["8000"] == Decimal("4.40")
    assert moved["8001"] == Decimal("2.53")
    assert moved["8002"] == Decimal("1.91")
    assert moved["1500"] == Decimal("0.93")
    assert moved["1501"] == Decimal("0.23")
    assert world.books.balance("1300") == 0


def test_partial_refunds_together_bring_every_account_back_to_zero(world):
    shop(world)
    payment = sold(world, tender="cash")
    for amount in (1000, 1501, 2193):
        world.timeline.advance(60)
        world.sandbox.square.refund(payment, amount, at=world.timeline.now(), reason="Back")
    world.close_days()

    run = world.run()

    assert run.state == "done", run.sentence
    assert booked(world) == {}
    assert {leg.state for leg in Leg.objects.all()} == {"confirmed"}


def test_a_refund_waits_until_its_sale_is_booked_and_then_goes_on(world):
    shop(world)
    lines = [LineSpec("Stay", 1130, tax="Tourist tax 13")]
    world.sandbox.square.add_tax("Tourist tax 13", "13")
    sale = world.sandbox.square.sell("Amsterdam", world.timeline.now(), lines, [TenderSpec("card", 1130)])
    world.sandbox.square.refund(sale.payment_ids[0], 1130, at=world.timeline.now(), reason="Cancelled")
    world.close_days()
    world.run()
    refund = SyncItem.objects.get(kind="refund")
    assert (refund.state, refund.problem_kind) == ("waiting", "waits_for_sale")
    assert "sale" in refund.problem

    map_tourist_tax(world.shop.division)
    world.run()
    world.run()

    refund.refresh_from_db()
    assert refund.state == "done", refund.problem
    assert world.books.balance("1300") == 0


def test_a_refund_that_fails_after_it_was_booked_is_reversed(world):
    shop(world, sales_grouping="per_payment")
    payment = sold(world)
    made = world.sandbox.square.refund(payment, 1000, at=world.timeline.now(), reason="Back")
    world.close_days()
    world.run()
    with_refund = booked(world)
    world.sandbox.square.settle_refund(made["id"], "FAILED", at=world.timeline.now())
    world.close_days()

    run = world.run()

    assert run.state == "done", run.sentence
    assert booked(world) != with_refund
    assert world.books.balance("8000") == Decimal("-20.66")
    assert world.books.balance("1105") == Decimal("46.94") - world.books.balance("4960")
    assert world.books.balance("1300") == 0


ACCOUNTS = {
    "clearing": ("1105",), "cash": ("1000",), "other_tender": ("1110",), "revenue": ("8000", "8001", "8002"),
    "output_vat": ("1500", "1501"), "tips": ("2150",), "service_charge": ("8010",), "processing_fee": ("4960",),
    "rounding": ("4990",),
}  # fmt: skip


@pytest.mark.parametrize("grouping", ["daily_summary", "per_payment"])
@pytest.mark.accepts("S001-23")
def test_a_month_with_refunds_ties_to_the_cent_in_every_role(world, grouping):
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        world.sandbox.square, seed=3, payments=250, days=20, end=end, customers=world.customers, oddities=False,
        refunds=0.12,
    )  # fmt: skip
    world.furnish(go_live=month.days[0], sales_grouping=grouping)

    run = world.run()

    assert run.state == "done", run.sentence
    assert not SyncItem.objects.exclude(state="done").exists()
    assert SyncItem.objects.filter(kind="refund").count() == len(month.refunds) > 20
    truth = month.ledger()
    booked = {role: sum(world.books.balance(code) for code in codes) for role, codes in ACCOUNTS.items()}
    assert {role: int(amount * 100) for role, amount in booked.items()} == {role: truth[role] for role in ACCOUNTS}
    assert world.books.balance("1300") == 0
    assert world.run().entries_posted == 0
