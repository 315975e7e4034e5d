"""What holds for every payment, not only for the worked ones."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connections.providers.square.payloads import Order, OrderLine, Payment, Tender
from mappings.bookkeeping import summary
from mappings.bookkeeping.legs import LegKind, LegPlan, Line, ledger
from mappings.bookkeeping.payments import plan
from mappings.resolution import Rule, RuleBook
from mappings.roles import Role
from tests.mappings.shop import RULES, UNTAXED, charge, context, line, order, payment, rule

PLACES = context(UNTAXED)
PERCENT = {"VAT 21": 21, "VAT 9": 9, "VAT 0": 0, "": 0}
CODES = {"2": "VAT 21", "1": "VAT 9"}
KINDS = [
    ("CARD", ""),
    ("CARD", "SQUARE_GIFT_CARD"),
    ("CASH", ""),
    ("WALLET", ""),
    ("EXTERNAL", "CHECK"),
]


@dataclass(frozen=True)
class Sold:
    order: Order
    payments: tuple[Payment, ...]

    def legs(self) -> list[LegPlan]:
        return [leg for paid in self.payments for leg in plan(paid, self.order, PLACES).legs]


def included(total: int, percent: int) -> int:
    """VAT inside a gross amount, as Square has it; any figure up to the total would do."""
    return (total * percent + (100 + percent) // 2) // (100 + percent)


@st.composite
def lines(draw: st.DrawFn) -> OrderLine:
    total = draw(st.integers(1, 500_00))
    if draw(st.integers(0, 9)) == 0:
        return line(total, item_type="GIFT_CARD")
    name = draw(st.sampled_from(sorted(PERCENT)))
    return line(total, name, included(total, PERCENT[name]))


@st.composite
def sold(draw: st.DrawFn) -> Sold:
    goods = draw(st.lists(lines(), min_size=1, max_size=6))
    charged = [charge(total, tax=included(total, 21)) for total in draw(st.lists(st.integers(1, 20_00), max_size=2))]
    rounding = draw(st.integers(-2, 2))
    due = sum(part.total for part in goods) + sum(part.total for part in charged) + rounding
    payments = tuple(_payments(draw, max(due, 1)))
    if due < 1:
        rounding += 1 - due
    made = order(goods, payments, service_charges=tuple(charged), rounding=rounding)
    return Sold(replace(made, id=draw(st.text("ABCDEF", min_size=8, max_size=8))), payments)


def _payments(draw: st.DrawFn, due: int) -> list[Payment]:
    cuts = sorted(draw(st.sets(st.integers(1, due - 1), max_size=2))) if due > 1 else []
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, due], strict=True)]
    return [_payment(draw, number, part) for number, part in enumerate(parts)]


def _payment(draw: st.DrawFn, number: int, due: int) -> Payment:
    source, detail = draw(st.sampled_from(KINDS))
    tip = draw(st.integers(0, 5_00))
    return payment(
        due + tip,
        number=number,
        tip=tip,
        fees=draw(st.lists(st.integers(-50, 200), max_size=3)),
        app_fee=draw(st.integers(0, 50)),
        source_type=source,
        card_brand=detail if source == "CARD" else "",
        external_type=detail if source == "EXTERNAL" else "",
        external_fee=draw(st.integers(0, 50)) if source == "EXTERNAL" else 0,
    )


def balance(legs: list[LegPlan]) -> dict[str, int]:
    total: dict[str, int] = {}
    for leg in legs:
        assert leg.main_account is not None
        for code, amount in ledger(leg.document, leg.main_account.code, leg.lines).items():
            total[code] = total.get(code, 0) + amount
    return {code: amount for code, amount in total.items() if amount}


def sale(made: Sold) -> LegPlan:
    return next(leg for leg in made.legs() if leg.kind is LegKind.SALE)


@given(sold())
def test_each_posting_balances_and_a_paid_order_leaves_nothing_to_receive(made: Sold) -> None:
    legs = made.legs()
    assert [leg.problem for leg in legs] == [None] * len(legs)
    for leg in legs:
        assert leg.main_account is not None
        assert sum(ledger(leg.document, leg.main_account.code, leg.lines).values()) == 0
    assert "1300" not in balance(legs)


@given(sold())
def test_the_sale_is_the_sum_of_its_tenders(made: Sold) -> None:
    assert sale(made).total == sum(paid.total for paid in made.payments)
    assert sum(leg.kind is LegKind.SALE for leg in made.legs()) == 1


@given(sold())
def test_vat_and_net_per_rate_are_squares(made: Sold) -> None:
    parts = [*made.order.lines, *made.order.service_charges]
    for code, name in CODES.items():
        booked = [part for part in sale(made).lines if part.vat_code == code]
        charged = [part for part in parts if part.taxes and part.taxes[0].tax_uid == name]
        assert sum(part.vat for part in booked) == sum(part.tax for part in charged)
        assert sum(part.amount for part in booked) == sum(part.total - part.tax for part in charged)


@given(sold())
def test_the_clearing_account_holds_what_square_still_owes(made: Sold) -> None:
    settled = [paid for paid in made.payments if paid.source_type in ("CARD", "WALLET") and not paid.is_gift_card]
    kept = sum(fee.amount for paid in made.payments for fee in paid.fees) + sum(paid.app_fee for paid in made.payments)
    assert balance(made.legs()).get("1105", 0) == sum(paid.total for paid in settled) - kept


@given(sold(), st.randoms())
def test_the_order_of_rules_and_of_lines_is_irrelevant(made: Sold, chance: random.Random) -> None:
    rules: list[Rule] = [*RULES, UNTAXED]
    goods = list(made.order.lines)
    tenders: list[Tender] = list(made.order.tenders)
    for part in (rules, goods, tenders):
        chance.shuffle(part)
    shuffled = replace(made.order, lines=tuple(goods), tenders=tuple(tenders))
    other = replace(PLACES, rulebook=RuleBook(rules))
    for paid in made.payments:
        assert plan(paid, shuffled, other) == plan(paid, made.order, PLACES)


@given(sold())
def test_the_same_payment_has_the_same_plan(made: Sold) -> None:
    fresh = context(UNTAXED)
    assert [plan(paid, made.order, fresh) for paid in made.payments] == [
        plan(paid, made.order, PLACES) for paid in made.payments
    ]


NARROWER = rule(90, Role.REVENUE, "8003", "2", tax_rate=Decimal(21), location="Utrecht")


@given(sold())
def test_the_most_specific_rule_wins_wherever_it_fits(made: Sold) -> None:
    narrowed = context(UNTAXED, NARROWER)
    for paid in made.payments:
        for leg in plan(paid, made.order, narrowed).legs:
            assert "8000" not in [part.account.code for part in leg.lines]


@given(sold(), st.integers(3, 1000), st.sampled_from([1, -1]))
def test_a_sale_that_does_not_add_up_is_never_booked(made: Sold, off: int, sign: int) -> None:
    wrong = replace(made.order, rounding=made.order.rounding + sign * off)
    legs = [leg for paid in made.payments for leg in plan(paid, wrong, PLACES).legs]
    assert [leg.problem is not None for leg in legs if leg.kind is LegKind.SALE] == [True]


@given(st.lists(sold(), max_size=8, unique_by=lambda made: made.order.id), st.randoms())
def test_a_daily_summary_is_the_sum_of_its_sales(day: list[Sold], chance: random.Random) -> None:
    daily = replace(PLACES, sales_grouping="daily_summary")
    legs = [plan(made.payments[0], made.order, daily).legs[0] for made in day]
    merged = summary.merge(legs)
    assert _sum(merged) == _sum(part for leg in legs for part in leg.lines)
    keys = [(part.account.code, part.vat_code, part.cost_center, part.cost_unit) for part in merged]
    assert keys == sorted(set(keys))
    chance.shuffle(legs)
    assert summary.merge(legs) == merged


def _sum(parts: Iterable[Line]) -> dict[tuple[str, str], tuple[int, int]]:
    total: dict[tuple[str, str], tuple[int, int]] = {}
    for part in parts:
        amount, vat = total.get((part.account.code, part.vat_code), (0, 0))
        total[part.account.code, part.vat_code] = (amount + part.amount, vat + part.vat)
    return {key: value for key, value in total.items() if value != (0, 0)}
