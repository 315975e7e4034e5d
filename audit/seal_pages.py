"""The proof of the trail on the screen: how far it is sealed, whether it stands, and what an auditor takes away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.http.response import HttpResponseBadRequest
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from audit import adminkit, bundle, seals, verification
from audit.adminkit import DetailAdmin, ago, badge, local_time, number, range_filter
from audit.models import AuditArchive, AuditEntry, AuditSeal, AuditVerification
from audit.signals import verification_asked

EXPORT = "audit.export_auditentry"
VERIFY = "audit.verify_auditseal"
FILES_SHOWN = 12
# A worker seals each minute; entries that wait longer than this say that none does.
LATE = timedelta(minutes=10)


@admin.register(AuditSeal)
class AuditSealAdmin(DetailAdmin):
    list_display = ("seal", "sealed", "entries", "tells", "head_shown")
    list_display_links = ("seal",)
    list_filter = (range_filter("sealed_at", "sealed"),)
    exact_search = ("head",)
    search_help_text = "A head, whole, such as in a nightly mail"
    sortable_by = ()
    change_list_template = "admin/audit/auditseal/change_list.html"
    detail_template = "admin/audit/auditseal/detail.html"
    empty = "Nothing is sealed yet. A worker seals what the audit trail was told each minute; start it if none runs."

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditSeal]:
        rows: QuerySet[AuditSeal] = super().get_queryset(request).defer("digests")
        return rows

    @admin.display(description="seal")
    def seal(self, row: AuditSeal) -> str:
        return number(row.number)

    @admin.display(description="sealed")
    def sealed(self, row: AuditSeal) -> SafeString:
        return local_time(row.sealed_at, seconds=True)

    @admin.display(description="entries")
    def entries(self, row: AuditSeal) -> str:
        return number(row.count)

    @admin.display(description="up to")
    def tells(self, row: AuditSeal) -> SafeString:
        return local_time(row.last_at, seconds=True)

    @admin.display(description="head")
    def head_shown(self, row: AuditSeal) -> str:
        return f"{row.head[:16]}…"

    def detail(self, request: HttpRequest, row: AuditSeal) -> Mapping[str, Any]:  # noqa: ARG002
        spans = seals.spans_by_seal(row.number, row.number).get(row.number, [])
        return {
            "seal": row,
            "previous": bundle.head_of(row.number - 1),
            "spans": [str(first) if first == last else f"{first} to {last}" for first, last in spans[:FILES_SHOWN]],
            "more": max(0, len(spans) - FILES_SHOWN),
            "is_archived": row.number <= seals.archived_up_to(),
        }

    # --- the state of the whole -----------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        context = {
            "state": _state(adminkit.now()),
            "looks": [_look(row) for row in AuditVerification.objects.all()[:1]],
            "archives": AuditArchive.objects.order_by("-last_seal").defer("manifest")[:FILES_SHOWN],
            "may_export": request.user.has_perm(EXPORT),
            "may_verify": request.user.has_perm(VERIFY),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    # --- verify and download --------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("verify/", view(self.verify_view), name="audit_auditseal_verify"),
            path("download/", view(self.download_view), name="audit_auditseal_download"),
            *super().get_urls(),
        ]

    def verify_view(self, request: HttpRequest) -> HttpResponseBase:
        """POST: a look at the whole trail, at once when it is short, else by a worker."""
        if not request.user.has_perm(VERIFY):
            raise PermissionDenied
        if request.method != "POST":
            return self._trail()
        row = verification.ask(request.user.get_username(), now=adminkit.now())
        verification_asked.send(sender=AuditVerification, verification=row)
        row.refresh_from_db()
        if row.ended_at is None:
            messages.info(request, "A worker looks at every entry now. Come back in a minute for what it found.")
        elif row.finding:
            messages.error(request, row.finding)
        else:
            messages.success(request, f"Everything stands: {number(row.entries)} entries.")
        return self._trail()

    def _trail(self) -> HttpResponseRedirect:
        """Also where somebody ends who reloads what a button answered, or types its address."""
        return HttpResponseRedirect(reverse("admin:audit_auditseal_changelist"))

    def download_view(self, request: HttpRequest) -> HttpResponseBase:
        """POST: the entries of a period, both days included, with their proof."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        if request.method != "POST":
            return self._trail()
        try:
            since, until = _begin(request.POST.get("from", "")), _begin(request.POST.get("to", ""), days=1)
        except (ValueError, OverflowError):
            return HttpResponseBadRequest("A day reads 2026-03-31.", content_type="text/plain; charset=utf-8")
        contents = bundle.of_period(AuditEntry.objects.all(), since=since, until=until, asked="", now=adminkit.now())
        return bundle.stream(contents, now=adminkit.now)


def _begin(day: str, *, days: int = 0) -> datetime | None:
    """Of a day here, or so many days later; None for no day. Raises `ValueError` or `OverflowError`."""
    if not day:
        return None
    return timezone.make_aware(datetime.combine(date.fromisoformat(day) + timedelta(days=days), time.min))


def _state(now: datetime) -> dict[str, Any]:
    end, left = seals.head(), seals.unsealed()
    waits = f"{number(left.count)}{'+' if left.count >= seals.MOST else ''}"
    is_late = left.oldest is not None and now - left.oldest > LATE
    return {
        "end": end,
        "count": number(end.sealed),
        "unsealed": badge(f"{waits}, the oldest {ago(left.oldest, now)}", "bad" if is_late else "quiet")
        if left.oldest
        else "none",
        "is_late": is_late,
        "archived_up_to": seals.archived_up_to(),
    }


def _look(row: AuditVerification) -> dict[str, Any]:
    if row.ended_at is None:
        verdict = badge("under way", "busy")
    else:
        verdict = badge("does not stand", "bad") if row.finding else badge("everything stands", "good")
    return {"row": row, "verdict": verdict, "entries": number(row.entries)}
