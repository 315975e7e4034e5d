"""Sales orders and quotations of the sandbox: what they take, reckon and refuse; nothing of it is in the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connections.sandbox.exact import orders
from tests.connections.sandbox.exact_world import World, said

ORDERS, LINES = "salesorder/SalesOrders", "salesorder/SalesOrderLines"
QUOTES, QUOTE_LINES = "crm/Quotations", "crm/QuotationLines"


@pytest.fixture
def world() -> World:
    return World()


def item(world: World) -> str:
    return str(world.division.tables["items"].first("Code", "SQUARE")["ID"])


def line(world: World, **more: Any) -> dict[str, Any]:
    return {"Item": item(world), "Quantity": 2, "NetPrice": 20.66, "VATCode": "2", **more}


def order(world: World, *lines: dict[str, Any], **header: Any) -> dict[str, Any]:
    base = {"OrderedBy": world.customer, "YourRef": "TB-1", "SalesOrderLines": list(lines) or [line(world)]}
    return {**base, **header}


def quotation(world: World, *lines: dict[str, Any], **header: Any) -> dict[str, Any]:
    return {"OrderAccount": world.customer, "QuotationLines": list(lines) or [line(world)], **header}


def made(world: World, path: str = ORDERS, **header: Any) -> dict[str, Any]:
    answer = world.post(path, order(world, **header) if path == ORDERS else quotation(world, **header))
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["d"])


def test_an_order_comes_back_full_with_its_totals_and_nothing_is_booked(world: World) -> None:
    """2 x 20.66 = 41.32; 21 % of it is 8.6772."""
    head = made(world, DeliveryDate="2026-03-20", PaymentCondition="14")
    assert (head["AmountFC"], head["AmountFCExclVat"], head["Status"], head["OrderNumber"]) == (50, 41.32, 12, 1)
    assert (head["PaymentConditionDescription"], head["YourRef"]) == ("14 days", "TB-1")
    assert "__deferred" in head["SalesOrderLines"]
    assert world.division.lines() == []


def test_the_vat_of_an_orders_line_may_be_stated_and_that_of_a_quotation_may_not(world: World) -> None:
    made(world, SalesOrderLines=[line(world, VATAmount=8.67)])
    made(world, QUOTES, QuotationLines=[line(world, VATAmountFC=8.67)])
    (of_order,), (of_quotation,) = world.rows(LINES), world.rows(QUOTE_LINES)
    assert (of_order["VATAmount"], of_quotation["VATAmountFC"]) == (8.67, 8.68)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({"SalesOrderLines": []}, "Mandatory: Lines"),
        ({"OrderedBy": None}, "Mandatory: Ordered by"),
        ({"PaymentCondition": "99"}, "Invalid reference: Payment condition"),
        ({"Currency": "GBP"}, "Mandatory: Exchange rate"),
    ],
)
def test_what_an_order_lacks_is_told_with_500(world: World, header: dict[str, Any], sentence: str) -> None:
    answer = world.post(ORDERS, order(world, **header))
    assert (answer.status_code, said(answer)) == (500, sentence)
    assert len(world.division.tables["salesorders"]) == len(world.division.tables["salesorderlines"]) == 0


def test_a_line_needs_an_item_that_is_sold_and_a_known_vat_code(world: World) -> None:
    unsold = str(world.division.add("items", Code="OLD", Description="Old", IsSalesItem=False)["ID"])
    for changed, sentence in (
        ({"Item": None}, "Mandatory: Item"),
        ({"Item": world.customer}, "Invalid reference: Item"),
        ({"Item": unsold}, "Invalid: Item [OLD]"),
        ({"VATCode": "99"}, "Invalid reference: VAT code"),
    ):
        answer = world.post(ORDERS, order(world, line(world, **changed)))
        assert (answer.status_code, said(answer)) == (500, sentence)


def test_unknown_properties_are_refused_and_read_only_ones_ignored(world: World) -> None:
    assert world.post(ORDERS, order(world, CancelledBy="me")).status_code == 400
    assert world.post(ORDERS, order(world, line(world, QuantityShipped=1))).status_code == 400
    assert made(world, Status=45)["Status"] == 12


def test_an_order_goes_to_customers_only_and_a_quotation_to_anybody(world: World) -> None:
    prospect = str(world.division.add_account("Perhaps BV", "P")["ID"])
    refused = world.post(ORDERS, order(world, OrderedBy=prospect))
    assert (refused.status_code, said(refused)) == (500, "Invalid: Customer (Type)")
    assert world.post(QUOTES, quotation(world, OrderAccount=prospect)).status_code == 201


def test_header_and_lines_are_changed_one_by_one(world: World) -> None:
    head = made(world)
    address = f"{ORDERS}(guid'{head['OrderID']}')"
    (first,) = world.rows(LINES)

    assert world.put(address, {"DeliveryDate": "2026-04-01"}).status_code == 204
    assert world.put(f"{LINES}(guid'{first['ID']}')", {"Quantity": 3}).status_code == 204
    assert world.post(LINES, {"OrderID": head["OrderID"], **line(world, Quantity=1)}).status_code == 201

    now = world.get(address).json()["d"]
    # 3 x 20.66 = 61.98 + 13.02; 20.66 + 4.34
    assert (now["AmountFC"], now["DeliveryDate"]) == (100, "/Date(1775001600000)/")
    second = world.rows(LINES)[1]
    assert world.delete(f"{LINES}(guid'{second['ID']}')").status_code == 204
    assert world.get(address).json()["d"]["AmountFC"] == 75
    last = world.delete(f"{LINES}(guid'{first['ID']}')")
    assert (last.status_code, said(last)) == (500, "Not allowed: Lines")


def test_the_customer_of_an_order_and_its_lines_are_not_changed_through_the_header(world: World) -> None:
    head = made(world)
    address = f"{ORDERS}(guid'{head['OrderID']}')"
    other = str(world.division.add_account("Other BV")["ID"])
    for body in ({"OrderedBy": other}, {"SalesOrderLines": [line(world)]}):
        answer = world.put(address, body)
        assert (answer.status_code, said(answer).split(":")[0]) == (500, "Not allowed")
    assert world.put(address, {"OrderedBy": world.customer}).status_code == 204


def test_what_is_completed_is_not_changed_any_more(world: World) -> None:
    head = made(world)
    orders.deliver(world.division, head["OrderID"])
    (row,) = world.rows(LINES)
    assert (row["QuantityDelivered"], row["DeliveryStatus"]) == (2, 21)
    for answer in (
        world.put(f"{ORDERS}(guid'{head['OrderID']}')", {"Description": "x"}),
        world.put(f"{LINES}(guid'{row['ID']}')", {"Quantity": 1}),
        world.post(LINES, {"OrderID": head["OrderID"], **line(world)}),
        world.delete(f"{ORDERS}(guid'{head['OrderID']}')"),
    ):
        assert (answer.status_code, said(answer)) == (500, "Already processed")


def test_completing_an_order_closes_it_without_a_delivery_and_cannot_be_undone(world: World) -> None:
    head = made(world)
    body = {"OrderID": head["OrderID"], "CompleteDelivery": True, "CompleteInvoice": True}
    first, second = (world.post("salesorder/CompleteSalesOrder", body).json()["d"] for _ in range(2))
    assert (first["ErrorMessage"], bool(second["ErrorMessage"])) == (None, True)
    (row,) = world.rows(LINES)
    assert (world.rows(ORDERS)[0]["Status"], row["QuantityDelivered"]) == (21, 0)


def test_a_rejected_quotation_can_be_reopened_and_an_accepted_one_not_rejected(world: World) -> None:
    head = made(world, QUOTES)
    key = {"QuotationID": head["QuotationID"]}
    states = []
    for action in ("crm/RejectQuotation", "crm/ReopenQuotation"):
        assert world.post(action, key).json()["d"]["ErrorMessage"] is None
        states.append(world.rows(QUOTES)[0]["Status"])
    orders.accept(world.division, head["QuotationID"])
    assert (head["Status"], states) == (20, [5, 25])
    assert world.post("crm/RejectQuotation", key).json()["d"]["ErrorMessage"]
    assert world.post("crm/RejectQuotation", {}).status_code == 500


def test_bulk_reads_want_a_select_and_only_their_own_filters(world: World) -> None:
    head, quote = made(world), made(world, QUOTES)
    assert world.get("bulk/SalesOrder/SalesOrders").status_code == 400
    of_order = world.rows("bulk/SalesOrder/SalesOrderLines", select="ID,OrderID,VATAmount")
    assert of_order[0]["OrderID"] == head["OrderID"]
    assert world.get("bulk/SalesOrder/SalesOrderLines", select="QuantityDelivered").status_code == 400
    by_key = f"QuotationID eq guid'{quote['QuotationID']}'"
    assert len(world.rows("bulk/CRM/Quotations", select="QuotationID", filter=by_key)) == 1
    assert world.get("bulk/CRM/Quotations", select="QuotationID", filter="YourRef eq 'TB-1'").status_code == 400
    assert len(world.rows(ORDERS, filter="YourRef eq 'TB-1'")) == 1


def test_a_deleted_order_is_in_the_log_of_deletions(world: World) -> None:
    head = made(world)
    assert world.delete(f"{ORDERS}(guid'{head['OrderID']}')").status_code == 204
    assert sorted(row["EntityType"] for row in world.rows("sync/Deleted", filter="Timestamp gt 1L")) == [32, 33]
    assert world.rows(LINES) == []


def test_lines_expand_and_navigate(world: World) -> None:
    head = made(world)
    expanded = world.get(f"{ORDERS}(guid'{head['OrderID']}')", expand="SalesOrderLines").json()["d"]
    assert [row["Quantity"] for row in expanded["SalesOrderLines"]["results"]] == [2]
    assert len(world.rows(f"{ORDERS}(guid'{head['OrderID']}')/SalesOrderLines")) == 1
    assert Decimal(str(expanded["AmountFC"])) == 50
