"""Refunds: what is allowed, what comes back, and the traces on payment and balance.

Reference: OpenAPI PaymentRefund; ErrorCode REFUND_ERROR. Square keeps the processing fee or gives it back in
proportion: docs and real rows differ, so the caller says. Guesses: a pending refund counts as refunded; one that fails
after it was paid out comes back as a REFUND entry of the opposite sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from connections.sandbox.square import invoices, times
from connections.sandbox.square.arithmetic import half_up
from connections.sandbox.square.balance import Activity, is_settled
from connections.sandbox.square.facts import Json
from connections.sandbox.square.refund_parts import new_refund, return_order, show_status
from connections.sandbox.square.returns import RefundRefused, Returning, by_amount
from connections.sandbox.square.specs import RefundSpec
from connections.sandbox.square.state import RefundTrace, State
from connections.sandbox.square.store import Record

_NEXT = {"PENDING": ("COMPLETED", "FAILED", "REJECTED"), "COMPLETED": ("FAILED",)}
_COUNTS = ("PENDING", "COMPLETED")


def refund(state: State, payment: Record, spec: RefundSpec, *, at: datetime) -> Json:
    """1. what comes back and its amount, 2. the return order, 3. the refund with its fees, 4. payment and balance.

    Raises `RefundRefused`, a `ValueError` with the code Square would refuse with.
    """
    _check(state, payment)
    spec, returning = _resolved(state, payment, spec)
    amount = _amount(state, payment, spec, returning)
    money = {"amount": amount, "currency": payment.data["total_money"]["currency"]}
    if spec.order_id:
        order = state.order(spec.order_id)
    else:
        back = _coming_back(state, payment, spec, returning, money)
        order = return_order(state, payment.location_id, back, money["currency"], at)
    trace = _trace(payment, spec, amount, returning)
    record = new_refund(state, order, spec, money, at, payment=payment.data)
    record.data.update(_fees(record.data, trace, shown=spec.fee_shown, at=at))
    state.refund_traces[record.id] = trace
    payment.data.setdefault("refund_ids", []).append(record.id)
    _count(state, payment, record, sign=int(spec.status in _COUNTS), at=at)
    if spec.status == "COMPLETED":
        _move(state, record, at)
    return record.data


def unlinked(state: State, location: Json, spec: RefundSpec, *, at: datetime) -> Json:
    """A refund without a payment. Raises `ValueError` without an amount and a destination."""
    if not spec.amount or not spec.destination:
        raise ValueError("A refund without a payment needs an amount and a destination.")
    money = {"amount": spec.amount, "currency": location["currency"]}
    back = by_amount(state, money, tip=0, rounding=0, tender_id="")
    order = return_order(state, location["id"], back, money["currency"], at)
    record = new_refund(state, order, spec, money, at, payment={})
    state.refund_traces[record.id] = RefundTrace(settled=spec.destination == "card")
    if spec.status == "COMPLETED":
        _move(state, record, at)
    return record.data


def settle(state: State, record: Record, *, status: str, at: datetime) -> Json:
    """Raises `ValueError` for a status the refund cannot take."""
    before = record.data["status"]
    if status not in _NEXT.get(before, ()):
        raise ValueError(f"Refund {record.id} is {before} and cannot become {status}.")
    record.data |= {"status": status, "updated_at": times.trimmed(at)}
    state.refunds.move(record, "updated", times.micros(at))
    order = state.order(record.data["order_id"])
    show_status(order, record.data)
    state.touch_order(order, at)
    payment = state.payments.get(record.data.get("payment_id", ""))
    if payment is not None:
        _count(state, payment, record, sign=0 if status == "COMPLETED" else -1, at=at)
    if status == "COMPLETED":
        _move(state, record, at)
    elif before == "COMPLETED":
        _undo(state, record, at)
    return record.data


def _check(state: State, payment: Record) -> None:
    status = payment.data["status"]
    if status == "APPROVED":
        raise RefundRefused("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", f"Payment {payment.id} is not completed yet.")
    if status != "COMPLETED":
        raise RefundRefused("PAYMENT_NOT_REFUNDABLE", f"Payment {payment.id} is {status}.")
    for dispute in state.disputes:
        if dispute.data["disputed_payment"]["payment_id"] == payment.id and dispute.data["state"] != "WON":
            raise RefundRefused("PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE", f"Payment {payment.id} is disputed.")


def _resolved(state: State, payment: Record, spec: RefundSpec) -> tuple[RefundSpec, Returning | None]:
    """The items by quantity. "all" brings the tip of this payment, and the cash rounding, along."""
    if spec.items is None or spec.order_id:
        return spec, None
    returning = Returning(state, state.order(payment.data["order_id"]).data)
    if spec.items == "all":
        tip, rounding = _extras_left(state, payment, returning.sale)
        spec = replace(spec, tip=tip, rounding=rounding)
        returning.take(returning.left())
    else:
        returning.take(quantities(spec.items, returning.left()))
    for name, amount in zip(_extras(payment), (spec.tip, spec.rounding), strict=True):
        if amount:
            returning.taken[name] = Fraction(amount)
    return spec, returning


def quantities(items: Mapping[str, str | int | Decimal] | object, left: Mapping[str, Fraction]) -> dict[str, Fraction]:
    if isinstance(items, Mapping):
        return {uid: Fraction(Decimal(quantity)) for uid, quantity in items.items()}
    if isinstance(items, (list, tuple)):
        return {uid: left.get(uid, Fraction(0)) for uid in items}
    raise ValueError('Items are uids, uids with quantities, or "all".')


def _extras(payment: Record) -> tuple[str, str]:
    """Under which names the returned tip and rounding are remembered."""
    return f"{payment.id}:tip", f"{payment.data['order_id']}:rounding"


def _extras_left(state: State, payment: Record, sale: Json) -> tuple[int, int]:
    sold = (payment.data.get("tip_money", {}), sale.get("rounding_adjustment", {}).get("amount_money", {}))
    before = [int(state.returned.get(name, 0)) for name in _extras(payment)]
    tip, rounding = (money.get("amount", 0) - done for money, done in zip(sold, before, strict=True))
    return tip, rounding


def _amount(state: State, payment: Record, spec: RefundSpec, returning: Returning | None) -> int:
    left: int = payment.data["total_money"]["amount"] - payment.data.get("refunded_money", {"amount": 0})["amount"]
    if spec.order_id:
        most = _unpaid(state, spec.order_id)
    else:
        most = left if returning is None else returning.total(tip=spec.tip, rounding=spec.rounding)
    amount: int = most if spec.amount is None else spec.amount
    if not 0 < amount <= left:
        raise RefundRefused("REFUND_AMOUNT_INVALID", f"Only {left} of payment {payment.id} is left to refund.")
    if amount > most:
        raise RefundRefused("REFUND_AMOUNT_INVALID", f"What is returned comes to {most}, not to {amount}.")
    return amount


def _unpaid(state: State, order_id: str) -> int:
    """What a return order comes to, less what its refunds paid back."""
    order = state.order(order_id).data
    whole: int = order["return_amounts"]["total_money"]["amount"]
    return whole - sum(int(item["amount_money"]["amount"]) for item in order.get("refunds", []))


def _coming_back(state: State, payment: Record, spec: RefundSpec, returning: Returning | None, money: Json) -> Json:
    if returning is not None:
        return returning.finished(tip=spec.tip, rounding=spec.rounding, tender_id=payment.id)
    back = by_amount(state, money, tip=spec.tip, rounding=spec.rounding, tender_id=payment.id)
    return back | {"source_order_id": payment.data["order_id"]}


def _trace(payment: Record, spec: RefundSpec, amount: int, returning: Returning | None) -> RefundTrace:
    """What Square holds is refunded from there, unless another destination was chosen."""
    settled = spec.destination == "card" if spec.destination else is_settled(payment.data)
    if isinstance(spec.fee_returned, int):
        fee = spec.fee_returned
    else:
        fees = sum(item["amount_money"]["amount"] for item in payment.data.get("processing_fee", []))
        fee = _proportion(payment, fees, amount) if settled else 0
    app_fee = _proportion(payment, payment.data.get("app_fee_money", {}).get("amount", 0), amount)
    return RefundTrace(taken=dict(returning.taken) if returning else {}, fee=fee, app_fee=app_fee, settled=settled)


def _proportion(payment: Record, whole: int, amount: int) -> int:
    """Cumulative, so that all refunds of a payment together give back the whole."""
    total = payment.data["total_money"]["amount"]
    before = payment.data.get("refunded_money", {"amount": 0})["amount"]
    return half_up(Fraction(whole * (before + amount), total)) - half_up(Fraction(whole * before, total))


def _fees(refund: Json, trace: RefundTrace, *, shown: bool, at: datetime) -> Json:
    money = refund["amount_money"]
    data: Json = {}
    if trace.fee and shown:
        fee = {"effective_at": times.fixed(at), "type": "INITIAL", "amount_money": {**money, "amount": -trace.fee}}
        data["processing_fee"] = [fee]
    if trace.app_fee:
        data["app_fee_money"] = {**money, "amount": trace.app_fee}
    return data


def _count(state: State, payment: Record, refund: Record, *, sign: int, at: datetime) -> None:
    """What was refunded and returned so far; a payment never looks older than it did."""
    money = refund.data["amount_money"]
    before = payment.data.get("refunded_money", {"amount": 0})["amount"]
    if sign:
        payment.data["refunded_money"] = {**money, "amount": before + sign * money["amount"]}
    for key, quantity in state.refund_traces[refund.id].taken.items():
        state.returned[key] = state.returned.get(key, Fraction(0)) + sign * quantity
    state.touch(payment, max(at, times.moment(payment.times["updated"])))
    invoices.follow_refund(state, payment, at=at)


def _move(state: State, refund: Record, at: datetime) -> None:
    """The completed refund leaves the balance."""
    trace, moment = state.refund_traces[refund.id], times.micros(at)
    payment_id = refund.data.get("payment_id", "")
    ids = {"refund_id": refund.id} | ({"payment_id": payment_id} if payment_id else {})
    moves = [
        ("REFUND", -refund.data["amount_money"]["amount"] if trace.settled else 0),
        ("PROCESSING_FEE_REFUND", trace.fee),
        ("THIRD_PARTY_FEE_REFUND", trace.app_fee if trace.settled else 0),
    ]
    for kind, amount in moves:
        if amount:
            state.balance.add(refund.location_id, Activity(moment, kind, amount, refund.id, details=ids))


def _undo(state: State, refund: Record, at: datetime) -> None:
    """A completed refund failed after all: what was not paid out is forgotten, the rest comes back."""
    waiting = state.balance.waiting(refund.location_id, refund.id)
    if waiting:
        state.balance.remove(refund.location_id, waiting)
        return
    opposite = {"PROCESSING_FEE_REFUND": "UNDO_PROCESSING_FEE_REFUND", "THIRD_PARTY_FEE_REFUND": "THIRD_PARTY_FEE"}
    for item in state.balance.paid(refund.location_id, refund.id):
        kind = opposite.get(item.kind, item.kind)
        again = Activity(times.micros(at), kind, -item.gross, refund.id, details=item.details)
        state.balance.add(refund.location_id, again)
