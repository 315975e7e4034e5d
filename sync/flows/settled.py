"""Clearing per payout: which entry each movement of the Square balance goes in.

A receipt, refund or fee goes in the entry of the payout that settles it, a payout's own movements in their payout's.
An entry stands in one period, so what a payout settles of two months becomes two entries. What no payout has settled
waits for its payout until its month is over, and is then booked as the rest of that month: the entry of a later payout
could not take it up without moving it into another period, and a month whose money is not booked cannot be closed.
Reference: bookkeeping section 3 "Clearing".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from connections.providers.square import payloads
from mappings.bookkeeping.legs import Document, LegKind
from mappings.bookkeeping.payout import SETTLED_GROSS
from sync.calendar_months import first_day, last_day
from sync.flows.base import Work
from sync.lifecycle import STANDING, ItemState
from sync.models import Leg, Settlement, SyncItem, SyncLane

FEES = (LegKind.FEE, LegKind.REFUND_FEE)
UNPAID = "unpaid"
# Whether a local day of a time zone is over and closed.
Closed = Callable[[date, str], bool]


class Group(NamedTuple):
    """What one entry is about. `payout` is Square's id, "unpaid" for what no payout settled by the end of the month."""

    journal: str
    currency: str
    payout: str
    month: date

    def key(self, merchant: str) -> str:
        return f"{merchant}|{self.journal}|{self.payout}|{self.month:%Y-%m}|{self.currency}"


@dataclass(frozen=True, slots=True)
class Said:
    """What one payout said of an event, and its own local day. `fee` in Square's signs."""

    payout: str
    day: date
    fee: int


class Charged(NamedTuple):
    """A fee of an event, in Square's signs. `since`: no payout before that day states it."""

    kind: str
    ordinal: int
    fee: int
    since: date


class Taken(NamedTuple):
    """A fee that a payout takes in an entry of its own. It names no event: `net` and its local day must do."""

    location: int
    day: date
    net: int


def moving(work: Work, ready: QuerySet[Leg]) -> QuerySet[Leg]:
    """Legs that move the Square balance. Gift cards and external tenders pass through the journal and net to zero, cash
    and tenders with a journal of their own are not in it: they never reach a payout and stay per day.
    """
    journal = work.lane.clearing_journal
    return ready.filter(document=Document.BANK_ENTRY, journal=journal).exclude(amount=0)


def groups(work: Work, ready: QuerySet[Leg], *, closed: Closed) -> Iterator[tuple[Group, list[int]]]:
    """Groups that can be booked, oldest month first, each with the primary keys of its legs."""
    rows = list(
        ready.values(
            "pk", "kind", "ordinal", "date", "journal", "currency", "item_id", "item__source_id", "item__kind",
            "item__local_day", "location__timezone", "location_id", "amount",
        )
    )  # fmt: skip
    said = _said(work, ready)
    fees = _fees_of(row["item_id"] for row in rows if row["kind"] in FEES)
    apart: dict[Taken, Said] | None = None
    found: dict[Group, list[int]] = defaultdict(list)
    for row in rows:
        settled = _payout_of(row, said[_event(row)], fees)
        if not settled and is_taken_apart(said[_event(row)], fees.get(row["item_id"], ())):
            apart = _taken_apart(work, rows) if apart is None else apart
            settled = apart.get(Taken(row["location_id"], row["date"], row["amount"]))
        if payout := _entry_of(row, settled, closed):
            month = first_day(row["date"])
            found[Group(row["journal"], row["currency"], payout, month)].append(row["pk"])
    yield from sorted(found.items(), key=lambda item: (item[0].month, item[0]))


def sharing(work: Work) -> QuerySet[SyncLane]:
    """The lanes that book on this clearing account: what one of them booked, a payout of another may settle."""
    return SyncLane.objects.filter(division=work.lane.division_id, clearing_journal=work.lane.clearing_journal)


def _event(row: Mapping[str, Any]) -> str:
    return str(row["item__source_id"])


def _said(work: Work, ready: QuerySet[Leg]) -> dict[str, list[Said]]:
    """By event, what payouts said of it, oldest payout first."""
    # A payout of another lane may settle it, but only entries of this lane are made here.
    rows = Settlement.objects.filter(item__lane__in=sharing(work), event__in=ready.values("item__source_id"))
    said: dict[str, list[Said]] = defaultdict(list)
    for event, payout, day, fee in rows.order_by("item__took_place_at", "item").values_list(
        "event", "item__source_id", "item__local_day", "fee"
    ):
        said[event].append(Said(payout, day, fee))
    return said


def _fees_of(items: Iterable[int]) -> dict[int, list[Charged]]:
    """By record, its fees in the order in which they came."""
    legs = Leg.objects.filter(item__in=set(items), kind__in=FEES, state__in=STANDING).order_by("item", "ordinal")
    found: dict[int, list[Charged]] = defaultdict(list)
    for item, kind, ordinal, amount, day in legs.values_list("item", "kind", "ordinal", "amount", "date"):
        found[item].append(Charged(kind, ordinal, -amount, day if ordinal else date.min))
    return found


def _payout_of(row: Mapping[str, Any], said: Sequence[Said], fees: Mapping[int, Sequence[Charged]]) -> Said | None:
    """The payout that settles the leg: its own, the first that names its event, for a fee the one that states it;
    None while there is none.
    """
    if row["item__kind"] == "payout":
        return Said(_event(row), row["item__local_day"], 0)
    if row["kind"] not in FEES or not said:
        return said[0] if said else None
    charged = fees[row["item_id"]]
    place = [(fee.kind, fee.ordinal) for fee in charged].index((row["kind"], row["ordinal"]))
    return stated(said, charged)[place]


def stated(said: Sequence[Said], charged: Sequence[Charged]) -> list[Said | None]:
    """For each fee of an event, oldest first, the payout that states it; None while none does.

    Payouts, oldest first, together say what the fees come to, so each states the next fees up to where both sums agree.
    Where they do not agree (the payout posted the difference itself) it is the first that has said as much.
    """
    sums, told = [0, *accumulate(fee.fee for fee in charged)], list(accumulate(one.fee for one in said))
    found: list[Said | None] = []
    for payout, total in zip(said, told, strict=True):
        due = (n for n in range(len(found), len(sums)) if n == len(found) or _may(payout, charged[n - 1]))
        agreed = next((n for n in due if sums[n] == total), len(found))
        found += [payout] * (agreed - len(found))
    for fee, total in zip(charged[len(found) :], sums[len(found) + 1 :], strict=True):
        enough = (one for one, so_far in zip(said, told, strict=True) if abs(so_far) >= abs(total) and _may(one, fee))
        found.append(next(enough, None if fee.ordinal else said[0]))
    return found


def is_taken_apart(said: Sequence[Said], charged: Sequence[Charged]) -> bool:
    """Whether the event's payouts say nothing of its fees, although it has some: the seller settles gross."""
    return bool(said) and any(fee.fee for fee in charged) and not any(one.fee for one in said)


def _taken_apart(work: Work, rows: Sequence[Mapping[str, Any]]) -> dict[Taken, Said]:
    """Which payout took each fee that came after its payment was settled; of two that are alike, the earlier one."""
    since = min(row["date"] for row in rows)
    payouts = SyncItem.objects.filter(lane__in=sharing(work), kind="payout", local_day__gte=since)
    booked = payouts.filter(state__in=(ItemState.RESOLVED, ItemState.DONE))
    found: dict[Taken, Said] = {}
    for item in booked.select_related("location").order_by("took_place_at", "pk"):
        for entry in map(payloads.payout_entry, item.payload["entries"]):
            if entry.kind in SETTLED_GROSS and entry.effective_at:
                day = entry.effective_at.astimezone(ZoneInfo(item.location.timezone)).date()
                found.setdefault(Taken(item.location_id, day, entry.net), Said(item.source_id, item.local_day, 0))
    return found


def _may(payout: Said, fee: Charged) -> bool:
    return fee.since <= payout.day


def _entry_of(row: Mapping[str, Any], settled: Said | None, closed: Closed) -> str:
    """The payout whose entry takes the leg now, or the rest of its month; empty while it waits."""
    zone = row["location__timezone"]
    if settled and closed(settled.day, zone) and closed(row["date"], zone):
        return settled.payout
    return UNPAID if not settled and closed(last_day(row["date"]), zone) else ""
