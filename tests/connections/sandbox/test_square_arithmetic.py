from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.sandbox.square.arithmetic import ChargeInput, LineInput, Rate, apportion, calculate, part, taxed

HIGH, LOW, NONE = (Rate(Decimal(rate), inclusive=True) for rate in (21, 9, 0))
ADDED = Rate(Decimal(21), inclusive=False)
prices = st.integers(min_value=1, max_value=1_000_000)


@pytest.mark.parametrize(
    ("lines", "discount", "expected"),
    [
        ([(2500, HIGH), (395, LOW), (395, LOW), (899, NONE)], 0, [(2500, 434), (395, 33), (395, 33), (899, 0)]),
        ([(5000, HIGH), (1295, LOW), (899, NONE)], 1000, [(4305, 747), (1115, 92), (774, 0)]),
        ([(2650, HIGH), (1295, LOW), (465, LOW)], 0, [(2650, 460), (1295, 107), (465, 38)]),
        ([(5300, HIGH), (395, LOW), (465, LOW)], 0, [(5300, 920), (395, 33), (465, 38)]),
        ([(100_000, Rate(Decimal(9), inclusive=False))], 0, [(109_000, 9000)]),
        ([(40_000, ADDED)], 0, [(48_400, 8400)]),
    ],
)
def test_the_worked_cases_come_out_to_the_cent(lines, discount, expected):
    result = calculate([LineInput(gross, rates=(rate,)) for gross, rate in lines], discount=discount)
    assert [(line.total, sum(line.taxes)) for line in result.lines] == expected


def test_a_half_cent_of_tax_is_rounded_up():
    assert taxed(50, [Rate(Decimal(21), inclusive=False)]) == ([11], 61)  # 10.5
    assert part(5000, Decimal("1.75")) == 88


def test_two_included_taxes_share_one_base():
    rates = [Rate(Decimal(10), inclusive=True), Rate(Decimal(5), inclusive=True)]
    assert taxed(1150, rates) == ([100, 50], 1150)


@pytest.mark.parametrize(
    ("amount", "weights", "expected"),
    [
        (1000, [5000, 1295, 899], [695, 180, 125]),
        (1, [1, 1, 1], [1, 0, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (0, [0, 0], [0, 0]),
        (10, [0, 7], [0, 10]),
    ],
)
def test_an_amount_is_spread_by_largest_remainder(amount, weights, expected):
    assert apportion(amount, weights) == expected


def test_nothing_to_spread_over_is_refused():
    with pytest.raises(ValueError, match="no line to spread"):
        apportion(5, [0, 0])


@given(amount=st.integers(min_value=0, max_value=10**9), weights=st.lists(prices, min_size=1, max_size=12))
def test_the_parts_add_up_and_none_is_a_cent_off(amount, weights):
    parts = apportion(amount, weights)
    assert sum(parts) == amount
    assert all(
        abs(share * sum(weights) - amount * weight) < sum(weights) for share, weight in zip(parts, weights, strict=True)
    )


@given(lines=st.lists(prices, min_size=1, max_size=8), share=st.integers(0, 100), tip=st.booleans())
def test_included_tax_never_changes_what_the_buyer_pays(lines, share, tip):
    discount = sum(lines) * share // 100
    result = calculate([LineInput(gross, rates=(HIGH,)) for gross in lines], discount=discount)
    assert result.total == sum(lines) - discount
    assert result.discount == discount


def test_a_service_charge_stands_beside_the_lines_with_its_own_tax():
    charge = ChargeInput(percentage=Decimal(10), rates=(HIGH,))
    result = calculate([LineInput(2000, rates=(LOW,)), LineInput(1000, rates=(HIGH,))], discount=300, charges=[charge])
    assert (result.charges[0].applied, result.charges[0].total, result.charges[0].taxes) == (270, 270, (47,))
    assert result.total == 2700 + 270
    assert result.service_charge == 270


def test_added_tax_on_a_service_charge_comes_on_top_of_what_was_applied():
    result = calculate([LineInput(1000, rates=(ADDED,))], charges=[ChargeInput(amount=100, rates=(ADDED,))])
    assert (result.charges[0].applied, result.charges[0].total) == (100, 121)
    assert result.service_charge == 100
    assert result.total == 1210 + 121


def test_an_apportioned_charge_is_inside_the_lines_and_taxed_with_them():
    result = calculate(
        [LineInput(2000, rates=(LOW,)), LineInput(1000, rates=(HIGH,))], charges=[ChargeInput(150, apportioned=True)]
    )
    assert [line.total for line in result.lines] == [2100, 1050]
    assert [line.taxes for line in result.lines] == [[173], [182]]
    assert result.total == 3150


def test_gift_cards_take_no_part_in_discounts_and_charges():
    lines = [LineInput(5000, shares=False), LineInput(1000, rates=(HIGH,))]
    result = calculate(lines, discount=100, charges=[ChargeInput(percentage=Decimal(10))])
    assert [line.total for line in result.lines] == [5000, 900]
    assert result.charges[0].applied == 90
