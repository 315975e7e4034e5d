"""What Square's own figures say a payment should move in the books, from the raw record. Pure.

Nothing here uses the bookkeeping core or the payload readers: a mistake made on the way from Square to an entry must
show as a difference, and would not if both sides shared it. Amounts in minor units, debit +, credit -.
Reference: square.md 3.1 (Payment), 3.3 (Order).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sync.reconciliation.choices import DEFAULT, ZERO, Chosen, inside
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


def payment_events(
    payment: Raw, order: Raw | None, zone: ZoneInfo, *, sells: bool, chosen: Chosen = DEFAULT, invoiced: bool = False
) -> Iterator[Owed]:
    """The sale of its order (`sells`: this payment is the one that tells of it), its receipt and its fees. The sale of
    an order that was `invoiced` is the invoice's.
    """
    if payment.get("status") != "COMPLETED":
        return
    if sells and not invoiced and order and order.get("state") == "COMPLETED":
        day = sale_day(payment, order, zone)
        yield Owed(("sale", order["id"]), day, _currency(payment), sale_moves(order, chosen))
    yield from _money(payment, order if invoiced else None, zone, chosen)


def sale_moves(order: Raw, chosen: Chosen = DEFAULT, *, paid: int | None = None) -> Moves:
    """Net per line, VAT, tips, charges, gift cards, rounding; what the customer owes is what was tendered, or `paid`.

    What lines and tenders differ by is rounding too, up to a few cents. Beyond them the order has not shown all its
    lines, and the rest counts as revenue of which nobody knows more.
    """
    moved = goods(order, chosen)
    for back in order.get("returns", ()):
        _take_back(moved, back, chosen)
    tenders = order.get("tenders", ())
    _add_inside(moved, "tips", sum(amount(tender, "tip_money") for tender in tenders), chosen.tips)
    moved["receivables"] = sum(amount(tender, "amount_money") for tender in tenders) if paid is None else paid
    for spent in cards_spent(order) if chosen.card is not None else ():
        _add_inside(moved, "gift_card", -spent, chosen.card)
        moved["receivables"] -= spent
    rest = sum(moved.values()) - stated_rounding(order)
    moved["rounding"] -= stated_rounding(order)
    moved["rounding" if abs(rest) <= CENTS else "revenue"] -= rest
    return {role: moving for role, moving in moved.items() if moving}


def goods(order: Raw, chosen: Chosen) -> Counter[str]:
    """What was sold, without what payments bring."""
    moved: Counter[str] = Counter()
    for line in order.get("line_items", ()):
        if line.get("item_type") == "GIFT_CARD":
            _sell_card(moved, line, chosen)
            continue
        _add_taxed(moved, "revenue", line)
        if chosen.is_contra:
            _put_apart(moved, off_price(line, order.get("taxes", ())))
    for charge in order.get("service_charges", ()):
        if charge.get("treatment_type") != "APPORTIONED_TREATMENT":
            _add_taxed(moved, "service_charge", charge)
    return moved


def cards_spent(order: Raw) -> list[int]:
    return [amount(one, "amount_money") for one in order.get("tenders", ()) if one.get("type") == "SQUARE_GIFT_CARD"]


def off_price(line: Raw, taxes: Sequence[Raw]) -> int:
    """The net of a line's discount: before it less after it, the VAT before it at Square's own rate."""
    discount, total = amount(line, "total_discount_money"), amount(line, "total_money")
    known = {tax.get("uid"): tax for tax in taxes}
    tax = next((known.get(one.get("tax_uid"), {}) for one in line.get("applied_taxes", ())), {})
    if not discount or tax.get("type") != "INCLUSIVE":
        return discount
    gross = total + discount
    vat = inside(gross, Decimal(tax.get("percentage") or 0))
    return gross - vat - (total - amount(line, "total_tax_money"))


def card_sold(line: Raw, chosen: Chosen) -> tuple[int, int, int]:
    """Of a gift card sold: what was paid, the VAT in it, and the net of what was given off what it holds."""
    total, discount, rate = amount(line, "total_money"), amount(line, "total_discount_money"), chosen.card or ZERO
    tax = amount(line, "total_tax_money") if line.get("applied_taxes") else inside(total, rate)
    return total, tax, discount - (inside(total + discount, rate) - tax if discount else 0)


def _sell_card(moved: Counter[str], line: Raw, chosen: Chosen) -> None:
    total, tax, less = card_sold(line, chosen)
    moved["gift_card"] -= total - tax + less
    moved["discount"] += less
    moved["output_vat"] -= tax


def _put_apart(moved: Counter[str], less: int) -> None:
    moved["revenue"] -= less
    moved["discount"] += less


def _add_inside(moved: Counter[str], role: str, gross: int, rate: Decimal | None) -> None:
    vat = inside(gross, rate or ZERO)
    moved[role] -= gross - vat
    moved["output_vat"] -= vat


def stated_rounding(order: Raw) -> int:
    return amount(order.get("rounding_adjustment") or {}, "amount_money")


def _add_taxed(moved: Counter[str], role: str, part: Raw, sign: int = 1) -> None:
    tax = amount(part, "total_tax_money")
    moved[role] -= sign * (amount(part, "total_money") - tax)
    moved["output_vat"] -= sign * tax


def _take_back(moved: Counter[str], back: Raw, chosen: Chosen) -> None:
    """What an exchange takes back in the same order."""
    for line in back.get("return_line_items", ()):
        is_card = line.get("item_type") == "GIFT_CARD"
        _add_taxed(moved, "gift_card" if is_card else "revenue", line, -1)
        if chosen.is_contra and not is_card:
            _put_apart(moved, -off_price(line, back.get("return_taxes", ())))
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


def _money(payment: Raw, invoiced: Raw | None, zone: ZoneInfo, chosen: Chosen) -> Iterator[Owed]:
    day, currency = taken_on(payment, zone), _currency(payment)
    total, place = amount(payment, "total_money"), place_of(payment)
    was_sold = place == "gift_card" and chosen.card is not None
    if place and total and not was_sold:
        beside = beside_invoice(payment, invoiced) if invoiced else {}
        owed = -total - sum(beside.values())
        yield Owed(("receipt", payment["id"]), day, currency, _plain({place: total, "receivables": owed, **beside}))
    group = ("fee", payment["id"])
    yield from fee_events(payment.get("processing_fee", ()), group, day, currency, zone, chosen=chosen, kind="fee")
    if app_fee := amount(payment, "app_fee_money"):
        yield Owed(group, day, currency, kept(app_fee, chosen.fee("app_fee"), "platform_fee"))
    if source_fee := amount(payment.get("external_details", {}), "source_fee_money"):
        yield Owed(group, day, currency, kept(source_fee, chosen.fee("source_fee"), "processing_fee", place))


def beside_invoice(payment: Raw, order: Raw) -> Moves:
    """What a payment of an invoice brings beside it: its tip, and cash rounding with the last cash of the order."""
    in_cash = [one for one in ranked(order) if one.get("type") == "CASH"]
    is_last = bool(in_cash) and _payment_of(in_cash[-1]) == payment["id"] and order.get("state") == "COMPLETED"
    rounding = stated_rounding(order) if is_last else 0
    return _plain({"tips": -amount(payment, "tip_money"), "rounding": -rounding})


def ranked(order: Raw) -> list[Raw]:
    return sorted(order.get("tenders", ()), key=lambda one: (str(one.get("created_at") or "~"), _payment_of(one)))


def _payment_of(tender: Raw) -> str:
    return str(tender.get("payment_id") or tender.get("id") or "")


def kept(charged: int, rate: Decimal, role: str, place: str = "clearing") -> Moves:
    """A fee, positive when kept, with the VAT inside it: claimed on what is kept, owed on what comes back."""
    vat = inside(charged, rate)
    return _plain({role: charged - vat, "input_vat" if vat > 0 else "output_vat": vat, place: -charged})


def fee_events(
    fees: Any, group: Group, day: date, currency: str, zone: ZoneInfo, *, chosen: Chosen = DEFAULT, kind: str = "fee"
) -> Iterator[Owed]:
    """The first on the event's own day, each later one when it takes effect."""
    for place, fee in enumerate(fees):
        charged = amount(fee, "amount_money")
        on = local(fee["effective_at"], zone) if place and fee.get("effective_at") else day
        yield Owed(group, on, currency, kept(charged, chosen.fee(kind, place), "processing_fee"))


def _plain(moves: Moves) -> Moves:
    return {role: moving for role, moving in moves.items() if moving}


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
