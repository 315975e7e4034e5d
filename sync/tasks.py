"""What the queue runs. Each task carries a primary key at most, and may run twice, late or not at all without harm."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django_q.tasks import async_task

from audit import context, seals
from connections import clock, credentials, ledger, subscriptions, webhooks
from connections.models import Division
from connections.providers.errors import VendorError
from mappings import items, reference
from mappings.sheets import work as imports
from sync import approval, backfill, clearing_proof, doorbell, issues, proofs, runs, sentinel, summary
from sync.alerts import sending, watching
from sync.models import AlertMessage, Beat, SourceCount, SyncLane, SyncRun
from sync.runs import NotNow, Slice

# A run that has not been touched for this long has lost its worker; its lease has run out too.
ABANDONED = timedelta(minutes=3)
# Long enough to look into any trouble of a quarter; the audit trail keeps what was done for ever.
CALLS_KEPT = timedelta(days=100)
# Who made a comparison that nobody asked for.
NIGHTLY = "nightly"


def ring(run: SyncRun) -> None:
    """Wake a worker for the run, once the caller's transaction has committed."""
    transaction.on_commit(lambda: async_task("sync.tasks.work", run.pk, q_options={"task_name": f"run-{run.pk}"}))


def work(run_id: int) -> str:
    ended = runs.work_slice(run_id)
    if ended is Slice.AGAIN:
        async_task("sync.tasks.work", run_id, q_options={"task_name": f"run-{run_id}"})
    elif ended is Slice.OVER:
        issues.look(clock.now())  # whoever waited for the run looks now, not in a minute
    return ended


def sweep() -> int:
    """Heed what vendors told, open lanes that are due, and wake every run that waits for nothing any more. Returns how
    many were rung. While runs pause for seconds it is asked for every two: what may wait a minute stands in `look`.
    """
    credentials.unlock()
    imports.ring_abandoned()
    told = doorbell.heed()
    now = clock.now()
    for lane in _due_lanes(now).select_related("division__connection", "source"):
        _open_due(lane, trigger="webhook" if lane.pk in told else "schedule")
    approval.open_approved()
    backfill.open_due()
    _ring_abandoned_replays()
    waiting = overdue()
    for run in waiting:
        ring(run)
    return len(waiting)


def look() -> None:
    """Each minute: issues as the records are, alerts on what crosses a limit, and a worker for their messages."""
    now = clock.now()
    try:
        issues.look(now)
    finally:  # an issue that cannot be written is no reason for silence
        watching.look(now)
        if AlertMessage.objects.filter(state=AlertMessage.State.WAITING, due_at__lte=now).exists():
            async_task("sync.tasks.send_alerts", q_options={"task_name": "alerts"})


def _ring_abandoned_replays() -> None:
    from sync import replays  # it needs the actions, and they ring runs through this module

    replays.ring_abandoned()


def send_alerts() -> int:
    """Apart from the sweep: a mail server may take its time."""
    return sending.send_due(clock.now())


def replay(replay_id: int) -> str:
    from sync import replays  # it needs the actions, and they ring runs through this module

    return replays.go_on(replay_id)


def overdue() -> list[SyncRun]:
    """Runs that should be at work and are not."""
    now = clock.now()
    paused = Q(state="paused") & (Q(due_at=None) | Q(due_at__lte=now))
    lost = Q(state="running") & (Q(touched_at=None) | Q(touched_at__lte=now - ABANDONED))
    return list(SyncRun.objects.filter(Q(state="queued") | paused | lost).filter(_lane_is_free(now)))


def is_anything_due() -> bool:
    """Whether a sweep would find work."""
    return _due_lanes(clock.now()).exists() or bool(overdue())


def _due_lanes(now: datetime) -> QuerySet[SyncLane]:
    """A lane that was just switched on has no time yet and is due at once. One with an open run stays due until that is
    over: what rang meanwhile is newer than what the run reads.
    """
    due = Q(due_at=None) | Q(due_at__lte=now)
    at_work = Exists(SyncRun.objects.filter(lane=OuterRef("pk"), state__in=SyncRun.OPEN))
    return SyncLane.objects.filter(due, is_enabled=True, paused_reason="").exclude(at_work)


def _lane_is_free(now: datetime) -> Q:
    return Q(lane__lease_until=None) | Q(lane__lease_until__lte=now)


def _open_due(lane: SyncLane, *, trigger: str) -> None:
    """The next time is set first and conditionally, so that two sweeps open the lane once."""
    following = clock.now() + timedelta(minutes=lane.cadence_minutes)
    if SyncLane.objects.filter(pk=lane.pk, due_at=lane.due_at).update(due_at=following) == 1:
        try:
            runs.open_run(lane, trigger=trigger)
        except NotNow:
            return


def release_mapped(division_id: int, kinds: list[str]) -> int:
    """After a mapping changed: the records that waited for it. What was released before is no longer waiting."""
    from sync import actions  # they ring runs, and so import this module

    return actions.release_mapped(division_id, kinds)


def refresh_reference(division_id: int) -> None:
    """Read a division's accounts, codes, journals, customers and periods again, outside of any run."""
    division = Division.objects.select_related("connection").get(pk=division_id)
    with suppress(VendorError):  # the request ledger and the connection say what went wrong
        reference.refresh(division)
        if division.items_read_at:  # a lane of it writes orders, or did
            items.refresh(division)


def beat() -> None:
    """Proves that scheduler, queue and worker all live, and seals what the audit trail has been told since."""
    Beat.beat("worker", at=clock.now())
    seals.seal(now=clock.now())


def verify_audit(verification_id: int) -> None:
    """Go on looking at the whole audit trail until it is through."""
    if not proofs.verify(verification_id):
        proofs.ring(verification_id)


def archive_audit() -> None:
    """Move audit entries to files for as long as there are some older than they are kept."""
    with context.acting(trigger="schedule"):
        if proofs.archive_one():
            async_task("sync.tasks.archive_audit", q_options={"task_name": "archive-audit"})


def mail_summary() -> None:
    summary.send()


def reconcile(division_id: int, begin: str, end: str, by: str) -> None:
    """Compare a division's lanes over these days (ISO dates), because it is night or somebody asked."""
    from sync.reconciliation import watch  # it needs the actions, and they ring runs through this module

    division = Division.objects.select_related("connection").get(pk=division_id)
    trigger = "schedule" if by == NIGHTLY else "person"
    with suppress(VendorError), context.acting(actor=by, trigger=trigger):  # the request ledger says what went wrong
        watch.reconcile(division, date.fromisoformat(begin), date.fromisoformat(end), by=by)


def watch_drift(division_id: int) -> None:
    """Look whether the ledger of a signed month still shows what was signed."""
    from sync.reconciliation import watch

    division = Division.objects.select_related("connection").get(pk=division_id)
    with suppress(VendorError), context.acting(trigger="schedule"):
        watch.watch_oldest(division)


def prove_books(division_id: int, month: str, by: str) -> None:
    """Look for every leg of a month (its first day, ISO) in Exact. A look that failed keeps nothing: the page shows how
    old the last one is.
    """
    from sync.books_proof import keeping  # it needs the comparison, and that rings runs through this module

    division = Division.objects.select_related("connection").get(pk=division_id)
    trigger = "schedule" if by == NIGHTLY else "person"
    with suppress(VendorError), context.acting(actor=by, trigger=trigger):  # the request ledger says what went wrong
        keeping.prove_and_keep(division, date.fromisoformat(month), by=by)


def nightly() -> None:
    """Mail the summary, prove the audit trail, keep tokens alive that no lane used, prove each lane's clearing account
    and that each leg of the running month stands in Exact exactly once, have the months compared that still move and a
    signed one watched, and let go of what the request ledger no longer tells anybody.
    """
    from sync.books_proof import keeping
    from sync.reconciliation import watch

    proofs.keep_nightly()
    async_task("sync.tasks.mail_summary", q_options={"task_name": "summary"})
    ledger.prune(before=clock.now() - CALLS_KEPT)
    _look_after_webhooks()
    for connection in credentials.due_for_keepalive():
        with suppress(VendorError):  # its row says what is wrong, and the work list shows it
            credentials.keep_alive(connection)
    for lane in SyncLane.objects.filter(is_enabled=True, paused_reason="").exclude(source=None).order_by("pk"):
        if lane.books:
            prove_clearing(lane.pk)
        async_task("sync.tasks.count_at_square", lane.pk)
    for division, due in watch.due_tonight():
        for begin, end in due:
            async_task("sync.tasks.reconcile", division.pk, begin.isoformat(), end.isoformat(), NIGHTLY)
        async_task("sync.tasks.watch_drift", division.pk)
        for month in keeping.due_tonight(clock.now().date()):
            async_task("sync.tasks.prove_books", division.pk, month.isoformat(), NIGHTLY)


def _look_after_webhooks() -> None:
    """Let go of old events, learn how long each source is usually silent, and see whether its subscriptions stand."""
    kept_since = clock.now() - timedelta(days=settings.WEBHOOK_EVENTS_KEPT_DAYS)
    webhooks.prune(before=kept_since)
    SourceCount.objects.filter(day__lt=kept_since.date()).delete()
    webhooks.learn_habits()
    subscriptions.read_all()


def count_at_square(lane_id: int) -> None:
    """Count what Square holds of the last days against what we hold; what is missing is read again."""
    lane = SyncLane.objects.select_related("division", "source").get(pk=lane_id)
    with suppress(VendorError), context.acting(trigger="schedule"):  # the request ledger says what went wrong
        sentinel.count(lane)


def prove_clearing(lane_id: int, by: str = "", day: str = "") -> None:
    """Prove a lane's clearing account up to a day, else yesterday, and keep the result. A look that failed keeps none:
    the page shows how old the last one is.
    """
    lane = SyncLane.objects.select_related("division__connection").get(pk=lane_id)
    with suppress(VendorError):
        clearing_proof.prove_and_keep(lane, date.fromisoformat(day) if day else None, by=by)
