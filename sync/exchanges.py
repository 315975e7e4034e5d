"""The sales that exchanges take goods back of: as they are booked, or as they were resolved a moment ago."""

from __future__ import annotations

from django.db.models import QuerySet

from connections.providers.square.payloads import Order
from mappings.bookkeeping.context import Origin
from mappings.bookkeeping.legs import LegKind, LegPlan, ProblemKind
from sync.flows.base import Resolution, Work
from sync.legs import plan_of
from sync.lifecycle import STANDING, ItemState
from sync.models import Leg, SyncItem
from sync.settled import taken_back


class Exchanges:
    """One batch's view of sales and their credits. Legs of the batch itself are not stored yet, so they are noted."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.sales: dict[str, LegPlan] = {}
        self.credits: dict[str, list[LegPlan]] = {}

    def is_one(self, item: SyncItem) -> bool:
        order = item.payload.get("order") or {}
        return bool(order.get("returns") and (order.get("line_items") or order.get("service_charges")))

    def note(self, resolution: Resolution) -> None:
        for _, leg in resolution.legs:
            if leg.kind is LegKind.SALE and not leg.problem:
                self.sales[leg.order_id] = leg
            elif leg.kind is LegKind.REFUND and not leg.problem:
                self.credits.setdefault(leg.order_id, []).append(leg)

    def origins(self, order: Order, item: SyncItem) -> dict[str, Origin]:
        """By the id of the order that was sold; without the credits of the record itself."""
        ids = {back.source_order_id for back in order.returns if back.source_order_id}
        legs = Leg.objects.filter(lane=self.work.lane, is_reversal=False, state__in=STANDING, order_id__in=ids)
        sales = {leg.order_id: plan_of(leg) for leg in legs.filter(kind=LegKind.SALE)}
        sales |= {key: leg for key, leg in self.sales.items() if key in ids}
        return {key: Origin(sale, tuple(self._earlier(key, legs, item))) for key, sale in sales.items()}

    def _earlier(self, key: str, legs: QuerySet[Leg], item: SyncItem) -> list[LegPlan]:
        stored = legs.filter(kind=LegKind.REFUND, order_id=key).exclude(item=item.pk).exclude(taken_back())
        noted = self.credits.get(key, [])
        known = {(leg.source_id, leg.ordinal) for leg in noted}
        held = [leg for leg in map(plan_of, stored) if (leg.source_id, leg.ordinal) not in known]
        return [*held, *noted]


def exchanges_ready(work: Work) -> QuerySet[SyncItem]:
    """Exchanges that waited for a sale which stands now: their subject is its order."""
    sold = Leg.objects.filter(lane=work.lane, kind=LegKind.SALE, state__in=STANDING, is_reversal=False)
    return SyncItem.objects.filter(
        lane=work.lane, kind="payment", state=ItemState.WAITING, problem_kind=ProblemKind.WAITS_FOR_SALE,
        problem_subject__in=sold.values("order_id"),
    )  # fmt: skip
