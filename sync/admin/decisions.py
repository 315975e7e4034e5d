"""The verbs around plans: plan a run, approve, reject, undo, correct. Each asks before it does anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from audit import adminkit
from audit.adminkit import CannotDo, ConfirmedAction, Outcome
from mappings.bookkeeping.correction import Correction
from mappings.bookkeeping.legs import LegPlan, Problem, ProblemKind
from sync import actions, approval, tasks, undo
from sync.admin import plans, shown
from sync.admin.verbs import by, each, open_lanes, tallied
from sync.lifecycle import ItemState, PostingState, RunState
from sync.models import Posting, SyncItem, SyncLane, SyncRun
from sync.runs import NotNow

PLAN = "sync.plan_syncrun"
APPROVE = "sync.approve_syncrun"
UNDO = "sync.undo_syncrun"
CORRECT = "sync.correct_syncitem"


def plan_run(request: HttpRequest, rows: QuerySet[SyncLane], reason: str) -> Outcome:  # noqa: ARG001
    def open_one(lane: SyncLane) -> SyncRun:
        run = actions.run_now(lane, by=by(request), purpose="plan")
        if run.purpose != "plan":
            raise actions.Impossible(f"run {run.pk} is at work; plan when it is over")
        return run

    return open_lanes(rows, open_one, told="plans; nothing is booked.")


def approve(request: HttpRequest, rows: QuerySet[SyncRun], reason: str) -> Outcome:
    outcome = _approve(request, rows.select_related("lane__division", "plan"), reason)
    for run in SyncRun.objects.filter(lane__in=[run.lane_id for run in rows], state=RunState.APPROVED):
        try:
            tasks.ring(approval.carry_out(run, by=by(request)))
        except NotNow as standing:
            waits = f"it is approved, but its lane does not run now: {standing}"
            outcome = Outcome(done=outcome.done, skipped=[*outcome.skipped, (str(run), waits)])
    return outcome


_approve = each(lambda run, name, _reason: approval.approve(run, by=name))
_reject = each(lambda run, name, reason: approval.reject(run, reason=reason, by=name))


def reject(request: HttpRequest, rows: QuerySet[SyncRun], reason: str) -> Outcome:
    return _reject(request, rows.select_related("lane__division", "plan"), reason)


def undo_run(request: HttpRequest, rows: QuerySet[SyncRun], reason: str) -> Outcome:
    """One plan per run."""
    del reason
    made = [_undone(undo.entries_of(run), request, str(run)) for run in rows]
    return _planned(made)


def undo_entries(request: HttpRequest, rows: QuerySet[Posting], reason: str) -> Outcome:
    """One plan for all that are chosen, so that a sale and its receipts can be undone together."""
    del reason
    chosen = list(rows.select_related("lane__division", "lane__source"))
    named = str(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} entries"
    return _planned([_undone(chosen, request, f"entry {named}" if len(chosen) == 1 else named)])


def _undone(entries: Sequence[Posting], request: HttpRequest, subject: str) -> SyncRun:
    try:
        return undo.plan(entries, by=by(request), subject=subject)
    except undo.NothingToUndo as refusal:
        raise CannotDo(f"Nothing of it can be undone. {refusal}") from refusal


def _planned(made: Sequence[SyncRun]) -> Outcome:
    goto = adminkit.admin_url(SyncRun, made[0].pk) if len(made) == 1 else adminkit.list_url(SyncRun, state="planned")
    sentence = "The undo is planned. Nothing is booked before somebody approves the plan."
    return Outcome(done=len(made), sentence=sentence, goto=goto)


def correction_lines(rows: QuerySet[SyncItem]) -> Sequence[tuple[str, Any]]:
    """What correcting would take back and book, for one record; of several only their number is told."""
    items = list(rows.select_related("lane__division", "lane__source", "location")[:2])
    if len(items) != 1:
        return ()
    return [(label, format_html_join("\n", "<div>{}</div>", told)) for label, told in _told(items[0])]


def _told(item: SyncItem) -> Iterator[tuple[str, Sequence[tuple[str]]]]:
    for found in actions.preview(item).corrections:
        if isinstance(found, Problem):
            yield "In the way", [(found.sentence,)]
        else:
            yield from _sides(found)


def _sides(found: Correction) -> Iterator[tuple[str, Sequence[tuple[str]]]]:
    for label, leg in (("Takes back", found.taken_back), ("Books", found.booked)):
        if leg:
            yield f"{label} {leg.kind.replace('_', ' ')}, {leg.date:%-d %b %Y}", [(text,) for text in _lines(leg)]


def _lines(leg: LegPlan) -> Iterator[str]:
    for line in leg.lines:
        vat = f", VAT code {line.vat_code} {shown.written(line.vat, leg.currency)}" if line.vat_code else ""
        yield f"{line.role.words} {line.account.code}: {shown.written(line.amount, leg.currency)}{vat}"


LANE_PLAN = ConfirmedAction(
    name="plan",
    label="Plan a run",
    explains="Reads what is new in Square and writes down what would be booked. Nothing is sent to Exact.",
    permission=PLAN,
    run=plan_run,
    done="opened to plan",
    reversible="There is nothing to undo: an unapproved plan books nothing and holds nothing up.",
    confirms=False,
    applies=lambda lane: lane.books and not lane.is_paused,
)
RUN_APPROVE = ConfirmedAction(
    name="approve",
    label="Approve and book",
    explains="Books exactly what this plan says. An entry of which something has changed since is not booked and says "
    "why; it is planned again by the next run.",
    permission=APPROVE,
    run=approve,
    done="approved; a worker books it within seconds",
    reversible="What is booked then can be undone by reversing entries, planned and approved like these.",
    applies=lambda run: run.state == RunState.PLANNED,
    preview=plans.concerned,
    is_grave=True,
)
RUN_REJECT = ConfirmedAction(
    name="reject",
    label="Reject",
    explains="Books nothing of this plan. Its records stay as they are and are planned again by the next run.",
    permission=APPROVE,
    run=reject,
    done="rejected",
    reversible="Plan again.",
    asks_reason=True,
    applies=lambda run: run.state == RunState.PLANNED,
)
RUN_UNDO = ConfirmedAction(
    name="undo",
    label="Plan to undo it",
    explains="Writes down the reversing entries for everything this run booked, and names what cannot be undone. "
    "Nothing is booked before somebody approves that plan.",
    permission=UNDO,
    run=undo_run,
    done="planned",
    reversible="Reject the plan.",
    applies=lambda run: bool(run.entries_posted),
)
ENTRY_UNDO = ConfirmedAction(
    name="undo",
    label="Plan to undo it",
    explains="Writes down the reversing entries for these, and names what cannot be undone. Nothing is booked before "
    "somebody approves that plan.",
    permission=UNDO,
    run=undo_entries,
    done="planned",
    reversible="Reject the plan.",
    applies=lambda entry: entry.state == PostingState.CONFIRMED,
)
ITEM_CORRECT = ConfirmedAction(
    name="correct",
    label="Correct it",
    explains="Square changed these records after they were booked. What was booked is taken back and what Square says "
    "now is booked, by entries linked to the first ones. Nothing in Exact is edited or removed.",
    permission=CORRECT,
    run=tallied(lambda request, rows, _reason: actions.correct(rows, by=by(request))),
    done="on the way to be corrected",
    reversible="No: a correction stays, and can be corrected or undone in its turn.",
    applies=lambda item: item.state == ItemState.WAITING and item.problem_kind == ProblemKind.CHANGED_AFTER_POSTING,
    preview=correction_lines,
    is_grave=True,
)


def install() -> None:
    adminkit.add_action(SyncLane, LANE_PLAN)
    for action in (RUN_APPROVE, RUN_REJECT, RUN_UNDO):
        adminkit.add_action(SyncRun, action)
    adminkit.add_action(Posting, ENTRY_UNDO)
    adminkit.add_action(SyncItem, ITEM_CORRECT)
