"""Customers, locations and merchants: the reads over them."""

from __future__ import annotations

from bisect import bisect_right

from connections.sandbox.square import customers
from connections.sandbox.square.calls import Call, limited
from connections.sandbox.square.errors import SquareError, entry, invalid, not_found
from connections.sandbox.square.facts import Json

# Not published; the limit of the other bulk endpoints.
BULK_LIMIT = 100


def list_locations(call: Call) -> Json:
    """All of them, the inactive too, by name and on one page."""
    return {"locations": sorted(call.state.locations.values(), key=lambda item: str(item["name"]))}


def get_location(call: Call) -> Json:
    key = call.path["location_id"]
    found = call.state.locations.get(call.state.main_location_id if key == "main" else key)
    if found is None:
        raise not_found("Location", key)
    return {"location": found}


def list_merchants(call: Call) -> Json:
    """The array is called `merchant`, and its cursor is a number. There is one merchant per token."""
    return {"merchant": [call.state.merchant]} if not call.values.get("cursor") else {}


def get_merchant(call: Call) -> Json:
    key = call.path["merchant_id"]
    if key not in ("me", call.state.merchant["id"]):
        raise not_found("Merchant", key)
    return {"merchant": call.state.merchant}


def get_customer(call: Call) -> Json:
    return {"customer": customers.find(call.state, call.path["customer_id"])}


def list_customers(call: Call) -> Json:
    values = call.values
    sort = {"field": values.get("sort_field", "DEFAULT"), "order": values.get("sort_order", "ASC")}
    return _customer_page(call, {"sort": sort})


def search_customers(call: Call) -> Json:
    return _customer_page(call, call.values.get("query", {}))


def _customer_page(call: Call, query: Json) -> Json:
    """The cursor remembers a place in the order, so profiles changed meanwhile may shift, as they do at Square."""
    limit = limited(call.values.get("limit"), default=100, most=100, capped=False)
    found = [pair for pair in customers.matching(call.state, query) if pair[1]["id"] not in call.state.hidden]
    first = 0
    if "cursor" in call.values:
        after = call.cursors.resume(call.values["cursor"], call.bound())
        keys = [key for key, _ in found]
        ascending = query.get("sort", {}).get("order", "ASC") == "ASC"
        first = bisect_right(keys, after) if ascending else sum(key >= after for key in keys)
    result: Json = {}
    if found[first : first + limit]:
        result["customers"] = [profile for _, profile in found[first : first + limit]]
    if call.values.get("count"):
        result["count"] = len(found)
    if len(found) > first + limit:
        result["cursor"] = call.cursors.issue(call.bound(), found[first + limit - 1][0])
    return result


def bulk_retrieve_customers(call: Call) -> Json:
    """Always 200: each id has its own profile or its own errors."""
    keys = call.values["customer_ids"]
    if not keys:
        raise invalid("ARRAY_EMPTY", "`customer_ids` must not be empty.", field="customer_ids")
    if len(keys) > BULK_LIMIT:
        raise invalid("ARRAY_LENGTH_TOO_LONG", f"At most {BULK_LIMIT} customers a request.", field="customer_ids")
    return {"responses": {key: _bulk_entry(call, key) for key in keys}}


def _bulk_entry(call: Call, key: str) -> Json:
    try:
        return {"customer": customers.find(call.state, key)}
    except SquareError as error:
        return {"errors": [entry(error.code, error.detail)]}
