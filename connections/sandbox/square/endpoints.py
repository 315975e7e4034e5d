"""Payments, refunds and orders: the lists, searches and single reads.

Reference: OpenAPI ListPayments, ListPaymentRefunds, SearchOrders, BatchRetrieveOrders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from connections.sandbox.square import times
from connections.sandbox.square.calls import Call, Listing, limited, page
from connections.sandbox.square.errors import invalid
from connections.sandbox.square.facts import Json
from connections.sandbox.square.lists import SORTS, check_locations, listed, one
from connections.sandbox.square.store import Record, Span

_CLOSED = {"COMPLETED", "CANCELED"}


def get_payment(call: Call) -> Json:
    return {"payment": one(call.state.payments, call.path["payment_id"], "Payment")}


def get_refund(call: Call) -> Json:
    return {"refund": one(call.state.refunds, call.path["refund_id"], "Refund")}


def get_order(call: Call) -> Json:
    return {"order": one(call.state.orders, call.path["order_id"], "Order")}


def list_payments(call: Call) -> Json:
    """Without `location_id`: the main location only."""
    known = call.values.get("location_id") or call.state.main_location_id
    return listed(call, call.state.payments, "payments", (known,), _payment_passes)


def list_refunds(call: Call) -> Json:
    """Without `location_id`: all locations."""
    given = call.values.get("location_id")
    places = (given,) if given else tuple(call.state.locations)
    return listed(call, call.state.refunds, "refunds", places, partial(_refund_passes, call))


def _payment_passes(record: Record, values: Json) -> bool:
    data = record.data
    card = data.get("card_details", {}).get("card", {})
    checks = (
        ("total", data["total_money"]["amount"]),
        ("last_4", card.get("last_4")),
        ("card_brand", card.get("card_brand")),
        ("is_offline_payment", data.get("is_offline_payment", False)),
    )
    return all(name not in values or values[name] == actual for name, actual in checks)


def _refund_passes(call: Call, record: Record, values: Json) -> bool:
    """`source_type` is that of the payment, wherever the money went."""
    payment = call.state.payments.get(record.data.get("payment_id", ""))
    source = payment.data["source_type"] if payment else record.data["destination_type"]
    checks = (("status", record.data["status"]), ("source_type", source))
    return all(name not in values or values[name] == actual for name, actual in checks)


def batch_retrieve_orders(call: Call) -> Json:
    """Unknown ids are silently left out."""
    keys = call.values["order_ids"]
    _check_length(keys, 100, "order_ids")
    place = call.values.get("location_id")
    found = [record for record in map(call.state.orders.get, dict.fromkeys(keys)) if record is not None]
    orders = [record.data for record in found if place in (None, record.location_id)]
    return {"orders": orders} if orders else {}


def search_orders(call: Call) -> Json:
    places = _search_locations(call)
    query = call.values.get("query", {})
    limit = limited(call.values.get("limit"), default=500, most=1000, capped=False)
    if "cursor" in call.values:
        listing = call.cursors.resume(call.values["cursor"], call.bound())
    else:
        listing = _search_listing(call, places, query)
    records, more = page(_search_hits(call, listing, query.get("filter", {})), limit)
    result: Json = _search_answer(records, entries=call.values.get("return_entries", False)) if records else {}
    if more:
        result["cursor"] = call.cursors.issue(call.bound(), replace(listing, after=records[-1].key(listing.by)))
    return result


def _search_locations(call: Call) -> tuple[str, ...]:
    places = call.values.get("location_ids", [])
    if not places:
        raise invalid("MISSING_REQUIRED_PARAMETER", "At least one location is required.", field="location_ids")
    _check_length(places, 10, "location_ids")
    check_locations(call, places, "location_ids")
    return tuple(dict.fromkeys(places))


def _check_length(values: Sequence[str], most: int, field: str) -> None:
    if not values:
        raise invalid("ARRAY_EMPTY", f"`{field}` must not be empty.", field=field)
    if len(values) > most:
        raise invalid("ARRAY_LENGTH_TOO_LONG", f"`{field}` must hold at most {most} values.", field=field)


def _search_listing(call: Call, places: tuple[str, ...], query: Json) -> Listing:
    """The time filter must be on the sort field; sorting by close needs closed states."""
    wanted = query.get("filter", {})
    sort = query.get("sort", {})
    field = sort.get("sort_field", "CREATED_AT")
    spans = wanted.get("date_time_filter", {})
    if len(spans) > 1:
        raise invalid("CONFLICTING_PARAMETERS", "Only one time can be filtered.", field="query.filter.date_time_filter")
    if spans and field.lower() not in spans:
        detail = f"The sort field `{field}` must match the time that is filtered."
        raise invalid("BAD_REQUEST", detail, field="query.sort.sort_field")
    states = set(wanted.get("state_filter", {}).get("states", []))
    if field == "CLOSED_AT" and not (states and states <= _CLOSED):
        detail = "Sorting by CLOSED_AT needs a state filter with COMPLETED or CANCELED only."
        raise invalid("BAD_REQUEST", detail, field="query.filter.state_filter")
    span = _search_span(call, spans.get(field.lower(), {}), f"query.filter.date_time_filter.{field.lower()}")
    return Listing(SORTS[field], places, span, sort.get("sort_order", "DESC") == "DESC")


def _search_span(call: Call, given: Json, field: str) -> Span:
    """Both ends inclusive; the end defaults to the time of the first request."""
    latest = times.micros(call.state.clock.now() - timedelta(seconds=call.state.listing_lag))
    low = times.parsed(given["start_at"], field=f"{field}.start_at") if given.get("start_at") else None
    high = times.parsed(given["end_at"], field=f"{field}.end_at") if given.get("end_at") else latest
    if low is not None and low > high:
        raise invalid("INVALID_TIME_RANGE", "`start_at` must not be after `end_at`.", field=field)
    return Span(low, min(high, latest) + 1)


def _search_hits(call: Call, listing: Listing, wanted: Json) -> Iterator[Record]:
    states = wanted.get("state_filter", {}).get("states", [])
    customers = _names(wanted, "customer_filter", "customer_ids")
    sources = _names(wanted, "source_filter", "source_names")
    fulfilled = wanted.get("fulfillment_filter", {})
    return (
        record
        for record in listing.scan(call.state.orders)
        if (not states or record.data["state"] in states)
        and (not sources or record.data["source"]["name"] in sources)
        and (not customers or bool(_customers(record.data) & set(customers)))
        and (not fulfilled or _is_fulfilled(record.data, fulfilled))
    )


def _is_fulfilled(order: Json, wanted: Json) -> bool:
    """Whether any of its fulfilments is of a type and in a state that was asked for."""
    types, states = wanted.get("fulfillment_types", []), wanted.get("fulfillment_states", [])
    return any(
        (not types or item["type"] in types) and (not states or item["state"] in states)
        for item in order.get("fulfillments", [])
    )


def _names(wanted: Json, group: str, name: str) -> list[str]:
    values: list[str] = wanted.get(group, {}).get(name, [])
    if values:
        _check_length(values, 10, f"query.filter.{group}.{name}")
    return values


def _customers(order: Json) -> set[str]:
    """The order's customer and those of its tenders."""
    return {order.get("customer_id", "")} | {tender.get("customer_id", "") for tender in order.get("tenders", [])}


def _search_answer(records: Sequence[Record], *, entries: bool) -> Json:
    if not entries:
        return {"orders": [record.data for record in records]}
    return {"order_entries": [{"order_id": record.id, "location_id": record.location_id} for record in records]}
