"""Order: what was sold and what came back, with its taxes, charges and tenders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from connections.providers.errors import Unreadable
from connections.providers.payload import Reader
from connections.providers.square.payloads.amounts import amount, money

APPORTIONED = "APPORTIONED_TREATMENT"
HIGHEST_RATE = 1000
Fact = TypeVar("Fact")


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
    discount: int = 0

    @property
    def is_itemised(self) -> bool:
        return bool(self.source_uid or self.taxes)


@dataclass(frozen=True, slots=True)
class OrderReturn:
    """What an order takes back of one earlier order, "" when Square does not know which. Apportioned charges are inside
    the lines. `rates`: per cents by the uid of the returned tax and by that of the sale's, since lines may name either;
    `kinds` in the same way: ADDITIVE or INCLUSIVE.
    """

    source_order_id: str
    lines: tuple[ReturnLine, ...]
    service_charges: tuple[ReturnLine, ...]
    rates: Mapping[str, Decimal]
    tip: int
    rounding: int
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        parts = (*self.lines, *self.service_charges)
        return sum(part.total for part in parts) + self.tip + self.rounding


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
    stated_net: int | None = None

    @property
    def is_exchange(self) -> bool:
        """It sells and takes back at once. Reference: Order.returns, "part of an itemized return or exchange"."""
        return self.has_returns and bool(self.lines or self.service_charges)

    @property
    def net(self) -> int:
        """What it sells less what it takes back, from its own parts; Square states it too (`stated_net`)."""
        charges = sum(charge.total for charge in self.service_charges if not charge.is_apportioned)
        tips = sum(tender.tip for tender in self.tenders if tender.is_payment)
        sold = sum(line.total for line in self.lines) + charges + tips + self.rounding
        return sold - sum(back.total for back in self.returns)


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
        stated_net=_stated_net(reader),
    )


def _stated_net(reader: Reader) -> int | None:
    """Only an exchange is booked by it. Reference: Order.net_amounts, sale money less return money."""
    net = reader.optional_record("net_amounts")
    is_exchange = any(True for _ in reader.records("returns")) and any(True for _ in reader.records("line_items"))
    return amount(net, "total_money") if net and is_exchange else None


def _return(reader: Reader) -> OrderReturn:
    charges = [item for item in reader.records("return_service_charges") if not _is_apportioned(item)]
    rounding = reader.optional_record("rounding_adjustment")
    return OrderReturn(
        source_order_id=reader.optional_text("source_order_id"),
        lines=tuple(_return_line(item, "source_line_item_uid") for item in reader.records("return_line_items")),
        service_charges=tuple(_return_line(item, "source_service_charge_uid") for item in charges),
        rates=_of_taxes(reader, _percentage),
        kinds=_of_taxes(reader, lambda tax: tax.optional_text("type")),
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
        discount=amount(reader, "total_discount_money"),
    )


def _of_taxes(reader: Reader, read: Callable[[Reader], Fact]) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for item in reader.records("return_taxes"):
        fact = read(item)
        names = (item.optional_text("uid"), item.optional_text("source_tax_uid"))
        found |= {name: fact for name in names if name}
    return found


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
