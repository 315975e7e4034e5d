"""A run of a lane that archives: its phases in order, and what it came to in a sentence."""

from __future__ import annotations

from collections.abc import Callable

from connections import clock, snowflake_diagnosis
from sync import engine
from sync.archive import attesting, making, reading, writing
from sync.archive.work import Copying
from sync.engine import Outcome
from sync.flows.base import Work
from sync.models import ArchiveAttestation, ArchivePolicy, ArchiveTable, SyncRun

# Differences told in the sentence of a run; the page of attestations shows all.
NAMED = 3


def _plan(copying: Copying) -> None:
    """How many steps there are, as far as can be said before anything is read."""
    run = copying.work.run
    if not run.steps_planned:
        run.steps_planned = reading.steps(copying)
        engine.apply(Outcome(updates=[(run, ["steps_planned"])]), grip=copying.work.grip)


def _weigh(copying: Copying) -> None:
    """Everything has been read: from here on a step is a batch."""
    run = copying.work.run
    run.steps_planned = run.steps_done + writing.open_batches(copying)
    engine.apply(Outcome(updates=[(run, ["steps_planned"])]), grip=copying.work.grip)


def _look(copying: Copying) -> None:
    """With the first run, and as long as something is the matter: does the warehouse wake up for what is written?"""
    policy = copying.policy
    if (policy.warehouse_seen_at and not policy.target.warning) or not writing.open_batches(copying):
        return
    snowflake_diagnosis.look_at_warehouse(policy.target, copying.snowflake)
    policy.warehouse_seen_at = clock.now()
    engine.apply(Outcome(updates=[(policy, ["warehouse_seen_at"])]), grip=copying.work.grip)


def _attest(copying: Copying) -> None:
    if ArchiveTable.objects.filter(cursor__lane=copying.work.lane, owes_proof=True).exists():
        attesting.attest_all(copying)


def _end(copying: Copying) -> None:
    policy = copying.policy
    if policy.backfill_from:
        policy.backfill_from = None
        engine.apply(Outcome(updates=[(policy, ["backfill_from"])]), grip=copying.work.grip)


def _of_archive(phase: Callable[[Copying], None]) -> Callable[[Work], None]:
    return lambda work: phase(Copying.of(work))


# Each picks up what is left. Snowflake is not asked for anything before every division has been read, and not at all
# when nothing is to be written: its warehouse wakes once.
PHASES: tuple[tuple[str, Callable[[Work], None]], ...] = (
    ("plan", _of_archive(_plan)),
    ("read", _of_archive(reading.read_all)),
    ("weigh", _of_archive(_weigh)),
    ("warehouse", _of_archive(_look)),
    ("tables", _of_archive(making.make_all)),
    ("write", _of_archive(writing.write_all)),
    ("attest", _of_archive(_attest)),
    ("end", _of_archive(_end)),
)


def summary(run: SyncRun) -> str:
    parts = [
        f"{run.records_read} read",
        f"{run.records_changed} new, changed or deleted",
        f"{run.rows_written} written",
    ]
    if run.records_waiting:
        parts.append(f"{run.records_waiting} cannot be stored and are left out")
    wrong = ArchiveAttestation.objects.filter(run=run, is_equal=False)
    named = [f" {found.table}: {found.sentence}" for found in wrong.select_related("table__division")[:NAMED]]
    warned = ArchivePolicy.objects.filter(lane=run.lane_id).exclude(target__warning="")
    told = [f" {warning}" for warning in warned.values_list("target__warning", flat=True)]
    return ", ".join(parts) + "." + "".join([*named, *told])
