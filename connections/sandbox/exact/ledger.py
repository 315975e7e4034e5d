"""TransactionLines: the one place where the books are written. Debit +, credit -; every entry sums to zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from connections.sandbox.exact import receivables
from connections.sandbox.exact.checks import RECEIVABLES, cents
from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision

STATUS_OPEN = 20
EXCHANGE_DIFFERENCE = 82  # Reference: section 9, TransactionLines.Type


@dataclass(frozen=True)
class Leg:
    """One line to book. `number` 0 is the header line: the receivable of a sale, the bank of a statement."""

    gl: Row
    amount: Decimal
    number: int
    date: datetime
    description: str | None = None
    account: Row | None = None
    vat: Row | None = None
    key: str = ""
    our_ref: int | None = None
    home: Decimal | None = None  # where the amount in the division's currency does not follow from the rate
    more: Row = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """What all lines of an entry share."""

    entry: str
    number: int
    journal: Row
    year: int
    period: int
    type: int
    currency: str
    rate: Decimal
    your_ref: str | None = None
    due: datetime | None = None
    invoice_number: int | None = None


def book(division: ExactDivision, document: Document, legs: Iterable[Leg]) -> list[Row]:
    """Write the lines and the open terms they make. Raises `Rule` when they do not balance."""
    legs = list(legs)
    if sum(leg.amount for leg in legs) != 0:
        difference = sum((leg.amount for leg in legs), Decimal("0.00"))
        raise Rule("unbalanced", "", f"{document.year} / {document.period}: {document.currency} {difference}")
    amounts = _home_amounts(document, legs)
    rows = []
    for leg, amount in zip(legs, amounts, strict=True):
        row = division.tables["transactionlines"].insert(_line(division, document, leg, amount))
        if leg.gl["Type"] == RECEIVABLES and document.type != EXCHANGE_DIFFERENCE:
            receivables.open_term(division, document, leg, row)
        rows.append(row)
    return rows


def _home_amounts(document: Document, legs: list[Leg]) -> list[Decimal]:
    """In the division's currency; cents lost by the rate fall to the first line."""
    amounts = [cents(leg.amount * document.rate) if leg.home is None else leg.home for leg in legs]
    if amounts:
        amounts[0] -= sum(amounts)
    return amounts


def _line(division: ExactDivision, document: Document, leg: Leg, amount: Decimal) -> Row:
    row = {
        "ID": leg.key or division.guid(),
        "EntryID": document.entry,
        "EntryNumber": document.number,
        "JournalCode": document.journal["Code"],
        "JournalDescription": document.journal["Description"],
        "Date": leg.date,
        "FinancialYear": document.year,
        "FinancialPeriod": document.period,
        "Type": document.type,
        "Status": STATUS_OPEN,
        "LineNumber": leg.number,
        "LineType": 0,
        "GLAccount": leg.gl["ID"],
        "GLAccountCode": leg.gl["Code"],
        "GLAccountDescription": leg.gl["Description"],
        "AmountFC": leg.amount,
        "AmountDC": amount,
        "Currency": document.currency,
        "ExchangeRate": document.rate,
        "Description": leg.description,
        "YourRef": document.your_ref,
        "DueDate": document.due,
        "InvoiceNumber": leg.our_ref or document.invoice_number,
    }
    if leg.account is not None:
        row |= {"Account": leg.account["ID"], "AccountCode": leg.account["Code"], "AccountName": leg.account["Name"]}
    if leg.vat is not None:
        row |= {
            "VATCode": leg.vat["Code"],
            "VATCodeDescription": leg.vat["Description"],
            "VATPercentage": leg.vat["Percentage"],
            "VATType": leg.vat["Type"],
        }
    return division.stamped({**row, **leg.more})


def strike(division: ExactDivision, entry: str, *, log: bool = True) -> None:
    """Take an entry's lines and open terms out of the books."""
    receivables.close_terms(division, entry)
    for row in division.tables["transactionlines"].find("EntryID", entry):
        if log:
            division.forget("transactionlines", row["ID"])
        else:
            division.tables["transactionlines"].remove(row["ID"])


FAMILIES = (
    ("salesentries", "salesentrylines"),
    ("bankentries", "bankentrylines"),
    ("cashentries", "cashentrylines"),
    ("generaljournalentries", "generaljournalentrylines"),
)


def remove(division: ExactDivision, entry: str) -> None:
    """Delete a whole entry. Raises `LookupError` when there is none, `Rule` when it may not go."""
    for heads, lines in FAMILIES:
        head = division.tables[heads].get(entry)
        if head is None:
            continue
        if head["Status"] != STATUS_OPEN:
            raise Rule("processed")
        division.periods.must_be_open(head["_journal"], head["_year"], head["_period"])
        strike(division, entry)
        for line in division.tables[lines].find("EntryID", entry):
            division.tables[lines].remove(line["ID"])
        division.tables[heads].remove(entry)
        return
    raise LookupError(f"Division {division.code} has no entry {entry}.")
