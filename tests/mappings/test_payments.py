"""What payments become in the books: tables of worked cases. Ledger movements: debit +, credit -.

Each expected line was worked out by hand from bookkeeping section 2; the numbered cases are those of its section 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest

from connections.providers.square.payloads import Fee, Order, Payment
from mappings.bookkeeping.context import Context
from mappings.bookkeeping.legs import Document, LegKind
from mappings.bookkeeping.payments import plan
from tests.mappings.shop import (
    BAKERY,
    COUNTER,
    JANSEN,
    UNTAXED,
    account,
    cash,
    charge,
    context,
    external,
    gift_card,
    kinds,
    leg,
    line,
    moved,
    order,
    payment,
    written,
)

IN_OWN_JOURNAL = {"EXTERNAL:CHECK": ("22", account("1111")), "GIFT_CARD": ("23", account("1110"))}


@dataclass(frozen=True)
class Worked:
    """One order and the lines of each leg of all its payments, in the order of the legs."""

    name: str
    order: Order
    payments: list[Payment]
    expected: list[list[str]]
    ledger: dict[str, str]
    context: Context = field(default_factory=context)


def worked(name: str, sold: Order, payments: list[Payment], *rest: object, **kwargs: Context) -> Worked:
    return Worked(name, sold, payments, *rest, **kwargs)  # type: ignore[arg-type]  # the fields say what rest is


# Case 1. Inclusive VAT: 25.00 x 21/121 = 4.34, net 20.66. 3.95 x 9/109 = 0.33 each: net 3.62 + 3.62 = 7.24, VAT 0.66
# (Exact alone: 7.24 x 9 % = 0.65). 8.99 at 0. Tip 4.00. 20.66+4.34+7.24+0.66+8.99+4.00 = 45.89.
# Debit clearing 45.89 - 0.80 = 45.09, debit fees 0.80; credit revenue, VAT and tips; AR 45.89 - 45.89 = 0.
CARD_AND_TIP = payment(4589, tip=400, fees=[80])
CASE_1 = worked(
    "case 1: three rates and a tip",
    order(
        [line(2500, "VAT 21", 434), line(395, "VAT 9", 33), line(395, "VAT 9", 33), line(899, "VAT 0")], [CARD_AND_TIP]
    ),
    [CARD_AND_TIP],
    [
        ["8000 +20.66 2 v+4.34", "8001 +7.24 1 v+0.66", "8002 +8.99 0", "2150 +4.00 NV"],
        ["1300 +45.89"],
        ["4960 -0.80"],
    ],
    {
        "1105": "+45.09", "1500": "-4.34", "1501": "-0.66", "2150": "-4.00", "4960": "+0.80", "8000": "-20.66",
        "8001": "-7.24", "8002": "-8.99",
    },
)  # fmt: skip

# Case 2. 26.50 x 21/121 = 4.60, net 21.90. 12.95: VAT 1.07, net 11.88; 4.65: VAT 0.38, net 4.27: 16.15 and 1.45.
# Debit cash 20.00, clearing 24.10 - 0.42 = 23.68, fees 0.42; credit 21.90 + 4.60 + 16.15 + 1.45 = 44.10.
CASH_PART, CARD_PART = cash(2000, number=1), payment(2410, number=2, fees=[42])
CASE_2 = worked(
    "case 2: split tender, cash and card",
    order([line(2650, "VAT 21", 460), line(1295, "VAT 9", 107), line(465, "VAT 9", 38)], [CASH_PART, CARD_PART]),
    [CASH_PART, CARD_PART],
    [
        ["8000 +21.90 2 v+4.60", "8001 +16.15 1 v+1.45"],
        ["1300 +20.00"],
        ["1300 +24.10"],
        ["4960 -0.42"],
    ],
    {
        "1000": "+20.00", "1105": "+23.68", "1500": "-4.60", "1501": "-1.45", "4960": "+0.42", "8000": "-21.90",
        "8001": "-16.15",
    },
)  # fmt: skip

# Case 3. Discount 10.00 taken off as 6.95/1.80/1.25: lines 43.05, 11.15, 7.74. VAT 43.05 x 21/121 = 7.47, net 35.58;
# 11.15 x 9/109 = 0.92, net 10.23. Sum 35.58+7.47+10.23+0.92+7.74 = 61.94. Clearing 61.94 - 1.08 = 60.86.
DISCOUNTED = payment(6194, fees=[108])
CASE_3 = worked(
    "case 3: discount netted into revenue",
    order([line(4305, "VAT 21", 747), line(1115, "VAT 9", 92), line(774, "VAT 0")], [DISCOUNTED], discount=1000),
    [DISCOUNTED],
    [["8000 +35.58 2 v+7.47", "8001 +10.23 1 v+0.92", "8002 +7.74 0"], ["1300 +61.94"], ["4960 -1.08"]],
    {
        "1105": "+60.86", "1500": "-7.47", "1501": "-0.92", "4960": "+1.08", "8000": "-35.58", "8001": "-10.23",
        "8002": "-7.74",
    },
)  # fmt: skip

# Case 5, first half. A voucher of 50.00: a debt, no VAT. Clearing 50.00 - 0.88 = 49.12.
FOR_CARD = payment(5000, fees=[88])
CASE_5_SOLD = worked(
    "case 5: gift card sold",
    order([line(5000, item_type="GIFT_CARD")], [FOR_CARD]),
    [FOR_CARD],
    [["2160 +50.00 NV"], ["1300 +50.00"], ["4960 -0.88"]],
    {"1105": "+49.12", "2160": "-50.00", "4960": "+0.88"},
)

# Case 5, second half. 53.00: VAT 9.20, net 43.80. 3.95: 0.33/3.62; 4.65: 0.38/4.27: net 7.89, VAT 0.71. Sum 61.60.
# The gift card's 50.00 passes through: AR +50.00 and liability -50.00 leave clearing as it is.
BY_GIFT_CARD, REST = gift_card(5000, number=1), payment(1160, number=2, fees=[20])
CASE_5_SPENT = worked(
    "case 5: gift card redeemed, the rest by card",
    order([line(5300, "VAT 21", 920), line(395, "VAT 9", 33), line(465, "VAT 9", 38)], [BY_GIFT_CARD, REST]),
    [BY_GIFT_CARD, REST],
    [
        ["8000 +43.80 2 v+9.20", "8001 +7.89 1 v+0.71"],
        ["1300 +50.00", "2160 -50.00"],
        ["1300 +11.60"],
        ["4960 -0.20"],
    ],
    {
        "1105": "+11.40", "1500": "-9.20", "1501": "-0.71", "2160": "+50.00", "4960": "+0.20", "8000": "-43.80",
        "8001": "-7.89",
    },
)  # fmt: skip

# 12.10 incl. 21 %: net 10.00, VAT 2.10.
PLAIN = payment(1210)
CARD = worked(
    "card, fee not known yet",
    order([line(1210, "VAT 21", 210)], [PLAIN]),
    [PLAIN],
    [["8000 +10.00 2 v+2.10"], ["1300 +12.10"]],
    {"1105": "+12.10", "1500": "-2.10", "8000": "-10.00"},
)
COINS = cash(1210)
CASH = worked(
    "cash",
    order([line(1210, "VAT 21", 210)], [COINS]),
    [COINS],
    [["8000 +10.00 2 v+2.10"], ["1300 +12.10"]],
    {"1000": "+12.10", "1500": "-2.10", "8000": "-10.00"},
)
# 12.12 is rounded down to 12.10 at the till: 0.02 lost, a debit on rounding. 12.12 x 21/121 = 2.10, net 10.02.
ROUNDED_DOWN = cash(1210)
CASH_DOWN = worked(
    "cash rounded down",
    order([line(1212, "VAT 21", 210)], [ROUNDED_DOWN], rounding=-2),
    [ROUNDED_DOWN],
    [["8000 +10.02 2 v+2.10", "4990 -0.02 NV"], ["1300 +12.10"]],
    {"1000": "+12.10", "1500": "-2.10", "4990": "+0.02", "8000": "-10.02"},
)
# 12.13 is rounded up to 12.15: 0.02 gained. 12.13 x 21/121 = 2.11, net 10.02.
ROUNDED_UP = cash(1215)
CASH_UP = worked(
    "cash rounded up",
    order([line(1213, "VAT 21", 211)], [ROUNDED_UP], rounding=2),
    [ROUNDED_UP],
    [["8000 +10.02 2 v+2.11", "4990 +0.02 NV"], ["1300 +12.15"]],
    {"1000": "+12.15", "1500": "-2.11", "4990": "-0.02", "8000": "-10.02"},
)
CHECK = external(1210, "CHECK")
PASSING = worked(
    "external without a journal of its own passes through clearing",
    order([line(1210, "VAT 21", 210)], [CHECK]),
    [CHECK],
    [["8000 +10.00 2 v+2.10"], ["1300 +12.10", "1110 -12.10"]],
    {"1110": "+12.10", "1500": "-2.10", "8000": "-10.00"},
)
OWN_JOURNAL = worked(
    "external with a journal of its own",
    order([line(1210, "VAT 21", 210)], [CHECK]),
    [CHECK],
    [["8000 +10.00 2 v+2.10"], ["1300 +12.10"]],
    {"1111": "+12.10", "1500": "-2.10", "8000": "-10.00"},
    context=context(tender_journals=IN_OWN_JOURNAL),
)
# The processor kept 0.30 of the cheque: cost debit, and the other tender is worth 0.30 less. Clearing untouched.
CHARGED_CHECK = external(1210, "CHECK", external_fee=30)
SOURCE_FEE = worked(
    "fee of an external processor",
    order([line(1210, "VAT 21", 210)], [CHARGED_CHECK]),
    [CHARGED_CHECK],
    [["8000 +10.00 2 v+2.10"], ["1300 +12.10", "1110 -12.10"], ["4960 -0.30", "1110 +0.30"]],
    {"1110": "+11.80", "1500": "-2.10", "4960": "+0.30", "8000": "-10.00"},
)
# Service 10 % as a line of its own, 1.21 incl. 0.21.
SERVED = payment(1331)
SERVICE = worked(
    "line-item service charge",
    order([line(1210, "VAT 21", 210)], [SERVED], service_charges=(charge(121, tax=21),)),
    [SERVED],
    [["8000 +10.00 2 v+2.10", "8010 +1.00 2 v+0.21"], ["1300 +13.31"]],
    {"1105": "+13.31", "1500": "-2.31", "8000": "-10.00", "8010": "-1.00"},
)
INSIDE = "APPORTIONED_TREATMENT"
# The same charge apportioned: Square put it into the line (13.31 incl. 2.31), so it is revenue and not added again.
APPORTIONED = worked(
    "apportioned service charge",
    order([line(1331, "VAT 21", 231)], [SERVED], service_charges=(charge(121, tax=21, treatment=INSIDE),)),
    [SERVED],
    [["8000 +11.00 2 v+2.31"], ["1300 +13.31"]],
    {"1105": "+13.31", "1500": "-2.31", "8000": "-11.00"},
)  # fmt: skip
# Added tax: 10.00 + 21 % = 12.10; Square's line total includes the tax, so the same subtraction serves.
ADDED = payment(1210)
ADDITIVE = worked(
    "tax added on top",
    replace(
        (sold := order([line(1210, "VAT 21", 210)], [ADDED])),
        taxes=tuple(replace(tax, kind="ADDITIVE") for tax in sold.taxes),
    ),
    [ADDED],
    [["8000 +10.00 2 v+2.10"], ["1300 +12.10"]],
    {"1105": "+12.10", "1500": "-2.10", "8000": "-10.00"},
)
# The app's developer takes 1.00, Square 0.25: clearing 12.10 - 1.00 - 0.25 = 10.85.
BY_APP = payment(1210, app_fee=100, fees=[25])
APP_FEE = worked(
    "fee of an app",
    order([line(1210, "VAT 21", 210)], [BY_APP]),
    [BY_APP],
    [["8000 +10.00 2 v+2.10"], ["1300 +12.10"], ["4960 -0.25"], ["4965 -1.00"]],
    {"1105": "+10.85", "1500": "-2.10", "4960": "+0.25", "4965": "+1.00", "8000": "-10.00"},
)
# Charged 0.25, later 0.03 given back: a credit on the cost account. Clearing 12.10 - 0.25 + 0.03 = 11.88.
ADJUSTED = payment(1210, fees=[25, -3])
LATE_FEE = worked(
    "fee adjusted later",
    order([line(1210, "VAT 21", 210)], [ADJUSTED]),
    [ADJUSTED],
    [["8000 +10.00 2 v+2.10"], ["1300 +12.10"], ["4960 -0.25"], ["4960 +0.03"]],
    {"1105": "+11.88", "1500": "-2.10", "4960": "+0.22", "8000": "-10.00"},
)
# Known customer: his own receivables account 1310 on both sides, so it ends at 0.00.
KNOWN = worked(
    "known customer with a receivables account of its own",
    order([line(1210, "VAT 21", 210)], [PLAIN]),
    [PLAIN],
    [["8000 +10.00 2 v+2.10"], ["1310 +12.10"]],
    {"1105": "+12.10", "1500": "-2.10", "8000": "-10.00"},
    context=context(debtor=JANSEN),
)
# House account: nothing came in, the customer owes 12.10.
ON_ACCOUNT = payment(1210, source_type="SQUARE_ACCOUNT", card_brand="", captured_at=None)
HOUSE = worked(
    "house account",
    order([line(1210, "VAT 21", 210)], [ON_ACCOUNT]),
    [ON_ACCOUNT],
    [["8000 +10.00 2 v+2.10"]],
    {"1310": "+12.10", "1500": "-2.10", "8000": "-10.00"},
    context=context(debtor=JANSEN),
)
# A deposit of 5.00 on an open order: the customer's receivable goes below zero until the sale.
DEPOSIT = payment(500)
OPEN = worked(
    "deposit on an open order",
    order([line(1210, "VAT 21", 210)], [DEPOSIT], state="OPEN", closed_at=None),
    [DEPOSIT],
    [["1300 +5.00"]],
    {"1105": "+5.00", "1300": "-5.00"},
)
# Square's own figures are a cent apart (12.11 paid for 12.10): the cent goes to rounding.
ONE_CENT = payment(1211)
CENT = worked(
    "a cent of difference",
    order([line(1210, "VAT 21", 210)], [ONE_CENT]),
    [ONE_CENT],
    [["8000 +10.00 2 v+2.10", "4990 +0.01 NV"], ["1300 +12.11"]],
    {"1105": "+12.11", "1500": "-2.10", "4990": "-0.01", "8000": "-10.00"},
)
# No tax at all (postage), with a rule that says so.
UNTAXED_SALE = worked(
    "no tax, with a rule for it",
    order([line(1210)], [PLAIN]),
    [PLAIN],
    [["8002 +12.10 0"], ["1300 +12.10"]],
    {"1105": "+12.10", "8002": "-12.10"},
    context=context(UNTAXED),
)

CASES = [
    CASE_1, CASE_2, CASE_3, CASE_5_SOLD, CASE_5_SPENT, CARD, CASH, CASH_DOWN, CASH_UP, PASSING, OWN_JOURNAL, SOURCE_FEE,
    SERVICE, APPORTIONED, ADDITIVE, APP_FEE, LATE_FEE, KNOWN, HOUSE, OPEN, CENT, UNTAXED_SALE,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_shape_of_payment_becomes_its_lines(case: Worked) -> None:
    legs = [leg for paid in case.payments for leg in plan(paid, case.order, case.context).legs]
    assert [written(leg) for leg in legs] == case.expected
    assert moved(legs) == case.ledger


def test_a_tip_reaches_exact_with_a_code_of_no_vat() -> None:
    sale = leg(plan(CARD_AND_TIP, CASE_1.order, context()), LegKind.SALE)
    assert [(part.vat_code, part.states_vat) for part in sale.lines] == [
        ("2", True), ("1", True), ("0", False), ("NV", False),
    ]  # fmt: skip


def test_vat_of_nothing_at_a_rate_is_stated_too() -> None:
    """Ten sweets of 0.01: no VAT at Square. Exact would compute 0.10 x 21 % = 0.02 if it were left to it."""
    paid = payment(10)
    sale = leg(plan(paid, order([line(1, "VAT 21", 0)] * 10, [paid]), context()), LegKind.SALE)
    assert [(part.amount, part.vat, part.states_vat) for part in sale.lines] == [(10, 0, True)]


def test_a_sale_says_where_and_how_it_is_booked() -> None:
    sale, receipt, fee = plan(CARD_AND_TIP, CASE_1.order, context()).legs
    assert (sale.document, sale.journal, sale.source_id, sale.order_id) == (Document.SALES_ENTRY, "70", "ORD", "ORD")
    assert (receipt.document, receipt.journal, receipt.source_id) == (Document.BANK_ENTRY, "21", "PAY1")
    assert (fee.document, fee.journal, fee.source_id, fee.debtor) == (Document.BANK_ENTRY, "21", "PAY1", None)
    assert (sale.after_sale, receipt.after_sale, fee.after_sale) == (False, True, False)
    assert receipt.lines[0].debtor == COUNTER.id


def test_only_the_first_payment_of_an_order_carries_the_sale() -> None:
    later = replace(CASH_PART, created_at=datetime(2026, 3, 4, 12, tzinfo=UTC))
    sold = order(CASE_2.order.lines, [later, CARD_PART])
    assert kinds(plan(later, sold, context())) == ["receipt"]
    assert kinds(plan(CARD_PART, sold, context())) == ["sale", "receipt", "fee"]


def test_a_voided_card_on_the_order_neither_pays_nor_carries_the_sale() -> None:
    sold = order([line(1210, "VAT 21", 210)], [PLAIN])
    voided = replace(sold.tenders[0], id="PAY0", payment_id="PAY0", status="VOIDED", amount=1210)
    made = plan(PLAIN, replace(sold, tenders=(voided, *sold.tenders)), context())
    assert kinds(made) == ["sale", "receipt"]
    assert leg(made, LegKind.SALE).total == 1210


def test_cash_is_booked_in_the_cash_journal_and_a_tender_in_its_own() -> None:
    coins = leg(plan(COINS, CASH.order, context()), LegKind.RECEIPT)
    assert (coins.document, coins.journal) == (Document.CASH_ENTRY, "10")
    check = leg(plan(CHECK, OWN_JOURNAL.order, OWN_JOURNAL.context), LegKind.RECEIPT)
    assert (check.document, check.journal) == (Document.BANK_ENTRY, "22")


def test_the_second_line_of_a_pair_has_a_suffix() -> None:
    receipt = leg(plan(CHECK, PASSING.order, context()), LegKind.RECEIPT)
    assert [part.suffix for part in receipt.lines] == ["", "/2"]
    assert receipt.total == 0


@pytest.mark.parametrize(
    ("debtor", "grouping", "alone"),
    [
        (COUNTER, "daily_summary", False),
        (COUNTER, "per_payment", True),
        (JANSEN, "daily_summary", True),
        (BAKERY, "daily_summary", True),
    ],
)
def test_known_customers_stand_alone(debtor: object, grouping: str, alone: bool) -> None:
    made = plan(PLAIN, CARD.order, context(debtor=debtor, sales_grouping=grouping))
    assert leg(made, LegKind.SALE).stands_alone is alone


def test_a_sale_with_a_code_that_may_not_be_summed_up_stands_alone() -> None:
    made = plan(PLAIN, CARD.order, context(sales_grouping="daily_summary", special_codes=frozenset({"2"})))
    assert leg(made, LegKind.SALE).stands_alone


LATE = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)  # 00:30 on the 5th in Amsterdam


def test_the_day_is_that_of_the_till() -> None:
    paid = replace(PLAIN, captured_at=LATE, created_at=LATE, fees=(Fee(25, "INITIAL", LATE),))
    made = plan(paid, order([line(1210, "VAT 21", 210)], [paid], closed_at=LATE), context())
    assert {leg.date for leg in made.legs} == {date(2026, 3, 5)}


def test_a_later_fee_has_its_own_day() -> None:
    fees = (Fee(25, "INITIAL", LATE), Fee(3, "ADJUSTMENT", datetime(2026, 3, 9, tzinfo=UTC)))
    made = plan(replace(PLAIN, fees=fees), CARD.order, context())
    assert [leg(made, LegKind.FEE, index).date for index in (0, 1)] == [date(2026, 3, 4), date(2026, 3, 9)]


def test_an_offline_payment_is_booked_on_the_day_it_was_taken() -> None:
    taken = datetime(2026, 3, 1, 15, tzinfo=UTC)
    paid = replace(PLAIN, offline_at=taken)
    made = plan(paid, order([line(1210, "VAT 21", 210)], [paid]), context())
    assert {leg.date for leg in made.legs} == {date(2026, 3, 1)}


def test_a_sale_paid_earlier_is_booked_when_the_order_is_completed() -> None:
    closed = datetime(2026, 4, 2, 9, tzinfo=UTC)
    made = plan(PLAIN, replace(CARD.order, closed_at=closed), context())
    assert [leg.date for leg in made.legs] == [date(2026, 4, 2), date(2026, 3, 4)]


def test_a_fee_of_nothing_is_no_leg_and_keeps_the_numbers_of_the_others() -> None:
    made = plan(replace(PLAIN, fees=(Fee(0, "INITIAL", None), Fee(25, "ADJUSTMENT", None))), CARD.order, context())
    assert kinds(made) == ["sale", "receipt", "fee1"]


def test_a_free_item_without_a_tax_needs_no_rule() -> None:
    made = plan(PLAIN, order([line(1210, "VAT 21", 210), line(0)], [PLAIN]), context())
    assert leg(made, LegKind.SALE).problem is None


def test_notes_tell_of_deposits_house_accounts_and_other_payments_of_the_order() -> None:
    assert "EUR 5.00 is booked as a deposit" in plan(DEPOSIT, OPEN.order, context()).notes[0]
    assert "no receipt" in plan(ON_ACCOUNT, HOUSE.order, HOUSE.context).notes[0]
    assert "first payment" in plan(CARD_PART, CASE_2.order, context()).notes[0]
    assert plan(replace(PLAIN, square_product="INVOICES"), CARD.order, context()).notes == (
        "The payment settles a Square invoice.",
    )
