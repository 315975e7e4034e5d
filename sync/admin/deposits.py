"""Deposits: money received on orders that are no sale yet, oldest first."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit.adminkit import ReadOnlyAdmin, admin_url, badge, link, local_time
from connections import clock
from mappings.bookkeeping.legs import LegKind
from sync.admin import shown
from sync.admin.lane_choice import BookingLanes
from sync.lifecycle import STANDING, LegState
from sync.models import Deposit, Leg, SyncItem

LONG = 90  # days after which somebody should ask what became of the order


@admin.register(Deposit)
class DepositAdmin(ReadOnlyAdmin):
    list_display = ("received", "days", "money", "given_back", "order_state", "location", "record", "lane")
    list_display_links = None
    list_filter = (("lane", BookingLanes), "location")
    list_select_related = ("location", "lane", "item")
    exact_search = ("order_id",)
    search_help_text = "Square order id, the whole of it"
    sortable_by = ()
    introduction = (
        "Money received on orders that are no sale yet, oldest first. It stands on receivables until the order is "
        "completed or the money goes back."
    )
    empty = (
        "No deposit is held: every order that money was received on is a sale, or the money went back. What is paid on "
        "an open order stands on receivables until the order is completed."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Receipts of orders that were not completed when the money came, and have neither sale nor refund since."""
        legs = Leg.objects.filter(lane=OuterRef("lane"), is_reversal=False)
        sold = legs.filter(order_id=OuterRef("order_id"), kind=LegKind.SALE).exclude(state=LegState.DISMISSED)
        back = legs.filter(kind=LegKind.REFUND_MONEY, state__in=STANDING, item__parent_id=OuterRef("item__source_id"))
        total = back.order_by().values("item__parent_id").annotate(total=Sum("item__amount")).values("total")
        rows = super().get_queryset(request).filter(kind=LegKind.RECEIPT, after_sale=False, state__in=STANDING)
        held: QuerySet[Any] = rows.filter(~Exists(sold)).annotate(
            order_now=KeyTextTransform("state", KeyTextTransform("order", "item__payload")),
            refunded=Coalesce(Subquery(total), 0),
        )
        return held.filter(item__amount__gt=-F("refunded"))

    @admin.display(description="received")
    def received(self, row: Any) -> SafeString:
        return local_time(row.date)

    @admin.display(description="held for")
    def days(self, row: Any) -> SafeString | str:
        days = (clock.now().date() - row.date).days
        text = f"{days} day" if days == 1 else f"{days} days"
        return badge(text, "wait") if days >= LONG else text

    @admin.display(description="amount")
    def money(self, row: Any) -> SafeString:
        return shown.money(row.item.amount, row.currency)

    @admin.display(description="order")
    def order_state(self, row: Any) -> SafeString:
        if row.order_now == "CANCELED":
            return badge("cancelled: give it back", "bad")
        return badge("open", "quiet")

    @admin.display(description="given back")
    def given_back(self, row: Any) -> SafeString | str:
        return shown.money(row.refunded, row.currency) if row.refunded else ""

    @admin.display(description="record")
    def record(self, row: Any) -> SafeString:
        return link(admin_url(SyncItem, row.item_id), row.item.receipt_number or row.item.source_id[:10])
