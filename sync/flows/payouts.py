"""Square payouts become transfers from clearing to bank in transit; their entries check what is booked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, QuerySet, Sum

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Payout, PayoutEntry
from mappings.bookkeeping import payout as bookkeeping
from mappings.bookkeeping.activities import Check, activity
from mappings.bookkeeping.correction import STEP
from mappings.bookkeeping.legs import LegKind, LegPlan, Problem, ProblemKind
from mappings.bookkeeping.payout import PayoutContext
from mappings.bookkeeping.verification import Booked
from mappings.roles import Role
from sync.flows import received, records
from sync.flows.base import Page, Record, Resolution, Stream, Work
from sync.flows.received import Received
from sync.flows.settled import sharing
from sync.lifecycle import STANDING, ItemState, LegState
from sync.models import LaneLocation, Leg, Settlement, SyncItem

NAME, KIND = "payouts", "payout"
# Square filters payouts by creation alone, and one is paid or fails days later: the last weeks are read again.
OVERLAP = timedelta(days=16)
FEES = (LegKind.FEE, LegKind.APP_FEE, LegKind.REFUND_FEE, LegKind.PAYOUT_ENTRY)


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:
    """A location's payouts by creation, each new or changed one with its entries."""
    for page in work.square.payouts(feed.location.location_id, created_from=begin, created_to=end):
        rows = [_Row(row, feed) for row in page.records]
        read_up_to = max((row.value.created_at for row in rows if row.value), default=begin)
        found = [row.record(work) for row in received.changed(work, rows)]
        yield Page(feed, NAME, found, size=len(rows), read_up_to=read_up_to, is_last=not page.has_more)


def again(work: Work, items: Sequence[SyncItem]) -> list[Record]:
    """Payouts that could not be read, or whose entries Square did not list yet."""
    return [_Row(work.square.payout(key), feed).record(work) for key, feed in records.askable(work, items)]


class _Row(Received[Payout]):
    kind = KIND
    parse = staticmethod(payloads.payout)

    def record(self, work: Work) -> Record:
        payout = self.value
        if payout is None:
            return self.unreadable_record({"payout": self.row})
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
    spread = _spread_problem(work, entries)
    if spread:
        return Resolution(item, (), problem=spread)
    context = _context(work, item, entries)
    plan = bookkeeping.plan(payout, entries, context)
    plan = replace(plan, legs=tuple(_about(leg, entries) for leg in plan.legs))
    found = records.resolution(work, item, plan, is_unfinished=_is_unlisted(plan.problem))
    return replace(found, settles=() if plan.problem else _settlements(item, entries, context))


def _spread_problem(work: Work, entries: Sequence[PayoutEntry]) -> Problem | None:
    """A payout of records that are booked on another clearing account would empty the wrong one."""
    events = {_event(entry) for entry in entries if _is_verified(entry)}
    elsewhere = SyncItem.objects.filter(source_id__in=events).exclude(lane__in=sharing(work))
    other = elsewhere.exclude(state=ItemState.DISMISSED).select_related("lane").defer("payload").first()
    if other is None or SyncItem.objects.filter(source_id=other.source_id, lane__in=sharing(work)).exists():
        return None
    sentence = (
        f"The payout pays out {other.kind} {other.source_id}, which lane {other.lane} books on another clearing "
        "account. Nothing was booked, because the money of one would leave the other. Let both lanes book in one "
        "division and clearing journal, or book this payout by hand and dismiss it with the reason."
    )
    return Problem(ProblemKind.UNSUPPORTED, sentence, f"payout across lanes: {other.lane}"[:200])


def _is_unlisted(problem: Problem | None) -> bool:
    """Square lists the entries of a payout some time after the payout, and not always all at once."""
    return problem is not None and problem.kind in (ProblemKind.NO_LINES, ProblemKind.UNBALANCED)


def _about(leg: LegPlan, entries: Sequence[PayoutEntry]) -> LegPlan:
    """A difference in a payment's or refund's fee names its event, so that it counts as booked from then on; what a
    dispute moved names the dispute, so that one that is lost is taken off again.
    """
    entry = next((entry for entry in entries if entry.id == leg.source_id), None)
    if entry is None or leg.kind is not LegKind.PAYOUT_ENTRY:
        return leg
    return replace(leg, order_id=_event(entry) if _is_verified(entry) else entry.dispute_id)


def _event(entry: PayoutEntry) -> str:
    return entry.refund_id or entry.payment_id


def _is_verified(entry: PayoutEntry) -> bool:
    return activity(entry.kind).check in (Check.EVENT, Check.FEE)


def _settlements(item: SyncItem, entries: Iterable[PayoutEntry], context: PayoutContext) -> list[Settlement]:
    """What this payout says of each payment and refund. A dispute names its payment too, but says nothing of it."""
    booked = {*context.payments, *context.refunds}
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if _event(entry) and activity(entry.kind).check is Check.EVENT:
            said[_event(entry)].update(gross=entry.gross, fee=entry.fee)
        elif _event(entry) and _is_verified(entry):
            said[_event(entry)].update(gross=0, fee=-entry.net)
    return [
        Settlement(item=item, event=event, gross=sums["gross"], fee=sums["fee"], is_verified=event in booked)
        for event, sums in said.items()
    ]


def _context(work: Work, item: SyncItem, entries: Sequence[PayoutEntry]) -> PayoutContext:
    nobody = Problem(ProblemKind.UNMAPPED_CUSTOMER, "A payout is booked on no customer.")
    verified = [entry for entry in entries if _is_verified(entry)]
    payments = {entry.payment_id for entry in verified if entry.payment_id and not entry.refund_id}
    refunds = {entry.refund_id for entry in verified if entry.refund_id}
    return PayoutContext(
        usual=records.context_of(work, item, nobody),
        payments=_booked(work, item, payments, LegKind.RECEIPT),
        refunds=_booked(work, item, refunds, LegKind.REFUND_MONEY),
        transfers=_moved(work, item, ordinal=0),
        returns=_moved(work, item, ordinal=1),
        since=work.lane.go_live,
    )


def _booked(work: Work, item: SyncItem, events: set[str], kind: LegKind) -> dict[str, Booked]:
    """What the books hold of these payments or refunds on the clearing account, less what earlier payouts said."""
    if not events:
        return {}
    standing = Leg.objects.filter(state__in=STANDING, is_reversal=False)
    # Their records first: a payout names a few of the thousands of legs of its kind.
    named = SyncItem.objects.filter(lane__in=sharing(work), source_id__in=events).order_by("id")
    records_of = dict(named.values_list("pk", "source_id"))
    legs = standing.filter(item__in=records_of)
    money = {records_of[owner]: amount for owner, amount in legs.filter(kind=kind).values_list("item", "amount")}
    fees: Counter[str] = Counter()
    # A fee that took effect after this payout cannot be in it: a later one states it.
    charged = legs.filter(kind__in=FEES).exclude(ordinal__gt=0, date__gt=item.local_day)
    for owner, amount in charged.values_list("item", "amount"):
        fees[records_of[owner]] -= amount
    corrected = standing.filter(lane__in=sharing(work), kind=LegKind.PAYOUT_ENTRY, order_id__in=events)
    for event, amount in corrected.exclude(item=item).values_list("order_id", "amount"):
        fees[event] -= amount
    said = _said_before(work, item, events)
    booked = {
        event: Booked(gross=gross - said[event][0], fee=fees[event] - said[event][1]) for event, gross in money.items()
    }
    return {**booked, **_as_found_before(item, events)}


def _as_found_before(item: SyncItem, events: set[str]) -> dict[str, Booked]:
    """What this payout was compared with when it was first resolved. It is read again when the bank has paid it, and a
    fee that the payment states since then belongs to a later payout: compared anew, it would be posted back.
    """
    verified = list(item.settlements.filter(event__in=events, is_verified=True))
    if not verified:
        return {}
    own = item.legs.filter(kind=LegKind.PAYOUT_ENTRY, order_id__in=events)
    undecided = set(own.filter(state=LegState.WAITING).values_list("order_id", flat=True))
    posted = {leg.order_id: leg for leg in own.filter(state__in=STANDING)}
    return {row.event: _compared_with(row, posted.get(row.event)) for row in verified if row.event not in undecided}


def _compared_with(said: Settlement, posted: Leg | None) -> Booked:
    apart = posted.amount if posted else 0
    if posted and posted.content["lines"][0]["role"] == Role.SUSPENSE:
        return Booked(gross=said.gross - apart, fee=said.fee)
    return Booked(gross=said.gross, fee=said.fee + apart)


def _said_before(work: Work, item: SyncItem, events: set[str]) -> dict[str, tuple[int, int]]:
    earlier = Settlement.objects.filter(item__lane__in=sharing(work), event__in=events).exclude(item=item)
    sums = earlier.values("event").annotate(all_gross=Sum("gross"), all_fee=Sum("fee"))
    said: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in sums:
        said[row["event"]] = (row["all_gross"], row["all_fee"])
    return said


def _moved(work: Work, item: SyncItem, *, ordinal: int) -> dict[str, int]:
    """Transfers that other payouts of this location booked by themselves: sent apart (ordinal 0), or come back (1)."""
    legs = Leg.objects.filter(
        lane=work.lane, location=item.location, kind=LegKind.PAYOUT, is_reversal=False, state__in=STANDING
    )
    legs = legs.annotate(place=F("ordinal") % STEP).filter(place=ordinal).exclude(item=item)
    if ordinal == 0:
        legs = legs.filter(item__payload__payout__type="SIMPLE")
    recent = legs.filter(date__gte=item.local_day - OVERLAP)
    return dict(recent.values_list("item__source_id", "amount"))


def ready(work: Work) -> QuerySet[SyncItem]:
    """Payouts that name a payment or refund which was not booked when they were compared, and is now."""
    money = Leg.objects.filter(
        lane__in=sharing(work), kind__in=(LegKind.RECEIPT, LegKind.REFUND_MONEY), state__in=STANDING, is_reversal=False
    )
    unverified = Settlement.objects.filter(item__lane=work.lane, is_verified=False)
    booked = unverified.filter(Exists(money.filter(item__source_id=OuterRef("event"))))
    return SyncItem.objects.filter(pk__in=booked.values("item")).exclude(
        state__in=(ItemState.DISMISSED, ItemState.EXTRACTED)
    )


PAYOUTS = Stream(
    name=NAME,
    kind=KIND,
    overlap=OVERLAP,
    pages=pages,
    again=again,
    resolve=resolve,
    ready=ready,
    goes_back=True,
    is_essential=False,
    chunk=1,
)
