"""Amounts of Square: integers in the smallest unit, bounded so that sums of a year still fit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from connections.providers.errors import Unreadable
from connections.providers.payload import Reader

CURRENCY = re.compile("[A-Z]{3}")
# A hundred billion euros. Sums of a year of such amounts still fit 64 bits, and Exact's numbers hold each to the cent.
LARGEST = 10**13


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in the currency's smallest unit, signed: EUR 12.34 is 1234, JPY 500 is 500."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Fee:
    """One fee: positive is charged, negative is given back. `kind` is INITIAL or ADJUSTMENT of a payment or refund,
    TRANSFER_FEE or TAX_ON_TRANSFER_FEE of a payout.
    """

    amount: int
    kind: str
    effective_at: datetime | None


def money(reader: Reader, name: str) -> Money:
    """Required money. Square's payout objects write `currency_code`: both are read."""
    value = reader.record(name)
    currency = value.optional_text("currency") or value.optional_text("currency_code")
    if not currency:
        raise Unreadable(f"{value.path}.currency is missing")
    if not CURRENCY.fullmatch(currency):
        raise Unreadable(f"{value.path}.currency is not the code of a currency")
    return Money(amount=_bounded(value, value.integer("amount")), currency=currency)


def amount(reader: Reader, name: str) -> int:
    """The amount of optional money; absent counts as nothing."""
    value = reader.optional_record(name)
    return _bounded(value, value.optional_integer("amount")) if value else 0


def _bounded(reader: Reader, found: int) -> int:
    if abs(found) > LARGEST:
        raise Unreadable(f"{reader.path}.amount is larger than any amount of money can be")
    return found


def fee(reader: Reader, currency: str) -> Fee:
    value = money(reader, "amount_money")
    if value.currency != currency:
        raise Unreadable(f"{reader.path}.amount_money.currency differs from that of the whole")
    return Fee(
        amount=value.amount, kind=reader.optional_text("type"), effective_at=reader.optional_time("effective_at")
    )
