"""Our records of a period, batch by batch: what Square says of each, beside the legs that book it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet, Sum

from sync.models import ItemEdit, Leg, Settlement, SyncItem, SyncLane
from sync.models.invoices import InvoiceStanding
from sync.reconciliation import choices, pools, square, square_invoices, square_payouts, square_refunds
from sync.reconciliation.choices import DEFAULT, Chosen
from sync.reconciliation.crediting import Credits
from sync.reconciliation.legs import LegRow, group_of
from sync.reconciliation.square import Group, Owed, Raw
from sync.reconciliation.square_refunds import Returned

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
    order_id: str
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
    """Some records, their legs, and what Square's figures say they owe. `sold`: orders of several payments whose sale
    another payment has told of; `unreadable`: records whose raw form is not what Square documents.
    """

    def __init__(self, lane: SyncLane, items: Sequence[ItemRow], sold: set[str]) -> None:
        self.lane, self.items, self.sold = lane, items, sold
        self.by_source = {item.source_id: item for item in items}
        self.owners: dict[Group, ItemRow] = {}
        self.owed: dict[Group, list[Owed]] = defaultdict(list)
        self.unreadable: list[ItemRow] = []
        self.said = _said(self)
        self.told: dict[str, tuple[int, date]] | None = None
        self.edited = self._edited()
        self.rows = self._rows()
        self.invoiced = self._invoiced()
        self.credits = Credits(
            lane, (item.parent_id for item in items if item.kind == "refund"),
            (item.order_id for item in items if item.kind == "invoice"),
        )  # fmt: skip
        self._read_choices()
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
        return self.credits.order_of(item.parent_id) if item.kind == "refund" else item.order_id

    # --- their legs -----------------------------------------------------------------------------
    def _rows(self) -> list[LegRow]:
        """Every leg that may be about these records: their own, the sales of their orders, late fees of payouts."""
        orders = {item.order_id for item in self.items} - {""}
        mine = Q(item__in=[item.pk for item in self.items])
        told = Q(order_id__in=list(self.by_source), kind="payout_entry")
        rows = Leg.objects.filter(mine | told | Q(order_id__in=orders, kind="sale"), lane=self.lane)
        return [LegRow._make(row) for row in rows.values_list(*LegRow._fields).iterator()]

    def _edited(self) -> dict[str, str]:
        """Order -> what a person says of its sale in Square's stead."""
        orders = {item.pk: item.order_id for item in self.items}
        rows = ItemEdit.objects.filter(item__in=orders, state="in_force")
        return {orders[row.item_id]: row.sentence for row in rows}

    def _invoiced(self) -> set[str]:
        """Orders whose sale an invoice brings."""
        orders = {item.order_id for item in self.items} - {""}
        rows = SyncItem.objects.filter(lane=self.lane, kind="invoice", order_id__in=orders)
        return set(rows.values_list("order_id", flat=True))

    def _read_choices(self) -> None:
        """What the newest revision of each leg was booked by."""
        self.sale_of: dict[str, LegRow] = {}
        self.of_item: dict[int, dict[tuple[str, int], LegRow]] = defaultdict(dict)
        for row in sorted((row for row in self.rows if not row.is_reversal), key=lambda row: row.ordinal):
            if row.kind == "sale":
                self.sale_of[row.order_id] = row
            self.of_item[row.item_id][row.kind, place_of(row.ordinal)] = row

    def chosen(self, item: ItemRow) -> Chosen:
        """What the sale of its order and its own fees were booked by."""
        sale = self.sale_of.get(item.order_id)
        fees = {
            key: choices.of_fee(row.content) for key, row in self.of_item[item.pk].items() if key[0] in FEE_KINDS
        }  # fmt: skip
        return replace(choices.of_sale(sale.content) if sale else DEFAULT, fees=fees)

    def legs(self) -> Iterator[LegRow]:
        """Every leg about these records, once."""
        return (row for row in self.rows if self._is_here(row))

    def _is_here(self, row: LegRow) -> bool:
        """A sale is looked at with the payment that tells of it, a late fee with the payment it is about."""
        kind, event = group_of(row)
        if kind == "sale":
            return (kind, event) in self.owed or self._is_nobodys(row, event)
        if row.kind == "payout_entry" and kind == "fee":
            return event in self.by_source
        return row.kind != "payout_entry" or row.item__source_id in self.by_source

    def _is_nobodys(self, row: LegRow, order: str) -> bool:
        """A sale that no figures of Square ask for is looked at with the record that booked it."""
        return order not in self.sold and row.item__source_id in self.by_source


def place_of(ordinal: int) -> int:
    """A correction takes the next thousand."""
    return ordinal % 1000


def payment_events(batch: Batch, item: ItemRow) -> Iterable[Owed]:
    payment, order = item.payload["payment"], item.payload.get("order")
    sells = order is not None and order["id"] not in batch.sold
    if order and len(order.get("tenders", ())) > 1 and payment.get("status") == "COMPLETED":
        batch.sold.add(order["id"])
    invoiced = item.order_id in batch.invoiced
    events = list(
        square.payment_events(payment, order, item.zone, sells=sells, chosen=batch.chosen(item), invoiced=invoiced)
    )
    return [*events, *_told_by_payouts(batch, item, square.own_fees(payment))] if events else []


def refund_events(batch: Batch, item: ItemRow) -> Iterable[Owed]:
    refund = item.payload["refund"]
    if refund.get("status") != "COMPLETED":
        return []
    back = Returned(refund, item.payload.get("order"), item.local_day)
    credit, payment = batch.credits.of(item.pk, item.parent_id, back)
    events = square_refunds.refund_events(back, credit, payment, item.zone, batch.chosen(item))
    return [*events, *_told_by_payouts(batch, item, square.own_fees(refund, sign=-1))]


def payout_events(batch: Batch, item: ItemRow) -> Iterable[Owed]:  # noqa: ARG001 - every kind has the same form
    return square_payouts.payout_events(item.payload["payout"], item.payload.get("entries") or (), item.zone)


def dispute_events(batch: Batch, item: ItemRow) -> Iterator[Owed]:
    """One that is lost is taken off disputes, as much as payouts put there: to its customer, or to a loss."""
    dispute = item.payload["dispute"]
    held = -sum(amount for _, amount in _entries_of(batch, item)) if dispute.get("state") in LOST else 0
    if held:
        booked = next((row for (kind, _), row in batch.of_item[item.pk].items() if kind == "dispute"), None)
        onto = "receivables" if booked and booked.debtor else "dispute_loss"
        day = square.local(dispute["updated_at"], item.zone)
        yield Owed(("dispute", item.source_id), day, item.currency, {"dispute": -held, onto: held})


def _entries_of(batch: Batch, item: ItemRow) -> Iterator[tuple[str, int]]:
    """The payout entries that name a dispute, from the raw payouts that were booked for it."""
    legs = Leg.objects.filter(lane=batch.lane, kind="payout_entry", order_id=item.source_id, is_reversal=False)
    seen: set[str] = set()
    for payload in SyncItem.objects.filter(pk__in=legs.values("item")).values_list("payload", flat=True):
        for entry in payload.get("entries") or ():
            details = entry.get(f"type_{str(entry['type']).lower()}_details") or {}
            if details.get("dispute_id") == item.source_id and entry["id"] not in seen:
                seen.add(entry["id"])
                yield entry["id"], square.amount(entry, "net_amount_money")


def expiry_events(batch: Batch, item: ItemRow) -> Iterator[Owed]:
    """What a person stated: the debt on the cards becomes revenue, with the VAT of its rule inside."""
    stated = item.payload["expiry"]
    booked = batch.of_item[item.pk].get(("breakage", 0))
    if booked is None and item.state not in {"waiting", "extracted"}:
        return  # single-purpose cards were revenue when they were sold
    vat = choices.inside(stated["amount"], choices.rate_of(booked.content, "breakage") if booked else choices.ZERO)
    moves = {"gift_card": stated["amount"], "breakage": vat - stated["amount"], "output_vat": -vat}
    plain = {role: moved for role, moved in moves.items() if moved}
    yield Owed(("breakage", item.source_id), date.fromisoformat(stated["on"]), stated["currency"], plain)


def invoice_events(batch: Batch, item: ItemRow) -> Iterator[Owed]:
    """Its sale when it is published, unless somebody else's entry is it; of a canceled one the credit, too."""
    invoice, order = item.payload["invoice"], item.payload.get("order")
    booked = batch.sale_of.get(item.order_id)
    if booked is None and (_is_another_s(batch, item) or invoice["status"] not in PUBLISHED):
        return
    currency, content = square_invoices.currency(invoice), booked.content if booked else {}
    if invoice["status"] == square_invoices.CANCELED:
        whole = square_invoices.sale_of(pools.of_lines(content.get("lines") or ()), square_invoices.asked(invoice))
    else:
        whole = square_invoices.sale_moves(invoice, order or {}, choices.of_sale(content))
    yield Owed(("sale", item.order_id), item.local_day, currency, whole)
    if credit := batch.credits.canceled.get(item.order_id):
        standing = InvoiceStanding.objects.filter(item=item.pk).first()
        day = (standing and standing.canceled_on) or square.local(invoice["updated_at"], item.zone)
        yield Owed(("invoice_credit", item.source_id), day, currency, credit)


def _is_another_s(batch: Batch, item: ItemRow) -> bool:
    standing = InvoiceStanding.objects.filter(item=item.pk, lane=batch.lane).first()
    return standing is not None and (standing.existing_number is not None or standing.is_before_go_live)


# Reference: square.md, DisputeState, InvoiceStatus.
LOST = frozenset({"LOST", "ACCEPTED"})
PUBLISHED = frozenset({"UNPAID", "PARTIALLY_PAID", "PAID", "PARTIALLY_REFUNDED", "REFUNDED", "PAYMENT_PENDING"})
FEE_KINDS = frozenset({"fee", "app_fee", "source_fee", "refund_fee"})
# Kind of record -> what Square's figures say of it. A kind that is not here owes nothing that anybody knows of: its
# legs then stand in the result as unexplained. An order moves no ledger account.
EVENTS: Mapping[str, Callable[[Batch, ItemRow], Iterable[Owed]]] = {
    "payment": payment_events,
    "refund": refund_events,
    "payout": payout_events,
    "dispute": dispute_events,
    "expiry": expiry_events,
    "invoice": invoice_events,
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
