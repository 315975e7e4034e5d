"""What is new on either side: four calls to Exact and one to Square when nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.models import Division
from connections.providers.square.payloads import Customer
from mappings import proposals, reference
from mappings.models import CustomerMapping, Decision
from mappings.suggestions import Directory
from sync import engine
from sync.customers import holding
from sync.engine import Outcome, Overtaken
from sync.flows.base import Work
from sync.lifecycle import LinkState
from sync.models import CustomerLink, CustomerPolicy

# Square's index of customers lags, usually under half a minute. Reference: square.md 3.5.
OVERLAP = timedelta(minutes=5)
# Before Square existed.
BEGINNING = datetime(2009, 1, 1, tzinfo=UTC)
INSTANT, MERGED = "INSTANT_PROFILE", "MERGE"
SEEN = "Seen in Square's directory; nobody has decided yet."
# Agreements by which a customer that may be created may also be linked without a person.
CERTAIN = frozenset(("VAT number", "chamber of commerce"))


def read_exact(work: Work) -> None:
    """Customers with what belongs to them, and only what changed."""
    work.run.records_changed += reference.refresh_customers(work.lane.division)
    engine.apply(Outcome(updates=[(work.run, ["records_changed"])]), grip=work.grip)


def read_square(work: Work) -> None:
    """Customers changed since the last reading, oldest first. A reading that is cut off goes on where it was.

    The list cannot be sorted by change, so it may shift while it is read: who changes meanwhile falls out of this
    window and into the next, which begins a little before this one ends.
    """
    policy = holding.policy_of(work.lane)
    begin = (policy.read_up_to - OVERLAP) if policy.read_up_to else BEGINNING
    until = policy.reading_to or clock.now()
    readers = _Reader(work, policy)
    pages = work.square.search_customers(updated_from=begin, updated_to=until, created_from=policy.reading_from)
    for page in pages:
        readers.keep(page.records, until=until)
        work.breathe()
    policy.read_up_to, policy.reading_to, policy.reading_from = until, None, None
    engine.apply(Outcome(updates=[(policy, ["read_up_to", "reading_to", "reading_from"])]), grip=work.grip)
    if readers.saw_a_merge:
        CustomerLink.objects.filter(lane=work.lane).update(looked_at=BEGINNING)


class _Reader:
    """Keeps pages of customers; who is known in Exact is read once for all of them."""

    def __init__(self, work: Work, policy: CustomerPolicy) -> None:
        self.work, self.policy = work, policy
        self.saw_a_merge = False
        self._directory: Directory | None = None

    def keep(self, rows: Sequence[Mapping[str, Any]], *, until: datetime) -> None:
        found = [customer for row in rows if (customer := holding.read(row))]
        links = linked(self.work, [customer.id for customer in found])
        outcome = Outcome()
        for customer in found:
            link = links.get(customer.id)
            self.saw_a_merge = self.saw_a_merge or (customer.creation_source == MERGED and link is None)
            if link:
                note(self.work, outcome, link, customer)
        self._place(outcome, rows, found, until)
        try:
            engine.apply(outcome, grip=self.work.grip)
        except Overtaken:  # a person acted on one of them: the page is read again with the next run
            self.work.setbacks.append(
                "Somebody decided about a customer meanwhile; it is read again with the next run."
            )
        self._introduce(
            [customer for customer in found if customer.id not in links and is_wanted(self.policy, customer)]
        )

    def _place(self, outcome: Outcome, rows: Sequence[Any], found: Sequence[Customer], until: datetime) -> None:
        run, policy = self.work.run, self.policy
        run.records_read += len(rows)
        policy.reading_to = until
        policy.reading_from = max((row.created_at for row in found if row.created_at), default=policy.reading_from)
        outcome.updates += [(run, ["records_read", "records_changed"]), (policy, ["reading_to", "reading_from"])]

    def _introduce(self, strangers: Sequence[Customer]) -> None:
        """Lay who is mapped to nobody before finance, or have them created, as the lane says."""
        if self.policy.unmapped == "leave" or not strangers:
            return
        lane, ids = self.work.lane, [customer.id for customer in strangers]
        mapped = CustomerMapping.objects.filter(division=lane.division, merchant=lane.source)
        known = set(mapped.filter(square_customer_id__in=ids).values_list("square_customer_id", flat=True))
        unmet = {customer.id: customer for customer in strangers if customer.id not in known}
        if not unmet:
            return
        self._directory = self._directory or proposals.directory_of(lane.division)
        since = min((born(customer) for customer in unmet.values()), default=clock.now().date())
        proposals.propose(lane.division, lane.source, unmet, since=since, directory=self._directory, reason=SEEN)
        if self.policy.unmapped == "create":
            _have_created(lane.division, mapped.filter(square_customer_id__in=list(unmet), status=Decision.PROPOSED))


def is_wanted(policy: CustomerPolicy, customer: Customer) -> bool:
    """Whether the lane asks who it is; of a profile that Square made of a card by itself only by its choice."""
    return customer.creation_source != INSTANT or policy.reads_instant_profiles


def _have_created(division: Division, rows: Iterable[CustomerMapping]) -> None:
    """Who resembles nobody, or somebody for certain: the check for duplicates then links instead of creating."""
    clear = [row for row in rows if not row.candidates or CERTAIN & set(row.candidates[0]["agrees"])]
    reason = "The lane has such customers created in Exact, unless they are there already."
    detail = {"status": [Decision.PROPOSED.value, Decision.CREATE.value], "by": "the lane's choice"}
    facts = [
        Fact("customermapping.changed", "customermapping", row.pk, row.square_customer_id, row.square_customer_id,
             division.code, detail)
        for row in clear
    ]  # fmt: skip
    with transaction.atomic():
        wanted = CustomerMapping.objects.filter(pk__in=[row.pk for row in clear], status=Decision.PROPOSED)
        wanted.update(status=Decision.CREATE, reason=reason)
        trail.record(facts, at=clock.now())


def born(customer: Customer) -> date:
    """The day from which payments may name the customer."""
    return (customer.created_at or clock.now()).date()


def linked(work: Work, ids: Iterable[str]) -> dict[str, CustomerLink]:
    lane = work.lane
    rows = CustomerLink.objects.filter(division=lane.division, merchant=lane.source, square_id__in=list(ids))
    return {link.square_id: link for link in rows.select_related("debtor")}


def note(work: Work, outcome: Outcome, link: CustomerLink, customer: Customer) -> None:
    """What Square holds now, if it is newer than what we know: our own change comes back with the version it made."""
    if customer.version <= link.square_version and not link.is_stale and link.state != LinkState.GONE:
        return
    after = LinkState.PENDING if link.state == LinkState.GONE else LinkState(link.state)
    changes = holding.seen(customer)
    if changes["square"] != link.square:
        work.run.records_changed += 1
    outcome.moves.append(holding.move(link, after, changes, at=clock.now()))
