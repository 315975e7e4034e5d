"""Customers of Exact, written: accounts with status C, and their contacts. `relations` reads everybody.

This is all that a till's data may change among relations: nobody is made a supplier here, no supplier is touched (the
caller shows what it holds of the account), and no property is sent that is not in these lists.
Reference: exact-online.md section 9, crm/Accounts and crm/Contacts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from connections.providers.exact import odata
from connections.providers.exact.client import ExactClient
from connections.providers.exact.payloads import Account
from connections.providers.exact.resources import ACCOUNTS, Resource, account
from connections.providers.exact.values import guid, required_guid
from connections.providers.payload import Reader

CUSTOMER = "C"
PATH, CONTACTS_PATH = "crm/Accounts", "crm/Contacts"
RELATIONS: Resource[Account] = Resource(PATH, ACCOUNTS.select, account)
# Reference: section 1 (9), account codes are right-aligned to 18.
CODE_WIDTH = 18
SEARCHES = MappingProxyType(
    {
        "name": "Name", "email": "Email", "vat_number": "VATNumber", "registration": "ChamberOfCommerce",
        "code": "Code", "reference": "SearchCode",
    }
)  # fmt: skip
WRITABLE = frozenset(
    (
        *("Name", "Email", "Phone", "VATNumber", "AddressLine1", "AddressLine2", "Postcode", "City", "Country"),
        "MainContact",
    )
)
# What only a new customer is given.
AT_FIRST = frozenset(("ChamberOfCommerce", "SearchCode", "PaymentConditionSales", "Classification1"))
CONTACT_WRITABLE = frozenset(("FirstName", "LastName", "Email", "Phone"))


class NotOurs(ValueError):
    """Somebody asked for a write that a till's data must never make. Always a fault of ours."""


@dataclass(frozen=True, slots=True)
class Contact:
    id: str
    account: str
    first_name: str
    last_name: str
    email: str
    phone: str


def contact(row: Mapping[str, Any]) -> Contact:
    reader = Reader(row, "Contacts")
    return Contact(
        id=required_guid(reader, "ID"),
        account=guid(reader, "Account"),
        first_name=reader.optional_text("FirstName"),
        last_name=reader.optional_text("LastName"),
        email=reader.optional_text("Email"),
        phone=reader.optional_text("Phone"),
    )


CONTACTS: Resource[Contact] = Resource(
    CONTACTS_PATH, ("ID", "Account", "FirstName", "LastName", "Email", "Phone"), contact
)


def find(client: ExactClient, wanted: Mapping[str, str | Sequence[str]]) -> list[Account]:
    """Relations of any status for which one of these is equal: search word -> text, or several ways of writing it."""
    ways = [
        odata.eq(SEARCHES[name], _written(name, text))
        for name, texts in wanted.items()
        for text in ([texts] if isinstance(texts, str) else texts)
        if text
    ]
    return list(client.read(RELATIONS, where=odata.any_of(*ways))) if ways else []


def _written(name: str, text: str) -> str:
    return text.strip().rjust(CODE_WIDTH) if name == "code" else text


def contacts_of(client: ExactClient, account_id: str) -> list[Contact]:
    return list(client.read(CONTACTS, where=odata.eq("Account", odata.guid(account_id))))


def create(client: ExactClient, body: Mapping[str, Any]) -> Account:
    """A new customer. Sent once: after `NoAnswer` it is looked up by its `SearchCode` before anything else."""
    _allowed(body, WRITABLE | AT_FIRST)
    return client.create_read(PATH, {**body, "Status": CUSTOMER}, read=account)


def change(client: ExactClient, account_id: str, changes: Mapping[str, Any], *, is_supplier: bool) -> None:
    """The given properties of a customer. `is_supplier`: as it was last read."""
    _allowed(changes, WRITABLE)
    if is_supplier:
        raise NotOurs("a supplier is kept in Exact only")
    client.change(PATH, odata.guid(account_id), changes)


def create_contact(client: ExactClient, account_id: str, body: Mapping[str, Any]) -> Contact:
    _allowed(body, CONTACT_WRITABLE)
    return client.create_read(CONTACTS_PATH, {**body, "Account": account_id}, read=contact)


def change_contact(client: ExactClient, contact_id: str, changes: Mapping[str, Any]) -> None:
    _allowed(changes, CONTACT_WRITABLE)
    client.change(CONTACTS_PATH, odata.guid(contact_id), changes)


def _allowed(body: Mapping[str, Any], names: frozenset[str]) -> None:
    if strange := set(body) - names:
        raise NotOurs(f"a till's data never writes {', '.join(sorted(strange))}")
