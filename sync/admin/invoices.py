"""Invoices on the screen: Square's side beside Exact's, and why each is still open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit.adminkit import (
    ChoiceFilter,
    ConfirmedAction,
    DetailAdmin,
    admin_url,
    badge,
    exact_filter,
    link,
    local_time,
)
from mappings.bookkeeping.legs import LegKind
from mappings.bookkeeping.open_terms import LEFTOVERS, OPEN, Why
from sync import invoice_actions
from sync.admin import shown, timeline
from sync.admin.lane_choice import BookingLanes
from sync.admin.verbs import REPLAY_ITEMS, by, tallied
from sync.lifecycle import LegState
from sync.models import Leg, Posting, SyncItem, SyncLane
from sync.models.invoices import InvoiceStanding

WORDS = {
    Why.NOT_PUBLISHED: ("not published", "quiet"), Why.NOTHING_OWED: ("nothing owed", "quiet"),
    Why.BEFORE_GO_LIVE: ("before go-live", "quiet"), Why.NOT_BOOKED: ("not booked yet", "wait"),
    Why.NOT_PAID: ("not paid", "busy"), Why.PARTLY_PAID: ("partly paid", "busy"),
    Why.RECEIPT_WAITING: ("receipt waiting", "bad"), Why.UNMATCHED: ("not matched in Exact", "wait"),
    Why.DIFFERS: ("amount differs", "bad"), Why.MATCHED: ("settled", "good"),
}  # fmt: skip
STATUS_TONES = {"PAID": "good", "UNPAID": "busy", "PARTIALLY_PAID": "busy", "FAILED": "bad"}


class StandsFilter(ChoiceFilter):
    title = "stands"
    parameter_name = "stands"
    options = (
        ("open", "Open in Exact"), ("leftovers", "Leftovers: a person looks"), ("unmatched", "Not matched in Exact"),
        ("not_booked", "Not booked yet"), ("matched", "Settled"),
    )  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        groups: dict[str | None, Sequence[Why]] = {"open": OPEN, "leftovers": LEFTOVERS}
        value = self.value()
        return queryset.filter(why__in=groups.get(value, (value,))) if value else queryset


INVOICE_VERBS = (
    ConfirmedAction(
        name="look_again",
        label="Look again",
        explains="Reads these invoices at Square and what Exact shows of them as open, with a run that starts now.",
        permission=REPLAY_ITEMS,
        run=tallied(lambda request, rows, _reason: invoice_actions.look_again(rows, by=by(request))),
        done="looked at again",
        reversible="There is nothing to undo: it books only what is owed anyway.",
    ),
    ConfirmedAction(
        name="another",
        label="Another invoice: book it",
        explains="Says that the entry in Exact with this number is another invoice, so that this one is booked too. "
        "Open the entry in Exact first: if it is this invoice after all, its revenue is booked twice.",
        permission=REPLAY_ITEMS,
        run=tallied(lambda request, rows, reason: invoice_actions.book_anyway(rows, reason=reason, by=by(request))),
        done="on the way to be booked",
        reversible="No: once booked, an entry stays until it is reversed.",
        asks_reason=True,
        applies=lambda row: bool(row.obstacle),
        is_grave=True,
    ),
)


def invoices_of_entry(term: str) -> Iterable[int]:
    """Invoices with this entry number in Exact: ours, or one that stood there."""
    if not term.isdecimal():
        return ()
    orders = Leg.objects.filter(kind=LegKind.SALE, posting__remote_number=int(term)).values("order_id")
    mine = InvoiceStanding.objects.filter(order_id__in=orders).values_list("pk", flat=True)
    return [*mine[:100], *InvoiceStanding.objects.filter(existing_number=int(term)).values_list("pk", flat=True)[:100]]


@admin.register(InvoiceStanding)
class InvoiceAdmin(DetailAdmin):
    confirmed_actions = INVOICE_VERBS
    detail_template = "admin/sync/invoice.html"
    list_display = (
        "number_shown", "customer", "square_status", "due_shown", "amount", "paid_shown", "entry", "booked",
        "open_shown", "stands",
    )  # fmt: skip
    list_filter = (
        StandsFilter,
        ("lane", BookingLanes),
        exact_filter("status", "Square status"),
        exact_filter("customer_id", "customer"),
    )
    list_select_related = ("item",)
    exact_search = ("number", "customer_name", "customer_id", "order_id", "item__source_id", invoices_of_entry)
    search_help_text = "Invoice number, customer's name, Square id, or Exact entry number; the whole of it"
    sortable_by = ()
    introduction = (
        "Each Square invoice beside what Exact shows of it as open: it counts as open until it is proven matched."
    )
    empty = "No invoices have been read yet. A run of a lane that books invoices reads them from Square."

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceStanding]:
        sale = Leg.objects.filter(
            lane=OuterRef("lane"), order_id=OuterRef("order_id"), kind=LegKind.SALE, is_reversal=False
        ).exclude(Q(state=LegState.DISMISSED) | Q(order_id=""))
        rows: QuerySet[InvoiceStanding] = super().get_queryset(request).select_related("item", "lane")
        return rows.defer("item__payload").annotate(
            entry_number=Subquery(sale.values("posting__remote_number")[:1]),
            entry_id=Subquery(sale.values("posting")[:1]),
            sale_state=Subquery(sale.values("state")[:1]),
        )

    def stake(self, rows: QuerySet[Any]) -> Sequence[tuple[str, Any]]:
        totals = rows.order_by().values_list("currency").annotate(sum=Sum("total"))
        return (("Invoiced", shown.sums(dict(totals))),)

    def describe(self, row: InvoiceStanding) -> str:
        return f"{row.number}, {row.customer_name}, {shown.written(row.total, row.currency)}"

    @admin.display(description="invoice")
    def number_shown(self, row: InvoiceStanding) -> str:
        return row.number or "–"

    @admin.display(description="customer")
    def customer(self, row: InvoiceStanding) -> str:
        return row.customer_name or row.customer_id or "–"

    @admin.display(description="Square status")
    def square_status(self, row: InvoiceStanding) -> SafeString:
        return badge(_words(row.status), STATUS_TONES.get(row.status, "quiet"))

    @admin.display(description="due")
    def due_shown(self, row: InvoiceStanding) -> SafeString:
        return local_time(row.due)

    @admin.display(description="amount")
    def amount(self, row: InvoiceStanding) -> SafeString:
        return shown.money(row.total, row.currency)

    @admin.display(description="paid at Square")
    def paid_shown(self, row: InvoiceStanding) -> SafeString:
        return shown.money(row.paid, row.currency)

    @admin.display(description="Exact no.")
    def entry(self, row: Any) -> SafeString | str:
        if row.existing_number is not None:
            return str(row.existing_number)
        return link(admin_url(Posting, row.entry_id), row.entry_number) if row.entry_number else "–"

    @admin.display(description="booked")
    def booked(self, row: Any) -> SafeString:
        if row.existing_number is not None:
            return badge("was there already", "good")
        if not row.sale_state:
            return badge("no", "quiet")
        return shown.leg_badge(Leg(state=row.sale_state))

    @admin.display(description="open in Exact")
    def open_shown(self, row: InvoiceStanding) -> SafeString | str:
        return "–" if row.open_amount is None else shown.money(row.open_amount, row.currency)

    @admin.display(description="stands")
    def stands(self, row: InvoiceStanding) -> SafeString:
        return badge(*WORDS[Why(row.why)])

    # --- one invoice -----------------------------------------------------------------------------
    def detail(self, request: HttpRequest, row: Any) -> Mapping[str, Any]:  # noqa: ARG002
        records = SyncItem.objects.filter(lane=row.lane_id, order_id=row.order_id or None).exclude(pk=row.item_id)
        return {
            "title": f"Invoice {row.number}",
            "invoice": row,
            "status": self.square_status(row),
            "stands": self.stands(row),
            "facts": [(label, value) for label, value in self._facts(row) if value],
            "records": [_record(item) for item in records.defer("payload").order_by("took_place_at", "id")],
            "item_url": admin_url(SyncItem, row.item_id),
            "lane_url": admin_url(SyncLane, row.lane_id),
            "timeline": timeline.of([row.item.source_id]),
        }

    def _facts(self, row: Any) -> Iterable[tuple[str, Any]]:
        yield "Amount", self.amount(row)
        yield "Paid at Square", self.paid_shown(row)
        yield "Due", self.due_shown(row) if row.due else ""
        yield "Entry in Exact", self.entry(row)
        yield "Booked", self.booked(row)
        yield "Open in Exact", self.open_shown(row)
        yield "Exact's open terms seen", local_time(row.listed_at) if row.listed_at else ""
        yield "Cancelled", local_time(row.canceled_on) if row.canceled_on else ""


def _words(status: str) -> str:
    return status.replace("_", " ").lower().replace("canceled", "cancelled")


def _record(item: Any) -> Mapping[str, Any]:
    row: Model = item
    return {
        "link": link(admin_url(type(row), row.pk), item.receipt_number or item.source_id[:12]),
        "kind": item.get_kind_display(),
        "at": local_time(item.took_place_at),
        "amount": shown.money(item.amount, item.currency),
        "tender": item.tender,
        "badge": shown.item_badge(item),
        "problem": item.problem,
    }
