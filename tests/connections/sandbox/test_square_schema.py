"""Everything the sandbox answers fits Square's published schema (facts in `square_objects.json`)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connections.sandbox.generator import generate
from connections.sandbox.square import ChargeSpec, LineSpec, TenderSpec

from .square_world import MORNING, NOW, World

FACTS = json.loads(Path(__file__).with_name("square_objects.json").read_text(encoding="utf-8"))
PLAIN = {"string": str, "integer": int, "boolean": bool, "object": dict, "map": dict}
KINDS = ("card", "cash", "external", "gift_card", "house", "wallet", "bank", "bnpl")


def misfits(value: Any, kind: Any, path: str) -> list[str]:
    longest = None
    if isinstance(kind, list):
        kind, longest = kind
    if kind.startswith("["):
        return [text for item in value for text in misfits(item, kind[1:-1], f"{path}[]")]
    if kind.startswith("enum:"):
        return [] if value in FACTS["enums"][kind[5:]] else [f"{path}: {value!r} is no {kind[5:]}"]
    if kind in PLAIN:
        fits = type(value) is PLAIN[kind] and (longest is None or len(value) <= longest)
        return [] if fits else [f"{path}: {value!r} is no {kind} of at most {longest}"]
    facts = FACTS["schemas"][kind]
    found = [f"{path}.{name} is missing" for name in facts.get("required", []) if name not in value]
    for name, part in value.items():
        known = facts["properties"].get(name)
        found += misfits(part, known, f"{path}.{name}") if known else [f"{path}.{name} is unknown"]
    return found


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    generate(world.square, seed=1, payments=120, days=10, end=NOW)
    lines = [
        LineSpec("Item", 1000, ("VAT 9", "VAT 21"), quantity="2.5", discount=10),
        LineSpec("Custom", 500, "", item_type="CUSTOM_AMOUNT"),
        LineSpec("Gift card", 500, "", item_type="GIFT_CARD"),
    ]
    charges = [ChargeSpec("Service", percentage="12.5", tax="VAT 21"), ChargeSpec("Box", 100, treatment="apportioned")]
    for kind in KINDS:
        for status in ("COMPLETED", "APPROVED", "CANCELED", "FAILED", "PENDING"):
            spec = TenderSpec(
                kind,
                tip=50,
                status=status,
                app_fee=5,
                external_fee=3,
                offline_at=MORNING - timedelta(hours=1),
                note="n",
            )
            state = "COMPLETED" if status == "COMPLETED" else "OPEN"
            world.square.sell("Utrecht", MORNING, lines, [spec], discount=50, service_charges=charges, state=state)
    world.square.refund(world.square.payments()[0]["id"], 5)
    world.square.add_customer(given_name="Ada", tax_ids={"eu_vat": "IE1234567T"}, address={"locality": "Cork"})
    return world


def test_every_payment_order_and_refund_fits_the_schema(world):
    state = world.square.state
    for collection, kind in ((state.payments, "Payment"), (state.orders, "Order"), (state.refunds, "PaymentRefund")):
        assert len(collection) > 0
        assert [text for record in collection for text in misfits(record.data, kind, kind)] == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v2/locations", "Location"), ("/v2/merchants", "Merchant"), ("/v2/customers", "Customer")],
)
def test_every_profile_fits_the_schema(world, path, kind):
    for items in world.get(path).values():
        assert [text for item in items for text in misfits(item, kind, kind)] == []


def test_an_error_fits_the_schema(world):
    error = json.loads(world.send("GET", "/v2/payments?limit=x").body)["errors"][0]
    assert set(error) <= set(FACTS["schemas"]["Error"]["properties"])
