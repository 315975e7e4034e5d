"""The records behind an entry on a page of their own, and as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from audit.adminkit import admin_url, link, local_time, number
from sync import saleslist
from sync.admin import shown
from sync.lifecycle import AttachmentState
from sync.models import Attachment, Posting, SyncItem
from sync.saleslist import Codes, Listed, Totals

if TYPE_CHECKING:
    from audit.adminkit import DetailAdmin as _Base
else:
    _Base = object

ROWS = 100
ATTACHED = {
    AttachmentState.DUE: "the list will be attached",
    AttachmentState.SENDING: "the list is being attached",
    AttachmentState.ATTACHED: "the list is attached",
    AttachmentState.REFUSED: "the list could not be attached",
}


def facts_of(posting: Posting) -> Mapping[str, Any]:
    """For the entry's page: where its list is, and whether it is attached in Exact."""
    held = Attachment.objects.filter(posting=posting).first()
    return {
        "url": reverse("admin:sync_posting_sales", args=[posting.pk]),
        "csv_url": reverse("admin:sync_posting_sales_csv", args=[posting.pk]),
        "attachment": ATTACHED[AttachmentState(held.state)] if held else "",
        "problem": held.problem if held else "",
    }


class SalesListPages(_Base):
    """The two addresses, for the entries' admin page."""

    def get_urls(self) -> list[URLPattern]:
        pages = (("sales/", self.sales_view, "sales"), ("sales.csv", self.sales_csv_view, "sales_csv"))
        own = [
            path(f"<int:posting_id>/{place}", self.admin_site.admin_view(view), name=f"sync_posting_{name}")
            for place, view, name in pages
        ]
        return [*own, *super().get_urls()]

    def sales_view(self, request: HttpRequest, posting_id: int) -> HttpResponse:
        """One page of the records, and the sums over all of them beside what the entry says."""
        posting: Posting = self._row(request, str(posting_id))
        found = saleslist.totals(posting)
        codes = sorted(found.codes)
        page = Paginator(range(found.records), ROWS).get_page(request.GET.get("page"))
        begin = max(page.start_index() - 1, 0)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Records behind entry {posting.reference}",
            "opts": self.opts,
            "original": posting,
            "posting": posting,
            "entry_url": admin_url(Posting, posting.pk),
            "csv_url": reverse("admin:sync_posting_sales_csv", args=[posting.pk]),
            "total": shown.money(posting.total, posting.currency),
            "page": page,
            "count": number(found.records),
            "codes": [f"code {code}" if code else "no code" for code in codes],
            "rows": [_row(row, codes, posting) for row in saleslist.listed(posting, begin=begin, count=ROWS)],
            "sums": _amounts(found.total, found.codes, codes, posting),
            "found": found,
        }
        return TemplateResponse(request, "admin/sync/saleslist.html", context)

    def sales_csv_view(self, request: HttpRequest, posting_id: int) -> StreamingHttpResponse:
        posting: Posting = self._row(request, str(posting_id))
        found: Totals = saleslist.totals(posting)
        response = StreamingHttpResponse(saleslist.lines(posting, found), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{posting.reference}.csv"'
        return response


def _row(row: Listed, codes: Sequence[str], posting: Posting) -> Mapping[str, Any]:
    return {
        "item": link(admin_url(SyncItem, row.item_id), row.receipt_number or row.source_id),
        "at": local_time(row.took_place_at),
        "kind": row.kind,
        "amounts": _amounts(row.total, row.codes, codes, posting),
    }


def _amounts(total: int, per_code: Codes, codes: Sequence[str], posting: Posting) -> list[Any]:
    """The total, then net and VAT of each code; a code the record does not have stays empty."""
    shown_codes = [
        shown.money(amount, posting.currency) if code in per_code else ""
        for code in codes
        for amount in per_code.get(code, (0, 0))
    ]
    return [shown.money(total, posting.currency), *shown_codes]
