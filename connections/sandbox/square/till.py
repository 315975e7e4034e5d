"""Selling: from what was sold and how it was paid to an order with its payments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from connections.sandbox.square import orders, payments, times
from connections.sandbox.square.arithmetic import part
from connections.sandbox.square.facts import Json
from connections.sandbox.square.orders import Basket
from connections.sandbox.square.payments import Sold
from connections.sandbox.square.specs import TenderSpec
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Record

CARD_RATE = Decimal("1.75")
_ORDERING = timedelta(seconds=40)
_BETWEEN_TENDERS = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Sale:
    """The order and its payments as the sandbox holds them: live objects, not copies."""

    order: Json
    payments: tuple[Json, ...]

    @property
    def order_id(self) -> str:
        return str(self.order["id"])

    @property
    def payment_ids(self) -> tuple[str, ...]:
        return tuple(str(item["id"]) for item in self.payments)


def ring_up(
    basket: Basket,
    tenders: Sequence[TenderSpec],
    *,
    location_id: str,
    at: datetime,
    customer_id: str = "",
    rounding: int = 0,
    state: str = "COMPLETED",
    lines_missing: bool = False,
    back: Json | None = None,
) -> Sale:
    """`back`: what the order takes back in exchange. Raises `ValueError` when a completed order is not paid exactly."""
    returned = back["return_amounts"]["total_money"]["amount"] if back else 0
    due = max(basket.result.total + rounding - returned, 0)
    amounts = shared(due, tenders, must_match=state == "COMPLETED")
    sold = Sold(location_id, basket.ids.order(), basket.currency, customer_id, at)
    pairs = [
        (spec, take(basket.state, spec, amount, replace(sold, at=at - _BETWEEN_TENDERS * (len(tenders) - 1 - place))))
        for place, (spec, amount) in enumerate(zip(tenders, amounts, strict=True))
    ]
    order = _order(basket, sold, pairs, rounding=rounding, state=state)
    if back:
        orders.take_back(order, back)
    if lines_missing:
        basket.state.hidden_lines[sold.order_id] = order.pop("line_items")
    _keep(basket.state, order, sold)
    return Sale(order, tuple(record.data for _, record in pairs))


def shared(due: int, tenders: Sequence[TenderSpec], *, must_match: bool) -> list[int]:
    """What each tender pays, tips aside; an open amount takes the rest."""
    given = sum(spec.amount or 0 for spec in tenders)
    open_ones = [spec for spec in tenders if spec.amount is None]
    if len(open_ones) > 1:
        raise ValueError("Only one tender may leave its amount open.")
    amounts = [due - given if spec.amount is None else spec.amount for spec in tenders]
    if must_match and sum(amounts) != due:
        raise ValueError(f"The tenders pay {sum(amounts)} of {due} (tips aside).")
    return amounts


def take(state: State, spec: TenderSpec, amount: int, sold: Sold) -> Record:
    """One payment, kept; its fee shows later."""
    data = payments.payment(state.ids, spec, amount, sold)
    created = payments.created_at(spec, sold.at)
    moments = {"created": times.micros(created), "updated": times.micros(sold.at)}
    if spec.offline_at is not None:
        moments["offline"] = times.micros(spec.offline_at)
    record = state.payments.add(data, sold.location_id, moments)
    state.touch(record, sold.at)
    record.times["captured"] = times.micros(sold.at)
    if spec.status == "COMPLETED":
        state.charge(record)
    fee = _fee(spec, amount + spec.tip)
    if fee and spec.status == "COMPLETED":
        state.expect_fee(record, fee, kind="INITIAL", at=sold.at + timedelta(seconds=state.fee_delay))
    return record


def card_fee(total: int) -> int:
    return part(total, CARD_RATE)


def _fee(spec: TenderSpec, total: int) -> int:
    if spec.fee is not None:
        return spec.fee
    return card_fee(total) if spec.kind in ("card", "wallet") else 0


def _order(
    basket: Basket, sold: Sold, pairs: Sequence[tuple[TenderSpec, Record]], *, rounding: int, state: str
) -> Json:
    paying = [(spec, record) for spec, record in pairs if spec.status in ("APPROVED", "COMPLETED", "PENDING")]
    tip = sum(spec.tip for spec, _ in paying)
    data: Json = {"id": sold.order_id, "location_id": sold.location_id, "source": {"name": "Point of Sale"}}
    data |= orders.contents(basket) | orders.totals(basket, tip=tip, rounding=rounding)
    tenders = [payments.tender(spec, record.data, _sold_at(record, sold)) for spec, record in paying]
    if tenders:
        data["tenders"] = tenders
    paid = sum(item["amount_money"]["amount"] for item in tenders)
    data["net_amount_due_money"] = basket.money(data["total_money"]["amount"] - paid)
    data["created_at"] = times.fixed(sold.at - _ORDERING)
    data["state"] = state
    if state in ("COMPLETED", "CANCELED"):
        data["closed_at"] = times.fixed(sold.at)
    return data | ({"customer_id": sold.customer_id} if sold.customer_id else {})


def _sold_at(record: Record, sold: Sold) -> Sold:
    return replace(sold, at=times.moment(record.times["captured"]))


def _keep(state: State, order: Json, sold: Sold) -> None:
    moments = {"created": times.micros(sold.at - _ORDERING), "updated": times.micros(sold.at)}
    if "closed_at" in order:
        moments["closed"] = times.micros(sold.at)
    record = state.orders.add(order, sold.location_id, moments)
    state.touch_order(record, sold.at)
