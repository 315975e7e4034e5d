"""What was booked is undone by linked reversing entries, planned first, and never twice."""

from __future__ import annotations

from datetime import date

import pytest

from connections.sandbox.faults import Fault
from mappings import reference
from sync import runs
from sync.models import Leg, PlannedEntry, Posting, SyncItem, SyncLane, SyncRun
from tests import pictures
from tests.journeys.desk import BALANCE, DEPOSIT
from tests.journeys.pages import page_of, press, press_on_list, words
from tests.journeys.test_corrections import change


@pytest.fixture(params=["per_payment", "daily_summary"])
def till(empty_till, request):
    pictures.furnish(empty_till.world, sales_grouping=request.param)
    return empty_till


def booked(till):
    """A day with a card sale, in the books and confirmed; the run that booked it."""
    till.sell()
    return till.next_morning()


def planned():
    return SyncRun.objects.filter(purpose="undo").latest("id")


def approved(browser, queue, run=None):
    run = run or planned()
    with queue.listening():
        response = press(browser, run, "approve")
    queue.work()
    run.refresh_from_db()
    return response


def entries(document):
    return Posting.objects.filter(document=document).order_by("id")


def test_a_run_is_undone_entry_by_entry_and_the_ledger_is_as_before(till, browser, queue):
    run = booked(till)
    before = till.posts
    page = words(press(browser, run, "undo"))

    assert "Plan to undo run" in page
    assert "Accounts before and after" in page
    assert till.posts == before
    assert SyncItem.objects.get().state == "done"

    approved(browser, queue)

    assert till.ledger == {}
    assert till.posts - before == 2
    for first in Posting.objects.filter(corrects=None):
        back = Posting.objects.get(corrects=first)
        assert (first.state, back.state, back.date) == ("reversed", "confirmed", first.date)
        assert back.expected == {code: -amount for code, amount in first.expected.items()}
    item = SyncItem.objects.get()
    assert (item.state, item.problem_kind) == ("waiting", "undone")
    assert "Undone by anna" in item.problem
    assert planned().state == "done"
    assert {leg.state for leg in Leg.objects.filter(is_reversal=False)} == {"reversed"}


def test_what_was_undone_waits_and_is_booked_again_only_by_replay(till, browser, queue):
    run = booked(till)
    ledger = till.ledger
    press(browser, run, "undo")
    approved(browser, queue)
    first = set(Posting.objects.values_list("reference", flat=True))

    sale = till.world.sandbox.square.payments()[0]
    till.world.sandbox.square.change_payment(sale["id"], note="table 4", reference_id="again")
    till.next_morning()
    assert till.ledger == {}
    item = SyncItem.objects.get()
    assert (item.state, item.problem_kind) == ("waiting", "undone")

    with queue.listening():
        press(browser, item, "replay")
    queue.work()
    till.next_morning()

    assert till.ledger == ledger
    again = Posting.objects.exclude(reference__in=first)
    assert again.count() == 2
    assert SyncItem.objects.get().state == "done"
    assert set(Leg.objects.filter(state="confirmed", is_reversal=False).values_list("ordinal", flat=True)) == {1000}


def test_what_was_undone_may_stay_dismissed(till, browser, queue):
    press(browser, booked(till), "undo")
    approved(browser, queue)

    press(browser, SyncItem.objects.get(), "dismiss", reason="A training sale")
    till.next_morning()

    assert (SyncItem.objects.get().state, till.ledger) == ("dismissed", {})


def test_what_was_booked_again_can_be_undone_again(till, browser, queue):
    press(browser, booked(till), "undo")
    approved(browser, queue)
    with queue.listening():
        press(browser, SyncItem.objects.get(), "replay")
    queue.work()
    latest = Posting.objects.filter(state="confirmed").exclude(corrects__isnull=False)
    with queue.listening():
        press_on_list(browser, list(latest), "undo")
    approved(browser, queue)

    assert till.ledger == {}
    assert Posting.objects.filter(state="reversed").count() == 4


def test_the_same_undo_twice_is_refused(till, browser, queue):
    run = booked(till)
    press(browser, run, "undo")
    press(browser, run, "undo")
    first, second = SyncRun.objects.filter(purpose="undo").order_by("id")
    approved(browser, queue, first)
    posts = till.posts

    approved(browser, queue, second)
    third = words(press(browser, run, "undo"))

    assert (till.ledger, till.posts) == ({}, posts)
    assert set(PlannedEntry.objects.filter(run=second).values_list("state", flat=True)) == {"refused"}
    assert "0 of 2 entries booked" in second.sentence
    assert "It is reversed already" in third
    assert SyncRun.objects.filter(purpose="undo").count() == 2


def test_an_undo_whose_answer_was_lost_is_found_not_doubled(till, browser, queue):
    press(browser, booked(till), "undo")
    till.world.sandbox.faults.add(Fault("drop_after", "exact", "POST", "*/BankEntries"))
    till.world.sandbox.faults.add(Fault("drop_after", "exact", "POST", "*/SalesEntries"))
    approved(browser, queue)
    assert Posting.objects.filter(state="sending").exists()

    for _ in range(3):
        till.run_after(minutes=10)

    assert till.ledger == {}
    assert till.posts == 4
    assert set(Posting.objects.values_list("state", flat=True)) == {"reversed", "confirmed"}


def test_one_sale_with_its_receipt_booked_names_what_must_be_undone_with_it(till, browser, queue):
    booked(till)
    sale, receipt = entries("sales_entry").get(), entries("bank_entry").get()

    alone = words(press(browser, sale, "undo"))
    assert "Nothing of it can be undone" in alone
    assert f"receipt in {receipt.reference}" in alone
    assert not SyncRun.objects.filter(purpose="undo").exists()

    press(browser, receipt, "undo")
    approved(browser, queue)
    assert till.ledger == {"1300": 2500, "8000": -2066, "1500": -434}
    press(browser, sale, "undo")
    approved(browser, queue)
    assert till.ledger == {}


def test_a_run_with_a_refund_on_it_is_undone_with_the_refund_and_without_it_named(empty_till, browser, queue):
    till = empty_till
    till.world.furnish(sales_grouping="per_payment")
    sold = till.sell()
    run = till.next_morning()
    till.world.sandbox.square.refund(sold.payment_ids[0], 1000, at=till.world.timeline.now(), reason="Cold")
    later = till.next_morning()
    before = till.ledger

    page = words(press(browser, run, "undo"))
    assert "What cannot be undone" in page
    assert "refund" in page
    receipts = PlannedEntry.objects.get(run=planned())
    assert receipts.document == "bank_entry"
    with queue.listening():
        press(browser, planned(), "reject", reason="The refund goes first")
    assert (planned().state, till.ledger) == ("rejected", before)

    press(browser, later, "undo")
    approved(browser, queue)
    press(browser, run, "undo")
    approved(browser, queue)

    assert till.ledger == {}
    assert set(SyncItem.objects.values_list("problem_kind", flat=True)) == {"undone"}


def test_into_a_closed_period_the_reversal_goes_to_the_next_open_day(till, browser, queue):
    run = booked(till)
    for _ in range(2):
        till.run_after(days=16)
    till.world.books.close_period(2026, 3)
    reference.refresh(till.world.shop.division)

    press(browser, run, "undo")
    approved(browser, queue)

    assert till.ledger == {}
    assert set(Posting.objects.exclude(corrects=None).values_list("date", flat=True)) == {date(2026, 4, 1)}


def test_without_any_open_day_until_today_nothing_is_undone(till, browser):
    run = booked(till)
    till.world.books.close_period(2026, 3)
    reference.refresh(till.world.shop.division)

    page = words(press(browser, run, "undo"))

    assert "has no open period" in page
    assert not SyncRun.objects.filter(purpose="undo").exists()


def test_what_is_not_confirmed_yet_is_named(till, browser):
    till.sell()
    till.world.sandbox.faults.add(Fault("503", "exact", "GET", "*/TransactionLines", times=1))
    till.world.close_days()
    run = runs.open_run(till.world.shop.lane, trigger="schedule")
    runs.work_slice(run.pk)
    assert Posting.objects.filter(state="posted").exists()
    run.refresh_from_db()
    page = words(press(browser, run, "undo"))
    assert "not confirmed in the ledger yet" in page


def test_a_reversing_entry_that_exact_refuses_is_replayed_under_its_reference(till, browser, queue):
    press(browser, booked(till), "undo")
    till.world.books.close_period(2026, 3)
    approved(browser, queue)
    item = SyncItem.objects.get()
    assert (item.state, item.problem_kind) == ("waiting", "period_closed")
    assert Posting.objects.filter(state="refused").count() == 2
    assert "it is being undone" in words(press(browser, item, "dismiss", reason="No"))
    till.world.books.reopen_period(2026, 3)

    with queue.listening():
        press_on_list(browser, list(Posting.objects.filter(state="refused")), "replay")
    queue.work()
    till.run_after(minutes=5)

    assert till.ledger == {}
    assert SyncItem.objects.get().problem_kind == "undone"


def test_the_page_of_the_plan_shows_every_line_and_the_accounts_before_and_after(till, browser):
    run = booked(till)
    page = words(press(browser, run, "undo"))
    entry = PlannedEntry.objects.get(run=planned(), document="sales_entry")

    assert "EUR 20.66" in page
    assert "8000" in page
    lines = words(browser.get(page_of(entry)))
    assert "Takes back entry" in lines
    assert "−20.66" in lines
    assert "2 entries" in page


def test_a_refund_not_booked_yet_waits_when_its_sale_is_undone(empty_till, browser, queue):
    till = empty_till
    till.world.furnish(sales_grouping="daily_summary")
    sold = till.sell()
    run = till.next_morning()
    till.world.sandbox.square.refund(sold.payment_ids[0], 1000, at=till.world.timeline.now(), reason="Cold")
    till.run_after(minutes=5)
    assert Leg.objects.get(kind="refund").state == "ready"

    press(browser, run, "undo")
    approved(browser, queue)
    till.next_morning()

    refund = SyncItem.objects.get(kind="refund")
    assert (refund.state, refund.problem_kind) == ("waiting", "waits_for_sale")
    assert till.ledger == {}


def test_a_sale_undone_before_its_receipt_was_booked_waits_and_is_booked_again_by_replay(till, browser, queue):
    """Per payout, the receipt is ready until Square pays out."""
    SyncLane.objects.update(clearing_grouping="per_payout")
    booked(till)
    press(browser, entries("sales_entry").get(), "undo")
    approved(browser, queue)
    item = SyncItem.objects.get()
    assert (item.state, item.problem_kind) == ("waiting", "undone")

    with queue.listening():
        press(browser, item, "replay")
    queue.work()
    till.world.sandbox.square.pay_out("Amsterdam")
    till.next_morning()
    till.next_morning()

    # 25.00 less the fee of 0.44 reaches the bank.
    assert till.ledger == {"1290": 2456, "4960": 44, "8000": -2066, "1500": -434}
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}


def test_a_corrected_sale_is_undone_together_with_its_older_receipt(till, browser, queue):
    """The correction is the newer entry, and the receipt rests on it: the receipt goes first."""
    SyncLane.objects.update(after_change="correct")
    sale = till.sell()
    till.next_morning()
    change(till, sale, 2500, 206)
    till.next_morning()

    press_on_list(browser, list(Posting.objects.filter(state="confirmed")), "undo")
    approved(browser, queue)

    assert till.ledger == {}
    assert (SyncItem.objects.get().state, SyncItem.objects.get().problem_kind) == ("waiting", "undone")


def test_the_sale_of_a_canceled_invoice_is_not_undone_without_its_credit(desk, browser, queue):
    made = desk.invoice()
    desk.morning()
    desk.cancel(made)
    desk.morning()
    assert desk.ledger == {}
    sale, credit = (Posting.objects.get(legs__kind=kind) for kind in ("sale", "invoice_credit"))

    page = words(press(browser, sale, "undo"))
    assert f"invoice credit in {credit.reference}" in page
    assert not SyncRun.objects.filter(purpose="undo").exists()

    press_on_list(browser, [sale, credit], "undo")
    approved(browser, queue)
    assert set(Posting.objects.filter(pk__in=[sale.pk, credit.pk]).values_list("state", flat=True)) == {"reversed"}


def test_a_canceled_invoice_that_was_partly_paid_is_undone_and_booked_again(desk, browser, queue):
    made = desk.invoice(DEPOSIT, BALANCE)
    desk.morning()
    desk.pay(made)
    desk.morning()
    desk.cancel(made)
    desk.morning()
    desk.morning()
    booked = desk.ledger

    press_on_list(browser, list(Posting.objects.all()), "undo")
    approved(browser, queue)
    assert desk.ledger == {}
    with queue.listening():
        press_on_list(browser, list(SyncItem.objects.all()), "replay")
    queue.work()
    desk.morning()
    desk.morning()

    assert desk.ledger == booked
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}


def test_both_entries_lead_to_each_other_and_the_work_list_shows_the_plan(till, browser, queue):
    run = booked(till)
    press(browser, run, "undo")
    assert "1 plan waits for approval" in words(browser.get("/admin/"))
    approved(browser, queue)

    sale = entries("sales_entry").get(corrects=None)
    back = entries("sales_entry").get(corrects=sale)
    assert f"Taken back by {back}" in words(browser.get(page_of(sale)))
    assert f"Takes back {sale}" in words(browser.get(page_of(back)))
    assert "plan waits for approval" not in words(browser.get("/admin/"))
