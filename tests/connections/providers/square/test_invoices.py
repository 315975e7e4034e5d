"""Reading Square's invoices: amounts on the requests, the rest optional, errors by path."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from connections.providers.errors import Unreadable
from connections.providers.square import payloads


def money(amount: int, currency: str = "EUR") -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def raw(**changed: Any) -> dict[str, Any]:
    """As the official example, with a deposit and a balance that was paid in rounded cash."""
    requests = [
        {"uid": "a", "request_type": "DEPOSIT", "due_date": "2026-03-06", "computed_amount_money": money(47220),
         "total_completed_amount_money": money(47220)},
        {"uid": "b", "request_type": "BALANCE", "due_date": "2026-04-01", "tipping_enabled": True,
         "computed_amount_money": money(110182), "total_completed_amount_money": money(110180),
         "rounding_adjustment_included_money": money(-2)},
    ]  # fmt: skip
    return {
        "id": "inv:0-1", "version": 3, "location_id": "LAMS", "order_id": "ORD", "invoice_number": "0000012",
        "status": "PAID", "title": "Party", "payment_requests": requests, "sale_or_service_date": "2026-03-01",
        "primary_recipient": {"customer_id": "CUST", "given_name": "Jo", "family_name": "Vos"},
        "created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-04T11:00:00.72Z", "new_field": {"x": 1},
    } | changed  # fmt: skip


def test_an_invoice_is_the_sum_of_its_requests():
    found = payloads.invoice(raw())
    assert (found.number, found.status, found.version, found.order_id) == ("0000012", "PAID", 3, "ORD")
    assert (found.asked, found.paid, found.currency) == (157402, 157402, "EUR")
    assert (found.due, found.sale_or_service_date) == (date(2026, 4, 1), date(2026, 3, 1))
    assert [request.kind for request in found.requests] == ["DEPOSIT", "BALANCE"]
    assert [request.allows_tip for request in found.requests] == [False, True]
    assert (found.customer_id, found.customer_name) == ("CUST", "Jo Vos")
    assert found.is_published


def test_what_square_leaves_out_is_empty():
    draft = {name: raw()[name] for name in ("id", "created_at", "updated_at")} | {"status": "DRAFT"}
    found = payloads.invoice(draft)
    assert (found.number, found.customer_id, found.requests, found.due) == ("", "", (), None)
    assert (found.asked, found.currency, found.scheduled_at) == (0, "", None)
    assert not found.is_published


def test_a_company_is_known_by_its_name():
    recipient = {"customer_id": "CUST", "company_name": "Acme BV", "given_name": "Jo"}
    assert payloads.invoice(raw(primary_recipient=recipient)).customer_name == "Acme BV"


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"status": None}, "invoice.status"),
        ({"id": ""}, "invoice.id"),
        ({"sale_or_service_date": "soon"}, "invoice.sale_or_service_date"),
        ({"payment_requests": [{"due_date": "2026-03-06"}]}, "invoice.payment_requests[0].computed_amount_money"),
        ({"payment_requests": [{"computed_amount_money": money(1)}, {"computed_amount_money": money(1, "USD")}]},
         "several currencies"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(changed, path):
    with pytest.raises(Unreadable, match=path.replace("[", r"\[").replace("]", r"\]")):
        payloads.invoice(raw(**changed))
