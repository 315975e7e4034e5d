"""A day's sales in one entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from mappings.bookkeeping.legs import LegPlan, Problem, ProblemKind
from mappings.bookkeeping.payments import plan
from mappings.bookkeeping.summary import day_of, merge
from mappings.roles import Role
from tests.mappings.shop import JANSEN, RULES, context, line, order, payment, rule, written

DAILY = context(sales_grouping="daily_summary")


def sale(number: int, *goods: tuple[int, str, int], tip: int = 0) -> LegPlan:
    paid = payment(sum(total for total, _, _ in goods) + tip, tip=tip, number=number)
    sold = replace(order([line(*part) for part in goods], [paid]), id=f"ORD{number}")
    return plan(paid, sold, DAILY).legs[0]


def test_a_day_is_a_place_a_date_a_currency_and_a_customer() -> None:
    assert day_of(sale(1, (1210, "VAT 21", 210))) == ("Utrecht", date(2026, 3, 4), "EUR", "guid-counter")


def test_sales_of_a_day_add_up_per_account_and_code() -> None:
    """10.00 + 20.66 = 30.66 at 21 % with 2.10 + 4.34 = 6.44; 3.62 at 9 % with 0.33; tips 1.00."""
    legs = [sale(1, (1210, "VAT 21", 210)), sale(2, (2500, "VAT 21", 434), (395, "VAT 9", 33), tip=100)]
    merged = merge(legs)
    assert written(replace(legs[0], lines=merged)) == ["2150 +1.00 NV", "8000 +30.66 2 v+6.44", "8001 +3.62 1 v+0.33"]
    assert sum(part.amount + part.vat for part in merged) == 1210 + 2500 + 395 + 100


def test_a_line_of_vat_alone_is_kept_and_one_of_nothing_is_not() -> None:
    one = sale(1, (1210, "VAT 21", 210), (395, "VAT 9", 33))
    back = replace(
        one,
        source_id="ORD9",
        lines=(replace(one.lines[0], amount=-1000, vat=-209), replace(one.lines[1], amount=-362, vat=-33)),
    )
    assert [(part.amount, part.vat) for part in merge([one, back])] == [(0, 1)]


def test_two_roles_on_one_account_and_code_are_one_line() -> None:
    shared = [one for one in RULES if one.role is not Role.ROUNDING] + [rule(9, Role.ROUNDING, "2150", "NV")]
    paid = payment(1311, tip=100)
    leg = plan(
        paid, order([line(1210, "VAT 21", 210)], [paid]), replace(DAILY, rulebook=context(rules=shared).rulebook)
    ).legs[0]
    assert [part.amount for part in leg.lines] == [1000, 100, 1]
    merged = merge([leg])
    assert [(part.account.code, part.amount, part.rule) for part in merged] == [("2150", 101, None), ("8000", 1000, 1)]
    assert merged[0].note.count("rule ") == 2


def test_a_summary_of_nothing_has_no_lines() -> None:
    assert merge([]) == ()


@pytest.mark.parametrize(
    "other",
    [
        {"date": date(2026, 3, 5)},
        {"location": "Amsterdam"},
        {"currency": "GBP"},
        {"debtor": JANSEN},
        {"stands_alone": True},
        {"problem": Problem(ProblemKind.UNBALANCED, "It does not add up.")},
    ],
)
def test_what_does_not_belong_in_a_summary_is_refused(other: dict[str, object]) -> None:
    one = sale(1, (1210, "VAT 21", 210))
    with pytest.raises(ValueError):
        merge([one, replace(one, source_id="ORD2", **other)])  # type: ignore[arg-type]


def test_the_rate_of_a_line_survives_the_sum() -> None:
    assert [part.rate for part in merge([sale(1, (1210, "VAT 21", 210)), sale(2, (10, "VAT 21", 2))])] == [Decimal(21)]
