"""A payment at the till reaches the books because Square told of it: looked at at once, booked once, from the list."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import requests
from pytest_django.fixtures import Settings

from audit.models import AuditEntry
from config.demo import shop as shops
from connections import clients, subscriptions, webhooks
from connections.models import Connection, Division, WebhookEvent
from connections.sandbox.courier import Trick
from connections.sandbox.server import serve
from connections.sandbox.square import LineSpec
from mappings.models import DebtorAccount
from sync import tasks
from sync.models import Posting, SyncItem, SyncLane, SyncRun
from sync.models.invoices import InvoiceStanding
from sync.models.reconciliation import Month
from tests.journeys.shop import Till
from tests.postman import Postman

# What a lane that has just run waits for: its next turn, a quarter of an hour away.
BOOKED_SINGLY = {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}


@pytest.fixture
def post(till: Till) -> Postman:
    till.world.sandbox.courier.send = postman = Postman()
    return postman


@pytest.fixture
def told(till: Till, post: Postman) -> Till:
    """Square is subscribed, and the lane books each payment as soon as it sees it; it has just looked."""
    SyncLane.objects.update(sales_grouping="per_payment", clearing_grouping="per_day")
    square = till.world.shop.square
    square.personal_access_token = till.world.sandbox.square.personal_token(shops.SQUARE_APP)
    square.save()
    subscriptions.subscribe(square)
    return till


def delivered(till: Till) -> int:
    return till.world.sandbox.courier.deliver_due()


def minute(till: Till, queue) -> None:
    """A minute passes, and the sweep and the workers do their part."""
    till.world.timeline.advance(60)
    with queue.listening():
        tasks.sweep()
    queue.work()


def rested(till: Till, queue) -> None:
    minute(till, queue)
    assert SyncLane.objects.get().due_at > till.world.timeline.now() + timedelta(minutes=10)


@pytest.mark.accepts("S000-30", "S001-28", "S001-31")
def test_a_payment_is_booked_within_two_minutes_of_its_webhook_once(told, post, queue):
    rested(told, queue)
    sale = told.sell()
    courier = told.world.sandbox.courier
    courier.play(Trick("duplicate", times=10))
    courier.play(Trick("reorder"))
    delivered(told)

    minute(told, queue)

    run = SyncRun.objects.latest("pk")
    assert (run.trigger, run.state) == ("webhook", "done"), run.sentence
    assert told.item(sale).state != "waiting"
    assert told.calls("exact", "POST", "SalesEntries") == 1
    assert set(post.answers) == {200}
    assert set(WebhookEvent.objects.values_list("meaning", "deliveries")) == {("lane", 3)}

    delivered(told)
    told.next_morning()
    assert told.calls("exact", "POST", "SalesEntries") == 1
    assert told.ledger["8000"] == -2066


@pytest.mark.accepts("S001-29")
def test_without_any_webhook_a_lane_looks_at_its_own_time_and_takes_in_only_what_changed(till, queue):
    till.sell()
    rested(till, queue)
    first = SyncRun.objects.latest("pk")
    orders = till.calls("square", "POST", "orders")
    till.world.timeline.advance(15 * 60)
    minute(till, queue)
    second = SyncRun.objects.latest("pk")

    assert (first.trigger, first.records_changed) == ("schedule", 1)
    assert (second.trigger, second.records_changed) == ("schedule", 0)
    assert till.calls("square", "POST", "orders") == orders


def test_what_a_webhook_says_is_never_booked(told, queue):
    """The event tells of an amount that the list never shows, signed by the right key; the list is what counts."""
    rested(told, queue)
    square = told.world.sandbox.square
    sale = told.sell()
    real = dict(square.payment(sale.payment_ids[0])["amount_money"])
    square.change_payment(sale.payment_ids[0], amount_money={**real, "amount": 999_900})
    square.hooks.pack()
    delivered(told)
    square.change_payment(sale.payment_ids[0], amount_money=real)
    minute(told, queue)
    told.next_morning()

    assert told.ledger["8000"] == -2066
    assert "999900" not in str(WebhookEvent.objects.values())


def test_a_flood_of_events_opens_one_run(told, queue):
    rested(told, queue)
    before = SyncRun.objects.count()
    for _ in range(20):
        told.sell()
    delivered(told)
    assert WebhookEvent.objects.count() >= 20

    minute(told, queue)

    assert SyncRun.objects.count() == before + 1
    fact = AuditEntry.objects.get(verb="lane.rung")
    assert fact.detail["events"]["payment.created"] == 20
    assert fact.trigger == "webhook"


def test_an_event_that_has_just_come_in_waits_until_lists_show_its_record(told, queue):
    rested(told, queue)
    told.world.sandbox.square.listing_lag = 8
    told.world.timeline.advance(55)
    sale = told.sell()
    delivered(told)
    told.world.timeline.advance(5)
    with queue.listening():
        tasks.sweep()
    queue.work()
    assert not SyncItem.objects.filter(source_id=sale.payment_ids[0]).exists()
    assert WebhookEvent.objects.filter(heeded_at=None).exists()

    minute(told, queue)

    assert SyncItem.objects.filter(source_id=sale.payment_ids[0]).exists()


def test_what_rings_while_a_run_is_open_opens_the_next_one(told, queue):
    rested(told, queue)
    with queue.listening():
        SyncLane.objects.update(due_at=told.world.timeline.now())
        tasks.sweep()  # a run is queued, and no worker has taken it up
    told.world.timeline.advance(30)
    sale = told.sell()
    delivered(told)
    told.world.timeline.advance(30)
    with queue.listening():
        tasks.sweep()
    queue.work()
    assert not SyncItem.objects.filter(source_id=sale.payment_ids[0]).exists()

    minute(told, queue)

    assert SyncItem.objects.filter(source_id=sale.payment_ids[0]).exists()


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"paused_reason": "stock-taking"}])
def test_a_lane_that_is_off_or_paused_is_not_opened_by_a_webhook(told, queue, change):
    rested(told, queue)
    SyncLane.objects.update(**change)
    before = SyncRun.objects.count()
    told.sell()
    delivered(told)
    minute(told, queue)

    assert SyncRun.objects.count() == before
    assert not WebhookEvent.objects.filter(heeded_at=None).exists()


def test_events_of_a_location_that_no_lane_reads_ring_nothing(told, queue):
    rested(told, queue)
    told.world.sandbox.square.add_location("Utrecht")
    before = SyncRun.objects.count()
    told.world.sandbox.square.sell("Utrecht", None, [LineSpec("Mug", 2500)])
    delivered(told)
    minute(told, queue)

    assert SyncRun.objects.count() == before
    assert set(WebhookEvent.objects.values_list("meaning", flat=True)) == {"noted"}


def test_an_event_of_another_merchant_is_kept_as_foreign_and_rings_nothing(told, queue):
    rested(told, queue)
    Connection.objects.filter(system="square").update(account_id="ANOTHER")
    before = SyncRun.objects.count()
    told.sell()
    delivered(told)
    minute(told, queue)

    assert SyncRun.objects.count() == before
    assert set(WebhookEvent.objects.values_list("meaning", flat=True)) == {"foreign"}


def test_one_subscription_of_an_application_rings_for_every_merchant_that_allowed_it(told, queue):
    rested(told, queue)
    first = Connection.objects.get(system="square")
    Connection.objects.filter(pk=first.pk).update(account_id="ANOTHER")
    second = Connection.objects.create(
        system="square", environment="local_sandbox", label="Second shop", client_id=first.client_id,
        account_id=told.world.sandbox.square.merchant["id"], status="live",
    )  # fmt: skip
    SyncLane.objects.update(source=second)
    told.sell()
    delivered(told)
    told.world.timeline.advance(60)
    tasks.sweep()

    assert set(WebhookEvent.objects.values_list("meaning", flat=True)) == {"lane"}
    assert SyncRun.objects.latest("pk").trigger == "webhook"


@pytest.mark.accepts("S000-30")
def test_an_invoice_that_was_canceled_is_read_again_by_its_id(desk, told, queue):
    square = told.world.sandbox.square
    order = square.place_order("Amsterdam", [LineSpec("Chairs", 12100)], customer_id=told.world.customers[0])
    invoice = square.invoice(order["id"], customer_id=told.world.customers[0])
    delivered(told)
    minute(told, queue)
    standing = InvoiceStanding.objects.get()
    assert standing.status == "UNPAID"

    told.world.timeline.advance(3600)
    square.cancel_invoice(invoice["id"])
    delivered(told)
    minute(told, queue)

    standing.refresh_from_db()
    assert (standing.status, standing.wanted_at) == ("CANCELED", None)
    assert "invoice" in WebhookEvent.objects.values_list("meaning", flat=True)


# -- Exact
@pytest.fixture
def exact(till: Till, post: Postman) -> Till:
    row = till.world.shop.exact
    webhooks.change_key(row, till.world.site.apps[shops.EXACT_APP].webhook_secret)
    subscriptions.subscribe(row)
    return till


def test_a_customer_added_in_exact_is_known_to_the_next_run_after_an_hour(exact, queue):
    rested(exact, queue)
    exact.world.timeline.advance(3600)
    exact.world.books.add_account("Hotel Zon")
    delivered(exact)
    minute(exact, queue)

    assert Division.objects.get().reference_changed_at is None
    assert DebtorAccount.objects.filter(name="Hotel Zon").exists()
    assert set(WebhookEvent.objects.values_list("meaning", flat=True)) == {"reference"}


def test_many_changes_in_exact_cost_one_reading_an_hour(exact, queue):
    rested(exact, queue)
    read_at = Division.objects.get().reference_read_at
    for number in range(5):
        exact.world.books.add_account(f"Hotel {number}")
        delivered(exact)
        SyncLane.objects.update(due_at=exact.world.timeline.now())
        minute(exact, queue)

    division = Division.objects.get()
    assert division.reference_read_at == read_at
    assert division.reference_changed_at is not None


def test_an_entry_of_ours_that_is_changed_in_a_signed_month_is_looked_at_first_tonight(exact, queue):
    exact.sell()
    exact.next_morning()
    posting = Posting.objects.filter(document="sales_entry").get()
    delivered(exact)
    minute(exact, queue)
    assert set(WebhookEvent.objects.values_list("meaning", flat=True)) == {"noted"}  # we made it ourselves
    month = Month.objects.create(
        lane=SyncLane.objects.get(), starts=date(2026, 3, 1), signed_by="anna", signed_at=exact.world.timeline.now(),
        watched_at=exact.world.timeline.now(),
    )  # fmt: skip
    exact.world.books.delete_entry(posting.remote_id)
    delivered(exact)
    minute(exact, queue)

    month.refresh_from_db()
    assert month.watched_at is None
    assert "drift" in WebhookEvent.objects.values_list("meaning", flat=True)


def test_an_event_of_a_division_nobody_pinned_is_foreign(exact, queue):
    Division.objects.update(is_pinned=False)
    exact.world.books.add_account("Hotel Zon")
    delivered(exact)
    minute(exact, queue)

    assert set(WebhookEvent.objects.values_list("meaning", flat=True)) == {"foreign"}


# -- over sockets
@pytest.mark.django_db(transaction=True)
def test_over_real_sockets_from_the_sandbox_to_the_web_server(till, live_server, settings: Settings):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = live_server.url, ["*"]
    with serve(till.world.sandbox) as server:
        till.world.sandbox.courier.stop()  # the test says when
        settings.SANDBOX_SQUARE_URL = server.square_url
        clients.session_factory = requests.Session
        square = till.world.shop.square
        square.personal_access_token = till.world.sandbox.square.personal_token(shops.SQUARE_APP)
        square.save()
        subscriptions.subscribe(square)
        sale = till.sell()

        assert delivered(till) > 0

    assert {attempt.status for attempt in till.world.sandbox.courier.attempts} == {200}
    assert sale.payment_ids[0] in WebhookEvent.objects.values_list("object_id", flat=True)
