"""Lists by location and time: what payments, refunds, payouts and disputes have in common.

Guesses: the end of a payments window is exclusive; `updated_at_*` does not lift the default one-year window of
`created_at`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from connections.sandbox.square import times
from connections.sandbox.square.calls import Call, Listing, limited, page
from connections.sandbox.square.errors import invalid, not_found
from connections.sandbox.square.facts import Json
from connections.sandbox.square.store import Collection, Record, Span

SORTS = {"CREATED_AT": "created", "UPDATED_AT": "updated", "OFFLINE_CREATED_AT": "offline", "CLOSED_AT": "closed"}
# Whether a record has what the values of the call ask for.
Passes = Callable[[Record, Json], bool]
_YEAR = timedelta(days=365)


def one(collection: Collection, key: str, kind: str) -> Json:
    record = collection.get(key)
    if record is None:
        raise not_found(kind, key)
    return record.data


def listed(
    call: Call,
    collection: Collection,
    name: str,
    places: tuple[str, ...],
    passes: Passes,
    *,
    end_included: bool = False,
) -> Json:
    values = call.values
    check_locations(call, places)
    limit = limited(values.get("limit"), default=100, most=100, capped=True)
    windows, listing = _resumed(call) if "cursor" in values else _first(call, places, end_included=end_included)
    hits = (
        record
        for record in listing.scan(collection)
        if record.id not in call.state.hidden
        and all(span.holds(record.times.get(by)) for by, span in windows.items())
        and passes(record, values)
    )
    records, more = page(hits, limit)
    result: Json = {name: [record.data for record in records]} if records else {}
    if more:
        state = (windows, replace(listing, after=records[-1].key(listing.by)))
        result["cursor"] = call.cursors.issue(call.bound(), state)
    return result


def whole(
    call: Call, collection: Collection, name: str, listing: Listing, *, limit: int, passes: Passes | None = None
) -> Json:
    """A list without a window of time."""
    if "cursor" in call.values:
        listing = call.cursors.resume(call.values["cursor"], call.bound())
    found = listing.scan(collection)
    records, more = page((item for item in found if passes is None or passes(item, call.values)), limit)
    result: Json = {name: [record.data for record in records]} if records else {}
    if more:
        result["cursor"] = call.cursors.issue(call.bound(), replace(listing, after=records[-1].key(listing.by)))
    return result


def _resumed(call: Call) -> tuple[dict[str, Span], Listing]:
    windows, listing = call.cursors.resume(call.values["cursor"], call.bound())
    return windows, listing


def _first(call: Call, places: tuple[str, ...], *, end_included: bool) -> tuple[dict[str, Span], Listing]:
    values = call.values
    now = call.state.clock.now()
    seen = now - timedelta(seconds=call.state.listing_lag)
    begin = _time(values, "begin_time", times.micros(now - _YEAR))
    # The default end is the current time, so what happens this very microsecond counts.
    last = _time(values, "end_time", None)
    end = times.micros(seen) + 1 if last is None else last + int(end_included)
    windows = {"created": _span(begin, end, "end_time")}
    latest = times.micros(seen) + 1
    updated = (_time(values, "updated_at_begin_time", None), _time(values, "updated_at_end_time", latest))
    windows["updated"] = _span(updated[0], min(updated[1] or latest, latest), "updated_at_end_time")
    if "offline_begin_time" in values or "offline_end_time" in values:
        offline = (_time(values, "offline_begin_time", None), _time(values, "offline_end_time", latest))
        windows["offline"] = _span(*offline, "offline_end_time")
    by = SORTS[values.get("sort_field", "CREATED_AT")]
    descending = values.get("sort_order", "DESC") == "DESC"
    return windows, Listing(by, places, windows.get(by, Span()), descending)


def _time(values: Json, name: str, default: int | None) -> int | None:
    return times.parsed(values[name], field=name) if name in values else default


def _span(low: int | None, high: int | None, field: str) -> Span:
    if low is not None and high is not None and low > high:
        raise invalid("INVALID_TIME_RANGE", "The end of the time range lies before its begin.", field=field)
    return Span(low, high)


def check_locations(call: Call, places: Sequence[str], field: str = "location_id") -> None:
    """The code for a foreign location is not published; this one is a guess."""
    for place in places:
        if place not in call.state.locations:
            raise invalid("INVALID_VALUE", f"Location `{place}` is not one of this merchant.", field=field)
