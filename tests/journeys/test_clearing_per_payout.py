"""Clearing entries by the payout that settles them: the bank's line is one entry, and each month closes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command

from connections.sandbox.generator import generate
from connections.sandbox.square import TenderSpec
from mappings.bookkeeping.legs import Document
from sync.models import Leg, Posting, SyncItem
from tests.journeys.conftest import unfurnished
from tests.journeys.shop import Till, ledger_of
from tests.world import world as world_at

BEFORE_MONTH_END = datetime(2026, 3, 30, 12, tzinfo=UTC)


def per_payout(world, **choices):
    world.furnish(**choices)
    world.shop.lane.clearing_grouping = "per_payout"
    world.shop.lane.save()


def pay_out(world, **times):
    return world.sandbox.square.pay_out("Amsterdam", at=world.timeline.now(), **times)


def clearings():
    """Payout or 'unpaid' and month of each clearing entry, with its day and total."""
    rows = Posting.objects.filter(document=Document.BANK_ENTRY).order_by("id")
    return [(*row.group.split("|")[2:4], row.date, row.total) for row in rows]


def test_a_payout_is_one_entry_that_leaves_the_clearing_account_empty(world, empty_till):
    per_payout(world)
    empty_till.sell()
    world.close_days()
    empty_till.sell()
    payout = pay_out(world)
    world.close_days()

    run = world.run()

    assert run.state == "done", run.sentence
    assert clearings() == [(payout["id"], "2026-03", date(2026, 3, 2), 0)]
    assert world.books.balance("1105") == 0
    assert {leg.date for leg in Leg.objects.filter(kind="receipt")} == {date(2026, 3, 2), date(2026, 3, 3)}
    assert not SyncItem.objects.exclude(state="done").exists()


def test_what_is_not_paid_out_waits_for_its_payout(world, empty_till):
    per_payout(world)
    empty_till.sell()

    assert empty_till.next_morning().state == "done"
    assert clearings() == []
    assert empty_till.ledger["8000"] == -2066  # the sale stands on its own day

    payout = pay_out(world)
    empty_till.next_morning()
    assert [entry[0] for entry in clearings()] == [payout["id"]]


def test_cash_and_what_passes_through_stay_per_day(world, empty_till):
    per_payout(world)
    empty_till.sell(tenders=(TenderSpec("cash", 2500),))
    empty_till.sell(tenders=(TenderSpec("external", 2500, external_type="CHECK"),))
    empty_till.next_morning()

    assert sorted(Posting.objects.exclude(document="sales_entry").values_list("document", "total")) == [
        ("bank_entry", 0), ("cash_entry", 2500),
    ]  # fmt: skip
    assert world.run().entries_posted == 0


def test_several_payouts_a_day_are_an_entry_each(world, empty_till):
    per_payout(world)
    empty_till.sell()
    first = pay_out(world)
    world.timeline.advance(3600)
    empty_till.sell()
    second = pay_out(world)
    world.close_days()
    world.run()

    assert [entry[0] for entry in clearings()] == sorted([first["id"], second["id"]])
    assert {entry[3] for entry in clearings()} == {0}
    assert world.books.balance("1290") * 100 == first["amount_money"]["amount"] + second["amount_money"]["amount"]


def test_a_late_fee_goes_with_the_payout_that_states_it(world, empty_till):
    per_payout(world)
    sale = empty_till.sell()
    first = pay_out(world)
    empty_till.next_morning()
    world.sandbox.square.add_fee(sale.payment_ids[0], 3, at=world.timeline.now())
    empty_till.next_morning()
    assert [entry[0] for entry in clearings()] == [first["id"]]

    empty_till.sell()
    second = pay_out(world)
    empty_till.next_morning()

    assert [(entry[0], entry[3]) for entry in clearings()] == [(first["id"], 0), (second["id"], 0)]
    fee = Leg.objects.get(kind="fee", ordinal=1)
    assert second["id"] in fee.posting.group
    assert not Leg.objects.filter(kind="payout_entry").exists()


@pytest.mark.parametrize("gross", [False, True])
def test_a_late_fee_that_is_given_back_goes_with_the_payout_that_gives_it_back(world, empty_till, gross):
    """After it was returned the fees come to what the first payout said, which is not the payout that returned it."""
    per_payout(world)
    world.sandbox.square.gross_settlement = gross
    sale = empty_till.sell()
    payouts = [pay_out(world)]
    empty_till.next_morning()
    for change in (3, -3):
        world.sandbox.square.add_fee(sale.payment_ids[0], change, at=world.timeline.now())
        empty_till.next_morning()
        empty_till.sell()
        payouts.append(pay_out(world))
        empty_till.next_morning()

    assert [(entry[0], entry[3]) for entry in clearings()] == [(payout["id"], 0) for payout in payouts]
    late = Leg.objects.filter(kind="fee", ordinal__gt=0).order_by("ordinal")
    assert [leg.posting.group.split("|")[2] for leg in late] == [payouts[1]["id"], payouts[2]["id"]]
    assert not Leg.objects.filter(kind="payout_entry").exists()


@pytest.fixture
def last_days(db) -> Iterator[Till]:
    """The till on 30 March, booked per payout."""
    with world_at(BEFORE_MONTH_END) as world:
        till = unfurnished(world)
        per_payout(world)
        yield till


def test_a_payout_that_spans_a_month_end_is_cut_there(last_days):
    world = last_days.world
    last_days.sell()  # 30 March
    world.timeline.advance(48 * 3600)
    last_days.sell()  # 1 April
    payout = pay_out(world)
    run = last_days.next_morning()

    assert run.state == "done", run.sentence
    # 25.00 less 0.44 stands in March; its payout and what was taken since in April: 25.00 - 0.44 - 49.12 = -24.56.
    assert clearings() == [
        (payout["id"], "2026-03", date(2026, 3, 30), 2456),
        (payout["id"], "2026-04", date(2026, 4, 1), -2456),
    ]
    assert world.books.balance("1105") == 0


def test_a_month_can_be_closed_although_its_payout_has_not_come(last_days):
    world = last_days.world
    last_days.sell()
    last_days.next_morning()
    assert clearings() == []

    last_days.next_morning()

    assert clearings() == [("unpaid", "2026-03", date(2026, 3, 30), 2456)]
    assert not SyncItem.objects.exclude(state="done").exists()

    payout = pay_out(world)
    last_days.next_morning()
    assert clearings()[1:] == [(payout["id"], "2026-04", date(2026, 4, 1), -2456)]
    assert world.books.balance("1105") == 0


MONTH = {
    "seed": 11, "payments": 120, "days": 12, "oddities": False, "refunds": 0.1, "payouts": True,
}  # fmt: skip


def booked(sales_grouping, clearing_grouping):
    """The ledger of a month that ends in the next one, per account; afterwards nothing of it is left."""
    with world_at(datetime(2026, 4, 6, 12, tzinfo=UTC)) as world:
        end = world.timeline.now() - timedelta(hours=30)
        month = generate(world.sandbox.square, end=end, customers=world.customers, **MONTH)
        world.furnish(go_live=month.days[0], sales_grouping=sales_grouping)
        world.shop.lane.clearing_grouping = clearing_grouping
        world.shop.lane.save()
        assert world.run().state == "done"
        world.timeline.advance(26 * 24 * 3600)  # until April is over too
        run = world.run()
        assert run.state == "done", run.sentence
        assert not SyncItem.objects.exclude(state="done").exists()
        assert int(world.books.balance("1105") * 100) == month.ledger()["clearing"]
        call_command("flush", interactive=False, verbosity=0)
        return ledger_of(world.books)


def test_a_month_comes_to_the_same_on_every_account_however_it_is_grouped(transactional_db):
    ledgers = [
        booked(sales, clearing) for sales in ("daily_summary", "per_payment") for clearing in ("per_payout", "per_day")
    ]

    assert ledgers[0]["1290"] > 0
    assert ledgers[0]["4960"] > 0
    assert all(ledger == ledgers[0] for ledger in ledgers)
