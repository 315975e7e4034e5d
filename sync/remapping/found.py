"""What a changed mapping leaves booked otherwise than it would be now, as people are told of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from django.db.models import QuerySet

from connections.money import written
from sync.lifecycle import ItemState, LegState, PostingState
from sync.models import Leg, SyncLane

# Amounts of one lane that are corrected at once, the newest first, and how many times as many are looked at.
MOST, LOOKS = 2_000, 10


@dataclass
class Otherwise:
    """Booked legs of one lane that the mapping of now would book otherwise. `changes`: what becomes what, in words;
    `sums`: (those words, currency) -> minor units.
    """

    lane: SyncLane
    is_cut: bool = False
    legs: list[Leg] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    sums: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def since(self) -> date:
        return min(leg.date for leg in self.legs)

    @property
    def entries(self) -> set[int]:
        return {leg.posting_id for leg in self.legs if leg.posting_id}

    def add(self, leg: Leg, told: str, amount: int) -> None:
        self.legs.append(leg)
        self.changes[told] += 1
        self.sums[told, leg.currency] += amount

    def words(self) -> list[str]:
        return [
            f"{told}: {'once' if count == 1 else f'{count} times'}, "
            + ", ".join(written(total, currency) for (of, currency), total in self.sums.items() if of == told)
            for told, count in self.changes.most_common()
        ]


def standing(lane: SyncLane) -> QuerySet[Leg]:
    """Legs of the lane that stand in the ledger, the newest first; not those of dismissed records, which nobody books
    again.
    """
    legs = Leg.objects.filter(lane=lane, is_reversal=False, state=LegState.CONFIRMED)
    legs = legs.filter(posting__state=PostingState.CONFIRMED).exclude(item__state=ItemState.DISMISSED)
    return legs.order_by("-date", "-id")
