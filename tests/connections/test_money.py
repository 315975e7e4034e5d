"""Amounts: minor units, `Decimal` at the edge, splits that add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections import money

WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=8).filter(any)
TOTALS = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("amount", "currency", "decimal", "text"),
    [
        (1234, "EUR", "12.34", "EUR 12.34"),
        (-300, "EUR", "-3.00", "EUR -3.00"),
        (123450, "GBP", "1234.50", "GBP 1,234.50"),
        (500, "JPY", "500", "JPY 500"),
        (2**63 - 1, "EUR", "92233720368547758.07", "EUR 92,233,720,368,547,758.07"),
    ],
)
def test_amounts_are_written_in_their_currency(amount: int, currency: str, decimal: str, text: str) -> None:
    assert money.to_decimal(amount, currency) == Decimal(decimal)
    assert money.to_minor(Decimal(decimal), currency) == amount
    assert money.written(amount, currency) == text


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(money.UnknownCurrency, match="XTS"):
        money.exponent("XTS")


@pytest.mark.parametrize(("decimal", "minor"), [("0.005", 1), ("-0.005", -1), ("0.0049", 0)])
def test_halves_are_rounded_away_from_zero(decimal: str, minor: int) -> None:
    assert money.to_minor(Decimal(decimal), "EUR") == minor


def test_ten_euros_off_three_rates_is_shared_as_in_the_worked_case() -> None:
    """Bookkeeping case 4: 10.00 over 25.00, 12.95 and 8.99 gives 5.33, 2.76 and 1.91."""
    assert money.share(1000, [2500, 1295, 899]) == [533, 276, 191]


@given(TOTALS, WEIGHTS)
def test_shares_add_up_and_are_within_a_cent_of_exact(total: int, weights: list[int]) -> None:
    parts = money.share(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


@given(TOTALS, WEIGHTS)
def test_a_reversal_undoes_a_split(total: int, weights: list[int]) -> None:
    back = money.share(-total, weights)
    assert [-part for part in back] == money.share(total, weights)
    assert money.share(total, [-weight for weight in weights]) == money.share(total, weights)


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [3, -1]])
def test_weights_that_mean_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="one sign"):
        money.share(100, weights)
