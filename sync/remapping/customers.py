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
from sync.models import InvoiceStanding, ItemEdit, Leg, SyncItem, SyncLane, SyncRun
from sync.remapping.found import Otherwise, standing

CHUNK = 500


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
    for leg in _candidates(lane, mapping.square_customer_id).iterator(CHUNK):
        now = known.of(mapping.square_customer_id, on=leg.item.local_day)
        if isinstance(now, Debtor) and now.id != leg.debtor and not (now.is_collective and _needs_its_own(leg)):
            if len(found.legs) == most:
                found.is_cut = True
                break
            before = plan_of(leg).debtor
            found.add(leg, f"{before.name if before else leg.debtor} becomes {now.name}", leg.owed)
    return found


def _candidates(lane: SyncLane, customer: str) -> QuerySet[Leg]:
    """Sales of the customer, and money on orders that have none. A payment of an invoice is its customer's, whoever
    paid. Left out are canceled invoices, which stay where they were credited, payments of an invoice that somebody else
    booked, which settle that one, records that a person edited, and payments that a lost dispute took back.
    """
    billed = SyncItem.objects.filter(lane=lane, kind=invoices.KIND, order_id=OuterRef("order_id"))
    of_customer = Q(item__customer_id=customer) & ~Q(Exists(billed.exclude(customer_id=customer)))
    on_order = Leg.objects.filter(lane=lane, order_id=OuterRef("order_id"), is_reversal=False)
    sold = on_order.filter(kind=LegKind.SALE, state__in=STANDING)
    credited = on_order.filter(kind=LegKind.INVOICE_CREDIT, state__in=STANDING)
    sales = Q(kind=LegKind.SALE) & ~Q(Exists(credited))
    elsewhere = InvoiceStanding.objects.filter(lane=lane, order_id=OuterRef("order_id")).exclude(existing_number=None)
    deposits = Q(kind=LegKind.RECEIPT) & ~Q(Exists(sold)) & ~Q(Exists(elsewhere))
    edited = ItemEdit.objects.filter(item=OuterRef("item"), state__in=STANDING_EDITS)
    disputes = Leg.objects.filter(lane=lane, kind=LegKind.DISPUTE, is_reversal=False, state__in=STANDING)
    lost = disputes.filter(item__parent_id=OuterRef("item__source_id")).exclude(debtor="")
    legs = standing(lane).filter(sales | deposits, of_customer).exclude(debtor="")
    legs = legs.exclude(Exists(edited)).exclude(Exists(lost))
    return legs.select_related("item").defer("item__payload")


def _needs_its_own(leg: Leg) -> bool:
    """Whether it cannot be booked on the collective debtor, and would wait after having been taken back."""
    charged = SyncItem.objects.filter(lane=leg.lane_id, order_id=leg.order_id, tender=HOUSE_ACCOUNT)
    return leg.item.kind == invoices.KIND or charged.exists()
