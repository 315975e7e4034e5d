"""The records of an approved correction: marked as it takes their legs back, and booked again afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef

from audit.trail import Fact
from connections import clock
from mappings.bookkeeping.legs import ProblemKind
from sync import engine, reversal
from sync.engine import Move, Outcome
from sync.flows.base import Work
from sync.lifecycle import ItemState, LegState
from sync.models import Leg, SyncItem


def marked(legs: Sequence[Leg]) -> list[SyncItem]:
    """The records of these legs, to be booked again once they are reversed."""
    items = {leg.item_id: leg.item for leg in legs}
    for item in items.values():
        item.to_correct = True
    return [*items.values()]


def book_again(work: Work) -> None:
    """Records whose reversals all stand in the ledger are resolved by the mapping of now."""
    moving = (LegState.POSTING, LegState.POSTED, LegState.REVERSING)
    under_way = Leg.objects.filter(item=OuterRef("pk"), state__in=moving)
    undone = SyncItem.objects.filter(lane=work.lane, state=ItemState.WAITING, problem_kind=ProblemKind.UNDONE)
    for item in undone.filter(to_correct=True).exclude(Exists(under_way)).defer("payload"):
        changes = {"changed_at": clock.now()}
        move = Move(SyncItem, {"pk": item.pk}, ItemState.WAITING, ItemState.EXTRACTED, changes)
        fact = Fact("item.rebooked", "item", item.pk, item.source_id, item.source_id)
        engine.apply(Outcome(moves=[*reversal.decided(item), move], facts=[fact]), grip=work.grip)
