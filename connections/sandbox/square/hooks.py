"""Webhook subscriptions of applications, and the events they are told.

Reference: square.md 3.10 and 4; OpenAPI WebhookSubscription and the `*Event` schemas. Guesses: the codes of a refused
address and of an unknown event type; that an address of this machine may be http (the vendor asks for https).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connections.sandbox.courier import Courier, Parcel, Trip, Written
from connections.sandbox.square import times
from connections.sandbox.square.errors import SquareError, invalid, not_found
from connections.sandbox.square.facts import Json, facts

if TYPE_CHECKING:
    from connections.sandbox.square.calls import Call
    from connections.sandbox.square.grants import App, Grants
    from connections.sandbox.square.state import State

# Event type -> the read scopes that the seller must have granted to the application.
# Reference: square.md 4.4; of payouts the events say that both are needed.
_PAYOUTS = ("PAYOUTS_READ",)
EVENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("payment.created", "payment.updated", "refund.created", "refund.updated"), ("PAYMENTS_READ",)),
    **dict.fromkeys(("order.created", "order.updated"), ("ORDERS_READ",)),
    **{
        f"invoice.{what}": ("INVOICES_READ",)
        for what in ("created", "published", "updated", "payment_made", "scheduled_charge_failed", "canceled",
                     "refunded", "deleted")
    },
    **{f"customer.{what}": ("CUSTOMERS_READ",) for what in ("created", "updated", "deleted")},
    **{f"payout.{what}": _PAYOUTS for what in ("sent", "paid", "failed")},
    **dict.fromkeys(("dispute.created", "dispute.state.updated"), ("DISPUTES_READ",)),
    **dict.fromkeys(("location.created", "location.updated"), ("MERCHANT_PROFILE_READ",)),
    "oauth.authorization.revoked": (),
}  # fmt: skip
MINUTES = (1, 2, 4, 8, 16, 32, 60, 120, 240, 480, 480)
WAITS = tuple(timedelta(minutes=minutes) for minutes in MINUTES)
_LOCAL = frozenset(("127.0.0.1", "localhost", "testserver"))
_PLACED = ("invoice", "payout")
_ORDER = ("version", "location_id", "state", "created_at", "updated_at")
_INVOICES = {
    "UNPAID": "published", "PARTIALLY_PAID": "payment_made", "PAID": "payment_made", "CANCELED": "canceled",
    "REFUNDED": "refunded", "PARTIALLY_REFUNDED": "refunded",
}  # fmt: skip


@dataclass
class Subscription:
    client_id: str
    data: Json

    @property
    def enabled(self) -> bool:
        return bool(self.data["enabled"])

    def wants(self, kind: str) -> bool:
        return self.enabled and kind in self.data["event_types"]


@dataclass(frozen=True)
class _Note:
    """Something that happened; what it carries is written down when it is packed."""

    kind: str
    name: str
    key: str
    at: datetime
    data: Json
    more: Json = field(default_factory=dict)


class Hooks:
    def __init__(self, state: State, grants: Grants, courier: Courier) -> None:
        self.state, self.grants, self.courier = state, grants, courier
        self.subscriptions: dict[str, Subscription] = {}
        self._made: dict[tuple[str, str], str] = {}
        self._noted: list[_Note] = []
        self._invoice_status: dict[str, str] = {}
        self._random = random.Random(f"hooks:{state.seed}")

    # -- what happens

    def watch(self, name: str, what: str, record: Any) -> None:
        """A record of a collection is new ("added") or changed ("updated")."""
        if not self.subscriptions:
            return
        for kind in _kinds(name, what, record.data, self._invoice_status):
            self.note(kind, name, record.id, record.data)

    def note(self, kind: str, name: str, key: str, data: Json | None = None, **more: Any) -> None:
        if self.subscriptions:
            self._noted.append(_Note(kind, name, key, self.state.clock.now(), data or {}, more))

    def pack(self) -> None:
        """Under the lock of the seller's state, which is written down here."""
        noted, self._noted = self._noted, []
        for note in noted:
            for found in self.subscriptions.values():
                if found.wants(note.kind) and self._may(found, note.kind):
                    self.courier.put(self._parcel(found, note))

    def _may(self, found: Subscription, kind: str) -> bool:
        """Whether the seller granted the application what the event is about."""
        needed = set(EVENTS[kind])
        grants = [grant for grant in self.grants.refreshable.values() if grant.app.client_id == found.client_id]
        return not needed or any(needed <= set(grant.scopes) and not grant.revoked for grant in grants)

    def _parcel(self, found: Subscription, note: _Note) -> Parcel:
        event_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        body = json.dumps(self._event(note, event_id), separators=(",", ":")).encode()
        url = found.data["notification_url"]

        def written(trip: Trip) -> Written:
            key = "forged" if trip.forged else found.data["signature_key"]
            return _headers(trip, _signature(url, body, key)), body

        return Parcel("square", event_id, url, written, WAITS, lambda status: 200 <= status < 300)  # noqa: PLR2004

    def _event(self, note: _Note, event_id: str) -> Json:
        event: Json = {"merchant_id": self.state.merchant["id"]}
        if note.name in _PLACED:
            event["location_id"] = note.data["location_id"]
        data: Json = {"type": note.name, "id": note.key}
        if note.name == "order":
            name = note.kind.replace(".", "_")
            told = {"order_id": note.key, **{key: note.data[key] for key in _ORDER if key in note.data}}
            data |= {"type": name, "object": {name: told}}
        elif note.name == "location":
            data["type"] = "Location"
        else:
            data["object"] = {note.name: note.data, **note.more}
        if note.kind.endswith(".deleted"):
            data["deleted"] = True
        return {**event, "type": note.kind, "event_id": event_id, "created_at": times.fixed(note.at), "data": data}


def _kinds(name: str, what: str, data: Json, statuses: dict[str, str]) -> list[str]:
    if what == "added":
        statuses[data["id"]] = ""
        first = {"payout": "payout.sent"}.get(name, f"{name}.created")
        return [first]
    if name == "payout":
        return [f"payout.{data['status'].lower()}"]
    if name == "dispute":
        return ["dispute.state.updated"]
    if name != "invoice":
        return [f"{name}.updated"]
    before, statuses[data["id"]] = statuses.get(data["id"], ""), data["status"]
    moved = _INVOICES.get(data["status"], "") if before != data["status"] or data["status"] == "PARTIALLY_PAID" else ""
    return [f"invoice.{moved}", "invoice.updated"] if moved else ["invoice.updated"]


def _signature(url: str, body: bytes, key: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), url.encode() + body, hashlib.sha256).digest()).decode()


def _headers(trip: Trip, signature: str) -> dict[str, str]:
    first = {
        "Content-Type": "application/json",
        "User-Agent": "Square Connect v2",
        "x-square-hmacsha256-signature": signature,
        "square-environment": "Sandbox",
        "square-initial-delivery-timestamp": trip.first_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    retried = {"square-retry-number": str(trip.number), "square-retry-reason": trip.reason}
    return {**first, **retried} if trip.number else first


# -- the API


def _hooks(call: Call) -> tuple[Hooks, App]:
    if call.state.hooks is None or call.app is None:
        raise SquareError(501, "NOT_IMPLEMENTED", "The sandbox has no webhooks here.")
    return call.state.hooks, call.app


def list_types(_call: Call) -> Json:
    return {"event_types": list(EVENTS), "metadata": [{"event_type": kind} for kind in EVENTS]}


def list_all(call: Call) -> Json:
    hooks, app = _hooks(call)
    if "cursor" in call.values:
        raise invalid("INVALID_CURSOR", "The sandbox never issues a cursor for subscriptions.", field="cursor")
    found = [one for one in hooks.subscriptions.values() if one.client_id == app.client_id]
    shown = [one.data for one in found if one.enabled or call.values.get("include_disabled")]
    if call.values.get("sort_order") == "DESC":
        shown.reverse()
    return {"subscriptions": shown} if shown else {}


def create(call: Call) -> Json:
    hooks, app = _hooks(call)
    key = (app.client_id, call.values.get("idempotency_key", ""))
    if key[1] and hooks._made.get(key) in hooks.subscriptions:
        return {"subscription": hooks.subscriptions[hooks._made[key]].data}
    given = _checked(call.values["subscription"])
    for name in ("name", "notification_url", "event_types"):
        if not given.get(name):
            field_ = f"subscription.{name}"
            raise invalid("MISSING_REQUIRED_PARAMETER", f"Missing required parameter `{field_}`.", field=field_)
    now = _gone(call.state.clock.now())
    data: Json = {
        "id": f"wbhk_{hooks._random.getrandbits(128):032x}", "name": given["name"],
        "enabled": given.get("enabled", True), "event_types": given["event_types"],
        "notification_url": given["notification_url"],
        "api_version": given.get("api_version", facts()["version"]), "signature_key": _new_key(hooks),
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    hooks.subscriptions[data["id"]] = Subscription(app.client_id, data)
    hooks._made[key] = data["id"]
    return {"subscription": data}


def retrieve(call: Call) -> Json:
    return {"subscription": _one(call).data}


def update(call: Call) -> Json:
    found, given = _one(call), _checked(call.values.get("subscription", {}))
    found.data |= {**given, "updated_at": _gone(call.state.clock.now())}
    return {"subscription": found.data}


def delete(call: Call) -> Json:
    hooks, _ = _hooks(call)
    del hooks.subscriptions[_one(call).data["id"]]
    return {}


def renew_key(call: Call) -> Json:
    found = _one(call)
    found.data["signature_key"] = _new_key(_hooks(call)[0])
    return {"signature_key": found.data["signature_key"]}


def _one(call: Call) -> Subscription:
    hooks, app = _hooks(call)
    key = call.path["subscription_id"]
    found = hooks.subscriptions.get(key)
    if found is None or found.client_id != app.client_id:
        raise not_found("Subscription", key)
    return found


def _checked(given: Json) -> Json:
    """What of a subscription may be set. Read-only members are ignored."""
    if "event_types" in given:
        if not given["event_types"]:
            raise invalid("VALUE_EMPTY", "Field must not be blank", field="subscription.event_types")
        unknown = [kind for kind in given["event_types"] if kind not in EVENTS]
        if unknown:
            raise invalid("INVALID_VALUE", f"Unknown event type `{unknown[0]}`.", field="subscription.event_types")
    if "notification_url" in given:
        url = urlsplit(given["notification_url"])
        if not url.hostname or (url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOCAL)):
            detail = "The notification URL must be a public https address."
            raise invalid("INVALID_VALUE", detail, field="subscription.notification_url")
    names = ("name", "enabled", "event_types", "notification_url", "api_version")
    return {name: given[name] for name in names if name in given}


def _new_key(hooks: Hooks) -> str:
    return base64.urlsafe_b64encode(hooks._random.randbytes(16)).rstrip(b"=").decode()


def _gone(at: datetime) -> str:
    """# Reference: square.md 1.5, the timestamps of subscriptions are written as Go prints them."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
