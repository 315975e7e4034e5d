from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import requests
import responses

from connections.providers.errors import (
    NoAnswer,
    NotAuthorised,
    Refused,
    Throttled,
    Unreachable,
    Unreadable,
    VendorError,
)
from connections.providers.square import client as square
from connections.providers.square.client import OPERATIONS, WRITES, SquareClient
from tests.connections.providers.doubles import NOW, Tokens, Witness, transport

BASE = "http://127.0.0.1:9400/square"
FROM = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = {"updated_from": FROM, "updated_to": FROM + timedelta(days=1)}


def client(*, tokens: Tokens | None = None, witness: Witness | None = None) -> SquareClient:
    return SquareClient(BASE + "/", tokens=tokens or Tokens(), transport=transport(witness))


def sent(call: int = 0) -> Any:
    body = responses.calls[call].request.body
    assert body is not None
    return json.loads(body)


def params(call: int = 0) -> dict[str, Any]:
    return dict(responses.calls[call].request.params)


def failure(code: str, *, category: str = "INVALID_REQUEST_ERROR", detail: str = "", field: str = "") -> dict[str, Any]:
    return {"errors": [{"code": code, "detail": detail, "category": category, "field": field}]}


@responses.activate
def test_payments_are_read_per_location_by_change_over_their_whole_life() -> None:
    responses.get(f"{BASE}/v2/payments", json={"payments": [{"id": "p"}]})
    (page,) = client().payments("L1", **WINDOW)
    assert (page.records, page.has_more) == (({"id": "p"},), False)
    assert params() == {
        "location_id": "L1",
        "begin_time": "2009-01-01T00:00:00Z",
        "updated_at_begin_time": "2026-01-01T00:00:00.000Z",
        "updated_at_end_time": "2026-01-02T00:00:00.000Z",
        "sort_field": "UPDATED_AT",
        "sort_order": "ASC",
        "limit": "100",
    }
    headers = responses.calls[0].request.headers
    assert (headers["Authorization"], headers["Square-Version"]) == ("Bearer first", "2025-08-20")


@responses.activate
def test_a_cursor_goes_with_the_very_same_question() -> None:
    responses.get(f"{BASE}/v2/refunds", json={"refunds": [], "cursor": "c/1="})
    responses.get(f"{BASE}/v2/refunds", json={"refunds": [{"id": "r"}], "cursor": ""})
    first, second = client().refunds("L1", **WINDOW)
    assert (first.records, first.has_more) == ((), True)
    assert (second.records, second.has_more) == (({"id": "r"},), False)
    assert params(1) == params(0) | {"cursor": "c/1="}


@responses.activate
def test_a_cursor_that_died_between_two_pages_lets_the_list_be_read_again() -> None:
    responses.get(f"{BASE}/v2/refunds", json={"refunds": [{"id": "r"}], "cursor": "c"})
    responses.get(f"{BASE}/v2/refunds", json=failure("INVALID_CURSOR"), status=400)
    pages = client().refunds("L1", **WINDOW)
    assert next(pages).records == ({"id": "r"},)
    with pytest.raises(NoAnswer, match="It is read again") as caught:
        next(pages)
    assert (caught.value.status, caught.value.code) == (400, "INVALID_CURSOR")


@responses.activate
def test_what_is_no_record_stays_in_its_place_and_does_not_lose_its_page() -> None:
    responses.get(
        f"{BASE}/v2/refunds", body='{"refunds": [7, null, {"id": "r"}, {"id": "d", "x": ' + "[" * 99 + "]" * 99 + "}]}"
    )
    (page,) = client().refunds("L1", **WINDOW)
    deep = {"id": "d", "unreadable": "nested too deeply"}
    assert page.records == ({"unreadable": 7}, {"unreadable": None}, {"id": "r"}, deep)


@responses.activate
def test_payouts_are_read_per_location_by_the_time_they_were_made() -> None:
    responses.get(f"{BASE}/v2/payouts", json={"payouts": [{"id": "a"}], "cursor": "n"})
    responses.get(f"{BASE}/v2/payouts", json={"payouts": [{"id": "b"}]})
    pages = list(client().payouts("L1", created_from=FROM, created_to=FROM + timedelta(days=14)))
    assert [page.records[0]["id"] for page in pages] == ["a", "b"]
    assert params(0) == {
        "location_id": "L1",
        "begin_time": "2026-01-01T00:00:00.000Z",
        "end_time": "2026-01-15T00:00:00.000Z",
        "sort_order": "ASC",
        "limit": "100",
    }
    assert params(1) == params(0) | {"cursor": "n"}


@responses.activate
def test_the_entries_of_a_payout_are_read_to_the_last_page() -> None:
    url = f"{BASE}/v2/payouts/po_1/payout-entries"
    responses.get(url, json={"payout_entries": [{"id": "a"}], "cursor": "n"})
    responses.get(url, json={})
    first, last = client().payout_entries("po_1")
    assert (first.records, first.has_more, last.records) == (({"id": "a"},), True, ())
    assert params(1) == {"sort_order": "ASC", "limit": "100", "cursor": "n"}


@responses.activate
def test_disputes_and_invoices_are_read_whole_since_square_filters_them_by_no_time() -> None:
    responses.get(f"{BASE}/v2/disputes", json={"disputes": [{"id": "d"}]})
    responses.get(f"{BASE}/v2/invoices", json={"invoices": [{"id": "i"}]})
    assert [page.records for page in client().disputes()] == [({"id": "d"},)]
    assert [page.records for page in client().disputes("L1")] == [({"id": "d"},)]
    assert [page.records for page in client().invoices("L1")] == [({"id": "i"},)]
    assert [params(call) for call in range(3)] == [{}, {"location_id": "L1"}, {"location_id": "L1", "limit": "200"}]


@pytest.mark.parametrize("method", ["invoices", "payout_entries"])
def test_a_list_of_nothing_in_particular_is_not_asked_for(method: str) -> None:
    with pytest.raises(ValueError, match="not empty"):
        list(getattr(client(), method)(""))


@responses.activate
def test_a_search_keeps_its_body_beside_the_cursor_and_asks_ten_locations_at_a_time() -> None:
    responses.post(f"{BASE}/v2/orders/search", json={"orders": [{"id": "a"}], "cursor": "n"})
    responses.post(f"{BASE}/v2/orders/search", json={})
    pages = list(client().search_orders([f"L{number}" for number in range(11)], **WINDOW))
    assert [len(page.records) for page in pages] == [1, 0, 0]
    assert sent(1) == sent(0) | {"cursor": "n"}
    assert (len(sent(0)["location_ids"]), sent(2)["location_ids"]) == (10, ["L10"])
    assert sent(0)["query"]["sort"]["sort_field"] == "UPDATED_AT"
    assert list(sent(0)["query"]["filter"]["date_time_filter"]) == ["updated_at"]


@responses.activate
def test_customers_are_searched_by_change() -> None:
    responses.post(f"{BASE}/v2/customers/search", json={"customers": [{"id": "c"}]})
    (page,) = client().search_customers(**WINDOW)
    assert page.records == ({"id": "c"},)
    assert sent()["limit"] == 100
    assert sent()["query"]["filter"]["updated_at"]["start_at"] == "2026-01-01T00:00:00.000Z"


@responses.activate
def test_orders_come_a_hundred_a_call_and_unknown_ones_are_left_out() -> None:
    responses.post(f"{BASE}/v2/orders/batch-retrieve", json={"orders": [{"id": "o1"}]})
    responses.post(f"{BASE}/v2/orders/batch-retrieve", json={})
    ids = [f"o{number}" for number in range(101)]
    assert client().orders([*ids, "o1"]) == {"o1": {"id": "o1"}}
    assert [len(sent(call)["order_ids"]) for call in range(2)] == [100, 1]


@responses.activate
def test_a_merged_customer_is_found_under_the_id_that_was_asked() -> None:
    answer = {"old": {"customer": {"id": "new"}}, "gone": {"errors": [{"code": "NOT_FOUND"}]}}
    responses.post(f"{BASE}/v2/customers/bulk-retrieve", json={"responses": answer})
    assert client().customers(["old", "gone", "other"]) == {"old": {"id": "new"}}


@responses.activate
@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("payment", "payments", "payment"),
        ("refund", "refunds", "refund"),
        ("payout", "payouts", "payout"),
        ("dispute", "disputes", "dispute"),
        ("invoice", "invoices", "invoice"),
        ("order", "orders", "order"),
        ("customer", "customers", "customer"),
        ("location", "locations", "location"),
        ("merchant", "merchants", "merchant"),
    ],
)
def test_one_record_is_read_by_its_id(method: str, path: str, key: str) -> None:
    responses.get(f"{BASE}/v2/{path}/a%2F..%3Fb", json={key: {"id": "x"}})
    assert getattr(client(), method)("a/..?b") == {"id": "x"}


@responses.activate
def test_lists_without_pages_are_read_whole() -> None:
    responses.get(f"{BASE}/v2/locations", json={"locations": [{"id": "L1", "status": "INACTIVE"}]})
    responses.get(f"{BASE}/v2/merchants", json={"merchant": [{"id": "M"}], "cursor": 7})
    responses.get(f"{BASE}/v2/merchants/me", json={"merchant": {"id": "M"}})
    assert client().locations() == ({"id": "L1", "status": "INACTIVE"},)
    assert client().merchants() == ({"id": "M"},)
    assert client().merchant() == {"id": "M"}


@responses.activate
def test_the_token_says_what_the_consent_covers() -> None:
    answer = {"scopes": ["ORDERS_READ"], "expires_at": "2026-04-01T00:00:00Z", "client_id": "i", "merchant_id": "M"}
    responses.post(f"{BASE}/oauth2/token/status", json=answer)
    found = client().token_status()
    assert (found.scopes, found.merchant_id) == (("ORDERS_READ",), "M")
    assert responses.calls[0].request.body is None


def test_only_customers_are_written_and_payments_refunds_and_payouts_only_read() -> None:
    for operation, (method, path) in OPERATIONS.items():
        assert method in {"GET", "POST"}
        is_read = method == "GET" or path.endswith(("/search", "-retrieve", "/token/status"))
        assert is_read == (operation not in WRITES)
        assert is_read or path.startswith("/v2/customers/")
        if path.startswith(("/v2/payments", "/v2/refunds", "/v2/payouts")):
            assert method == "GET"
    with pytest.raises(TypeError):
        OPERATIONS["payments.create"] = ("POST", "/v2/payments")  # type: ignore[index]


def test_an_operation_outside_the_table_goes_nowhere() -> None:
    with pytest.raises(KeyError):
        client()._ask("payments.create", body={})


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_an_id_that_leads_elsewhere_is_refused(identifier: str) -> None:
    with pytest.raises(ValueError, match="id"):
        client().payment(identifier)
    with pytest.raises(ValueError, match="id of Square"):
        client().payments("", **WINDOW)


def test_a_window_is_given_in_times_with_a_zone() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        client().payments("L1", updated_from=naive, updated_to=FROM)


@responses.activate
def test_a_window_is_sent_in_utc() -> None:
    responses.get(f"{BASE}/v2/payments", json={})
    local = datetime(2026, 1, 1, 1, 30, 0, 999, tzinfo=timezone(timedelta(hours=1)))
    list(client().payments("L1", updated_from=local, updated_to=FROM + timedelta(days=1)))
    assert params()["updated_at_begin_time"] == "2026-01-01T00:30:00.000Z"


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (400, failure("INVALID_CURSOR"), Refused, "INVALID_CURSOR"),
        (400, failure("A_CODE_OF_TOMORROW"), Refused, "A_CODE_OF_TOMORROW"),
        (404, failure("NOT_FOUND", detail="Customer with ID `x` not found."), Refused, "NOT_FOUND"),
        (200, failure("BAD_REQUEST"), Refused, "BAD_REQUEST"),
        (401, failure("ACCESS_TOKEN_EXPIRED"), NotAuthorised, "expired"),
        (401, failure("ACCESS_TOKEN_REVOKED"), NotAuthorised, "revoked"),
        (401, failure("UNAUTHORIZED"), NotAuthorised, "unknown"),
        (401, "nothing readable", NotAuthorised, "unknown"),
        (403, failure("FORBIDDEN"), NotAuthorised, "forbidden"),
        (403, failure("INSUFFICIENT_SCOPES"), NotAuthorised, "scope"),
        (429, failure("RATE_LIMITED"), Throttled, ""),
        (500, failure("INTERNAL_SERVER_ERROR", category="API_ERROR"), NoAnswer, "INTERNAL_SERVER_ERROR"),
        (503, "<html>", NoAnswer, ""),
        (302, "", NoAnswer, ""),
        (200, "", NoAnswer, ""),
        (200, '{"payments": [{"id"', NoAnswer, ""),
        (200, [], Unreadable, ""),
        (200, {"payments": {}}, Unreadable, ""),
        (200, {"cursor": 7}, Unreadable, ""),
    ],
)
def test_each_answer_becomes_the_one_error_that_says_what_to_do(
    status: int, body: Any, error: type[VendorError], code: str
) -> None:
    responses.get(f"{BASE}/v2/payments", status=status, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(error) as caught:
        list(client().payments("L1", **WINDOW))
    assert type(caught.value) is error
    assert caught.value.code == code


@responses.activate
def test_a_missing_scope_is_named() -> None:
    detail = "The merchant must authorize your application for the following scopes: ORDERS_READ, PAYMENTS_READ"
    body = failure("INSUFFICIENT_SCOPES", category="AUTHENTICATION_ERROR", detail=detail)
    responses.get(f"{BASE}/v2/locations", status=403, json=body)
    tokens = Tokens()
    with pytest.raises(NotAuthorised) as caught:
        client(tokens=tokens).locations()
    assert caught.value.field == "ORDERS_READ PAYMENTS_READ"
    assert not tokens.renewals


@responses.activate
def test_the_field_and_the_reason_of_a_refusal_are_kept() -> None:
    body = failure("EXPECTED_INTEGER", detail="Expected an integer value.", field="limit")
    responses.get(f"{BASE}/v2/locations", status=400, json=body)
    with pytest.raises(Refused, match="Expected an integer") as caught:
        client().locations()
    assert caught.value.field == "limit"


@responses.activate
@pytest.mark.parametrize(
    ("header", "seconds"), [("", 7), ("30", 30), ("99999", 7), ("Wed, 21 Oct 2026 07:28:00 GMT", 7)]
)
def test_a_429_ends_with_the_minute_unless_square_says_when(header: str, seconds: int) -> None:
    responses.get(f"{BASE}/v2/locations", status=429, headers={"Retry-After": header} if header else {})
    with pytest.raises(Throttled) as caught:
        client().locations()
    assert caught.value.until == NOW + timedelta(seconds=seconds)


@responses.activate
def test_a_refused_token_is_renewed_once() -> None:
    responses.get(f"{BASE}/v2/locations", status=401, json=failure("ACCESS_TOKEN_EXPIRED"))
    responses.get(f"{BASE}/v2/locations", json={})
    tokens = Tokens()
    assert client(tokens=tokens).locations() == ()
    assert tokens.renewals == ["first"]
    assert responses.calls[1].request.headers["Authorization"] == "Bearer second"


@responses.activate
def test_a_token_that_stays_refused_is_not_tried_a_third_time() -> None:
    responses.get(f"{BASE}/v2/locations", status=401, json=failure("ACCESS_TOKEN_REVOKED"))
    with pytest.raises(NotAuthorised):
        client().locations()
    assert len(responses.calls) == 2


@responses.activate
@pytest.mark.parametrize(
    ("failed", "error"),
    [(requests.exceptions.ConnectTimeout(), Unreachable), (requests.exceptions.ReadTimeout(), NoAnswer)],
)
def test_a_network_that_fails_is_told_apart_by_what_was_sent(failed: Exception, error: type[VendorError]) -> None:
    responses.get(f"{BASE}/v2/locations", body=failed)
    with pytest.raises(error):
        client().locations()


@responses.activate
def test_pages_that_go_round_in_a_circle_end() -> None:
    responses.get(f"{BASE}/v2/payments", json={"cursor": "again"})
    with pytest.raises(Unreadable, match="circle"):
        list(client().payments("L1", **WINDOW))


@responses.activate
def test_a_call_is_known_by_its_template_and_not_by_the_id_in_it() -> None:
    responses.get(f"{BASE}/v2/orders/secret", json={"order": {}})
    witness = Witness()
    client(witness=witness).order("secret")
    (call,) = witness.begun
    assert (call.system, call.operation, call.method, call.path) == ("square", "orders.read", "GET", "/v2/orders/{id}")


@responses.activate
def test_amounts_stay_whole_and_percentages_exact() -> None:
    responses.get(f"{BASE}/v2/orders/o", body='{"order": {"n": 9007199254740993, "q": 0.1}}')
    order = client().order("o")
    assert order["n"] == 9007199254740993
    assert str(order["q"]) == "0.1"


def test_the_early_beginning_is_before_square_was_founded() -> None:
    assert datetime.fromisoformat(square.BEGINNING) <= datetime(2009, 2, 1, tzinfo=UTC)
