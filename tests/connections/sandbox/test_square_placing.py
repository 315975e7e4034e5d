"""Orders that are placed before they are paid, as SearchOrders shows them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connections.sandbox.square import FulfilmentSpec, LineSpec, TenderSpec
from tests.connections.sandbox.square_world import MORNING, NOW, World

MUG, CAKE = LineSpec("Mug", 1000), LineSpec("Cake", 1090, tax="VAT 9")


@pytest.fixture
def world() -> World:
    return World()


def found(world: World, **narrowed: Any) -> list[str]:
    body = {"location_ids": [world.amsterdam], "query": {"filter": narrowed}}
    return [order["id"] for order in world.post("/v2/orders/search", body).get("orders", [])]


def test_a_placed_order_is_open_and_due_with_the_date_of_its_fulfilment(world: World) -> None:
    due = MORNING + timedelta(days=3)
    order = world.square.place_order("Amsterdam", [MUG], at=MORNING, fulfilment=FulfilmentSpec("SHIPMENT", due))
    shown = world.get(f"/v2/orders/{order['id']}")["order"]
    assert (shown["state"], shown["net_amount_due_money"]["amount"], "tenders" in shown) == ("OPEN", 1000, False)
    (fulfilment,) = shown["fulfillments"]
    assert (fulfilment["type"], fulfilment["state"]) == ("SHIPMENT", "PROPOSED")
    assert fulfilment["shipment_details"]["expected_shipped_at"] == "2026-03-05T09:30:15.720Z"


def test_orders_are_narrowed_by_fulfilment(world: World) -> None:
    pickup = world.square.place_order("Amsterdam", [MUG], at=MORNING)["id"]
    shipped = world.square.place_order("Amsterdam", [MUG], at=MORNING, fulfilment=FulfilmentSpec("SHIPMENT"))["id"]
    world.square.place_order("Amsterdam", [MUG], at=MORNING, fulfilment=None)
    assert found(world, fulfillment_filter={"fulfillment_types": ["PICKUP"]}) == [pickup]
    assert set(found(world, fulfillment_filter={"fulfillment_states": ["PROPOSED"]})) == {pickup, shipped}
    assert found(world, fulfillment_filter={"fulfillment_states": ["COMPLETED"]}) == []


def test_other_lines_are_computed_anew_and_move_the_time_of_change(world: World) -> None:
    order = world.square.place_order("Amsterdam", [MUG], at=MORNING)
    before = order["updated_at"]
    world.square.change_order_lines(order["id"], [MUG, CAKE], at=NOW)
    shown = world.get(f"/v2/orders/{order['id']}")["order"]
    assert (shown["total_money"]["amount"], shown["total_tax_money"]["amount"]) == (2090, 174 + 90)
    assert (shown["net_amount_due_money"]["amount"], shown["version"]) == (2090, 2)
    assert shown["updated_at"] > before


def test_a_cancelled_order_is_closed_with_its_fulfilments_and_a_paid_one_cannot_be(world: World) -> None:
    order, paid = (world.square.place_order("Amsterdam", [MUG], at=MORNING) for _ in range(2))
    world.square.cancel_order(order["id"], at=NOW)
    assert found(world, state_filter={"states": ["CANCELED"]}) == [order["id"]]
    assert order["fulfillments"][0]["state"] == "CANCELED"
    world.square.pay(paid["id"], [TenderSpec("cash", 400)], complete=False)
    with pytest.raises(ValueError, match="paid in part"):
        world.square.cancel_order(paid["id"])
    with pytest.raises(ValueError, match="CANCELED"):
        world.square.change_order_lines(order["id"], [CAKE])
