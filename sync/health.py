"""The numbers of the work list: few statements, no writing, nothing about how it looks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from connections import habit
from connections.models import Connection, Division, WebhookEvent, WebhookSubscription
from mappings.bookkeeping.legs import ProblemKind
from mappings.bookkeeping.open_terms import LEFTOVERS
from mappings.models import CustomerMapping, Decision, GLMapping
from sync import soundness
from sync.lifecycle import BatchState, ItemState, LinkState, PostingState, RunState
from sync.models import Beat, CustomerLink, LaneLocation, Posting, SourceCount, SyncItem, SyncLane, SyncRun
from sync.models.archive import ArchiveBatch, ArchiveTable
from sync.models.invoices import InvoiceStanding
from sync.models.lanes import ARCHIVE, BOOKING, CUSTOMERS

WORKER = "worker"
# A beat comes each minute; after this long without one nobody is working.
SILENCE = timedelta(seconds=150)
EXPIRY_WARNING = timedelta(days=7)
FOREIGN_SHOWN = timedelta(days=7)
# Counted no further.
MOST = 1_000
DAYS = 30
MOST_CAUSES = 50
# What waits by itself and goes on by itself.
BY_ITSELF = frozenset({ProblemKind.WAITS_FOR_SALE, ProblemKind.NO_LINES, ProblemKind.NO_ORDER})


# Division, kind and subject of a cause.
Place = tuple[int, str, str]


@dataclass(slots=True)
class Cause:
    """Records that wait for the same reason. `sums` is minor units per currency; `oldest`, `newest`: waiting since."""

    kind: ProblemKind
    subject: str
    sentence: str
    count: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    oldest: datetime | None = None
    newest: datetime | None = None
    first_day: date | None = None
    divisions: set[int] = field(default_factory=set)

    def take(self, other: Cause) -> None:
        """The records of another one as well."""
        self.count += other.count
        for currency, total in other.sums.items():
            self.sums[currency] = self.sums.get(currency, 0) + total
        self.oldest = min(filter(None, (self.oldest, other.oldest)), default=None)
        self.newest = max(filter(None, (self.newest, other.newest)), default=None)
        self.first_day = min(filter(None, (self.first_day, other.first_day)), default=None)
        self.divisions |= other.divisions

    @property
    def needs_a_person(self) -> bool:
        return self.kind not in BY_ITSELF


def invoice_leftovers() -> int:
    """Invoices that stay open in Exact unless a person looks at them."""
    return InvoiceStanding.objects.filter(why__in=LEFTOVERS).count()


# Of a customer that is kept in step: a person has to look.
TO_LOOK_AT = (LinkState.CONFLICT, LinkState.WAITING, LinkState.SHARED)


def customers_to_look_at() -> dict[str, int]:
    """Customers that are not in step and wait for a person, by state."""
    rows = CustomerLink.objects.filter(state__in=TO_LOOK_AT).order_by().values_list("state")
    return dict(rows.annotate(count=Count("pk")))


def plans_to_approve() -> int:
    return SyncRun.objects.filter(state=RunState.PLANNED).count()


def causes(*, without: Collection[Place] = ()) -> list[Cause]:
    """Why records wait, what needs a person first, then by how many wait; `without` these."""
    found: dict[tuple[str, str], Cause] = {}
    for (division, kind, subject), cause in waiting().items():
        if (division, kind, subject) not in without:
            found.setdefault((kind, subject), Cause(cause.kind, subject, cause.sentence)).take(cause)
    return sorted(found.values(), key=lambda cause: (not cause.needs_a_person, -cause.count, cause.subject))[
        :MOST_CAUSES
    ]


def waiting() -> dict[Place, Cause]:
    """Every cause by its division, in one statement."""
    rows = (
        SyncItem.objects.filter(state=ItemState.WAITING)
        .order_by()
        .values("problem_kind", "problem_subject", "currency", "lane__division")
        .annotate(
            count=Count("pk"),
            total=Sum("amount"),
            oldest=Min("waiting_since"),
            newest=Max("waiting_since"),
            sentence=Max("problem"),
            first_day=Min("local_day"),
        )
    )
    found: dict[Place, Cause] = {}
    for row in rows:
        division, subject = row["lane__division"], row["problem_subject"]
        kind = ProblemKind(row["problem_kind"] or ProblemKind.UNSUPPORTED)
        seen = Cause(
            kind, subject, row["sentence"], row["count"], {row["currency"]: row["total"]}, row["oldest"],
            row["newest"], row["first_day"], {division},
        )  # fmt: skip
        place = (division, row["problem_kind"], subject)
        if place in found:
            found[place].take(seen)
        else:
            found[place] = seen
    return found


@dataclass(frozen=True, slots=True)
class Doubt:
    """Entries that are not simply on their way: in doubt, in conflict, refused. `sums` is minor units per currency."""

    state: PostingState
    count: int
    sums: dict[str, int]


def doubts() -> list[Doubt]:
    """`sending` counts as in doubt once an attempt has ended without an answer (it then has a time to look it up)."""
    in_doubt = Q(state=PostingState.SENDING, due_at__isnull=False)
    rows = (
        Posting.objects.filter(in_doubt | Q(state__in=[PostingState.CONFLICT, PostingState.REFUSED]))
        .order_by()
        .values("state", "currency")
        .annotate(count=Count("pk"), total=Sum("total"))
    )
    counts: dict[PostingState, Doubt] = {}
    for row in rows:
        state = PostingState(row["state"])
        before = counts.get(state, Doubt(state, 0, {}))
        counts[state] = Doubt(state, before.count + row["count"], {**before.sums, row["currency"]: row["total"]})
    order = (PostingState.CONFLICT, PostingState.REFUSED, PostingState.SENDING)
    return [counts[state] for state in order if state in counts]


@dataclass(frozen=True, slots=True)
class LaneHealth:
    """`waiting`: records, or customers, that need somebody or something. `troubles`: what the lane books on that is
    blocked or gone in Exact, in words.
    """

    lane: SyncLane
    last: SyncRun | None
    waiting: int
    troubles: tuple[str, ...] = ()


def lanes() -> list[LaneHealth]:
    newest = SyncRun.objects.filter(lane=OuterRef("pk")).order_by("-id").values("pk")[:1]
    rows = list(
        SyncLane.objects.select_related("division", "source", "collective_debtor").annotate(
            last_run_id=Subquery(newest)
        )
    )
    last = SyncRun.objects.in_bulk([lane.last_run_id for lane in rows if lane.last_run_id])
    waiting = (
        SyncItem.objects.filter(state=ItemState.WAITING).order_by().values_list("lane").annotate(count=Count("pk"))
    )
    count_of, told = dict(waiting), soundness.of_lanes(rows)
    # A lane keeps records or customers, never both.
    if any(lane.flow == CUSTOMERS for lane in rows):
        customers = CustomerLink.objects.filter(state__in=TO_LOOK_AT).order_by().values_list("lane")
        count_of |= dict(customers.annotate(count=Count("pk")))
    return [
        LaneHealth(lane, last.get(lane.last_run_id), count_of.get(lane.pk, 0), tuple(told.get(lane.pk, ())))
        for lane in rows
    ]


@dataclass(frozen=True, slots=True)
class ArchiveHealth:
    """`stopped`: why the lane archives nothing, empty while it does. `different`: tables of which Snowflake does not
    hold what was written; `conflicts`: batches of which it took another number of rows.
    """

    lane: SyncLane
    last: SyncRun | None
    stopped: str = ""
    different: int = 0
    conflicts: int = 0

    @property
    def is_well(self) -> bool:
        return not (self.stopped or self.different or self.conflicts)


def archives() -> list[ArchiveHealth]:
    """Lanes that archive and are switched on."""
    newest = SyncRun.objects.filter(lane=OuterRef("pk")).order_by("-id").values("pk")[:1]
    lanes = list(SyncLane.objects.filter(flow=ARCHIVE, is_enabled=True).annotate(last_run_id=Subquery(newest)))
    if not lanes:
        return []
    last = SyncRun.objects.in_bulk([lane.last_run_id for lane in lanes if lane.last_run_id])
    tables = ArchiveTable.objects.filter(verdict="different").order_by().values_list("cursor__lane")
    batches = ArchiveBatch.objects.filter(state=BatchState.CONFLICT).order_by().values_list("lane")
    different, conflicts = (dict(rows.annotate(count=Count("pk"))) for rows in (tables, batches))
    return [
        ArchiveHealth(
            lane, run := last.get(lane.last_run_id), _stopped(lane, run), different.get(lane.pk, 0),
            conflicts.get(lane.pk, 0),
        )
        for lane in lanes
    ]  # fmt: skip


def _stopped(lane: SyncLane, last: SyncRun | None) -> str:
    if lane.is_paused:
        return f"It is paused: {lane.paused_reason}"
    return f"Its last run failed: {last.sentence}" if last and last.state == RunState.FAILED else ""


def connections(now: datetime) -> QuerySet[Connection]:
    """Connections that need somebody: no consent, unreadable secrets, or a token that dies within a week."""
    soon = Q(refresh_expires_at__lte=now + EXPIRY_WARNING)
    return Connection.objects.without_secrets().filter(~Q(status=Connection.Status.LIVE) | soon)


@dataclass(frozen=True, slots=True)
class Silence:
    """A source that has told nothing for longer than it usually does. `is_deaf`: lanes found changes meanwhile, so that
    the source is not still: its events do not arrive.
    """

    connection: Connection
    since: datetime
    usual: timedelta
    is_deaf: bool


def silences(now: datetime) -> list[Silence]:
    newest = WebhookEvent.objects.filter(connection=OuterRef("pk")).order_by("-received_at").values("received_at")[:1]
    changes = SyncRun.objects.filter(
        lane__source=OuterRef("pk"), created_at__gt=OuterRef("last_event_at"), records_changed__gt=0
    ).exclude(purpose="fill")
    known = Connection.objects.filter(usual_quiet__isnull=False, status=Connection.Status.LIVE)
    seen = (
        known.annotate(last_event_at=Subquery(newest))
        .filter(last_event_at__isnull=False)
        .annotate(is_deaf=Exists(changes))
        .values_list("pk", "usual_quiet", "last_event_at", "is_deaf")
    )
    silent = {
        pk: (last, usual, is_deaf)
        for pk, usual, last, is_deaf in seen
        if usual and habit.is_too_long(now - last, usual=usual)
    }
    rows = Connection.objects.without_secrets().in_bulk(silent) if silent else {}
    return [Silence(rows[pk], *told) for pk, told in silent.items()]


def lost_subscriptions() -> QuerySet[WebhookSubscription]:
    """What the vendor no longer lists, or has switched off: Square does so after three weeks without an answer."""
    lost = Q(missing_since__isnull=False) | Q(is_enabled=False)
    return WebhookSubscription.objects.filter(lost).select_related("connection", "division")


def foreign_events(now: datetime) -> int:
    """Genuine events of a merchant or division that nobody connected here, in the last week."""
    since = now - FOREIGN_SHOWN
    return WebhookEvent.objects.filter(received_at__gte=since, meaning=WebhookEvent.Meaning.FOREIGN)[:MOST].count()


def missed_records() -> int:
    """Records that Square held at the last count and we did not."""
    return sum(row.missing for row in SourceCount.objects.filter(at_square__gt=F("held"))[:MOST])


def held_divisions() -> QuerySet[Division]:
    return Division.objects.exclude(held_reason="").select_related("connection")


@dataclass(frozen=True, slots=True)
class Undecided:
    """Mappings with several candidates, for a person to decide."""

    accounts: int
    customers: int


def undecided() -> Undecided:
    return Undecided(
        accounts=GLMapping.objects.filter(status=Decision.CONFLICT).count(),
        customers=CustomerMapping.objects.filter(status=Decision.CONFLICT).count(),
    )


@dataclass(frozen=True, slots=True)
class Overdue:
    """The oldest thing that should have been done by now."""

    since: datetime
    lane: SyncLane | None = None
    posting: Posting | None = None


def oldest_due(now: datetime) -> Overdue | None:
    """Among lanes that are on and not paused, and entries whose next step is due."""
    lane = (
        SyncLane.objects.filter(is_enabled=True, paused_reason="", due_at__lte=now)
        .exclude(Exists(SyncRun.objects.filter(lane=OuterRef("pk"), state__in=SyncRun.OPEN)))
        .order_by("due_at")
        .first()
    )
    posting = (
        Posting.objects.filter(state__in=[PostingState.DRAFT, PostingState.SENDING], due_at__lte=now)
        .order_by("due_at")
        .first()
    )
    found = [
        *([Overdue(lane.due_at, lane=lane)] if lane and lane.due_at else []),
        *([Overdue(posting.due_at, posting=posting)] if posting and posting.due_at else []),
    ]
    return min(found, key=lambda overdue: overdue.since, default=None)


def heartbeat() -> datetime | None:
    """When a worker last gave a sign of life."""
    return Beat.objects.filter(name=WORKER).values_list("at", flat=True).first()


def is_silent(beat: datetime | None, now: datetime) -> bool:
    return beat is None or now - beat > SILENCE


@dataclass(slots=True)
class Day:
    """Records of one local day: in the books, waiting, and on their way."""

    day: date
    booked: int = 0
    waiting: int = 0
    underway: int = 0

    @property
    def total(self) -> int:
        return self.booked + self.waiting + self.underway


def days(today: date, *, count: int = DAYS) -> list[Day]:
    """The last `count` local days up to today, days without records included."""
    first = today - timedelta(days=count - 1)
    # The index is on the moment; two days more on it cover every time zone, the day itself then decides.
    since = timezone.make_aware(datetime.combine(first - timedelta(days=2), time.min))
    rows = (
        SyncItem.objects.filter(took_place_at__gte=since, local_day__gte=first, local_day__lte=today)
        .order_by()
        .values_list("local_day", "state")
        .annotate(count=Count("pk"))
    )
    found = {first + timedelta(days=offset): Day(first + timedelta(days=offset)) for offset in range(count)}
    for day, state, number in rows:
        if state == ItemState.DONE:
            found[day].booked += number
        elif state == ItemState.WAITING:
            found[day].waiting += number
        elif state != ItemState.DISMISSED:
            found[day].underway += number
    return list(found.values())


@dataclass(frozen=True, slots=True)
class SetUp:
    """How far setting up has come, step by step."""

    square: bool
    exact: bool
    division: bool
    mappings: bool
    lane: bool
    switched_on: bool

    @property
    def is_complete(self) -> bool:
        return all((self.square, self.exact, self.division, self.mappings, self.lane, self.switched_on))


def set_up() -> SetUp:
    """Which steps of setting up are done."""
    live = Connection.objects.filter(status=Connection.Status.LIVE).order_by()
    systems = set(live.values_list("system", flat=True))
    feeds = Exists(LaneLocation.objects.filter(lane=OuterRef("pk")))
    lanes = list(SyncLane.objects.filter(flow=BOOKING).order_by().values_list(feeds, "is_enabled"))
    return SetUp(
        Connection.System.SQUARE in systems,
        Connection.System.EXACT in systems,
        Division.objects.filter(is_pinned=True).order_by().exists(),
        GLMapping.objects.filter(status=Decision.MATCHED).order_by().exists(),
        any(is_fed for is_fed, _ in lanes),
        any(is_enabled for _, is_enabled in lanes),
    )
