"""What Square's own figures say a payment should move in the books, from the raw record. Pure.

Nothing here uses the bookkeeping core or the payload readers: a mistake made on the way from Square to an entry must
show as a difference, and would not if both sides shared it. Amounts in minor units, debit +, credit -.
Reference: square.md 3.1 (Payment), 3.3 (Order).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sync.reconciliation.figures import Moves

Raw = Mapping[str, Any]
# What is compared together: ("sale", order), ("receipt", payment), ("fee", payment or refund), ...
Group = tuple[str, str]
CENTS = 5
PLACES = {"CASH": "cash", "EXTERNAL": "other_tender", "SQUARE_ACCOUNT": ""}


@dataclass(frozen=True, slots=True)
class Owed:
    """What the books owe for one event at Square."""

    group: Group
    day: date
    currency: str
    moves: Moves


def payment_events(payment: Raw, order: Raw | None, zone: ZoneInfo, *, sells: bool) -> Iterator[Owed]:
    """The sale of its order (`sells`: this payment is the one that tells of it), its receipt and its fees."""
    if payment.get("status") != "COMPLETED":
        return
    if sells and order and order.get("state") == "COMPLETED":
        yield Owed(("sale", order["id"]), sale_day(payment, order, zone), _currency(payment), sale_moves(order))
    yield from _money(payment, zone)


def sale_moves(order: Raw) -> Moves:
    """Net per line, VAT, tips, charges, gift cards, rounding; what the customer owes is what was tendered.

    What lines and tenders differ by is rounding too, up to a few cents. Beyond them the order has not shown all its
    lines, and the rest counts as revenue of which nobody knows more.
    """
    moved: Counter[str] = Counter()
    for line in order.get("line_items", ()):
        _add_taxed(moved, "gift_card" if line.get("item_type") == "GIFT_CARD" else "revenue", line)
    for charge in order.get("service_charges", ()):
        if charge.get("treatment_type") != "APPORTIONED_TREATMENT":
            _add_taxed(moved, "service_charge", charge)
    for back in order.get("returns", ()):
        _take_back(moved, back)
    tenders = order.get("tenders", ())
    moved["tips"] -= sum(amount(tender, "tip_money") for tender in tenders)
    moved["receivables"] = sum(amount(tender, "amount_money") for tender in tenders)
    rest = sum(moved.values()) - stated_rounding(order)
    moved["rounding"] -= stated_rounding(order)
    moved["rounding" if abs(rest) <= CENTS else "revenue"] -= rest
    return {role: moving for role, moving in moved.items() if moving}


def stated_rounding(order: Raw) -> int:
    return amount(order.get("rounding_adjustment") or {}, "amount_money")


def _add_taxed(moved: Counter[str], role: str, part: Raw, sign: int = 1) -> None:
    tax = amount(part, "total_tax_money")
    moved[role] -= sign * (amount(part, "total_money") - tax)
    moved["output_vat"] -= sign * tax


def _take_back(moved: Counter[str], back: Raw) -> None:
    """What an exchange takes back in the same order."""
    for line in back.get("return_line_items", ()):
        _add_taxed(moved, "gift_card" if line.get("item_type") == "GIFT_CARD" else "revenue", line, -1)
    for charge in back.get("return_service_charges", ()):
        if charge.get("treatment_type") != "APPORTIONED_TREATMENT":
            _add_taxed(moved, "service_charge", charge, -1)
    moved["tips"] += sum(amount(tip, "applied_money") for tip in back.get("return_tips", ()))


def sale_day(payment: Raw, order: Raw, zone: ZoneInfo) -> date:
    """The day the order was completed; of one paid offline, the till's own day."""
    offline = payment.get("offline_payment_details", {}).get("client_created_at")
    if offline and len(order.get("tenders", ())) == 1:
        return local(offline, zone)
    return local(order["closed_at"], zone) if order.get("closed_at") else taken_on(payment, zone)


def taken_on(payment: Raw, zone: ZoneInfo) -> date:
    """Offline at the till's time, a card at capture, else at creation."""
    offline = payment.get("offline_payment_details", {}).get("client_created_at")
    captured = payment.get("card_details", {}).get("card_payment_timeline", {}).get("captured_at")
    return local(offline or captured or payment["created_at"], zone)


def _money(payment: Raw, zone: ZoneInfo) -> Iterator[Owed]:
    day, currency = taken_on(payment, zone), _currency(payment)
    total, place = amount(payment, "total_money"), place_of(payment)
    if place and total:
        yield Owed(("receipt", payment["id"]), day, currency, {place: total, "receivables": -total})
    group = ("fee", payment["id"])
    yield from fee_events(payment.get("processing_fee", ()), group, day, currency, zone)
    if app_fee := amount(payment, "app_fee_money"):
        yield Owed(group, day, currency, {"platform_fee": app_fee, "clearing": -app_fee})
    if kept := amount(payment.get("external_details", {}), "source_fee_money"):
        yield Owed(group, day, currency, {"processing_fee": kept, place: -kept})


def fee_events(fees: Any, group: Group, day: date, currency: str, zone: ZoneInfo) -> Iterator[Owed]:
    """The first on the event's own day, each later one when it takes effect."""
    for place, fee in enumerate(fees):
        charged = amount(fee, "amount_money")
        on = local(fee["effective_at"], zone) if place and fee.get("effective_at") else day
        yield Owed(group, on, currency, {"processing_fee": charged, "clearing": -charged})


def own_fees(record: Raw, *, sign: int = 1) -> int:
    """What a payment states of Square's and the developer's fees; of a refund the developer's is given back (-1)."""
    return sum(amount(fee, "amount_money") for fee in record.get("processing_fee", ())) + sign * amount(
        record, "app_fee_money"
    )


def place_of(payment: Raw) -> str:
    """Where the money of a payment lands; a house account brings none."""
    card = payment.get("card_details", {}).get("card", {})
    if card.get("card_brand") == "SQUARE_GIFT_CARD":
        return "gift_card"
    return PLACES.get(payment.get("source_type", ""), "clearing")


def amount(record: Raw, name: str) -> int:
    return int((record.get(name) or {}).get("amount") or 0)


def _currency(record: Raw) -> str:
    return str((record.get("amount_money") or {}).get("currency", ""))


def local(moment: str, zone: ZoneInfo) -> date:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(zone).date()
