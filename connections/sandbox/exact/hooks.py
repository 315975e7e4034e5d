"""Webhook subscriptions of a division, and the notifications they are sent.

Reference: exact-online.md section 7. The topics "Accounts" and "GLAccounts" are a guess: both entities are documented
as webhook-capable without a topic's name.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connections.sandbox.courier import Courier, NotDelivered, Parcel, Trip, Written
from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision
    from connections.sandbox.exact.service import Call
    from connections.sandbox.exact.site import ExactSite

TABLE = "webhooksubscriptions"
PATH = "webhooks/WebhookSubscriptions"
# Table -> (topic, path of the endpoint).
WATCHED = {
    "accounts": ("Accounts", "crm/Accounts"),
    "glaccounts": ("GLAccounts", "financial/GLAccounts"),
    "items": ("Items", "logistics/Items"),
    "salesentries": ("SalesEntries", "salesentry/SalesEntries"),
    "bankentries": ("BankEntries", "financialtransaction/BankEntries"),
    "cashentries": ("CashEntries", "financialtransaction/CashEntries"),
    "generaljournalentries": ("GeneralJournalEntries", "generaljournalentry/GeneralJournalEntries"),
    "salesorders": ("SalesOrders", "salesorder/SalesOrders"),
    "quotations": ("Quotations", "crm/Quotations"),
}
ENTRIES = frozenset(("salesentries", "bankentries", "cashentries", "generaljournalentries"))
FINANCIAL = "FinancialTransactions"
TOPICS = frozenset(topic for topic, _ in WATCHED.values()) | {
    FINANCIAL, "SalesInvoices", "PurchaseEntries", "PurchaseOrders", "GoodsDeliveries", "Subscriptions",
    "CostTransactions", "TimeTransactions", "ProjectPlanning", "StockPositions",
}  # fmt: skip
# Anything but 200 and 201 is tried again up to ten times, 2^n minutes later.
WAITS = tuple(timedelta(minutes=2**n) for n in range(1, 11))
_ACCEPTED = (200, 201)
_LOCAL = frozenset(("127.0.0.1", "localhost", "testserver"))


@dataclass(frozen=True)
class _Note:
    topic: str
    path: str
    key: str
    action: str
    made: str


class Hooks:
    """Of one division. `watch` is called by its tables."""

    def __init__(self, site: ExactSite, division: ExactDivision, courier: Courier) -> None:
        self.site, self.division, self.courier = site, division, courier
        self._noted: list[_Note] = []
        courier.packers.append(self.pack)

    def watch(self, table: str, action: str, row: Row) -> None:
        if not len(self.division.tables[TABLE]):
            return
        topic, path = WATCHED[table]
        key = str(row[self.division.tables[table].keys[0]])
        made = self.division.now().isoformat(timespec="milliseconds")
        topics = (topic, FINANCIAL) if table in ENTRIES else (topic,)
        self._noted += [_Note(name, path, key, action, made) for name in topics]

    def pack(self) -> None:
        noted, self._noted = self._noted, []
        for note in noted:
            for row in self.division.tables[TABLE].find("Topic", note.topic):
                self.courier.put(self._parcel(row, note))

    def _parcel(self, row: Row, note: _Note) -> Parcel:
        content = _compact(
            {
                "Topic": note.topic, "ClientId": row["ClientID"], "Division": self.division.code,
                "Action": note.action, "Key": note.key,
                "ExactOnlineEndpoint": f"https://start.exactonline.{self.site.region}/api/v1/{self.division.code}"
                f"/{note.path}(guid'{note.key}')",
                "EventCreatedOn": note.made,
            }
        )  # fmt: skip

        def written(trip: Trip) -> Written:
            secret = "forged" if trip.forged else self.site.apps[row["ClientID"]].webhook_secret
            code = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().upper()
            body = b'{"Content":' + content + b',"HashCode":"' + code.encode() + b'"}'
            return {"Content-Type": "application/json; charset=utf-8"}, body

        event_id = f"{note.topic}/{note.action}/{note.key}"
        return Parcel("exact", event_id, row["CallbackURL"], written, WAITS, lambda status: status in _ACCEPTED)


def _compact(data: Row) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def create(call: Call, division: ExactDivision, body: Row) -> Row:
    """Tries the address with an empty body while the caller waits. Raises `Rule`."""
    app, topic = call.app, body["Topic"]
    if topic not in TOPICS or topic in call.site.switches.refused_topics:
        raise Rule("invalid", "Topic", topic)
    _check_address(body["CallbackURL"], app.redirect_uris)
    for row in division.tables[TABLE].find("Topic", topic):
        if row["ClientID"] == app.client_id:
            raise Rule("duplicate")
    _try(call.site.courier, body["CallbackURL"])
    more: dict[str, Any] = {"ClientID": app.client_id, "Creator": call.user.guid, "Description": topic}
    return division.add(TABLE, **{**body, **more, "CreatorFullName": call.user.full_name})


def delete(division: ExactDivision, key: str) -> None:
    division.tables[TABLE].remove(key)


def _check_address(address: str, redirects: tuple[str, ...]) -> None:
    """https, at the domain of the app's registered redirect address. This machine may be http, as for the redirect."""
    url = urlsplit(address)
    hosts = {urlsplit(redirect).hostname for redirect in redirects}
    is_safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOCAL)
    if not is_safe or url.hostname not in hosts:
        raise Rule("invalid", "CallbackURL", address)


def _try(courier: Courier, address: str) -> None:
    try:
        status = courier.send(address, {"Content-Type": "application/json; charset=utf-8"}, b"")
    except NotDelivered:
        status = 0
    if status not in _ACCEPTED:
        raise Rule("callback", "", f"{status or 'no answer'}")
