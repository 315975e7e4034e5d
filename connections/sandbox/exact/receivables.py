"""Open terms: one per sale and one per receipt, open until matched."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision
    from connections.sandbox.exact.ledger import Document, Leg

OPEN, MATCHED = 20, 50
GENERAL = 90  # the type of a general journal


def open_term(division: ExactDivision, document: Document, leg: Leg, line: Row) -> None:
    """For a line on a receivables account; matched at once where the switch says so."""
    row = _term(division, document, leg, line)
    division.tables["receivables"].insert(division.stamped(row))
    division.tables["receivableslist"].insert(_listed(division, row, line))
    if division.switches.auto_match == "exact" and leg.our_ref:
        _match(division, row, line)


def _term(division: ExactDivision, document: Document, leg: Leg, line: Row) -> Row:
    sign = division.switches.receivable_sign
    return {
        "ID": division.guid(),
        "Account": line.get("Account"),
        "AccountCode": line.get("AccountCode"),
        "AccountName": line.get("AccountName"),
        "AmountFC": sign * line["AmountFC"],
        "AmountDC": sign * line["AmountDC"],
        "Currency": document.currency,
        "RateFC": document.rate,
        "Description": leg.description,
        "DueDate": document.due or line["Date"],
        "EntryDate": line["Date"],
        "InvoiceDate": line["Date"],
        "EntryID": document.entry,
        "EntryNumber": document.number,
        "InvoiceNumber": line["InvoiceNumber"],
        "GLAccount": line["GLAccount"],
        "GLAccountCode": line["GLAccountCode"],
        "GLAccountDescription": line["GLAccountDescription"],
        "IsFullyPaid": False,
        "Journal": document.journal["Code"],
        "JournalDescription": document.journal["Description"],
        "PaymentMethod": "B",
        "Status": OPEN,
        "TransactionAmountFC": line["AmountFC"],
        "TransactionAmountDC": line["AmountDC"],
        "TransactionDueDate": document.due,
        "TransactionEntryID": document.entry,
        "TransactionID": line["ID"],
        "TransactionIsReversal": False,
        "TransactionReportingPeriod": document.period,
        "TransactionReportingYear": document.year,
        "TransactionStatus": line["Status"],
        "TransactionType": document.type,
        "YourRef": document.your_ref,
    }


def _listed(division: ExactDivision, term: Row, line: Row) -> Row:
    """# Reference: section 9, ReceivablesList: amount positive where the customer owes."""
    return {
        "HID": division.hid(),
        "Id": term["ID"],
        "AccountId": term["Account"],
        "AccountCode": term["AccountCode"],
        "AccountName": term["AccountName"],
        "Amount": line["AmountFC"],
        "AmountInTransit": 0,
        "CurrencyCode": term["Currency"],
        "Description": term["Description"],
        "DueDate": term["DueDate"],
        "EntryNumber": term["EntryNumber"],
        "InvoiceDate": term["InvoiceDate"],
        "InvoiceNumber": term["InvoiceNumber"],
        "JournalCode": term["Journal"],
        "JournalDescription": term["JournalDescription"],
        "YourRef": term["YourRef"],
    }


def _match(division: ExactDivision, term: Row, line: Row) -> None:
    """Close a sale and a receipt that fit exactly: same relation, invoice number, amount."""
    for other in division.tables["receivables"].find("InvoiceNumber", line["InvoiceNumber"]):
        fits = (other["Account"], other["TransactionAmountFC"]) == (term["Account"], -line["AmountFC"])
        if fits and other["Status"] == OPEN and other["ID"] != term["ID"]:
            _settle(division, other, line["ID"], line)
            _settle(division, term, other["TransactionID"], line)
            _book_difference(division, other, line)
            return


def _book_difference(division: ExactDivision, other: Row, line: Row) -> None:
    """What two matched lines differ by in the division's currency is an entry of its own. Reference: section 10.7,
    exchange differences appear as type 82 and are made by matching; account and journal are a guess.
    """
    from connections.sandbox.exact import ledger

    difference = other["TransactionAmountDC"] + line["AmountDC"]
    if not difference:
        return
    row = next(row for row in division.tables["journals"] if row["Type"] == GENERAL)
    year, period = line["FinancialYear"], line["FinancialPeriod"]
    document = ledger.Document(
        entry=division.guid(), number=division.next_number(row["Code"], year), journal=row, year=year, period=period,
        type=ledger.EXCHANGE_DIFFERENCE, currency=line["Currency"], rate=line["ExchangeRate"],
    )  # fmt: skip
    shared = {"date": line["Date"], "description": "Exchange difference", "amount": Decimal("0.00")}
    control = division.tables["glaccounts"].rows[line["GLAccount"]]
    relation = division.tables["accounts"].rows[line["Account"]]
    legs = [
        ledger.Leg(control, number=0, home=-difference, account=relation, **shared),
        ledger.Leg(division.exchange_account, number=1, home=difference, **shared),
    ]
    ledger.book(division, document, legs)


def _settle(division: ExactDivision, term: Row, counterpart: str, payment: Row) -> None:
    changes = {"Status": MATCHED, "IsFullyPaid": True, "LastPaymentDate": payment["Date"], "EndDate": payment["Date"]}
    division.tables["receivables"].change(term["ID"], **changes, Modified=division.now())
    division.tables["transactionlines"].change(term["TransactionID"], OffsetID=counterpart, Modified=division.now())
    for listed in division.tables["receivableslist"].find("Id", term["ID"]):
        division.tables["receivableslist"].remove(listed["HID"])


def close_terms(division: ExactDivision, entry: str) -> None:
    """The entry goes: its terms go, and what they were matched with is open again."""
    for term in division.tables["receivables"].find("EntryID", entry):
        line = division.tables["transactionlines"].get(term["TransactionID"])
        division.tables["receivables"].remove(term["ID"])
        for listed in division.tables["receivableslist"].find("Id", term["ID"]):
            division.tables["receivableslist"].remove(listed["HID"])
        if line is not None and line.get("OffsetID"):
            _reopen(division, line["OffsetID"])


def _reopen(division: ExactDivision, line_id: str) -> None:
    line = division.tables["transactionlines"].get(line_id)
    for term in division.tables["receivables"].find("TransactionID", line_id):
        if line is not None:
            reopened = {"Status": OPEN, "IsFullyPaid": False, "LastPaymentDate": None, "EndDate": None}
            division.tables["receivables"].change(term["ID"], **reopened)
            division.tables["transactionlines"].change(line_id, OffsetID=None)
            division.tables["receivableslist"].insert(_listed(division, term, line))


def match(division: ExactDivision, terms: list[int]) -> None:
    """What a bookkeeper does on a customer's card: terms that come to nothing are settled; else the largest keeps what
    is left. The terms by HID. Raises `ValueError` for terms of several customers, or of fewer than two.

    That a term matched in part stays on the list with its rest is a guess; a real division settles it.
    """
    table = division.tables["receivableslist"]
    rows = [row for row in table if row["HID"] in set(terms)]
    if len(rows) < 2 or len({row["AccountId"] for row in rows}) != 1:  # noqa: PLR2004 - two sides at least
        raise ValueError("Match at least two open terms of one customer.")
    rest = sum(row["Amount"] for row in rows)
    largest = max(rows, key=lambda row: abs(row["Amount"]))
    lines = {row["HID"]: _line_of(division, row) for row in rows}
    for row in rows:
        if rest and row is largest:
            table.change(row["HID"], Amount=rest)
            continue
        other = next(line for key, line in lines.items() if key != row["HID"])
        term = division.tables["receivables"].rows[row["Id"]]
        _settle(division, term, other["ID"], other)


def _line_of(division: ExactDivision, listed: Row) -> Row:
    term = division.tables["receivables"].rows[listed["Id"]]
    return division.tables["transactionlines"].rows[term["TransactionID"]]
