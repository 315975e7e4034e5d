"""Square's order arithmetic, in whole minor units: discounts, service charges and taxes per line, half-up.

Order-level discounts and apportioned charges are spread by largest remainder over what the lines cost.
Reference: OpenAPI OrderLineItem, OrderServiceCharge, OrderLineItemTax; EU lines keep inclusive tax in the gross.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Rate:
    percentage: Decimal
    inclusive: bool


@dataclass(frozen=True, slots=True)
class LineInput:
    """`shares` is False for gift cards: no order-level discount or apportioned charge reaches them."""

    gross: int
    discount: int = 0
    rates: tuple[Rate, ...] = ()
    shares: bool = True


@dataclass(frozen=True, slots=True)
class ChargeInput:
    amount: int = 0
    percentage: Decimal | None = None
    rates: tuple[Rate, ...] = ()
    apportioned: bool = False


@dataclass(slots=True)
class LineResult:
    """`discounts` own and order-level; `charges` one share per apportioned charge; `taxes` one per rate."""

    gross: int
    discount: int
    order_discount: int
    charges: list[int] = field(default_factory=list)
    taxes: list[int] = field(default_factory=list)
    total: int = 0

    @property
    def net(self) -> int:
        """After discounts, before charges and added tax."""
        return self.gross - self.discount - self.order_discount


@dataclass(frozen=True, slots=True)
class ChargeResult:
    applied: int
    taxes: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class OrderResult:
    lines: list[LineResult]
    charges: list[ChargeResult]
    apportioned: list[bool]

    @property
    def total(self) -> int:
        """Without tips and rounding; an apportioned charge is inside the lines."""
        own = sum(charge.total for charge, spread in zip(self.charges, self.apportioned, strict=True) if not spread)
        return sum(line.total for line in self.lines) + own

    @property
    def tax(self) -> int:
        return sum(sum(line.taxes) for line in self.lines) + sum(sum(charge.taxes) for charge in self.charges)

    @property
    def discount(self) -> int:
        return sum(line.discount + line.order_discount for line in self.lines)

    @property
    def service_charge(self) -> int:
        """The sum of what was applied: with inclusive tax, without added tax."""
        return sum(charge.applied for charge in self.charges)


def half_up(value: Fraction) -> int:
    """Nearest whole; a half goes away from zero."""
    size = (abs(value) * 2 + 1) // 2
    return int(size) if value >= 0 else -int(size)


def part(amount: int, percentage: Decimal) -> int:
    return half_up(Fraction(amount) * Fraction(percentage) / 100)


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """Split so that the parts add up: whole parts first, what is left to the largest remainders, earlier ones first."""
    whole = sum(weights)
    if not amount:
        return [0] * len(weights)
    if not whole:
        raise ValueError("There is no line to spread this amount over.")
    exact = [Fraction(amount * weight, whole) for weight in weights]
    parts = [value.__floor__() for value in exact]
    order = sorted(range(len(weights)), key=lambda place: (parts[place] - exact[place], place))
    for place in order[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def taxed(amount: int, rates: Sequence[Rate]) -> tuple[list[int], int]:
    """The tax per rate on an amount that holds its inclusive ones, and the total with the added ones."""
    inside = sum((Fraction(rate.percentage) for rate in rates if rate.inclusive), Fraction(0))
    base = Fraction(amount) / (1 + inside / 100)
    taxes = [half_up(base * Fraction(rate.percentage) / 100) for rate in rates]
    added = sum(tax for tax, rate in zip(taxes, rates, strict=True) if not rate.inclusive)
    return taxes, amount + added


def calculate(lines: Sequence[LineInput], *, discount: int = 0, charges: Sequence[ChargeInput] = ()) -> OrderResult:
    """1. discounts, 2. charges on what is left, 3. apportioned charges into the lines, 4. tax per line and charge."""
    results = _discounted(lines, discount)
    base = sum(result.net for line, result in zip(lines, results, strict=True) if line.shares)
    applied = [charge.amount if charge.percentage is None else part(base, charge.percentage) for charge in charges]
    for charge, amount in zip(charges, applied, strict=True):
        if charge.apportioned:
            _spread(amount, lines, results)
    for line, result in zip(lines, results, strict=True):
        result.taxes, result.total = taxed(result.net + sum(result.charges), line.rates)
    outcome = [_charged(charge, amount) for charge, amount in zip(charges, applied, strict=True)]
    return OrderResult(results, outcome, [charge.apportioned for charge in charges])


def _discounted(lines: Sequence[LineInput], discount: int) -> list[LineResult]:
    shares = apportion(discount, [line.gross - line.discount if line.shares else 0 for line in lines])
    return [LineResult(line.gross, line.discount, share) for line, share in zip(lines, shares, strict=True)]


def _spread(amount: int, lines: Sequence[LineInput], results: Sequence[LineResult]) -> None:
    weights = [result.net if line.shares else 0 for line, result in zip(lines, results, strict=True)]
    for result, share in zip(results, apportion(amount, weights), strict=True):
        result.charges.append(share)


def _charged(charge: ChargeInput, applied: int) -> ChargeResult:
    if charge.apportioned:
        return ChargeResult(applied, (), applied)
    taxes, total = taxed(applied, charge.rates)
    return ChargeResult(applied, tuple(taxes), total)
