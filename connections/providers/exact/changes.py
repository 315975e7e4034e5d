"""What has changed in a division since a row version: the sync endpoints, a thousand rows a call.

`Timestamp` is a row version and no time. It counts on with each change of a row, and starts again when the division is
moved. Rows that were removed stand in sync/Deleted, for two months.
Reference: exact-online.md section 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from connections.providers.exact import odata, resources
from connections.providers.exact.client import ExactClient
from connections.providers.exact.orders import ITEMS as SOLD
from connections.providers.exact.orders import Item
from connections.providers.exact.payloads import Account, GLAccount
from connections.providers.exact.resources import Resource
from connections.providers.exact.values import number, required_guid
from connections.providers.payload import Reader

T = TypeVar("T")
BEGINNING = 1
# A little less than the two months that Exact keeps its log of deletions; two months can be 59 days.
DELETIONS_KEPT = timedelta(days=57)
# Reference: section 8, EntityType of sync/Deleted.
ACCOUNT, GL_ACCOUNT, ITEM = 2, 7, 9


@dataclass(frozen=True, slots=True)
class Removed:
    """A row that is no more: `kind` is its EntityType, `key` its GUID."""

    kind: int
    key: str


def removed(row: Mapping[str, Any]) -> Removed:
    reader = Reader(row, "Deleted")
    return Removed(kind=reader.integer("EntityType"), key=required_guid(reader, "EntityKey"))


GL_ACCOUNTS: Resource[GLAccount] = Resource(
    "sync/Financial/GLAccounts", resources.GL_ACCOUNTS.select, resources.gl_account
)
ACCOUNTS: Resource[Account] = Resource("sync/CRM/Accounts", resources.ACCOUNTS.select, resources.account)
ITEMS: Resource[Item] = Resource("sync/Logistics/Items", SOLD.select, SOLD.read)
DELETED: Resource[Removed] = Resource("sync/Deleted", ("EntityType", "EntityKey"), removed)


def since(client: ExactClient, resource: Resource[T], version: int) -> Iterator[tuple[int, T]]:
    """(row version, row) of everything newer, page after page. A row that changes meanwhile comes twice: the later
    counts. Raises the errors of `providers.errors`.
    """
    where = odata.gt("Timestamp", odata.Int64(version))
    for row in client.rows(resource.path, select=("Timestamp", *resource.select), where=where):
        yield number(Reader(row, resource.path), "Timestamp") or version, resource.read(row)
