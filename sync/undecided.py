"""What records and lanes have to do with mappings that nobody has decided: told to the pages below us."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum
from django.dispatch import receiver

from audit.adminkit import list_url
from connections.models import Connection, Division
from mappings.bookkeeping.legs import ProblemKind
from mappings.conflicts.surroundings import Lanes, Waiting
from mappings.models import CustomerMapping, GLMapping, ItemMapping
from mappings.openings import wanted_by
from mappings.signals import lanes_asked, waiting_asked
from sync.lifecycle import ItemState
from sync.models import SyncItem, SyncLane
from sync.models.lanes import CUSTOMERS

OF_RULES = (ProblemKind.UNMAPPED_ACCOUNT, ProblemKind.UNMAPPED_TAX)


@receiver(waiting_asked)
def waiting(sender: Any, rows: Sequence[Any], **_: Any) -> Mapping[int, Waiting]:
    """One statement however many mappings are asked about. `sender`: their model."""
    if issubclass(sender, CustomerMapping):
        return _named(rows, ProblemKind.UNMAPPED_CUSTOMER, lambda row: row.square_customer_id)
    if issubclass(sender, ItemMapping):
        return _named(rows, ProblemKind.UNMAPPED_ITEM, lambda row: row.square_item[:200])
    return _of_rules(rows) if issubclass(sender, GLMapping) else {}


def _named(rows: Sequence[Any], kind: ProblemKind, subject_of: Callable[[Any], str]) -> dict[int, Waiting]:
    """Records that name what they wait for; the same customer may wait in several divisions."""
    by_place = {(row.division_id, row.merchant_id, subject_of(row)): row.pk for row in rows}
    found: dict[int, Waiting] = {}
    for group in _groups(Q(problem_kind=kind, problem_subject__in={subject for *_, subject in by_place})):
        place = (group["lane__division"], group["lane__source"], group["problem_subject"])
        if pk := by_place.get(place):
            _add(found, pk, group)
    return found


def _of_rules(rows: Sequence[GLMapping]) -> dict[int, Waiting]:
    divisions = {row.division_id for row in rows}
    groups = list(_groups(Q(problem_kind__in=OF_RULES, lane__division__in=divisions)))
    found: dict[int, Waiting] = {}
    for row in rows:
        for group in groups:
            if group["lane__division"] == row.division_id and _answers(row, group["problem_subject"]):
                _add(found, row.pk, group)
    return found


def _answers(row: GLMapping, subject: str) -> bool:
    """Whether the rule was proposed for what these records lack."""
    wanted = wanted_by(subject)
    return wanted is not None and all(getattr(row, name) == value for name, value in wanted[1].items())


def _groups(wanted: Q) -> Iterable[Mapping[str, Any]]:
    groups: Iterable[Any] = (
        SyncItem.objects.filter(wanted, state=ItemState.WAITING)
        .order_by()
        .values("lane__division", "lane__source", "problem_kind", "problem_subject", "currency")
        .annotate(records=Count("pk"), total=Sum("amount"), first=Min("local_day"), last=Max("local_day"))
    )
    return groups


def _add(found: dict[int, Waiting], pk: int, group: Mapping[str, Any]) -> None:
    one = found.setdefault(pk, Waiting())
    one.add(**{name: group[name] for name in ("records", "total", "currency", "first", "last")})
    kind, subject = group["problem_kind"], group["problem_subject"]
    one.url = list_url(SyncItem, state__exact="waiting", problem_kind__exact=kind, problem_subject=subject)


@receiver(lanes_asked)
def lanes(division: Division, merchant: Connection | None, **_: Any) -> Lanes:
    """What lanes of the merchant into the division would do with a decision."""
    rows = SyncLane.objects.filter(division=division).select_related("collective_debtor")
    mine: Iterable[SyncLane] = list(rows.filter(source=merchant) if merchant else rows)
    booking = [lane for lane in mine if lane.books]
    return Lanes(
        collective=tuple(sorted({str(lane.collective_debtor) for lane in booking if lane.collective_debtor})),
        without=tuple(lane.label for lane in booking if lane.collective_debtor is None),
        rest=tuple(sorted({lane.order_item for lane in booking if lane.order_item})),
        creates=any(lane.flow == CUSTOMERS and lane.is_enabled for lane in mine),
    )
