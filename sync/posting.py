"""Booking one entry exactly once at a side that has no idempotency key.

Commit the intent, send, commit the outcome. Whoever finds an unfinished intent looks the entry up by its text before
anything else happens to it.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from audit.trail import Fact
from connections import clock
from connections.budget import EndpointRests
from connections.money import written
from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreachable, Unreadable
from mappings.bookkeeping.legs import ProblemKind
from sync import engine, grip, resting
from sync.engine import Move, Outcome
from sync.flows.base import Draft, Entry, Flow, Work
from sync.lifecycle import LegState, PostingState
from sync.models import Leg, Posting

# Absent means absent in two looks this far apart: reads may lag a write by moments.
SECOND_LOOK = timedelta(seconds=60)
FIRST_RETRY = timedelta(seconds=30)
LAST_RETRY = timedelta(hours=1)
ATTEMPTS = 8


def draft(work: Work, drafts: Sequence[Draft], *, also: Sequence[Move] = ()) -> None:
    """Freeze legs into entries: new rows, or a refused row with a new body under the same reference.

    `also` becomes true with them.
    """
    rows = [plan.again or row_of(work, plan) for plan in drafts]
    outcome = Outcome([*also], created=[row for row in rows if row.pk is None], facts=_frozen_facts(work, drafts))
    for plan, row in zip(drafts, rows, strict=True):
        if plan.again:
            outcome.moves.append(_redrafted(plan, row))
        # The row has its id by the time the legs move: the engine creates before it moves.
        where, count = {"pk__in": list(plan.leg_ids)}, len(plan.leg_ids)
        outcome.moves.append(Move(Leg, where, LegState.READY, LegState.POSTING, {"posting": row}, count=count))
    work.run.entries_planned += len(drafts)
    outcome.updates.append((work.run, ["entries_planned"]))
    engine.apply(outcome, grip=work.grip)


def row_of(work: Work, plan: Draft) -> Posting:
    """The entry as it is drafted, not stored yet."""
    now = clock.now()
    return Posting(
        lane=work.lane, division=work.lane.division, run_id=work.run.pk, created_at=now, changed_at=now,
        reference=plan.reference, group=plan.group, ordinal=plan.ordinal, looks_first=work.lane.adopts,
        corrects_id=plan.corrects, **frozen(plan),
    )  # fmt: skip


def frozen(plan: Draft) -> dict[str, Any]:
    return {
        "document": plan.document, "journal": plan.journal, "date": plan.date, "currency": plan.currency,
        "total": plan.total, "body": plan.body, "digest": hashlib.sha256(plan.body.encode()).hexdigest(),
        "find_by": plan.find_by, "expected": dict(plan.expected),
    }  # fmt: skip


def _redrafted(plan: Draft, row: Posting) -> Move:
    """A refused entry gets a new body under its old reference, and is looked up before it is sent again."""
    cleared = {"problem_kind": "", "problem": "", "due_at": None, "attempts": 0, "missing_since": None}
    changes = {**frozen(plan), **cleared, "looks_first": True, "changed_at": clock.now()}
    return Move(Posting, {"pk": row.pk}, PostingState.REFUSED, PostingState.DRAFT, changes)


def _frozen_facts(work: Work, drafts: Sequence[Draft]) -> list[Fact]:
    division = work.lane.division.code
    entry_of = {leg: plan.reference for plan in drafts for leg in plan.leg_ids}
    facts = []
    for plan in drafts:
        detail = {"document": plan.document, "group": plan.group, "legs": len(plan.leg_ids), "again": bool(plan.again)}
        facts.append(Fact("posting.draft", "posting", None, plan.reference, plan.reference, division, detail))
    for leg, reference, source in Leg.objects.filter(pk__in=entry_of).values_list("pk", "reference", "item__source_id"):
        facts.append(Fact("leg.posting", "leg", leg, reference, source, division, {"entry": entry_of[leg]}))
    return facts


def settle_open(work: Work, flow: Flow) -> None:
    """Look up every entry that may have left the building and is due for a look."""
    now = clock.now()
    sending = Posting.objects.filter(lane=work.lane, state=PostingState.SENDING).select_related("division")
    due = sending.filter(Q(due_at=None) | Q(due_at__lte=now))
    for posting in due.order_by("id"):
        # Without a due time nobody recorded an outcome: the worker died. Its request may still be under way.
        if posting.due_at is None and posting.sent_at and now < posting.sent_at + grip.settle():
            _postpone(work, posting, posting.sent_at + grip.settle())
            continue
        look_up(work, flow, posting)
        work.breathe()


def _postpone(work: Work, posting: Posting, until: datetime) -> None:
    move = Move(Posting, {"pk": posting.pk}, PostingState.SENDING, PostingState.SENDING, {"due_at": until})
    engine.apply(Outcome(moves=[move]), grip=work.grip)


def send_drafts(work: Work, flow: Flow) -> None:
    """Send what is drafted and due, in order."""
    last = 0
    while batch := list(_drafts(work).filter(pk__gt=last).order_by("id")[:50]):
        frozen_legs = _legs_of(batch)
        for posting in batch:
            posting.frozen_legs = frozen_legs.get(posting.pk, [])  # type: ignore[attr-defined]  # for its outcome
            try:
                deliver(work, flow, posting)
            except EndpointRests as rest:
                resting.rest(work, posting, rest)
                break  # those of other endpoints go on
            work.breathe()
            last = posting.pk


def _drafts(work: Work) -> QuerySet[Posting]:
    drafts = Posting.objects.filter(lane=work.lane, state=PostingState.DRAFT).select_related("division")
    return drafts.filter(Q(due_at=None) | Q(due_at__lte=clock.now()))


def deliver(work: Work, flow: Flow, posting: Posting) -> None:
    """Book one drafted entry.

    1. An entry that may already stand there (adopted or replayed) is looked up first.
    2. What would be refused is kept back.
    3. Commit that the request may be leaving the building.
    4. Send.
    5. Commit what came of it: booked, refused, never sent, or unknown.
    """
    from sync import splitting  # it freezes entries anew, and so imports this module

    if posting.looks_first and (found := flow.find(work, posting)):
        posting.is_adopted = True
        _sending(work, posting)
        return _settle(work, posting, found)
    if splitting.stopped(work, flow, posting):
        return None
    _sending(work, posting)
    try:
        entry = flow.send(work, posting)
    except (Unreachable, Throttled, NotAuthorised) as error:
        _not_sent(work, posting, error)
        raise
    except (NoAnswer, Unreadable) as error:
        return _unknown(work, posting, error)
    except Refused as error:
        return splitting.refused(work, flow, posting, error)
    return _settle(work, posting, [entry])


def _sending(work: Work, posting: Posting) -> None:
    now = clock.now()
    changes = {
        "attempts": posting.attempts + 1, "sent_at": now, "due_at": None, "missing_since": None, "changed_at": now,
        "run_id": work.run.pk,
    }  # fmt: skip
    outcome = Outcome(facts=[_fact(posting, "sending", attempt=posting.attempts + 1)])
    outcome.moves.append(Move(Posting, {"pk": posting.pk}, PostingState.DRAFT, PostingState.SENDING, changes))
    engine.apply(outcome, grip=work.grip)
    posting.attempts += 1
    posting.sent_at, posting.state, posting.missing_since = now, PostingState.SENDING, None


def _not_sent(work: Work, posting: Posting, error: Unreachable | Throttled | NotAuthorised) -> None:
    """Nothing arrived: back to draft, later. After the last attempt a person decides."""
    if isinstance(error, Unreachable) and posting.attempts >= ATTEMPTS:
        return _exhausted(work, posting, error.sentence)
    until = error.until if isinstance(error, Throttled) else clock.now() + backoff(posting.attempts)
    attempts = posting.attempts if isinstance(error, Unreachable) else posting.attempts - 1
    _move(work, posting, PostingState.DRAFT, sentence=error.sentence, due_at=until, attempts=attempts)
    return None


def _unknown(work: Work, posting: Posting, error: NoAnswer | Unreadable) -> None:
    """It may be booked. It stays `sending` and is looked up once everything that can still happen has happened."""
    until = clock.now() + grip.settle() + backoff(posting.attempts)
    sentence = (
        f"Sent, but no usable answer came ({error.sentence}). It may be booked already. It is looked up in Exact "
        "before anything else is done, and will not be sent twice."
    )
    _move(work, posting, PostingState.SENDING, sentence=sentence, due_at=until)


def look_up(work: Work, flow: Flow, posting: Posting) -> None:
    """Find out what became of an entry that may have been booked."""
    found = flow.find(work, posting)
    if found:
        return _settle(work, posting, found)
    now = clock.now()
    if posting.missing_since is None:
        sentence = "Not found in Exact at the first look; a second look follows before it is sent again."
        return _move(
            work, posting, PostingState.SENDING, sentence=sentence, missing_since=now, due_at=now + SECOND_LOOK
        )
    if posting.attempts >= ATTEMPTS:
        return _exhausted(work, posting, "Exact was sent this entry and never booked it")
    sentence = "Not found in Exact at two looks: it was not booked, and is sent again."
    return _move(work, posting, PostingState.DRAFT, sentence=sentence, missing_since=None, due_at=None)


def _settle(work: Work, posting: Posting, found: Sequence[Entry]) -> None:
    """Exactly one entry with our amount is ours; anything else is for a person."""
    entry = found[0]
    if len(found) > 1:
        numbers = ", ".join(str(other.number or other.remote_id) for other in found)
        return _conflict(work, posting, entry, f"Exact holds this entry {len(found)} times: {numbers}.")
    if entry.total is not None and entry.total != posting.total:
        booked, ours = written(entry.total, posting.currency), written(posting.total, posting.currency)
        return _conflict(work, posting, entry, f"Exact booked {booked} where this entry says {ours}.")
    return _posted(work, posting, entry)


def _posted(work: Work, posting: Posting, entry: Entry) -> None:
    now = clock.now()
    changes = {
        "remote_id": entry.remote_id, "remote_number": entry.number, "due_at": None, "problem_kind": "", "problem": "",
        "changed_at": now, "is_adopted": posting.is_adopted,
    }  # fmt: skip
    outcome = Outcome(facts=[_fact(posting, "posted", remote_id=entry.remote_id, number=entry.number)])
    outcome.moves.append(Move(Posting, {"pk": posting.pk}, PostingState.SENDING, PostingState.POSTED, changes))
    _move_legs(outcome, posting, LegState.POSTING, LegState.POSTED)
    work.run.entries_posted += 1
    outcome.updates.append((work.run, ["entries_posted"]))
    engine.apply(outcome, grip=work.grip)


def _conflict(work: Work, posting: Posting, entry: Entry, found: str) -> None:
    sentence = f"{found} Nothing is changed by Tillbridge. Compare both, put Exact right, then settle this entry here."
    kind = ProblemKind.CONFLICT
    ids = {"remote_id": entry.remote_id, "remote_number": entry.number}
    _move(work, posting, PostingState.CONFLICT, sentence=sentence, problem_kind=kind, due_at=None, **ids)


def _exhausted(work: Work, posting: Posting, why: str) -> None:
    sentence = (
        f"Gave up on entry {posting.reference} after {posting.attempts} attempts: {why}. Replay it when that is over."
    )
    give_back(work, posting, kind=ProblemKind.EXHAUSTED, subject="", sentence=sentence)


def give_back(work: Work, posting: Posting, *, kind: ProblemKind, subject: str, sentence: str) -> None:
    """All legs wait with the cause; the entry stays as it was refused, or stopped before it was sent."""
    outcome = Outcome(facts=[_fact(posting, "refused", problem=sentence, digest=posting.digest)])
    changes = {"problem_kind": kind, "problem": sentence, "due_at": None, "changed_at": clock.now()}
    before = PostingState(posting.state)
    outcome.moves.append(Move(Posting, {"pk": posting.pk}, before, PostingState.REFUSED, changes))
    problem = {"problem_kind": kind, "problem_subject": subject, "problem": sentence}
    _move_legs(outcome, posting, LegState.POSTING, LegState.REFUSED, **problem)
    work.run.entries_refused += 1
    outcome.updates.append((work.run, ["entries_refused"]))
    engine.apply(outcome, grip=work.grip)


def _move(work: Work, posting: Posting, after: PostingState, *, sentence: str, **changes: Any) -> None:
    changes = {"problem": sentence, "changed_at": clock.now(), **changes}
    move = Move(Posting, {"pk": posting.pk}, PostingState.SENDING, after, changes)
    engine.apply(Outcome(moves=[move], facts=[_fact(posting, after, note=sentence)]), grip=work.grip)


def _move_legs(outcome: Outcome, posting: Posting, before: LegState, after: LegState, **changes: Any) -> None:
    """All legs of an entry in one UPDATE, with a fact each; their items follow. Legs that were read with the entry are
    not read again: had one of them moved since, the count would not agree and the outcome would be dropped.
    """
    legs = getattr(posting, "frozen_legs", None)
    if legs is None or before is not LegState.POSTING:
        legs = _legs_of([posting], before).get(posting.pk, [])
    outcome.moves.append(Move(Leg, {"posting": posting.pk}, before, after, changes, count=len(legs)))
    outcome.touched |= {leg.item for leg in legs}
    detail = {"entry": posting.reference, **({"problem": changes["problem"]} if "problem" in changes else {})}
    division = posting.division.code
    outcome.facts += [Fact(f"leg.{after}", "leg", leg.pk, leg.reference, leg.source, division, detail) for leg in legs]


class _FrozenLeg(NamedTuple):
    """A leg of an entry, with its record and that one's id in the source."""

    pk: int
    reference: str
    item: int
    source: str


def _legs_of(postings: Sequence[Posting], state: LegState = LegState.POSTING) -> dict[int, list[_FrozenLeg]]:
    rows = Leg.objects.filter(posting__in=[posting.pk for posting in postings], state=state).order_by("pk")
    found: dict[int, list[_FrozenLeg]] = {}
    for posting, *leg in rows.values_list("posting", "pk", "reference", "item", "item__source_id"):
        found.setdefault(posting, []).append(_FrozenLeg._make(leg))
    return found


def _fact(posting: Posting, state: str, **detail: Any) -> Fact:
    return Fact(
        f"posting.{state}", "posting", posting.pk, posting.reference, posting.reference, posting.division.code, detail
    )


def backoff(attempts: int) -> timedelta:
    """Doubles from half a minute to an hour, with up to a quarter of jitter so that lanes do not march in step."""
    pause: timedelta = min(LAST_RETRY, FIRST_RETRY * 2 ** max(0, min(attempts - 1, 12)))
    jitter: float = random.uniform(1.0, 1.25)  # noqa: S311 - no secret hangs on it
    return pause * jitter
