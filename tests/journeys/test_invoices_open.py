"""Invoices are open until proven matched: what the pages show of both sides."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import AuditEntry
from connections.sandbox.square import LineSpec
from sync import standings
from sync.models.invoices import InvoiceStanding
from tests.journeys.desk import BALANCE, DEPOSIT, HOTEL, by_hand, kept, standing
from tests.journeys.pages import page_of, press, words
from tests.journeys.shop import cents


# --- proven matched -----------------------------------------------------------------------------
@pytest.mark.accepts("S000-32")
def test_a_hundred_invoices_paid_are_a_hundred_matched_and_partial_ones_are_listed(desk):
    desk.matching()
    whole = [desk.invoice(customer=number % 3, lines=(LineSpec("Stay", 5000 + number),)) for number in range(100)]
    partly = [desk.invoice(customer=number) for number in range(3)]
    desk.morning()
    # 103 numbers are looked up thirty a call, 103 open terms forty a call.
    assert desk.till.calls("exact", "GET", "SalesEntries") == 4
    assert desk.till.calls("exact", "GET", "ReceivablesList") == 3
    for made in whole:
        desk.pay(made, fee=0)
    for made in partly:
        desk.pay(made, amount=50000, fee=0)
    desk.morning()
    desk.morning()

    found = {row.item.source_id: row for row in InvoiceStanding.objects.select_related("item")}
    assert {found[made["id"]].why for made in whole} == {"matched"}
    assert {found[made["id"]].open_amount for made in whole} == {0}
    assert [(found[made["id"]].why, found[made["id"]].open_amount) for made in partly] == [("partly_paid", 157400)] * 3
    assert len(whole) == 100
    assert sum(cents(term["Amount"]) for term in desk.world.books.receivables()) == 3 * (157400 - 50000)


def test_what_exact_has_not_matched_is_a_leftover_until_a_bookkeeper_matches_it(desk):
    made = desk.invoice(DEPOSIT, BALANCE)
    desk.morning()
    desk.pay(made, fee=0)
    desk.pay(made, fee=0)
    desk.morning()
    desk.morning()
    assert (standing(made).why, standing(made).open_amount) == ("unmatched", 157400)
    assert "Match them" in standing(made).sentence

    desk.world.books.match([term["HID"] for term in desk.world.books.receivables()])
    desk.morning()

    assert (standing(made).why, standing(made).open_amount) == ("matched", 0)


def test_what_somebody_settled_with_something_else_is_told(desk):
    made = desk.invoice()
    desk.morning()
    term = desk.world.books.receivables()[0]
    desk.world.books.tables["receivableslist"].remove(term["HID"])

    desk.morning()

    assert standing(made).why == "differs"
    assert "EUR 1,574.00 with something else" in standing(made).sentence


# --- on the pages -------------------------------------------------------------------------------
LIST = "/admin/sync/invoicestanding/"


def row_of(browser: Any, made: dict[str, Any]) -> Any:
    rows = browser.get(LIST).context["cl"].result_list
    return next(row for row in rows if row.item.source_id == made["id"])


@pytest.mark.accepts("S000-03")
def test_every_square_status_stands_beside_the_state_in_exact(desk, browser):
    """One invoice through draft, unpaid, partly paid, paid, refunded; another one is canceled."""
    desk.matching()
    made = desk.invoice(DEPOSIT, BALANCE, status="DRAFT")
    other = desk.invoice(customer=1)
    seen = []

    def look() -> None:
        desk.morning()
        row, text = row_of(browser, made), words(browser.get(LIST))
        terms = [term for term in desk.world.books.receivables() if term["YourRef"] and term["Amount"] > 0]
        listed = sum(cents(term["Amount"]) for term in terms if term["AccountName"] == HOTEL)
        assert (row.open_amount or 0) == listed
        assert row.status.replace("_", " ").lower() in text
        seen.append((row.status, row.sale_state, row.open_amount))

    look()
    desk.square.publish_invoice(made["id"], at=desk.world.timeline.now())
    look()
    sale = desk.pay(made, fee=0)
    desk.morning()
    look()
    rest = desk.pay(made, fee=0)
    desk.morning()
    look()
    desk.square.refund(sale.payment_ids[0], at=desk.world.timeline.now(), fee_returned=0)
    desk.morning()
    look()
    desk.square.refund(rest.payment_ids[0], at=desk.world.timeline.now(), fee_returned=0)
    desk.cancel(other)
    desk.morning()
    look()

    assert seen == [
        ("DRAFT", None, None),
        ("UNPAID", "confirmed", 157400),
        ("PARTIALLY_PAID", "confirmed", 157400),
        ("PAID", "confirmed", 157400),
        ("PARTIALLY_REFUNDED", "confirmed", 157400),
        ("REFUNDED", "confirmed", 157400),
    ]
    assert (standing(other).status, row_of(browser, other).why) == ("CANCELED", "unmatched")
    assert desk.ledger == {}


@pytest.mark.accepts("S002-33")
def test_what_is_outstanding_of_a_customer_equals_exact(desk, browser):
    """Filtered by customer and 'open in Exact'. Part of one is paid and matched by hand."""
    parts = [desk.invoice(), desk.invoice(lines=(LineSpec("Stay", 12100),)), desk.invoice(customer=1)]
    desk.morning()
    desk.pay(parts[0], amount=57400, fee=0)
    desk.morning()
    mine = [term for term in desk.world.books.receivables() if term["AccountName"] == HOTEL]
    desk.world.books.match([term["HID"] for term in mine if cents(term["Amount"]) in (157400, -57400)])
    desk.morning()

    rows = browser.get(LIST, {"stands": "open", "customer_id": desk.world.customers[0]}).context["cl"].result_list
    assert sorted(row.open_amount for row in rows) == [12100, 100000]
    assert sum(row.open_amount for row in rows) == desk.till.owed_by(HOTEL)


def test_the_list_is_narrowed_to_what_a_person_has_to_look_at(desk, browser):
    desk.invoice()
    made = desk.invoice(customer=1)
    desk.morning()
    desk.pay(made, fee=0)
    desk.morning()
    desk.morning()
    for stands, expected in (("leftovers", 1), ("unmatched", 1), ("open", 2), ("matched", 0), ("not_booked", 0)):
        assert len(browser.get(LIST, {"stands": stands}).context["cl"].result_list) == expected
    assert "1 invoice left open in Exact" in words(browser.get("/admin/"))
    told = words(browser.get(page_of(standing(made))))
    assert "Match them on the customer's card in Exact" in told
    assert "Atelier Vos" in told
    assert "Paid at Square" in told


def test_a_person_says_that_it_is_another_invoice_and_it_is_booked(desk, browser, queue):
    by_hand(desk.world, customer="Museum Oud-West")
    made = desk.invoice()
    desk.morning()
    assert "Another invoice: book it" in words(browser.get(page_of(standing(made))))

    with queue.listening():
        refused = press(browser, standing(made), "another")
        assert "Give a reason" in words(refused)
        press(browser, standing(made), "another", reason="It is the museum's invoice of last year")
    queue.work()

    assert kept(made).state in {"resolved", "done"}
    assert desk.till.owed_by(HOTEL) == 157400

    told = AuditEntry.objects.get(verb="invoice.is_another")
    assert (told.actor, "museum's invoice" in str(told.detail)) == ("anna", True)


def test_a_person_has_an_invoice_looked_at_again(desk, browser, queue):
    made = desk.invoice()
    desk.morning()
    desk.cancel(made)
    with queue.listening():
        press(browser, standing(made), "look_again")
    queue.work()

    assert standing(made).status == "CANCELED"
    assert desk.till.owed_by(HOTEL) == 0


def test_a_webhook_has_one_invoice_read_again_by_its_id(desk):
    made = desk.invoice()
    desk.invoice(customer=1)
    desk.morning()
    reads = desk.till.calls("square", "GET", "/v2/invoices/")
    assert standings.read_again_at_square(desk.world.shop.lane.pk, [made["id"], "inv:0-unknown"]) == 1

    desk.till.run_after(minutes=5)
    desk.till.run_after(minutes=5)

    assert desk.till.calls("square", "GET", "/v2/invoices/") - reads == 1
    assert standing(made).wanted_at is None


def test_the_record_of_an_invoice_shows_both_sides_and_its_preview_asks_nobody(desk, browser):
    made = desk.invoice()
    desk.morning()
    told = words(browser.get(page_of(kept(made))))
    for part in ("invoiced", "0000001", "Rooms", "Hotel Prinsengracht", "Sales entry", "EUR 1,574.00"):
        assert part in told
    calls = desk.till.calls("exact")

    preview = words(browser.get(f"/admin/sync/syncitem/{kept(made).pk}/preview/"))

    assert "1,574.00" in preview
    assert desk.till.calls("exact") == calls
