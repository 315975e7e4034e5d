"""After a rule has changed: what was booked otherwise than it would be now, taken back and booked again.

What is booked stays until a person plans its correction and a person approves that plan. It is an undo (`undo`) whose
records are let go on by themselves once their reversal stands in the ledger, under their next ordinal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from audit.trail import Fact
from connections import clock
from connections.money import written
from mappings.bookkeeping.correction import place_of, tells_the_same
from mappings.bookkeeping.legs import LegKind, LegPlan, ProblemKind
from mappings.bookkeeping.periods import as_owed
from mappings.models import GLMapping
from sync import engine, reversal
from sync.engine import Move, Outcome
from sync.flows.base import Resolution, Work
from sync.grip import Grip
from sync.legs import owe_the_same, plan_of
from sync.lifecycle import ItemState, LegState, PostingState
from sync.models import Leg, Posting, SyncItem, SyncLane, SyncRun
from sync.models.lanes import BOOKING

MOST, BATCH = 2_000, 200
STANDING = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED)
DEPENDANTS = (LegKind.RECEIPT, LegKind.REFUND, LegKind.REFUND_MONEY)
Place = tuple[int, str, int]


@dataclass
class Otherwise:
    """Booked legs of one lane that the mapping of now would book otherwise. `changes`: what becomes what, in words."""

    lane: SyncLane
    is_cut: bool = False
    legs: list[Leg] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    sums: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def since(self) -> date:
        return min(leg.date for leg in self.legs)

    @property
    def entries(self) -> set[int]:
        return {leg.posting_id for leg in self.legs if leg.posting_id}

    def words(self) -> list[str]:
        return [
            f"{told}: {count} times, "
            + ", ".join(written(total, currency) for (of, currency), total in self.sums.items() if of == told)
            for told, count in self.changes.most_common()
        ]


def booked_otherwise(rule: GLMapping, *, most: int = MOST) -> list[Otherwise]:
    """Per lane of the rule's division. Plans stored payloads anew; reads no vendor and writes nothing."""
    lanes = SyncLane.objects.filter(division=rule.division_id, flow=BOOKING).select_related(
        "division__connection", "source"
    )
    found = [_of_lane(lane, rule, most) for lane in lanes]
    return [one for one in found if one.legs]


def _of_lane(lane: SyncLane, rule: GLMapping, most: int) -> Otherwise:
    from sync import backtest  # it knows the flows, which know undoing, which knows this

    found = Otherwise(lane)
    legs = list(_candidates(lane, rule)[: most + 1])
    found.is_cut, legs = len(legs) > most, legs[:most]
    work = Work(lane=lane, run=SyncRun(lane=lane), grip=Grip(lane.pk, -1, clock.now()))
    items = sorted({leg.item_id for leg in legs})
    for start in range(0, len(items), BATCH):
        chunk = items[start : start + BATCH]
        rows = list(SyncItem.objects.filter(pk__in=chunk).select_related("location").order_by("id"))
        now = _by_place(backtest.planned(work, rows))
        _compare(found, [leg for leg in legs if leg.item_id in chunk], now)
    return found


def _candidates(lane: SyncLane, rule: GLMapping) -> QuerySet[Leg]:
    """Confirmed legs with a line of the rule's role since it counts, or that this very rule decided."""
    legs = Leg.objects.filter(lane=lane, is_reversal=False, state=LegState.CONFIRMED)
    of_role = Q(date__gte=rule.effective_from, told__contains=f'"role": "{rule.role}"')
    of_rule = Q(told__contains=f'"rule": {rule.pk},') | Q(told__contains=f'"rule": {rule.pk}}}')
    return legs.annotate(told=Cast("content", TextField())).filter(of_role | of_rule).order_by("-date", "-id")


def _by_place(resolutions: dict[int, Resolution]) -> dict[Place, LegPlan]:
    return {
        (pk, plan.kind, place_of(plan.ordinal)): plan
        for pk, resolution in resolutions.items()
        for _, plan in resolution.legs
        if not plan.is_reversal and not plan.problem
    }


def _compare(found: Otherwise, legs: Iterable[Leg], now: dict[Place, LegPlan]) -> None:
    for leg in legs:
        plan = now.get((leg.item_id, leg.kind, place_of(leg.ordinal)))
        if plan is None or owe_the_same(leg, plan):
            continue
        booked = plan_of(leg)
        if not tells_the_same(as_owed(booked), as_owed(plan)):
            continue  # Square changed it; that is corrected in its own way
        found.legs.append(leg)
        told, amount = _difference(booked, plan)
        found.changes[told] += 1
        found.sums[told, plan.currency] += amount


def _difference(booked: LegPlan, now: LegPlan) -> tuple[str, int]:
    """What becomes what, and the net amount of the lines that it concerns."""
    before, after = Counter(_amounts(booked)), Counter(_amounts(now))
    gone, new = sorted({to for to, _ in before - after}), sorted({to for to, _ in after - before})
    amount = sum(amount * count for (_, amount), count in (before - after).items())
    return f"{' and '.join(gone) or 'nothing'} becomes {' and '.join(new) or 'nothing'}", amount


def _amounts(plan: LegPlan) -> Iterator[tuple[str, int]]:
    """Where each line goes, in words, and its net amount."""
    for line in plan.lines:
        codes = [f"VAT code {line.vat_code}" if line.vat_code else "", line.cost_center, line.cost_unit]
        yield " with ".join(filter(None, [line.account.code, ", ".join(filter(None, codes))])), line.amount


# --- Planning -------------------------------------------------------------------------------------
def plan(found: Otherwise, *, by: str, subject: str) -> SyncRun:
    """Plan the entries that take these back, and with them what settles or gives back their sales. Raises
    `undo.NothingToUndo`.
    """
    from sync import undo  # it marks the records of a correction by this module

    entries = Posting.objects.filter(pk__in=_with_dependants(found.lane, found.entries))
    rows = list(entries.select_related("lane__division", "lane__source"))
    return undo.plan(rows, by=by, subject=subject, rebooks=found.words())


def _with_dependants(lane: SyncLane, entries: set[int]) -> set[int]:
    """And the confirmed entries with receipts and refunds of their sales, which must be taken back before them."""
    while True:
        legs = Leg.objects.filter(posting__in=entries, is_reversal=False, state=LegState.CONFIRMED)
        orders = legs.filter(kind=LegKind.SALE).exclude(order_id="").values("order_id")
        credits_ = legs.filter(kind=LegKind.REFUND).values("item")
        booked = Leg.objects.filter(lane=lane, is_reversal=False, state=LegState.CONFIRMED)
        booked = booked.filter(posting__state=PostingState.CONFIRMED)
        on_them = Q(order_id__in=orders, kind__in=DEPENDANTS) | Q(item__in=credits_, kind=LegKind.REFUND_MONEY)
        more = set(booked.filter(on_them).values_list("posting_id", flat=True)) - entries
        if not more:
            return entries
        entries = entries | more


# --- Carrying it out ------------------------------------------------------------------------------
def marked(legs: Sequence[Leg]) -> list[SyncItem]:
    """The records of these legs, to be booked again once they are reversed."""
    items = {leg.item_id: leg.item for leg in legs}
    for item in items.values():
        item.to_correct = True
    return [*items.values()]


def book_again(work: Work) -> None:
    """Records of an approved correction whose reversals all stand in the ledger are resolved by the mapping of now."""
    under_way = Leg.objects.filter(item=OuterRef("pk"), state__in=[*STANDING[:2], LegState.REVERSING])
    undone = SyncItem.objects.filter(lane=work.lane, state=ItemState.WAITING, problem_kind=ProblemKind.UNDONE)
    for item in undone.filter(to_correct=True).exclude(Exists(under_way)).defer("payload"):
        changes = {"changed_at": clock.now()}
        move = Move(SyncItem, {"pk": item.pk}, ItemState.WAITING, ItemState.EXTRACTED, changes)
        fact = Fact("item.rebooked", "item", item.pk, item.source_id, item.source_id)
        engine.apply(Outcome(moves=[*reversal.decided(item), move], facts=[fact]), grip=work.grip)
