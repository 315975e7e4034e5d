"""The receipt of a payment that settles an invoice: never its revenue again.

What the customer owed comes off the receivable, up to the invoice; the tip and cash rounding are lines of their own,
because the invoice's sale holds neither.
Reference: bookkeeping section 2, invoice paid; section 6, case 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from connections.providers.square.payloads import Order, Payment, Tender
from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import Context, Waits, written
from mappings.bookkeeping.legs import Debtor, LegPlan, Line, Problem, ProblemKind
from mappings.bookkeeping.receipt import plan_receipt
from mappings.bookkeeping.sale import END_OF_TIME, payments_of
from mappings.resolution import Case
from mappings.roles import Role

TIP, ROUNDING = "/3", "/4"  # suffixes of the lines beside the receivable; "/2" is the second line of a pair


@dataclass(frozen=True, slots=True)
class PaidInvoice:
    """The invoice whose order a payment is on. `asked`: what it asks for in all, minor units.

    `debtor`: who owes it, or why nobody can be named yet. `has_sale`: an entry in Exact holds the sale (or will),
    whose number the receipt carries. `note`: what is to be known of it, for people.
    """

    number: str
    asked: int
    debtor: Debtor | Problem
    has_sale: bool
    note: str = ""


def plan_invoice_receipt(payment: Payment, order: Order, invoice: PaidInvoice, context: Context) -> LegPlan | None:
    """None for a house account: no money came in."""
    leg = plan_receipt(payment, order, replace(context, debtor=invoice.debtor))
    if leg is None:
        return None
    leg = replace(leg, after_sale=invoice.has_sale)
    if leg.problem:
        return leg
    try:
        return _apart(leg, payment, order, invoice, context)
    except Waits as wait:
        return given.waiting(leg, wait.problem)


def _apart(leg: LegPlan, payment: Payment, order: Order, invoice: PaidInvoice, context: Context) -> LegPlan:
    rounding = _rounding(payment, order)
    settled = payment.amount - rounding
    _check_owed(payment, settled, order, invoice)
    owed, *rest = leg.lines
    beside = (*_tip(leg, payment, context), *_rounded(leg, rounding, context))
    return replace(leg, lines=(replace(owed, amount=settled), *beside, *rest))


def _rounding(payment: Payment, order: Order) -> int:
    """Cash rounding belongs to the last payment in cash: Square states it on the order that is paid."""
    in_cash = [tender for tender in _ranked(order) if tender.kind == "CASH"]
    is_last = bool(in_cash) and in_cash[-1].payment_id == payment.id
    return order.rounding if is_last and order.state == "COMPLETED" else 0


def _ranked(order: Order) -> list[Tender]:
    return sorted(payments_of(order), key=lambda tender: (tender.created_at or END_OF_TIME, tender.payment_id))


def _check_owed(payment: Payment, settled: int, order: Order, invoice: PaidInvoice) -> None:
    """Raises `Waits` for money beyond the invoice: it would stand on the customer's account without a sale."""
    ids = [tender.payment_id for tender in _ranked(order)]
    earlier = ids.index(payment.id) if payment.id in ids else len(ids)
    before = sum(tender.amount - tender.tip for tender in _ranked(order)[:earlier])
    if settled <= max(0, invoice.asked - before):
        return
    sentence = (
        f"{written(payment.amount, payment.currency)} was paid on invoice {invoice.number}, of which only "
        f"{written(max(0, invoice.asked - before), payment.currency)} was still owed. Nothing was booked of this "
        "payment but its fees: compare the payments of the invoice in Square; refund what is too much or book it by "
        "hand."
    )
    raise Waits(ProblemKind.UNBALANCED, sentence, "paid beyond the invoice")


def _tip(leg: LegPlan, payment: Payment, context: Context) -> Iterator[Line]:
    if payment.tip:
        yield replace(_beside(Role.TIPS, leg, payment.tip, context), suffix=TIP)


def _rounded(leg: LegPlan, rounding: int, context: Context) -> Iterator[Line]:
    if rounding:
        yield replace(_beside(Role.ROUNDING, leg, rounding, context), suffix=ROUNDING)


def _beside(role: Role, leg: LegPlan, amount: int, context: Context) -> Line:
    """On the account of the rule. One with VAT waits: VAT is stated in sales entries, not on the lines of a bank."""
    kind = leg.debtor.kind if leg.debtor else ""
    match = given.rule_for(Case(role, leg.date, leg.location, leg.tender, customer_kind=kind), context)
    if match.rule.vat_account:
        sentence = (
            f"{written(amount, leg.currency)} of {role.words} was paid with an invoice, and rule {match.rule.id} puts "
            f"VAT on it (code {match.rule.vat_code}). Tillbridge books it beside the receipt, where no VAT can be "
            "stated. Add a rule with an untaxed account for this case, or book this receipt by hand."
        )
        raise Waits(ProblemKind.UNSUPPORTED, sentence, f"taxed {role.words} on an invoice")
    return given.line(match, amount)
