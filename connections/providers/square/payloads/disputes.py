"""Dispute: a buyer's bank takes a payment back, in whole or in part. Its money moves through payout entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connections.providers.payload import Reader
from connections.providers.square.payloads.amounts import money

# Reference: DisputeState. Accepted means that the seller gave in: the money is lost as well.
LOST = frozenset({"LOST", "ACCEPTED"})


@dataclass(frozen=True, slots=True)
class Dispute:
    """`amount` is what the bank asks back, positive, and may be less than the payment."""

    id: str
    state: str
    reason: str
    currency: str
    amount: int
    payment_id: str
    location_id: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_lost(self) -> bool:
        return self.state in LOST


def dispute(data: Any) -> Dispute:
    """Read one Dispute. Raises `Unreadable` naming the path."""
    reader = Reader(data, "dispute")
    asked = money(reader, "amount_money")
    disputed = reader.optional_record("disputed_payment")
    return Dispute(
        id=reader.identifier("id"),
        state=reader.optional_text("state"),
        reason=reader.optional_text("reason"),
        currency=asked.currency,
        amount=asked.amount,
        payment_id=disputed.optional_identifier("payment_id") if disputed else "",
        location_id=reader.optional_text("location_id"),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
    )
