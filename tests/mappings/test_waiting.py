"""What waits, with which sentence, and what goes on regardless."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connections.providers.square.payloads import AppliedTax, Order, Payment
from mappings.bookkeeping.context import Context
from mappings.bookkeeping.legs import LegKind, Problem, ProblemKind
from mappings.bookkeeping.payments import plan
from mappings.roles import Role
from tests.mappings.shop import (
    COUNTER,
    JANSEN,
    RULES,
    cash,
    charge,
    context,
    external,
    gift_card,
    kinds,
    leg,
    line,
    order,
    payment,
    rule,
)

PAID = payment(1210, fees=[25])
SOLD = order([line(1210, "VAT 21", 210)], [PAID])


@pytest.mark.parametrize("status", ["APPROVED", "PENDING", "CANCELED", "FAILED", "SOMETHING_NEW"])
def test_a_payment_that_is_not_completed_owes_nothing(status: str) -> None:
    made = plan(replace(PAID, status=status), SOLD, context())
    assert (made.legs, made.problem, len(made.notes)) == ((), None, 1)


def test_an_order_of_nothing_posts_nothing() -> None:
    free = payment(0)
    made = plan(free, order([line(0, "VAT 21", 0)], [free]), context())
    assert (made.legs, made.problem, made.notes) == ((), None, ("The order came to 0.00: there is nothing to book.",))


WHOLE = [
    ("no order", PAID, None, ProblemKind.NO_ORDER, "its order was not found"),
    ("no order id", replace(PAID, order_id=""), None, ProblemKind.NO_ORDER, "it has no order"),
    ("negative", payment(-500), SOLD, ProblemKind.ODD_AMOUNT, "EUR -5.00"),
    ("zero on a real order", payment(0), SOLD, ProblemKind.ODD_AMOUNT, "EUR 0.00 stands on an order of EUR 12.10"),
    ("tip not in the total", replace(PAID, tip=100), SOLD, ProblemKind.UNBALANCED, "EUR 12.10 and a tip of EUR 1.00"),
    ("unknown currency", replace(PAID, currency="XTS"), SOLD, ProblemKind.UNKNOWN_CURRENCY, "XTS"),
    ("other currency", replace(PAID, currency="GBP"), SOLD, ProblemKind.UNSUPPORTED, "GBP 12.10 is not in EUR"),
    ("order in another", PAID, replace(SOLD, currency="GBP"), ProblemKind.UNSUPPORTED, "its order is in GBP"),
    ("cancelled order", PAID, replace(SOLD, state="CANCELED"), ProblemKind.UNSUPPORTED, "CANCELED"),
    ("not on the order", PAID, replace(SOLD, tenders=()), ProblemKind.NO_ORDER, "EUR 12.10 yet"),
    ("nothing on it", PAID, replace(SOLD, tenders=(), lines=()), ProblemKind.NO_LINES, "without its items"),
    ("tender differs", PAID, order(SOLD.lines, [payment(1200)]), ProblemKind.UNBALANCED, "lists it as EUR 12.00"),
]


@pytest.mark.parametrize(("name", "paid", "sold", "kind", "words"), WHOLE, ids=[row[0] for row in WHOLE])
def test_a_doubtful_record_waits_whole(
    name: str, paid: Payment, sold: Order | None, kind: ProblemKind, words: str
) -> None:
    made = plan(paid, sold, context())
    assert made.legs == ()
    assert made.problem is not None
    assert made.problem.kind is kind
    assert words in made.problem.sentence


def two_taxes() -> Order:
    both = (AppliedTax("VAT 21", 200), AppliedTax("VAT 9", 10))
    return replace(SOLD, lines=(replace(SOLD.lines[0], taxes=both),))


def unlisted() -> Order:
    return replace(SOLD, taxes=())


def without(*roles: Role) -> Context:
    return context(rules=[one for one in RULES if one.role not in roles])


TIPPED = payment(1310, tip=100)
SALES = [
    ("unmapped tax", order([line(1210, "Tourist tax 13", 139)], [PAID]), context(), ProblemKind.UNMAPPED_TAX,
     "revenue at 13 %, tax Tourist tax 13, location Utrecht"),
    ("two taxes", two_taxes(), context(), ProblemKind.AMBIGUOUS_TAX, "VAT 21, VAT 9) on one line of EUR 12.10"),
    ("no tax", order([line(1210)], [PAID]), context(), ProblemKind.UNMAPPED_TAX, "that Square charged no tax on"),
    ("tax does not add up", order([replace(line(1210, "VAT 21", 210), tax=200)], [PAID]), context(),
     ProblemKind.UNBALANCED, "EUR 2.00 of tax, and its taxes add up to EUR 2.10"),
    ("tax without applied taxes", order([replace(line(1210), tax=210)], [PAID]), context(), ProblemKind.UNBALANCED,
     "EUR 0.00"),
    ("tax beyond its line", order([line(1210, "VAT 21", 1300)], [PAID]), context(),
     ProblemKind.UNBALANCED, "EUR 13.00"),
    ("tax not listed", unlisted(), context(), ProblemKind.UNREADABLE, "does not list"),
    ("no lines", order([], [PAID]), context(), ProblemKind.NO_LINES, "EUR 12.10 without its items"),
    ("no lines, but a charge", order([], [PAID], service_charges=(charge(121, tax=21),)), context(),
     ProblemKind.NO_LINES, "EUR 12.10 without its items"),
    ("payment on a return", order([], [PAID], has_returns=True), context(), ProblemKind.UNSUPPORTED,
     "takes goods back and sells none"),
    ("negative line", order([line(1510, "VAT 21", 262), line(-300, "VAT 21", 0)], [PAID]), context(),
     ProblemKind.ODD_AMOUNT, "EUR -3.00"),
    ("unbalanced", order([line(1000, "VAT 21", 174)], [PAID]), context(), ProblemKind.UNBALANCED,
     "come to EUR 12.10, its lines, charges, tips and rounding to EUR 10.00: EUR 2.10 apart"),
    ("gift card with tax", order([line(1210, "VAT 21", 210, item_type="GIFT_CARD")], [PAID]), context(),
     ProblemKind.UNSUPPORTED, "gift card of EUR 12.10 was sold with tax"),
    ("no rounding account", order([line(1209, "VAT 21", 210)], [PAID]), without(Role.ROUNDING),
     ProblemKind.UNMAPPED_ACCOUNT, "the account for rounding"),
    ("service charge of another tax", order([line(1000, "VAT 21", 174)], [PAID],
     service_charges=(charge(210, "VAT 9", 17),)), context(), ProblemKind.UNMAPPED_TAX, "service charge at 9 %"),
    ("no sales journal", SOLD, context(sales_journal=""), ProblemKind.UNMAPPED_ACCOUNT, "no sales journal"),
    ("no receivables", SOLD, context(receivables=None), ProblemKind.UNMAPPED_ACCOUNT, "no receivables account"),
    ("revenue rule without a code", SOLD,
     context(rules=[rule(1, Role.REVENUE, "8000", tax_name="VAT 21"), *RULES[6:]]), ProblemKind.UNMAPPED_TAX,
     "Rule 1 (revenue) names no VAT code"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sold", "given", "kind", "words"), SALES, ids=[row[0] for row in SALES])
def test_a_sale_that_cannot_be_booked_waits_alone_with_a_sentence(
    name: str, sold: Order, given: Context, kind: ProblemKind, words: str
) -> None:
    made = plan(PAID, sold, given)
    assert kinds(made) == ["sale", "receipt", "fee"]
    sale = leg(made, LegKind.SALE)
    assert sale.problem is not None
    assert sale.problem.kind is kind
    assert words in sale.problem.sentence
    assert sale.lines == ()
    assert leg(made, LegKind.FEE).problem is None


def test_the_same_unmapped_tax_is_one_cause_on_every_day_and_at_every_place() -> None:
    subjects = set()
    for place in ("Utrecht", "Amsterdam"):
        sold = order([line(1210, "Tourist tax 13", 139)], [PAID])
        problem = leg(plan(PAID, sold, context(location=place)), LegKind.SALE).problem
        subjects.add(problem.subject if problem else None)
    assert subjects == {"revenue: Tourist tax 13, 13 %"}


def test_without_a_tips_account_the_sale_waits_and_its_money_after_it() -> None:
    made = plan(TIPPED, order([line(1210, "VAT 21", 210)], [TIPPED]), without(Role.TIPS))
    problem = leg(made, LegKind.SALE).problem
    assert problem is not None
    assert problem.kind is ProblemKind.UNMAPPED_ACCOUNT
    assert leg(made, LegKind.RECEIPT).problem is None
    assert leg(made, LegKind.RECEIPT).after_sale


def test_without_a_fee_account_only_the_fee_waits() -> None:
    made = plan(PAID, SOLD, without(Role.PROCESSING_FEE))
    assert [bool(leg.problem) for leg in made.legs] == [False, False, True]


def test_an_unknown_customer_holds_sale_and_receipt_but_not_the_fee() -> None:
    unknown = Problem(ProblemKind.UNMAPPED_CUSTOMER, "Map the customer.", "CUST")
    made = plan(PAID, SOLD, context(debtor=unknown))
    assert [leg.problem for leg in made.legs] == [unknown, unknown, None]


@pytest.mark.parametrize(
    ("paid", "words"),
    [
        (external(1210, "CRYPTO"), "other tender, tender EXTERNAL:CRYPTO"),
        (payment(1210, source_type="", card_brand=""), "(none)"),
        (payment(1210, source_type="SEASHELLS"), "SEASHELLS"),
    ],
)
def test_an_unmapped_tender_holds_its_receipt_and_not_the_sale(paid: Payment, words: str) -> None:
    made = plan(paid, order(SOLD.lines, [paid]), context())
    assert leg(made, LegKind.SALE).problem is None
    problem = leg(made, LegKind.RECEIPT).problem
    assert problem is not None
    assert words in problem.sentence


@pytest.mark.parametrize(
    ("paid", "given", "words"),
    [
        (cash(1210), context(cash_journal=""), "the lane names no cash journal"),
        (cash(1210), context(cash_account=None), "journal 10 has no GL account"),
        (PAID, context(clearing_account=None), "journal 21 has no GL account"),
        (gift_card(1210), without(Role.GIFT_CARD), "the account for gift card"),
    ],
)
def test_a_missing_journal_or_account_holds_the_receipt(paid: Payment, given: Context, words: str) -> None:
    problem = leg(plan(paid, order(SOLD.lines, [paid]), given), LegKind.RECEIPT).problem
    assert problem is not None
    assert problem.kind is ProblemKind.UNMAPPED_ACCOUNT
    assert words in problem.sentence


def house(number: int = 1) -> Payment:
    return payment(1210, source_type="SQUARE_ACCOUNT", number=number)


def test_a_house_account_needs_a_customer_of_its_own() -> None:
    made = plan(house(), order(SOLD.lines, [house()]), context())
    problem = leg(made, LegKind.SALE).problem
    assert problem is not None
    assert problem.kind is ProblemKind.UNMAPPED_CUSTOMER
    assert kinds(made) == ["sale"]


def test_a_house_account_payment_that_carries_no_sale_waits_by_itself() -> None:
    first, second = payment(1210, number=1), house(number=2)
    sold = order([line(2420, "VAT 21", 420)], [first, second])
    made = plan(second, sold, context())
    assert made.problem is not None
    assert leg(plan(first, sold, context()), LegKind.SALE).problem is not None
    known = plan(second, sold, context(debtor=JANSEN))
    assert (known.legs, known.problem) == ((), None)


def test_no_sentence_names_goods_or_a_person() -> None:
    """Names of items are typed by people, and repairs are often called after a customer."""
    for _, sold, given, _, _ in SALES:
        problem = leg(plan(PAID, sold, given), LegKind.SALE).problem
        assert problem is not None
        assert "Smith" not in problem.sentence
        assert COUNTER.name not in problem.sentence
