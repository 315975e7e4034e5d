"""What is taken back: marked once its reversal stands in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, QuerySet

from audit.trail import Fact
from connections import clock
from sync import engine
from sync.engine import Move, Outcome
from sync.flows.base import Work
from sync.lifecycle import LegState, PostingState
from sync.models import Leg, Posting, SyncItem
from sync.portions import portions

MOST_LEGS = 500
UNBOOKED = (LegState.WAITING, LegState.READY, LegState.REFUSED)
TAKEN = (LegState.CONFIRMED, LegState.REVERSING)


def complete(work: Work) -> None:
    """Legs whose reversal is confirmed are reversed; so is an entry of which nothing else is left."""
    reversal = Leg.objects.filter(
        lane=work.lane, is_reversal=True, state=LegState.CONFIRMED, item=OuterRef("item"), kind=OuterRef("kind"),
        ordinal=OuterRef("ordinal"),
    )  # fmt: skip
    if not Leg.objects.filter(lane=work.lane, is_reversal=True, state=LegState.CONFIRMED).exists():
        return
    taken = Leg.objects.filter(lane=work.lane, is_reversal=False, state__in=TAKEN).filter(Exists(reversal))
    legs = list(taken.select_related("item", "posting").defer("item__payload", "content", "posting__body"))
    for part in portions(legs, weight=lambda _: 1, most=MOST_LEGS):
        _reversed(work, part)


def _reversed(work: Work, legs: Sequence[Leg]) -> None:
    outcome, division = Outcome(touched={leg.item_id for leg in legs}), work.lane.division.code
    for before in TAKEN:
        ids = [leg.pk for leg in legs if leg.state == before]
        if ids:
            outcome.moves.append(Move(Leg, {"pk__in": ids}, before, LegState.REVERSED, count=len(ids)))
    outcome.facts += [Fact("leg.reversed", "leg", leg.pk, leg.reference, leg.item.source_id, division) for leg in legs]
    for posting in _emptied(legs):
        changes = {"changed_at": clock.now()}
        move = Move(Posting, {"pk": posting.pk}, PostingState.CONFIRMED, PostingState.REVERSED, changes)
        outcome.moves.append(move)
        ref = posting.reference
        outcome.facts.append(Fact("posting.reversed", "posting", posting.pk, ref, ref, division))
    engine.apply(outcome, grip=work.grip)


def _emptied(legs: Sequence[Leg]) -> list[Posting]:
    """Entries of these legs of which nothing stands any more once these are reversed."""
    entries = {leg.posting.pk: leg.posting for leg in legs if leg.posting}
    left = Leg.objects.filter(posting__in=entries).exclude(state=LegState.REVERSED)
    standing = set(left.exclude(pk__in=[leg.pk for leg in legs]).values_list("posting_id", flat=True))
    return [
        posting for pk, posting in entries.items() if pk not in standing and posting.state == PostingState.CONFIRMED
    ]


def decided(item: SyncItem) -> list[Move]:
    """A person lets what was undone be booked again: the record owes it once more, under the next ordinal."""
    undone = item.legs.filter(state=LegState.REVERSED).exclude(problem_kind="")
    cleared = {"problem_kind": "", "problem_subject": "", "problem": ""}
    return [Move(Leg, {"pk": leg.pk}, LegState.REVERSED, LegState.REVERSED, cleared) for leg in undone]


def is_being_undone(item: SyncItem) -> bool:
    """A person's undo of it is not booked yet. Half an undo must not be left standing."""
    return item.legs.filter(state=LegState.REVERSING).exclude(problem_kind="").exists()


def given_up(item: SyncItem) -> list[Move]:
    """Reversals of the record that are dismissed before they were booked: what they were to take back stands."""
    moves = []
    for leg in item.legs.filter(is_reversal=True, state__in=UNBOOKED):
        same = item.legs.filter(kind=leg.kind, ordinal=leg.ordinal, is_reversal=False, state=LegState.REVERSING)
        cleared = {"problem_kind": "", "problem_subject": "", "problem": ""}
        moves += [Move(Leg, {"pk": pk}, LegState.REVERSING, LegState.CONFIRMED, cleared) for pk in _ids(same)]
    return moves


def _ids(legs: QuerySet[Leg]) -> list[int]:
    return list(legs.values_list("pk", flat=True))
