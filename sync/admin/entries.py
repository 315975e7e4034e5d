"""Entries on the screen: one document in Exact each, as it was sent, with what it moves and the legs it pays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit.adminkit import (
    DetailAdmin,
    admin_url,
    exact_filter,
    link,
    list_url,
    local_time,
    number,
    pretty_json,
    range_filter,
)
from audit.models import AuditEntry
from mappings.bookkeeping import explanation
from sync import corrections
from sync.admin import conventions, currencies, legs, naming, shown, timeline
from sync.admin.lane_choice import BookingLanes
from sync.admin.saleslists import SalesListPages, facts_of
from sync.admin.verbs import POSTING_VERBS, stake_of
from sync.legs import plan_of
from sync.models import Posting, SyncItem, SyncLane, SyncRun

MOST_LEGS = 200


def entries_with_number(term: str) -> Iterable[int]:
    """Entries with this Exact entry number. No index, but numbers are rare as a search term and the table is ours."""
    if not term.isdecimal():
        return ()
    return Posting.objects.filter(remote_number=int(term)).values_list("pk", flat=True)[:100]


@admin.register(Posting)
class PostingAdmin(SalesListPages, DetailAdmin):
    confirmed_actions = POSTING_VERBS
    detail_template = "admin/sync/entry.html"
    list_display = (
        "reference",
        "day",
        "document",
        "journal",
        "total_shown",
        "state_shown",
        "exact_number",
        "what",
    )
    list_filter = (
        "state", "document", ("lane", BookingLanes), range_filter("date", "entry date", holds_moments=False),
        exact_filter("run_id", "run"),
    )  # fmt: skip
    exact_search = ("reference", "remote_id", entries_with_number)
    search_help_text = "Reference (TB-...), Exact entry number or Exact entry id; the whole of it"
    sortable_by = ()
    empty = "No entry has been drafted yet. Entries appear once a run finds records that can be booked."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        rows = super().get_queryset(request)
        is_list = request.resolver_match and request.resolver_match.url_name == "sync_posting_changelist"
        return rows.defer("body") if is_list else rows.select_related("lane", "division", "corrects")

    def stake(self, rows: QuerySet[Any]) -> Sequence[tuple[str, Any]]:
        """Of one entry what its page says: one that only passes through its journal comes to nothing."""
        money, *others = stake_of(rows, total="total")
        only = list(rows.defer("body")[:2])
        return [("Money", shown.entry_money(only[0])) if len(only) == 1 else money, *others]

    @admin.display(description="date")
    def day(self, posting: Posting) -> SafeString:
        return local_time(posting.date)

    @admin.display(description="amount")
    def total_shown(self, posting: Posting) -> SafeString:
        return shown.entry_money(posting)

    @admin.display(description="state")
    def state_shown(self, posting: Posting) -> SafeString:
        return shown.posting_badge(posting)

    @admin.display(description="Exact no.")
    def exact_number(self, posting: Posting) -> str:
        return str(posting.remote_number or "–")

    @admin.display(description="problem")
    def what(self, posting: Posting) -> SafeString | str:
        found = shown.remedy(posting.problem_kind)
        told = found.title if found else posting.problem
        return shown.explained(told, "") if told else ""

    def detail(self, request: HttpRequest, row: Posting) -> Mapping[str, Any]:  # noqa: ARG002
        found = shown.remedy(row.problem_kind)
        moved = {str(code): int(total) for code, total in row.expected.items()}
        names = legs.names_of(row.division_id, (), more=moved)
        return {
            "title": f"Entry {row.reference}",
            "posting": row,
            "badge": shown.posting_badge(row),
            "total": shown.entry_money(row),
            "document": legs.DOCUMENTS[row.document],
            "remedy": found,
            "movements": legs.movements(moved, row.currency, names),
            "body": pretty_json(row.body),
            "conventions": conventions.used_by(row),
            "legs": _legs(row),
            "leg_count": number(row.legs.count()),
            "sales_list": facts_of(row),
            "parts": row.parts.only("reference").order_by("id"),
            "lane_url": admin_url(SyncLane, row.lane_id),
            "run_url": admin_url(SyncRun, row.run_id) if row.run_id else "",
            "moved": _moved(row),
            "conversion": currencies.conversion(row),
            "corrects_url": admin_url(Posting, row.corrects_id) if row.corrects_id else "",
            "takes_back": _links(corrections.corrected_entries(row.legs.filter(is_reversal=True))),
            "taken_back_by": _links(corrections.correcting_entries(row)),
            "audit_url": list_url(AuditEntry, source=row.reference),
            "timeline": timeline.of([row.reference]),
        }


def _moved(posting: Posting) -> Sequence[str]:
    """The day it belongs to and what that does to its VAT, for an entry that a closed period moved."""
    first = posting.legs.exclude(moved_from=None).order_by("id").first()
    return [naming.readable(told) for told in explanation.moved(plan_of(first))] if first else ()


def _links(entries: Iterable[Posting]) -> list[SafeString]:
    return [link(admin_url(Posting, entry.pk), entry) for entry in entries]


def _legs(posting: Posting) -> list[dict[str, Any]]:
    rows = posting.legs.select_related("item").defer("item__payload").order_by("id")[:MOST_LEGS]
    return [
        {
            "item": link(admin_url(SyncItem, leg.item_id), shown.name_of(leg.item)),
            "kind": leg.get_kind_display(),
            "reference": leg.reference,
            "date": local_time(leg.date),
            "amount": shown.leg_money(plan_of(leg)),
            "badge": shown.leg_badge(leg),
        }
        for leg in rows
    ]
