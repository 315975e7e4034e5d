"""The page "System health": what works, how fast, and how much of the vendors' limits is left."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import get_version
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection as database
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from audit.adminkit import badge, list_url, local_time, number
from config.admin_site import HEALTH
from connections import clock
from connections.models import CallBudget, Connection, VendorCall
from sync import vitals
from sync.admin import shown
from sync.lifecycle import ItemState
from sync.models import SyncRun
from sync.vitals import Durations, Figures

# Name in the address, words, and how far back.
WINDOWS = {
    "hour": ("the last hour", timedelta(hours=1)),
    "day": ("the last 24 hours", timedelta(days=1)),
    "week": ("the last 7 days", timedelta(days=7)),
}
STATES = {
    ItemState.EXTRACTED: "read, not worked out yet",
    ItemState.RESOLVED: "on their way into the books",
    ItemState.WAITING: "waiting",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure with what it is of, and where its rows are."""

    name: str
    figures: tuple[Any, ...]
    url: str = ""


def view(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(HEALTH):
        raise PermissionDenied
    now = clock.now()
    chosen = request.GET.get("window", "")
    window = chosen if chosen in WINDOWS else "day"
    words, span = WINDOWS[window]
    found = vitals.figures(now - span)
    context = {
        **admin.site.each_context(request),
        "title": "System health",
        "checks": [(row.title, _verdict(row.is_well), row.sentence) for row in vitals.checks(now)],
        "windows": [(name, said, name == window) for name, (said, _) in WINDOWS.items()],
        "window": words,
        "calls": list(_calls(found)),
        "runs": _runs(found),
        "records": list(_records(found)),
        "queue": number(found.queue),
        "budgets": [_budget(row, now) for row in vitals.budgets()],
        "errors": [(row.endpoint, str(row.division or "–"), number(row.count)) for row in vitals.errors_this_hour(now)],
        "versions": list(_versions()),
        "now": now,
    }
    return TemplateResponse(request, "admin/health.html", context)


def _verdict(is_well: bool) -> SafeString:
    return badge("well", "good") if is_well else badge("failing", "bad")


def _calls(found: Figures) -> Iterator[Row]:
    for calls in found.calls:
        share = f"{calls.failed_share:.1f} %" if calls.total else "–"
        figures = (number(calls.total), number(calls.failed), share, *_took(calls.durations))
        yield Row(Connection.System(calls.system).label, figures, list_url(VendorCall, system__exact=calls.system))


def _runs(found: Figures) -> Row:
    figures = (number(found.runs.count), number(found.runs_failed), *_took(found.runs))
    return Row("Runs", figures, list_url(SyncRun))


def _took(durations: Durations) -> tuple[str, str]:
    if durations.median is None or durations.p95 is None:
        return "–", "–"
    return _span(durations.median), _span(durations.p95)


def _span(milliseconds: int) -> str:
    return f"{number(milliseconds)} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004


def _records(found: Figures) -> Iterator[Row]:
    for state, words in STATES.items():
        yield Row(words, (number(found.records.get(state, 0)),), shown.items_url(state=state))


def _budget(row: CallBudget, now: datetime) -> dict[str, Any]:
    left = vitals.calls_left(row, now)
    blocked = row.blocked_until if row.blocked_until and row.blocked_until > now else None
    return {
        "connection": row.connection,
        "url": reverse("admin:quota", args=[row.pk]),
        "division": str(row.division or "–"),
        "left": number(left),
        "allowed": number(row.day_limit),
        "share": round(100 * left / row.day_limit) if row.day_limit else 0,
        "resets": local_time(row.day_resets_at),
        "blocked": local_time(blocked) if blocked else "",
    }


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    yield "Django", get_version()
    yield "Database", f"{database.display_name} {'.'.join(map(str, database.get_database_version()))}"
    yield "Clock", f"{clock.current().speed:g} times real time" if clock.current().speed != 1 else "real time"
    yield "Queue", "Redis" if "redis" in settings.Q_CLUSTER else "database"
