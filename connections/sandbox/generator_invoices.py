"""Invoices of a generated month: paid whole, by deposit and balance, in part, not at all, or canceled unpaid.

Part-paid ones are canceled afterwards (`cancel_part_paid`), once somebody has read them: Square replaces the lines of
their orders, and nobody who reads them only then can tell what was sold.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from connections.sandbox.generated import (
    GeneratedInvoice,
    GeneratedMonth,
    Totals,
    card_fee,
    is_tied,
    rounded,
    shares,
    tax_on,
)
from connections.sandbox.square import LineSpec, RequestSpec, SquareSandbox, TenderSpec

# Of a hundred invoices.
KINDS = {"whole": 50, "deposit": 20, "part": 18, "unpaid": 6, "canceled": 6}
_ITEMS = (
    ("Catering", "VAT 9", 24_500),
    ("Hall hire", "VAT 21", 40_000),
    ("Wine", "VAT 21", 8_750),
    ("Gift", "VAT 0", 1_999),
)
_FIRST, _LAST = time(9), time(17)
_MOST_DAYS = 5


@dataclass
class _Case:
    """One invoice in the making. `truth` holds what is booked of it in the end, the credit of a cancel taken off."""

    square: SquareSandbox
    month: GeneratedMonth
    invoice_id: str
    order_id: str
    location: str
    at: datetime
    total: int
    truth: Totals
    latest: datetime
    paid: int = 0
    credited: int = 0
    settled: tuple[tuple[datetime, int], ...] = ()
    payment_ids: tuple[str, ...] = ()

    def pay(self, amount: int, chance: random.Random, *, tip: int = 0) -> None:
        """By card, some days later; its fee shows by the end of the month."""
        fee = card_fee(amount + tip)
        self.at = self._later(chance)
        sale = self.square.pay_invoice(self.invoice_id, TenderSpec("card", amount, tip=tip, fee=fee), at=self.at)
        self.payment_ids += sale.payment_ids
        self.settled += ((self.at, amount + tip - fee),)
        self.truth.tenders["card"] += amount + tip
        self.truth.tips += tip
        self.truth.fees += fee
        self.paid += amount

    def cancel(self, chance: random.Random) -> None:
        self.at = self._later(chance)
        self.square.cancel_invoice(self.invoice_id, at=self.at)
        self.credited = self.total
        credit(self.truth, self.credited)

    def part(self, chance: random.Random) -> int:
        """Part of the total for which it is beyond doubt what is left of each rate."""
        grosses = [self.truth.revenue[name] + self.truth.vat[name] for name in self.truth.revenue]
        amount = self.total * chance.randint(20, 80) // 100
        while amount > 1 and is_tied(self.total - amount, grosses):
            amount -= 1
        return amount

    def _later(self, chance: random.Random) -> datetime:
        """Between an hour and five days on, but not after the last fee could show."""
        room = max(timedelta(seconds=1), min(timedelta(days=_MOST_DAYS), self.latest - self.at) / 2)
        return self.at + timedelta(seconds=chance.randint(1, max(1, int(room.total_seconds()))))

    def made(self, how: str, published: datetime) -> GeneratedInvoice:
        left = self.total - self.paid - self.credited
        return GeneratedInvoice(
            self.invoice_id, self.order_id, self.payment_ids, self.location, published, published.date(), how,
            self.truth, left, self.credited, self.settled,
        )  # fmt: skip


def send_invoices(
    square: SquareSandbox, month: GeneratedMonth, count: int, *, chance: random.Random, customers: Sequence[str]
) -> None:
    """`count` invoices to known customers. Raises `ValueError` without any: an invoice goes to somebody."""
    if not customers:
        raise ValueError("Invoices need customers to go to.")
    for _ in range(count):
        how = chance.choices(list(KINDS), list(KINDS.values()))[0]
        case = _drawn_up(square, month, how, chance, customers)
        published = case.at
        _happen(case, how, chance)
        month.invoices.append(case.made(how, published))
    month.invoices.sort(key=lambda invoice: (invoice.at, invoice.invoice_id))


def _drawn_up(
    square: SquareSandbox, month: GeneratedMonth, how: str, chance: random.Random, customers: Sequence[str]
) -> _Case:
    location = chance.choice(month.locations)
    zone = ZoneInfo(square.location(location)["timezone"])
    latest = month.settled_at.astimezone(zone) - timedelta(seconds=square.fee_delay)
    opened = datetime.combine(chance.choice(month.days[:-1] or month.days), _FIRST, zone)
    span = datetime.combine(opened.date(), _LAST, zone) - opened
    at = min(opened + timedelta(seconds=chance.randint(0, int(span.total_seconds()))), latest - timedelta(hours=1))
    lines = [LineSpec(name, price * times, tax, quantity=str(times)) for name, tax, price, times in _goods(chance)]
    truth = Totals()
    for line in lines:
        vat = tax_on(line.gross, line.taxes[0], inclusive=True)
        truth.vat[line.taxes[0]] += vat
        truth.revenue[line.taxes[0]] += line.gross - vat
    total = sum(line.gross for line in lines)
    who = chance.choice(customers)
    order = square.sell(location, at, lines, [], state="OPEN", customer_id=who, tax_mode="inclusive")
    invoice = square.invoice(order.order_id, _requests(how, total), at=at)
    return _Case(square, month, invoice["id"], order.order_id, location, at, total, truth, latest)


def _goods(chance: random.Random) -> list[tuple[str, str, int, int]]:
    chosen = chance.sample(_ITEMS, chance.randint(1, len(_ITEMS)))
    return [(name, tax, price, chance.randint(1, 4)) for name, tax, price in chosen]


def _requests(how: str, total: int) -> list[RequestSpec]:
    return [RequestSpec("DEPOSIT", amount=total * 3 // 10), RequestSpec(tipping=True)] if how == "deposit" else []


def _happen(case: _Case, how: str, chance: random.Random) -> None:
    if how == "whole":
        case.pay(case.total, chance)
    elif how == "deposit":
        case.pay(case.total * 3 // 10, chance)
        case.pay(case.total - case.paid, chance, tip=chance.choice((0, 500, 2500)))
    elif how == "part":
        case.pay(case.part(chance), chance)
    elif how == "canceled":
        case.cancel(chance)


def credit(truth: Totals, amount: int) -> None:
    """Take an amount off each rate by largest remainder, its VAT in proportion."""
    names = list(truth.revenue)
    grosses = [truth.revenue[name] + truth.vat[name] for name in names]
    for name, gross, part in zip(names, grosses, shares(amount, grosses), strict=True):
        vat = rounded(Decimal(truth.vat[name]) * part / gross)
        truth.vat[name] -= vat
        truth.revenue[name] -= part - vat


def cancel_part_paid(square: SquareSandbox, month: GeneratedMonth, *, at: datetime) -> int:
    """Cancel every second part-paid invoice of the month; its truth follows. Returns how many."""
    chosen = [place for place, made in enumerate(month.invoices) if made.how == "part"][::2]
    for place in chosen:
        made = month.invoices[place]
        square.cancel_invoice(made.invoice_id, at=at)
        credit(made.truth, made.left)
        month.invoices[place] = replace(made, how="canceled_part", left=0, credited=made.left)
    return len(chosen)
