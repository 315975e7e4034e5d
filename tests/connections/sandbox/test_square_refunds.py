from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from connections.sandbox.square import ChargeSpec, LineSpec, RefundRefused, Sale, TenderSpec

from .square_world import MORNING, World

NEXT_DAY = MORNING + timedelta(days=1)
LATER = MORNING + timedelta(days=2)


def amount(data: dict[str, Any], name: str = "total_money") -> int:
    return data[name]["amount"]


@pytest.fixture
def world() -> World:
    return World()


def basket(world: World, *tenders: TenderSpec, **more: Any) -> Sale:
    """Three beers at 21 % and a lunch at 9 %, a discount of 3.00, service of 10 %, packaging spread over the lines."""
    lines = [LineSpec("Beer", 1725, "VAT 21", quantity="3"), LineSpec("Lunch", 1295, "VAT 9")]
    charges = [
        ChargeSpec("Service", percentage="10", tax="VAT 21", kind="AUTO_GRATUITY"),
        ChargeSpec("Packaging", amount=150, treatment="apportioned"),
    ]
    return world.square.sell(
        "Amsterdam", MORNING, lines, tenders or (TenderSpec(tip=200),), discount=300, service_charges=charges, **more
    )


def refused(world: World, payment_id: str, *given: Any, **named: Any) -> str:
    with pytest.raises(RefundRefused) as refusal:
        world.square.refund(payment_id, *given, **named)
    assert str(refusal.value).startswith(refusal.value.code)
    return refusal.value.code


def test_without_an_amount_what_is_left_is_refunded(world):
    sale = world.sell(gross=4694)
    key = sale.payment_ids[0]
    first = world.square.refund(key, 1000, at=NEXT_DAY)
    second = world.square.refund(key, at=LATER)
    payment = world.get(f"/v2/payments/{key}")["payment"]
    assert (amount(first, "amount_money"), amount(second, "amount_money")) == (1000, 3694)
    assert payment["refund_ids"] == [first["id"], second["id"]]
    assert amount(payment, "refunded_money") == 4694
    assert payment["updated_at"] == "2026-03-04T09:30:15.72Z"
    assert refused(world, key) == "REFUND_AMOUNT_INVALID"


def test_what_is_given_back_of_the_fee_in_parts_adds_up_to_the_fee(world):
    key = world.sell(gross=1000, fee=17).payment_ids[0]
    parts = [world.square.refund(key, part, at=NEXT_DAY) for part in (333, 333, 334)]
    assert [amount(part["processing_fee"][0], "amount_money") for part in parts] == [-6, -5, -6]


@pytest.mark.parametrize(("how", "shown"), [({"fee_returned": 0}, []), ({"fee_returned": 9}, [-9])])
def test_the_fee_may_be_kept_or_given_back_as_one_likes(world, how, shown):
    refund = world.square.refund(world.sell(gross=1000).payment_ids[0], 500, at=NEXT_DAY, **how)
    assert [amount(fee, "amount_money") for fee in refund.get("processing_fee", [])] == shown


def test_a_fee_that_is_given_back_unseen_shows_in_the_payout(world):
    refund = world.square.refund(world.sell(gross=1000).payment_ids[0], 500, fee_shown=False, at=NEXT_DAY)
    payout = world.square.pay_out("Amsterdam", at=LATER)
    fees = [amount(entry, "fee_amount_money") for entry in world.square.payout_entries(payout["id"])]
    assert "processing_fee" not in refund
    assert fees == [18, -9]


@pytest.mark.parametrize("inclusive", ["inclusive", "additive"])
def test_a_line_comes_back_in_parts_that_add_up_to_it(world, inclusive):
    sale = basket(world, tax_mode=inclusive)
    beer = sale.order["line_items"][0]
    returned = []
    for _ in range(3):
        refund = world.square.refund(sale.payment_ids[0], items={beer["uid"]: 1}, at=NEXT_DAY)
        returned.append(world.get(f"/v2/orders/{refund['order_id']}")["order"]["returns"][0])
    lines = [item["return_line_items"][0] for item in returned]
    assert {line["source_line_item_uid"] for line in lines} == {beer["uid"]}
    assert {line["quantity"] for line in lines} == {"1"}
    for name in ("total_money", "total_tax_money", "total_discount_money", "total_service_charge_money"):
        assert sum(amount(line, name) for line in lines) == amount(beer, name)
    assert sum(amount(item["return_taxes"][0], "applied_money") for item in returned) == amount(beer, "total_tax_money")
    assert refused(world, sale.payment_ids[0], items={beer["uid"]: 1}) == "INVALID_VALUE"


def test_the_taxes_of_what_comes_back_refer_to_those_of_the_sale(world):
    sale = basket(world)
    refund = world.square.refund(sale.payment_ids[0], items=[sale.order["line_items"][1]["uid"]], at=NEXT_DAY)
    back = world.square.order(refund["order_id"])["returns"][0]
    (line,), (tax,) = back["return_line_items"], back["return_taxes"]
    sold = {item["uid"]: item for item in sale.order["taxes"]}[tax["source_tax_uid"]]
    assert (sold["name"], tax["name"], tax["percentage"], tax["type"]) == ("VAT 9", "VAT 9", "9.0", "INCLUSIVE")
    assert line["applied_taxes"][0]["tax_uid"] == tax["uid"]
    assert amount(tax, "applied_money") == amount(line, "total_tax_money")
    assert back["source_order_id"] == sale.order_id
    assert amount(refund, "amount_money") == amount(back["return_amounts"]) == amount(line)


@pytest.mark.parametrize("inclusive", ["inclusive", "additive"])
def test_everything_comes_back_with_tip_service_and_rounding(world, inclusive):
    sale = basket(world, TenderSpec("cash", tip=200), tax_mode=inclusive, rounding=1)
    refund = world.square.refund(sale.payment_ids[0], items="all", at=NEXT_DAY)
    order = world.square.order(refund["order_id"])
    back = order["returns"][0]
    assert amount(refund, "amount_money") == amount(sale.payments[0])
    assert {name: -money["amount"] for name, money in order["net_amounts"].items()} == {
        name: money["amount"] for name, money in sale.order["net_amounts"].items()
    }
    taxes = {item["name"]: amount(item, "applied_money") for item in back["return_taxes"]}
    assert taxes == {item["name"]: amount(item, "applied_money") for item in sale.order["taxes"]}
    assert back["return_tips"][0]["source_tender_id"] == sale.payment_ids[0]
    assert amount(back["rounding_adjustment"], "amount_money") == 1


def test_everything_after_a_part_is_the_rest(world):
    sale = basket(world)
    key = sale.payment_ids[0]
    world.square.refund(key, items={sale.order["line_items"][0]["uid"]: "2"}, at=NEXT_DAY)
    world.square.refund(key, items="all", at=LATER)
    assert amount(sale.payments[0], "refunded_money") == amount(sale.payments[0])
    assert set(world.square.state.returned.values()) == {Fraction(3), Fraction(1), Fraction(200)}


def test_goods_of_a_split_sale_are_paid_back_on_both_tenders(world):
    sale = basket(world, TenderSpec("cash", 1000), TenderSpec())
    cash, card = sale.payment_ids
    first = world.square.refund(cash, 1000, items="all", at=NEXT_DAY)
    second = world.square.refund(card, order_id=first["order_id"], at=NEXT_DAY)
    assert first["order_id"] == second["order_id"]
    assert amount(first, "amount_money") + amount(second, "amount_money") == amount(sale.order)
    assert len(world.square.order(first["order_id"])["refunds"]) == 2


@pytest.mark.parametrize(
    ("kind", "destination", "shown", "details"),
    [
        ("card", "", "CARD", None),
        ("gift_card", "", "CARD", None),
        ("cash", "", "CASH", None),
        ("external", "", "EXTERNAL", None),
        ("card", "cash", "CASH", "cash_details"),
        ("card", "gift_card", "CARD", "card_details"),
        ("cash", "external", "EXTERNAL", "external_details"),
    ],
)
def test_the_money_goes_where_it_came_from_or_elsewhere(world, kind, destination, shown, details):
    key = world.sell(kind=kind).payment_ids[0]
    before = world.square.balance("Amsterdam")
    refund = world.square.refund(key, 400, destination=destination, at=NEXT_DAY)
    assert refund["destination_type"] == shown
    assert list(refund.get("destination_details", {})) == ([details] if details else [])
    is_from_square = kind == "card" and not destination
    assert world.square.balance("Amsterdam") - before == (-400 + 7 if is_from_square else 0)


def test_refunds_are_filtered_by_how_the_sale_was_paid(world):
    world.square.refund(world.sell(kind="card").payment_ids[0], destination="cash")
    assert len(world.listed("/v2/refunds?source_type=CARD")) == 1
    assert world.listed("/v2/refunds?source_type=CASH") == []


def test_a_pending_refund_completes_and_looks_changed(world):
    key = world.sell().payment_ids[0]
    refund = world.square.refund(key, 400, status="PENDING", at=NEXT_DAY)
    before = world.square.balance("Amsterdam")
    assert amount(world.square.payment(key), "refunded_money") == 400
    world.square.settle_refund(refund["id"], at=LATER)
    shown = world.get(f"/v2/refunds/{refund['id']}")["refund"]
    assert (shown["status"], shown["created_at"], shown["updated_at"]) == (
        "COMPLETED",
        "2026-03-03T09:30:15.72Z",
        "2026-03-04T09:30:15.72Z",
    )
    assert world.listed("/v2/refunds?updated_at_begin_time=2026-03-04T00:00:00Z") == [refund["id"]]
    order = world.square.order(refund["order_id"])
    assert (order["refunds"][0]["status"], order["updated_at"]) == ("APPROVED", "2026-03-04T09:30:15.720Z")
    assert world.square.balance("Amsterdam") - before == -393


@pytest.mark.parametrize("status", ["FAILED", "REJECTED"])
def test_what_a_refund_that_failed_took_is_left_again(world, status):
    sale = basket(world)
    key = sale.payment_ids[0]
    refund = world.square.refund(key, items="all", status="PENDING", at=NEXT_DAY)
    world.square.settle_refund(refund["id"], status, at=LATER)
    assert amount(world.square.payment(key), "refunded_money") == 0
    assert amount(world.square.refund(key, items="all"), "amount_money") == amount(sale.payments[0])


@pytest.mark.parametrize("paid_out", [False, True])
def test_a_refund_that_failed_after_all_is_back_in_the_balance(world, paid_out):
    key = world.sell(gross=5000).payment_ids[0]
    before = world.square.balance("Amsterdam")
    refund = world.square.refund(key, 1000, at=NEXT_DAY)
    if paid_out:
        world.square.pay_out("Amsterdam", at=NEXT_DAY)
    world.square.settle_refund(refund["id"], "FAILED", at=LATER)
    payout = world.square.pay_out("Amsterdam", at=LATER)
    assert amount(payout, "amount_money") == (982 if paid_out else before)
    kinds = {entry["type"] for entry in world.square.payout_entries(payout["id"])}
    assert kinds == ({"REFUND"} if paid_out else {"CHARGE"})


def test_an_application_fee_comes_back_in_proportion(world):
    refund = world.square.refund(world.sell(gross=1000, app_fee=100).payment_ids[0], 250, at=NEXT_DAY)
    assert amount(refund, "app_fee_money") == 25


def test_a_refund_without_a_payment_names_none(world):
    refund = world.square.refund_unlinked("Utrecht", 500, destination="external", at=NEXT_DAY)
    assert (refund["unlinked"], refund["location_id"], "payment_id" in refund) == (True, world.utrecht, False)
    assert "source_order_id" not in world.square.order(refund["order_id"])["returns"][0]
    assert world.listed("/v2/refunds") == [refund["id"]]


def test_square_refuses_what_cannot_be_refunded(world):
    key = world.sell().payment_ids[0]
    approved = world.sell(status="APPROVED", gross=500)
    failed = world.square.sell("Amsterdam", MORNING, [LineSpec("x", 5)], [TenderSpec(status="FAILED")], state="OPEN")
    disputed = world.sell(gross=700).payment_ids[0]
    world.square.dispute(disputed)
    assert refused(world, key, 1001) == "REFUND_AMOUNT_INVALID"
    assert refused(world, key, 0) == "REFUND_AMOUNT_INVALID"
    assert refused(world, key, items={"unknown": 1}) == "INVALID_VALUE"
    assert refused(world, approved.payment_ids[0]) == "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION"
    assert refused(world, failed.payment_ids[0]) == "PAYMENT_NOT_REFUNDABLE"
    assert refused(world, disputed) == "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE"
    assert len(world.square.state.refunds) == 0


def test_a_refund_takes_no_impossible_status(world):
    refund = world.square.refund(world.sell().payment_ids[0])
    with pytest.raises(ValueError, match="is COMPLETED and cannot become REJECTED"):
        world.square.settle_refund(refund["id"], "REJECTED")


def test_refunds_can_be_made_from_another_process(world):
    key = world.sell().payment_ids[0]
    refund = world.square.control("refund", {"payment_id": key, "amount": 100, "status": "PENDING"})
    assert refund["status"] == "PENDING"
    done = world.square.control("settle_refund", {"refund_id": refund["id"], "status": "COMPLETED"})
    assert done["status"] == "COMPLETED"
    with pytest.raises(ValueError, match="unexpected"):
        world.square.control("refund", {"payment_id": key, "colour": "red"})
