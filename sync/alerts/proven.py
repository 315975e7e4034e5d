"""What a proof found wrong, and lanes that came to a stand: conditions that have no limit, they are or they are not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery

from audit.adminkit import admin_url, ago, list_url
from audit.models import AuditSeal
from connections.models import Connection
from sync import proofs
from sync.alerts.kinds import Condition, Kind
from sync.lifecycle import RunState
from sync.models import ArchiveAttestation, ArchiveTable, BooksProof, SyncLane, SyncRun

# So many of a kind are told one by one: who is told of more reads no further either.
MOST = 20
# A lane that archives or keeps customers in step may end this many cadences late, and never less than a day.
CADENCES, LEAST = 2, timedelta(days=1)


def found(now: datetime) -> list[Condition]:
    return [*_stopped(now), *_archived_otherwise(), *_books(), *_trail(now)]


# --- lanes that came to a stand -------------------------------------------------------------------
def _stopped(now: datetime) -> Iterator[Condition]:
    """Lanes that are on and not paused. What a connection or a division is the cause of is told of these."""
    lanes = SyncLane.objects.filter(
        is_enabled=True, paused_reason="", source__status=Connection.Status.LIVE, division__held_reason="",
        division__connection__status=Connection.Status.LIVE,
    )  # fmt: skip
    rows = lanes.annotate(
        last_state=Subquery(_ended().values("state")[:1]),
        last_sentence=Subquery(_ended().values("sentence")[:1]),
        last_done_at=Subquery(_ended().filter(state=RunState.DONE).values("finished_at")[:1]),
        first_opened_at=Subquery(_runs().order_by("pk").values("created_at")[:1]),
    )
    for lane in rows:
        if told := _why_stopped(lane, now):
            yield Condition(Kind.LANE, f"lane {lane.pk}", f"Lane {lane} stopped", told, admin_url(SyncLane, lane.pk))


def _runs() -> QuerySet[SyncRun]:
    return SyncRun.objects.filter(lane=OuterRef("pk")).exclude(purpose="fill")


def _ended() -> QuerySet[SyncRun]:
    return _runs().filter(state__in=(RunState.DONE, RunState.FAILED, RunState.PLANNED)).order_by("-pk")


def _why_stopped(lane: SyncLane, now: datetime) -> str:
    """Empty when it goes on. `lane` with what `_stopped` says of its runs."""
    if lane.last_state == RunState.FAILED:  # type: ignore[attr-defined]
        sentence = lane.last_sentence  # type: ignore[attr-defined]
        return f"Its last run failed: {sentence} Put that right, then press 'Run now' on the lane."
    since = lane.last_done_at or lane.first_opened_at  # type: ignore[attr-defined]
    # A lane that books is told by the age of what it has not booked.
    if lane.books or not since or now - since <= max(LEAST, CADENCES * timedelta(minutes=lane.cadence_minutes)):
        return ""
    return f"Its last run that came to its end did so {ago(since, now)}. Look at its runs for what holds it up."


# --- the archive ----------------------------------------------------------------------------------
def _archived_otherwise() -> Iterator[Condition]:
    """Until a comparison is equal again. Tables of a lane that is off are still what somebody may read."""
    newest = ArchiveAttestation.objects.filter(table=OuterRef("pk")).order_by("-pk").values("sentence")[:1]
    rows = ArchiveTable.objects.filter(verdict="different").annotate(why=Subquery(newest))
    for table in rows.select_related("division").order_by("pk")[:MOST]:
        told = f"{table.why or ''} Compare the two before anybody relies on it; nothing was changed there."
        page = list_url(ArchiveAttestation, table__id__exact=table.pk)
        title = f"Archive: {table} differs"
        yield Condition(Kind.ARCHIVE, f"archive table {table.pk}", title, told.strip(), page)


# --- the books ------------------------------------------------------------------------------------
def _books() -> Iterator[Condition]:
    """Months whose newest look at Exact found a leg in no document, in two, or an entry with another amount."""
    same = BooksProof.objects.filter(lane=OuterRef("lane"), begin=OuterRef("begin")).order_by("-pk")
    rows = BooksProof.objects.filter(found__gt=0, pk=Subquery(same.values("pk")[:1])).select_related("lane")
    for row in rows.order_by("pk")[:MOST]:
        told = (
            f"{row.in_one} of {row.legs} booked legs stand in exactly one document in Exact; {row.missing} in none, "
            f"{row.doubled} in more than one, and {row.equal} of {row.entries} entries show what was sent. Open the "
            "proof: it names each."
        )
        page = admin_url(BooksProof, row.pk)
        yield Condition(Kind.BOOKS, f"books {row.lane_id} {row.begin:%Y-%m}", f"{row}: not proven", told, page)


# --- the audit trail ------------------------------------------------------------------------------
def _trail(now: datetime) -> Iterator[Condition]:
    for trouble in proofs.troubles(now):
        yield Condition(Kind.AUDIT, f"audit {trouble.name}", trouble.title, trouble.sentence, list_url(AuditSeal))
