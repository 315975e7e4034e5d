"""Connections, divisions, locations and calls in the back office."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit import adminkit, trail, words
from audit.adminkit import BackOfficeAdmin, CannotDo, ConfirmedAction, Outcome, ReadOnlyAdmin, badge, local_time
from audit.models import AuditEntry
from connections import (
    clock,
    credentials,
    diagnosis,
    divisions,
    endpoints,
    locations,
    snowflake_admin,
    webhook_admin,
    webhooks,
)
from connections.divisions import NotConfirmable
from connections.forms import ConnectionForm
from connections.models import Connection, Division, Location, VendorCall
from connections.providers.errors import VendorError
from connections.snowflake_admin import SNOWFLAKE, SWAP, SnowflakePart
from connections.snowflake_forms import SnowflakeForm

AUTHORISE = "connections.authorise_connection"
CONFIRM = "connections.confirm_division"
TONES = {
    Connection.Status.LIVE: "good",
    Connection.Status.NEW: "wait",
    Connection.Status.NEEDS_CONSENT: "bad",
    Connection.Status.LOCKED: "bad",
}
# Days before a consent dies of idleness at which the page begins to warn, and to alarm.
WARN_AT, ALARM_AT = 7, 2
# Changed by a function of its own, which keeps the former one for a while.
KEY = "webhook_secret"

adminkit.read_clock_from(clock.now)
for name, model in (("connection", Connection), ("division", Division), ("location", Location)):
    adminkit.add_subject(name, model)
words.add(
    {
        "connection.added": "connection added",
        "connection.changed": "connection changed",
        "connection.removed": "connection removed",
        "connection.consent_started": "consent started",
        "connection.consent_denied": "consent declined at the vendor",
        "connection.consented": "consent given",
        "connection.token_renewed": "access token renewed",
        "connection.token_refused": "access token refused before its time",
        "connection.consent_needed": "consent needed again",
        "connection.proved": "connection tested and live",
        "connection.warned": "connection test warned",
        "connection.keys_swapped": "keys swapped",
        "connection.locked": "stored secret cannot be opened",
        "connection.opened": "stored secret can be opened again",
        "connection.resealed": "secrets sealed with a new key",
        "division.discovered": "division found",
        "division.pinned": "division pinned",
        "division.unpinned": "division unpinned",
        "division.held": "pinned division held",
        "division.confirmed": "changed division confirmed",
        "division.current_changed": "the Exact user's current division changed",
        "divisions.not_compared": "divisions could not be compared",
        "location.discovered": "location found",
    },
    tones={
        "connection.consented": "good",
        "connection.consent_needed": "bad",
        "connection.proved": "good",
        "connection.warned": "wait",
        "connection.locked": "bad",
        "division.held": "bad",
        "division.confirmed": "good",
        "division.current_changed": "wait",
        "divisions.not_compared": "wait",
    },
)


def test(request: HttpRequest, rows: QuerySet[Connection], reason: str) -> Outcome:  # noqa: ARG001
    verdicts = [(row, diagnosis.test_connection(row)) for row in rows]
    failed = [(row, verdict) for row, verdict in verdicts if not verdict.is_live]
    if len(verdicts) == 1 and failed:
        raise CannotDo(failed[0][1].sentence)
    for row, verdict in failed:
        messages.error(request, f"{row}: {verdict.sentence}")
    for row, warning in [(row, warning) for row, verdict in verdicts for warning in verdict.warnings]:
        messages.warning(request, f"{row}: {warning}")
    sentences = " ".join(verdict.sentence for _, verdict in verdicts if verdict.is_live)
    return Outcome(done=len(verdicts), sentence=sentences)


def read_again(request: HttpRequest, rows: QuerySet[Connection], reason: str) -> Outcome:  # noqa: ARG001
    skipped, counts = [], []
    for row in rows:
        if row.system == SNOWFLAKE:
            skipped.append((row.label, "Snowflake has neither divisions nor locations."))
            continue
        try:
            counts.append(f"{row}: {_read(row)}.")
        except (VendorError, ImproperlyConfigured) as problem:
            skipped.append((row.label, str(problem)))
    return Outcome(done=len(counts), skipped=skipped, sentence=" ".join(counts))


def _read(row: Connection) -> str:
    if row.system == Connection.System.EXACT:
        return f"{len(divisions.discover(row))} divisions read"
    return f"{len(locations.discover(row))} locations read"


def _pinning(deed: Callable[..., Division]) -> Callable[[HttpRequest, QuerySet[Division], str], Outcome]:
    def run(request: HttpRequest, rows: QuerySet[Division], reason: str) -> Outcome:  # noqa: ARG001
        done, skipped = 0, []
        for row in rows:
            try:
                deed(row, by=request.user.get_username())
                done += 1
            except NotConfirmable as refusal:
                skipped.append((str(row), str(refusal)))
        return Outcome(done=done, skipped=skipped)

    return run


CONSENT = ConfirmedAction(
    name="consent", label="Give consent", permission=AUTHORISE, on_list=False, confirms=False,
    explains="You sign in at the vendor and allow what Tillbridge asks for.",
    run=lambda request, rows, reason: Outcome(), done="sent to the vendor",  # noqa: ARG005
    applies=lambda row: row.system != SNOWFLAKE,
)  # fmt: skip
TEST = ConfirmedAction(
    name="test", label="Test connection", permission=AUTHORISE, confirms=False,
    explains="Asks the vendor a few questions and changes nothing.", run=test, done="tested",
)  # fmt: skip
READ_AGAIN = ConfirmedAction(
    name="read", label="Read divisions or locations again", permission=AUTHORISE, confirms=False,
    explains="Asks the vendor what this consent reaches.", run=read_again, done="read again",
    applies=lambda row: row.system != SNOWFLAKE,
)  # fmt: skip


def _is_snowflake(request: HttpRequest, row: Connection | None) -> bool:
    """Of a new one, what the link asks for or the form was sent with."""
    if row is not None:
        return row.system == SNOWFLAKE
    return bool((request.POST.get("system") or request.GET.get("system")) == SNOWFLAKE)


@admin.register(Connection)
class ConnectionAdmin(SnowflakePart, BackOfficeAdmin):
    form = ConnectionForm
    list_display = ("label", "site", "state", "account_name", "dies", "consented")
    list_filter = ("system", "status", "environment")
    search_fields = ("label", "account_name")
    confirmed_actions = (CONSENT, TEST, READ_AGAIN, SWAP, *webhook_admin.ACTIONS)
    empty = "Nothing is connected yet. Add Square first, then Exact Online; each page says what to register where."
    readonly_fields = (
        "redirect_address", "state", "reason", "account", "current", "consented", "valid", "dies", "granted_scopes",
        "webhook_address", "subscribed", "last_event", "usually_quiet", "refused_deliveries",
        *snowflake_admin.READONLY,
    )  # fmt: skip
    fieldsets = (
        (
            "What it is",
            {
                "fields": ("system", "environment", "region", "label"),
                "description": format_html('For the archive, <a href="?system={}">connect Snowflake</a>.', SNOWFLAKE),
            },
        ),
        (
            "App registration",
            {
                "fields": ("redirect_address", "client_id", "client_secret"),
                "description": (
                    "Register an app of your own at the vendor and enter its credentials here. A person must give "
                    "consent once: neither vendor lets an app in by its credentials alone (client credentials)."
                ),
            },
        ),
        ("Consent", {"fields": ("state", "reason", "account", "consented", "valid", "dies", "granted_scopes")}),
        (
            "Webhooks",
            {
                "fields": (
                    "webhook_address",
                    "webhook_secret",
                    "personal_access_token",
                    "subscribed",
                    "last_event",
                    "usually_quiet",
                    "refused_deliveries",
                ),
                "description": (
                    "The vendor tells us what changed, and lanes look within two minutes. Without webhooks all is read "
                    "just the same, at the lanes' own times."
                ),
            },
        ),
        ("Divisions", {"fields": ("current", "follow_current_division")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        return (*fields, "system") if obj else fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if _is_snowflake(request, obj):
            return snowflake_admin.fieldsets(obj)
        sections = super().get_fieldsets(request, obj)
        if obj is None:
            return sections[:2]
        what = (sections[0][0], {"fields": sections[0][1]["fields"]})
        if obj.system != Connection.System.EXACT:
            return (what, *sections[1:4])
        kept = tuple(name for name in sections[3][1]["fields"] if name != "personal_access_token")
        return (what, *sections[1:3], (sections[3][0], {**sections[3][1], "fields": kept}), sections[4])

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if _is_snowflake(request, obj):
            kwargs["form"] = SnowflakeForm
        return super().get_form(request, obj, change, **kwargs)

    def buttons(self, request: HttpRequest, row: Model) -> list[dict[str, Any]]:
        found = super().buttons(request, row)
        for button in found:
            if button["action"] is CONSENT:
                button["url"] = reverse("connections:consent", args=[row.pk])
        return found

    def save_model(self, request: HttpRequest, obj: Connection, form: ModelForm[Connection], change: bool) -> None:  # noqa: ARG002
        """Writes the entered fields only: a token that was renewed since the page was read stays as it is."""
        if not change:
            obj.status_reason = credentials.UNTESTED if obj.system == SNOWFLAKE else ""
            obj.save()
            self._record(obj, "connection.added", [])
            return
        if isinstance(form, SnowflakeForm):
            self._save_snowflake(obj, form)
            return
        obj.save(update_fields=[name for name in form.changed_data if name in form.fields and name != KEY])
        if KEY in form.changed_data:
            webhooks.change_key(Connection.objects.get(pk=obj.pk), form.cleaned_data[KEY])
        self._record(obj, "connection.changed", form.changed_data)
        moved = sorted({"environment", "region", "client_id"} & set(form.changed_data))
        if moved and obj.granted_at:
            sentence = (
                f"The {' and '.join(moved).replace('_', ' ')} changed, and tokens of the former one are worthless."
            )
            credentials.require_consent(obj, f"{sentence} Give consent again.")

    def _save_snowflake(self, row: Connection, form: SnowflakeForm) -> None:
        """A tested connection whose key or place changed is to be tested again before anything is sent."""
        row.save(update_fields=form.touched)
        self._record(row, "connection.changed", form.changed_data)
        if row.granted_at and set(form.changed_data) - {"label"}:
            credentials.require_consent(row, "It was changed since its last test. Press 'Test connection'.")

    def response_add(self, request: HttpRequest, obj: Connection, post_url_continue: str | None = None) -> HttpResponse:
        """To its own page: the next step, consent, begins there."""
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        following = "Register the redirect address below at the vendor, then press 'Give consent'."
        if obj.system == SNOWFLAKE:
            following = "Run the command below in Snowflake to register its public key, then press 'Test connection'."
        messages.success(request, f"{obj} is added. {following}")
        return HttpResponseRedirect(adminkit.admin_url(Connection, obj.pk))

    def delete_model(self, request: HttpRequest, obj: Connection) -> None:  # noqa: ARG002
        """Only what nothing hangs on can go; the tokens go with it."""
        self._record(obj, "connection.removed", [])
        obj.delete()

    def _record(self, row: Connection, verb: str, changed: list[str]) -> None:
        fact = trail.Fact(verb, "connection", row.pk, row.label, detail={"fields": changed})
        trail.record([fact], at=clock.now())

    @admin.display(description="site", ordering="system")
    def site(self, row: Connection) -> str:
        return endpoints.site_name(row)

    @admin.display(description="state", ordering="status")
    def state(self, row: Connection) -> SafeString:
        status = Connection.Status(row.status)
        labels = snowflake_admin.LABELS if row.system == SNOWFLAKE else {}
        return badge(labels.get(status, row.get_status_display()), TONES[status])

    @admin.display(description="why")
    def reason(self, row: Connection) -> str:
        return row.status_reason or "–"

    @admin.display(description="account")
    def account(self, row: Connection) -> str:
        return row.account_name or row.account_id or "–"

    @admin.display(description="last consent", ordering="consented_at")
    def consented(self, row: Connection) -> SafeString:
        return local_time(row.consented_at)

    @admin.display(description="access token valid until")
    def valid(self, row: Connection) -> SafeString:
        return local_time(row.access_expires_at)

    @admin.display(description="granted")
    def granted_scopes(self, row: Connection) -> str:
        return row.scopes or "as in the app registration"

    @admin.display(description="consent ends, if unused", ordering="refresh_expires_at")
    def dies(self, row: Connection) -> SafeString | str:
        if row.refresh_expires_at is None:
            return "never by itself" if row.consented_at else "–"
        days = (row.refresh_expires_at - clock.now()).days
        tone = "bad" if days < ALARM_AT else "wait" if days < WARN_AT else "quiet"
        left = f"in {days} days" if days > 1 else "within a day or two" if days >= 0 else "expired"
        return format_html("{} {}", badge(left, tone), local_time(row.refresh_expires_at))

    @admin.display(description="current division in Exact")
    def current(self, row: Connection) -> SafeString | str:
        if row.current_division is None:
            return "–"
        last = AuditEntry.objects.filter(
            verb="division.current_changed", subject_type="connection", subject_id=row.pk
        ).first()
        if last is None:
            return f"{row.current_division}"
        return format_html(
            "{} (was {} until {}; it follows the Exact user's browser, and lanes keep the division they were given)",
            str(row.current_division), str(last.detail.get("from")), local_time(last.at),
        )  # fmt: skip

    @admin.display(description="redirect address to register")
    def redirect_address(self, row: Connection | None) -> SafeString:
        systems = [row.system] if row and row.pk else [Connection.System.SQUARE, Connection.System.EXACT]
        addresses = [(Connection.System(system).label, endpoints.redirect_address(system)) for system in systems]
        lines = format_html_join("", '<div>{}: <code class="copy">{}</code></div>', addresses)
        return format_html(
            '{}<div class="quiet">Copy it letter for letter. Exact takes only an https address: put Tillbridge behind '
            "a TLS proxy (or a tunnel, to try it out), set PUBLIC_URL to that address and restart. Square takes http "
            "only in its sandbox, for localhost.</div>",
            lines,
        )

    @admin.display(description="address to register")
    def webhook_address(self, row: Connection | None) -> SafeString | str:
        return webhook_admin.address_shown(row)

    @admin.display(description="subscriptions")
    def subscribed(self, row: Connection) -> SafeString | str:
        return webhook_admin.state_shown(row)

    @admin.display(description="last event")
    def last_event(self, row: Connection) -> SafeString | str:
        return webhook_admin.last_event(row)

    @admin.display(description="usually silent for at most")
    def usually_quiet(self, row: Connection) -> str:
        return webhook_admin.habit_shown(row)

    @admin.display(description="other deliveries")
    def refused_deliveries(self, row: Connection) -> SafeString | str:
        return webhook_admin.refused_shown(row)


@admin.register(Division)
class DivisionAdmin(ReadOnlyAdmin):
    list_display = ("code_shown", "name", "registration_number", "currency", "connection", "use", "read")
    list_filter = ("is_pinned", "is_active")
    list_select_related = ("connection",)
    search_fields = ("code", "name")
    fields = (
        "connection", "code_shown", "name", "registration_number", "vat_number", "currency", "country", "use",
        "pinned_name", "pinned_registration_number", "held_reason", "read",
    )  # fmt: skip
    empty = "No divisions yet. Connect Exact Online and give consent; its divisions then appear here."
    confirmed_actions = (
        ConfirmedAction(
            name="pin", label="Pin", permission=CONFIRM, run=_pinning(divisions.pin), done="pinned",
            explains="Lanes may book in these divisions. Name and registration number are remembered; when one "
            "changes, the division is held until somebody confirms it.",
            reversible="Yes, with 'Unpin'.", applies=lambda row: not row.is_pinned and row.is_active,
        ),
        ConfirmedAction(
            name="confirm", label="Confirm division", permission=CONFIRM, run=_pinning(divisions.confirm),
            done="confirmed", explains="You say that this is still the right administration, as it is called and "
            "registered now. Its lanes go on booking.", reversible="No: what is booked is booked.",
            applies=lambda row: row.is_held,
        ),
        ConfirmedAction(
            name="unpin", label="Unpin", permission=CONFIRM, run=_pinning(divisions.unpin), done="unpinned",
            explains="No lane books in these divisions any more.", reversible="Yes, with 'Pin'.",
            applies=lambda row: row.is_pinned,
        ),
    )  # fmt: skip

    @admin.display(description="division", ordering="code")
    def code_shown(self, row: Division) -> str:
        """Without the commas of a number."""
        return str(row.code)

    @admin.display(description="use", ordering="is_pinned")
    def use(self, row: Division) -> SafeString:
        if row.is_held:
            return badge("held until confirmed", "bad")
        if not row.is_active:
            return badge("not active in Exact", "quiet")
        return badge("pinned", "good") if row.is_pinned else badge("not used", "quiet")

    @admin.display(description="last read", ordering="read_at")
    def read(self, row: Division) -> SafeString:
        return local_time(row.read_at)


@admin.register(Location)
class LocationAdmin(ReadOnlyAdmin):
    list_display = ("name", "location_id", "currency", "timezone", "connection", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("connection",)
    search_fields = ("name", "location_id")
    empty = "No locations yet. Connect Square and give consent; its locations then appear here."


class SystemFilter(adminkit.ChoiceFilter):
    title = "system"
    parameter_name = "system"
    options = Connection.System.choices


@admin.register(VendorCall)
class VendorCallAdmin(ReadOnlyAdmin):
    list_display = (
        "when",
        "connection",
        "operation",
        "method",
        "division_code",
        "outcome",
        "duration_ms",
        "trigger",
        "run",
    )
    list_filter = (
        adminkit.range_filter("at", "time"), SystemFilter, adminkit.exact_filter("run_id", "run"),
        adminkit.exact_filter("connection", "connection"),
    )  # fmt: skip
    fields = (
        "when", "connection", "system", "operation", "method", "division_code", "status", "failure", "duration_ms",
        "trigger", "run", "request_id",
    )  # fmt: skip
    list_select_related = ("connection",)
    exact_search = ("request_id",)
    search_help_text = "Exact request id"
    sortable_by = ()
    empty = "No call has left the building yet."

    @admin.display(description="division")
    def division_code(self, row: VendorCall) -> str:
        return str(row.division or "")

    @admin.display(description="run")
    def run(self, row: VendorCall) -> SafeString | str:
        return adminkit.link(adminkit.subject_url("run", row.run_id), str(row.run_id or ""))

    @admin.display(description="time")
    def when(self, row: VendorCall) -> SafeString:
        return local_time(row.at, seconds=True)

    @admin.display(description="outcome")
    def outcome(self, row: VendorCall) -> SafeString:
        text = " ".join(str(part) for part in (row.status, row.failure) if part) or "no answer"
        return badge(text, "bad" if row.failure else "good")
