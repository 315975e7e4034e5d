"""What we read of Square's objects: frozen, typed, in minor units. Unknown fields and enum values do no harm.

Reference: Square API reference, Square-Version 2025-08-20 (Payment, Order, Location, Customer, Merchant).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connections.providers.errors import Unreadable
from connections.providers.payload import Reader


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in the currency's smallest unit, signed: EUR 12.34 is 1234, JPY 500 is 500."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Fee:
    """One processing fee: positive is charged, negative is given back. `kind` is INITIAL or ADJUSTMENT."""

    amount: int
    kind: str
    effective_at: datetime | None


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


@dataclass(frozen=True, slots=True)
class AppliedTax:
    tax_uid: str
    amount: int


@dataclass(frozen=True, slots=True)
class OrderTax:
    """`percentage` is a number of per cents (21.0); `kind` is ADDITIVE, INCLUSIVE or something newer."""

    uid: str
    name: str
    percentage: Decimal
    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`total` includes tax and is after discount and apportioned charges: net = total - tax, in every region."""

    uid: str
    name: str
    item_type: str
    category: str
    total: int
    tax: int
    discount: int
    taxes: tuple[AppliedTax, ...]


@dataclass(frozen=True, slots=True)
class ServiceCharge:
    """`total` includes its tax. Apportioned charges are already inside the lines."""

    uid: str
    name: str
    kind: str
    treatment: str
    total: int
    tax: int
    taxes: tuple[AppliedTax, ...]

    @property
    def is_apportioned(self) -> bool:
        return self.treatment == "APPORTIONED_TREATMENT"


@dataclass(frozen=True, slots=True)
class Tender:
    """One payment on the order; `amount` includes the tip. `status` is that of a card, "" for other kinds."""

    id: str
    payment_id: str
    kind: str
    amount: int
    tip: int
    created_at: datetime | None
    status: str = ""

    @property
    def is_payment(self) -> bool:
        """NO_SALE only opened the drawer; a voided or failed card stays on the order although it paid nothing."""
        return bool(self.payment_id) and self.kind != "NO_SALE" and self.status not in ("VOIDED", "FAILED")


@dataclass(frozen=True, slots=True)
class Order:
    id: str
    state: str
    location_id: str
    customer_id: str
    currency: str
    total: int
    tax: int
    discount: int
    tip: int
    service_charge: int
    rounding: int
    has_returns: bool
    lines: tuple[OrderLine, ...]
    taxes: tuple[OrderTax, ...]
    service_charges: tuple[ServiceCharge, ...]
    tenders: tuple[Tender, ...]
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Location:
    id: str
    name: str
    status: str
    country: str
    currency: str
    timezone: str
    merchant_id: str


@dataclass(frozen=True, slots=True)
class Merchant:
    id: str
    name: str
    country: str
    currency: str
    main_location_id: str


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    version: int
    given_name: str
    family_name: str
    company_name: str
    email: str
    phone: str
    reference_id: str
    vat_number: str
    creation_source: str
    address: Mapping[str, Any]
    created_at: datetime | None
    updated_at: datetime | None


def money(reader: Reader, name: str) -> Money:
    """Required money. Square's payout objects write `currency_code`: both are read."""
    value = reader.record(name)
    currency = value.optional_text("currency") or value.optional_text("currency_code")
    if not currency:
        raise Unreadable(f"{value.path}.currency is missing")
    return Money(amount=value.integer("amount"), currency=currency)


def amount(reader: Reader, name: str) -> int:
    """The amount of optional money; absent counts as nothing."""
    value = reader.optional_record(name)
    return value.optional_integer("amount") if value else 0


def payment(data: Any) -> Payment:
    """Read one Payment. Raises `Unreadable` naming the path."""
    reader = Reader(data, "payment")
    base = money(reader, "amount_money")
    tip = amount(reader, "tip_money")
    card = reader.optional_record("card_details")
    external = reader.optional_record("external_details")
    return Payment(
        id=reader.text("id"),
        status=reader.text("status"),
        currency=base.currency,
        amount=base.amount,
        tip=tip,
        total=amount(reader, "total_money") if reader.has("total_money") else base.amount + tip,
        app_fee=amount(reader, "app_fee_money"),
        fees=tuple(_fee(item, base.currency) for item in reader.records("processing_fee")),
        source_type=reader.optional_text("source_type"),
        card_brand=_card_brand(card),
        external_type=external.optional_text("type") if external else "",
        external_source=external.optional_text("source") if external else "",
        external_fee=amount(external, "source_fee_money") if external else 0,
        location_id=reader.text("location_id"),
        order_id=reader.optional_text("order_id"),
        customer_id=reader.optional_text("customer_id"),
        square_product=_product(reader),
        receipt_number=reader.optional_text("receipt_number"),
        refunded=amount(reader, "refunded_money"),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
        captured_at=_captured_at(card),
        offline_at=_offline_at(reader),
    )


def _fee(reader: Reader, currency: str) -> Fee:
    value = money(reader, "amount_money")
    if value.currency != currency:
        raise Unreadable(f"{reader.path}.amount_money.currency differs from the payment's")
    return Fee(
        amount=value.amount, kind=reader.optional_text("type"), effective_at=reader.optional_time("effective_at")
    )


def _card_brand(card: Reader | None) -> str:
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


def order(data: Any) -> Order:
    """Read one Order. Raises `Unreadable` naming the path."""
    reader = Reader(data, "order")
    total = money(reader, "total_money")
    rounding = reader.optional_record("rounding_adjustment")
    return Order(
        id=reader.text("id"),
        state=reader.optional_text("state"),
        location_id=reader.text("location_id"),
        customer_id=reader.optional_text("customer_id"),
        currency=total.currency,
        total=total.amount,
        tax=amount(reader, "total_tax_money"),
        discount=amount(reader, "total_discount_money"),
        tip=amount(reader, "total_tip_money"),
        service_charge=amount(reader, "total_service_charge_money"),
        rounding=amount(rounding, "amount_money") if rounding else 0,
        has_returns=any(True for _ in reader.records("returns")),
        lines=tuple(_line(item) for item in reader.records("line_items")),
        taxes=tuple(_tax(item) for item in reader.records("taxes")),
        service_charges=tuple(_service_charge(item) for item in reader.records("service_charges")),
        tenders=tuple(_tender(item) for item in reader.records("tenders")),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
        closed_at=reader.optional_time("closed_at"),
    )


def _line(reader: Reader) -> OrderLine:
    return OrderLine(
        uid=reader.optional_text("uid"),
        name=reader.optional_text("name"),
        item_type=reader.optional_text("item_type", default="ITEM"),
        category=reader.optional_text("category_id"),
        total=money(reader, "total_money").amount,
        tax=amount(reader, "total_tax_money"),
        discount=amount(reader, "total_discount_money"),
        taxes=_applied(reader),
    )


def _tax(reader: Reader) -> OrderTax:
    try:
        percentage = Decimal(reader.optional_text("percentage", default="0"))
    except InvalidOperation:
        raise Unreadable(f"{reader.path}.percentage is not a number") from None
    return OrderTax(
        uid=reader.text("uid"),
        name=reader.optional_text("name"),
        percentage=percentage,
        kind=reader.optional_text("type"),
        amount=amount(reader, "applied_money"),
    )


def _service_charge(reader: Reader) -> ServiceCharge:
    return ServiceCharge(
        uid=reader.optional_text("uid"),
        name=reader.optional_text("name"),
        kind=reader.optional_text("type"),
        treatment=reader.optional_text("treatment_type"),
        total=amount(reader, "total_money"),
        tax=amount(reader, "total_tax_money"),
        taxes=_applied(reader),
    )


def _applied(reader: Reader) -> tuple[AppliedTax, ...]:
    return tuple(
        AppliedTax(tax_uid=item.text("tax_uid"), amount=amount(item, "applied_money"))
        for item in reader.records("applied_taxes")
    )


def _tender(reader: Reader) -> Tender:
    card = reader.optional_record("card_details")
    return Tender(
        id=reader.optional_text("id"),
        payment_id=reader.optional_text("payment_id") or reader.optional_text("id"),
        kind=reader.optional_text("type"),
        amount=amount(reader, "amount_money"),
        tip=amount(reader, "tip_money"),
        created_at=reader.optional_time("created_at"),
        status=card.optional_text("status") if card else "",
    )


def location(data: Any) -> Location:
    reader = Reader(data, "location")
    return Location(
        id=reader.text("id"),
        name=reader.optional_text("name"),
        status=reader.optional_text("status"),
        country=reader.optional_text("country"),
        currency=reader.optional_text("currency"),
        timezone=reader.optional_text("timezone", default="UTC"),
        merchant_id=reader.optional_text("merchant_id"),
    )


def merchant(data: Any) -> Merchant:
    reader = Reader(data, "merchant")
    return Merchant(
        id=reader.text("id"),
        name=reader.optional_text("business_name"),
        country=reader.optional_text("country"),
        currency=reader.optional_text("currency"),
        main_location_id=reader.optional_text("main_location_id"),
    )


def customer(data: Any) -> Customer:
    reader = Reader(data, "customer")
    tax_ids = reader.optional_record("tax_ids")
    return Customer(
        id=reader.text("id"),
        version=reader.optional_integer("version"),
        given_name=reader.optional_text("given_name"),
        family_name=reader.optional_text("family_name"),
        company_name=reader.optional_text("company_name"),
        email=reader.optional_text("email_address"),
        phone=reader.optional_text("phone_number"),
        reference_id=reader.optional_text("reference_id"),
        vat_number=tax_ids.optional_text("eu_vat") if tax_ids else "",
        creation_source=reader.optional_text("creation_source"),
        address=dict(reader.record("address").data) if reader.has("address") else {},
        created_at=reader.optional_time("created_at"),
        updated_at=reader.optional_time("updated_at"),
    )
