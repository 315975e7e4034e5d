"""Months on the screen: green or red, what is left, signed off by whom; and the reconciliations behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_q.tasks import async_task

from audit.adminkit import (
    ChoiceFilter,
    ConfirmedAction,
    DetailAdmin,
    Outcome,
    admin_url,
    badge,
    link,
    list_url,
    local_time,
)
from connections import clock
from sync.admin import naming, reconciled, timeline
from sync.admin.lane_choice import BookingLanes
from sync.admin.verbs import by, each
from sync.models import SyncLane
from sync.models.lanes import BOOKING
from sync.models.reconciliation import Month, Reconciliation
from sync.reconciliation import months, sheet

SIGN = "sync.signoff_month"
COMPARE = "sync.reconcile_reconciliation"


def _compare(request: HttpRequest, rows: QuerySet[Any], reason: str) -> Outcome:  # noqa: ARG001
    """A worker does it: the ledger is read from Exact."""
    wanted = set()
    for row in rows.select_related("lane__division"):
        begin, end = (row.begin, row.end) if isinstance(row, Reconciliation) else months.of_day(row.starts)
        wanted.add((row.lane.division_id, begin.isoformat(), end.isoformat()))
    for division, begin_text, end_text in sorted(wanted):
        async_task("sync.tasks.reconcile", division, begin_text, end_text, by(request),
                   q_options={"task_name": f"reconcile-{division}-{begin_text}"})  # fmt: skip
    return Outcome(done=rows.count(), sentence="A worker compares it now: load this page again in a moment.")


COMPARE_VERB = ConfirmedAction(
    name="compare",
    label="Compare now",
    explains="Reads Exact's ledger of these days again and compares it with Square and with our entries.",
    permission=COMPARE,
    run=_compare,
    done="being compared",
    confirms=False,
)


def compare_lane(request: HttpRequest, rows: QuerySet[SyncLane], reason: str) -> Outcome:  # noqa: ARG001
    """This month and the last, as every night."""
    today = clock.now().date()
    for lane in rows.filter(flow=BOOKING).select_related("division"):
        for begin, end in months.due_for_nightly([lane], today):
            async_task("sync.tasks.reconcile", lane.division_id, begin.isoformat(), end.isoformat(), by(request),
                       q_options={"task_name": f"reconcile-{lane.division_id}-{begin}"})  # fmt: skip
    return Outcome(done=rows.count(), sentence="A worker compares them now: see the months of the lane in a moment.",
                   goto=list_url(Month))  # fmt: skip


LANE_VERB = ConfirmedAction(
    name="compare",
    label="Compare with Exact",
    explains="Compares this month and the last: Square against our entries against Exact's ledger.",
    permission=COMPARE,
    run=compare_lane,
    done="being compared",
    confirms=False,
    applies=lambda lane: lane.books,
)


def _days(row: Reconciliation) -> str:
    """The month by its name, any other days as they are."""
    if (row.begin, row.end) == months.of_day(row.begin):
        return f"{row.begin:%B %Y}"
    return naming.readable(f"{row.begin} to {row.end}")


def _is_green(month: Month) -> bool:
    return not months.objection_to(month)


MONTH_VERBS = (
    COMPARE_VERB,
    ConfirmedAction(
        name="sign",
        label="Sign off",
        explains="Says with your name and today's date that this month is right as it was last compared. Should "
        "anything of it change later, at Square, here or in Exact, the month turns red again and says what changed.",
        permission=SIGN,
        run=each(lambda month, name, _reason: months.sign_off(month, by=name)),
        done="signed off",
        reversible="Yes: a sign-off can be taken back, with a reason.",
        applies=lambda month: _is_green(month) and (not month.is_signed or bool(month.disturbed)),
    ),
    ConfirmedAction(
        name="sign-red",
        label="Sign off although red",
        explains="Signs the month with what is left of it. Your reason stands beside your name for as long as the "
        "month is kept, and tells an auditor why what is left does not matter.",
        permission=SIGN,
        run=each(lambda month, name, reason: months.sign_off(month, by=name, reason=reason)),
        done="signed off with a reason",
        reversible="Yes: a sign-off can be taken back, with a reason.",
        asks_reason=True,
        is_grave=True,
        applies=lambda month: bool(month.reconciliation_id) and not _is_green(month)
        and (not month.is_signed or bool(month.disturbed)),
    ),
    ConfirmedAction(
        name="take-back",
        label="Take the sign-off back",
        explains="Withdraws the sign-off: the month is open again.",
        permission=SIGN,
        run=each(lambda month, name, reason: months.take_back(month, by=name, reason=reason)),
        done="open again",
        reversible="Yes: sign it off again.",
        asks_reason=True,
        applies=lambda month: month.is_signed,
    ),
)  # fmt: skip


def month_badge(month: Month) -> SafeString:
    if month.disturbed:
        return badge("disturbed", "bad")
    if month.is_signed:
        return badge("signed off", "good")
    if month.reconciliation_id is None:
        return badge("not compared", "quiet")
    if months.of_day(month.starts)[1] >= clock.now().date():
        return badge("not over yet", "busy")
    return badge("green", "good") if month.is_green else badge("red", "bad")


class GreenFilter(ChoiceFilter):
    title = "last comparison"
    parameter_name = "is_green__exact"
    options = (("1", "green"), ("0", "red"))


@admin.register(Month)
class MonthAdmin(DetailAdmin):
    confirmed_actions = MONTH_VERBS
    detail_template = "admin/sync/month.html"
    list_display = ("month", "lane", "state", "left", "signed_off", "compared")
    list_filter = (("lane", BookingLanes), GreenFilter)
    list_select_related = ("lane__division", "reconciliation")
    sortable_by = ()
    introduction = (
        "Is a month right? Each is compared with Square and with Exact every night. Green months are signed off; what "
        "changes later turns them red again."
    )
    empty = "No month has been compared yet. Each night this month and the last are; a lane's page compares them now."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Month]:
        rows: QuerySet[Month] = super().get_queryset(request)
        return rows.select_related("lane__division", "reconciliation", "signed")

    @admin.display(description="month")
    def month(self, month: Month) -> str:
        return f"{month.starts:%B %Y}"

    @admin.display(description="state")
    def state(self, month: Month) -> SafeString:
        return month_badge(month)

    @admin.display(description="what is left")
    def left(self, month: Month) -> str:
        row = month.reconciliation
        return ", ".join(reconciled.left(row, at=clock.now())) or "nothing" if row else "–"

    @admin.display(description="signed off")
    def signed_off(self, month: Month) -> SafeString | str:
        return format_html("{}<br>{}", month.signed_by, local_time(month.signed_at)) if month.signed_at else "–"

    @admin.display(description="last compared")
    def compared(self, month: Month) -> SafeString:
        """When the figures are from."""
        return local_time(month.reconciliation.made_at if month.reconciliation else None)

    def describe(self, row: Month) -> str:
        left = reconciled.left(row.reconciliation, at=clock.now()) if row.reconciliation else ["not compared"]
        return f"{row} ({', '.join(left) or 'green'})"

    def detail(self, request: HttpRequest, row: Month) -> Mapping[str, Any]:  # noqa: ARG002
        compared = reconciled.context(row.reconciliation, at=clock.now()) if row.reconciliation else {}
        return {
            "title": f"{row.starts:%B %Y}",
            "month": row,
            "badge": month_badge(row),
            "lane_url": admin_url(SyncLane, row.lane_id),
            "objection": months.objection_to(row),
            "disturbed": naming.readable(row.disturbed),
            "timeline": timeline.of_subject("month", row.pk),
            "earlier_url": list_url(Reconciliation, lane__id__exact=row.lane_id),
            **compared,
        }


@admin.register(Reconciliation)
class ReconciliationAdmin(DetailAdmin):
    confirmed_actions = (COMPARE_VERB,)
    detail_template = "admin/sync/reconciliation.html"
    list_display = ("period", "lane", "state", "findings", "made", "made_by")
    list_filter = (("lane", BookingLanes),)
    list_select_related = ("lane",)
    sortable_by = ()
    introduction = (
        "Each comparison as it was made: Square, our entries and Exact's ledger, per ledger role and per day."
    )
    empty = "Nothing has been compared yet. It is done each night, on the page of a lane, and by 'manage.py reconcile'."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reconciliation]:
        rows: QuerySet[Reconciliation] = super().get_queryset(request)
        is_list = request.resolver_match and request.resolver_match.url_name == "sync_reconciliation_changelist"
        return rows.defer("figures", "vat", "debtors", "flow") if is_list else rows.select_related("lane__division")

    @admin.display(description="made at")
    def made(self, row: Reconciliation) -> SafeString:
        return local_time(row.made_at)

    @admin.display(description="period")
    def period(self, row: Reconciliation) -> str:
        return _days(row)

    @admin.display(description="state")
    def state(self, row: Reconciliation) -> SafeString:
        return reconciled.state_badge(row)

    def detail(self, request: HttpRequest, row: Reconciliation) -> Mapping[str, Any]:  # noqa: ARG002
        month = Month.objects.filter(lane=row.lane, starts=row.begin).first()
        return {
            "title": _days(row),
            "badge": reconciled.state_badge(row),
            "lane_url": admin_url(SyncLane, row.lane_id),
            "month_link": link(admin_url(Month, month.pk), f"{month.starts:%B %Y}") if month else "",
            **reconciled.context(row, at=clock.now()),
        }

    # --- export -----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.csv_view)
        return [path("<int:pk>/csv/", view, name="sync_reconciliation_csv"), *super().get_urls()]

    def csv_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Figures per day and role, and every difference. Reading it changes nothing."""
        row = self._row(request, str(pk))
        answer = HttpResponse(sheet.as_csv(row), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="reconciliation-{row.begin}-{row.end}.csv"'
        return answer
