"""Reading a Square account, and writing its customers. The table of operations is the one way out, and holds no other
write.

Records come raw, as decoded JSON with exact numbers, so that one unreadable record does not lose its page;
`payloads` reads them. All methods raise the errors of `providers.errors`.
Reference: Square API reference, Square-Version 2025-08-20; square.md 1 and 3.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from connections.providers.errors import NoAnswer, Refused, Unreadable
from connections.providers.http import Answer, Call, TokenSource, Transport, batches, with_token
from connections.providers.payload import Reader, nests_beyond
from connections.providers.square import answers

SYSTEM = "square"
VERSION = "2025-08-20"
# Searches are POST and still reads. Payments, refunds and payouts have no line here but GET, and never get one.
# `WRITES` are the only lines that change anything at the seller: customers and what is attached to them.
OPERATIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "payments.list": ("GET", "/v2/payments"),
        "payments.read": ("GET", "/v2/payments/{id}"),
        "refunds.list": ("GET", "/v2/refunds"),
        "refunds.read": ("GET", "/v2/refunds/{id}"),
        "payouts.list": ("GET", "/v2/payouts"),
        "payouts.read": ("GET", "/v2/payouts/{id}"),
        "payouts.entries": ("GET", "/v2/payouts/{id}/payout-entries"),
        "disputes.list": ("GET", "/v2/disputes"),
        "disputes.read": ("GET", "/v2/disputes/{id}"),
        "invoices.list": ("GET", "/v2/invoices"),
        "invoices.read": ("GET", "/v2/invoices/{id}"),
        "orders.search": ("POST", "/v2/orders/search"),
        "orders.retrieve": ("POST", "/v2/orders/batch-retrieve"),
        "orders.read": ("GET", "/v2/orders/{id}"),
        "customers.search": ("POST", "/v2/customers/search"),
        "customers.retrieve": ("POST", "/v2/customers/bulk-retrieve"),
        "customers.read": ("GET", "/v2/customers/{id}"),
        "customers.update": ("POST", "/v2/customers/bulk-update"),
        "attributes.list": ("GET", "/v2/customers/custom-attribute-definitions"),
        "attributes.define": ("POST", "/v2/customers/custom-attribute-definitions"),
        "attributes.set": ("POST", "/v2/customers/custom-attributes/bulk-upsert"),
        "locations.list": ("GET", "/v2/locations"),
        "locations.read": ("GET", "/v2/locations/{id}"),
        "merchants.list": ("GET", "/v2/merchants"),
        "merchants.read": ("GET", "/v2/merchants/{id}"),
        "token.status": ("POST", "/oauth2/token/status"),
    }
)
WRITES = frozenset(("customers.update", "attributes.define", "attributes.set"))
# Before Square existed. Without a begin_time the lists look back one year from now by *creation*, and would miss a
# change to an older payment. Reference: square.md 3.1 (the trap).
BEGINNING = "2009-01-01T00:00:00Z"
PAGE = 100
ORDERS_PAGE = 500
INVOICES_PAGE = 200
ORDERS_LOCATIONS = 10
BATCH = 100
# Reference: Square docs, customer-custom-attributes-api: a bulk upsert takes 1 to 25 values.
ATTRIBUTES_BATCH = 25
TEXT_SCHEMA = "https://developer-production-s.squarecdn.com/schemas/v1/common.json#squareup.common.String"
# How a customer that changed meanwhile is answered is not published. Reference: square.md 1.6.
STALE = frozenset(("CONFLICT", "VERSION_MISMATCH"))
EXPIRED_CURSOR = "INVALID_CURSOR"
# No record of Square nests half as deep; writing down a much deeper one would end in a RecursionError.
DEEPEST = 50

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of raw records. It may be short or empty and still have more behind it."""

    records: tuple[Row, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class TokenStatus:
    scopes: tuple[str, ...]
    expires_at: datetime | None
    client_id: str
    merchant_id: str


class SquareClient:
    """`base_url` may carry a path prefix. Cursors live minutes: finish a list, or begin it again."""

    def __init__(self, base_url: str, *, tokens: TokenSource, transport: Transport, version: str = VERSION) -> None:
        self.base_url = base_url.rstrip("/")
        self.tokens = tokens
        self.transport = transport
        self.version = version

    def payments(self, location_id: str, *, updated_from: datetime, updated_to: datetime) -> Iterator[Page]:
        """Payments of one location changed in the window, oldest change first. No location would mean the main one."""
        return self._changed("payments", location_id, updated_from=updated_from, updated_to=updated_to)

    def refunds(self, location_id: str, *, updated_from: datetime, updated_to: datetime) -> Iterator[Page]:
        """Refunds of one location changed in the window, oldest change first."""
        return self._changed("refunds", location_id, updated_from=updated_from, updated_to=updated_to)

    def payouts(self, location_id: str, *, created_from: datetime, created_to: datetime) -> Iterator[Page]:
        """Payouts of one location created in the window, both ends included, oldest first. A payout that was paid or
        failed later is not found by that change: read the last weeks again. No location would mean the main one."""
        params = {
            "location_id": _identifier(location_id),
            "begin_time": _written(created_from),
            "end_time": _written(created_to),
            "sort_order": "ASC",
            "limit": str(PAGE),
        }
        return self._paged("payouts.list", "payouts", params=params)

    def payout_entries(self, payout_id: str) -> Iterator[Page]:
        """What a payout is made of, oldest first. A SIMPLE payout has none."""
        params = {"sort_order": "ASC", "limit": str(PAGE)}
        return self._paged("payouts.entries", "payout_entries", identifier=payout_id, params=params)

    def disputes(self, location_id: str = "") -> Iterator[Page]:
        """All disputes, of one location or of all. Square filters by no time."""
        params = {"location_id": location_id} if location_id else {}
        return self._paged("disputes.list", "disputes", params=params)

    def invoices(self, location_id: str) -> Iterator[Page]:
        """All invoices of one location. Square filters by no time, so a change is found by reading them again."""
        params = {"location_id": _identifier(location_id), "limit": str(INVOICES_PAGE)}
        return self._paged("invoices.list", "invoices", params=params)

    def search_orders(
        self, location_ids: Iterable[str], *, updated_from: datetime, updated_to: datetime, states: Iterable[str] = ()
    ) -> Iterator[Page]:
        """Orders changed in the window, of these states or of any, ten locations at a time, oldest change first within
        those.
        """
        window = {"start_at": _written(updated_from), "end_at": _written(updated_to)}
        of_states = {"state_filter": {"states": list(states)}} if states else {}
        query = {
            "filter": {"date_time_filter": {"updated_at": window}, **of_states},
            "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
        }
        for locations in batches(location_ids, ORDERS_LOCATIONS):
            asked = {"location_ids": list(locations), "query": query, "limit": ORDERS_PAGE}
            yield from self._paged("orders.search", "orders", body=asked)

    def search_customers(
        self, *, updated_from: datetime, updated_to: datetime, created_from: datetime | None = None
    ) -> Iterator[Page]:
        """Customers changed in the window, oldest first. Square cannot sort by change, so the list may shift while it
        is read. `created_from`: where a reading that was cut off goes on.
        """
        wanted: dict[str, Any] = {"updated_at": {"start_at": _written(updated_from), "end_at": _written(updated_to)}}
        if created_from:
            wanted["created_at"] = {"start_at": _written(created_from)}
        query = {"filter": wanted, "sort": {"field": "CREATED_AT", "order": "ASC"}}
        return self._paged("customers.search", "customers", body={"query": query, "limit": PAGE})

    def orders(self, order_ids: Iterable[str]) -> dict[str, Row]:
        """Orders by id, a hundred a call. Square leaves out the ids it does not know."""
        found: dict[str, Row] = {}
        for batch in batches(order_ids, BATCH):
            answer = self._ask("orders.retrieve", body={"order_ids": list(batch)})
            found.update((str(row.get("id", "")), row) for row in _rows(answer, "orders"))
        return found

    def customers(self, customer_ids: Iterable[str]) -> dict[str, Row]:
        """Customers by the id asked for, which after a merge is not the id in the record. Unknown ids are left out."""
        found: dict[str, Row] = {}
        for batch in batches(customer_ids, BATCH):
            answer = Reader(self._ask("customers.retrieve", body={"customer_ids": list(batch)}), "answer")
            responses = answer.optional_record("responses")
            for asked in batch:
                one = responses.optional_record(asked) if responses else None
                if one and one.has("customer"):
                    found[asked] = one.record("customer").data
        return found

    def update_customers(self, changes: Mapping[str, Row]) -> dict[str, Row | Refused]:
        """Sparse updates by id, a hundred at most: the profile as it is then, or why not. None clears a member.

        Each change should carry the `version` it was made in sight of: without one the last write wins.
        """
        answer = self._ask("customers.update", body={"customers": dict(changes)})
        responses = Reader(answer, "answer").optional_record("responses")
        return {key: _one_of(responses, key, "customer") for key in changes}

    def attribute_keys(self) -> frozenset[str]:
        """The custom attributes of customers that are defined."""
        pages = self._paged("attributes.list", "custom_attribute_definitions", params={"limit": str(PAGE)})
        return frozenset(str(row.get("key")) for page in pages for row in page.records)

    def define_attribute(self, key: str, *, name: str, description: str) -> None:
        """A text that the seller sees on each customer and cannot change."""
        definition = {
            "key": key, "name": name, "description": description, "visibility": "VISIBILITY_READ_ONLY",
            "schema": {"$ref": TEXT_SCHEMA},
        }  # fmt: skip
        self._ask("attributes.define", body={"custom_attribute_definition": definition})

    def set_attribute(self, key: str, values: Mapping[str, str]) -> dict[str, Row | Refused]:
        """The attribute of each customer, 25 at most: as it is then, or why not."""
        asked = {
            who: {"customer_id": who, "custom_attribute": {"key": key, "value": text}} for who, text in values.items()
        }
        responses = Reader(self._ask("attributes.set", body={"values": asked}), "answer").optional_record("values")
        return {who: _one_of(responses, who, "custom_attribute") for who in values}

    def payment(self, payment_id: str) -> Row:
        return self._one("payments.read", "payment", payment_id)

    def refund(self, refund_id: str) -> Row:
        return self._one("refunds.read", "refund", refund_id)

    def payout(self, payout_id: str) -> Row:
        return self._one("payouts.read", "payout", payout_id)

    def dispute(self, dispute_id: str) -> Row:
        return self._one("disputes.read", "dispute", dispute_id)

    def invoice(self, invoice_id: str) -> Row:
        return self._one("invoices.read", "invoice", invoice_id)

    def order(self, order_id: str) -> Row:
        return self._one("orders.read", "order", order_id)

    def customer(self, customer_id: str) -> Row:
        """After a merge this is the merged customer, with another id."""
        return self._one("customers.read", "customer", customer_id)

    def location(self, location_id: str) -> Row:
        return self._one("locations.read", "location", location_id)

    def merchant(self, merchant_id: str = "me") -> Row:
        return self._one("merchants.read", "merchant", merchant_id)

    def locations(self) -> tuple[Row, ...]:
        """All of them, closed ones included: their old payments still change."""
        return _rows(self._ask("locations.list"), "locations")

    def merchants(self) -> tuple[Row, ...]:
        """The merchants the token reaches. The list stands under the singular word."""
        return _rows(self._ask("merchants.list"), "merchant")

    def token_status(self) -> TokenStatus:
        """What the consent really covers: Square grants a default set in silence when it misreads the scopes."""
        reader = Reader(self._ask("token.status"), "token")
        return TokenStatus(
            scopes=reader.texts("scopes"),
            expires_at=reader.optional_time("expires_at"),
            client_id=reader.optional_text("client_id"),
            merchant_id=reader.optional_text("merchant_id"),
        )

    def _changed(self, name: str, location_id: str, *, updated_from: datetime, updated_to: datetime) -> Iterator[Page]:
        params = {
            "location_id": _identifier(location_id),
            "begin_time": BEGINNING,
            "updated_at_begin_time": _written(updated_from),
            "updated_at_end_time": _written(updated_to),
            "sort_field": "UPDATED_AT",
            "sort_order": "ASC",
            "limit": str(PAGE),
        }
        return self._paged(f"{name}.list", name, params=params)

    def _paged(
        self,
        operation: str,
        name: str,
        *,
        identifier: str = "",
        params: Mapping[str, str] | None = None,
        body: Row | None = None,
    ) -> Iterator[Page]:
        """Only the cursor says whether there is more. It goes with the very same question."""
        seen = {""}
        cursor = ""
        while True:
            answer = self._ask_on(operation, cursor, identifier=identifier, params=params, body=body)
            cursor = Reader(answer, "answer").optional_text("cursor")
            yield Page(records=_rows(answer, name), has_more=bool(cursor))
            if not cursor:
                return
            if cursor in seen:
                raise Unreadable(f"{operation}: the pages go round in a circle")
            seen.add(cursor)

    def _ask_on(
        self, operation: str, cursor: str, *, identifier: str, params: Mapping[str, str] | None, body: Row | None
    ) -> Row:
        """A cursor that died meanwhile is no refusal of the question. Reference: square.md 1.4."""
        more = {"cursor": cursor} if cursor else {}
        try:
            return self._ask(
                operation,
                identifier=identifier,
                params=None if params is None else {**params, **more},
                body=None if body is None else {**body, **more},
            )
        except Refused as refusal:
            if not cursor or refusal.code != EXPIRED_CURSOR:
                raise
            sentence = f"Square did not go on with {operation}: too long passed between two pages. It is read again."
            raise NoAnswer(sentence, status=refusal.status, code=refusal.code) from refusal

    def _one(self, operation: str, name: str, identifier: str) -> Row:
        answer = Reader(self._ask(operation, identifier=identifier), "answer")
        return answer.record(name).data

    def _ask(
        self,
        operation: str,
        *,
        identifier: str = "",
        params: Mapping[str, str] | None = None,
        body: Row | None = None,
    ) -> Row:
        method, path = OPERATIONS[operation]
        url = self.base_url + _filled(path, identifier)
        content = None if body is None else json.dumps(body).encode()
        call = Call(SYSTEM, operation, method, path)

        def attempt(once: Call, token: str) -> Row:
            return self.transport.send(
                once, url, headers=self._headers(token, content), params=params, body=content, read=judged
            )

        def judged(answer: Answer) -> Row:
            return answers.content(call, answer, now=self.transport.now())

        return with_token(self.tokens, call, attempt)

    def _headers(self, token: str, content: bytes | None) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "Square-Version": self.version,
        }
        return headers if content is None else {**headers, "Content-Type": "application/json"}


def _one_of(responses: Reader | None, key: str, name: str) -> Row | Refused:
    """One part of a bulk answer. What is missing of it counts as refused: nothing says that it was done."""
    part = responses.optional_record(key) if responses else None
    if part and part.has(name):
        return part.record(name).data
    told = answers.said_in(part.data if part else {})
    where = f" of {told.field}" if told.field else ""
    sentence = f"Square refused the change{where} ({told.code or 'without saying why'})."
    return Refused(sentence, status=HTTPStatus.OK, code=told.code, field=told.field)


def _filled(path: str, identifier: str) -> str:
    return path.replace("{id}", quote(_identifier(identifier), safe="")) if "{id}" in path else path


def _identifier(text: str) -> str:
    """An id that leads where it says: an empty one would turn one record into a list."""
    if text in {"", ".", ".."}:
        raise ValueError("an id of Square is not empty")
    return text


def _rows(answer: Row, name: str) -> tuple[Row, ...]:
    """The records of a list. What is no record stays in its place, so that it is kept and does not lose its page."""
    found = answer.get(name)
    if isinstance(found, list):
        return tuple(_row(value) for value in found)
    return tuple(reader.data for reader in Reader(answer, "answer").records(name))


def _row(value: Any) -> Row:
    if nests_beyond(value, DEEPEST):
        return {"id": value.get("id") if isinstance(value, Mapping) else None, "unreadable": "nested too deeply"}
    return value if isinstance(value, Mapping) else {"unreadable": value}


def _written(moment: datetime) -> str:
    """RFC 3339 in UTC. Raises `ValueError` for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("Square takes times with a zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
