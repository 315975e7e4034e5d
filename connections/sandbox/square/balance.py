"""The seller's Square balance: what moved it, per location, and what of that was paid out.

Reference: OpenAPI PayoutEntry: net = gross - fee; gross-settlement sellers see fees as entries of their own. Guesses:
a card fee leaves the balance at capture although the payment shows it later; a fee adjusted after its charge was paid
out is an entry FEE; an application fee is an entry THIRD_PARTY_FEE; a refund moves the balance when it completes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connections.sandbox.square.facts import Json

_FEES = frozenset(("PROCESSING_FEE", "PROCESSING_FEE_REFUND", "UNDO_PROCESSING_FEE_REFUND"))
SOURCES = frozenset(("CARD", "WALLET", "BANK_ACCOUNT", "BUY_NOW_PAY_LATER"))


@dataclass(slots=True, eq=False)
class Activity:
    """One movement, signed as it moves the balance. `key` is the payment or refund it belongs to; a fee of the same
    key is shown inside that charge or refund when both are paid out together. Times in microseconds."""

    at: int
    kind: str
    gross: int
    key: str = ""
    fee: int = 0
    details: Json = field(default_factory=dict)
    paid_at: int | None = None

    @property
    def net(self) -> int:
        return self.gross - self.fee

    @property
    def is_fee(self) -> bool:
        return self.kind in _FEES


class Balance:
    def __init__(self) -> None:
        self._open: dict[str, list[Activity]] = {}
        self._paid: dict[str, list[Activity]] = {}

    def add(self, location_id: str, activity: Activity) -> None:
        self._open.setdefault(location_id, []).append(activity)

    def remove(self, location_id: str, activities: Iterable[Activity]) -> None:
        gone = set(map(id, activities))
        self._open[location_id] = [item for item in self._open[location_id] if id(item) not in gone]

    def due(self, location_id: str, until: int) -> list[Activity]:
        """Not paid out and moved by then, oldest first."""
        found = [item for item in self._open.get(location_id, []) if item.at <= until]
        return sorted(found, key=lambda item: item.at)

    def pay(self, location_id: str, activities: Iterable[Activity], *, at: int) -> None:
        taken = list(activities)
        self.remove(location_id, taken)
        for item in taken:
            item.paid_at = at
        self._paid.setdefault(location_id, []).extend(taken)

    def waiting(self, location_id: str, key: str) -> list[Activity]:
        """What is not paid out of one payment or refund."""
        return [item for item in self._open.get(location_id, []) if item.key == key]

    def paid(self, location_id: str, key: str) -> list[Activity]:
        return [item for item in self._paid.get(location_id, []) if item.key == key]

    def standing(self, location_id: str, at: int) -> int:
        """What was not yet paid out at that time."""
        waiting = sum(item.net for item in self._open.get(location_id, []) if item.at <= at)
        later = sum(
            item.net
            for item in self._paid.get(location_id, [])
            if item.at <= at and item.paid_at is not None and item.paid_at > at
        )
        return waiting + later


def is_settled(payment: Json) -> bool:
    """Whether Square holds the money: never cash, external tenders, house accounts or redeemed gift cards."""
    brand = payment.get("card_details", {}).get("card", {}).get("card_brand")
    return payment["source_type"] in SOURCES and brand != "SQUARE_GIFT_CARD"


def charged(payment: Json, at: int) -> list[Activity]:
    """What the capture of a payment does to the balance, its processing fee aside."""
    if not is_settled(payment):
        return []
    key = payment["id"]
    found = [Activity(at, "CHARGE", payment["total_money"]["amount"], key, details={"payment_id": key})]
    fee = payment.get("app_fee_money", {}).get("amount", 0)
    if fee:
        found.append(Activity(at, "THIRD_PARTY_FEE", -fee, details={"payment_id": key}))
    return found
