"""Plans on the screen: what a run would book, readable entry by entry, and the decision about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from audit import trail
from audit.adminkit import ChoiceFilter, DetailAdmin, admin_url, badge, exact_filter, link, list_url, local_time, number
from audit.cells import csv_writer, safe_text
from audit.trail import Fact
from connections import clock
from mappings.roles import Role
from sync.admin import legs, shown
from sync.lifecycle import PlannedState
from sync.models import Plan, PlannedEntry, Posting, SyncRun

TONES = {PlannedState.PLANNED: "wait", PlannedState.POSTED: "good", PlannedState.REFUSED: "bad"}
WORDS = {PlannedState.PLANNED: "planned", PlannedState.POSTED: "handed over", PlannedState.REFUSED: "not booked"}
SHOWN_LEFT_OUT = 50
COLUMNS = (
    "entry", "date", "document", "journal", "reference", "for", "account", "net", "vat_code", "vat", "currency", "text",
    "state", "reason",
)  # fmt: skip


def of_run(run: SyncRun) -> dict[str, Any]:
    """What the page of a run says about its plan; nothing for a run that has none."""
    plan = Plan.objects.filter(run=run).first()
    if plan is None:
        return {}
    names = legs.names_of(run.lane.division_id, (), more=[row[0] for rows in plan.accounts.values() for row in rows])
    return {
        "plan": plan,
        "plan_accounts": [_account(row, currency, names) for currency, rows in plan.accounts.items() for row in rows],
        "plan_totals": [_total(row, currency) for currency, rows in plan.totals.items() for row in rows],
        "plan_counts": [
            (number(plan.entries), "entries"), (number(plan.lines), "lines"),
            (number(plan.calls), "calls to Exact, about"),
        ],
        "plan_refused": PlannedEntry.objects.filter(run=run, state=PlannedState.REFUSED).count(),
        "plan_url": list_url(PlannedEntry, run_id=run.pk),
        "plan_refused_url": list_url(PlannedEntry, run_id=run.pk, state__exact=PlannedState.REFUSED.value),
        "plan_lines_url": reverse("admin:sync_plannedentry_lines", args=[run.pk]),
        "plan_booked_by": [(of, admin_url(SyncRun, of), list_url(Posting, run_id=of)) for of in _booked_by(run)],
        "plan_left_out": plan.left_out[:SHOWN_LEFT_OUT],
        "plan_left_out_more": max(0, len(plan.left_out) - SHOWN_LEFT_OUT),
    }  # fmt: skip


def _booked_by(run: SyncRun) -> Sequence[int]:
    """The runs that booked its entries: a plan is carried out by another run than the one that made it."""
    posted = PlannedEntry.objects.filter(run=run, state=PlannedState.POSTED).values("reference")
    entries = Posting.objects.filter(division=run.lane.division_id, reference__in=posted, run_id__isnull=False)
    return sorted(of for of in entries.order_by().values_list("run_id", flat=True).distinct() if of)


def concerned(rows: QuerySet[SyncRun]) -> Sequence[tuple[str, str]]:
    """For the page that asks before a plan is approved: what it comes to."""
    told = [(plan, number(plan.entries), number(plan.lines)) for plan in Plan.objects.filter(run__in=rows)[:10]]
    return [
        (
            f"Plan of run {plan.run_id}",
            f"{f'undoes {plan.subject}, ' if plan.subject else ''}{entries} entries, {lines} lines",
        )
        for plan, entries, lines in told
    ]


def _account(row: Sequence[Any], currency: str, names: Mapping[str, str]) -> dict[str, Any]:
    code, before, change = row
    return {
        "account": legs.named(code, names),
        "before": shown.money(before, currency),
        "debit": shown.money(change, currency) if change > 0 else "",
        "credit": shown.money(-change, currency) if change < 0 else "",
        "after": shown.money(before + change, currency),
    }


def _total(row: Sequence[Any], currency: str) -> dict[str, Any]:
    role, code, net, vat = row
    return {
        "role": Role(role).words,
        "code": code,
        "net": shown.money(net, currency),
        "vat": shown.money(vat, currency) if vat else "",
    }


class StateFilter(ChoiceFilter):
    """By the words of the list, not those of the code."""

    title = "state"
    parameter_name = "state__exact"
    options = tuple((state.value, word) for state, word in WORDS.items())


@admin.register(PlannedEntry)
class PlannedEntryAdmin(DetailAdmin):
    """The entries of a plan, fifty a page; each with its lines on a page of its own."""

    detail_template = "admin/sync/planned.html"
    list_display = ("entry", "day", "document_shown", "journal", "total_shown", "line_count", "state_shown", "why")
    list_display_links = ("entry",)
    list_filter = (exact_filter("run_id", "plan of run"), StateFilter)
    exact_search = ("reference",)
    search_help_text = "Reference (TB-...); the whole of it"
    sortable_by = ()
    ordering = ("-run", "position")
    introduction = "Each entry as it would be booked, or was. Nothing of a plan is booked before somebody approves it."
    empty = "No plan holds any entry. Press 'Plan a run' on a lane to see what it would book."

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlannedEntry]:
        rows: QuerySet[PlannedEntry] = super().get_queryset(request)
        return rows.select_related("run__lane__division", "reverses").defer("reverses__body")

    @admin.display(description="entry")
    def entry(self, row: PlannedEntry) -> str:
        return f"{row.position + 1}"

    @admin.display(description="date")
    def day(self, row: PlannedEntry) -> SafeString:
        return local_time(row.date)

    @admin.display(description="document")
    def document_shown(self, row: PlannedEntry) -> str:
        return _document(row)

    @admin.display(description="amount")
    def total_shown(self, row: PlannedEntry) -> SafeString:
        return shown.entry_money(row)

    @admin.display(description="lines")
    def line_count(self, row: PlannedEntry) -> str:
        return number(len(row.lines))

    @admin.display(description="state")
    def state_shown(self, row: PlannedEntry) -> SafeString:
        return state_badge(row)

    @admin.display(description="why it was not booked")
    def why(self, row: PlannedEntry) -> SafeString | str:
        return shown.explained(row.reason, "") if row.reason else ""

    def detail(self, request: HttpRequest, row: PlannedEntry) -> Mapping[str, Any]:  # noqa: ARG002
        moved = {str(code): int(total) for code, total in row.expected.items()}
        codes = [*moved, *(line[1] for line in row.lines)]
        names = legs.names_of(row.run.lane.division_id, (), more=codes)
        entry = Posting.objects.filter(division=row.run.lane.division_id, reference=row.reference).first()
        booked = entry if row.state == PlannedState.POSTED else None
        return {
            "title": f"Planned entry {row.position + 1} of run {row.run_id}",
            "row": row,
            "badge": state_badge(row),
            "document": _document(row),
            "total": shown.entry_money(row),
            "lines": [_line(line, row.currency, names) for line in row.lines],
            "movements": legs.movements(moved, row.currency, names),
            "reverses": link(admin_url(Posting, row.reverses_id), row.reverses) if row.reverses_id else "",
            "booked": link(admin_url(Posting, booked.pk), booked)
            if booked and row.state == PlannedState.POSTED
            else "",
            "run_url": admin_url(SyncRun, row.run_id),
            "list_url": list_url(PlannedEntry, run_id=row.run_id),
        }

    # --- the lines as a file ---------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.lines_view)
        return [path("<int:run_id>/lines/", view, name="sync_plannedentry_lines"), *super().get_urls()]

    def lines_view(self, request: HttpRequest, run_id: int) -> HttpResponseBase:
        """Every line of a plan as CSV. POST, because the trail keeps that it was asked for."""
        if not self.has_view_permission(request):
            return HttpResponse("You may not see plans.", status=403, content_type="text/plain; charset=utf-8")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not _is_planned(run_id):
            raise Http404(f"There is no plan of run {run_id}.")
        with transaction.atomic():
            trail.record([Fact("plan.exported", "run", run_id, f"plan of run {run_id}")], at=clock.now())
        response = StreamingHttpResponse(written(run_id), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="plan-{run_id}.csv"'
        return response


def _is_planned(run_id: int) -> bool:
    try:
        return Plan.objects.filter(run=run_id).exists()
    except OverflowError:  # no column holds such a number
        return False


def written(run_id: int) -> Iterator[bytes]:
    """The file in blocks: one row per line, amounts with a point, texts that no spreadsheet runs."""
    write = csv_writer()
    yield write([COLUMNS])
    for row in PlannedEntry.objects.filter(run=run_id).order_by("position").iterator(200):
        yield write([_cells(row, line) for line in row.lines])


def _cells(row: PlannedEntry, line: Sequence[Any]) -> list[str]:
    role, account, net, code, vat, text = line
    amounts = [str(shown.decimal(amount, row.currency)) for amount in (net, vat)]
    texts = [row.document, row.journal, row.reference, role, account]
    ends = [text, row.state, row.reason]
    return [
        str(row.position + 1), row.date.isoformat(), *map(safe_text, texts), amounts[0], safe_text(code), amounts[1],
        row.currency, *map(safe_text, ends),
    ]  # fmt: skip


def _line(line: Sequence[Any], currency: str, names: Mapping[str, str]) -> dict[str, Any]:
    role, account, net, code, vat, text = line
    return {
        "role": Role(role).words,
        "account": legs.named(account, names),
        "net": shown.money(net, currency),
        "code": code,
        "vat": shown.money(vat, currency) if vat else "",
        "text": text,
    }


def _document(row: PlannedEntry) -> str:
    word = legs.DOCUMENTS.get(row.document, row.document)
    return f"Reversing {word.lower()}" if row.reverses_id else word


def state_badge(row: PlannedEntry) -> SafeString:
    state = PlannedState(row.state)
    return badge(WORDS[state], TONES[state])
