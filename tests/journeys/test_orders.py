"""Open Square orders become quotations or sales orders in Exact and never touch the ledger."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from django.urls import reverse

from connections.sandbox.exact import orders as exact
from connections.sandbox.faults import Fault
from connections.sandbox.square import ChargeSpec, LineSpec, TenderSpec
from mappings.models import CustomerMapping, DebtorAccount, ItemMapping
from mappings.signals import mapping_changed
from sync import actions, extraction, grip, resolving
from sync.flows import FLOWS
from sync.flows.base import Work
from sync.models import ExactOrder, Posting, SyncItem, SyncRun
from tests.journeys.ordering import MUGS, TOWEL, Orders
from tests.journeys.pages import page_of, press, save_form, words
from tests.journeys.shop import cents

# 2 mugs 50.00 at 21 % = 41.32 + 8.68; a cake 12.95 at 9 % = 11.88 + 1.07; 62.95 in all.
WRITTEN = [("MUG", 2, 4132, "2"), ("CAKE", 1, 1188, "1")]
# The sale of it, when it is paid by card with a fee of 1.10.
SOLD = {"1105": 6185, "4960": 110, "8000": -4132, "8001": -1188, "1500": -868, "1501": -107}


@pytest.fixture
def orders(till):
    orders = Orders(till)
    orders.map("Mug", "Cake")
    return orders


@pytest.mark.accepts("S000-12", "S000-36")
def test_an_order_becomes_a_sales_order_with_items_customer_delivery_date_and_terms(orders):
    customer = DebtorAccount.objects.get(name="Hotel Prinsengracht")
    DebtorAccount.objects.filter(pk=customer.pk).update(payment_condition="14")
    placed = orders.place()

    orders.run()

    (head,) = orders.heads
    assert placed["total_money"] == {"amount": 6295, "currency": "EUR"}
    assert (cents(head["AmountFC"]), head["Currency"], head["OrderedBy"]) == (6295, "EUR", customer.remote_id)
    assert (head["DeliveryDate"].date().isoformat(), head["PaymentCondition"]) == ("2026-03-06", "14")
    assert orders.shown(head) == WRITTEN
    assert [line["NetPrice"] for line in orders.lines(head)] == [Decimal("20.66"), Decimal("11.88")]
    assert [cents(line["VATAmount"]) for line in orders.lines(head)] == [868, 107]
    assert orders.record(placed).state == "done"
    assert orders.till.ledger == {}


@pytest.mark.accepts("S000-11", "S000-36")
def test_an_order_becomes_a_quotation_with_the_same_total_to_the_cent(orders):
    """12.99 at 21 % is 10.74 + 2.25 at Square. Exact reckons 2.26 (10.74 x 0.21 = 2.2554), so a cent goes off again."""
    orders.choose(orders="quotations")
    orders.place(LineSpec("Mug", 1299, tax="VAT 21"))

    orders.run()

    (head,) = orders.quotations
    customer = DebtorAccount.objects.get(name="Hotel Prinsengracht")
    assert (cents(head["AmountFC"]), head["Currency"], head["OrderAccount"]) == (1299, "EUR", customer.remote_id)
    assert orders.shown(head) == [("MUG", 1, 1074, "2"), ("SQUARE", 1, -1, "NV")]
    assert (orders.heads, orders.till.ledger) == ([], {})
    assert Posting.objects.get().state == "confirmed"


@pytest.mark.accepts("S000-12")
def test_one_total_line_per_vat_code_needs_no_items(till):
    orders = Orders(till, order_lines="total_line")
    orders.place()
    orders.place(MUGS, TOWEL)

    orders.run()

    mixed, single = orders.heads
    assert orders.shown(mixed) == [("SQUARE", 1, 4132, "2"), ("SQUARE", 1, 1188, "1")]
    # 50.00 + 10.00 at 21 % = 41.32 + 8.26 net, 8.68 + 1.74 VAT.
    assert orders.shown(single) == [("SQUARE", 1, 4958, "2")]
    assert [cents(head["AmountFC"]) for head in (mixed, single)] == [6295, 6000]


def test_discounts_are_inside_the_price_and_charges_are_lines_of_their_own(orders):
    """5.00 off 50.00 = 45.00 = 37.19 + 7.81, each 18.595; delivery 6.05 at 21 % = 5.00 + 1.05."""
    discounted = LineSpec("Mug", 5000, tax="VAT 21", quantity="2", discount=500)
    charge = ChargeSpec("Delivery", amount=605, tax="VAT 21")
    orders.place(discounted, service_charges=(charge,))

    orders.run()

    (head,) = orders.heads
    assert orders.shown(head) == [("MUG", 2, 3719, "2"), ("SQUARE", 1, 500, "2")]
    mug, delivery = orders.lines(head)
    assert (mug["NetPrice"], mug["Notes"]) == (Decimal("18.595"), "Discount of EUR 5.00 is inside the price.")
    assert (delivery["Description"], cents(head["AmountFC"])) == ("Delivery", 5105)


@pytest.mark.accepts("S002-46")
def test_an_article_nobody_mapped_waits_while_others_go_on_and_resumes_when_it_is_accepted(orders, browser, queue):
    strange, known = orders.place(TOWEL), orders.place()
    orders.till.sell()
    orders.run()

    waiting = orders.record(strange)
    assert (waiting.state, waiting.problem_kind) == ("waiting", "unmapped_item")
    assert "Tea towel" in waiting.problem
    assert orders.record(known).state == "done"
    proposed = ItemMapping.objects.get(square_item=orders.article("Tea towel"))
    assert (proposed.status, [candidate["code"] for candidate in proposed.candidates]) == ("proposed", ["TEA"])

    page = browser.get(page_of(proposed))
    form = page.context["adminform"].form
    fields = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "")}
    item = proposed.division.exactitem_set.get(code="TEA")
    with queue.listening():
        saved = browser.post(page_of(proposed), {**fields, "_accept": item.pk})
    assert saved.status_code == 302, words(saved)
    queue.work()

    assert orders.record(strange).state == "done"
    assert orders.shown(orders.heads[-1]) == [("TEA", 1, 826, "2")]


@pytest.mark.accepts("S002-46")
def test_an_article_that_is_ignored_takes_the_item_for_the_rest(orders):
    placed = orders.place(TOWEL)
    orders.run()
    ItemMapping.objects.filter(square_item=orders.article("Tea towel")).update(status="ignored")
    actions.replay_items([orders.record(placed)], by="anna")

    orders.run()

    assert orders.shown(orders.heads[0]) == [("SQUARE", 1, 826, "2")]
    assert orders.lines(orders.heads[0])[0]["Description"] == "Tea towel"


def test_an_unknown_customer_waits_until_finance_says_who_it_is(orders):
    stranger = orders.square.add_customer(company_name="Atelier Nieuw")["id"]
    placed = orders.place(customer_id=stranger)
    orders.run()
    assert (orders.record(placed).problem_kind, orders.heads) == ("unmapped_customer", [])

    proposed = CustomerMapping.objects.get(square_customer_id=stranger)
    studio = DebtorAccount.objects.get(name="Studio Noord")
    CustomerMapping.objects.filter(pk=proposed.pk).update(status="matched", debtor=studio)
    actions.replay_items([orders.record(placed)], by="anna")
    orders.run()

    assert [head["OrderedBy"] for head in orders.heads] == [studio.remote_id]


def test_counter_sales_and_open_tickets_never_become_orders(orders):
    orders.till.sell()
    ticket = orders.place(fulfilment=None, customer_id="")

    orders.run()

    assert orders.heads == []
    assert not SyncItem.objects.filter(source_id=ticket["id"]).exists()
    assert SyncItem.objects.filter(kind="order").count() == 0


def test_while_the_switch_is_off_nothing_is_read_for_orders(till):
    till.world.sandbox.square.place_order("Amsterdam", (MUGS,), customer_id=till.world.customers[0])

    till.run_after(minutes=20)

    assert till.calls("square", "POST", "orders/search") == 0
    assert till.calls("exact", "GET", "Items") == 0
    assert SyncItem.objects.count() == Posting.objects.count() == 0


def test_runs_without_news_write_nothing_and_read_little(orders):
    orders.place()
    orders.run()
    before, asked, rows = orders.writes(), orders.till.calls("exact"), ExactOrder.objects.values_list("read_at").get()

    for _ in range(3):
        orders.run()

    assert orders.writes() == before == 1
    assert orders.till.calls("exact") == asked
    assert ExactOrder.objects.values_list("read_at").get() == rows


def test_the_payment_of_the_order_books_its_sale_once_and_the_order_stays(orders):
    placed = orders.place(customer_id="")
    orders.run()
    orders.square.pay(placed["id"], (TenderSpec("card"),), at=orders.world.timeline.now())

    orders.till.next_morning()
    orders.till.next_morning()

    assert orders.till.ledger == SOLD
    assert Posting.objects.filter(document="sales_entry").count() == 1
    assert orders.writes() == 1
    assert orders.record(placed).payload["order"]["state"] == "COMPLETED"
    assert orders.record(placed).state == "done"


def test_an_order_whose_answer_was_lost_is_found_and_not_written_twice(orders):
    placed = orders.place()
    fault = Fault("drop_after", system="exact", method="POST", path="*/salesorder/SalesOrders")
    orders.world.sandbox.faults.add(fault)
    orders.run()
    assert Posting.objects.get().state == "sending"

    for _ in range(3):
        orders.run(minutes=5)

    assert len(orders.heads) == orders.till.calls("exact", "POST", "SalesOrders") == 1
    assert orders.record(placed).state == "done"


def test_an_order_that_exact_never_took_is_sent_again(orders):
    orders.place()
    fault = Fault("drop_before", system="exact", method="POST", path="*/salesorder/SalesOrders")
    orders.world.sandbox.faults.add(fault)

    for _ in range(4):
        orders.run(minutes=5)

    assert len(orders.heads) == 1
    assert Posting.objects.get().state == "confirmed"


def test_without_the_module_of_orders_the_order_waits_and_the_books_go_on(orders):
    app = next(iter(orders.world.site.apps.values()))
    app.scopes = frozenset(
        ["financial.accounting", "financial.generalledgers", "crm.accounts", "logistics.items", "sales.orders:read"]
    )
    placed = orders.place()
    orders.till.sell()

    orders.run(hours=23)  # what was read of the division is not stale yet

    waiting = orders.record(placed)
    assert (waiting.state, waiting.problem_kind) == ("waiting", "refused")
    assert "sales.orders" in waiting.problem
    assert orders.till.ledger == {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}


def test_an_order_that_somebody_changed_in_exact_before_it_was_confirmed_is_a_conflict(orders):
    placed = orders.place()
    fault = Fault("503", system="exact", method="GET", path="*/bulk/SalesOrder/SalesOrders")
    orders.world.sandbox.faults.add(fault)
    orders.world.timeline.advance(1200)
    orders.world.timeline.sleep = partial(_meddle, orders)

    orders.world.run()

    entry = orders.entries(placed)[0]
    assert entry.state == "conflict"
    assert "EUR 62.95" in entry.problem


def _meddle(orders, seconds):
    """While the run waits for Exact, somebody takes the cake off the order."""
    orders.world.timeline.advance(seconds)
    head = orders.heads[0]
    line = orders.lines(head)[-1]
    if len(orders.lines(head)) > 1:
        orders.books.forget("salesorderlines", line["ID"])


def test_the_pages_show_the_state_of_both_sides(orders, browser):
    placed = orders.place()
    waiting = orders.place(TOWEL)
    orders.run()

    listed = words(browser.get("/admin/sync/orderrecord/"))
    assert f"Sales order {orders.heads[0]['OrderNumber']}" in listed
    assert "open" in listed
    assert "Article not mapped to an item" in listed
    for row in (orders.record(placed), orders.record(waiting), orders.entries(placed)[0]):
        assert browser.get(page_of(row)).status_code == 200
    preview = browser.get(f"/admin/sync/syncitem/{orders.record(waiting).pk}/preview/")
    assert "Tea towel" in words(preview)
    assert "Map article" in words(browser.get("/admin/"))
    assert browser.get("/admin/mappings/exactitem/").status_code == 200
    lane = browser.get(page_of(orders.world.shop.lane))
    assert "Open orders become" in words(lane)


def test_a_decision_saved_while_its_record_is_being_worked_out_is_not_missed(till, browser):
    """A run has read which item a mug is, and not stored what came of it, when somebody says it."""
    orders = Orders(till)
    placed = orders.place(MUGS)
    lane = orders.world.shop.lane
    run = SyncRun.objects.create(lane=lane, trigger="person", state="done", created_at=orders.world.timeline.now())
    work = Work(lane=lane, run=run, grip=grip.take(lane))
    extraction.read_feeds(work, FLOWS["payments"])
    known = FLOWS["payments"]

    def overtaken(stream):
        def resolve(work, batch):
            resolutions = stream.resolve(work, batch)
            if stream.kind == "order" and not ItemMapping.objects.filter(status="matched").exists():
                orders.map("Mug")
                mapping_changed.send(sender=ItemMapping, division_id=lane.division_id, kinds=("unmapped_item",))
            return resolutions

        return replace(stream, resolve=resolve)

    flow = replace(known, streams=lambda lane: [overtaken(stream) for stream in known.streams(lane)])
    resolving.resolve_extracted(work, flow)
    work.grip.release()

    record = orders.record(placed)
    assert (record.state, record.problem) == ("resolved", "")
    orders.run()
    assert orders.shown(orders.heads[0]) == [("MUG", 2, 4132, "2")]


def test_a_run_counts_an_order_whose_article_nobody_mapped_as_waiting(till):
    orders = Orders(till)
    placed = orders.place(MUGS)

    run = orders.run()

    assert orders.record(placed).state == "waiting"
    assert run.records_waiting == 1


def test_an_article_mapped_otherwise_offers_to_change_the_open_orders_that_name_the_other_item(orders, browser, queue):
    orders.map("Tea towel")
    first, other = orders.place(), orders.place(TOWEL, MUGS)
    orders.run()
    row = ItemMapping.objects.get(square_name="Mug")
    tea = row.division.exactitem_set.get(code="TEA")
    heads = {head["OrderNumber"] for head in orders.heads}

    told = words(save_form(browser, page_of(row), item=tea.pk, reason="It is sold as that"))
    assert "2 open orders in Exact name another item than it would now. What is written stays as it is." in told
    orders.run()
    assert [code for code, *_ in orders.shown(orders.heads[0])] == ["MUG", "CAKE"]

    asked = browser.get(reverse("admin:mappings_itemmapping_do", args=[row.pk, "correct"]))
    assert words(asked).count("MUG becomes TEA") == 2
    with queue.listening():
        press(browser, row, "correct", reason="Sold as that")
    queue.work()
    orders.run()

    assert [code for code, *_ in orders.shown(orders.heads[0])] == ["TEA", "CAKE"]
    assert {head["OrderNumber"] for head in orders.heads} == heads
    assert {orders.record(placed).state for placed in (first, other)} == {"done"}
    assert "there is nothing to change" in words(press(browser, row, "correct", reason="Again"))
    assert orders.till.ledger == {}


def test_an_order_that_is_delivered_in_exact_is_left_alone_when_its_article_is_mapped_otherwise(orders, browser, queue):
    placed = orders.place()
    orders.run()
    row = ItemMapping.objects.get(square_name="Mug")
    save_form(browser, page_of(row), item=row.division.exactitem_set.get(code="TEA").pk, reason="Sold as that")
    exact.deliver(orders.books, orders.heads[0]["OrderID"])

    with queue.listening():
        press(browser, row, "correct", reason="Sold as that")
    queue.work()
    orders.run()

    assert [code for code, *_ in orders.shown(orders.heads[0])] == ["MUG", "CAKE"]
    assert "accepted, delivered or invoiced in Exact already" in orders.record(placed).problem
