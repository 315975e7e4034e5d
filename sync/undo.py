"""Undoing what was booked: linked reversing entries in an open period, planned first, booked once approved.

An undo is a plan like any other (`plans`): it shows every line, waits for approval, and refuses entry by entry what
changed meanwhile. Nothing is deleted or edited in Exact; what was undone waits as "undone" until a person books it
again, under its next ordinal, or dismisses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.rows import insert
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, ProblemKind
from mappings.bookkeeping.periods import Policy
from mappings.bookkeeping.references import reference
from mappings.bookkeeping.reversal import reverse
from sync import corrections, engine, fingerprints, plans, posting
from sync.engine import Move, Outcome
from sync.fingerprints import KINDS, Part, Reference
from sync.flows import entries
from sync.flows.base import Draft, Flow, Work
from sync.flows.records import reference_of
from sync.grip import Grip
from sync.legs import digest_of, fields_of, plan_of
from sync.lifecycle import LegState, PostingState, RunState
from sync.models import Leg, PlannedEntry, Posting, SyncRun
from sync.remapping import again

STAGE = "undo"
STANDING = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED)
# What settles, credits or gives back a sale, and must be undone before it; the money of a refund before its credit.
DEPENDANTS = (LegKind.RECEIPT, LegKind.REFUND, LegKind.REFUND_MONEY, LegKind.INVOICE_CREDIT)
NOT_BOOKED = {
    PostingState.DRAFT: "It is not booked yet.",
    PostingState.SENDING: "It is being booked; nobody knows yet what came of it.",
    PostingState.POSTED: "It is booked, but not confirmed in the ledger yet. Run the lane, then undo it.",
    PostingState.REFUSED: "Exact refused it: nothing was booked.",
    PostingState.CONFLICT: "Exact holds something else than was sent. Settle the conflict first.",
    PostingState.REVERSED: "It is reversed already.",
}


class NothingToUndo(Exception):
    """None of the entries can be undone; the message says why."""


@dataclass(frozen=True, slots=True)
class Undoing:
    """One entry on its way back: the legs that stand, their reversals, and the day these are booked on."""

    posting: Posting
    legs: Sequence[Leg]
    reversals: Sequence[Leg]
    draft: Draft


# --- Planning -------------------------------------------------------------------------------------
def plan(
    postings: Iterable[Posting],
    *,
    by: str,
    subject: str,
    rebooks: Sequence[str] = (),
    parts: Mapping[int, Set[int]] | None = None,
) -> SyncRun:
    """Plan the reversing entries of these, the newest first, and name what cannot be undone. Raises `NothingToUndo`.

    For a correction: `rebooks`, sentences that say what is booked in their stead once they are reversed; `parts`, entry
    -> which of its legs are taken back, all of them otherwise.
    """
    chosen = sorted(postings, key=lambda row: -row.pk)
    if not chosen:
        raise NothingToUndo("There is no entry to undo.")
    lane = chosen[0].lane
    run = SyncRun(
        lane=lane, trigger="person", purpose="undo", requested_by=by, state=RunState.PLANNED, phase="over",
        created_at=clock.now(),
    )  # fmt: skip
    work = Work(lane=lane, run=run, grip=Grip(lane.pk, -1, clock.now()))
    standing = {row.pk: _standing(row, (parts or {}).get(row.pk)) for row in chosen if row.lane_id == lane.pk}
    chosen_here = [row for row in chosen if row.pk in standing]
    rows, left_out = _planned(work, run, chosen_here, standing, is_corrected=bool(rebooks))
    left_out += [[row.reference, "It belongs to another lane."] for row in chosen if row.lane_id != lane.pk]
    if not rows:
        raise NothingToUndo(" ".join(f"{name}: {why}" for name, why in left_out[:3]))
    _store(run, rows, left_out, subject, rebooks)
    return run


def _planned(
    work: Work, run: SyncRun, chosen: Sequence[Posting], standing: Mapping[int, Sequence[Leg]], *, is_corrected: bool
) -> tuple[list[PlannedEntry], list[list[str]]]:
    refused = _refused(work, chosen, standing, is_corrected=is_corrected)
    rows: list[PlannedEntry] = []
    division = Reference(work.lane.division)
    for row in _in_order([row for row in chosen if row.pk not in refused], standing):
        undoing = _undoing(work, row, standing[row.pk])
        hashes = _hashes(undoing, division)
        planned = plans.planned_row(run, undoing.draft, stage=STAGE, position=len(rows), hashes=hashes)
        planned.leg_ids, planned.reverses = [leg.pk for leg in undoing.legs], row
        rows.append(planned)
    return rows, [[row.reference, refused[row.pk]] for row in chosen if row.pk in refused]


def _in_order(rows: Sequence[Posting], standing: Mapping[int, Sequence[Leg]]) -> list[Posting]:
    """Money, then credits, then what these rest on, the newest first in each: an entry is held against what stands when
    its turn comes, and a corrected sale is newer than its receipt.
    """
    money = {leg.pk for row in rows if row.document != Document.SALES_ENTRY for leg in standing[row.pk]}

    def rank(row: Posting) -> int:
        return 0 if row.document != Document.SALES_ENTRY else 1 + bool(_depended_on(standing[row.pk], money))

    return sorted(rows, key=rank)


def _store(
    run: SyncRun, rows: Sequence[PlannedEntry], left_out: list[list[str]], subject: str, rebooks: Sequence[str]
) -> None:
    tally = plans.tally_of(rows)
    run.entries_planned = tally.entries
    planned = "1 reversing entry; it is not" if tally.entries == 1 else f"{tally.entries} reversing entries; none is"
    run.sentence = f"Planned {planned} booked before the plan is approved."
    with transaction.atomic():
        run.save()
        insert(rows)
        made = plans.plan_of(run, tally, run.lane, subject=subject[:200], left_out=left_out)
        made.rebooks = list(rebooks)
        made.save(force_insert=True)
        detail = {"undoes": subject, "entries": tally.entries, "left_out": len(left_out)}
        fact = Fact("run.planned", "run", run.pk, str(run), division=run.lane.division.code, detail=detail)
        undoes = [
            _of_entry(row.reverses, "undo_planned", "part_undo_planned", legs=len(row.leg_ids))
            for row in rows
            if row.reverses
        ]
        trail.record([fact, *undoes], at=run.created_at)


# --- What cannot be undone ------------------------------------------------------------------------
def _standing(row: Posting, part: Set[int] | None = None) -> list[Leg]:
    """The legs of the entry that stand, or those of them that a part names."""
    legs = row.legs.filter(is_reversal=False, state=LegState.CONFIRMED)
    rows = legs.select_related("location", "item").defer("item__payload").order_by("id")
    return [leg for leg in rows if part is None or leg.pk in part]


def _refused(
    work: Work, chosen: Sequence[Posting], standing: Mapping[int, Sequence[Leg]], *, is_corrected: bool
) -> dict[int, str]:
    """Entry -> why it cannot be undone. One that stays keeps what it settles from being undone too."""
    refused = {
        row.pk: why for row in chosen if (why := _obstacle(work, row, standing[row.pk], is_corrected=is_corrected))
    }
    while True:
        going = {leg.pk for row in chosen if row.pk not in refused for leg in standing[row.pk]}
        left = [row for row in chosen if row.pk not in refused]
        more = {row.pk: why for row in left if (why := _depended_on(standing[row.pk], going))}
        if not more:
            return refused
        refused |= more


def _obstacle(work: Work, row: Posting, legs: Sequence[Leg], *, is_corrected: bool) -> str:
    if row.document not in {document.value for document in entries.RESOURCES}:
        return f"A {row.get_document_display()} moves nothing in the ledger: withdraw it in Exact."
    if row.state != PostingState.CONFIRMED:
        return NOT_BOOKED[PostingState(row.state)]
    return _not_standing(row, legs) or _no_day(work, row) or (_held(work, row) if is_corrected else "")


def _not_standing(row: Posting, legs: Sequence[Leg]) -> str:
    if not legs and row.legs.filter(is_reversal=True).exists():
        return "It takes back another entry itself. To book that again, replay its records."
    if not legs:
        return "It is being reversed already."
    places = {(leg.item_id, leg.kind, leg.ordinal) for leg in legs}
    taken = Leg.objects.filter(item__in={leg.item_id for leg in legs}, is_reversal=True)
    if places & set(taken.values_list("item_id", "kind", "ordinal")):
        return "A reversal of it was dismissed or refused before it was booked. Take up or replay its record instead."
    return ""


def _no_day(work: Work, row: Posting) -> str:
    if open_day(work, row) is None:
        return f"Journal {row.journal} has no open period between {row.date} and today. Open one in Exact first."
    return ""


def _held(work: Work, row: Posting) -> str:
    """What lies in a closed period could be taken back on a later day, but on a lane that holds not be booked again."""
    lane = work.lane
    if lane.closed_periods != Policy.HOLD:
        return ""
    period = work.calendar.closing([lane.sales_journal, lane.clearing_journal, lane.cash_journal], row.date)
    if period is None:
        return ""
    return (
        f"Period {period.year}-{period.period:02} of journal {period.journal} is closed, and the lane holds what lies "
        "in a closed period: it could not be booked again. Open the period in Exact, or have the lane book on the next "
        "open day."
    )


def _depended_on(legs: Sequence[Leg], going: set[int]) -> str:
    """Names the booked entries that settle or give back sales of this one and are not undone with it."""
    orders = {leg.order_id for leg in legs if leg.kind == LegKind.SALE and leg.order_id}
    returned = {leg.item_id for leg in legs if leg.kind == LegKind.REFUND}
    booked = Leg.objects.filter(lane=legs[0].lane_id, is_reversal=False, state__in=STANDING)
    on_sales = booked.filter(order_id__in=orders, kind__in=DEPENDANTS) if orders else booked.none()
    on_credits = booked.filter(item__in=returned, kind=LegKind.REFUND_MONEY) if returned else booked.none()
    own = {leg.pk for leg in legs}
    found: dict[str, set[str]] = {}
    for rows in (on_sales, on_credits):
        for pk, kind, entry in rows.values_list("pk", "kind", "posting__reference"):
            if pk not in going and pk not in own:
                found.setdefault(entry, set()).add(kind.replace("_", " "))
    if not found:
        return ""
    named = [f"{', '.join(sorted(kinds))} in {entry}" for entry, kinds in sorted(found.items())]
    more = f" and {len(named) - 3} more entries" if len(named) > 3 else ""  # noqa: PLR2004
    return f"Booked on it and not undone with it: {'; '.join(named[:3])}{more}. Undo these with it, or before it."


def open_day(work: Work, row: Posting) -> date | None:
    """The entry's own day where its period is open, else the next day of an open period up to today."""
    day = work.calendar.next_open_day([row.journal], row.date)
    return day if day == row.date or day <= clock.now().date() else None


# --- The reversing entry --------------------------------------------------------------------------
def _undoing(work: Work, row: Posting, legs: Sequence[Leg]) -> Undoing:
    day = open_day(work, row)
    reversals = [_reversal(work, leg, reverse(plan_of(leg), on=day)) for leg in legs]
    group, own = _named(work, row, reversals)
    ready = reversals if row.document == Document.SALES_ENTRY else entries.with_number(work, reversals)
    draft = entries.entry_of(work, ready, group=group, ordinal=row.ordinal, own=own)
    return Undoing(row, legs, reversals, draft)


def _reversal(work: Work, leg: Leg, back: LegPlan) -> Leg:
    """The reversal of a leg, not stored yet."""
    made = Leg(
        item=leg.item, lane=work.lane, division=work.lane.division, location=leg.location, kind=back.kind,
        ordinal=back.ordinal, is_reversal=True, reference=reference_of(work, leg.item, back), **fields_of(back),
    )  # fmt: skip
    made.state = LegState.POSTING
    return made


def _named(work: Work, row: Posting, reversals: Sequence[Leg]) -> tuple[str, str]:
    """Group and reference: an entry of one leg, and what takes back a part, has its first reversal's; that of a whole
    group is computed from the kind `reversal-<kind>` and the ordinal it reverses.
    """
    if row.group == row.reference or _is_part(row, len(reversals)):
        return reversals[0].reference, reversals[0].reference
    kind = "summary" if row.document == Document.SALES_ENTRY else f"{row.document}-clearing"
    own = reference(
        division=work.lane.division.code, system="square", merchant=work.lane.source.account_id, source_id=row.group,
        kind=f"reversal-{kind}", ordinal=row.ordinal,
    )  # fmt: skip
    return f"{row.group}|reversal", own


def _hashes(undoing: Undoing, division: Reference) -> dict[str, str]:
    """Of what stands and is taken back; the source records no longer matter to it."""
    parts = [Part(leg.item_id, leg.reference, digest_of(plan_of(leg)), leg.digest) for leg in undoing.reversals]
    return fingerprints.of_entry(undoing.draft, parts, division)


# --- Carrying it out ------------------------------------------------------------------------------
def carry_out(work: Work, flow: Flow, planned: Sequence[PlannedEntry], division: Reference) -> None:  # noqa: ARG001
    """Draft each reversing entry, or refuse it with what changed, one by one: the next may rest on it."""
    for entry in planned:
        _decide(work, entry, division)
        work.breathe()


def _decide(work: Work, entry: PlannedEntry, division: Reference) -> None:
    row = entry.reverses
    legs = _standing(row, {*entry.leg_ids}) if row else []
    if row is None or [leg.pk for leg in legs] != entry.leg_ids:
        return plans.refuse(work, entry, "What it undoes is not booked as it was any more: part of it is reversed.")
    why = _obstacle(work, row, legs, is_corrected=bool(entry.run.plan.rebooks)) or _depended_on(legs, set())
    if why:
        return plans.refuse(work, entry, why)
    undoing = _undoing(work, row, legs)
    found = _hashes(undoing, division)
    if any(found[kind] != entry.hashes[kind] for kind in KINDS):
        return plans.refuse(work, entry, "It would be written otherwise now: a period, account or name has changed.")
    return _draft(work, entry, undoing)


def _draft(work: Work, entry: PlannedEntry, undoing: Undoing) -> None:
    """The reversing entry and its legs come to be, and what they take back stops counting, in one transaction."""
    row = posting.row_of(work, undoing.draft)
    row.corrects = undoing.posting
    for leg in undoing.reversals:
        leg.posting = row
    marked = {"problem_kind": ProblemKind.UNDONE, "problem": _sentence(entry, undoing), "problem_subject": ""}
    where = {"pk__in": [leg.pk for leg in undoing.legs]}
    count = len(undoing.legs)
    outcome = Outcome(
        moves=[
            plans.handed_over([entry]),
            Move(Leg, where, LegState.CONFIRMED, LegState.REVERSING, marked, count=count),
        ],
        created=[row, *undoing.reversals],
        facts=_facts(work, undoing),
        touched={leg.item_id for leg in undoing.legs},
    )
    if entry.run.plan.rebooks:
        outcome.updates += [(item, ["to_correct"]) for item in again.marked(undoing.legs)]
    orders = {leg.order_id for leg in undoing.legs if leg.kind == LegKind.SALE and leg.order_id}
    if orders:
        moves, facts = corrections.planned_on(work, orders)
        outcome.moves += moves
        outcome.facts += facts
    work.run.entries_planned += 1
    outcome.updates.append((work.run, ["entries_planned"]))
    engine.apply(outcome, grip=work.grip)


def _sentence(entry: PlannedEntry, undoing: Undoing) -> str:
    if entry.run.plan.rebooks:
        return (
            f"Corrected, as approved by {entry.run.plan.decided_by}: entry {undoing.posting.reference} was taken back "
            f"by {undoing.draft.reference}. The record is booked again by the next run, by the mapping of then."
        )
    return (
        f"Undone by {entry.run.plan.decided_by}: entry {undoing.posting.reference} was taken back by "
        f"{undoing.draft.reference}. Replay the record to book it again, or dismiss it with the reason."
    )


def _facts(work: Work, undoing: Undoing) -> list[Fact]:
    division, draft, former = work.lane.division.code, undoing.draft, undoing.posting
    detail = {"document": draft.document, "group": draft.group, "legs": len(undoing.legs), "undoes": former.reference}
    facts = [
        Fact("posting.draft", "posting", None, draft.reference, draft.reference, division, detail),
        _of_entry(former, "undone", "part_undone", legs=len(undoing.legs), by=draft.reference),
    ]
    for leg, back in zip(undoing.legs, undoing.reversals, strict=True):
        source, entry = leg.item.source_id, {"entry": draft.reference}
        facts.append(Fact("leg.reversing", "leg", leg.pk, leg.reference, source, division, entry))
        facts.append(Fact("leg.posting", "leg", None, back.reference, source, division, entry))
    return facts


def _of_entry(row: Posting, whole: str, part: str, *, legs: int, **detail: str) -> Fact:
    verb = part if _is_part(row, legs) else whole
    return Fact(f"posting.{verb}", "posting", row.pk, row.reference, row.reference, row.division.code, detail)


def _is_part(row: Posting, legs: int) -> bool:
    """Whether so many of its legs are not all that were ever booked with it."""
    return row.legs.filter(is_reversal=False).count() > legs


def entries_of(run: SyncRun) -> list[Posting]:
    """What a run booked."""
    return list(Posting.objects.filter(run_id=run.pk).select_related("lane__division", "lane__source").defer("body"))
