"""What payouts put on suspense because nobody knew what it was: listed until somebody says so."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet

from audit import trail
from audit.trail import Fact
from connections import clock
from mappings.bookkeeping.legs import LegKind
from mappings.roles import Role
from sync.actions import Tally
from sync.lifecycle import STANDING
from sync.models import Leg, SyncItem, SyncLane
from sync.models.clearing import SuspenseCleared


def uncleared() -> QuerySet[Leg]:
    """Payout entries on suspense that nobody has cleared up. The lanes are named so that the index by lane answers."""
    lanes = SyncLane.objects.values("pk")
    legs = Leg.objects.filter(lane__in=lanes, kind=LegKind.PAYOUT_ENTRY, state__in=STANDING, cleared=None)
    return legs.filter(content__lines__0__role=Role.SUSPENSE.value)


def clear(items: Iterable[SyncItem], *, reason: str, by: str) -> Tally:
    """Somebody says what the entries of these payouts were; they leave the work list. Nothing is booked."""
    tally, now = Tally(), clock.now()
    for item in items:
        legs = list(uncleared().filter(item=item).select_related("division"))
        if not legs:
            tally.skip(item, "nothing of it stands on suspense that is not cleared up")
            continue
        with transaction.atomic():
            for leg in legs:
                SuspenseCleared.objects.get_or_create(
                    leg=leg, defaults={"reason": reason, "cleared_by": by, "cleared_at": now}
                )
            detail = {"reason": reason}
            facts = [
                Fact("leg.cleared_up", "leg", leg.pk, leg.reference, item.source_id, leg.division.code, detail)
                for leg in legs
            ]
            trail.record(facts, at=now)
        tally.done += 1
    return tally
