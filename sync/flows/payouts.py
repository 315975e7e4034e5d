"""Square payouts become transfers from clearing to bank in transit; their entries check what is booked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Payout, PayoutEntry
from mappings.bookkeeping import payout as bookkeeping
from mappings.bookkeeping.legs import LegKind, LegPlan, Problem, ProblemKind
from mappings.bookkeeping.payout import PayoutContext
from mappings.bookkeeping.verification import Booked
from sync.flows import records
from sync.flows.base import Page, Record, Resolution, Stream, Work
from sync.lifecycle import STANDING
from sync.models import LaneLocation, Leg, Settlement, SyncItem

NAME, KIND = "payouts", "payout"
# Square filters payouts by creation alone, and one is paid or fails days later: the last weeks are read again.
OVERLAP = timedelta(days=16)
FEES = (LegKind.FEE, LegKind.APP_FEE, LegKind.REFUND_FEE, LegKind.PAYOUT_ENTRY)


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:
    """A location's payouts by creation, each new or changed one with its entries."""
    for page in work.square.payouts(feed.location.location_id, created_from=begin, created_to=end):
        rows = [_Row(row, feed) for row in page.records]
        held = records.held_versions(work, (row.source_id for row in rows))
        changed = [row for row in rows if row.payout is None or held.get(row.source_id) != row.payout.updated_at]
        read_up_to = max((row.payout.created_at for row in rows if row.payout), default=begin)
        found = [row.record(work) for row in changed]
        yield Page(feed, NAME, found, size=len(rows), read_up_to=read_up_to, is_last=not page.has_more)


def again(work: Work, items: Sequence[SyncItem]) -> list[Record]:
    """Payouts that could not be read, or whose entries Square did not list yet."""
    return [_Row(work.square.payout(key), feed).record(work) for key, feed in records.askable(work, items)]


class _Row:
    """One payout as Square sent it: readable, or kept with what is wrong with it."""

    def __init__(self, row: Mapping[str, Any], feed: LaneLocation) -> None:
        self.row, self.feed = row, feed
        self.source_id = records.source_id(row)
        self.payout: Payout | None = None
        self.problem: Problem | None = None
        try:
            self.payout = payloads.payout(row)
        except Unreadable as error:
            self.problem = records.unreadable(error)

    def record(self, work: Work) -> Record:
        payout = self.payout
        if payout is None:
            return records.unreadable_record(KIND, self.row, {"payout": self.row}, self.feed, self.problem)
        entries = [entry for page in work.square.payout_entries(payout.id) for entry in page.records]
        payload = {"payout": self.row, "entries": entries}
        return Record(
            kind=KIND, source_id=payout.id, order_id="", customer_id="", receipt_number="",
            tender=payout.destination_type, location_id=self.feed.location_id, updated_at=payout.updated_at,
            took_place_at=payout.created_at, local_day=records.local_day(self.feed, payout.created_at),
            currency=payout.currency, amount=payout.amount, payload=payload,
            digest=records.digest([records.lasting(payout), entries]),
        )  # fmt: skip


def resolve(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
    """What each payout owes. Stored one by one: each says something of payments that the next must not hear again."""
    return [_resolve(work, item) for item in items]


def _resolve(work: Work, item: SyncItem) -> Resolution:
    try:
        payout = payloads.payout(item.payload["payout"])
        entries = tuple(payloads.payout_entry(row) for row in item.payload["entries"])
    except Unreadable as error:
        return Resolution(item, (), problem=records.unreadable(error))
    early = records.waits_for_go_live(work, item)
    if early:
        return Resolution(item, (), problem=early)
    plan = bookkeeping.plan(payout, entries, _context(work, item, entries))
    plan = replace(plan, legs=tuple(_about(leg, entries) for leg in plan.legs))
    found = records.resolution(work, item, plan, is_unfinished=_is_unlisted(plan.problem))
    return replace(found, settles=() if plan.problem else _settlements(item, entries))


def _is_unlisted(problem: Problem | None) -> bool:
    return problem is not None and problem.kind is ProblemKind.NO_LINES


def _about(leg: LegPlan, entries: Sequence[PayoutEntry]) -> LegPlan:
    """A difference in a payment's or refund's fee names its event, so that it counts as booked from then on."""
    event = next((_event(entry) for entry in entries if entry.id == leg.source_id), "")
    return replace(leg, order_id=event) if leg.kind is LegKind.PAYOUT_ENTRY and event else leg


def _event(entry: PayoutEntry) -> str:
    return entry.refund_id or entry.payment_id


def _settlements(item: SyncItem, entries: Iterable[PayoutEntry]) -> list[Settlement]:
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if _event(entry):
            said[_event(entry)].update(gross=entry.gross, fee=entry.fee)
    return [Settlement(item=item, event=event, gross=sums["gross"], fee=sums["fee"]) for event, sums in said.items()]


def _context(work: Work, item: SyncItem, entries: Sequence[PayoutEntry]) -> PayoutContext:
    nobody = Problem(ProblemKind.UNMAPPED_CUSTOMER, "A payout is booked on no customer.")
    payments = {entry.payment_id for entry in entries if entry.payment_id and not entry.refund_id}
    refunds = {entry.refund_id for entry in entries if entry.refund_id}
    return PayoutContext(
        usual=records.context_of(work, item, nobody),
        payments=_booked(work, item, payments, LegKind.RECEIPT),
        refunds=_booked(work, item, refunds, LegKind.REFUND_MONEY),
        transfers=_moved(work, item, ordinal=0),
        returns=_moved(work, item, ordinal=1),
    )


def _booked(work: Work, item: SyncItem, events: set[str], kind: LegKind) -> dict[str, Booked]:
    """What the books hold of these payments or refunds on the clearing account, less what earlier payouts said."""
    legs = Leg.objects.filter(lane=work.lane, state__in=STANDING, is_reversal=False)
    money = dict(legs.filter(kind=kind, item__source_id__in=events).values_list("item__source_id", "amount"))
    fees: Counter[str] = Counter()
    for event, amount in legs.filter(kind__in=FEES, item__source_id__in=events).values_list(
        "item__source_id", "amount"
    ):
        fees[event] -= amount
    corrected = legs.filter(kind=LegKind.PAYOUT_ENTRY, order_id__in=events).exclude(item=item)
    for event, amount in corrected.values_list("order_id", "amount"):
        fees[event] -= amount
    said = _said_before(work, item, events)
    return {
        event: Booked(gross=gross - said[event][0], fee=fees[event] - said[event][1]) for event, gross in money.items()
    }


def _said_before(work: Work, item: SyncItem, events: set[str]) -> dict[str, tuple[int, int]]:
    earlier = Settlement.objects.filter(item__lane=work.lane, event__in=events).exclude(item=item)
    sums = earlier.values("event").annotate(all_gross=Sum("gross"), all_fee=Sum("fee"))
    said: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in sums:
        said[row["event"]] = (row["all_gross"], row["all_fee"])
    return said


def _moved(work: Work, item: SyncItem, *, ordinal: int) -> dict[str, int]:
    """Transfers that other payouts of this location booked by themselves: sent apart (ordinal 0), or come back (1)."""
    legs = Leg.objects.filter(
        lane=work.lane, location=item.location, kind=LegKind.PAYOUT, ordinal=ordinal, state__in=STANDING
    ).exclude(item=item)
    if ordinal == 0:
        legs = legs.filter(item__payload__payout__type="SIMPLE")
    recent = legs.filter(date__gte=item.local_day - OVERLAP)
    return dict(recent.values_list("item__source_id", "amount"))


PAYOUTS = Stream(
    name=NAME,
    kind=KIND,
    overlap=OVERLAP,
    pages=pages,
    again=again,
    resolve=resolve,
    is_essential=False,
    chunk=1,
)
