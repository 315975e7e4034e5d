"""The nightly count of the directory: who Square changed in the last days, against the version that we know.

Square's index of customers lags, and one that came into it later than its reading looked back would be missed until
it changes again. Counted are those whom the lane keeps in step or lays before finance.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit import trail
from audit.trail import Fact
from connections import clients, clock
from connections.providers.square.payloads import Customer
from mappings.models import CustomerMapping
from sync.customers import holding
from sync.customers.reading import OVERLAP, is_wanted
from sync.models import CustomerLink, CustomerPolicy, SyncLane

NAME = "customers"
LOOKS_BACK = timedelta(days=7)


@dataclass
class Counted:
    """`missing`: day -> Square's ids; `since`: when the earliest of them changed, from where they are read again."""

    at_square: Counter[date] = field(default_factory=Counter)
    missing: dict[date, list[str]] = field(default_factory=lambda: defaultdict(list))
    since: datetime | None = None


def count(lane: SyncLane) -> Counted:
    """One call per hundred customers that changed. Raises the errors of the providers."""
    policy, found = holding.policy_of(lane), Counted()
    if policy.read_up_to is None:
        return found
    begin, end = clock.now() - LOOKS_BACK, policy.read_up_to - OVERLAP  # the next reading looks back as far
    if begin >= end:
        return found
    for page in clients.square_client(lane.source).search_customers(updated_from=begin, updated_to=end):
        customers = [customer for row in page.records if (customer := holding.read(row)) and customer.updated_at]
        held = _held(lane, policy, customers)
        for customer in customers:
            if customer.id in held and customer.updated_at:
                day = timezone.localdate(customer.updated_at)
                found.at_square[day] += 1
                if not held[customer.id]:
                    found.missing[day].append(customer.id)
                    found.since = min(found.since or customer.updated_at, customer.updated_at)
    return found


def _held(lane: SyncLane, policy: CustomerPolicy, customers: Sequence[Customer]) -> dict[str, bool]:
    """Whether we know them as they are, of those that we have to know."""
    ids = [customer.id for customer in customers]
    own = {"division": lane.division_id, "merchant": lane.source_id}
    links = CustomerLink.objects.filter(**own, square_id__in=ids)
    versions = dict(links.values_list("square_id", "square_version"))
    mappings = CustomerMapping.objects.filter(**own, square_customer_id__in=ids)
    met = set(mappings.values_list("square_customer_id", flat=True))
    found = {}
    for customer in customers:
        if customer.id in versions:
            found[customer.id] = versions[customer.id] >= customer.version
        elif policy.unmapped != "leave" and is_wanted(policy, customer):
            found[customer.id] = customer.id in met
    return found


def read_again(lane: SyncLane, found: Counted) -> None:
    """From the earliest that is missing on, with the lane's next run, which is due now."""
    if found.since is None:
        return
    now, ids = clock.now(), sorted(key for keys in found.missing.values() for key in keys)
    detail = {"stream": NAME, "missing": len(ids), "since": found.since, "ids": ids[:20]}
    with transaction.atomic():
        begun = {"read_up_to": found.since, "reading_to": None, "reading_from": None}
        CustomerPolicy.objects.filter(Q(read_up_to__gt=found.since), lane=lane).update(**begun)
        SyncLane.objects.filter(pk=lane.pk, due_at__gt=now).update(due_at=now)
        fact = Fact("lane.gap_found", "lane", lane.pk, lane.label, division=lane.division.code, detail=detail)
        trail.record([fact], at=now)
