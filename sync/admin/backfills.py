"""Backfills on the screen: asked for on a form, begun by a confirmed click that shows count and estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import trail
from audit.adminkit import (
    BackOfficeAdmin,
    ConfirmedAction,
    Outcome,
    admin_url,
    badge,
    link,
    list_url,
    local_time,
    number,
)
from audit.trail import Fact
from connections import clock
from sync import backfill
from sync.admin import shown
from sync.admin.lane_choice import BookingLanes
from sync.admin.verbs import by
from sync.models import Backfill, SyncRun

if TYPE_CHECKING:
    _Form = forms.ModelForm[Backfill]
else:
    _Form = forms.ModelForm

RUN = "sync.run_backfill"
State = Backfill.State
TONES = {
    State.DRAFT: "quiet",
    State.RUNNING: "wait",
    State.PAUSED: "wait",
    State.DONE: "good",
    State.CANCELLED: "quiet",
}


class BackfillForm(_Form):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        lane, begins, ends = (cleaned.get(name) for name in ("lane", "begins", "ends"))
        if lane and ends and ends > clock.now().date():
            self.add_error(
                "ends", ValidationError("History ends today at the latest; the lane itself reads what is new.")
            )
        if lane and begins and not lane.feeds.exists():
            self.add_error("lane", ValidationError("No location feeds this lane, so there is nothing to read."))
        return cleaned


def records(count: int | None) -> str:
    return "cannot be said before the first batch" if count is None else f"about {number(count)}"


def prospects(rows: QuerySet[Backfill]) -> Sequence[tuple[str, Any]]:
    """What beginning comes to, for the confirm page."""
    told: list[tuple[str, Any]] = []
    for job in rows.select_related("lane__division__connection")[:5]:
        found = backfill.prospect(job)
        told += [
            ("Days", f"{(job.ends - job.begins).days}, {job.begins} up to {job.ends}"),
            ("Records", records(found.total)),
        ]
        told += [("Off peak", window(job)), ("Read", finished(found))]
        if found.booking_calls is not None:
            days = f", within {found.booked_in} days" if found.booked_in else ""
            told.append(("Booking, once released", f"about {number(found.booking_calls)} calls to Exact{days}"))
        told.append(("Before go-live", f"Days before {job.lane.go_live} wait until somebody releases them."))
    return told


def window(job: Backfill) -> str:
    return f"{job.from_hour}:00 to {job.to_hour}:00, {backfill.zone_of(job.lane.division)}"


def finished(found: backfill.Prospect) -> SafeString | str:
    if found.reading is None:
        return "cannot be said yet"
    days = "1 day" if found.reading.days == 1 else f"{number(found.reading.days)} days"
    return format_html("in {}, by about {}", days, local_time(found.reading.done_at))


def each(verb: Any) -> Any:
    def run(request: HttpRequest, rows: QuerySet[Backfill], reason: str) -> Outcome:  # noqa: ARG001
        done, refused = 0, []
        for job in rows.select_related("lane__division"):
            try:
                verb(job, by=by(request))
                done += 1
            except backfill.NotPossible as refusal:
                refused.append((str(job), str(refusal)))
        return Outcome(done=done, skipped=refused)

    return run


VERBS = (
    ConfirmedAction(
        name="begin", label="Begin", permission=RUN, run=each(backfill.begin), done="begun", preview=prospects,
        explains="Reads these days at Square, off peak and a batch at a time, behind the lane's own runs. It books "
        "nothing: what lies before go-live waits until somebody releases it.",
        reversible="It can be paused and cancelled; records that were read by then stay, and wait.",
        applies=lambda job: job.state == State.DRAFT, on_list=False,
    ),
    ConfirmedAction(
        name="pause", label="Pause", permission=RUN, run=each(backfill.pause), done="paused", confirms=False,
        explains="No batch begins any more; one at work stops at its next page.", reversible="Yes: resume it.",
        applies=lambda job: job.state == State.RUNNING,
    ),
    ConfirmedAction(
        name="resume", label="Resume", permission=RUN, run=each(backfill.resume), done="resumed", confirms=False,
        explains="Goes on where it left off, when its hours are there.", reversible="Yes: pause it again.",
        applies=lambda job: job.state == State.PAUSED,
    ),
    ConfirmedAction(
        name="cancel", label="Cancel", permission=RUN, run=each(backfill.cancel), done="cancelled",
        explains="Reads no more of these days. What was read stays, and waits.",
        reversible="Ask for the days again: what is held is not read twice into the books.",
        applies=lambda job: job.state in {State.DRAFT, *Backfill.OPEN},
    ),
)  # fmt: skip


@admin.register(Backfill)
class BackfillAdmin(BackOfficeAdmin):
    form = BackfillForm
    confirmed_actions = VERBS
    list_display = ("days", "lane", "state_shown", "records_read", "records_changed", "due_at", "requested_by")
    list_filter = ("state", ("lane", BookingLanes))
    list_select_related = ("lane__division__connection",)
    sortable_by = ()
    asked = ("lane", "begins", "ends", "from_hour", "to_hour", "batch_size", "reason")
    told = (
        "state_shown", "sentence", "progress", "records_read", "records_changed", "total", "done_by", "booking",
        "due_at", "started_at", "finished_at", "requested_by", "runs",
    )  # fmt: skip
    introduction = (
        "History is read off peak, a batch at a time, behind the lane's own runs. It books nothing: records from "
        "before go-live wait until somebody releases them."
    )
    empty = "No history was asked for. A lane begins at its go-live date; add a backfill for the days before."

    def get_fields(self, request: HttpRequest, obj: Backfill | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return self.asked if obj is None else (*self.told, *self.asked)

    def get_readonly_fields(self, request: HttpRequest, obj: Backfill | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return () if obj is None else (*self.told, *self.asked)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was asked for stays as it was asked: cancel it and ask anew."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: Backfill, form: Any, change: bool) -> None:
        obj.requested_by, obj.created_at = by(request), clock.now()
        super().save_model(request, obj, form, change)
        detail = {"from": obj.begins, "up to": obj.ends, "reason": obj.reason}
        fact = Fact("backfill.asked", "backfill", obj.pk, str(obj), division=obj.lane.division.code, detail=detail)
        trail.record([fact], at=obj.created_at)

    def response_add(self, request: HttpRequest, obj: Backfill, post_url_continue: str | None = None) -> Any:  # noqa: ARG002
        """On to its page, where it is begun."""
        self.message_user(request, "Look at what it comes to, then begin it.")
        return redirect(admin_url(Backfill, obj.pk))

    def _seen(self, job: Any) -> backfill.Prospect:
        """Worked out once for a page."""
        if not hasattr(job, "seen"):
            job.seen = backfill.prospect(job)
        found: backfill.Prospect = job.seen
        return found

    @admin.display(description="days")
    def days(self, job: Backfill) -> str:
        return f"{job.begins} up to {job.ends}"

    @admin.display(description="state")
    def state_shown(self, job: Backfill) -> SafeString:
        return badge(job.get_state_display(), TONES[State(job.state)])

    @admin.display(description="read so far")
    def progress(self, job: Backfill) -> SafeString:
        percent = round(100 * self._seen(job).share)
        return format_html('<meter min="0" max="100" value="{}">{} %</meter> {} %', percent, percent, percent)

    @admin.display(description="records in all")
    def total(self, job: Backfill) -> str:
        return records(self._seen(job).total)

    @admin.display(description="finished")
    def done_by(self, job: Backfill) -> SafeString | str:
        return local_time(job.finished_at) if job.finished_at else finished(self._seen(job))

    @admin.display(description="booking, once released")
    def booking(self, job: Backfill) -> SafeString | str:
        found = self._seen(job)
        waiting = link(shown.items_url(lane=job.lane_id, state="waiting"), "waiting records")
        if found.booking_calls is None:
            return waiting
        days = f", within {found.booked_in} days" if found.booked_in else ""
        return format_html("about {} calls to Exact{}; {}", number(found.booking_calls), days, waiting)

    @admin.display(description="batches")
    def runs(self, job: Backfill) -> SafeString:
        return link(list_url(SyncRun, lane__id__exact=job.lane_id, trigger__exact="backfill"), "runs of this lane")
