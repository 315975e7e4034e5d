"""Counts at Square on the screen, and the verb that has a lane counted at once."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_q.tasks import async_task

from audit import adminkit
from audit.adminkit import ChoiceFilter, ConfirmedAction, Outcome, ReadOnlyAdmin, badge, local_time, number
from sync.admin.lane_choice import BookingLanes
from sync.models import SourceCount, SyncLane


class MissingFilter(ChoiceFilter):
    title = "missing"
    parameter_name = "missing"
    options = (("yes", "something is missing"), ("filled", "something was filled"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[SourceCount]) -> QuerySet[SourceCount]:  # noqa: ARG002
        if self.value() == "yes":
            return queryset.filter(at_square__gt=F("held"))
        return queryset.filter(filled__gt=0) if self.value() == "filled" else queryset


@admin.register(SourceCount)
class SourceCountAdmin(ReadOnlyAdmin):
    list_display = ("day", "lane", "stream", "at_square", "held", "missing_shown", "filled", "counted")
    list_filter = (MissingFilter, ("lane", BookingLanes), adminkit.range_filter("day", "day", holds_moments=False))
    list_select_related = ("lane",)
    sortable_by = ()
    fields = ("lane", "stream", "day", "at_square", "held", "missing_shown", "examples_shown", "filled", "counted")
    introduction = (
        "Each night the payments and refunds that Square changed in the last seven days, and the payouts of a month, "
        "are listed once more and compared with what is held here, by id; customers by their version. What was missed "
        "is read again with the lane's next run."
    )
    empty = (
        "Nothing was counted yet. It is done every night for each lane that is on, or by 'Count at Square' on a lane."
    )

    @admin.display(description="missing")
    def missing_shown(self, row: SourceCount) -> SafeString:
        return badge(number(row.missing), "bad") if row.missing else badge("none", "good")

    @admin.display(description="some of them")
    def examples_shown(self, row: SourceCount) -> str:
        return ", ".join(row.examples) or "–"

    @admin.display(description="counted")
    def counted(self, row: SourceCount) -> SafeString:
        return local_time(row.counted_at)


def count(request: HttpRequest, rows: QuerySet[SyncLane], reason: str) -> Outcome:  # noqa: ARG001
    for lane in rows:
        async_task("sync.tasks.count_at_square", lane.pk)
    return Outcome(done=len(rows), sentence="A worker counts now; the result stands in 'Counts at Square' in a moment.")


LANE_VERB = ConfirmedAction(
    name="count", label="Count at Square", permission="sync.run_synclane", confirms=False, run=count, done="counted",
    explains="Lists what Square changed in the last seven days once more, and reads again what is missing here.",
    applies=lambda lane: lane.source_id is not None,
)  # fmt: skip
