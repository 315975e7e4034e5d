"""What is left of a sale after its refunds, line by line, and which part of it an amount is.

A pool is a tuple of sales lines, net and VAT. The part of an amount: largest remainder over what is left of each line,
gross; of the VAT that is left, the same share, half-up. An amount that is all that is left takes every line as it
stands, so the refunds of a sale add up to it per account, code and VAT, in whatever steps and order they come.
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
    shares = money.share(amount, [max(line.amount + line.vat, 0) for line in pool])
    return tuple(_of(line, share) for line, share in zip(pool, shares, strict=True) if share)


def _of(line: Line, share: int) -> Line:
    vat = _half_up(line.vat * share, line.amount + line.vat)
    return replace(line, amount=share - vat, vat=vat)


def _half_up(amount: int, by: int) -> int:
    return int((Decimal(amount) / by).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def holds(pool: Iterable[Line], taken: Iterable[Line]) -> bool:
    """Whether no line of `taken` asks for more, net or VAT, than the pool has of it. Rounding has either sign."""
    left = {key_of(line): line for line in pool}
    return all(line.role is Role.ROUNDING or _within(line, left.get(key_of(line))) for line in taken)


def _within(line: Line, left: Line | None) -> bool:
    return left is not None and 0 <= line.amount <= left.amount and 0 <= line.vat <= left.vat
