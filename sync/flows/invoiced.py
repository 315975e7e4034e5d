"""Which payments settle an invoice. The rule: a payment is of an invoice when its order is that of a known invoice, or
when Square says that it was made through one.

Invoices are read and resolved before payments, so an invoice that was published before its payment is known by then.
A payment whose invoice has not been read waits with its receipt (its fees do not), and asks for all invoices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from connections.providers.square.payloads import Order, Payment
from mappings.bookkeeping.invoice_receipt import PaidInvoice
from mappings.bookkeeping.legs import Debtor, LegKind, LegPlan, Problem, ProblemKind
from mappings.bookkeeping.sale import payments_of
from mappings.decisions import Debtors
from sync import standings
from sync.flows.base import Work
from sync.legs import plan_of
from sync.lifecycle import STANDING, ItemState, LegState
from sync.models import LaneLocation, Leg, SyncItem
from sync.models.invoices import InvoiceStanding
from sync.settled import taken_back

INVOICES = "INVOICES"  # Reference: Square Payment.application_details.square_product
UNREAD = "invoice not read yet"
SETTLES = "The payment settles Square invoice {number}, whose sale was booked when it was published."
ELSEWHERE = "The payment settles Square invoice {number}, which Exact held already as entry {entry}."
UNBOOKED = "The payment settles Square invoice {number}, whose sale is not booked yet."
EARLIER = (
    "The payment settles Square invoice {number} of before go-live. Only the receipt is booked, on the customer's "
    "receivables account; Exact holds no entry with this number, so no invoice in Exact is named on it."
)


class Paid:
    """The invoices of a batch of payments."""

    def __init__(self, work: Work, items: Sequence[SyncItem]) -> None:
        self.work, self.is_on = work, work.lane.books_invoices
        orders = {item.order_id for item in items if item.order_id} if self.is_on else set()
        # An order whose sale a payment has brought in already (the switch was off then) stays the payment's.
        theirs = Leg.objects.filter(lane=work.lane, order_id__in=orders, kind=LegKind.SALE, item__kind="payment")
        orders -= set(theirs.exclude(state=LegState.DISMISSED).values_list("order_id", flat=True))
        rows = InvoiceStanding.objects.filter(lane=work.lane, order_id__in=orders)
        self.standings = {row.order_id: row for row in rows.select_related("item").defer("item__payload")}
        self.sales = {leg.order_id: plan_of(leg) for leg in _sales(work, self.standings)}
        self._debtors: Debtors | None = None
        self._already_theirs = {item.order_id for item in items} - orders

    def of(self, payment: Payment, order: Order | None) -> PaidInvoice | None:
        """The invoice that a payment settles, None when it settles none."""
        standing = self.standings.get(payment.order_id)
        if standing is None:
            is_unread = self.is_on and payment.square_product == INVOICES
            return _unread(payment) if is_unread and payment.order_id not in self._already_theirs else None
        if order:
            self._ask_for_status(standing, order)
        return self._settled(standing)

    def _settled(self, standing: InvoiceStanding) -> PaidInvoice:
        sale = self.sales.get(standing.order_id)
        number, has_sale = standing.number, sale is not None or standing.existing_number is not None
        note = SETTLES if sale else ELSEWHERE if has_sale else EARLIER if standing.is_before_go_live else UNBOOKED
        told = note.format(number=number, entry=standing.existing_number)
        return PaidInvoice(number, standing.total, self._debtor(standing, sale), has_sale, told)

    def _debtor(self, standing: InvoiceStanding, sale: LegPlan | None) -> Debtor | Problem:
        """The receipt goes where the sale went; without a sale of ours, on the invoice's customer."""
        if sale and sale.debtor:
            return sale.debtor
        if standing.existing_number is None and not standing.is_before_go_live:
            return _unbooked(standing)
        if self._debtors is None:
            self._debtors = standings.debtors_of(self.work, [row.customer_id for row in self.standings.values()])
        owing = self._debtors.of(standing.customer_id, on=standing.item.local_day)
        return _nobody(standing) if isinstance(owing, Debtor) and owing.is_collective else owing

    def _ask_for_status(self, standing: InvoiceStanding, order: Order) -> None:
        """A payment that the invoice does not show yet changed it: it is read again with the next run."""
        paid = sum(tender.amount - tender.tip for tender in payments_of(order)) - order.rounding
        if paid > standing.paid and not standings.is_preview(self.work):
            standings.read_again([standing.pk])


def _sales(work: Work, orders: Iterable[str]) -> QuerySet[Leg]:
    legs = Leg.objects.filter(lane=work.lane, order_id__in=list(orders), kind=LegKind.SALE, is_reversal=False)
    return legs.filter(state__in=STANDING)


def standing_legs(work: Work, orders: Iterable[str]) -> QuerySet[Leg]:
    """Sales, credits of cancels, and credits of refunds that count, of these orders. A sale that waits for its period,
    was refused, or was undone, is known with its lines all the same: of a canceled invoice Square has them no more.
    """
    kinds = (LegKind.SALE, LegKind.INVOICE_CREDIT, LegKind.REFUND)
    legs = Leg.objects.filter(lane=work.lane, order_id__in=list(orders), kind__in=kinds, is_reversal=False)
    known = (LegState.WAITING, LegState.REFUSED, LegState.REVERSED)
    counts = Q(state__in=STANDING) | Q(kind=LegKind.SALE, state__in=known)
    return legs.filter(counts).exclude(Q(kind=LegKind.REFUND) & taken_back()).order_by("id")


def standing_elsewhere(orders: Iterable[str]) -> Mapping[str | int, int | None]:
    """Order -> number of the entry in Exact that is its invoice, where somebody else made it."""
    rows = InvoiceStanding.objects.filter(order_id__in=[order for order in orders if order])
    return dict(rows.exclude(existing_number=None).values_list("order_id", "existing_number"))


def _unread(payment: Payment) -> PaidInvoice:
    sentence = (
        "The payment was made through a Square invoice that has not been read yet. Its receipt waits until the invoice "
        "is read and booked, which happens by itself. If it stays so, see the last run: it says when invoices cannot "
        "be read, and what to do."
    )
    return PaidInvoice("", payment.amount, Problem(ProblemKind.WAITS_FOR_SALE, sentence, UNREAD), has_sale=True)


def _unbooked(standing: InvoiceStanding) -> Problem:
    subject = f"invoice {standing.number}"[:200]
    if standing.item.state == ItemState.DISMISSED:
        sentence = (
            f"The payment settles Square invoice {standing.number}, which was dismissed here, so its sale is not "
            "Tillbridge's to know. Book the receipt by hand where you booked the invoice and dismiss this record, or "
            "take the invoice up again."
        )
        return Problem(ProblemKind.UNSUPPORTED, sentence, "payment of a dismissed invoice")
    sentence = (
        f"The payment settles Square invoice {standing.number}, whose sale is not booked yet. The receipt goes on by "
        "itself when it is: see the invoice for what keeps it."
    )
    return Problem(ProblemKind.WAITS_FOR_SALE, sentence, subject)


def _nobody(standing: InvoiceStanding) -> Problem:
    sentence = (
        f"The payment settles Square invoice {standing.number}, whose customer has no account of their own in Exact. "
        "Map the customer; this record then goes on."
    )
    return Problem(ProblemKind.UNMAPPED_CUSTOMER, sentence, standing.customer_id or "invoice to nobody")


def unread(work: Work, feed: LaneLocation) -> QuerySet[SyncItem]:
    """Payments of this location whose invoice nobody has read."""
    return SyncItem.objects.filter(
        lane=work.lane, location=feed.location_id, kind="payment", state=ItemState.WAITING,
        problem_kind=ProblemKind.WAITS_FOR_SALE, problem_subject=UNREAD,
    )  # fmt: skip


def ready(work: Work) -> QuerySet[SyncItem]:
    """Payments that waited for an invoice which stands now, by our hand or another's."""
    sale = Leg.objects.filter(lane=work.lane, kind=LegKind.SALE, order_id=OuterRef("order_id"), state__in=STANDING)
    standing = InvoiceStanding.objects.filter(lane=work.lane, order_id=OuterRef("order_id"))
    settled = Q(existing_number__isnull=False) | Q(is_before_go_live=True) | Q(item__state=ItemState.DISMISSED)
    known = standing.filter(settled)
    first_read = Q(problem_subject=UNREAD) & Q(Exists(standing))
    waiting = SyncItem.objects.filter(
        lane=work.lane, kind="payment", state=ItemState.WAITING, problem_kind=ProblemKind.WAITS_FOR_SALE
    ).exclude(order_id="")
    return waiting.filter(Q(Exists(sale)) | Q(Exists(known)) | first_read)
