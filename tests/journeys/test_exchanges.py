"""Goods come back and others are sold, in one order of Square. Figures by hand, in cents, debit +."""

from __future__ import annotations

from connections.sandbox.square import LineSpec, TenderSpec
from tests.journeys.shop import MUG, Till

FREE = TenderSpec("card", fee=0)
BREAD = LineSpec("Bread", 395, tax="VAT 9")
LAMP = LineSpec("Lamp", 3025)
BOOK = LineSpec("Book", 1090, tax="VAT 9")


# Mug 25.00 (20.66 + 4.34) back, lamp 30.25 (25.00 + 5.25) sold, 5.25 paid.
def test_an_exchange_for_more_posts_its_net_amounts(till: Till) -> None:
    sale = till.sell(MUG, BREAD, tenders=(FREE,))
    till.next_morning()
    till.world.sandbox.square.exchange(sale, [sale.order["line_items"][0]["uid"]], [LAMP], [FREE])
    till.next_morning()
    assert till.ledger == {"1105": 2895 + 525, "8000": -2500, "1500": -525, "8001": -362, "1501": -33}
    assert till.owed_by("Counter sales") == 0


# In one run: the sale stands in the same batch as its exchange.
def test_a_sale_and_its_exchange_on_one_day(till: Till) -> None:
    sale = till.sell(MUG, tenders=(FREE,))
    till.world.timeline.advance(600)
    till.world.sandbox.square.exchange(sale, "all", [LAMP], [FREE])
    till.next_morning()
    assert till.ledger == {"1105": 3025, "8000": -2500, "1500": -525}


# Mug 25.00 back, book 10.90 (10.00 + 0.90) sold, 14.10 given back on the card.
def test_an_exchange_for_less_credits_all_and_sells_the_new(till: Till) -> None:
    sale = till.sell(MUG, tenders=(FREE,))
    till.next_morning()
    till.world.sandbox.square.exchange(sale, "all", [BOOK])
    till.next_morning()
    till.next_morning()
    assert till.ledger == {"1105": 1090, "8001": -1000, "1501": -90}
    assert till.owed_by("Counter sales") == 0


# Of mug and bread the mug was exchanged: only the bread's 3.95 is left to refund of that sale.
def test_a_refund_after_an_exchange_takes_only_what_is_left(till: Till) -> None:
    sale = till.sell(MUG, BREAD, tenders=(FREE,))
    till.next_morning()
    till.world.sandbox.square.exchange(sale, [sale.order["line_items"][0]["uid"]], [LAMP], [FREE])
    till.next_morning()
    till.world.sandbox.square.refund(sale.payment_ids[0], items="all")
    till.next_morning()
    assert till.ledger == {"1105": 3025, "8000": -2500, "1500": -525}


def test_an_exchange_of_a_sale_that_is_not_booked_waits_and_goes_on_with_it(till: Till) -> None:
    square = till.world.sandbox.square
    sale = till.sell(MUG, tenders=(FREE,), lines_missing=True)
    shown = square.state.hidden_lines[sale.order_id]
    exchanged = square.exchange(sale, [shown[0]["uid"]], [LAMP], [FREE])
    till.next_morning()
    item = till.item(exchanged)
    assert (item.state, item.problem_kind) == ("waiting", "waits_for_sale")
    assert "takes back EUR 25.00 of a sale that Tillbridge has not booked yet" in item.problem
    square.show_lines(sale.order_id)
    for _ in range(3):
        till.next_morning()
    assert till.ledger == {"1105": 3025, "8000": -2500, "1500": -525}
