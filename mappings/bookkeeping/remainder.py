"""What is left of a sale after its refunds, line by line, and which part of it an amount is.

A pool is a tuple of sales lines, net and VAT. The part of an amount: largest remainder over what is left of each line,
gross; of the VAT that is left, the same share, half-up. An amount that is all that is left takes every line as it
stands, so the refunds of a sale add up to it per account, code and VAT, in whatever steps and order they come.
A discount on an account of its own goes with what it was given on: together they weigh, and are taxed, as one netted
line would be, and of each the same share comes back.
Reference: bookkeeping section 2, refund by amount; section 6, case 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from connections import money
from mappings.bookkeeping.legs import Line
from mappings.roles import Role

Key = tuple[str, ...]
DISCOUNTED = (Role.REVENUE, Role.GIFT_CARD, Role.DISCOUNT)


def key_of(line: Line) -> Key:
    return line.role, line.account.id, line.vat_code, line.cost_center, line.cost_unit


def gross(pool: Iterable[Line]) -> int:
    return sum(line.amount + line.vat for line in pool)


def together(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines added up by account, code and cost centre, in the order they first come; what cancels out is gone."""
    sums: dict[Key, Line] = {}
    for line in lines:
        held = sums.get(key_of(line))
        sums[key_of(line)] = replace(held, amount=held.amount + line.amount, vat=held.vat + line.vat) if held else line
    return tuple(line for line in sums.values() if line.amount or line.vat)


def part(pool: Sequence[Line], amount: int) -> tuple[Line, ...]:
    """`amount` of the pool, gross. A line below zero (cash rounded down) goes with the last part only.

    Raises `ValueError` for less than nothing or more than the pool.
    """
    whole = gross(pool)
    if not 0 < amount <= whole:
        raise ValueError(f"{amount} is no part of {whole}")
    if amount == whole:
        return tuple(pool)
    bundles = _bundles(pool)
    shares = money.share(amount, [max(gross(bundle), 0) for bundle in bundles])
    found = (line for bundle, share in zip(bundles, shares, strict=True) if share for line in _parts(bundle, share))
    return tuple(line for line in found if line.amount or line.vat)


def _bundles(pool: Sequence[Line]) -> list[list[Line]]:
    """Each line alone, but discounts together with what was sold at their VAT code."""
    codes = {line.vat_code for line in pool if line.role is Role.DISCOUNT}
    bundles: dict[object, list[Line]] = {}
    for place, line in enumerate(pool):
        joined = line.role in DISCOUNTED and line.vat_code in codes
        bundles.setdefault(line.vat_code if joined else place, []).append(line)
    return list(bundles.values())


def _parts(bundle: Sequence[Line], share: int) -> list[Line]:
    if len(bundle) == 1:
        return [_of(bundle[0], share)]
    less = [line for line in bundle if line.role is Role.DISCOUNT]
    sold = [line for line in bundle if line.role is not Role.DISCOUNT]
    whole = gross(bundle)
    given = [
        replace(line, amount=_half_up(line.amount * share, whole), vat=_half_up(line.vat * share, whole))
        for line in less
    ]
    vat = _half_up(sum(line.vat for line in bundle) * share, whole)
    nets = _shared(share - vat - sum(line.amount for line in given), [line.amount for line in sold])
    vats = _shared(vat - sum(line.vat for line in given), [line.vat for line in sold])
    return [*(replace(line, amount=n, vat=v) for line, n, v in zip(sold, nets, vats, strict=True)), *given]


def _shared(amount: int, weights: Sequence[int]) -> list[int]:
    """By weight; what nothing weighs for stands on the first line."""
    if len(weights) == 1 or amount < 0 or min(weights) < 0 or not any(weights):
        return [amount, *([0] * (len(weights) - 1))]
    return money.share(amount, weights)


def _of(line: Line, share: int) -> Line:
    vat = _half_up(line.vat * share, line.amount + line.vat)
    return replace(line, amount=share - vat, vat=vat)


def _half_up(amount: int, by: int) -> int:
    return int((Decimal(amount) / by).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def holds(pool: Iterable[Line], taken: Iterable[Line]) -> bool:
    """Whether no line of `taken` asks for more, net or VAT, than the pool has of it. Rounding has either sign, and a
    discount the other one.
    """
    left = {key_of(line): line for line in pool}
    return all(line.role is Role.ROUNDING or _within(line, left.get(key_of(line))) for line in taken)


def _within(line: Line, left: Line | None) -> bool:
    if left is None:
        return False
    if line.role is Role.DISCOUNT:
        line, left = _opposite(line), _opposite(left)
    return 0 <= line.amount <= left.amount and 0 <= line.vat <= left.vat


def _opposite(line: Line) -> Line:
    return replace(line, amount=-line.amount, vat=-line.vat)
