"""What comes after the sales of a generated month: refunds, and a payout per location and day."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connections.sandbox.generated import (
    GeneratedMonth,
    GeneratedPayout,
    GeneratedRefund,
    GeneratedSale,
    Totals,
    is_tied,
    rounded,
    shares,
)
from connections.sandbox.plan import Plan, tender_name
from connections.sandbox.square import SquareSandbox, TenderSpec

_WITHIN = timedelta(days=5)
_CUT = timedelta(minutes=5)
_ARRIVES = timedelta(hours=30)
_INSTANT = timedelta(microseconds=1)
_EVEN = 0.5
_WHOLE = 0.3
# How a sale that is more than lines comes back, and how one that is not may besides.
_BY_ITEMS = {"all": 30, "items": 70}
_BY_AMOUNT = {"amount": 60, "several": 40}


@dataclass(slots=True)
class _Case:
    """One payment that comes back. `left` is the remaining gross and VAT of its sale, per tax."""

    square: SquareSandbox
    month: GeneratedMonth
    plan: Plan
    sale: GeneratedSale
    place: int
    returns_fee: bool
    back: int = 0
    left: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        truth = self.plan.truth
        self.left = {name: (net + truth.vat[name], truth.vat[name]) for name, net in truth.revenue.items()}

    @property
    def tender(self) -> TenderSpec:
        return self.plan.tenders[self.place]

    @property
    def paid(self) -> int:
        return (self.tender.amount or 0) + self.tender.tip


def refund_some(
    square: SquareSandbox, month: GeneratedMonth, plans: Sequence[Plan], count: int, *, chance: random.Random
) -> None:
    """`count` payments come back, each sale at most once, none that must wait."""
    chosen = list(_refundable(plans, chance))[:count]
    if len(chosen) < count:
        raise ValueError(f"Only {len(chosen)} payments of this month can be refunded.")
    for number, place in chosen:
        case = _Case(square, month, plans[number], month.sales[number], place, chance.random() < _EVEN)
        kinds = _BY_ITEMS if not case.plan.is_plain else _BY_AMOUNT if len(case.plan.tenders) > 1 else _ALL
        _BACK[chance.choices(list(kinds), list(kinds.values()))[0]](case, chance)
    month.refunds.sort(key=lambda refund: refund.at)


def _refundable(plans: Sequence[Plan], chance: random.Random) -> Iterator[tuple[int, int]]:
    """Sale and tender. Of split sales those that are lines only, so that a refund by amount is beyond doubt."""
    for number in chance.sample(range(len(plans)), len(plans)):
        plan = plans[number]
        if not plan.odd and (len(plan.tenders) == 1 or plan.is_plain):
            yield number, chance.randrange(len(plan.tenders))


def _all(case: _Case, chance: random.Random) -> None:
    """Everything, by item: tip, service and rounding too."""
    truth = Totals()
    truth.add(case.plan.truth)
    truth.fees = 0
    _refund(case, truth, "all", _moment(case, chance), items="all")


def _items(case: _Case, chance: random.Random) -> None:
    """Some lines, some of them in part; where that happens to be all of them, everything."""
    sold = case.plan.sold
    numbers = sorted(chance.sample(range(len(sold)), chance.randint(1, len(sold))))
    taken = {number: chance.randint(1, sold[number].quantity) for number in numbers}
    if taken == {number: line.quantity for number, line in enumerate(sold)}:
        _all(case, chance)
        return
    truth = Totals()
    for number, quantity in taken.items():
        line = sold[number]
        net, vat = line.returned(quantity, inclusive=case.plan.inclusive)
        truth.revenue[line.tax] += net
        truth.vat[line.tax] += vat
    truth.tenders[tender_name(case.tender)] += truth.due
    shown = case.square.order(case.sale.order_id)["line_items"]
    items = {shown[number]["uid"]: str(quantity) for number, quantity in taken.items()}
    _refund(case, truth, "items", _moment(case, chance), items=items)


def _amount(case: _Case, chance: random.Random) -> None:
    whole = chance.random() < _WHOLE
    amount = case.paid if whole else chance.randint(1, case.paid)
    _by_amount(case, amount, "amount", _moment(case, chance))


def _several(case: _Case, chance: random.Random) -> None:
    """In two or three refunds, of which the last may take all that is left."""
    parts = [max(1, case.paid * chance.randint(10, 40) // 100) for _ in range(chance.choice((1, 2)))]
    at = _moment(case, chance)
    for number, part in enumerate(parts):
        _by_amount(case, min(part, case.paid - case.back), "several", at + timedelta(seconds=number))
    rest = case.paid - case.back
    if rest:
        _by_amount(case, rest if chance.random() < _EVEN else max(1, rest // 2), "several", at + timedelta(seconds=5))


def _by_amount(case: _Case, amount: int, how: str, at: datetime) -> None:
    names = list(case.left)
    weights = [case.left[name][0] for name in names]
    # Where two rates have the same claim to the last cent, another amount leaves no doubt.
    while is_tied(amount, weights) and amount > 1:
        amount -= 1
    truth = Totals()
    for name, part in zip(names, shares(amount, weights), strict=True):
        gross, tax = case.left[name]
        vat = rounded(Decimal(tax) * part / gross) if gross else 0
        truth.vat[name] += vat
        truth.revenue[name] += part - vat
        case.left[name] = (gross - part, tax - vat)
    truth.tenders[tender_name(case.tender)] += amount
    _refund(case, truth, how, at, amount=amount)


_BACK = {"all": _all, "items": _items, "amount": _amount, "several": _several}
_ALL = {"all": 15, "items": 40, "amount": 25, "several": 20}


def _refund(case: _Case, truth: Totals, how: str, at: datetime, **what: Any) -> None:
    amount = truth.gross
    if case.returns_fee and case.tender.kind == "card":
        truth.fees = _share_of_fee(case, case.back + amount) - _share_of_fee(case, case.back)
    case.back += amount
    key = case.sale.payment_ids[case.place]
    fee = "proportional" if case.returns_fee else 0
    refund = case.square.refund(key, at=at, fee_returned=fee, **what)
    made = (refund["id"], key, case.sale.order_id, case.sale.location_id)
    case.month.refunds.append(GeneratedRefund(*made, at, at.date(), how, truth))


def _share_of_fee(case: _Case, back: int) -> int:
    return rounded(Decimal(case.tender.fee or 0) * back / case.paid)


def _moment(case: _Case, chance: random.Random) -> datetime:
    """Within five days after the fee showed, on one of the month's days."""
    zone = case.sale.at.tzinfo
    last = datetime.combine(case.month.days[-1] + timedelta(days=1), time(0), zone) - timedelta(minutes=1)
    first = case.sale.at + timedelta(seconds=case.square.fee_delay)
    room = min(case.month.settled_at, last, first + _WITHIN) - first
    seconds = max(0.0, room.total_seconds() - 10)
    return first + timedelta(milliseconds=chance.randint(0, int(seconds * 1000)))


def pay_out_daily(square: SquareSandbox, month: GeneratedMonth) -> None:
    """At local midnight, where that is over by the end; paid a day later, the last ones still under way."""
    for location in month.locations:
        invoiced = (move for invoice in month.invoices if invoice.location_id == location for move in invoice.settled)
        moves = sorted([*_moves(location, month.sales), *_moves(location, month.refunds), *invoiced])
        zone = ZoneInfo(square.location(location)["timezone"])
        open_amount = taken = 0
        for day in month.days:
            cut = datetime.combine(day + timedelta(days=1), time(0), zone)
            while taken < len(moves) and moves[taken][0] < cut:
                open_amount += moves[taken][1]
                taken += 1
            if open_amount and cut + _CUT <= month.settled_at:
                _pay_out(square, month, location, day, cut=cut, amount=open_amount)
                open_amount = 0
    month.payouts.sort(key=lambda payout: (payout.at, payout.location_id))


def _moves(location: str, events: Iterable[GeneratedSale | GeneratedRefund]) -> Iterator[tuple[datetime, int]]:
    for event in events:
        if event.location_id == location:
            yield event.at, event.truth.settled if isinstance(event, GeneratedSale) else -event.truth.settled


def _pay_out(
    square: SquareSandbox, month: GeneratedMonth, location: str, day: date, *, cut: datetime, amount: int
) -> None:
    at = cut + _CUT
    payout = square.pay_out(location, at=at, until=cut - _INSTANT)
    if payout is None:
        raise ValueError(f"Square pays out nothing for {day}, where {amount} was expected.")
    if at + _ARRIVES <= month.settled_at:
        square.settle_payout(payout["id"], at=at + _ARRIVES)
    month.payouts.append(GeneratedPayout(payout["id"], location, at, day, amount))
