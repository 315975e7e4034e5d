"""Square disputes: read only to learn how one ended. Their money moves through payout entries.

A lane without an open dispute never asks: what payouts have moved tells which disputes there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Dispute
from mappings.bookkeeping import dispute as bookkeeping
from mappings.bookkeeping.dispute import DisputeContext
from mappings.bookkeeping.legs import Debtor, LegKind, Problem, ProblemKind
from mappings.roles import Role
from sync.flows import received, records
from sync.flows.base import Page, Record, Resolution, Stream, Work
from sync.flows.received import Received
from sync.legs import plan_of
from sync.lifecycle import STANDING, ItemState, LegState
from sync.models import LaneLocation, Leg, SyncItem

NAME, KIND = "disputes", "dispute"
# The bank has decided. An inquiry that was closed never moved money for good.
LOST = tuple(payloads.LOST_DISPUTE)
OVER = (*LOST, "WON", "INQUIRY_CLOSED")


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:
    """A location's disputes that payouts have moved money for and that are not decided as far as we know. Square
    filters by no time, so nothing is asked while there is none.
    """
    del begin
    wanted = _undecided(work, feed)
    rows = [row for page in work.square.disputes(feed.location.location_id) for row in page.records] if wanted else []
    found = [_Row(row, feed) for row in rows if row.get("id") in wanted]
    changed = [row.record() for row in received.changed(work, found)]
    yield Page(feed, NAME, changed, size=len(found), read_up_to=end, is_last=True)


def _undecided(work: Work, feed: LaneLocation) -> set[str]:
    moved = set(_moved(work).filter(location=feed.location).values_list("order_id", flat=True))
    known = SyncItem.objects.filter(lane=work.lane, kind=KIND, source_id__in=moved)
    return moved - set(known.filter(payload__dispute__state__in=OVER).values_list("source_id", flat=True))


def _moved(work: Work) -> QuerySet[Leg]:
    """What payouts moved for disputes: each such leg names its dispute."""
    legs = Leg.objects.filter(lane=work.lane, kind=LegKind.PAYOUT_ENTRY, state__in=STANDING).exclude(order_id="")
    return legs.filter(content__lines__0__role=Role.DISPUTE.value)


def again(work: Work, items: Sequence[SyncItem]) -> list[Record]:
    """Disputes that could not be read."""
    return [_Row(work.square.dispute(key), feed).record() for key, feed in records.askable(work, items)]


class _Row(Received[Dispute]):
    kind = KIND
    parse = staticmethod(payloads.dispute)

    def record(self) -> Record:
        dispute, payload = self.value, {"dispute": self.row}
        if dispute is None:
            return self.unreadable_record(payload)
        return Record(
            kind=KIND, source_id=dispute.id, parent_id=dispute.payment_id, order_id="", customer_id="",
            receipt_number="", tender="", location_id=self.feed.location_id, updated_at=dispute.updated_at,
            took_place_at=dispute.created_at, local_day=records.local_day(self.feed, dispute.created_at),
            currency=dispute.currency, amount=-dispute.amount, payload=payload,
            digest=records.digest(records.lasting(dispute)),
        )  # fmt: skip


def resolve(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
    return [_resolve(work, item) for item in items]


def _resolve(work: Work, item: SyncItem) -> Resolution:
    try:
        dispute = payloads.dispute(item.payload["dispute"])
    except Unreadable as error:
        return Resolution(item, (), problem=records.unreadable(error))
    return records.resolution(work, item, bookkeeping.plan(dispute, _context(work, item, dispute)))


def _context(work: Work, item: SyncItem, dispute: Dispute) -> DisputeContext:
    nobody = Problem(ProblemKind.UNMAPPED_CUSTOMER, "A dispute that is a loss is booked on no customer.")
    frozen = item.legs.exclude(state__in=(LegState.WAITING, LegState.READY, LegState.REFUSED, LegState.DISMISSED))
    return DisputeContext(
        usual=records.context_of(work, item, nobody),
        held=-sum(_moved(work).filter(order_id=dispute.id).values_list("amount", flat=True)),
        taken_off=_taken_off(frozen),
        ordinal=frozen.count(),
        customer=_customer(work, dispute) if work.lane.lost_disputes == "customer" else None,
    )


def _taken_off(legs: Iterable[Leg]) -> int:
    return sum(plan_of(leg).lines[0].amount for leg in legs)


def _customer(work: Work, dispute: Dispute) -> Debtor | None:
    """Who owes the disputed payment, if it is somebody of their own: counter sales have nobody to charge."""
    legs = Leg.objects.filter(lane=work.lane, item__source_id=dispute.payment_id, kind=LegKind.RECEIPT)
    receipt = legs.filter(state__in=STANDING).first()
    debtor = plan_of(receipt).debtor if receipt else None
    return debtor if debtor and not debtor.is_collective else None


def ready(work: Work) -> QuerySet[SyncItem]:
    """Lost disputes for which a payout has moved money since they were worked out."""
    sums = _moved(work).order_by().values("order_id").annotate(total=Sum("amount"))
    held = {row["order_id"]: -row["total"] for row in sums}
    known = SyncItem.objects.filter(lane=work.lane, kind=KIND, source_id__in=list(held)).defer("payload")
    lost = known.filter(payload__dispute__state__in=LOST, state__in=(ItemState.RESOLVED, ItemState.DONE))
    standing = ((item, _taken_off(item.legs.filter(state__in=STANDING))) for item in lost)
    changed = [item.pk for item, taken_off in standing if held[item.source_id] != taken_off]
    return SyncItem.objects.filter(pk__in=changed)


DISPUTES = Stream(
    name=NAME,
    kind=KIND,
    overlap=timedelta(0),
    pages=pages,
    again=again,
    resolve=resolve,
    ready=ready,
    is_essential=False,
)
