"""Webhook subscriptions of an application at Square: listed, made, changed, removed, given a new key.

Not a seller's: Square takes the application's personal access token here and refuses every OAuth token. Kept apart from
`client`, which only reads.
Reference: square.md 3.10; developer.squareup.com/docs/webhooks/webhook-subscriptions-api.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from connections.providers.http import Answer, Call, Transport
from connections.providers.payload import Reader
from connections.providers.square import answers
from connections.providers.square.client import SYSTEM, VERSION

ONE = "/v2/webhooks/subscriptions/{id}"
OPERATIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "subscriptions.list": ("GET", "/v2/webhooks/subscriptions"),
        "subscriptions.create": ("POST", "/v2/webhooks/subscriptions"),
        "subscriptions.change": ("PUT", ONE),
        "subscriptions.remove": ("DELETE", ONE),
        "subscriptions.renew_key": ("POST", f"{ONE}/signature-key"),
    }
)
# What makes a lane look, and what shows that a consent ended. Orders of a till fire nothing of their own.
# Reference: square.md 4.4.
EVENT_TYPES = (
    "payment.created", "payment.updated", "refund.created", "refund.updated", "order.created", "order.updated",
    "invoice.created", "invoice.published", "invoice.updated", "invoice.payment_made", "invoice.canceled",
    "invoice.refunded", "invoice.deleted", "customer.created", "customer.updated", "customer.deleted",
    "payout.sent", "payout.paid", "payout.failed", "dispute.created", "dispute.state.updated",
    "oauth.authorization.revoked",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subscription:
    """`key` signs its deliveries; empty where Square did not show it."""

    id: str
    address: str
    event_types: tuple[str, ...]
    is_enabled: bool
    key: str = field(repr=False)


class SubscriptionClient:
    """All methods raise the errors of `providers.errors`."""

    def __init__(self, base_url: str, *, token: str, transport: Transport) -> None:
        self.base_url = base_url.rstrip("/")
        self._token = token
        self.transport = transport

    def all(self) -> list[Subscription]:
        """Those that are disabled included."""
        found: list[Subscription] = []
        cursor = ""
        while True:
            params = {"include_disabled": "true", **({"cursor": cursor} if cursor else {})}
            answer = Reader(self._ask("subscriptions.list", params=params), "answer")
            found += [_read(row) for row in answer.records("subscriptions")]
            following = answer.optional_text("cursor")
            if not following or following == cursor:
                return found
            cursor = following

    def create(self, *, name: str, address: str, event_types: Sequence[str], idempotency_key: str) -> Subscription:
        """The same key makes one subscription, however often it is asked."""
        wanted = {"name": name, "notification_url": address, "event_types": list(event_types), "api_version": VERSION}
        body = {"idempotency_key": idempotency_key, "subscription": wanted}
        return _read(Reader(self._ask("subscriptions.create", body=body), "answer").record("subscription"))

    def change(self, identifier: str, *, event_types: Sequence[str]) -> Subscription:
        """It sends again, and these events."""
        body = {"subscription": {"event_types": list(event_types), "enabled": True}}
        answer = self._ask("subscriptions.change", identifier, body=body)
        return _read(Reader(answer, "answer").record("subscription"))

    def remove(self, identifier: str) -> None:
        self._ask("subscriptions.remove", identifier)

    def renew_key(self, identifier: str, *, idempotency_key: str) -> str:
        """The new signature key: Square signs with it from now on."""
        answer = self._ask("subscriptions.renew_key", identifier, body={"idempotency_key": idempotency_key})
        return Reader(answer, "answer").text("signature_key")

    def _ask(
        self,
        operation: str,
        identifier: str = "",
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        method, path = OPERATIONS[operation]
        call = Call(SYSTEM, operation, method, path)
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._token}", "Square-Version": VERSION}
        if body is not None:
            headers["Content-Type"] = "application/json"

        def judged(answer: Answer) -> Mapping[str, Any]:
            return answers.content(call, answer, now=self.transport.now())

        url = self.base_url + path.replace("{id}", quote(identifier, safe=""))
        content = None if body is None else json.dumps(body).encode()
        return self.transport.send(call, url, headers=headers, params=params, body=content, read=judged)


def _read(row: Reader) -> Subscription:
    return Subscription(
        id=row.identifier("id"), address=row.optional_text("notification_url"), event_types=row.texts("event_types"),
        is_enabled=row.optional_flag("enabled", default=True), key=row.optional_text("signature_key"),
    )  # fmt: skip
