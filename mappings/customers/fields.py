"""The fields of a customer as either side holds them, and when two ways of writing are the same.

A value is a tuple of texts, () for nothing: most fields have one text, an address five (two lines, postcode, city,
country), a contact two (given name, family name).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, TypeAlias

from connections.providers.square.payloads import Customer
from mappings import likeness

Value: TypeAlias = tuple[str, ...]
NOTHING: Value = ()


class Field(StrEnum):
    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    VAT = "vat_number"
    CONTACT = "contact"


WORDS: Mapping[Field, str] = {
    Field.NAME: "name", Field.EMAIL: "e-mail", Field.PHONE: "phone", Field.ADDRESS: "address",
    Field.VAT: "VAT number", Field.CONTACT: "contact",
}  # fmt: skip
# What an account of Exact holds itself; a contact is a record of its own there.
OF_ACCOUNT = (Field.NAME, Field.EMAIL, Field.PHONE, Field.ADDRESS, Field.VAT)
ADDRESS_PARTS = ("line1", "line2", "postcode", "city", "country")


class Debtor(Protocol):
    """An account of Exact as it was last read."""

    name: str
    email: str
    phone: str
    vat_number: str
    address: str
    address2: str
    postcode: str
    city: str
    country: str


def of_exact(row: Debtor) -> dict[Field, Value]:
    return {
        Field.NAME: text(row.name), Field.EMAIL: text(row.email), Field.PHONE: text(row.phone),
        Field.VAT: text(row.vat_number),
        Field.ADDRESS: address(row.address, row.address2, row.postcode, row.city, row.country),
    }  # fmt: skip


def of_square(customer: Customer) -> dict[Field, Value]:
    """A company's name, else the person's. The person is the company's contact."""
    parts = customer.address
    line2 = " ".join(filter(None, (_part(parts, "address_line_2"), _part(parts, "address_line_3"))))
    return {
        Field.NAME: text(customer.company_name or f"{customer.given_name} {customer.family_name}"),
        Field.EMAIL: text(customer.email), Field.PHONE: text(customer.phone), Field.VAT: text(customer.vat_number),
        Field.ADDRESS: address(
            _part(parts, "address_line_1"), line2, _part(parts, "postal_code"), _part(parts, "locality"),
            _part(parts, "country"),
        ),
        Field.CONTACT: contact(customer.given_name, customer.family_name),
    }  # fmt: skip


def _part(parts: Mapping[str, object], name: str) -> str:
    return str(parts.get(name) or "")


def text(written: str) -> Value:
    """One line with single blanks."""
    line = " ".join(written.split())
    return (line,) if line else NOTHING


def address(line1: str, line2: str, postcode: str, city: str, country: str) -> Value:
    """A country alone is no address: Exact gives every account the country of its division."""
    parts = tuple(" ".join(part.split()) for part in (line1, line2, postcode, city, country))
    return (*parts[:4], parts[4].upper()) if any(parts[:4]) else NOTHING


def contact(given: str, family: str) -> Value:
    parts = (" ".join(given.split()), " ".join(family.split()))
    return parts if any(parts) else NOTHING


def same(field: Field, one: Value, other: Value, *, home: str) -> bool:
    """Whether both mean the same. `home`: the division's country, for numbers that name none."""
    return one == other or key(field, one, home=home) == key(field, other, home=home)


def key(field: Field, value: Value, *, home: str) -> Value:
    """The one way of writing, so that being the same is the same from every side."""
    if not value:
        return NOTHING
    match field:
        case Field.EMAIL:
            return (likeness.email(value[0]),)
        case Field.PHONE:
            return (likeness.phone(value[0], home) or value[0],)
        case Field.VAT:
            return (likeness.vat_number(value[0], home) or value[0],)
        case Field.ADDRESS:
            return (*value[:2], likeness.bare(value[2]), value[3], value[4] or home)
    return value


def shown(value: Value) -> str:
    """For a page."""
    return ", ".join(part for part in value if part)
