"""Square invoices become sales in Exact Online when they are published, and credits when they are canceled.

Square has no changed-since filter for invoices. Each run reads the newest page of a location, where what is new or just
published stands; invoices that a payment, a person or a webhook points at are read by id; and once a day everything
is, two hundred a call, which finds what was canceled or edited without a payment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connections import clock
from connections.providers.errors import Refused, Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Invoice
from connections.providers.square.payloads.invoices import NOT_YET
from mappings.bookkeeping import invoice as bookkeeping
from mappings.bookkeeping.invoice import InvoiceContext
from mappings.bookkeeping.legs import LegKind, LegPlan, Problem, ProblemKind
from mappings.bookkeeping.periods import as_owed
from sync import settled, standings
from sync.flows import edited, invoiced, received, records
from sync.flows.base import Page, Record, Resolution, Stream, Work
from sync.flows.received import Received
from sync.legs import plan_of
from sync.lifecycle import LegState
from sync.models import FeedCursor, LaneLocation, Leg, SyncItem
from sync.models.invoices import InvoiceStanding

NAME, KIND = "invoices", "invoice"
IN_FULL = "all invoices"  # the cursor that remembers when everything was read
FULL_EVERY = timedelta(hours=24)
# A payment whose invoice nobody has read yet asks for everything sooner, but not with every run.
FULL_FOR_UNREAD = timedelta(hours=1)
FINISHED = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED", "CANCELED", "FAILED"})
FROZEN = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED)
LOOK_BACK = timedelta(days=1)
MOST_ASKED = 200  # read by id in one run; the rest follows with the next


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:
    """The newest invoices of a location and those asked for, or once a day all of them; changed ones with orders."""
    for size, found, is_last in _listed(work, feed):
        stream = IN_FULL if is_last else NAME
        yield Page(feed, stream, found, size=size, read_up_to=begin, is_last=is_last)
    wanted = list(_wanted(work, feed))
    found = _records(work, _asked_again(work, [(row.item.source_id, feed) for row in wanted]))
    yield Page(feed, NAME, found, size=len(wanted), read_up_to=end, is_last=True)
    for row in wanted:
        InvoiceStanding.objects.filter(pk=row.pk, wanted_at=row.wanted_at).update(wanted_at=None)


def _listed(work: Work, feed: LaneLocation) -> Iterator[tuple[int, list[Record], bool]]:
    """Pages as (size, new or changed records, whether this was the last of all)."""
    in_full = _is_full_due(work, feed)
    for page in work.square.invoices(feed.location.location_id):
        rows = [row for row in (_Row(data, feed) for data in page.records) if not row.is_history]
        yield len(page.records), _records(work, received.changed(work, rows)), not page.has_more
        if not in_full:
            return


def _is_full_due(work: Work, feed: LaneLocation) -> bool:
    read = FeedCursor.objects.filter(feed=feed, stream=IN_FULL).values_list("read_up_to", flat=True).first()
    if read is None or read <= clock.now() - FULL_EVERY:
        return True
    return read <= clock.now() - FULL_FOR_UNREAD and invoiced.unread(work, feed).exists()


def _wanted(work: Work, feed: LaneLocation) -> Iterable[InvoiceStanding]:
    wanted = InvoiceStanding.objects.filter(lane=work.lane, item__location=feed.location_id, wanted_at__isnull=False)
    return wanted.select_related("item").defer("item__payload").order_by("wanted_at")[:MOST_ASKED]


def again(work: Work, items: Sequence[SyncItem]) -> list[Record]:
    """Invoices that could not be read, or whose order was missing, as they are now."""
    return _records(work, [_Row(work.square.invoice(key), feed) for key, feed in records.askable(work, items)])


def _asked_again(work: Work, keys: Iterable[tuple[str, LaneLocation]]) -> list[_Row]:
    """One by one: Square has no list by ids. One that it refuses to show (a deleted draft) is left as it is held."""
    rows = []
    for key, feed in keys:
        try:
            rows.append(_Row(work.square.invoice(key), feed))
        except Refused:
            continue
    return rows


def _records(work: Work, rows: Sequence[_Row]) -> list[Record]:
    orders = work.square.orders([row.value.order_id for row in rows if row.value and row.value.order_id])
    since = _published_before(work, [row.source_id for row in rows])
    return [row.record(orders, since.get(row.source_id)) for row in rows]


def _published_before(work: Work, ids: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """The status and the moment we hold of each invoice: publication happens once, changes come later."""
    held = SyncItem.objects.filter(lane=work.lane, source_id__in=ids, kind=KIND)
    found = held.values_list("source_id", "payload__invoice__status", "took_place_at")
    return {key: (str(status or ""), at) for key, status, at in found}


class _Row(Received[Invoice]):
    kind = KIND
    parse = staticmethod(payloads.invoice)

    @property
    def is_history(self) -> bool:
        """Finished before the lane went live: neither booked nor shown."""
        midnight = datetime.combine(self.feed.lane.go_live, time.min, ZoneInfo(self.feed.location.timezone))
        invoice = self.value
        return invoice is not None and invoice.status in FINISHED and invoice.updated_at < midnight - LOOK_BACK

    def record(self, orders: Mapping[str, Any], held: tuple[str, datetime] | None) -> Record:
        invoice = self.value
        order = orders.get(invoice.order_id) if invoice else None
        payload = {"invoice": self.row, "order": order}
        parsed, wrong = records.read_order(order)
        if invoice is None or wrong:
            return self.unreadable_record(payload, wrong)
        moment = published_at(invoice, held)
        return Record(
            kind=KIND, source_id=invoice.id, order_id=invoice.order_id, customer_id=invoice.customer_id,
            receipt_number=invoice.number, tender="", location_id=self.feed.location_id,
            updated_at=invoice.updated_at, took_place_at=moment, local_day=records.local_day(self.feed, moment),
            currency=invoice.currency, amount=invoice.asked, payload=payload,
            digest=records.digest([records.lasting(invoice), records.lasting(parsed)]),
        )  # fmt: skip


def published_at(invoice: Invoice, held: tuple[str, datetime] | None) -> datetime:
    """When the invoice was published; of a draft, when it was drawn up.

    Square does not say (its webhook does). A scheduled invoice goes out when it was scheduled for; one that we held as
    a draft, when we first saw it published. Publishing is a version of its own, so version 1 of an unpaid one is its
    publication. Any other that was published before we saw it counts from when it was drawn up: a guess, wrong only
    for a draft that lay about, and was paid or edited, while the lane did not run.
    Reference: Square examples, CreateInvoice answers version 0, PublishInvoice 1.
    """
    status, at = held or ("", invoice.created_at)
    if held and status not in NOT_YET:
        return at
    if invoice.status in NOT_YET:
        return invoice.created_at
    is_as_published = bool(held) or (invoice.status == "UNPAID" and invoice.version <= 1)
    return invoice.scheduled_at or (invoice.updated_at if is_as_published else invoice.created_at)


# --- what they owe ------------------------------------------------------------------------------
@edited.heeded
def resolve(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
    """What each invoice owes. First its standing is brought up to date, which asks Exact whether it holds it."""
    standing = standings.bring_up_to_date(work, items)
    known = _Known(work, items)
    return [_resolve(work, item, standing.get(item.pk), known) for item in items]


@edited.heeded
def resolve_as_new(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
    """What each invoice would owe by the mappings of now, were nothing of it booked. Asks nobody and writes nothing; of
    one that is canceled Square no longer shows the lines, so nothing can be said.
    """
    known = _Known(work, items)
    nothing: dict[str, Any] = {"sale": None, "is_booked": False, "credit": None, "earlier": ()}
    return [_resolve(work, item, None, known, **nothing, **_its_debtor(work, item, known)) for item in items]


def _its_debtor(work: Work, item: SyncItem, known: _Known) -> dict[str, Any]:
    """The customer stays the one it was booked for: who that is now is another question than the accounts."""
    sale = known.legs.get((item.order_id, LegKind.SALE))
    debtor = plan_of(sale).debtor if sale else None
    return {"usual": records.context_of(work, item, debtor, known.conventions)} if debtor else {}


class _Known:
    """What the books hold of the orders of these invoices, and who their customers are."""

    def __init__(self, work: Work, items: Sequence[SyncItem]) -> None:
        self.conventions = settled.conventions(work, items)
        self.debtors = standings.debtors_of(work, [item.customer_id for item in items])
        self.legs: dict[tuple[str, str], Leg] = {}
        self.refunds: dict[str, list[LegPlan]] = {}
        orders = {item.order_id for item in items if item.order_id}
        for leg in invoiced.standing_legs(work, orders):
            if leg.kind == LegKind.REFUND:
                self.refunds.setdefault(leg.order_id, []).append(as_owed(plan_of(leg)))
            else:
                self.legs[leg.order_id, leg.kind] = leg


def _resolve(work: Work, item: SyncItem, standing: InvoiceStanding | None, known: _Known, **instead: Any) -> Resolution:
    """`instead`: what of its context is otherwise than the books have it."""
    try:
        invoice = payloads.invoice(item.payload["invoice"])
        order = payloads.order(item.payload["order"]) if item.payload.get("order") else None
    except Unreadable as error:
        return Resolution(item, (), problem=records.unreadable(error))
    plan = bookkeeping.plan(invoice, order, replace(_context(work, item, standing, known), **instead))
    return records.resolution(work, item, plan, is_unfinished=order is None and invoice.is_published)


def _context(work: Work, item: SyncItem, standing: InvoiceStanding | None, known: _Known) -> InvoiceContext:
    sale, credit = (known.legs.get((item.order_id, kind)) for kind in (LegKind.SALE, LegKind.INVOICE_CREDIT))
    debtor = known.debtors.of(item.customer_id, on=item.local_day)
    return InvoiceContext(
        usual=records.context_of(work, item, debtor, known.conventions),
        published=item.local_day,
        canceled=standing.canceled_on if standing else None,
        sale=as_owed(plan_of(sale)) if sale else None,
        is_booked=sale is not None and sale.state in FROZEN,
        credit=as_owed(plan_of(credit)) if credit and credit.state in FROZEN else None,
        earlier=tuple(known.refunds.get(item.order_id, ())),
        elsewhere=standing.existing_number if standing else None,
        obstacle=_obstacle(standing),
        is_before_go_live=standings.is_before_go_live(work, item),
    )


def _obstacle(standing: InvoiceStanding | None) -> Problem | None:
    if standing is None or not standing.obstacle:
        return None
    return Problem(ProblemKind.NUMBER_TAKEN, standing.obstacle, f"invoice {standing.number}"[:200])


INVOICES = Stream(
    name=NAME,
    kind=KIND,
    overlap=timedelta(0),
    pages=pages,
    again=again,
    resolve=resolve,
    is_essential=False,
)
