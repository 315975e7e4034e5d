"""What the streams of a Square lane have in common: keeping what cannot be read, digests, and the context of a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connections.money import written
from connections.providers.errors import Unreadable
from connections.providers.payload import LONGEST_ID, PUNCTUATION
from connections.providers.square import payloads
from connections.providers.square.payloads import Order
from mappings.bookkeeping import periods
from mappings.bookkeeping.context import Context
from mappings.bookkeeping.conventions import ConventionBook
from mappings.bookkeeping.legs import Debtor, LegKind, LegPlan, Plan, Problem, ProblemKind
from mappings.bookkeeping.periods import Policy
from mappings.bookkeeping.references import reference
from mappings.bookkeeping.validation import checked
from sync.flows.base import Resolution, Work
from sync.legs import field_names
from sync.lifecycle import LegState
from sync.models import LaneLocation, Leg, SyncItem, SyncLane

# Left out of the digest: what changes without changing what is booked.
PASSING = ("updated_at", "refunded", "version")
# The source id of a record that carries none of its own.
UNNAMED = "unreadable-"
FEES = (LegKind.FEE, LegKind.REFUND_FEE)


def source_id(row: Mapping[str, Any]) -> str:
    """Square's id of the record, or one of ours for a record that carries none that could be asked for."""
    found = row.get("id")
    is_one = isinstance(found, str) and len(found) <= LONGEST_ID and found.strip(PUNCTUATION)
    return str(found) if is_one else f"{UNNAMED}{digest(row)[:32]}"


def askable(work: Work, items: Iterable[SyncItem]) -> list[tuple[str, LaneLocation]]:
    """The records that Square can be asked for again, by id, with the location that feeds them."""
    feeds = {feed.location_id: feed for feed in work.lane.feeds.select_related("location")}
    named = [item for item in items if not item.source_id.startswith(UNNAMED)]
    return [(item.source_id, feeds[item.location_id]) for item in named if item.location_id in feeds]


def local_day(feed: LaneLocation, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(feed.location.timezone)).date()


def read_order(data: Mapping[str, Any] | None) -> tuple[Order | None, Problem | None]:
    if data is None:
        return None, None
    try:
        return payloads.order(data), None
    except Unreadable as error:
        return None, unreadable(error)


def unreadable(error: Unreadable) -> Problem:
    sentence = (
        f"Square's record cannot be read: {error.sentence}. Nothing is booked. It is kept as it came; replay it after "
        "Square or Tillbridge has been put right."
    )
    return Problem(ProblemKind.UNREADABLE, sentence, error.sentence[:200])


def lasting(value: Any) -> dict[str, Any]:
    """The fields of a payload that decide what is booked."""
    return {name: item for name, item in _members(value).items() if name not in PASSING} if value else {}


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_told).encode()).hexdigest()


def _told(value: Any) -> Any:
    """What JSON does not know: a record by its fields, anything else by its text."""
    return _members(value) if field_names(value.__class__) else str(value)


def _members(value: Any) -> dict[str, Any]:
    """The fields of a record, not copied: they are only read."""
    return {name: getattr(value, name) for name in field_names(value.__class__)}


def resolution(work: Work, item: SyncItem, plan: Plan, *, is_unfinished: bool = False) -> Resolution:
    """The plan's legs with their references; those of a closed period wait or move, what Exact would refuse waits."""
    sound = (checked(leg, work.facts) for leg in in_open_periods(work, item, plan.legs))
    legs = [(reference_of(work, item, leg), _with_customer(leg, item)) for leg in sound]
    return Resolution(item, legs, problem=plan.problem, is_unfinished=is_unfinished, notes=plan.notes)


def _with_customer(leg: LegPlan, item: SyncItem) -> LegPlan:
    is_theirs = leg.kind is LegKind.SALE and leg.customer != item.customer_id
    return replace(leg, customer=item.customer_id) if is_theirs else leg


def corrections(work: Work, events: Iterable[str]) -> dict[str, list[int]]:
    """Differences in fees that payouts made us post before the payment or refund stated them, by Square id."""
    legs = Leg.objects.filter(
        lane=work.lane, kind=LegKind.PAYOUT_ENTRY, order_id__in=[event for event in events if event]
    ).exclude(state=LegState.DISMISSED)
    found: dict[str, list[int]] = {}
    for event, amount in legs.values_list("order_id", "amount"):
        found.setdefault(event, []).append(amount)
    return found


def without_corrected_fees(item: SyncItem, plan: Plan, corrected: Sequence[int]) -> Plan:
    """Leave out a late fee that a payout already made us post: it is in the books once."""
    left, legs, notes = list(corrected), [], list(plan.notes)
    held = set(item.legs.values_list("kind", "ordinal")) if left else set()
    for leg in plan.legs:
        if leg.kind in FEES and leg.ordinal and leg.total in left and (leg.kind, leg.ordinal) not in held:
            left.remove(leg.total)
            notes.append(f"The late fee of {written(-leg.total, leg.currency)} was posted with its payout already.")
        else:
            legs.append(leg)
    return replace(plan, legs=tuple(legs), notes=tuple(notes))


def context_of(
    work: Work, item: SyncItem, debtor: Debtor | Problem, conventions: ConventionBook | None = None
) -> Context:
    """The lane's choices and the division's decisions, for one record. `conventions`: with those of booked legs."""
    lane, decided, location = work.lane, work.decisions, item.location
    return Context(
        rulebook=decided.rulebook, debtor=debtor, receivables=decided.receivables,
        timezone=ZoneInfo(location.timezone), location=location.location_id,
        sales_journal=lane.sales_journal, clearing_journal=lane.clearing_journal,
        clearing_account=decided.journal_account(lane.clearing_journal), cash_journal=lane.cash_journal,
        cash_account=decided.journal_account(lane.cash_journal),
        sales_grouping="daily_summary" if lane.sales_grouping == "daily_summary" else "per_payment",
        accepted_currency=location.currency, tender_journals=decided.tender_journals,
        rounding_limit=lane.rounding_limit, vat_journals=decided.vat_journals,
        conventions=conventions or ConventionBook(decided.conventions),
    )  # fmt: skip


def reference_of(work: Work, item: SyncItem, leg: LegPlan) -> str:
    kind = f"reversal-{leg.kind}" if leg.is_reversal else leg.kind
    return reference(
        division=work.lane.division.code, system="square", merchant=item.location.merchant_id, source_id=leg.source_id,
        kind=kind, ordinal=leg.ordinal,
    )  # fmt: skip


def in_open_periods(work: Work, item: SyncItem, legs: Sequence[LegPlan]) -> Sequence[LegPlan]:
    """What of it lies in a closed period waits or moves, by the lane's policy, before anything is sent. In adopt mode
    it may be in the books already, and is looked up first.
    """
    lane = work.lane
    if lane.adopts:
        return legs
    journals = {lane.sales_journal, lane.clearing_journal, lane.cash_journal, *(leg.journal for leg in legs)}
    if not any(work.calendar.closing(journals, leg.date) for leg in legs):
        return legs
    policy = Policy(lane.closed_periods)
    rulebook, family = work.decisions.rulebook, _journals_of(lane, item)
    return periods.fitted(legs, calendar=work.calendar, policy=policy, rulebook=rulebook, family=family)


def _journals_of(lane: SyncLane, item: SyncItem) -> set[str]:
    """The journals that the sale of an order and all its tenders are booked in; empty for what is no sale."""
    order = item.payload.get("order") if item.kind == "payment" else None
    tenders = payloads.order(order).tenders if order else ()
    found = {lane.cash_journal if tender.kind == "CASH" else lane.clearing_journal for tender in tenders}
    return {*found, lane.sales_journal} if tenders else set()


def waits_for_go_live(work: Work, item: SyncItem) -> Problem | None:
    """What lies before go-live is never booked without a click."""
    if item.local_day >= work.lane.go_live or item.released:
        return None
    sentence = (
        f"The {item.kind} of {item.local_day} lies before this lane's go-live ({work.lane.go_live}) and is not booked "
        "by itself. Release it to book it, or dismiss it when your books already hold it."
    )
    return Problem(ProblemKind.BEFORE_GO_LIVE, sentence, str(work.lane.go_live))
