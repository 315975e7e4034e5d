"""The page "Quota": what a division has used, for what, what is kept for whom, and what rests."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from connections.models import CallBudget, ErrorBudget, VendorCall
from sync.models import SyncRun
from tests.pages import NOW, in_role, inline_code, text_of
from tests.till import Shop


@pytest.fixture
def used(shop: Shop) -> CallBudget:
    """A morning: 120 calls of the lane by schedule in two hours, five of a person, one a moment ago."""
    run = SyncRun.objects.create(lane=shop.lane, trigger="schedule", created_at=NOW, state="done")
    for number in range(120):
        made(shop, number, ago=timedelta(hours=1 + number % 2, minutes=10), run=run.pk)
    for number in range(120, 125):
        made(shop, number, ago=timedelta(minutes=30), trigger="person")
    made(shop, 125, ago=timedelta(seconds=20), run=run.pk)
    made(shop, 126, ago=timedelta(hours=13), run=run.pk)  # yesterday
    return CallBudget.objects.create(
        connection=shop.exact, division=shop.division.code, tokens=8, refilled_at=NOW, day_remaining=4_380,
        day_resets_at=NOW.replace(hour=0) + timedelta(days=1),
    )  # fmt: skip


def made(shop: Shop, number: int, *, ago: timedelta, trigger: str = "schedule", run: int | None = None) -> None:
    VendorCall.objects.create(
        at=NOW - ago, connection=shop.exact, system="exact", operation="read", method="GET", status=200, run_id=run,
        division=shop.division.code, duration_ms=90, trigger=trigger, request_id=f"call-{number}",
    )  # fmt: skip


def page(row: CallBudget) -> str:
    return text_of(in_role("Auditor").get(f"/admin/quota/{row.pk}/"))


def test_it_says_what_is_used_today_and_by_whom(used: CallBudget, shop: Shop) -> None:
    told = page(used)

    assert "620 of 5,000 used, 4,380 left" in told
    assert "126 of them" in told
    assert "1 of 60" in told
    assert f"{shop.lane} On schedule 121" in told
    assert "outside of lanes" in told


def test_the_curve_stands_beside_a_table_of_the_same_numbers(used: CallBudget) -> None:
    answer = in_role("Auditor").get(f"/admin/quota/{used.pk}/")

    assert b"<polyline" in answer.content
    assert "60 60" in text_of(answer)
    assert "60 120" in text_of(answer)
    assert inline_code(answer) == []


def test_each_priority_shows_what_it_leaves_and_what_it_may_still_use(used: CallBudget, shop: Shop) -> None:
    told = page(used)

    assert "People – 0 % 0 4,380" in told
    assert f"First (postings) {shop.lane} 0 % 500 3,880" in told
    assert "Second (customers) – 20 % 1,000 3,380" in told
    assert "Last (archive, history) – 50 % 1,750 2,630" in told


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (5, "SalesEntries errors 5 open"),
        (6, "SalesEntries errors 6 automatic calls until"),
        (8, ", people until"),
    ],
)
def test_an_endpoint_with_errors_says_whom_it_rests_for(used: CallBudget, errors: int, expected: str) -> None:
    ErrorBudget.objects.create(
        connection=used.connection, division=used.division, endpoint="SalesEntries", hour=NOW - timedelta(minutes=10),
        errors=errors,
    )  # fmt: skip

    told = page(used)

    assert expected in told
    assert "automatic calls to an endpoint stop at 6 and those of people at 8" in told


def test_a_new_day_has_all_calls_back_and_an_empty_page_says_so(shop: Shop) -> None:
    row = CallBudget.objects.create(
        connection=shop.exact, division=shop.division.code, tokens=8, refilled_at=NOW, day_remaining=3,
        day_resets_at=NOW - timedelta(days=2, hours=12), blocked_until=NOW + timedelta(minutes=1),
    )  # fmt: skip

    told = page(row)

    assert "0 of 5,000 used, 5,000 left" in told
    assert "No call was made today." in told
    assert "None. Every endpoint is open." in told
    assert "asked to wait" in told


def test_a_vendor_without_limits_has_purposes_only(shop: Shop) -> None:
    row = CallBudget.objects.create(connection=shop.square, division=0, tokens=8, refilled_at=NOW, day_resets_at=NOW)

    told = page(row)

    assert "Square publishes no limits" in told
    assert "Who may still call" not in told


def test_system_health_links_to_it_and_only_who_may_see_lanes_sees_it(used: CallBudget) -> None:
    assert f'href="/admin/quota/{used.pk}/"' in in_role("Auditor").get("/admin/health/").content.decode()
    assert in_role().get(f"/admin/quota/{used.pk}/").status_code == 403
    assert Client().get(f"/admin/quota/{used.pk}/").status_code == 302
    assert in_role("Operator").get("/admin/quota/999999/").status_code == 404


def test_it_costs_the_same_number_of_statements_whatever_was_called(
    used: CallBudget, shop: Shop, django_assert_max_num_queries
) -> None:
    for number in range(200, 260):
        run = SyncRun.objects.create(lane=shop.lane, trigger="webhook", created_at=NOW, state="done")
        made(shop, number, ago=timedelta(minutes=3), run=run.pk)
    browser = in_role("Auditor")

    with django_assert_max_num_queries(16):
        browser.get(f"/admin/quota/{used.pk}/")
