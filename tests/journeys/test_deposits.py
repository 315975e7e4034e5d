"""Money on open orders, house accounts, and tenders with a journal of their own. In cents, debit +."""

from __future__ import annotations

from django.test import Client

from connections.sandbox.square import LineSpec, TenderSpec
from sync import actions
from sync.models import SyncItem
from tests.journeys.shop import MUG, Till
from tests.pages import text_of

FREE = TenderSpec("card", fee=0)
DEPOSITS = "/admin/sync/deposit/"
CAKE = LineSpec("Wedding cake", 10000)


def deposit(till: Till, amount: int = 4000):  # type: ignore[no-untyped-def]
    return till.sell(CAKE, tenders=(TenderSpec("card", amount, fee=0),), state="OPEN")


# 40.00 of 100.00 paid: receivables owe the customer 40.00. Completed with 60.00: 82.64 + 17.36.
def test_a_deposit_is_listed_until_its_order_is_a_sale(till: Till, browser: Client) -> None:
    order = deposit(till)
    till.next_morning()
    assert till.ledger == {"1105": 4000, "1300": -4000}
    text = text_of(browser.get(DEPOSITS))
    assert "40.00" in text
    assert "1 day" in text
    assert "open" in text
    till.world.sandbox.square.pay(order.order_id, (FREE,))
    for _ in range(2):
        till.next_morning()
    assert till.ledger == {"1105": 10000, "8000": -8264, "1500": -1736}
    assert "No deposit is held" in text_of(browser.get(DEPOSITS))


def test_a_deposit_that_goes_back_is_undone_without_a_credit(till: Till, browser: Client) -> None:
    order = deposit(till)
    till.next_morning()
    till.world.sandbox.square.refund(order.payment_ids[0], 1500)
    till.next_morning()
    assert till.ledger == {"1105": 2500, "1300": -2500}
    assert "15.00" in text_of(browser.get(DEPOSITS))
    till.world.sandbox.square.refund(order.payment_ids[0], 2500)
    till.next_morning()
    assert till.ledger == {}
    assert "No deposit is held" in text_of(browser.get(DEPOSITS))


def test_a_cancelled_order_says_that_its_deposit_is_owed_back(till: Till, browser: Client) -> None:
    square = till.world.sandbox.square
    order = deposit(till)
    till.next_morning()
    square.change_order(order.order_id, state="CANCELED")
    till.next_morning()
    assert till.item(order).state == "waiting"
    assert "state is CANCELED" in till.item(order).problem
    assert "cancelled: give it back" in text_of(browser.get(DEPOSITS))
    square.refund(order.payment_ids[0], 4000)
    for _ in range(2):
        till.next_morning()
    assert till.item(order).state == "done"
    assert till.ledger == {}


# Cancelled before anything was booked: nothing is, until all of it went back; then money in and out, each once.
def test_a_deposit_that_goes_back_in_parts_before_it_was_booked(till: Till) -> None:
    square = till.world.sandbox.square
    order = deposit(till)
    square.change_order(order.order_id, state="CANCELED")
    square.refund(order.payment_ids[0], 1500)
    till.next_morning()
    assert (till.item(order).state, till.ledger) == ("waiting", {})
    square.refund(order.payment_ids[0], 2500)
    for _ in range(3):
        till.next_morning()
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}
    assert till.ledger == {}
    assert till.posts > 0


# A meal voucher of 12.95 in the bank's own journal 20 (account 1100), not through clearing.
def test_a_tender_with_a_journal_of_its_own_is_booked_there(till: Till, browser: Client) -> None:
    assert till.world.shop
    form = {"division": till.world.shop.division.pk, "tender": "external:food_voucher", "journal": "20"}
    assert browser.post("/admin/mappings/tenderjournal/add/", form).status_code == 302
    till.sell(LineSpec("Lunch", 1295, tax="VAT 9"), tenders=(
        TenderSpec("external", external_type="FOOD_VOUCHER", external_fee=15),
    ))  # fmt: skip
    till.next_morning()
    assert till.ledger == {"1100": 1280, "4960": 15, "8001": -1188, "1501": -107}


def test_only_tenders_that_square_does_not_settle_have_a_journal(till: Till, browser: Client) -> None:
    assert till.world.shop
    form = {"division": till.world.shop.division.pk, "tender": "CARD", "journal": "20"}
    answer = browser.post("/admin/mappings/tenderjournal/add/", form)
    assert "others are settled by Square or are cash" in text_of(answer)


# Charged to a house account: nothing received, the customer owes 25.00.
def test_a_house_account_stays_owed_by_its_customer(till: Till) -> None:
    till.sell(MUG, tenders=(TenderSpec("house"),), customer_id=till.world.customers[0])
    till.next_morning()
    assert till.ledger == {"1300": 2500, "8000": -2066, "1500": -434}
    assert till.owed_by("Hotel Prinsengracht") == 2500


# Square's figures are 0.03 apart: beyond the usual 0.02, within the lane's 0.05.
def test_the_rounding_limit_is_the_lanes(till: Till) -> None:
    assert till.world.shop
    sale = till.sell(LineSpec("Gift", 899, tax="VAT 0"), tenders=(TenderSpec("cash"),))
    paid = {"amount": 902, "currency": "EUR"}
    square = till.world.sandbox.square
    tenders = [{**tender, "amount_money": paid} for tender in sale.order["tenders"]]
    square.change_order(sale.order_id, tenders=tenders)
    square.change_payment(sale.payment_ids[0], amount_money=paid, total_money=paid)
    till.next_morning()
    assert "EUR 0.03 apart" in till.item(sale).problem
    lane = till.world.shop.lane
    type(lane).objects.update(rounding_limit=5)
    actions.replay_items(SyncItem.objects.filter(pk=till.item(sale).pk), by="anna")
    till.world.run("replay")
    till.next_morning()
    assert till.ledger == {"1000": 902, "8002": -899, "4990": -3}
