"""Payment: what was taken from a buyer, by which tender, and Square's fees for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connections.providers.payload import Reader
from connections.providers.square.payloads.amounts import Fee, amount, fee, money


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment. `amount` excludes the tip, `total` = amount + tip; fees arrive minutes to hours later."""

    id: str
    status: str
    currency: str
    amount: int
    tip: int
    total: int
    app_fee: int
    fees: tuple[Fee, ...]
    source_type: str
    card_brand: str
    external_type: str
    external_source: str
    external_fee: int
    location_id: str
    order_id: str
    customer_id: str
    square_product: str
    receipt_number: str
    refunded: int
    created_at: datetime
    updated_at: datetime
    captured_at: datetime | None
    offline_at: datetime | None

    @property
    def is_gift_card(self) -> bool:
        """A redeemed gift card comes as a CARD payment of this brand and never reaches the Square balance."""
        return self.source_type == "CARD" and self.card_brand == "SQUARE_GIFT_CARD"

    @property
    def tender(self) -> str:
        """The word the mappings use: CARD, CASH, GIFT_CARD, EXTERNAL:<type>, SQUARE_ACCOUNT, WALLET, ..."""
        if self.is_gift_card:
            return "GIFT_CARD"
        if self.source_type == "EXTERNAL":
            return f"EXTERNAL:{self.external_type or 'OTHER'}"
        return self.source_type

    @property
    def took_place_at(self) -> datetime:
        """When the money was taken: offline at the till's time, a card at capture, else at creation."""
        return self.offline_at or self.captured_at or self.created_at


def payment(data: Any) -> Payment:
    """Read one Payment. Raises `Unreadable` naming the path."""
    reader = Reader(data, "payment")
    base = money(reader, "amount_money")
    tip = amount(reader, "tip_money")
    card = reader.optional_record("card_details")
    external = reader.optional_record("external_details")
    return Payment(
        id=reader.identifier("id"),
        status=reader.text("status"),
        currency=base.currency,
        amount=base.amount,
        tip=tip,
        total=amount(reader, "total_money") if reader.has("total_money") else base.amount + tip,
        app_fee=amount(reader, "app_fee_money"),
        fees=tuple(fee(item, base.currency) for item in reader.records("processing_fee")),
        source_type=reader.optional_text("source_type"),
        card_brand=card_brand_of(card),
        external_type=external.optional_text("type") if external else "",
        external_source=external.optional_text("source") if external else "",
        external_fee=amount(external, "source_fee_money") if external else 0,
        location_id=reader.identifier("location_id"),
        order_id=reader.optional_identifier("order_id"),
        customer_id=reader.optional_identifier("customer_id"),
        square_product=_product(reader),
        receipt_number=reader.optional_text("receipt_number"),
        refunded=amount(reader, "refunded_money"),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
        captured_at=_captured_at(card),
        offline_at=_offline_at(reader),
    )


def card_brand_of(card: Reader | None) -> str:
    inner = card.optional_record("card") if card else None
    return inner.optional_text("card_brand") if inner else ""


def _captured_at(card: Reader | None) -> datetime | None:
    timeline = card.optional_record("card_payment_timeline") if card else None
    return timeline.optional_time("captured_at") if timeline else None


def _product(reader: Reader) -> str:
    details = reader.optional_record("application_details")
    return details.optional_text("square_product") if details else ""


def _offline_at(reader: Reader) -> datetime | None:
    details = reader.optional_record("offline_payment_details")
    return details.optional_time("client_created_at") if details else None
