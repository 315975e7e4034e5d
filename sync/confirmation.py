"""Reading the ledger back: an entry counts only once Exact shows it as we meant it, to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet

from audit.trail import Fact
from connections import clock
from connections.money import written
from mappings.bookkeeping.legs import ORDERS, ProblemKind
from sync import engine, reversal
from sync.engine import Move, Outcome
from sync.flows.base import Flow, Work
from sync.lifecycle import LegState, PostingState
from sync.models import Leg, Posting
from sync.portions import portions

CHUNK = 120
# Reads may lag a write by moments, never by a day.
GONE_AFTER = timedelta(days=1)
# Each leg and record leaves a fact in the transaction that confirms it: so many at once, whatever the month.
MOST_LEGS = 500


def confirm_posted(work: Work, flow: Flow) -> None:
    """Compare every booked entry of the lane with the ledger: once per run, in bulk."""
    last = 0
    while batch := list(_posted(work).filter(pk__gt=last)[:CHUNK]):
        movements = flow.confirm(work, batch)
        for part in portions(batch, weight=_leg_count, most=MOST_LEGS):
            store(work, part, movements)
        last = batch[-1].pk
        work.breathe()
    reversal.complete(work)


def _posted(work: Work) -> QuerySet[Posting]:
    posted = Posting.objects.filter(lane=work.lane, state=PostingState.POSTED).exclude(document__in=ORDERS)
    return posted.annotate(leg_count=Count("legs")).select_related("division").order_by("id").defer("body")


def _leg_count(posting: Any) -> int:
    return int(posting.leg_count)


def store(work: Work, batch: list[Posting], movements: Mapping[int, Mapping[str, int]]) -> None:
    """Confirm what agrees; what differs, or is not there after a day, becomes a conflict; the rest waits."""
    agreed = [
        posting for posting in batch if posting.pk in movements and not difference(posting, movements[posting.pk])
    ]
    outcome = Outcome()
    if agreed:
        confirm(work, outcome, agreed)
    for posting in batch:
        if posting.pk in movements and (found := difference(posting, movements[posting.pk])):
            _conflict(outcome, posting, f"differs from what this entry says: account {found}")
        elif posting.pk not in movements and posting.changed_at < clock.now() - GONE_AFTER:
            _conflict(outcome, posting, "does not show this entry, although Exact said that it booked it")
    if outcome.moves:
        work.run.entries_confirmed += len(agreed)
        outcome.updates.append((work.run, ["entries_confirmed"]))
        engine.apply(outcome, grip=work.grip)


def difference(posting: Posting, moved: Mapping[str, int]) -> str:
    """Where the ledger is not what we meant, as a sentence; empty when every account agrees.

    VAT whose account we could not know beforehand ("vat") is compared as the sum of what no line of ours names.
    """
    expected, shown = dict(posting.expected), {code: amount for code, amount in moved.items() if amount}
    if "vat" in expected:
        others = [code for code in shown if code not in expected]
        shown["vat"] = sum(shown.pop(code) for code in others)
    if expected == shown:
        return ""
    codes = sorted(code for code in {*expected, *shown} if expected.get(code, 0) != shown.get(code, 0))
    parts = [
        f"{code} shows {written(shown.get(code, 0), posting.currency)}, meant "
        f"{written(expected.get(code, 0), posting.currency)}"
        for code in codes
    ]
    return "; ".join(parts)


def confirm(work: Work, outcome: Outcome, agreed: list[Posting]) -> None:
    now = clock.now()
    ids = [posting.pk for posting in agreed]
    changes = {"changed_at": now, "problem": "", "problem_kind": ""}
    where = {"pk__in": ids}
    outcome.moves.append(Move(Posting, where, PostingState.POSTED, PostingState.CONFIRMED, changes, count=len(agreed)))
    posted = Leg.objects.filter(posting__in=ids, state=LegState.POSTED)
    legs = list(posted.values_list("pk", "reference", "item_id", "item__source_id"))
    outcome.moves.append(Move(Leg, {"posting__in": ids}, LegState.POSTED, LegState.CONFIRMED, count=len(legs)))
    outcome.touched |= {item for _, _, item, _ in legs}
    division = work.lane.division.code
    outcome.facts += [_fact(posting, "confirmed", {"ledger": posting.expected}) for posting in agreed]
    outcome.facts += [Fact("leg.confirmed", "leg", pk, ref, source, division) for pk, ref, _, source in legs]


def _conflict(outcome: Outcome, posting: Posting, found: str) -> None:
    sentence = (
        f"The ledger of Exact {found}. Nothing is changed by Tillbridge. Put the entry right in Exact, then replay it "
        "here: it is looked at again."
    )
    changes = {"problem_kind": ProblemKind.CONFLICT, "problem": sentence, "changed_at": clock.now()}
    outcome.moves.append(Move(Posting, {"pk": posting.pk}, PostingState.POSTED, PostingState.CONFLICT, changes))
    outcome.facts.append(_fact(posting, "conflict", {"problem": sentence}))


def _fact(posting: Posting, state: str, detail: Mapping[str, object]) -> Fact:
    division = posting.division.code
    return Fact(f"posting.{state}", "posting", posting.pk, posting.reference, posting.reference, division, detail)
