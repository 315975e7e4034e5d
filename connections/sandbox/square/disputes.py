"""Disputes: a buyer's bank takes a payment back, and may give it up again.

Reference: OpenAPI Dispute, DisputeState; money moves through payout entries. Guess: it is held by an OPEN_DISPUTE
entry when the dispute is filed, and a dispute won brings it back as a DISPUTE entry.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from connections.sandbox.square import times
from connections.sandbox.square.balance import Activity, is_settled
from connections.sandbox.square.facts import Json, enum
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Record

_ANSWER_BY = timedelta(days=14)
_OVER = ("WON", "LOST", "ACCEPTED", "INQUIRY_CLOSED")


def file(state: State, payment: Record, *, amount: int | None, reason: str, at: datetime) -> Json:
    """Raises `ValueError` for a payment that no bank can take back, or for more than was paid."""
    paid = payment.data["total_money"]
    disputed = paid["amount"] if amount is None else amount
    if not is_settled(payment.data) or "card_details" not in payment.data:
        raise ValueError(f"Payment {payment.id} was not made by card and cannot be disputed.")
    if not 0 < disputed <= paid["amount"]:
        raise ValueError(f"Only {paid['amount']} of payment {payment.id} can be disputed.")
    if reason not in enum("DisputeReason"):
        raise ValueError(f"{reason} is no reason of a dispute.")
    data: Json = {
        "id": state.bank_ids.dispute(),
        "amount_money": {**paid, "amount": disputed},
        "reason": reason,
        "state": "EVIDENCE_REQUIRED",
        "due_at": times.fixed(at + _ANSWER_BY),
        "disputed_payment": {"payment_id": payment.id},
        "card_brand": payment.data["card_details"]["card"]["card_brand"],
        "created_at": times.fixed(at),
        "updated_at": times.fixed(at),
        "brand_dispute_id": state.bank_ids.digits(12),
        "reported_at": times.fixed(at),
        "version": 1,
        "location_id": payment.location_id,
    }
    moments = dict.fromkeys(("created", "updated"), times.micros(at))
    _move(state, state.disputes.add(data, payment.location_id, moments), "OPEN_DISPUTE", -disputed, at)
    return data


def settle(state: State, dispute: Record, *, outcome: str, at: datetime) -> Json:
    """Its next state. Raises `ValueError` for an unknown one or when it is over."""
    data = dispute.data
    if outcome not in enum("DisputeState") or data["state"] in _OVER:
        raise ValueError(f"Dispute {dispute.id} is {data['state']} and cannot become {outcome}.")
    data |= {"state": outcome, "updated_at": times.fixed(at), "version": data["version"] + 1}
    state.disputes.move(dispute, "updated", times.micros(at))
    if outcome == "WON":
        _move(state, dispute, "DISPUTE", data["amount_money"]["amount"], at)
    return data


def _move(state: State, dispute: Record, kind: str, amount: int, at: datetime) -> None:
    ids = {"payment_id": dispute.data["disputed_payment"]["payment_id"], "dispute_id": dispute.id}
    state.balance.add(dispute.location_id, Activity(times.micros(at), kind, amount, details=ids))
