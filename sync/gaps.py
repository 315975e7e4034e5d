"""What Square really sends that no rule covers: the missing rules, with what waits for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Count, Max, Min, Q, Sum

from mappings.bookkeeping.legs import ProblemKind
from sync.lifecycle import ItemState, LegState
from sync.models import Leg, SyncItem

KINDS = (ProblemKind.UNMAPPED_ACCOUNT, ProblemKind.UNMAPPED_TAX, ProblemKind.AMBIGUOUS_TAX)


@dataclass
class Missing:
    """One rule that is not there. `sums`: money of the records that wait for it, minor units per currency."""

    division: int
    kind: str
    subject: str
    records: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    first: date = date.max
    last: date = date.min
    places: set[str] = field(default_factory=set)


def missing(divisions: Sequence[int] = ()) -> list[Missing]:
    """Per division and cause, most records first. A record whose sale and tip both lack a rule counts for both."""
    found: dict[tuple[int, str, str], Missing] = {}
    for division, kind, subject, currency, place, count, total, first, last in _rows(divisions):
        row = found.setdefault((division, kind, subject), Missing(division, kind, subject))
        row.records += count
        row.sums[currency] += total or 0
        row.first, row.last = min(row.first, first), max(row.last, last)
        row.places.add(place)
    return sorted(found.values(), key=lambda row: (-row.records, row.division, row.subject))


def _rows(divisions: Sequence[int]) -> Iterator[tuple[int, str, str, str, str, int, int, date, date]]:
    yield from _of_legs(divisions)
    own = SyncItem.objects.filter(state=ItemState.WAITING, problem_kind__in=KINDS)
    own = own.filter(lane__division__in=divisions) if divisions else own
    told_by_a_leg = Q(legs__state=LegState.WAITING, legs__problem_kind__in=KINDS)
    with_legs = SyncItem.objects.filter(told_by_a_leg, state=ItemState.WAITING).values("pk")
    rows = own.exclude(pk__in=with_legs).order_by()
    yield from rows.values_list(
        "lane__division", "problem_kind", "problem_subject", "currency", "location__name"
    ).annotate(Count("pk"), Sum("amount"), Min("local_day"), Max("local_day"))


def _of_legs(divisions: Sequence[int]) -> Iterator[tuple[int, str, str, str, str, int, int, date, date]]:
    """A leg that waits has no lines yet, so what is at stake is what its record is about."""
    legs = Leg.objects.filter(state=LegState.WAITING, problem_kind__in=KINDS, item__state=ItemState.WAITING)
    legs = legs.filter(division__in=divisions) if divisions else legs
    seen = legs.order_by().values_list(
        "division", "problem_kind", "problem_subject", "item__currency", "location__name", "item", "item__amount",
        "item__local_day",
    ).distinct()  # fmt: skip
    for division, kind, subject, currency, place, _, amount, day in seen.iterator(2000):
        yield division, kind, subject, currency, place, 1, amount, day, day
