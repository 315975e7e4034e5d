"""Amounts: whole minor units inside, `Decimal` at the edge, never a float.

EUR 12.34 is 1234, JPY 500 is 500. Signed everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

# Currencies whose minor unit is not a hundredth (ISO 4217).
EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    "CLF": 4,
}
# The currencies a Square account can hold plus the others of the European Economic Area. A currency that is
# not here is refused, because a wrong exponent would book a hundred times the amount.
KNOWN = frozenset(
    ("EUR", "GBP", "USD", "CAD", "AUD", "JPY", "CHF", "NOK", "SEK", "DKK", "PLN", "CZK", "HUF", "RON", "BGN", "ISK")
)


class UnknownCurrency(ValueError):
    """The currency is not one we can count in."""


def exponent(currency: str) -> int:
    """How many decimals the currency has. Raises `UnknownCurrency`."""
    if currency not in KNOWN:
        raise UnknownCurrency(f"Currency {currency or '(none)'} is not one that Tillbridge can count in.")
    return EXPONENTS.get(currency, 2)


def to_decimal(amount: int, currency: str) -> Decimal:
    """1234 EUR -> Decimal('12.34')."""
    return Decimal(amount).scaleb(-exponent(currency))


def to_minor(amount: Decimal | int, currency: str) -> int:
    """Decimal('12.34') EUR -> 1234, rounded half-up (away from zero at the half)."""
    return int(Decimal(amount).scaleb(exponent(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def written(amount: int, currency: str) -> str:
    """For people: 'EUR 1,234.50', 'EUR -3.00'."""
    return f"{currency} {to_decimal(amount, currency):,}"


def share(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` over `weights` by largest remainder; the parts add up to `total` exactly.

    Weights must be of one sign and not all zero. Ties go to the earlier part. Splitting -total gives the
    negated parts, so that a reversal undoes a split to the cent.
    """
    whole = abs(sum(weights))
    if whole == 0 or sum(abs(weight) for weight in weights) != whole:
        raise ValueError("weights must be of one sign and not all zero")
    sign = -1 if total < 0 else 1
    exact = [abs(total * weight) for weight in weights]
    parts = [value // whole for value in exact]
    order = sorted(range(len(weights)), key=lambda index: (-(exact[index] % whole), index))
    for index in order[: abs(total) - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]
