"""What webhooks set going: a lane looks sooner, an invoice is read again, reference data is no longer taken for fresh.

Nothing here reads a payload or asks a vendor. Events are heeded by each sweep once they have settled, because Square's
lists trail behind its events by seconds; a run is then opened as if it had been the lane's time. So an event is in
the books about a minute after it came in, where the lane books singly; and a lost one costs only the time until the
lane would have looked anyway.
Reference: square.md 4.3, 4.4, exact-online.md 7 (no order is promised by either vendor).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from audit import context, trail
from audit.trail import Fact
from connections import clock
from connections.models import Connection, Division, WebhookEvent
from sync import standings
from sync.models import Posting, SyncLane
from sync.models.lanes import ARCHIVE, BOOKING
from sync.models.reconciliation import Month

Meaning = WebhookEvent.Meaning

SETTLES = timedelta(seconds=10)
BATCH = 500
# In one sweep; more waits for the next.
MOST = 20_000
# Families of Square's events: what a lane reads, by the word before the first dot. A consent that ended shows when the
# lane asks.
RINGING = frozenset(("payment", "refund", "order", "customer", "payout", "dispute", "invoice", "oauth"))
INVOICE, CUSTOMER = "invoice", "customer"
# Topics of Exact: what mappings point at, and what is booked.
REFERENCE = frozenset(("Accounts", "GLAccounts"))
ENTRIES = frozenset(
    ("FinancialTransactions", "SalesEntries", "BankEntries", "CashEntries", "GeneralJournalEntries", "SalesInvoices")
)
CREATED = "Create"


@dataclass
class _Heard:
    """What a batch of events comes to. `rung`: lane -> how many events of which type."""

    meanings: dict[Meaning, list[int]] = field(default_factory=lambda: defaultdict(list))
    rung: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    invoices: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    changed: set[int] = field(default_factory=set)


def heed() -> set[int]:
    """Act on every event that has settled. Returns the lanes that were rung. Safe to be cut off and done again."""
    now, rung, left = clock.now(), set(), MOST
    settled = WebhookEvent.objects.filter(heeded_at=None, received_at__lte=now - SETTLES).order_by("id")
    while left > 0 and (batch := list(settled.select_related("connection")[: min(BATCH, left)])):
        with context.acting(trigger="webhook"):
            rung |= _heed(batch, at=now)
        left -= len(batch)
    return rung


def _heed(batch: Sequence[WebhookEvent], *, at: datetime) -> set[int]:
    """First what it sets going, then that it was heeded: cut off between the two, it is only set going again."""
    heard = _Heard()
    knows = _Knowledge()
    for event in batch:
        is_square = event.connection.system == Connection.System.SQUARE
        meaning = _of_square(event, knows, heard) if is_square else _of_exact(event, knows, heard)
        heard.meanings[meaning].append(event.pk)
    for lane, invoices in heard.invoices.items():
        standings.read_again_at_square(lane, invoices)
    Division.objects.filter(pk__in=heard.changed).update(reference_changed_at=at)
    ring(heard.rung, at=at)
    for meaning, keys in heard.meanings.items():
        WebhookEvent.objects.filter(pk__in=keys).update(meaning=meaning, heeded_at=at)
    return set(heard.rung)


def ring(lanes: dict[int, Counter[str]], *, at: datetime) -> None:
    """The lanes' time is now. One that is switched off or paused stays so, and reads all when it goes on."""
    rows = SyncLane.objects.filter(pk__in=lanes, is_enabled=True, paused_reason="").select_related("division")
    facts = [
        Fact("lane.rung", "lane", lane.pk, lane.label, division=lane.division.code, detail={"events": lanes[lane.pk]})
        for lane in rows
    ]
    with transaction.atomic():
        SyncLane.objects.filter(pk__in=[fact.subject_id for fact in facts], due_at__gt=at).update(due_at=at)
        trail.record(facts, at=at)


# -- Square
def _of_square(event: WebhookEvent, knows: _Knowledge, heard: _Heard) -> Meaning:
    sources = knows.accounts(event)
    if not sources:
        return Meaning.FOREIGN
    family = event.type.partition(".")[0]
    lanes = knows.lanes(sources, event.location_id, of_customers=family == CUSTOMER) if family in RINGING else ()
    for lane in lanes:
        heard.rung[lane][event.type] += 1
        if family == INVOICE:
            heard.invoices[lane].add(event.object_id)
    if not lanes:
        return Meaning.NOTED
    return Meaning.INVOICE if family == INVOICE else Meaning.LANE


# -- Exact
def _of_exact(event: WebhookEvent, knows: _Knowledge, heard: _Heard) -> Meaning:
    divisions = knows.divisions(event)
    if not divisions:
        return Meaning.FOREIGN
    topic, _, action = event.type.partition(".")
    if topic in REFERENCE:
        heard.changed.update(divisions)
        return Meaning.REFERENCE
    # What is made is ours, or seen by the comparison of the night; what is changed may be in a month that was signed.
    is_watched = topic in ENTRIES and action != CREATED and _watch(divisions, event.object_id)
    return Meaning.DRIFT if is_watched else Meaning.NOTED


def _watch(divisions: Iterable[int], entry_id: str) -> bool:
    """Let tonight's watch look at the signed month of an entry of ours first. Whether there is such a month."""
    postings = Posting.objects.filter(division__in=divisions, remote_id=entry_id)
    found = 0
    for division, day in postings.values_list("division", "date"):
        signed = Month.objects.filter(lane__division=division, starts=day.replace(day=1), signed_at__isnull=False)
        found += signed.update(watched_at=None)
    return bool(found)


@dataclass
class _Knowledge:
    """Whom events concern, asked of the database once per batch and answer."""

    known: dict[tuple[object, ...], tuple[int, ...]] = field(default_factory=dict)

    def accounts(self, event: WebhookEvent) -> tuple[int, ...]:
        """Connections of that merchant: an application's one subscription tells of every seller who allowed it."""
        if not event.account:
            return (event.connection_id,)
        rows = _same_application(event.connection).filter(account_id=event.account)
        return self._once(("account", event.connection_id, event.account), rows)

    def lanes(self, sources: tuple[int, ...], location: str, *, of_customers: bool) -> tuple[int, ...]:
        """Switched on or not: what happens to a lane is decided when it is rung. Those that keep customers in step
        hear of customers alone; an archive has its own hours.
        """
        rows = SyncLane.objects.filter(source__in=sources).exclude(flow=ARCHIVE)
        if not of_customers:
            rows = rows.filter(flow=BOOKING)
        if location:
            rows = rows.filter(feeds__location__location_id=location)
        return self._once(("lanes", sources, location, of_customers), rows.distinct())

    def divisions(self, event: WebhookEvent) -> tuple[int, ...]:
        rows = Division.objects.filter(
            connection__in=_same_application(event.connection).filter(region=event.connection.region),
            code=event.division, is_pinned=True,
        )  # fmt: skip
        return self._once(("division", event.connection_id, event.division), rows)

    def _once(self, question: tuple[object, ...], rows: QuerySet[Connection | SyncLane | Division]) -> tuple[int, ...]:
        if question not in self.known:
            self.known[question] = tuple(rows.order_by("pk").values_list("pk", flat=True))
        return self.known[question]


def _same_application(connection: Connection) -> QuerySet[Connection]:
    return Connection.objects.filter(
        Q(client_id=connection.client_id, environment=connection.environment, system=connection.system)
    )
