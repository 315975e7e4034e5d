"""What one Square payment owes the books: the sale of its order (when it carries it), its receipt and its fees.

1. A payment that is not completed owes nothing yet; a 0.00 order owes nothing at all.
2. What makes the whole record doubtful (no order, a foreign currency, odd amounts) lets the record wait as a whole.
3. Otherwise each leg is made on its own, and one that lacks an account waits alone.
Reference: bookkeeping section 2; Square Payment.status, Order.state.
"""

from __future__ import annotations

from collections.abc import Iterator

from connections import money
from connections.providers.square.payloads import Order, Payment
from mappings.bookkeeping import exchange, giftcard
from mappings.bookkeeping.context import Context, Waits, written
from mappings.bookkeeping.fee import plan_fees
from mappings.bookkeeping.invoice_receipt import PaidInvoice, plan_invoice_receipt
from mappings.bookkeeping.legs import Debtor, LegPlan, Plan, Problem, ProblemKind
from mappings.bookkeeping.receipt import plan_receipt
from mappings.bookkeeping.sale import (
    HOUSE_ACCOUNT,
    carrier,
    house_sentence,
    no_lines_sentence,
    payments_of,
    plan_sale,
    sale_date,
)

NOT_YET = {
    "APPROVED": "The payment is authorised but not captured: there is nothing to book until it is.",
    "PENDING": "The payment is still pending at Square: there is nothing to book until it completes.",
    "CANCELED": "The payment was cancelled: there is nothing to book.",
    "FAILED": "The payment failed: there is nothing to book.",
}


def plan(payment: Payment, order: Order | None, context: Context, *, invoice: PaidInvoice | None = None) -> Plan:
    """The legs of a payment, or why it waits. The same input gives the same plan, in every process.

    `invoice`: the one its order belongs to, whose sale is not the payment's to book.
    """
    if payment.status != "COMPLETED":
        note = f"The payment's status is {payment.status}: only completed payments are booked."
        return Plan(notes=(NOT_YET.get(payment.status, note),))
    problem = _currency_problem(payment, context) or _amount_problem(payment)
    if problem or order is None:
        return Plan(problem=problem or _no_order(payment))
    if _owes_nothing(payment, order):
        return Plan(notes=("The order came to 0.00: there is nothing to book.",))
    problem = _order_problem(payment, order) or (None if invoice else _house_problem(payment, order, context))
    return Plan(problem=problem) if problem else _plan(payment, order, context, invoice)


def _plan(payment: Payment, order: Order, context: Context, invoice: PaidInvoice | None) -> Plan:
    try:
        if invoice:
            return Plan(legs=tuple(_invoice_legs(payment, order, invoice, context)), notes=(invoice.note,))
        return Plan(legs=tuple(_legs(payment, order, context)), notes=tuple(_notes(payment, order, context)))
    except Waits as wait:
        return Plan(problem=wait.problem)


def _legs(payment: Payment, order: Order, context: Context) -> Iterator[LegPlan]:
    if _carries_sale(payment, order):
        yield plan_sale(payment, order, context)
        if order.is_exchange:
            on = sale_date(payment, order, context)
            yield from exchange.plan_credits(order, context, on=on, receipt_number=payment.receipt_number)
    receipt = plan_receipt(payment, order, context)
    if receipt:
        yield receipt
    yield from plan_fees(payment, context)


def _invoice_legs(payment: Payment, order: Order, invoice: PaidInvoice, context: Context) -> Iterator[LegPlan]:
    receipt = plan_invoice_receipt(payment, order, invoice, context)
    if receipt:
        yield receipt
    yield from plan_fees(payment, context)


def _carries_sale(payment: Payment, order: Order) -> bool:
    return order.state == "COMPLETED" and carrier(order) == payment.id


def _notes(payment: Payment, order: Order, context: Context) -> Iterator[str]:
    amount = written(payment.total, payment.currency)
    if order.state == "OPEN":
        yield f"The order is still open: {amount} is booked as a deposit, the sale follows when the order is completed."
    elif order.state == "CANCELED":
        yield f"The order was cancelled and its deposit of {amount} given back: there is no sale."
    elif not _carries_sale(payment, order):
        yield "The sale is booked with the first payment of this order; this one adds its receipt and fees."
    if payment.tender == HOUSE_ACCOUNT:
        yield f"{amount} was charged to a house account: no receipt, the customer still owes it."
    if giftcard.was_taxed(payment, order, context):
        yield f"{amount} was paid by a single-purpose gift card: its sale is credited, so nothing is left to receive."
    if order.is_exchange:
        net = written(order.net, order.currency)
        yield f"The order is an exchange: what came back is credited, what was sold is a sale, and {net} was paid."
    if payment.square_product == "INVOICES":
        yield "The payment settles a Square invoice."


def _owes_nothing(payment: Payment, order: Order) -> bool:
    return payment.total == 0 and order.total == 0 and not order.has_returns


def _currency_problem(payment: Payment, context: Context) -> Problem | None:
    currency = payment.currency
    if currency not in money.KNOWN:
        sentence = (
            f"The payment is in {currency}, a currency whose smallest unit Tillbridge does not know. Nothing was "
            "booked, because the amount could be a hundred times wrong. Book it by hand."
        )
        return Problem(ProblemKind.UNKNOWN_CURRENCY, sentence, currency)
    if currency != context.accepted_currency:
        sentence = (
            f"The payment of {written(payment.total, currency)} is not in {context.accepted_currency}, the currency of "
            "the lane's journals. Give this currency a lane with journals of its own, then replay."
        )
        return Problem(ProblemKind.UNSUPPORTED, sentence, f"currency {currency}")
    return None


def _amount_problem(payment: Payment) -> Problem | None:
    total, currency = written(payment.total, payment.currency), payment.currency
    if min(payment.amount, payment.tip, payment.total) < 0:
        sentence = (
            f"Square states a payment with a negative amount (total {total}). Check it in Square; book it by hand."
        )
        return Problem(ProblemKind.ODD_AMOUNT, sentence)
    if payment.total != payment.amount + payment.tip:
        parts = f"{written(payment.amount, currency)} and a tip of {written(payment.tip, currency)}"
        sentence = f"The payment comes to {total}, but consists of {parts}. Check it in Square, then replay."
        return Problem(ProblemKind.UNBALANCED, sentence)
    return None


def _no_order(payment: Payment) -> Problem:
    amount = written(payment.total, payment.currency)
    which = "its order was not found at Square" if payment.order_id else "it has no order"
    sentence = f"The payment of {amount} cannot be booked, because {which}, which says what was sold and at which VAT."
    return Problem(ProblemKind.NO_ORDER, f"{sentence} Replay when Square shows it, or book it by hand.")


def _order_problem(payment: Payment, order: Order) -> Problem | None:
    total = written(payment.total, payment.currency)
    if payment.total == 0 and not (order.is_exchange and order.net == 0):
        whole = written(order.total, order.currency) if order.currency in money.KNOWN else order.currency
        sentence = (
            f"A payment of {total} stands on an order of {whole}. Check it in Square; dismiss it when it is right."
        )
        return Problem(ProblemKind.ODD_AMOUNT, sentence)
    if order.currency != payment.currency:
        sentence = f"The payment is {total}, its order is in {order.currency}. Book it by hand."
        return Problem(ProblemKind.UNSUPPORTED, sentence, f"currency {order.currency}")
    if order.state not in ("OPEN", "COMPLETED") and not _was_given_back(payment, order):
        state = order.state or "(none)"
        sentence = (
            f"{total} was paid on an order whose state is {state}, so nothing says whether it is a sale or is owed "
            "back. Complete or refund it in Square, then replay."
        )
        return Problem(ProblemKind.UNSUPPORTED, sentence, f"order {state}")
    return _tender_problem(payment, order)


def _was_given_back(payment: Payment, order: Order) -> bool:
    """A deposit on an order that came to nothing: its refund undoes the receipt."""
    return order.state == "CANCELED" and payment.refunded == payment.total


def _tender_problem(payment: Payment, order: Order) -> Problem | None:
    """The sale is the sum of the order's tenders, so the receipt must be one of them, to the cent."""
    own = [tender.amount for tender in payments_of(order) if tender.payment_id == payment.id]
    if own == [payment.total] or (not own and order.state in ("OPEN", "CANCELED")):
        return None
    total = written(payment.total, payment.currency)
    if own:
        listed = written(sum(own), order.currency)
        sentence = f"The payment comes to {total}, its order lists it as {listed}. Check it in Square, then replay."
        return Problem(ProblemKind.UNBALANCED, sentence)
    if not order.lines:
        return Problem(ProblemKind.NO_LINES, no_lines_sentence(order))
    sentence = (
        f"The order does not list this payment of {total} yet. It is read again by itself; replay if it stays so."
    )
    return Problem(ProblemKind.NO_ORDER, sentence)


def _house_problem(payment: Payment, order: Order, context: Context) -> Problem | None:
    """The sale leg says so itself; a payment that carries no sale has no other leg that could."""
    collective = isinstance(context.debtor, Debtor) and context.debtor.is_collective
    if payment.tender != HOUSE_ACCOUNT or not collective or _carries_sale(payment, order):
        return None
    return Problem(ProblemKind.UNMAPPED_CUSTOMER, house_sentence(order), HOUSE_ACCOUNT)
