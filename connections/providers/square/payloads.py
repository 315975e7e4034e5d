"""What we read of Square's objects: frozen, typed, in minor units. Unknown fields and enum values do no harm.

Reference: Square API reference, Square-Version 2025-08-20 (Payment, PaymentRefund, Order, Payout, PayoutEntry,
Location, Customer, Merchant).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from connections.providers.errors import Unreadable
from connections.providers.payload import Reader

APPORTIONED = "APPORTIONED_TREATMENT"
CURRENCY = re.compile("[A-Z]{3}")
# A hundred billion euros. Sums of a year of such amounts still fit 64 bits, and Exact's numbers hold each to the cent.
LARGEST = 10**13
HIGHEST_RATE = 1000


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in the currency's smallest unit, signed: EUR 12.34 is 1234, JPY 500 is 500."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Fee:
    """One fee: positive is charged, negative is given back. `kind` is INITIAL or ADJUSTMENT of a payment or refund,
    TRANSFER_FEE or TAX_ON_TRANSFER_FEE of a payout.
    """

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
        return self.treatment == APPORTIONED


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
class ReturnLine:
    """A line or service charge given back, amounts positive: `total` includes tax and is after discount. `source_uid`
    names the line of the sale; a refund by amount has one line without it and without taxes.
    """

    source_uid: str
    item_type: str
    total: int
    tax: int
    taxes: tuple[AppliedTax, ...]

    @property
    def is_itemised(self) -> bool:
        return bool(self.source_uid or self.taxes)


@dataclass(frozen=True, slots=True)
class OrderReturn:
    """What an order takes back of one earlier order, "" when Square does not know which. Apportioned charges are inside
    the lines. `rates`: per cents by the uid of the returned tax and by that of the sale's, since lines may name either.
    """

    source_order_id: str
    lines: tuple[ReturnLine, ...]
    service_charges: tuple[ReturnLine, ...]
    rates: Mapping[str, Decimal]
    tip: int
    rounding: int


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
    returns: tuple[OrderReturn, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Payout:
    """`amount` positive is a deposit, negative a withdrawal. `kind` is BATCH (its entries add up to it) or SIMPLE."""

    id: str
    status: str
    kind: str
    currency: str
    amount: int
    fees: tuple[Fee, ...]
    location_id: str
    destination_type: str
    arrival_date: str
    end_to_end_id: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PayoutEntry:
    """One movement of the Square balance: `net` = `gross` - `fee`, a charge positive, a refund negative with a negative
    fee for one given back. `about_payout_id` is another payout that the entry is about, `payout_id` the one it is in.
    """

    id: str
    payout_id: str
    kind: str
    currency: str
    gross: int
    fee: int
    net: int
    effective_at: datetime | None
    payment_id: str
    refund_id: str
    dispute_id: str
    about_payout_id: str
    tax_rate: str


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
    if not CURRENCY.fullmatch(currency):
        raise Unreadable(f"{value.path}.currency is not the code of a currency")
    return Money(amount=_bounded(value, value.integer("amount")), currency=currency)


def amount(reader: Reader, name: str) -> int:
    """The amount of optional money; absent counts as nothing."""
    value = reader.optional_record(name)
    return _bounded(value, value.optional_integer("amount")) if value else 0


def _bounded(reader: Reader, found: int) -> int:
    if abs(found) > LARGEST:
        raise Unreadable(f"{reader.path}.amount is larger than any amount of money can be")
    return found


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
        fees=tuple(_fee(item, base.currency) for item in reader.records("processing_fee")),
        source_type=reader.optional_text("source_type"),
        card_brand=_card_brand(card),
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


def _fee(reader: Reader, currency: str) -> Fee:
    value = money(reader, "amount_money")
    if value.currency != currency:
        raise Unreadable(f"{reader.path}.amount_money.currency differs from that of the whole")
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
        id=reader.identifier("id"),
        state=reader.optional_text("state"),
        location_id=reader.identifier("location_id"),
        customer_id=reader.optional_identifier("customer_id"),
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
        returns=tuple(_return(item) for item in reader.records("returns")),
    )


def _return(reader: Reader) -> OrderReturn:
    charges = [item for item in reader.records("return_service_charges") if not _is_apportioned(item)]
    rounding = reader.optional_record("rounding_adjustment")
    return OrderReturn(
        source_order_id=reader.optional_text("source_order_id"),
        lines=tuple(_return_line(item, "source_line_item_uid") for item in reader.records("return_line_items")),
        service_charges=tuple(_return_line(item, "source_service_charge_uid") for item in charges),
        rates=_returned_rates(reader),
        tip=sum(amount(item, "applied_money") for item in reader.records("return_tips")),
        rounding=amount(rounding, "amount_money") if rounding else 0,
    )


def _is_apportioned(reader: Reader) -> bool:
    return reader.optional_text("treatment_type") == APPORTIONED


def _return_line(reader: Reader, source: str) -> ReturnLine:
    return ReturnLine(
        source_uid=reader.optional_text(source),
        item_type=reader.optional_text("item_type", default="ITEM"),
        total=amount(reader, "total_money"),
        tax=amount(reader, "total_tax_money"),
        taxes=_applied(reader),
    )


def _returned_rates(reader: Reader) -> dict[str, Decimal]:
    rates: dict[str, Decimal] = {}
    for item in reader.records("return_taxes"):
        rate = _percentage(item)
        names = (item.optional_text("uid"), item.optional_text("source_tax_uid"))
        rates |= {name: rate for name in names if name}
    return rates


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
    return OrderTax(
        uid=reader.text("uid"),
        name=reader.optional_text("name"),
        percentage=_percentage(reader),
        kind=reader.optional_text("type"),
        amount=amount(reader, "applied_money"),
    )


def _percentage(reader: Reader) -> Decimal:
    try:
        rate = Decimal(reader.optional_text("percentage", default="0"))
    except InvalidOperation:
        raise Unreadable(f"{reader.path}.percentage is not a number") from None
    if not (rate.is_finite() and abs(rate) < HIGHEST_RATE):
        raise Unreadable(f"{reader.path}.percentage is not a rate of tax")
    return rate


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
        fees=tuple(_fee(item, whole.currency) for item in reader.records("processing_fee")),
        destination_type=reader.optional_text("destination_type"),
        card_brand=_card_brand(details.optional_record("card_details") if details else None),
        external_type=external.optional_text("type") if external else "",
        location_id=reader.optional_text("location_id"),
        payment_id=reader.optional_identifier("payment_id"),
        order_id=reader.optional_identifier("order_id"),
        is_unlinked=reader.optional_flag("unlinked"),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
    )


def payout(data: Any) -> Payout:
    """Read one Payout. Raises `Unreadable` naming the path."""
    reader = Reader(data, "payout")
    whole = money(reader, "amount_money")
    destination = reader.optional_record("destination")
    return Payout(
        id=reader.identifier("id"),
        status=reader.optional_text("status"),
        kind=reader.optional_text("type"),
        currency=whole.currency,
        amount=whole.amount,
        fees=tuple(_fee(item, whole.currency) for item in reader.records("payout_fee")),
        location_id=reader.identifier("location_id"),
        destination_type=destination.optional_text("type") if destination else "",
        arrival_date=reader.optional_text("arrival_date"),
        end_to_end_id=reader.optional_text("end_to_end_id"),
        version=reader.optional_integer("version"),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
    )


def payout_entry(data: Any) -> PayoutEntry:
    """Read one PayoutEntry. Raises `Unreadable` naming the path."""
    reader = Reader(data, "payout_entry")
    gross, fee = money(reader, "gross_amount_money"), amount(reader, "fee_amount_money")
    details = _details(reader)
    return PayoutEntry(
        id=reader.identifier("id"),
        payout_id=reader.identifier("payout_id"),
        kind=reader.optional_text("type"),
        currency=gross.currency,
        gross=gross.amount,
        fee=fee,
        net=amount(reader, "net_amount_money") if reader.has("net_amount_money") else gross.amount - fee,
        effective_at=reader.optional_time("effective_at"),
        payment_id=details.optional_text("payment_id"),
        refund_id=details.optional_text("refund_id"),
        dispute_id=details.optional_text("dispute_id"),
        about_payout_id=details.optional_text("payout_id"),
        tax_rate=details.optional_text("tax_rate_description"),
    )


def _details(reader: Reader) -> Reader:
    """The one `type_<x>_details` that Square fills; nothing for the types that have none."""
    names = (name for name in reader.data if name.startswith("type_") and name.endswith("_details"))
    found = next((name for name in names if reader.has(name)), None)
    return reader.record(found) if found else Reader({}, reader.path)


def location(data: Any) -> Location:
    reader = Reader(data, "location")
    return Location(
        id=reader.identifier("id"),
        name=reader.optional_text("name"),
        status=reader.optional_text("status"),
        country=reader.optional_text("country"),
        currency=reader.optional_text("currency"),
        timezone=_zone(reader),
        merchant_id=reader.optional_text("merchant_id"),
    )


def _zone(reader: Reader) -> str:
    name = reader.optional_text("timezone", default="UTC")
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, LookupError):
        raise Unreadable(f"{reader.path}.timezone is not a time zone that is known here") from None


def merchant(data: Any) -> Merchant:
    reader = Reader(data, "merchant")
    return Merchant(
        id=reader.identifier("id"),
        name=reader.optional_text("business_name"),
        country=reader.optional_text("country"),
        currency=reader.optional_text("currency"),
        main_location_id=reader.optional_text("main_location_id"),
    )


def customer(data: Any) -> Customer:
    reader = Reader(data, "customer")
    tax_ids = reader.optional_record("tax_ids")
    return Customer(
        id=reader.identifier("id"),
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
