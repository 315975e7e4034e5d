"""What is done every night: the months that still move are compared, and a signed one is watched for drift."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.db import transaction
from django.db.models import F

from connections import clock
from connections.models import Division
from sync.models.lanes import BOOKING
from sync.models.reconciliation import Month, Reconciliation
from sync.reconciliation import keeping, making, months
from sync.reconciliation.figures import Finding


def drift(division: Division, begin: date, end: date) -> dict[int, list[Finding]]:
    """Lane -> entries of these days that the ledger does not show as they were sent, and strangers on clearing.

    Cheap: the ledger is read in bulk, no record is looked at. Raises the errors of the providers.
    """
    comparison = making.compare(division, begin, end, with_records=False)
    return {
        lane: [finding for finding in tally.figures.findings if not finding.is_explained]
        for lane, tally in comparison.tallies.items()
    }


def reconcile(division: Division, begin: date, end: date, *, by: str = "") -> list[Reconciliation]:
    """Compare every lane of the division and keep the results. Raises the errors of the providers."""
    return keeping.keep(making.compare(division, begin, end), by=by)


def due_tonight() -> Iterator[tuple[Division, list[tuple[date, date]]]]:
    """Every division with a lane, and the months of it that are compared: this one and the last.

    Each is a task of its own: the rate governor may let one wait for a minute.
    """
    today = clock.now().date()
    for division in Division.objects.filter(lanes__flow=BOOKING, held_reason="").distinct():
        yield division, months.due_for_nightly(division.lanes.filter(flow=BOOKING), today)


def watch_oldest(division: Division) -> Month | None:
    """The signed month that was not looked at for longest; each has its turn."""
    recent = months.of_day(clock.now().date())[0]
    signed = Month.objects.filter(lane__division=division, signed_at__isnull=False, starts__lt=recent)
    month = signed.select_related("lane__division", "signed").order_by(F("watched_at").asc(nulls_first=True)).first()
    if month is None:
        return None
    begin, end = months.of_day(month.starts)
    watch(division, begin, end)
    return month


def watch(division: Division, begin: date, end: date) -> None:
    """Look whether the ledger of a signed month still shows what was signed; a month that drifted turns red."""
    now = clock.now()
    found = drift(division, begin, end)
    signed = Month.objects.filter(lane__division=division, starts=begin, signed_at__isnull=False)
    with transaction.atomic():
        for month in signed.select_related("lane__division", "signed", "reconciliation"):
            told = "; ".join(_unknown_before(month, found.get(month.lane_id, [])))
            if told or not _was_compared_since(month):
                months.disturb(month, told, at=now)
            month.watched_at = now
            month.save()


def _was_compared_since(month: Month) -> bool:
    """Whether a whole comparison after the sign-off already said what changed: it knows more than the watch."""
    return month.reconciliation_id != month.signed_id


def _unknown_before(month: Month, found: list[Finding]) -> Iterator[str]:
    names = ("kind", "reference", "entry_number")
    known = set(month.signed.differences.values_list(*names)) if month.signed else set()
    for finding in found[: months.MOST_TOLD]:
        if (str(finding.kind), finding.reference, finding.entry) not in known:
            yield finding.sentence.rstrip(".")
