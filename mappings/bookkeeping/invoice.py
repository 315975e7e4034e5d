"""What one Square invoice owes the books: its sale when it is published, a credit of what is left unpaid when it is
canceled. Money is no part of it: each payment brings its own receipt (`invoice_receipt`), each refund its own credit.

1. A draft or scheduled invoice owes nothing yet. Other statuses than published and canceled post nothing.
2. The sale goes on the real customer, on the day of publication, due on the day of the last payment request. It is the
   sale of the invoice's order: no payment of that order carries it a second time.
3. It is left alone when Exact already holds it, or when it was published before go-live.
4. Once booked it stays as it was frozen, while the goods of the order are the same: paying changes the order's totals,
   canceling replaces its lines by what was paid.
5. A cancel credits what is unpaid, shared over what is left of the sale (`remainder`), like a refund by amount.
Reference: bookkeeping section 2, invoice published, paid, canceled; section 6, case 6; Square Invoice.status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from connections import money
from connections.providers.square.payloads import Invoice, Order
from connections.providers.square.payloads.invoices import NOT_YET
from mappings.bookkeeping import context as given
from mappings.bookkeeping import remainder, sale
from mappings.bookkeeping.context import Context, Waits, written
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Line, Plan, Problem, ProblemKind
from mappings.bookkeeping.reversal import negated
from mappings.resolution import Case
from mappings.roles import Role

CANCELED = "CANCELED"
NOTHING_YET = "The invoice is {status} at Square: there is nothing to book until it is published."
NOTHING_NOW = "The invoice is {status} at Square, which posts nothing by itself."
LEFT_ALONE = "Exact holds this invoice already (entry {number}), so its sale is left alone; its payments are booked."
EARLIER = (
    "The invoice was published before go-live, so the books are taken to hold it already. Only its payments are booked."
)
NEVER_BOOKED = "The invoice was canceled before its sale was booked, and nothing of it was paid: nothing is owed."


@dataclass(frozen=True, slots=True)
class InvoiceContext:
    """`published`: the local day of publication; `canceled` that of the cancel.

    `sale` and `credit`: these legs as they were frozen, None while they are not; `is_booked`: the sale is in an entry.
    `earlier`: the frozen credits of refunds of this sale. `elsewhere`: the number of the entry in Exact that is this
    invoice, made by somebody else. `obstacle`: why its number cannot be used. `is_before_go_live`: of released ones
    False.
    """

    usual: Context
    published: date
    canceled: date | None = None
    sale: LegPlan | None = None
    is_booked: bool = False
    credit: LegPlan | None = None
    earlier: tuple[LegPlan, ...] = ()
    elsewhere: int | None = None
    obstacle: Problem | None = None
    is_before_go_live: bool = False


def plan(invoice: Invoice, order: Order | None, context: InvoiceContext) -> Plan:
    """The legs of an invoice, or why it waits. The same input gives the same plan, in every process."""
    status = invoice.status.lower().replace("_", " ")
    if invoice.status in NOT_YET:
        return Plan(notes=(NOTHING_YET.format(status=status),))
    if not context.is_booked and (standing := _stands_already(context)):
        return _left_alone(invoice, context, standing)
    try:
        if invoice.status == CANCELED:
            return _canceled(invoice, context)
        if not invoice.is_published and context.sale is None:
            return Plan(notes=(NOTHING_NOW.format(status=status),))
        return Plan(legs=tuple(filter(None, (_sale(invoice, order, context), context.credit))))
    except Waits as wait:
        return Plan(problem=wait.problem)


def _stands_already(context: InvoiceContext) -> str:
    if context.elsewhere is not None:
        return LEFT_ALONE.format(number=context.elsewhere)
    return EARLIER if context.is_before_go_live else ""


def _left_alone(invoice: Invoice, context: InvoiceContext, standing: str) -> Plan:
    """The credit of a sale that somebody else made takes accounts that we do not know."""
    unpaid = invoice.asked - invoice.paid
    if invoice.status != CANCELED or unpaid <= 0:
        return Plan(notes=(standing,))
    where = f"entry {context.elsewhere}" if context.elsewhere is not None else "made before go-live"
    sentence = (
        f"Invoice {invoice.number} was canceled at Square with {written(unpaid, invoice.currency)} unpaid. Its sale "
        f"({where}) was not made by Tillbridge, which therefore does not know its accounts. Credit the unpaid part in "
        "Exact by hand, then dismiss this record."
    )
    return Plan(problem=Problem(ProblemKind.UNSUPPORTED, sentence, "canceled invoice of another's making"))


# --- the sale -----------------------------------------------------------------------------------
def _sale(invoice: Invoice, order: Order | None, context: InvoiceContext) -> LegPlan:
    _check(invoice, order, context)
    assert order is not None  # noqa: S101 - checked a line above
    frozen = context.sale if context.is_booked else None
    try:
        made = _with_goods(_head(invoice, order, context), invoice, order, context)
    except Waits:
        if frozen is not None:
            return frozen  # a mapping that went since changes nothing about what is booked
        raise
    return frozen if frozen is not None and _same_goods(frozen, made) else made


def _check(invoice: Invoice, order: Order | None, context: InvoiceContext) -> None:
    """Raises `Waits` for what would make the sale doubtful."""
    if order is None:
        raise Waits(ProblemKind.NO_ORDER, _no_order(invoice))
    if invoice.currency not in money.KNOWN:
        sentence = (
            f"Invoice {invoice.number} is in {invoice.currency or 'no currency'}, whose smallest unit Tillbridge does "
            "not know. Nothing was booked, because the amount could be a hundred times wrong. Book it by hand."
        )
        raise Waits(ProblemKind.UNKNOWN_CURRENCY, sentence, invoice.currency)
    if invoice.currency != context.usual.accepted_currency or order.currency != invoice.currency:
        sentence = (
            f"Invoice {invoice.number} of {written(invoice.asked, invoice.currency)} is not in "
            f"{context.usual.accepted_currency}, the currency of the lane's journals. Give this currency a lane with "
            "journals of its own, then replay."
        )
        raise Waits(ProblemKind.UNSUPPORTED, sentence, f"currency {invoice.currency}")
    if invoice.asked <= 0:
        sentence = f"Square states invoice {invoice.number} at {written(invoice.asked, invoice.currency)}."
        raise Waits(ProblemKind.ODD_AMOUNT, f"{sentence} Check it in Square; book it by hand when it is right.")
    if context.obstacle is not None and not context.is_booked:
        raise Waits(context.obstacle.kind, context.obstacle.sentence, context.obstacle.subject)


def _no_order(invoice: Invoice) -> str:
    return (
        f"Invoice {invoice.number} cannot be booked, because its order, which says what was sold and at which VAT, was "
        "not found at Square. It is read again by itself; replay when Square shows it, or book it by hand."
    )


def _head(invoice: Invoice, order: Order, context: InvoiceContext) -> LegPlan:
    usual = context.usual
    owing = given.debtor(usual)
    if owing.is_collective:
        raise Waits(ProblemKind.UNMAPPED_CUSTOMER, _collective(invoice), invoice.customer_id or "invoice to nobody")
    if not usual.sales_journal:
        sentence = "The lane names no sales journal. Choose one (type 20) on the lane, then replay."
        raise Waits(ProblemKind.UNMAPPED_ACCOUNT, sentence, "sales journal")
    leg = LegPlan(
        kind=LegKind.SALE,
        source_id=order.id,
        ordinal=0,
        document=Document.SALES_ENTRY,
        journal=usual.sales_journal,
        date=context.published,
        currency=invoice.currency,
        main_account=given.receivables(owing, usual),
        debtor=owing,
        order_id=order.id,
        stands_alone=True,
        location=usual.location,
        invoice=invoice.number,
        due=invoice.due,
    )
    return replace(leg, conventions=given.conventions_of(leg, usual))


def _collective(invoice: Invoice) -> str:
    who = f"Square customer {invoice.customer_id}" if invoice.customer_id else "nobody that Square names"
    return (
        f"Invoice {invoice.number} of {written(invoice.asked, invoice.currency)} is addressed to {who}, who has no "
        "account of their own in Exact. What an invoice leaves open must be owed by somebody, so it is never booked on "
        "the collective debtor. Map the customer to an account of their own; this record then goes on."
    )


def _with_goods(leg: LegPlan, invoice: Invoice, order: Order, context: InvoiceContext) -> LegPlan:
    """Cents that Square's own figures are apart go to rounding; more than the limit waits."""
    lines = sale.goods(leg, order, context.usual)
    if not lines:
        raise Waits(ProblemKind.NO_LINES, sale.no_lines_sentence(order))
    apart = invoice.asked - remainder.gross(lines)
    if abs(apart) > context.usual.rounding_limit:
        sentence = (
            f"Invoice {invoice.number} asks for {written(invoice.asked, invoice.currency)}, its order's lines come to "
            f"{written(remainder.gross(lines), invoice.currency)}. Nothing was booked. Check the invoice in Square, "
            "then replay."
        )
        raise Waits(ProblemKind.UNBALANCED, sentence, "invoice and order differ")
    return replace(leg, lines=(*lines, *_rounding(leg, apart, context.usual)))


def _rounding(leg: LegPlan, apart: int, context: Context) -> tuple[Line, ...]:
    if not apart:
        return ()
    kind = leg.debtor.kind if leg.debtor else ""
    case = Case(role=Role.ROUNDING, on=leg.date, location=leg.location, customer_kind=kind)
    return (given.sales_line(given.rule_for(case, context), apart),)


def _same_goods(frozen: LegPlan, now: LegPlan) -> bool:
    """Whether Square still says the same: amounts per kind and rate. Accounts and codes are ours, and stay frozen."""
    return _sold(frozen.lines) == _sold(now.lines)


def _sold(lines: Iterable[Line]) -> dict[tuple[str, str], tuple[int, int]]:
    net: Counter[tuple[str, str]] = Counter()
    vat: Counter[tuple[str, str]] = Counter()
    for line in lines:
        key = (line.role.value, "" if not line.rate else f"{line.rate.normalize():f}")
        net[key] += line.amount
        vat[key] += line.vat
    return {key: (net[key], vat[key]) for key in net if net[key] or vat[key]}


# --- the cancel ---------------------------------------------------------------------------------
def _canceled(invoice: Invoice, context: InvoiceContext) -> Plan:
    unpaid = invoice.asked - invoice.paid
    if context.sale is None:
        if not invoice.paid:
            return Plan(notes=(NEVER_BOOKED,))
        raise Waits(ProblemKind.UNSUPPORTED, _never_seen(invoice), "canceled before it was read")
    if unpaid <= 0:
        return Plan(legs=(context.sale,), notes=("All of it was paid: a cancel credits the unpaid part only.",))
    credit = context.credit or _credit(invoice, context.sale, unpaid, context)
    if credit.total != -unpaid:
        raise Waits(ProblemKind.CHANGED_AFTER_POSTING, _paid_since(invoice, credit, unpaid), "canceled invoice")
    return Plan(legs=(context.sale, credit))


def _never_seen(invoice: Invoice) -> str:
    return (
        f"Invoice {invoice.number} was canceled before Tillbridge read it, with "
        f"{written(invoice.paid, invoice.currency)} paid. Square has replaced the lines of its order by that amount: "
        "nothing says which VAT it held. Book the sale of what was paid by hand, then dismiss this record."
    )


def _paid_since(invoice: Invoice, credit: LegPlan, unpaid: int) -> str:
    return (
        f"{written(-credit.total, credit.currency)} of invoice {invoice.number} was credited when it was canceled; now "
        f"Square says that {written(unpaid, invoice.currency)} is unpaid. Compare both sides, correct the credit in "
        "Exact, then dismiss this record with the reason."
    )


def _credit(invoice: Invoice, sold: LegPlan, unpaid: int, context: InvoiceContext) -> LegPlan:
    before = [line for leg in context.earlier for line in leg.lines]
    left = remainder.together([*sold.lines, *before])
    if unpaid > remainder.gross(left):
        sentence = (
            f"Invoice {invoice.number} was canceled with {written(unpaid, invoice.currency)} unpaid, but after its "
            f"refunds only {written(remainder.gross(left), invoice.currency)} of its sale is left. Nothing was "
            "credited: compare the invoice in Square with the credits here, and book the rest by hand."
        )
        raise Waits(ProblemKind.UNBALANCED, sentence, "credit beyond the sale")
    note = f"the account and VAT of the invoice of {sold.date}"
    lines = tuple(replace(negated(line), suffix="", note=note) for line in remainder.part(left, unpaid))
    return replace(
        sold,
        kind=LegKind.INVOICE_CREDIT,
        source_id=invoice.id,
        date=context.canceled or sold.date,
        journal=context.usual.sales_journal or sold.journal,
        lines=lines,
        due=None,
        stands_alone=True,
        is_reversal=False,
    )
