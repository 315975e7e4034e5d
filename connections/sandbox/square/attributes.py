"""Custom attributes of customers: definitions, and their values in bulk.

Reference: Square docs, customer-custom-attributes-api (overview, custom-attribute-definitions, custom-attributes); the
OpenAPI part used elsewhere leaves these paths out. Guesses: a key that is taken is answered 400 BAD_REQUEST, and a
value does not raise the version of its customer.
"""

from __future__ import annotations

import re

from connections.sandbox.square import customers, times
from connections.sandbox.square.calls import Call
from connections.sandbox.square.errors import SquareError, entry, invalid, not_found
from connections.sandbox.square.facts import Json
from connections.sandbox.square.state import State

BULK_LIMIT = 25
_KEY = re.compile(r"[A-Za-z0-9._-]+")
_SCHEMA = re.compile(r"https://developer-production-s\.squarecdn\.com/schemas/v1/common\.json#squareup\.common\.\w+")


def list_definitions(call: Call) -> Json:
    found = list(call.state.definitions.values())
    return {"custom_attribute_definitions": found} if found else {}


def create_definition(call: Call) -> Json:
    given = call.values["custom_attribute_definition"]
    field = "custom_attribute_definition"
    if not _KEY.fullmatch(given["key"]):
        raise invalid("INVALID_VALUE", "A key has letters, digits, dots, dashes and underscores.", field=f"{field}.key")
    if not _SCHEMA.fullmatch(str(given.get("schema", {}).get("$ref", ""))):
        raise invalid("INVALID_VALUE", "The schema is none that Square publishes.", field=f"{field}.schema")
    visibility = given.get("visibility", "VISIBILITY_HIDDEN")
    if visibility != "VISIBILITY_HIDDEN" and not (given.get("name") and given.get("description")):
        raise invalid("MISSING_REQUIRED_PARAMETER", "What others see needs a name and a description.", field=field)
    if given["key"] in call.state.definitions:
        raise invalid(
            "BAD_REQUEST", f"A definition with the key `{given['key']}` exists already.", field=f"{field}.key"
        )
    now = times.trimmed(call.state.clock.now())
    made = {**given, "visibility": visibility, "version": 1, "created_at": now, "updated_at": now}
    call.state.definitions[given["key"]] = made
    return {"custom_attribute_definition": made}


def bulk_upsert(call: Call) -> Json:
    wanted = call.values["values"]
    if not wanted:
        raise invalid("ARRAY_EMPTY", "`values` must not be empty.", field="values")
    if len(wanted) > BULK_LIMIT:
        raise invalid("ARRAY_LENGTH_TOO_LONG", f"At most {BULK_LIMIT} values a request.", field="values")
    return {"values": {name: _one(call.state, request) for name, request in wanted.items()}}


def _one(state: State, request: Json) -> Json:
    try:
        return {"customer_id": request["customer_id"], "custom_attribute": _upserted(state, request)}
    except SquareError as error:
        return {"customer_id": request["customer_id"], "errors": [entry(error.code, error.detail, field=error.field)]}


def _upserted(state: State, request: Json) -> Json:
    given, who = request["custom_attribute"], request["customer_id"]
    if who not in state.customers:
        raise not_found("Customer", who)
    definition = state.definitions.get(given["key"])
    if definition is None:
        raise not_found("Custom attribute definition", given["key"])
    held = state.attributes.get((who, given["key"]), {"version": 0})
    if given.get("version") not in (None, held["version"]):
        raise SquareError(409, "CONFLICT", "The version of the attribute is stale.", field="custom_attribute.version")
    now = times.trimmed(state.clock.now())
    made = {
        "key": given["key"], "value": given["value"], "version": held["version"] + 1,
        "visibility": definition["visibility"], "created_at": held.get("created_at", now), "updated_at": now,
    }  # fmt: skip
    state.attributes[(who, given["key"])] = made
    return made


def list_attributes(call: Call) -> Json:
    profile = customers.find(call.state, call.path["customer_id"])
    found = [made for (who, _), made in call.state.attributes.items() if who == profile["id"]]
    return {"custom_attributes": found} if found else {}
