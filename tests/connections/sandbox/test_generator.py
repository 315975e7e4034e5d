from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from connections.sandbox.clock import SandboxClock
from connections.sandbox.generator import EXTERNAL_TYPE, ODD_CUSTOMER, ODD_TAX, ODD_TENDER, generate
from connections.sandbox.generator_invoices import KINDS, cancel_part_paid
from connections.sandbox.square import SquareSandbox

from .square_world import NOW, World


def month(payments: int = 400, **more):
    square = SquareSandbox(clock=SandboxClock(lambda: NOW), seed=7)
    return square, generate(square, **{"seed": 3, "payments": payments, "days": 30, "end": NOW, **more})


@pytest.mark.parametrize("shape", ["mixed", "counter"])
def test_the_truth_is_what_square_shows(shape):
    square, generated = month(shape=shape)
    assert squares_own(square) == generated.truth.ledger()
    assert sum(generated.truth.ledger().values()) == 0
    assert generated.payments == len(square.payments()) == 400


def squares_own(square: SquareSandbox) -> dict[str, int]:
    """The ledger by role from the objects Square answers, tax by tax."""
    found: Counter[str] = Counter()
    for record in square.state.orders:
        order = record.data
        lines = order.get("line_items") or square.state.hidden_lines[order["id"]]
        charges = [item for item in order.get("service_charges", []) if item["treatment_type"] == "LINE_ITEM_TREATMENT"]
        for role, parts in (("revenue", lines), ("service_charge", charges)):
            for part in parts:
                found[role] -= part["total_money"]["amount"] - part["total_tax_money"]["amount"]
                found["output_vat"] -= part["total_tax_money"]["amount"]
        found["tips"] -= order["total_tip_money"]["amount"]
        found["rounding"] -= order.get("rounding_adjustment", {}).get("amount_money", {}).get("amount", 0)
    roles = {"CARD": "clearing", "CASH": "cash", "EXTERNAL": "other_tender"}
    for payment in square.payments():
        found[roles[payment["source_type"]]] += payment["total_money"]["amount"]
        for fee in payment.get("processing_fee", []):
            found["processing_fee"] += fee["amount_money"]["amount"]
            found["clearing"] -= fee["amount_money"]["amount"]
    names = ("clearing", "cash", "other_tender", "revenue", "output_vat", "tips", "service_charge", "rounding")
    return {name: found[name] for name in (*names, "processing_fee")}


@pytest.mark.parametrize("shape", ["mixed", "counter"])
def test_the_truth_of_refunds_is_what_square_shows(shape):
    square, generated = month(shape=shape, refunds=0.2)
    money, vat, fees = Counter(), Counter(), 0
    names = {"CARD": "card", "CASH": "cash", "EXTERNAL": f"external:{EXTERNAL_TYPE}"}
    for record in square.state.refunds:
        money[names[record.data["destination_type"]]] += record.data["amount_money"]["amount"]
        fees -= sum(fee["amount_money"]["amount"] for fee in record.data.get("processing_fee", []))
        for tax in square.order(record.data["order_id"])["returns"][0].get("return_taxes", []):
            vat[tax["name"]] += tax["applied_money"]["amount"]
    assert money == generated.refunded.tenders
    assert fees == generated.refunded.fees > 0
    by_item = [refund.truth for refund in generated.refunds if refund.how in ("all", "items")]
    assert vat == sum((truth.vat for truth in by_item), Counter())
    assert {refund.how for refund in generated.refunds} == {"all", "items", "amount", "several"}
    assert len({refund.payment_id for refund in generated.refunds}) == 80


def test_every_refund_adds_up_to_its_amount_and_never_beyond_its_sale():
    square, generated = month(refunds=0.3)
    sales = {sale.order_id: sale for sale in generated.sales}
    left = {key: Counter(sale.truth.revenue + sale.truth.vat) for key, sale in sales.items()}
    for refund in generated.refunds:
        assert square.state.refund(refund.refund_id).data["amount_money"]["amount"] == refund.truth.gross
        assert not sales[refund.order_id].odd
        left[refund.order_id].subtract(refund.truth.revenue + refund.truth.vat)
    assert all(amount >= 0 for rates in left.values() for amount in rates.values())


def test_daily_payouts_are_what_was_sold_less_refunds_and_fees():
    square, generated = month(refunds=0.1, payouts=True)
    assert {payout.location_id for payout in generated.payouts} == set(generated.locations)
    for payout in generated.payouts:
        shown = square.payout(payout.payout_id)
        entries = square.payout_entries(payout.payout_id)
        assert shown["amount_money"]["amount"] == payout.amount
        assert sum(entry["net_amount_money"]["amount"] for entry in entries) == payout.amount
        assert payout.at.astimezone(ZoneInfo("Europe/Amsterdam")).time().isoformat() == "00:05:00"
    for location in generated.locations:
        assert square.balance(location) == generated.balance(location)
    assert {square.payout(payout.payout_id)["status"] for payout in generated.payouts} == {"PAID", "SENT"}


def test_the_ledger_with_refunds_and_payouts_still_adds_up():
    square, generated = month(refunds=0.1, payouts=True)
    ledger = generated.ledger()
    assert sum(ledger.values()) == sum(generated.ledger(odd=False).values()) == 0
    assert ledger["bank_in_transit"] == generated.paid_out
    assert ledger["clearing"] == sum(square.balance(location) for location in generated.locations)


def test_refunds_and_payouts_leave_the_sales_as_they_are():
    square, plain = month(payments=100)
    _, other = month(payments=100, refunds=0.1, payouts=True)
    again, same = month(payments=100, refunds=0.1, payouts=True)
    assert plain.sales == other.sales
    assert (other.refunds, other.payouts) == (same.refunds, same.payouts)
    assert (plain.refunds, plain.payouts) == ([], [])
    assert len(square.state.refunds) == len(square.state.payouts) == 0
    assert len(again.state.refunds) == len(same.refunds) >= 10


def test_more_refunds_than_payments_are_refused():
    with pytest.raises(ValueError, match="can be refunded"):
        month(payments=50, refunds=1.5)


def test_the_vat_per_rate_is_what_square_shows():
    square, generated = month()
    found: Counter[str] = Counter()
    for record in square.state.orders:
        for tax in record.data["taxes"]:
            found[tax["name"]] += tax["applied_money"]["amount"]
    assert found == generated.truth.vat


def test_the_same_arguments_make_the_same_month():
    first, again, other = (month(payments=60, seed=seed) for seed in (3, 3, 4))
    assert first[0].payments() == again[0].payments()
    assert first[1].sales == again[1].sales
    assert first[1].sales != other[1].sales


def test_about_two_in_a_hundred_are_odd_each_for_its_own_reason():
    square, generated = month(payments=500)
    reasons = Counter(generated.odd_orders.values())
    assert sum(reasons.values()) == 10
    assert set(reasons) == {"unmapped_tax", "unmapped_tender", "unmapped_customer", "no_lines"}
    for order_id, reason in generated.odd_orders.items():
        order = square.order(order_id)
        payment = square.payment(order["tenders"][0]["id"])
        proof = {
            "unmapped_tax": ODD_TAX in {tax["name"] for tax in order["taxes"]},
            "unmapped_tender": payment.get("external_details", {}).get("type") == ODD_TENDER,
            "unmapped_customer": "customer_id" in order
            and square.state.customers[order["customer_id"]]["company_name"] == ODD_CUSTOMER,
            "no_lines": "line_items" not in order,
        }
        assert [name for name, true in proof.items() if true] == [reason]
    assert generated.waiting.gross + generated.booked.gross == generated.truth.gross
    assert generated.waiting.gross > 0


def test_without_oddities_everything_can_be_booked():
    square, generated = month(oddities=False)
    assert generated.odd_payments == {}
    assert generated.booked == generated.truth
    types = {item["external_details"]["type"] for item in square.payments() if item["source_type"] == "EXTERNAL"}
    assert types == {EXTERNAL_TYPE}
    assert square.state.customers == {}


def test_a_mixed_month_has_all_that_a_till_can_do():
    square, generated = month(payments=500)
    orders = [record.data for record in square.state.orders]
    kinds = {tax["type"] for order in orders for tax in order["taxes"]}
    treatments = {item["treatment_type"] for order in orders for item in order.get("service_charges", [])}
    scopes = {item["scope"] for order in orders for item in order.get("discounts", [])}
    assert kinds == {"INCLUSIVE", "ADDITIVE"}
    assert treatments == {"LINE_ITEM_TREATMENT", "APPORTIONED_TREATMENT"}
    assert scopes == {"ORDER", "LINE_ITEM"}
    assert any(len(order["tenders"]) == 2 for order in orders)
    assert any("rounding_adjustment" in order for order in orders)
    assert any(sale.at.astimezone(ZoneInfo("UTC")).date() != sale.day for sale in generated.sales)
    assert {sale.location_id for sale in generated.sales} == set(generated.locations)


def test_counter_sales_are_plain_and_without_customers():
    square, generated = month(shape="counter", payments=300)
    assert all(len(sale.payment_ids) == 1 for sale in generated.sales)
    assert not any("customer_id" in payment for payment in square.payments())
    assert not any("discounts" in record.data for record in square.state.orders)
    assert "unmapped_customer" not in generated.odd_orders.values()


def test_the_month_lies_within_its_local_days_and_every_fee_shows_at_its_end():
    square, generated = month()
    assert len(generated.days) == 30
    assert {sale.day for sale in generated.sales} <= set(generated.days)
    assert max(sale.at for sale in generated.sales) <= NOW - timedelta(hours=2)
    assert all("processing_fee" in item for item in square.payments() if item["source_type"] == "CARD")


def test_known_customers_are_put_on_some_sales():
    world = World()
    known = world.square.add_customer(company_name="Known BV")["id"]
    generate(world.square, seed=1, payments=200, days=5, end=NOW, customers=[known])
    assert 2 <= sum(payment.get("customer_id") == known for payment in world.square.payments()) <= 30


def test_ten_thousand_payments_are_made_and_listed_in_seconds():
    began = time.perf_counter()
    world = World()
    generate(world.square, seed=1, payments=10_000, days=31, end=NOW, shape="counter")
    made = time.perf_counter()
    for place in (world.amsterdam, world.utrecht):
        world.listed(
            f"/v2/payments?location_id={place}&sort_field=UPDATED_AT&updated_at_begin_time=2026-01-01T00:00:00Z"
        )
    listed = time.perf_counter()
    assert made - began < 30
    assert listed - made < 10


def test_ten_thousand_payments_with_refunds_and_payouts_are_made_and_listed_in_seconds():
    began = time.perf_counter()
    world = World()
    generated = generate(world.square, seed=1, payments=10_000, days=31, end=NOW, refunds=0.05, payouts=True)
    made = time.perf_counter()
    for payout in generated.payouts:
        world.get(f"/v2/payouts/{payout.payout_id}/payout-entries")
    assert len(world.listed("/v2/refunds")) == len(generated.refunds) >= 500
    listed = time.perf_counter()
    assert made - began < 30
    assert listed - made < 10


def test_an_unknown_shape_is_refused():
    with pytest.raises(ValueError, match="counter and mixed"):
        month(shape="round")


def with_invoices(**more):
    square = SquareSandbox(clock=SandboxClock(lambda: NOW), seed=7)
    customers = [square.add_customer(company_name=name)["id"] for name in ("Acme BV", "Bloem NV")]
    asked = {"seed": 3, "payments": 200, "days": 30, "end": NOW, "customers": customers, "invoices": 0.2}
    return square, generate(square, **{**asked, **more})


def test_invoices_are_paid_in_all_the_ways_there_are_and_square_shows_what_they_come_to():
    square, generated = with_invoices()
    assert len(generated.invoices) == 40
    assert {invoice.how for invoice in generated.invoices} == set(KINDS)
    assert cancel_part_paid(square, generated, at=NOW) > 1
    for made in generated.invoices:
        shown, order = square.state.invoice(made.invoice_id).data, square.order(made.order_id)
        paid = [square.payment(key) for key in made.payment_ids]
        asked = sum(request["computed_amount_money"]["amount"] for request in shown["payment_requests"])
        received = sum(payment["amount_money"]["amount"] for payment in paid)
        assert asked == received + made.credited + made.left
        assert made.truth.due == asked - made.credited
        assert made.truth.tips == order["total_tip_money"]["amount"]
        assert made.truth.fees == sum(fee["amount_money"]["amount"] for one in paid for fee in one["processing_fee"])
        canceled = made.how.startswith("canceled")
        assert (shown["status"] == "CANCELED") is canceled
        assert bool(made.credited) is canceled
        if not canceled:
            vat = sum(line["total_tax_money"]["amount"] for line in order["line_items"])
            assert sum(made.truth.vat.values()) == vat


def test_a_month_with_invoices_refunds_and_payouts_adds_up():
    square, generated = with_invoices(refunds=0.1, payouts=True)
    ledger = generated.ledger()
    assert sum(ledger.values()) == 0
    assert ledger["receivables"] == sum(invoice.left for invoice in generated.invoices) > 0
    assert ledger["clearing"] == sum(square.balance(location) for location in generated.locations)


def test_invoices_leave_sales_and_refunds_as_they_are():
    _, plain = with_invoices(refunds=0.1, invoices=0.0)
    _, other = with_invoices(refunds=0.1)
    _, same = with_invoices(refunds=0.1)
    assert (plain.sales, plain.refunds) == (other.sales, other.refunds)
    assert other.invoices == same.invoices
    assert plain.invoices == []
    assert "receivables" not in plain.ledger()


def test_invoices_go_to_somebody():
    with pytest.raises(ValueError, match="need customers"):
        month(invoices=0.1)
