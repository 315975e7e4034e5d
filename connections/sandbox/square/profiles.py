"""Writing customer profiles: create, sparse update one by one and in bulk, delete.

Reference: OpenAPI CreateCustomer, UpdateCustomer, BulkUpdateCustomers, DeleteCustomer; square.md 3.5. What a stale
version is answered with is not published (square.md 1.6): 409 CONFLICT here, or 400 VERSION_MISMATCH by a setting.
"""

from __future__ import annotations

import hashlib
import json
import re

from connections.sandbox.square import customers
from connections.sandbox.square.calls import Call
from connections.sandbox.square.errors import SquareError, entry, invalid, not_found
from connections.sandbox.square.facts import Json
from connections.sandbox.square.state import State

BULK_LIMIT = 100
_NAMING = ("given_name", "family_name", "company_name", "email_address", "phone_number")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"\+?[0-9 ().\-/]*")
_DIGITS = range(9, 17)


def create_customer(call: Call) -> Json:
    """The same key and body give the first answer again."""
    fields = dict(call.values)
    key = fields.pop("idempotency_key", "")
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    if key in call.state.created:
        known, profile_id = call.state.created[key]
        if known != digest:
            raise invalid("IDEMPOTENCY_KEY_REUSED", "The idempotency key was used with another request.")
        return {"customer": customers.find(call.state, profile_id)}
    if not any(fields.get(name) for name in _NAMING):
        raise invalid("BAD_REQUEST", f"At least one of {', '.join(_NAMING)} is required.")
    _check(fields)
    profile = customers.add(call.state, at=call.state.clock.now(), creation_source="THIRD_PARTY", fields=fields)
    if key:
        call.state.created[key] = (digest, profile["id"])
    return {"customer": profile}


def update_customer(call: Call) -> Json:
    return {"customer": _updated(call.state, call.path["customer_id"], call.values)}


def bulk_update_customers(call: Call) -> Json:
    """Always 200: each id has its new profile or its own errors."""
    wanted = call.values["customers"]
    if not wanted:
        raise invalid("ARRAY_EMPTY", "`customers` must not be empty.", field="customers")
    if len(wanted) > BULK_LIMIT:
        raise invalid("ARRAY_LENGTH_TOO_LONG", f"At most {BULK_LIMIT} customers a request.", field="customers")
    return {"responses": {key: _one(call.state, key, fields) for key, fields in wanted.items()}}


def delete_customer(call: Call) -> Json:
    profile = _own(call.state, call.path["customer_id"])
    _check_version(call.state, profile, call.values.get("version"))
    gone = call.state.customers.pop(profile["id"])
    call.state.note("customer.deleted", "customer", gone["id"], gone)
    return {}


def _one(state: State, key: str, fields: Json) -> Json:
    try:
        return {"customer": _updated(state, key, fields)}
    except SquareError as error:
        return {"errors": [entry(error.code, error.detail, field=error.field)]}


def _updated(state: State, key: str, given: Json) -> Json:
    fields = dict(given)
    profile = _own(state, key)
    _check_version(state, profile, fields.pop("version", None))
    _check(fields)
    return dict(customers.change(state, key, at=state.clock.now(), fields=fields))


def _own(state: State, key: str) -> Json:
    """By its own id only: what was merged is written under the id of the merged profile."""
    if key not in state.customers:
        raise not_found("Customer", key)
    return state.customers[key]


def _check_version(state: State, profile: Json, version: int | None) -> None:
    """Without a version the last write wins."""
    if version is not None and version != profile["version"]:
        code = {409: "CONFLICT", 400: "VERSION_MISMATCH"}[state.stale_status]
        detail = f"Supplied version {version} does not match the current version {profile['version']} of the customer."
        raise SquareError(state.stale_status, code, detail, field="version")


def _check(fields: Json) -> None:
    email, phone = fields.get("email_address"), fields.get("phone_number")
    if email is not None and not _EMAIL.fullmatch(email):
        raise invalid("INVALID_EMAIL_ADDRESS", "The e-mail address is not valid.", field="email_address")
    if phone is not None and not (_PHONE.fullmatch(phone) and sum(map(str.isdigit, phone)) in _DIGITS):
        raise invalid("INVALID_PHONE_NUMBER", "The phone number is not valid.", field="phone_number")
    number = (fields.get("tax_ids") or {}).get("eu_vat")
    if number is not None and not (number.isascii() and number.isalnum()):
        raise invalid("INVALID_VALUE", "A tax id holds letters and digits only.", field="tax_ids.eu_vat")
