"""After a database restore: Exact may hold entries that these rows know nothing of, and must not get them twice.

1. Every lane goes into adopt mode: each entry is looked up before it is sent the first time.
2. What was under way in the backup is looked up too, before anything else happens to it.
3. Square is read again from as far before the backup as the backup lies before now.
4. Exact's refresh token dies when it is used, and the one in the backup may have been: a person gives consent again.
Adopt mode ends by a person's action, once a run has found everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max, QuerySet

from audit import trail
from audit.models import AuditEntry
from audit.trail import Fact
from connections import clock, credentials
from connections.models import Connection, VendorCall
from sync.lifecycle import AttachmentState, ItemState, PostingState, RunState
from sync.models import Attachment, Beat, FeedCursor, Posting, SyncItem, SyncLane, SyncRun
from sync.models.lanes import BOOKING

UNSETTLED = (PostingState.DRAFT, PostingState.SENDING, PostingState.CONFLICT)
BOOKED = (PostingState.POSTED, PostingState.CONFIRMED, PostingState.REVERSED)


class NotNow(Exception):
    """It cannot be done now; the sentence says why and what to do first."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. `entries` were under way in the backup; `asking` are connections that need consent again."""

    since: datetime
    span: timedelta
    lanes: Sequence[SyncLane]
    entries: int
    asking: Sequence[Connection]


def restored(*, since: datetime | None = None) -> Restored:
    """Make the restored rows safe to work with. Safe to repeat. Raises `NotNow` while a worker holds a lane."""
    now = clock.now()
    _nobody_works(now)
    begun = since or last_sign_of_life() or now
    if begun > now:
        raise NotNow(f"{begun:%Y-%m-%d %H:%M} lies ahead of now. Give the time of the backup.")
    span = now - begun
    with transaction.atomic():
        lanes = list(
            SyncLane.objects.filter(flow=BOOKING)
            .select_for_update(of=("self",))
            .select_related("division")
            .order_by("pk")
        )
        entries = sum(_adopt(lane, span, since=begun, at=now) for lane in lanes)
    asking = [_ask_for_consent(row, begun) for row in _live_at_exact()]
    return Restored(begun, span, lanes, entries, asking)


def last_sign_of_life() -> datetime | None:
    """The newest moment that any row of the restored database tells of: the backup is not older than that."""
    newest = (
        Beat.objects.aggregate(at=Max("at")), SyncRun.objects.aggregate(at=Max("touched_at")),
        AuditEntry.objects.aggregate(at=Max("at")), VendorCall.objects.aggregate(at=Max("at")),
    )  # fmt: skip
    return max((found["at"] for found in newest if found["at"]), default=None)


def _nobody_works(now: datetime) -> None:
    held = SyncLane.objects.filter(lease_until__gt=now).first()
    if held and Beat.objects.filter(at__gt=now - timedelta(minutes=3)).exists():
        raise NotNow(f"A worker is busy with lane {held}. Stop the workers first, then run this again.")


def _adopt(lane: SyncLane, span: timedelta, *, since: datetime, at: datetime) -> int:
    """One lane into adopt mode; returns how many entries were under way."""
    under_way = Posting.objects.filter(lane=lane, state__in=[PostingState.DRAFT, PostingState.SENDING])
    entries = under_way.update(looks_first=True)
    lists = Attachment.objects.filter(lane=lane, state__in=[AttachmentState.DUE, AttachmentState.SENDING])
    lists.update(looks_first=True)
    FeedCursor.objects.filter(feed__lane=lane).update(read_up_to=F("read_up_to") - span)
    lane.adopts, lane.adopts_since = True, lane.adopts_since or at
    lane.lease_until = None
    lane.save(update_fields=["adopts", "adopts_since", "lease_until"])
    detail = {"backup_of": since, "reads_again_hours": round(span.total_seconds() / 3600, 1), "under_way": entries}
    fact = Fact("lane.restored", "lane", lane.pk, lane.label, division=lane.division.code, detail=detail)
    trail.record([fact], at=at)
    return entries


def _live_at_exact() -> QuerySet[Connection]:
    return Connection.objects.filter(system=Connection.System.EXACT, status=Connection.Status.LIVE)


def _ask_for_consent(row: Connection, since: datetime) -> Connection:
    credentials.require_consent(
        row,
        f"The database was restored from a backup of {since:%Y-%m-%d %H:%M} UTC. Exact gives each refresh token once, "
        "and the one in the backup may be used up; sending it again would end the consent. Nothing is booked until "
        "you give consent again.",
    )
    return row


# --- The end of adopt mode ----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Adoption:
    """How far a lane in adopt mode is. `waiting`: records of before that may be in Exact already."""

    adopted: int
    new: int
    unsettled: int
    waiting: int
    is_read: bool

    @property
    def sentence(self) -> str:
        done = f"{self.adopted} entries stood in Exact already and were adopted, {self.new} were new"
        left = f"; {self.unsettled} entries and {self.waiting} waiting records of before are not settled yet"
        return f"{done}{left if self.unsettled or self.waiting else ''}."


def adoption(lane: SyncLane) -> Adoption:
    entries, records = Posting.objects.filter(lane=lane), SyncItem.objects.filter(lane=lane, state=ItemState.WAITING)
    runs = SyncRun.objects.filter(lane=lane, state=RunState.DONE)
    if lane.adopts_since:
        entries = entries.filter(changed_at__gte=lane.adopts_since)
        records = records.filter(took_place_at__lt=lane.adopts_since)
        runs = runs.filter(created_at__gt=lane.adopts_since)
    booked = entries.filter(state__in=BOOKED, looks_first=True)
    adopted = booked.filter(is_adopted=True).count()
    return Adoption(
        adopted=adopted, new=booked.count() - adopted, unsettled=entries.filter(state__in=UNSETTLED).count(),
        waiting=records.count(), is_read=runs.exists(),
    )  # fmt: skip


def end_adoption(lane: SyncLane, *, by: str) -> Adoption:
    """Send first sends without a look from now on. Raises `NotNow` while something may still be found."""
    found = adoption(lane)
    if not lane.adopts:
        raise NotNow("The lane is not in adopt mode.")
    if SyncRun.objects.filter(lane=lane, state__in=SyncRun.OPEN).exists():
        raise NotNow("A run is open: wait until it is over.")
    if not found.is_read:
        raise NotNow("No run has read and looked up everything since. Press 'Run now' first.")
    if found.unsettled or found.waiting:
        raise NotNow(f"What is not settled may be in Exact already: {found.sentence} Settle that first.")
    with transaction.atomic():
        SyncLane.objects.filter(pk=lane.pk).update(adopts=False, adopts_since=None)
        detail = {"adopted": found.adopted, "new": found.new, "by": by}
        fact = Fact("lane.adoption_ended", "lane", lane.pk, lane.label, division=lane.division.code, detail=detail)
        trail.record([fact], at=clock.now())
    return found
