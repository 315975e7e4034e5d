"""Customers are written as at Square: sparse, by version, in bulk, and with attributes of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from .square_world import World

SCOPES = ("CUSTOMERS_READ", "CUSTOMERS_WRITE")
TEXT = "https://developer-production-s.squarecdn.com/schemas/v1/common.json#squareup.common.String"


@pytest.fixture
def world() -> World:
    world = World()
    world.tokens = world.square.issue_tokens("app", SCOPES)
    return world


def ada(world: World, **more: Any) -> dict[str, Any]:
    return world.square.add_customer(given_name="Ada", phone_number="+31205550101", **more)


def changed(world: World, key: str, **fields: Any) -> Any:
    return world.post("/v2/customers/bulk-update", {"customers": {key: fields}})["responses"][key]


def test_an_update_is_sparse_and_null_clears(world):
    key = ada(world, address={"locality": "Cork", "country": "IE"})["id"]
    after = changed(world, key, phone_number=None, address={"locality": "Galway"}, version=0)["customer"]
    assert "phone_number" not in after
    assert (after["given_name"], after["address"], after["version"]) == (
        "Ada", {"locality": "Galway", "country": "IE"}, 1,
    )  # fmt: skip
    assert "address" not in changed(world, key, address=None)["customer"]


@pytest.mark.parametrize(("status", "code"), [(409, "CONFLICT"), (400, "VERSION_MISMATCH")])
def test_a_stale_version_is_refused_and_none_is_the_last_word(world, status, code):
    world.square.state.stale_status = status
    key = ada(world)["id"]
    changed(world, key, given_name="Adèle", version=0)
    assert changed(world, key, given_name="Ada", version=0)["errors"][0]["code"] == code
    assert world.refused("PUT", f"/v2/customers/{key}", {"given_name": "Ada", "version": 0})[:2] == (status, code)
    assert changed(world, key, given_name="Ada")["customer"]["version"] == 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"email_address": "nobody"}, "INVALID_EMAIL_ADDRESS"),
        ({"phone_number": "1234"}, "INVALID_PHONE_NUMBER"),
        ({"tax_ids": {"eu_vat": "NL 12"}}, "INVALID_VALUE"),
    ],
)
def test_one_of_many_is_refused_by_itself(world, fields, code):
    first, second = ada(world)["id"], ada(world)["id"]
    both = {"customers": {first: fields, second: {"given_name": "Eve"}}}
    responses = world.post("/v2/customers/bulk-update", both)["responses"]
    assert responses[first]["errors"][0]["code"] == code
    assert responses[second]["customer"]["given_name"] == "Eve"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"shoe_size": 43}, "UNKNOWN_BODY_PARAMETER", "customers.X.shoe_size"),
        ({"company_name": "x" * 501}, "VALUE_TOO_LONG", "customers.X.company_name"),
        ({"address": {"country": "Ireland"}}, "INVALID_ENUM_VALUE", "customers.X.address.country"),
        ({"tax_ids": {"eu_vat": "x" * 21}}, "VALUE_TOO_LONG", "customers.X.tax_ids.eu_vat"),
    ],
)
def test_a_body_outside_the_schema_is_refused_whole(world, fields, code, field):
    assert world.refused("POST", "/v2/customers/bulk-update", {"customers": {"X": fields}}) == (400, code, field)


def test_at_most_a_hundred_are_taken(world):
    many = {"customers": {f"C{number}": {} for number in range(101)}}
    assert world.refused("POST", "/v2/customers/bulk-update", many)[1] == "ARRAY_LENGTH_TOO_LONG"


def test_a_merged_customer_is_written_under_its_new_id_only(world):
    first, second = ada(world)["id"], ada(world)["id"]
    merged = world.square.merge_customers(first, second)["id"]
    assert world.get(f"/v2/customers/{first}")["customer"]["id"] == merged
    assert changed(world, first, given_name="Eve")["errors"][0]["code"] == "NOT_FOUND"
    assert changed(world, merged, given_name="Eve")["customer"]["given_name"] == "Eve"


def test_a_customer_is_created_once_per_key(world):
    asked = {"idempotency_key": "k", "company_name": "Zon", "address": {"locality": None}}
    made = world.post("/v2/customers", asked)["customer"]
    assert (made["creation_source"], made["version"]) == ("THIRD_PARTY", 0)
    assert world.post("/v2/customers", asked)["customer"]["id"] == made["id"]
    assert world.refused("POST", "/v2/customers", {**asked, "company_name": "Maan"})[1] == "IDEMPOTENCY_KEY_REUSED"
    assert world.refused("POST", "/v2/customers", {"note": "nobody"})[1] == "BAD_REQUEST"


def test_a_deleted_customer_is_gone(world):
    key = ada(world)["id"]
    assert world.refused("DELETE", f"/v2/customers/{key}?version=7")[1] == "CONFLICT"
    assert world.send("DELETE", f"/v2/customers/{key}?version=0").status == 200
    assert world.refused("GET", f"/v2/customers/{key}")[:2] == (404, "NOT_FOUND")


def test_writing_needs_its_scope(world):
    world.tokens = world.square.issue_tokens("app", SCOPES[:1])
    assert world.refused("POST", "/v2/customers/bulk-update", {"customers": {}})[:2] == (403, "INSUFFICIENT_SCOPES")


def test_an_attribute_is_defined_once_and_set_for_many(world):
    first, second = ada(world)["id"], ada(world)["id"]
    shown = {"key": "terms", "name": "Terms", "description": "From the books.", "visibility": "VISIBILITY_READ_ONLY"}
    define = "/v2/customers/custom-attribute-definitions"
    assert world.refused("POST", define, {"custom_attribute_definition": shown})[2].endswith(".schema")
    world.post(define, {"custom_attribute_definition": {**shown, "schema": {"$ref": TEXT}}})
    assert [row["key"] for row in world.get(define)["custom_attribute_definitions"]] == ["terms"]
    assert world.refused("POST", define, {"custom_attribute_definition": {**shown, "schema": {"$ref": TEXT}}})[0] == 400

    def asked(*keys: str) -> Any:
        values = {key: {"customer_id": key, "custom_attribute": {"key": "terms", "value": "30"}} for key in keys}
        return world.post("/v2/customers/custom-attributes/bulk-upsert", {"values": values})["values"]

    answers = asked(first, second, "nobody")
    assert answers[first]["custom_attribute"]["version"] == 1
    assert answers["nobody"]["errors"][0]["code"] == "NOT_FOUND"
    assert asked(first)[first]["custom_attribute"]["version"] == 2
    (held,) = world.get(f"/v2/customers/{second}/custom-attributes")["custom_attributes"]
    assert (held["key"], held["value"], held["visibility"]) == ("terms", "30", "VISIBILITY_READ_ONLY")
    assert world.get(f"/v2/customers/{second}")["customer"]["version"] == 0
