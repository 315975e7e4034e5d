"""An order that changes at Square after it was written: changed, closed, or left to a person; never in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connections.sandbox.exact import orders as exact
from connections.sandbox.faults import Fault
from connections.sandbox.square import placing
from sync import actions
from sync.models import ExactOrder, Posting
from tests.journeys.ordering import CAKE, FRIDAY, MUGS, TOWEL, Orders
from tests.journeys.pages import page_of, words
from tests.journeys.shop import cents

WRITTEN = [("MUG", 2, 4132, "2"), ("CAKE", 1, 1188, "1")]
THREE = replace(MUGS, gross=7500, quantity="3")  # 75.00 at 21 % = 61.98 + 13.02


@pytest.fixture(params=["sales_orders", "quotations"])
def orders(till, request):
    orders = Orders(till)
    orders.choose(orders=request.param)
    orders.map("Mug", "Cake", "Tea towel")
    return orders


@pytest.fixture
def sales(till):
    orders = Orders(till)
    orders.map("Mug", "Cake", "Tea towel")
    return orders


def only(orders):
    (head,) = orders.heads or orders.quotations
    return head


def lines_of(entry):
    """As they were sent: the old body and the new one are both kept."""
    body = json.loads(entry.body)
    return body.get("SalesOrderLines") or body["QuotationLines"]


def change(orders, placed, *lines):
    orders.square.change_order_lines(placed["id"], lines, at=orders.world.timeline.now())


def test_a_changed_order_is_changed_in_exact_by_an_entry_that_names_the_one_before(orders):
    placed = orders.place()
    orders.run()
    before = only(orders)["YourRef"]
    change(orders, placed, THREE, CAKE, TOWEL)

    orders.run()

    # A quotation has a cent more: 8.26 x 0.21 = 1.7346, where Square charges 1.74.
    assert orders.shown(only(orders))[:3] == [("MUG", 3, 6198, "2"), ("CAKE", 1, 1188, "1"), ("TEA", 1, 826, "2")]
    assert (cents(only(orders)["AmountFC"]), only(orders)["YourRef"]) == (9795, before)
    first, second = orders.entries(placed)
    assert (second.corrects, second.state, first.state) == (first, "confirmed", "confirmed")
    quantities = [[line["Quantity"] for line in lines_of(entry)] for entry in (first, second)]
    assert [found[:3] for found in quantities] == [[2, 1], [3, 1, 1]]
    assert orders.record(placed).state == "done"


def test_fewer_lines_and_another_delivery_date_follow_too(orders):
    placed = orders.place()
    orders.run()
    later = replace(FRIDAY, due=datetime(2026, 3, 13, 9, 0, tzinfo=UTC))
    change(orders, placed, MUGS)
    orders.square.change_order(
        placed["id"], at=orders.world.timeline.now(), fulfillments=[placing.fulfilment(orders.square.state, later)]
    )

    orders.run()

    assert orders.shown(only(orders)) == WRITTEN[:1]
    assert only(orders)["DeliveryDate"].date().isoformat() == "2026-03-13"


def test_a_change_that_does_not_concern_the_order_changes_nothing(orders):
    placed = orders.place()
    orders.run()
    before = orders.writes()
    orders.square.change_order(placed["id"], at=orders.world.timeline.now(), ticket_name="Table 4")

    orders.run()

    assert orders.writes() == before
    assert len(orders.entries(placed)) == 1


def test_changes_follow_one_another(orders):
    placed = orders.place()
    orders.run()
    change(orders, placed, MUGS)
    orders.run()
    change(orders, placed, MUGS, CAKE)

    orders.run()

    assert orders.shown(only(orders)) == WRITTEN
    assert [entry.state for entry in orders.entries(placed)] == ["confirmed"] * 3


@pytest.mark.parametrize("action", ["drop_after", "500_after", "drop_before", "503"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_change_whose_answer_was_lost_is_carried_on_and_never_doubled(sales, action, method):
    placed = sales.place()
    sales.run()
    change(sales, placed, THREE, CAKE, TOWEL)
    path = "*/salesorder/SalesOrderLines*"
    sales.world.sandbox.faults.add(Fault(action, system="exact", method=method, path=path))

    for _ in range(5):
        sales.run(minutes=5)

    assert sales.shown(only(sales)) == [("MUG", 3, 6198, "2"), ("CAKE", 1, 1188, "1"), ("TEA", 1, 826, "2")]
    assert [entry.state for entry in sales.entries(placed)] == ["confirmed"] * 2


def test_what_is_delivered_already_is_left_alone_and_told(sales):
    placed = sales.place()
    sales.run()
    exact.deliver(sales.books, only(sales)["OrderID"])
    change(sales, placed, THREE)

    sales.run()

    waiting = sales.record(placed)
    assert sales.shown(only(sales)) == WRITTEN
    assert (waiting.state, waiting.problem_kind) == ("waiting", "changed_after_posting")
    assert "delivered or invoiced" in waiting.problem
    assert "Exact refused" not in waiting.problem

    sales.run()
    actions.dismiss([sales.record(placed)], reason="Changed by hand in Exact", by="anna")
    assert sales.record(placed).state == "dismissed"


def test_an_accepted_quotation_is_left_alone(till):
    orders = Orders(till)
    orders.choose(orders="quotations")
    orders.map("Mug", "Cake")
    placed = orders.place()
    orders.run()
    exact.accept(orders.books, only(orders)["QuotationID"])
    change(orders, placed, MUGS)

    orders.run()

    assert orders.shown(only(orders)) == WRITTEN
    assert "accepted" in orders.record(placed).problem


def test_lines_that_somebody_changed_in_exact_are_not_written_over(sales):
    placed = sales.place()
    sales.run()
    line = sales.lines(only(sales))[0]
    exact.change_line(exact.ORDERS)(sales.books, line["ID"], {"Quantity": 7})
    before = sales.shown(only(sales))
    change(sales, placed, THREE, CAKE)

    sales.run()

    assert sales.shown(only(sales)) == before
    assert "Somebody changed the lines" in sales.record(placed).problem


def test_the_customer_of_a_sales_order_cannot_change_and_that_of_a_quotation_can(orders):
    placed = orders.place()
    orders.run()
    orders.square.change_order(placed["id"], at=orders.world.timeline.now(), customer_id=orders.world.customers[1])

    orders.run()

    if orders.heads:
        assert orders.record(placed).problem_kind == "changed_after_posting"
        assert "Hotel Prinsengracht to Atelier Vos" in orders.record(placed).problem
    else:
        assert only(orders)["OrderAccountName"] == "Atelier Vos"
        assert orders.record(placed).state == "done"


def test_a_cancelled_order_is_closed_in_exact(orders):
    placed = orders.place()
    orders.run()
    orders.square.cancel_order(placed["id"], at=orders.world.timeline.now())

    orders.run()
    orders.run()

    assert only(orders)["StatusDescription"] in ("Complete", "Rejected")
    first, closing = orders.entries(placed)
    assert (closing.corrects, closing.state) == (first, "confirmed")
    assert ExactOrder.objects.get().is_over
    assert orders.record(placed).state == "done"
    assert orders.till.calls("exact", "POST", "CompleteSalesOrder") + orders.till.calls("exact", "POST", "Reject") == 1


@pytest.mark.parametrize("action", ["drop_after", "drop_before"])
def test_a_closing_whose_answer_was_lost_is_found_out(orders, action):
    placed = orders.place()
    orders.run()
    orders.square.cancel_order(placed["id"], at=orders.world.timeline.now())
    for path in ("*/salesorder/CompleteSalesOrder", "*/crm/RejectQuotation"):
        orders.world.sandbox.faults.add(Fault(action, system="exact", method="POST", path=path))

    for _ in range(5):
        orders.run(minutes=5)

    assert only(orders)["StatusDescription"] in ("Complete", "Rejected")
    assert orders.entries(placed)[-1].state == "confirmed"


def test_an_order_cancelled_after_it_was_delivered_waits_for_a_person(sales, browser):
    placed = sales.place()
    sales.run()
    exact.deliver(sales.books, only(sales)["OrderID"])
    sales.square.cancel_order(placed["id"], at=sales.world.timeline.now())

    sales.run()
    actions.replay_postings(Posting.objects.filter(state="refused"), by="anna")
    sales.run()

    assert sales.record(placed).state == "waiting"
    assert sales.till.calls("exact", "POST", "CompleteSalesOrder") == 0
    assert "delivered or invoiced" in words(browser.get(page_of(sales.record(placed))))


def test_an_order_cancelled_before_it_was_written_is_never_written(sales):
    placed = sales.place(TOWEL, customer_id=sales.square.add_customer(company_name="Nobody")["id"])
    sales.run()
    assert sales.record(placed).state == "waiting"
    sales.square.cancel_order(placed["id"], at=sales.world.timeline.now())

    sales.run()

    assert sales.heads == []
    assert sales.record(placed).state in {"done", "dismissed"}


def test_what_people_do_in_exact_shows_on_our_page_within_a_day(sales, browser):
    sales.place()
    sales.run()
    exact.deliver(sales.books, only(sales)["OrderID"])

    sales.run(hours=25)

    assert "complete" in words(browser.get("/admin/sync/orderrecord/"))


def test_the_kind_of_document_stays_when_the_lane_changes_its_mind(sales):
    placed = sales.place()
    sales.run()
    sales.choose(orders="quotations")
    change(sales, placed, MUGS)

    sales.run()

    assert (sales.shown(only(sales)), sales.quotations) == (WRITTEN[:1], [])


def test_a_change_that_was_taken_back_does_not_swallow_the_next_one(sales):
    """The article of the first change is unknown; the change is taken back; another one follows."""
    placed = sales.place()
    sales.run()
    change(sales, placed, replace(TOWEL, name="Something new"))
    sales.run()
    assert sales.record(placed).problem_kind == "unmapped_item"
    change(sales, placed, MUGS, CAKE)
    sales.run()
    assert (sales.record(placed).state, sales.shown(only(sales))) == ("done", WRITTEN)

    change(sales, placed, MUGS)
    sales.run()

    assert sales.shown(only(sales)) == WRITTEN[:1]
    assert sales.record(placed).state == "done"


def test_an_order_that_asked_for_nothing_for_a_while_is_written_once(sales):
    placed = sales.place(replace(TOWEL, name="Something new"))
    sales.run()
    change(sales, placed, replace(TOWEL, gross=0, quantity="0.0001", tax=""))
    sales.square.change_order(placed["id"], line_items=[{**placed["line_items"][0], "quantity": "0"}])
    sales.run()
    assert (sales.record(placed).problem_kind, sales.heads) == ("no_lines", [])
    change(sales, placed, MUGS)

    sales.run()
    sales.run()

    assert [sales.shown(head) for head in sales.heads] == [WRITTEN[:1]]
    assert sales.record(placed).state == "done"


def test_the_order_of_a_square_invoice_is_not_written_as_well(sales):
    placed = sales.place()
    sales.run(minutes=1)
    sales.choose(orders="off")
    other = sales.place()
    invoice = sales.record(placed)
    invoice.pk, invoice.kind, invoice.source_id, invoice.order_id = None, "invoice", "inv:0-1", other["id"]
    invoice.save()
    sales.choose(orders="sales_orders")

    sales.run()

    assert len(sales.heads) == 1
    assert (sales.record(other).state, sales.entries(other)) == ("done", [])
