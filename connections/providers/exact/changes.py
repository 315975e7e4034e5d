"""What has changed in a division since a row version: the sync endpoints, a thousand rows a call.

`Timestamp` is a row version and no time. It counts on with each change of a row, and starts again when the division is
moved. Rows that were removed stand in sync/Deleted, for two months.
Reference: exact-online.md section 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from connections.providers.exact import odata, relations, resources, stock
from connections.providers.exact.client import ExactClient
from connections.providers.exact.documents import TERMS
from connections.providers.exact.orders import ITEMS as SOLD
from connections.providers.exact.orders import Item
from connections.providers.exact.payloads import Account, GLAccount
from connections.providers.exact.relations import Address, Contact
from connections.providers.exact.resources import Resource
from connections.providers.exact.stock import SalesPrice, SupplierPrice
from connections.providers.exact.values import number, required_guid
from connections.providers.http import batches
from connections.providers.payload import Reader

T = TypeVar("T")
BEGINNING = 1
# A little less than the two months that Exact keeps its log of deletions; two months can be 59 days.
DELETIONS_KEPT = timedelta(days=57)
# Reference: section 8, EntityType of sync/Deleted. That 30 (ItemAccounts) is what a supplier asks for an item is a
# guess: without it a price that was taken back would stand here until the item's next whole reading.
ACCOUNT, ADDRESS, CONTACT, GL_ACCOUNT, SALES_PRICE, ITEM, SUPPLIER_PRICE = 2, 3, 5, 7, 8, 9, 30


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
CONTACTS: Resource[Contact] = Resource("sync/CRM/Contacts", relations.CONTACTS.select, relations.contact)
ADDRESSES: Resource[Address] = Resource("sync/CRM/Addresses", relations.ADDRESSES.select, relations.address)
SALES_PRICES: Resource[SalesPrice] = Resource(
    "sync/Logistics/SalesItemPrices", stock.SALES_PRICES.select, stock.sales_price
)
SUPPLIER_PRICES: Resource[SupplierPrice] = Resource(
    "sync/Logistics/SupplierItem", stock.SUPPLIER_PRICES.select, stock.supplier_price
)
DELETED: Resource[Removed] = Resource("sync/Deleted", ("EntityType", "EntityKey"), removed)


def since(client: ExactClient, resource: Resource[T], version: int) -> Iterator[tuple[int, T]]:
    """(row version, row) of everything newer, page after page. A row that changes meanwhile comes twice: the later
    counts. Raises the errors of `providers.errors`.
    """
    where = odata.gt("Timestamp", odata.Int64(version))
    for row in client.rows(resource.path, select=("Timestamp", *resource.select), where=where):
        yield number(Reader(row, resource.path), "Timestamp") or version, resource.read(row)


def belonging(client: ExactClient, resource: Resource[T], field: str, keys: Iterable[str]) -> Iterator[T]:
    """The rows of an ordinary list that belong to these, thirty a call: of who is of interest only now, older rows
    stand before the row version that was read.
    """
    for part in batches(keys, TERMS):
        yield from client.read(resource, where=odata.any_of(*(odata.eq(field, odata.guid(key)) for key in part)))
