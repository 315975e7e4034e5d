"""Exact Online's webhooks: whether a delivery is Exact's, and which event it carries.

Reference: exact-online.md section 7. The hash stands in the body, over the bytes of `Content` with its braces exactly
as they came; an empty body is Exact trying the address while a subscription is made.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from connections.providers.errors import Unreadable
from connections.providers.events import LONGEST_TYPE, Event
from connections.providers.payload import YEARS, Reader, decode, nests_beyond

DEEPEST = 5
LARGEST_DIVISION = 2**31
# Exact writes it compact and in this order; white space between is a courtesy to a proxy that reformats the outside.
_ENVELOPE = re.compile(
    rb'\s*\{\s*"Content"\s*:\s*(?P<content>\{.*\})\s*,\s*"HashCode"\s*:\s*"(?P<hash>[0-9A-Fa-f]{64})"\s*\}\s*',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The two halves of a body: the bytes of the content, and the hash that came with them."""

    content: bytes
    hash: str


def taken_apart(body: bytes) -> Delivery:
    """Without decoding anything. Raises `Unreadable` for a body of another form."""
    found = _ENVELOPE.fullmatch(body)
    if found is None:
        raise Unreadable("the body is not a content followed by its hash")
    return Delivery(found["content"], found["hash"].decode())


def hash_code(content: bytes, key: str) -> str:
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest().upper()


def is_genuine(delivery: Delivery, *, keys: Iterable[str]) -> bool:
    """Whether one of the app's webhook secrets made the hash, in whatever case it is written. Every one is tried."""
    claimed = delivery.hash.upper().encode()
    fitting = [hmac.compare_digest(hash_code(delivery.content, key).encode(), claimed) for key in keys if key]
    return any(fitting)


def event(content: bytes) -> Event:
    """The event in a content that is known to be genuine. Raises `Unreadable`.

    Exact gives events no id: topic, action, division, key and time together name one. The time carries no zone (it is
    the site's own); it is taken for UTC, which is off by hours and good enough to tell what is old.
    """
    try:
        document = decode(content)
    except ValueError:
        raise Unreadable("the content is not JSON") from None
    if nests_beyond(document, DEEPEST):
        raise Unreadable("the content nests too deeply")
    reader = Reader(document, "content")
    topic, action, key = reader.identifier("Topic"), reader.identifier("Action").title(), reader.identifier("Key")
    division, made = reader.integer("Division"), reader.identifier("EventCreatedOn")
    if not 0 < division < LARGEST_DIVISION:
        raise Unreadable("content.Division is no number of a division")
    if len(f"{topic}.{action}") > LONGEST_TYPE:
        raise Unreadable("content.Topic is longer than a topic can be")
    name = "|".join((topic, action, str(division), key.lower(), made))
    return Event(
        event_id=hashlib.sha256(name.encode()).hexdigest(), type=f"{topic}.{action}", object_id=key.strip("{}").lower(),
        happened_at=_moment(made), division=division,
    )  # fmt: skip


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable("content.EventCreatedOn is not a time") from None
    if moment.year not in YEARS:
        raise Unreadable(f"content.EventCreatedOn is of the year {moment.year}, which cannot be")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
