"""Who the customers are that records wait for: asked of Square once each, and laid before finance."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, Min, OuterRef, Q

from connections import clock
from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Customer
from mappings import proposals
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import CustomerMapping
from sync.flows.base import Flow, Work
from sync.lifecycle import ItemState
from sync.models import SyncItem

CHUNK, MOST = 100, 500
STALE = timedelta(hours=24)


def introduce_customers(work: Work, flow: Flow) -> None:  # noqa: ARG001 - every phase has the same form
    """Propose a mapping for each customer that records wait for and nobody has met."""
    lane = work.lane
    mapped = CustomerMapping.objects.filter(
        division=lane.division, merchant=lane.source, square_customer_id=OuterRef("customer_id")
    )
    waiting = SyncItem.objects.filter(
        lane=lane, state=ItemState.WAITING, problem_kind=ProblemKind.UNMAPPED_CUSTOMER
    ).exclude(customer_id="")
    unmet = waiting.filter(~Exists(mapped)).values("customer_id").annotate(first=Min("local_day"))
    while batch := list(unmet.order_by("customer_id")[:CHUNK]):
        found = {row["customer_id"]: None for row in batch} | _customers(work, [row["customer_id"] for row in batch])
        proposals.propose(lane.division, lane.source, found, since=min(row["first"] for row in batch))
        work.breathe()
    _look_again(work)


def _look_again(work: Work) -> None:
    """Customers whom nobody has decided on and records wait for: Square and Exact may tell more by now.

    Once a day each, and at most `MOST` a run: one call per hundred.
    """
    lane, now = work.lane, clock.now()
    waiting = SyncItem.objects.filter(
        lane=lane, state=ItemState.WAITING, problem_kind=ProblemKind.UNMAPPED_CUSTOMER,
        problem_subject=OuterRef("square_customer_id"),
    )  # fmt: skip
    old = Q(square_read_at=None) | Q(square_read_at__lt=now - STALE)
    rows = CustomerMapping.objects.filter(
        old, Exists(waiting), division=lane.division, merchant=lane.source, status__in=proposals.UNDECIDED
    ).order_by("pk")[:MOST]
    open_rows = list(rows)
    for start in range(0, len(open_rows), CHUNK):
        batch = open_rows[start : start + CHUNK]
        proposals.weigh_again(lane.division, batch, _customers(work, [row.square_customer_id for row in batch]))
        work.breathe()


def _customers(work: Work, ids: list[str]) -> dict[str, Customer | None]:
    """As far as Square tells and we can read them; the others are proposed by their id alone."""
    found: dict[str, Customer | None] = {}
    for customer_id, row in work.square.customers(ids).items():
        try:
            found[customer_id] = payloads.customer(row)
        except Unreadable:
            found[customer_id] = None
    return found
