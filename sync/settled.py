"""What is booked of these records already, and decides how more of them is booked: a choice of today never alters what
stands in Exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from mappings.bookkeeping.conventions import ConventionBook, Conventions, Place, restored
from mappings.bookkeeping.legs import Debtor, LegKind
from sync.flows.base import Work
from sync.legs import debtor_of
from sync.lifecycle import LegState
from sync.models import Leg, SyncItem

STANDING = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED)
FROZEN = (*STANDING, LegState.REVERSING, LegState.REVERSED)


@dataclass(frozen=True, slots=True)
class Settled:
    """`conventions`: the division's choices, and those that legs were booked by. `buyers`: order and Square customer ->
    who the sale stands on in Exact.
    """

    conventions: ConventionBook
    buyers: Mapping[tuple[str, str], Debtor]

    def buyer(self, item: SyncItem) -> Debtor | None:
        """Whom money on the order is owed by, as long as Square names the same customer as when it was booked."""
        return self.buyers.get((item.order_id, item.customer_id)) if item.order_id else None


def read(work: Work, items: Sequence[SyncItem]) -> Settled:
    """Of the records' own legs, and of the sales of their orders."""
    orders = {item.order_id for item in items if item.order_id}
    mine = Q(item__in=[item.pk for item in items if item.pk]) | Q(kind=LegKind.SALE, order_id__in=orders)
    booked = Leg.objects.filter(mine, lane=work.lane, state__in=FROZEN, is_reversal=False).order_by("ordinal", "id")
    settled: dict[Place, Conventions] = {}
    buyers: dict[tuple[str, str], Debtor] = {}
    columns = ("kind", "ordinal", "order_id", "state", "content", "item__customer_id")
    for kind, ordinal, order, state, content, customer in booked.values_list(*columns):
        settled[Place(kind, content.get("source_id", ""), ordinal)] = restored(content.get("conventions") or {})
        if kind == LegKind.SALE and state in STANDING and content.get("debtor"):
            # Sales did not always keep whom Square named; then it is who it names now.
            buyers[order, content.get("customer", customer)] = debtor_of(content["debtor"])
    return Settled(ConventionBook(work.decisions.conventions, settled), buyers)


def taken_back() -> Exists:
    """Of a leg: that its own reversal is owed or booked. What was booked again since, under a later ordinal, counts."""
    own = {name: OuterRef(name) for name in ("item", "kind", "ordinal")}
    return Exists(Leg.objects.filter(is_reversal=True, **own).exclude(state=LegState.DISMISSED))


def conventions(work: Work, items: Sequence[SyncItem]) -> ConventionBook:
    return read(work, items).conventions
