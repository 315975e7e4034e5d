"""A source that falls silent is told of; what was missed is counted at night and read again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import AuditEntry
from config.demo import shop as shops
from connections import subscriptions, webhooks
from connections.models import Connection, WebhookEvent, WebhookSubscription
from connections.sandbox.faults import Fault
from sync import sentinel, tasks
from sync.models import Alert, FeedCursor, SourceCount, SyncItem, SyncLane
from tests.journeys.pages import page_of, press, words
from tests.postman import Postman

HOUR = 3600


def lived(connection: Connection, *, until, days: int = 20) -> None:
    """Events of an hour each, nine to five, up to then."""
    moments = [
        (until - timedelta(days=day)).replace(hour=hour, minute=0, second=0)
        for day in range(days)
        for hour in range(9, 17)
    ]
    WebhookEvent.objects.bulk_create(
        WebhookEvent(
            connection=connection, event_id=f"e-{number}", type="payment.updated", happened_at=moment,
            received_at=moment, digest="0" * 64, heeded_at=moment, meaning="lane",
        )
        for number, moment in enumerate(moments)
        if moment <= until
    )  # fmt: skip


@pytest.fixture
def habitual(till):
    """Square has told of something every working hour for three weeks; it is noon."""
    lived(till.world.shop.square, until=till.world.timeline.now())
    webhooks.learn_habits()
    return till


def work_list(browser) -> str:
    return words(browser.get(reverse("admin:index")))


def test_a_night_is_no_silence(habitual, browser):
    assert Connection.objects.get(system="square").usual_quiet == timedelta(hours=17)
    habitual.world.timeline.advance(20 * HOUR)

    assert "is silent" not in work_list(browser)


def test_a_source_that_is_silent_for_longer_than_its_habit_is_on_the_work_list(habitual, browser):
    habitual.world.timeline.advance(30 * HOUR)

    shown = work_list(browser)

    assert "is silent" in shown
    assert "usually silent for 17 hours at most" in shown
    assert "perhaps nobody works there" in shown


def test_silence_while_lanes_find_changes_means_that_webhooks_do_not_arrive(habitual, browser):
    habitual.world.timeline.advance(20 * HOUR)
    habitual.sell()
    habitual.run_after(minutes=1)
    habitual.world.timeline.advance(10 * HOUR)

    assert "its webhooks do not arrive" in work_list(browser)


def test_the_next_event_ends_the_silence(habitual, browser):
    habitual.world.timeline.advance(30 * HOUR)
    row = WebhookEvent.objects.first()
    row.pk, row.event_id, row.received_at = None, "new", habitual.world.timeline.now()
    row.save()

    assert "is silent" not in work_list(browser)


def test_the_page_of_a_connection_shows_habit_last_event_and_what_was_refused(habitual, browser):
    square = Connection.objects.get(system="square")
    webhooks.count(webhooks.Outcome.FORGED, square)

    shown = words(browser.get(page_of(square)))

    assert "17 hours" in shown
    assert "payment.updated" in shown
    assert "1 wrong signature" in shown
    assert f"http://testserver/webhooks/square/{square.pk}/" in shown


def test_foreign_events_and_lost_subscriptions_are_on_the_work_list(till, browser):
    lived(till.world.shop.square, until=till.world.timeline.now(), days=2)
    WebhookEvent.objects.update(meaning="foreign")
    WebhookSubscription.objects.create(
        connection=till.world.shop.square, remote_id="wbhk_1", topics=["payment.created"], address="x",
        is_enabled=False, created_at=till.world.timeline.now(), read_at=till.world.timeline.now(),
    )  # fmt: skip

    shown = work_list(browser)

    assert "of an account nobody connected" in shown
    assert "The vendor switched it off" in shown


def test_the_night_lets_go_of_old_events_learns_habits_and_reads_subscriptions(till, queue):
    till.world.sandbox.courier.send = Postman()
    square = till.world.shop.square
    square.personal_access_token = till.world.sandbox.square.personal_token(shops.SQUARE_APP)
    square.save()
    subscriptions.subscribe(square)
    till.world.sandbox.square.hooks.subscriptions.clear()
    lived(square, until=till.world.timeline.now())
    WebhookEvent.objects.filter(event_id="e-0").update(received_at=till.world.timeline.now() - timedelta(days=91))

    tasks.nightly()

    assert not WebhookEvent.objects.filter(event_id="e-0").exists()
    assert Connection.objects.get(pk=square.pk).usual_quiet is not None
    assert WebhookSubscription.objects.get().missing_since is not None


# -- the sentinel
def night(till, queue) -> None:
    with queue.listening():
        tasks.nightly()
    queue.work()


@pytest.fixture
def missed(till):
    """Two payments of yesterday noon, of which Square listed one only; a day later it lists both."""
    seen, hidden = till.sell(), till.sell()
    till.world.sandbox.square.hide(*hidden.payment_ids)
    till.run_after(hours=1)
    till.next_morning()
    till.world.sandbox.square.show(*hidden.payment_ids)
    till.run_after(hours=1)
    assert SyncItem.objects.filter(source_id=seen.payment_ids[0]).exists()
    assert not SyncItem.objects.filter(source_id=hidden.payment_ids[0]).exists()
    return hidden


def test_a_record_that_square_listed_too_late_is_found_at_night_and_booked_once(till, missed, queue, browser):
    night(till, queue)

    (row,) = SourceCount.objects.filter(stream="payments")
    assert (row.at_square, row.held, row.examples) == (2, 1, [missed.payment_ids[0]])
    fact = AuditEntry.objects.get(verb="lane.gap_found")
    assert (fact.detail["stream"], fact.detail["missing"]) == ("payments", 1)
    assert "1 record that Square holds was missed" in work_list(browser)

    with queue.listening():
        tasks.sweep()
    queue.work()
    till.next_morning()

    assert till.item(missed).state == "done"
    assert till.ledger["8000"] == -2 * 2066
    assert not FeedCursor.objects.filter(again_from__isnull=False).exists()
    night(till, queue)
    row.refresh_from_db()
    assert (row.at_square, row.held, row.filled, row.examples) == (2, 2, 1, [])
    assert "was missed" not in work_list(browser)


def test_where_nothing_is_missing_the_night_reads_a_few_pages_and_moves_nothing(till, queue):
    till.sell()
    till.next_morning()
    cursors = list(FeedCursor.objects.values_list("stream", "read_up_to", "again_from"))
    before = till.calls("square")

    sentinel.count(SyncLane.objects.get())

    assert till.calls("square") == before + 3
    assert list(FeedCursor.objects.values_list("stream", "read_up_to", "again_from")) == cursors
    assert [(row.at_square, row.held) for row in SourceCount.objects.all()] == [(1, 1)]


def test_a_refund_that_was_missed_is_found_too(till, queue):
    sale = till.sell()
    till.next_morning()
    refund = till.world.sandbox.square.refund(sale.payment_ids[0])
    till.world.sandbox.square.hide(refund["id"])
    till.next_morning()
    till.world.sandbox.square.show(refund["id"])

    assert sentinel.count(SyncLane.objects.get()) == 1
    till.next_morning()

    assert SyncItem.objects.filter(source_id=refund["id"]).exists()
    assert sentinel.count(SyncLane.objects.get()) == 0


def test_a_payout_that_square_listed_weeks_too_late_is_found_and_booked(till):
    square = till.world.sandbox.square
    till.sell()
    till.next_morning()
    payout = square.pay_out("Amsterdam", at=till.world.timeline.now())
    square.hide(payout["id"])
    till.next_morning()
    till.world.timeline.advance(20 * 24 * HOUR)
    till.next_morning()
    square.show(payout["id"])
    till.next_morning()
    assert not SyncItem.objects.filter(source_id=payout["id"]).exists(), "older than what a lane reads again"

    assert sentinel.count(SyncLane.objects.get()) == 1
    row = SourceCount.objects.get(stream="payouts")
    assert (row.at_square, row.held, row.examples) == (1, 0, [payout["id"]])
    till.next_morning()

    assert SyncItem.objects.get(source_id=payout["id"]).state == "done"
    assert till.ledger["1290"] == 2456
    assert sentinel.count(SyncLane.objects.get()) == 0


def test_without_the_right_to_read_payouts_payments_are_counted(till, missed):
    for token in till.world.sandbox.square.grants.tokens.values():
        token.scopes = tuple(scope for scope in token.scopes if scope != "PAYOUTS_READ")

    assert sentinel.count(SyncLane.objects.get()) == 1


def test_what_lies_before_the_first_reading_is_not_missed(till):
    till.sell(at=till.world.timeline.now() - timedelta(days=5))
    till.sell()
    till.next_morning()

    assert sentinel.count(SyncLane.objects.get()) == 0


def test_a_lane_that_never_read_anything_is_not_counted(till):
    till.sell()

    assert sentinel.count(SyncLane.objects.get()) == 0
    assert till.calls("square", "GET", "payments") == 0


def test_a_night_in_which_square_does_not_answer_keeps_what_was_counted(till, missed, queue):
    night(till, queue)
    till.world.sandbox.faults.add(Fault("503", "square", "GET", "/v2/payments", times=0))
    night(till, queue)

    assert SourceCount.objects.get(stream="payments").missing == 1


def test_a_person_has_a_lane_counted_at_once(till, missed, queue, browser):
    with queue.listening():
        press(browser, till.world.shop.lane, "count")
    queue.work()

    shown = words(browser.get(reverse("admin:sync_sourcecount_changelist"), {"missing": "yes"}))
    assert "payments" in shown
    assert SourceCount.objects.filter(stream="payments").count() == 1


def test_a_silence_is_one_alert_and_its_end_another_word(habitual):
    habitual.world.timeline.advance(30 * HOUR)
    tasks.look()
    tasks.look()

    alert = Alert.objects.get(kind="silence")
    assert "usually silent for 17 hours" in alert.sentence
    row = WebhookEvent.objects.first()
    row.pk, row.event_id, row.received_at = None, "new", habitual.world.timeline.now()
    row.save()
    for _ in range(3):
        habitual.world.timeline.advance(20 * 60)
        tasks.look()
    alert.refresh_from_db()
    assert alert.recovered_at is not None
