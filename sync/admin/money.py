"""The page "Money" of a lane: what came in, what Square passed on, who still owes; and who still owes by Exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern

from audit.adminkit import admin_url
from connections import clients, clock
from connections.money import to_minor
from connections.providers.errors import VendorError
from connections.providers.exact import resources
from mappings.models import DebtorAccount
from sync import calendar_months, money
from sync.admin import shown
from sync.calendar_months import first_day, last_day, month_before, next_month
from sync.models import Leg, SyncLane

FIRST_CUSTOMERS = 200
# Months of other years are mistyped; the months before and after each of these exist.
FIRST_YEAR, LAST_YEAR = 2000, 2100


class MoneyPage:
    """For the admin of lanes."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.money_view)  # type: ignore[attr-defined]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("<path:object_id>/money/", view, name="sync_synclane_money"), *urls]

    def money_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """POST asks Exact what is open, which costs a call per 1,000 open terms; nothing is stored."""
        lane: SyncLane = self._row(request, object_id)  # type: ignore[attr-defined]
        first = _month(request.GET.get("month", ""), lane)
        last = last_day(first)
        rows = money.days(lane, first, last)
        totals = money.total(rows).values()
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": f"Money of {lane}", "opts": SyncLane._meta, "original": lane, "first": first,
            "lane_url": admin_url(SyncLane, lane.pk), "days": [_day(row) for row in rows],
            "totals": [_day(row) for row in totals],
            "earlier": _url(lane, month_before(first)), "later": _url(lane, next_month(first)),
            **_customers(lane, _asked(lane) if request.method == "POST" else {}),
        }  # fmt: skip
        return TemplateResponse(request, "admin/sync/money.html", context)


def _month(wanted: str, lane: SyncLane) -> date:
    """The month asked for; else that of the newest entry, so that the page is not empty on the first of a month."""
    try:
        first = calendar_months.read(wanted)
        if FIRST_YEAR <= first.year <= LAST_YEAR:
            return first
    except ValueError:
        pass
    newest = Leg.objects.filter(lane=lane, state__in=money.BOOKED).order_by("-date").values_list("date", flat=True)
    return first_day(newest.first() or clock.now().date())


def _url(lane: SyncLane, first: date) -> dict[str, str]:
    return {
        "url": f"{reverse('admin:sync_synclane_money', args=[lane.pk])}?month={first:%Y-%m}",
        "label": f"{first:%B %Y}",
    }


def _day(row: money.Day) -> dict[str, Any]:
    names = ("received", "refunded", "fees", "settled", "kept")
    figures = [shown.money(getattr(row, name), row.currency) for name in names]
    return {"day": row.day, "currency": row.currency, "figures": figures, "url": shown.items_url(day=f"{row.day}")}


def _customers(lane: SyncLane, asked: Mapping[str, Any]) -> dict[str, Any]:
    """`asked` holds Exact's answer, or the sentence that says why there is none."""
    rows = money.customers(lane)
    open_there: Mapping[tuple[str, str], int] | None = asked.get("open")
    owing = [row for row in rows if row.outstanding or (open_there or {}).get((row.id, row.currency))]
    return {
        "customers": [_customer(row, open_there) for row in owing[:FIRST_CUSTOMERS]],
        "unseen": max(0, len(owing) - FIRST_CUSTOMERS),
        "settled_customers": len(rows) - len(owing),
        "outstanding": shown.sums(_outstanding(rows)),
        "is_compared": open_there is not None,
        "refusal": asked.get("refusal", ""),
    }


def _outstanding(rows: Sequence[money.Customer]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row.currency] += row.outstanding
    return found


def _customer(row: money.Customer, open_there: Mapping[tuple[str, str], int] | None) -> dict[str, Any]:
    there = None if open_there is None else open_there.get((row.id, row.currency), 0)
    return {
        "name": row.name, "code": row.code,
        "url": admin_url(DebtorAccount, row.row_id) if row.row_id else "",
        "sold": shown.money(row.sold, row.currency), "paid": shown.money(row.paid, row.currency),
        "outstanding": shown.money(row.outstanding, row.currency), "there": shown.money(there, row.currency),
        "difference": shown.money(None if there is None else there - row.outstanding, row.currency),
        "is_equal": there == row.outstanding, "last": row.last,
    }  # fmt: skip


def _asked(lane: SyncLane) -> dict[str, Any]:
    """What Exact holds open per customer and currency, positive when the customer owes."""
    found: Counter[tuple[str, str]] = Counter()
    try:
        for row in clients.exact_client(lane.division).read(resources.RECEIVABLES):
            found[row.account, row.currency] += to_minor(row.amount, row.currency)
    except VendorError as error:
        return {"refusal": f"Exact was not reached, so there is nothing to compare with: {error.sentence}"}
    return {"open": found}
