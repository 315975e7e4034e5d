"""Alerts on the screen: what is over a limit, where the word goes, and the limits themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit import adminkit, trail, words
from audit.adminkit import (
    BackOfficeAdmin,
    CannotDo,
    ChoiceFilter,
    ConfirmedAction,
    DetailAdmin,
    Outcome,
    badge,
    local_time,
    number,
)
from audit.trail import Fact
from connections import clock, outgoing
from connections.forms import SEALED
from connections.outgoing import NotSent
from sync.alerts import sending
from sync.alerts.kinds import TITLES, Kind
from sync.models.alerts import Alert, AlertChannel, AlertLimits, AlertMessage

if TYPE_CHECKING:
    _ChannelForm = forms.ModelForm[AlertChannel]
else:
    _ChannelForm = forms.ModelForm

Way, State = AlertChannel.Way, AlertMessage.State
TONES = {State.WAITING: "wait", State.SENT: "good", State.FAILED: "bad"}
MOST_ADDRESSES = 20

adminkit.add_subject("alert", Alert)
adminkit.add_subject("alertchannel", AlertChannel)
adminkit.add_subject("alertlimits", AlertLimits)
words.add(
    {
        "alert.opened": "limit crossed, alert sent",
        "alert.recovered": "limit no longer crossed",
        "alertchannel.added": "alert channel added",
        "alertchannel.changed": "alert channel changed",
        "alertchannel.removed": "alert channel removed",
        "alertlimits.added": "alert limits set",
        "alertlimits.changed": "alert limits changed",
    },
    tones={"alert.opened": "wait", "alert.recovered": "good"},
)


# --- alerts ---------------------------------------------------------------------------------------
class OpenFilter(ChoiceFilter):
    title = "state"
    parameter_name = "is"
    options = (("open", "open"), ("over", "over"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        chosen = self.value()
        return queryset.filter(recovered_at__isnull=chosen == "open") if chosen else queryset


@admin.register(Alert)
class AlertAdmin(DetailAdmin):
    detail_template = "admin/sync/alert.html"
    list_display = ("title", "state_shown", "opened", "over", "told")
    list_filter = (OpenFilter, "kind")
    sortable_by = ()
    introduction = "What crossed a limit. Each is told once when it begins and once when it is over."
    empty = "No limit has been crossed. Add a channel, so that you are told when one is."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        return super().get_queryset(request).prefetch_related("messages__channel")

    @admin.display(description="state")
    def state_shown(self, row: Alert) -> SafeString:
        return state_of(row)

    @admin.display(description="since", ordering="opened_at")
    def opened(self, row: Alert) -> SafeString:
        return local_time(row.opened_at)

    @admin.display(description="over since")
    def over(self, row: Alert) -> SafeString:
        return local_time(row.recovered_at)

    @admin.display(description="told")
    def told(self, row: Alert) -> str:
        sent = {message.channel.name for message in row.messages.all() if message.state == State.SENT}
        return ", ".join(sorted(sent)) or "nobody"

    def detail(self, request: HttpRequest, row: Alert) -> Mapping[str, Any]:  # noqa: ARG002
        return {
            "state": state_of(row),
            "kind": TITLES[Kind(row.kind)],
            "messages_sent": [
                {
                    "channel": message.channel,
                    "about": "that it is over" if message.is_recovery else "that it began",
                    "state": badge(message.get_state_display(), TONES[State(message.state)]),
                    "attempts": number(message.attempts),
                    "at": local_time(message.sent_at),
                    "failure": message.failure,
                }
                for message in row.messages.all()
            ],
        }


def state_of(row: Alert) -> SafeString:
    if not row.is_open:
        return badge("over", "good")
    return badge("calm for now", "busy") if row.calm_since else badge("open", "bad")


# --- channels -------------------------------------------------------------------------------------
class ChannelForm(_ChannelForm):
    kinds = forms.MultipleChoiceField(
        choices=[(kind.value, TITLES[kind]) for kind in Kind], required=False, widget=forms.CheckboxSelectMultiple,
        label="Only these", help_text="None ticked: all of them.",
    )  # fmt: skip

    class Meta:
        model = AlertChannel
        fields = ("name", "way", "addresses", "url", "kinds", "is_on")
        help_texts = {"url": f"Whoever has it can write there. {SEALED} Leave empty to keep the one that is stored."}

    def clean_addresses(self) -> str:
        given = self.cleaned_data["addresses"].replace(",", " ").replace(";", " ").split()
        wrong = [one for one in given if not _is_mail(one)]
        if wrong:
            raise forms.ValidationError(f"{wrong[0]} is no e-mail address.")
        if len(given) > MOST_ADDRESSES:
            raise forms.ValidationError(f"At most {MOST_ADDRESSES} addresses; use a list of your mail server.")
        return "\n".join(dict.fromkeys(given))

    def clean_url(self) -> str:
        url: str = (self.cleaned_data["url"] or "").strip()
        if url and (wrong := outgoing.objection_to(url)):
            raise forms.ValidationError(wrong)
        return url

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("way") == Way.MAIL and "addresses" in values and not values["addresses"]:
            self.add_error("addresses", "Enter at least one e-mail address.")
        if values.get("way") == Way.WEBHOOK and "url" in values and not (values["url"] or self.instance.url):
            self.add_error("url", "Enter the address that takes the messages.")
        return values


def _is_mail(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def send_test(request: HttpRequest, rows: QuerySet[AlertChannel], reason: str) -> Outcome:  # noqa: ARG001
    """At once, so that whoever set it up sees what comes of it."""
    subject, body = sending.test_message(clock.now())
    done, skipped = 0, []
    for row in rows:
        try:
            sending.deliver(row, subject=subject, body=body)
            done += 1
        except NotSent as failure:
            skipped.append((str(row), str(failure)))
    if skipped and not done:
        raise CannotDo(" ".join(f"{name}: {why}" for name, why in skipped))
    return Outcome(done=done, skipped=skipped)


TEST = ConfirmedAction(
    name="test",
    label="Send a test",
    explains="Sends one message to this channel now.",
    permission="sync.change_alertchannel",
    run=send_test,
    done="sent",
    confirms=False,
)


class _KeptInTrail(BackOfficeAdmin):
    """The trail keeps which fields changed and by whom, never what a secret field holds."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            self._record(obj, "changed" if change else "added", form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            self._record(obj, "removed", [])
            super().delete_model(request, obj)

    def _record(self, obj: Any, what: str, fields: list[str]) -> None:
        name = str(self.opts.model_name)
        fact = Fact(f"{name}.{what}", name, obj.pk, str(obj), detail={"fields": fields})
        trail.record([fact], at=clock.now())


@admin.register(AlertChannel)
class AlertChannelAdmin(_KeptInTrail):
    form = ChannelForm
    confirmed_actions = (TEST,)
    list_display = ("name", "way", "goes_to", "which", "on")
    list_filter = ("way", "is_on")
    sortable_by = ()
    introduction = "Where the word goes when a limit is crossed, and when it is over."
    empty = "Nobody is told anything yet. Add an e-mail channel or a webhook, then press 'Send a test' on it."

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: Any, change: bool) -> None:
        if url := form.cleaned_data.get("url"):
            obj.host = outgoing.host_of(url)
        super().save_model(request, obj, form, change)

    @admin.display(description="goes to")
    def goes_to(self, row: AlertChannel) -> str:
        return row.host if row.way == Way.WEBHOOK else ", ".join(row.addresses.split())

    @admin.display(description="which")
    def which(self, row: AlertChannel) -> str:
        return ", ".join(TITLES[Kind(kind)] for kind in row.kinds) or "all alerts"

    @admin.display(description="on")
    def on(self, row: AlertChannel) -> SafeString:
        return badge("on", "good") if row.is_on else badge("off", "quiet")


@admin.register(AlertLimits)
class AlertLimitsAdmin(_KeptInTrail):
    list_display = ("connection_shown", "errors", "error_share", "token_days", "unbooked_hours", "unmapped_growth")
    list_select_related = ("connection",)
    sortable_by = ()
    introduction = "A limit that is empty is off. Connections without a row of their own go by the one for all."
    empty = "The usual limits hold for every connection. Add a row to change them."

    @admin.display(description="for")
    def connection_shown(self, row: AlertLimits) -> str:
        return str(row.connection) if row.connection else "every connection"
