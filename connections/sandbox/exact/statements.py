"""Bank, cash and general journal entries: money received and paid, and memos.

# Reference: section 10.1. On bank and cash lines a receipt is positive: the line is the movement of the bank, the named
account gets the opposite sign. General journal lines carry the ledger sign itself.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from connections.sandbox.exact import checks, ledger
from connections.sandbox.exact.checks import cents
from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.ledger import Document, Leg
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision

CASH_FLOW, OTHER = 40, 90
_LEDGER_COLUMNS = ("CostCenter", "CostCenterDescription", "CostUnit", "Notes", "Quantity", "OffsetID")
_PLAIN = (
    "Asset",
    "Date",
    "Description",
    "Document",
    "Notes",
    "OurRef",
    "Project",
    "Quantity",
    "ExchangeRate",
    "OffsetID",
)


class Kind:
    """The three families differ in journal type, table names and whether the journal's own account is a line."""

    def __init__(self, heads: str, lines: str, collection: str, journal_type: int) -> None:
        self.heads, self.lines, self.collection, self.journal_type = heads, lines, collection, journal_type

    @property
    def is_memo(self) -> bool:
        return self.journal_type == OTHER


BANK = Kind("bankentries", "bankentrylines", "BankEntryLines", 12)
CASH = Kind("cashentries", "cashentrylines", "CashEntryLines", 10)
GENERAL = Kind("generaljournalentries", "generaljournalentrylines", "GeneralJournalEntryLines", OTHER)


def post(division: ExactDivision, body: Row, kind: Kind) -> Row:
    """A new entry, booked at once. Raises `Rule`; then nothing has changed."""
    lines = body[kind.collection]
    if not lines:
        raise Rule("mandatory", kind.collection)
    head = _head(division, body, kind, lines)
    drafts = [_line(division, head, line, kind) for line in lines]
    total = sum((draft["AmountFC"] for draft in drafts), Decimal("0.00"))
    _must_balance(head, total, kind)
    if not kind.is_memo:
        head |= _balances(division, head, body, total, kind)
    head["EntryNumber"] = checks.number(
        division, head["JournalCode"], head["_year"], body.get("EntryNumber"), kind.heads
    )
    head = division.tables[kind.heads].insert(division.stamped(head))
    _note_latest(division, head, kind)
    rows = [division.add(kind.lines, **draft, **_tail(head, number)) for number, draft in enumerate(drafts, 1)]
    ledger.book(division, _document(head, kind), _legs(division, head, rows, total, kind))
    return head


def post_line(division: ExactDivision, body: Row, kind: Kind) -> Row:
    """A line added to a bank or cash entry that is still open; a memo has no room for one line alone."""
    head = division.tables[kind.heads].get(body.get("EntryID"))
    if head is None:
        raise Rule("reference", "Entry")
    division.periods.must_be_open(head["_journal"], head["_year"], head["_period"])
    latest = division.latest_statement.get((kind.heads, head["JournalCode"]))
    if latest != head["EntryID"] and not kind.is_memo:
        raise Rule("processed")  # a guess: a later entry already opens with this one's closing balance
    draft = _line(division, head, body, kind)
    rows = sorted(division.tables[kind.lines].find("EntryID", head["EntryID"]), key=lambda row: int(row["LineNumber"]))
    total = sum((row["AmountFC"] for row in rows), draft["AmountFC"])
    _must_balance(head, total, kind)
    row = division.add(kind.lines, **draft, **_tail(head, len(rows) + 1))
    if not kind.is_memo:
        head = division.tables[kind.heads].change(head["EntryID"], ClosingBalanceFC=head["OpeningBalanceFC"] + total)
    ledger.strike(division, head["EntryID"], log=False)
    ledger.book(division, _document(head, kind), _legs(division, head, [*rows, row], total, kind))
    return row


def _tail(head: Row, number: int) -> Row:
    return {"EntryID": head["EntryID"], "EntryNumber": head["EntryNumber"], "LineNumber": number}


def _must_balance(head: Row, total: Decimal, kind: Kind) -> None:
    if kind.is_memo and total != 0:
        raise Rule("unbalanced", "", f"{head['_year']} / {head['_period']}: {head['Currency']} {total}")


def _head(division: ExactDivision, body: Row, kind: Kind, lines: list[Row]) -> Row:
    wanted = division.switches.general_journal_type if kind.is_memo else kind.journal_type
    journal = checks.journal(division, body["JournalCode"], "JournalCode", wanted)
    date = checks.day(next((line["Date"] for line in lines if line.get("Date")), None) or division.now())
    year, period = division.periods.of(date, year=body.get("FinancialYear"), period=body.get("FinancialPeriod"))
    division.periods.must_be_open(journal["Code"], year, period)
    if not kind.is_memo:
        checks.gl_account(division, journal["GLAccount"])
    given = body.get("ExchangeRate") or next((line["ExchangeRate"] for line in lines if line.get("ExchangeRate")), None)
    currency, rate = checks.currency(division, body.get("Currency"), journal, given, on=date)
    row = {
        "EntryID": division.guid(),
        "JournalCode": journal["Code"],
        "JournalDescription": journal["Description"],
        "Currency": currency,
        "FinancialYear": year,
        "FinancialPeriod": period,
        "Status": ledger.STATUS_OPEN,
        "StatusDescription": "Open",
        "_journal": journal["Code"],
        "_year": year,
        "_period": period,
        "_rate": rate,
        "_date": date,
        "_gl": journal["GLAccount"],
        "_allow_vat": journal["AllowVAT"],
    }
    if kind.is_memo:
        row |= {
            "Type": OTHER,
            "TypeDescription": "General journal entry",
            "ExchangeRate": rate,
            "Reversal": bool(body.get("Reversal")),
        }
    else:
        row["BankStatementDocument"] = body.get("BankStatementDocument")
    return row


def _line(division: ExactDivision, head: Row, line: Row, kind: Kind) -> Row:
    gl = checks.gl_account(division, line["GLAccount"])
    account = checks.account(division, line["Account"]) if line.get("Account") else None
    if account is None and gl["Type"] in (checks.RECEIVABLES, checks.PAYABLES):
        raise Rule("mandatory", "Account")
    vat = checks.vat_code(division, line.get("VATCode"))
    if vat is not None and kind.is_memo and not head["_allow_vat"]:
        # Reference: section 6, "Niet toegestaan: Btw-code".
        raise Rule("not_allowed", "VATCode")
    amount = cents(_amount(division, line, kind))
    return {
        **{name: line[name] for name in _PLAIN if name in line},
        **checks.cost_columns(division, line, gl),
        "Date": checks.day(line.get("Date") or head["_date"]),
        "GLAccount": gl["ID"],
        "GLAccountCode": gl["Code"],
        "GLAccountDescription": gl["Description"],
        "Account": account and account["ID"],
        "AccountCode": account and account["Code"],
        "AccountName": account and account["Name"],
        "AmountFC": amount,
        "AmountDC": cents(amount * head["_rate"]),
        "AmountVATFC": _vat(vat, amount, line.get("AmountVATFC"), kind),
        "VATCode": vat and vat["Code"],
        "VATCodeDescription": vat and vat["Description"],
        "VATPercentage": vat["Percentage"] if vat else None,
        "VATType": vat and vat["Type"],
    }


def _amount(division: ExactDivision, line: Row, kind: Kind) -> Decimal:
    """# Reference: section 1.7, a posted AmountDC is ignored and the line is booked with 0."""
    if line.get("AmountFC") is not None:
        return Decimal(line["AmountFC"])
    if kind.is_memo and division.switches.general_amount_dc and line.get("_AmountDC") is not None:
        return Decimal(line["_AmountDC"])
    return Decimal(0)


def _vat(vat: Row | None, amount: Decimal, given: Decimal | None, kind: Kind) -> Decimal | None:
    """VAT inside a bank line; on memos it is beside the amount and booked by lines of its own."""
    if vat is None:
        return None
    tax = cents(given if given is not None else amount - amount / (1 + Decimal(vat["Percentage"])))
    if tax and not kind.is_memo and not vat["GLToClaim" if amount < 0 else "GLToPay"]:
        raise Rule("invalid", "VATCode")
    return tax


def _balances(division: ExactDivision, head: Row, body: Row, total: Decimal, kind: Kind) -> Row:
    """# Reference: section 9, opening = closing of the journal's latest entry, opening + lines = closing."""
    opening = latest_closing(division, head["JournalCode"], kind)
    sent_opening, sent_closing = body.get("OpeningBalanceFC"), body.get("ClosingBalanceFC")
    if division.switches.balances_required and (sent_opening is None or sent_closing is None):
        raise Rule("mandatory", "OpeningBalanceFC")
    if sent_opening is not None and cents(sent_opening) != opening:
        raise Rule("invalid", "OpeningBalanceFC", str(sent_opening))
    if sent_closing is not None and cents(sent_closing) != opening + total:
        raise Rule("balances", "", f"{head['Currency']} {cents(sent_closing) - opening - total}")
    return {"OpeningBalanceFC": opening, "ClosingBalanceFC": opening + total}


def latest_closing(division: ExactDivision, journal: str, kind: Kind) -> Decimal:
    latest = division.latest_statement.get((kind.heads, journal))
    if latest is not None and (row := division.tables[kind.heads].get(latest)) is not None:
        return Decimal(row["ClosingBalanceFC"])
    rows = division.tables[kind.heads].find("JournalCode", journal)
    last = max(rows, key=lambda row: (row["FinancialYear"], row["EntryNumber"]), default=None)
    return Decimal(last["ClosingBalanceFC"]) if last else Decimal("0.00")


def _note_latest(division: ExactDivision, head: Row, kind: Kind) -> None:
    place = (kind.heads, head["JournalCode"])
    known = division.tables[kind.heads].get(division.latest_statement.get(place))
    if known is None or (known["_year"], known["EntryNumber"]) < (head["_year"], head["EntryNumber"]):
        division.latest_statement[place] = head["EntryID"]


def _document(head: Row, kind: Kind) -> Document:
    return Document(
        entry=head["EntryID"],
        number=head["EntryNumber"],
        journal={"Code": head["JournalCode"], "Description": head["JournalDescription"]},
        year=head["FinancialYear"],
        period=head["FinancialPeriod"],
        type=OTHER if kind.is_memo else CASH_FLOW,
        currency=head["Currency"],
        rate=head["_rate"],
    )


def _legs(division: ExactDivision, head: Row, rows: list[Row], total: Decimal, kind: Kind) -> list[Leg]:
    legs = [] if kind.is_memo else [_own_leg(division, head, rows, total)]
    legs += [_line_leg(division, row, kind) for row in rows]
    taxed = [] if kind.is_memo else [row for row in rows if row["AmountVATFC"]]
    first = rows[-1]["LineNumber"] + 1
    return legs + [_vat_leg(division, row, place) for place, row in enumerate(taxed, first)]


def _own_leg(division: ExactDivision, head: Row, rows: list[Row], total: Decimal) -> Leg:
    """The bank or cash account of the journal, with the sum of the lines."""
    own = division.tables["glaccounts"].rows[head["_gl"]]
    key = str(uuid5(UUID(head["EntryID"]), "own"))
    return Leg(own, total, 0, date=head["_date"], description=rows[0].get("Description"), key=key)


def _shared(division: ExactDivision, row: Row) -> Row:
    account = division.tables["accounts"].get(row["Account"]) if row["Account"] else None
    vat = division.vat_row(row["VATCode"])
    return {"date": row["Date"], "description": row.get("Description"), "account": account, "vat": vat}


def _line_leg(division: ExactDivision, row: Row, kind: Kind) -> Leg:
    gl = division.tables["glaccounts"].rows[row["GLAccount"]]
    amount = row["AmountFC"] if kind.is_memo else -(row["AmountFC"] - (row["AmountVATFC"] or 0))
    columns = {name: row[name] for name in _LEDGER_COLUMNS if name in row}
    shared = _shared(division, row)
    return Leg(gl, amount, row["LineNumber"], key=row["ID"], our_ref=row.get("OurRef"), more=columns, **shared)


def _vat_leg(division: ExactDivision, row: Row, place: int) -> Leg:
    """The VAT inside a line: to claim when money goes out, to pay when it comes in."""
    shared = _shared(division, row)
    side = shared["vat"]["GLToClaim" if row["AmountFC"] < 0 else "GLToPay"]
    key = str(uuid5(UUID(row["ID"]), "vat"))
    return Leg(division.tables["glaccounts"].rows[side], -row["AmountVATFC"], place, key=key, **shared)
