"""An exchange: one order that takes goods back and sells others; its net amounts are what changes hands.

What comes back is a credit of the sale it comes from, on that sale's accounts, codes and rates as they were booked, so
that later refunds of the sale see it; what is sold is a sale like any other. Together they are the order's net amounts:
21.00 back and 30.00 sold for 9.00 moves receivables by 9.00, and an even exchange moves no money at all.
The credit stands on the customer who exchanges, where it meets the new sale.
Reference: bookkeeping section 2 "an exchange posts its net_amounts"; Square Order.returns, Order.net_amounts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from connections.providers.square.payloads import Order, OrderReturn
from mappings.bookkeeping import context as given
from mappings.bookkeeping import remainder, returned
from mappings.bookkeeping.context import Context, Origin, Waits, written
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Line, ProblemKind
from mappings.bookkeeping.reversal import negated


def plan_credits(order: Order, context: Context, *, on: date, receipt_number: str) -> Iterator[LegPlan]:
    """One credit per sale that goods come back from. Raises `Waits` for the whole record: a sale without its credit
    would leave receivables open.
    """
    _check(order)
    owing = given.debtor(context)
    for ordinal, back in enumerate(order.returns):
        lines = _lines(order, back, context)
        yield LegPlan(
            kind=LegKind.REFUND,
            source_id=order.id,
            ordinal=ordinal,
            document=Document.SALES_ENTRY,
            journal=context.sales_journal,
            date=on,
            currency=order.currency,
            main_account=given.receivables(owing, context),
            debtor=owing,
            lines=lines,
            order_id=back.source_order_id,
            stands_alone=context.sales_grouping == "per_payment" or owing.stands_alone or _is_special(lines, context),
            location=context.location,
            receipt_number=receipt_number,
        )


def _check(order: Order) -> None:
    if order.stated_net is None or order.stated_net == order.net:
        return
    stated, found = written(order.stated_net, order.currency), written(order.net, order.currency)
    sentence = (
        f"Square states the net of an exchange as {stated}, what it sells less what it takes back comes to {found}. "
        "Nothing was booked: check the order in Square, then replay."
    )
    raise Waits(ProblemKind.UNBALANCED, sentence, "net of an exchange")


def _lines(order: Order, back: OrderReturn, context: Context) -> tuple[Line, ...]:
    origin = _origin(order, back, context)
    pool = remainder.together([*origin.sale.lines, *(line for leg in origin.earlier for line in leg.lines)])
    taken = _taken(order, back, pool, origin)
    note = f"taken back in exchange: the account and VAT of the sale of {origin.sale.date}"
    return tuple(replace(negated(line), suffix="", note=note) for line in taken)


def _taken(order: Order, back: OrderReturn, pool: Sequence[Line], origin: Origin) -> tuple[Line, ...]:
    """By the returned items; by amount where Square names none."""
    found = returned.lines(replace(order, returns=(back,)), pool, sale=origin.sale)
    if found is not None and remainder.gross(found) == back.total and remainder.holds(pool, found):
        return found
    left = remainder.gross(pool)
    if 0 < back.total <= left:
        return remainder.part(pool, back.total)
    sentence = (
        f"An exchange takes back {written(back.total, order.currency)} of a sale of which only "
        f"{written(left, order.currency)} is left. Nothing was booked: compare both orders in Square, and book the "
        "exchange by hand when it is right."
    )
    raise Waits(ProblemKind.UNBALANCED, sentence, "exchange beyond the sale")


def _origin(order: Order, back: OrderReturn, context: Context) -> Origin:
    amount = written(back.total, order.currency)
    if not back.source_order_id:
        sentence = (
            f"An exchange takes back {amount} without naming the sale, so nothing says which VAT comes back. Book the "
            "exchange by hand, then dismiss it here."
        )
        raise Waits(ProblemKind.UNSUPPORTED, sentence, "exchange without its sale")
    origin = context.origins.get(back.source_order_id)
    if origin is None or origin.sale.problem:
        sentence = (
            f"An exchange takes back {amount} of a sale that Tillbridge has not booked yet, and a credit takes its "
            "accounts and VAT from its sale. It goes on when the sale is booked; if you booked the sale by hand, book "
            "the exchange by hand too and dismiss it here."
        )
        raise Waits(ProblemKind.WAITS_FOR_SALE, sentence, back.source_order_id)
    return origin


def _is_special(lines: Sequence[Line], context: Context) -> bool:
    return any(line.vat_code in context.special_codes for line in lines)
