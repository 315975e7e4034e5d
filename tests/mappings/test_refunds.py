"""What refunds become in the books. Ledger movements: debit +, credit -; each expected line was worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connections.providers.square.payloads import Fee, Order, Payment, PaymentRefund
from mappings.bookkeeping import refund as bookkeeping
from mappings.bookkeeping import texts
from mappings.bookkeeping.explanation import explain
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Plan, ProblemKind
from mappings.bookkeeping.payments import plan as plan_payment
from mappings.bookkeeping.refund import RefundContext
from mappings.roles import Role
from tests.mappings.shop import (
    JANSEN,
    LATER,
    account,
    back,
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
    refund,
    return_order,
    rule,
    written,
)

# The sale of case 4: 25.00 incl. 4.34, 12.95 incl. 1.07, 8.99 at 0: together 46.94.
GOODS = [line(2500, "VAT 21", 434), line(1295, "VAT 9", 107), line(899, "VAT 0")]
PAID = payment(4694, fees=[82])
SOLD = order(GOODS, [PAID])
BY_AMOUNT = return_order([back(1000, item_type="CUSTOM_AMOUNT", source="")])


def about(paid: Payment = PAID, sold: Order = SOLD, *, given: Any = None, **changed: Any) -> RefundContext:
    """What is known of the payment and its sale when its refund is planned."""
    usual = given or context()
    booked = plan_payment(paid, sold, usual)
    receipts = [one for one in booked.legs if one.kind is LegKind.RECEIPT]
    base = RefundContext(usual=usual, sale=booked.legs[0], receipt=receipts[0] if receipts else None)
    return replace(base, **changed)


def planned(asked: PaymentRefund, known: RefundContext) -> Plan:
    made = bookkeeping.plan(asked, known)
    assert made.problem is None, made.problem
    return made


def credit(asked: PaymentRefund, known: RefundContext) -> LegPlan:
    return leg(planned(asked, known), LegKind.REFUND)


@dataclass(frozen=True)
class Worked:
    name: str
    refund: PaymentRefund
    known: RefundContext
    expected: list[list[str]]
    ledger: dict[str, str]


# Case 4. 10.00 of 46.94 over 25.00/12.95/8.99: 5.326, 2.759, 1.915: 5.32 + 2.75 + 1.91 = 9.98, the two cents to the
# greatest remainders 0.88 and 0.60: 5.33, 2.76, 1.91. VAT 4.34 x 5.33/25.00 = 0.925 -> 0.93, net 4.40;
# 1.07 x 2.76/12.95 = 0.228 -> 0.23, net 2.53. Debit revenue 4.40 + 2.53 + 1.91 and VAT 0.93 + 0.23 = 10.00;
# AR -10.00 +10.00 = 0; clearing -10.00 + 0.17 = -9.83; fees -0.17.
CASE_4 = Worked(
    "case 4: by amount, fee returned",
    refund(1000, fees=[-17]),
    about(order=BY_AMOUNT),
    [["8000 -4.40 2 v-0.93", "8001 -2.53 1 v-0.23", "8002 -1.91 0"], ["1300 -10.00"], ["4960 +0.17"]],
    {
        "1105": "-9.83", "1500": "+0.93", "1501": "+0.23", "4960": "-0.17", "8000": "+4.40", "8001": "+2.53",
        "8002": "+1.91",
    },
)  # fmt: skip
# Fee kept: Square states none.
KEPT = Worked(
    "everything, fee kept",
    refund(4694),
    about(),
    [["8000 -20.66 2 v-4.34", "8001 -11.88 1 v-1.07", "8002 -8.99 0"], ["1300 -46.94"]],
    {"1105": "-46.94", "1500": "+4.34", "1501": "+1.07", "8000": "+20.66", "8001": "+11.88", "8002": "+8.99"},
)
# The item at 9 % came back: 12.95 with its 1.07, nothing of the others.
ITEM = Worked(
    "by item",
    refund(1295),
    about(order=return_order([back(1295, "VAT 9", 107)])),
    [["8001 -11.88 1 v-1.07"], ["1300 -12.95"]],
    {"1105": "-12.95", "1501": "+1.07", "8001": "+11.88"},
)
# Half of the item at 21 % (12.50 incl. 2.17) and the one at 0 %.
TWO_ITEMS = Worked(
    "by items of two rates",
    refund(2149),
    about(order=return_order([back(1250, "VAT 21", 217), back(899, "VAT 0")])),
    [["8000 -10.33 2 v-2.17", "8002 -8.99 0"], ["1300 -21.49"]],
    {"1105": "-21.49", "1500": "+2.17", "8000": "+10.33", "8002": "+8.99"},
)
COINS = cash(1210)
CASH = Worked(
    "paid and given back in cash",
    refund(1210, destination_type="CASH"),
    about(COINS, order([line(1210, "VAT 21", 210)], [COINS])),
    [["8000 -10.00 2 v-2.10"], ["1300 -12.10"]],
    {"1000": "-12.10", "1500": "+2.10", "8000": "+10.00"},
)
# The card's money came back in cash: the drawer pays, the Square balance does not.
TO_CASH = Worked(
    "paid by card, given back in cash",
    refund(4694, destination_type="CASH"),
    about(),
    KEPT.expected,
    {**KEPT.ledger, "1000": "-46.94"},
)
TO_CASH.ledger.pop("1105")
# Case 5 back again: 61.60 was paid 50.00 by gift card. The card's holder has 50.00 to spend again: credit 2160.
# Shares of 50.00 over 53.00 and 8.60: 43.019, 6.981 -> 43.02 and 6.98. VAT 9.20 x 43.02/53.00 = 7.468 -> 7.47, net
# 35.55; 0.71 x 6.98/8.60 = 0.576 -> 0.58, net 6.40. AR -50.00 +50.00 = 0, clearing 0.
VOUCHER, REST = gift_card(5000, number=1), payment(1160, number=2)
TO_GIFT_CARD = Worked(
    "gift card: two lines on the liability",
    refund(5000),
    about(VOUCHER, order([line(5300, "VAT 21", 920), line(395, "VAT 9", 33), line(465, "VAT 9", 38)], [VOUCHER, REST])),
    [["8000 -35.55 2 v-7.47", "8001 -6.40 1 v-0.58"], ["1300 -50.00", "2160 +50.00"]],
    {"1500": "+7.47", "1501": "+0.58", "2160": "-50.00", "8000": "+35.55", "8001": "+6.40"},
)
# A gift card sold for 50.00 is taken back: the debt is gone, no VAT.
FOR_CARD = payment(5000, fees=[88])
CARD_SOLD = Worked(
    "case 5: the gift card itself is taken back",
    refund(5000, fees=[-88]),
    about(FOR_CARD, order([line(5000, item_type="GIFT_CARD")], [FOR_CARD])),
    [["2160 -50.00 NV"], ["1300 -50.00"], ["4960 +0.88"]],
    {"1105": "-49.12", "2160": "+50.00", "4960": "-0.88"},
)
CHECK = external(1210, "CHECK")
TO_CHECK = Worked(
    "external without a journal of its own",
    refund(1210, destination_type="EXTERNAL"),
    about(CHECK, order([line(1210, "VAT 21", 210)], [CHECK])),
    [["8000 -10.00 2 v-2.10"], ["1300 -12.10", "1110 +12.10"]],
    {"1110": "-12.10", "1500": "+2.10", "8000": "+10.00"},
)
# Tip 4.00 and service 1.21 incl. 0.21 on 12.10 incl. 2.10: 17.31. Back: the goods and the tip, 16.10.
SERVED = payment(1731, tip=400)
WITH_TIP = order([line(1210, "VAT 21", 210)], [SERVED], service_charges=(charge(121, tax=21),))
TIP = Worked(
    "goods and tip by item, the service stays",
    refund(1610),
    about(SERVED, WITH_TIP, order=return_order([back(1210, "VAT 21", 210)], tip=400)),
    [["8000 -10.00 2 v-2.10", "2150 -4.00 NV"], ["1300 -16.10"]],
    {"1105": "-16.10", "1500": "+2.10", "2150": "+4.00", "8000": "+10.00"},
)
SERVICE = Worked(
    "the service charge alone",
    refund(121),
    about(SERVED, WITH_TIP, order=return_order([], charges=[back(121, "VAT 21", 21)])),
    [["8010 -1.00 2 v-0.21"], ["1300 -1.21"]],
    {"1105": "-1.21", "1500": "+0.21", "8010": "+1.00"},
)
# By amount tips and charges are lines of the sale like others: 1.00 over 12.10/1.21/4.00 of 17.31 = 0.699/0.070/0.231:
# 0.70, 0.07, 0.23. VAT 2.10 x 0.70/12.10 = 0.121 -> 0.12; 0.21 x 0.07/1.21 = 0.012 -> 0.01.
TIP_BY_AMOUNT = Worked(
    "tips and charges take part by amount",
    refund(100),
    about(SERVED, WITH_TIP),
    [["8000 -0.58 2 v-0.12", "8010 -0.06 2 v-0.01", "2150 -0.23 NV"], ["1300 -1.00"]],
    {"1105": "-1.00", "1500": "+0.13", "2150": "+0.23", "8000": "+0.58", "8010": "+0.06"},
)
# The developer gives 0.10 of the platform fee back, which Square states positive.
APP_FEE = Worked(
    "platform fee returned",
    refund(4694, app_fee=10),
    about(),
    [*KEPT.expected, ["4965 +0.10"]],
    {**KEPT.ledger, "1105": "-46.84", "4965": "-0.10"},
)
ON_ACCOUNT = payment(1210, source_type="SQUARE_ACCOUNT")
HOUSE = Worked(
    "house account: the customer owes less, no money moves",
    refund(1210, destination_type="SQUARE_ACCOUNT"),
    about(ON_ACCOUNT, order([line(1210, "VAT 21", 210)], [ON_ACCOUNT]), given=context(debtor=JANSEN)),
    [["8000 -10.00 2 v-2.10"]],
    {"1310": "-12.10", "1500": "+2.10", "8000": "+10.00"},
)
CASES = [
    CASE_4, KEPT, ITEM, TWO_ITEMS, CASH, TO_CASH, TO_GIFT_CARD, CARD_SOLD, TO_CHECK, TIP, SERVICE, TIP_BY_AMOUNT,
    APP_FEE, HOUSE,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_shape_of_refund_becomes_its_lines(case: Worked) -> None:
    legs = planned(case.refund, case.known).legs
    assert [written(one) for one in legs] == case.expected
    assert moved(legs) == case.ledger


def test_a_refund_of_everything_by_a_second_step_leaves_nothing() -> None:
    """After case 4: 20.66 - 4.40 = 16.26, VAT 4.34 - 0.93 = 3.41; 11.88 - 2.53 = 9.35, 1.07 - 0.23 = 0.84; 7.08."""
    first = credit(refund(1000), about())
    rest = credit(refund(3694, number=2), about(earlier=(first,)))
    assert written(rest) == ["8000 -16.26 2 v-3.41", "8001 -9.35 1 v-0.84", "8002 -7.08 0"]
    sold = plan_payment(PAID, SOLD, context()).legs
    assert moved([sold[0], first, rest]) == {}


def test_a_planned_refund_ignores_its_own_credit() -> None:
    own = credit(refund(1000), about())
    assert credit(refund(1000), about(earlier=(own,))) == own


def test_the_sale_decides_accounts_and_codes_and_not_the_rules_of_today() -> None:
    frozen = about().sale
    today = context(rule(91, Role.REVENUE, "8003", "2", location="Utrecht", tax_rate=RATE), debtor=JANSEN)
    made = planned(refund(4694), RefundContext(usual=today, sale=frozen))
    assert {part.account.code for part in made.legs[0].lines} == {"8000", "8001", "8002"}
    assert [one.debtor and one.debtor.name for one in made.legs] == ["Counter sales", "Counter sales"]
    assert made.legs[1].lines[0].account == account("1300")


RATE = SOLD.taxes[0].percentage


def test_two_accounts_at_one_rate_share_a_returned_item() -> None:
    """8000 holds 12.10, 8003 holds 36.30: 4.84 came back with 0.84: 1.21 incl. 0.21 and 3.63 incl. 0.63."""
    usual = context(rule(92, Role.REVENUE, "8003", "2", category="BIKES", tax_rate=RATE))
    paid = payment(4840)
    sold = order([line(1210, "VAT 21", 210), line(3630, "VAT 21", 630, category="BIKES")], [paid])
    made = credit(refund(484), about(paid, sold, given=usual, order=return_order([back(484, "VAT 21", 84)])))
    assert written(made) == ["8000 -1.00 2 v-0.21", "8003 -3.00 2 v-0.63"]


def test_a_return_paid_back_in_two_refunds_adds_up_to_the_returned_items() -> None:
    both = return_order([back(2500, "VAT 21", 434), back(899, "VAT 0")])
    first = credit(refund(1000), about(order=both))
    known = about(order=both, earlier=(first,), siblings=frozenset([first.source_id]))
    second = credit(refund(2399, number=2), known)
    # Debit 20.66 of revenue, 4.34 of VAT and 8.99 at 0 %: what came back, and nothing at 9 %. Credit AR 33.99.
    assert moved([first, second]) == {"1300": "-33.99", "1500": "+4.34", "8000": "+20.66", "8002": "+8.99"}


def test_items_of_which_less_is_left_are_credited_by_amount() -> None:
    first = credit(refund(1000), about())
    made = planned(refund(2500, number=2), about(earlier=(first,), order=return_order([back(2500, "VAT 21", 434)])))
    assert [part.account.code for part in made.legs[0].lines] == ["8000", "8001", "8002"]
    assert made.legs[0].total == -2500
    assert made.notes[0] == bookkeeping.BY_AMOUNT


def test_a_return_of_another_order_says_nothing_about_this_sale() -> None:
    foreign = return_order([back(1295, "VAT 9", 107)], source_order_id="ORD9")
    assert planned(refund(1295), about(order=foreign)).notes[0] == bookkeeping.BY_AMOUNT


def test_cash_rounded_down_comes_back_with_the_last_part() -> None:
    """12.12 rounded to 12.10: 12.09 first, then 0.03 of goods and -0.02 of rounding."""
    coins = cash(1210)
    sold = order([line(1212, "VAT 21", 210)], [coins], rounding=-2)
    first = credit(refund(1209), about(coins, sold))
    last = credit(refund(1, number=2), about(coins, sold, earlier=(first,)))
    assert written(first) == ["8000 -10.00 2 v-2.09"]
    assert written(last) == ["8000 -0.02 2 v-0.01", "4990 +0.02 NV"]


NOTHING = ["PENDING", "REJECTED", "FAILED", "", "SOMETHING_NEW"]


@pytest.mark.parametrize("status", NOTHING)
def test_a_refund_that_is_not_completed_owes_nothing(status: str) -> None:
    made = bookkeeping.plan(refund(1000, status=status), about())
    assert (made.legs, made.problem, len(made.notes)) == ((), None, 1)


UNBOOKED = replace(about(), sale=None)
SPENT = credit(refund(4000), about())
WAITING = [
    ("more than the sale", refund(4695), about(), ProblemKind.UNBALANCED, "only EUR 46.94 is left"),
    (
        "more than is left",
        refund(695, number=2),
        about(earlier=(SPENT,)),
        ProblemKind.UNBALANCED,
        "EUR 6.95 was refunded, but of the sale of EUR 46.94 on 2026-03-04 only EUR 6.94 is left",
    ),
    ("unlinked", refund(1000, is_unlinked=True), about(), ProblemKind.UNSUPPORTED, "EUR 10.00 was refunded without"),
    ("no payment", refund(1000, payment_id=""), about(), ProblemKind.UNSUPPORTED, "without naming a payment"),
    ("no sale", refund(1000), UNBOOKED, ProblemKind.WAITS_FOR_SALE, "EUR 10.00 was refunded of a sale"),
    ("other currency", refund(1000, currency="GBP"), about(), ProblemKind.UNSUPPORTED, "GBP 10.00, its sale is in EUR"),
    ("unknown currency", refund(1000, currency="XTS"), about(), ProblemKind.UNKNOWN_CURRENCY, "XTS"),
    ("nothing", refund(0), about(), ProblemKind.ODD_AMOUNT, "EUR 0.00"),
    (
        "two taxes",
        refund(1000),
        about(order=return_order([replace(back(1000), taxes=back(9, "VAT 9").taxes + back(9, "VAT 21").taxes)])),
        ProblemKind.AMBIGUOUS_TAX,
        "EUR 10.00 whose tax cannot be told",
    ),
    (
        "a tax the sale did not have",
        refund(1000),
        about(order=return_order([back(1000, "Tourist tax 13", 115)])),
        ProblemKind.UNBALANCED,
        "EUR 10.00 came back with EUR 1.15 of tax at 13 %",
    ),
]


@pytest.mark.parametrize(("name", "asked", "known", "kind", "words"), WAITING, ids=[row[0] for row in WAITING])
def test_a_doubtful_refund_waits_whole(
    name: str, asked: PaymentRefund, known: RefundContext, kind: ProblemKind, words: str
) -> None:
    made = bookkeeping.plan(asked, known)
    assert made.legs == ()
    assert made.problem is not None
    assert made.problem.kind is kind
    assert words in made.problem.sentence


def test_money_that_went_where_nobody_knows_waits_alone() -> None:
    made = planned(refund(1000, destination_type="PIGEON", fees=[-17]), about())
    assert kinds(made) == ["refund", "refund_money", "refund_fee"]
    assert [one.problem is not None for one in made.legs] == [False, True, False]


def test_a_refund_says_where_when_and_how_it_is_booked() -> None:
    late = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)  # 00:30 on the 10th in Amsterdam
    asked = refund(1000, updated_at=late, fees=[-17, -1])
    fees = (asked.fees[0], Fee(-1, "ADJUSTMENT", datetime(2026, 3, 12, tzinfo=UTC)))
    given_back, money, fee, later = planned(replace(asked, fees=fees), about()).legs
    assert (given_back.document, given_back.journal, given_back.source_id) == (Document.SALES_ENTRY, "70", "PAY1_R1")
    assert (money.document, money.journal, money.after_sale) == (Document.BANK_ENTRY, "21", True)
    assert money.lines[0].debtor == "guid-counter"
    assert [one.order_id for one in (given_back, money, fee)] == ["ORD"] * 3
    assert [one.date for one in (given_back, money, fee, later)] == [date(2026, 3, 10)] * 3 + [date(2026, 3, 12)]
    assert (fee.ordinal, later.ordinal, fee.debtor) == (0, 1, None)


def test_a_refund_keeps_its_day_when_square_changes_it_later() -> None:
    changed = refund(1000, updated_at=datetime(2026, 3, 20, tzinfo=UTC))
    assert credit(changed, about(completed_at=LATER)).date == date(2026, 3, 9)


@pytest.mark.parametrize(
    ("daily", "own_entry", "debtor", "alone"),
    [(True, False, None, False), (True, True, None, True), (False, False, None, True), (True, False, JANSEN, True)],
)
def test_refunds_join_the_daily_summary_or_stand_alone(
    daily: bool, own_entry: bool, debtor: object, alone: bool
) -> None:
    usual = context(sales_grouping="daily_summary" if daily else "per_payment")
    usual = replace(usual, debtor=debtor) if debtor else usual
    assert credit(refund(1000), about(given=usual, own_entry=own_entry)).stands_alone is alone


DESTINATIONS = [
    ("CARD", "", "", "CARD", "CARD"),
    ("", "", "", "WALLET", "WALLET"),
    ("CARD", "", "", "GIFT_CARD", "GIFT_CARD"),
    ("CARD", "VISA", "", "GIFT_CARD", "CARD"),
    ("CARD", "SQUARE_GIFT_CARD", "", "CARD", "GIFT_CARD"),
    ("EXTERNAL", "", "", "EXTERNAL:CHECK", "EXTERNAL:CHECK"),
    ("EXTERNAL", "", "CHECK", "CARD", "EXTERNAL:CHECK"),
]


@pytest.mark.parametrize(("kind", "brand", "external_type", "came", "went"), DESTINATIONS)
def test_the_money_goes_where_square_sent_it(kind: str, brand: str, external_type: str, came: str, went: str) -> None:
    known = about()
    assert known.receipt is not None
    known = replace(known, receipt=replace(known.receipt, tender=came))
    asked = refund(1000, destination_type=kind, card_brand=brand, external_type=external_type)
    assert leg(planned(asked, known), LegKind.REFUND_MONEY).tender == went


def test_texts_and_explanation_speak_of_a_refund() -> None:
    given_back, money, fee = planned(CASE_4.refund, CASE_4.known).legs
    assert texts.sale_header(given_back, place="Utrecht") == "Square refund R2D2 Utrecht 2026-03-09"
    written_lines = [texts.line_text(one, one.lines[0], reference="TB-1") for one in (given_back, money, fee)]
    assert written_lines == ["TB-1 revenue 21 % R2D2", "TB-1 refund card R2D2", "TB-1 refund fee R2D2"]
    assert explain(money)[-1] == "It waits until the credit is booked, whose number it carries."
