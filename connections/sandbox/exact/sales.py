"""salesentry/SalesEntries and their lines: revenue and VAT against the customer's receivable."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
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

SALES_JOURNALS = (20, 21)
INVOICE, CREDIT = 20, 21
_PLAIN = (
    "BatchNumber",
    "Description",
    "Document",
    "ExternalLinkReference",
    "GAccountAmountFC",
    "IsExtraDuty",
    "OrderNumber",
    "PaymentReference",
    "ProcessNumber",
    "WithholdingTaxAmountDC",
    "WithholdingTaxBaseAmount",
    "WithholdingTaxPercentage",
)
_LINE_PLAIN = (
    "Asset",
    "Description",
    "From",
    "Notes",
    "Project",
    "Quantity",
    "SerialNumber",
    "Subscription",
    "To",
    "TrackingNumber",
)
_LEDGER_COLUMNS = ("CostCenter", "CostCenterDescription", "CostUnit", "CostUnitDescription", "Notes", "Quantity")


def post(division: ExactDivision, body: Row) -> Row:
    """A new entry, booked at once. Raises `Rule`; then nothing has changed."""
    lines = body["SalesEntryLines"]
    if not lines:
        raise Rule("mandatory", "SalesEntryLines")
    head = _head(division, body)
    drafts = [_line(division, head, line) for line in lines]
    head["EntryNumber"] = checks.number(
        division, head["Journal"], head["_year"], body.get("EntryNumber"), "salesentries"
    )
    head["InvoiceNumber"] = body.get("InvoiceNumber") or head["EntryNumber"]
    division.tables["salesentries"].insert(division.stamped(head))
    for number, draft in enumerate(drafts, 1):
        division.add("salesentrylines", **draft, EntryID=head["EntryID"], LineNumber=number)
    return rebook(division, head["EntryID"])


def _head(division: ExactDivision, body: Row) -> Row:
    journal = checks.journal(division, body["Journal"], "Journal", *SALES_JOURNALS)
    customer = checks.customer(division, body["Customer"])
    date = checks.day(body.get("EntryDate") or division.now())
    year, period = division.periods.of(date, year=body.get("ReportingYear"), period=body.get("ReportingPeriod"))
    division.periods.must_be_open(journal["Code"], year, period)
    currency, rate = checks.currency(division, body.get("Currency"), journal, body.get("Rate"), on=date)
    return {
        **{name: body[name] for name in _PLAIN if name in body},
        **_terms(division, body, customer, date),
        "EntryID": division.guid(),
        "Journal": journal["Code"],
        "JournalDescription": journal["Description"],
        "Customer": customer["ID"],
        "CustomerName": customer["Name"],
        "EntryDate": date,
        "ReportingYear": year,
        "ReportingPeriod": period,
        "Currency": currency,
        "Rate": rate,
        "Reversal": bool(body.get("Reversal")),
        "YourRef": _your_ref(division, body.get("YourRef")),
        "Status": ledger.STATUS_OPEN,
        "StatusDescription": "Open",
        "_journal": journal["Code"],
        "_year": year,
        "_period": period,
        "_receivable": division.guid(),
        "_control": _control(division, customer),
    }


def _control(division: ExactDivision, customer: Row) -> str:
    """The receivables account: the customer's own, else the division's."""
    row = checks.gl_account(division, customer.get("GLAR") or division.receivables_account["ID"])
    return str(row["ID"])


def _your_ref(division: ExactDivision, text: str | None) -> str | None:
    """# Reference: section 9, SalesEntries: Exact cuts it at 50 characters."""
    return text[: division.switches.your_ref_length] if text else text


def _terms(division: ExactDivision, body: Row, customer: Row, date: datetime) -> Row:
    code = body.get("PaymentCondition") or customer.get("PaymentConditionSales") or "30"
    condition = checks.payment_condition(division, code)
    days = condition["PaymentDays"] if condition else 0
    return {
        "PaymentCondition": condition and condition["Code"],
        "PaymentConditionDescription": condition and condition["Description"],
        "PaymentConditionPaymentMethod": condition and condition["PaymentMethod"],
        "DueDate": body.get("DueDate") or date + timedelta(days=days),
    }


def _line(division: ExactDivision, head: Row, line: Row) -> Row:
    """The stored columns of a line. Its VAT code falls back to the account's."""
    gl = checks.gl_account(division, line["GLAccount"])
    vat = checks.sales_code(division, line.get("VATCode") or gl.get("VATCode"))
    amount = cents(line.get("AmountFC") or 0)
    tax = checks.vat_amount(vat, amount, line.get("VATAmountFC"))
    net = amount - tax if vat and vat["Type"] == "I" else amount
    return {
        **{name: line[name] for name in _LINE_PLAIN if name in line},
        **checks.cost_columns(division, line, gl),
        "GLAccount": gl["ID"],
        "GLAccountCode": gl["Code"],
        "GLAccountDescription": gl["Description"],
        "AmountFC": amount,
        "AmountDC": cents(amount * head["Rate"]),
        "VATCode": vat and vat["Code"],
        "VATCodeDescription": vat and vat["Description"],
        "VATPercentage": vat["Percentage"] if vat else None,
        "VATAmountFC": tax,
        "VATAmountDC": cents(tax * head["Rate"]),
        "VATBaseAmountFC": net,
        "VATBaseAmountDC": cents(net * head["Rate"]),
        "Type": CREDIT if amount < 0 else INVOICE,
    }


def rebook(division: ExactDivision, entry: str) -> Row:
    """Write the entry's ledger lines anew from its stored lines, and the totals on its header."""
    head = division.tables["salesentries"].rows[entry]
    lines = sorted(division.tables["salesentrylines"].find("EntryID", entry), key=lambda line: int(line["LineNumber"]))
    net = sum((line["VATBaseAmountFC"] for line in lines), Decimal("0.00"))
    tax = sum((line["VATAmountFC"] for line in lines), Decimal("0.00"))
    credit = net + tax < 0
    ledger.strike(division, entry, log=False)
    kind = CREDIT if credit else INVOICE
    ledger.book(division, _document(head, kind), _legs(division, head, lines, net + tax))
    return division.tables["salesentries"].change(
        entry,
        AmountFC=net + tax,
        AmountDC=cents((net + tax) * head["Rate"]),
        VATAmountFC=tax,
        VATAmountDC=cents(tax * head["Rate"]),
        Type=kind,
        TypeDescription="Sales credit note" if credit else "Sales entry",
        Modified=division.now(),
    )


def _document(head: Row, kind: int) -> Document:
    return Document(
        entry=head["EntryID"],
        number=head["EntryNumber"],
        journal={"Code": head["Journal"], "Description": head["JournalDescription"]},
        year=head["ReportingYear"],
        period=head["ReportingPeriod"],
        type=kind,
        currency=head["Currency"],
        rate=head["Rate"],
        your_ref=head["YourRef"],
        due=head["DueDate"],
        invoice_number=head["InvoiceNumber"],
    )


def _legs(division: ExactDivision, head: Row, lines: list[Row], gross: Decimal) -> list[Leg]:
    """Receivable, then the lines, then the VAT per code."""
    shared = {
        "date": head["EntryDate"],
        "account": division.tables["accounts"].rows[head["Customer"]],
        "description": head.get("Description"),
    }
    control = division.tables["glaccounts"].rows[head["_control"]]
    legs = [Leg(control, gross, 0, key=head["_receivable"], **shared)]
    legs += [_line_leg(division, line, shared) for line in lines]
    tax: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        tax[line["VATCode"] or ""] += line["VATAmountFC"]
    owed = [(code, amount) for code, amount in tax.items() if amount]
    first = lines[-1]["LineNumber"] + 1
    return legs + [_vat_leg(division, head, place, part, shared) for place, part in enumerate(owed, first)]


def _line_leg(division: ExactDivision, line: Row, shared: Row) -> Leg:
    gl = division.tables["glaccounts"].rows[line["GLAccount"]]
    columns = {"AmountVATFC": -line["VATAmountFC"], "AmountVATBaseFC": -line["VATBaseAmountFC"]}
    columns |= {name: line[name] for name in _LEDGER_COLUMNS if name in line}
    mine = {**shared, "description": line.get("Description") or shared["description"], "more": columns}
    vat = division.vat_row(line["VATCode"])
    return Leg(gl, -line["VATBaseAmountFC"], line["LineNumber"], vat=vat, key=line["ID"], **mine)


def _vat_leg(division: ExactDivision, head: Row, place: int, owed: tuple[str, Decimal], shared: Row) -> Leg:
    """Its key follows from entry and code, so that the line stays the same when the entry is booked anew."""
    code, amount = owed
    vat = division.tables["vatcodes"].find("Code", code)[0]
    key = str(uuid5(UUID(head["EntryID"]), code))
    return Leg(division.tables["glaccounts"].rows[vat["GLToPay"]], -amount, place, vat=vat, key=key, **shared)


_CHANGEABLE = (*_PLAIN, "DueDate", "InvoiceNumber")


def change(division: ExactDivision, entry: str, body: Row) -> None:
    """# Reference: section 9, PUT changes the header only; an entry stays in its financial year."""
    head = division.tables["salesentries"].rows[entry]
    if "SalesEntryLines" in body:
        raise Rule("not_allowed", "SalesEntryLines")
    division.periods.must_be_open(head["Journal"], head["ReportingYear"], head["ReportingPeriod"])
    changes: Row = {name: body[name] for name in _CHANGEABLE if name in body}
    if body.get("EntryDate"):
        changes |= _moved(division, head, checks.day(body["EntryDate"]))
    if body.get("Customer"):
        customer = checks.customer(division, body["Customer"])
        changes |= {"Customer": customer["ID"], "CustomerName": customer["Name"]}
    if "YourRef" in body:
        changes["YourRef"] = _your_ref(division, body["YourRef"])
    if "PaymentCondition" in body:
        condition = checks.payment_condition(division, body["PaymentCondition"])
        changes |= {"PaymentCondition": condition and condition["Code"]}
    division.tables["salesentries"].change(entry, **changes)
    rebook(division, entry)


def _moved(division: ExactDivision, head: Row, date: datetime) -> Row:
    year, period = division.periods.of(date)
    if year != head["ReportingYear"]:
        raise Rule("year_fixed")
    division.periods.must_be_open(head["Journal"], year, period)
    return {"EntryDate": date, "ReportingPeriod": period, "_period": period}


def _open_head(division: ExactDivision, entry: str | None) -> Row:
    head = division.tables["salesentries"].get(entry)
    if head is None:
        raise Rule("reference", "Entry")
    division.periods.must_be_open(head["Journal"], head["ReportingYear"], head["ReportingPeriod"])
    return head


def post_line(division: ExactDivision, body: Row) -> Row:
    if not body.get("EntryID"):
        raise Rule("mandatory", "Entry")
    head = _open_head(division, body["EntryID"])
    number = 1 + max(
        (line["LineNumber"] for line in division.tables["salesentrylines"].find("EntryID", head["EntryID"])), default=0
    )
    draft = _line(division, head, body)
    row = division.add("salesentrylines", **draft, EntryID=head["EntryID"], LineNumber=number)
    rebook(division, head["EntryID"])
    return row


def change_line(division: ExactDivision, key: str, body: Row) -> None:
    line = division.tables["salesentrylines"].rows[key]
    head = _open_head(division, line["EntryID"])
    fixed = {
        name: line.get(name) for name in ("GLAccount", "AmountFC", "VATCode", "CostCenter", "CostUnit", *_LINE_PLAIN)
    }
    division.tables["salesentrylines"].change(key, **_line(division, head, {**fixed, **body}), Modified=division.now())
    rebook(division, head["EntryID"])


def delete_line(division: ExactDivision, key: str) -> None:
    """Removing the last line removes the entry."""
    line = division.tables["salesentrylines"].rows[key]
    head = _open_head(division, line["EntryID"])
    division.tables["salesentrylines"].remove(key)
    if division.tables["salesentrylines"].find("EntryID", head["EntryID"]):
        rebook(division, head["EntryID"])
    else:
        ledger.remove(division, head["EntryID"])
