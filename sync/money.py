"""What came in, what Square passed on, and who still owes: sums over what is booked, per day and per customer.

Amounts are in minor units of the lane's documents; money that came in and what a customer owes are positive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Max, Q, Sum

from mappings.bookkeeping.legs import LegKind
from mappings.models import DebtorAccount
from sync.lifecycle import LegState
from sync.models import Leg, SyncLane

# A reversed leg still stands in the ledger, next to the one that takes it back.
BOOKED = (LegState.POSTED, LegState.CONFIRMED, LegState.REVERSING, LegState.REVERSED)
MEANS: Mapping[str, str] = {
    LegKind.RECEIPT: "received",
    LegKind.REFUND_MONEY: "refunded",
    LegKind.FEE: "fees",
    LegKind.APP_FEE: "fees",
    LegKind.SOURCE_FEE: "fees",
    LegKind.REFUND_FEE: "fees",
    LegKind.PAYOUT_ENTRY: "fees",
    LegKind.PAYOUT: "settled",
}


@dataclass(slots=True)
class Day:
    """One day of the books in one currency. `refunded`, `fees` and `settled` are positive when money left."""

    day: date
    currency: str
    received: int = 0
    refunded: int = 0
    fees: int = 0
    settled: int = 0

    @property
    def kept(self) -> int:
        """What the day left with Square and in the till."""
        return self.received - self.refunded - self.fees - self.settled


@dataclass(frozen=True, slots=True)
class Customer:
    """What one customer account in Exact owes by our entries. `last` is the day of its newest entry."""

    id: str
    row_id: int | None
    name: str
    code: str
    currency: str
    sold: int
    paid: int
    last: date

    @property
    def outstanding(self) -> int:
        return self.sold - self.paid


def days(lane: SyncLane, first: date, last: date) -> list[Day]:
    """The days of the span that have entries, newest first. Money that only passed through an account is not in it."""
    legs = Leg.objects.filter(lane=lane, state__in=BOOKED, kind__in=list(MEANS), date__range=(first, last))
    found: dict[tuple[date, str], Day] = {}
    sums = legs.order_by().values_list("kind", "date", "currency").annotate(total=Sum("amount"))
    for kind, day, currency, amount in sums:
        row = found.setdefault((day, currency), Day(day, currency))
        name = MEANS[kind]
        setattr(row, name, getattr(row, name) + (amount if name == "received" else -amount))
    return sorted(found.values(), key=lambda row: (row.day, row.currency), reverse=True)


def total(rows: list[Day]) -> dict[str, Day]:
    """The sum of the days, per currency."""
    sums: dict[str, Day] = {}
    for row in rows:
        kept = sums.setdefault(row.currency, Day(row.day, row.currency))
        for name in set(MEANS.values()):
            setattr(kept, name, getattr(kept, name) + getattr(row, name))
    return sums


def customers(lane: SyncLane) -> list[Customer]:
    """Who was sold to or paid, the largest debt first. Everything since go-live counts, as a debt does not end with a
    month.
    """
    rows = Leg.objects.filter(lane=lane, state__in=BOOKED).exclude(debtor="").order_by()
    sums = rows.values("debtor", "currency").annotate(
        sold=Sum("owed", filter=Q(document="sales_entry"), default=0),
        paid=Sum("owed", filter=~Q(document="sales_entry"), default=0),
        last=Max("date"),
    )
    known = _known(lane)
    found = [_customer(row, known.get(row["debtor"])) for row in sums]
    return sorted(found, key=lambda row: (-abs(row.outstanding), row.name))


def _customer(sums: Mapping[str, Any], known: tuple[int, str, str] | None) -> Customer:
    row_id, name, code = known or (None, "an account that Exact no longer lists", "")
    return Customer(
        id=sums["debtor"], row_id=row_id, name=name, code=code, currency=sums["currency"], sold=sums["sold"],
        paid=-sums["paid"], last=sums["last"],
    )  # fmt: skip


def _known(lane: SyncLane) -> dict[str, tuple[int, str, str]]:
    rows = DebtorAccount.objects.filter(division=lane.division).values_list("remote_id", "pk", "name", "code")
    return {remote_id: (row_id, name, code) for remote_id, row_id, name, code in rows}
