"""Refunds of invoices: the credit takes the invoice's sale, the tip goes back on the money entry it came with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connections.providers.square.payloads import Payment
from mappings.bookkeeping import payments
from mappings.bookkeeping import refund as bookkeeping
from mappings.bookkeeping.invoice_receipt import PaidInvoice
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Line
from mappings.bookkeeping.refund import RefundContext
from mappings.roles import Role
from tests.mappings.shop import (
    BAKERY,
    account,
    context,
    kinds,
    leg,
    line,
    moved,
    order,
    payment,
    refund,
    written,
)

# The sale of case 6, 1,090.00 at 9 % and 484.00 at 21 %, as it was frozen at publication.
LINES = (
    Line(Role.REVENUE, account("8000"), 40000, vat_code="2", vat=8400, vat_account="1500"),
    Line(Role.REVENUE, account("8001"), 100000, vat_code="1", vat=9000, vat_account="1501"),
)
SALE = LegPlan(
    LegKind.SALE, "ORD", 0, Document.SALES_ENTRY, "70", date(2026, 3, 4), "EUR", account("1300"), BAKERY, LINES,
    order_id="ORD", stands_alone=True, invoice="0000012",
)  # fmt: skip
TIPPED = payment(162400, tip=5000, square_product="INVOICES")


def receipt(paid: Payment) -> LegPlan:
    goods = [line(109000, "VAT 9", 9000), line(48400, "VAT 21", 8400)]
    invoice = PaidInvoice("0000012", 157400, BAKERY, has_sale=True)
    return leg(payments.plan(paid, order(goods, [paid]), context(), invoice=invoice), LegKind.RECEIPT)


def beside(*legs: LegPlan) -> tuple[Line, ...]:
    return tuple(part for one in legs for part in one.lines if part.role is Role.TIPS)


def known(paid: Payment = TIPPED, *before: LegPlan, **changed: Any) -> RefundContext:
    came = receipt(paid)
    credits_before = tuple(one for one in before if one.kind is LegKind.REFUND)
    money_before = tuple(one for one in before if one.kind is LegKind.REFUND_MONEY)
    base = RefundContext(
        usual=context(), sale=SALE, earlier=credits_before, receipt=came, beside=beside(came, *money_before)
    )
    return replace(base, **changed)


def test_a_whole_refund_credits_the_invoice_and_gives_the_tip_back_beside_it():
    made = bookkeeping.plan(refund(162400), known())

    assert kinds(made) == ["refund", "refund_money"]
    assert written(leg(made, LegKind.REFUND)) == ["8000 -400.00 2 v-84.00", "8001 -1000.00 1 v-90.00"]
    money = leg(made, LegKind.REFUND_MONEY)
    assert written(money) == ["1300 -1574.00", "2150 -50.00"]
    assert money.after_sale
    assert moved([SALE, receipt(TIPPED), *made.legs]) == {}


# 812.00 is half of 1,624.00: half of 484.00, 1,090.00 and 50.00: 242.00 (42.00 VAT), 545.00 (45.00 VAT), 25.00.
def test_half_of_it_is_half_of_each_line_and_of_the_tip():
    made = bookkeeping.plan(refund(81200), known())
    assert written(leg(made, LegKind.REFUND)) == ["8000 -200.00 2 v-42.00", "8001 -500.00 1 v-45.00"]
    assert written(leg(made, LegKind.REFUND_MONEY)) == ["1300 -787.00", "2150 -25.00"]


def test_more_than_the_invoice_and_its_tip_waits():
    found = bookkeeping.plan(refund(162401), known()).problem
    assert found
    assert "beyond the sale" in found.subject


def test_after_a_cancel_only_the_paid_part_can_be_refunded():
    """472.20 was paid, 1,101.80 credited: seven tenths of each line are gone."""
    gone = (replace(LINES[0], amount=-28000, vat=-5880), replace(LINES[1], amount=-70000, vat=-6300))
    credit = replace(SALE, kind=LegKind.INVOICE_CREDIT, source_id="inv:0-1", lines=gone)
    deposit = payment(47220)
    asked = known(deposit, earlier=(credit,))
    made = bookkeeping.plan(refund(47220), asked)
    assert written(leg(made, LegKind.REFUND)) == ["8000 -120.00 2 v-25.20", "8001 -300.00 1 v-27.00"]
    assert bookkeeping.plan(refund(47221), asked).problem is not None


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=6), st.integers(0, 9_000))
def test_partial_refunds_together_bring_invoice_and_tip_back_to_zero(parts, tip):
    paid = payment(157400 + tip, tip=tip)
    total, legs = 157400 + tip, []
    for number, part in enumerate([*parts, total], 1):
        amount = min(part, total - sum(-one.total for one in legs if one.kind is LegKind.REFUND_MONEY))
        if not amount:
            break
        made = bookkeeping.plan(refund(amount, number=number), known(paid, *legs))
        assert made.problem is None
        legs += made.legs
    assert moved([SALE, receipt(paid), *legs]) == {}
