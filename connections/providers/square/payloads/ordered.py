"""What an order says beyond its sale: how many of what, and when it is to be handed over.

Reference: Square API reference 2025-08-20, OrderLineItem, Fulfillment. `quantity` is text, decimals allowed; a line
holds no SKU, which only the Catalog API tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connections.providers.errors import Unreadable
from connections.providers.payload import Reader
from connections.providers.square.payloads.orders import Order, order

# Where each type of fulfilment says when the goods are due.
DUE = {
    "PICKUP": ("pickup_details", "pickup_at"),
    "DELIVERY": ("delivery_details", "deliver_at"),
    "SHIPMENT": ("shipment_details", "expected_shipped_at"),
}
ENDED = ("CANCELED", "FAILED")
MOST = Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class Goods:
    """Of one line, in the order of the order's lines. `catalog_id` names the variation, "" for a custom amount."""

    catalog_id: str
    name: str
    variation: str
    quantity: Decimal

    @property
    def key(self) -> str:
        """What finance maps to an item in Exact."""
        return self.catalog_id or f"name:{' '.join(self.name.split()).casefold()}"

    @property
    def words(self) -> str:
        """'Mug', 'Mug, large': Square's "Regular" is the variation of what has none."""
        ordinary = self.variation in ("", "Regular") or self.variation == self.name
        return self.name if ordinary else f"{self.name}, {self.variation}"


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """`due_at` None where nobody has said yet."""

    kind: str
    state: str
    due_at: datetime | None

    @property
    def is_live(self) -> bool:
        return self.state not in ENDED


@dataclass(frozen=True, slots=True)
class Ordered:
    order: Order
    goods: tuple[Goods, ...]
    fulfilments: tuple[Fulfilment, ...]

    @property
    def updated_at(self) -> datetime:
        return self.order.updated_at


def ordered(data: Any) -> Ordered:
    """Read one Order with its goods and fulfilments. Raises `Unreadable` naming the path."""
    reader = Reader(data, "order")
    return Ordered(
        order=order(data),
        goods=tuple(_goods(item) for item in reader.records("line_items")),
        fulfilments=tuple(_fulfilment(item) for item in reader.records("fulfillments")),
    )


def _goods(reader: Reader) -> Goods:
    return Goods(
        catalog_id=reader.optional_identifier("catalog_object_id"),
        name=reader.optional_text("name"),
        variation=reader.optional_text("variation_name"),
        quantity=_quantity(reader),
    )


def _quantity(reader: Reader) -> Decimal:
    try:
        quantity = Decimal(reader.text("quantity"))
    except InvalidOperation:
        raise Unreadable(f"{reader.path}.quantity is not a number") from None
    if not (quantity.is_finite() and 0 <= quantity < MOST):
        raise Unreadable(f"{reader.path}.quantity is not a quantity")
    return quantity


def _fulfilment(reader: Reader) -> Fulfilment:
    kind = reader.optional_text("type")
    details, name = DUE.get(kind, ("", ""))
    due = reader.optional_record(details) if details else None
    return Fulfilment(kind=kind, state=reader.optional_text("state"), due_at=due.optional_time(name) if due else None)
