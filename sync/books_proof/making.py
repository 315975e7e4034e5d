"""Making a proof of the live books: our rows and Exact's ledger of a month, for every lane of a division at once.

1. The ledger is read in bulk, a thousand lines a call: everything dated in the month in the journals of the lanes.
2. What is noted as booked and was not seen there is asked for by its id, thirty a call; so is an entry that reaches
   into another month, to see the whole of it.
3. Legs are matched with documents by reference, and judged (`judging`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet, Sum

from connections import clients, clock
from connections.models import Division
from connections.providers.exact.client import ExactClient
from connections.providers.http import batches
from mappings.bookkeeping.legs import ORDERS, Document
from sync import calendar_months
from sync.books_proof import judging
from sync.books_proof.evidence import Evidence
from sync.books_proof.judging import Claim, Sent, Verdict
from sync.lifecycle import LegState, PostingState
from sync.models import Leg, Posting, SyncLane
from sync.reconciliation import reading
from sync.reconciliation.figures import Period
from sync.reconciliation.making import Chart

BOOKED = frozenset({LegState.POSTED, LegState.CONFIRMED, LegState.REVERSING, LegState.REVERSED})
UNDER_WAY = frozenset({PostingState.DRAFT, PostingState.SENDING})
# Exact may show a new entry moments late.
LAG = timedelta(minutes=2)
# A call may wait this long for the rate governor: nobody waits for a proof, but its task must end in time.
PATIENCE = 60.0
A_LOT = 400


@dataclass(slots=True)
class Look:
    """One look at a division's books of a month: what was seen, and what it means for each lane."""

    period: Period
    began: datetime
    evidence: Evidence
    verdicts: dict[SyncLane, Verdict] = field(default_factory=dict)


def look(division: Division, month: date) -> Look:
    """Raises the errors of the providers. Nothing is written but the request ledger."""
    period = Period(calendar_months.first_day(month), calendar_months.last_day(month))
    made = Look(period, clock.now(), Evidence())
    chart = Chart.of(division)
    client = clients.exact_client(division, wait_at_most=PATIENCE)
    made.evidence.read(reading.lines(client, chart.scope, period))
    _complete(client, chart.lanes, made)
    strangers = _strangers(division, made.evidence)
    for number, lane in enumerate(chart.lanes):
        # A reference that nobody knows belongs to no lane: it is told of once.
        made.verdicts[lane] = _judged(lane, made, strange=() if number else strangers)
    return made


def _judged(lane: SyncLane, made: Look, *, strange: Iterable[str]) -> Verdict:
    period = made.period
    return judging.judge(
        _claims(lane, made), list(_sent(lane, period)), made.evidence, begin=period.begin, end=period.end,
        strange=tuple(strange),
    )  # fmt: skip


# --- our rows -------------------------------------------------------------------------------------
def legs_of(lane: SyncLane, begin: date, end: date) -> QuerySet[Leg]:
    """Whatever moves the ledger on these days, booked or not."""
    return Leg.objects.filter(lane=lane, date__gte=begin, date__lte=end).exclude(document__in=ORDERS)


def _claims(lane: SyncLane, made: Look) -> Iterator[Claim]:
    rows = legs_of(lane, made.period.begin, made.period.end).order_by("pk")
    names = (
        "pk", "item", "reference", "document", "state", "currency", "amount", "posting", "posting__reference",
        "posting__remote_id", "posting__state", "posting__sent_at",
    )  # fmt: skip
    for (
        pk,
        item,
        own,
        document,
        state,
        currency,
        amount,
        posting,
        entry,
        remote_id,
        posted,
        sent_at,
    ) in rows.values_list(*names).iterator():
        is_booked = state in BOOKED or posted == PostingState.CONFLICT
        is_summed = document == Document.SALES_ENTRY and bool(entry) and is_booked
        is_new = posted == PostingState.POSTED and sent_at is not None and sent_at >= made.began - LAG
        yield Claim(
            pk, item, entry if is_summed else own, posting, remote_id or "", currency, amount, is_booked,
            is_settling=is_new or posted in UNDER_WAY,
        )  # fmt: skip


def _standing(lane: SyncLane, period: Period) -> QuerySet[Posting]:
    """Entries that should stand in Exact with legs of these days."""
    legs = legs_of(lane, period.begin, period.end).filter(Q(state__in=BOOKED) | Q(posting__state=PostingState.CONFLICT))
    rows = Posting.objects.filter(pk__in=legs.values("posting")).exclude(remote_id="")
    return rows.exclude(state__in=UNDER_WAY)


def _sent(lane: SyncLane, period: Period) -> Iterator[Sent]:
    names = ("pk", "reference", "remote_id", "remote_number", "currency", "total", "legs_sum", "expected")
    rows = _standing(lane, period).annotate(legs_sum=Sum("legs__amount", default=0)).order_by("pk")
    yield from map(Sent._make, rows.values_list(*names).iterator())


# --- what the month's ledger did not show ---------------------------------------------------------
def _complete(client: ExactClient, lanes: Iterable[SyncLane], made: Look) -> None:
    """Whole entries of those that reach into other months, then entries that were not seen at all."""
    absent: list[str] = []
    for lane in lanes:
        rows = _standing(lane, made.period)
        over = rows.filter(Q(legs__date__lt=made.period.begin) | Q(legs__date__gt=made.period.end))
        straddling = sorted(set(over.values_list("remote_id", flat=True)))
        made.evidence.forget(straddling)
        for part in batches(straddling, reading.MOST_LOOKED_FOR):
            made.evidence.read(reading.lines_of(client, part))
        ids = rows.order_by("pk").values_list("remote_id", flat=True).iterator()
        absent += [key for key in ids if key not in made.evidence.entries]
    made.evidence.read(reading.lines_of(client, absent))


def _strangers(division: Division, evidence: Evidence) -> list[str]:
    """References in the ledger that no leg and no entry here has."""
    unknown = []
    for part in batches(sorted(evidence.references), A_LOT):
        known = set(Leg.objects.filter(division=division, reference__in=part).values_list("reference", flat=True))
        own = Posting.objects.filter(division=division, reference__in=part).values_list("reference", flat=True)
        unknown += [reference for reference in part if reference not in known.union(own)]
    return unknown
