"""The main job, once: a payment at the till is in the ledger the next morning, and nobody typed anything."""

from __future__ import annotations

from decimal import Decimal

from connections.sandbox.square import LineSpec, TenderSpec


def test_a_card_sale_stands_in_the_ledger_the_next_morning(world):
    square = world.sandbox.square
    square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
    square.add_tax("VAT 21", "21")
    world.furnish()
    square.sell("Amsterdam", world.timeline.now(), [LineSpec("Mug", 2500, tax="VAT 21")], [TenderSpec("card", 2500)])
    world.close_days()

    run = world.run()

    assert run.state == "done", run.sentence
    assert world.books.balance("8000") == Decimal("-20.66")
    assert world.books.balance("1500") == Decimal("-4.34")
    assert world.books.balance("1300") == 0
    assert world.books.balance("4960") == Decimal("0.44")
    assert world.books.balance("1105") == Decimal("24.56")
