"""The receipt leg: the money of one payment, taken off the customer's receivable.

Where the money goes decides the entry: what Square settles into the Square clearing journal, cash into the cash
journal, an external tender or a gift card into its own journal. Without one of its own it goes through the clearing
entry as two lines that net to zero, since every bank line moves the bank.
Reference: bookkeeping section 2 "money, by tender"; Square Payment.source_type.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from connections.providers.square.payloads import Order, Payment
from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import SECOND, Context, Waits
from mappings.bookkeeping.giftcard import was_taxed
from mappings.bookkeeping.legs import Account, Debtor, Document, LegKind, LegPlan, Line, ProblemKind
from mappings.bookkeeping.sale import HOUSE_ACCOUNT
from mappings.resolution import Case
from mappings.roles import Role

# What ends up in the Square balance and is paid out.
SETTLED = frozenset({"CARD", "WALLET", "BANK_ACCOUNT", "BUY_NOW_PAY_LATER"})
CASH_ACCOUNT_TYPE = 10  # Reference: GLAccounts.Type; the account of a cash journal


@dataclass(frozen=True, slots=True)
class Route:
    """The entry a tender's money is booked in. `passes_through`: the role that the second line of the pair is on."""

    document: Document
    journal: str
    account: Account | None
    passes_through: Role | None = None


def route(tender: str, context: Context) -> Route | None:
    """Where a tender's money goes; None for a tender nobody knows."""
    if tender == "CASH":
        return Route(Document.CASH_ENTRY, context.cash_journal, context.cash_account)
    if tender in SETTLED:
        return clearing(context)
    if tender != "GIFT_CARD" and not tender.startswith("EXTERNAL:"):
        return None
    own = context.tender_journals.get(tender)
    if own:
        is_cash = own[1] is not None and own[1].type == CASH_ACCOUNT_TYPE
        document = Document.CASH_ENTRY if is_cash else Document.BANK_ENTRY
        return Route(document, own[0], own[1])
    role = Role.GIFT_CARD if tender == "GIFT_CARD" else Role.OTHER_TENDER
    return replace(clearing(context), passes_through=role)


def clearing(context: Context) -> Route:
    return Route(Document.BANK_ENTRY, context.clearing_journal, context.clearing_account)


def plan_receipt(payment: Payment, order: Order, context: Context) -> LegPlan | None:
    """None where no money came in: a house account is still owed, a single-purpose gift card was a sale before (it is
    credited with the sale it pays), and an even exchange costs nothing.
    """
    if payment.tender == HOUSE_ACCOUNT or not payment.total or was_taxed(payment, order, context):
        return None
    way = route(payment.tender, context)
    leg = on_route(payment, way or clearing(context), context)
    leg = replace(leg, order_id=order.id, after_sale=order.state == "COMPLETED")
    try:
        if way is None:
            raise _unknown(payment)
        return _received(leg, way, payment, context)
    except Waits as wait:
        return given.waiting(leg, wait.problem)


def on_route(payment: Payment, way: Route, context: Context) -> LegPlan:
    """A receipt without lines; fees start from it too."""
    return LegPlan(
        kind=LegKind.RECEIPT,
        source_id=payment.id,
        ordinal=0,
        document=way.document,
        journal=way.journal,
        date=context.local_date(payment.took_place_at),
        currency=payment.currency,
        main_account=way.account,
        debtor=None,
        location=context.location,
        tender=payment.tender,
        receipt_number=payment.receipt_number,
    )


def _unknown(payment: Payment) -> Waits:
    kind = payment.source_type or "(none)"
    sentence = (
        f"{given.written(payment.total, payment.currency)} was paid in a way that Tillbridge does not know ({kind}), "
        "so nothing says where the money is. Book the receipt by hand, and tell us about this kind of payment."
    )
    return Waits(ProblemKind.UNSUPPORTED, sentence, f"tender {kind}")


def _received(leg: LegPlan, way: Route, payment: Payment, context: Context) -> LegPlan:
    owing = given.debtor(context)
    check_journal(way)
    lines = [_off_receivable(owing, payment, context)]
    if way.passes_through:
        case = Case(
            role=way.passes_through,
            on=leg.date,
            location=context.location,
            tender=payment.tender,
            customer_kind=owing.kind,
        )
        lines.append(given.line(given.rule_for(case, context), -payment.total, suffix=SECOND))
    return replace(leg, debtor=owing, lines=tuple(lines))


def _off_receivable(owing: Debtor, payment: Payment, context: Context) -> Line:
    account = given.receivables(owing, context)
    whose = "of the customer" if owing.receivables else "of the division"
    note = f"receivables account {whose}"
    return Line(role=Role.RECEIVABLES, account=account, amount=payment.total, debtor=owing.id, note=note)


def check_journal(way: Route) -> None:
    if way.journal and way.account:
        return
    name = "cash journal" if way.document is Document.CASH_ENTRY else "Square clearing journal"
    problem = f"journal {way.journal} has no GL account in Exact" if way.journal else f"the lane names no {name}"
    sentence = f"The money cannot be booked: {problem}. Set it, then replay."
    raise Waits(ProblemKind.UNMAPPED_ACCOUNT, sentence, name)
