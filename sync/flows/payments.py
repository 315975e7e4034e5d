"""Square payments become sales entries, receipts and fees in Exact Online."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connections.clock import now
from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Order, Payment
from mappings import decisions
from mappings.bookkeeping import payments as bookkeeping
from mappings.bookkeeping.context import Context
from mappings.bookkeeping.legs import LegPlan, Plan, Problem, ProblemKind
from mappings.bookkeeping.references import reference
from mappings.decisions import Debtors
from sync.flows import entries
from sync.flows.base import Flow, Page, Record, Resolution, Work
from sync.models import LaneLocation, SyncItem

# Left out of the digest: what changes without changing what is booked.
PASSING = ("updated_at", "refunded")
# The source id of a record that carries none of its own.
UNNAMED = "unreadable-"


def pages(work: Work, feed: LaneLocation, begin: datetime, end: datetime) -> Iterator[Page]:
    """A location's payments by time of change, with their orders; what is already held unchanged is left out."""
    for page in work.square.payments(feed.location.location_id, updated_from=begin, updated_to=end):
        fresh = [_Raw(row, feed) for row in page.records]
        read_up_to = max((raw.updated_at for raw in fresh), default=begin)
        changed = _changed(work, fresh)
        orders = work.square.orders([raw.order_id for raw in changed if raw.order_id])
        records = [raw.record(orders.get(raw.order_id)) for raw in changed]
        yield Page(feed=feed, records=records, read_up_to=read_up_to, is_last=not page.has_more)


def again(work: Work, items: Sequence[SyncItem]) -> list[Record]:
    """Records whose order was not complete, with the order as it is now."""
    feeds = {feed.location_id: feed for feed in work.lane.feeds.select_related("location")}
    orders = work.square.orders([item.order_id for item in items if item.order_id])
    return [
        _Raw(_payment_now(work, item), feeds[item.location_id]).record(orders.get(item.order_id))
        for item in items
        if item.location_id in feeds
    ]


def _payment_now(work: Work, item: SyncItem) -> Mapping[str, Any]:
    """The payment as held; one that could not be read is asked for again."""
    if item.problem_kind == ProblemKind.UNREADABLE and not item.source_id.startswith(UNNAMED):
        return work.square.payment(item.source_id)
    held: Mapping[str, Any] = item.payload["payment"]
    return held


class _Raw:
    """One payment as Square sent it: readable, or kept with what is wrong with it."""

    def __init__(self, row: Mapping[str, Any], feed: LaneLocation) -> None:
        self.row, self.feed = row, feed
        self.payment: Payment | None = None
        self.problem: Problem | None = None
        try:
            self.payment = payloads.payment(row)
        except Unreadable as error:
            self.problem = _unreadable(error)

    @property
    def source_id(self) -> str:
        found = self.row.get("id")
        return found if isinstance(found, str) and found else f"{UNNAMED}{_digest(self.row)[:32]}"

    @property
    def updated_at(self) -> datetime:
        return (
            self.payment.updated_at if self.payment else self.feed.cursor or datetime.min.replace(tzinfo=now().tzinfo)
        )

    @property
    def order_id(self) -> str:
        """Only a completed payment is booked, so only its order is read."""
        return self.payment.order_id if self.payment and self.payment.status == "COMPLETED" else ""

    def record(self, order: Mapping[str, Any] | None) -> Record:
        payload = {"payment": self.row, "order": order}
        parsed, problem = _order(order)
        problem = self.problem or problem
        if self.payment is None or problem:
            return self._unreadable_record(payload, problem)
        payment = self.payment
        return Record(
            source_id=payment.id, order_id=payment.order_id, receipt_number=payment.receipt_number,
            customer_id=_customer(payment, parsed), tender=payment.tender,
            location_id=self.feed.location_id, updated_at=payment.updated_at, took_place_at=payment.took_place_at,
            local_day=self._local(payment.took_place_at), currency=payment.currency, amount=payment.total,
            payload=payload, digest=_digest([_lasting(payment), _lasting(parsed)]),
            is_unfinished=bool(self.order_id) and is_unfinished(parsed),
        )  # fmt: skip

    def _unreadable_record(self, payload: Mapping[str, Any], problem: Problem | None) -> Record:
        """Kept whole, so that nothing is lost: dated by Square when it says when, else now."""
        took_place = self.payment.took_place_at if self.payment else now()
        return Record(
            source_id=self.source_id, order_id=self.order_id, customer_id="", receipt_number="", tender="",
            location_id=self.feed.location_id, updated_at=self.payment.updated_at if self.payment else took_place,
            took_place_at=took_place, local_day=self._local(took_place), currency="", amount=0, payload=payload,
            digest=_digest(payload), problem=problem,
        )  # fmt: skip

    def _local(self, moment: datetime) -> Any:
        return moment.astimezone(ZoneInfo(self.feed.location.timezone)).date()


def _changed(work: Work, fresh: Sequence[_Raw]) -> list[_Raw]:
    """Those that are not held yet, or whose time of change differs from what is held."""
    known = SyncItem.objects.filter(lane=work.lane, source_id__in=[raw.source_id for raw in fresh])
    held = dict(known.values_list("source_id", "source_updated_at"))
    return [raw for raw in fresh if held.get(raw.source_id) != raw.updated_at]


def _order(data: Mapping[str, Any] | None) -> tuple[Order | None, Problem | None]:
    if data is None:
        return None, None
    try:
        return payloads.order(data), None
    except Unreadable as error:
        return None, _unreadable(error)


def _customer(payment: Payment, order: Order | None) -> str:
    """Who bought. Of several payments on an order each may name another; the sale has one, so the order's counts."""
    if order and len(order.tenders) > 1:
        return order.customer_id
    return payment.customer_id or (order.customer_id if order else "")


def _unreadable(error: Unreadable) -> Problem:
    sentence = (
        f"Square's record cannot be read: {error.sentence}. Nothing is booked. It is kept as it came; replay it after "
        "Square or Tillbridge has been put right."
    )
    return Problem(ProblemKind.UNREADABLE, sentence, error.sentence[:200])


def is_unfinished(order: Order | None) -> bool:
    """Its order is missing, still open, or has no lines yet: Square completes it without changing the payment."""
    return order is None or order.state == "OPEN" or not (order.lines or order.service_charges or order.has_returns)


def _lasting(value: Payment | Order | None) -> dict[str, Any]:
    """The fields that decide what is booked."""
    return {name: item for name, item in asdict(value).items() if name not in PASSING} if value else {}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def resolve(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
    """What each payment owes, by the mappings as they are now."""
    lane = work.lane
    debtors = decisions.debtors(
        lane.division, lane.source, [item.customer_id for item in items], collective=lane.collective_debtor,
        unknown_go_collective=lane.unknown_customers == "collective", decided=work.decisions,
    )  # fmt: skip
    return [_resolve(work, item, debtors) for item in items]


def _resolve(work: Work, item: SyncItem, debtors: Debtors) -> Resolution:
    try:
        payment = payloads.payment(item.payload["payment"])
        order = payloads.order(item.payload["order"]) if item.payload.get("order") else None
    except Unreadable as error:
        return Resolution(item, (), problem=_unreadable(error))
    unfinished = payment.status == "COMPLETED" and is_unfinished(order)
    if item.local_day < work.lane.go_live and not item.released and payment.status == "COMPLETED":
        return Resolution(item, (), problem=_before_go_live(work, item), is_unfinished=unfinished)
    plan = planned(work, item, payment, order, debtors)
    legs = [(reference_of(work, item, leg), _in_open_period(work, leg)) for leg in plan.legs]
    return Resolution(item, legs, problem=plan.problem, is_unfinished=unfinished, notes=plan.notes)


def planned(work: Work, item: SyncItem, payment: Payment, order: Order | None, debtors: Debtors) -> Plan:
    return bookkeeping.plan(payment, order, context_of(work, item, debtors))


def context_of(work: Work, item: SyncItem, debtors: Debtors) -> Context:
    """The lane's choices and the division's decisions, for one record."""
    lane, decided, location = work.lane, work.decisions, item.location
    return Context(
        rulebook=decided.rulebook, debtor=debtors.of(item.customer_id, on=item.local_day),
        receivables=decided.receivables, timezone=ZoneInfo(location.timezone), location=location.location_id,
        sales_journal=lane.sales_journal, clearing_journal=lane.clearing_journal,
        clearing_account=decided.journal_account(lane.clearing_journal), cash_journal=lane.cash_journal,
        cash_account=decided.journal_account(lane.cash_journal),
        sales_grouping="daily_summary" if lane.sales_grouping == "daily_summary" else "per_payment",
        accepted_currency=location.currency,
    )  # fmt: skip


def reference_of(work: Work, item: SyncItem, leg: LegPlan) -> str:
    return reference(
        division=work.lane.division.code, system="square", merchant=item.location.merchant_id, source_id=leg.source_id,
        kind=leg.kind, ordinal=leg.ordinal,
    )  # fmt: skip


def _in_open_period(work: Work, leg: LegPlan) -> LegPlan:
    """A leg whose period is closed is held before anything is sent."""
    closed = work.decisions.closed_period(leg.journal, leg.date)
    if closed is None or leg.problem:
        return leg
    sentence = (
        f"Period {closed.year}-{closed.period:02} of journal {leg.journal} is closed in Exact, so the {leg.kind} of "
        f"{leg.date} cannot be booked. Open the period in Exact, refresh the division's data, then replay."
    )
    return replace(
        leg, problem=Problem(ProblemKind.PERIOD_CLOSED, sentence, f"{leg.journal} {closed.year}-{closed.period:02}")
    )


def _before_go_live(work: Work, item: SyncItem) -> Problem:
    sentence = (
        f"The payment of {item.local_day} lies before this lane's go-live ({work.lane.go_live}) and is not booked by "
        "itself. Release it to book it, or dismiss it when your books already hold it."
    )
    return Problem(ProblemKind.BEFORE_GO_LIVE, sentence, str(work.lane.go_live))


PAYMENTS = Flow(
    name="payments",
    stages=("sales", "money"),
    pages=pages,
    again=again,
    resolve=resolve,
    gather=entries.gather,
    find=entries.find,
    send=entries.send,
    confirm=entries.confirm,
)
