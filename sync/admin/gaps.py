"""The page "What no rule covers": each missing rule with what waits for it, and a form that is filled in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from connections.models import Division
from mappings import pages
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import GLMapping
from mappings.pages import Page
from mappings.resolution import asked_by
from sync import gaps
from sync.admin import shown
from sync.admin.naming import Names
from sync.gaps import Missing


def view(page: Any, request: HttpRequest) -> HttpResponse:
    names = {row.pk: str(row) for row in Division.objects.all()}
    rows = [_row(found, names) for found in gaps.missing()]
    context = {
        **page.admin_site.each_context(request), "title": "What no rule covers", "opts": GLMapping._meta, "rows": rows,
        "may_add": page.has_add_permission(request),
    }  # fmt: skip
    return TemplateResponse(request, "admin/mappings/gaps.html", context)


def _row(found: Missing, names: dict[int, str]) -> dict[str, Any]:
    remedy = shown.REMEDIES[ProblemKind(found.kind)]
    return {
        "subject": found.subject or remedy.title,
        "asked": [(name.replace("_", " "), value) for name, value in asked_by(found.subject).items()],
        "title": remedy.title,
        "division": names.get(found.division, ""),
        "records": found.records,
        "sums": shown.sums(found.sums),
        "first": found.first,
        "last": found.last,
        "places": sorted(found.places),
        "url": shown.items_url(state="waiting", kind=found.kind, subject=found.subject),
        "fix_url": shown.remedy_url(found.kind, found.subject, Names(), since=found.first, division=found.division),
        "fix_label": remedy.button,
    }


pages.add(Page("gaps", view, "sync.view_syncitem", "What no rule covers"))
