"""Opening a lane, working in slices, and ending well whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from audit import context, trail
from audit.trail import Fact
from connections import clock, ledger, priorities
from connections.models import Connection
from connections.providers.errors import NotAuthorised, Refused, Throttled, VendorError
from mappings import reference
from sync import (
    acquaintance,
    articles,
    attachments,
    backfill,
    confirmation,
    engine,
    extraction,
    grip,
    matching,
    missing_rules,
    order_confirmation,
    outlook,
    plans,
    posting,
    resolving,
    splitting,
)
from sync.archive import run as archive
from sync.archive import work as copying
from sync.customers import run as customers
from sync.engine import Move, Outcome, Overtaken
from sync.flows import FLOWS
from sync.flows.base import Flow, SliceOver, Work
from sync.grip import Busy, LostGrip
from sync.lifecycle import RunState
from sync.models import SyncLane, SyncRun

LAST_PAUSE = timedelta(minutes=15)
ATTEMPTS = 12


class Slice(StrEnum):
    """How a slice ended, for whoever rings the next one."""

    AGAIN = "again"
    PAUSED = "paused"
    OVER = "over"
    BUSY = "busy"


class NotNow(Exception):
    """The lane cannot be opened; the sentence says why and what to do."""


def open_run(lane: SyncLane, *, trigger: str, by: str = "", purpose: str = "") -> SyncRun:
    """Open the lane, or return the run that is already open. Raises `NotNow`. Without a purpose a run books, or only
    plans where the lane's plans need approval.
    """
    standing = obstacle(lane)
    if not lane.books and purpose not in {"", "book"}:
        does = "archives" if lane.archives else "keeps customers in step"
        standing = f"Lane {lane} {does}: it books nothing, so there is nothing to plan."
    if standing:
        raise NotNow(standing)
    now = clock.now()
    purpose = purpose or ("plan" if lane.needs_approval and lane.books else "book")
    run = SyncRun(lane=lane, trigger=trigger, requested_by=by, purpose=purpose, created_at=now)
    seen = outlook.of_run(run)
    run.exact_left, run.done_by = seen.left, seen.done_by
    if seen.need:
        run.needs_exact, run.needs_square = seen.need.exact, seen.need.square
    try:
        with transaction.atomic():
            run.save()
            detail = {"lane": lane.label, "trigger": trigger, "needs_calls": run.needs_exact, "calls_left": seen.left}
            trail.record(
                [Fact("run.queued", "run", run.pk, str(run), division=lane.division.code, detail=detail)], at=now
            )
    except IntegrityError:
        standing_open = SyncRun.objects.filter(lane=lane, state__in=SyncRun.OPEN).first()
        # None: it ended between our try and this look.
        return standing_open or open_run(lane, trigger=trigger, by=by, purpose=purpose)
    return run


def obstacle(lane: SyncLane) -> str:
    """Why the lane must not run now, as a sentence; empty when nothing is in the way."""
    if lane.is_paused:
        return f"Lane {lane} is paused: {lane.paused_reason}"
    if lane.archives:
        return copying.obstacle(lane)
    if lane.division.is_held:
        return f"Division {lane.division} is held: {lane.division.held_reason}"
    for connection in (lane.source, lane.division.connection):
        if connection.status != Connection.Status.LIVE:
            return (
                f"Connection {connection} is not live ({connection.get_status_display()}). {connection.status_reason}"
            )
    return ""


def work_slice(run_id: int) -> Slice:
    """Work on a run for at most a minute. Safe to call twice, at once, late, or for a run that is over.

    1. Take the lane; if somebody holds it, they are doing the work.
    2. Do the phases in order; each picks up what is left, so a slice continues wherever the last one was cut off.
    3. Record how it ended: over, paused until a time, or to be continued.
    """
    run = SyncRun.objects.select_related("lane__source", "lane__division__connection").get(pk=run_id)
    if not run.is_open or (run.state == RunState.PAUSED and run.due_at and run.due_at > clock.now()):
        return Slice.OVER if not run.is_open else Slice.PAUSED
    try:
        hold = grip.take(run.lane)
    except Busy:
        return Slice.BUSY
    acting = context.acting(
        actor=run.requested_by or context.SYSTEM, trigger=run.trigger, run_id=run.pk, lane_id=run.lane_id
    )
    with acting, ledger.noting_writes(), priorities.calling(run.claim):
        try:
            return _work(Work(lane=run.lane, run=run, grip=hold))
        except (LostGrip, Overtaken):
            return Slice.AGAIN
        finally:
            hold.release()


def _work(work: Work) -> Slice:
    try:
        _start(work)
        for name, phase in _phases(work):
            _enter(work, name)
            phase(work)
    except SliceOver:
        return Slice.AGAIN
    except VendorError as error:
        return _interrupted(work, error)
    if not work.lane.books:
        told = archive.summary(work.run) if work.lane.archives else customers.summary(work.run)
        return _finish(work, RunState.DONE, " ".join([told, *work.setbacks]))
    if work.run.purpose == backfill.FILL:
        return _finish(work, RunState.DONE, " ".join([_read(work.run), *work.setbacks]))
    if "plan" in plans.phases_of(work.run):
        state, told = plans.finish(work)
        return _finish(work, state, " ".join([told, *work.setbacks]))
    return _finish(work, RunState.DONE, " ".join([_summary(work.run), *work.setbacks]))


def _phases(work: Work) -> Iterator[tuple[str, Callable[[Work], None]]]:
    """Those of the lane's flow: one that keeps customers in step, or archives, has phases of its own."""
    if not work.lane.books:
        yield from archive.PHASES if work.lane.archives else customers.PHASES
        return
    phases = dict(PHASES)
    for name in plans.phases_of(work.run):
        yield name, partial(_of_flow, phases[name])


def _of_flow(phase: Callable[[Work, Flow], None], work: Work) -> None:
    phase(work, FLOWS[work.lane.flow])


def _start(work: Work) -> None:
    standing = obstacle(work.lane)
    if standing:
        raise Refused(standing)
    run = work.run
    if run.state != RunState.RUNNING:
        _move(work, RunState.RUNNING, {"started_at": run.started_at or clock.now(), "due_at": None})


def _prepare(work: Work, flow: Flow) -> None:  # noqa: ARG001 - every phase has the same form
    """Reference data must be known before anything is resolved, and be new to what is replayed because of them."""
    if splitting.awaits_news(work):
        work.read_reference_again()
    reference.refresh_if_stale(work.lane.division)


def _post(stage: str) -> Callable[[Work, Flow], None]:
    def phase(work: Work, flow: Flow) -> None:
        for drafts in flow.gather(work, stage):
            posting.draft(work, drafts)
            work.breathe()
        posting.send_drafts(work, flow)

    return phase


PHASES: tuple[tuple[str, Callable[[Work, Flow], None]], ...] = (
    ("prepare", _prepare),
    ("settle", posting.settle_open),
    ("approved", plans.carry_out),
    ("finish", plans.finish_under_way),
    ("history", backfill.read_history),
    ("read", extraction.read_feeds),
    ("read again", extraction.read_unfinished),
    ("anew", plans.work_out_anew),
    ("resolve", resolving.resolve_extracted),
    ("introduce", acquaintance.introduce_customers),
    ("introduce items", articles.introduce_items),
    ("introduce rules", missing_rules.introduce_rules),
    ("sales", _post("sales")),
    ("money", _post("money")),
    ("plan", plans.make),
    ("send", plans.send_left),
    ("confirm", confirmation.confirm_posted),
    ("match", matching.prove_settled),
    ("attach", attachments.attach_sales_lists),
    # Last, so that what is wrong with an order never holds the books up.
    ("orders", _post("orders")),
    ("confirm orders", order_confirmation.confirm_orders),
)


def _enter(work: Work, phase: str) -> None:
    """Show where the run is; also the sign of life that tells a run at work from one whose worker died."""
    work.run.phase, work.run.touched_at = phase, clock.now()
    engine.apply(Outcome(updates=[(work.run, ["phase", "touched_at"])]), grip=work.grip)


def _interrupted(work: Work, error: VendorError) -> Slice:
    """Wait when waiting helps; end with the sentence when a person must act."""
    if work.run.purpose == backfill.FILL:
        return _history_interrupted(work, error)
    if isinstance(error, Throttled):
        return _pause(work, error.until, error.sentence, attempts=work.run.attempts)
    if isinstance(error, NotAuthorised | Refused) or work.run.attempts >= ATTEMPTS:
        return _finish(work, RunState.FAILED, error.sentence)
    until = clock.now() + min(LAST_PAUSE, posting.backoff(work.run.attempts + 1))
    return _pause(work, until, error.sentence, attempts=work.run.attempts + 1)


def _history_interrupted(work: Work, error: VendorError) -> Slice:
    """A batch does not wait: the lane's own runs may go on meanwhile."""
    if isinstance(error, NotAuthorised | Refused):
        backfill.stop(work.lane, sentence=error.sentence)
        return _finish(work, RunState.FAILED, error.sentence)
    until = error.until if isinstance(error, Throttled) else clock.now() + LAST_PAUSE
    backfill.put_off(work.lane, until=until, sentence=error.sentence)
    return _finish(work, RunState.DONE, f"{_read(work.run)} Cut short: {error.sentence}")


def _pause(work: Work, until: datetime, sentence: str, *, attempts: int) -> Slice:
    _move(work, RunState.PAUSED, {"due_at": until, "sentence": sentence, "attempts": attempts})
    return Slice.PAUSED


def _finish(work: Work, state: RunState, sentence: str) -> Slice:
    _move(work, state, {"finished_at": clock.now(), "due_at": None, "sentence": sentence, "phase": "over"})
    return Slice.OVER


def _move(work: Work, after: RunState, changes: dict[str, Any]) -> None:
    run, before = work.run, RunState(work.run.state)
    detail = {key: value for key, value in changes.items() if key in {"sentence", "due_at"} and value}
    fact = Fact(f"run.{after}", "run", run.pk, str(run), division=work.lane.division.code, detail=detail)
    changes = {"touched_at": clock.now(), **changes}
    engine.apply(Outcome(moves=[Move(SyncRun, {"pk": run.pk}, before, after, changes)], facts=[fact]), grip=work.grip)
    run.state = after
    for name, value in changes.items():
        setattr(run, name, value)


def _read(run: SyncRun) -> str:
    return f"{run.records_read} records of history read, {run.records_changed} of them new. Nothing is booked by it."


def _summary(run: SyncRun) -> str:
    parts = [
        f"{run.records_read} read",
        f"{run.records_changed} new or changed",
        f"{run.entries_posted} {'entry' if run.entries_posted == 1 else 'entries'} booked",
    ]
    parts += [f"{run.entries_confirmed} confirmed in the ledger"]
    if run.entries_refused:
        parts.append(f"{run.entries_refused} refused")
    return ", ".join(parts) + "."


def work_to_rest(run: SyncRun) -> SyncRun:
    """Work slice after slice in this process, sleeping on the clock through pauses, until the run is over."""
    while (ended := work_slice(run.pk)) is not Slice.OVER:
        if ended is not Slice.AGAIN:
            run.refresh_from_db()
            wait = (run.due_at - clock.now()).total_seconds() if run.due_at else 5.0
            clock.sleep(max(1.0, wait))
    run.refresh_from_db()
    return run
