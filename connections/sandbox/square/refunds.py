"""Refunds by amount: the refund, the return order Square makes for it, and the traces on the payment.

Reference: OpenAPI PaymentRefund, OrderReturn; a refund by amount yields one CUSTOM_AMOUNT return line without taxes
(forum topic 12104); the processing fee comes back in proportion (OpenAPI example and real sandbox rows).
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from connections.sandbox.square import times
from connections.sandbox.square.arithmetic import half_up
from connections.sandbox.square.facts import Json
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Record


def refund(state: State, payment: Record, *, amount: int, at: datetime, reason: str, status: str) -> Json:
    """Raises `ValueError` beyond what is left of the payment."""
    total, before = payment.data["total_money"], payment.data.get("refunded_money", {"amount": 0})["amount"]
    if not 0 < amount <= total["amount"] - before:
        raise ValueError(f"Only {total['amount'] - before} of payment {payment.id} is left to refund.")
    money = {"amount": amount, "currency": total["currency"]}
    order = _return_order(state, payment, money, at)
    data = _refund(state, payment, money, at) | {"order_id": order["id"], "reason": reason, "status": status}
    moments = {"created": times.micros(at), "updated": times.micros(at)}
    state.refunds.add(data, payment.location_id, moments)
    payment.data["refunded_money"] = {**money, "amount": before + amount}
    payment.data.setdefault("refund_ids", []).append(data["id"])
    state.touch(payment, at)
    return data


def _refund(state: State, payment: Record, money: Json, at: datetime) -> Json:
    data: Json = {
        "id": state.ids.refund(payment.id),
        "amount_money": money,
        "payment_id": payment.id,
        "location_id": payment.location_id,
        "destination_type": payment.data["source_type"],
        "unlinked": False,
        "created_at": times.trimmed(at),
        "updated_at": times.trimmed(at),
    }
    fees = sum(item["amount_money"]["amount"] for item in payment.data.get("processing_fee", []))
    back = half_up(Fraction(fees * money["amount"], payment.data["total_money"]["amount"])) if fees else 0
    if back:
        fee = {"effective_at": times.fixed(at), "type": "INITIAL", "amount_money": {**money, "amount": -back}}
        data["processing_fee"] = [fee]
    return data


def _return_order(state: State, payment: Record, money: Json, at: datetime) -> Json:
    nothing = {**money, "amount": 0}
    returned = {"total_money": money} | {f"{name}_money": nothing for name in ("tax", "discount", "tip")}
    returned["service_charge_money"] = nothing
    line = {
        "uid": state.ids.uid(),
        "quantity": "1",
        "item_type": "CUSTOM_AMOUNT",
        "base_price_money": money,
        "variation_total_price_money": money,
        "gross_return_money": money,
        "total_tax_money": nothing,
        "total_discount_money": nothing,
        "total_money": money,
    }
    back: Json = {"uid": state.ids.uid(), "return_line_items": [line], "return_amounts": returned}
    if "order_id" in payment.data:
        back["source_order_id"] = payment.data["order_id"]
    order = _returning(state, payment.location_id, back, nothing, at)
    order["return_amounts"] = returned
    order["net_amounts"] = {name: {**value, "amount": -value["amount"]} for name, value in returned.items()}
    moments = dict.fromkeys(("created", "updated", "closed"), times.micros(at))
    state.orders.add(order, payment.location_id, moments)
    return order


def _returning(state: State, location_id: str, back: Json, nothing: Json, at: datetime) -> Json:
    totals = ("total", "total_tax", "total_discount", "total_tip", "total_service_charge", "net_amount_due")
    order = {
        "id": state.ids.order(),
        "location_id": location_id,
        "source": {"name": "Point of Sale"},
        "returns": [back],
        "state": "COMPLETED",
    }
    order |= {name: times.fixed(at) for name in ("created_at", "updated_at", "closed_at")}
    return order | {f"{name}_money": nothing for name in totals}
