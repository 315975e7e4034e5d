"""Square's webhooks: whether a delivery is Square's, and which event it carries.

Reference: square.md 4.1, 4.2; developer.squareup.com/docs/webhooks/step3validate.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from connections.providers.errors import Unreadable
from connections.providers.events import LONGEST_TYPE, Event
from connections.providers.payload import Reader, decode, nests_beyond

HEADER = "x-square-hmacsha256-signature"
# An invoice with its lines nests eight deep.
DEEPEST = 20


def signature(body: bytes, *, address: str, key: str) -> str:
    """Of the address exactly as it was subscribed, then the raw body."""
    digest = hmac.new(key.encode(), address.encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def is_genuine(body: bytes, given: str, *, address: str, keys: Iterable[str]) -> bool:
    """Whether one of the keys made the signature. Every key is tried, each compared in constant time."""
    claimed = given.encode("utf-8", "replace")
    fitting = [hmac.compare_digest(signature(body, address=address, key=key).encode(), claimed) for key in keys if key]
    return any(fitting)


def event(body: bytes) -> Event:
    """The event in a delivery that is known to be genuine. Raises `Unreadable`."""
    try:
        document = decode(body)
    except ValueError:
        raise Unreadable("the body is not JSON") from None
    if nests_beyond(document, DEEPEST):
        raise Unreadable("the body nests too deeply")
    reader = Reader(document, "event")
    kind = reader.identifier("type")
    if len(kind) > LONGEST_TYPE:
        raise Unreadable("event.type is longer than a type can be")
    data = reader.optional_record("data")
    return Event(
        event_id=reader.identifier("event_id"),
        type=kind,
        object_id=data.optional_identifier("id") if data else "",
        happened_at=reader.time("created_at"),
        account=reader.optional_identifier("merchant_id"),
        location_id=reader.optional_identifier("location_id") or _location(data.data if data else {}),
    )


def _location(data: Mapping[str, Any]) -> str:
    """Payments, refunds and orders name their location only inside of what they carry."""
    held = data.get("object")
    for inner in held.values() if isinstance(held, Mapping) else ():
        found = inner.get("location_id") if isinstance(inner, Mapping) else None
        if isinstance(found, str) and len(found) <= LONGEST_TYPE:
            return found
    return ""
