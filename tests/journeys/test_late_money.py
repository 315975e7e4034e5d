"""What comes after the sale: fees that show later, second tenders, deposits, supplements, changes."""

from __future__ import annotations

from datetime import timedelta

from connections.sandbox.square import LineSpec, TenderSpec
from sync.models import Leg, Posting


def test_a_fee_that_shows_after_the_day_was_booked_becomes_a_leg_of_its_own(till):
    till.world.sandbox.square.fee_delay = 30 * 3600
    till.sell()
    till.next_morning()
    assert till.ledger == {"1105": 2500, "8000": -2066, "1500": -434}
    before = till.posts

    till.run_after(hours=12)

    assert till.ledger == {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
    assert till.posts == before + 1
    assert list(
        Posting.objects.filter(document="bank_entry").values_list("ordinal", flat=True).order_by("ordinal")
    ) == [0, 1]


def test_an_adjusted_fee_is_a_second_fee(till):
    sale = till.sell()
    till.next_morning()

    till.world.sandbox.square.add_fee(sale.payment_ids[0], -5, at=till.world.timeline.now())
    till.next_morning()
    till.next_morning()

    assert till.ledger["4960"] == 39
    assert Leg.objects.filter(kind="fee", state="confirmed").count() == 2


def test_a_sale_that_comes_late_is_a_dated_supplement(till):
    till.sell()
    at = till.world.timeline.now()
    till.next_morning()

    till.sell(at=at + timedelta(minutes=5))
    till.world.sandbox.square.change_payment(till.world.sandbox.square.payments()[-1]["id"], note="synchronised late")
    till.run_after(minutes=10)

    days = [entry["Date"].date() for entry in till.world.books.entries("70")]
    assert days == [at.date(), at.date()]
    assert till.ledger["8000"] == 2 * -2066


def test_two_tenders_of_one_order_make_one_sale(till):
    sale = till.sell(tenders=(TenderSpec("cash", 1000), TenderSpec("card", 1500, fee=26)))

    till.next_morning()

    assert Leg.objects.filter(kind="sale").count() == 1
    assert till.item(sale).state == till.item(sale, 1).state == "done"
    assert till.ledger == {"1000": 1000, "1105": 1474, "4960": 26, "8000": -2066, "1500": -434}


def test_a_deposit_on_an_open_order_is_a_receipt_at_once_and_the_sale_follows(till):
    deposit = till.sell(LineSpec("Cake", 10000, tax="VAT 9"), tenders=(TenderSpec("cash", 3000),), state="OPEN")
    till.next_morning()
    assert till.ledger == {"1000": 3000, "1300": -3000}

    till.world.sandbox.square.pay(deposit.order_id, (TenderSpec("cash", 7000),))
    till.next_morning()
    till.next_morning()

    assert till.ledger == {"1000": 10000, "8001": -9174, "1501": -826}


def test_what_is_not_booked_may_change_without_a_trace_in_the_books(till):
    sale = till.sell()
    till.next_morning()
    books, posts = till.ledger, till.posts

    till.world.sandbox.square.change_payment(sale.payment_ids[0], note="table 4")
    till.next_morning()

    assert (till.ledger, till.posts) == (books, posts)
    assert till.item(sale).state == "done"


def test_an_amount_changed_after_booking_waits_for_a_person(till):
    sale = till.sell()
    till.next_morning()

    money = {"amount": 2600, "currency": "EUR"}
    till.world.sandbox.square.change_payment(sale.payment_ids[0], amount_money=money, total_money=money)
    order = till.world.sandbox.square.order(sale.order_id)
    tender = {**order["tenders"][0], "amount_money": money}
    line = {**order["line_items"][0], "total_money": money}
    till.world.sandbox.square.change_order(sale.order_id, tenders=[tender], line_items=[line], total_money=money)
    till.next_morning()

    assert (till.item(sale).state, till.item(sale).problem_kind) == ("waiting", "changed_after_posting")
    assert till.ledger["8000"] == -2066
