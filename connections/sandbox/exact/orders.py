"""Sales orders and quotations: lines of items for a customer, without any effect on the ledger.

# Reference: section 9, crm/Quotations and salesorder/SalesOrders; the pages of CompleteSalesOrder ("cannot be undone"),
# RejectQuotation ("can still be reopened") and SalesOrders (OrderedBy, DeliverTo and InvoiceTo of an existing order
# cannot be changed; a completed order cannot be updated), as REF25 restates them.
Guesses, which a recorded answer would settle: a new quotation is a draft (20); NetPrice counts where UnitPrice and
Discount come with it; a PUT of a header takes no lines; the last line cannot be removed; a quotation in the wrong state
is answered 201 with an ErrorMessage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from connections.sandbox.exact import checks
from connections.sandbox.exact.checks import cents
from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision

OPEN, PARTIAL, COMPLETE, CANCELLED = 12, 20, 21, 45
REJECTED, DRAFT, QUOTED, PRINTED, ACCEPTED = 5, 20, 25, 40, 50
_WORDS = {OPEN: "Open", PARTIAL: "Partial", COMPLETE: "Complete", CANCELLED: "Cancelled"}
_QUOTATION_WORDS = {REJECTED: "Rejected", DRAFT: "Draft", QUOTED: "Open", PRINTED: "Printed", ACCEPTED: "Accepted"}
_UNDECIDED = (DRAFT, QUOTED, PRINTED)
_PLAIN_LINE = ("Description", "Notes", "UnitCode", "UnitPrice", "Discount", "CostCenter", "CostUnit", "Project")


@dataclass(frozen=True)
class Kind:
    """What tells the two apart: tables, names of columns, and who may be quoted or sold to."""

    heads: str
    lines: str
    key: str
    collection: str
    account: str
    date: str
    number: str
    vat: str
    customer: Callable[[ExactDivision, str | None], Row]
    plain: tuple[str, ...]
    fixed: tuple[str, ...] = ()


ORDERS = Kind(
    heads="salesorders", lines="salesorderlines", key="OrderID", collection="SalesOrderLines", account="OrderedBy",
    date="OrderDate", number="OrderNumber", vat="VATAmount", customer=checks.customer,
    plain=("Description", "Remarks", "PaymentReference", "Discount", "DeliveryAddress"),
    fixed=("OrderedBy", "DeliverTo", "InvoiceTo"),
)  # fmt: skip
QUOTATIONS = Kind(
    heads="quotations", lines="quotationlines", key="QuotationID", collection="QuotationLines", account="OrderAccount",
    date="QuotationDate", number="QuotationNumber", vat="VATAmountFC", customer=checks.account,
    plain=("Description", "Remarks", "DueDate", "ClosingDate", "DeliveryAddress"),
)  # fmt: skip


def create(kind: Kind) -> Callable[[ExactDivision, Row], Row]:
    def created(division: ExactDivision, body: Row) -> Row:
        """Raises `Rule`; then nothing has changed."""
        if not body[kind.collection]:
            raise Rule("mandatory", kind.collection)
        head = _head(division, kind, body)
        drafts = [_line(division, kind, head, line) for line in body[kind.collection]]
        division.tables[kind.heads].insert(division.stamped(head))
        for number, draft in enumerate(drafts, 1):
            _insert(division, kind, head, draft, number)
        return _total(division, kind, head[kind.key])

    return created


def _rate(division: ExactDivision, kind: Kind, head: Row) -> Decimal:
    """Of the order's day; 1 in the division's own currency."""
    return division.rate_on(head["Currency"], head[kind.date].date()) or Decimal(1)


def _head(division: ExactDivision, kind: Kind, body: Row) -> Row:
    customer = kind.customer(division, body[kind.account])
    currency = body.get("Currency") or division.currency
    day = checks.day(body.get(kind.date) or division.now())
    if currency != division.currency and division.rate_on(currency, day.date()) is None:
        raise Rule("mandatory", "Rate")
    code = body.get("PaymentCondition") or customer.get("PaymentConditionSales") or "30"
    condition = checks.payment_condition(division, code)
    return {
        **{name: body[name] for name in kind.plain if name in body},
        **_states(kind),
        kind.key: division.guid(),
        kind.account: customer["ID"],
        f"{kind.account}Name": customer["Name"],
        kind.date: day,
        kind.number: body.get(kind.number)
        or 1 + max((row[kind.number] for row in division.tables[kind.heads]), default=0),
        "Currency": currency,
        "DeliveryDate": _day(body.get("DeliveryDate")) or day,
        "PaymentCondition": condition and condition["Code"],
        "PaymentConditionDescription": condition and condition["Description"],
        "YourRef": _your_ref(division, body.get("YourRef")),
    }


def _states(kind: Kind) -> Row:
    if kind is QUOTATIONS:
        return {"Status": DRAFT, "StatusDescription": _QUOTATION_WORDS[DRAFT], "VersionNumber": 1}
    words = {"StatusDescription": "Open", "DeliveryStatusDescription": "Open", "InvoiceStatusDescription": "Open"}
    return {"Status": OPEN, "DeliveryStatus": OPEN, "InvoiceStatus": OPEN, "ApprovalStatus": 1, **words}


def _day(moment: datetime | None) -> datetime | None:
    return checks.day(moment) if moment else None


def _your_ref(division: ExactDivision, text: str | None) -> str | None:
    return text[: division.switches.your_ref_length] if text else text


def _line(division: ExactDivision, kind: Kind, head: Row, line: Row) -> Row:
    """The stored columns. The VAT code falls back to the item's."""
    item = _item(division, line.get("Item"))
    vat = checks.vat_code(division, line.get("VATCode") or item.get("SalesVatCode"))
    quantity = Decimal(1) if line.get("Quantity") is None else line["Quantity"]
    price = _price(line)
    amount = cents(quantity * price)
    given = line.get(kind.vat) if kind is ORDERS else None
    return {
        **{name: line[name] for name in _PLAIN_LINE if name in line},
        "Item": item["ID"],
        "ItemCode": item["Code"],
        "ItemDescription": item["Description"],
        "Description": line.get("Description") or item["Description"],
        "Quantity": quantity,
        "NetPrice": price,
        "AmountFC": amount,
        "AmountDC": cents(amount * _rate(division, kind, head)),
        "VATCode": vat and vat["Code"],
        "VATCodeDescription" if kind is ORDERS else "VATDescription": vat and vat["Description"],
        "VATPercentage": vat["Percentage"] if vat else None,
        kind.vat: checks.vat_amount(vat, amount, given),
        **({"DeliveryDate": _day(line.get("DeliveryDate")) or head["DeliveryDate"]} if kind is ORDERS else {}),
    }


def _price(line: Row) -> Decimal:
    if line.get("NetPrice") is not None:
        return Decimal(line["NetPrice"])
    return Decimal(line.get("UnitPrice") or 0) * (1 - Decimal(line.get("Discount") or 0))


def _item(division: ExactDivision, key: str | None) -> Row:
    row = division.tables["items"].get(key) if key else None
    if row is None:
        raise Rule("reference", "Item")
    if not row.get("IsSalesItem") or (row.get("EndDate") and row["EndDate"] < division.now()):
        raise Rule("invalid", "Item", row["Code"])
    return row


def _insert(division: ExactDivision, kind: Kind, head: Row, draft: Row, number: int) -> Row:
    states = {"DeliveryStatus": OPEN, "InvoiceStatus": OPEN, "OrderStatus": OPEN} if kind is ORDERS else {}
    counts = {"QuantityDelivered": Decimal(0), "QuantityInvoiced": Decimal(0)} if kind is ORDERS else {}
    own = {kind.key: head[kind.key], kind.number: head[kind.number], "LineNumber": number}
    return division.add(kind.lines, **draft, **states, **counts, **own)


def _total(division: ExactDivision, kind: Kind, key: str) -> Row:
    """Totals of the header, anew from its lines: AmountFC holds the VAT."""
    lines = division.tables[kind.lines].find(kind.key, key)
    net = sum((line["AmountFC"] for line in lines), Decimal("0.00"))
    tax = sum((line[kind.vat] for line in lines), Decimal("0.00"))
    head = division.tables[kind.heads].rows[key]
    rate = _rate(division, kind, head)
    parts = {"AmountFCExclVat": net} if kind is ORDERS else {"VATAmountFC": tax}
    return division.tables[kind.heads].change(
        key, AmountFC=net + tax, AmountDC=cents((net + tax) * rate), Modified=division.now(), **parts
    )


# -- changing


def change(kind: Kind) -> Callable[[ExactDivision, str, Row], None]:
    def changed(division: ExactDivision, key: str, body: Row) -> None:
        head = _changeable(division, kind, key)
        if kind.collection in body:
            raise Rule("not_allowed", kind.collection)
        for name in kind.fixed:
            if body.get(name) and body[name] != head.get(name, head[kind.account]):
                raise Rule("not_allowed", name)
        changes = {name: body[name] for name in (*kind.plain, "YourRef") if name in body}
        if kind is QUOTATIONS and body.get(kind.account):
            customer = kind.customer(division, body[kind.account])
            changes |= {kind.account: customer["ID"], f"{kind.account}Name": customer["Name"]}
        changes |= {name: _day(body[name]) for name in (kind.date, "DeliveryDate") if body.get(name)}
        if body.get("PaymentCondition"):
            condition = checks.payment_condition(division, body["PaymentCondition"])
            changes |= {"PaymentCondition": condition and condition["Code"]}
        division.tables[kind.heads].change(key, **changes, Modified=division.now())

    return changed


def _changeable(division: ExactDivision, kind: Kind, key: str | None) -> Row:
    head = division.tables[kind.heads].get(key)
    if head is None:
        raise Rule("reference", "Order")
    if head["Status"] not in (_UNDECIDED if kind is QUOTATIONS else (OPEN, PARTIAL)):
        raise Rule("processed")
    return head


def create_line(kind: Kind) -> Callable[[ExactDivision, Row], Row]:
    def created(division: ExactDivision, body: Row) -> Row:
        head = _changeable(division, kind, body.get(kind.key))
        others = division.tables[kind.lines].find(kind.key, head[kind.key])
        number = 1 + max((line["LineNumber"] for line in others), default=0)
        row = _insert(division, kind, head, _line(division, kind, head, body), number)
        _total(division, kind, head[kind.key])
        return row

    return created


def change_line(kind: Kind) -> Callable[[ExactDivision, str, Row], None]:
    def changed(division: ExactDivision, key: str, body: Row) -> None:
        line = _open_line(division, kind, key)
        head = division.tables[kind.heads].rows[line[kind.key]]
        kept = ("Item", "Quantity", "NetPrice", "VATCode", "DeliveryDate", *_PLAIN_LINE)
        fixed = {name: line[name] for name in kept if name in line}
        taxed = (
            {kind.vat: line[kind.vat]} if kind is ORDERS and not {"NetPrice", "Quantity", "VATCode"} & set(body) else {}
        )
        division.tables[kind.lines].change(
            key, **_line(division, kind, head, {**fixed, **taxed, **body}), Modified=division.now()
        )
        _total(division, kind, line[kind.key])

    return changed


def _open_line(division: ExactDivision, kind: Kind, key: str) -> Row:
    line = division.tables[kind.lines].rows[key]
    _changeable(division, kind, line[kind.key])
    if line.get("DeliveryStatus", OPEN) != OPEN or line.get("InvoiceStatus", OPEN) != OPEN:
        raise Rule("processed")
    return line


def delete_line(kind: Kind) -> Callable[[ExactDivision, str], None]:
    def deleted(division: ExactDivision, key: str) -> None:
        line = _open_line(division, kind, key)
        if len(division.tables[kind.lines].find(kind.key, line[kind.key])) == 1:
            raise Rule("not_allowed", kind.collection)
        division.forget(kind.lines, key)
        _total(division, kind, line[kind.key])

    return deleted


def delete(kind: Kind) -> Callable[[ExactDivision, str], None]:
    def deleted(division: ExactDivision, key: str) -> None:
        head = _changeable(division, kind, key)
        if head["Status"] == PARTIAL and kind is ORDERS:
            raise Rule("undeletable", "Order", "Transactions")
        for line in division.tables[kind.lines].find(kind.key, key):
            division.forget(kind.lines, line["ID"])
        division.forget(kind.heads, key)

    return deleted


# -- actions


def reject(division: ExactDivision, body: Row) -> Row:
    """# Reference: the page of RejectQuotation: the status becomes rejected."""
    head = _addressed(division, QUOTATIONS, body)
    if head["Status"] not in _UNDECIDED:
        return {"QuotationID": head["QuotationID"], "ErrorMessage": "Quotation cannot be rejected."}
    _set_quotation(division, head, REJECTED)
    return {"QuotationID": head["QuotationID"], "SuccessMessage": "Quotation rejected."}


def reopen(division: ExactDivision, body: Row) -> Row:
    head = _addressed(division, QUOTATIONS, body)
    if head["Status"] != REJECTED:
        return {"QuotationID": head["QuotationID"], "ErrorMessage": "Quotation cannot be reopened."}
    _set_quotation(division, head, QUOTED)
    return {"QuotationID": head["QuotationID"], "SuccessMessage": "Quotation reopened."}


def complete(division: ExactDivision, body: Row) -> Row:
    """# Reference: the page of CompleteSalesOrder: no further deliveries, invoices or both; cannot be undone."""
    head = _addressed(division, ORDERS, body)
    if head["Status"] in (COMPLETE, CANCELLED):
        return {"OrderID": head["OrderID"], "ErrorMessage": "Sales order is already completed."}
    chosen = {"DeliveryStatus": body.get("CompleteDelivery"), "InvoiceStatus": body.get("CompleteInvoice")}
    set_states(division, head["OrderID"], **{name: COMPLETE for name, wanted in chosen.items() if wanted})
    return {"OrderID": head["OrderID"], "SuccessMessage": "Sales order completed."}


def _addressed(division: ExactDivision, kind: Kind, body: Row) -> Row:
    if not body.get(kind.key):
        raise Rule("mandatory", kind.key)
    head = division.tables[kind.heads].get(body[kind.key])
    if head is None:
        raise Rule("reference", "Order")
    return head


def _set_quotation(division: ExactDivision, head: Row, status: int) -> None:
    division.tables["quotations"].change(
        head["QuotationID"], Status=status, StatusDescription=_QUOTATION_WORDS[status], Modified=division.now()
    )


# -- what people do in Exact's own screens


def set_states(division: ExactDivision, order_id: str, **states: int) -> None:
    """`DeliveryStatus` and `InvoiceStatus` of an order and its lines; the order's own follows."""
    head = division.tables["salesorders"].rows[order_id]
    both: dict[str, int] = {name: states.get(name) or head[name] for name in ("DeliveryStatus", "InvoiceStatus")}
    reached = set(both.values())
    status = next(iter(reached)) if len(reached) == 1 else PARTIAL
    words = {f"{name}Description": _WORDS[value] for name, value in both.items()}
    division.tables["salesorders"].change(
        order_id, **both, **words, Status=status, StatusDescription=_WORDS[status], Modified=division.now()
    )
    for line in division.tables["salesorderlines"].find("OrderID", order_id):
        division.tables["salesorderlines"].change(line["ID"], **both, OrderStatus=status)


def deliver(division: ExactDivision, order_id: str) -> None:
    """All of it is handed over and invoiced."""
    for line in division.tables["salesorderlines"].find("OrderID", order_id):
        done = {"QuantityDelivered": line["Quantity"], "QuantityInvoiced": line["Quantity"]}
        division.tables["salesorderlines"].change(line["ID"], **done)
    set_states(division, order_id, DeliveryStatus=COMPLETE, InvoiceStatus=COMPLETE)


def accept(division: ExactDivision, quotation_id: str) -> None:
    _set_quotation(division, division.tables["quotations"].rows[quotation_id], ACCEPTED)
