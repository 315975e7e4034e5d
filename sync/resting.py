"""An endpoint that refused too often rests for the hour: its entries wait with a time, everything else goes on."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from audit.trail import Fact
from connections import clock
from connections.budget import EndpointRests
from sync import engine
from sync.engine import Move, Outcome
from sync.flows.base import Work
from sync.lifecycle import PostingState
from sync.models import Posting


def rest(work: Work, posting: Posting, rests: EndpointRests) -> None:
    """Let every draft of the endpoint wait until it may be called again: nobody has to do anything about that."""
    ids = list(_due(work, posting).values_list("pk", flat=True))
    changes = {"due_at": rests.until, "problem": _sentence(rests.until), "changed_at": clock.now()}
    where = {"pk__in": ids}
    move = Move(Posting, where, PostingState.DRAFT, PostingState.DRAFT, changes, count=len(ids))
    detail = {"entries": len(ids), "document": posting.document, "until": rests.until}
    lane = work.lane
    fact = Fact("lane.rests", "lane", lane.pk, lane.label, division=lane.division.code, detail=detail)
    engine.apply(Outcome(moves=[move], facts=[fact]), grip=work.grip)
    entries = f"{len(ids)} {'entry waits' if len(ids) == 1 else 'entries wait'}"
    work.setbacks.append(f"{entries} until {rests.until:%H:%M} UTC: {rests.sentence}")


def _due(work: Work, posting: Posting) -> QuerySet[Posting]:
    drafts = Posting.objects.filter(lane=work.lane, document=posting.document, state=PostingState.DRAFT)
    return drafts.filter(Q(due_at=None) | Q(due_at__lte=clock.now()) | Q(pk=posting.pk))


def _sentence(until: datetime) -> str:
    return f"Exact refused too many entries of this kind within the hour. It is sent after {until:%H:%M} UTC."
