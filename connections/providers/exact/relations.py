"""People and addresses of relations, and relations looked up in Exact itself.

Reference: exact-online.md section 9 and appendix A, crm/Accounts, crm/Contacts, crm/Addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connections.providers.exact import odata, resources
from connections.providers.exact.client import ExactClient
from connections.providers.exact.payloads import Account
from connections.providers.exact.resources import Resource
from connections.providers.exact.values import guid, required_guid, trimmed, wall_clock
from connections.providers.payload import Reader

Row = Mapping[str, Any]
# One page, so one call: who finds more than this asks more narrowly.
MOST = 60


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at a relation. `ends`: the last day they are there; an anonymised one has no name any more."""

    id: str
    account: str
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    job_title: str
    is_main: bool
    is_anonymised: bool
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Address:
    """`kind`: 1 visit, 2 postal, 3 invoice, 4 delivery; None when Exact names none. `is_main`: the one of its kind."""

    id: str
    account: str
    kind: int | None
    lines: tuple[str, ...]
    postcode: str
    city: str
    state: str
    country: str
    phone: str
    is_main: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation of any sort. Only an account with status C can be sold to."""

    account: Account
    is_supplier: bool


_EMAILS = ("Email", "BusinessEmail")
_PHONES = ("Phone", "Mobile", "BusinessPhone", "BusinessMobile")
_LINES = ("AddressLine1", "AddressLine2", "AddressLine3")


def contact(row: Row) -> Contact:
    reader = Reader(row, "Contacts")
    return Contact(
        id=required_guid(reader, "ID"),
        account=guid(reader, "Account"),
        name=reader.optional_text("FullName").strip(),
        emails=_texts(reader, _EMAILS),
        phones=_texts(reader, _PHONES),
        job_title=trimmed(reader, "JobTitleDescription"),
        is_main=reader.optional_flag("IsMainContact"),
        is_anonymised=reader.optional_integer("IsAnonymised") == 1,
        ends=wall_clock(reader, "EndDate"),
    )


def address(row: Row) -> Address:
    reader = Reader(row, "Addresses")
    return Address(
        id=required_guid(reader, "ID"),
        account=guid(reader, "Account"),
        kind=reader.optional_integer("Type", default=None),
        lines=_texts(reader, _LINES),
        postcode=trimmed(reader, "Postcode"),
        city=reader.optional_text("City"),
        state=trimmed(reader, "State"),
        country=trimmed(reader, "Country"),
        phone=trimmed(reader, "Phone"),
        is_main=reader.optional_flag("Main"),
    )


def relation(row: Row) -> Relation:
    return Relation(resources.account(row), Reader(row, "Accounts").optional_flag("IsSupplier"))


def _texts(reader: Reader, names: tuple[str, ...]) -> tuple[str, ...]:
    """What is filled in, once each."""
    found = (reader.optional_text(name).strip() for name in names)
    return tuple(dict.fromkeys(text for text in found if text))


CONTACTS = Resource(
    "crm/Contacts",
    (
        "ID", "Account", "FullName", *_EMAILS, *_PHONES, "JobTitleDescription", "IsMainContact", "IsAnonymised",
        "EndDate",
    ),
    contact,
)  # fmt: skip
ADDRESSES = Resource(
    "crm/Addresses",
    ("ID", "Account", "Type", *_LINES, "Postcode", "City", "State", "Country", "Phone", "Main"),
    address,
)
RELATIONS = Resource("crm/Accounts", resources.ACCOUNTS.select, relation)


# -- looked up in Exact


def by_code(client: ExactClient, text: str) -> tuple[Relation, ...]:
    """The code as people write it: Exact pads it with blanks on the left."""
    return _found(client, odata.code("Code", text))


def by_name(client: ExactClient, text: str) -> tuple[Relation, ...]:
    """Part of the name."""
    return _found(client, odata.contains("Name", text))


def by_email(client: ExactClient, text: str) -> tuple[Relation, ...]:
    return _found(client, odata.eq("Email", text))


def by_vat_number(client: ExactClient, text: str) -> tuple[Relation, ...]:
    """As given, and without what people write between the digits."""
    return _found(client, _either_way("VATNumber", text))


def by_registration(client: ExactClient, text: str) -> tuple[Relation, ...]:
    """The number of the chamber of commerce."""
    return _found(client, _either_way("ChamberOfCommerce", text))


def customers(client: ExactClient) -> tuple[Relation, ...]:
    """Only who can be sold to. Reference: section 9, IsSales follows from Status."""
    return _found(client, odata.eq("Status", "C"))


def suppliers(client: ExactClient) -> tuple[Relation, ...]:
    return _found(client, odata.eq("IsSupplier", True))


def _either_way(field: str, text: str) -> odata.Filter:
    bare = "".join(sign for sign in text if sign.isalnum()).upper()
    return odata.any_of(*(odata.eq(field, way) for way in dict.fromkeys((text, bare)) if way))


def _found(client: ExactClient, where: odata.Filter) -> tuple[Relation, ...]:
    """The first page, by name. Raises the errors of `providers.errors`."""
    return tuple(client.read(RELATIONS, where=where, orderby="Name", top=MOST))


Search = Callable[[ExactClient, str], tuple[Relation, ...]]
SEARCHES: dict[str, Search] = {
    "name": by_name, "e-mail": by_email, "VAT number": by_vat_number, "chamber of commerce": by_registration,
    "code": by_code,
}  # fmt: skip
LISTS: dict[str, Callable[[ExactClient], tuple[Relation, ...]]] = {"customers": customers, "suppliers": suppliers}
