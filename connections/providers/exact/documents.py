"""Posting entries and finding them again by their reference: Exact has no idempotency key.

Every look-up returns all matches, so that a document that stands there twice is seen.
Reference: exact-online.md 10.6. Reads may lag a write by moments: who finds nothing looks twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connections.providers.exact import odata, resources
from connections.providers.exact.client import ExactClient
from connections.providers.exact.payloads import EntryHead, EntryLine, TransactionLine
from connections.providers.exact.resources import Resource
from connections.providers.http import batches

# Thirty ids and the properties asked for stay below 2,048 characters of query, the limit web servers commonly set.
TERMS = 30


def post(client: ExactClient, resource: Resource[EntryHead], body: bytes | Mapping[str, Any]) -> EntryHead:
    """Post one entry to `resources.SALES_ENTRIES`, `BANK_ENTRIES` or `CASH_ENTRIES`.

    Raises `NoAnswer` also for an answer that does not say which entry it made.
    """
    return client.create_read(resource.path, body, read=resource.read)


def sales_entries(client: ExactClient, references: Iterable[str]) -> tuple[EntryHead, ...]:
    """Every sales entry whose YourRef is one of the references."""
    return tuple(_matching(client, resources.SALES_ENTRIES, "YourRef", references))


def bank_lines(client: ExactClient, descriptions: Iterable[str]) -> tuple[EntryLine, ...]:
    """Every bank entry line whose Description is one of the texts, whole."""
    return tuple(_matching(client, resources.BANK_ENTRY_LINES, "Description", descriptions))


def cash_lines(client: ExactClient, descriptions: Iterable[str]) -> tuple[EntryLine, ...]:
    """Every cash entry line whose Description is one of the texts, whole."""
    return tuple(_matching(client, resources.CASH_ENTRY_LINES, "Description", descriptions))


def ledger_lines(client: ExactClient, entry_ids: Iterable[str]) -> Iterator[TransactionLine]:
    """The ledger lines of many entries, up to 1,000 a call."""
    ids = (odata.guid(entry_id) for entry_id in entry_ids)
    return _matching(client, resources.TRANSACTION_LINES, "EntryID", ids)


def _matching(client: ExactClient, resource: Resource[Any], field: str, values: Iterable[odata.Value]) -> Iterator[Any]:
    for part in batches(values, TERMS):
        yield from client.read(resource, where=odata.any_of(*(odata.eq(field, value) for value in part)))
