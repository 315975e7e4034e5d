"""What happens to money after the sale was rung up: capture of what was authorised, payment of what is still due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from connections.sandbox.square import payments, times
from connections.sandbox.square.facts import Json
from connections.sandbox.square.payments import Sold
from connections.sandbox.square.specs import TenderSpec
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Record
from connections.sandbox.square.till import Sale, card_fee, shared, take


def capture(state: State, payment: Record, *, at: datetime) -> None:
    """Raises `ValueError` unless the payment is APPROVED by card."""
    data = payment.data
    if data["status"] != "APPROVED" or "card_details" not in data:
        raise ValueError(f"Payment {payment.id} is not an approved card payment.")
    data["status"] = "COMPLETED"
    data["receipt_url"] = payments.receipt_url(payment.id)
    data["card_details"]["status"] = "CAPTURED"
    data["card_details"]["card_payment_timeline"]["captured_at"] = times.trimmed(at)
    payment.times["captured"] = times.micros(at)
    state.touch(payment, at)
    state.charge(payment)
    for tender in state.order(data["order_id"]).data.get("tenders", []):
        if tender["id"] == payment.id:
            tender["card_details"]["status"] = "CAPTURED"
    fee = card_fee(data["total_money"]["amount"])
    state.expect_fee(payment, fee, kind="INITIAL", at=at + timedelta(seconds=state.fee_delay))


def pay(state: State, order: Record, tenders: Sequence[TenderSpec], *, at: datetime, complete: bool) -> Sale:
    """Raises `ValueError` when the order is not open, or would be completed without being paid."""
    data = order.data
    if data["state"] != "OPEN":
        raise ValueError(f"Order {order.id} is {data['state']}.")
    due = data["net_amount_due_money"]["amount"]
    amounts = shared(due, tenders, must_match=complete)
    sold = Sold(order.location_id, order.id, data["total_money"]["currency"], data.get("customer_id", ""), at)
    records = [take(state, spec, amount, sold) for spec, amount in zip(tenders, amounts, strict=True)]
    for spec, record in zip(tenders, records, strict=True):
        data.setdefault("tenders", []).append(payments.tender(spec, record.data, sold))
    _total(data, tips=sum(spec.tip for spec in tenders), paid=sum(amounts))
    if complete:
        data["state"] = "COMPLETED"
        data["closed_at"] = times.fixed(at)
        state.orders.move(order, "closed", times.micros(at))
    state.touch_order(order, at)
    return Sale(data, tuple(record.data for record in records))


def _total(order: Json, *, tips: int, paid: int) -> None:
    """Tips raise the total and are paid at once; what was paid lowers what is due."""
    net = order["net_amounts"]
    for money in (order["total_money"], order["total_tip_money"], net["total_money"], net["tip_money"]):
        money["amount"] += tips
    order["net_amount_due_money"]["amount"] -= paid
