"""The months of a lane: brought up to date by each comparison, signed off by people, disturbed by what comes later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.money import written
from mappings.roles import words_of
from sync.actions import Impossible
from sync.calendar_months import first_day, last_day
from sync.models import SyncItem, SyncLane
from sync.models.reconciliation import Month, Reconciliation
from sync.reconciliation.kinds import TITLES, Kind, inside

MOST_TOLD = 4


def of_day(day: date) -> tuple[date, date]:
    """First and last day of its month."""
    return first_day(day), last_day(day)


def between(begin: date, end: date) -> Iterator[tuple[date, date]]:
    """The months that these days touch, each with its first and last day."""
    first, last = of_day(begin)
    while first <= end:
        yield first, last
        first, last = of_day(last + timedelta(days=1))


def compared(row: Reconciliation, *, at: datetime) -> Month | None:
    """Bring the month up to date with a comparison of the whole of it. In the caller's transaction."""
    if (row.begin, row.end) != of_day(row.begin):
        return None
    month, _ = Month.objects.get_or_create(lane=row.lane, starts=row.begin)
    month.reconciliation, month.watched_at, month.is_green = row, at, not reds(row, at=at)
    if month.signed:
        told = "" if month.signed.digest == row.digest else changes(month.signed, row)
        disturb(month, told, at=at)
    month.save()
    return month


def disturb(month: Month, told: str, *, at: datetime) -> None:
    """Note what changed since the sign-off, or that the figures are again those that were signed."""
    if told == month.disturbed:
        return
    verb = "month.disturbed" if told else "month.settled"
    month.disturbed, month.disturbed_at = told, at if told else None
    detail = {"signed_by": month.signed_by, "changed": told}
    division = month.lane.division.code
    trail.record([Fact(verb, "month", month.pk, str(month), division=division, detail=detail)], at=at)


def changes(signed: Reconciliation, now: Reconciliation) -> str:
    """What differs between two comparisons, as a sentence: new differences first, then amounts per role."""
    parts = [*_new_differences(signed, now), *_moved(signed, now)]
    more = f", and {len(parts) - MOST_TOLD} more" if len(parts) > MOST_TOLD else ""
    return f"{'; '.join(parts[:MOST_TOLD]) or 'the amounts of single days changed'}{more}."


def _new_differences(signed: Reconciliation, now: Reconciliation) -> Iterator[str]:
    names = ("kind", "source_id", "reference", "entry_number")
    before = set(signed.differences.values_list(*names))
    for row in now.differences.filter(is_explained=False)[:100]:
        if (row.kind, row.source_id, row.reference, row.entry_number) not in before:
            yield f"{inside(TITLES[Kind(row.kind)])}: {row.sentence.rstrip('.')}"


def _moved(signed: Reconciliation, now: Reconciliation) -> Iterator[str]:
    for place, name in ((3, "Square"), (6, "Exact")):
        moved = _by_role(now, place)
        moved.subtract(_by_role(signed, place))
        for (role, currency), amount in sorted(moved.items()):
            if amount:
                yield f"{name} {words_of(role)} {written(amount, currency)}"


def _by_role(row: Reconciliation, place: int) -> Counter[tuple[str, str]]:
    totals: Counter[tuple[str, str]] = Counter()
    for figure in row.figures:
        totals[figure[1], figure[2]] += figure[place]
    return totals


# --- green or red -------------------------------------------------------------------------------
def reds(row: Reconciliation, *, at: datetime) -> list[str]:
    """The checks that are not well, by name."""
    checks = row.checks
    found = {
        "over": row.end >= at.date(),
        "unposted": checks["unposted"]["count"],
        "unmatched": checks["unmatched"]["count"] or checks["unmatched"]["customers"],
        "clearing": checks["clearing"]["difference"] or unproven(checks),
        "vat": checks["vat"]["difference"],
        "unexplained": checks["unexplained"]["count"],
    }
    return [name for name, is_red in found.items() if is_red]


def unproven(checks: dict[str, Any]) -> int:
    """Cents of the clearing account's balance that nobody explained. Results of before have no proof."""
    return sum(one["unproven"] for one in checks["clearing"].get("proofs", ()))


# --- signing off --------------------------------------------------------------------------------
def sign_off(month: Month, *, by: str, reason: str = "") -> None:
    """Sign the month as it was last compared. Raises `Impossible` while it is red and no reason is given."""
    with transaction.atomic():
        month = Month.objects.select_for_update().get(pk=month.pk)
        objection = objection_to(month)
        if objection and not reason:
            raise Impossible(objection)
        if _has_moved_on(month):
            raise Impossible("Records of it have changed since it was compared. Compare it again, then sign it off.")
        now = clock.now()
        month.signed, month.signed_by, month.signed_at, month.signed_reason = month.reconciliation, by, now, reason
        month.disturbed, month.disturbed_at = "", None
        month.save()
        detail = {"reason": reason, "reconciliation": month.reconciliation_id, "was_green": month.is_green}
        fact = Fact("month.signed_off", "month", month.pk, str(month), division=month.lane.division.code, detail=detail)
        trail.record([fact], at=now)


def objection_to(month: Month) -> str:
    """Why the month cannot be signed without a reason; empty when it can."""
    if month.reconciliation is None:
        return "It has never been compared. Compare it first."
    if not month.is_green:
        return "It is not green yet: see what is left, or sign it off with a reason."
    return ""


def _has_moved_on(month: Month) -> bool:
    """Whether a record of its days came or changed since the comparison: nobody has seen the figures as they are."""
    if month.reconciliation is None:
        return False
    begin, end = of_day(month.starts)
    held = SyncItem.objects.filter(lane=month.lane_id, local_day__range=(begin, end))
    return held.filter(changed_at__gt=month.reconciliation.made_at).exists()


def take_back(month: Month, *, by: str, reason: str) -> None:
    """Withdraw a sign-off. Raises `Impossible` when there is none."""
    with transaction.atomic():
        month = Month.objects.select_for_update().get(pk=month.pk)
        if not month.is_signed:
            raise Impossible("It is not signed off.")
        now, before = clock.now(), month.signed_by
        month.signed, month.signed_by, month.signed_at, month.signed_reason = None, "", None, ""
        month.disturbed, month.disturbed_at = "", None
        month.save()
        detail = {"reason": reason, "was_signed_by": before, "by": by}
        fact = Fact("month.taken_back", "month", month.pk, str(month), division=month.lane.division.code, detail=detail)
        trail.record([fact], at=now)


def due_for_nightly(lanes: Iterable[SyncLane], today: date) -> list[tuple[date, date]]:
    """This month and the one before, as far as a lane was live then."""
    first, last = of_day(today)
    before = of_day(first - timedelta(days=1))
    live = min((lane.go_live for lane in lanes), default=today)
    return [month for month in (before, (first, last)) if month[1] >= live]
