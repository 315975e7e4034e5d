from __future__ import annotations

import json

import pytest

from .square_world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("path", ["/v2/payment", "/v3/payments", "/", "/v2/payments/", "/v2/payments/x/y/z"])
def test_an_unknown_path_is_not_found_and_noted(world, path):
    assert world.refused("GET", path)[:2] == (404, "NOT_FOUND")
    assert world.square.log.refusals[-1].path == path


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        ("/v2/payments?colour=red", "UNKNOWN_QUERY_PARAMETER", "colour"),
        ("/v2/locations?limit=5", "UNKNOWN_QUERY_PARAMETER", "limit"),
        ("/v2/payments/x?location_id=y", "UNKNOWN_QUERY_PARAMETER", "location_id"),
        ("/v2/payments?limit=many", "EXPECTED_INTEGER", "limit"),
        ("/v2/payments?limit=0", "VALUE_TOO_LOW", "limit"),
        ("/v2/payments?is_offline_payment=perhaps", "EXPECTED_BOOLEAN", "is_offline_payment"),
        ("/v2/payments?sort_field=AMOUNT", "INVALID_ENUM_VALUE", "sort_field"),
        ("/v2/payments?sort_order=UP", "INVALID_SORT_ORDER", "sort_order"),
        ("/v2/payments?begin_time=2026-03-01", "INVALID_TIME", "begin_time"),
        ("/v2/payments?updated_at_begin_time=2026-13-01T00:00:00Z", "INVALID_TIME", "updated_at_begin_time"),
        ("/v2/payments?location_id=elsewhere", "INVALID_VALUE", "location_id"),
        (
            "/v2/payments?begin_time=2026-03-02T00:00:00Z&end_time=2026-03-01T00:00:00Z",
            "INVALID_TIME_RANGE",
            "end_time",
        ),
    ],
)
def test_a_query_that_square_refuses_is_refused(world, path, code, field):
    assert world.refused("GET", path) == (400, code, field)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"order_ids": ["x"], "expand": True}, "UNKNOWN_BODY_PARAMETER", "expand"),
        ({}, "MISSING_REQUIRED_PARAMETER", "order_ids"),
        ({"order_ids": None}, "MISSING_REQUIRED_PARAMETER", "order_ids"),
        ({"order_ids": "x"}, "EXPECTED_ARRAY", "order_ids"),
        ({"order_ids": [1]}, "EXPECTED_STRING", "order_ids[0]"),
        ({"order_ids": []}, "ARRAY_EMPTY", "order_ids"),
        ([], "EXPECTED_OBJECT", ""),
        (b"{", "EXPECTED_JSON_BODY", ""),
    ],
)
def test_a_body_that_square_refuses_is_refused(world, body, code, field):
    assert world.refused("POST", "/v2/orders/batch-retrieve", body) == (400, code, field)


def test_unknown_members_are_found_at_any_depth_and_noted(world):
    body = {"query": {"filter": {"updated_at": {"start_at": "2026-03-01T00:00:00Z", "zone": "UTC"}}}}
    refused = world.refused("POST", "/v2/customers/search", body)
    assert refused == (400, "UNKNOWN_BODY_PARAMETER", "query.filter.updated_at.zone")
    assert world.square.log.refusals[-1].reason.startswith("UNKNOWN_BODY_PARAMETER")


def test_a_number_is_not_a_boolean_and_a_boolean_no_number(world):
    assert world.refused("POST", "/v2/customers/search", {"limit": True})[1] == "EXPECTED_INTEGER"
    assert world.refused("POST", "/v2/customers/search", {"count": 1})[1] == "EXPECTED_BOOLEAN"


def test_members_that_are_null_count_as_absent(world):
    world.sell()
    assert world.post("/v2/orders/search", {"location_ids": [world.amsterdam], "query": None, "cursor": None})["orders"]


def test_a_body_of_another_type_is_refused(world):
    refused = world.refused("POST", "/v2/orders/search", {}, content_type="text/plain")
    assert refused[:2] == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/payments", 403),
        ("PUT", "/v2/payments/x", 403),
        ("POST", "/v2/payments/x/cancel", 403),
        ("POST", "/v2/refunds", 403),
        ("DELETE", "/v2/refunds/x", 405),
        ("POST", "/v2/payouts", 405),
    ],
)
def test_writing_money_is_refused_and_noted(world, method, path, status):
    assert world.refused(method, path, {})[0] == status
    assert [(entry.method, entry.path) for entry in world.square.log.refusals] == [(method, path)]


def test_writing_money_is_refused_even_with_the_scope_for_it(world):
    token = world.square.issue_tokens("app", ["PAYMENTS_WRITE"]).access_token
    assert world.refused("POST", "/v2/payments", {}, token=token)[:2] == (501, "NOT_IMPLEMENTED")
    assert world.square.log.refusals[-1].method == "POST"


def test_another_method_on_a_known_path_is_not_allowed(world):
    assert world.refused("DELETE", "/v2/locations")[:2] == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v2/payments", "PAYMENTS_READ"),
        ("/v2/refunds", "PAYMENTS_READ"),
        ("/v2/orders/x", "ORDERS_READ"),
        ("/v2/customers", "CUSTOMERS_READ"),
        ("/v2/locations", "MERCHANT_PROFILE_READ"),
        ("/v2/merchants", "MERCHANT_PROFILE_READ"),
        ("/v2/payouts", "PAYOUTS_READ"),
        ("/v2/payouts/x", "PAYOUTS_READ"),
        ("/v2/payouts/x/payout-entries", "PAYOUTS_READ"),
        ("/v2/disputes", "DISPUTES_READ"),
        ("/v2/invoices", "INVOICES_READ"),
    ],
)
def test_each_endpoint_asks_for_its_scope_by_name(world, path, scope):
    token = world.square.issue_tokens("app", ["ITEMS_READ"]).access_token
    response = world.send("GET", path, token=token)
    error = json.loads(response.body)["errors"][0]
    assert (response.status, error["category"], error["code"]) == (403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES")
    assert scope in error["detail"]


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic abc"])
def test_without_a_known_token_nothing_is_answered(world, header):
    response = world.send("GET", "/v2/locations", authorization=header)
    error = json.loads(response.body)["errors"][0]
    assert (response.status, error["category"], error["code"]) == (401, "AUTHENTICATION_ERROR", "UNAUTHORIZED")


def test_the_version_that_served_the_call_is_named(world):
    assert world.send("GET", "/v2/locations").headers["Square-Version"] == "2025-08-20"
    assert world.send("GET", "/v2/locations", square_version="2026-09-16").headers["Square-Version"] == "2026-09-16"
    assert world.refused("GET", "/v2/locations", square_version="latest")[:2] == (400, "INVALID_SQUARE_VERSION_FORMAT")


def test_an_older_version_does_not_know_the_newer_parameters(world):
    path = "/v2/payments?updated_at_begin_time=2026-03-01T00:00:00Z"
    assert world.refused("GET", path, square_version="2024-11-20")[1] == "UNKNOWN_QUERY_PARAMETER"
    assert world.get(path, square_version="2024-12-18") == {}


def test_an_unknown_language_is_not_acceptable(world):
    assert world.refused("GET", "/v2/locations", accept_language="tlh")[:2] == (406, "NOT_ACCEPTABLE")
    assert world.get("/v2/locations", accept_language="tlh, en-IE;q=0.5")


def test_a_call_beyond_the_quota_gets_no_time_to_wait_for(world):
    from connections.sandbox.wire import Request

    limited = world.square.throttled(Request("GET", "/v2/payments"))
    assert json.loads(limited.body)["errors"][0]["code"] == "RATE_LIMITED"
    assert (limited.status, "Retry-After" in limited.headers) == (429, False)
    assert "type" in json.loads(world.square.throttled(Request("POST", "/oauth2/token")).body)


def test_another_process_can_make_things_happen(world):
    sold = world.square.control(
        "sell",
        {
            "location": "Utrecht",
            "lines": [{"name": "Tea", "gross": 300, "tax": "VAT 9"}],
            "tenders": [{"kind": "cash"}],
        },
    )
    key = sold["payments"][0]["id"]
    world.square.control("change_payment", {"payment_id": key, "note": "seen"})
    assert world.get(f"/v2/payments/{key}")["payment"]["note"] == "seen"
    assert world.square.control("settings", {"fee_delay": 0, "gross_settlement": True}) == {
        "fee_delay": 0.0,
        "listing_lag": 0.0,
        "gross_settlement": True,
        "payout_currency_code": True,
    }
    assert world.square.control("state", {})["payments"] == 1
    with pytest.raises(LookupError, match="Unknown action"):
        world.square.control("rob", {})
    with pytest.raises(ValueError, match="payment_id is missing"):
        world.square.control("refund", {})


def test_another_process_can_place_orders_change_and_cancel_them(world):
    act = world.square.control
    act("add_location", {"name": "London", "timezone": "Europe/London", "currency": "GBP"})
    placed = {"lines": [{"name": "Mug", "gross": 1210}], "fulfilment": {"due": "2026-03-06T09:00:00+00:00"}}
    first = act("place_order", {"location": "London", **placed})
    assert (first["state"], first["total_money"]) == ("OPEN", {"amount": 1210, "currency": "GBP"})
    assert first["fulfillments"][0]["pickup_details"] == {"pickup_at": "2026-03-06T09:00:00.000Z"}
    act("change_order_lines", {"order_id": first["id"], "lines": [{"name": "Mug", "gross": 2420, "quantity": "2"}]})
    assert act("pay", {"order_id": first["id"]})["order"]["state"] == "COMPLETED"
    second = act("place_order", {"location": "London", "lines": [{"name": "Mug", "gross": 1210}]})
    assert act("cancel_order", {"order_id": second["id"]})["state"] == "CANCELED"
