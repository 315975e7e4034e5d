"""What people do: run, pause, replay, dismiss, release, look again, preview. Each says what it could not do and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit import trail
from audit.trail import Fact
from connections import clock
from mappings.bookkeeping.correction import Correction
from mappings.bookkeeping.legs import LegPlan, Problem, ProblemKind
from mappings.models import CustomerMapping, Decision
from sync import corrections, engine, restoring, reversal, runs, tasks
from sync.engine import Move, Outcome, Overtaken
from sync.flows import FLOWS
from sync.flows.base import Work
from sync.grip import Grip
from sync.lifecycle import ItemState, LegState, PostingState, RunState
from sync.models import ItemEdit, Leg, Posting, SyncItem, SyncLane, SyncRun
from sync.models.lanes import CUSTOMERS
from sync.resolving import MAPPING
from sync.runs import NotNow

UNBOOKED = (LegState.WAITING, LegState.READY, LegState.REFUSED)
# What may be different at Square by now, so that a replay reads the source again before it resolves.
READ_AGAIN = (ProblemKind.NO_ORDER, ProblemKind.NO_LINES, ProblemKind.UNREADABLE, ProblemKind.UNBALANCED)
CHUNK = 500


class Impossible(Exception):
    """The action cannot be done; the message is a sentence for the person who asked."""


@dataclass
class Tally:
    """What an action on a selection came to: how many were done, and which were not and why."""

    done: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, row: object, why: str) -> None:
        self.skipped.append((str(row), why))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a record would be booked as, by the mappings of this moment. Nothing is sent or stored."""

    legs: tuple[LegPlan, ...]
    notes: tuple[str, ...]
    problem: Problem | None
    corrections: tuple[Correction | Problem, ...] = ()


def run_now(lane: SyncLane, *, by: str, trigger: str = "person", purpose: str = "") -> SyncRun:
    """Open the lane and wake a worker. Returns the run that is already open if there is one."""
    try:
        run = runs.open_run(lane, trigger=trigger, by=by, purpose=purpose)
    except NotNow as standing:
        raise Impossible(str(standing)) from None
    tasks.ring(run)
    return run


def cancel(run: SyncRun, *, by: str) -> None:
    """End a run that is queued or paused. One at work ends by itself within a minute; pause its lane instead."""
    if run.state not in {RunState.QUEUED, RunState.PAUSED}:
        raise Impossible(f"Run {run.pk} is {run.state}: only a queued or paused run can be cancelled.")
    changes = {"finished_at": clock.now(), "sentence": f"Cancelled by {by}.", "due_at": None}
    fact = Fact("run.cancelled", "run", run.pk, str(run), division=run.lane.division.code)
    engine.apply(
        Outcome([Move(SyncRun, {"pk": run.pk}, RunState(run.state), RunState.CANCELLED, changes)], facts=[fact]),
        grip=None,
    )


def pause(lane: SyncLane, *, reason: str, by: str) -> None:
    """Keep the lane from opening until somebody resumes it."""
    if not reason.strip():
        raise Impossible("Say why the lane is paused: whoever finds it paused will want to know.")
    _switch(lane, paused_reason=f"{reason.strip()} ({by})", verb="lane.paused")


def resume(lane: SyncLane, *, by: str) -> None:
    _switch(lane, paused_reason="", verb="lane.resumed", by=by)


def _switch(lane: SyncLane, *, paused_reason: str, verb: str, **detail: Any) -> None:
    with transaction.atomic():
        SyncLane.objects.filter(pk=lane.pk).update(paused_reason=paused_reason)
        detail["reason"] = paused_reason
        fact = Fact(verb, "lane", lane.pk, lane.label, division=lane.division.code, detail=detail)
        trail.record([fact], at=clock.now())
    lane.paused_reason = paused_reason


def end_adoption(lane: SyncLane, *, by: str) -> None:
    """Entries are no longer looked up before their first send."""
    try:
        restoring.end_adoption(lane, by=by)
    except restoring.NotNow as standing:
        raise Impossible(str(standing)) from None


def replay_items(items: QuerySet[SyncItem] | Iterable[SyncItem], *, by: str) -> Tally:
    """Let waiting records be resolved and booked again. What is booked already is never booked a second time."""
    rows = list(_with_lanes(items))
    make_customers_first(rows, by=by)
    return _each(rows, _replay, by=by, trigger="replay")


def make_customers_first(items: Iterable[SyncItem], *, by: str) -> None:
    """Open the lanes that make the Exact accounts these records wait for: a sale needs its customer. What waited for
    an account goes on by itself once it is there.
    """
    wanted: dict[tuple[int, int], set[str]] = {}
    for item in items:
        if item.state == ItemState.WAITING and item.problem_kind == ProblemKind.UNMAPPED_CUSTOMER:
            wanted.setdefault((item.lane.division_id, item.lane.source_id), set()).add(item.problem_subject)
    for (division, source), customers in wanted.items():
        ordered = CustomerMapping.objects.filter(
            division=division, merchant=source, square_customer_id__in=customers, status=Decision.CREATE
        )
        if ordered.exists():
            lanes = SyncLane.objects.filter(flow=CUSTOMERS, division=division, source=source, is_enabled=True)
            run_lanes(lanes.select_related("division__connection", "source"), by=by, trigger="replay")


def replay_without_running(items: Iterable[SyncItem], *, by: str) -> Tally:
    """As `replay_items`, for a part of many: whoever calls opens the lanes at the end, once."""
    rows = list(_with_lanes(items))
    make_customers_first(rows, by=by)
    return _each(rows, _replay, by=by)


def run_lanes(lanes: Iterable[SyncLane], *, by: str, trigger: str) -> Tally:
    """Open each; one that cannot run now is named, and its records wait for its next run."""
    tally = Tally()
    _ring(lanes, by=by, trigger=trigger, tally=tally)
    return tally


def _replay(item: SyncItem, by: str) -> str:
    if item.state != ItemState.WAITING:
        return f"it is {item.state}; only a waiting record can be replayed"
    changes: dict[str, Any] = {"changed_at": clock.now()}
    if item.problem_kind in READ_AGAIN:
        changes["recheck_at"] = clock.now()
    fact = Fact("item.replayed", "item", item.pk, item.source_id, item.source_id, detail={"by": by})
    _move_item(item, ItemState.EXTRACTED, changes, fact, Outcome(reversal.decided(item)))
    return ""


def correct(items: QuerySet[SyncItem] | Iterable[SyncItem], *, by: str) -> Tally:
    """Let records that changed after they were booked be corrected, whatever their lane's policy."""
    return _each(items, _correct, by=by, trigger="person")


def _correct(item: SyncItem, by: str) -> str:
    if item.state != ItemState.WAITING or item.problem_kind != ProblemKind.CHANGED_AFTER_POSTING:
        return "it does not wait because it changed after it was booked"
    fact = Fact("item.to_correct", "item", item.pk, item.source_id, item.source_id, detail={"by": by})
    _move_item(item, ItemState.EXTRACTED, {"to_correct": True, "changed_at": clock.now()}, fact)
    return ""


def amend_orders(items: Iterable[SyncItem], *, by: str, reason: str) -> Tally:
    """Let open orders that are written be worked out anew by the mappings of now: the order in Exact is changed."""
    return _each(items, lambda item, who: _amend(item, who, reason), by=by, trigger="person")


def _amend(item: SyncItem, by: str, reason: str) -> str:
    if item.state != ItemState.DONE:
        return f"it is {item.state}; only an order that is written can be changed"
    detail = {"by": by, "reason": reason}
    fact = Fact("item.amended", "item", item.pk, item.source_id, item.source_id, detail=detail)
    _move_item(item, ItemState.EXTRACTED, {"changed_at": clock.now()}, fact)
    return ""


def release(items: QuerySet[SyncItem] | Iterable[SyncItem], *, by: str) -> Tally:
    """Let records from before go-live be booked."""
    return _each(items, _release, by=by, trigger="person")


def _release(item: SyncItem, by: str) -> str:
    if item.state != ItemState.WAITING or item.problem_kind != ProblemKind.BEFORE_GO_LIVE:
        return "it does not wait for go-live"
    fact = Fact("item.released", "item", item.pk, item.source_id, item.source_id, detail={"by": by})
    _move_item(item, ItemState.EXTRACTED, {"released": True, "changed_at": clock.now()}, fact)
    return ""


def dismiss(items: QuerySet[SyncItem] | Iterable[SyncItem], *, reason: str, by: str) -> Tally:
    """Decide that what waits is not to be booked. Reversible with `reinstate`."""
    if not reason.strip():
        raise Impossible("Give a reason: the auditor will ask for it.")
    return _each(items, lambda item, who: _dismiss(item, reason.strip(), who), by=by)


def _dismiss(item: SyncItem, reason: str, by: str) -> str:
    if item.state != ItemState.WAITING:
        return f"it is {item.state}; only a waiting record can be dismissed"
    if reversal.is_being_undone(item):
        return "it is being undone: replay it, so that its reversal is booked, then dismiss it"
    outcome = Outcome(reversal.given_up(item))
    for leg in item.legs.filter(state__in=UNBOOKED):
        outcome.moves.append(Move(Leg, {"pk": leg.pk}, LegState(leg.state), LegState.DISMISSED))
        outcome.facts.append(
            Fact("leg.dismissed", "leg", leg.pk, leg.reference, item.source_id, detail={"reason": reason})
        )
    changes = {"dismissed_reason": f"{reason} ({by})", "changed_at": clock.now(), "waiting_since": None}
    fact = Fact("item.dismissed", "item", item.pk, item.source_id, item.source_id, detail={"reason": reason})
    _move_item(item, ItemState.DISMISSED, changes, fact, outcome)
    return ""


def reinstate(items: QuerySet[SyncItem] | Iterable[SyncItem], *, by: str) -> Tally:
    """Take a dismissal back: the record is resolved again."""
    return _each(items, _reinstate, by=by, trigger="replay")


def _reinstate(item: SyncItem, by: str) -> str:
    if item.state != ItemState.DISMISSED:
        return f"it is {item.state}, not dismissed"
    outcome = Outcome(reversal.decided(item))
    dismissed = item.legs.filter(state=LegState.DISMISSED)
    for leg in dismissed:
        outcome.moves.append(Move(Leg, {"pk": leg.pk}, LegState.DISMISSED, LegState.WAITING))
        outcome.facts.append(Fact("leg.waiting", "leg", leg.pk, leg.reference, item.source_id, detail={"by": by}))
    fact = Fact("item.reinstated", "item", item.pk, item.source_id, item.source_id, detail={"by": by})
    _move_item(item, ItemState.EXTRACTED, {"dismissed_reason": "", "changed_at": clock.now()}, fact, outcome)
    return ""


def replay_postings(postings: QuerySet[Posting] | Iterable[Posting], *, by: str) -> Tally:
    """Refused entries: their records are resolved again and the entry is looked up before it is sent. Entries in
    conflict: Exact is looked at again.
    """
    tally, lanes = Tally(), {}
    for posting in postings:
        if posting.state == PostingState.REFUSED:
            items = SyncItem.objects.filter(legs__posting=posting, state=ItemState.WAITING).distinct()
            inner = replay_items(items, by=by)
            tally.done += 1 if inner.done else 0
            tally.skipped += inner.skipped
        elif posting.state == PostingState.CONFLICT:
            _look_again(posting)
            tally.done += 1
        else:
            tally.skip(posting, f"it is {posting.state}; only a refused or conflicting entry can be replayed")
            continue
        lanes[posting.lane_id] = posting.lane
    _ring(lanes.values(), by=by, trigger="replay", tally=tally)
    return tally


def _look_again(posting: Posting) -> None:
    """Back to where the doubt arose: never booked for certain, or booked and to be compared again."""
    is_booked = posting.legs.filter(state=LegState.POSTED).exists()
    after = PostingState.POSTED if is_booked else PostingState.SENDING
    changes = {"due_at": clock.now(), "missing_since": None, "changed_at": clock.now()}
    fact = Fact(
        "posting.looked_again", "posting", posting.pk, posting.reference, posting.reference, posting.division.code
    )
    engine.apply(
        Outcome([Move(Posting, {"pk": posting.pk}, PostingState.CONFLICT, after, changes)], facts=[fact]), grip=None
    )


def preview(item: SyncItem, *, tried: ItemEdit | None = None) -> Preview:
    """Resolve the record as it would be now, without writing or sending anything. `tried`: as if this edit counted."""
    work = Work(lane=item.lane, run=SyncRun(lane=item.lane), grip=Grip(item.lane_id, -1, clock.now()))
    work.tried = {item.pk: tried} if tried else {}
    stream = next((stream for stream in FLOWS[item.lane.flow].streams(item.lane) if stream.kind == item.kind), None)
    if stream is None:
        raise Impossible(f"The lane does not write any {item.kind}s now: the switch on it is off.")
    resolution = stream.resolve(work, [item])[0]
    plans = tuple(plan for _, plan in resolution.legs)
    changed = tuple(corrections.of_record(work, item, plans))
    return Preview(plans, tuple(resolution.notes), resolution.problem, changed)


def waiting_for_mapping(division_id: int, kinds: Sequence[str]) -> QuerySet[SyncItem]:
    return SyncItem.objects.filter(
        lane__division=division_id, state=ItemState.WAITING, problem_kind__in=[*kinds] or MAPPING
    )


def release_mapped(division_id: int, kinds: Sequence[str]) -> int:
    """After a mapping changed: let every record that waits for one be resolved again. Returns how many."""
    waiting = waiting_for_mapping(division_id, kinds)
    released, lanes = 0, {}
    for item in waiting.select_related("lane__division", "lane__source").defer("payload").iterator(CHUNK):
        try:
            fact = Fact("item.mapping_changed", "item", item.pk, item.source_id, item.source_id)
            _move_item(item, ItemState.EXTRACTED, {"changed_at": clock.now()}, fact)
        except Overtaken:
            continue
        released += 1
        lanes[item.lane_id] = item.lane
    _ring(lanes.values(), by="", trigger="replay", tally=Tally())
    return released


def _each(
    items: QuerySet[SyncItem] | Iterable[SyncItem], act: Callable[[SyncItem, str], str], *, by: str, trigger: str = ""
) -> Tally:
    """Do it to each, one transaction a record; one that somebody overtook is skipped, not forced."""
    tally, lanes = Tally(), {}
    for item in _with_lanes(items):
        try:
            refusal = act(item, by)
        except Overtaken:
            refusal = "it changed a moment ago; look at it again"
        if refusal:
            tally.skip(item, refusal)
            continue
        tally.done += 1
        lanes[item.lane_id] = item.lane
    if trigger:
        _ring(lanes.values(), by=by, trigger=trigger, tally=tally)
    return tally


def _with_lanes(items: QuerySet[SyncItem] | Iterable[SyncItem]) -> Iterable[SyncItem]:
    return items.select_related("lane__division", "lane__source") if isinstance(items, QuerySet) else items


def _ring(lanes: Iterable[SyncLane], *, by: str, trigger: str, tally: Tally) -> None:
    for lane in lanes:
        try:
            run_now(lane, by=by, trigger=trigger)
        except Impossible as standing:
            tally.skip(lane, f"its records are ready, but it does not run now: {standing}")


def _move_item(
    item: SyncItem, after: ItemState, changes: dict[str, Any], fact: Fact, outcome: Outcome | None = None
) -> None:
    outcome = outcome or Outcome()
    outcome.moves.append(Move(SyncItem, {"pk": item.pk}, ItemState(item.state), after, changes))
    outcome.facts.append(fact)
    engine.apply(outcome, grip=None)
