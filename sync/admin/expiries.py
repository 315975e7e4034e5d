"""Expired gift cards, as stated by finance: each is booked once, by the lane's next run."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit import trail
from audit.adminkit import BackOfficeAdmin, admin_url, link
from audit.trail import Fact
from connections import clock
from connections.money import to_minor
from sync import engine
from sync.admin import shown
from sync.admin.lane_choice import AsksBookingLane
from sync.engine import Outcome
from sync.flows import records
from sync.flows.expiries import KIND
from sync.models import Expiry, SyncItem

if TYPE_CHECKING:
    _Form = forms.ModelForm[Expiry]
else:
    _Form = forms.ModelForm


class ExpiryForm(_Form):
    value = forms.DecimalField(
        label="Amount", min_value=Decimal("0.01"), max_digits=12, decimal_places=2,
        help_text="What was still on the cards. Example, 50.00 without VAT: gift cards +50.00, revenue from expired "
        "cards -50.00; nothing to receive.",
    )  # fmt: skip

    class Meta:
        model = Expiry
        fields = ("lane", "location", "on", "reason")
        labels = {"on": "Expired on"}
        help_texts = {
            "location": "Where the cards were sold: its currency counts.",
            "on": "The day from which nobody can spend them; the entry is dated on it.",
            "reason": "Which cards, and where that is from. An auditor reads it.",
        }  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        lane, location = cleaned.get("lane"), cleaned.get("location")
        if lane and location and not lane.feeds.filter(location=location).exists():
            self.add_error("location", f"{location} does not feed {lane}.")
        if cleaned.get("on") and cleaned["on"] > clock.now().date():
            self.add_error("on", "Cards that expire later are still owed to their holders.")
        if location and cleaned.get("value"):
            self._check_value(cleaned["value"], location.currency)
        if not self.errors and self._stands(cleaned):
            self.add_error(None, "Exactly this was stated already. If these are other cards, say so in the reason.")
        return cleaned

    def _stands(self, cleaned: dict[str, Any]) -> bool:
        """A second click sends the same form again, and each statement is booked."""
        same = {name: cleaned[name] for name in ("lane", "location", "on", "reason")}
        return Expiry.objects.filter(**same, amount=self.instance.amount).exists()

    def _check_value(self, value: Decimal, currency: str) -> None:
        try:
            self.instance.amount = to_minor(value, currency)
        except ValueError as problem:
            self.add_error("value", ValidationError(str(problem)))


@admin.register(Expiry)
class ExpiryAdmin(AsksBookingLane, BackOfficeAdmin):
    form = ExpiryForm
    list_display = ("on", "money", "location", "lane", "record", "decided_by")
    list_select_related = ("lane", "location", "item")
    list_display_links = None
    fields = ("lane", "location", "on", "value", "reason")
    introduction = (
        "Gift cards that nobody can spend any more, as somebody stated. Each is booked once, by the next run."
    )
    empty = (
        "No gift card has been stated as expired. Square does not tell, and whether a card may expire is for the law: "
        "state here what nobody can spend any more, and it is booked from gift cards to revenue."
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was stated is booked: it is dismissed or undone on its record, not edited here."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    @admin.display(description="amount")
    def money(self, row: Expiry) -> SafeString:
        return shown.money(row.amount, row.location.currency)

    @admin.display(description="record")
    def record(self, row: Expiry) -> SafeString | str:
        return link(admin_url(SyncItem, row.item_id), row.item.get_state_display()) if row.item else ""

    def save_model(self, request: HttpRequest, obj: Expiry, form: Any, change: bool) -> None:
        obj.decided_by, obj.decided_at = request.user.get_username(), clock.now()
        super().save_model(request, obj, form, change)
        item = _item(obj)
        fact = Fact(
            "expiry.added", "expiry", obj.pk, str(obj), item.source_id, obj.lane.division.code,
            {"amount": obj.amount, "on": obj.on.isoformat(), "reason": obj.reason},
        )  # fmt: skip
        engine.apply(Outcome(created=[item]), grip=None)
        trail.record([fact], at=obj.decided_at)
        obj.item = SyncItem.objects.get(lane=obj.lane, source_id=item.source_id)
        obj.save(update_fields=["item"])


def _item(row: Expiry) -> SyncItem:
    now, currency = clock.now(), row.location.currency
    payload = {KIND: {"amount": row.amount, "currency": currency, "on": row.on.isoformat()}}
    return SyncItem(
        lane=row.lane, location=row.location, kind=KIND, source_id=f"expiry-{row.pk}", tender="GIFT_CARD",
        source_updated_at=now, took_place_at=datetime.combine(row.on, time(12), UTC), local_day=row.on,
        currency=currency, amount=row.amount, payload=payload, digest=records.digest(payload), created_at=now,
        changed_at=now,
    )  # fmt: skip
