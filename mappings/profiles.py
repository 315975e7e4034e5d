"""What Square told of a customer, kept with its mapping so that both sides can be laid beside each other.

Personal data: it stands on the mapping alone, never in the audit trail, a problem or a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connections.providers.square.payloads import Customer
from mappings.suggestions import Party

Profile = Mapping[str, Any]
# Square makes such a profile by itself from a card payment; often it holds the name on the card and nothing else.
# Reference: square.md, Customers, creation_source.
INSTANT = "INSTANT_PROFILE"
LONGEST = 300
ADDRESS = ("address_line_1", "address_line_2", "postal_code", "locality", "country")


def of(customer: Customer) -> dict[str, Any]:
    """As it is kept; nothing but text, and none of it longer than a person reads."""
    address = {name: str(customer.address.get(name) or "")[:LONGEST] for name in ADDRESS}
    told = {
        "company": customer.company_name, "given_name": customer.given_name, "family_name": customer.family_name,
        "email": customer.email, "phone": customer.phone, "reference": customer.reference_id,
        "vat_number": customer.vat_number, "source": customer.creation_source,
    }  # fmt: skip
    return {**{name: value[:LONGEST] for name, value in told.items()}, "address": address}


def person(profile: Profile) -> str:
    return " ".join(filter(None, [profile.get("given_name", ""), profile.get("family_name", "")]))


def name(profile: Profile) -> str:
    """What the customer is called: its company, else the person, else its e-mail address."""
    return profile.get("company") or person(profile) or profile.get("email") or ""


def is_instant(profile: Profile) -> bool:
    return profile.get("source") == INSTANT


def street(profile: Profile) -> str:
    address = profile.get("address", {})
    return " ".join(filter(None, (address.get(line, "") for line in ADDRESS[:2])))


def address(profile: Profile) -> str:
    """On one line, as it is written on an envelope."""
    known = profile.get("address", {})
    town = " ".join(filter(None, [known.get("postal_code", ""), known.get("locality", "")]))
    return ", ".join(filter(None, [street(profile), town, known.get("country", "")]))


def party(profile: Profile, home: str) -> Party:
    """`home`: the division's country, for customers that name none. Square knows no chamber-of-commerce number; who
    uses its reference for it is recognised by it.
    """
    known = profile.get("address", {})
    return Party(
        name=name(profile), vat_number=profile.get("vat_number", ""), email=profile.get("email", ""),
        phone=profile.get("phone", ""), registration=profile.get("reference", ""), street=street(profile),
        postcode=known.get("postal_code", ""), country=known.get("country") or home,
    )  # fmt: skip
