"""From what a changed mapping left booked otherwise to a plan that takes back just that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set

from django.db.models import Q

from mappings.bookkeeping.legs import LegKind
from mappings.models import CustomerMapping, GLMapping
from sync import undo
from sync.models import Leg, Posting, SyncLane, SyncRun
from sync.models.lanes import BOOKING
from sync.remapping import customers, rules
from sync.remapping.found import MOST, Otherwise, standing


def booked_otherwise(row: GLMapping | CustomerMapping, *, most: int = MOST) -> list[Otherwise]:
    """Per lane of the mapping's division, of its newest `most` amounts. Reads no vendor and writes nothing."""
    lanes = SyncLane.objects.filter(division=row.division_id, flow=BOOKING)
    lanes = lanes.select_related("division__connection", "source", "collective_debtor")
    found = [
        rules.booked_otherwise(lane, row, most)
        if isinstance(row, GLMapping)
        else customers.booked_otherwise(lane, row, most)
        for lane in lanes
    ]
    return [one for one in found if one.legs]


def plan(found: Otherwise, *, by: str, subject: str) -> SyncRun:
    """Plan the entries that take these back, and with them what settles or gives back their sales. Raises
    `undo.NothingToUndo`.
    """
    parts = _with_dependants(found.lane, found.legs)
    entries = Posting.objects.filter(pk__in=parts).select_related("lane__division", "lane__source")
    return undo.plan(entries, by=by, subject=subject, rebooks=found.words(), parts=parts)


def _with_dependants(lane: SyncLane, legs: list[Leg]) -> Mapping[int, Set[int]]:
    """Entry -> its legs that go: these, and the receipts and refunds of their sales, which are taken back before
    them.
    """
    going = {leg.pk: leg.posting_id for leg in legs}
    while more := _on(lane, going) - going.items():
        going.update(more)
    parts: dict[int, set[int]] = defaultdict(set)
    for leg, entry in going.items():
        if entry:
            parts[entry].add(leg)
    return parts


def _on(lane: SyncLane, going: Mapping[int, int | None]) -> Set[tuple[int, int | None]]:
    """(leg, entry) of what stands on these legs."""
    chosen = Leg.objects.filter(pk__in=list(going))
    # What was given back of a deposit rests on its receipt.
    bases = Q(kind=LegKind.SALE) | Q(kind=LegKind.RECEIPT, after_sale=False)
    orders = chosen.filter(bases).exclude(order_id="").values("order_id")
    credits_ = chosen.filter(kind=LegKind.REFUND).values("item")
    on_sales = Q(order_id__in=orders, kind__in=undo.DEPENDANTS)
    on_credits = Q(item__in=credits_, kind=LegKind.REFUND_MONEY)
    return set(standing(lane).filter(on_sales | on_credits).values_list("pk", "posting_id"))
