"""What a person may say otherwise about a record of Square, and the record as it then reads. Pure.

The money that moved (payments, tenders, tips, charges, fees, when a vendor moved it) is Square's and is no field here.
How it is described can be put right: the day of the sale, whose it is, the type of an external tender, and of each line
of the order its tax, category and share of the total, as long as the lines still come to the money.
Square's record is never written over: an edit holds only what differs, and is laid over a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connections.money import KNOWN, written
from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Order, OrderLine, Payment
from mappings.bookkeeping.sale import carrier, payments_of

KINDS = ("payment", "invoice")
EXTERNAL = "EXTERNAL"
GIFT_CARD = "GIFT_CARD"
INCLUSIVE = "INCLUSIVE"
# Cents by which the tax of a line may be apart from its rate: Square rounds per piece of a line.
TAX_TOLERANCE = 5
HUNDRED = Decimal(100)


class NotEditable(Exception):
    """The record is none that can be edited; the sentence is for the person who asked."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order. `total` with its tax inside, both in minor units; `tax_rate` in per cents, None without a
    tax. `taxes`: all that Square names; with several of them name and rate are empty, since Exact books one a line.
    """

    name: str
    tax_name: str
    tax_rate: Decimal | None
    category: str
    total: int
    tax: int
    taxes: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """How a record is described. None: not this record's to say. `due`: what its lines must come to."""

    currency: str
    customer: str | None = None
    tender: str | None = None
    day: date | None = None
    lines: Mapping[int, Line] | None = None
    due: int = 0


# --- what it says ---------------------------------------------------------------------------------
def described(kind: str, payload: Mapping[str, Any], zone: ZoneInfo, *, local_day: date, customer: str) -> Description:
    """The record's own words. Raises `NotEditable`."""
    if kind not in KINDS:
        raise NotEditable(
            f"A {kind} is booked by what its payment or its payout says, so there is nothing of its own to edit."
        )
    try:
        order = payloads.order(payload["order"]) if payload.get("order") else None
        if kind == "invoice":
            return _of_invoice(payloads.invoice(payload["invoice"]).currency, order, local_day, customer)
        return _of_payment(payloads.payment(payload["payment"]), order, zone, customer)
    except Unreadable as error:
        raise NotEditable(
            f"Square's record cannot be read ({error.sentence}), so nobody can see what to edit."
        ) from None


def _of_invoice(currency: str, order: Order | None, local_day: date, customer: str) -> Description:
    found = Description(_known(currency), customer=customer, day=local_day)
    return replace(found, lines=_lines(order), due=_lines_total(order)) if _is_plain(order) and order else found


def _of_payment(payment: Payment, order: Order | None, zone: ZoneInfo, customer: str) -> Description:
    found = Description(_known(payment.currency), tender=_external(payment))
    if order is None:
        return found
    shared = len(list(payments_of(order))) > 1
    found = replace(found, customer=None if shared else customer)
    if order.state != "COMPLETED" or carrier(order) != payment.id:
        return found
    moment = payment.offline_at if payment.offline_at and not shared else order.closed_at or payment.took_place_at
    found = replace(found, day=moment.astimezone(zone).date())
    return replace(found, lines=_lines(order), due=_paid_for_lines(order)) if _is_plain(order) else found


def _known(currency: str) -> str:
    if currency not in KNOWN:
        raise NotEditable(f"Tillbridge cannot count in {currency or 'no currency'}, and an edit would not change that.")
    return currency


def _external(payment: Payment) -> str | None:
    return payment.external_type if payment.source_type == EXTERNAL else None


def _is_plain(order: Order | None) -> bool:
    """Neither a return nor an exchange: what comes back must stay what was sold."""
    return order is not None and not order.has_returns


def _lines(order: Order) -> dict[int, Line]:
    """By their place in the order; gift cards are money, not goods, and stay as they are."""
    return {place: _line(line, order) for place, line in enumerate(order.lines) if line.item_type != GIFT_CARD}


def _line(line: OrderLine, order: Order) -> Line:
    listed = {tax.uid: tax for tax in order.taxes}
    taxes = [listed[applied.tax_uid] for applied in line.taxes if applied.tax_uid in listed]
    told = ", ".join(f"{tax.name} {tax.percentage.normalize():f} %" for tax in taxes)
    one = taxes[0] if len(taxes) == 1 and len(line.taxes) == 1 else None
    rate = one.percentage if one else None
    return Line(line.name, one.name if one else "", rate, line.category, line.total, line.tax, told)


def _lines_total(order: Order) -> int:
    return sum(line.total for line in order.lines if line.item_type != GIFT_CARD)


def _paid_for_lines(order: Order) -> int:
    """What was paid, less all that is no line of goods."""
    tenders = list(payments_of(order))
    charges = sum(charge.total for charge in order.service_charges if not charge.is_apportioned)
    cards = sum(line.total for line in order.lines if line.item_type == GIFT_CARD)
    return sum(tender.amount - tender.tip for tender in tenders) - charges - order.rounding - cards


# --- what is said otherwise -----------------------------------------------------------------------
def differences(before: Description, after: Description) -> dict[str, Any]:
    """What `after` says otherwise, as JSON holds it; empty when nothing."""
    found: dict[str, Any] = {}
    for name in ("customer", "tender"):
        if getattr(before, name) is not None and getattr(after, name) != getattr(before, name):
            found[name] = getattr(after, name)
    if before.day and after.day and after.day != before.day:
        found["day"] = after.day.isoformat()
    lines = {}
    for place, line in (before.lines or {}).items():
        now = (after.lines or {}).get(place, line)
        if change := _line_differences(line, now):
            lines[str(place)] = change
    return {**found, "lines": lines} if lines else found


def _line_differences(before: Line, after: Line) -> dict[str, Any]:
    """A tax is one thing: name, rate and amount go together."""
    found: dict[str, Any] = {}
    if after.category != before.category:
        found["category"] = after.category
    if after.total != before.total:
        found["total"] = after.total
    if (after.tax_name, after.tax_rate, after.tax) != (before.tax_name, before.tax_rate, before.tax):
        rate = None if after.tax_rate is None else f"{after.tax_rate.normalize():f}"
        found["tax"] = {"name": after.tax_name, "rate": rate, "amount": after.tax}
    return found


def objections(before: Description, after: Description) -> Iterator[tuple[str, str]]:
    """(field, sentence) of what must not be said: `lines`, or a line's place and field."""
    lines = after.lines or {}
    changed = differences(before, after).get("lines", {})
    for place, change in changed.items():
        yield from _line_objections(place, change, lines[int(place)], after.currency)
    total = sum(line.total for line in lines.values())
    if any("total" in change for change in changed.values()) and total != before.due:
        apart, money = abs(total - before.due), after.currency
        yield (
            "lines",
            (
                f"The lines come to {written(total, money)} now, and {written(before.due, money)} was paid for them: "
                f"{written(apart, money)} apart. Money that moved is Square's; only its shares can be edited."
            ),
        )


def _line_objections(place: str, change: Mapping[str, Any], line: Line, currency: str) -> Iterator[tuple[str, str]]:
    if line.total < 0 or line.tax < 0:
        yield f"{place}-total", "A line of a sale is not below zero."
        return
    if not {"tax", "total"} & set(change):
        return
    if line.tax_rate is None and (line.tax or line.tax_name):
        yield f"{place}-tax_rate", "Give the rate of the tax, or leave name, rate and amount empty for no tax."
    elif line.tax_rate is not None and abs(line.tax - inside(line.total, line.tax_rate)) > TAX_TOLERANCE:
        right = written(inside(line.total, line.tax_rate), currency)
        rate = f"{line.tax_rate.normalize():f} %"
        yield f"{place}-tax", f"{rate} inside {written(line.total, currency)} is {right}."


def inside(total: int, rate: Decimal) -> int:
    """The tax inside a total, in minor units, rounded half up."""
    return int((total * rate / (HUNDRED + rate)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def sentences(before: Description, change: Mapping[str, Any]) -> list[list[str]]:
    """[what, as Square has it, as edited] of each thing that differs, in words."""
    money = before.currency
    found = [
        [name, str(getattr(before, field) or "none"), str(change[field] or "none")]
        for field, name in (("day", "Day of the sale"), ("customer", "Square customer"), ("tender", "External tender"))
        if field in change
    ]
    for place, told in change.get("lines", {}).items():
        line = (before.lines or {})[int(place)]
        name = line.name or f"Line {int(place) + 1}"
        if "category" in told:
            found.append([f"{name}: category", line.category or "none", told["category"] or "none"])
        if "total" in told:
            found.append([f"{name}: total", written(line.total, money), written(told["total"], money)])
        if "tax" in told:
            found.append([f"{name}: tax", _tax_words(line.taxes, line.tax, money), _new_tax(told["tax"], money)])
    return found


def _tax_words(name: str, amount: int, currency: str) -> str:
    return f"{name}, {written(amount, currency)}" if name else "no tax"


def _new_tax(tax: Mapping[str, Any], currency: str) -> str:
    named = " ".join(filter(None, (tax["name"], f"{tax['rate']} %" if tax["rate"] is not None else "")))
    return _tax_words(named, tax["amount"], currency)


# --- laid over Square's record --------------------------------------------------------------------
def laid_over(kind: str, payload: Mapping[str, Any], change: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """A copy of the payload that says what the edit says; the payload itself stays as Square sent it."""
    made: dict[str, Any] = copy.deepcopy(dict(payload))
    order: dict[str, Any] | None = made.get("order")
    if "customer" in change:
        _name_customer(kind, made, change["customer"])
    if "tender" in change:
        made["payment"]["external_details"] = {
            **(made["payment"].get("external_details") or {}),
            "type": change["tender"],
        }
    if "day" in change and kind == "payment" and order is not None:
        _date_sale(made["payment"], order, date.fromisoformat(change["day"]), zone)
    if order is not None:
        for place, told in change.get("lines", {}).items():
            _describe_line(order, int(place), told)
    return made


def _name_customer(kind: str, made: dict[str, Any], customer: str) -> None:
    if kind == "invoice":
        made["invoice"]["primary_recipient"] = {"customer_id": customer} if customer else None
        return
    made["payment"]["customer_id"] = customer or None
    if made.get("order"):
        made["order"]["customer_id"] = customer or None


def _date_sale(payment: dict[str, Any], order: dict[str, Any], day: date, zone: ZoneInfo) -> None:
    """Noon of that day. What the till's own clock said counts no more: the money is then dated by Square's."""
    order["closed_at"] = datetime.combine(day, time(12), zone).astimezone(UTC).isoformat().replace("+00:00", "Z")
    payment.pop("offline_payment_details", None)


def _describe_line(order: dict[str, Any], place: int, told: Mapping[str, Any]) -> None:
    line = order["line_items"][place]
    money = line["total_money"]["currency"]
    if "category" in told:
        line["category_id"] = told["category"] or None
    if "total" in told:
        line["total_money"] = {"amount": told["total"], "currency": money}
    if "tax" in told:
        _tax(order, line, place, told["tax"], money)


def _tax(order: dict[str, Any], line: dict[str, Any], place: int, tax: Mapping[str, Any], currency: str) -> None:
    amount = {"amount": tax["amount"], "currency": currency}
    line["total_tax_money"], line["applied_taxes"] = amount, []
    if tax["rate"] is None:
        return
    uid = f"edited-{place}"
    stated = {"uid": uid, "name": tax["name"], "percentage": tax["rate"], "type": _type(order)}
    order["taxes"] = [*(order.get("taxes") or []), {**stated, "applied_money": amount}]
    line["applied_taxes"] = [{"tax_uid": uid, "applied_money": amount}]


def _type(order: Mapping[str, Any]) -> str:
    """As the order's first tax is: inside prices or on top; totals hold the tax either way."""
    listed: Sequence[Mapping[str, Any]] = order.get("taxes") or ()
    return str(listed[0].get("type") or INCLUSIVE) if listed else INCLUSIVE
