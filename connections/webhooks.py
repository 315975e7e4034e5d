"""What is done with a delivery: verified, stored once, answered. No network, one short insert, nothing acted on.

`take` runs in the web server for every request that arrives at an address of ours, genuine or not; what an event
means is worked out later by whoever is above (`sync.doorbell`). Payloads are not kept: a digest is.
Reference: square.md 4, exact-online.md 7; both vendors try again after anything but 2xx, for 24 and about 34 hours.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import reverse

from audit import trail
from connections import clock, credentials, habit, rows
from connections.credentials import Locked
from connections.models import Connection, WebhookEvent, WebhookTally
from connections.providers.errors import Unreadable
from connections.providers.events import Event
from connections.providers.exact import webhooks as exact
from connections.providers.square import webhooks as square

# An event of Square carries a whole record; the largest of ours is an invoice of some 30 kB.
LARGEST = 256 * 1024
# Nothing signed carries a time that a replay could not repeat; the vendors give up after a day and a half.
OLDEST = timedelta(days=7)
# Longer than either vendor goes on trying with what it signed before the key changed.
FORMER_KEY_COUNTS = timedelta(hours=48)
PRUNED = 2_000


class Outcome(StrEnum):
    TAKEN = "taken"
    DUPLICATE = "duplicate"
    VALIDATED = "validated"
    TOO_OLD = "too_old"
    FORGED = "forged"
    NO_KEY = "no_key"
    LOCKED = "locked"
    TOO_LARGE = "too_large"
    NO_LENGTH = "no_length"
    WRONG_TYPE = "wrong_type"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"


# A replay of long ago is answered like a success: a vendor that asked would otherwise ask again for a day.
STATUS = {
    Outcome.TAKEN: HTTPStatus.OK,
    Outcome.DUPLICATE: HTTPStatus.OK,
    Outcome.VALIDATED: HTTPStatus.OK,
    Outcome.TOO_OLD: HTTPStatus.OK,
    Outcome.FORGED: HTTPStatus.FORBIDDEN,
    Outcome.NO_KEY: HTTPStatus.FORBIDDEN,
    Outcome.LOCKED: HTTPStatus.SERVICE_UNAVAILABLE,
    Outcome.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Outcome.NO_LENGTH: HTTPStatus.LENGTH_REQUIRED,
    Outcome.WRONG_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Outcome.UNREADABLE: HTTPStatus.BAD_REQUEST,
    Outcome.UNKNOWN: HTTPStatus.NOT_FOUND,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived. `content_type` in lower case, without parameters; `signature` is Square's header, or empty."""

    body: bytes
    content_type: str
    signature: str


def address(connection: Connection) -> str:
    """Where the vendor delivers, letter for letter: Square signs it. From the setting, never from a request."""
    path = reverse("webhooks:take", args=[connection.system, connection.pk])
    return f"{settings.PUBLIC_URL}{path}"


def receiver(system: str, connection_id: int) -> Connection | None:
    """The connection behind an address; None when there is no such address."""
    wanted = ("pk", "system", "label", "webhook_secret", "former_webhook_secret", "former_webhook_secret_until",
              "status", "refresh_fence", "refresh_started_at")  # fmt: skip
    return next(iter(Connection.objects.filter(pk=connection_id, system=system).only(*wanted)), None)


def take(connection: Connection, delivery: Delivery) -> Outcome:
    """Verify, then store. Whatever is not stored as an event is counted.

    1. Exact tries a new address with an empty body, before anything is signed.
    2. The signature, by the present key and for a while by the former one, before anything is decoded.
    3. One insert; the database knows whether the event was there before.
    """
    outcome = _taken(connection, delivery)
    if outcome not in {Outcome.TAKEN, Outcome.DUPLICATE}:
        count(outcome, connection)
    return outcome


def _taken(connection: Connection, delivery: Delivery) -> Outcome:
    is_exact = connection.system == Connection.System.EXACT
    if is_exact and not delivery.body:
        return Outcome.VALIDATED
    # A guess for Exact, which documents no type for its calls: whatever calls itself JSON, or nothing at all.
    if "json" not in delivery.content_type and (delivery.content_type or not is_exact):
        return Outcome.WRONG_TYPE
    try:
        return _judged(connection, delivery)
    except Locked:
        return Outcome.LOCKED
    except Unreadable:
        return Outcome.UNREADABLE


def _judged(connection: Connection, delivery: Delivery) -> Outcome:
    """Raises `Locked` when a key cannot be opened, `Unreadable` for what is signed and no event."""
    keys = _keys(connection, at=clock.now())
    event = _verified(connection, delivery, keys)
    if event is None:
        return Outcome.FORGED if keys else Outcome.NO_KEY
    if event.happened_at < clock.now() - OLDEST:
        return Outcome.TOO_OLD
    return _stored(connection, event, delivery.body)


def _verified(connection: Connection, delivery: Delivery, keys: list[str]) -> Event | None:
    """The event, or None when no key made the signature. Raises `Unreadable`."""
    if connection.system == Connection.System.SQUARE:
        is_genuine = square.is_genuine(delivery.body, delivery.signature, address=address(connection), keys=keys)
        return square.event(delivery.body) if is_genuine else None
    halves = exact.taken_apart(delivery.body)
    return exact.event(halves.content) if exact.is_genuine(halves, keys=keys) else None


def _keys(connection: Connection, *, at: datetime) -> list[str]:
    """Raises `Locked` when a stored one cannot be opened."""
    names = ["webhook_secret"]
    until = connection.former_webhook_secret_until
    if until is not None and at < until:
        names.append("former_webhook_secret")
    return [key for name in names if (key := credentials.read(connection, name))]


def _stored(connection: Connection, event: Event, body: bytes) -> Outcome:
    row = WebhookEvent(
        connection_id=connection.pk, event_id=event.event_id, type=event.type, object_id=event.object_id,
        account=event.account, location_id=event.location_id, division=event.division,
        happened_at=event.happened_at, received_at=clock.now(), digest=hashlib.sha256(body).hexdigest(),
    )  # fmt: skip
    if rows.insert_unless_there(row):
        return Outcome.TAKEN
    again = WebhookEvent.objects.filter(connection=connection.pk, event_id=event.event_id)
    again.update(deliveries=F("deliveries") + 1)
    return Outcome.DUPLICATE


def count(outcome: Outcome, connection: Connection | None) -> None:
    """One more of these today. Nothing of the request is kept."""
    now = clock.now()
    today = WebhookTally.objects.filter(connection=connection, day=now.date(), outcome=outcome)
    if today.update(count=F("count") + 1, last_at=now):
        return
    try:
        with transaction.atomic():
            WebhookTally.objects.create(connection=connection, day=now.date(), outcome=outcome, last_at=now)
    except IntegrityError:  # another request was the first of the day
        today.update(count=F("count") + 1, last_at=now)


def change_key(connection: Connection, key: str) -> bool:
    """Take a new key; the one before counts for two more days. Returns whether it is another one."""
    with suppress(Locked):
        if credentials.read(connection, "webhook_secret") == key:
            return False
    now = clock.now()
    changed: dict[str, object] = {"webhook_secret": key or None}
    if connection.webhook_secret is not None and connection.webhook_secret.opens:
        changed["former_webhook_secret"] = connection.webhook_secret
        changed["former_webhook_secret_until"] = now + FORMER_KEY_COUNTS
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(**changed)
        verb = "connection.webhook_key_changed" if key else "connection.webhook_key_removed"
        trail.record([trail.Fact(verb, "connection", connection.pk, connection.label)], at=now)
    connection.refresh_from_db()
    return True


def learn_habits() -> None:
    """How long each source is usually silent, by its events of the last weeks."""
    since = clock.now() - habit.LOOKS_BACK
    for pk in Connection.objects.filter(events__isnull=False).distinct().values_list("pk", flat=True):
        moments = WebhookEvent.objects.filter(connection=pk, received_at__gte=since).order_by("received_at")
        usual = habit.usual_quiet(moments.values_list("received_at", flat=True).iterator(2000))
        Connection.objects.filter(pk=pk).update(usual_quiet=usual)


def prune(*, before: datetime) -> int:
    """Let go of what was received before then, a few thousand at a time. Returns how many events."""
    removed = 0
    while keys := list(WebhookEvent.objects.filter(received_at__lt=before).order_by("id").values_list("pk")[:PRUNED]):
        removed += WebhookEvent.objects.filter(pk__in=[key for (key,) in keys]).delete()[0]
    WebhookTally.objects.filter(day__lt=before.date()).delete()
    return removed
