"""Orders on the screen: what Square says of each, beside what stands in Exact."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.adminkit import ReadOnlyAdmin, admin_url, badge, exact_filter, link, local_time, range_filter
from sync.admin import shown
from sync.admin.lane_choice import BookingLanes
from sync.flows.orders import KIND
from sync.lifecycle import ItemState
from sync.models import ExactOrder, OrderRecord, SyncItem

UNDERWAY = (ItemState.EXTRACTED, ItemState.RESOLVED, ItemState.WAITING)
SQUARE_TONES = {"OPEN": "busy", "COMPLETED": "good", "CANCELED": "quiet"}


@admin.register(OrderRecord)
class OrderRecordAdmin(ReadOnlyAdmin):
    list_display = ("order", "placed", "money", "in_square", "in_exact", "exact_state", "state_shown", "what")
    list_display_links = None
    list_filter = (
        "state", ("lane", BookingLanes), "location", exact_filter("customer_id", "customer"),
        range_filter("took_place_at", "placed"),
    )  # fmt: skip
    list_select_related = ("location", "exact_order")
    exact_search = ("source_id",)
    search_help_text = "Square order id; the whole of it"
    sortable_by = ()
    introduction = (
        "Open orders of Square beside the quotation or sales order that each became. None touches the ledger."
    )
    empty = "No order has been read. Choose on a lane, under Orders, what open orders become in Exact."

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderRecord]:
        rows: QuerySet[OrderRecord] = super().get_queryset(request).filter(kind=KIND).defer("payload")
        return rows.annotate(square_state=KT("payload__order__state"))

    @admin.display(description="order")
    def order(self, row: OrderRecord) -> SafeString:
        """Enough of its id to recognise; the whole is on its page."""
        shortened = format_html('<span title="{}">{}…</span>', row.source_id, row.source_id[:10])
        return link(admin_url(SyncItem, row.pk), shortened)

    @admin.display(description="placed")
    def placed(self, row: OrderRecord) -> SafeString:
        return local_time(row.took_place_at)

    @admin.display(description="amount")
    def money(self, row: OrderRecord) -> SafeString:
        return shown.money(row.amount, row.currency)

    @admin.display(description="state in Square")
    def in_square(self, row: Any) -> SafeString | str:
        state = row.square_state or ""
        return badge(state.lower().replace("canceled", "cancelled"), SQUARE_TONES.get(state, "wait")) if state else "–"

    @admin.display(description="in Exact")
    def in_exact(self, row: OrderRecord) -> str:
        found = _exact(row)
        return f"{found.get_document_display().capitalize()} {found.number or ''}".strip() if found else _without(row)

    @admin.display(description="state in Exact")
    def exact_state(self, row: OrderRecord) -> SafeString | str:
        """As last read, at most a day ago."""
        found = _exact(row)
        if found is None:
            return "–"
        state = badge(found.status.lower(), "quiet" if found.is_over else "busy")
        return format_html('{} <span class="help">{}</span>', state, local_time(found.read_at))

    @admin.display(description="state here")
    def state_shown(self, row: OrderRecord) -> SafeString:
        return shown.item_badge(row)

    @admin.display(description="problem")
    def what(self, row: OrderRecord) -> SafeString | str:
        found = shown.remedy(row.problem_kind)
        return shown.explained(found.title, "") if found else ""


def _without(row: OrderRecord) -> str:
    """What nothing in Exact means: an order that has gone its way without one will never have one."""
    return "not yet" if row.state in UNDERWAY else "nothing"


def _exact(row: OrderRecord) -> ExactOrder | None:
    found: ExactOrder | None = getattr(row, "exact_order", None)
    return found
