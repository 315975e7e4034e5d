"""Refunds, returns, payouts and their entries as Square writes them, read into what the bookkeeping plans from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import ReturnLine

REFUND = {
    "id": "PAY1_R1", "status": "COMPLETED", "amount_money": {"amount": 1000, "currency": "EUR"}, "payment_id": "PAY1",
    "order_id": "RET1", "location_id": "LUTR", "destination_type": "CARD", "app_fee_money": {"amount": 10},
    "processing_fee": [{"type": "INITIAL", "amount_money": {"amount": -17, "currency": "EUR"}}],
    "destination_details": {"card_details": {"card": {"card_brand": "SQUARE_GIFT_CARD"}}},
    "created_at": "2026-03-09T11:00:00Z", "updated_at": "2026-03-09T11:00:01.5Z",
}  # fmt: skip
# Reference: the official examples of the Payouts API name the currency `currency_code`.
PAYOUT = {
    "id": "po_1", "status": "PAID", "location_id": "LUTR", "type": "BATCH", "version": 2, "end_to_end_id": "L210",
    "amount_money": {"amount": -103, "currency_code": "EUR"}, "destination": {"type": "BANK_ACCOUNT", "id": "bact:1"},
    "payout_fee": [{"type": "TRANSFER_FEE", "amount_money": {"amount": 95, "currency_code": "EUR"}}],
    "arrival_date": "2026-03-10", "created_at": "2026-03-09T11:00:00Z", "updated_at": "2026-03-09T11:00:00Z",
}  # fmt: skip
ENTRY = {
    "id": "poe_1", "payout_id": "po_1", "type": "REFUND", "effective_at": "2026-03-09T11:00:00Z",
    "gross_amount_money": {"amount": -50, "currency_code": "EUR"},
    "fee_amount_money": {"amount": -2, "currency_code": "EUR"},
    "net_amount_money": {"amount": -48, "currency_code": "EUR"},
    "type_refund_details": {"payment_id": "PAY1", "refund_id": "PAY1_R1"},
}  # fmt: skip


def test_a_refund_is_read_with_the_way_its_money_went() -> None:
    read = payloads.refund(REFUND)
    assert (read.amount, read.currency, read.app_fee, read.fees[0].amount) == (1000, "EUR", 10, -17)
    assert (read.destination_type, read.card_brand, read.external_type) == ("CARD", "SQUARE_GIFT_CARD", "")
    assert (read.payment_id, read.order_id, read.is_unlinked) == ("PAY1", "RET1", False)


def test_an_unlinked_refund_names_no_payment() -> None:
    data = {key: value for key, value in REFUND.items() if key != "payment_id"} | {"unlinked": True}
    assert (payloads.refund(data).payment_id, payloads.refund(data).is_unlinked) == ("", True)


def test_a_payout_names_its_currency_in_either_way() -> None:
    assert payloads.payout(PAYOUT).currency == "EUR"
    assert payloads.payout({**PAYOUT, "amount_money": {"amount": 1, "currency": "GBP"}, "payout_fee": []}).amount == 1
    read = payloads.payout(PAYOUT)
    assert (read.amount, read.kind, read.end_to_end_id, read.fees[0].kind) == (-103, "BATCH", "L210", "TRANSFER_FEE")


def test_an_entry_is_read_with_its_signs_and_what_it_is_about() -> None:
    read = payloads.payout_entry(ENTRY)
    assert (read.gross, read.fee, read.net, read.currency) == (-50, -2, -48, "EUR")
    assert (read.payment_id, read.refund_id, read.dispute_id) == ("PAY1", "PAY1_R1", "")


def test_an_entry_without_details_or_net_is_read_too() -> None:
    read = payloads.payout_entry(
        {"id": "poe_1", "payout_id": "po_1", "gross_amount_money": {"amount": -50, "currency": "EUR"}}
    )
    assert (read.kind, read.net, read.payment_id, read.effective_at) == ("", -50, "", None)


@pytest.mark.parametrize(
    ("read", "data", "path"),
    [
        (payloads.refund, {**REFUND, "amount_money": {"amount": 1000}}, "refund.amount_money.currency"),
        (payloads.payout, {**PAYOUT, "amount_money": None}, "payout.amount_money"),
        (payloads.payout_entry, {**ENTRY, "type_refund_details": "PAY1"}, "payout_entry.type_refund_details"),
    ],
)
def test_what_cannot_be_read_says_where(read: Any, data: dict[str, Any], path: str) -> None:
    with pytest.raises(Unreadable, match=path):
        read(data)


def money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def test_the_returns_of_an_order_are_read_with_their_rates() -> None:
    line = {
        "uid": "r1", "source_line_item_uid": "l1", "item_type": "ITEM", "total_money": money(1295),
        "total_tax_money": money(107), "applied_taxes": [{"tax_uid": "rt", "applied_money": money(107)}],
    }  # fmt: skip
    apportioned = {"total_money": money(10), "treatment_type": "APPORTIONED_TREATMENT"}
    returned = {
        "source_order_id": "ORD", "return_line_items": [line], "return_tips": [{"applied_money": money(100)}],
        "return_service_charges": [apportioned, {"source_service_charge_uid": "s1", "total_money": money(121)}],
        "return_taxes": [{"uid": "rt", "source_tax_uid": "t9", "percentage": "9.0"}],
        "rounding_adjustment": {"amount_money": money(-2)},
    }  # fmt: skip
    data = {
        "id": "RET1", "location_id": "LUTR", "total_money": money(0), "returns": [returned],
        "created_at": "2026-03-09T11:00:00Z", "updated_at": "2026-03-09T11:00:00Z",
    }  # fmt: skip
    order = payloads.order(data)
    assert order.has_returns
    (back,) = order.returns
    assert (back.source_order_id, back.tip, back.rounding) == ("ORD", 100, -2)
    assert back.rates == {"rt": Decimal(9), "t9": Decimal(9)}
    assert back.lines[0].is_itemised
    assert back.service_charges == (ReturnLine(source_uid="s1", item_type="ITEM", total=121, tax=0, taxes=()),)
