from __future__ import annotations

from datetime import timedelta

import pytest

from connections.sandbox.square import LineSpec, TenderSpec

from .square_world import MORNING, NOW, World


@pytest.fixture
def world() -> World:
    return World()


def sell_many(world: World, count: int, where: str = "Amsterdam", step: int = 60) -> list[str]:
    return [
        world.sell(at=MORNING + timedelta(seconds=step * place), where=where).payment_ids[0] for place in range(count)
    ]


def test_without_a_location_only_the_main_one_is_listed(world):
    here, there = sell_many(world, 2), sell_many(world, 2, "Utrecht")
    assert sorted(world.listed("/v2/payments")) == sorted(here)
    assert sorted(world.listed(f"/v2/payments?location_id={world.utrecht}")) == sorted(there)


def test_refunds_without_a_location_come_from_all_of_them(world):
    for where in ("Amsterdam", "Utrecht"):
        world.square.refund(world.sell(where=where).payment_ids[0], 100)
    assert len(world.listed("/v2/refunds")) == 2
    assert len(world.listed(f"/v2/refunds?location_id={world.utrecht}")) == 1
    assert world.listed("/v2/refunds?status=FAILED") == []
    assert len(world.listed("/v2/refunds?source_type=CARD")) == 2


@pytest.mark.parametrize("field", ["CREATED_AT", "UPDATED_AT"])
def test_pages_hold_each_payment_once_in_either_order(world, field):
    ids = sell_many(world, 23)
    path = f"/v2/payments?limit=5&sort_field={field}"
    assert world.listed(f"{path}&sort_order=ASC") == ids
    assert world.listed(path) == ids[::-1]


def test_a_limit_above_a_hundred_is_ignored_and_the_last_page_has_no_cursor(world):
    sell_many(world, 105)
    page = world.get("/v2/payments?limit=500")
    assert len(page["payments"]) == 100
    last = world.get(f"/v2/payments?limit=500&cursor={page['cursor']}")
    assert len(last["payments"]) == 5
    assert "cursor" not in last


def test_nothing_found_is_an_empty_object(world):
    assert world.get("/v2/payments") == {}
    assert world.get("/v2/refunds") == {}


def test_the_window_of_updates_includes_its_begin_and_not_its_end(world):
    world.square.fee_delay = 0
    ids = sell_many(world, 3)
    path = "/v2/payments?updated_at_begin_time=2026-03-02T09:31:15.720Z&updated_at_end_time=2026-03-02T09:32:15.72Z"
    assert world.listed(path) == ids[1:2]
    zoned = "/v2/payments?updated_at_begin_time=2026-03-02T10:31:15.72%2B01:00"
    assert sorted(world.listed(zoned)) == sorted(ids[1:])


def test_a_change_moves_a_payment_into_a_later_window(world):
    first, _ = sell_many(world, 2)
    window = "/v2/payments?sort_field=UPDATED_AT&updated_at_begin_time=2026-03-31T00:00:00Z"
    assert world.listed(window) == []
    world.square.change_payment(first, note="changed")
    assert world.listed(window) == [first]


def test_by_default_payments_older_than_a_year_are_left_out(world):
    old = world.sell(at=NOW - timedelta(days=400)).payment_ids[0]
    world.square.change_payment(old, note="changed yesterday", at=NOW - timedelta(days=1))
    recent = "updated_at_begin_time=2026-03-01T00:00:00Z"
    assert world.listed(f"/v2/payments?{recent}") == []
    assert world.listed(f"/v2/payments?{recent}&begin_time=2020-01-01T00:00:00Z") == [old]


def test_payments_can_be_narrowed_by_amount_and_card(world):
    sale = world.sell(gross=4711, card_brand="MASTERCARD")
    world.sell(gross=1000)
    last_4 = sale.payments[0]["card_details"]["card"]["last_4"]
    for query in ("total=4711", "card_brand=MASTERCARD", f"last_4={last_4}"):
        assert world.listed(f"/v2/payments?{query}") == [sale.payment_ids[0]]


def test_offline_payments_have_a_time_of_their_own(world):
    sale = world.square.sell(
        "Amsterdam", MORNING, [LineSpec("Item", 500)], [TenderSpec(offline_at=MORNING - timedelta(hours=20))]
    )
    world.sell()
    assert world.listed("/v2/payments?is_offline_payment=true") == [sale.payment_ids[0]]
    assert world.listed("/v2/payments?offline_begin_time=2026-03-01T00:00:00Z") == [sale.payment_ids[0]]
    assert world.listed("/v2/payments?sort_field=OFFLINE_CREATED_AT") == [sale.payment_ids[0]]


def test_a_cursor_serves_its_own_query_for_five_minutes(world):
    sell_many(world, 3)
    cursor = world.get("/v2/payments?limit=1")["cursor"]
    assert world.get(f"/v2/payments?limit=2&cursor={cursor}")
    invalid = (400, "INVALID_CURSOR", "cursor")
    assert world.refused("GET", f"/v2/payments?limit=1&sort_order=ASC&cursor={cursor}") == invalid
    assert world.refused("GET", "/v2/payments?cursor=garbled") == invalid
    world.clock.advance(299)
    assert world.get(f"/v2/payments?limit=1&cursor={cursor}")
    world.clock.advance(1)
    assert world.refused("GET", f"/v2/payments?limit=1&cursor={cursor}") == invalid


def test_a_list_can_trail_behind_while_a_single_read_does_not(world):
    world.square.listing_lag = 30
    sale = world.sell(at=NOW)
    assert world.listed("/v2/payments") == []
    assert world.get(f"/v2/payments/{sale.payment_ids[0]}")
    world.clock.advance(31)
    assert world.listed("/v2/payments") == [sale.payment_ids[0]]


def test_what_happens_right_now_is_listed(world):
    sale = world.sell(at=NOW)
    assert world.listed("/v2/payments") == [sale.payment_ids[0]]


def search(world: World, **body):
    return world.post("/v2/orders/search", {"location_ids": [world.amsterdam, world.utrecht], **body})


def by_update(start: str, end: str | None = None) -> dict:
    span = {"start_at": start} | ({"end_at": end} if end else {})
    return {
        "filter": {"date_time_filter": {"updated_at": span}},
        "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
    }


def test_orders_of_several_locations_are_merged_in_order_of_time(world):
    first, third = (world.sell(at=MORNING + timedelta(minutes=m)).order_id for m in (0, 2))
    second = world.sell(at=MORNING + timedelta(minutes=1), where="Utrecht").order_id
    found, cursor = [], None
    while True:
        page = search(world, query=by_update("2026-03-01T00:00:00Z"), limit=1, **({"cursor": cursor} if cursor else {}))
        found += [order["id"] for order in page["orders"]]
        cursor = page.get("cursor")
        if not cursor:
            break
    assert found == [first, second, third]


def test_the_window_of_an_order_search_includes_both_ends(world):
    sale = world.sell()
    exact = "2026-03-02T09:30:15.72Z"
    assert [order["id"] for order in search(world, query=by_update(exact, exact))["orders"]] == [sale.order_id]
    assert search(world, query=by_update("2026-03-02T09:30:15.721Z")) == {}


def test_orders_are_narrowed_by_state_customer_and_source(world):
    customer = world.square.add_customer(given_name="Ada")["id"]
    sale = world.square.sell("Amsterdam", MORNING, [LineSpec("Item", 500)], customer_id=customer)
    world.square.sell("Amsterdam", MORNING, [LineSpec("Item", 500)], [], state="OPEN")
    for narrow in (
        {"state_filter": {"states": ["COMPLETED"]}},
        {"customer_filter": {"customer_ids": [customer]}},
        {"source_filter": {"source_names": ["Point of Sale"]}, "state_filter": {"states": ["COMPLETED"]}},
    ):
        assert [order["id"] for order in search(world, query={"filter": narrow})["orders"]] == [sale.order_id]


def test_orders_can_be_answered_as_entries(world):
    sale = world.sell()
    page = search(world, return_entries=True)
    assert page == {"order_entries": [{"order_id": sale.order_id, "location_id": world.amsterdam}]}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"location_ids": []}, "MISSING_REQUIRED_PARAMETER", "location_ids"),
        ({"location_ids": ["x"] * 11}, "ARRAY_LENGTH_TOO_LONG", "location_ids"),
        ({"limit": 1001}, "VALUE_TOO_HIGH", "limit"),
        ({"query": {"filter": by_update("2026-03-01T00:00:00Z")["filter"]}}, "BAD_REQUEST", "query.sort.sort_field"),
        ({"query": {"sort": {"sort_field": "CLOSED_AT"}}}, "BAD_REQUEST", "query.filter.state_filter"),
        (
            {
                "query": {
                    "filter": {
                        "date_time_filter": {
                            "created_at": {"start_at": "2026-03-01T00:00:00Z"},
                            "updated_at": {"start_at": "2026-03-01T00:00:00Z"},
                        }
                    }
                }
            },
            "CONFLICTING_PARAMETERS",
            "query.filter.date_time_filter",
        ),
        ({"query": by_update("yesterday")}, "INVALID_TIME", "query.filter.date_time_filter.updated_at.start_at"),
        (
            {"query": by_update("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z")},
            "INVALID_TIME_RANGE",
            "query.filter.date_time_filter.updated_at",
        ),
        ({"query": {"filter": {"state_filter": {"states": ["PAID"]}}}}, "INVALID_ENUM_VALUE", None),
        ({"query": {"filter": {"state_filter": {}}}}, "MISSING_REQUIRED_PARAMETER", "query.filter.state_filter.states"),
    ],
)
def test_a_search_that_square_refuses_is_refused(world, body, code, field):
    status, found, where = world.refused("POST", "/v2/orders/search", {"location_ids": [world.amsterdam], **body})
    assert (status, found) == (400, code)
    assert field is None or where == field


def test_a_batch_leaves_unknown_orders_out(world):
    sale = world.sell()
    page = world.post("/v2/orders/batch-retrieve", {"order_ids": ["nobody", sale.order_id]})
    assert [order["id"] for order in page["orders"]] == [sale.order_id]
    assert world.post("/v2/orders/batch-retrieve", {"order_ids": ["nobody"]}) == {}
    assert world.refused("POST", "/v2/orders/batch-retrieve", {"order_ids": ["x"] * 101})[1] == "ARRAY_LENGTH_TOO_LONG"


@pytest.mark.parametrize(
    "path", ["/v2/payments/x", "/v2/refunds/x", "/v2/orders/x", "/v2/customers/x", "/v2/locations/x"]
)
def test_an_unknown_id_is_not_found(world, path):
    assert world.refused("GET", path)[:2] == (404, "NOT_FOUND")


def test_locations_are_all_listed_by_name(world):
    world.square.add_location("Closed shop", status="INACTIVE")
    page = world.get("/v2/locations")
    assert [item["name"] for item in page["locations"]] == ["Amsterdam", "Closed shop", "Utrecht"]
    assert world.get("/v2/locations/main")["location"]["id"] == world.amsterdam


def test_the_merchant_is_listed_under_a_singular_name(world):
    me = world.get("/v2/merchants/me")["merchant"]
    assert me["main_location_id"] == world.amsterdam
    assert world.get("/v2/merchants") == {"merchant": [me]}
    assert world.get(f"/v2/merchants/{me['id']}")["merchant"] == me


def test_customers_are_searched_and_paged(world):
    ids = [world.square.add_customer(given_name=f"Name {n:03}", reference_id=f"R{n}")["id"] for n in range(130)]
    world.square.add_customer(note="a card without a name", creation_source="INSTANT_PROFILE")
    assert world.listed("/v2/customers?limit=50") == ids
    assert world.listed("/v2/customers?sort_order=DESC&limit=60") == ids[::-1]
    found = world.post("/v2/customers/search", {"query": {"filter": {"reference_id": {"exact": "r7"}}}, "count": True})
    assert ([item["id"] for item in found["customers"]], found["count"]) == ([ids[7]], 1)
    assert world.post("/v2/customers/search", {"query": {"filter": {"email_address": {"fuzzy": "x"}}}}) == {}
    assert world.refused("POST", "/v2/customers/search", {"limit": 101}) == (400, "VALUE_TOO_HIGH", "limit")
    assert world.refused("GET", "/v2/customers?limit=0") == (400, "VALUE_TOO_LOW", "limit")


def test_customers_are_found_by_the_time_of_their_change(world):
    old = world.square.add_customer(given_name="Old", at=MORNING)["id"]
    new = world.square.add_customer(given_name="New", at=MORNING)["id"]
    changed = world.square.change_customer(new, note="moved")
    assert changed["version"] == 1
    query = {"filter": {"updated_at": {"start_at": "2026-03-30T00:00:00Z"}}}
    assert [item["id"] for item in world.post("/v2/customers/search", {"query": query})["customers"]] == [new]
    assert old != new


def test_a_merged_customer_answers_with_the_new_profile_under_both_old_ids(world):
    first = world.square.add_customer(given_name="Ada", email_address="ada@example.com")["id"]
    second = world.square.add_customer(company_name="Lovelace BV")["id"]
    sale = world.square.sell("Amsterdam", MORNING, [LineSpec("Item", 500)], customer_id=first)
    merged = world.square.merge_customers(first, second)
    for old in (first, second):
        assert world.get(f"/v2/customers/{old}")["customer"]["id"] == merged["id"]
    assert (merged["given_name"], merged["company_name"]) == ("Ada", "Lovelace BV")
    assert world.listed("/v2/customers") == [merged["id"]]
    assert world.get(f"/v2/payments/{sale.payment_ids[0]}")["payment"]["customer_id"] == first
    bulk = world.post("/v2/customers/bulk-retrieve", {"customer_ids": [first, "nobody"]})["responses"]
    assert bulk[first]["customer"]["id"] == merged["id"]
    assert bulk["nobody"]["errors"][0]["code"] == "NOT_FOUND"
