"""Exchanges at the counter: goods come back and others are sold, in one order.

# Reference: OpenAPI Order.returns, "normally part of an itemized return or exchange"; square.md 3.3, exchanges mix
line_items and returns in one order. Guesses: only the difference is tendered or refunded; the refund names the sale's
payment and the exchange's order; an even exchange has neither payment nor refund.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from connections.sandbox.square import refunds
from connections.sandbox.square.facts import Json
from connections.sandbox.square.orders import Basket
from connections.sandbox.square.returns import Returning
from connections.sandbox.square.specs import Items, LineSpec, RefundSpec, TenderSpec
from connections.sandbox.square.state import State
from connections.sandbox.square.till import Sale, ring_up


def exchange(
    state: State, sale: Sale, items: Items, lines: Sequence[LineSpec], tenders: Sequence[TenderSpec], *, at: datetime
) -> Sale:
    """Raises `RefundRefused` for what was not sold, `ValueError` when the difference is not paid exactly."""
    sold = state.order(sale.order_id)
    returning = Returning(state, sold.data)
    returning.take(returning.left() if items == "all" else refunds.quantities(items, returning.left()))
    back = returning.finished(tip=0, rounding=0, tender_id=sale.payment_ids[0])
    basket = Basket(state, sold.data["total_money"]["currency"], lines)
    made = ring_up(basket, tenders, location_id=sold.location_id, at=at, back=back)
    for uid, quantity in returning.taken.items():
        state.returned[uid] = state.returned.get(uid, Fraction(0)) + quantity
    _give_back(state, sale, made.order, at=at)
    return made


def _give_back(state: State, sale: Sale, order: Json, *, at: datetime) -> None:
    due = order["net_amounts"]["total_money"]["amount"]
    if due < 0:
        spec = RefundSpec(amount=-due, order_id=order["id"], reason="Exchange")
        refunds.refund(state, state.payment(sale.payment_ids[0]), spec, at=at)
