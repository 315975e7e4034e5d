"""Our records of a period, batch by batch: what Square says of each, beside the legs that book it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet, Sum

from sync.models import Leg, Settlement, SyncItem, SyncLane
from sync.reconciliation import square, square_payouts, square_refunds
from sync.reconciliation.figures import Moves
from sync.reconciliation.legs import LegRow, group_of
from sync.reconciliation.square import Group, Owed, Raw
from sync.reconciliation.square_refunds import Returned, Sold

BATCH = 250
# A record of another day may still owe something to this period: a payout tells of days before it, a late fee of
# days after its payment. What is booked is found by its leg; what waits, in these days around.
BEFORE, AFTER = timedelta(days=62), timedelta(days=16)
UNFINISHED = ("extracted", "waiting", "dismissed")


class ItemRow(NamedTuple):
    """The columns of a record that are read, in this order."""

    pk: int
    kind: str
    source_id: str
    parent_id: str
    receipt_number: str
    state: str
    problem_kind: str
    problem: str
    local_day: date
    currency: str
    amount: int
    payload: Mapping[str, Any]
    location__timezone: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.location__timezone)

    @property
    def name(self) -> str:
        return f"{self.kind.capitalize()} {self.receipt_number or self.source_id} of {self.local_day}"


def batches(lane: SyncLane, begin: date, end: date) -> Iterator[list[ItemRow]]:
    """Records that may concern these days: those of the days, those with a leg in them, those unfinished around."""
    items = SyncItem.objects.filter(lane=lane)
    own = Q(local_day__gte=begin, local_day__lte=end)
    yield from _batches(items.filter(own))
    legs = Leg.objects.filter(lane=lane, date__gte=begin, date__lte=end)
    told = legs.filter(kind="payout_entry").exclude(order_id="").values("order_id")
    yield from _batches(items.filter(Q(pk__in=legs.values("item")) | Q(source_id__in=told)).exclude(own))
    around = items.filter(local_day__gte=begin - BEFORE, local_day__lte=end + AFTER, state__in=UNFINISHED)
    yield from _batches(around.exclude(own).exclude(pk__in=legs.values("item")).exclude(source_id__in=told))


def _batches(items: QuerySet[SyncItem]) -> Iterator[list[ItemRow]]:
    """Ids first: asked for payloads in order, the database would sort all of them once for every batch."""
    ids = list(items.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        rows = SyncItem.objects.filter(pk__in=ids[start : start + BATCH]).order_by("pk")
        yield [ItemRow._make(row) for row in rows.values_list(*ItemRow._fields)]


class Batch:
    """Some records, and what Square's figures say they owe. `sold`: orders of several payments whose sale another
    payment has told of; `unreadable`: records whose raw form is not what Square documents.
    """

    def __init__(self, lane: SyncLane, items: Sequence[ItemRow], sold: set[str]) -> None:
        self.lane, self.items, self.sold = lane, items, sold
        self.by_source = {item.source_id: item for item in items}
        self.owners: dict[Group, ItemRow] = {}
        self.owed: dict[Group, list[Owed]] = defaultdict(list)
        self.unreadable: list[ItemRow] = []
        self.said = _said(self)
        self.told: dict[str, tuple[int, date]] | None = None
        self.credits = _Credits(lane, [item for item in items if item.kind == "refund"])
        self._work_out()

    def _work_out(self) -> None:
        for item in self.items:
            try:
                events = list(EVENTS[item.kind](self, item)) if item.kind in EVENTS else []
            except (KeyError, TypeError, ValueError, AttributeError):
                self.unreadable.append(item)
                continue
            for event in events:
                self.owners.setdefault(event.group, item)
                self.owed[event.group].append(event)

    def order_of(self, item: ItemRow) -> str:
        """The order whose sale a payment settles or a refund gives back."""
        if item.kind == "refund":
            return self.credits.order_of(item)
        order = item.payload.get("order") or {}
        return str(order.get("id") or "") if isinstance(order, dict) else ""

    def legs(self) -> Iterator[LegRow]:
        """Every leg about these records, once: their own, the sales of their orders, the late fees of payouts."""
        orders = [key for kind, key in self.owed if kind == "sale"]
        mine = Q(item__in=[item.pk for item in self.items])
        told = Q(order_id__in=list(self.by_source), kind="payout_entry")
        rows = Leg.objects.filter(mine | told | Q(order_id__in=orders, kind="sale"), lane=self.lane)
        for row in map(LegRow._make, rows.values_list(*LegRow._fields).iterator()):
            if self._is_here(row):
                yield row

    def _is_here(self, row: LegRow) -> bool:
        """A sale is looked at with the payment that tells of it, a late fee with the payment it is about."""
        if row.kind == "sale":
            return ("sale", row.order_id) in self.owed or row.order_id not in self.sold
        kind, event = group_of(row)
        if row.kind == "payout_entry" and kind == "fee":
            return event in self.by_source
        return row.kind != "payout_entry" or row.item__source_id in self.by_source


def payment_events(batch: Batch, item: ItemRow) -> Iterable[Owed]:
    payment, order = item.payload["payment"], item.payload.get("order")
    sells = order is not None and order["id"] not in batch.sold
    if order and len(order.get("tenders", ())) > 1 and payment.get("status") == "COMPLETED":
        batch.sold.add(order["id"])
    events = list(square.payment_events(payment, order, item.zone, sells=sells))
    return [*events, *_told_by_payouts(batch, item, square.own_fees(payment))] if events else []


def refund_events(batch: Batch, item: ItemRow) -> Iterable[Owed]:
    refund = item.payload["refund"]
    if refund.get("status") != "COMPLETED":
        return []
    credit, payment = batch.credits.of(item)
    back = Returned(refund, item.payload.get("order"), item.local_day)
    events = square_refunds.refund_events(back, credit, payment, item.zone)
    return [*events, *_told_by_payouts(batch, item, square.own_fees(refund, sign=-1))]


def payout_events(batch: Batch, item: ItemRow) -> Iterable[Owed]:  # noqa: ARG001 - every kind has the same form
    return square_payouts.payout_events(item.payload["payout"], item.payload.get("entries") or (), item.zone)


# Kind of record -> what Square's figures say of it. A kind that is not here owes nothing that anybody knows of: its
# legs then stand in the result as unexplained.
EVENTS: Mapping[str, Callable[[Batch, ItemRow], Iterable[Owed]]] = {
    "payment": payment_events,
    "refund": refund_events,
    "payout": payout_events,
}


# --- what payouts say of payments and refunds ---------------------------------------------------
def _said(batch: Batch) -> dict[str, tuple[int, int]]:
    """Event -> gross and fee that payouts stated of it. Square's ids are its own the world over, so that no lane is
    asked for: the join would read every record of the lane.
    """
    rows = Settlement.objects.filter(event__in=list(batch.by_source)).order_by().values("event")
    sums = rows.annotate(all_gross=Sum("gross"), all_fee=Sum("fee"))
    return {row["event"]: (row["all_gross"], row["all_fee"]) for row in sums}


def _told_by_payouts(batch: Batch, item: ItemRow, own: int) -> Iterator[Owed]:
    """The part of a fee that only a payout states, on the day of the entry that states it. Payouts that settled all of
    the amount say nothing of a fee: sellers that settle gross have it in entries that need not name the payment.
    """
    gross, fee = batch.said.get(item.source_id, (0, 0))
    is_silent = gross * item.amount <= 0 or (gross == item.amount and not fee)
    if is_silent or item.amount - (gross - fee) == own:
        return
    net, day = _entries_about(batch).get(item.source_id, (item.amount, item.local_day))
    if net != item.amount and (late := item.amount - net - own):
        moves = {"processing_fee": late, "clearing": -late}
        yield Owed(("fee", item.source_id), day, item.currency, moves)


def _entries_about(batch: Batch) -> dict[str, tuple[int, date]]:
    """Event -> what all payouts settled of it, net, and the day of the last such entry. Entries that move money of
    their own for an event (a dispute) are not about its fee.

    Read from the raw entries, once a batch, and only where sums alone do not agree: nearly all do.
    """
    if batch.told is None:
        told: dict[str, tuple[int, date]] = {}
        payouts = SyncItem.objects.filter(settlements__event__in=list(batch.by_source)).order_by("pk").distinct()
        for payload in payouts.values_list("payload", flat=True):
            for entry in payload.get("entries") or ():
                event = _event(entry)
                if entry["type"] in square_payouts.TOLD_ELSEWHERE and event in batch.by_source:
                    item = batch.by_source[event]
                    day = (
                        square.local(entry["effective_at"], item.zone) if entry.get("effective_at") else item.local_day
                    )
                    net = told.get(event, (0, day))[0] + square.amount(entry, "net_amount_money")
                    told[event] = (net, day)
        batch.told = told
    return batch.told


def _event(entry: Raw) -> str:
    """The refund or payment that an entry names in the details of its type."""
    details: Raw = entry.get(f"type_{str(entry['type']).lower()}_details") or {}
    return str(details.get("refund_id") or details.get("payment_id") or "")


# --- what a refund takes back of its sale -------------------------------------------------------
class _Credits:
    """The refunds of the sales that some refunds belong to, credited in the order they came."""

    def __init__(self, lane: SyncLane, refunds: Sequence[ItemRow]) -> None:
        self.moves: dict[int, Moves] = {}
        self.payments: dict[str, Raw] = {}
        self.orders: dict[str, Raw | None] = {}
        if refunds:
            self._read(lane, {item.parent_id for item in refunds if item.parent_id})

    def of(self, item: ItemRow) -> tuple[Moves, Raw | None]:
        back = Returned(item.payload["refund"], item.payload.get("order"), item.local_day)
        moves = self.moves.get(item.pk)
        return (Sold(None).credit(back) if moves is None else moves), self.payments.get(item.parent_id)

    def order_of(self, item: ItemRow) -> str:
        order = self.orders.get(item.parent_id)
        return str(order["id"]) if order else ""

    def _read(self, lane: SyncLane, parents: set[str]) -> None:
        held = SyncItem.objects.filter(lane=lane, source_id__in=parents).values_list("source_id", "payload")
        for source_id, payload in held:
            self.payments[source_id], self.orders[source_id] = payload["payment"], payload.get("order")
        sold: dict[str, Sold] = {}
        for pk, parent, payload, day in self._all(lane):
            if payload["refund"].get("status") == "COMPLETED":
                order = self._order_of(parent)
                sale = sold.setdefault(order["id"] if order else parent, Sold(order))
                self.moves[pk] = sale.credit(Returned(payload["refund"], payload.get("order"), day))

    def _all(self, lane: SyncLane) -> Iterator[tuple[int, str, Raw, date]]:
        """Also those of the other payments of a sale."""
        tenders = {tender["id"] for order in self.orders.values() if order for tender in order.get("tenders", ())}
        rows = SyncItem.objects.filter(lane=lane, kind="refund", parent_id__in={*self.payments, *tenders})
        return iter(rows.order_by("pk").values_list("pk", "parent_id", "payload", "local_day"))

    def _order_of(self, payment: str) -> Raw | None:
        if payment in self.orders:
            return self.orders[payment]
        found = (
            order
            for order in self.orders.values()
            if order and any(tender["id"] == payment for tender in order.get("tenders", ()))
        )
        return next(found, None)
