from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections as databases
from django.db import transaction

from audit.context import acting
from connections import budget, clients, clock, ledger
from connections.budget import EndpointRests
from connections.models import CallBudget, Connection, ErrorBudget, VendorCall
from connections.providers.errors import NotAuthorised, Refused, Throttled
from connections.providers.exact import resources
from connections.providers.exact.limits import Limits, Window
from connections.sandbox.exact.apps import Limits as AppLimits
from connections.sandbox.faults import Fault
from tests.connections.vendors import EXACT_APP, MAIN, SECRET, Vendors

pytestmark = pytest.mark.django_db(transaction=True)
TOMORROW = datetime(2026, 3, 3, tzinfo=UTC)
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def row(vendors: Vendors) -> Connection:
    return vendors.exact(is_connected=False)


def taken(row: Connection, count: int) -> int:
    """How many of `count` calls are let through at once."""
    for done in range(count):
        try:
            budget.take(row.pk, MAIN, wait_at_most=0)
        except Throttled:
            return done
    return count


def test_a_burst_is_a_sixth_of_the_limit_and_the_rest_refills_in_a_minute(vendors: Vendors, row: Connection) -> None:
    assert taken(row, 20) == 10
    vendors.time.advance(6)
    assert taken(row, 20) == 5
    vendors.time.advance(600)
    assert taken(row, 20) == 10


def test_waiting_is_on_the_clock_and_bounded(vendors: Vendors, row: Connection) -> None:
    taken(row, 10)
    began = vendors.time.now()
    budget.take(row.pk, MAIN, wait_at_most=5)
    assert timedelta(seconds=1) < vendors.time.now() - began < timedelta(seconds=2)
    with pytest.raises(Throttled) as refusal:
        budget.take(row.pk, MAIN, wait_at_most=1)
    assert refusal.value.until == pytest.approx(vendors.time.now() + timedelta(seconds=1.2), abs=timedelta(seconds=0.1))


def test_four_workers_never_exceed_sixty_in_any_minute(row: Connection) -> None:
    origin = datetime.now(UTC).timestamp()
    restore = clock.install(clock.Clock(origin=origin, speed=60))
    admitted: list[datetime] = []
    stop = clock.now() + timedelta(seconds=240)

    def work() -> None:
        try:
            while clock.now() < stop:
                admitted.append(budget.take(row.pk, MAIN, wait_at_most=60).refilled_at)
        finally:
            databases.close_all()

    try:
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work) for _ in range(4)]:
                done.result(60)
    finally:
        restore()
    times = sorted(admitted)
    assert len(times) > 100
    assert max(sum(1 for t in times if start <= t < start + timedelta(seconds=60)) for start in times) <= 60


def test_the_day_is_spent_by_machines_down_to_a_tenth_and_by_people_to_the_end(
    vendors: Vendors, row: Connection
) -> None:
    taken(row, 1)
    CallBudget.objects.update(day_remaining=500, tokens=10)
    with pytest.raises(Throttled, match="kept for people") as refusal:
        budget.take(row.pk, MAIN, wait_at_most=5)
    assert refusal.value.until == TOMORROW
    with acting(trigger="person"):
        budget.take(row.pk, MAIN, wait_at_most=5)
        CallBudget.objects.update(day_remaining=0)
        with pytest.raises(Throttled, match="5000 calls of today"):
            budget.take(row.pk, MAIN, wait_at_most=5)


def test_midnight_gives_the_day_back(vendors: Vendors, row: Connection) -> None:
    taken(row, 1)
    CallBudget.objects.update(day_remaining=0)
    vendors.time.advance(12 * 3600)
    assert taken(row, 1) == 1
    assert CallBudget.objects.get().day_remaining == 4999


def test_headers_only_lower_and_missing_ones_say_nothing(vendors: Vendors, row: Connection) -> None:
    taken(row, 1)

    def left() -> tuple[int, int, int]:
        seen = CallBudget.objects.get()
        return seen.day_remaining, seen.day_limit, seen.minute_limit

    budget.learn(row.pk, MAIN, Limits(day=Window(9000, 3000, TOMORROW), minute=Window(100, 50, None)))
    assert left() == (3000, 9000, 100)
    budget.learn(row.pk, MAIN, Limits(day=Window(9000, 8000, TOMORROW)))
    assert left() == (3000, 9000, 100)
    budget.learn(row.pk, MAIN, Limits())
    assert left() == (3000, 9000, 100)


def test_an_answer_that_says_no_less_than_its_call_had_left_asks_for_no_row(
    row: Connection, django_assert_num_queries: Callable[..., Any]
) -> None:
    left = budget.take(row.pk, MAIN, wait_at_most=5)
    with django_assert_num_queries(0):
        budget.learn(row.pk, MAIN, Limits(day=Window(5000, 4999, left.day_resets_at)), left=left)
    budget.learn(row.pk, MAIN, Limits(day=Window(5000, 17, left.day_resets_at)), left=left)
    assert CallBudget.objects.get().day_remaining == 17


def test_an_answer_of_yesterday_does_not_spend_today(vendors: Vendors, row: Connection) -> None:
    vendors.time.advance(12 * 3600 + 5)
    taken(row, 1)
    budget.learn(row.pk, MAIN, Limits(day=Window(5000, 3, TOMORROW)))
    assert CallBudget.objects.get().day_remaining == 4999


def test_a_429_stops_everybody_until_the_minute_is_over(vendors: Vendors) -> None:
    row = vendors.exact()
    client = clients.exact_client(vendors.division(row), wait_at_most=0)
    vendors.sandbox.faults.add(Fault("429", path="*/Journals"))
    with pytest.raises(Throttled):
        list(client.read(resources.JOURNALS))
    assert CallBudget.objects.get(division=MAIN).blocked_until == datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
    before = sum(vendors.sandbox.log.counters.values())
    with pytest.raises(Throttled):
        list(clients.exact_client(row.divisions.get(code=MAIN), wait_at_most=0).read(resources.ACCOUNTS))
    assert sum(vendors.sandbox.log.counters.values()) == before


def test_the_governor_takes_a_lower_limit_from_the_headers(vendors: Vendors) -> None:
    vendors.site.register_app(EXACT_APP, SECRET, [], limits=AppLimits(minute=12))
    client = clients.exact_client(vendors.division(vendors.exact()), wait_at_most=0)
    for _ in range(2):
        list(client.read(resources.JOURNALS))
    with pytest.raises(Throttled):
        list(client.read(resources.JOURNALS))
    assert CallBudget.objects.get(division=MAIN).minute_limit == 12
    assert 429 not in [entry.status for entry in vendors.sandbox.log.entries]


def test_an_endpoint_with_six_errors_is_left_alone_by_machines_and_with_eight_by_people(vendors: Vendors) -> None:
    client = clients.exact_client(vendors.division(vendors.exact()))

    def wrong() -> None:
        with pytest.raises(Refused):
            client.first("financial/Journals", select=["NoSuchProperty"])

    for _ in range(6):
        wrong()
    with pytest.raises(Throttled, match="6 calls to financial/Journals"):
        client.first("financial/Journals", select=["Code"])
    client.first("vat/VATCodes", select=["Code"])
    with acting(trigger="person"):
        wrong()
        wrong()
        with pytest.raises(Throttled, match="8 calls"):
            client.first("financial/Journals", select=["Code"])
    assert ErrorBudget.objects.get().errors == 8
    vendors.time.advance(3600 + 600)
    client.first("financial/Journals", select=["Code"])


def test_an_endpoint_that_refuses_six_writes_takes_no_more_of_them_and_is_still_read(vendors: Vendors) -> None:
    client = clients.exact_client(vendors.division(vendors.exact()))
    nothing = {"Customer": NOBODY, "Journal": "70", "SalesEntryLines": []}
    for _ in range(6):
        with pytest.raises(Refused):
            client.create("salesentry/SalesEntries", nothing)
    with pytest.raises(EndpointRests, match="6 calls to salesentry/SalesEntries"):
        client.create("salesentry/SalesEntries", nothing)
    assert client.first("salesentry/SalesEntries", select=["EntryID"]) is None
    with pytest.raises(Refused):
        client.create("financialtransaction/BankEntries", {"JournalCode": "21", "BankEntryLines": []})
    vendors.time.advance(3600 + 600)
    with pytest.raises(Refused):
        client.create("salesentry/SalesEntries", nothing)


def test_square_asking_to_wait_is_obeyed_longer_each_time(vendors: Vendors) -> None:
    row = vendors.square()
    vendors.sandbox.faults.add(Fault("429", system="square", path="/v2/locations", times=0))
    waits = []
    for _ in range(4):
        with pytest.raises(Throttled):
            clients.square_client(row).locations()
        until = CallBudget.objects.get(connection=row).blocked_until
        with pytest.raises(Throttled, match="asked to wait"):
            clients.square_client(row).locations()
        waits.append((until - vendors.time.now()).total_seconds())
        vendors.time.advance(waits[-1] + 0.1)
    assert vendors.calls("/v2/locations") == 4
    assert waits[0] > 60, "longer than the minute, by chance"
    assert waits[3] > 60


def test_no_call_leaves_while_a_transaction_is_open(vendors: Vendors) -> None:
    division, square = vendors.division(vendors.exact()), vendors.square()
    before = sum(vendors.sandbox.log.counters.values())
    with transaction.atomic():
        with pytest.raises(RuntimeError, match="durable"):
            list(clients.exact_client(division).read(resources.JOURNALS))
        with pytest.raises(RuntimeError, match="durable"):
            clients.square_client(square).locations()
    assert sum(vendors.sandbox.log.counters.values()) == before


def test_each_call_leaves_one_row_that_says_who_for_what_and_how_it_ended(vendors: Vendors) -> None:
    division = vendors.division(vendors.exact())
    VendorCall.objects.all().delete()
    vendors.sandbox.faults.add(Fault("drop_after", path="*/Journals"))
    with acting(trigger="schedule", run_id=7):
        list(clients.exact_client(division).read(resources.VAT_CODES))
        with pytest.raises(Exception, match="no answer"):
            list(clients.exact_client(division).read(resources.JOURNALS))
    rows = VendorCall.objects.order_by("id").values_list(
        "operation", "method", "division", "status", "failure", "trigger", "run_id"
    )
    assert list(rows) == [
        ("VATCodes.list", "GET", MAIN, 200, "", "schedule", 7),
        ("Journals.list", "GET", MAIN, None, "NoAnswer", "schedule", 7),
    ]
    assert VendorCall.objects.filter(request_id=vendors.sandbox.log.entries[-1].request_id).exists()


def test_a_refused_token_counts_against_the_endpoint(vendors: Vendors) -> None:
    row = vendors.exact()
    division = vendors.division(row)
    vendors.site.revoke(EXACT_APP)
    with pytest.raises((Throttled, NotAuthorised)):
        list(clients.exact_client(division).read(resources.JOURNALS))
    assert ErrorBudget.objects.get(division=MAIN).errors == 1


def test_old_rows_of_the_request_ledger_are_let_go(vendors: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    client = clients.exact_client(vendors.division(vendors.exact()))
    for _ in range(5):
        client.first("vat/VATCodes", select=["Code"])
    monkeypatch.setattr(ledger, "PRUNED", 2)
    vendors.time.advance(3600)
    client.first("vat/VATCodes", select=["Code"])
    kept = VendorCall.objects.latest("id")

    limit = clock.now() - timedelta(minutes=30)
    old = VendorCall.objects.filter(at__lt=limit).count()

    assert ledger.prune(before=limit) == old >= 5
    assert not VendorCall.objects.filter(at__lt=limit).exists()
    assert VendorCall.objects.filter(pk=kept.pk).exists()
