"""Exactly once, to the cent, with a trail: what must hold when a lane has come to rest. Each breach is a sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from itertools import pairwise
from typing import TypeVar

from audit.models import AuditEntry
from config.demo import report
from config.demo.report import Held, Report
from config.prove.witness import REFERENCE, WitnessedSandbox, references
from sync import lifecycle
from sync.lifecycle import ForbiddenMove, ItemState, LegState, PostingState, RunState
from sync.models import Leg, Posting, SyncItem, SyncLane, SyncRun

State = TypeVar("State", bound=StrEnum)
OPEN_POSTINGS = (PostingState.DRAFT, PostingState.SENDING, PostingState.POSTED)
# Written when a record changes at the source, or a person or a mapping lets it go on: all put it back to the beginning.
READ_VERBS = dict.fromkeys(
    ("changed", "replayed", "released", "reinstated", "mapping_changed", "wait_over"), ItemState.EXTRACTED
)


def is_at_rest(lane: SyncLane) -> bool:
    """No run open, no entry under way. Legs may be ready whose day is not closed."""
    runs = SyncRun.objects.filter(lane=lane, state__in=SyncRun.OPEN)
    return not runs.exists() and not Posting.objects.filter(lane=lane, state__in=OPEN_POSTINGS).exists()


def compared(lane: SyncLane, sandbox: WitnessedSandbox) -> Report:
    return report.compare(lane, Held.of(sandbox.square), sandbox.lines())


def lost(lane: SyncLane, sandbox: WitnessedSandbox, *, odd: Container[str]) -> list[str]:
    """Events at Square that should stand in Exact and do not. `odd`: ids of payments and orders that must wait."""
    confirmed = Leg.objects.filter(lane=lane, state=LegState.CONFIRMED)
    booked = report.booked_events(lane) if confirmed.exists() else set()
    events = {owed.group for _, owed in report.square_events(Held.of(sandbox.square))}
    return [f"lost: {kind} {key}" for kind, key in sorted(events - booked) if key not in odd]


def breaches(lane: SyncLane, sandbox: WitnessedSandbox) -> Iterator[str]:
    """Everything but what is lost."""
    yield from _differences(compared(lane, sandbox))
    yield from _unfinished(lane)
    yield from _misplaced(lane, sandbox)
    yield from _posted_again(lane, sandbox)
    yield from _beyond_quota(sandbox)
    yield from broken_trails(lane)


def _differences(found: Report) -> Iterator[str]:
    if found.doubled:
        yield f"doubled: {found.doubled} references stand in more than one entry"
    for row in found.rows:
        if row.difference:
            yield f"difference: {row.role} {report.money(row.difference)}"


def _unfinished(lane: SyncLane) -> Iterator[str]:
    for posting in Posting.objects.filter(lane=lane).exclude(state__in=[PostingState.CONFIRMED, PostingState.SPLIT]):
        yield f"unfinished: entry {posting.reference} is {posting.state} ({posting.problem})"
    stuck = (LegState.POSTING, LegState.POSTED, LegState.REFUSED)
    for leg in Leg.objects.filter(lane=lane, state__in=stuck):
        yield f"unfinished: {leg} is {leg.state}"
    for item in SyncItem.objects.filter(lane=lane, state=ItemState.EXTRACTED):
        yield f"unfinished: record {item} was never resolved"


def _misplaced(lane: SyncLane, sandbox: WitnessedSandbox) -> Iterator[str]:
    """Each entry of ours is one entry of Exact, and each receipt and fee stands in the entry that pays it."""
    standing = references(list(sandbox.lines()))
    expected: dict[str, set[str]] = {}
    for posting in Posting.objects.filter(lane=lane, state=PostingState.CONFIRMED):
        expected[_first_reference(posting)] = {posting.remote_id}
    for leg in Leg.objects.filter(lane=lane, state=LegState.CONFIRMED).exclude(kind="sale").select_related("posting"):
        expected[leg.reference] = {leg.posting.remote_id if leg.posting else "no entry"}
    for key in sorted(expected.keys() | standing.keys()):
        if expected.get(key) != standing.get(key):
            yield f"misplaced: {key} stands in {standing.get(key)}, our rows say {expected.get(key)}"


def _first_reference(posting: Posting) -> str:
    found = REFERENCE.search(posting.body)
    return found.group() if found else posting.reference


def _posted_again(lane: SyncLane, sandbox: WitnessedSandbox) -> Iterator[str]:
    frozen = set(Posting.objects.filter(lane=lane).values_list("digest", flat=True)) | _refused_bodies(lane)
    for post in sandbox.posts:
        if post.stood_there:
            yield f"sent twice: {post.reference} stood in Exact when it was posted again"
        if post.digest not in frozen:
            yield f"unfrozen: {post.reference} was posted with a body that is not the stored one"


def _refused_bodies(lane: SyncLane) -> set[str]:
    """Digests of bodies that were refused and written anew under the same reference."""
    facts = AuditEntry.objects.filter(lane_id=lane.pk, verb="posting.refused")
    return {str(detail.get("digest")) for detail in facts.values_list("detail", flat=True)}


def _beyond_quota(sandbox: WitnessedSandbox) -> Iterator[str]:
    throttled = sum(1 for entry in sandbox.log.entries if entry.status == HTTPStatus.TOO_MANY_REQUESTS)
    made = sum(times for fault, times in sandbox.struck if fault.action == "429")
    if throttled > made:
        yield f"quota: {throttled - made} calls were refused that no fault refused"


def broken_trails(lane: SyncLane) -> Iterator[str]:
    """Each state change of an entry, leg and record has its audit entry, and no audit entry lacks its change."""
    legs = Leg.objects.filter(lane=lane).values_list("reference", "state")
    postings = Posting.objects.filter(lane=lane).values_list("reference", "state")
    items = SyncItem.objects.filter(lane=lane).values_list("source_id", "state")
    yield from _trails("posting", dict(postings), PostingState)
    yield from _trails("leg", dict(legs), LegState)
    yield from _trails("item", dict(items), ItemState)
    runs = {f"run {key} of {lane}": state for key, state in lane.runs.values_list("pk", "state")}
    yield from _trails("run", runs, RunState)


def _trails(kind: str, states: dict[str, str], words: type[State]) -> Iterator[str]:
    told: dict[str, list[State]] = defaultdict(list)
    facts = AuditEntry.objects.filter(subject_type=kind, verb__startswith=f"{kind}.").order_by("id")
    for subject, verb in facts.values_list("subject", "verb"):
        word = verb.removeprefix(f"{kind}.")
        told[subject].append(words(READ_VERBS.get(word, word)))
    for subject in sorted(told.keys() | states.keys()):
        if flaw := _flaw(told.get(subject, []), states.get(subject)):
            path = " > ".join(told.get(subject, []))
            yield f"trail: {kind} {subject} is {states.get(subject)}, its trail says {path} ({flaw})"


def _flaw(path: Sequence[State], state: str | None) -> str:
    if not path or path[-1] != state:
        return "the last step is missing"
    for before, after in pairwise(path):
        if (before is not after or before not in MAY_STAY) and not _follows(before, after):
            return f"{before} is not followed by {after}"
    return ""


# A step may be noted without leaving the state: a look that found nothing, a change read twice.
# A leg of an entry that was cut goes on in one of its halves.
MAY_STAY: frozenset[StrEnum] = frozenset(
    {PostingState.SENDING, ItemState.EXTRACTED, ItemState.DISMISSED, LegState.POSTING}
)


def _follows(before: StrEnum, after: StrEnum) -> bool:
    try:
        lifecycle.check(before, after)
    except ForbiddenMove:
        return False
    return True


def found_not_sent(lane: SyncLane, *, settle: float) -> int:
    """How many entries were booked by a look-up: their request had been left alone for the settling time."""
    sent: dict[str, datetime] = {}
    count = 0
    facts = AuditEntry.objects.filter(lane_id=lane.pk, subject_type="posting").order_by("id")
    for verb, subject, at, detail in facts.values_list("verb", "subject", "at", "detail"):
        if verb == "posting.sending" and "attempt" in detail:
            sent[subject] = at
        elif verb == "posting.posted" and (at - sent[subject]).total_seconds() >= settle:
            count += 1
    return count


def looked_up(sandbox: WitnessedSandbox) -> int:
    """Calls that look an entry up by its text."""
    places = ("/SalesEntries", "/BankEntryLines", "/CashEntryLines")
    return sum(1 for entry in sandbox.log.entries if entry.method == "GET" and entry.path.endswith(places))


def sent_again(posts: Iterable[str]) -> int:
    posts = list(posts)
    return len(posts) - len(set(posts))
