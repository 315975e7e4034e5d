"""What an open Square order is in Exact: a quotation or a sales order, of items or with a total. No ledger effect.

1. An open order is written once. When Square changes it, the order in Exact is changed by a leg of its own; when Square
   cancels it, it is closed. Completed and paid it owes nothing more: the payments flow books the sale.
2. Its lines carry the net price and the VAT code that the same rules give the sale, so that what is ordered and what is
   sold agree. Without mapped items there is one total line per VAT code.
3. To the cent: lines, VAT and rounding are Square's total without tips, or the order waits. A sales order states the
   VAT of each line. Exact computes that of a quotation, so the cents by which it differs are a line of their own.
Reference: bookkeeping section 2, order; Square Order; Exact SalesOrderLines.VATAmount (may be sent),
QuotationLines.VATAmountFC (may not).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, Protocol

from connections import money
from connections.providers.square.payloads import Goods, Order, Ordered, OrderLine, ServiceCharge
from mappings.bookkeeping import context as given
from mappings.bookkeeping import texts
from mappings.bookkeeping.context import Context, Waits, written
from mappings.bookkeeping.legs import (
    Document,
    LegKind,
    LegPlan,
    Line,
    OrderedItem,
    Plan,
    Problem,
    ProblemKind,
    Terms,
)
from mappings.bookkeeping.sale import tax_of, together
from mappings.resolution import Case, percent
from mappings.roles import Role

# Beyond this the price of one piece has no use; quantities are below a thousand million.
MOST_PLACES = 14


@dataclass(frozen=True, slots=True)
class Item:
    """An item of Exact that can be sold: GUID and code."""

    id: str
    code: str


class Items(Protocol):
    """Who decides which item an article is. `rest`: the item for everything that is no article, a problem without."""

    @property
    def rest(self) -> Item | Problem: ...

    def of(self, goods: Goods, *, on: date) -> Item | Problem: ...


@dataclass(frozen=True, slots=True)
class OrderContext:
    """`rates`: what Exact reckons with per VAT code, as a fraction (0.21)."""

    usual: Context
    items: Items
    document: Document
    lines: Literal["mapped_items", "total_line"]
    rates: Mapping[str, Decimal]


def plan(ordered: Ordered, context: OrderContext, frozen: Sequence[LegPlan], *, ordinal: int = 0) -> Plan:
    """What the order owes Exact. `frozen`: the legs that are in an order there already, oldest first; they stay.
    `ordinal`: the first that no earlier leg has used up, not even one that was dropped.
    """
    state = ordered.order.state
    if state == "COMPLETED":
        return Plan(tuple(frozen), notes=("The order is completed at Square: its sale is booked with its payment.",))
    if state == "CANCELED":
        return _cancelled(frozen, ordinal)
    if state != "OPEN":
        return Plan(tuple(frozen), notes=(f"The order's state is {state or '(none)'}: only open orders are written.",))
    if frozen:
        wanted = _leg(ordered, replace(context, document=frozen[0].document))
        return _changed(replace(wanted, ordinal=ordinal), frozen)
    leg = replace(_leg(ordered, context), ordinal=ordinal)
    if not leg.problem and not leg.lines:
        sentence = (
            "The order asks for nothing yet and comes to 0.00. It is written as soon as Square shows what it is for."
        )
        leg = given.waiting(leg, Problem(ProblemKind.NO_LINES, sentence))
    return Plan((leg,))


def _cancelled(frozen: Sequence[LegPlan], ordinal: int) -> Plan:
    note = "The order was cancelled at Square."
    if not frozen or _is_cancelled(frozen[-1]):
        return Plan(tuple(frozen), notes=(note,))
    closing = replace(frozen[-1], ordinal=ordinal, lines=(), problem=None, terms=Terms(is_cancelled=True))
    return Plan((*frozen, closing), notes=(note,))


def _is_cancelled(leg: LegPlan) -> bool:
    return bool(leg.terms and leg.terms.is_cancelled)


def _changed(change: LegPlan, frozen: Sequence[LegPlan]) -> Plan:
    """Nothing new when Exact holds what Square says; else a change, which is a leg of its own."""
    last = frozen[-1]
    if not change.problem and content(change) == content(last):
        return Plan(tuple(frozen))
    if _is_cancelled(last):
        sentence = "Square shows a cancelled order as open again, and it is closed in Exact. Enter it there by hand."
        change = given.waiting(change, Problem(ProblemKind.UNSUPPORTED, sentence, "order open again"))
    elif not change.problem and not change.lines:
        sentence = "Nothing is left of the order at Square. Close it in Exact by hand, then dismiss this record."
        change = given.waiting(change, Problem(ProblemKind.CHANGED_AFTER_POSTING, sentence, "empty order"))
    elif _has_other_customer(change, last):
        change = given.waiting(change, _other_customer(change, last))
    return Plan((*frozen, change))


def _has_other_customer(change: LegPlan, last: LegPlan) -> bool:
    fixed = change.document is Document.SALES_ORDER and change.debtor and last.debtor
    return bool(fixed and change.debtor.id != last.debtor.id)  # type: ignore[union-attr]


def _other_customer(change: LegPlan, last: LegPlan) -> Problem:
    """# Reference: Exact SalesOrders.OrderedBy: of an existing order it cannot be changed."""
    names = [leg.debtor.name for leg in (last, change) if leg.debtor]
    sentence = (
        f"The order went from {names[0]} to {names[1]}, and Exact does not let the customer of a sales order change. "
        "Close it in Exact and enter it for the other customer there, then dismiss this record."
    )
    return Problem(ProblemKind.CHANGED_AFTER_POSTING, sentence, "customer of an order")


def content(leg: LegPlan) -> tuple[Any, ...]:
    """What is written in Exact: not the accounts and reasons, which a mapping may change afterwards."""
    lines = [(line.item, line.amount, line.vat, line.vat_code) for line in leg.lines]
    return leg.document, leg.currency, leg.debtor and leg.debtor.id, leg.terms, lines


# -- one leg


def _leg(ordered: Ordered, context: OrderContext) -> LegPlan:
    order, usual = ordered.order, context.usual
    leg = LegPlan(
        kind=LegKind.ORDER, source_id=order.id, ordinal=0, document=context.document, journal="",
        date=usual.local_date(order.created_at), currency=order.currency, main_account=None, debtor=None,
        order_id=order.id, stands_alone=True, location=usual.location,
        terms=Terms(delivery_date=delivery_date(ordered, usual)),
    )  # fmt: skip
    try:
        _check(order, usual)
        owing = given.debtor(usual)
        terms = Terms(delivery_date=delivery_date(ordered, usual), payment_condition=owing.payment_condition)
        leg = replace(leg, debtor=owing, terms=terms)
        return replace(leg, lines=_lines(leg, ordered, context))
    except Waits as wait:
        return given.waiting(leg, wait.problem)


def delivery_date(ordered: Ordered, context: Context) -> date | None:
    """The local day of the first fulfilment that is still to come."""
    due = [item.due_at for item in ordered.fulfilments if item.is_live and item.due_at]
    return context.local_date(min(due)) if due else None


def _check(order: Order, context: Context) -> None:
    currency = order.currency
    if currency not in money.KNOWN:
        sentence = f"The order is in {currency}, a currency that Tillbridge cannot count in. Enter it in Exact by hand."
        raise Waits(ProblemKind.UNKNOWN_CURRENCY, sentence, currency)
    if currency != context.accepted_currency:
        sentence = f"The order is in {currency}, and this location's lane works in {context.accepted_currency}."
        raise Waits(ProblemKind.UNSUPPORTED, f"{sentence} Enter it in Exact by hand.", f"currency {currency}")
    if order.has_returns:
        sentence = "The order takes goods back as well. Enter what is left of it in Exact by hand."
        raise Waits(ProblemKind.UNSUPPORTED, sentence, "exchange")
    if not order.lines and not order.service_charges:
        sentence = "Square shows the order without its items yet. It is written as soon as Square shows them."
        raise Waits(ProblemKind.NO_LINES, sentence)
    parts: list[OrderLine | ServiceCharge] = [*order.lines, *order.service_charges]
    lowest = min(min(part.total, part.tax) for part in parts)
    if lowest < 0:
        sentence = f"The order holds a negative amount ({written(lowest, currency)}). Check it in Square, then replay."
        raise Waits(ProblemKind.ODD_AMOUNT, sentence)


def _lines(leg: LegPlan, ordered: Ordered, context: OrderContext) -> tuple[Line, ...]:
    """Raises `Waits` unless they come to Square's total."""
    lines = list(_articles(leg, ordered, context))
    _check_total(ordered.order, lines)
    if context.lines == "total_line":
        lines = _totals(lines, context)
    if context.document is Document.QUOTATION:
        lines = _as_exact_computes(lines, leg, context)
    return tuple(lines)


def _check_total(order: Order, lines: Sequence[Line]) -> None:
    """Tips are no part of an order: they belong to its payments."""
    found, stated = sum(line.amount + line.vat for line in lines), order.total - order.tip
    if found == stated:
        return
    sentence = (
        f"The order comes to {written(stated, order.currency)}, its lines, charges and rounding to "
        f"{written(found, order.currency)}. Nothing was written. Check it in Square, then replay."
    )
    raise Waits(ProblemKind.UNBALANCED, sentence)


def _articles(leg: LegPlan, ordered: Ordered, context: OrderContext) -> Iterator[Line]:
    """A line per line of Square with its item; charges and rounding on the item for the rest."""
    order = ordered.order
    base = Case(
        role=Role.REVENUE, on=leg.date, location=context.usual.location,
        customer_kind=leg.debtor.kind if leg.debtor else "",
    )  # fmt: skip
    for part, goods in zip(order.lines, ordered.goods, strict=True):
        if goods.quantity:
            item = _item(goods, leg.date, context)
            is_card = part.item_type == "GIFT_CARD"
            case = replace(base, role=Role.GIFT_CARD) if is_card else replace(base, category=part.category)
            yield _line(part, order, case, context, item=item, quantity=goods.quantity, text=goods.words)
        elif part.total:
            raise Waits(ProblemKind.ODD_AMOUNT, f"A line of {written(part.total, order.currency)} has no quantity.")
    for charge in order.service_charges:
        if charge.total and not charge.is_apportioned:
            case = replace(base, role=Role.SERVICE_CHARGE)
            name = charge.name or "Service charge"
            yield _line(charge, order, case, context, item=_rest(context), quantity=Decimal(1), text=name)
    if order.rounding:
        yield _cents(order.rounding, base, context, order.currency)


def _item(goods: Goods, on: date, context: OrderContext) -> Item:
    """In total mode no article needs an item of its own."""
    if context.lines == "total_line":
        return _rest(context)
    return _known(context.items.of(goods, on=on))


def _rest(context: OrderContext) -> Item:
    return _known(context.items.rest)


def _known(found: Item | Problem) -> Item:
    if isinstance(found, Problem):
        raise Waits(found.kind, found.sentence, found.subject)
    return found


def _line(
    part: OrderLine | ServiceCharge, order: Order, case: Case, context: OrderContext, *, item: Item, quantity: Decimal,
    text: str,
) -> Line:  # fmt: skip
    tax = tax_of(part, order)
    if tax:
        case = replace(case, tax_name=tax.name, tax_rate=tax.percentage)
    net = part.total - part.tax
    match = given.rule_for(case, context.usual)
    line = given.sales_line(match, net, vat=part.tax, rate=tax.percentage if tax else None)
    asked = _asked(item, net, quantity, order.currency, text=text, notes=_notes(part, order.currency))
    return replace(line, item=asked)


def _notes(part: OrderLine | ServiceCharge, currency: str) -> str:
    discount = part.discount if isinstance(part, OrderLine) else 0
    return f"Discount of {written(discount, currency)} is inside the price." if discount else ""


def _asked(item: Item, net: int, quantity: Decimal, currency: str, *, text: str, notes: str = "") -> OrderedItem:
    price = price_of(net, quantity, currency)
    return OrderedItem(item.id, item.code, quantity, price, texts.order_line_text(text or "(unnamed)"), notes)


def price_of(net: int, quantity: Decimal, currency: str) -> Decimal:
    """The price of one with as few decimals as let quantity x price round to the line's net amount.

    7.24 for 2 is 3.62; 10.00 for 3 is 3.333. Raises `Waits` when none does.
    """
    amount = money.to_decimal(net, currency)
    for places in range(money.exponent(currency), MOST_PLACES):
        price = (amount / quantity).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
        if money.to_minor(price * quantity, currency) == net:
            return price
    sentence = f"No price of one piece gives {written(net, currency)} for {quantity}. Enter the order in Exact by hand."
    raise Waits(ProblemKind.ODD_AMOUNT, sentence)


def _totals(lines: Sequence[Line], context: OrderContext) -> list[Line]:
    """One line per VAT code, on the item for the rest: an order at one rate is one line."""
    sums: dict[str, Line] = {}
    for line in lines:
        sums[line.vat_code] = together(sums[line.vat_code], line) if line.vat_code in sums else line
    return [_total(line, context) for line in sums.values() if line.amount or line.vat]


def _total(line: Line, context: OrderContext) -> Line:
    words = f"Total {percent(line.rate)}" if line.rate is not None else "Total"
    asked = _asked(_rest(context), line.amount, Decimal(1), context.usual.accepted_currency, text=words)
    return replace(line, item=asked)


def _as_exact_computes(lines: Sequence[Line], leg: LegPlan, context: OrderContext) -> list[Line]:
    """The VAT of a quotation's lines as Exact reckons it, and the cents that are then missing or too many."""
    reckoned = [replace(line, vat=_reckoned(line, context)) for line in lines]
    cents = sum(line.vat for line in lines) - sum(line.vat for line in reckoned)
    if abs(cents) > len(lines):
        sentence = (
            f"Exact would reckon {written(-cents, leg.currency)} more VAT on this quotation than Square charges, which "
            "is more than rounding. Check the VAT codes of its rules, then replay."
        )
        raise Waits(ProblemKind.UNBALANCED, sentence, "VAT of a quotation")
    if not cents:
        return reckoned
    base = Case(role=Role.REVENUE, on=leg.date, location=context.usual.location)
    return [*reckoned, _cents(cents, base, context, leg.currency)]


def _reckoned(line: Line, context: OrderContext) -> int:
    """Half-up, as Exact rounds. A code whose rate we do not know carries none."""
    exact = Decimal(line.amount) * context.rates.get(line.vat_code, Decimal(0))
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _cents(amount: int, base: Case, context: OrderContext, currency: str) -> Line:
    match = given.rule_for(replace(base, role=Role.ROUNDING), context.usual)
    asked = _asked(_rest(context), amount, Decimal(1), currency, text="Rounding")
    return replace(given.sales_line(match, amount), item=asked)
