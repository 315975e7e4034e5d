"""The database is restored from a backup while Exact has gone on: nothing is booked twice, and everything is found."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from audit.models import AuditEntry
from config.prove import consent
from connections.models import VendorCall
from connections.sandbox.faults import Fault
from connections.sandbox.square import LineSpec, TenderSpec
from sync import actions, runs
from sync.models import Attachment, Beat, FeedCursor, Posting, Settlement, SyncItem, SyncLane
from tests.journeys.pages import page_of, press, words
from tests.journeys.shop import Till

LOAF = LineSpec("Loaf", 1090, tax="VAT 9")
VOUCHER = TenderSpec("external", external_type="FOOD_VOUCHER")


def restored(**options: Any) -> str:
    told = StringIO()
    call_command("restored", stdout=told, **options)
    return told.getvalue()


def entries_in_exact(till: Till) -> dict[int, str]:
    """Entry number -> text, of everything that stands in the books."""
    return {row["EntryNumber"]: row["YourRef"] or row["lines"][1]["Description"] for row in till.world.books.entries()}


def numbers() -> dict[str, int | None]:
    """What our rows say: reference of each leg -> number of the entry that holds it."""
    booked = Posting.objects.filter(state="confirmed")
    return {ref: number for ref, number in booked.values_list("legs__reference", "remote_number") if ref}


def a_week(till: Till) -> None:
    for _ in range(5):
        till.sell(tenders=(TenderSpec("card", tip=100),))
        till.sell(LOAF, tenders=(TenderSpec("cash"),))
        till.next_morning()


def three_more_days(till: Till) -> None:
    """With all that groups a day differently than it would be grouped later."""
    hotel = till.world.customers[0]
    first_day = till.world.timeline.now()
    till.sell(customer_id=hotel)
    till.sell()
    till.next_morning()
    # Comes late: a supplement, and a second clearing entry of its day.
    till.sell(LOAF, at=first_day)
    till.world.sandbox.square.change_payment(till.world.sandbox.square.payments()[-1]["id"], note="synchronised late")
    till.next_morning()
    for tender in (TenderSpec("card"), VOUCHER, TenderSpec("card"), TenderSpec("card")):
        till.sell(tenders=(tender,))
    till.world.books.tables["glaccounts"].change(till.world.books.gl("1110")["ID"], UseCostcenter=1)
    till.next_morning()  # cut in two until the voucher stands alone
    till.run_after(hours=2)
    till.world.books.tables["glaccounts"].change(till.world.books.gl("1110")["ID"], UseCostcenter=0)
    actions.replay_items(SyncItem.objects.filter(state="waiting"), by="anna")
    till.run_after(minutes=5)
    till.world.sandbox.square.pay_out("Amsterdam", at=till.world.timeline.now())
    till.next_morning()


@pytest.mark.accepts("S001-31")
def test_nothing_is_booked_twice_after_a_restore_and_everything_is_found(till: Till, browser: Any) -> None:
    SyncLane.objects.update(attaches_sales_list=True)
    a_week(till)
    till.sell()
    till.world.close_days()
    backup = transaction.savepoint()
    till.world.run()
    three_more_days(till)
    ledger, entries, ours = till.ledger, entries_in_exact(till), numbers()
    settled, files = Settlement.objects.count(), len(till.world.books.tables["documentattachments"])
    assert settled
    assert not SyncItem.objects.filter(state="waiting").exists()

    transaction.savepoint_rollback(backup)
    known = Posting.objects.count()
    assert known == 15  # five days: summary, bank and cash entry
    calls = VendorCall.objects.count()
    told = restored()

    assert "in adopt mode" in told
    assert "give consent again" in told
    with pytest.raises(runs.NotNow, match="restored from a backup"):
        runs.open_run(SyncLane.objects.get(), trigger="schedule")
    consent.give_again(till.world.sandbox)
    till.world.sandbox.log.clear()
    run = till.world.run()
    till.run_after(minutes=10)

    assert run.state == "done", run.sentence
    assert till.posts == 0, "nothing had to be sent"
    assert (till.ledger, entries_in_exact(till)) == (ledger, entries)
    assert numbers() == ours
    assert set(Posting.objects.values_list("state", flat=True)) == {"confirmed"}
    assert not SyncItem.objects.exclude(state="done").exists()
    assert Settlement.objects.count() == settled
    assert len(till.world.books.tables["documentattachments"]) == files
    assert set(Attachment.objects.values_list("state", flat=True)) == {"attached"}
    assert VendorCall.objects.count() > calls, "the request ledger goes on"

    lane = SyncLane.objects.get()
    page = words(browser.get(page_of(lane)))
    assert "stood in Exact already and were adopted, 0 were new" in page
    new = till.sell()
    till.next_morning()
    assert till.item(new).state == "done"
    press(browser, lane, "end_adopting")
    lane.refresh_from_db()
    assert (lane.adopts, lane.adopts_since) == (False, None)
    ended = AuditEntry.objects.get(verb="lane.adoption_ended")
    assert ended.detail["new"] == 2  # the new sale and its money
    assert ended.detail["adopted"] == len(entries) - known


def test_entries_that_were_under_way_in_the_backup_are_looked_up_first(till: Till) -> None:
    till.sell()
    till.world.close_days()
    run = runs.open_run(till.world.shop.lane, trigger="schedule")
    till.world.sandbox.faults.add(Fault("429", "exact", "POST", "*/SalesEntries"))
    runs.work_slice(run.pk)
    assert Posting.objects.get().state == "draft"
    backup = transaction.savepoint()
    till.run_after(minutes=5)
    ledger = till.ledger
    assert ledger["8000"] == -2066

    transaction.savepoint_rollback(backup)
    assert "1 entries were under way" in restored()
    consent.give_again(till.world.sandbox)
    till.world.sandbox.log.clear()
    till.run_after(minutes=5)

    assert till.posts == 0
    assert till.ledger == ledger
    assert Posting.objects.get(document="sales_entry").is_adopted


def test_a_period_closed_since_the_backup_does_not_keep_entries_from_being_found(till: Till) -> None:
    till.sell()
    till.world.close_days()
    backup = transaction.savepoint()
    till.world.run()
    ledger = till.ledger
    till.world.books.close_period(2026, 3)

    transaction.savepoint_rollback(backup)
    restored()
    consent.give_again(till.world.sandbox)
    till.world.timeline.advance(25 * 3600)
    till.sell()
    till.next_morning()

    assert till.ledger == ledger
    assert SyncItem.objects.filter(state="done").count() == 1
    late = SyncItem.objects.get(state="waiting")
    assert late.problem_kind == "period_closed"


def test_without_the_command_the_used_up_token_of_the_backup_asks_for_consent(till: Till) -> None:
    till.sell()
    till.world.close_days()
    backup = transaction.savepoint()
    till.world.run()
    till.run_after(hours=1)

    transaction.savepoint_rollback(backup)
    run = till.world.run()

    till.world.shop.exact.refresh_from_db()
    assert run.state == "failed"
    assert till.world.shop.exact.status == "needs_consent"
    assert "used before" in till.world.shop.exact.status_reason
    assert "Connect again" in till.world.shop.exact.status_reason


def test_square_is_read_again_from_as_far_back_as_the_backup_is_old(till: Till) -> None:
    till.next_morning()
    before = FeedCursor.objects.get(stream="payments").read_up_to
    last = max(AuditEntry.objects.values_list("at", flat=True))
    till.world.timeline.advance(10 * 3600)

    restored()

    assert FeedCursor.objects.get(stream="payments").read_up_to == before - (till.world.timeline.now() - last)
    restored(since="2026-03-01T12:00+00:00")
    span = till.world.timeline.now() - datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert AuditEntry.objects.filter(verb="lane.restored").count() == 2
    told = AuditEntry.objects.filter(verb="lane.restored").latest("id").detail
    assert told["reads_again_hours"] == round(span / timedelta(hours=1), 1)


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01T00:00", "2027-01-01T00:00+00:00"])
def test_a_time_that_cannot_be_is_refused_and_nothing_changes(till: Till, since: str) -> None:
    with pytest.raises(CommandError):
        restored(since=since)
    assert not SyncLane.objects.get().adopts


def test_workers_are_to_be_stopped_first(till: Till) -> None:
    Beat.beat("worker", at=till.world.timeline.now())
    SyncLane.objects.update(lease_until=till.world.timeline.now() + timedelta(seconds=60))
    with pytest.raises(CommandError, match="Stop the workers first"):
        restored()


def test_adopt_mode_does_not_end_while_something_may_still_be_found(till: Till) -> None:
    stranger = till.world.sandbox.square.add_customer(company_name="Nobody Knows BV")["id"]
    till.sell(customer_id=stranger)
    till.next_morning()
    restored()
    lane = SyncLane.objects.get()
    with pytest.raises(actions.Impossible, match="No run has read"):
        actions.end_adoption(lane, by="anna")
    consent.give_again(till.world.sandbox)
    till.run_after(minutes=5)

    with pytest.raises(actions.Impossible, match="1 waiting records"):
        actions.end_adoption(lane, by="anna")

    actions.dismiss(SyncItem.objects.filter(state="waiting"), reason="Booked by hand", by="anna")
    actions.end_adoption(lane, by="anna")
    lane.refresh_from_db()
    assert not lane.adopts


def test_each_reference_stands_once(till: Till) -> None:
    """Two restores in a row of the same backup: what the first adopted, the second adopts again."""
    till.sell()
    till.world.close_days()
    backup = transaction.savepoint()
    for _ in range(2):
        till.world.run()
        transaction.savepoint_rollback(backup)
        restored()
        consent.give_again(till.world.sandbox)
    till.world.run()

    found = Counter(entries_in_exact(till).values())
    assert len(found) == 2
    assert max(found.values()) == 1


def late(till: Till, at: datetime) -> None:
    """The same mug again, of a day that is booked already."""
    till.sell(at=at)
    till.world.sandbox.square.change_payment(till.world.sandbox.square.payments()[-1]["id"], note="synchronised late")


def test_a_day_booked_with_supplements_of_equal_amounts_is_found_as_it_stands(till: Till) -> None:
    """Today all four would be one entry; in Exact they are three."""
    day = till.world.timeline.now()
    till.sell()
    till.sell()
    till.world.close_days()
    backup = transaction.savepoint()
    till.world.run()
    for hour in (1, 2):
        late(till, day)
        till.run_after(hours=hour)
    entries, ours = entries_in_exact(till), numbers()
    assert Posting.objects.filter(document="sales_entry").count() == 3

    transaction.savepoint_rollback(backup)
    restored()
    consent.give_again(till.world.sandbox)
    till.world.sandbox.log.clear()
    till.run_after(minutes=5)

    assert till.posts == 0
    assert (entries_in_exact(till), numbers()) == (entries, ours)
    assert set(Posting.objects.values_list("state", flat=True)) == {"confirmed"}


def test_a_day_that_cannot_be_told_apart_is_never_booked_twice(till: Till) -> None:
    """Exact's entry of the day holds something else than these rows can make of it: a person decides."""
    for _ in range(3):
        till.sell()
    till.world.close_days()
    backup = transaction.savepoint()
    till.world.run()
    ledger = till.ledger
    transaction.savepoint_rollback(backup)
    head = next(iter(till.world.books.tables["salesentries"]))
    till.world.books.tables["salesentries"].change(head["EntryID"], AmountFC=head["AmountFC"] + 1)
    restored()
    consent.give_again(till.world.sandbox)
    till.world.sandbox.log.clear()

    till.run_after(minutes=5)

    assert till.posts == 0
    assert till.ledger == ledger
    assert Posting.objects.get(document="sales_entry").state == "conflict"
    with pytest.raises(actions.Impossible, match="not settled"):
        actions.end_adoption(SyncLane.objects.get(), by="anna")
