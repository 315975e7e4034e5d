"""What each Square record does to the Square balance, from the record alone: the one side of the clearing proof that
knows nothing of legs, rules and entries.

Amounts are minor units, signed as they move the balance. What moved it before the opening day is in its opening.
Reading is one pass over the records' columns and the few members of their payloads that carry money.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Payout, PayoutEntry
from mappings.bookkeeping.activities import Check, activity
from mappings.bookkeeping.payout import BOOKED
from mappings.bookkeeping.receipt import SETTLED
from sync.models import SyncItem, SyncLane

COMPLETED = "COMPLETED"
GIFT_CARD = "SQUARE_GIFT_CARD"
FEES_OF_TRANSFERS = ("DEPOSIT_FEE",)
PORTION = 500


@dataclass(frozen=True, slots=True)
class Span:
    """The local days that count, both included."""

    first: date
    last: date

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass
class SquareBalance:
    """`effects`: by record, what it did to the balance in the span. `unverified`: of payouts, the part that entries of
    payments and refunds we do not hold make up. `pending`: of SIMPLE payouts, fees that no later payout has shown yet.
    `without_fee`: payments Square settles that state no fee yet.
    """

    effects: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    unverified: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    pending: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    without_fee: int = 0

    @property
    def total(self) -> int:
        return sum(self.effects.values())


def balance(lanes: Sequence[SyncLane], currency: str, span: Span) -> SquareBalance:
    """What these lanes' records in this currency did to the Square balance in the span."""
    items = SyncItem.objects.filter(lane__in=lanes, currency=currency, local_day__lte=span.last)
    found = SquareBalance()
    _payments(found, items.filter(kind="payment"), span)
    _refunds(found, items.filter(kind="refund"), span)
    _Payouts(found, lanes, span).count(items.filter(kind="payout"))
    return found


# --- payments and refunds ------------------------------------------------------------------------
def _payments(found: SquareBalance, items: QuerySet[SyncItem], span: Span) -> None:
    settled = items.filter(payload__payment__status=COMPLETED, tender__in=SETTLED)
    rows = settled.values_list(
        "pk", "local_day", "location__timezone", "amount", "payload__payment__processing_fee",
        "payload__payment__app_fee_money__amount",
    )  # fmt: skip
    for pk, day, zone, amount, fees, app_fee in rows.iterator(PORTION):
        if span.holds(day):
            found.effects[pk] += amount - (app_fee or 0)
            found.without_fee += not fees
        found.effects[pk] -= sum(_fees(fees or (), day, zone, span))


def _fees(fees: Sequence[Mapping[str, Any]], day: date, zone: str, span: Span) -> Iterator[int]:
    """The first fee is of the day of its record, a later one of the day it takes effect."""
    for index, fee in enumerate(fees):
        effective = fee.get("effective_at") if index else None
        if span.holds(_local(effective, zone) if effective else day):
            yield int(fee["amount_money"]["amount"])


def _local(moment: str, zone: str) -> date:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(ZoneInfo(zone)).date()


def _refunds(found: SquareBalance, items: QuerySet[SyncItem], span: Span) -> None:
    """Money goes back the way it came unless Square says otherwise: of a gift card's refund it says CARD alone."""
    completed = items.filter(payload__refund__status=COMPLETED)
    came = dict(
        SyncItem.objects.filter(kind="payment", source_id__in=completed.values("parent_id")).values_list(
            "source_id", "tender"
        )
    )
    rows = completed.values_list(
        "pk", "local_day", "location__timezone", "amount", "tender", "parent_id",
        "payload__refund__processing_fee", "payload__refund__app_fee_money__amount",
        "payload__refund__destination_details__card_details__card__card_brand",
    )  # fmt: skip
    for pk, day, zone, amount, tender, parent, fees, app_fee, brand in rows.iterator(PORTION):
        way = tender or came.get(parent, "")
        to_gift_card = brand == GIFT_CARD or (not brand and came.get(parent) == "GIFT_CARD")
        if way in SETTLED and not to_gift_card:
            found.effects[pk] += (amount + (app_fee or 0)) if span.holds(day) else 0
            found.effects[pk] -= sum(_fees(fees or (), day, zone, span))


# --- payouts -------------------------------------------------------------------------------------
class _Payouts:
    """Payouts in the order they were made: what each took, and what its entries moved besides booked events."""

    def __init__(self, found: SquareBalance, lanes: Sequence[SyncLane], span: Span) -> None:
        self.found, self.lanes, self.span = found, lanes, span
        # By location: transfers sent apart and payouts that came back, which entries of later payouts repeat.
        self.apart: dict[int, Counter[int]] = defaultdict(Counter)
        self.back: dict[int, Counter[int]] = defaultdict(Counter)
        self.fees: dict[str, tuple[int, int]] = {}

    def count(self, items: QuerySet[SyncItem]) -> None:
        """Twice over the payouts, so that what is held does not grow with their entries."""
        ordered = items.select_related("location").order_by("took_place_at", "id")
        for item, payout, _ in self._read(ordered):
            self._transfer(item, payout)
        for item, payout, entries in self._read(ordered):
            held = self._held(entries)
            for entry in entries:
                self._entry(item, payout, entry, held)
        for pk, fee in self.fees.values():
            self.found.effects[pk] -= fee
            self.found.pending[pk] -= fee

    def _read(self, items: QuerySet[SyncItem]) -> Iterator[tuple[SyncItem, Payout, tuple[PayoutEntry, ...]]]:
        """Without those that are not sent yet or cannot be read: such a record waits and says so."""
        for item in items.iterator(20):
            try:
                payout = payloads.payout(item.payload["payout"])
                rows = {row["id"]: row for row in item.payload["entries"]}
                entries = tuple(payloads.payout_entry(row) for row in rows.values())
            except (Unreadable, KeyError):
                continue
            if payout.status in BOOKED:
                yield item, payout, entries

    def _transfer(self, item: SyncItem, payout: Payout) -> None:
        self._add(item, item.local_day, -payout.amount)
        if payout.kind == "SIMPLE":
            self.apart[item.location_id][-payout.amount] += 1
            fee = sum(fee.amount for fee in payout.fees)
            if fee and self.span.holds(item.local_day):
                self.fees[payout.id] = (item.pk, fee)
        if payout.status == "FAILED":
            self.back[item.location_id][payout.amount] += 1
            self._add(item, self._day(item, payout.updated_at), payout.amount)

    def _held(self, entries: Sequence[PayoutEntry]) -> dict[str, date]:
        """The local day of each readable payment and refund that the entries name and we hold."""
        named = {_event(entry) for entry in entries if activity(entry.kind).check in (Check.EVENT, Check.FEE)}
        rows = SyncItem.objects.filter(lane__in=self.lanes, source_id__in=named).exclude(currency="")
        return dict(rows.values_list("source_id", "local_day"))

    def _entry(self, item: SyncItem, payout: Payout, entry: PayoutEntry, held: Mapping[str, date]) -> None:
        day, check = self._day(item, entry.effective_at or payout.created_at), activity(entry.kind).check
        if check is Check.NOTHING:
            self._answer(entry)
            self._add(item, day, entry.net)
        elif check in (Check.TRANSFER, Check.RETURN):
            made = (self.apart if check is Check.TRANSFER else self.back)[item.location_id]
            if made[entry.net] > 0:
                made[entry.net] -= 1
            else:
                self._add(item, day, entry.net)
        elif _event(entry) not in held and (_event(entry) or check is Check.EVENT) and self.span.holds(day):
            self._add(item, day, entry.net)
            self.found.unverified[item.pk] += entry.net

    def _answer(self, entry: PayoutEntry) -> None:
        """The fee of a transfer sent apart is in a later payout, under the transfer's id."""
        if entry.kind in FEES_OF_TRANSFERS:
            self.fees.pop(entry.about_payout_id, None)

    def _add(self, item: SyncItem, day: date, amount: int) -> None:
        if self.span.holds(day):
            self.found.effects[item.pk] += amount

    def _day(self, item: SyncItem, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(item.location.timezone)).date()


def _event(entry: PayoutEntry) -> str:
    return entry.refund_id or entry.payment_id
