"""The audit trail on the screen: read, searched, exported, never edited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.response import HttpResponseBadRequest, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from audit import adminkit, bundle, export, seal_pages, words
from audit.adminkit import DetailAdmin, badge, exact_filter, link, local_time, range_filter
from audit.models import AuditEntry

EXPORT = seal_pages.EXPORT


class VerbFilter(adminkit.ChoiceFilter):
    title = "what happened"
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(verb, f"{verb.split('.')[0]}: {text}") for verb, text in words.choices()]


class TriggerFilter(adminkit.ChoiceFilter):
    title = "trigger"
    parameter_name = "trigger"
    options = list(words.TRIGGERS.items())


@admin.register(AuditEntry)
class AuditEntryAdmin(DetailAdmin):
    list_display = ("when", "actor", "what", "about", "source", "division_code", "run")
    list_display_links = ("when",)
    list_filter = (
        range_filter("at", "time"), VerbFilter, TriggerFilter, exact_filter("request_id", "request"),
        exact_filter("run_id", "run"), exact_filter("source", "source"), exact_filter("actor", "person"),
    )  # fmt: skip
    exact_search = ("source", "subject")
    search_help_text = "Exact reference (TB-...), Square payment id, or name of what it is about"
    sortable_by = ()
    change_list_template = "admin/audit/auditentry/change_list.html"
    detail_template = "admin/audit/auditentry/detail.html"
    empty = "Nothing has happened yet. The first connection, run or decision will appear here by itself."

    @admin.display(description="time")
    def when(self, entry: AuditEntry) -> SafeString:
        return local_time(entry.at, seconds=True)

    @admin.display(description="what happened")
    def what(self, entry: AuditEntry) -> SafeString:
        return badge(words.say(entry.verb), words.tone(entry.verb))

    @admin.display(description="about")
    def about(self, entry: AuditEntry) -> SafeString:
        return link(adminkit.subject_url(entry.subject_type, entry.subject_id), entry.subject or entry.subject_type)

    @admin.display(description="division")
    def division_code(self, entry: AuditEntry) -> str:
        return str(entry.division or "")

    @admin.display(description="run")
    def run(self, entry: AuditEntry) -> SafeString:
        return link(adminkit.subject_url("run", entry.run_id), str(entry.run_id or ""))

    def detail(self, request: HttpRequest, row: AuditEntry) -> Mapping[str, Any]:  # noqa: ARG002
        return {
            "title": words.say(row.verb)[:1].upper() + words.say(row.verb)[1:],
            "entry": row,
            "happened": words.say(row.verb),
            "tone": words.tone(row.verb),
            "because": words.TRIGGERS.get(row.trigger, row.trigger),
            "subject_url": adminkit.subject_url(row.subject_type, row.subject_id),
            "run_url": adminkit.subject_url("run", row.run_id),
            "lane_url": adminkit.subject_url("lane", row.lane_id),
            "source_url": adminkit.list_url(AuditEntry, source=row.source) if row.source else "",
            "request_url": adminkit.list_url(AuditEntry, request_id=row.request_id) if row.request_id else "",
            "details": list(_flat(row.detail)),
            "raw": adminkit.pretty_json(row.detail),
        }

    # --- export ----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="audit_auditentry_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        context = {"may_export": request.user.has_perm(EXPORT), **(extra_context or {})}
        return super().changelist_view(request, context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The filtered list as CSV. POST, because the trail keeps that it was asked for."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
            form, asked = request.POST.get("form", "machine"), request.GET.urlencode()
            if form == "proof":
                contents = bundle.of_period(rows, since=None, until=None, asked=asked, now=adminkit.now())
                return bundle.stream(contents, now=adminkit.now)
            return export.stream(rows, form=form, now=adminkit.now, asked=asked)
        except IncorrectLookupParameters:
            return HttpResponseBadRequest("The list has no such filter.", content_type="text/plain; charset=utf-8")
        except ValueError as unknown:
            return HttpResponseBadRequest(str(unknown), content_type="text/plain; charset=utf-8")


def _flat(detail: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested detail as (name, value) pairs that a person reads from top to bottom."""
    for name, value in detail.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, prefix=f"{label}: ")
        else:
            yield label, ", ".join(map(str, value)) if isinstance(value, list) else value
