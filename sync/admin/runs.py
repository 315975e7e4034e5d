"""Runs on the screen: what they did, and live progress while they are at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import words
from audit.adminkit import DetailAdmin, admin_url, link, list_url, local_time, number
from audit.models import AuditEntry
from connections import clock
from connections.models import VendorCall
from sync.admin import plans, shown, timeline
from sync.admin.verbs import RUN_VERBS
from sync.lifecycle import RunState
from sync.models import ArchiveAttestation, ArchiveBatch, CustomerLink, Plan, Posting, SyncLane, SyncRun

# A slice touches its run at each phase and page; after this long without, in real seconds, its worker is gone.
SILENT_AFTER = timedelta(seconds=90)
PHASES = {
    "prepare": "Reading the division's data",
    "settle": "Looking up entries in doubt",
    "history": "Reading history at Square",
    "read": "Reading Square",
    "read again": "Reading unfinished orders again",
    "resolve": "Working out what each record owes",
    "introduce items": "Laying unknown articles before finance",
    "introduce rules": "Laying missing rules before finance",
    "sales": "Booking sales",
    "money": "Booking receipts and fees",
    "confirm": "Checking the ledger",
    "orders": "Writing orders",
    "confirm orders": "Checking orders",
    "approved": "Booking what was approved",
    "finish": "Seeing approved entries through",
    "anew": "Looking for decisions that changed",
    "plan": "Writing the plan",
    "send": "Sending what is drafted",
    "read exact": "Reading customers of Exact",
    "look": "Looking for customers that went",
    "create": "Creating accounts in Exact",
    "link": "Finding who is who",
    "follow": "Following customers that were merged",
    "appoint": "Looking who leads each account",
    "compare": "Comparing both sides",
    "to exact": "Sending to Exact",
    "to square": "Sending to Square",
    "terms": "Showing payment terms at Square",
    "look again": "Reading what changed meanwhile",
    "compare again": "Comparing once more",
    "to exact again": "Sending to Exact",
    "to square again": "Sending to Square",
    "count": "Counting",
    "weigh": "Counting what is to be written",
    "warehouse": "Looking at the warehouse",
    "tables": "Making tables and views in Snowflake",
    "write": "Writing to Snowflake",
    "attest": "Comparing both sides",
    "end": "Counting",
    "over": "Over",
}
COUNTS = (
    ("records_read", "read from Square"), ("records_changed", "new or changed"), ("legs_ready", "legs ready"),
    ("records_waiting", "waiting for a person"), ("entries_planned", "entries drafted"), ("entries_posted", "booked"),
    ("entries_confirmed", "confirmed in the ledger"), ("entries_refused", "refused"),
)  # fmt: skip
# Of a lane that keeps customers in step.
CUSTOMER_COUNTS = (
    ("records_read", "read from Square"), ("records_changed", "new or changed"), ("sent_to_exact", "sent to Exact"),
    ("sent_to_square", "sent to Square"), ("conflicts", "in conflict"), ("records_waiting", "waiting for a person"),
)  # fmt: skip
# Of a lane that archives.
ARCHIVE_COUNTS = (
    ("records_read", "read from Exact"), ("records_changed", "new, changed or deleted"),
    ("rows_written", "rows written to Snowflake"), ("records_waiting", "left out"),
)  # fmt: skip
ARCHIVE_PHASES = {"plan": "Counting what is to be read", "read": "Reading Exact"}


def counts_of(run: SyncRun) -> tuple[tuple[str, str], ...]:
    """A plan books nothing itself: the run that carries it out does, and counts it."""
    if not run.lane.books:
        return ARCHIVE_COUNTS if run.lane.archives else CUSTOMER_COUNTS
    if not Plan.objects.filter(run=run).exists():
        return COUNTS
    return tuple((name, label) for name, label in COUNTS if not name.startswith("entries_"))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `percent` is None while nobody can say; `texts` are the words on the page by place."""

    percent: int | None
    is_over: bool
    texts: Mapping[str, str]


def progress(run: SyncRun, *, now: datetime) -> Progress:
    percent = _percent(run)
    texts = {name: number(getattr(run, name)) for name, _ in counts_of(run)}
    texts |= {f"calls_{system}": number(count) for system, count in _calls(run).items()}
    texts |= {
        "state": run.get_state_display(),
        "phase": _phase(run),
        "sentence": _sentence(run, percent, now),
        "left": _left(run, percent, now),
    }
    return Progress(percent=percent, is_over=not run.is_open, texts=texts)


def _phase(run: SyncRun) -> str:
    own = ARCHIVE_PHASES if run.lane.archives else {}
    return own.get(run.phase) or PHASES.get(run.phase, run.phase)


def _percent(run: SyncRun) -> int | None:
    """Of the entries drafted so far, how many are through; unknown while Square is still being read."""
    if not run.is_open:
        return 100
    if run.steps_planned:
        return min(99, 100 * run.steps_done // run.steps_planned)
    if not run.entries_planned or run.phase in {"prepare", "read", "read again", "resolve", "settle"}:
        return None
    through = run.entries_posted + run.entries_refused + run.entries_confirmed
    return min(99, 100 * through // (2 * run.entries_planned))


def _calls(run: SyncRun) -> dict[str, int]:
    rows = VendorCall.objects.filter(run_id=run.pk).order_by().values_list("system").annotate(count=Count("pk"))
    other = "snowflake" if run.lane.archives else "square"
    return {other: 0, "exact": 0, **dict(rows)}


def _left(run: SyncRun, percent: int | None, now: datetime) -> str:
    """A rough estimate from the pace so far."""
    if not run.is_open or run.started_at is None:
        return "–"
    if not percent:
        return "cannot be said yet"
    seconds = (now - run.started_at).total_seconds() * (100 - percent) / percent
    return "less than a minute" if seconds < 60 else f"about {round(seconds / 60)} min"  # noqa: PLR2004


def _sentence(run: SyncRun, percent: int | None, now: datetime) -> str:
    if not run.is_open:
        return run.sentence or f"The run is {run.get_state_display()}."
    if run.state == RunState.PAUSED:
        return run.sentence or "The run pauses and goes on by itself."
    if run.touched_at and (now - run.touched_at) / clock.current().speed > SILENT_AFTER:
        return "The worker has not answered for a while. Another one takes over within minutes; nothing is lost."
    if run.state == RunState.QUEUED:
        return "Waiting for a worker."
    of_what = "what is to be done" if run.lane.archives else "the entries drafted so far"
    share = f", {percent} % of {of_what}" if percent is not None else ""
    return f"{_phase(run)}{share}."


@admin.register(SyncRun)
class SyncRunAdmin(DetailAdmin):
    confirmed_actions = RUN_VERBS
    detail_template = "admin/sync/run.html"
    list_display = (
        "number",
        "lane",
        "state_shown",
        "trigger",
        "requested_by",
        "began",
        "took",
        "did",
        "posted",
        "refused",
    )
    list_display_links = ("number",)
    list_filter = ("state", "purpose", "trigger", "lane")
    search_fields = ("lane__label", "requested_by")
    search_help_text = "Lane, or the person who asked for it"
    list_select_related = ("lane",)
    sortable_by = ()
    empty = "No run yet. Runs begin by schedule once a lane is switched on, or with 'Run now' on a lane."

    @admin.display(description="run")
    def number(self, run: SyncRun) -> str:
        return str(run.pk)

    @admin.display(description="state")
    def state_shown(self, run: SyncRun) -> SafeString:
        return shown.run_badge(run)

    @admin.display(description="began")
    def began(self, run: SyncRun) -> SafeString:
        return local_time(run.started_at or run.created_at)

    @admin.display(description="took")
    def took(self, run: SyncRun) -> str:
        return took(run)

    @admin.display(description="what happened")
    def did(self, run: SyncRun) -> str:
        return run.sentence

    @admin.display(description="booked")
    def posted(self, run: SyncRun) -> SafeString:
        return link(list_url(Posting, run_id=run.pk) if run.entries_posted else "", number(run.entries_posted))

    @admin.display(description="refused")
    def refused(self, run: SyncRun) -> str:
        return number(run.entries_refused)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<int:run_id>/progress/", view, name="sync_syncrun_progress"), *super().get_urls()]

    def progress_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """What the page of a run asks for every two seconds."""
        state = progress(self._row(request, str(run_id)), now=clock.now())
        return JsonResponse({"percent": state.percent, "is_over": state.is_over, "texts": dict(state.texts)})

    def detail(self, request: HttpRequest, row: SyncRun) -> Mapping[str, Any]:  # noqa: ARG002
        state = progress(row, now=clock.now())
        return {
            "title": f"Run {row.pk} of {row.lane}",
            "run": row,
            "badge": shown.run_badge(row),
            "because": words.TRIGGERS.get(row.trigger, row.trigger),
            "progress": state,
            "counts": [(name, state.texts[name], label) for name, label in counts_of(row)],
            "needs": needs(row),
            "progress_url": reverse("admin:sync_syncrun_progress", args=[row.pk]) if row.is_open else "",
            "took": took(row),
            "lane_url": admin_url(SyncLane, row.lane_id),
            "postings_url": list_url(Posting, run_id=row.pk) if row.lane.books else "",
            "customers_url": "" if row.lane.books else list_url(CustomerLink, lane__id__exact=row.lane_id),
            "batches_url": list_url(ArchiveBatch, run_id=row.pk) if row.lane.archives else "",
            "attested_url": list_url(ArchiveAttestation, run__id__exact=row.pk) if row.lane.archives else "",
            "calls_url": list_url(VendorCall, run_id=row.pk),
            "audit_url": list_url(AuditEntry, run_id=row.pk),
            "timeline": timeline.of_subject("run", row.pk),
            **plans.of_run(row),
        }


def needs(run: SyncRun) -> SafeString | str:
    """What it was going to need when it was opened, and by when it will be done while it is at it."""
    if run.purpose == "fill":
        return ""
    if run.needs_exact is None:
        return "How many calls it needs is known once Square has been read for the first time." if run.is_open else ""
    told = format_html("Needs about {} calls to Exact", number(run.needs_exact))
    if run.needs_square:
        told = format_html("{} and {} to Square", told, number(run.needs_square))
    if run.exact_left is None:
        return format_html("{}; how many are left today is known after the first.", told)
    told = format_html("{}; {} were left today when it was opened", told, number(run.exact_left))
    if run.is_open and run.done_by:
        return format_html("{}, done by about {}.", told, local_time(run.done_by))
    return format_html("{}.", told)


def took(run: SyncRun) -> str:
    if not (run.started_at and run.finished_at):
        return ""
    seconds = round((run.finished_at - run.started_at).total_seconds())
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004
