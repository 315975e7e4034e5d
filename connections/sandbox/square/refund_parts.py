"""The objects of a refund: the refund itself and the return order around what came back.

Reference: OpenAPI PaymentRefund, DestinationDetails, Order; an order's embedded refunds have statuses of their own.
"""

from __future__ import annotations

from datetime import datetime

from connections.sandbox.square import payments, times
from connections.sandbox.square.facts import Json
from connections.sandbox.square.specs import RefundSpec, TenderSpec
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Record

# PaymentRefund.status -> the status of the refund embedded in the return order.
_ON_ORDER = {"COMPLETED": "APPROVED"}


def return_order(state: State, location_id: str, back: Json, currency: str, at: datetime) -> Record:
    nothing = {"amount": 0, "currency": currency}
    returned = back["return_amounts"]
    totals = ("total", "total_tax", "total_discount", "total_tip", "total_service_charge", "net_amount_due")
    order: Json = {
        "id": state.ids.order(),
        "location_id": location_id,
        "source": {"name": "Point of Sale"},
        "returns": [back],
        "state": "COMPLETED",
    }
    order |= {name: times.fixed(at) for name in ("created_at", "updated_at", "closed_at")}
    order |= {f"{name}_money": nothing for name in totals}
    order["return_amounts"] = returned
    order["net_amounts"] = {name: {**value, "amount": -value["amount"]} for name, value in returned.items()}
    moments = dict.fromkeys(("created", "updated", "closed"), times.micros(at))
    return state.orders.add(order, location_id, moments)


def new_refund(state: State, order: Record, spec: RefundSpec, money: Json, at: datetime, *, payment: Json) -> Record:
    """`payment` is empty for an unlinked refund. The order shows the refund as well."""
    key = payment.get("id", "")
    data: Json = {
        "id": state.ids.refund(key or state.ids.payment()),
        "amount_money": money,
        "location_id": order.location_id,
        "destination_type": destination_type(spec, payment),
        "unlinked": not payment,
        "order_id": order.id,
        "reason": spec.reason,
        "status": spec.status,
        "created_at": times.trimmed(at),
        "updated_at": times.trimmed(at),
    }
    data |= {"payment_id": key} if key else {}
    details = _destination(state, spec, money)
    data |= {"destination_details": details} if details else {}
    _embed(order, data, payment, at)
    return state.refunds.add(data, order.location_id, dict.fromkeys(("created", "updated"), times.micros(at)))


def destination_type(spec: RefundSpec, payment: Json) -> str:
    return payments.KINDS[spec.destination][0] if spec.destination else str(payment["source_type"])


def show_status(order: Record, refund: Json) -> None:
    """The order follows its refund."""
    for shown in order.data.get("refunds", []):
        if shown["id"] == refund["id"]:
            shown["status"] = _ON_ORDER.get(refund["status"], refund["status"])


def _embed(order: Record, refund: Json, payment: Json, at: datetime) -> None:
    shown = {name: refund[name] for name in ("id", "location_id", "reason", "amount_money", "status")}
    shown["created_at"] = times.whole(at)
    if payment:
        shown |= {"tender_id": payment["id"], "transaction_id": payment["order_id"]}
    order.data.setdefault("refunds", []).append(shown)
    show_status(order, refund)


def _destination(state: State, spec: RefundSpec, money: Json) -> Json:
    """Shown only where the destination was chosen, as the reference says."""
    if spec.destination in ("card", "gift_card"):
        card = payments.card(state.ids, TenderSpec(spec.destination))
        return {"card_details": {"card": card, "entry_method": "KEYED"}}
    if spec.destination == "cash":
        return {"cash_details": {"seller_supplied_money": money, "change_back_money": {**money, "amount": 0}}}
    if spec.destination == "external":
        return {"external_details": {"type": spec.external_type, "source": spec.external_source}}
    return {}
