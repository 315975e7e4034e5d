"""A customer is mapped to another account after sales were booked: planned and approved, they go to that account."""

from __future__ import annotations

from datetime import date

import pytest

from connections.sandbox.square import LineSpec, TenderSpec
from mappings.models import CustomerMapping, DebtorAccount
from sync.models import Leg, PlannedEntry, Posting, SyncItem, SyncRun
from tests import pictures
from tests.journeys.desk import Desk
from tests.journeys.pages import page_of, press, save_form, words

HOTEL, ATELIER, COUNTER = "Hotel Prinsengracht", "Atelier Vos", "Counter sales"


@pytest.fixture(params=["per_payment", "daily_summary"])
def till(empty_till, request):
    pictures.furnish(empty_till.world, sales_grouping=request.param)
    return empty_till


def mapping(till, of=0):
    return CustomerMapping.objects.get(square_customer_id=till.world.customers[of])


def change(browser, row, **to):
    if "debtor" in to:
        to["debtor"] = DebtorAccount.objects.get(name=to["debtor"]).pk
    return words(save_form(browser, page_of(row), reason="It was the other one", **to))


def planned():
    return SyncRun.objects.get(purpose="undo")


def approved(browser, queue):
    with queue.listening():
        press(browser, planned(), "approve")
    queue.work()


def mornings(till, count=3):
    for _ in range(count):
        till.next_morning()


def entries_per_customer(till):
    """What sales, receipts and corrections came to on each customer's account in the ledger, in cents."""
    moved = {}
    names = {row["ID"]: row["Name"] for row in till.world.books.tables["accounts"]}
    for line in till.world.books.lines():
        if line["GLAccountCode"] == "1300":
            pair = moved.setdefault(names[line["AccountID"]] if "AccountID" in line else names[line["Account"]], [0, 0])
            pair[line["AmountDC"] < 0] += int(line["AmountDC"] * 100)
    return moved


def test_a_sale_goes_to_the_account_that_its_customer_turns_out_to_be(till, browser, queue):
    till.sell(customer_id=till.world.customers[0])
    till.sell()  # at the counter, the same day: it stays as it is
    till.next_morning()
    before, posts = till.ledger, till.posts
    assert entries_per_customer(till)[HOTEL] == [2500, -2500]
    row = mapping(till)

    told = change(browser, row, debtor=ATELIER)
    assert "1 entry since 2 March 2026 holds what was booked by the former mapping" in told
    page = words(press(browser, row, "correct", reason="Wrong customer"))
    assert f"{HOTEL} becomes {ATELIER}: once, EUR 25.00" in page
    mornings(till)
    assert (till.ledger, till.posts) == (before, posts)

    approved(browser, queue)
    mornings(till)

    assert till.ledger == before
    moved = entries_per_customer(till)
    assert moved[ATELIER] == [2500, -2500]
    assert moved[HOTEL] == [5000, -5000]  # what was booked and what took it back
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}
    counter = SyncItem.objects.get(customer_id="")
    assert {leg.ordinal for leg in counter.legs.all()} == {0}
    assert "there is nothing to correct" in words(press(browser, row, "correct", reason="Again"))


def test_sales_booked_on_the_collective_debtor_follow_once_somebody_says_who_it_was(till, browser, queue):
    """Only the customer's part of the summary of the day is taken back: one leg of each entry."""
    row = mapping(till)
    CustomerMapping.objects.filter(pk=row.pk).update(status="ignored", debtor=None)
    till.sell(customer_id=row.square_customer_id)
    till.sell(LineSpec("Book", 1090, tax="VAT 9"))
    till.next_morning()
    before = till.ledger

    told = change(browser, row, status="matched", debtor=HOTEL)
    assert "1 entry since 2 March 2026 holds what was booked by the former mapping" in told
    press(browser, row, "correct", reason="Known now")
    taken = [len(entry.leg_ids) for entry in PlannedEntry.objects.filter(run=planned())]
    assert taken == [1, 1]
    approved(browser, queue)
    mornings(till)

    assert till.ledger == before
    assert entries_per_customer(till)[HOTEL] == [2500, -2500]
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}
    book = SyncItem.objects.get(amount=1090)
    assert {leg.ordinal for leg in book.legs.all()} == {0}
    if Posting.objects.filter(group__contains="|", document="sales_entry").exists():
        summary = Posting.objects.filter(document="sales_entry", group__contains="|").earliest("id")
        assert summary.state == "confirmed"  # the book still stands in it


def test_a_refunded_sale_moves_with_its_refund(till, browser, queue):
    sale = till.sell(customer_id=till.world.customers[0])
    till.next_morning()
    till.world.sandbox.square.refund(sale.payment_ids[0], 1000)
    mornings(till, 2)
    before, row = till.ledger, mapping(till)

    change(browser, row, debtor=ATELIER)
    press(browser, row, "correct", reason="Wrong customer")
    approved(browser, queue)
    mornings(till, 5)

    assert till.ledger == before
    moved = entries_per_customer(till)
    assert moved[ATELIER] == [3500, -3500]  # sold and given back; received and refunded
    assert sum(moved[HOTEL]) == 0
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}


def test_an_invoice_and_its_payment_move_to_the_customer_it_is_owed_by(till, browser, queue):
    desk = Desk(till)
    made = desk.invoice()
    desk.morning()
    desk.pay(made, amount=50000)
    desk.morning()
    before = till.ledger
    assert till.owed_by(HOTEL) == 107400
    row = mapping(till)

    change(browser, row, debtor=ATELIER)
    press(browser, row, "correct", reason="Wrong customer")
    approved(browser, queue)
    mornings(till, 4)

    assert till.ledger == before
    assert (till.owed_by(HOTEL), till.owed_by(ATELIER)) == (0, 107400)
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}


def test_what_comes_in_later_on_a_sale_is_received_from_whom_the_sale_stands_on(till, browser):
    """The mapping was changed in between, and what was booked stays: its receipt must not go to another account."""
    sale = till.world.sandbox.square.sell(
        "Amsterdam", till.world.timeline.now(), (LineSpec("Mug", 2500, tax="VAT 21"),),
        (TenderSpec("house"),), customer_id=till.world.customers[0],
    )  # fmt: skip
    till.next_morning()
    assert till.owed_by(HOTEL) == 2500
    item = SyncItem.objects.get(source_id=sale.payment_ids[0])
    change(browser, mapping(till), debtor=ATELIER)
    SyncItem.objects.filter(pk=item.pk).update(state="extracted")  # as when Square tells something new of it
    mornings(till, 2)

    item.refresh_from_db()
    assert (item.state, item.problem) == ("done", "")
    assert (till.owed_by(HOTEL), till.owed_by(ATELIER)) == (2500, 0)
    assert Leg.objects.filter(item=item, kind="sale").count() == 1


def test_a_mapping_that_changes_nothing_booked_offers_nothing(till, browser):
    till.sell(customer_id=till.world.customers[0])
    till.next_morning()
    assert "would be booked otherwise" not in change(browser, mapping(till), effective_from=date(2026, 1, 2))
    other = mapping(till, 1)
    assert "would be booked otherwise" not in change(browser, other, debtor=HOTEL)
