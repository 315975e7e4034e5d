"""From records to legs: what each record owes the books, stored beside why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from audit.trail import Fact
from connections import clock
from mappings.bookkeeping.correction import Correction
from mappings.bookkeeping.legs import LegKind, LegPlan, Problem, ProblemKind
from mappings.models import CustomerMapping, GLMapping, ItemMapping
from sync import corrections, engine, periods, soundness
from sync.engine import Move, Outcome
from sync.extraction import next_recheck
from sync.flows.base import Flow, Resolution, Work
from sync.flows.records import reference_of
from sync.legs import digest_of, fields_of
from sync.lifecycle import ItemState, LegState
from sync.models import Leg, SyncItem
from sync.remapping.again import book_again

# Where a leg stands within its record: kind, ordinal, and whether it is the reversal of the one there.
Place = tuple[str, int, bool]
# What a decision of finance ends.
MAPPING = (
    ProblemKind.UNMAPPED_ACCOUNT,
    ProblemKind.UNMAPPED_TAX,
    ProblemKind.UNMAPPED_CUSTOMER,
    ProblemKind.UNMAPPED_ITEM,
    ProblemKind.AMBIGUOUS_TAX,
)
DECISIONS = (GLMapping, CustomerMapping, ItemMapping)
# A decision has its time a moment before others see it.
SAVING_TAKES = timedelta(seconds=30)
# A leg in one of these states may still be planned anew; in any other its lines are frozen in an entry.
OPEN = frozenset({LegState.WAITING, LegState.READY, LegState.REFUSED})


def resolve_extracted(work: Work, flow: Flow) -> None:
    """Resolve every record that was read or released, stream by stream and oldest first."""
    for affected in (*periods.to_plan_again(work), *soundness.to_look_at_again(work), corrections.ready(work)):
        _let_go_on(work, affected)
    book_again(work)
    for stream in flow.streams(work.lane):
        if stream.ready:
            _let_go_on(work, stream.ready(work))
        extracted = SyncItem.objects.filter(lane=work.lane, kind=stream.kind, state=ItemState.EXTRACTED)
        looked_again: set[int] = set()
        while batch := list(extracted.select_related("location").order_by("id")[: stream.chunk]):
            began = clock.now()
            store(work, stream.resolve(work, batch))
            if again := _overtaken(work, {item.pk for item in batch} - looked_again, since=began):
                work.decide_anew()
                _let_go_on(work, again)
            looked_again.update(item.pk for item in batch)
            work.breathe()


def _overtaken(work: Work, batch: Set[int], *, since: datetime) -> QuerySet[SyncItem]:
    """Records of the batch that wait for a decision, when one was saved while they were worked out: whoever saved it
    found them not waiting yet, and would never let them go on. Each is looked at again once a run.
    """
    division, moment = work.lane.division_id, since - SAVING_TAKES
    waiting = SyncItem.objects.filter(pk__in=batch, state=ItemState.WAITING, problem_kind__in=MAPPING)
    if waiting.exists() and any(
        model.objects.filter(division=division, decided_at__gte=moment).exists() for model in DECISIONS
    ):
        return waiting
    return waiting.none()


def _let_go_on(work: Work, ready: QuerySet[SyncItem]) -> None:
    """Records whose wait for another record is over are resolved again."""
    for item in ready.defer("payload"):
        move = Move(SyncItem, {"pk": item.pk}, ItemState(item.state), ItemState.EXTRACTED, {"changed_at": clock.now()})
        fact = Fact("item.wait_over", "item", item.pk, item.source_id, item.source_id)
        engine.apply(Outcome(moves=[move], facts=[fact]), grip=work.grip)


def store(work: Work, resolutions: Sequence[Resolution]) -> None:
    """Write what the resolutions say, in one transaction."""
    items = {resolution.item.pk: resolution.item for resolution in resolutions}
    held = _legs(items)
    owned = _owners(work, resolutions)
    booked_days = periods.booked_days(work, resolutions)
    outcome = Outcome(touched=set(items))
    for resolution in resolutions:
        _Storing(
            work, outcome, resolution, held=held.get(resolution.item.pk, {}), owned=owned, booked_days=booked_days
        ).store()
    outcome.moves = together(outcome.moves)
    work.run.legs_ready += sum(1 for row in outcome.created if isinstance(row, Leg) and row.state == LegState.READY)
    outcome.updates.append((work.run, ["legs_ready", "records_waiting"]))
    engine.apply(outcome, grip=work.grip)


def together(moves: Iterable[Move]) -> list[Move]:
    """Records that go the same way move in one UPDATE; all other moves stay as they are, and come first."""
    others: list[Move] = []
    alike: dict[tuple[Any, ...], list[Move]] = {}
    for move in moves:
        if move.model is SyncItem:
            alike.setdefault((move.before, move.after, *sorted(move.changes.items())), []).append(move)
        else:
            others.append(move)
    return others + [_one_of(same) for same in alike.values()]


def _one_of(same: Sequence[Move]) -> Move:
    where = {"pk__in": [move.where["pk"] for move in same]}
    return same[0] if len(same) == 1 else replace(same[0], where=where, count=len(same))


def _legs(items: Iterable[int]) -> dict[int, dict[Place, Leg]]:
    held: dict[int, dict[Place, Leg]] = {}
    for leg in Leg.objects.filter(item__in=list(items)):
        held.setdefault(leg.item_id, {})[leg.kind, leg.ordinal, leg.is_reversal] = leg
    return held


def _owners(work: Work, resolutions: Sequence[Resolution]) -> dict[str, int]:
    """Which item already owns a reference: a sale belongs to its order, whichever payment brought it in first."""
    references = [reference for resolution in resolutions for reference, _ in resolution.legs]
    rows = Leg.objects.filter(division=work.lane.division_id, reference__in=references)
    return dict(rows.values_list("reference", "item_id"))


class _Storing:
    """One record's resolution on its way into the outcome."""

    def __init__(
        self,
        work: Work,
        outcome: Outcome,
        resolution: Resolution,
        *,
        held: dict[Place, Leg],
        owned: dict[str, int],
        booked_days: Set[tuple[int, date]],
    ) -> None:
        self.work, self.outcome, self.resolution = work, outcome, resolution
        self.item, self.held, self.owned, self.booked_days = resolution.item, held, owned, booked_days
        self.is_being_taken_back = any(leg.state == LegState.REVERSING for leg in held.values())
        self.changed_sales: set[str] = set()
        self.corrections: list[Correction] = []

    def store(self) -> None:
        problem = self.resolution.problem
        for reference, plan in self.resolution.legs:
            if self.owned.setdefault(reference, self.item.pk) == self.item.pk:
                problem = self._leg(reference, plan) or problem
        if not problem:
            self._correct()
        if self.resolution.problem:
            self._hold(self.resolution.problem)
        else:
            self._drop_what_is_no_longer_owed()
        self._settle()
        self._plan_refunds_anew()
        self._item(problem)

    def _settle(self) -> None:
        """Keep what a payout says of each payment and refund; a payout that is resolved again says the same, of events
        that may be booked by now.
        """
        said = {row.event: row for row in self.item.settlements.all()} if self.resolution.settles else {}
        self.outcome.created += [row for row in self.resolution.settles if row.event not in said]
        for row in self.resolution.settles:
            if row.is_verified and row.event in said and not said[row.event].is_verified:
                said[row.event].is_verified = True
                self.outcome.updates.append((said[row.event], ["is_verified"]))

    def _leg(self, reference: str, plan: LegPlan) -> Problem | None:
        """Create or renew one leg; one that is booked already is corrected, or is a problem of the record."""
        if plan.is_reversal:
            leg = self.held.pop((plan.kind, plan.ordinal, True), None)
        else:
            leg = corrections.latest(self.held, plan)
        if leg is None:
            self._create(reference, plan)
        elif leg.state in OPEN:
            self._renew(leg, plan)
        elif leg.state != LegState.DISMISSED and not leg.is_reversal:
            return self._booked(leg, plan)
        return None

    def _booked(self, leg: Leg, plan: LegPlan) -> Problem | None:
        if (leg.kind, leg.ordinal, True) in self.held and leg.state != LegState.REVERSED:
            return None  # it is being taken back by a decision; its reversal goes on below
        leg.item = self.item
        found = corrections.of_booked(self.work, self.item, leg, plan)
        if isinstance(found, Correction):
            self.corrections.append(found)
            return None
        return found

    def _correct(self) -> None:
        """A record is corrected whole or not at all: its sale and its receipts belong together."""
        for owed in (leg for found in self.corrections for leg in found if leg):
            self._create(reference_of(self.work, self.item, owed), owed)

    def _plan_refunds_anew(self) -> None:
        if self.changed_sales:
            moves, facts = corrections.planned_on(self.work, self.changed_sales)
            self.outcome.moves += moves
            self.outcome.facts += facts

    def _create(self, reference: str, plan: LegPlan) -> None:
        leg = Leg(item=self.item, lane=self.work.lane, division=self.work.lane.division, location=self.item.location)
        leg.reference, leg.kind, leg.ordinal, leg.is_reversal = reference, plan.kind, plan.ordinal, plan.is_reversal
        for name, value in fields_of(plan).items():
            setattr(leg, name, value)
        leg.is_late = self._is_late(plan)
        leg.state = LegState.WAITING if plan.problem else LegState.READY
        self.outcome.created.append(leg)
        self._fact(leg, leg.state, plan.problem, plan)
        if plan.is_reversal:
            self._take_back(leg)
        elif plan.kind is LegKind.SALE and plan.ordinal:
            self.changed_sales.add(plan.order_id)

    def _take_back(self, reversal: Leg) -> None:
        """The booked leg counts no more. One whose entry is not confirmed yet is marked when it is."""
        where = {"item": self.item, "kind": reversal.kind, "ordinal": reversal.ordinal, "is_reversal": False}
        for leg in Leg.objects.filter(**where, state=LegState.CONFIRMED):
            self.outcome.moves.append(corrections.takes_back(leg))
            self._fact(leg, LegState.REVERSING, None)

    def _renew(self, leg: Leg, plan: LegPlan) -> None:
        before, after = LegState(leg.state), LegState.WAITING if plan.problem else LegState.READY
        same_day = (leg.date, leg.moved_from) == (plan.date, plan.moved_from)
        same_debt = same_day and leg.digest == digest_of(plan)
        if before is after and same_debt and leg.problem == fields_of(plan)["problem"]:
            return
        if leg.kind == LegKind.SALE and leg.digest != digest_of(plan):
            self.changed_sales.add(plan.order_id)
        if leg.is_reversal:
            self._take_back(leg)
        late = self._is_late(plan) if before is LegState.WAITING else leg.is_late or bool(plan.moved_from)
        self.outcome.moves.append(Move(Leg, {"pk": leg.pk}, before, after, {**fields_of(plan), "is_late": late}))
        self._fact(leg, after, plan.problem, plan)

    def _is_late(self, plan: LegPlan) -> bool:
        """For the report: it is booked on another day than its own, or after its day had been booked."""
        return bool(plan.moved_from) or (self.item.location_id, plan.date) in self.booked_days

    def _hold(self, problem: Problem) -> None:
        """What was ready by what the record said before must not be booked while nobody can say what it is owed now."""
        told = {"problem_kind": problem.kind, "problem_subject": problem.subject, "problem": problem.sentence}
        for leg in self.held.values():
            if leg.state == LegState.READY and leg.posting_id is None and not leg.is_reversal:
                self.outcome.moves.append(Move(Leg, {"pk": leg.pk}, LegState.READY, LegState.WAITING, told))
                self._fact(leg, LegState.WAITING, problem)

    def _drop_what_is_no_longer_owed(self) -> None:
        for leg, plan in corrections.standing_reversals(self.held.values()):
            self._renew(leg, plan)
        for leg in self.held.values():
            if leg.state in OPEN and leg.posting_id is None and not leg.is_reversal:
                self.outcome.moves.append(Move(Leg, {"pk": leg.pk}, LegState(leg.state), LegState.DISMISSED))
                self._fact(leg, LegState.DISMISSED, Problem(ProblemKind.UNSUPPORTED, "The record no longer owes it."))

    def _item(self, problem: Problem | None) -> None:
        """Waiting with the record's own problem, else resolved; the engine then shows the least advanced leg."""
        unfinished = self.resolution.is_unfinished
        recheck = {"recheck_at": next_recheck(self.item.attempts) if unfinished else None}
        if problem:
            self.outcome.touched.discard(self.item.pk)
            changes: dict[str, Any] = {
                "problem_kind": problem.kind, "problem_subject": problem.subject, "problem": problem.sentence,
                "waiting_since": self.item.waiting_since or clock.now(),
            }  # fmt: skip
        else:
            still = any(plan.problem for _, plan in self.resolution.legs)
            # A correction under way is not over because Square told something new of the record.
            going_on = self.item.to_correct and self.is_being_taken_back
            changes = {"problem_kind": "", "problem_subject": "", "problem": "", "to_correct": going_on}
            changes["waiting_since"] = self.item.waiting_since if still else None
        if problem or any(plan.problem for _, plan in self.resolution.legs):
            self.work.run.records_waiting += 1
        after = ItemState.WAITING if problem else ItemState.RESOLVED
        move = Move(SyncItem, {"pk": self.item.pk}, ItemState.EXTRACTED, after, {**changes, **recheck})
        self.outcome.moves.append(move)
        self.outcome.facts.append(engine.item_fact(self.item, after, problem=problem.sentence if problem else ""))

    def _fact(self, leg: Leg, state: str, problem: Problem | None, plan: LegPlan | None = None) -> None:
        """With the rules that chose its accounts: with the time of the fact they name one version each."""
        detail: dict[str, Any] = {"kind": leg.kind, "problem": problem.sentence} if problem else {"kind": leg.kind}
        rules = sorted({line.rule for line in plan.lines if line.rule}) if plan else []
        if rules:
            detail["rules"] = rules
        if plan and plan.moved_from:
            detail |= {"own_day": plan.moved_from.isoformat(), "booked_on": plan.date.isoformat()}
        division = self.work.lane.division.code
        self.outcome.facts.append(
            Fact(f"leg.{state}", "leg", leg.pk, leg.reference, self.item.source_id, division=division, detail=detail)
        )
