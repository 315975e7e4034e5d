"""What Exact checks before it books, each with its business error."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision

CENT = Decimal("0.01")
RECEIVABLES, PAYABLES = 20, 22  # types of ledger accounts that need a relation on each line


def cents(amount: Decimal | int) -> Decimal:
    return Decimal(amount).quantize(CENT, rounding=ROUND_HALF_UP)


def day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def journal(division: ExactDivision, code: str | None, field: str, *types: int) -> Row:
    row = division.tables["journals"].first("Code", code) if code else None
    if row is None:
        raise Rule("reference", field)
    if row["Type"] not in types:
        raise Rule("invalid", "JournalType")
    if row["IsBlocked"]:
        raise Rule("blocked", field, str(code))
    return row


def gl_account(division: ExactDivision, key: str | None) -> Row:
    row = division.tables["glaccounts"].get(key) if key else None
    if row is None:
        raise Rule("reference", "GLAccount")
    if row["IsBlocked"]:
        raise Rule("blocked", "GLAccount", row["Code"])
    return row


def account(division: ExactDivision, key: str | None, field: str = "Account") -> Row:
    row = division.tables["accounts"].get(key) if key else None
    if row is None:
        raise Rule("reference", field)
    if row.get("Blocked"):
        raise Rule("blocked", field, row["Code"].strip())
    return row


def customer(division: ExactDivision, key: str | None) -> Row:
    row = account(division, key, "Customer")
    if row["Status"] != "C":
        # Reference: section 6, "Ongeldig: Klant (Type)".
        raise Rule("invalid", "CustomerType")
    return row


def vat_code(division: ExactDivision, code: str | None) -> Row | None:
    if not code or not code.strip():
        return None
    row = division.tables["vatcodes"].first("Code", code)
    if row is None:
        raise Rule("reference", "VATCode")
    if row["IsBlocked"]:
        raise Rule("blocked", "VATCode", code.strip())
    return row


def sales_code(division: ExactDivision, code: str | None) -> Row | None:
    """The VAT code of a sales line. A guess: that one for purchases is refused, and how, is not recorded."""
    row = vat_code(division, code)
    if row is not None and row["VATTransactionType"] == "P":
        raise Rule("invalid", "VATCode", row["Code"].strip())
    return row


def payment_condition(division: ExactDivision, code: str | None) -> Row | None:
    if not code:
        return None
    row = division.tables["paymentconditions"].first("Code", code)
    if row is None:
        raise Rule("reference", "PaymentCondition")
    return row


def cost_columns(division: ExactDivision, line: Row, gl: Row) -> Row:
    """Cost centre and unit of a line. 1 on the account makes one mandatory, 2 forbids it."""
    columns: Row = {}
    for field, table, use in (("CostCenter", "costcenters", "UseCostcenter"), ("CostUnit", "costunits", "UseCostunit")):
        code = line.get(field)
        if not code:
            if gl.get(use) == 1:
                raise Rule("mandatory", field)
            continue
        row = division.tables[table].first("Code", code)
        if row is None:
            raise Rule("reference", field)
        if row.get("Active") is False:
            # A guess: the words of Exact for an ended cost centre are not recorded.
            raise Rule("blocked", field, row["Code"])
        columns |= {field: row["Code"], f"{field}Description": row["Description"]}
    return columns


def currency(
    division: ExactDivision, code: str | None, in_journal: Row, rate: Decimal | None, *, on: datetime
) -> tuple[str, Decimal]:
    """The currency of an entry and its rate to the division's: as given, else the division's own of that day."""
    used = code or in_journal["Currency"]
    if used != in_journal["Currency"] and not in_journal["AllowVariableCurrency"]:
        raise Rule("invalid", "Currency", used)
    if used == division.currency:
        return used, Decimal(1)
    found = rate or division.rate_on(used, on.date())
    if not found:
        raise Rule("mandatory", "Rate")
    return used, found


def number(division: ExactDivision, journal_code: str, year: int, asked: int | None, table: str) -> int:
    """The entry number: assigned, unless the caller insists on one that is free."""
    if not asked:
        return division.next_number(journal_code, year)
    if division.tables[table].find("EntryNumber", asked):
        raise Rule("in_use", "EntryNumber")
    return asked


def vat_amount(code: Row | None, amount: Decimal, given: Decimal | None) -> Decimal:
    """VAT of an amount that excludes it (type I: that includes it), or as given."""
    rate = Decimal(code["Percentage"]) if code else Decimal(0)
    if given is not None:
        tax = cents(given)
    elif code and code["Type"] == "I":
        tax = cents(amount - amount / (1 + rate))
    else:
        tax = cents(amount * rate)
    if tax and (code is None or not rate or not code["GLToPay"]):
        # A guess: without a rate there is no account to book the VAT on. A recorded answer would settle it.
        raise Rule("invalid", "VATAmountFC", str(given))
    return tax
