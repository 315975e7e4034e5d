"""Open Square orders, which become quotations or sales orders in Exact by the switch on the lane.

Which orders: open ones that name a customer or are still to be picked up, shipped or delivered. A counter sale is paid
at once, is completed when it is first seen, and is never written; an open ticket of a table names nobody and nothing to
deliver, and is not either. What was written once is followed until it is completed or cancelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Ordered
from mappings import decisions, items
from mappings.bookkeeping import order as bookkeeping
from mappings.bookkeeping.legs import Document, LegKind, LegPlan
from mappings.bookkeeping.order import OrderContext
from mappings.decisions import Debtors
from mappings.items import ItemBook
from mappings.models import VatCode
from sync.flows import received, records
from sync.flows.base import Page, Record, Resolution, Stream, Work
from sync.flows.received import Received
from sync.legs import plan_of
from sync.lifecycle import LegState
from sync.models import LaneLocation, Leg, SyncItem

NAME, KIND = "orders", "order"
# Completed orders are not asked for: they are read with their payments already.
STATES = ("OPEN", "CANCELED")
DOCUMENTS = {"quotations": Document.QUOTATION, "sales_orders": Document.SALES_ORDER}
INVOICED = "The order belongs to a Square invoice: it is booked as that, and not written as an order as well."
IN_AN_ORDER = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED)
# What decides the order in Exact; payments on it come and go without changing it.
WRITTEN = ("state", "customer_id", "currency", "total", "tip", "rounding", "has_returns", "lines", "taxes")


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:
    """A location's open and cancelled orders by time of change, and those that our payments show as completed."""
    items.refresh_if_stale(work.lane.division)
    for page in work.square.search_orders(
        [feed.location.location_id], updated_from=begin, updated_to=end, states=STATES
    ):
        rows = [_Row(row, feed) for row in page.records]
        held = received.held_versions(work, rows)
        found = [row.record() for row in rows if row.is_kept(held)]
        read_up_to, is_last = received.changed_up_to(rows, default=begin), not page.has_more
        found += _completed(work, feed) if is_last else []
        yield Page(feed, NAME, found, size=len(rows), read_up_to=read_up_to, is_last=is_last)


def _completed(work: Work, feed: LaneLocation) -> list[Record]:
    """Orders held as open that a payment of ours shows as completed: nothing is read for it."""
    held = SyncItem.objects.filter(lane=work.lane, kind=KIND, location=feed.location, payload__order__state="OPEN")
    open_orders = set(held.values_list("source_id", flat=True))
    paid = SyncItem.objects.filter(
        lane=work.lane, kind="payment", order_id__in=open_orders, payload__order__state="COMPLETED"
    )
    rows = {item.order_id: item.payload["order"] for item in paid.order_by("id")}
    return [_Row(row, feed).record() for row in rows.values()]


def again(work: Work, batch: Sequence[SyncItem]) -> Iterable[Record]:
    """Orders that could not be read or had no lines yet, as they are now."""
    asked = dict(records.askable(work, batch))
    found = work.square.orders(list(asked))
    return [_Row(found[key], feed).record() for key, feed in asked.items() if key in found]


class _Row(Received[Ordered]):
    kind = KIND
    parse = staticmethod(payloads.ordered)

    def is_kept(self, held: Mapping[str, datetime]) -> bool:
        """Held and changed, or new and worth an order in Exact."""
        if self.value is None:
            return True
        if self.source_id in held:
            return held[self.source_id] != self.value.updated_at
        return is_ordered(self.value)

    def record(self) -> Record:
        payload = {"order": self.row}
        if self.value is None:
            return self.unreadable_record(payload)
        order = self.value.order
        return Record(
            kind=KIND, source_id=order.id, order_id=order.id, customer_id=order.customer_id, receipt_number="",
            tender="", location_id=self.feed.location_id, updated_at=order.updated_at, took_place_at=order.created_at,
            local_day=records.local_day(self.feed, order.created_at), currency=order.currency,
            amount=order.total - order.tip, payload=payload, digest=_digest(self.value),
            is_unfinished=is_unfinished(self.value),
        )  # fmt: skip


def is_ordered(ordered: Ordered) -> bool:
    """Whether somebody is still to receive it: see the top of this module."""
    is_due = any(item.is_live for item in ordered.fulfilments)
    return ordered.order.state == "OPEN" and bool(ordered.order.customer_id or is_due)


def is_unfinished(ordered: Ordered) -> bool:
    return ordered.order.state == "OPEN" and not (ordered.order.lines or ordered.order.service_charges)


def _digest(ordered: Ordered) -> str:
    order = asdict(ordered.order)
    written = {name: order[name] for name in (*WRITTEN, "service_charges")}
    due = [(item.due_at, item.is_live) for item in ordered.fulfilments]
    return records.digest([written, [asdict(goods) for goods in ordered.goods], due])


def resolve(work: Work, batch: Sequence[SyncItem]) -> list[Resolution]:
    """What each order owes Exact, by the mappings as they are now."""
    lane = work.lane
    debtors = decisions.debtors(
        lane.division, lane.source, [item.customer_id for item in batch], collective=lane.collective_debtor,
        unknown_go_collective=lane.unknown_customers == "collective", decided=work.decisions,
    )  # fmt: skip
    known = _Known(
        debtors=debtors,
        book=items.item_book(lane.division, lane.source, _articles(batch), code=lane.order_item),
        rates=dict(VatCode.objects.filter(division=lane.division).values_list("code", "percentage")),
        held=_held(batch),
        invoiced=_invoiced(work, batch),
    )
    return [_resolve(work, item, known) for item in batch]


def _articles(batch: Sequence[SyncItem]) -> set[str]:
    return {goods.key for item in batch for goods in goods_of(item)}


def goods_of(item: SyncItem) -> Sequence[payloads.Goods]:
    """The articles of a record, none when it cannot be read."""
    try:
        return payloads.ordered(item.payload["order"]).goods
    except Unreadable:
        return ()


@dataclass
class Held:
    """The legs of a record that are in an order in Exact, oldest first, and the next ordinal: that of a leg which was
    dropped is not used again, because its row stays as it was.
    """

    frozen: list[LegPlan] = field(default_factory=list)
    ordinal: int = 0


def _held(batch: Sequence[SyncItem]) -> dict[int, Held]:
    found: dict[int, Held] = {}
    legs = Leg.objects.filter(item__in=batch, kind=LegKind.ORDER, state__in=(*IN_AN_ORDER, LegState.DISMISSED))
    for leg in legs.order_by("ordinal"):
        held = found.setdefault(leg.item_id, Held())
        held.ordinal = leg.ordinal + 1
        if leg.state != LegState.DISMISSED:
            held.frozen.append(plan_of(leg))
    return found


def _invoiced(work: Work, batch: Sequence[SyncItem]) -> set[str]:
    """Orders of Square invoices: what they are owed is booked as a receivable, and an order beside it would be invoiced
    a second time in Exact.
    """
    orders = [item.order_id for item in batch]
    rows = SyncItem.objects.filter(lane=work.lane, kind="invoice", order_id__in=orders)
    return set(rows.values_list("order_id", flat=True))


@dataclass(frozen=True)
class _Known:
    """What a batch of orders needs to know, read once."""

    debtors: Debtors
    book: ItemBook
    rates: Mapping[str, Decimal]
    held: Mapping[int, Held]
    invoiced: set[str]


def _resolve(work: Work, item: SyncItem, known: _Known) -> Resolution:
    if item.order_id in known.invoiced and item.pk not in known.held:
        return Resolution(item, (), notes=(INVOICED,))
    try:
        ordered = payloads.ordered(item.payload["order"])
    except Unreadable as error:
        return Resolution(item, (), problem=records.unreadable(error))
    early = records.waits_for_go_live(work, item) if ordered.order.state == "OPEN" else None
    if early:
        return Resolution(item, (), problem=early)
    held = known.held.get(item.pk, Held())
    plan = bookkeeping.plan(ordered, _context(work, item, known), held.frozen, ordinal=held.ordinal)
    legs = [(records.reference_of(work, item, leg), leg) for leg in plan.legs]
    return Resolution(item, legs, problem=plan.problem, is_unfinished=is_unfinished(ordered), notes=plan.notes)


def _context(work: Work, item: SyncItem, known: _Known) -> OrderContext:
    debtor = known.debtors.of(item.customer_id, on=item.local_day)
    return OrderContext(
        usual=records.context_of(work, item, debtor),
        items=known.book,
        document=DOCUMENTS[work.lane.orders],
        lines="total_line" if work.lane.order_lines == "total_line" else "mapped_items",
        rates=known.rates,
    )


ORDERS = Stream(
    name=NAME, kind=KIND, overlap=timedelta(minutes=5), pages=pages, again=again, resolve=resolve, is_essential=False
)
