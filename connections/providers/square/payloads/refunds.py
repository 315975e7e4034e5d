"""PaymentRefund: money that went back to a buyer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connections.providers.payload import Reader
from connections.providers.square.payloads.amounts import Fee, amount, fee, money
from connections.providers.square.payloads.payments import card_brand_of


@dataclass(frozen=True, slots=True)
class PaymentRefund:
    """One refund, `amount` positive. `app_fee` is what the developer gives back of theirs, positive too, while `fees`
    are negative when given back. `order_id` is the return order, not the sale. `card_brand` and `external_type` are
    known only where the money went elsewhere than it came from.
    """

    id: str
    status: str
    currency: str
    amount: int
    app_fee: int
    fees: tuple[Fee, ...]
    destination_type: str
    card_brand: str
    external_type: str
    location_id: str
    payment_id: str
    order_id: str
    is_unlinked: bool
    created_at: datetime
    updated_at: datetime


def refund(data: Any) -> PaymentRefund:
    """Read one PaymentRefund. Raises `Unreadable` naming the path."""
    reader = Reader(data, "refund")
    whole = money(reader, "amount_money")
    details = reader.optional_record("destination_details")
    external = details.optional_record("external_details") if details else None
    return PaymentRefund(
        id=reader.identifier("id"),
        status=reader.optional_text("status"),
        currency=whole.currency,
        amount=whole.amount,
        app_fee=amount(reader, "app_fee_money"),
        fees=tuple(fee(item, whole.currency) for item in reader.records("processing_fee")),
        destination_type=reader.optional_text("destination_type"),
        card_brand=card_brand_of(details.optional_record("card_details") if details else None),
        external_type=external.optional_text("type") if external else "",
        location_id=reader.optional_text("location_id"),
        payment_id=reader.optional_identifier("payment_id"),
        order_id=reader.optional_identifier("order_id"),
        is_unlinked=reader.optional_flag("unlinked"),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
    )
