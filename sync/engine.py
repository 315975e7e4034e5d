"""The one writer of state.

Everything else proposes an `Outcome`; `apply` carries it out whole or not at all, together with its audit entries, and
only while the caller still holds the lane and every row is still in the state the proposal started from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import models, transaction
from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Coalesce

from audit import trail
from audit.trail import Fact
from connections import clock, ledger, rows
from sync import lifecycle
from sync.grip import Grip
from sync.lifecycle import ItemState, LegState
from sync.models import SyncItem

# A leg that nothing is under way for: it is over, or ready for an entry.
AT_REST = frozenset({LegState.READY, LegState.CONFIRMED, LegState.REVERSED, LegState.DISMISSED})


class Overtaken(Exception):
    """A row was no longer in the state that the outcome started from. The outcome is dropped; nothing was written."""


@dataclass(frozen=True, slots=True)
class Move:
    """Rows of one kind that go from one state to the next.

    `where` selects them beside `before`; exactly `count` rows must move, or the whole outcome is dropped. `changes` are
    written with the state. `after` may equal `before`: then only the changes are written, conditionally.
    """

    model: type[models.Model]
    where: Mapping[str, Any]
    before: StrEnum
    after: StrEnum
    changes: Mapping[str, Any] = field(default_factory=dict)
    count: int = 1


@dataclass(slots=True)
class Outcome:
    """What is to become true together. `touched` names the items whose shown state follows from their legs."""

    moves: list[Move] = field(default_factory=list)
    created: list[models.Model] = field(default_factory=list)
    updates: list[tuple[models.Model, Sequence[str]]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)


def apply(outcome: Outcome, *, grip: Grip | None) -> datetime:
    """Carry the outcome out; returns the time it was written at.

    1. Prove that the lane is still ours (people's actions come without a grip and rely on the states alone).
    2. Create rows, then move rows conditionally.
    3. Let the items that were touched show their least advanced leg.
    4. Write the facts.
    Raises `LostGrip` or `Overtaken`, having written nothing.
    """
    now = clock.now()
    with transaction.atomic():
        if grip:
            grip.still_held(at=now)
        for created in _by_model(outcome.created):
            rows.insert(created)
        for row, names in outcome.updates:
            row.save(update_fields=names)
        for move in outcome.moves:
            _carry_out(move)
        facts = [*outcome.facts, *show_least_advanced(outcome.touched, at=now)]
        trail.record(_with_calls(facts), at=now)
    if facts:
        ledger.told_writes()
    return now


def _with_calls(facts: list[Fact]) -> list[Fact]:
    """What came of a write begins with a fact that names the request, as the ledger and the vendor's log know it."""
    calls = ledger.untold_writes()
    if not (calls and facts):
        return facts
    return [replace(facts[0], detail={**facts[0].detail, "calls": calls}), *facts[1:]]


def _carry_out(move: Move) -> None:
    if move.after is not move.before:
        lifecycle.check(move.before, move.after)
    moving = move.model._default_manager.filter(**move.where, state=move.before)
    if moving.update(state=move.after, **move.changes) != move.count:
        raise Overtaken(f"{move.model.__name__} {dict(move.where)} was no longer {move.before}")


def _by_model(created: Iterable[models.Model]) -> list[list[models.Model]]:
    grouped: dict[type[models.Model], list[models.Model]] = {}
    for row in created:
        grouped.setdefault(type(row), []).append(row)
    return list(grouped.values())


class _Item(NamedTuple):
    """A record as it is shown now."""

    pk: int
    state: str
    source_id: str
    problem_kind: str
    problem: str


class _Leg(NamedTuple):
    state: str
    problem_kind: str
    problem_subject: str
    problem: str


def show_least_advanced(item_ids: set[int], *, at: datetime) -> list[Fact]:
    """Let each item show its least advanced leg and that leg's problem; returns a fact per item that changed."""
    facts: list[Fact] = []
    targets: dict[tuple[ItemState, str, str, str], list[int]] = {}
    for item, held in _with_legs(item_ids).items():
        if item.state in {ItemState.DISMISSED, ItemState.EXTRACTED} or _waits_itself(item, held):
            continue
        target = _shown(held)
        if (item.state, item.problem_kind, item.problem) != (target[0], target[1], target[3]):
            targets.setdefault(target, []).append(item.pk)
            if item.state != target[0]:
                facts.append(item_fact(item, target[0], problem=target[3]))
    for (state, kind, subject, sentence), ids in targets.items():
        # It waits since it began to: a look that finds it waiting still is no new beginning.
        since = Coalesce(F("waiting_since"), Value(at), output_field=DateTimeField())
        waiting = {"waiting_since": since if state is ItemState.WAITING else None}
        SyncItem.objects.filter(pk__in=ids).update(
            state=state, problem_kind=kind, problem_subject=subject, problem=sentence, changed_at=at, **waiting
        )
    return facts


def _with_legs(item_ids: set[int]) -> dict[_Item, list[_Leg]]:
    """The items with their legs, oldest first, in one statement and without models: it runs at every step."""
    if not item_ids:
        return {}
    found: dict[_Item, list[_Leg]] = {}
    columns = (*_Item._fields, *(f"legs__{name}" for name in _Leg._fields))
    joined = SyncItem.objects.filter(pk__in=item_ids).order_by("pk", "legs__pk")
    for row in joined.values_list(*columns):
        own, leg = row[: len(_Item._fields)], row[len(_Item._fields) :]
        held = found.setdefault(_Item._make(own), [])
        if leg[0] is not None:  # a record without legs comes with none of their columns
            held.append(_Leg._make(leg))
    return found


def _waits_itself(item: _Item, legs: Sequence[_Leg]) -> bool:
    """For a reason of the record as a whole, which no leg tells: one of its legs moving on does not end it."""
    return item.state == ItemState.WAITING and item.problem not in {leg.problem for leg in legs}


def _shown(legs: Sequence[_Leg]) -> tuple[ItemState, str, str, str]:
    state = lifecycle.item_state(LegState(leg.state) for leg in legs)
    stuck = [leg for leg in legs if leg.state in {LegState.WAITING, LegState.REFUSED}]
    if state is not ItemState.WAITING and all(leg.state in AT_REST for leg in legs):
        # What a person undid is reversed and waits for the decision to book it again or to leave it. A receipt that is
        # ready stays so until then: it needs its sale, and would otherwise wait for ever without a word.
        stuck = [leg for leg in legs if leg.state == LegState.REVERSED and leg.problem_kind]
        state = ItemState.WAITING if stuck else state
    if state is not ItemState.WAITING:
        return state, "", "", ""
    worst = stuck[0]
    return state, worst.problem_kind, worst.problem_subject, worst.problem


def item_fact(item: SyncItem | _Item, state: ItemState, *, problem: str = "") -> Fact:
    detail = {"before": item.state, "problem": problem} if problem else {"before": item.state}
    return Fact(f"item.{state}", "item", item.pk, item.source_id, item.source_id, detail=detail)
