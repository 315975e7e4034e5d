"""Who sells, where, and to whom: Location, Merchant, Customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connections.providers.errors import Unreadable
from connections.providers.payload import Reader


@dataclass(frozen=True, slots=True)
class Location:
    id: str
    name: str
    status: str
    country: str
    currency: str
    timezone: str
    merchant_id: str


@dataclass(frozen=True, slots=True)
class Merchant:
    id: str
    name: str
    country: str
    currency: str
    main_location_id: str


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    version: int
    given_name: str
    family_name: str
    company_name: str
    email: str
    phone: str
    reference_id: str
    vat_number: str
    creation_source: str
    address: Mapping[str, Any]
    created_at: datetime | None
    updated_at: datetime | None


def location(data: Any) -> Location:
    reader = Reader(data, "location")
    return Location(
        id=reader.identifier("id"),
        name=reader.optional_text("name"),
        status=reader.optional_text("status"),
        country=reader.optional_text("country"),
        currency=reader.optional_text("currency"),
        timezone=_zone(reader),
        merchant_id=reader.optional_text("merchant_id"),
    )


def _zone(reader: Reader) -> str:
    name = reader.optional_text("timezone", default="UTC")
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, LookupError):
        raise Unreadable(f"{reader.path}.timezone is not a time zone that is known here") from None


def merchant(data: Any) -> Merchant:
    reader = Reader(data, "merchant")
    return Merchant(
        id=reader.identifier("id"),
        name=reader.optional_text("business_name"),
        country=reader.optional_text("country"),
        currency=reader.optional_text("currency"),
        main_location_id=reader.optional_text("main_location_id"),
    )


def customer(data: Any) -> Customer:
    reader = Reader(data, "customer")
    tax_ids = reader.optional_record("tax_ids")
    return Customer(
        id=reader.identifier("id"),
        version=reader.optional_integer("version"),
        given_name=reader.optional_text("given_name"),
        family_name=reader.optional_text("family_name"),
        company_name=reader.optional_text("company_name"),
        email=reader.optional_text("email_address"),
        phone=reader.optional_text("phone_number"),
        reference_id=reader.optional_text("reference_id"),
        vat_number=tax_ids.optional_text("eu_vat") if tax_ids else "",
        creation_source=reader.optional_text("creation_source"),
        address=dict(reader.record("address").data) if reader.has("address") else {},
        created_at=reader.optional_time("created_at"),
        updated_at=reader.optional_time("updated_at"),
    )
