from __future__ import annotations

from decimal import Decimal

from connections.sandbox.square import LineSpec, TenderSpec
from sync.models import Posting, SyncItem


def test_a_card_sale_stands_in_the_ledger_the_next_morning(world):
    world.sandbox.square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
    for name, rate in (("VAT 21", "21"), ("VAT 9", "9")):
        world.sandbox.square.add_tax(name, rate)
    location = world.sandbox.square.locations
    where = next(iter(location))
    world.furnish()
    world.sandbox.square.sell(where, world.timeline.now(), [LineSpec("Mug", 2500, tax="VAT 21")], [TenderSpec("card", 2500)])
    world.close_days()
    run = world.run()
    print(run.sentence, run.state)
    for p in Posting.objects.all():
        print(p.document, p.state, p.problem, p.body, p.expected)
    for i in SyncItem.objects.all():
        print(i.state, i.problem)
    assert run.state == "done"
    assert world.books.balance("8000") == Decimal("-20.66")
    assert world.books.balance("1300") == 0
