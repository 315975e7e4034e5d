"""Bodies of orders, and an order that stands in Exact beside the body it should have."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connections.providers.errors import Unreadable
from connections.providers.exact import orders, standing
from connections.providers.exact.entries import encode
from connections.providers.exact.orders import QUOTATION, SALES_ORDER, Form, ItemLine, OrderLineRow, order_body
from connections.providers.exact.standing import Standing

ID, ITEM, CUSTOMER = (f"0000000{n}-0000-0000-0000-000000000000" for n in (1, 2, 3))
MUG = ItemLine(ITEM, Decimal(2), Decimal("20.66"), "2", "Mug", vat=868, notes="Discount")


def body(form: Form = SALES_ORDER, *lines: ItemLine, **more: Any) -> dict[str, Any]:
    known = {"customer": CUSTOMER, "date": date(2026, 3, 4), "reference": "TB-1", "description": "Square order"}
    return order_body(form, currency="EUR", lines=lines or (MUG,), **{**known, **more})


def test_a_sales_order_states_vat_and_the_delivery_date_of_each_line() -> None:
    sent = encode(body(delivery_date=date(2026, 3, 6), payment_condition="14"))
    assert sent == (
        b'{"Currency":"EUR","DeliveryDate":"2026-03-06","Description":"Square order","OrderDate":"2026-03-04",'
        b'"OrderedBy":"%s","PaymentCondition":"14","SalesOrderLines":[{"DeliveryDate":"2026-03-06","Description":"Mug",'
        b'"Item":"%s","NetPrice":20.66,"Notes":"Discount","Quantity":2,"VATAmount":8.68,"VATCode":"2"}],'
        b'"YourRef":"TB-1"}' % (CUSTOMER.encode(), ITEM.encode())
    )


def test_a_quotation_leaves_the_vat_to_exact() -> None:
    made = body(QUOTATION, delivery_date=date(2026, 3, 6))
    assert (made["OrderAccount"], made["QuotationDate"], made["DeliveryDate"]) == (CUSTOMER, "2026-03-04", "2026-03-06")
    assert set(made["QuotationLines"][0]) == {"Item", "Quantity", "NetPrice", "VATCode", "Description", "Notes"}


@pytest.mark.parametrize(
    "wrong", [{"reference": ""}, {"reference": "x" * 51}, {"lines": ()}, {"lines": (replace(MUG, vat_code=""),)}]
)
def test_a_body_that_would_be_lost_or_taxed_by_default_is_not_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="order"):
        order_body(
            SALES_ORDER,
            **{
                "customer": CUSTOMER, "date": date(2026, 3, 4), "reference": "TB-1", "description": "",
                "currency": "EUR", "lines": (MUG,), **wrong,
            },
        )  # fmt: skip


def stood(**changed: Any) -> Standing:
    head = SALES_ORDER.heads.read(
        {
            "OrderID": ID.upper(), "OrderNumber": 7, "OrderedBy": CUSTOMER, "AmountFC": Decimal(50), "YourRef": "TB-1",
            "Currency": "EUR", "Status": 12, "DeliveryStatus": 12, "InvoiceStatus": 12, "StatusDescription": "Open",
            "DeliveryDate": "/Date(1772755200000)/", "PaymentCondition": "14", **changed,
        }
    )  # fmt: skip
    return Standing(head, [row()])


def row(**changed: Any) -> OrderLineRow:
    return SALES_ORDER.lines.read(
        {
            "ID": ID, "OrderID": ID, "LineNumber": 1, "Item": ITEM, "Description": "Mug", "Quantity": 2,
            "NetPrice": Decimal("20.66"), "AmountFC": Decimal("41.32"), "VATAmount": Decimal("8.68"), "VATCode": "2  ",
            "DeliveryDate": "/Date(1772755200000)/", "QuantityDelivered": 0, "QuantityInvoiced": 0, **changed,
        }
    )  # fmt: skip


MEANT = body(delivery_date=date(2026, 3, 6), payment_condition="14")


def told(found: Standing) -> list[str]:
    return list(standing.differences(SALES_ORDER, MEANT, found))


def test_an_order_that_is_as_meant_has_no_differences() -> None:
    assert told(stood()) == []
    assert (stood().total, stood().head.order_id, stood().head.is_untouched) == (Decimal("50.00"), ID, True)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"OrderedBy": ID}, "another customer"),
        ({"YourRef": "TB-2"}, "another reference"),
        ({"Currency": "GBP"}, "currency GBP, meant EUR"),
        ({"DeliveryDate": None}, "another delivery date than 2026-03-06"),
        ({"PaymentCondition": "30"}, "payment terms 30, meant 14"),
    ],
)
def test_each_difference_of_the_header_is_named(changed: dict[str, Any], expected: str) -> None:
    assert told(stood(**changed)) == [expected]


@pytest.mark.parametrize(
    "changed",
    [
        {"Item": CUSTOMER}, {"Quantity": 3}, {"NetPrice": Decimal(21)}, {"VATCode": "1"},
        {"VATAmount": Decimal("8.67")}, {"AmountFC": Decimal("41.33")}, {"DeliveryDate": "/Date(1772841600000)/"},
    ],
)  # fmt: skip
def test_each_difference_of_a_line_is_named(changed: dict[str, Any]) -> None:
    assert told(replace(stood(), lines=[row(**changed)])) == ["line 1 (Mug)"]


def test_more_or_fewer_lines_are_named() -> None:
    assert told(replace(stood(), lines=[row(), row()])) == ["2 lines, meant 1"]


def test_a_line_that_none_of_our_bodies_holds_is_foreign() -> None:
    former = body(SALES_ORDER, replace(MUG, quantity=Decimal(5)))
    assert not standing.is_foreign(SALES_ORDER, replace(stood(), lines=[row(Quantity=5)]), former, MEANT)
    assert standing.is_foreign(SALES_ORDER, replace(stood(), lines=[row(Quantity=6)]), former, MEANT)


def test_an_order_is_closed_when_nothing_of_it_was_delivered_or_invoiced() -> None:
    closed = stood(Status=21, DeliveryStatus=21, InvoiceStatus=21)
    assert closed.is_closed(SALES_ORDER)
    assert not replace(closed, lines=[row(QuantityDelivered=2)]).is_closed(SALES_ORDER)
    assert not stood().is_closed(SALES_ORDER)


@pytest.mark.parametrize(
    ("status", "untouched"), [(20, True), (25, True), (40, True), (50, False), (5, False), (35, False)]
)
def test_a_quotation_is_untouched_until_somebody_decides(status: int, untouched: bool) -> None:
    head = QUOTATION.heads.read({"QuotationID": ID, "QuotationNumber": 3, "Status": status})
    assert (head.is_untouched, head.amount, head.delivery_date) == (untouched, None, None)


def test_a_row_without_its_key_is_unreadable() -> None:
    for resource in (orders.ITEMS, SALES_ORDER.heads, QUOTATION.lines):
        with pytest.raises(Unreadable):
            resource.read({})
    item = orders.ITEMS.read({"ID": ID, "Code": " MUG ", "IsSalesItem": True, "EndDate": "/Date(1772755200000)/"})
    assert (item.code, item.is_sold, item.ends) == ("MUG", True, datetime(2026, 3, 6))  # noqa: DTZ001 - wall clock
