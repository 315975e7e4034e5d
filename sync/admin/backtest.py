"""The page "Back-test": what saving the rule would have done to the last 30 days, before it is saved."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse

from audit.adminkit import admin_url
from mappings import pages
from mappings.models import GLMapping
from mappings.pages import Page
from sync import backtest
from sync.admin import legs, shown
from sync.backtest import BackTest
from sync.models import SyncItem

SHOWN = 20
SKIPPED = ("csrfmiddlewaretoken", "_save", "_continue", "_addanother")
Side = Counter[tuple[str, str]]


def view(page: Any, request: HttpRequest) -> HttpResponse:
    """POST of the rule's own form: checked as when it is saved, then tried, and not saved."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row = page.get_object(request, request.GET.get("rule", "")) if request.GET.get("rule") else None
    if not (page.has_change_permission(request, row) if row else page.has_add_permission(request)):
        return HttpResponse("You may not change rules.", status=403, content_type="text/plain; charset=utf-8")
    form = page.get_form(request, row, change=bool(row))(request.POST, instance=row)
    back = reverse("admin:mappings_glmapping_change", args=[row.pk]) if row else pages.url("add")
    context = {
        **page.admin_site.each_context(request), "title": "Back-test", "opts": GLMapping._meta, "back": back,
        "fields": [(name, value) for name, values in request.POST.lists() if name not in SKIPPED for value in values],
    }  # fmt: skip
    if form.is_valid():
        changed = form.save(commit=False)
        test = backtest.run(changed.division, [changed])
        context |= _told(changed, test)
    else:
        messages.error(request, "It cannot be saved like this, so it was not tried.")
        context["errors"] = [str(told) for errors in form.errors.values() for told in errors]
    return TemplateResponse(request, "admin/mappings/backtest.html", context)


def _told(changed: GLMapping, test: BackTest) -> dict[str, Any]:
    codes = {code for side in test.moved for _, code in side}
    names = legs.names_of(changed.division_id, (), more=sorted(codes))
    return {
        "rule": changed, "test": test, "most": backtest.MOST, "affected": len(test.affected),
        "accounts": [
            (legs.named(code, names), *_three(test.moved, currency, code)) for currency, code in _keys(test.moved)
        ],
        "boxes": [
            (code, _three(test.net, currency, code), _three(test.vat, currency, code))
            for currency, code in sorted({*_keys(test.net), *_keys(test.vat)})
        ],
        "stops": test.stops.most_common(5),
        "samples": [(admin_url(SyncItem, item.pk), shown.name_of(item), item.local_day,
                     shown.money(item.amount, item.currency)) for item in test.affected[:SHOWN]],
    }  # fmt: skip


def _keys(sides: tuple[Side, Side]) -> list[tuple[str, str]]:
    """What differs."""
    return sorted(key for key in {*sides[0], *sides[1]} if sides[0][key] != sides[1][key])


def _three(sides: tuple[Side, Side], currency: str, code: str) -> tuple[Any, Any, Any]:
    before, after = sides[0][currency, code], sides[1][currency, code]
    return tuple(shown.money(amount, currency) for amount in (before, after, after - before))  # type: ignore[return-value]


pages.add(Page("back-test", view, "mappings.view_glmapping"))
