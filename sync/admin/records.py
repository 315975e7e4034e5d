"""Records on the screen: each Square payment and refund, what it owes the books and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.adminkit import DetailAdmin, admin_url, exact_filter, link, local_time, pretty_json, range_filter
from mappings.bookkeeping.edit import KINDS
from mappings.bookkeeping.legs import LegPlan
from sync import actions, edits
from sync.admin import editing, legs, naming, shown, square, steps, timeline
from sync.admin.lane_choice import BookingLanes
from sync.admin.verbs import ITEM_VERBS, stake_of
from sync.legs import plan_of
from sync.lifecycle import EditState, ItemState
from sync.models import ItemEdit, Leg, SyncItem, SyncLane


def items_with_reference(term: str) -> Iterable[int]:
    """Items with a leg of this reference."""
    if not term.upper().startswith("TB-"):
        return ()
    return Leg.objects.filter(reference=term.upper()).values_list("item_id", flat=True)


def items_of_entry(term: str) -> Iterable[int]:
    """Items with a leg in the entry of this reference."""
    if not term.upper().startswith("TB-"):
        return ()
    return Leg.objects.filter(posting__reference=term.upper()).values_list("item_id", flat=True)[:1000]


class RecordList(ChangeList):
    """The rows of one page know their cause by the name of its customer: one statement, and only where one waits."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        known = naming.names([(row.problem_kind, row.problem_subject) for row in rows], with_locations=False)
        for row in rows:
            row.cause = known.cause(row.problem_subject)
        self.result_list = rows


@admin.register(SyncItem)
class SyncItemAdmin(DetailAdmin):
    confirmed_actions = ITEM_VERBS
    detail_template = "admin/sync/record.html"
    list_display = ("took", "receipt", "money", "state_shown", "what", "tender", "location", "square_id")
    list_display_links = ("took", "receipt")
    list_filter = (
        "state", "kind", "problem_kind", exact_filter("problem_subject", "cause"), ("lane", BookingLanes),
        "location", range_filter("took_place_at", "time"),
        exact_filter("local_day", "day"),
    )  # fmt: skip
    list_select_related = ("location",)
    exact_search = ("source_id", "order_id", "parent_id", items_with_reference, items_of_entry)
    search_help_text = "Square payment, refund or order id, or reference (TB-...); the whole of it"
    sortable_by = ()
    empty = (
        "No payments have been read yet. Switch a lane on, or press 'Run now' on it: its run reads them from Square."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncItem]:
        rows = super().get_queryset(request)
        return rows.defer("payload") if _is_list(request) else rows.select_related("lane__division", "lane__source")

    def stake(self, rows: QuerySet[Any]) -> Sequence[tuple[str, Any]]:
        return stake_of(rows, total="amount")

    def describe(self, row: SyncItem) -> str:
        return f"{shown.name_of(row)}, {row.local_day:%-d %b}, {shown.written(row.amount, row.currency)}"

    @admin.display(description="taken")
    def took(self, item: SyncItem) -> SafeString:
        return local_time(item.took_place_at)

    @admin.display(description="receipt")
    def receipt(self, item: SyncItem) -> str:
        return shown.name_of(item)

    @admin.display(description="Square id")
    def square_id(self, item: SyncItem) -> SafeString:
        """Enough of it to recognise; the whole stands in the title and on the record's page."""
        return format_html('<span title="{}">{}…</span>', item.source_id, item.source_id[:10])

    @admin.display(description="amount")
    def money(self, item: SyncItem) -> SafeString:
        return shown.money(item.amount, item.currency)

    @admin.display(description="state")
    def state_shown(self, item: SyncItem) -> SafeString:
        return shown.item_badge(item)

    @admin.display(description="problem")
    def what(self, item: SyncItem) -> SafeString | str:
        found = shown.remedy(item.problem_kind) if item.state == ItemState.WAITING else None
        return shown.explained(found.title, getattr(item, "cause", item.problem_subject)) if found else ""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        return RecordList

    # --- one record ------------------------------------------------------------------------------
    def detail(self, request: HttpRequest, row: SyncItem) -> Mapping[str, Any]:
        stored = list(row.legs.select_related("posting").order_by("id"))
        words = _words(
            row, [plan_of(leg) for leg in stored], [(leg.problem_kind, leg.problem_subject) for leg in stored]
        )
        entries = {leg.posting.pk: leg.posting for leg in stored if leg.posting}
        edit = row.edits.first()
        found = shown.remedy(row.problem_kind)
        return {
            "title": f"{row.get_kind_display().capitalize()} {row.receipt_number or row.source_id}",
            "item": row,
            "badge": shown.item_badge(row),
            # "EUR 5.00 given back": the words say which way it went.
            "amount": shown.money(abs(row.amount) if row.kind == "refund" else row.amount, row.currency),
            "remedy": found,
            "problem": words.ids.read(row.problem),
            "fix_url": shown.fix_url(row, words.ids),
            "square": square.side(row, words.ids),
            "legs": [legs.shown_leg(leg, words) for leg in stored],
            "entries": [_entry(posting) for posting in entries.values()],
            "lane_url": admin_url(SyncLane, row.lane_id),
            "preview_url": reverse("admin:sync_syncitem_preview", args=[row.pk]),
            "timeline": timeline.of([row.source_id, *(posting.reference for posting in entries.values())], words.ids),
            "raw": pretty_json(row.payload),
            "edit": _edit(edit),
            "steps": steps.of(row, stored, edit),
            "edit_url": _edit_url(request, row),
        }

    # --- preview ---------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        pages = (("preview", self.preview_view), ("edit", self.edit_view))
        own = [
            path(f"<int:item_id>/{name}/", self.admin_site.admin_view(view), name=f"sync_syncitem_{name}")
            for name, view in pages
        ]
        return [*own, *super().get_urls()]

    def preview_view(self, request: HttpRequest, item_id: int) -> HttpResponse:
        """The entries the record would become by the mappings of this moment. Nothing is sent and nothing changes."""
        item: SyncItem = self._row(request, str(item_id))
        if not self.has_view_permission(request, item):
            raise PermissionDenied
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"Preview of {item.get_kind_display()} {item.receipt_number or item.source_id}",
            "opts": self.opts,
            "original": item,
            "item": item,
            "amount": shown.money(item.amount, item.currency),
            "item_url": admin_url(SyncItem, item.pk),
        }
        try:
            plan = actions.preview(item)
        except actions.Impossible as refusal:
            return TemplateResponse(request, "admin/sync/preview.html", {**context, "refusal": str(refusal)})
        problems = [problem for problem in (plan.problem, *(leg.problem for leg in plan.legs)) if problem]
        words = _words(item, plan.legs, [(problem.kind, problem.subject) for problem in problems])
        context |= {
            "legs": [legs.shown_plan(leg, words) for leg in plan.legs],
            "notes": plan.notes,
            "problem": words.ids.read(plan.problem.sentence) if plan.problem else "",
        }
        return TemplateResponse(request, "admin/sync/preview.html", context)

    # --- edit ------------------------------------------------------------------------------------
    def edit_view(self, request: HttpRequest, item_id: int) -> HttpResponse:
        """The form beside the original; "preview" shows what would be booked, "save" stores the edit."""
        item: SyncItem = self._row(request, str(item_id))
        if not request.user.has_perm(editing.EDIT):
            raise PermissionDenied
        words = _words(item, (), ())
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"Edit {item.get_kind_display()} {item.receipt_number or item.source_id}",
            "opts": self.opts,
            "original": item,
            "item": item,
            "amount": shown.money(item.amount, item.currency),
            "problem": words.ids.read(item.problem),
            "item_url": admin_url(SyncItem, item.pk),
        }
        try:
            before = edits.description(item)
        except actions.Impossible as refusal:
            return TemplateResponse(request, "admin/sync/editing.html", {**context, "refusal": str(refusal)})
        form = editing.EditForm(item, before, request.POST or None)
        status = 200
        if request.method == "POST":
            try:
                if form.is_valid() and request.POST.get("verb") == "save":
                    return self._save_edit(request, item, form)
                context |= _tried(item, form) if form.is_valid() else {}
            except actions.Impossible as refusal:
                context["objection"] = str(refusal)
            status = 200 if form.is_valid() and "objection" not in context else 422
        context |= {
            "form": form,
            "parts": list(form.parts()),
            "too_many_lines": bool(before.lines) and not form.has_lines,
            "known_taxes": editing.known_taxes(item.lane),
            "above_limit": edits.needs_approval(item),
        }
        return TemplateResponse(request, "admin/sync/editing.html", context, status=status)

    def _save_edit(self, request: HttpRequest, item: SyncItem, form: editing.EditForm) -> HttpResponse:
        by, reason = request.user.get_username(), form.cleaned_data["reason"]
        row = edits.propose(item, form.before, form.after, reason=reason, by=by)
        if row.state == EditState.PROPOSED:
            messages.success(request, "Your edit waits until somebody else has approved it.")
        else:
            messages.success(request, "Edited. The record is on its way to be booked as you said.")
        return HttpResponseRedirect(admin_url(SyncItem, item.pk))


def _tried(item: SyncItem, form: editing.EditForm) -> dict[str, Any]:
    """What the record would be booked as. Raises `Impossible`."""
    plan = edits.preview(item, form.before, form.after)
    problems = [problem for problem in (plan.problem, *(leg.problem for leg in plan.legs)) if problem]
    words = _words(item, plan.legs, [(problem.kind, problem.subject) for problem in problems])
    return {
        "preview": True,
        "preview_legs": [legs.shown_plan(leg, words) for leg in plan.legs],
        "preview_problem": words.ids.read(plan.problem.sentence) if plan.problem else "",
    }


def _edit(row: ItemEdit | None) -> dict[str, Any] | None:
    """The newest edit of the record."""
    return {"row": row, "badge": editing.state_badge(row), "url": admin_url(ItemEdit, row.pk)} if row else None


def _edit_url(request: HttpRequest, item: SyncItem) -> str:
    """Where it is edited, "" for whoever may not, and for what has nothing to edit."""
    is_for = item.state == ItemState.WAITING and item.kind in KINDS
    return reverse("admin:sync_syncitem_edit", args=[item.pk]) if is_for and request.user.has_perm(editing.EDIT) else ""


def _words(item: SyncItem, plans: Sequence[LegPlan], causes: Iterable[tuple[str, str]]) -> legs.Words:
    division = item.lane.division_id
    ids = naming.names([(item.problem_kind, item.problem_subject), *causes])
    return legs.Words(division, legs.names_of(division, plans), ids)


def _is_list(request: HttpRequest) -> bool:
    return bool(request.resolver_match and request.resolver_match.url_name == "sync_syncitem_changelist")


def _entry(posting: Any) -> dict[str, Any]:
    return {
        "posting": posting,
        "url": admin_url(type(posting), posting.pk),
        "badge": shown.posting_badge(posting),
        "total": shown.entry_money(posting),
        "link": link(admin_url(type(posting), posting.pk), posting.reference),
        "body": pretty_json(posting.body),
    }
