"""After it was decided anew which Exact item an article is: open orders that are written with another one.

They move nothing in the ledger, so nothing is taken back and nobody approves it: the order in Exact is changed, with
the same care as when Square changes it (`flows.ordering`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connections import clock
from mappings.bookkeeping.legs import LegKind, LegPlan
from mappings.models import ItemMapping
from sync.flows import orders
from sync.flows.base import Work
from sync.grip import Grip
from sync.legs import plan_of
from sync.lifecycle import ItemState, LegState
from sync.models import Leg, SyncItem, SyncLane, SyncRun
from sync.models.lanes import BOOKING

MOST, BATCH = 500, 100


@dataclass(frozen=True)
class Written:
    """An order in Exact whose lines would name other items now. `before` and `after`: codes of the items, line by line
    (an article has one line, whatever its item).
    """

    item: SyncItem
    named: str
    before: Sequence[str]
    after: Sequence[str]

    @property
    def words(self) -> str:
        pairs = dict.fromkeys(zip(self.before, self.after, strict=True))
        return f"{self.named}: " + ", ".join(f"{one} becomes {other}" for one, other in pairs if one != other)


def written_otherwise(mapping: ItemMapping, *, most: int = MOST) -> list[Written]:
    """Open orders of the mapping's division, of the newest `most`. Plans stored payloads anew; reads no vendor and
    writes nothing.
    """
    lanes = SyncLane.objects.filter(division=mapping.division_id, source=mapping.merchant_id, flow=BOOKING)
    lanes = lanes.exclude(orders="off").filter(order_lines="mapped_items")
    return [
        found
        for lane in lanes.select_related("division__connection", "source", "collective_debtor")
        for found in _of_lane(lane, mapping.square_item, most)
    ]


def _of_lane(lane: SyncLane, article: str, most: int) -> Iterator[Written]:
    work = Work(lane=lane, run=SyncRun(lane=lane), grip=Grip(lane.pk, -1, clock.now()))
    rows = SyncItem.objects.filter(lane=lane, kind=orders.KIND, state=ItemState.DONE, payload__order__state="OPEN")
    rows = rows.exclude(exact_order__is_over=True).select_related("location", "exact_order").order_by("-pk")
    with_it = [item for item in rows[:most] if any(goods.key == article for goods in orders.goods_of(item))]
    for start in range(0, len(with_it), BATCH):
        batch = with_it[start : start + BATCH]
        held = _held(batch)
        for resolution in orders.resolve(work, batch):
            last = held.get(resolution.item.pk)
            now = [plan for _, plan in resolution.legs if last and plan.ordinal > last.ordinal and not plan.problem]
            if last and now and _codes(last) != _codes(now[-1]) and len(last.lines) == len(now[-1].lines):
                yield Written(resolution.item, _named(resolution.item, last), _codes(last), _codes(now[-1]))


def _held(batch: Sequence[SyncItem]) -> dict[int, LegPlan]:
    """What Exact holds of each order."""
    legs = Leg.objects.filter(item__in=batch, kind=LegKind.ORDER, state=LegState.CONFIRMED).order_by("ordinal")
    return {leg.item_id: plan_of(leg) for leg in legs}


def _codes(plan: LegPlan) -> list[str]:
    return [line.item.code for line in plan.lines if line.item]


def _named(item: SyncItem, last: LegPlan) -> str:
    exact = getattr(item, "exact_order", None)
    number = exact.number if exact and exact.number else ""
    return f"{last.document.replace('_', ' ').capitalize()} {number}".strip()
