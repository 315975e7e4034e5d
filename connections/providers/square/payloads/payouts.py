"""Payout and its entries: what left the Square balance for the bank, and what it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connections.providers.payload import Reader
from connections.providers.square.payloads.amounts import Fee, amount, fee, money


@dataclass(frozen=True, slots=True)
class Payout:
    """`amount` positive is a deposit, negative a withdrawal. `kind` is BATCH (its entries add up to it) or SIMPLE."""

    id: str
    status: str
    kind: str
    currency: str
    amount: int
    fees: tuple[Fee, ...]
    location_id: str
    destination_type: str
    arrival_date: str
    end_to_end_id: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PayoutEntry:
    """One movement of the Square balance: `net` = `gross` - `fee`, a charge positive, a refund negative with a negative
    fee for one given back. `about_payout_id` is another payout that the entry is about, `payout_id` the one it is in.
    """

    id: str
    payout_id: str
    kind: str
    currency: str
    gross: int
    fee: int
    net: int
    effective_at: datetime | None
    payment_id: str
    refund_id: str
    dispute_id: str
    about_payout_id: str
    tax_rate: str


def payout(data: Any) -> Payout:
    """Read one Payout. Raises `Unreadable` naming the path."""
    reader = Reader(data, "payout")
    whole = money(reader, "amount_money")
    destination = reader.optional_record("destination")
    return Payout(
        id=reader.identifier("id"),
        status=reader.optional_text("status"),
        kind=reader.optional_text("type"),
        currency=whole.currency,
        amount=whole.amount,
        fees=tuple(fee(item, whole.currency) for item in reader.records("payout_fee")),
        location_id=reader.identifier("location_id"),
        destination_type=destination.optional_text("type") if destination else "",
        arrival_date=reader.optional_text("arrival_date"),
        end_to_end_id=reader.optional_text("end_to_end_id"),
        version=reader.optional_integer("version"),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
    )


def payout_entry(data: Any) -> PayoutEntry:
    """Read one PayoutEntry. Raises `Unreadable` naming the path."""
    reader = Reader(data, "payout_entry")
    gross, fee = money(reader, "gross_amount_money"), amount(reader, "fee_amount_money")
    details = _details(reader)
    return PayoutEntry(
        id=reader.identifier("id"),
        payout_id=reader.identifier("payout_id"),
        kind=reader.optional_text("type"),
        currency=gross.currency,
        gross=gross.amount,
        fee=fee,
        net=amount(reader, "net_amount_money") if reader.has("net_amount_money") else gross.amount - fee,
        effective_at=reader.optional_time("effective_at"),
        payment_id=details.optional_text("payment_id"),
        refund_id=details.optional_text("refund_id"),
        dispute_id=details.optional_text("dispute_id"),
        about_payout_id=details.optional_text("payout_id"),
        tax_rate=details.optional_text("tax_rate_description"),
    )


def _details(reader: Reader) -> Reader:
    """The one `type_<x>_details` that Square fills; nothing for the types that have none."""
    names = (name for name in reader.data if name.startswith("type_") and name.endswith("_details"))
    found = next((name for name in names if reader.has(name)), None)
    return reader.record(found) if found else Reader({}, reader.path)
