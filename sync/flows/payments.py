"""Square payments become sales entries, receipts and fees in Exact Online."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Order, Payment
from mappings import decisions
from mappings.bookkeeping import payments as bookkeeping
from mappings.bookkeeping.context import Context
from mappings.bookkeeping.legs import ProblemKind
from sync import settled
from sync.exchanges import Exchanges, exchanges_ready
from sync.flows import edited, invoiced, received, records
from sync.flows.base import Page, Record, Resolution, Stream, Work
from sync.flows.received import Received
from sync.models import LaneLocation, SyncItem

NAME, KIND = "payments", "payment"


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:
    """A location's payments by time of change, with their orders; what is already held unchanged is left out."""
    for page in work.square.payments(feed.location.location_id, updated_from=begin, updated_to=end):
        rows = [_Row(row, feed) for row in page.records]
        changed = received.changed(work, rows)
        orders = work.square.orders([row.order_id for row in changed if row.order_id])
        read_up_to = received.changed_up_to(rows, default=begin)
        found = [row.record(orders.get(row.order_id)) for row in changed]
        yield Page(feed, NAME, found, size=len(rows), read_up_to=read_up_to, is_last=not page.has_more)


def again(work: Work, items: Sequence[SyncItem]) -> list[Record]:
    """Records whose order was not complete, with the order as it is now."""
    feeds = {feed.location_id: feed for feed in work.lane.feeds.select_related("location")}
    orders = work.square.orders([item.order_id for item in items if item.order_id])
    return [
        _Row(_payment_now(work, item), feeds[item.location_id]).record(orders.get(item.order_id))
        for item in items
        if item.location_id in feeds
    ]


def _payment_now(work: Work, item: SyncItem) -> Mapping[str, Any]:
    """The payment as held; one that could not be read is asked for again."""
    if item.problem_kind == ProblemKind.UNREADABLE and not item.source_id.startswith(records.UNNAMED):
        return work.square.payment(item.source_id)
    held: Mapping[str, Any] = item.payload["payment"]
    return held


class _Row(Received[Payment]):
    kind = KIND
    parse = staticmethod(payloads.payment)

    @property
    def order_id(self) -> str:
        """Only a completed payment is booked, so only its order is read."""
        return self.value.order_id if self.value and self.value.status == "COMPLETED" else ""

    def record(self, order: Mapping[str, Any] | None) -> Record:
        payload = {"payment": self.row, "order": order}
        parsed, wrong = records.read_order(order)
        payment = self.value
        if payment is None or wrong:
            return self.unreadable_record(payload, wrong)
        return Record(
            kind=KIND, source_id=payment.id, order_id=payment.order_id, receipt_number=payment.receipt_number,
            customer_id=_customer(payment, parsed), tender=payment.tender, location_id=self.feed.location_id,
            updated_at=payment.updated_at, took_place_at=payment.took_place_at,
            local_day=records.local_day(self.feed, payment.took_place_at), currency=payment.currency,
            amount=payment.total, payload=payload,
            digest=records.digest([records.lasting(payment), records.lasting(parsed), *_given_back(payment, parsed)]),
            is_unfinished=bool(self.order_id) and is_unfinished(parsed),
        )  # fmt: skip


def _given_back(payment: Payment, order: Order | None) -> list[int]:
    """Of a cancelled order it matters how much of its deposit went back; else the refund is a record of its own."""
    return [payment.refunded] if order and order.state == "CANCELED" else []


def _customer(payment: Payment, order: Order | None) -> str:
    """Who bought. Of several payments on an order each may name another; the sale has one, so the order's counts."""
    if order and len(order.tenders) > 1:
        return order.customer_id
    return payment.customer_id or (order.customer_id if order else "")


def is_unfinished(order: Order | None) -> bool:
    """Its order is missing, still open, or has no lines yet: Square completes it without changing the payment."""
    return order is None or order.state == "OPEN" or not (order.lines or order.service_charges or order.has_returns)


@edited.heeded
def resolve(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
    """What each payment owes, by the mappings as they are now."""
    lane = work.lane
    debtors = decisions.debtors(
        lane.division, lane.source, [item.customer_id for item in items], collective=lane.collective_debtor,
        unknown_go_collective=lane.unknown_customers == "collective", decided=work.decisions,
    )  # fmt: skip
    corrected = records.corrections(work, (item.source_id for item in items))
    booked = settled.read(work, items)
    exchanges, paid = Exchanges(work), invoiced.Paid(work, items)
    found: dict[int, Resolution] = {}
    # Exchanges last: the sale that goods come back from may stand in the same batch.
    for item in sorted(items, key=exchanges.is_one):
        debtor = booked.buyer(item) or debtors.of(item.customer_id, on=item.local_day)
        context = records.context_of(work, item, debtor, booked.conventions)
        found[item.pk] = _resolve(work, item, context, exchanges=exchanges, paid=paid, corrected=corrected)
        exchanges.note(found[item.pk])
    return [found[item.pk] for item in items]


def _resolve(
    work: Work,
    item: SyncItem,
    context: Context,
    *,
    exchanges: Exchanges,
    paid: invoiced.Paid,
    corrected: Mapping[str, Sequence[int]],
) -> Resolution:
    try:
        payment = payloads.payment(item.payload["payment"])
        order = payloads.order(item.payload["order"]) if item.payload.get("order") else None
    except Unreadable as error:
        return Resolution(item, (), problem=records.unreadable(error))
    if order and order.is_exchange:
        context = replace(context, origins=exchanges.origins(order, item))
    is_completed = payment.status == "COMPLETED"
    invoice = paid.of(payment, order) if is_completed else None
    # Nothing about the order of an invoice completes its payment.
    unfinished = is_completed and is_unfinished(order) and (order is None or invoice is None)
    early = records.waits_for_go_live(work, item) if is_completed else None
    if early:
        return Resolution(item, (), problem=early, is_unfinished=unfinished)
    plan = bookkeeping.plan(payment, order, context, invoice=invoice)
    plan = records.without_corrected_fees(item, plan, corrected.get(item.source_id, ()))
    return records.resolution(work, item, plan, is_unfinished=unfinished)


def ready(work: Work) -> QuerySet[SyncItem]:
    """Payments whose invoice has been read meanwhile, and exchanges whose first sale stands now."""
    known, sold = invoiced.ready(work).values("pk"), exchanges_ready(work).values("pk")
    return SyncItem.objects.filter(Q(pk__in=known) | Q(pk__in=sold))


PAYMENTS = Stream(
    name=NAME,
    kind=KIND,
    overlap=timedelta(minutes=5),
    pages=pages,
    again=again,
    resolve=resolve,
    ready=ready,
    goes_back=True,
)
