"""Probes, metrics, the command and the page: what they say when all is well, and when something is not."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from connections.models import CallBudget, Connection, ErrorBudget, VendorCall
from mappings.bookkeeping.legs import ProblemKind
from sync import schedules, tasks, vitals
from sync.models import Beat, SyncLane, SyncRun
from tests.pages import NOW, in_role, text_of
from tests.till import Shop

TOKEN = "a-token-for-monitoring"


@pytest.fixture
def well(shop: Shop) -> Shop:
    """A worker that beats, schedules in time, lanes that are not due."""
    schedules.ensure()
    Schedule.objects.update(next_run=timezone.now() + timedelta(seconds=20))
    Beat.beat("worker", at=NOW - timedelta(seconds=40))
    SyncLane.objects.update(due_at=NOW + timedelta(minutes=5))
    return shop


def call(
    shop: Shop, number: int, *, took: int, status: int | None = 200, ago: timedelta = timedelta(minutes=5)
) -> None:
    VendorCall.objects.create(
        at=NOW - ago, connection=shop.division.connection, system="exact", operation="read", method="GET",
        status=status, duration_ms=took, trigger="schedule", request_id=f"call-{number}",
    )  # fmt: skip


# --- Probes -----------------------------------------------------------------------------------------------------------
def probe(path: str = "/healthz") -> tuple[int, dict[str, Any]]:
    answer = Client().get(path)
    return answer.status_code, json.loads(answer.content)


def test_all_is_well_and_nobody_signs_in_to_hear_it(well: Shop) -> None:
    expected = dict.fromkeys(("database", "worker", "scheduler", "work", "queue"), "ok")
    assert probe() == (200, {"status": "ok", "checks": expected})
    assert probe("/healthz/ready") == (200, {"status": "ok", "checks": {"database": "ok"}})
    assert probe("/healthz/live") == (200, {"status": "ok"})


def failing() -> set[str]:
    status, told = probe()
    assert status == 503
    return {name for name, verdict in told["checks"].items() if verdict == "failing"}


def test_a_silent_worker_is_told_after_150_seconds(well: Shop) -> None:
    Beat.beat("worker", at=NOW - timedelta(seconds=151))
    assert failing() == {"worker"}
    Beat.objects.all().delete()
    assert failing() == {"worker"}


def test_a_scheduler_that_stands_still_is_told_apart_from_the_worker(well: Shop) -> None:
    Schedule.objects.update(next_run=timezone.now() - timedelta(seconds=200))
    assert failing() == {"scheduler"}
    Schedule.objects.all().delete()
    assert failing() == {"scheduler"}


def test_work_that_is_two_minutes_late_is_told(well: Shop) -> None:
    SyncLane.objects.update(due_at=NOW - timedelta(seconds=100))
    assert probe()[0] == 200
    SyncLane.objects.update(due_at=NOW - timedelta(seconds=121))
    assert failing() == {"work"}


def test_a_consent_that_ended_is_no_reason_to_restart_the_program(well: Shop) -> None:
    Connection.objects.filter(system="exact").update(status="needs_consent")
    assert probe()[0] == 200


def test_a_probe_by_plain_http_is_not_sent_away(well: Shop, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/healthz/live").status_code == 200
    assert Client().get("/admin/").status_code == 301


def test_a_probe_tells_nothing_about_the_books(well: Shop) -> None:
    well.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax", amount=1000)
    told = json.dumps(probe()[1])
    assert not any(word in told for word in ("Tourist", well.division.name, str(well.division.code), "EUR"))


# --- Figures ----------------------------------------------------------------------------------------------------------
def test_percentiles_are_rows_that_exist(shop: Shop) -> None:
    for number in range(1, 21):
        call(shop, number, took=number * 10)
    call(shop, 99, took=9999, ago=timedelta(hours=2))
    (calls,) = [row for row in vitals.figures(NOW - timedelta(hours=1)).calls if row.system == "exact"]
    assert (calls.total, calls.durations.median, calls.durations.p95) == (20, 100, 190)


def test_no_answer_and_a_refusal_count_as_failed(shop: Shop) -> None:
    for number, status in enumerate((200, 201, 304, 400, 500, None)):
        call(shop, number, took=1, status=status)
    (calls,) = [row for row in vitals.figures(NOW - timedelta(hours=1)).calls if row.system == "exact"]
    assert (calls.total, calls.failed, calls.failed_share) == (6, 3, 50.0)


def test_runs_and_records_are_those_of_the_rows(shop: Shop) -> None:
    for took, state in ((10, "done"), (30, "failed"), (50, "done")):
        run = shop.run(state=state)
        SyncRun.objects.filter(pk=run.pk).update(
            started_at=NOW - timedelta(seconds=100), finished_at=NOW - timedelta(seconds=100 - took)
        )
    shop.waiting(1, ProblemKind.UNMAPPED_TAX)
    found = vitals.figures(NOW - timedelta(hours=1))
    assert (found.runs.count, found.runs_failed, found.runs.median, found.runs.p95) == (3, 1, 30_000, 50_000)
    assert found.records == {"waiting": 1}


# --- Prometheus -------------------------------------------------------------------------------------------------------
def scrape(token: str = TOKEN) -> dict[tuple[str, ...], float]:
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {(row.name, *sorted(row.labels.values())): row.value for family in families for row in family.samples}


def test_there_are_no_metrics_without_the_token(well: Shop, settings: Settings) -> None:
    assert Client().get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert Client().get("/metrics").status_code == 401
    assert Client().get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 401


def test_monitoring_reads_what_the_rows_say(well: Shop, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    call(well, 1, took=200)
    call(well, 2, took=400, status=500)
    well.waiting(1, ProblemKind.UNMAPPED_TAX)
    exact = well.division.connection
    CallBudget.objects.create(
        connection=exact, division=well.division.code, tokens=5, refilled_at=NOW, day_remaining=4321,
        day_resets_at=NOW + timedelta(hours=6),
    )  # fmt: skip
    tasks.look()
    found = scrape()
    assert (found["tillbridge_alerts_open", "lane"], found["tillbridge_alerts_open", "audit"]) == (0, 0)
    assert (found["tillbridge_issues_open", "open"], found["tillbridge_check_ok", "audit"]) == (1, 1)
    assert found["tillbridge_calls_last_hour", "exact", "failed"] == 1
    assert found["tillbridge_call_duration_seconds", "0.95", "exact"] == 0.4
    assert found["tillbridge_records", "waiting"] == 1
    assert found["tillbridge_calls_left_today", *sorted((str(exact), str(well.division.code)))] == 4321
    assert found["tillbridge_worker_beat_age_seconds",] == 40
    assert found["tillbridge_check_ok", "worker"] == 1


# --- The command ------------------------------------------------------------------------------------------------------
def test_the_command_says_what_is_wrong_and_ends_with_an_error(well: Shop) -> None:
    out = StringIO()
    call_command("health", stdout=out)
    assert "FAILING" not in out.getvalue()
    Connection.objects.filter(system="exact").update(status="needs_consent", status_reason="Exact no longer knows us.")
    with pytest.raises(CommandError, match="1 of"):
        call_command("health", stdout=out)
    assert "Exact no longer knows us." in out.getvalue()


def test_the_command_tells_the_backlog_and_what_is_left_of_the_day(well: Shop) -> None:
    well.waiting(1, ProblemKind.UNMAPPED_TAX)
    well.waiting(2, ProblemKind.UNMAPPED_TAX)
    exact = well.division.connection
    CallBudget.objects.create(
        connection=exact, division=well.division.code, tokens=5, refilled_at=NOW, day_limit=5000, day_remaining=4321,
        day_resets_at=NOW + timedelta(hours=6),
    )  # fmt: skip
    out = StringIO()
    call_command("health", stdout=out)
    assert "Backlog: 2 waiting\n" in out.getvalue()
    assert "Quota: 4,321 of 5,000 calls left today at Books, division 123456\n" in out.getvalue()
    out = StringIO()
    call_command("health", json=True, stdout=out)
    found = json.loads(out.getvalue())
    assert found["backlog"] == {"waiting": 2}
    assert (found["quota"][0]["left"], found["quota"][0]["division"]) == (4321, 123456)


def test_the_command_speaks_to_machines_too(well: Shop) -> None:
    out = StringIO()
    call_command("health", json=True, stdout=out)
    assert {row["check"]: row["well"] for row in json.loads(out.getvalue())["checks"]}["worker"] is True


# --- The page ---------------------------------------------------------------------------------------------------------
@pytest.mark.accepts("S001-48", "S001-59")
def test_every_role_sees_error_rate_times_and_backlog(well: Shop) -> None:
    for number in range(1, 21):
        call(well, number, took=number * 10, status=500 if number > 15 else 200)
    ErrorBudget.objects.create(
        connection=well.division.connection, division=well.division.code, endpoint="salesentry/SalesEntries",
        hour=NOW - timedelta(minutes=10), errors=3,
    )  # fmt: skip
    well.waiting(1, ProblemKind.UNMAPPED_TAX)
    auditor = in_role("Auditor")
    page = text_of(auditor.get("/admin/health/?window=hour"))
    assert "Exact Online 20 5 25.0 % 100 ms 190 ms" in page
    assert "salesentry/SalesEntries" in page
    assert "Its last sign of life was 40 s ago." in page
    assert "Records waiting 1" in page
    assert "Figures of the last 24 hours" in text_of(auditor.get("/admin/health/?window=nonsense"))


@pytest.mark.accepts("S001-47")
def test_a_fresh_installation_shows_the_page_with_nothing_on_it(db: None, plain: None) -> None:
    page = text_of(in_role("Auditor").get("/admin/health/"))
    assert "nothing has been called" in page
    assert "No worker has ever given a sign of life" in page


def test_the_page_is_in_the_menu_and_closed_to_who_has_no_role(well: Shop) -> None:
    assert 'href="/admin/health/"' in in_role("Auditor").get("/admin/").content.decode()
    assert Client().get("/admin/health/").status_code == 302


def test_the_page_asks_the_same_however_much_there_is(well: Shop, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        call(well, number, took=number)
    browser = in_role("Auditor")
    with django_assert_max_num_queries(45):
        browser.get("/admin/health/")
