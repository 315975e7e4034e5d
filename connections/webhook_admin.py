"""Webhooks in the back office: subscriptions, events, and deliveries that were answered otherwise."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import adminkit, words
from audit.adminkit import (
    CannotDo,
    ConfirmedAction,
    Outcome,
    ReadOnlyAdmin,
    ago,
    badge,
    link,
    list_url,
    local_time,
    number,
)
from connections import clock, subscriptions, webhooks
from connections.models import Connection, WebhookEvent, WebhookSubscription, WebhookTally
from connections.providers.errors import VendorError
from connections.subscriptions import NotPossible

AUTHORISE = "connections.authorise_connection"
WEEK = timedelta(days=7)
Meaning = WebhookEvent.Meaning
TONES = {Meaning.NEW: "busy", Meaning.NOTED: "quiet", Meaning.FOREIGN: "bad"}
# What may be a reason to look into it; an address tried by Exact is not.
HARMLESS = ("validated",)

words.add(
    {
        "connection.webhook_key_changed": "webhook key changed",
        "connection.webhook_key_removed": "webhook key removed",
        "webhooks.subscribed": "subscribed to webhooks",
        "webhooks.unsubscribed": "webhook subscription removed",
        "webhooks.missing": "webhook subscription no longer at the vendor",
    },
    tones={"webhooks.missing": "bad"},
)


# -- what the connection's page offers
def subscribe(request: HttpRequest, rows: QuerySet[Connection], reason: str) -> Outcome:  # noqa: ARG001
    done, refused, told = 0, [], []
    for row in rows:
        try:
            made = subscriptions.subscribe(row)
        except (NotPossible, VendorError, ImproperlyConfigured) as problem:
            raise CannotDo(f"{row}: {problem}") from None
        done += 1
        refused += list(made.refused)
        told.append(f"{row}: {number(made.count)} {'subscription sends' if made.count == 1 else 'subscriptions send'}.")
    return Outcome(done=done, skipped=refused, sentence=" ".join(told))


def read_again(request: HttpRequest, rows: QuerySet[Connection], reason: str) -> Outcome:  # noqa: ARG001
    told = []
    for row in rows:
        try:
            told.append(f"{row}: {number(len(subscriptions.read(row)))} subscriptions read.")
        except (NotPossible, VendorError, ImproperlyConfigured) as problem:
            raise CannotDo(f"{row}: {problem}") from None
    return Outcome(done=len(told), sentence=" ".join(told))


def renew_key(request: HttpRequest, rows: QuerySet[Connection], reason: str) -> Outcome:  # noqa: ARG001
    for row in rows:
        try:
            subscriptions.renew_key(row)
        except (NotPossible, VendorError, ImproperlyConfigured) as problem:
            raise CannotDo(f"{row}: {problem}") from None
    return Outcome(done=len(rows))


def _has_webhooks(row: Connection) -> bool:
    return row.system != Connection.System.SNOWFLAKE


ACTIONS = (
    ConfirmedAction(
        name="subscribe", label="Subscribe to webhooks", permission=AUTHORISE, run=subscribe, on_list=False,
        explains="The vendor tells us what changed, at the address shown on the page. Lanes then look within two "
        "minutes instead of at their next turn; nothing is ever booked from what a webhook says.",
        done="subscribed", reversible="Yes: remove the subscription on its list.", applies=_has_webhooks,
    ),
    ConfirmedAction(
        name="read-subscriptions", label="Read subscriptions", permission=AUTHORISE, run=read_again, on_list=False,
        confirms=False, explains="Asks the vendor which subscriptions there are.", done="read",
        applies=_has_webhooks,
    ),
    ConfirmedAction(
        name="renew-key", label="New signature key", permission=AUTHORISE, run=renew_key, on_list=False,
        applies=lambda row: row.system == Connection.System.SQUARE and row.webhook_secret is not None,
        explains="Square makes a new key and signs with it from now on. The former one is taken for two more days, for "
        "what is on its way.", done="with a new signature key", reversible="No: make another one.",
    ),
)  # fmt: skip


def address_shown(row: Connection | None) -> SafeString | str:
    if row is None or row.pk is None:
        return "–"
    return format_html(
        '<code class="copy">{}</code><div class="quiet">It starts with PUBLIC_URL. The vendors deliver to https only; '
        "Exact also wants the domain of the redirect address.</div>",
        webhooks.address(row),
    )


def state_shown(row: Connection) -> SafeString | str:
    """Whether anything sends here, in words, with the way to the list."""
    found = list(row.subscriptions.all()[:50])
    own = [one for one in found if subscriptions.is_ours(one)]
    sending = [one for one in own if one.is_enabled and not one.missing_since]
    if not found:
        return "none: lanes look at their own times only" if row.webhook_secret is None else "none read yet"
    verb = "sends" if len(sending) == 1 else "send"
    text, tone = (f"{len(sending)} {verb} here", "good") if sending else ("none sends here", "bad")
    if 0 < len(sending) < len(own):
        text, tone = f"{len(sending)} of {len(own)} {verb} here", "wait"
    return format_html(
        "{} {}", badge(text, tone), link(list_url(WebhookSubscription, connection=row.pk), "all of them")
    )


def last_event(row: Connection) -> SafeString | str:
    newest = row.events.order_by("-received_at").first()
    if newest is None:
        return "none came in yet"
    shown = link(list_url(WebhookEvent, connection=row.pk), f"{newest.type}, {ago(newest.received_at, clock.now())}")
    return format_html("{} {}", shown, local_time(newest.received_at))


def habit_shown(row: Connection) -> str:
    if row.usual_quiet is None:
        return "not known yet: it takes a week of events"
    hours = row.usual_quiet.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"  # noqa: PLR2004


def refused_shown(row: Connection) -> SafeString | str:
    since = (clock.now() - WEEK).date()
    rows = row.tallies.filter(day__gte=since).exclude(outcome__in=HARMLESS).order_by("outcome").values("outcome")
    names = dict(WebhookTally.OUTCOMES)
    counts = [f"{number(one['total'])} {names[one['outcome']]}" for one in rows.annotate(total=Sum("count"))]
    if not counts:
        return "none in 7 days"
    return link(list_url(WebhookTally, connection=row.pk), f"in 7 days: {', '.join(counts)}")


# -- lists
class ConnectionFilter(admin.SimpleListFilter):
    """Every connection by name: there are a handful."""

    title = "connection"
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Connection]) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(str(pk), label) for pk, label in Connection.objects.order_by("label").values_list("pk", "label")[:50]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:  # noqa: ARG002
        value = str(self.value() or "")
        if not value:
            return queryset
        return queryset.filter(connection=int(value)) if value.isdecimal() and len(value) < 19 else queryset.none()  # noqa: PLR2004


class MeaningFilter(adminkit.ChoiceFilter):
    title = "what came of it"
    parameter_name = "meaning"
    options = Meaning.choices


class OutcomeFilter(adminkit.ChoiceFilter):
    title = "answered as"
    parameter_name = "outcome"
    options = WebhookTally.OUTCOMES


def remove(request: HttpRequest, rows: QuerySet[WebhookSubscription], reason: str) -> Outcome:  # noqa: ARG001
    done, skipped = 0, []
    for row in rows:
        try:
            subscriptions.remove(row)
            done += 1
        except (NotPossible, VendorError, ImproperlyConfigured) as problem:
            skipped.append((str(row), str(problem)))
    return Outcome(done=done, skipped=skipped)


@admin.register(WebhookSubscription)
class WebhookSubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("what", "connection", "state", "address", "read")
    list_filter = (ConnectionFilter,)
    list_select_related = ("connection", "division")
    sortable_by = ()
    fields = ("connection", "division", "remote_id", "address", "events", "state", "created", "read")
    confirmed_actions = (
        ConfirmedAction(
            name="remove",
            label="Remove",
            permission=AUTHORISE,
            run=remove,
            done="removed at the vendor",
            explains="The vendor stops sending. Lanes go on looking at their own times.",
            reversible="Yes: press 'Subscribe to webhooks' on the connection.",
        ),
    )
    introduction = "What vendors send us of their own accord, as they listed it last."
    empty = "No subscription was read yet. Open a connection and press 'Subscribe to webhooks'."

    @admin.display(description="subscription")
    def what(self, row: WebhookSubscription) -> str:
        return str(row)

    @admin.display(description="events")
    def events(self, row: WebhookSubscription) -> str:
        return ", ".join(row.topics) or "–"

    @admin.display(description="state")
    def state(self, row: WebhookSubscription) -> SafeString:
        if row.missing_since:
            return badge("no longer at the vendor", "bad")
        if not subscriptions.is_ours(row):
            return badge("to another address", "quiet")
        return badge("sends here", "good") if row.is_enabled else badge("switched off at the vendor", "bad")

    @admin.display(description="first read")
    def created(self, row: WebhookSubscription) -> SafeString:
        return local_time(row.created_at)

    @admin.display(description="last read")
    def read(self, row: WebhookSubscription) -> SafeString:
        return local_time(row.read_at)


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ("received", "type", "came_of_it", "object_id", "connection", "times")
    list_filter = (ConnectionFilter, MeaningFilter, adminkit.range_filter("received_at", "received"),
                   adminkit.exact_filter("type", "type"), adminkit.exact_filter("object_id", "object"))  # fmt: skip
    list_select_related = ("connection",)
    exact_search = ("object_id", "event_id")
    search_help_text = "Exact id of an event, or of what it is about"
    sortable_by = ()
    fields = (
        "connection", "type", "event_id", "object_id", "account", "location_id", "division", "happened", "received",
        "came_of_it", "heeded", "times", "digest",
    )  # fmt: skip
    introduction = (
        "What vendors told us, each event once. No payload is kept, and nothing is booked from it: an event makes a "
        "lane look, or something be read again."
    )
    empty = "No event came in yet. Subscribe on the page of a connection; what the vendor sends then appears here."

    @admin.display(description="received")
    def received(self, row: WebhookEvent) -> SafeString:
        return local_time(row.received_at, seconds=True)

    @admin.display(description="happened")
    def happened(self, row: WebhookEvent) -> SafeString:
        return local_time(row.happened_at, seconds=True)

    @admin.display(description="heeded")
    def heeded(self, row: WebhookEvent) -> SafeString:
        return local_time(row.heeded_at, seconds=True)

    @admin.display(description="what came of it")
    def came_of_it(self, row: WebhookEvent) -> SafeString:
        return badge(row.get_meaning_display(), TONES.get(Meaning(row.meaning), "good"))

    @admin.display(description="delivered")
    def times(self, row: WebhookEvent) -> str:
        return "once" if row.deliveries == 1 else f"{number(row.deliveries)} times"


@admin.register(WebhookTally)
class WebhookTallyAdmin(ReadOnlyAdmin):
    list_display = ("day", "who", "outcome_shown", "count", "last")
    list_filter = (ConnectionFilter, OutcomeFilter, adminkit.range_filter("day", "day", holds_moments=False))
    list_select_related = ("connection",)
    sortable_by = ()
    fields = ("day", "who", "outcome_shown", "count", "last")
    introduction = (
        "Deliveries that became no event, by day (UTC). A wrong signature now and then is somebody trying; many at "
        "once after a change of key or address mean that the key here is not the vendor's."
    )
    empty = "Every delivery so far was an event. What is refused is counted here."

    @admin.display(description="connection")
    def who(self, row: WebhookTally) -> str:
        return str(row.connection or "none of ours")

    @admin.display(description="answered as")
    def outcome_shown(self, row: WebhookTally) -> SafeString:
        return badge(row.get_outcome_display(), "quiet" if row.outcome in HARMLESS else "wait")

    @admin.display(description="last time")
    def last(self, row: WebhookTally) -> SafeString:
        return local_time(row.last_at)
