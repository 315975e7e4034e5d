"""After it was decided anew who a Square customer is in Exact: sales and deposits that stand on another account."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from connections import clock
from mappings import decisions
from mappings.bookkeeping.legs import Debtor, LegKind
from mappings.bookkeeping.sale import HOUSE_ACCOUNT
from mappings.models import CustomerMapping
from sync.flows import invoices
from sync.flows.base import Work
from sync.grip import Grip
from sync.legs import plan_of
from sync.lifecycle import STANDING, STANDING_EDITS
from sync.models import ItemEdit, Leg, SyncItem, SyncLane, SyncRun
from sync.remapping.found import Otherwise, standing


def booked_otherwise(lane: SyncLane, mapping: CustomerMapping, most: int) -> Otherwise:
    """Compares who owes; reads no vendor and writes nothing. What hangs on a sale follows it (`planning`)."""
    found = Otherwise(lane)
    if lane.source_id != mapping.merchant_id:
        return found
    work = Work(lane=lane, run=SyncRun(lane=lane), grip=Grip(lane.pk, -1, clock.now()))
    known = decisions.debtors(
        lane.division, lane.source, [mapping.square_customer_id], collective=lane.collective_debtor,
        unknown_go_collective=lane.unknown_customers == "collective", decided=work.decisions,
    )  # fmt: skip
    legs = list(_candidates(lane, mapping.square_customer_id)[: most + 1])
    found.is_cut = len(legs) > most
    for leg in legs[:most]:
        now = known.of(mapping.square_customer_id, on=leg.item.local_day)
        if isinstance(now, Debtor) and now.id != leg.debtor and not (now.is_collective and _needs_its_own(leg)):
            before = plan_of(leg).debtor
            found.add(leg, f"{before.name if before else leg.debtor} becomes {now.name}", leg.owed)
    return found


def _candidates(lane: SyncLane, customer: str) -> QuerySet[Leg]:
    """Sales of the customer, and money on orders that have none. A payment of an invoice is its customer's, whoever
    paid. Left out are canceled invoices, which stay where they were credited, and records that a person edited.
    """
    billed = SyncItem.objects.filter(lane=lane, kind=invoices.KIND, order_id=OuterRef("order_id"))
    of_customer = Q(item__customer_id=customer) & ~Q(Exists(billed.exclude(customer_id=customer)))
    on_order = Leg.objects.filter(lane=lane, order_id=OuterRef("order_id"), is_reversal=False)
    sold = on_order.filter(kind=LegKind.SALE, state__in=STANDING)
    credited = on_order.filter(kind=LegKind.INVOICE_CREDIT, state__in=STANDING)
    sales = Q(kind=LegKind.SALE) & ~Q(Exists(credited))
    deposits = Q(kind=LegKind.RECEIPT) & ~Q(Exists(sold))
    edited = ItemEdit.objects.filter(item=OuterRef("item"), state__in=STANDING_EDITS)
    legs = standing(lane).filter(sales | deposits, of_customer).exclude(debtor="").exclude(Exists(edited))
    return legs.select_related("item").defer("item__payload")


def _needs_its_own(leg: Leg) -> bool:
    """Whether it cannot be booked on the collective debtor, and would wait after having been taken back."""
    return leg.item.kind == invoices.KIND or leg.item.tender == HOUSE_ACCOUNT
