"""What one Square refund owes the books: the credit of its sale, the money that went back, the fees that came back.

1. Only a completed refund owes anything. One that failed after it was completed is undone with `reversal`.
2. What makes the whole record doubtful (no sale, another currency, more than is left) lets it wait as a whole.
3. The credit takes accounts, VAT codes and rates from the sale as it was booked, never from today's mapping: by the
   returned items where Square names them, else by amount over what is left of the sale (`remainder`).
4. The money goes where Square sent it; through the journals of today, since today's Square balance pays it.
5. Fees are their own legs. Square keeps them or gives them back in proportion, and says which only on the refund.
6. A deposit that is given back before its order was a sale has no credit: its receipt is undone. A refund whose order
   also sells is an exchange: all that came back is credited, and what was sold is a sale.
Reference: bookkeeping section 2 "refund"; Square PaymentRefund.status, destination_type, processing_fee, app_fee_money.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from connections import money
from connections.providers.square.payloads import Order, PaymentRefund
from mappings.bookkeeping import context as given
from mappings.bookkeeping import exchange, giftcard, remainder, returned
from mappings.bookkeeping.context import SECOND, Context, Origin, Waits, written
from mappings.bookkeeping.conventions import GiftCards
from mappings.bookkeeping.fee import APP, charged
from mappings.bookkeeping.legs import Account, Debtor, Document, LegKind, LegPlan, Line, Plan, ProblemKind
from mappings.bookkeeping.receipt import Route, check_journal, clearing, route
from mappings.bookkeeping.reversal import negated
from mappings.bookkeeping.sale import HOUSE_ACCOUNT, leg_of
from mappings.resolution import Case
from mappings.roles import Role

NOT_YET = {
    "PENDING": "The refund is still pending at Square: there is nothing to book until it completes.",
    "REJECTED": "The refund was rejected: there is nothing to book.",
    "FAILED": "The refund failed: there is nothing to book. If it was booked before it failed, that is reversed.",
}
BY_ITEMS = "The credit follows the returned items, with the VAT that Square states for them."
BY_AMOUNT = (
    "The credit is shared over what was left of the sale: Square does not say which items came back, or less of them "
    "was left than came back."
)
EXCHANGED = "The order is an exchange: all that came back is credited, and what was sold for it is a sale."
LAST = "The refund takes all that was left of the sale, so every account and VAT code of the sale ends at zero."


@dataclass(frozen=True, slots=True)
class RefundContext:
    """`sale`: the sale leg as it was frozen, None while there is none. `earlier`: the frozen credits (kind REFUND) of
    the same sale that stand, without dismissed ones and without those that failed; this refund's own is ignored.
    `siblings`: the ids of those refunds that share this one's return order (a return paid back on two cards).
    `receipt`: the frozen receipt of the payment that is refunded. `order`: the return order, None when not read.
    `completed_at`: when the refund was first seen completed, since each later change moves its `updated_at`.
    `own_entry`: refunds are credit entries of their own rather than negative lines of the daily summary.
    `paid_by`: the tender of the payment, as the rules write it. `is_deposit`: its order is no sale yet, or never was.
    `beside`: what the receipts of an invoice brought beside its sale (tips, rounding), less what earlier refunds gave
    back of it. It goes back the way it came: on the money entry.
    """

    usual: Context
    sale: LegPlan | None
    earlier: tuple[LegPlan, ...] = ()
    siblings: frozenset[str] = frozenset()
    receipt: LegPlan | None = None
    order: Order | None = None
    completed_at: datetime | None = None
    own_entry: bool = False
    paid_by: str = ""
    is_deposit: bool = False

    @property
    def is_exchange(self) -> bool:
        return bool(self.order and self.order.is_exchange)

    beside: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sold:
    """The sale a refund is about, with the parts that a booked sale always has. `left`: its lines without what earlier
    refunds took; `cards`: single-purpose gift cards that were spent on it, positive, less what is back on them.
    """

    leg: LegPlan
    debtor: Debtor
    receivables: Account
    left: tuple[Line, ...]
    cards: tuple[Line, ...] = ()


class _Returned(NamedTuple):
    """The credits, what goes back on the money entry beside them, and how both were found."""

    credits: tuple[LegPlan, ...]
    beside: tuple[Line, ...]
    note: str


def plan(refund: PaymentRefund, context: RefundContext) -> Plan:
    """The legs of a refund, or why it waits. The same input gives the same plan, in every process."""
    if refund.status != "COMPLETED":
        note = f"The refund's status is {refund.status or '(none)'}: only completed refunds are booked."
        return Plan(notes=(NOT_YET.get(refund.status, note),))
    try:
        _check(refund)
        if context.sale is None and context.is_deposit and context.receipt:
            return _deposit_back(refund, context.receipt, context)
        sold = _sold(refund, context)
        if context.is_exchange:
            came = _Returned(tuple(_exchanged(refund, sold, context)), (), EXCHANGED)
        else:
            came = _returned(refund, sold, context)
    except Waits as wait:
        return Plan(problem=wait.problem)
    legs = (*came.credits, *_money(refund, sold, came.beside, context), *_fees(refund, sold, context))
    return Plan(legs=legs, notes=(came.note, *_notes(refund, context)))


def _returned(refund: PaymentRefund, sold: _Sold, context: RefundContext) -> _Returned:
    """Lines of a sale name a VAT code, always; what came beside an invoice never does."""
    lines, note = _credited(refund, sold, context)
    beside = tuple(line for line in lines if not line.vat_code)
    credited = tuple(negated(line) for line in lines if line.vat_code)
    if not credited:
        return _Returned((), beside, note)
    credit = _credit(refund, sold, (*credited, *_onto_card(refund, sold, context)), context)
    return _Returned((credit,), beside, note)


def _deposit_back(refund: PaymentRefund, receipt: LegPlan, context: RefundContext) -> Plan:
    """No sale, so no credit: the receivable that the deposit was put on pays it back."""
    held = next((line for line in receipt.lines if line.role is Role.RECEIVABLES), None)
    if held is None or receipt.debtor is None or refund.amount > held.amount:
        amount = written(refund.amount, refund.currency)
        sentence = f"{amount} was refunded of a deposit, which is more than was booked of it. Book it by hand."
        raise Waits(ProblemKind.UNBALANCED, sentence, "refund beyond the deposit")
    sold = _Sold(receipt, receipt.debtor, held.account, ())
    legs = [replace(leg, after_sale=False) for leg in _money(refund, sold, (), context)]
    note = "The order is no sale, so nothing is credited: the deposit goes back from the receivable it was put on."
    return Plan(legs=(*legs, *_fees(refund, sold, context)), notes=(note,))


def _exchanged(refund: PaymentRefund, sold: _Sold, context: RefundContext) -> Iterator[LegPlan]:
    """All that came back, credited, and what was sold for it. Raises `Waits` when other refunds share the order."""
    order, usual = context.order, context.usual
    if order is None or context.siblings:
        sentence = "An exchange was paid back in several refunds. Book it by hand, then dismiss its refunds here."
        raise Waits(ProblemKind.UNSUPPORTED, sentence, "exchange in several refunds")
    earlier = tuple(_earlier(refund, context))
    usual = replace(usual, origins={sold.leg.order_id: Origin(sold.leg, earlier)})
    on = _day(refund, context)
    yield from exchange.plan_credits(order, usual, on=on, receipt_number=sold.leg.receipt_number)
    yield leg_of(order, usual, on=on, paid=-refund.amount, receipt_number=sold.leg.receipt_number)


def _onto_card(refund: PaymentRefund, sold: _Sold, context: RefundContext) -> Iterator[Line]:
    """What goes back onto a single-purpose card is revenue again, so the credit of the goods is made up for: by the
    lines that the sale was credited with when the card was spent, else by today's rule.
    """
    if _tender(refund, context) != "GIFT_CARD" or _was_pair(context):
        return
    left = remainder.gross(sold.cards)
    if left:
        yield from remainder.part(sold.cards, min(refund.amount, left))
        return
    usual, on = context.usual, _day(refund, context)
    chosen = usual.conventions.of(LegKind.REFUND, refund.id, 0, on)
    if chosen.gift_cards is GiftCards.SINGLE_PURPOSE:
        case = Case(Role.GIFT_CARD, on, usual.location, "GIFT_CARD", customer_kind=sold.debtor.kind)
        yield giftcard.of(given.rule_for(case, usual), refund.amount, chosen)


def _was_pair(context: RefundContext) -> bool:
    """The card was a debt when it was spent: two lines, which its refund turns round."""
    return bool(context.receipt and context.receipt.tender == "GIFT_CARD")


def _notes(refund: PaymentRefund, context: RefundContext) -> Iterator[str]:
    amount = written(refund.amount, refund.currency)
    if _tender(refund, context) == HOUSE_ACCOUNT:
        yield f"{amount} was given back on a house account: no money moved, the customer owes that much less."
    if not refund.fees:
        yield "Square states no fee for this refund; if it gives one back later, that is a leg of its own."


def _check(refund: PaymentRefund) -> None:
    """Raises `Waits` for what no sale could make right."""
    if refund.currency not in money.KNOWN:
        sentence = (
            f"The refund is in {refund.currency}, a currency whose smallest unit Tillbridge does not know. Nothing was "
            "booked, because the amount could be a hundred times wrong. Book it by hand."
        )
        raise Waits(ProblemKind.UNKNOWN_CURRENCY, sentence, refund.currency)
    amount = written(refund.amount, refund.currency)
    if refund.amount <= 0:
        raise Waits(ProblemKind.ODD_AMOUNT, f"Square states a refund of {amount}. Check it in Square; book it by hand.")
    if refund.is_unlinked or not refund.payment_id:
        sentence = (
            f"{amount} was refunded without naming a payment, so nothing says which sale and which VAT came back. Book "
            "the refund by hand, then dismiss it here."
        )
        raise Waits(ProblemKind.UNSUPPORTED, sentence, "unlinked refund")


def _sold(refund: PaymentRefund, context: RefundContext) -> _Sold:
    leg, amount = context.sale, written(refund.amount, refund.currency)
    if leg is None or leg.problem or leg.debtor is None or leg.main_account is None:
        sentence = (
            f"{amount} was refunded of a sale that Tillbridge has not booked yet, and a refund takes its accounts and "
            "VAT from its sale. It goes on when the sale is booked; if you booked the sale by hand, book the refund by "
            "hand too and dismiss it here."
        )
        raise Waits(ProblemKind.WAITS_FOR_SALE, sentence)
    if leg.currency != refund.currency:
        sentence = f"The refund is {amount}, its sale is in {leg.currency}. Book it by hand."
        raise Waits(ProblemKind.UNSUPPORTED, sentence, f"currency {refund.currency}")
    before = [line for one in _earlier(refund, context) for line in one.lines]
    left = remainder.together([*leg.lines, *before, *context.beside])
    cards = tuple(negated(line) for line in left if _is_spent(line))
    sold = _Sold(leg, leg.debtor, leg.main_account, tuple(line for line in left if not _is_spent(line)), cards)
    if not context.is_exchange:
        _check_left(refund, sold)
    return sold


def _is_sold_card(line: Line) -> bool:
    return line.role is Role.GIFT_CARD and line.amount + line.vat > 0


def _is_spent(line: Line) -> bool:
    return line.role is Role.GIFT_CARD and line.amount + line.vat < 0


def _earlier(refund: PaymentRefund, context: RefundContext) -> Iterator[LegPlan]:
    kinds = (LegKind.REFUND, LegKind.INVOICE_CREDIT)
    return (leg for leg in context.earlier if leg.kind in kinds and leg.source_id != refund.id)


def _check_left(refund: PaymentRefund, sold: _Sold) -> None:
    left = remainder.gross(sold.left)
    if refund.amount <= left:
        return
    currency = refund.currency
    sentence = (
        f"{written(refund.amount, currency)} was refunded, but of the sale of {written(sold.leg.total, currency)} on "
        f"{sold.leg.date} only {written(left, currency)} is left after its earlier refunds. Nothing was booked: "
        "compare the refunds of this payment in Square with those here, and book by hand what goes beyond the sale."
    )
    raise Waits(ProblemKind.UNBALANCED, sentence, "refund beyond the sale")


def _credited(refund: PaymentRefund, sold: _Sold, context: RefundContext) -> tuple[tuple[Line, ...], str]:
    """The positive lines of the sale that are credited, and how they were found."""
    if refund.amount == remainder.gross(sold.left):
        return sold.left, LAST
    items = _items(refund, sold, context)
    taken = remainder.part(items, refund.amount) if remainder.gross(items) >= refund.amount else ()
    if taken and remainder.holds(sold.left, taken):
        return taken, BY_ITEMS
    return remainder.part(sold.left, refund.amount), BY_AMOUNT


def _items(refund: PaymentRefund, sold: _Sold, context: RefundContext) -> tuple[Line, ...]:
    """What came back and is not credited yet. It is placed on the sale as it stood before this return began, so that
    the parts of a return that is paid back in several refunds add up to it.
    """
    earlier = list(_earlier(refund, context))
    shared = [line for leg in earlier if leg.source_id in context.siblings for line in leg.lines]
    before = remainder.together([*sold.left, *(negated(line) for line in shared)])
    items = returned.lines(context.order, before, sale=sold.leg)
    return remainder.together([*items, *shared]) if items else ()


def _credit(refund: PaymentRefund, sold: _Sold, lines: Sequence[Line], context: RefundContext) -> LegPlan:
    usual = context.usual
    note = f"the account and VAT of the sale of {sold.leg.date}"
    chosen = usual.conventions.of(LegKind.REFUND, refund.id, 0, _day(refund, context))
    special = any(line.vat_code in usual.special_codes for line in lines)
    alone = context.own_entry or usual.sales_grouping == "per_payment" or sold.debtor.stands_alone or special
    return replace(
        _leg(refund, sold, clearing(usual), context),
        kind=LegKind.REFUND,
        document=Document.SALES_ENTRY,
        journal=usual.sales_journal or sold.leg.journal,
        main_account=sold.receivables,
        lines=tuple(replace(line, suffix="", note=line.note if _is_sold_card(line) else note) for line in lines),
        stands_alone=alone,
        conventions=chosen,
    )


def _money(refund: PaymentRefund, sold: _Sold, beside: Sequence[Line], context: RefundContext) -> Iterator[LegPlan]:
    tender = _tender(refund, context)
    if tender == HOUSE_ACCOUNT or (tender == "GIFT_CARD" and _is_revenue(refund, sold, context)):
        return
    way = route(tender, context.usual)
    leg = replace(_leg(refund, sold, way or clearing(context.usual), context), tender=tender)
    credited = refund.amount - remainder.gross(beside)
    leg = replace(leg, after_sale=bool(credited))
    try:
        if way is None:
            raise _unknown(refund)
        check_journal(way)
        owed = (_owed_back(credited, sold),) if credited else ()
        back = tuple(replace(negated(line), note=f"as it came with invoice {sold.leg.invoice}") for line in beside)
        yield replace(leg, lines=(*owed, *back, *_passed(leg, way, refund, context)))
    except Waits as wait:
        yield given.waiting(leg, wait.problem)


def _is_revenue(refund: PaymentRefund, sold: _Sold, context: RefundContext) -> bool:
    """Whether the card it went onto is single-purpose: then the credit holds both sides, and no money moves."""
    return bool(sold.left) and any(True for _ in _onto_card(refund, sold, context))


def _owed_back(credited: int, sold: _Sold) -> Line:
    note = f"the receivables account of the sale of {sold.leg.date}"
    account = sold.receivables
    return Line(role=Role.RECEIVABLES, account=account, amount=-credited, debtor=sold.debtor.id, note=note)


def _passed(leg: LegPlan, way: Route, refund: PaymentRefund, context: RefundContext) -> Iterator[Line]:
    """The second line of a pair: on the account that the payment itself went through, if it came the same way."""
    if way.passes_through is None:
        return
    receipt = context.receipt
    came = [line for line in receipt.lines if line.suffix == SECOND] if receipt else []
    if came and receipt and receipt.tender == leg.tender:
        yield replace(came[0], amount=refund.amount, note=f"the account of the payment of {receipt.date}")
        return
    kind = leg.debtor.kind if leg.debtor else ""
    case = Case(way.passes_through, leg.date, leg.location, leg.tender, customer_kind=kind)
    yield given.line(given.rule_for(case, context.usual), refund.amount, suffix=SECOND)


def _tender(refund: PaymentRefund, context: RefundContext) -> str:
    """Where the money went, in the word of the mappings. Square details it only when it is not where it came from:
    a gift card's refund says CARD, like its payment.
    """
    came = context.receipt.tender if context.receipt else context.paid_by
    kind, to = refund.destination_type or came, refund.card_brand or refund.external_type
    if kind == "CARD":
        return "GIFT_CARD" if to == "SQUARE_GIFT_CARD" or (not to and came == "GIFT_CARD") else "CARD"
    if kind == "EXTERNAL":
        same = came if came.startswith("EXTERNAL:") and not to else ""
        return same or f"EXTERNAL:{to or 'OTHER'}"
    return kind


def _unknown(refund: PaymentRefund) -> Waits:
    kind = refund.destination_type or "(none)"
    sentence = (
        f"{written(refund.amount, refund.currency)} was refunded in a way that Tillbridge does not know ({kind}), so "
        "nothing says where the money left. Book the money by hand, and tell us about this kind of refund."
    )
    return Waits(ProblemKind.UNSUPPORTED, sentence, f"tender {kind}")


def _fees(refund: PaymentRefund, sold: _Sold, context: RefundContext) -> Iterator[LegPlan]:
    """Square's fees in its order, then what the app developer gives back of theirs, which Square states positive."""
    usual, way = context.usual, clearing(context.usual)
    leg = replace(_leg(refund, sold, way, context), kind=LegKind.REFUND_FEE, debtor=None)
    leg = replace(leg, tender=_tender(refund, context))
    for index, fee in enumerate(refund.fees):
        if fee.amount:
            on = usual.local_date(fee.effective_at) if index and fee.effective_at else leg.date
            case = Case(Role.PROCESSING_FEE, on, leg.location, leg.tender, fee_type=fee.kind)
            yield charged(replace(leg, ordinal=index, date=on), way, case, fee.amount, usual)
    if refund.app_fee:
        case = Case(Role.PLATFORM_FEE, leg.date, leg.location, leg.tender, fee_type=APP)
        yield charged(replace(leg, kind=LegKind.APP_FEE), way, case, -refund.app_fee, usual)


def _leg(refund: PaymentRefund, sold: _Sold, way: Route, context: RefundContext) -> LegPlan:
    """The money leg without lines; the others start from it too."""
    return LegPlan(
        kind=LegKind.REFUND_MONEY,
        source_id=refund.id,
        ordinal=0,
        document=way.document,
        journal=way.journal,
        date=_day(refund, context),
        currency=refund.currency,
        main_account=way.account,
        debtor=sold.debtor,
        order_id=sold.leg.order_id,
        location=context.usual.location,
        receipt_number=context.receipt.receipt_number if context.receipt else sold.leg.receipt_number,
    )


def _day(refund: PaymentRefund, context: RefundContext) -> date:
    return context.usual.local_date(context.completed_at or refund.updated_at)
