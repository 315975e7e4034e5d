"""The page "Quota" of one connection and division: what is used today, for what, and what is kept for whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from audit import words
from audit.adminkit import admin_url, badge, link, list_url, local_time, number
from config.admin_site import HEALTH
from connections import budget, clock
from connections.models import CallBudget, Connection, VendorCall
from connections.priorities import WORDS
from sync import quota
from sync.models import SyncLane
from sync.quota import Endpoint, PriorityShare, Purpose, Use

WIDTH, HEIGHT, TOP = 720, 160, 16


@dataclass(frozen=True, slots=True)
class Point:
    """One hour on the curve: calls up to its end. `x` and `y` in units of the picture."""

    hour: datetime
    calls: int
    so_far: int
    x: int
    y: int


def view(request: HttpRequest, budget_id: int) -> HttpResponse:
    if not request.user.has_perm(HEALTH):
        raise PermissionDenied
    row = get_object_or_404(CallBudget.objects.select_related("connection"), pk=budget_id)
    now = clock.now()
    use = quota.use_of(row, now)
    points = curve(use)
    context = {
        **admin.site.each_context(request),
        "title": f"Quota of {row.connection}" + (f", division {row.division}" if row.division else ""),
        "row": row,
        "has_limits": row.connection.system == Connection.System.EXACT,
        "facts": list(_facts(use, now)),
        "used": number(use.used),
        "allowed": number(row.day_limit),
        "share": round(100 * use.used / row.day_limit) if row.day_limit else 0,
        "points": points,
        "line": " ".join(f"{point.x},{point.y}" for point in points),
        "width": WIDTH,
        "height": HEIGHT + 2 * TOP,
        "base": HEIGHT + TOP,
        "top": TOP,
        "scale": number(_scale(use)),
        "purposes": [_purpose(one) for one in use.purposes],
        "endpoints": [_endpoint(one) for one in use.endpoints],
        "machines": budget.ERRORS_FOR_MACHINES,
        "people": budget.ERRORS_FOR_PEOPLE,
        "shares": [_share(one) for one in use.shares],
        "calls_url": list_url(VendorCall, connection__id__exact=row.connection_id),
        "now": now,
    }
    return TemplateResponse(request, "admin/quota.html", context)


def curve(use: Use) -> Sequence[Point]:
    """Calls of Tillbridge added up over the day; the full height is what a day allows, or what was used if more."""
    points, so_far, most = [], 0, _scale(use)
    for place, (hour, calls) in enumerate(use.hours):
        so_far += calls
        x, y = WIDTH * (place + 1) // quota.HOURS, TOP + HEIGHT - HEIGHT * so_far // most
        points.append(Point(hour, calls, so_far, min(x, WIDTH), y))
    return points


def _scale(use: Use) -> int:
    return max(use.row.day_limit, use.seen, 1)


def _facts(use: Use, now: datetime) -> Iterator[tuple[str, SafeString | str]]:
    row = use.row
    yield "Today", f"{number(use.used)} of {number(row.day_limit)} used, {number(use.left)} left"
    yield "By Tillbridge", f"{number(use.seen)} of them"
    yield "The last minute", f"{number(use.minute)} of {number(row.minute_limit)}"
    yield "Full again", local_time(row.day_resets_at if row.day_resets_at > now else None)
    if row.blocked_until and row.blocked_until > now:
        yield "Blocked", format_html("{} until {}", badge("asked to wait", "bad"), local_time(row.blocked_until))


def _purpose(one: Purpose) -> tuple[SafeString | str, str, str]:
    lane = link(admin_url(SyncLane, one.lane.pk), str(one.lane)) if one.lane else "outside of lanes"
    return lane, capfirst(words.TRIGGERS.get(one.trigger, one.trigger)), number(one.calls)


def _endpoint(one: Endpoint) -> dict[str, Any]:
    rests = [("automatic calls", one.machines_until), ("people", one.people_until)]
    told = [(who, local_time(until)) for who, until in rests if until]
    return {
        "name": one.name,
        "kind": "refused writes" if one.is_refusals else "errors",
        "errors": number(one.errors),
        "rests": format_html_join(", ", "{} until {}", told) if told else badge("open", "good"),
    }


def _share(one: PriorityShare) -> dict[str, Any]:
    lanes = [(link(admin_url(SyncLane, lane.pk), str(lane)),) for lane in one.lanes]
    return {
        "name": capfirst(WORDS[one.claim.priority]),
        "lanes": format_html_join(", ", "{}", lanes) or "–",
        "leaves": f"{one.claim.leaves} %",
        "kept": number(one.kept),
        "free": number(one.free),
    }
