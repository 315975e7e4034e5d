"""After a rule for GL accounts has changed: booked legs whose lines it would make otherwise now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from connections import clock
from mappings.bookkeeping.correction import place_of, tells_the_same
from mappings.bookkeeping.legs import LegPlan
from mappings.bookkeeping.periods import as_owed
from mappings.models import GLMapping
from sync import backtest
from sync.flows import invoices
from sync.flows.base import Work
from sync.grip import Grip
from sync.legs import owe_the_same, plan_of
from sync.models import Leg, SyncItem, SyncLane, SyncRun
from sync.remapping.found import LOOKS, Otherwise, standing

BATCH = 200
Place = tuple[int, str, int]


def booked_otherwise(lane: SyncLane, rule: GLMapping, most: int) -> Otherwise:
    """Plans stored payloads anew; reads no vendor and writes nothing."""
    found, looked = Otherwise(lane), 0
    work = Work(lane=lane, run=SyncRun(lane=lane), grip=Grip(lane.pk, -1, clock.now()))
    candidates = _candidates(lane, rule)
    while legs := list(candidates[looked : looked + BATCH]):
        if len(found.legs) >= most or looked >= LOOKS * max(most, BATCH):
            found.is_cut = True
            break
        items = {leg.item_id for leg in legs}
        rows = list(SyncItem.objects.filter(pk__in=items).select_related("location").order_by("id"))
        _compare(found, legs, _by_place(work, rows), most)
        looked += len(legs)
    return found


def _candidates(lane: SyncLane, rule: GLMapping) -> QuerySet[Leg]:
    """Legs with a line of the rule's role since it counts, or that this very rule decided."""
    of_role = Q(date__gte=rule.effective_from, told__contains=f'"role": "{rule.role}"')
    of_rule = Q(told__contains=f'"rule": {rule.pk},') | Q(told__contains=f'"rule": {rule.pk}}}')
    return standing(lane).annotate(told=Cast("content", TextField())).filter(of_role | of_rule)


def _by_place(work: Work, rows: Sequence[SyncItem]) -> dict[Place, LegPlan]:
    """What these records owe by the rules of now; the sale of an invoice as if it were not booked."""
    billed = invoices.resolve_as_new(work, [row for row in rows if row.kind == invoices.KIND])
    return {
        (resolution.item.pk, plan.kind, place_of(plan.ordinal)): plan
        for resolution in [*backtest.planned(work, rows).values(), *billed]
        for _, plan in resolution.legs
        if not plan.is_reversal and not plan.problem
    }


def _compare(found: Otherwise, legs: Iterable[Leg], now: dict[Place, LegPlan], most: int) -> None:
    for leg in legs:
        plan = now.get((leg.item_id, leg.kind, place_of(leg.ordinal)))
        if plan is None or owe_the_same(leg, plan):
            continue
        booked = plan_of(leg)
        if tells_the_same(as_owed(booked), as_owed(plan)):  # else Square changed it; that is corrected in its own way
            if len(found.legs) == most:
                found.is_cut = True
                return
            found.add(leg, *_difference(booked, plan))


def _difference(booked: LegPlan, now: LegPlan) -> tuple[str, int]:
    """What becomes what, and the net amount of the lines that it concerns."""
    before, after = Counter(_amounts(booked)), Counter(_amounts(now))
    gone, new = sorted({to for to, _ in before - after}), sorted({to for to, _ in after - before})
    amount = sum(amount * count for (_, amount), count in (before - after).items())
    return f"{' and '.join(gone) or 'nothing'} becomes {' and '.join(new) or 'nothing'}", amount


def _amounts(plan: LegPlan) -> Iterable[tuple[str, int]]:
    """Where each line goes, in words, and its net amount."""
    for line in plan.lines:
        codes = [f"VAT code {line.vat_code}" if line.vat_code else "", line.cost_center, line.cost_unit]
        yield " with ".join(filter(None, [line.account.code, ", ".join(filter(None, codes))])), line.amount
