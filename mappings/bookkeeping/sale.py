"""The sale leg: revenue, VAT, tips, charges, gift cards sold and rounding of one paid Square order.

The sale belongs to the order, and a record is one payment, so exactly one payment of the order carries it (`carrier`).
Net = Square's total - Square's tax, in every region and for inclusive and added tax alike; VAT is the sum of
Square's tax, never computed again. Apportioned charges and discounts are inside the lines already.
Reference: bookkeeping sections 1, 2 and 5; Square Order, OrderLineItem, OrderServiceCharge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

from connections.providers.square.payloads import Order, OrderLine, OrderTax, Payment, ServiceCharge, Tender
from mappings.bookkeeping import context as given
from mappings.bookkeeping import discount, giftcard, tips
from mappings.bookkeeping.context import Context, Waits, written
from mappings.bookkeeping.conventions import Conventions, Discounts, Service
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Line, ProblemKind
from mappings.resolution import Case
from mappings.roles import Role

HOUSE_ACCOUNT = "SQUARE_ACCOUNT"
# The order in which the lines stand, so that equal sales read equal.
SALES_ROLES = (
    Role.REVENUE,
    Role.DISCOUNT,
    Role.SERVICE_CHARGE,
    Role.TIPS,
    Role.GIFT_CARD,
    Role.BREAKAGE,
    Role.ROUNDING,
)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def carrier(order: Order) -> str:
    """The id of the payment that carries the sale: the first tender by (time, id) that is one; "" when none is."""
    ranked = sorted(payments_of(order), key=lambda tender: (tender.created_at or END_OF_TIME, tender.payment_id))
    return ranked[0].payment_id if ranked else ""


def payments_of(order: Order) -> Iterator[Tender]:
    return (tender for tender in order.tenders if tender.is_payment)


def sale_date(payment: Payment, order: Order, context: Context) -> date:
    """The local day the order was completed: a deposit paid in March on goods handed over in April is April's sale.

    An order paid offline closes when the till is back online, up to 72 hours later: its day is the till's. With
    several payments the order's own time decides again, since only the last of them completed it.
    """
    if payment.offline_at and len(list(payments_of(order))) == 1:
        return context.local_date(payment.offline_at)
    return context.local_date(order.closed_at or payment.took_place_at)


def plan_sale(payment: Payment, order: Order, context: Context) -> LegPlan:
    paid = sum(tender.amount for tender in payments_of(order))
    on = sale_date(payment, order, context)
    return leg_of(order, context, on=on, paid=paid, receipt_number=payment.receipt_number)


def leg_of(order: Order, context: Context, *, on: date, paid: int, receipt_number: str) -> LegPlan:
    """The sale of an order for which `paid` came in: less than its lines where it takes goods back in exchange."""
    leg = LegPlan(
        kind=LegKind.SALE,
        source_id=order.id,
        ordinal=0,
        document=Document.SALES_ENTRY,
        journal=context.sales_journal,
        date=on,
        currency=order.currency,
        main_account=None,
        debtor=None,
        order_id=order.id,
        stands_alone=context.sales_grouping == "per_payment",
        location=context.location,
        receipt_number=receipt_number,
    )
    leg = replace(leg, conventions=given.conventions_of(leg, context))
    try:
        return _with_lines(_with_debtor(leg, order, context), order, paid, context)
    except Waits as wait:
        return given.waiting(leg, wait.problem)


def _with_debtor(leg: LegPlan, order: Order, context: Context) -> LegPlan:
    owing = given.debtor(context)
    if owing.is_collective and any(tender.kind == HOUSE_ACCOUNT for tender in payments_of(order)):
        raise Waits(ProblemKind.UNMAPPED_CUSTOMER, house_sentence(order), HOUSE_ACCOUNT)
    if not context.sales_journal:
        sentence = "The lane names no sales journal. Choose one (type 20) on the lane, then replay."
        raise Waits(ProblemKind.UNMAPPED_ACCOUNT, sentence, "sales journal")
    account = given.receivables(owing, context)
    return replace(leg, debtor=owing, main_account=account, stands_alone=leg.stands_alone or owing.stands_alone)


def house_sentence(order: Order) -> str:
    return (
        f"A sale of {written(order.total, order.currency)} was charged to a house account, so its customer still owes "
        "it, but no customer of its own in Exact is mapped. Map the customer, then replay."
    )


def _with_lines(leg: LegPlan, order: Order, paid: int, context: Context) -> LegPlan:
    _check_order(order)
    difference = _difference(order, paid, context)
    chosen = given.conventions_of(leg, context)
    base = Case(role=Role.REVENUE, on=leg.date, location=context.location, customer_kind=_kind(leg))
    lines = _grouped(
        (
            *_goods(order, base, chosen, context),
            *_charges(order, base, chosen, context),
            *_tips(order, base, chosen, context),
            *giftcard.spent(order, payments_of(order), base, context),
            *_rounding(order, difference, base, context),
        )
    )
    special = any(line.vat_code in context.special_codes for line in lines)
    return replace(leg, lines=lines, stands_alone=leg.stands_alone or special)


def goods(leg: LegPlan, order: Order, context: Context) -> tuple[Line, ...]:
    """What was sold, by account and VAT code, without what payments bring (tips, cash rounding). Raises `Waits`."""
    _check_order(order)
    chosen = given.conventions_of(leg, context)
    base = Case(role=Role.REVENUE, on=leg.date, location=context.location, customer_kind=_kind(leg))
    return _grouped((*_goods(order, base, chosen, context), *_charges(order, base, chosen, context)))


def _kind(leg: LegPlan) -> str:
    return leg.debtor.kind if leg.debtor else ""


def _goods(order: Order, base: Case, chosen: Conventions, context: Context) -> Iterator[Line]:
    for part in order.lines:
        if part.item_type == "GIFT_CARD":
            yield from giftcard.sold(part, order, base, chosen, context)
        else:
            yield from _taxed(part, order, replace(base, category=part.category), context, chosen)


def _charges(order: Order, base: Case, chosen: Conventions, context: Context) -> Iterator[Line]:
    for charge in order.service_charges:
        if charge.is_apportioned:
            continue
        if chosen.service is Service.TAXED and charge.total and not charge.taxes:
            raise _untaxed_service(charge, order)
        yield from _taxed(charge, order, replace(base, role=Role.SERVICE_CHARGE), context, chosen)


def _taxed(
    part: OrderLine | ServiceCharge, order: Order, case: Case, context: Context, chosen: Conventions
) -> Iterator[Line]:
    """What came to 0.00 without tax (given away, fully discounted) has nothing to book and needs no rule, unless its
    discount stands on an account of its own.
    """
    less = part.discount if isinstance(part, OrderLine) else 0
    contra = less if chosen.discounts is Discounts.CONTRA else 0
    if not part.total and not part.tax and not contra:
        return
    tax = tax_of(part, order)
    if tax:
        case = replace(case, tax_name=tax.name, tax_rate=tax.percentage)
    match = given.rule_for(case, context)
    why = chosen.words("discounts") if less else ""
    if contra:
        yield from discount.lines(
            discount.Priced(part.total, part.tax, contra), tax, match, case, context=context, why=why
        )
        return
    why = why or (chosen.words("service") if isinstance(part, ServiceCharge) else "")
    rate = tax.percentage if tax else None
    yield given.sales_line(match, part.total - part.tax, vat=part.tax, rate=rate, because=why)


def _untaxed_service(charge: ServiceCharge, order: Order) -> Waits:
    sentence = (
        f"Square charged no tax on a service charge of {written(charge.total, order.currency)}, and the division's "
        "conventions say that service is always taxed. Correct the charge in Square, book this sale by hand, or "
        "choose 'with the tax that Square charged'."
    )
    return Waits(ProblemKind.UNMAPPED_TAX, sentence, "service charge without tax")


def tax_of(part: OrderLine | ServiceCharge, order: Order) -> OrderTax | None:
    """The one tax of a line, None when there is none. Raises `Waits` for several, or a sum that is not Square's."""
    listed = {tax.uid: tax for tax in order.taxes}
    taxes = [listed.get(applied.tax_uid) for applied in part.taxes]
    amount = written(part.total, order.currency)
    if len(taxes) > 1:
        names = ", ".join(sorted(tax.name for tax in taxes if tax))
        sentence = (
            f"Square charged several taxes ({names}) on one line of {amount}. Exact books one VAT code per line: "
        )
        raise Waits(
            ProblemKind.AMBIGUOUS_TAX, f"{sentence}correct it in Square or book this sale by hand.", names[:200]
        )
    applied = sum(tax.amount for tax in part.taxes)
    if part.tax != applied or part.tax > part.total:
        stated = (
            f"{written(part.tax, order.currency)} of tax, and its taxes add up to {written(applied, order.currency)}"
        )
        sentence = f"Square states a line of {amount} with {stated}. Nothing was booked: check the order in Square."
        raise Waits(ProblemKind.UNBALANCED, sentence)
    if taxes and taxes[0] is None:
        sentence = f"A line of {amount} names a tax that the order does not list. Replay once Square shows it."
        raise Waits(ProblemKind.UNREADABLE, sentence)
    return taxes[0] if taxes else None


def _tips(order: Order, base: Case, chosen: Conventions, context: Context) -> Iterator[Line]:
    """Tips belong to payments: the tip of the sale is that of all its tenders."""
    tip = sum(tender.tip for tender in payments_of(order))
    if tip:
        yield from tips.lines(given.rule_for(replace(base, role=Role.TIPS), context), tip, chosen)


def _rounding(order: Order, difference: int, base: Case, context: Context) -> Iterator[Line]:
    amount = order.rounding + difference
    if not amount:
        return
    found = given.sales_line(given.rule_for(replace(base, role=Role.ROUNDING), context), amount)
    if difference:
        note = f"{found.note}; {written(difference, order.currency)} of it is a difference in Square's own figures"
        found = replace(found, note=note)
    yield found


def _check_order(order: Order) -> None:
    if order.has_returns and not order.is_exchange:
        sentence = (
            f"The order takes goods back and sells none, yet {written(order.net, order.currency)} was paid on it. "
            "Check it in Square; book it by hand when it is right."
        )
        raise Waits(ProblemKind.UNSUPPORTED, sentence, "payment on a return")
    parts: list[OrderLine | ServiceCharge] = [*order.lines, *order.service_charges]
    tenders = [min(tender.amount, tender.tip) for tender in payments_of(order)]
    lowest = min([*(min(part.total, part.tax) for part in parts), *tenders, 0])
    if lowest < 0:
        sentence = (
            f"The order holds a negative amount ({written(lowest, order.currency)}), which no sale explains. Check it "
            "in Square; book it by hand when it is right."
        )
        raise Waits(ProblemKind.ODD_AMOUNT, sentence)


def no_lines_sentence(order: Order) -> str:
    return (
        f"Square shows the order of {written(order.total, order.currency)} without its items yet, which happens "
        "shortly after a payment. It is read again by itself; if it stays so, open the order in Square and replay."
    )


def _difference(order: Order, paid: int, context: Context) -> int:
    """Tenders minus what they pay for. Raises `Waits` beyond the limit."""
    owed = _owed(order)
    if paid != owed and not order.lines:
        raise Waits(ProblemKind.NO_LINES, no_lines_sentence(order))
    if abs(paid - owed) <= context.rounding_limit:
        return paid - owed
    sentence = (
        f"The payments of the order come to {written(paid, order.currency)}, its lines, charges, tips and rounding to "
        f"{written(owed, order.currency)}: {written(paid - owed, order.currency)} apart. Nothing was booked as a sale. "
        "Check the order in Square, then replay."
    )
    raise Waits(ProblemKind.UNBALANCED, sentence)


def _owed(order: Order) -> int:
    lines = sum(line.total for line in order.lines)
    charges = sum(charge.total for charge in order.service_charges if not charge.is_apportioned)
    tip = sum(tender.tip for tender in payments_of(order))
    return lines + charges + tip + order.rounding - sum(back.total for back in order.returns)


def _grouped(lines: Iterable[Line]) -> tuple[Line, ...]:
    """One line per (role, account, VAT code, cost centre, cost unit), in a fixed order."""
    groups: dict[tuple[str, ...], Line] = {}
    for line in lines:
        key = (line.role, line.account.id, line.vat_code, line.cost_center, line.cost_unit)
        groups[key] = together(groups[key], line) if key in groups else line
    return tuple(sorted(groups.values(), key=_place))


def together(first: Line, second: Line) -> Line:
    """Two lines of one group as one: amounts and VAT added, both reasons kept."""
    notes = dict.fromkeys([*first.note.split("\n"), *second.note.split("\n")])
    rates = [rate for rate in (first.rate, second.rate) if rate is not None]
    return replace(
        first,
        amount=first.amount + second.amount,
        vat=first.vat + second.vat,
        rate=max(rates, default=None),
        rule=first.rule if first.rule == second.rule else None,
        note="\n".join(dict.fromkeys(sorted(filter(None, notes)))),
    )


def _place(line: Line) -> tuple[int, str, str, str, str, str]:
    role = SALES_ROLES.index(line.role)
    return role, line.account.code, line.vat_code, line.cost_center, line.cost_unit, line.account.id
