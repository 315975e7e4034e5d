"""The customer directory: profiles, merging, and the searches over them.

Reference: OpenAPI Customer, SearchCustomers; a merge makes a new profile and the old ids answer with it (forum topic
10676); profiles without a name, company, e-mail or phone never come up in lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from connections.sandbox.square import times
from connections.sandbox.square.errors import SquareError, invalid, not_found
from connections.sandbox.square.facts import Json
from connections.sandbox.square.state import State

_NAMES = ("given_name", "family_name", "company_name", "email_address", "phone_number")
MERGE = "MERGE"
SortKey = tuple[str, str]


def add(state: State, *, at: datetime, creation_source: str, fields: Json) -> Json:
    profile = {
        "id": state.ids.customer(),
        "created_at": times.trimmed(at),
        "updated_at": times.whole(at),
        **{name: value for name, value in fields.items() if value not in ("", None, {})},
        "preferences": {"email_unsubscribed": False},
        "creation_source": creation_source,
        "version": 0,
    }
    state.customers[profile["id"]] = profile
    if creation_source != MERGE:
        state.note("customer.created", "customer", profile["id"], profile)
    return profile


def change(state: State, customer_id: str, *, at: datetime, fields: Json) -> Json:
    """Members given as None are cleared. The version rises."""
    profile = state.customers[customer_id]
    for name, value in fields.items():
        part = profile.get(name)
        profile[name] = {**part, **value} if isinstance(value, dict) and isinstance(part, dict) else value
    _clear(profile)
    profile["version"] += 1
    profile["updated_at"] = times.whole(at)
    state.note("customer.updated", "customer", customer_id, profile)
    return profile


def _clear(profile: Json) -> None:
    """Members that are None go, and parts of which nothing is left."""
    for name, value in list(profile.items()):
        if isinstance(value, dict):
            _clear(value)
        if value is None or value == {}:
            del profile[name]


def merge(state: State, first: str, second: str, *, at: datetime) -> Json:
    """A new profile with what both had, the first one's word counting more; both old ids lead to it."""
    profiles = [state.customers.pop(key) for key in (first, second)]
    own = ("id", "created_at", "updated_at", "version", "creation_source", "preferences")
    fields = {key: value for profile in reversed(profiles) for key, value in profile.items() if key not in own}
    profile = add(state, at=at, creation_source=MERGE, fields=fields)
    for old in (first, second):
        state.merged[old] = profile["id"]
    merged = {"merge": {"from_customer_ids": [first, second], "to_customer_id": profile["id"]}}
    state.note("customer.created", "customer", profile["id"], profile, event_context=merged)
    return profile


def find(state: State, customer_id: str) -> Json:
    """The profile, or the one it was merged into. Raises Square's 404."""
    key = customer_id
    while key in state.merged:
        key = state.merged[key]
    if key not in state.customers:
        raise not_found("Customer", customer_id)
    return state.customers[key]


def matching(state: State, query: Json) -> list[tuple[SortKey, Json]]:
    """The listed profiles that pass the filter, with their sort keys, in order."""
    wanted = query.get("filter", {})
    if "custom_attribute" in wanted:
        raise SquareError(501, "NOT_IMPLEMENTED", "The sandbox has no custom attributes.")
    spans = {
        name: _span(wanted[name], f"query.filter.{name}") for name in ("created_at", "updated_at") if name in wanted
    }
    found = [item for item in _listed(state) if _in_time(item, spans) and _passes(item, wanted)]
    sort = query.get("sort", {})
    by_creation = sort.get("field", "DEFAULT") == "CREATED_AT"
    keyed = [((_created(item) if by_creation else _alphabetical(item), str(item["id"])), item) for item in found]
    return sorted(keyed, key=lambda pair: pair[0], reverse=sort.get("order", "ASC") == "DESC")


def _listed(state: State) -> Iterator[Json]:
    latest = times.micros(state.clock.now() - timedelta(seconds=state.listing_lag))
    for profile in state.customers.values():
        has_name = any(profile.get(name) for name in _NAMES)
        if has_name and times.parsed(profile["updated_at"], field="updated_at") <= latest:
            yield profile


def _span(given: Json, field: str) -> tuple[int | None, int | None]:
    low = times.parsed(given["start_at"], field=f"{field}.start_at") if given.get("start_at") else None
    high = times.parsed(given["end_at"], field=f"{field}.end_at") if given.get("end_at") else None
    if low is not None and high is not None and low > high:
        raise invalid("INVALID_TIME_RANGE", "`start_at` must not be after `end_at`.", field=field)
    return low, high


def _in_time(profile: Json, spans: dict[str, tuple[int | None, int | None]]) -> bool:
    for name, (low, high) in spans.items():
        at = times.parsed(profile[name], field=name)
        if (low is not None and at < low) or (high is not None and at > high):
            return False
    return True


def _passes(profile: Json, wanted: Json) -> bool:
    texts = (_text_matches(profile.get(name, ""), wanted.get(name)) for name in _TEXTS)
    groups = (_groups_match(profile.get(name, []), wanted.get(name)) for name in ("group_ids", "segment_ids"))
    return all(texts) and all(groups) and _source_matches(profile, wanted.get("creation_source"))


_TEXTS = ("email_address", "phone_number", "reference_id")


def _text_matches(value: str, wanted: Json | None) -> bool:
    """Exact matching ignores case; fuzzy is: every word occurs somewhere."""
    if wanted is None:
        return True
    if "exact" in wanted:
        return value.lower() == str(wanted["exact"]).lower()
    return bool(value) and all(word in value.lower() for word in wanted.get("fuzzy", "").lower().split())


def _groups_match(values: list[str], wanted: Json | None) -> bool:
    wanted, have = wanted or {}, set(values)
    return (
        have.issuperset(wanted.get("all", []))
        and ("any" not in wanted or bool(have & set(wanted["any"])))
        and not have & set(wanted.get("none", []))
    )


def _source_matches(profile: Json, wanted: Json | None) -> bool:
    if not wanted or not wanted.get("values"):
        return True
    included: bool = profile["creation_source"] in wanted["values"]
    excluding: bool = wanted.get("rule") == "EXCLUDE"
    return included != excluding


def _alphabetical(profile: Json) -> str:
    name = f"{profile.get('given_name', '')} {profile.get('family_name', '')}".strip()
    rest = (profile.get(field, "") for field in ("company_name", "email_address", "phone_number"))
    return (name or next((text for text in rest if text), "")).lower()


def _created(profile: Json) -> str:
    return f"{times.parsed(profile['created_at'], field='created_at'):020d}"
