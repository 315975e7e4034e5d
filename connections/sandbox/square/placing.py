"""Orders that are placed before they are paid: with a date on which they are picked up, shipped or delivered.

Reference: OpenAPI Order.fulfillments; Fulfillment and its details by type. Orders made through the API carry a version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connections.sandbox.square import orders, times
from connections.sandbox.square.facts import Json
from connections.sandbox.square.orders import Basket
from connections.sandbox.square.specs import ChargeSpec, LineSpec
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Record

_DETAILS = {
    "PICKUP": ("pickup_details", "pickup_at"),
    "DELIVERY": ("delivery_details", "deliver_at"),
    "SHIPMENT": ("shipment_details", "expected_shipped_at"),
}


@dataclass(frozen=True, slots=True)
class FulfilmentSpec:
    """`kind` PICKUP, DELIVERY or SHIPMENT; `due` None leaves open when."""

    kind: str = "PICKUP"
    due: datetime | None = None
    state: str = "PROPOSED"


PICKUP = FulfilmentSpec()


def fulfilment(state: State, spec: FulfilmentSpec) -> Json:
    details, name = _DETAILS[spec.kind]
    when = {name: times.fixed(spec.due)} if spec.due else {}
    return {"uid": state.ids.uid(), "type": spec.kind, "state": spec.state, details: when}


def replace_lines(
    state: State,
    order: Record,
    lines: Sequence[LineSpec],
    *,
    charges: Sequence[ChargeSpec],
    discount: int,
    at: datetime,
) -> None:
    """What the order holds instead, with everything Square computes. Raises `ValueError` unless it is open."""
    data = order.data
    if data["state"] != "OPEN":
        raise ValueError(f"Order {order.id} is {data['state']}.")
    basket = Basket(state, data["total_money"]["currency"], lines, charges, discount)
    paid = data["total_money"]["amount"] - data["net_amount_due_money"]["amount"]
    for name in ("line_items", "taxes", "discounts", "service_charges"):
        data.pop(name, None)
    data |= orders.contents(basket) | orders.totals(basket, tip=data["total_tip_money"]["amount"], rounding=0)
    data["net_amount_due_money"] = basket.money(data["total_money"]["amount"] - paid)
    data["version"] = data.get("version", 1) + 1
    state.touch_order(order, at)


def cancel(state: State, order: Record, *, at: datetime) -> None:
    """Raises `ValueError` unless it is open and nothing was paid on it. Its fulfilments are cancelled with it."""
    data = order.data
    if data["state"] != "OPEN" or data.get("tenders"):
        raise ValueError(f"Order {order.id} is {data['state']} or paid in part.")
    data["state"] = "CANCELED"
    data["closed_at"] = times.fixed(at)
    for item in data.get("fulfillments", []):
        item["state"] = "CANCELED"
    state.orders.move(order, "closed", times.micros(at))
    state.touch_order(order, at)
