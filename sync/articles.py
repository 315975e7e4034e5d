"""What articles the orders that wait name: laid before finance once each."""

from __future__ import annotations

from connections.providers.square.payloads import Goods
from mappings import items
from mappings.bookkeeping.legs import ProblemKind
from sync.flows.base import Flow, Work
from sync.flows.orders import KIND, goods_of
from sync.lifecycle import ItemState
from sync.models import SyncItem

CHUNK = 100


def introduce_items(work: Work, flow: Flow) -> None:  # noqa: ARG001 - every phase has the same form
    """Propose a mapping for each article that waiting orders name and nobody has met."""
    waiting = SyncItem.objects.filter(
        lane=work.lane, kind=KIND, state=ItemState.WAITING, problem_kind=ProblemKind.UNMAPPED_ITEM
    )
    last = 0
    while batch := list(waiting.filter(pk__gt=last).order_by("id")[:CHUNK]):
        found: dict[str, Goods] = {}
        for item in batch:
            found |= {goods.key: goods for goods in goods_of(item)}
        items.propose(work.lane.division, work.lane.source, found, since=min(item.local_day for item in batch))
        last = batch[-1].pk
        work.breathe()
