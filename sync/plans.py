"""Plan, approve, post: a run writes down what it would book; once approved, exactly that is booked.

Planning freezes nothing: records stay as they are, so an unapproved plan holds nobody up. What a plan needs in order to
refuse what changed meanwhile is kept with each entry (`fingerprints`). Carrying a plan out drafts its entries, some at
a time, each with its own decision in the same transaction, so a worker that dies anywhere leaves every entry either
planned or drafted once; from there the posting of every entry is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from django.db import transaction

from audit.trail import Fact
from connections import clock
from sync import confirmation, engine, fingerprints, posting
from sync.engine import Move, Outcome
from sync.fingerprints import Part, Reference
from sync.flows.base import Draft, Flow, Work
from sync.lifecycle import ItemState, LegState, PlannedState, PostingState, RunState
from sync.models import Leg, Plan, PlannedEntry, Posting, SyncItem, SyncLane, SyncRun
from sync.portions import portions

READ = ("read", "read again", "anew", "resolve", "introduce", "introduce items", "introduce rules")
# Last, so that what is wrong with an order never holds the books up. Orders move nothing, so nobody approves them.
AFTER = ("confirm", "match", "attach", "orders", "confirm orders")
# What a run does, by what it was opened for. A plan reads and sends nothing but what was approved before.
PHASES = {
    "book": ("prepare", "settle", "approved", *READ[:2], *READ[3:], "sales", "money", *AFTER),
    "plan": ("prepare", "settle", "approved", "finish", *READ, "plan"),
    # History is read and worked out; the lane's ordinary runs book what may be booked.
    "fill": ("history", "resolve"),
    "post": ("prepare", "settle", "approved", "send", *AFTER),
}
IN_BOOKS = (PostingState.POSTED, PostingState.CONFIRMED, PostingState.REVERSED)
# Entries that are read back together when the ledger is compared. Reference: README, Decisions.
READ_BACK = 30
MOST_ITEMS = 500
# Legs of planned entries that are held against the plan, and frozen, together.
TOGETHER = 100


def phases_of(run: SyncRun) -> Sequence[str]:
    """A run that was opened before its lane came to need approval only plans too."""
    return PHASES["plan" if run.purpose == "book" and run.lane.needs_approval else run.purpose]


# --- Making a plan ---------------------------------------------------------------------------------
@dataclass
class _Tally:
    """What the plan comes to, added up entry by entry; currency -> account or (role, VAT code) -> minor units."""

    entries: int = 0
    lines: int = 0
    calls: int = 0
    moved: dict[str, Counter[str]] = field(default_factory=dict)
    totals: dict[str, dict[tuple[str, str], list[int]]] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)

    def add(self, entry: PlannedEntry, *, looks: bool) -> None:
        self.entries += 1
        self.lines += len(entry.lines)
        self.calls += 2 if looks else 1
        self.digests.append(entry.digest)
        self.moved.setdefault(entry.currency, Counter()).update(entry.expected)
        totals = self.totals.setdefault(entry.currency, {})
        for role, _, net, code, vat, _ in entry.lines:
            held = totals.setdefault((role, code), [0, 0])
            held[0] += net
            held[1] += vat


def work_out_anew(work: Work, flow: Flow) -> None:  # noqa: ARG001 - every phase has the same form
    """Before a plan: records that are ready since an earlier one are worked out again when decisions changed since."""
    newest = Plan.objects.filter(run__lane=work.lane, run__purpose="plan").order_by("-run").first()
    if newest is None or newest.fingerprint == work.fingerprint:
        return
    ready = Leg.objects.filter(lane=work.lane, state=LegState.READY, posting=None).values("item")
    while items := list(_resolved(work).filter(pk__in=ready).values_list("pk", "source_id")[:MOST_ITEMS]):
        engine.apply(_extracted_anew(items), grip=work.grip)


def _resolved(work: Work) -> Any:
    return SyncItem.objects.filter(lane=work.lane, state=ItemState.RESOLVED)


def _extracted_anew(items: Sequence[tuple[int, str]]) -> Outcome:
    ids, changes = [pk for pk, _ in items], {"changed_at": clock.now()}
    move = Move(SyncItem, {"pk__in": ids}, ItemState.RESOLVED, ItemState.EXTRACTED, changes, count=len(ids))
    return Outcome([move], facts=[Fact("item.planned_anew", "item", pk, source, source) for pk, source in items])


def make(work: Work, flow: Flow) -> None:
    """Write down what would be booked, stage by stage. Begins anew when a slice ended in the middle: nothing of it has
    been shown to anybody.
    """
    _discard(work)
    tally, reference = _Tally(), Reference(work.lane.division)
    work.planned.clear()
    for stage in flow.stages:
        for drafts in flow.gather(work, stage):
            rows = _rows(work, stage, drafts, reference, first=tally.entries)
            for row, draft in zip(rows, drafts, strict=True):
                tally.add(row, looks=bool(draft.again) or work.lane.adopts)
                work.planned.update(draft.leg_ids)
            engine.apply(Outcome(created=[*rows]), grip=work.grip)
    plan = plan_of(work.run, tally, work.lane, fingerprint=work.fingerprint)
    work.run.entries_planned = tally.entries
    engine.apply(Outcome(created=[plan], updates=[(work.run, ["entries_planned"])]), grip=work.grip)


def _discard(work: Work) -> None:
    with transaction.atomic():
        work.grip.still_held(at=clock.now())
        PlannedEntry.objects.filter(run=work.run).delete()
        Plan.objects.filter(run=work.run).delete()


def _rows(work: Work, stage: str, drafts: Sequence[Draft], reference: Reference, *, first: int) -> list[PlannedEntry]:
    ids = [leg for draft in drafts for leg in draft.leg_ids]
    legs = Leg.objects.filter(pk__in=ids).values_list("pk", "item_id", "reference", "digest", "item__digest")
    parts = {pk: Part(item, own, digest, source) for pk, item, own, digest, source in legs}
    rows = []
    for place, draft in enumerate(drafts, first):
        hashes = fingerprints.of_entry(draft, [parts[leg] for leg in draft.leg_ids], reference)
        rows.append(planned_row(work.run, draft, stage=stage, position=place, hashes=hashes))
    return rows


def planned_row(run: SyncRun, draft: Draft, *, stage: str, position: int, hashes: dict[str, str]) -> PlannedEntry:
    return PlannedEntry(
        run=run, position=position, stage=stage, document=draft.document, journal=draft.journal, date=draft.date,
        currency=draft.currency, total=draft.total, reference=draft.reference, group=draft.group,
        ordinal=draft.ordinal, body=draft.body, expected=dict(draft.expected), lines=_lines(draft),
        leg_ids=[*draft.leg_ids], hashes=hashes, digest=fingerprints.digest(hashes), again=draft.again,
    )  # fmt: skip


def _lines(draft: Draft) -> list[list[Any]]:
    """Each line with the text it carries in Exact; the lines of the body stand in the same order."""
    texts = fingerprints.line_texts(draft.body)
    return [
        [line.role, line.account.code, line.amount, line.vat_code, line.vat, text]
        for line, text in zip(draft.lines, texts, strict=True)
    ]


def plan_of(
    run: SyncRun, tally: _Tally, lane: SyncLane, *, fingerprint: str = "", subject: str = "", left_out: Any = ()
) -> Plan:
    return Plan(
        run=run, subject=subject, entries=tally.entries, lines=tally.lines, fingerprint=fingerprint,
        calls=tally.calls + ceil(tally.entries / READ_BACK), left_out=list(left_out),
        accounts=_before_and_after(lane, tally.moved), digest=fingerprints.over(tally.digests),
        totals={
            currency: [[role, code, *sums] for (role, code), sums in sorted(totals.items())]
            for currency, totals in tally.totals.items()
        },
    )  # fmt: skip


def tally_of(rows: Iterable[PlannedEntry]) -> _Tally:
    tally = _Tally()
    for row in rows:
        tally.add(row, looks=False)
    return tally


def _before_and_after(lane: SyncLane, moved: dict[str, Counter[str]]) -> dict[str, list[list[Any]]]:
    """Per currency: account, what entries of ours moved on it so far in this division, what the plan moves. Asking
    Exact for balances would cost a call per account and show everybody else's bookings too.
    """
    before: dict[str, Counter[str]] = {currency: Counter() for currency in moved}
    booked = Posting.objects.filter(division=lane.division_id, state__in=IN_BOOKS, currency__in=list(moved))
    for currency, expected in booked.values_list("currency", "expected").iterator(2000):
        before[currency].update(expected)
    return {
        currency: [[code, before[currency][code], change] for code, change in sorted(changes.items())]
        for currency, changes in moved.items()
    }


def finish(work: Work) -> tuple[RunState, str]:
    """How a run that planned ends: its plan waits for approval, or there was nothing to plan, or nothing new."""
    plan = Plan.objects.get(run=work.run)
    older = SyncRun.objects.filter(lane=work.lane, purpose="plan", state=RunState.PLANNED).exclude(pk=work.run.pk)
    same = older.filter(plan__digest=plan.digest, plan__entries__gt=0).first()
    if same:
        _discard(work)
        return RunState.DONE, f"Nothing has changed since the plan of run {same.pk}, which still waits for approval."
    for run in older:
        _supersede(work, run)
    if not plan.entries:
        return RunState.DONE, "There is nothing to book, and so nothing to plan."
    planned = "1 entry; it is not" if plan.entries == 1 else f"{plan.entries} entries; none is"
    return RunState.PLANNED, f"Planned {planned} booked before the plan is approved."


def _supersede(work: Work, run: SyncRun) -> None:
    sentence = f"Superseded by the plan of run {work.run.pk}. Nothing of it was booked."
    engine.apply(moved(run, RunState.SUPERSEDED, sentence=sentence, finished_at=clock.now()), grip=work.grip)


def moved(run: SyncRun, after: RunState, **changes: Any) -> Outcome:
    """A run's step from one state to the next, with its fact."""
    told = {name: str(changes[name]) for name in ("sentence", "requested_by") if changes.get(name)}
    fact = Fact(f"run.{after}", "run", run.pk, str(run), division=run.lane.division.code, detail=told)
    return Outcome([Move(SyncRun, {"pk": run.pk}, RunState(run.state), after, changes)], facts=[fact])


# --- Carrying an approved plan out ----------------------------------------------------------------
def carry_out(work: Work, flow: Flow) -> None:
    """Draft and send what was approved, in its order: receipts carry the number of the sale booked before them."""
    from sync import recheck, undo  # they plan and check by what is above

    for run in SyncRun.objects.filter(lane=work.lane, state=RunState.APPROVED).select_related("plan").order_by("id"):
        decide = undo.carry_out if run.purpose == "undo" else recheck.carry_out
        for stage in ("undo",) if run.purpose == "undo" else flow.stages:
            entries = PlannedEntry.objects.filter(run=run, stage=stage, state=PlannedState.PLANNED)
            reference = Reference(work.lane.division)
            rows = entries.select_related("run__lane", "run__plan", "again", "reverses")
            for together in portions(rows, weight=lambda entry: len(entry.leg_ids), most=TOGETHER):
                decide(work, flow, together, reference)
                work.breathe()
            posting.send_drafts(work, flow)
        _close(work, run)


def finish_under_way(work: Work, flow: Flow) -> None:
    """On a lane that only plans, what was approved earlier and is not through yet is seen through."""
    if work.lane.needs_approval:
        posting.send_drafts(work, flow)
        confirmation.confirm_posted(work, flow)


def send_left(work: Work, flow: Flow) -> None:
    posting.send_drafts(work, flow)


def handed_over(planned: Sequence[PlannedEntry]) -> Move:
    where = {"pk__in": [entry.pk for entry in planned]}
    return Move(PlannedEntry, where, PlannedState.PLANNED, PlannedState.POSTED, count=len(planned))


def refuse(work: Work, entry: PlannedEntry, reason: str, *, anew: Sequence[SyncItem] = ()) -> None:
    """The entry is not booked, and says why; records whose mapping changed are worked out anew for the next plan."""
    again = [(item.pk, item.source_id) for item in anew if item.state == ItemState.RESOLVED]
    outcome = _extracted_anew(again) if again else Outcome()
    changes = {"reason": reason}
    move = Move(PlannedEntry, {"pk": entry.pk}, PlannedState.PLANNED, PlannedState.REFUSED, changes)
    outcome.moves.append(move)
    division = work.lane.division.code
    detail = {"problem": reason, "plan": entry.run_id}
    outcome.facts.append(Fact("plan.refused", "run", entry.run_id, entry.reference, entry.reference, division, detail))
    work.run.entries_refused += 1
    outcome.updates.append((work.run, ["entries_refused"]))
    engine.apply(outcome, grip=work.grip)


def _close(work: Work, run: SyncRun) -> None:
    states = Counter(PlannedEntry.objects.filter(run=run).values_list("state", flat=True))
    if states[PlannedState.PLANNED]:
        left = PlannedEntry.objects.filter(run=run, state=PlannedState.PLANNED).values_list("leg_ids", flat=True)
        work.claimed.update(leg for legs in left for leg in legs)
        return
    entries = "entry" if run.plan.entries == 1 else "entries"
    booked = f"{states[PlannedState.POSTED]} of {run.plan.entries} {entries} booked"
    sentence = f"Approved by {run.plan.decided_by}: {booked}."
    if states[PlannedState.REFUSED]:
        sentence += f" {states[PlannedState.REFUSED]} refused, because something had changed since the plan."
    engine.apply(moved(run, RunState.DONE, sentence=sentence, finished_at=clock.now()), grip=work.grip)
