"""Failures as issues: equal causes in one row that somebody owns, opened again when the cause returns.

The records are the truth; an issue is brought up to date from them each minute, and its page counts them anew. It ends
by itself when no record waits for it any more. What waits and goes on by itself is no issue.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from audit import trail
from audit.trail import Fact
from connections import clock
from sync import health
from sync.health import Cause, Place
from sync.lifecycle import ItemState
from sync.models import SyncItem
from sync.models.issues import Issue

State = Issue.State


class Impossible(Exception):
    """The issue is not what it was, or not for that; the sentence is for the person who asked."""


def records_of(issue: Issue) -> QuerySet[SyncItem]:
    """The records that wait for it at this moment."""
    return SyncItem.objects.filter(
        lane__division=issue.division_id, state=ItemState.WAITING, problem_kind=issue.kind,
        problem_subject=issue.subject,
    )  # fmt: skip


# --- keeping them up to date ----------------------------------------------------------------------
def look(now: datetime) -> int:
    """Bring every issue up to date with the records. Returns how many rows changed."""
    waiting = {place: cause for place, cause in health.waiting().items() if cause.needs_a_person}
    wake_up(now.date())
    rows = {
        (row.division_id, row.kind, row.subject): row
        for row in Issue.objects.filter(_still_of_interest(waiting)).select_related("division")
    }
    changed = sum(_update(row, waiting.pop(key, None), now) for key, row in rows.items())
    return changed + sum(_open(key, seen, now) for key, seen in waiting.items())


def _still_of_interest(waiting: Iterable[Place]) -> Q:
    """Those that stand, and resolved ones of a cause that is there again."""
    keys = set(waiting)
    returned = Q(kind__in={kind for _, kind, _ in keys}, subject__in={subject for _, _, subject in keys})
    return Q(state__in=Issue.STANDING) | returned


def _open(key: Place, seen: Cause, now: datetime) -> bool:
    """Whether this worker was the first to see it."""
    division, kind, subject = key
    with transaction.atomic():
        row, is_new = Issue.objects.get_or_create(
            division_id=division, kind=kind, subject=subject,
            defaults={
                "sentence": seen.sentence, "count": seen.count, "sums": seen.sums,
                "first_seen": seen.oldest or now, "last_seen": seen.newest or now,
            },
        )  # fmt: skip
        if is_new:
            trail.record([_fact("issue.opened", row, records=seen.count)], at=now)
    return is_new


def _update(row: Issue, seen: Cause | None, now: datetime) -> bool:
    """Whether the row changed."""
    if seen is None:
        return row.state != State.RESOLVED and _resolved(row, now)
    if row.state == State.RESOLVED:
        return _returned(row, seen, now)
    told = (seen.count, seen.sums, seen.sentence, max(row.last_seen, seen.newest or row.last_seen))
    if (row.count, row.sums, row.sentence, row.last_seen) == told:
        return False
    count, sums, sentence, newest = told
    Issue.objects.filter(pk=row.pk, state=row.state).update(count=count, sums=sums, sentence=sentence, last_seen=newest)
    return True


def _resolved(row: Issue, now: datetime) -> bool:
    changes = {"count": 0, "sums": {}, "resolved_at": now, "ignored_until": None}
    return _move(row, State.RESOLVED, _fact("issue.resolved", row), now, changes)


def _returned(row: Issue, seen: Cause, now: datetime) -> bool:
    changes = {
        "count": seen.count, "sums": seen.sums, "sentence": seen.sentence, "last_seen": seen.newest or now,
        "resolved_at": None, "returned": row.returned + 1,
    }  # fmt: skip
    return _move(row, State.OPEN, _fact("issue.returned", row, records=seen.count), now, changes)


def _move(row: Issue, after: State, fact: Fact, now: datetime, changes: dict[str, object]) -> bool:
    """In one transaction with its fact; False when somebody else moved it first."""
    with transaction.atomic():
        moved = Issue.objects.filter(pk=row.pk, state=row.state).update(state=after, **changes)
        if moved:
            trail.record([fact], at=now)
    return bool(moved)


def _fact(verb: str, row: Issue, **detail: object) -> Fact:
    return Fact(verb, "issue", row.pk, str(row), division=row.division.code, detail=detail)


# --- what people do -------------------------------------------------------------------------------
def acknowledge(row: Issue, *, by: str) -> None:
    """Somebody has seen it, and looks after it unless somebody else does. Raises `Impossible`."""
    if row.state not in (State.OPEN, State.IGNORED):
        raise Impossible(f"it is {row.get_state_display()} already")
    changes: dict[str, object] = {"owner": row.owner or by, "ignored_until": None}
    _decide(row, State.ACKNOWLEDGED, _fact("issue.acknowledged", row, owner=changes["owner"]), changes)


def assign(row: Issue, owner: str) -> None:
    """To a colleague, or with "" to nobody."""
    state = State.ACKNOWLEDGED if owner and row.state == State.OPEN else State(row.state)
    _decide(row, state, _fact("issue.assigned", row, owner=owner), {"owner": owner})


def ignore(row: Issue, *, until: date, reason: str) -> None:
    """Leave it out of the work list until then; its records go on waiting. Raises `Impossible`."""
    if until <= clock.now().date():
        raise Impossible("Choose a day to come: from then on it is open again.")
    if row.state == State.RESOLVED:
        raise Impossible("It is resolved: nothing waits for it.")
    fact = _fact("issue.ignored", row, until=until.isoformat(), reason=reason)
    _decide(row, State.IGNORED, fact, {"ignored_until": until})


def _decide(row: Issue, after: State, fact: Fact, changes: dict[str, object]) -> None:
    if not _move(row, after, fact, clock.now(), changes):
        raise Impossible("it changed a moment ago; look at it again")


def wake_up(today: date) -> int:
    """Issues whose time of being ignored is over."""
    over = Issue.objects.filter(state=State.IGNORED, ignored_until__lte=today).select_related("division")
    return sum(
        _move(row, State.OPEN, _fact("issue.reopened", row), clock.now(), {"ignored_until": None}) for row in over
    )


def ignored() -> set[Place]:
    """Causes that nobody wants to read about for now."""
    return set(Issue.objects.filter(state=State.IGNORED).values_list("division", "kind", "subject"))
