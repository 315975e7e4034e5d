"""Late arrivals on the screen: what belongs to another day than it was booked on, with totals per VAT code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.response import HttpResponseBadRequest, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from audit import trail
from audit.adminkit import ChoiceFilter, ReadOnlyAdmin, admin_url, link, local_time
from audit.cells import BYTE_ORDER_MARK, csv_writer, safe_text
from audit.trail import Fact
from connections import clock
from sync import late
from sync.admin import shown
from sync.admin.lane_choice import BookingLanes
from sync.calendar_months import month_before, next_month
from sync.legs import plan_of
from sync.models import LateArrival, Posting, SyncItem

MONTHS = 15


class MonthFilter(ChoiceFilter):
    """The month of booking: the last ones, without asking the table."""

    title = "month of booking"
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:  # noqa: ARG002
        months = [next_month(clock.now().date())]
        while len(months) <= MONTHS:
            months.append(month_before(months[-1]))
        return [(f"{first:%Y-%m}", f"{first:%B %Y}") for first in months]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return late.in_month(queryset, str(self.value())) if self.value() else queryset


@admin.register(LateArrival)
class LateArrivalAdmin(ReadOnlyAdmin):
    list_display = ("own_day", "booked_on", "why", "record", "leg", "money", "entry", "state_shown", "lane", "location")
    list_display_links = None
    list_filter = (MonthFilter, ("lane", BookingLanes))
    list_select_related = ("item", "posting", "lane", "location")
    change_list_template = "admin/sync/late.html"
    sortable_by = ()
    introduction = (
        "What is booked on another day than its own: it came after its day was summed up, or its period was closed."
    )
    empty = (
        "Nothing was booked on another day than its own. What comes after its day was summed up, or belongs to a "
        "closed period, appears here."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[LateArrival]:
        return super().get_queryset(request).filter(is_late=True).defer("item__payload")

    @admin.display(description="own day")
    def own_day(self, row: LateArrival) -> SafeString:
        return local_time(late.own_day(row))

    @admin.display(description="booked on")
    def booked_on(self, row: LateArrival) -> SafeString:
        return local_time(row.date)

    @admin.display(description="why")
    def why(self, row: LateArrival) -> str:
        return late.why(row)

    @admin.display(description="record")
    def record(self, row: LateArrival) -> SafeString:
        return link(admin_url(SyncItem, row.item_id), shown.name_of(row.item))

    @admin.display(description="leg")
    def leg(self, row: LateArrival) -> str:
        return str(row.get_kind_display())

    @admin.display(description="amount")
    def money(self, row: LateArrival) -> SafeString | str:
        return shown.leg_money(plan_of(row))

    @admin.display(description="entry")
    def entry(self, row: LateArrival) -> SafeString | str:
        return link(admin_url(Posting, row.posting_id), row.posting.reference) if row.posting else "not yet"

    @admin.display(description="state")
    def state_shown(self, row: LateArrival) -> SafeString:
        return shown.leg_badge(row)

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, and over all that fits its filters the totals per VAT code."""
        response = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            rows = response.context_data["cl"].queryset.select_related(None)[: late.MOST]
            response.context_data["totals"] = [
                (total.vat_code, shown.money(total.net, total.currency), shown.money(total.vat, total.currency))
                for total in late.totals(rows)
            ]
        return response

    # --- export ----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="sync_latearrival_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The filtered list as CSV, one row per leg and VAT code. POST, because the trail keeps who asked for it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseBadRequest("The list has no such filter.", content_type="text/plain; charset=utf-8")
        now = clock.now()
        with transaction.atomic():
            fact = Fact("late.exported", "latearrival", detail={"filter": request.GET.urlencode()})
            trail.record([fact], at=now)
        response = StreamingHttpResponse(_csv(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="late-arrivals-{now:%Y%m%d-%H%M%S}.csv"'
        return response


def _csv(rows: QuerySet[LateArrival]) -> Iterator[bytes]:
    """Semicolons and a byte-order mark, what a Dutch Excel opens by double click."""
    write = csv_writer(";")
    yield BYTE_ORDER_MARK + write([late.COLUMNS])
    for row in late.lines(rows.iterator(chunk_size=500)):
        yield write([[safe_text(cell) if isinstance(cell, str) else cell for cell in row]])
