"""What people decide about plans: ask for one, approve it, reject it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from connections import clock
from sync import engine, plans, runs
from sync.lifecycle import RunState
from sync.models import Plan, SyncLane, SyncRun
from sync.runs import NotNow


class Undecidable(Exception):
    """The plan cannot be decided on; the message is a sentence for the person who asked."""


def approve(run: SyncRun, *, by: str) -> None:
    """Let exactly this plan be booked. The caller then opens a run that does it (`open_approved`)."""
    _require_planned(run)
    if run.lane.four_eyes and run.requested_by == by:
        raise Undecidable(f"Lane {run.lane} wants four eyes: somebody else than {by}, who planned this, approves it.")
    sentence = f"Approved by {by}: its entries are being booked."
    _decide(run, RunState.APPROVED, by=by, sentence=sentence)


def carry_out(run: SyncRun, *, by: str) -> SyncRun:
    """Open the lane so that an approved plan is booked at once; a run that is open already is followed by one that
    does. Raises `NotNow`.
    """
    return runs.open_run(run.lane, trigger="person", by=by, purpose="post")


def reject(run: SyncRun, *, reason: str, by: str) -> None:
    """Nothing of the plan is booked. Its records are planned again by the next run."""
    _require_planned(run)
    if not reason.strip():
        raise Undecidable("Give a reason: whoever planned it will want to know.")
    sentence = f"Rejected by {by}: {reason.strip()}"
    _decide(run, RunState.REJECTED, by=by, sentence=sentence, reason=reason.strip())


def _require_planned(run: SyncRun) -> None:
    if run.state != RunState.PLANNED:
        raise Undecidable(f"Run {run.pk} is {run.get_state_display()}: only a plan that waits for approval is decided.")


def _decide(run: SyncRun, after: RunState, *, by: str, sentence: str, reason: str = "") -> None:
    now = clock.now()
    finished = {"finished_at": now} if after is RunState.REJECTED else {}
    outcome = plans.moved(run, after, sentence=sentence, **finished)
    plan = Plan(run=run, decided_by=by, decided_at=now, reason=reason)
    outcome.updates.append((plan, ["decided_by", "decided_at", "reason"]))
    engine.apply(outcome, grip=None)
    run.state, run.sentence = after, sentence


def approved_lanes() -> Sequence[SyncLane]:
    """Lanes with an approved plan and no run that could carry it out."""
    approved = SyncLane.objects.filter(runs__state=RunState.APPROVED).exclude(runs__state__in=SyncRun.OPEN)
    return list(approved.select_related("division__connection", "source").distinct())


def open_approved() -> None:
    """Open each lane that has an approved plan: its run books that, and nothing else. Sweeps wake the worker."""
    for lane in approved_lanes():
        with suppress(NotNow):
            runs.open_run(lane, trigger="person", purpose="post")
