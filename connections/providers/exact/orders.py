"""Quotations and sales orders: what is asked and read of them, their bodies, and the calls that change or close them.

Neither touches the ledger. Amounts in bodies stand as in `entries`; a net price has as many decimals as it takes for
quantity x price to round to the line's amount.
Reference: exact-online.md 9 (crm/Quotations, salesorder/SalesOrders) and appendix A; the vendor's pages of SalesOrders
(the customer of an existing order cannot be changed, a completed order cannot be updated), CompleteSalesOrder ("no
further deliveries, invoices or both", cannot be undone) and RejectQuotation. A guess: a PUT of the header leaves the
lines alone, so lines are changed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connections.money import to_decimal
from connections.providers.errors import Refused
from connections.providers.exact import odata
from connections.providers.exact.client import ExactClient
from connections.providers.exact.documents import TERMS
from connections.providers.exact.entries import LONGEST_REFERENCE
from connections.providers.exact.resources import Resource
from connections.providers.exact.values import guid, number, required_guid, trimmed, wall_clock
from connections.providers.http import batches
from connections.providers.payload import Reader

Row = Mapping[str, Any]
# Reference: Quotations.Status; 6 is a version that a newer one replaced, under the same number and YourRef.
REPLACED = 6


@dataclass(frozen=True, slots=True)
class OrderHead:
    """`amount` includes VAT; None where Exact's answer does not say so for certain (quotations)."""

    order_id: str
    number: int | None
    amount: Decimal | None
    reference: str
    customer: str
    currency: str
    status: int
    status_words: str
    is_untouched: bool
    delivery_date: datetime | None
    payment_condition: str
    description: str


@dataclass(frozen=True, slots=True)
class OrderLineRow:
    """A line as it stands: `amount` excludes VAT. `is_used`: some of it was delivered or invoiced, which a bulk read
    does not tell.
    """

    id: str
    order_id: str
    number: int
    item: str
    description: str
    quantity: Decimal
    net_price: Decimal
    amount: Decimal
    vat: Decimal
    vat_code: str
    delivery_date: datetime | None = None
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """`cost`: the standard cost price, None when there is none. The accounts are codes, "" where the item has none."""

    id: str
    code: str
    name: str
    unit: str
    is_sold: bool
    ends: datetime | None
    cost: Decimal | None = None
    cost_currency: str = ""
    revenue_account: str = ""
    cost_account: str = ""
    stock_account: str = ""
    vat_code: str = ""
    is_stocked: bool = False


@dataclass(frozen=True, slots=True)
class ItemLine:
    """`vat` in minor units overrides Exact's own computation where Exact takes it; None leaves it to Exact."""

    item: str
    quantity: Decimal
    net_price: Decimal
    vat_code: str
    description: str
    vat: int | None = None
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What tells a sales order from a quotation in Exact's words. `vat` is "" where a line's VAT cannot be sent.
    `closed`: states in which `close` leaves it; `over`: states after which nothing is changed any more.
    """

    heads: Resource[OrderHead]
    lines: Resource[OrderLineRow]
    bulk_heads: Resource[OrderHead]
    bulk_lines: Resource[OrderLineRow]
    key: str
    collection: str
    account: str
    date: str
    vat: str
    closing: str
    closing_more: Mapping[str, bool]
    closed: tuple[int, ...]
    over: tuple[int, ...]


def _sales_order(row: Row) -> OrderHead:
    reader = Reader(row, "SalesOrders")
    states = {number(reader, name) for name in ("Status", "DeliveryStatus", "InvoiceStatus")}
    return _head(reader, "OrderID", "OrderNumber", "OrderedBy", amount="AmountFC", is_untouched=states == {12})


def _quotation(row: Row) -> OrderHead:
    """Untouched: draft, open or printed. Reference: Quotations.Status."""
    reader = Reader(row, "Quotations")
    is_untouched = number(reader, "Status") in (20, 25, 40)
    return _head(reader, "QuotationID", "QuotationNumber", "OrderAccount", amount="", is_untouched=is_untouched)


def _head(reader: Reader, key: str, numbered: str, account: str, *, amount: str, is_untouched: bool) -> OrderHead:
    return OrderHead(
        order_id=required_guid(reader, key),
        number=number(reader, numbered),
        amount=reader.optional_decimal(amount, default=None) if amount else None,
        reference=trimmed(reader, "YourRef"),
        customer=guid(reader, account),
        currency=trimmed(reader, "Currency"),
        status=reader.optional_integer("Status"),
        status_words=reader.optional_text("StatusDescription"),
        is_untouched=is_untouched,
        delivery_date=wall_clock(reader, "DeliveryDate"),
        payment_condition=trimmed(reader, "PaymentCondition"),
        description=reader.optional_text("Description"),
    )


def _line(key: str, vat: str) -> Callable[[Row], OrderLineRow]:
    def read(row: Row) -> OrderLineRow:
        reader = Reader(row, "OrderLines")
        return OrderLineRow(
            id=required_guid(reader, "ID"),
            order_id=required_guid(reader, key),
            number=reader.optional_integer("LineNumber"),
            item=guid(reader, "Item"),
            description=reader.optional_text("Description"),
            quantity=reader.optional_decimal("Quantity"),
            net_price=reader.optional_decimal("NetPrice"),
            amount=reader.optional_decimal("AmountFC"),
            vat=reader.optional_decimal(vat),
            vat_code=trimmed(reader, "VATCode"),
            delivery_date=wall_clock(reader, "DeliveryDate"),
            is_used=any(reader.optional_decimal(name) for name in ("QuantityDelivered", "QuantityInvoiced")),
        )

    return read


def _item(row: Row) -> Item:
    reader = Reader(row, "Items")
    return Item(
        id=required_guid(reader, "ID"),
        code=trimmed(reader, "Code"),
        name=reader.optional_text("Description"),
        unit=trimmed(reader, "Unit"),
        is_sold=reader.optional_flag("IsSalesItem"),
        ends=wall_clock(reader, "EndDate"),
        cost=reader.optional_decimal("CostPriceStandard", default=None),
        cost_currency=trimmed(reader, "CostPriceCurrency"),
        revenue_account=trimmed(reader, "GLRevenueCode"),
        cost_account=trimmed(reader, "GLCostsCode"),
        stock_account=trimmed(reader, "GLStockCode"),
        vat_code=trimmed(reader, "SalesVatCode"),
        is_stocked=reader.optional_flag("IsStockItem"),
    )


ITEMS = Resource(
    "bulk/Logistics/Items",
    (
        "ID", "Code", "Description", "Unit", "IsSalesItem", "EndDate", "CostPriceStandard", "CostPriceCurrency",
        "GLRevenueCode", "GLCostsCode", "GLStockCode", "SalesVatCode", "IsStockItem",
    ),
    _item,
)  # fmt: skip
_SHARED = (
    "YourRef", "Currency", "Status", "StatusDescription", "DeliveryDate", "PaymentCondition", "Description",
)  # fmt: skip
_ORDER_HEAD = (
    "OrderID", "OrderNumber", "OrderedBy", "AmountFC", "DeliveryStatus", "InvoiceStatus", *_SHARED,
)  # fmt: skip
_QUOTATION_HEAD = ("QuotationID", "QuotationNumber", "OrderAccount", *_SHARED)
_LINE = ("ID", "LineNumber", "Item", "Description", "Quantity", "NetPrice", "AmountFC", "VATCode")
_ORDER_LINE = (*_LINE, "OrderID", "VATAmount", "DeliveryDate")
# Not in bulk. Reference: bulk/SalesOrder/SalesOrderLines.
_USE = ("QuantityDelivered", "QuantityInvoiced")
_QUOTATION_LINE = (*_LINE, "QuotationID", "VATAmountFC")
_read_order_line, _read_quotation_line = _line("OrderID", "VATAmount"), _line("QuotationID", "VATAmountFC")

SALES_ORDER = Form(
    heads=Resource("salesorder/SalesOrders", _ORDER_HEAD, _sales_order),
    lines=Resource("salesorder/SalesOrderLines", (*_ORDER_LINE, *_USE), _read_order_line),
    bulk_heads=Resource("bulk/SalesOrder/SalesOrders", _ORDER_HEAD, _sales_order),
    bulk_lines=Resource("bulk/SalesOrder/SalesOrderLines", _ORDER_LINE, _read_order_line),
    key="OrderID", collection="SalesOrderLines", account="OrderedBy", date="OrderDate", vat="VATAmount",
    closing="salesorder/CompleteSalesOrder", closing_more={"CompleteDelivery": True, "CompleteInvoice": True},
    closed=(21, 45), over=(21, 45),
)  # fmt: skip
QUOTATION = Form(
    heads=Resource("crm/Quotations", _QUOTATION_HEAD, _quotation),
    lines=Resource("crm/QuotationLines", _QUOTATION_LINE, _read_quotation_line),
    bulk_heads=Resource("bulk/CRM/Quotations", _QUOTATION_HEAD, _quotation),
    bulk_lines=Resource("bulk/CRM/QuotationLines", _QUOTATION_LINE, _read_quotation_line),
    key="QuotationID", collection="QuotationLines", account="OrderAccount", date="QuotationDate", vat="",
    closing="crm/RejectQuotation", closing_more={}, closed=(5,), over=(5, REPLACED, 50),
)  # fmt: skip


# -- bodies


def order_body(
    form: Form,
    *,
    customer: str,
    date: date,
    reference: str,
    description: str,
    currency: str,
    lines: Sequence[ItemLine],
    delivery_date: date | None = None,
    payment_condition: str = "",
) -> dict[str, Any]:
    """For `form.heads`. `reference` becomes YourRef. Raises `ValueError` for one that Exact cuts, or without lines."""
    if not reference or len(reference) > LONGEST_REFERENCE:
        raise ValueError(f"an order needs a reference of 1 to {LONGEST_REFERENCE} characters")
    if not lines:
        raise ValueError("an order has at least one line")
    due = {"DeliveryDate": delivery_date.isoformat()} if delivery_date else {}
    # Reference: SalesOrderLines.DeliveryDate is what planning looks at; QuotationLines have none.
    line_due = due if form is SALES_ORDER else {}
    return {
        form.account: customer,
        form.date: date.isoformat(),
        "YourRef": reference,
        "Description": description,
        "Currency": currency,
        **due,
        **({"PaymentCondition": payment_condition} if payment_condition else {}),
        form.collection: [{**_line_body(form, line, currency), **line_due} for line in lines],
    }


def _line_body(form: Form, line: ItemLine, currency: str) -> dict[str, Any]:
    """The discount is inside the net price and told in the notes: UnitPrice and Discount beside it would leave it to
    Exact which of the three counts.
    """
    if not line.vat_code:
        raise ValueError("every order line carries a VAT code")
    stated = {form.vat: to_decimal(line.vat, currency)} if form.vat and line.vat is not None else {}
    return {
        "Item": line.item,
        "Quantity": line.quantity,
        "NetPrice": line.net_price,
        "VATCode": line.vat_code,
        "Description": line.description,
        **stated,
        **({"Notes": line.notes} if line.notes else {}),
    }


# -- calls


def create(client: ExactClient, form: Form, body: bytes) -> OrderHead:
    """Raises `NoAnswer` also for an answer that does not say which order it made."""
    return client.create_read(form.heads.path, body, read=form.heads.read)


def find(client: ExactClient, form: Form, *, customer: str, day: date, reference: str) -> tuple[OrderHead, ...]:
    """Every order of the customer on that day whose YourRef is the reference; of a quotation the version that counts.

    Asked by customer and day, because YourRef is not among the fields that bulk/CRM/Quotations can be filtered on.
    """
    on_that_day = odata.all_of(
        odata.eq(form.account, odata.guid(customer)),
        odata.ge(form.date, day),
        odata.lt(form.date, day + timedelta(days=1)),
    )
    found = client.read(form.bulk_heads, where=on_that_day)
    return tuple(head for head in found if head.reference == reference and not _is_replaced(form, head))


def _is_replaced(form: Form, head: OrderHead) -> bool:
    return form is QUOTATION and head.status == REPLACED


def heads(client: ExactClient, form: Form, ids: Iterable[str]) -> dict[str, OrderHead]:
    """Orders by id, up to 1,000 a page; one that is gone is left out."""
    found = _matching(client, form.bulk_heads, form.key, map(odata.guid, ids))
    return {head.order_id: head for head in found}


def lines(
    client: ExactClient, form: Form, ids: Iterable[str], *, in_bulk: bool = True
) -> dict[str, list[OrderLineRow]]:
    """The lines of many orders in the order in which they stand: a thousand a page, or sixty that tell their use."""
    found: dict[str, list[OrderLineRow]] = {}
    resource = form.bulk_lines if in_bulk else form.lines
    for line in _matching(client, resource, form.key, map(odata.guid, ids)):
        found.setdefault(line.order_id, []).append(line)
    return {key: sorted(rows, key=lambda row: row.number) for key, rows in found.items()}


def close(client: ExactClient, form: Form, order_id: str) -> None:
    """No further delivery or invoice of a sales order; rejection of a quotation. Raises `Refused`.

    The answer may be a success and still hold an error text. Reference: exact-online.md 9, PrintedSalesInvoices.
    """
    answer = client.create(form.closing, {form.key: order_id, **form.closing_more}, representation=False)
    if said := answer.get("ErrorMessage"):
        raise Refused(str(said), status=200, code="action")


def _matching(client: ExactClient, resource: Resource[Any], field: str, values: Iterable[odata.Value]) -> Iterator[Any]:
    for part in batches(values, TERMS):
        yield from client.read(resource, where=odata.any_of(*(odata.eq(field, value) for value in part)))
