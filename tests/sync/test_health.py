from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connections.models import Connection
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import CustomerMapping
from sync import health
from sync.lifecycle import PostingState
from sync.models import Beat, SyncItem, SyncLane
from tests.pages import NOW
from tests.till import Shop

TODAY = NOW.date()


def test_causes_group_by_kind_and_subject_with_count_and_money_per_currency(shop: Shop) -> None:
    shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax", amount=1000, day=TODAY - timedelta(days=3))
    shop.waiting(2, ProblemKind.UNMAPPED_TAX, "Tourist tax", amount=250)
    shop.waiting(3, ProblemKind.UNMAPPED_TAX, "Tourist tax", amount=500, currency="GBP")
    shop.waiting(4, ProblemKind.UNMAPPED_TAX, "Other", amount=1)
    shop.booked(5)
    first, second = health.causes()
    assert (first.subject, first.count, first.sums) == ("Tourist tax", 3, {"EUR": 1250, "GBP": 500})
    assert first.first_day == TODAY - timedelta(days=3)
    assert second.subject == "Other"


def test_what_goes_on_by_itself_comes_after_what_needs_a_person(shop: Shop) -> None:
    for number in range(3):
        shop.waiting(number, ProblemKind.NO_LINES)
    shop.waiting(9, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    assert [(cause.kind, cause.needs_a_person) for cause in health.causes()] == [
        (ProblemKind.UNMAPPED_TAX, True), (ProblemKind.NO_LINES, False),
    ]  # fmt: skip


def test_an_entry_being_sent_is_in_doubt_only_once_no_answer_came(shop: Shop) -> None:
    plan = shop.sale(shop.payment(1))
    shop.entry(1, plan, state="sending")
    assert health.doubts() == []
    shop.entry(2, plan, state="sending", due_at=NOW)
    shop.entry(3, plan, state="conflict")
    shop.entry(4, plan, state="refused")
    assert [doubt.state for doubt in health.doubts()] == [
        PostingState.CONFLICT,
        PostingState.REFUSED,
        PostingState.SENDING,
    ]


def test_lanes_carry_their_last_run_and_what_waits(shop: Shop) -> None:
    shop.run()
    newest = shop.run(state="failed")
    shop.waiting(1, ProblemKind.UNMAPPED_TAX)
    (row,) = health.lanes()
    assert (row.last, row.waiting) == (newest, 1)


@pytest.mark.parametrize(
    ("changes", "needs"),
    [
        ({"refresh_expires_at": NOW + timedelta(days=30)}, False),
        ({"refresh_expires_at": NOW + timedelta(days=6)}, True),
        ({"status": Connection.Status.NEEDS_CONSENT}, True),
        ({"status": Connection.Status.LOCKED}, True),
    ],
)
def test_a_connection_needs_somebody_before_its_token_dies(shop: Shop, changes: dict[str, Any], needs: bool) -> None:
    Connection.objects.filter(pk=shop.exact.pk).update(**changes)
    assert (shop.exact in health.connections(NOW)) is needs


def test_held_divisions_and_undecided_mappings_are_counted(shop: Shop) -> None:
    assert not health.held_divisions()
    shop.division.held_reason = "It is called something else now."
    shop.division.save()
    CustomerMapping.objects.create(
        division=shop.division, merchant=shop.square, square_customer_id="C", status="conflict", effective_from=TODAY
    )
    assert list(health.held_divisions()) == [shop.division]
    assert health.undecided() == health.Undecided(accounts=0, customers=1)


def test_the_oldest_due_is_the_earliest_of_lanes_and_entries(shop: Shop) -> None:
    assert health.oldest_due(NOW) is None
    posting = shop.entry(1, shop.sale(shop.payment(1)), state="sending", due_at=NOW - timedelta(minutes=5))
    found = health.oldest_due(NOW)
    assert found
    assert (found.posting, found.since) == (posting, NOW - timedelta(minutes=5))
    SyncLane.objects.update(due_at=NOW - timedelta(minutes=9))
    found = health.oldest_due(NOW)
    assert found
    assert found.lane == shop.lane


@pytest.mark.parametrize("changes", [{"paused_reason": "year end"}, {"is_enabled": False}])
def test_a_lane_that_is_not_meant_to_run_is_not_overdue(shop: Shop, changes: dict[str, Any]) -> None:
    SyncLane.objects.update(due_at=NOW - timedelta(minutes=9), **changes)
    assert health.oldest_due(NOW) is None


def test_a_lane_that_is_running_is_not_overdue(shop: Shop) -> None:
    SyncLane.objects.update(due_at=NOW - timedelta(minutes=9))
    shop.run(state="running")
    assert health.oldest_due(NOW) is None


def test_a_worker_is_silent_when_its_beat_is_old_or_never_came(shop: Shop) -> None:
    assert not health.is_silent(health.heartbeat(), NOW)
    Beat.beat("worker", at=NOW - timedelta(minutes=3))
    assert health.is_silent(health.heartbeat(), NOW)
    Beat.objects.all().delete()
    assert health.is_silent(health.heartbeat(), NOW)


def test_days_count_what_is_booked_waiting_and_underway_by_local_day(shop: Shop) -> None:
    shop.booked(1)
    shop.waiting(2, ProblemKind.UNMAPPED_TAX, day=TODAY - timedelta(days=29))
    shop.payment(3, day=TODAY - timedelta(days=30))
    shop.payment(4, day=TODAY - timedelta(days=1))
    shop.payment(5, state="dismissed")
    days = {day.day: day for day in health.days(TODAY)}
    assert len(days) == 30
    assert (days[TODAY].booked, days[TODAY].total) == (1, 1)
    assert days[TODAY - timedelta(days=29)].waiting == 1
    assert days[TODAY - timedelta(days=1)].underway == 1


def test_setting_up_is_complete_step_by_step(shop: Shop) -> None:
    assert health.set_up().is_complete
    SyncLane.objects.update(is_enabled=False)
    assert not health.set_up().switched_on
    Connection.objects.filter(system="square").update(status="new")
    assert not health.set_up().square


def test_the_numbers_take_few_statements(shop: Shop, django_assert_num_queries: Callable[..., Any]) -> None:
    for number in range(5):
        shop.waiting(number, ProblemKind.UNMAPPED_TAX, f"Tax {number}")
    with django_assert_num_queries(7):
        health.causes(), health.doubts(), health.days(TODAY), list(health.lanes())
    assert SyncItem.objects.count() == 5
