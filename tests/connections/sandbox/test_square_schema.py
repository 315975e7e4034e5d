"""Everything the sandbox answers fits Square's published schema (facts in `square_objects.json`)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connections.sandbox.generator import generate
from connections.sandbox.square import ChargeSpec, LineSpec, RequestSpec, TenderSpec, TransferFee

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


def make_everything_else(world: World) -> None:
    """Refunds of every kind, payouts with entries of every type, a dispute, invoices."""
    square = world.square
    lines = [LineSpec("Item", 1725, ("VAT 9", "VAT 21"), quantity="3", discount=10), LineSpec("Other", 1000)]
    charges = [ChargeSpec("Service", percentage="12.5", tax="VAT 21"), ChargeSpec("Box", 100, treatment="apportioned")]
    for destination in ("", "cash", "external", "gift_card"):
        sale = square.sell("Utrecht", MORNING, lines, [TenderSpec(tip=50)], discount=50, service_charges=charges)
        square.refund(sale.payment_ids[0], items={sale.order["line_items"][0]["uid"]: "2"}, destination=destination)
        square.refund(sale.payment_ids[0], items="all")
    for dearer in (2000, 100):
        sale = square.sell("Utrecht", MORNING, lines[1:], [TenderSpec()])
        tenders = [TenderSpec()] if dearer > 1000 else []
        square.exchange(sale, "all", [LineSpec("New", dearer)], tenders)
    square.refund_unlinked("Utrecht", 100)
    square.dispute(world.sell(app_fee=10).payment_ids[0], 400)
    for kind in FACTS["enums"]["ActivityType"]:
        if kind != "PAYOUT":
            square.add_payout_entry(kind, -10)
    square.settle_payout(square.pay_out("Amsterdam", fee=TransferFee(5, 1))["id"])
    square.pay_out("Utrecht")
    square.transfer("Utrecht", 100)
    customer = square.add_customer(company_name="Acme", tax_ids={"eu_vat": "IE1234567T"})["id"]
    requests = [RequestSpec("DEPOSIT", percentage="30"), RequestSpec("INSTALLMENT", amount=500), RequestSpec()]
    for status in ("DRAFT", "SCHEDULED", "UNPAID"):
        order = square.sell("Utrecht", MORNING, lines, [], state="OPEN", customer_id=customer)
        made = square.invoice(order.order_id, requests, status=status)
    square.pay_invoice(made["id"])


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
    make_everything_else(world)
    world.square.add_customer(given_name="Ada", tax_ids={"eu_vat": "IE1234567T"}, address={"locality": "Cork"})
    return world


def test_every_payment_order_and_refund_fits_the_schema(world):
    state = world.square.state
    for collection, kind in ((state.payments, "Payment"), (state.orders, "Order"), (state.refunds, "PaymentRefund")):
        assert len(collection) > 0
        assert [text for record in collection for text in misfits(record.data, kind, kind)] == []


def as_the_schema_says(value: Any) -> Any:
    """With `currency` where payouts write `currency_code`."""
    if isinstance(value, dict):
        return {name.replace("currency_code", "currency"): as_the_schema_says(part) for name, part in value.items()}
    return [as_the_schema_says(part) for part in value] if isinstance(value, list) else value


def test_every_payout_dispute_and_invoice_fits_the_schema(world):
    state = world.square.state
    kinds = {"Payout": state.payouts, "PayoutEntry": state.payout_entries, "Dispute": state.disputes}
    for kind, collection in {**kinds, "Invoice": state.invoices}.items():
        assert len(collection) > 0
        assert [text for item in collection for text in misfits(as_the_schema_says(item.data), kind, kind)] == []


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
