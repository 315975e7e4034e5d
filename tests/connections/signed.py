"""Deliveries as the vendors sign them, put together here from the reference and not by the product."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from django.test import Client
from django.urls import reverse

from connections.models import Connection

KEY = "signature-key-canary"
SIGNATURE = "HTTP_X_SQUARE_HMACSHA256_SIGNATURE"


def path_of(connection: Connection) -> str:
    return reverse("webhooks:take", args=[connection.system, connection.pk])


def square_event(
    event_id: str, *, at: datetime, kind: str = "payment.updated", key: str = "P1", **fields: Any
) -> bytes:
    data = {"type": kind.partition(".")[0], "id": key, "object": {"payment": {"id": key, "note": "Anna Jansen"}}}
    event = {"merchant_id": "M1", "type": kind, "event_id": event_id, "created_at": at.isoformat(), "data": data}
    return json.dumps({**event, **fields}).encode()


def exact_event(
    *, at: datetime, topic: str = "Accounts", action: str = "Update", key: str = "k-1", division: int = 1
) -> bytes:
    made = at.replace(tzinfo=None).isoformat(timespec="milliseconds")
    content = {"Topic": topic, "ClientId": "c", "Division": division, "Action": action, "Key": key,
               "ExactOnlineEndpoint": "https://x/y", "EventCreatedOn": made}  # fmt: skip
    return json.dumps(content, separators=(",", ":")).encode()


def exact_body(content: bytes, *, key: str = KEY) -> bytes:
    code = hmac.new(key.encode(), content, hashlib.sha256).hexdigest().upper()
    return b'{"Content":' + content + b',"HashCode":"' + code.encode() + b'"}'


def sign(body: bytes, *, address: str, key: str = KEY) -> str:
    return base64.b64encode(hmac.new(key.encode(), address.encode() + body, hashlib.sha256).digest()).decode()


def deliver(connection: Connection, body: bytes, **extra: Any) -> Any:
    """As the vendor would: signed for the public address, and with the vendor's headers. `extra` for the request."""
    given: dict[str, Any] = {"content_type": "application/json", **extra}
    if connection.system == "square" and SIGNATURE not in given:
        given[SIGNATURE] = sign(body, address=f"https://tillbridge.example{path_of(connection)}")
    return Client().post(path_of(connection), body, **given)
