"""What becomes of a booked leg whose record has changed: corrected by linked legs, or left for a person.

Never a silent edit, never a second sale: the booked leg is taken back by a reversal, the record as it is now is booked
under the next ordinal, and both are owed from one transaction on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from audit.trail import Fact
from connections import clock
from connections.money import written
from mappings.bookkeeping import correction
from mappings.bookkeeping.correction import Correction
from mappings.bookkeeping.legs import LegKind, LegPlan, Problem, ProblemKind
from mappings.bookkeeping.periods import Policy, as_owed
from mappings.bookkeeping.reversal import reverse
from sync.engine import Move
from sync.flows.base import Work
from sync.flows.records import in_open_periods
from sync.legs import owe_the_same, plan_of
from sync.lifecycle import ItemState, LegState
from sync.models import Leg, Posting, SyncItem

# Subjects of the problem `changed_after_posting`, beside the kind of the leg that changed.
SOON, REFUNDED = "being booked", "booked refunds"
IN_FLIGHT = (LegState.POSTING, LegState.POSTED)
BOOKED = (*IN_FLIGHT, LegState.CONFIRMED)
UNBOOKED = (LegState.WAITING, LegState.READY, LegState.REFUSED)


def of_booked(work: Work, item: SyncItem, leg: Leg, plan: LegPlan) -> Correction | Problem | None:
    """What to do about a leg that was frozen into an entry, now that its record owes `plan`.

    1. One that is reversed is booked again, unless a person undid it and has not decided yet.
    2. One that tells the same stays: a mapping that changed since does not change what is booked.
    3. One that changed is corrected, or waits for a person, or waits until its own entry is confirmed.
    """
    if leg.state == LegState.REVERSED:
        return undone(leg) if leg.problem_kind else Correction(None, correction.revised(plan, plan_of(leg)))
    if leg.state == LegState.REVERSING or owe_the_same(leg, plan):
        return None
    if plan.problem and plan.problem.kind is not ProblemKind.PERIOD_CLOSED:
        return plan.problem
    booked = plan_of(leg)
    if correction.tells_the_same(as_owed(booked), as_owed(plan)):
        return None
    if not may_correct(work, item):
        return _waits(leg)
    return _corrected(work, leg, booked, plan)


def may_correct(work: Work, item: SyncItem) -> bool:
    return item.to_correct or work.lane.after_change == "correct"


def _corrected(work: Work, leg: Leg, booked: LegPlan, plan: LegPlan) -> Correction | Problem:
    if leg.state != LegState.CONFIRMED:
        return _soon(leg)
    standing = plan.problem or _closed(work, leg) or _over_refunded(leg, plan)
    if standing:
        return standing
    found = correction.correct(booked, plan)
    taken_back = next(iter(in_open_periods(work, leg.item, [reverse(booked)])))
    return taken_back.problem or found._replace(taken_back=taken_back)


def undone(leg: Leg) -> Problem:
    return Problem(ProblemKind.UNDONE, leg.problem, leg.problem_subject)


def _waits(leg: Leg) -> Problem:
    return Problem(
        ProblemKind.CHANGED_AFTER_POSTING,
        f"Square changed this {leg.item.kind} after its {_words(leg)} {leg.reference} was booked. The entry in Exact "
        "still shows the former amounts. Press 'Correct it': the booked amounts are taken back and the new ones are "
        "booked, linked to the first entry. Or correct the entry in Exact yourself and dismiss this record with the "
        "reason.",
        subject=leg.kind,
    )


def _soon(leg: Leg) -> Problem:
    sentence = (
        f"Square changed this {leg.item.kind} while its {_words(leg)} {leg.reference} was on its way into the books. "
        "It is corrected by itself as soon as the entry is confirmed in the ledger."
    )
    return Problem(ProblemKind.CHANGED_AFTER_POSTING, sentence, SOON)


def _closed(work: Work, leg: Leg) -> Problem | None:
    """The day of the original must be open, for the correction belongs to its period, unless the lane moves what lies
    in a closed one.
    """
    period = work.calendar.closing([leg.journal], leg.date)
    if period is None or work.lane.closed_periods != Policy.HOLD:
        return None
    sentence = (
        f"Square changed this {leg.item.kind} after its {_words(leg)} was booked on {leg.date}, and period "
        f"{period.year}-{period.period:02} of journal {leg.journal} is closed in Exact since, so the correction cannot "
        "be booked. Open the period in Exact, then press 'Read accounts, codes and periods again' on the division."
    )
    return Problem(ProblemKind.PERIOD_CLOSED, sentence, period.label)


def _over_refunded(leg: Leg, plan: LegPlan) -> Problem | None:
    """A sale that would come to less than what of it is booked as given back is for a person."""
    if leg.kind != LegKind.SALE:
        return None
    given = Leg.objects.filter(order_id=leg.order_id, lane=leg.lane_id, kind=LegKind.REFUND, is_reversal=False)
    back = -(given.filter(state__in=BOOKED).aggregate(total=Sum("amount"))["total"] or 0)
    if back <= plan.total:
        return None
    now, booked = written(plan.total, plan.currency), written(back, plan.currency)
    sentence = (
        f"Square changed this sale to {now} after it was booked, but refunds of {booked} are booked on it: more than "
        "it now comes to. Compare them in Square; undo the refunds that are wrong, then replay."
    )
    return Problem(ProblemKind.CHANGED_AFTER_POSTING, sentence, REFUNDED)


def _words(leg: Leg) -> str:
    return leg.kind.replace("_", " ")


def takes_back(leg: Leg) -> Move:
    """From now on nothing takes amounts from the leg: its reversal is owed."""
    return Move(Leg, {"pk": leg.pk}, LegState.CONFIRMED, LegState.REVERSING)


def latest(held: dict[tuple[str, int, bool], Leg], plan: LegPlan) -> Leg | None:
    """Take the revisions of the plan's place out of `held`; the newest is the one that counts."""
    places = [
        key for key in held
        if key[0] == plan.kind and not key[2] and correction.place_of(key[1]) == correction.place_of(plan.ordinal)
    ]  # fmt: skip
    revisions = [held.pop(key) for key in sorted(places, key=lambda key: key[1])]
    return revisions[-1] if revisions else None


def standing_reversals(held: Iterable[Leg]) -> Iterator[tuple[Leg, LegPlan]]:
    """Reversals that the record itself does not ask for and that stopped on their way: owed by a decision, they go on
    as they were frozen.
    """
    for leg in held:
        if leg.is_reversal and leg.state in {LegState.WAITING, LegState.REFUSED} and leg.content.get("lines"):
            yield leg, plan_of(leg)


def of_record(work: Work, item: SyncItem, plans: Iterable[LegPlan]) -> list[Correction | Problem]:
    """What correcting the record would book now, whatever the lane's policy; nothing is written."""
    item.to_correct = True
    held = {(leg.kind, leg.ordinal, leg.is_reversal): leg for leg in item.legs.all()}
    found: list[Correction | Problem | None] = []
    for plan in plans:
        leg = None if plan.is_reversal else latest(held, plan)
        if leg and leg.state in {*BOOKED, LegState.REVERSED}:
            leg.item = item
            found.append(of_booked(work, item, leg, plan))
    return [each for each in found if each]


# --- Who goes on, and who is planned anew ---------------------------------------------------------
def ready(work: Work) -> QuerySet[SyncItem]:
    """Changed records whose correction may be booked now: their entries are confirmed, the period is open again, and
    the lane's policy or a person wants it.
    """
    in_flight = Leg.objects.filter(item=OuterRef("pk"), state__in=IN_FLIGHT)
    stuck = Leg.objects.filter(item=OuterRef("pk"), state__in=[LegState.WAITING, LegState.REFUSED])
    changed = Q(problem_kind=ProblemKind.CHANGED_AFTER_POSTING) & ~Q(problem_subject=REFUNDED)
    closed = {period.label for period in work.decisions.closed}
    reopened = Q(problem_kind=ProblemKind.PERIOD_CLOSED) & ~Q(problem_subject__in=closed) & ~Exists(stuck)
    waiting = SyncItem.objects.filter(changed | reopened, lane=work.lane, state=ItemState.WAITING)
    if work.lane.after_change != "correct":
        waiting = waiting.filter(to_correct=True)
    return waiting.exclude(Exists(in_flight))


def planned_on(work: Work, orders: set[str]) -> tuple[list[Move], list[Fact]]:
    """Refunds of these orders that are not booked yet are worked out anew: they share out the sale as it is now."""
    owed = Leg.objects.filter(
        item=OuterRef("pk"), kind=LegKind.REFUND, is_reversal=False, order_id__in=orders, state__in=UNBOOKED
    )
    items = SyncItem.objects.filter(lane=work.lane, kind="refund", state__in=[ItemState.RESOLVED, ItemState.WAITING])
    moves, facts = [], []
    for item in items.filter(Exists(owed)).defer("payload"):
        changes = {"changed_at": clock.now()}
        moves.append(Move(SyncItem, {"pk": item.pk}, ItemState(item.state), ItemState.EXTRACTED, changes))
        facts.append(Fact("item.sale_changed", "item", item.pk, item.source_id, item.source_id))
    return moves, facts


# --- How a correction is grouped and linked -------------------------------------------------------
def pairs(legs: Sequence[Leg]) -> Iterator[list[Leg]]:
    """Legs that are an entry of their own; a reversal and what is booked in its stead are one, the new leg first."""
    left = {(leg.item_id, leg.kind, leg.ordinal, leg.is_reversal): leg for leg in legs}
    for key, leg in list(left.items()):
        if leg.is_reversal or key not in left:
            continue
        before = (leg.item_id, leg.kind, leg.ordinal - correction.STEP, True)
        other = left.get(before)
        if other is not None and _fit(leg, other):
            del left[before]
            yield [leg, other]
        else:
            yield [leg]
        del left[key]
    yield from ([leg] for leg in left.values())


def _fit(leg: Leg, other: Leg) -> bool:
    def entry(row: Leg) -> tuple[str, str, date, str, str]:
        return row.document, row.journal, row.date, row.currency, row.debtor

    return entry(leg) == entry(other)


def corrected_entry(legs: Iterable[Leg]) -> int | None:
    """The entry whose legs these reversals take back; None when there is none, or more than one."""
    found = {entry.pk for entry in corrected_entries(leg for leg in legs if leg.is_reversal)}
    return found.pop() if len(found) == 1 else None


def correcting_entries(posting: Posting) -> list[Posting]:
    """The entries that take legs of this one back, oldest first."""
    places = set(posting.legs.filter(is_reversal=False).values_list("item_id", "kind", "ordinal"))
    reversals = Leg.objects.filter(item__in={item for item, _, _ in places}, is_reversal=True).exclude(posting=None)
    rows = reversals.values_list("item_id", "kind", "ordinal", "posting_id")
    entries = {entry for *place, entry in rows if tuple(place) in places}
    return list(Posting.objects.filter(pk__in=entries).defer("body").order_by("id"))


def corrected_entries(reversals: Iterable[Leg]) -> list[Posting]:
    """The entries that hold what these reversals take back, oldest first."""
    places = {(leg.item_id, leg.kind, leg.ordinal) for leg in reversals}
    if not places:
        return []
    originals = Leg.objects.filter(item__in={item for item, _, _ in places}, is_reversal=False).exclude(posting=None)
    rows = originals.values_list("item_id", "kind", "ordinal", "posting_id")
    entries = {posting for *place, posting in rows if tuple(place) in places}
    return list(Posting.objects.filter(pk__in=entries).defer("body").order_by("id"))
