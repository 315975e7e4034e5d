"""Invoices: booked when published, settled by their payments, credited when canceled, refunded like any sale."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from connections.sandbox.faults import Fault
from connections.sandbox.square import LineSpec, RequestSpec
from sync.models import Leg, Posting, SyncItem
from sync.models.invoices import InvoiceStanding
from tests.journeys.desk import BALANCE, DEPOSIT, HOTEL, SOLD, entry, kept, standing, without
from tests.journeys.shop import ledger_of


# --- published ----------------------------------------------------------------------------------
@pytest.mark.accepts("S002-29")
def test_an_invoice_is_booked_when_it_is_published_on_its_customer_and_with_its_due_date(desk):
    made = desk.invoice(RequestSpec("BALANCE", due=date(2026, 4, 1)))

    run = desk.world.run()

    assert run.state == "done", run.sentence
    assert desk.ledger == SOLD
    assert desk.till.owed_by(HOTEL) == 157400
    head = next(iter(desk.world.books.tables["salesentries"]))
    assert (head["DueDate"].date(), head["EntryDate"].date()) == (date(2026, 4, 1), date(2026, 3, 2))
    assert head["Description"] == "Square invoice 0000001 Amsterdam 2026-03-02"
    posting = Posting.objects.get()
    assert posting.remote_number == head["InvoiceNumber"]
    assert "InvoiceNumber" not in posting.body
    assert kept(made).state == "done"
    assert (standing(made).why, standing(made).open_amount) == ("not_paid", 157400)


def test_a_draft_and_a_scheduled_invoice_wait_for_their_publication(desk):
    draft = desk.invoice(status="DRAFT")
    later = desk.world.timeline.now() + timedelta(days=3)
    desk.invoice(status="SCHEDULED", scheduled_at=later, customer=1)
    desk.morning()
    assert desk.ledger == {}
    assert {row.why for row in InvoiceStanding.objects.all()} == {"not_published"}

    desk.square.publish_invoice(draft["id"], at=desk.world.timeline.now())
    desk.morning()

    assert desk.ledger == SOLD
    # Drawn up on the 2nd, published on the 3rd: it is the 3rd's sale.
    assert Posting.objects.get().date == date(2026, 3, 3)
    assert standing(draft).status == "UNPAID"


def test_a_draft_that_was_published_while_nobody_looked_counts_from_its_publication(desk):
    draft = desk.invoice(status="DRAFT")
    desk.world.timeline.advance(timedelta(days=2).total_seconds())
    desk.square.publish_invoice(draft["id"], at=desk.world.timeline.now())
    desk.morning()
    assert Posting.objects.get().date == date(2026, 3, 4)


def test_a_paid_invoice_is_a_receipt_and_never_a_second_sale(desk):
    made = desk.invoice()
    desk.morning()
    desk.pay(made, fee=2755)
    desk.morning()
    desk.morning()

    assert Leg.objects.filter(kind="sale").count() == 1
    assert desk.ledger == without(SOLD, "1300") | {"1105": 157400 - 2755, "4960": 2755}
    receipt = next(row for row in desk.world.books.tables["bankentrylines"] if row["OurRef"])
    assert receipt["OurRef"] == entry(desk.world)["EntryNumber"]
    assert desk.till.owed_by(HOTEL) == 0
    assert standing(made).status == "PAID"


def test_published_and_paid_between_two_runs_is_still_one_sale(desk):
    made = desk.invoice()
    desk.world.timeline.advance(600)
    desk.pay(made, fee=2755)

    desk.morning()
    desk.morning()

    assert desk.ledger == without(SOLD, "1300") | {"1105": 157400 - 2755, "4960": 2755}
    assert Leg.objects.filter(kind="sale").get().item.kind == "invoice"


# --- case 6 -------------------------------------------------------------------------------------
def test_case_6_a_deposit_and_a_balance_with_a_tip(desk):
    made = desk.invoice(DEPOSIT, BALANCE)
    desk.morning()
    assert standing(made).due == date(2026, 4, 1)
    desk.pay(made, fee=1181)
    desk.morning()
    assert desk.ledger == SOLD | {"1300": 110180, "1105": 47220 - 1181, "4960": 1181}
    desk.morning()
    assert (standing(made).status, standing(made).paid, standing(made).why) == ("PARTIALLY_PAID", 47220, "partly_paid")

    desk.pay(made, fee=2880, tip=5000)
    desk.morning()
    desk.morning()

    assert desk.ledger == without(SOLD, "1300") | {"2150": -5000, "1105": 162400 - 4061, "4960": 4061}
    assert desk.till.owed_by(HOTEL) == 0
    assert (standing(made).status, standing(made).why) == ("PAID", "unmatched")
    assert {leg.state for leg in Leg.objects.all()} == {"confirmed"}


def test_instalments_are_receipts_one_after_the_other(desk):
    parts = [RequestSpec("INSTALLMENT", percentage="50", due=date(2026, month, 1)) for month in (4, 5)]
    made = desk.invoice(*parts)
    desk.morning()
    assert standing(made).due == date(2026, 5, 1)
    for left in (78700, 0):
        desk.pay(made, fee=0)
        desk.morning()
        assert desk.till.owed_by(HOTEL) == left
    assert desk.ledger == without(SOLD, "1300") | {"1105": 157400}


def test_cash_for_an_invoice_is_rounded_on_a_line_of_its_own(desk):
    made = desk.invoice(lines=(LineSpec("Rooms", 10902, tax="VAT 9"),))
    desk.morning()
    desk.pay(made, kind="cash", rounding=-2)
    desk.morning()

    assert desk.ledger["1000"] == 10900
    assert desk.ledger["4990"] == 2
    assert "1300" not in desk.ledger


# --- canceled -----------------------------------------------------------------------------------
def test_an_invoice_canceled_before_any_payment_is_credited_whole(desk):
    made = desk.invoice()
    desk.morning()
    desk.cancel(made)
    desk.morning()

    assert desk.ledger == {}
    credit = entry(desk.world, "invoice_credit")
    assert (credit["Type"], credit["Date"].date()) == (21, date(2026, 3, 3))
    assert (standing(made).status, standing(made).why) == ("CANCELED", "unmatched")


def test_an_invoice_canceled_after_a_deposit_is_credited_by_the_unpaid_part_only(desk):
    """Seven tenths of each line are unpaid; three tenths, 472.20, stay sold: 300.00 and 120.00 net."""
    made = desk.invoice(DEPOSIT, BALANCE)
    desk.morning()
    desk.pay(made, fee=0)
    desk.morning()
    desk.cancel(made)
    desk.morning()
    desk.morning()

    assert desk.ledger == {"8000": -12000, "8001": -30000, "1500": -2520, "1501": -2700, "1105": 47220}
    assert desk.till.owed_by(HOTEL) == 0
    assert Leg.objects.filter(kind="invoice_credit").get().amount == -110180
    assert {item.state for item in SyncItem.objects.all()} == {"done"}


def test_an_invoice_canceled_before_it_was_read_costs_nothing(desk):
    made = desk.invoice()
    desk.cancel(made)
    desk.morning()
    assert desk.ledger == {}
    assert standing(made).why == "nothing_owed"


def test_a_cancel_that_only_the_daily_list_shows_is_found(desk, monkeypatch):
    """It lies behind the newest page: two hundred newer ones are replaced by a page of one."""
    monkeypatch.setattr("connections.providers.square.client.INVOICES_PAGE", 1)
    made = desk.invoice()
    desk.world.timeline.advance(60)
    desk.invoice(customer=1)
    desk.morning()
    desk.cancel(made)
    desk.till.run_after(minutes=20)
    assert standing(made).status == "UNPAID"

    desk.morning()

    assert standing(made).status == "CANCELED"
    assert desk.till.owed_by(HOTEL) == 0


# --- refunded -----------------------------------------------------------------------------------
def test_a_refund_of_a_paid_invoice_takes_accounts_and_vat_from_its_sale(desk):
    made = desk.invoice()
    desk.morning()
    sale = desk.pay(made, fee=0)
    desk.morning()
    desk.square.refund(sale.payment_ids[0], 15740, at=desk.world.timeline.now(), fee_returned=0)
    desk.morning()
    desk.morning()

    # A tenth of each line: 40.00 + 8.40 and 100.00 + 9.00.
    assert desk.ledger == {"8000": -36000, "8001": -90000, "1500": -7560, "1501": -8100, "1105": 141660}
    assert standing(made).status == "PARTIALLY_REFUNDED"
    assert Leg.objects.get(kind="refund").debtor == Leg.objects.get(kind="sale").debtor


def test_a_refund_with_its_tip_gives_the_tip_back_from_where_it_was_booked(desk):
    made = desk.invoice()
    desk.morning()
    sale = desk.pay(made, fee=0, tip=5000)
    desk.morning()
    desk.square.refund(sale.payment_ids[0], at=desk.world.timeline.now(), fee_returned=0)
    desk.morning()
    desk.morning()

    assert desk.ledger == {}
    assert standing(made).status == "REFUNDED"
    assert {item.state for item in SyncItem.objects.all()} == {"done"}


# --- never twice --------------------------------------------------------------------------------
def test_idle_runs_post_nothing_and_cost_little(desk):
    desk.matching()
    made = desk.invoice()
    desk.morning()
    desk.pay(made, fee=0)
    desk.morning()
    desk.morning()
    posts, square = desk.till.posts, desk.till.calls("square")
    looks = desk.till.calls("exact", "GET", "ReceivablesList") + desk.till.calls("exact", "GET", "SalesEntries")

    for _ in range(3):
        desk.till.run_after(minutes=15)

    assert desk.till.posts == posts
    # Per run: invoices, payments, refunds and payouts of one location.
    assert desk.till.calls("square") - square == 3 * 4
    again = desk.till.calls("exact", "GET", "ReceivablesList") + desk.till.calls("exact", "GET", "SalesEntries")
    assert again == looks
    assert standing(made).why == "matched"


@pytest.mark.parametrize("fault", ["drop_after", "500_after"])
def test_an_answer_that_was_lost_is_not_booked_twice(desk, world, fault):
    desk.invoice()
    world.sandbox.faults.add(Fault(fault, "exact", "POST", "*/salesentry/SalesEntries"))
    world.run()
    assert Posting.objects.get().state == "sending"
    desk.till.run_after(minutes=10)
    desk.till.run_after(minutes=10)

    assert len(world.books.entries("70")) == 1
    assert Posting.objects.get().state == "confirmed"


def test_switched_off_a_paid_invoice_is_a_sale_of_its_day_as_it_used_to_be(desk, world):
    world.shop.lane.books_invoices = False
    world.shop.lane.save()
    made = desk.invoice()
    desk.pay(made, fee=0)
    desk.morning()
    assert InvoiceStanding.objects.count() == 0
    assert desk.ledger == without(SOLD, "1300") | {"1105": 157400}

    # Switched on later, the sale that was booked stays the only one.
    world.shop.lane.books_invoices = True
    world.shop.lane.save()
    desk.morning()

    assert Leg.objects.filter(kind="sale").count() == 1
    assert desk.ledger == without(SOLD, "1300") | {"1105": 157400}
    assert ledger_of(world.books) == desk.ledger
