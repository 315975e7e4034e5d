"""The VAT inside an amount, where Square states none: tips that are kept, cards taxed at their sale, fees, discounts.

Half-up, away from zero, in whole minor units, so that what comes back carries what was charged. What Square does state
is never computed again.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

WHOLE = Decimal(100)


def vat_inside(gross: int, rate: Decimal) -> int:
    """Of a gross amount, at a rate in per cents: 12.10 at 21 % holds 2.10."""
    return _half_up(Decimal(gross) * rate / (WHOLE + rate))


def vat_on(net: int, rate: Decimal) -> int:
    """On top of a net amount: 10.00 at 21 % carries 2.10."""
    return _half_up(Decimal(net) * rate / WHOLE)


def _half_up(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
