"""Whether the machinery works, for people, probes and monitoring: few statements, no writing, no personal data.

A check says that something must be so. What keeps the program itself from working is technical: a supervisor may act on
it. What needs a person, such as a consent that ended, is not: a restart would not help.
Reference: quality.md A2 (watchdog), D S22.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import Error
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum
from django_q.brokers import get_broker
from django_q.models import Schedule

from audit import verification
from audit.adminkit import ago
from connections import budget, clock
from connections.models import CallBudget, Connection, ErrorBudget, VendorCall
from sync import health, proofs
from sync.lifecycle import ItemState
from sync.models import SyncItem, SyncLane, SyncRun

# The oldest thing that is due may be this late, in real time, before something is wrong.
LATE = timedelta(seconds=120)
# The queue's scheduler looks every half minute.
SCHEDULER_LATE = timedelta(seconds=150)
FULL_QUEUE = 100
MARKS = (50, 95)
# A call without an answer, or refused.
FAILED = Q(status=None) | Q(status__gte=400)
MOST_ENDPOINTS = 50


@dataclass(frozen=True, slots=True)
class Check:
    """`name` for machines, `sentence` for people: what is, and when it is not well, what to do."""

    name: str
    title: str
    is_well: bool
    sentence: str


def checks(now: datetime) -> list[Check]:
    """All of them, those that a supervisor may act on first."""
    return [*technical_checks(now), *_connections(now), *_divisions(), *_archives(), _trail(now)]


def technical_checks(now: datetime) -> list[Check]:
    """What keeps the program itself from working. Probes ask every few seconds: nothing else is looked at for them."""
    return [database_check(), *_alive(now)]


# --- the program ----------------------------------------------------------------------------------
def database_check() -> Check:
    """Whether the database answers and has the form this version expects. Asks nothing else."""
    try:
        missing = _unapplied()
    except Error as error:
        return Check("database", "Database", is_well=False, sentence=f"It does not answer ({type(error).__name__}).")
    if missing:
        sentence = f"{missing} migrations are not applied. Run 'manage.py migrate'."
        return Check("database", "Database", is_well=False, sentence=sentence)
    return Check("database", "Database", is_well=True, sentence=f"{database.display_name} answers.")


_is_migrated = False


def _unapplied() -> int:
    """Migrations that are not applied. Looked up until there are none: no running process loses them again."""
    global _is_migrated  # noqa: PLW0603 - what the files on disk say costs more than every other check together
    if not _is_migrated:
        executor = MigrationExecutor(database)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        _is_migrated = not missing
        return missing
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")
    return 0


def _alive(now: datetime) -> Iterator[Check]:
    yield _worker(now)
    yield _scheduler()
    yield _work(now)
    yield _queue()


def beat_age(now: datetime) -> timedelta | None:
    """Since the last sign of life of a worker, in real time. None: there never was one."""
    beat = health.heartbeat()
    return clock.outside(now - beat) if beat else None


def _worker(now: datetime) -> Check:
    age = beat_age(now)
    if age is None:
        sentence = "No worker has ever given a sign of life. Start one: 'manage.py worker'."
        return Check("worker", "Worker", is_well=False, sentence=sentence)
    is_well = age <= health.SILENCE
    todo = "" if is_well else " It should each minute. Look at the worker's log and start it again."
    sentence = f"Its last sign of life was {seconds(age)} ago.{todo}"
    return Check("worker", "Worker", is_well=is_well, sentence=sentence)


def scheduler_delay() -> timedelta | None:
    """How long the queue's most overdue schedule has been waiting, in real time; below zero when none is."""
    due = Schedule.objects.order_by("next_run").values_list("next_run", flat=True).first()
    return clock.Clock().now() - due if due else None


def _scheduler() -> Check:
    delay = scheduler_delay()
    if delay is None:
        sentence = "The queue has no schedules. Start a worker: 'manage.py worker' writes them."
        return Check("scheduler", "Scheduler", is_well=False, sentence=sentence)
    is_well = delay <= SCHEDULER_LATE
    sentence = "On time." if is_well else f"Its oldest schedule waits since {seconds(delay)}. Start the worker again."
    return Check("scheduler", "Scheduler", is_well=is_well, sentence=sentence)


def work_delay(now: datetime) -> timedelta:
    """How late the oldest lane or entry is that should have been taken up, in real time; zero when nothing is."""
    overdue = health.oldest_due(now)
    return max(clock.outside(now - overdue.since), timedelta(0)) if overdue else timedelta(0)


def _work(now: datetime) -> Check:
    delay = work_delay(now)
    if not delay:
        return Check("work", "Work", is_well=True, sentence="Nothing is overdue.")
    is_well = delay <= LATE
    sentence = f"The oldest lane or entry that is due waits since {seconds(delay)}."
    return Check("work", "Work", is_well=is_well, sentence=sentence)


def queue_size() -> int:
    """Tasks that no worker has taken yet."""
    return int(get_broker().queue_size())


def _queue() -> Check:
    size = queue_size()
    is_well = size <= FULL_QUEUE
    todo = "" if is_well else " Workers do not keep up, or none runs."
    return Check("queue", "Queue", is_well=is_well, sentence=f"{size} tasks wait for a worker.{todo}")


def seconds(span: timedelta) -> str:
    """'45 s', '12 min', '3 h', '2 days': as roughly as people say it."""
    whole = int(span.total_seconds())
    for size, unit, least in ((86_400, "days", 2), (3_600, "h", 2), (60, "min", 2)):
        if whole >= size * least:
            return f"{whole // size} {unit}"
    return f"{whole} s"


# --- what needs a person --------------------------------------------------------------------------
def _connections(now: datetime) -> Iterator[Check]:
    names = {connection.pk: connection for connection in health.connections(now)}
    for row in Connection.objects.without_secrets():
        is_well = row.pk not in names
        yield Check(f"connection-{row.pk}", row.full_name, is_well, _told(row, now))


def _told(row: Connection, now: datetime) -> str:
    if row.status != Connection.Status.LIVE:
        return row.status_reason or f"It {row.get_status_display()}."
    ends = row.consent_ends(now)
    return f"Its consent ends {ends} if nobody acts." if ends else "Consent is given."


def _divisions() -> Iterator[Check]:
    for row in health.held_divisions():
        yield Check(f"division-{row.code}", f"Division {row}", False, row.held_reason)


def _trail(now: datetime) -> Check:
    wrong = list(proofs.troubles(now))
    if wrong:
        sentence = " ".join(trouble.sentence for trouble in wrong)
        return Check("audit", "Audit trail", is_well=False, sentence=sentence)
    last = verification.last()
    seen = f"The last look at it ended {ago(last.ended_at, now)}: everything stands." if last and last.ended_at else ""
    sentence = seen or "Sealed each minute; the first look at all of it comes tonight."
    return Check("audit", "Audit trail", is_well=True, sentence=sentence)


def _archives() -> Iterator[Check]:
    for row in health.archives():
        told = [*([row.stopped] if row.stopped else []), *archive_differences(row)]
        sentence = " ".join(told) or "It runs, and Snowflake holds what was written."
        yield Check(f"archive-{row.lane.pk}", f"Archive {row.lane}", row.is_well, sentence)


def archive_differences(row: health.ArchiveHealth) -> Iterator[str]:
    """What of the archive does not stand in Snowflake as it was written, and what to do."""
    if row.different:
        what = "table does" if row.different == 1 else "tables do"
        yield (
            f"{row.different} {what} not hold in Snowflake what was written: rows are missing, too many, or changed. "
            "Its attestation says which: see who changed the table there. A run with 'full copy each run' writes every "
            "record once more; the difference itself stays told."
        )
    if row.conflicts:
        what = "batch" if row.conflicts == 1 else "batches"
        yield (
            f"Of {row.conflicts} {what} Snowflake wrote another number of rows than was sent. It is not sent again: "
            "compare the rows there by their batch_id."
        )


# --- figures of a window --------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Durations:
    """In milliseconds: half of them took at most `median`, 95 of 100 at most `p95`. None without any."""

    count: int
    median: int | None = None
    p95: int | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls to one system (as `Connection.system`). `failed`: no answer, or an HTTP status of 400 and above."""

    system: str
    total: int
    failed: int
    durations: Durations

    @property
    def failed_share(self) -> float:
        """Per cents, 0 to 100."""
        return 100 * self.failed / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened since a moment, and what lies there now."""

    since: datetime
    calls: Sequence[Calls]
    runs: Durations
    runs_failed: int
    queue: int
    records: dict[str, int]


def figures(since: datetime) -> Figures:
    """Aggregates of the rows of that window: calls by system, runs that ended, records by state, and the queue."""
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    runs = SyncRun.objects.filter(finished_at__gte=since, started_at__isnull=False).annotate(took=took)
    return Figures(
        since=since,
        calls=[_calls(system, since) for system in _systems()],
        runs=_durations(runs.order_by(), "took"),
        runs_failed=runs.filter(state="failed").count(),
        queue=queue_size(),
        records=backlog(),
    )


def backlog() -> dict[str, int]:
    """Records that are not in the books yet, by state."""
    states = SyncItem.objects.order_by().values_list("state").annotate(count=Count("pk"))
    return dict(states.filter(state__in=(ItemState.EXTRACTED, ItemState.RESOLVED, ItemState.WAITING)))


def _systems() -> list[str]:
    return sorted(set(Connection.objects.order_by().values_list("system", flat=True)))


def _calls(system: str, since: datetime) -> Calls:
    # By connection, because the index is.
    ids = list(Connection.objects.filter(system=system).values_list("pk", flat=True))
    rows = VendorCall.objects.filter(connection_id__in=ids, at__gte=since).order_by()
    failed = rows.filter(FAILED).count()
    durations = _durations(rows, "duration_ms")
    return Calls(system, durations.count, failed, durations)


def _durations(rows: QuerySet[Any], field: str) -> Durations:
    """Read off the sorted rows by place: exact on every database, three short answers whatever their number."""
    count = rows.count()
    if not count:
        return Durations(0)
    ordered = rows.order_by(field).values_list(field, flat=True)
    median, p95 = (_milliseconds(ordered[-(-count * mark // 100) - 1]) for mark in MARKS)
    return Durations(count, median, p95)


def _milliseconds(took: int | timedelta) -> int:
    return took if isinstance(took, int) else round(took.total_seconds() * 1000)


# --- quota ----------------------------------------------------------------------------------------
def budgets() -> QuerySet[CallBudget]:
    return CallBudget.objects.select_related("connection").order_by("connection", "division")


def calls_left(row: CallBudget, now: datetime) -> int:
    return budget.left_today(row, now)


@dataclass(frozen=True, slots=True)
class Errors:
    """Of one endpoint and division in the last hour; the vendor blocks the key above ten."""

    division: int
    endpoint: str
    count: int


def errors_this_hour(now: datetime) -> list[Errors]:
    """Most errors first."""
    rows = ErrorBudget.objects.filter(hour__gt=now - timedelta(hours=1)).order_by()
    summed = rows.values_list("division", "endpoint").annotate(count=Sum("errors")).order_by("-count", "endpoint")
    return [Errors(division, endpoint, count) for division, endpoint, count in summed[:MOST_ENDPOINTS] if count]


def paused_lanes() -> int:
    return SyncLane.objects.filter(is_enabled=True).exclude(paused_reason="").count()
