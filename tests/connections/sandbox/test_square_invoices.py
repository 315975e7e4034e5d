"""Invoices and disputes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from connections.sandbox.square import LineSpec, RequestSpec, TenderSpec

from .square_world import MORNING, World

NEXT_DAY = MORNING + timedelta(days=1)
LATER = MORNING + timedelta(days=2)


@pytest.fixture
def world() -> World:
    return World()


def invoice(world: World, *requests: RequestSpec, gross: int = 10_000, **more: Any) -> dict[str, Any]:
    lines = [LineSpec("Party", gross)]
    sale = world.square.sell("Amsterdam", MORNING, lines, [], state="OPEN", customer_id=more.pop("customer_id", ""))
    return world.square.invoice(sale.order_id, requests, at=MORNING, **more)


def shown(world: World, key: str) -> dict[str, Any]:
    return world.get(f"/v2/invoices/{key}")["invoice"]


def amounts(data: dict[str, Any], name: str = "computed_amount_money") -> list[int]:
    return [request[name]["amount"] for request in data["payment_requests"]]


def test_an_invoice_stands_for_an_open_order_and_has_no_total_of_its_own(world):
    customer = world.square.add_customer(company_name="Acme BV")["id"]
    data = shown(world, invoice(world, customer_id=customer)["id"])
    assert (data["status"], data["invoice_number"], data["version"]) == ("UNPAID", "0000001", 1)
    assert data["primary_recipient"] == {"customer_id": customer, "company_name": "Acme BV"}
    assert data["payment_requests"][0]["due_date"] == "2026-03-16"
    assert (amounts(data), data["next_payment_amount_money"]["amount"]) == ([10_000], 10_000)
    assert world.square.order(data["order_id"])["state"] == "OPEN"
    assert invoice(world)["invoice_number"] == "0000002"


def test_an_invoice_is_paid_in_full(world):
    made = invoice(world)
    sale = world.square.pay_invoice(made["id"], TenderSpec(tip=500), at=NEXT_DAY)
    data = shown(world, made["id"])
    assert (data["status"], data["updated_at"]) == ("PAID", "2026-03-03T09:30:15.72Z")
    assert sale.payments[0]["application_details"]["square_product"] == "INVOICES"
    assert sale.order["state"] == "COMPLETED"
    assert amounts(data, "total_completed_amount_money") == [10_000]
    assert "next_payment_amount_money" not in data


def test_a_deposit_and_instalments_are_paid_one_after_the_other(world):
    made = invoice(
        world,
        RequestSpec("DEPOSIT", percentage="30", due=date(2026, 3, 3)),
        RequestSpec("INSTALLMENT", percentage="50"),
        RequestSpec("INSTALLMENT", amount=3500),
    )
    assert amounts(made) == [3000, 3500, 3500]
    world.square.pay_invoice(made["id"], at=NEXT_DAY)
    data = shown(world, made["id"])
    assert (data["status"], amounts(data, "total_completed_amount_money")) == ("PARTIALLY_PAID", [3000, 0, 0])
    world.square.pay_invoice(made["id"], TenderSpec("cash", 5000), at=LATER)
    assert amounts(shown(world, made["id"]), "total_completed_amount_money") == [3000, 3500, 1500]
    world.square.pay_invoice(made["id"], at=LATER)
    assert shown(world, made["id"])["status"] == "PAID"
    with pytest.raises(ValueError, match="is PAID and cannot be paid"):
        world.square.pay_invoice(made["id"])


def test_a_draft_is_published(world):
    made = invoice(world, status="DRAFT")
    assert ("public_url" in made, made["version"]) == (False, 0)
    world.square.publish_invoice(made["id"], at=NEXT_DAY)
    assert (made["status"], made["version"], "public_url" in made) == ("UNPAID", 1, True)
    with pytest.raises(ValueError, match="UNPAID already"):
        world.square.publish_invoice(made["id"])


@pytest.mark.parametrize(("paid", "state", "total"), [(0, "CANCELED", 10_000), (4000, "COMPLETED", 4000)])
def test_a_canceled_invoice_leaves_what_was_paid_on_its_order(world, paid, state, total):
    made = invoice(world)
    if paid:
        world.square.pay_invoice(made["id"], TenderSpec(amount=paid), at=NEXT_DAY)
    world.square.cancel_invoice(made["id"], at=LATER)
    order = world.get(f"/v2/orders/{made['order_id']}")["order"]
    assert (shown(world, made["id"])["status"], order["state"]) == ("CANCELED", state)
    assert order["total_money"]["amount"] == total
    with pytest.raises(ValueError, match="cannot be canceled"):
        world.square.cancel_invoice(made["id"])


def test_an_invoice_follows_the_refunds_of_its_payments(world):
    made = invoice(world)
    (key,) = world.square.pay_invoice(made["id"], at=NEXT_DAY).payment_ids
    world.square.refund(key, 1000, at=LATER)
    assert shown(world, made["id"])["status"] == "PARTIALLY_REFUNDED"
    world.square.refund(key, at=LATER)
    assert shown(world, made["id"])["status"] == "REFUNDED"


def test_an_invoice_needs_an_open_order_and_requests_that_come_to_its_total(world):
    with pytest.raises(ValueError, match="needs an open one"):
        world.square.invoice(world.sell().order_id)
    with pytest.raises(ValueError, match="do not come to"):
        invoice(world, RequestSpec("DEPOSIT", amount=100))


def test_any_status_can_be_set(world):
    made = invoice(world)
    world.square.change_invoice(made["id"], status="PAYMENT_PENDING", title="Party", at=NEXT_DAY)
    assert (made["status"], made["title"], made["version"]) == ("PAYMENT_PENDING", "Party", 2)


def test_invoices_are_listed_and_searched_per_location(world):
    customer = world.square.add_customer(company_name="Acme BV")["id"]
    made = [invoice(world)["id"], invoice(world, customer_id=customer)["id"]]
    page = world.get(f"/v2/invoices?location_id={world.amsterdam}&limit=1")
    rest = world.get(f"/v2/invoices?location_id={world.amsterdam}&limit=1&cursor={page['cursor']}")
    assert [page["invoices"][0]["id"], rest["invoices"][0]["id"]] == made[::-1]
    assert world.get(f"/v2/invoices?location_id={world.utrecht}") == {}
    wanted = {"location_ids": [world.amsterdam], "customer_ids": [customer]}
    sort = {"field": "INVOICE_SORT_DATE", "order": "ASC"}
    found = world.post("/v2/invoices/search", {"query": {"filter": wanted, "sort": sort}})
    assert [item["id"] for item in found["invoices"]] == made[1:]


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({}, ("MISSING_REQUIRED_PARAMETER", "query")),
        ({"query": {"filter": {}}}, ("MISSING_REQUIRED_PARAMETER", "query.filter.location_ids")),
        ({"query": {"filter": {"location_ids": []}}}, ("ARRAY_EMPTY", "query.filter.location_ids")),
        ({"query": {"filter": {"location_ids": ["a", "b"]}}}, ("ARRAY_LENGTH_TOO_LONG", "query.filter.location_ids")),
        (
            {"query": {"filter": {"location_ids": ["a"], "updated_at": {}}}},
            ("UNKNOWN_BODY_PARAMETER", "query.filter.updated_at"),
        ),
    ],
)
def test_a_search_square_would_refuse_is_refused(world, query, refusal):
    assert world.refused("POST", "/v2/invoices/search", query) == (400, *refusal)


def test_invoices_are_listed_for_a_location_only(world):
    assert world.refused("GET", "/v2/invoices") == (400, "MISSING_REQUIRED_PARAMETER", "location_id")
    assert world.refused("GET", f"/v2/invoices?location_id={world.amsterdam}&limit=201")[1] == "VALUE_TOO_HIGH"


# Disputes.


@pytest.fixture
def token(world: World) -> str:
    return world.square.issue_tokens("app", ["DISPUTES_READ"]).access_token


def test_a_dispute_takes_the_money_and_a_won_one_brings_it_back(world, token):
    key = world.sell(gross=2000).payment_ids[0]
    before = world.square.balance("Amsterdam")
    dispute = world.square.dispute(key, 1500, at=NEXT_DAY)
    assert world.square.balance("Amsterdam") == before - 1500
    opened = world.square.pay_out("Amsterdam", at=NEXT_DAY)
    ids = {"payment_id": key, "dispute_id": dispute["id"]}
    assert world.square.payout_entries(opened["id"])[1]["type_open_dispute_details"] == ids
    world.square.settle_dispute(dispute["id"], "WON", at=LATER)
    won = world.square.pay_out("Amsterdam", at=LATER)
    assert world.square.payout_entries(won["id"])[0]["type_dispute_details"] == ids
    assert won["amount_money"]["amount"] == 1500
    data = world.get(f"/v2/disputes/{dispute['id']}", authorization=f"Bearer {token}")["dispute"]
    assert (data["state"], data["version"], data["amount_money"]["amount"]) == ("WON", 2, 1500)
    with pytest.raises(ValueError, match="is WON"):
        world.square.settle_dispute(dispute["id"], "LOST")


def test_a_lost_dispute_moves_no_more_money(world):
    dispute = world.square.dispute(world.sell(gross=2000).payment_ids[0], at=NEXT_DAY)
    before = world.square.balance("Amsterdam")
    world.square.settle_dispute(dispute["id"], "LOST", at=LATER)
    assert world.square.balance("Amsterdam") == before


def test_disputes_of_all_locations_are_listed_by_state(world, token):
    bearer = {"authorization": f"Bearer {token}"}
    first, second = (
        world.square.dispute(world.sell(where=where).payment_ids[0], at=at)["id"]
        for where, at in (("Amsterdam", NEXT_DAY), ("Utrecht", LATER))
    )
    world.square.settle_dispute(first, "ACCEPTED", at=LATER)
    assert [item["id"] for item in world.get("/v2/disputes", **bearer)["disputes"]] == [second, first]
    assert [item["id"] for item in world.get("/v2/disputes?states=ACCEPTED", **bearer)["disputes"]] == [first]
    assert len(world.get(f"/v2/disputes?location_id={world.utrecht}", **bearer)["disputes"]) == 1


def test_only_what_was_paid_by_card_is_disputed(world):
    with pytest.raises(ValueError, match="not made by card"):
        world.square.dispute(world.sell(kind="cash").payment_ids[0])
    with pytest.raises(ValueError, match="can be disputed"):
        world.square.dispute(world.sell().payment_ids[0], 5000)
    with pytest.raises(ValueError, match="no reason"):
        world.square.dispute(world.sell().payment_ids[0], reason="BORED")


def test_cash_for_an_invoice_may_be_rounded_with_its_last_payment(world):
    made = invoice(world, gross=10_002)
    sale = world.square.pay_invoice(made["id"], TenderSpec("cash"), at=NEXT_DAY, rounding=-2)
    data = shown(world, made["id"])
    assert (data["status"], amounts(data, "total_completed_amount_money")) == ("PAID", [10_000])
    assert amounts(data, "rounding_adjustment_included_money") == [-2]
    assert sale.order["rounding_adjustment"]["amount_money"]["amount"] == -2
    assert (sale.order["total_money"]["amount"], sale.order["net_amount_due_money"]["amount"]) == (10_000, 0)
    with pytest.raises(ValueError, match="in cash, is rounded"):
        world.square.pay_invoice(invoice(world)["id"], TenderSpec(amount=100), rounding=1)


def test_the_newest_publication_is_listed_first(world):
    draft, published = invoice(world, status="DRAFT")["id"], invoice(world)["id"]
    scheduled = invoice(world, status="SCHEDULED", scheduled_at=LATER)
    assert shown(world, scheduled["id"])["scheduled_at"] == "2026-03-04T09:30:15.72Z"
    listed = [item["id"] for item in world.get(f"/v2/invoices?location_id={world.amsterdam}")["invoices"]]
    assert listed == [scheduled["id"], published, draft]
    world.square.publish_invoice(draft, at=LATER + timedelta(hours=1))
    assert world.get(f"/v2/invoices?location_id={world.amsterdam}")["invoices"][0]["id"] == draft
