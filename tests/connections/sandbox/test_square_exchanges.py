"""Exchanges at the sandbox's counter. Reference: OpenAPI Order.returns, Order.net_amounts."""

from __future__ import annotations

from typing import Any

import pytest

from connections.sandbox.square import LineSpec, RefundRefused, Sale, TenderSpec

from .square_world import World

LAMP = LineSpec("Lamp", 3025)
FREE = TenderSpec("card", fee=0)


@pytest.fixture
def world() -> World:
    return World()


def sold(world: World) -> Sale:
    return world.square.sell("Amsterdam", None, [LineSpec("Mug", 2500), LineSpec("Bread", 395, "VAT 9")], [FREE])


def net(order: dict[str, Any], name: str = "total_money") -> int:
    return int(order["net_amounts"][name]["amount"])


# 30.25 (VAT 5.25) less 25.00 (VAT 4.34) = 5.25 (VAT 0.91).
def test_the_difference_is_paid_and_the_net_amounts_say_so(world: World) -> None:
    sale = sold(world)
    uid = sale.order["line_items"][0]["uid"]
    made = world.square.exchange(sale, [uid], [LAMP], [FREE])
    assert (net(made.order), net(made.order, "tax_money")) == (525, 91)
    assert made.order["total_money"]["amount"] == 3025
    assert made.order["return_amounts"]["total_money"]["amount"] == 2500
    assert made.order["net_amount_due_money"]["amount"] == 0
    assert [payment["total_money"]["amount"] for payment in made.payments] == [525]
    assert made.order["returns"][0]["source_order_id"] == sale.order_id
    assert made.order["returns"][0]["return_line_items"][0]["source_line_item_uid"] == uid


def test_what_is_left_over_is_refunded_to_the_sale(world: World) -> None:
    sale = sold(world)
    made = world.square.exchange(sale, "all", [LineSpec("Book", 1090, "VAT 9")])
    assert net(made.order) == 1090 - 2895
    assert made.payments == ()
    assert world.square.payment(sale.payment_ids[0])["refunded_money"]["amount"] == 2895 - 1090
    assert made.order["refunds"][0]["amount_money"]["amount"] == 2895 - 1090


def test_an_even_exchange_has_neither_payment_nor_refund(world: World) -> None:
    made = world.square.exchange(sold(world), "all", [LineSpec("Vase", 2895)])
    assert (net(made.order), made.payments, "refunds" in made.order) == (0, (), False)


def test_what_was_exchanged_is_gone(world: World) -> None:
    sale = sold(world)
    uid = sale.order["line_items"][0]["uid"]
    world.square.exchange(sale, [uid], [LAMP], [FREE])
    with pytest.raises(RefundRefused):
        world.square.exchange(sale, [uid], [LAMP], [FREE])
    with pytest.raises(ValueError, match="tenders pay 500 of 2630"):
        world.square.exchange(sale, "all", [LAMP], [TenderSpec("card", 500)])
