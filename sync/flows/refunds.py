"""Square refunds become credits of their sales, the money that went back, and the fees that came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Order, PaymentRefund
from mappings.bookkeeping import refund as bookkeeping
from mappings.bookkeeping.conventions import ConventionBook
from mappings.bookkeeping.legs import LegKind, LegPlan, Line, Plan, Problem, ProblemKind
from mappings.bookkeeping.periods import as_owed
from mappings.bookkeeping.refund import RefundContext
from mappings.bookkeeping.reversal import reverse
from mappings.roles import Role
from sync import settled
from sync.flows import received, records
from sync.flows.base import Page, Record, Resolution, Stream, Work
from sync.flows.received import Received
from sync.legs import plan_of
from sync.lifecycle import STANDING, ItemState, LegState
from sync.models import LaneLocation, Leg, SyncItem

NAME, KIND = "refunds", "refund"
COMPLETED = "COMPLETED"
NO_SALE = ("OPEN", "CANCELED")
BOOKED = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED, LegState.REVERSING, LegState.REVERSED)


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:
    """A location's refunds by time of change, with their return orders."""
    for page in work.square.refunds(feed.location.location_id, updated_from=begin, updated_to=end):
        rows = [_Row(row, feed) for row in page.records]
        read_up_to = received.changed_up_to(rows, default=begin)
        found = _records(work, received.changed(work, rows))
        yield Page(feed, NAME, found, size=len(rows), read_up_to=read_up_to, is_last=not page.has_more)


def again(work: Work, items: Sequence[SyncItem]) -> list[Record]:
    """Refunds that could not be read, or whose return order was missing, as they are now."""
    return _records(work, [_Row(work.square.refund(key), feed) for key, feed in records.askable(work, items)])


def _records(work: Work, rows: Sequence[_Row]) -> list[Record]:
    orders = work.square.orders([row.value.order_id for row in rows if row.value and row.value.order_id])
    since = _completed_before(work, [row.source_id for row in rows])
    return [row.record(orders, since.get(row.source_id)) for row in rows]


def _completed_before(work: Work, ids: Sequence[str]) -> dict[str, datetime]:
    """When each refund was first seen completed: each later change moves Square's own time of change."""
    held = SyncItem.objects.filter(lane=work.lane, source_id__in=ids, payload__refund__status=COMPLETED)
    return dict(held.values_list("source_id", "took_place_at"))


class _Row(Received[PaymentRefund]):
    kind = KIND
    parse = staticmethod(payloads.refund)

    def record(self, orders: Mapping[str, Any], completed_at: datetime | None) -> Record:
        refund = self.value
        order = orders.get(refund.order_id) if refund else None
        payload = {"refund": self.row, "order": order}
        parsed, wrong = records.read_order(order)
        if refund is None or wrong:
            return self.unreadable_record(payload, wrong)
        moment = completed_at or (refund.updated_at if refund.status == COMPLETED else refund.created_at)
        return Record(
            kind=KIND, source_id=refund.id, parent_id=refund.payment_id, order_id=refund.order_id, customer_id="",
            receipt_number="", tender=refund.destination_type, location_id=self.feed.location_id,
            updated_at=refund.updated_at, took_place_at=moment, local_day=records.local_day(self.feed, moment),
            currency=refund.currency, amount=-refund.amount, payload=payload,
            digest=records.digest([records.lasting(refund), records.lasting(parsed)]),
        )  # fmt: skip


@dataclass
class _Sales:
    """What a batch of refunds needs to know of the sales they give back."""

    order_of: Mapping[str, str]
    paid_by: Mapping[str, str]
    deposits: frozenset[str]
    book: ConventionBook
    sales: Mapping[str, LegPlan]
    credits: dict[str, list[LegPlan]] = field(default_factory=lambda: defaultdict(list))
    receipts: Mapping[str, LegPlan] = field(default_factory=dict)
    returns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    beside: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))


def resolve(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
    """What each refund owes. Refunds of one sale share what is left of it, so each sees those before it."""
    sales = _sales(work, items)
    corrected = records.corrections(work, (item.source_id for item in items))
    return [_resolve(work, item, sales, corrected.get(item.source_id, ())) for item in items]


def _sales(work: Work, items: Sequence[SyncItem]) -> _Sales:
    payments = {item.parent_id for item in items if item.parent_id}
    paid = SyncItem.objects.filter(lane=work.lane, kind="payment", source_id__in=payments)
    rows = list(paid.values_list("source_id", "order_id", "tender", "payload__order__state"))
    order_of = {source: order for source, order, _, _ in rows if order}
    legs = Leg.objects.filter(lane=work.lane, is_reversal=False, state__in=STANDING)
    found = _Sales(
        order_of=order_of,
        paid_by={source: tender for source, _, tender, _ in rows},
        deposits=_deposits(work, {source: order for source, order, _, state in rows if state in NO_SALE}),
        book=settled.conventions(work, items),
        sales={
            leg.order_id: as_owed(plan_of(leg))
            for leg in legs.filter(kind=LegKind.SALE, order_id__in=order_of.values())
        },
        receipts=_receipts(legs, payments),
        returns=_returns(work, {item.order_id for item in items if item.order_id}),
    )
    for leg in _standing_credits(legs, set(order_of.values())):
        found.credits[leg.order_id].append(as_owed(plan_of(leg)))
    invoiced = {order for order, sale in found.sales.items() if sale.invoice}
    beside = legs.filter(kind__in=(LegKind.RECEIPT, LegKind.REFUND_MONEY), order_id__in=invoiced)
    own = Q(kind=LegKind.REFUND_MONEY, item__in=[item.pk for item in items])
    for leg in beside.exclude(own).exclude(Q(kind=LegKind.REFUND_MONEY) & settled.taken_back()):
        found.beside[leg.order_id] += _beside(plan_of(leg))
    return found


def _deposits(work: Work, order_of: Mapping[str, str]) -> frozenset[str]:
    """Payments on orders that are no sale: not completed, and without a sale that waits."""
    sold = Leg.objects.filter(lane=work.lane, kind=LegKind.SALE, order_id__in=order_of.values())
    owed = set(sold.exclude(state=LegState.DISMISSED).values_list("order_id", flat=True))
    return frozenset(payment for payment, order in order_of.items() if order and order not in owed)


def _beside(money: LegPlan) -> list[Line]:
    """Tips and rounding that a receipt of an invoice brought, or a refund gave back."""
    return [line for line in money.lines if line.role in (Role.TIPS, Role.ROUNDING)]


def _receipts(legs: QuerySet[Leg], payments: set[str]) -> dict[str, LegPlan]:
    rows = legs.filter(kind=LegKind.RECEIPT, item__source_id__in=payments).select_related("item")
    return {leg.item.source_id: plan_of(leg) for leg in rows}


def _standing_credits(legs: QuerySet[Leg], orders: set[str]) -> QuerySet[Leg]:
    """Credits that were not reversed since; that of a canceled invoice is one, too."""
    kinds = (LegKind.REFUND, LegKind.INVOICE_CREDIT)
    return legs.filter(kind__in=kinds, order_id__in=orders).exclude(settled.taken_back())


def _returns(work: Work, orders: set[str]) -> dict[str, frozenset[str]]:
    """The refunds that share a return order."""
    sharing: dict[str, set[str]] = defaultdict(set)
    rows = SyncItem.objects.filter(lane=work.lane, kind=KIND, order_id__in=orders)
    for order, refund in rows.values_list("order_id", "source_id"):
        sharing[order].add(refund)
    return {order: frozenset(refunds) for order, refunds in sharing.items()}


def _resolve(work: Work, item: SyncItem, sales: _Sales, corrected: Sequence[int]) -> Resolution:
    try:
        refund = payloads.refund(item.payload["refund"])
        order = payloads.order(item.payload["order"]) if item.payload.get("order") else None
    except Unreadable as error:
        return Resolution(item, (), problem=records.unreadable(error))
    if refund.status != COMPLETED:
        return records.resolution(work, item, _undone(item, refund))
    early = records.waits_for_go_live(work, item)
    if early:
        return Resolution(item, (), problem=early)
    plan = bookkeeping.plan(refund, _context(work, item, refund, order, sales))
    for leg in plan.legs:
        if leg.kind is LegKind.REFUND and not leg.problem:
            sales.credits[leg.order_id].append(leg)
        if leg.kind is LegKind.REFUND_MONEY and not leg.problem:
            sales.beside[leg.order_id] += _beside(leg)
    return records.resolution(work, item, records.without_corrected_fees(item, plan, corrected))


def _undone(item: SyncItem, refund: PaymentRefund) -> Plan:
    """A refund that failed after it was completed: what was booked is reversed, what was not is no longer owed."""
    booked = item.legs.filter(state__in=BOOKED, is_reversal=False)
    reversals = tuple(reverse(plan_of(leg)) for leg in booked)
    note = f"The refund is {refund.status.lower()} at Square: nothing is owed, and what was booked before is reversed."
    return Plan(legs=reversals, notes=(note,))


def _context(work: Work, item: SyncItem, refund: PaymentRefund, order: Order | None, sales: _Sales) -> RefundContext:
    sold = sales.order_of.get(refund.payment_id, "")
    sale = sales.sales.get(sold)
    nobody = Problem(ProblemKind.WAITS_FOR_SALE, "A refund is booked on the customer of its sale.")
    return RefundContext(
        usual=records.context_of(work, item, sale.debtor if sale and sale.debtor else nobody, sales.book),
        sale=sale,
        earlier=tuple(sales.credits[sold]) if sold else (),
        siblings=sales.returns.get(refund.order_id, frozenset()) - {refund.id},
        receipt=sales.receipts.get(refund.payment_id),
        order=order,
        completed_at=item.took_place_at,
        paid_by=sales.paid_by.get(refund.payment_id, ""),
        is_deposit=refund.payment_id in sales.deposits,
        beside=tuple(sales.beside[sold]) if sold else (),
    )


def ready(work: Work) -> QuerySet[SyncItem]:
    """Refunds that waited for a sale which stands now, or for the receipt of a deposit that there is no sale of."""
    sold = Leg.objects.filter(lane=work.lane, kind=LegKind.SALE, state__in=STANDING, is_reversal=False)
    paid = SyncItem.objects.filter(
        lane=work.lane, source_id=OuterRef("parent_id"), kind="payment", order_id__in=sold.values("order_id")
    )
    waiting = SyncItem.objects.filter(
        lane=work.lane, kind=KIND, state=ItemState.WAITING, problem_kind=ProblemKind.WAITS_FOR_SALE
    )
    received = Leg.objects.filter(lane=work.lane, kind=LegKind.RECEIPT, state__in=STANDING, after_sale=False)
    deposits = SyncItem.objects.filter(
        lane=work.lane, source_id=OuterRef("parent_id"), kind="payment", payload__order__state__in=NO_SALE
    )
    return waiting.filter(Exists(paid) | Exists(deposits.filter(pk__in=received.values("item"))))


REFUNDS = Stream(
    name=NAME,
    kind=KIND,
    overlap=timedelta(minutes=5),
    pages=pages,
    again=again,
    resolve=resolve,
    ready=ready,
    goes_back=True,
    is_essential=False,
)
