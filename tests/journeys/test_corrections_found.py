"""Corrections after a changed mapping, where they meet other things that happen to a sale: nothing is lost by them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from connections import locations
from connections.models import Location
from connections.sandbox.faults import Fault
from connections.sandbox.square import LineSpec, TenderSpec
from mappings import reference
from mappings.models import CustomerMapping, DebtorAccount, GLMapping, LedgerAccount
from sync import actions, approval, runs
from sync.models import LaneLocation, Leg, Posting, SyncItem, SyncLane, SyncRun
from sync.remapping import planning
from sync.undo import NothingToUndo
from tests import pictures
from tests.journeys.desk import BALANCE, DEPOSIT, Desk, by_hand
from tests.journeys.pages import press, words
from tests.journeys.shop import cents

HOTEL, ATELIER, MUSEUM = "Hotel Prinsengracht", "Atelier Vos", "Museum Oud-West"
CAKE = LineSpec("Cake", 10000)


@pytest.fixture
def till(empty_till):
    pictures.furnish(empty_till.world, sales_grouping="daily_summary")
    return empty_till


def mapping(till, of=0):
    return CustomerMapping.objects.get(square_customer_id=till.world.customers[of])


def remap(row, to=ATELIER):
    """To another account; to the collective debtor without one."""
    row.debtor = DebtorAccount.objects.get(name=to) if to else None
    row.status = "matched" if to else "ignored"
    row.save()
    return row


def planned(row, **more):
    return [planning.plan(found, by="anna", subject="x") for found in planning.booked_otherwise(row, **more)]


def approved(run):
    approval.approve(run, by="bob")
    approval.open_approved()
    runs.work_to_rest(SyncRun.objects.get(state__in=SyncRun.OPEN))


def correct(till, row, **more):
    for run in planned(row, **more):
        approved(run)
    mornings(till)


def mornings(till, count=3):
    for _ in range(count):
        till.next_morning()


def owed(till):
    """Customer -> what the lines on receivables come to, in cents; nothing left out but nothing."""
    names = {row["ID"]: row["Name"] for row in till.world.books.tables["accounts"]}
    moved = Counter()
    for line in till.world.books.lines():
        if line["GLAccountCode"] == "1300":
            moved[names[line.get("AccountID") or line["Account"]]] += cents(line["AmountDC"])
    return {name: amount for name, amount in moved.items() if amount}


def second_lane(world):
    """Another lane of the same merchant and division, for Utrecht."""
    world.sandbox.square.add_location("Utrecht", "Europe/Amsterdam", "EUR")
    locations.discover(world.shop.square)
    first = world.shop.lane
    lane = SyncLane.objects.create(
        label="Utrecht", source=first.source, division=first.division, go_live=first.go_live, sales_journal="70",
        clearing_journal="21", cash_journal="10", is_enabled=True, collective_debtor=first.collective_debtor,
    )  # fmt: skip
    LaneLocation.objects.create(lane=lane, location=Location.objects.get(name="Utrecht"))
    return lane


def states():
    return set(SyncItem.objects.values_list("state", flat=True))


def test_a_dismissed_record_is_not_taken_out_of_the_books(till):
    sale = till.sell(customer_id=till.world.customers[0])
    till.next_morning()
    till.world.sandbox.square.change_payment(sale.payment_ids[0], customer_id=till.world.customers[1])
    mornings(till, 2)
    actions.dismiss(SyncItem.objects.all(), reason="Put right in Exact by hand", by="anna")
    before = till.ledger

    correct(till, remap(mapping(till, 1), MUSEUM))

    assert till.ledger == before  # sale and receipt are gone for good, the record is "dismissed"


def test_a_record_that_square_changes_while_it_is_taken_back_is_booked_again(till):
    sale = till.sell(customer_id=till.world.customers[0])
    till.next_morning()
    [plan] = planned(remap(mapping(till)))
    for entries in ("SalesEntries", "BankEntries"):
        till.world.sandbox.faults.add(Fault("drop_after", "exact", "POST", f"*/{entries}"))
    till.world.sandbox.square.add_fee(sale.payment_ids[0], 3)
    approved(plan)
    for _ in range(8):
        till.run_after(seconds=30)
    mornings(till)

    assert states() == {"done"}, SyncItem.objects.get().problem
    assert till.ledger == {"1105": 2453, "4960": 47, "8000": -2066, "1500": -434}


def test_a_correction_in_a_period_closed_since_does_not_lose_the_sale(till):
    till.world.timeline.moment = datetime(2026, 3, 30, 12, tzinfo=UTC)
    reference.refresh(till.world.shop.division)
    till.sell(customer_id=till.world.customers[0])
    mornings(till, 4)
    till.world.books.close_period(2026, 3)
    reference.refresh(till.world.shop.division)
    before = till.ledger

    with pytest.raises(NothingToUndo, match="could not be booked again"):
        planned(remap(mapping(till)))
    mornings(till)
    assert till.ledger == before


@pytest.mark.parametrize("is_corrected", [False, True])
def test_an_invoice_canceled_after_a_refund_and_a_correction_knows_the_refund(till, is_corrected):
    desk = Desk(till)
    made = desk.invoice()
    desk.morning()
    payment = desk.pay(made, amount=60000, fee=0)
    mornings(till, 2)
    dinner = till.world.sandbox.square.order(made["order_id"])["line_items"][1]["uid"]
    till.world.sandbox.square.refund(payment.payment_ids[0], items=[dinner])
    mornings(till, 2)
    if is_corrected:
        correct(till, remap(mapping(till)))
    desk.cancel(made)
    mornings(till, 3)

    assert till.ledger == {"8001": -10642, "1501": -958, "1105": 11600}  # as without a correction


@pytest.mark.parametrize("is_corrected", [False, True])
def test_a_second_refund_after_a_correction_knows_the_tip_of_the_first(till, is_corrected):
    desk = Desk(till)
    made = desk.invoice(DEPOSIT, BALANCE)
    desk.morning()
    desk.pay(made, amount=47220, fee=0)
    desk.morning()
    payment = desk.pay(made, tip=5000, fee=0)
    mornings(till, 2)
    till.world.sandbox.square.refund(payment.payment_ids[0], 112000)
    mornings(till, 2)
    if is_corrected:
        correct(till, remap(mapping(till)))
    till.world.sandbox.square.refund(payment.payment_ids[0], 3000)
    mornings(till, 3)

    assert till.ledger["2150"] == -1460


def test_what_was_given_back_of_a_deposit_moves_with_it(till):
    order = till.sell(
        CAKE, tenders=(TenderSpec(amount=4000, fee=0),), state="OPEN", customer_id=till.world.customers[0]
    )
    till.next_morning()
    till.world.sandbox.square.refund(order.payment_ids[0], 1500)
    mornings(till, 2)
    assert owed(till) == {HOTEL: -2500}

    correct(till, remap(mapping(till)))

    assert owed(till) == {ATELIER: -2500}


def test_a_payment_that_a_lost_dispute_took_back_stays_where_the_customer_owes_it_again(till):
    world = till.world
    SyncLane.objects.update(lost_disputes="customer")
    payment = till.sell(customer_id=world.customers[0]).payment_ids[0]
    filed = world.sandbox.square.dispute(payment, None, at=world.timeline.now())
    world.sandbox.square.pay_out("Amsterdam", at=world.timeline.now())
    till.next_morning()
    world.sandbox.square.settle_dispute(filed["id"], "LOST", at=world.timeline.now())
    mornings(till, 2)
    assert owed(till) == {HOTEL: 2500}

    correct(till, remap(mapping(till)))

    assert owed(till) == {HOTEL: 2500}
    assert planning.booked_otherwise(mapping(till)) == []


@pytest.mark.parametrize("to", [ATELIER, None])
def test_the_payment_of_an_invoice_that_exact_held_stays_with_that_invoice(till, to):
    desk = Desk(till)
    by_hand(desk.world)
    made = desk.invoice()
    desk.morning()
    desk.pay(made, fee=0)
    mornings(till, 2)
    before = till.ledger
    assert owed(till) == {}

    correct(till, remap(mapping(till), to))

    assert (till.ledger, owed(till), states()) == (before, {}, {"done"})


def test_a_sale_partly_on_a_house_account_is_not_taken_back_for_the_collective_debtor(till):
    till.sell(tenders=(TenderSpec(amount=1000, fee=0), TenderSpec("house")), customer_id=till.world.customers[0])
    till.next_morning()
    before = till.ledger

    correct(till, remap(mapping(till), None))

    assert till.ledger == before


@pytest.mark.parametrize("kind", ["customer", "rule"])
def test_what_lies_behind_the_newest_amounts_is_corrected_next(till, kind):
    for _ in range(2):
        till.sell(customer_id=till.world.customers[0])
        till.next_morning()
    if kind == "customer":
        row = remap(mapping(till))
    else:
        row = GLMapping.objects.get(account__code="8000", role="revenue")
        row.account = LedgerAccount.objects.get(code="8002")
        row.save()
    correct(till, row, most=1)  # 2,000 in life
    correct(till, row, most=1)

    assert planning.booked_otherwise(row) == []


def test_a_rule_is_corrected_on_the_invoice_of_a_customer_who_was_mapped_otherwise(till):
    Desk(till).invoice()
    mornings(till, 2)
    remap(mapping(till))
    rule = GLMapping.objects.get(account__code="8000", role="revenue")
    rule.account = LedgerAccount.objects.get(code="8002")
    rule.save()

    assert planning.booked_otherwise(rule)


def test_a_sale_booked_before_the_update_keeps_its_customer(till):
    sale = till.sell(customer_id=till.world.customers[0])
    till.next_morning()
    for leg in Leg.objects.filter(kind="sale"):
        leg.content.pop("customer")  # as it was frozen until now
        leg.save()
    remap(mapping(till))
    till.world.sandbox.square.add_fee(sale.payment_ids[0], 3)
    mornings(till, 2)

    assert SyncItem.objects.get().state == "done", SyncItem.objects.get().problem


def test_two_lanes_of_a_merchant_may_share_a_clearing_journal(till):
    world = till.world
    lane = second_lane(world)
    for town in ("Amsterdam", "Utrecht"):
        world.sandbox.square.sell(
            town, world.timeline.now(), (LineSpec("Mug", 2500, tax="VAT 21"),), (TenderSpec(),),
        )  # fmt: skip
    world.close_days()
    for each in (world.shop.lane, lane):
        assert runs.work_to_rest(runs.open_run(each, trigger="schedule")).state == "done"


def test_of_two_lanes_one_that_cannot_be_corrected_is_told_beside_the_other(till, browser):
    world = till.world
    first, lane = world.shop.lane, second_lane(world)
    for town, each in (
        ("Amsterdam", first),
        ("Utrecht", lane),
    ):  # on one day both lanes' clearing entries would collide
        world.sandbox.square.sell(
            town, world.timeline.now(), (LineSpec("Mug", 2500, tax="VAT 21"),), (TenderSpec(),),
            customer_id=world.customers[0],
        )  # fmt: skip
        world.close_days()
        runs.work_to_rest(runs.open_run(each, trigger="schedule"))
    receipts = Posting.objects.filter(lane=lane, document="bank_entry")
    Leg.objects.filter(posting__in=receipts).update(state="posted")
    receipts.update(state="conflict")
    row = remap(mapping(till))
    assert len(planning.booked_otherwise(row)) == 2

    told = words(press(browser, row, "correct", reason="Wrong customer"))

    made = SyncRun.objects.filter(purpose="undo").count()
    assert made == 0 or "Nothing of it can be corrected" not in told
