"""What an exchange becomes: a credit of the sale that goods come back from, and a sale of what is taken instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connections.providers.square.payloads import Order, OrderReturn
from mappings.bookkeeping import refund as refunds
from mappings.bookkeeping.context import Context, Origin
from mappings.bookkeeping.legs import LegKind, LegPlan, ProblemKind
from mappings.bookkeeping.payments import plan
from mappings.bookkeeping.refund import RefundContext
from tests.mappings.shop import (
    UNTAXED,
    back,
    context,
    kinds,
    leg,
    line,
    moved,
    order,
    payment,
    refund,
    return_order,
    written,
)

PAID = payment(2895)
SOLD = order([line(2500, "VAT 21", 434), line(395, "VAT 9", 33)], [PAID])
SALE = leg(plan(PAID, SOLD, context(UNTAXED)), LegKind.SALE)
MUG_BACK = return_order([back(2500, "VAT 21", 434)]).returns[0]
KNOWN = context(UNTAXED, origins={"ORD": Origin(SALE)})


def swap(total: int, *, price: int, tax: int, back_of: OrderReturn = MUG_BACK, **changed: object) -> Order:
    paid = [payment(total, number=2)] if total > 0 else []
    made = order([line(price, "VAT 21", tax)], paid, id="SWAP", has_returns=True, returns=(back_of,))
    return replace(made, **changed)  # type: ignore[arg-type]  # fields of an order


# Lamp 30.25 (25.00 + 5.25) for the mug of 25.00 (20.66 + 4.34): 5.25 more.
def test_an_exchange_for_more() -> None:
    paid = payment(525, number=2, fees=[9])
    made = plan(paid, swap(525, price=3025, tax=525, stated_net=525), KNOWN)
    assert kinds(made) == ["sale", "refund", "receipt", "fee"]
    assert written(leg(made, LegKind.SALE)) == ["8000 +25.00 2 v+5.25"]
    assert written(leg(made, LegKind.REFUND)) == ["8000 -20.66 2 v-4.34"]
    assert moved(made.legs) == {"1105": "+5.16", "1500": "-0.91", "4960": "+0.09", "8000": "-4.34"}
    assert leg(made, LegKind.REFUND).order_id == "ORD"
    assert "an exchange: what came back is credited, what was sold is a sale, and EUR 5.25 was paid" in made.notes[0]


# The same price for goods at 9 %: no money, and VAT moves from one rate to the other.
def test_an_even_exchange_moves_no_money() -> None:
    paid = payment(0, number=2)
    even = replace(swap(0, price=2500, tax=206), lines=(line(2500, "VAT 9", 206),))
    even = replace(even, tenders=order([], [paid]).tenders)
    made = plan(paid, even, KNOWN)
    assert kinds(made) == ["sale", "refund"]
    assert moved(made.legs) == {"1500": "+4.34", "1501": "-2.06", "8000": "+20.66", "8001": "-22.94"}


# Book 10.90 (10.00 + 0.90) for the mug: 14.10 goes back. All of the mug is credited, the book is a sale.
def test_an_exchange_for_less_is_a_refund_that_sells() -> None:
    swapped = replace(swap(0, price=1090, tax=90), lines=(line(1090, "VAT 9", 90),))
    known = RefundContext(usual=context(UNTAXED), sale=SALE, order=swapped)
    made = refunds.plan(replace(refund(1410), order_id="SWAP"), known)
    assert made.problem is None
    assert kinds(made) == ["refund", "sale", "refund_money"]
    assert moved(made.legs) == {"1105": "-14.10", "1500": "+4.34", "1501": "-0.90", "8000": "+20.66", "8001": "-10.00"}


def test_what_an_exchange_took_is_gone_for_later_refunds() -> None:
    paid = payment(525, number=2)
    credit = leg(plan(paid, swap(525, price=3025, tax=525), KNOWN), LegKind.REFUND)
    later = RefundContext(usual=context(UNTAXED), sale=SALE, earlier=(credit,))
    assert refunds.plan(refund(396), later).problem is not None
    made = refunds.plan(refund(395), later)
    assert written(leg(made, LegKind.REFUND)) == ["8001 -3.62 1 v-0.33"]


TAKEN = Origin(
    SALE, (replace(SALE, lines=tuple(replace(one, amount=-one.amount, vat=-one.vat) for one in SALE.lines)),)
)
WAITS: list[tuple[str, Order, Context, ProblemKind, str]] = [
    ("sale not booked", swap(525, price=3025, tax=525), context(UNTAXED), ProblemKind.WAITS_FOR_SALE,
     "EUR 25.00 of a sale that Tillbridge has not booked yet"),
    ("no sale named", swap(525, price=3025, tax=525, back_of=replace(MUG_BACK, source_order_id="")), KNOWN,
     ProblemKind.UNSUPPORTED, "without naming the sale"),
    ("nothing left", swap(525, price=3025, tax=525), context(UNTAXED, origins={"ORD": TAKEN}), ProblemKind.UNBALANCED,
     "only EUR 0.00 is left"),
    ("another net", swap(525, price=3025, tax=525, stated_net=600), KNOWN, ProblemKind.UNBALANCED,
     "states the net of an exchange as EUR 6.00, what it sells less what it takes back comes to EUR 5.25"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "swapped", "given", "kind", "words"), WAITS, ids=[row[0] for row in WAITS])
def test_an_exchange_that_cannot_be_booked_waits_as_a_whole(
    name: str, swapped: Order, given: Context, kind: ProblemKind, words: str
) -> None:
    made = plan(payment(525, number=2), swapped, given)
    assert made.legs == (), name
    assert made.problem is not None
    assert made.problem.kind is kind
    assert words in made.problem.sentence


def test_an_exchange_in_several_refunds_waits() -> None:
    known = RefundContext(
        usual=context(UNTAXED), sale=SALE, order=swap(0, price=1090, tax=189), siblings=frozenset({"PAY1_R2"})
    )
    problem = refunds.plan(refund(700), known).problem
    assert problem is not None
    assert "several refunds" in problem.sentence


# --- Deposits ---------------------------------------------------------------------------------------------------------
def deposit() -> LegPlan:
    paid = payment(4000)
    return leg(
        plan(paid, replace(order([line(10000, "VAT 21", 1736)], [paid]), state="OPEN"), context()), LegKind.RECEIPT
    )


# 15.00 of a deposit of 40.00: clearing -15.00, receivables +15.00; the fee's 0.26 comes back.
def test_a_deposit_goes_back_without_a_credit() -> None:
    known = RefundContext(usual=context(), sale=None, receipt=deposit(), is_deposit=True)
    made = refunds.plan(refund(1500, fees=[-26]), known)
    assert kinds(made) == ["refund_money", "refund_fee"]
    assert not made.legs[0].after_sale
    assert moved(made.legs) == {"1105": "-14.74", "1300": "+15.00", "4960": "-0.26"}


def test_more_than_the_deposit_waits_and_a_sale_to_come_is_waited_for() -> None:
    known = RefundContext(usual=context(), sale=None, receipt=deposit(), is_deposit=True)
    beyond = refunds.plan(refund(4001), known).problem
    assert beyond is not None
    assert beyond.kind is ProblemKind.UNBALANCED
    waits = refunds.plan(refund(1500), replace(known, is_deposit=False)).problem
    assert waits is not None
    assert waits.kind is ProblemKind.WAITS_FOR_SALE


def test_a_cancelled_order_whose_deposit_went_back_is_no_sale() -> None:
    paid = payment(4000, refunded=4000)
    made = plan(paid, replace(order([line(10000, "VAT 21", 1736)], [paid]), state="CANCELED"), context())
    assert kinds(made) == ["receipt"]
    assert "there is no sale" in made.notes[0]
