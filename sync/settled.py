"""By which conventions the legs of these records were booked: a choice of today never alters what stands in Exact."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from mappings.bookkeeping.conventions import ConventionBook, Conventions, Place, restored
from mappings.bookkeeping.legs import LegKind
from sync.flows.base import Work
from sync.lifecycle import LegState
from sync.models import Leg, SyncItem

FROZEN = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED, LegState.REVERSING, LegState.REVERSED)


def conventions(work: Work, items: Sequence[SyncItem]) -> ConventionBook:
    """The division's choices, and those of legs that are booked: the records' own, and the sales of their orders."""
    orders = {item.order_id for item in items if item.order_id}
    mine = Q(item__in=[item.pk for item in items if item.pk]) | Q(kind=LegKind.SALE, order_id__in=orders)
    booked = Leg.objects.filter(mine, lane=work.lane, state__in=FROZEN, is_reversal=False)
    rows = booked.values_list("kind", "content__source_id", "ordinal", "content__conventions")
    settled: dict[Place, Conventions] = {
        Place(kind, source, ordinal): restored(stored or {}) for kind, source, ordinal, stored in rows
    }
    return ConventionBook(work.decisions.conventions, settled)
