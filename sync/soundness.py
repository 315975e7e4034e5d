"""What a new reading of the reference data does to records: who waited is looked at, and who is ready too."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from mappings.bookkeeping.legs import ProblemKind
from mappings.bookkeeping.validation import checked
from sync.flows.base import Work
from sync.legs import plan_of
from sync.lifecycle import ItemState, LegState
from sync.models import Leg, SyncItem, SyncRun


def to_look_at_again(work: Work) -> Iterator[QuerySet[SyncItem]]:
    """Records to be planned anew, once after each reading of the division's reference data.

    1. Those that waited for something unfit in Exact: it may have been put right.
    2. Those with ready legs that name what is blocked or gone by now: better to wait than to be refused.
    """
    read_at = work.lane.division.reference_read_at
    if read_at is None:
        return
    yield SyncItem.objects.filter(
        lane=work.lane, state=ItemState.WAITING, problem_kind=ProblemKind.UNUSABLE, changed_at__lte=read_at
    )
    earlier = SyncRun.objects.filter(lane=work.lane, pk__lt=work.run.pk).order_by("-pk").first()
    if earlier and (earlier.started_at is None or earlier.started_at <= read_at):
        yield SyncItem.objects.filter(
            pk__in=_unfit(work), state__in=[ItemState.RESOLVED, ItemState.WAITING], lane=work.lane
        )


def _unfit(work: Work) -> set[int]:
    """Records with a ready leg that Exact would refuse now."""
    ready = Leg.objects.filter(lane=work.lane, state=LegState.READY)
    return {leg.item_id for leg in ready.iterator(500) if checked(plan_of(leg), work.facts).problem}
