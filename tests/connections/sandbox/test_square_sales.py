from __future__ import annotations

from datetime import timedelta

import pytest

from connections.sandbox.square import ChargeSpec, LineSpec, TenderSpec

from .square_world import MORNING, World


def amount(data, name):
    return data[name]["amount"]


def test_an_order_is_the_sum_of_its_parts_and_of_its_tenders():
    world = World()
    lines = [
        LineSpec("Beans", 2500),
        LineSpec("Pie", 790, "VAT 9", quantity="2", discount=40),
        LineSpec("Gift", 899, "VAT 0"),
    ]
    charges = [ChargeSpec("Service", amount=250, tax="VAT 21"), ChargeSpec("Box", amount=150, treatment="apportioned")]
    sale = world.square.sell(
        world.amsterdam,
        MORNING,
        lines,
        [TenderSpec("cash", 2000), TenderSpec("card", tip=300)],
        discount=500,
        service_charges=charges,
    )
    order = sale.order
    own = [item for item in order["service_charges"] if item["treatment_type"] == "LINE_ITEM_TREATMENT"]
    parts = sum(amount(line, "total_money") for line in order["line_items"]) + sum(
        amount(c, "total_money") for c in own
    )
    assert amount(order, "total_money") == parts + 300
    assert amount(order, "total_money") == sum(amount(tender, "amount_money") for tender in order["tenders"])
    assert amount(order, "total_tax_money") == sum(amount(tax, "applied_money") for tax in order["taxes"])
    assert amount(order, "total_discount_money") == 540
    assert amount(order, "total_service_charge_money") == 400
    assert amount(order, "net_amount_due_money") == 0
    assert order["net_amounts"]["tip_money"] == {"amount": 300, "currency": "EUR"}


def test_a_line_shows_what_was_applied_to_it():
    world = World()
    sale = world.square.sell("Amsterdam", MORNING, [LineSpec("Pie", 790, "VAT 9", quantity="2")], discount=90)
    line = sale.order["line_items"][0]
    assert (line["quantity"], amount(line, "base_price_money"), amount(line, "gross_sales_money")) == ("2", 395, 790)
    assert line["applied_taxes"][0]["tax_uid"] == sale.order["taxes"][0]["uid"]
    assert line["applied_discounts"][0]["discount_uid"] == sale.order["discounts"][0]["uid"]
    assert sale.order["taxes"][0]["percentage"] == "9.0"
    assert amount(line, "total_tax_money") == 58


def test_added_tax_is_marked_so_and_comes_on_top():
    sale = World().square.sell("Amsterdam", MORNING, [LineSpec("Work", 40_000)], tax_mode="additive")
    assert sale.order["taxes"][0]["type"] == "ADDITIVE"
    assert amount(sale.order, "total_money") == 48_400


def test_totals_are_present_even_when_nothing_is_in_them():
    order = World().sell().order
    for name in ("total_discount_money", "total_tip_money", "total_service_charge_money", "net_amount_due_money"):
        assert order[name] == {"amount": 0, "currency": "EUR"}
    assert "version" not in order
    assert "discounts" not in order


def test_cash_rounding_is_an_adjustment_of_the_order():
    world = World()
    sale = world.square.sell("Amsterdam", MORNING, [LineSpec("Pie", 1003, "VAT 9")], [TenderSpec("cash")], rounding=2)
    assert amount(sale.order["rounding_adjustment"], "amount_money") == 2
    assert amount(sale.payments[0], "total_money") == 1005
    cash = sale.payments[0]["cash_details"]
    assert amount(cash, "buyer_supplied_money") - amount(cash, "change_back_money") == 1005


@pytest.mark.parametrize(
    ("spec", "source", "tender", "member"),
    [
        (TenderSpec("card"), "CARD", "CARD", "card_details"),
        (TenderSpec("gift_card"), "CARD", "SQUARE_GIFT_CARD", "card_details"),
        (TenderSpec("cash"), "CASH", "CASH", "cash_details"),
        (TenderSpec("external", external_type="CRYPTO"), "EXTERNAL", "OTHER", "external_details"),
        (TenderSpec("external", external_type="CARD"), "EXTERNAL", "THIRD_PARTY_CARD", "external_details"),
        (TenderSpec("house"), "SQUARE_ACCOUNT", "SQUARE_ACCOUNT", "square_account_details"),
    ],
)
def test_each_tender_has_its_own_source_and_details(spec, source, tender, member):
    sale = World().square.sell("Amsterdam", MORNING, [LineSpec("Item", 1000)], [spec])
    payment = sale.payments[0]
    assert payment["source_type"] == source
    assert member in payment
    assert sale.order["tenders"][0]["type"] == tender
    assert sale.order["tenders"][0]["payment_id"] == payment["id"] == sale.order["tenders"][0]["id"]


def test_a_gift_card_is_sold_without_tax_and_redeemed_as_a_card_of_its_brand():
    world = World()
    sold = world.square.sell("Amsterdam", MORNING, [LineSpec("Gift card", 5000, "", item_type="GIFT_CARD")])
    assert sold.order["line_items"][0]["item_type"] == "GIFT_CARD"
    assert amount(sold.order, "total_tax_money") == 0
    used = world.sell(gross=5000, kind="gift_card")
    assert used.payments[0]["card_details"]["card"]["card_brand"] == "SQUARE_GIFT_CARD"
    assert "processing_fee" not in used.payments[0]


def test_a_completed_order_must_be_paid_exactly():
    world = World()
    with pytest.raises(ValueError, match="pay 900 of 1000"):
        world.sell(amount=900)
    open_order = world.square.sell(
        "Amsterdam", MORNING, [LineSpec("Item", 1000)], [TenderSpec(amount=400)], state="OPEN"
    )
    assert amount(open_order.order, "net_amount_due_money") == 600
    assert "closed_at" not in open_order.order


def test_times_come_in_three_precisions():
    sale = World().sell(at=MORNING)
    assert sale.payments[0]["card_details"]["card_payment_timeline"]["captured_at"] == "2026-03-02T09:30:15.72Z"
    assert sale.order["closed_at"] == "2026-03-02T09:30:15.720Z"
    assert sale.order["tenders"][0]["created_at"] == "2026-03-02T09:30:15Z"


def test_a_cash_payment_can_look_updated_before_it_was_created():
    payment = World().sell(kind="cash").payments[0]
    assert payment["created_at"] == "2026-03-02T09:30:15.72Z"
    assert payment["updated_at"] == "2026-03-02T09:30:15Z"


def test_a_fee_of_long_ago_is_there_at_once():
    payment = World().sell(gross=4589).payments[0]
    fee = {
        "effective_at": "2026-03-02T11:30:15.720Z",
        "type": "INITIAL",
        "amount_money": {"amount": 80, "currency": "EUR"},
    }
    assert payment["processing_fee"] == [fee]


def test_a_fee_shows_two_hours_after_the_sale_and_makes_a_new_version():
    world = World()
    sale = world.sell(at=world.clock.now())
    before = dict(world.get(f"/v2/payments/{sale.payment_ids[0]}")["payment"])
    assert "processing_fee" not in before
    world.clock.advance(7199)
    assert world.get(f"/v2/payments/{sale.payment_ids[0]}")["payment"] == before
    world.clock.advance(1)
    after = world.get(f"/v2/payments/{sale.payment_ids[0]}")["payment"]
    assert amount(after["processing_fee"][0], "amount_money") == 18
    assert after["updated_at"] == "2026-03-31T14:00:00Z"
    assert after["version_token"] != before["version_token"]
    assert sale.order["tenders"][0]["processing_fee_money"] == {"amount": 18, "currency": "EUR"}


def test_an_adjusted_fee_is_an_entry_of_its_own():
    world = World()
    sale = world.sell(gross=10_000)
    payment = world.square.add_fee(sale.payment_ids[0], -5)
    assert [(fee["type"], amount(fee, "amount_money")) for fee in payment["processing_fee"]] == [
        ("INITIAL", 175),
        ("ADJUSTMENT", -5),
    ]
    assert sale.order["tenders"][0]["processing_fee_money"]["amount"] == 170


def test_an_order_can_lack_its_lines_for_a_while():
    world = World()
    sale = world.square.sell("Amsterdam", MORNING, [LineSpec("Item", 1000)], lines_missing=True)
    assert "line_items" not in world.get(f"/v2/orders/{sale.order_id}")["order"]
    assert amount(sale.order, "total_money") == 1000
    world.square.show_lines(sale.order_id)
    order = world.get(f"/v2/orders/{sale.order_id}")["order"]
    assert len(order["line_items"]) == 1
    assert order["updated_at"] == "2026-03-31T12:00:00.000Z"


def test_a_refund_by_amount_makes_a_return_order_without_the_taxes():
    world = World()
    sale = world.square.sell("Amsterdam", MORNING, [LineSpec("Beans", 4694)], [TenderSpec(fee=82)])
    refund = world.square.refund(sale.payment_ids[0], 1000, at=MORNING + timedelta(days=1))
    payment = world.get(f"/v2/payments/{sale.payment_ids[0]}")["payment"]
    assert payment["refund_ids"] == [refund["id"]]
    assert amount(payment, "refunded_money") == 1000
    assert amount(refund["processing_fee"][0], "amount_money") == -17
    order = world.get(f"/v2/orders/{refund['order_id']}")["order"]
    returned = order["returns"][0]
    assert returned["source_order_id"] == sale.order_id
    assert returned["return_line_items"][0]["item_type"] == "CUSTOM_AMOUNT"
    assert amount(order["net_amounts"], "total_money") == -1000
    with pytest.raises(ValueError, match="Only 3694"):
        world.square.refund(sale.payment_ids[0], 4000)


def test_an_open_order_is_paid_in_parts_and_then_completed():
    world = World()
    sale = world.square.sell("Amsterdam", MORNING, [LineSpec("Party", 10_000)], [TenderSpec(amount=3000)], state="OPEN")
    world.square.pay(sale.order_id, [TenderSpec("cash", 2000)], at=MORNING + timedelta(days=1), complete=False)
    assert amount(sale.order, "net_amount_due_money") == 5000
    last = world.square.pay(sale.order_id, [TenderSpec(tip=500)], at=MORNING + timedelta(days=2))
    order = world.get(f"/v2/orders/{sale.order_id}")["order"]
    assert (order["state"], order["closed_at"]) == ("COMPLETED", "2026-03-04T09:30:15.720Z")
    assert amount(last.payments[0], "total_money") == 5500
    assert amount(order, "total_money") == sum(amount(item, "amount_money") for item in order["tenders"]) == 10_500
    assert (amount(order, "total_tip_money"), amount(order, "net_amount_due_money")) == (500, 0)
    with pytest.raises(ValueError, match="is COMPLETED"):
        world.square.pay(sale.order_id)


def test_an_approved_payment_is_booked_by_square_only_once_it_is_captured():
    world = World()
    sale = world.square.sell(
        "Amsterdam", MORNING, [LineSpec("Room", 10_000)], [TenderSpec(status="APPROVED")], state="OPEN"
    )
    payment = sale.payments[0]
    assert payment["card_details"]["status"] == "AUTHORIZED"
    assert "captured_at" not in payment["card_details"]["card_payment_timeline"]
    assert "processing_fee" not in payment
    world.square.capture(payment["id"], at=MORNING + timedelta(days=1))
    captured = world.get(f"/v2/payments/{payment['id']}")["payment"]
    assert captured["card_details"]["card_payment_timeline"]["captured_at"] == "2026-03-03T09:30:15.72Z"
    assert amount(captured["processing_fee"][0], "amount_money") == 175
    with pytest.raises(ValueError, match="not an approved card payment"):
        world.square.capture(payment["id"])


@pytest.mark.parametrize("status", ["CANCELED", "FAILED"])
def test_a_payment_that_came_to_nothing_is_no_tender_of_its_order(status):
    sale = World().square.sell("Amsterdam", MORNING, [LineSpec("Item", 500)], [TenderSpec(status=status)], state="OPEN")
    assert "tenders" not in sale.order
    assert amount(sale.order, "net_amount_due_money") == 500
    assert "receipt_url" not in sale.payments[0]
    assert "processing_fee" not in sale.payments[0]


def test_the_same_seed_makes_the_same_ids():
    assert World(seed=4).sell().payment_ids == World(seed=4).sell().payment_ids
    assert World(seed=4).sell().payment_ids != World(seed=5).sell().payment_ids
