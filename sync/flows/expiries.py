"""Expired gift cards become revenue. Square tells nothing of them, so nothing is read: a person states each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from mappings import decisions
from mappings.bookkeeping import breakage
from mappings.bookkeeping.breakage import Expiry
from sync import settled
from sync.flows import records
from sync.flows.base import Page, Record, Resolution, Stream, Work
from sync.models import LaneLocation, SyncItem

NAME, KIND = "expiries", "expiry"


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:  # noqa: ARG001
    return iter(())


def again(work: Work, items: Sequence[SyncItem]) -> list[Record]:  # noqa: ARG001 - Square holds none of them
    return []


def resolve(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
    """What each owes: on the lane's collective debtor, since the cards' holders are nobody in particular."""
    lane = work.lane
    debtors = decisions.debtors(
        lane.division, lane.source, (), collective=lane.collective_debtor, unknown_go_collective=True,
        decided=work.decisions,
    )  # fmt: skip
    book = settled.conventions(work, items)
    found = []
    for item in items:
        stated = item.payload[KIND]
        expiry = Expiry(item.source_id, stated["amount"], stated["currency"], date.fromisoformat(stated["on"]))
        context = records.context_of(work, item, debtors.of("", on=item.local_day), book)
        found.append(records.resolution(work, item, breakage.plan(expiry, context)))
    return found


EXPIRIES = Stream(
    name=NAME, kind=KIND, overlap=timedelta(0), pages=pages, again=again, resolve=resolve, is_essential=False
)
