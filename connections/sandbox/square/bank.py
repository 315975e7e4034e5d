"""Payouts, disputes and invoices: the reads over them.

Reference: OpenAPI ListPayouts, ListPayoutEntries, ListDisputes, ListInvoices, SearchInvoices. Guesses: lists begin
with the newest; a page of disputes holds 100; the sort date of an invoice is that of its
creation (draft), schedule or publication; more than 200 invoices are refused.
"""

from __future__ import annotations

from connections.sandbox.square.calls import Call, Listing, limited
from connections.sandbox.square.errors import invalid
from connections.sandbox.square.facts import Json
from connections.sandbox.square.lists import check_locations, listed, one, whole
from connections.sandbox.square.store import Record, Span

_PAGE = 100
_INVOICES = 200


def list_payouts(call: Call) -> Json:
    """Without `location_id`: the main location only. Both ends of the window count."""
    place = call.values.get("location_id") or call.state.main_location_id
    return listed(call, call.state.payouts, "payouts", (place,), _payout_passes, end_included=True)


def get_payout(call: Call) -> Json:
    return {"payout": one(call.state.payouts, call.path["payout_id"], "Payout")}


def list_payout_entries(call: Call) -> Json:
    """None for a SIMPLE payout."""
    payout = one(call.state.payouts, call.path["payout_id"], "Payout")
    limit = limited(call.values.get("limit"), default=_PAGE, most=_PAGE, capped=True)
    listing = Listing("effective", (payout["id"],), Span(), call.values.get("sort_order", "DESC") == "DESC")
    return whole(call, call.state.payout_entries, "payout_entries", listing, limit=limit)


def list_disputes(call: Call) -> Json:
    """Without `location_id`: all locations."""
    given = call.values.get("location_id")
    places = (given,) if given else tuple(call.state.locations)
    check_locations(call, places)
    listing = Listing("created", places, Span(), descending=True)
    return whole(call, call.state.disputes, "disputes", listing, limit=_PAGE, passes=_dispute_passes)


def get_dispute(call: Call) -> Json:
    return {"dispute": one(call.state.disputes, call.path["dispute_id"], "Dispute")}


def list_invoices(call: Call) -> Json:
    place = call.values.get("location_id")
    if not place:
        raise invalid("MISSING_REQUIRED_PARAMETER", "A location is required.", field="location_id")
    check_locations(call, (place,))
    return _invoices(call, place, descending=True)


def search_invoices(call: Call) -> Json:
    """One location, and at most one customer."""
    wanted = call.values["query"]["filter"]
    for name, most in (("location_ids", 1), ("customer_ids", 1)):
        if len(wanted.get(name, [])) > most:
            raise invalid("ARRAY_LENGTH_TOO_LONG", f"At most one of `{name}`.", field=f"query.filter.{name}")
    if not wanted["location_ids"]:
        raise invalid("ARRAY_EMPTY", "A location is required.", field="query.filter.location_ids")
    check_locations(call, wanted["location_ids"], "query.filter.location_ids")
    order = call.values["query"].get("sort", {}).get("order", "DESC")
    return _invoices(call, wanted["location_ids"][0], descending=order == "DESC")


def get_invoice(call: Call) -> Json:
    return {"invoice": one(call.state.invoices, call.path["invoice_id"], "Invoice")}


def _invoices(call: Call, place: str, *, descending: bool) -> Json:
    limit = limited(call.values.get("limit"), default=_PAGE, most=_INVOICES, capped=False)
    listing = Listing("sort", (place,), Span(), descending)
    return whole(call, call.state.invoices, "invoices", listing, limit=limit, passes=_invoice_passes)


def _payout_passes(record: Record, values: Json) -> bool:
    return bool(values.get("status", record.data["status"]) == record.data["status"])


def _dispute_passes(record: Record, values: Json) -> bool:
    return bool(values.get("states", record.data["state"]) == record.data["state"])


def _invoice_passes(record: Record, values: Json) -> bool:
    customers = values.get("query", {}).get("filter", {}).get("customer_ids")
    return not customers or record.data.get("primary_recipient", {}).get("customer_id") in customers
