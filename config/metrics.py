"""Figures for Prometheus, read from the rows when they are asked for: every process tells the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from connections.models import Connection
from sync import health, vitals
from sync.alerts.kinds import Kind
from sync.models import Alert
from sync.models.issues import Issue
from sync.vitals import Figures

WINDOW = timedelta(hours=1)


class _Collector:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        figures = vitals.figures(self.now - WINDOW)
        yield from _program(self.now)
        yield from _work(self.now, figures)
        yield from _calls(self.now, figures)
        yield from _tokens(self.now)


def exposition(now: datetime) -> bytes:
    """The text form. Times are seconds, shares 0 to 1; labels hold codes and names of connections, no customers."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(now))
    return generate_latest(registry)


def _gauge(name: str, says: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tillbridge_{name}", says, labels=labels)


def _program(now: datetime) -> Iterator[Metric]:
    checks = _gauge("check_ok", "1 when the check is well, 0 when not", "check")
    for check in vitals.checks(now):
        checks.add_metric([check.name], int(check.is_well))
    yield checks
    beat, delay = vitals.beat_age(now), vitals.scheduler_delay()
    if beat is not None:
        yield _single("worker_beat_age_seconds", "Since the last sign of life of a worker", beat.total_seconds())
    if delay is not None:
        late = max(delay, timedelta(0)).total_seconds()
        yield _single("scheduler_delay_seconds", "How late the most overdue schedule of the queue is", late)


def _single(name: str, says: str, value: float) -> Metric:
    gauge = _gauge(name, says)
    gauge.add_metric([], value)
    return gauge


def _work(now: datetime, figures: Figures) -> Iterator[Metric]:
    yield _single("queue_tasks", "Tasks that no worker has taken yet", figures.queue)
    late = vitals.work_delay(now).total_seconds()
    yield _single("work_delay_seconds", "How late the oldest lane or entry is that is due", late)
    records = _gauge("records", "Records that are not in the books yet, by state", "state")
    for state, count in sorted(figures.records.items()):
        records.add_metric([state], count)
    yield records
    entries = _gauge("entries_doubtful", "Entries in conflict, refused or in doubt", "state")
    for doubt in health.doubts():
        entries.add_metric([doubt.state.value], doubt.count)
    yield entries
    yield _by("alerts_open", "Limits that are crossed and proofs that fail now", "kind", _alerts())
    yield _by("issues_open", "Causes for which records wait, by how far people are", "state", _issues())
    yield _single("lanes_paused", "Lanes that are on and that somebody or something paused", vitals.paused_lanes())
    runs = _gauge("run_duration_seconds", "Runs that ended in the last hour", "quantile")
    for mark, took in (("0.5", figures.runs.median), ("0.95", figures.runs.p95)):
        if took is not None:
            runs.add_metric([mark], took / 1000)
    yield runs
    yield _single("runs_last_hour", "Runs that ended in the last hour", figures.runs.count)
    yield _single("runs_failed_last_hour", "Runs that failed in the last hour", figures.runs_failed)


def _by(name: str, says: str, label: str, counts: Mapping[str, int]) -> Metric:
    gauge = _gauge(name, says, label)
    for value, count in sorted(counts.items()):
        gauge.add_metric([value], count)
    return gauge


def _alerts() -> dict[str, int]:
    """Every kind, so that a rule of monitoring has something to look at before the first."""
    rows = Alert.objects.filter(recovered_at=None).order_by().values_list("kind").annotate(count=Count("pk"))
    return {**{kind.value: 0 for kind in Kind}, **dict(rows)}


def _issues() -> dict[str, int]:
    rows = Issue.objects.filter(state__in=Issue.STANDING).order_by().values_list("state").annotate(count=Count("pk"))
    return {**{str(state): 0 for state in Issue.STANDING}, **dict(rows)}


def _calls(now: datetime, figures: Figures) -> Iterator[Metric]:
    total = _gauge("calls_last_hour", "Calls to the vendors in the last hour", "system", "outcome")
    took = _gauge("call_duration_seconds", "Calls to the vendors in the last hour", "system", "quantile")
    for calls in figures.calls:
        total.add_metric([calls.system, "answered"], calls.total - calls.failed)
        total.add_metric([calls.system, "failed"], calls.failed)
        for mark, value in (("0.5", calls.durations.median), ("0.95", calls.durations.p95)):
            if value is not None:
                took.add_metric([calls.system, mark], value / 1000)
    yield total
    yield took
    left = _gauge("calls_left_today", "Calls that a division has left today", "connection", "division")
    allowed = _gauge("calls_allowed_today", "Calls that a division may make in a day", "connection", "division")
    for row in vitals.budgets():
        where = [str(row.connection), str(row.division)]
        left.add_metric(where, vitals.calls_left(row, now))
        allowed.add_metric(where, row.day_limit)
    yield left
    yield allowed


def _tokens(now: datetime) -> Iterator[Metric]:
    lives = _gauge("token_life_seconds", "Until the consent of a connection ends if nobody acts", "connection")
    for row in Connection.objects.exclude(refresh_expires_at=None).only("label", "system", "refresh_expires_at"):
        if row.refresh_expires_at:
            lives.add_metric([str(row)], (row.refresh_expires_at - now).total_seconds())
    yield lives
