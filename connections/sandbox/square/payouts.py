"""Payouts: what leaves the Square balance for the bank, and the entries that explain it.

Reference: OpenAPI Payout, PayoutEntry, ActivityType; a BATCH is the sum of the nets of its entries, a SIMPLE payout
has none and appears in a later BATCH; money says `currency_code` (all official examples). Guesses: that appearance is
a MONEY_TRANSFER; a transfer fee is a DEPOSIT_FEE in the balance; entries on their own carry their amount as gross.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from connections.sandbox.square import times
from connections.sandbox.square.balance import Activity
from connections.sandbox.square.facts import Json, facts
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Record

_SATURDAY = 5
_NEXT = {"SENT": ("PAID", "FAILED"), "PAID": ("FAILED",), "FAILED": ()}


@dataclass(frozen=True, slots=True)
class TransferFee:
    """What Square asks for an instant transfer; positive amounts."""

    amount: int = 0
    tax: int = 0
    tax_description: str = "VAT 21%"


def pay_out(state: State, location: Json, *, at: datetime, until: datetime, fee: TransferFee) -> Json | None:
    """A BATCH of everything that moved the balance up to `until`; None when that comes to nothing."""
    place, moment = location["id"], times.micros(at)
    due = state.balance.due(place, times.micros(until))
    key = state.bank_ids.payout()
    due += _transfer_fees(fee, key, moment)
    amount = sum(item.net for item in due)
    if not amount:
        return None
    payout = _payout(state, location, key, at, kind="BATCH", amount=amount, fee=fee)
    state.balance.pay(place, due, at=moment)
    for item in _shown(due, separate_fees=state.gross_settlement):
        state.payout_entries.add(_entry(state, payout, item, location["currency"]), key, {"effective": item.at})
    return payout


def transfer(state: State, location: Json, amount: int, *, at: datetime, fee: TransferFee) -> Json:
    """A SIMPLE payout of part of the balance. Raises `ValueError` unless it is positive."""
    if amount <= 0:
        raise ValueError("A simple payout moves a positive amount to the bank.")
    key, moment = state.bank_ids.payout(), times.micros(at)
    state.balance.add(location["id"], Activity(moment, "MONEY_TRANSFER", -amount))
    for item in _transfer_fees(fee, key, moment):
        state.balance.add(location["id"], item)
    return _payout(state, location, key, at, kind="SIMPLE", amount=amount, fee=fee)


def settle(state: State, payout: Record, *, status: str, at: datetime) -> Json:
    """The bank's answer. What it sends back is in the balance again. Raises `ValueError` for an impossible status."""
    data = payout.data
    if status not in _NEXT[data["status"]]:
        raise ValueError(f"Payout {payout.id} is {data['status']} and cannot become {status}.")
    data |= {"status": status, "updated_at": times.trimmed(at), "version": data["version"] + 1}
    state.payouts.move(payout, "updated", times.micros(at))
    if status == "FAILED":
        returned = Activity(times.micros(at), "RETURNED_PAYOUT", data["amount_money"]["amount"])
        state.balance.add(payout.location_id, returned)
    return data


def add_entry(state: State, location_id: str, kind: str, amount: int, *, at: datetime, fee: int, ids: Json) -> None:
    """A movement of any type, known to the API or not, for the next payout."""
    if kind == "PAYOUT":
        raise ValueError("The Payouts API never returns entries of type PAYOUT.")
    known = facts()["entry_details"].get(kind, [])
    foreign = [name for name in ids if name not in known]
    if foreign:
        raise ValueError(f"Entries of type {kind} have no {foreign[0]}; known are {', '.join(known) or 'none'}.")
    state.balance.add(location_id, Activity(times.micros(at), kind, amount, fee=fee, details=dict(ids)))


def _transfer_fees(fee: TransferFee, key: str, moment: int) -> list[Activity]:
    parts = [(fee.amount, "DEPOSIT_FEE", {"payout_id": key})]
    parts.append((fee.tax, "TAX_ON_FEE", {"tax_rate_description": fee.tax_description}))
    return [Activity(moment, kind, -amount, details=details) for amount, kind, details in parts if amount]


def _shown(due: Sequence[Activity], *, separate_fees: bool) -> list[Activity]:
    """The entries: fees inside the charge or refund they belong to, where that is paid out with them."""
    if separate_fees:
        return list(due)
    shown = [replace(item) for item in due if not item.is_fee]
    homes = {item.key: item for item in shown if item.kind in ("CHARGE", "REFUND")}
    for item in due:
        if item.is_fee and item.key in homes:
            homes[item.key].fee -= item.gross
        elif item.is_fee:
            shown.append(replace(item, kind="FEE", details=_paid_for(item)))
    return sorted(shown, key=lambda item: item.at)


def _paid_for(fee: Activity) -> Json:
    return {"payment_id": fee.details["payment_id"]} if "payment_id" in fee.details else {}


def _entry(state: State, payout: Json, item: Activity, currency: str) -> Json:
    data: Json = {
        "id": state.bank_ids.payout_entry(),
        "payout_id": payout["id"],
        "effective_at": times.trimmed(times.moment(item.at)),
        "type": item.kind,
        "gross_amount_money": _money(state, item.gross, currency),
        "fee_amount_money": _money(state, item.fee, currency),
        "net_amount_money": _money(state, item.net, currency),
    }
    known = facts()["entry_details"].get(item.kind, [])
    details = {name: value for name, value in item.details.items() if name in known}
    return data | ({f"type_{item.kind.lower()}_details": details} if details else {})


def _payout(state: State, location: Json, key: str, at: datetime, *, kind: str, amount: int, fee: TransferFee) -> Json:
    stamp = times.trimmed(at)
    currency = location["currency"]
    data: Json = {
        "id": key,
        "status": "SENT",
        "location_id": location["id"],
        "created_at": stamp,
        "updated_at": stamp,
        "amount_money": _money(state, amount, currency),
        "destination": {"type": "BANK_ACCOUNT", "id": state.bank_account(location["id"])},
        "version": 1,
        "type": kind,
        "arrival_date": _arrival(at.astimezone(ZoneInfo(location["timezone"])).date()).isoformat(),
        "end_to_end_id": "L" + state.bank_ids.digits(10),
    }
    fees = [("TRANSFER_FEE", fee.amount), ("TAX_ON_TRANSFER_FEE", fee.tax)]
    shown = [
        {"type": name, "amount_money": _money(state, part, currency), "effective_at": stamp}
        for name, part in fees
        if part
    ]
    data |= {"payout_fee": shown} if shown else {}
    state.payouts.add(data, location["id"], dict.fromkeys(("created", "updated"), times.micros(at)))
    return data


def _arrival(day: date) -> date:
    """The next day on which banks work."""
    day += timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day


def _money(state: State, amount: int, currency: str) -> Json:
    return {"amount": amount, "currency_code" if state.payout_currency_code else "currency": currency}
