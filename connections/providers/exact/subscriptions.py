"""Webhook subscriptions of a division at Exact Online: one topic each.

Needs the scope Organization administration, and an https address at the domain of the registered redirect address;
Exact tries it with an empty body while it is asked.
Reference: exact-online.md section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from connections.providers.errors import Refused
from connections.providers.exact.client import ExactClient
from connections.providers.exact.messages import RefusalKind
from connections.providers.payload import Reader

PATH = "webhooks/WebhookSubscriptions"
# A change of what mappings point at, and of what is booked. The first two names are a guess: both entities are
# documented as webhook-capable without a topic's name; a subscription that succeeds would settle it.
TOPICS = ("Accounts", "GLAccounts", "FinancialTransactions")


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    topic: str
    address: str


def listed(client: ExactClient) -> list[Subscription]:
    """Those of the client's division."""
    rows = client.rows(PATH, select=("ID", "Topic", "CallbackURL"), operation="WebhookSubscriptions.list")
    readers = (Reader(row, "subscription") for row in rows)
    return [
        Subscription(row.identifier("ID"), row.identifier("Topic"), row.optional_text("CallbackURL")) for row in readers
    ]


def subscribe(client: ExactClient, *, topic: str, address: str) -> None:
    """Somebody of the same customer may have subscribed the topic before: that is as good."""
    try:
        client.create(PATH, {"CallbackURL": address, "Topic": topic})
    except Refused as refusal:
        if refusal.code != RefusalKind.DUPLICATE:
            raise


def remove(client: ExactClient, identifier: str) -> None:
    client.delete(PATH, UUID(identifier))
