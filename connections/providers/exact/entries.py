"""The bodies of entries: pure, and the same bytes for the same input.

Amounts come in minor units of the currency and stand in the body as `Decimal` with the currency's decimals. Only
properties that Exact takes are written: read-only ones it ignores in silence, AmountDC books zero.
Reference: exact-online.md 1 (7, 8), 9 (SalesEntries, BankEntries), 10.1 to 10.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connections.money import to_decimal

# Exact cuts YourRef here, and a reference that was cut is never found again. Reference: exact-online.md 9, 13.
LONGEST_REFERENCE = 50


@dataclass(frozen=True, slots=True)
class SalesLine:
    """`amount` net of VAT, positive for revenue. `vat` overrides Exact's own computation; None leaves it to Exact.

    `vat_code` is required: an omitted one falls back to the account's default and taxes what must not be taxed.
    """

    gl_account: str
    amount: int
    vat_code: str
    vat: int | None = None
    description: str = ""
    cost_center: str = ""
    cost_unit: str = ""


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """`amount` is the movement of the bank or cash account: a receipt is positive, a fee negative.

    `account` is the customer (for receivables), `our_ref` the number of the sales entry it settles. `vat` is inside the
    amount and overrides Exact's own computation; None leaves it to Exact.
    """

    gl_account: str
    amount: int
    description: str
    date: date
    account: str = ""
    our_ref: int | None = None
    vat_code: str = ""
    vat: int | None = None
    cost_center: str = ""
    cost_unit: str = ""


def sales_entry(
    *,
    customer: str,
    journal: str,
    date: date,
    reference: str,
    description: str,
    currency: str,
    lines: Sequence[SalesLine],
    payment_condition: str = "",
    due_date: date | None = None,
) -> dict[str, Any]:
    """For `resources.SALES_ENTRIES`. `reference` becomes YourRef. Raises `ValueError` for one that Exact cuts."""
    if not reference or len(reference) > LONGEST_REFERENCE:
        raise ValueError(f"a sales entry needs a reference of 1 to {LONGEST_REFERENCE} characters")
    return _without_gaps(
        {
            "Customer": customer,
            "Journal": journal,
            "EntryDate": date.isoformat(),
            "DueDate": due_date.isoformat() if due_date else "",
            "YourRef": reference,
            "Description": description,
            "Currency": currency,
            "PaymentCondition": payment_condition,
            "SalesEntryLines": [_sales_line(line, currency) for line in _some(lines)],
        }
    )


def bank_entry(*, journal: str, currency: str, lines: Sequence[MoneyLine]) -> dict[str, Any]:
    """For `resources.BANK_ENTRIES`. Balances are left to Exact: sent ones must chain, and two writers would race."""
    return _money_entry("BankEntryLines", journal, currency, lines)


def cash_entry(*, journal: str, currency: str, lines: Sequence[MoneyLine]) -> dict[str, Any]:
    """For `resources.CASH_ENTRIES`."""
    return _money_entry("CashEntryLines", journal, currency, lines)


def encode(body: Mapping[str, Any]) -> bytes:
    """The body as JSON: keys sorted, no spaces, ASCII, decimals digit for digit as plain numbers.

    Raises `TypeError` for a float or anything else that JSON or money does not know.
    """
    return _written(body).encode("ascii")


def _money_entry(name: str, journal: str, currency: str, lines: Sequence[MoneyLine]) -> dict[str, Any]:
    return {"JournalCode": journal, "Currency": currency, name: [_money_line(line, currency) for line in _some(lines)]}


def _sales_line(line: SalesLine, currency: str) -> dict[str, Any]:
    if not line.vat_code:
        raise ValueError("every sales line carries a VAT code")
    return _without_gaps(
        {
            "GLAccount": line.gl_account,
            "AmountFC": to_decimal(line.amount, currency),
            "VATCode": line.vat_code,
            "VATAmountFC": None if line.vat is None else to_decimal(line.vat, currency),
            "Description": line.description,
            "CostCenter": line.cost_center,
            "CostUnit": line.cost_unit,
        }
    )


def _money_line(line: MoneyLine, currency: str) -> dict[str, Any]:
    if not line.description:
        raise ValueError("every bank and cash line carries a description, which it is found by")
    return _without_gaps(
        {
            "GLAccount": line.gl_account,
            "AmountFC": to_decimal(line.amount, currency),
            "Description": line.description,
            "Date": line.date.isoformat(),
            "Account": line.account,
            "OurRef": line.our_ref,
            "VATCode": line.vat_code,
            "AmountVATFC": None if line.vat is None else to_decimal(line.vat, currency),
            "CostCenter": line.cost_center,
            "CostUnit": line.cost_unit,
        }
    )


def _some(lines: Sequence[Any]) -> Sequence[Any]:
    if not lines:
        raise ValueError("an entry has at least one line")
    return lines


def _without_gaps(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in (None, "")}


def _written(value: Any) -> str:
    match value:
        case Mapping():
            return "{" + ",".join(f"{json.dumps(name)}:{_written(value[name])}" for name in sorted(value)) + "}"
        case list() | tuple():
            return "[" + ",".join(_written(item) for item in value) + "]"
        case Decimal() if value.is_finite():
            return format(value if value else abs(value), "f")
        case str() | bool() | int() | None:
            return json.dumps(value)
    raise TypeError(f"{type(value).__name__} does not go into an entry")
