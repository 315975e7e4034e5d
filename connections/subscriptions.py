"""Webhook subscriptions at the vendors: made, listed, removed and kept in our rows as they were last read.

Whoever makes one looks first, so that an answer that was lost leaves no second one behind: two subscriptions at one
address of Square would each sign with a key of their own.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from audit import trail
from audit.models import AuditEntry
from connections import clients, clock, webhooks
from connections.models import Connection, Division, WebhookSubscription
from connections.providers.errors import Refused, VendorError
from connections.providers.exact import subscriptions as exact
from connections.providers.square.subscriptions import EVENT_TYPES, Subscription, SubscriptionClient

NAME = "Tillbridge"


class NotPossible(Exception):
    """Nothing was asked of the vendor; the sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of subscribing: how many send now, and what was refused as (what, why)."""

    count: int
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    remote_id: str
    topics: tuple[str, ...]
    address: str
    is_enabled: bool = True


def is_ours(row: WebhookSubscription) -> bool:
    return row.address == webhooks.address(row.connection)


def subscribe(connection: Connection) -> Made:
    """Have the vendor send what lanes and reference data live on. Raises `NotPossible`, or the errors of the providers.

    May be pressed again at any time: what is there is kept, switched on and completed.
    """
    _require_address(connection)
    if connection.system == Connection.System.SQUARE:
        return _subscribe_square(connection)
    return _subscribe_exact(connection)


def read(connection: Connection) -> list[WebhookSubscription]:
    """What the vendor lists now. A signature key that changed there is taken over. Raises as `subscribe` does."""
    if connection.system == Connection.System.SQUARE:
        found = _client(connection).all()
        _take_keys(connection, found)
        _keep(connection, None, [_of_square(one) for one in found])
    else:
        for division in _divisions(connection):
            listed = exact.listed(clients.exact_client(division))
            _keep(connection, division, [_Found(one.id, (one.topic,), one.address) for one in listed])
    return list(connection.subscriptions.all())


def remove(row: WebhookSubscription) -> None:
    """One that is gone already counts as removed."""
    try:
        if row.division is not None:
            exact.remove(clients.exact_client(row.division), row.remote_id)
        else:
            _client(row.connection).remove(row.remote_id)
    except Refused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
    with transaction.atomic():
        _tell(row.connection, "webhooks.unsubscribed", subscription=row.remote_id, what=str(row))
        WebhookSubscription.objects.filter(pk=row.pk).delete()


def renew_key(connection: Connection) -> None:
    """Square makes a new signature key; the former one counts for two more days."""
    own = next((row for row in connection.subscriptions.all() if is_ours(row)), None)
    if own is None:
        raise NotPossible("There is no subscription to this address. Press 'Subscribe to webhooks' first.")
    key = _client(connection).renew_key(own.remote_id, idempotency_key=uuid.uuid4().hex)
    webhooks.change_key(connection, key)


def read_all() -> list[tuple[Connection, VendorError]]:
    """For the night: every connection that has subscriptions. Returns which could not be read, and why."""
    failed = []
    for connection in Connection.objects.filter(subscriptions__isnull=False, status=Connection.Status.LIVE).distinct():
        try:
            read(connection)
        except VendorError as problem:
            failed.append((connection, problem))
        except NotPossible:
            continue
    return failed


# -- Square
def _subscribe_square(connection: Connection) -> Made:
    client, address = _client(connection), webhooks.address(connection)
    listed = [one for one in client.all() if one.address == address]
    if len(listed) > 1:
        raise NotPossible(
            f"Square holds {len(listed)} subscriptions to this address, each with a key of its own, so that the events "
            "of all but one are refused. Remove all but one, then press this again."
        )
    if listed:
        (made,) = listed
        if not made.is_enabled or not set(EVENT_TYPES) <= set(made.event_types):
            made = client.change(made.id, event_types=sorted({*EVENT_TYPES, *made.event_types}))
    else:
        made = client.create(
            name=NAME, address=address, event_types=EVENT_TYPES, idempotency_key=_once(connection, address)
        )
    _take_keys(connection, [made])
    _tell(connection, "webhooks.subscribed", subscription=made.id, events=len(made.event_types))
    read(connection)
    return Made(1)


def _once(connection: Connection, address: str) -> str:
    """The same for two clicks at once, another one after a removal."""
    removed = AuditEntry.objects.filter(
        verb="webhooks.unsubscribed", subject_type="connection", subject_id=connection.pk
    ).count()
    return hashlib.sha256(f"{connection.pk}|{address}|{removed}".encode()).hexdigest()[:40]


def _take_keys(connection: Connection, found: Iterable[Subscription]) -> None:
    own = [one.key for one in found if one.address == webhooks.address(connection) and one.key]
    if len(own) == 1:
        webhooks.change_key(connection, own[0])


def _of_square(one: Subscription) -> _Found:
    return _Found(one.id, one.event_types, one.address, one.is_enabled)


def _client(connection: Connection) -> SubscriptionClient:
    if connection.personal_access_token is None:
        raise NotPossible(
            "Square takes the application's personal access token for this, and no seller's consent. Copy it from the "
            "Developer Console (Credentials, access token) into this page; or make the subscription there yourself, "
            "for the address shown, and enter its signature key here."
        )
    return clients.subscription_client(connection)


# -- Exact
def _subscribe_exact(connection: Connection) -> Made:
    if connection.webhook_secret is None:
        raise NotPossible(
            "Enter the webhook secret of the app first: the App Center shows it. Without it no event counts."
        )
    divisions, address = _divisions(connection), webhooks.address(connection)
    if not divisions:
        raise NotPossible("Pin a division first: Exact sends webhooks per division.")
    count, refused = 0, []
    for division in divisions:
        client = clients.exact_client(division)
        there = {one.topic for one in exact.listed(client) if one.address == address}
        for topic in exact.TOPICS:
            try:
                if topic not in there:
                    exact.subscribe(client, topic=topic, address=address)
                count += 1
            except Refused as refusal:
                refused.append((f"{topic} of {division}", refusal.sentence))
        _tell(connection, "webhooks.subscribed", division=division.code, topics=list(exact.TOPICS))
    read(connection)
    return Made(count, tuple(refused))


def _divisions(connection: Connection) -> list[Division]:
    return list(connection.divisions.filter(is_pinned=True, held_reason="").select_related("connection"))


# -- our rows
def _keep(connection: Connection, division: Division | None, found: Iterable[_Found]) -> None:
    """As listed. What is listed no more keeps its row, marked, until somebody removes it or it comes back."""
    now, listed = clock.now(), list(found)
    ids = [one.remote_id for one in listed]
    with transaction.atomic():
        for one in listed:
            WebhookSubscription.objects.update_or_create(
                connection=connection, remote_id=one.remote_id,
                defaults={"division": division, "topics": list(one.topics), "address": one.address[:500],
                          "is_enabled": one.is_enabled, "missing_since": None, "read_at": now},
                create_defaults={"division": division, "topics": list(one.topics), "address": one.address[:500],
                                 "is_enabled": one.is_enabled, "created_at": now, "read_at": now},
            )  # fmt: skip
        gone = connection.subscriptions.filter(division=division, missing_since=None).exclude(remote_id__in=ids)
        _mark_missing(connection, list(gone), at=now)


def _mark_missing(connection: Connection, gone: list[WebhookSubscription], *, at: datetime) -> None:
    for row in gone:
        WebhookSubscription.objects.filter(pk=row.pk).update(missing_since=at, read_at=at)
        _tell(connection, "webhooks.missing", subscription=row.remote_id, what=str(row))


def _require_address(connection: Connection) -> None:
    is_local = connection.environment == Connection.Environment.LOCAL_SANDBOX
    if urlsplit(settings.PUBLIC_URL).scheme != "https" and not is_local:
        raise NotPossible(
            "The vendors deliver to https addresses only. Put Tillbridge behind TLS, set PUBLIC_URL to its address and "
            "restart; then press this again."
        )


def _tell(connection: Connection, verb: str, **detail: object) -> None:
    with transaction.atomic():
        fact = trail.Fact(verb, "connection", connection.pk, connection.label, detail=detail)
        trail.record([fact], at=clock.now())
