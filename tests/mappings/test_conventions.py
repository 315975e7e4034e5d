"""What each convention does to the books: tables of worked cases. Amounts as bookkeeping section 6 writes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connections.providers.square.payloads import Fee, Order, OrderLine, Payment
from mappings.bookkeeping.context import Context
from mappings.bookkeeping.conventions import (
    COUNTRIES,
    ConventionBook,
    Conventions,
    Discounts,
    FeeVat,
    GiftCards,
    Place,
    Service,
    Tips,
    default_of,
    kept,
    restored,
)
from mappings.bookkeeping.inside import vat_inside, vat_on
from mappings.bookkeeping.legs import LegKind, ProblemKind
from mappings.bookkeeping.payments import plan
from mappings.resolution import NO_TAX, Rule
from mappings.roles import Role
from tests.mappings.shop import (
    RULES,
    UNTAXED,
    charge,
    context,
    gift_card,
    leg,
    line,
    moved,
    order,
    payment,
    rule,
    written,
)

JANUARY = date(2026, 1, 1)
DISCOUNTED = (
    rule(20, Role.DISCOUNT, "8090", "2", tax_rate=Decimal(21)),
    rule(21, Role.DISCOUNT, "8090", "1", tax_rate=Decimal(9)),
    rule(22, Role.DISCOUNT, "8090", "0", tax_rate=Decimal(0)),
    rule(23, Role.DISCOUNT, "8090", "NV", tax_name=NO_TAX),
)
TIP_REVENUE = rule(5, Role.TIPS, "8150", "2")
CARD_REVENUE = rule(6, Role.GIFT_CARD, "8160", "2")
FEE_WITH_VAT = rule(7, Role.PROCESSING_FEE, "4960", "2")
FEE_REVERSED = rule(7, Role.PROCESSING_FEE, "4960", "VN")


def with_rules(*more: Rule) -> tuple[Rule, ...]:
    """The shop's rules, those of the same number replaced."""
    held = {one.id: one for one in (*RULES, UNTAXED, *DISCOUNTED)}
    return tuple({**held, **{one.id: one for one in more}}.values())


def by(*more: Rule, **choices: object) -> Context:
    chosen = Conventions(since=JANUARY, **choices)  # type: ignore[arg-type]  # the fields say what they are
    book = ConventionBook((chosen,))
    return context(rules=with_rules(*more), conventions=book, vat_journals=frozenset({"21"}))


def off(part: OrderLine, discount: int) -> OrderLine:
    return replace(part, discount=discount)


@dataclass(frozen=True)
class Worked:
    """One order and its payments by a convention: the sale's lines, and what all legs move."""

    name: str
    context: Context
    order: Order
    payments: list[Payment]
    sale: list[str]
    ledger: dict[str, str]


CARD = payment(1210)
TIPPED = payment(2420, tip=1210)
WINE_AND_LUNCH = [off(line(4305, "VAT 21", 747), 695), off(line(1115, "VAT 9", 92), 180), off(line(774, "VAT 0"), 125)]
GIFT = line(5000, item_type="GIFT_CARD")
SPENT, REST = gift_card(5000, number=1), payment(1160, number=2)
CASES = [
    # 12.10 at 21 % holds 2.10; the goods another 2.10.
    Worked(
        "a tip kept by the business", by(TIP_REVENUE, tips=Tips.KEPT), order([line(1210, "VAT 21", 210)], [TIPPED]),
        [TIPPED], ["8000 +10.00 2 v+2.10", "8150 +10.00 2 v+2.10"],
        {"1105": "+24.20", "1500": "-4.20", "8000": "-10.00", "8150": "-10.00"},
    ),
    Worked(
        "a tip owed to staff", by(tips=Tips.PAYABLE), order([line(1210, "VAT 21", 210)], [TIPPED]),
        [TIPPED], ["8000 +10.00 2 v+2.10", "2150 +12.10 NV"],
        {"1105": "+24.20", "1500": "-2.10", "2150": "-12.10", "8000": "-10.00"},
    ),
    # Case 3 of section 6, contra: 50.00 at 21 %: 41.32 + 8.68; 12.95 at 9 %: 11.88 + 1.07; 8.99. Discount 6.95: net
    # 41.32 - 35.58 = 5.74, VAT 8.68 - 7.47 = 1.21; 1.80: 11.88 - 10.23 = 1.65, VAT 1.07 - 0.92 = 0.15; 1.25.
    Worked(
        "case 3, discounts on an account of their own", by(discounts=Discounts.CONTRA),
        order(WINE_AND_LUNCH, [payment(6194)]), [payment(6194)],
        [
            "8000 +41.32 2 v+8.68", "8001 +11.88 1 v+1.07", "8002 +8.99 0", "8090 -1.25 0", "8090 -1.65 1 v-0.15",
            "8090 -5.74 2 v-1.21",
        ],
        {"1105": "+61.94", "1500": "-7.47", "1501": "-0.92", "8000": "-41.32", "8001": "-11.88", "8002": "-8.99",
         "8090": "+8.64"},
    ),
    Worked(
        "case 3, netted", by(), order(WINE_AND_LUNCH, [payment(6194)]), [payment(6194)],
        ["8000 +35.58 2 v+7.47", "8001 +10.23 1 v+0.92", "8002 +7.74 0"],
        {"1105": "+61.94", "1500": "-7.47", "1501": "-0.92", "8000": "-35.58", "8001": "-10.23", "8002": "-7.74"},
    ),
    # Given away: 12.10 at 21 %, 12.10 off. Revenue 10.00 + 2.10, discount the same; the card pays the other 12.10.
    Worked(
        "something given away", by(discounts=Discounts.CONTRA),
        order([line(1210, "VAT 21", 210), off(line(0, "VAT 21", 0), 1210)], [CARD]), [CARD],
        ["8000 +20.00 2 v+4.20", "8090 -10.00 2 v-2.10"],
        {"1105": "+12.10", "1500": "-2.10", "8000": "-20.00", "8090": "+10.00"},
    ),
    # 50.00 at 21 % holds 8.68.
    Worked(
        "a single-purpose card sold", by(CARD_REVENUE, gift_cards=GiftCards.SINGLE_PURPOSE),
        order([GIFT], [payment(5000)]), [payment(5000)], ["8160 +41.32 2 v+8.68"],
        {"1105": "+50.00", "1500": "-8.68", "8160": "-41.32"},
    ),
    # Case 5: goods 61.60, the card's 50.00 credited: 11.60 to receive, by card.
    Worked(
        "case 5, a single-purpose card spent", by(CARD_REVENUE, gift_cards=GiftCards.SINGLE_PURPOSE),
        order([line(5300, "VAT 21", 920), line(395, "VAT 9", 33), line(465, "VAT 9", 38)], [SPENT, REST]),
        [SPENT, REST], ["8000 +43.80 2 v+9.20", "8001 +7.89 1 v+0.71", "8160 -41.32 2 v-8.68"],
        {"1105": "+11.60", "1500": "-0.52", "1501": "-0.71", "8000": "-43.80", "8001": "-7.89", "8160": "+41.32"},
    ),
    # 50.00 for 45.00: VAT 8.68 - 7.81 = 0.87 of the discount, net 4.13.
    Worked(
        "a single-purpose card at a discount", by(CARD_REVENUE, gift_cards=GiftCards.SINGLE_PURPOSE),
        order([off(line(4500, item_type="GIFT_CARD"), 500)], [payment(4500)]), [payment(4500)],
        ["8160 +41.32 2 v+8.68", "8090 -4.13 2 v-0.87"] [::-1],
        {"1105": "+45.00", "1500": "-7.81", "8090": "+4.13", "8160": "-41.32"},
    ),
    Worked(
        "a multi-purpose card at a discount", by(),
        order([off(line(4500, item_type="GIFT_CARD"), 500)], [payment(4500)]), [payment(4500)],
        ["8090 -5.00 NV", "2160 +50.00 NV"],
        {"1105": "+45.00", "2160": "-50.00", "8090": "+5.00"},
    ),
    # Fee 1.21 with 21 % inside: 1.00 + 0.21; its 0.12 back: 0.10 + 0.02, owed again.
    Worked(
        "VAT inside fees", by(FEE_WITH_VAT, fee_vat=FeeVat.INCLUDED), order([line(1210, "VAT 21", 210)],
        [payment(1210, fees=[121, -12])]), [payment(1210, fees=[121, -12])], ["8000 +10.00 2 v+2.10"],
        {"1105": "+11.01", "1500": "-2.12", "1510": "+0.21", "4960": "+0.90", "8000": "-10.00"},
    ),
    Worked(
        "fees under reverse charge", by(FEE_REVERSED, fee_vat=FeeVat.REVERSE_CHARGE),
        order([line(1210, "VAT 21", 210)], [payment(1210, fees=[121])]), [payment(1210, fees=[121])],
        ["8000 +10.00 2 v+2.10"], {"1105": "+10.89", "1500": "-2.10", "4960": "+1.21", "8000": "-10.00"},
    ),
    Worked(
        "VAT of fees taken apart", by(FEE_WITH_VAT, fee_vat=FeeVat.SEPARATE),
        order([line(1210, "VAT 21", 210)], [payment(1210, fees=[121])]), [payment(1210, fees=[121])],
        ["8000 +10.00 2 v+2.10"], {"1105": "+10.89", "1500": "-2.10", "4960": "+1.21", "8000": "-10.00"},
    ),
]  # fmt: skip


@pytest.mark.parametrize("worked", CASES, ids=lambda worked: worked.name)
def test_worked_cases(worked: Worked) -> None:
    legs = [one for paid in worked.payments for one in plan(paid, worked.order, worked.context).legs]
    sale = next(one for one in legs if one.kind is LegKind.SALE)
    assert sale.problem is None, sale.problem
    assert sorted(written(sale)) == sorted(worked.sale)
    assert moved(legs) == worked.ledger


PAID = payment(1210, fees=[121])
SOLD = order([line(1210, "VAT 21", 210)], [PAID])
TAXED_CARD = order([line(1210, "VAT 9", 100, item_type="GIFT_CARD")], [CARD])
WAITS = [
    ("fee: no code", by(fee_vat=FeeVat.INCLUDED), SOLD, PAID, LegKind.FEE, "names no VAT code"),
    ("fee: code of 0 %", by(FEE_REVERSED, fee_vat=FeeVat.INCLUDED), SOLD, PAID, LegKind.FEE, "carries no VAT"),
    ("fee: a rate reversed", by(FEE_WITH_VAT, fee_vat=FeeVat.REVERSE_CHARGE), SOLD, PAID, LegKind.FEE,
     "carries 21 %, which Exact would take out"),
    ("fee: journal without VAT",
     replace(by(FEE_WITH_VAT, fee_vat=FeeVat.INCLUDED), vat_journals=frozenset()), SOLD, PAID, LegKind.FEE,
     "Journal 21 does not allow VAT"),
    ("tip payable, taxed code", by(TIP_REVENUE), order([line(1210, "VAT 21", 210)], [TIPPED]), TIPPED, LegKind.SALE,
     "Tips that are paid out to staff carry no VAT"),
    ("tip kept, a debt", by(tips=Tips.KEPT), order([line(1210, "VAT 21", 210)], [TIPPED]), TIPPED, LegKind.SALE,
     "GL account 2150 of type 60"),
    ("service untaxed", by(service=Service.TAXED), order([line(0)], [CARD], service_charges=(charge(1210, ""),)), CARD,
     LegKind.SALE, "no tax on a service charge of EUR 12.10"),
    ("card taxed at another rate", by(CARD_REVENUE, gift_cards=GiftCards.SINGLE_PURPOSE), TAXED_CARD, CARD,
     LegKind.SALE, "taxed a gift card of EUR 12.10 otherwise than rule 6"),
    ("card taxed, multi-purpose", by(), TAXED_CARD, CARD, LegKind.SALE, "gift card of EUR 12.10 was sold with tax"),
    ("single-purpose, a debt", by(gift_cards=GiftCards.SINGLE_PURPOSE), order([GIFT], [payment(5000)]), payment(5000),
     LegKind.SALE, "GL account 2160 of type 60"),
    ("discount with another code",
     by(rule(20, Role.DISCOUNT, "8090", "1", tax_rate=Decimal(21)), discounts=Discounts.CONTRA),
     order([off(line(1210, "VAT 21", 210), 100)], [CARD]), CARD, LegKind.SALE, "Give both the same code"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "sold", "paid", "kind", "words"), WAITS, ids=[row[0] for row in WAITS])
def test_what_a_convention_cannot_book_waits_with_a_sentence(  # noqa: PLR0917 - the columns of the table
    name: str, given: Context, sold: Order, paid: Payment, kind: LegKind, words: str
) -> None:
    problem = leg(plan(paid, sold, given), kind).problem
    assert problem is not None, name
    assert words in problem.sentence
    assert problem.kind in {ProblemKind.UNMAPPED_TAX, ProblemKind.UNMAPPED_ACCOUNT, ProblemKind.UNSUPPORTED}


def test_a_discount_of_a_tax_that_stands_nowhere_waits() -> None:
    taxes = tuple(replace(tax, kind="UNKNOWN_TAX") for tax in SOLD.taxes)
    sold = replace(order([off(line(1210, "VAT 21", 210), 100)], [CARD]), taxes=taxes)
    problem = leg(plan(CARD, sold, by(discounts=Discounts.CONTRA)), LegKind.SALE).problem
    assert problem is not None
    assert problem.kind is ProblemKind.AMBIGUOUS_TAX


# A price without tax: 90.00 after 10.00 off, tax 18.90 on top. Before: 100.00 and 21.00; the discount 10.00 and 2.10.
def test_a_discount_under_added_tax_comes_off_before_it() -> None:
    paid = payment(10890)
    sold = order([off(line(10890, "VAT 21", 1890), 1000)], [paid])
    sold = replace(sold, taxes=tuple(replace(tax, kind="ADDITIVE") for tax in sold.taxes))
    sale = leg(plan(paid, sold, by(discounts=Discounts.CONTRA)), LegKind.SALE)
    assert written(sale) == ["8000 +100.00 2 v+21.00", "8090 -10.00 2 v-2.10"]


# Offline at the till on the 3rd, at Square on the 5th: the setting of the till's day counts, and a late fee its own.
def test_the_setting_of_the_legs_own_day_counts() -> None:
    at_the_till = datetime(2026, 3, 3, 11, tzinfo=UTC)
    late = datetime(2026, 3, 9, 11, tzinfo=UTC)
    fees = (Fee(121, "INITIAL", None), Fee(12, "ADJUSTMENT", late))
    paid = replace(payment(2420, tip=1210, offline_at=at_the_till), fees=fees)
    versions = (
        Conventions(tips=Tips.KEPT, since=JANUARY),
        Conventions(fee_vat=FeeVat.INCLUDED, since=date(2026, 3, 4)),
    )
    given = replace(by(TIP_REVENUE, FEE_WITH_VAT), conventions=ConventionBook(versions))
    made = plan(paid, order([line(1210, "VAT 21", 210)], [paid]), given)
    assert written(leg(made, LegKind.SALE)) == ["8000 +10.00 2 v+2.10", "8150 +10.00 2 v+2.10"]
    assert written(leg(made, LegKind.FEE)) == ["4960 -1.21"]
    assert written(leg(made, LegKind.FEE, 1)) == ["4960 -0.10 2 v-0.02"]
    assert (leg(made, LegKind.FEE).date, leg(made, LegKind.FEE, 1).date) == (date(2026, 3, 3), date(2026, 3, 9))


def test_a_leg_that_is_booked_keeps_its_setting() -> None:
    given = by(TIP_REVENUE, tips=Tips.PAYABLE)
    settled = {Place(LegKind.SALE, "ORD", 0): Conventions(tips=Tips.KEPT, since=JANUARY)}
    given = replace(given, conventions=replace(given.conventions, settled=settled))
    sale = leg(plan(TIPPED, order([line(1210, "VAT 21", 210)], [TIPPED]), given), LegKind.SALE)
    assert written(sale) == ["8000 +10.00 2 v+2.10", "8150 +10.00 2 v+2.10"]
    assert sale.conventions == settled[Place(LegKind.SALE, "ORD", 0)]
    assert "tips kept since 2026-01-01" in sale.lines[1].note


def test_settings_are_kept_and_restored() -> None:
    chosen = Conventions(tips=Tips.KEPT, gift_cards=GiftCards.SINGLE_PURPOSE, since=JANUARY)
    assert restored(kept(chosen)) == chosen
    assert restored({}) == Conventions()


def test_each_country_where_square_settles_states_its_defaults_and_its_guesses() -> None:
    assert set(COUNTRIES) >= {"NL", "BE", "DE", "FR", "ES", "IE", "GB", "US", "CA", "AU", "JP"}
    for country in COUNTRIES.values():
        assert country.conventions.since is None
        assert country.conventions.gift_cards is GiftCards.MULTI_PURPOSE
        assert set(country.guesses) <= set(kept(country.conventions))
    assert default_of(" ie ").conventions.fee_vat is FeeVat.SEPARATE
    assert default_of("XX").conventions == Conventions()


@pytest.mark.parametrize(
    ("gross", "rate", "vat"), [(1210, 21, 210), (100, 21, 17), (-121, 21, -21), (3, 21, 1), (5, 0, 0)]
)
def test_vat_inside_an_amount(gross: int, rate: int, vat: int) -> None:
    assert vat_inside(gross, Decimal(rate)) == vat


def test_vat_on_an_amount() -> None:
    assert (vat_on(1000, Decimal(21)), vat_on(50, Decimal(9)), vat_on(-50, Decimal(9))) == (210, 5, -5)
