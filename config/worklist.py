"""The first page: what needs a person, and whether everything works by itself. Numbers come from `sync.health`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from audit.adminkit import admin_url, ago, list_url, local_time, number
from connections import clock
from connections.models import Connection, Division, WebhookEvent, WebhookSubscription
from mappings import soundness
from mappings.controls import ProposedChange
from mappings.models import CustomerMapping, Decision, GLMapping, ItemMapping, TenderJournal
from sync import health, issues, quiet, vitals
from sync.admin import books, clearing, naming, shown
from sync.admin.naming import Names
from sync.health import Cause, Doubt, LaneHealth
from sync.lifecycle import PostingState
from sync.models import Alert, CustomerLink, Posting, SourceCount, SyncItem, SyncLane, SyncRun
from sync.models.archive import ArchiveBatch, ArchiveTable
from sync.models.invoices import InvoiceStanding
from sync.models.reconciliation import Month

# The page's sections, and the right that shows each.
SEES_RECORDS = "sync.view_syncitem"
SEES_ENTRIES = "sync.view_posting"
SEES_LANES = "sync.view_synclane"
SEES_CONNECTIONS = "connections.view_connection"
MOST_LANES = 12


def context(request: HttpRequest) -> dict[str, Any]:
    now = clock.now()
    may = request.user.has_perm
    sections: dict[str, Any] = {"now": now, "tiles": []}
    if may(SEES_RECORDS):
        causes = health.causes(without=issues.ignored())
        names = naming.names([(cause.kind, cause.subject) for cause in causes], with_locations=False)
        days = health.days(timezone.localdate(now))
        sections |= {"causes": [_cause(cause, names) for cause in causes if cause.needs_a_person], "chart": chart(days)}
        sections["patient"] = [_cause(cause, names) for cause in causes if not cause.needs_a_person]
        sections["underway"] = _underway(days)
        sections["tiles"] += _record_tiles(causes, days)
    if may(SEES_ENTRIES):
        sections["doubts"] = [_doubt(doubt) for doubt in health.doubts()]
    if may(SEES_LANES):
        lanes = health.lanes()
        sections["lanes"] = [_lane(row) for row in lanes]
        sections["months"] = _months()
        sections["unsound_lanes"] = _unsound_lanes(lanes)
        sections["tiles"] += [*_alerts(), _heartbeat(now), _oldest_due(now)]
    if may(SEES_CONNECTIONS):
        sections["attention"] = [
            *_connections(now),
            *_webhooks(now),
            *_divisions(),
            *_undecided(),
            *_proposed(),
            *_unsound(),
        ]
        setup = health.set_up()
        sections["guide"] = [] if setup.is_complete else guide(setup)
    if may(SEES_LANES):
        sections["attention"] = [*sections.get("attention", ()), *_clearing(), *_customers(), *_missed(), *_archives()]
    return sections


# --- tiles --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Tile:
    figure: Any
    label: str
    url: str = ""
    tone: str = "quiet"
    is_small: bool = False


def _record_tiles(causes: Sequence[Cause], days: Sequence[health.Day]) -> list[Tile]:
    waiting = sum(cause.count for cause in causes if cause.needs_a_person)
    booked = sum(day.booked for day in days)
    plans = health.plans_to_approve()
    waits = Tile(
        number(plans),
        "plan waits for approval" if plans == 1 else "plans wait for approval",
        list_url(SyncRun, state__exact="planned"),
        "wait",
    )
    return [
        Tile(
            number(waiting),
            "record waits for a person" if waiting == 1 else "records wait for a person",
            shown.items_url(state="waiting"),
            "wait" if waiting else "good",
        ),
        *([waits] if plans else []),
        Tile(
            number(booked),
            f"record{'' if booked == 1 else 's'} booked, past {len(days)} days",
            shown.items_url(state="done"),
        ),
        *_invoice_tiles(health.invoice_leftovers()),
    ]


def _invoice_tiles(leftovers: int) -> list[Tile]:
    url = list_url(InvoiceStanding, stands="leftovers")
    return (
        [
            Tile(
                number(leftovers),
                "invoice left open in Exact" if leftovers == 1 else "invoices left open in Exact",
                url,
                "wait",
            )
        ]
        if leftovers
        else []
    )


def _underway(days: Sequence[health.Day]) -> dict[str, str]:
    """Records that a run is about to take up, or whose day has not closed yet: neither booked nor waiting."""
    count = sum(day.underway for day in days)
    return {"count": number(count), "url": list_url(SyncItem, state__in="extracted,resolved")} if count else {}


def _alerts() -> list[Tile]:
    count = Alert.objects.filter(recovered_at=None).count()
    url = list_url(Alert, **{"is": "open"})
    return [Tile(number(count), f"limit{'' if count == 1 else 's'} crossed", url, "bad")] if count else []


def _heartbeat(now: datetime) -> Tile:
    beat = health.heartbeat()
    seen = beat + clock.outside(now - beat) if beat else now
    silent = health.is_silent(beat, seen)
    figure = ago(beat, seen) if beat else "never"
    label = "a worker gave its last sign of life" + ("; it does not answer" if silent else "")
    return Tile(figure, label, reverse("admin:health"), "bad" if silent else "good", is_small=True)


def _oldest_due(now: datetime) -> Tile:
    overdue = health.oldest_due(now)
    if overdue is None:
        return Tile("nothing", "overdue", list_url(SyncLane), "good", is_small=True)
    row = overdue.posting or overdue.lane
    what = f"oldest due: {'entry' if overdue.posting else 'lane'} {row}"
    late = clock.outside(now - overdue.since) > health.SILENCE
    url = admin_url(type(row), row.pk) if row else ""
    return Tile(f"since {ago(overdue.since, now)}", what, url, "bad" if late else "good", is_small=True)


# --- what needs a person ------------------------------------------------------------------------
def _cause(cause: Cause, names: Names) -> dict[str, Any]:
    remedy = shown.REMEDIES[cause.kind]
    return {
        "title": remedy.title,
        "subject": names.cause(cause.subject),
        "sentence": cause.sentence,
        "todo": remedy.todo,
        "count": number(cause.count),
        "sums": shown.sums(cause.sums),
        "oldest": local_time(cause.oldest),
        "url": shown.items_url(state="waiting", kind=cause.kind, subject=cause.subject),
        "fix_url": shown.remedy_url(
            cause.kind,
            cause.subject,
            names,
            since=cause.first_day,
            division=min(cause.divisions) if len(cause.divisions) == 1 else None,
        ),
        "fix_label": remedy.button,
    }


DOUBTS = {
    PostingState.CONFLICT: ("in conflict", "bad", "Exact holds something else under this reference. Compare both."),
    PostingState.REFUSED: ("refused", "bad", "Exact said no. Put the cause right, then replay."),
    PostingState.SENDING: (
        "in doubt", "wait", "Sent, but no answer came. Tillbridge looks them up by itself and sends nothing twice."
    ),
}  # fmt: skip


def _doubt(doubt: Doubt) -> dict[str, Any]:
    word, tone, todo = DOUBTS[doubt.state]
    return {
        "word": word,
        "tone": tone,
        "todo": todo,
        "count": number(doubt.count),
        "sums": shown.sums(doubt.sums),
        "url": list_url(Posting, state__exact=doubt.state.value),
    }


def _lane(row: LaneHealth) -> dict[str, Any]:
    lane, last = row.lane, row.last
    runs = lane.is_enabled and not lane.is_paused
    return {
        "lane": lane,
        "url": admin_url(SyncLane, lane.pk),
        "next": local_time(lane.due_at) if runs and lane.due_at else "–",
        "last": last,
        "last_badge": shown.run_badge(last) if last else "",
        "last_at": local_time(last.finished_at or last.started_at or last.created_at) if last else "",
        "last_url": admin_url(SyncRun, last.pk) if last else "",
        "waiting": "" if lane.archives else number(row.waiting),
        "waiting_url": shown.items_url(lane=lane.pk, state="waiting")
        if lane.books
        else list_url(CustomerLink, lane__id__exact=lane.pk),
    }


@dataclass(frozen=True, slots=True)
class Notice:
    title: str
    sentence: str | SafeString
    url: str
    tone: str


def _connections(now: datetime) -> list[Notice]:
    return [
        Notice(
            row.full_name,
            row.status_reason or _why(row, now),
            admin_url(Connection, row.pk),
            "wait" if row.status in {Connection.Status.LIVE, Connection.Status.NEW} else "bad",
        )
        for row in health.connections(now)
    ]


def _why(row: Connection, now: datetime) -> str:
    if row.status == Connection.Status.NEW:
        return "Waits for consent: open it and press 'Give consent'."
    if row.status == Connection.Status.LIVE and row.refresh_expires_at:
        return f"Its consent ends {row.consent_ends(now)} if nobody acts. Give consent again."
    return f"It {row.get_status_display()}."


def _webhooks(now: datetime) -> list[Notice]:
    """Sources that fell silent, subscriptions that do not send, and events that concern nobody here."""
    lost = [
        Notice(
            f"Webhooks of “{row.connection}”: {row}",
            ("The vendor no longer lists it. " if row.missing_since else "The vendor switched it off. ")
            + "Press 'Subscribe to webhooks' on the connection, or remove it. Lanes look at their own times meanwhile.",
            list_url(WebhookSubscription, connection=row.connection_id),
            "bad",
        )
        for row in health.lost_subscriptions()[:12]
    ]
    return [*(_silence(row, now) for row in health.silences(now)), *lost, *_foreign(now)]


def _silence(row: health.Silence, now: datetime) -> Notice:
    url = admin_url(Connection, row.connection.pk)
    return Notice(quiet.title(row), quiet.sentence(row, now), url, "bad" if row.is_deaf else "wait")


def _foreign(now: datetime) -> list[Notice]:
    count = health.foreign_events(now)
    if not count:
        return []
    title = f"{number(count)} webhook event{'' if count == 1 else 's'} of an account nobody connected"
    todo = "They are genuine and were left alone. Connect that merchant or pin that division, or end its consent."
    return [Notice(title, todo, list_url(WebhookEvent, meaning="foreign"), "wait")]


def _missed() -> list[Notice]:
    count = health.missed_records()
    if not count:
        return []
    what = "record that Square holds was" if count == 1 else "records that Square holds were"
    title = f"{number(count)} {what} missed"
    todo = "The lanes read them again. Look here tomorrow: what is still missing then cannot be read."
    return [Notice(title, todo, list_url(SourceCount, missing="yes"), "wait")]


def _archives() -> list[Notice]:
    """Archives that stopped, and those that do not hold in Snowflake what was written."""
    found = []
    for row in health.archives()[:MOST_LANES]:
        if row.stopped:
            shown_at = row.last if row.last and not row.lane.is_paused else row.lane
            url = admin_url(type(shown_at), shown_at.pk)
            found.append(Notice(f"Archive {row.lane} has stopped", row.stopped, url, "bad"))
        tables = list_url(ArchiveTable, verdict="different", cursor__lane__id__exact=row.lane.pk)
        batches = list_url(ArchiveBatch, state="conflict")
        url = tables if row.different else batches
        told = " ".join(vitals.archive_differences(row))
        if told:
            found.append(Notice(f"Archive {row.lane} differs from what was written", told, url, "bad"))
    return found


def _divisions() -> list[Notice]:
    return [
        Notice(f"Division {row} is held", row.held_reason, admin_url(Division, row.pk), "bad")
        for row in health.held_divisions()
    ]


def _undecided() -> list[Notice]:
    found = health.undecided()
    chosen = {"status__exact": Decision.CONFLICT.value}
    rows = ((found.accounts, "GL mapping", GLMapping), (found.customers, "customer mapping", CustomerMapping))
    return [
        Notice(
            f"{number(count)} {name}{'' if count == 1 else 's'} in conflict",
            "Choose one of the candidates.",
            list_url(model, **chosen),
            "wait",
        )
        for count, name, model in rows
        if count
    ]


def _proposed() -> list[Notice]:
    count = ProposedChange.objects.filter(state=ProposedChange.State.WAITING).count()
    if not count:
        return []
    url = list_url(ProposedChange, state__exact="waiting")
    title = "1 change of a mapping is proposed" if count == 1 else f"{number(count)} changes of mappings are proposed"
    return [Notice(title, "What is proposed counts once somebody else has approved it.", url, "wait")]


def _customers() -> list[Notice]:
    """Customers that both sides changed, or that one side does not take."""
    words = {
        "conflict": ("customer in conflict", "customers in conflict", "Both sides changed the same field: choose."),
        "waiting": ("customer waits", "customers wait",
                    "One side does not take what the other holds; its page says which field."),
        "shared": ("customer shares an account", "customers share an account", "Say which one leads."),
    }  # fmt: skip
    found = health.customers_to_look_at()
    return [
        Notice(
            f"{number(found[state])} {one if found[state] == 1 else many}",
            todo,
            list_url(CustomerLink, state=state),
            "wait",
        )
        for state, (one, many, todo) in words.items()
        if state in found
    ]


def _clearing() -> list[Notice]:
    found = [*clearing.concerns(), *books.concerns()]
    return [Notice(title, sentence, url, "wait") for title, sentence, url in found]


def _unsound() -> list[Notice]:
    """Mappings that name what is blocked in Exact, or no longer there."""
    todo = "What they are used for waits. Put it right in Exact and read the division's data again, or change them."
    rows = (
        (soundness.troubled_rules(), "GL mapping", GLMapping),
        (soundness.troubled_customers(), "customer mapping", CustomerMapping),
        (soundness.troubled_items(), "item mapping", ItemMapping),
        (soundness.troubled_tenders(), "tender journal", TenderJournal),
    )
    return [
        Notice(
            f"{number(count)} {name} names what is blocked or gone" if count == 1
            else f"{number(count)} {name}s name what is blocked or gone",
            todo, list_url(model, trouble="yes"), "bad",
        )
        for found, name, model in rows
        if (count := found.count())
    ]  # fmt: skip


def _unsound_lanes(lanes: Sequence[LaneHealth]) -> list[Notice]:
    """Lanes that book on what is blocked in Exact, or no longer there."""
    todo = "Its records wait. Put it right in Exact and read the division's data again, or choose another on the lane."
    return [
        Notice(
            f"Lane {row.lane} books on what is blocked or gone", f"{sentence(row.troubles)} {todo}",
            admin_url(SyncLane, row.lane.pk), "bad",
        )
        for row in [row for row in lanes if row.troubles][:MOST_LANES]
    ]  # fmt: skip


def sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _months() -> list[Notice]:
    """Months that were signed off and changed since, and those whose last comparison left cents unexplained."""
    rows = Month.objects.select_related("lane__division", "reconciliation")
    return [
        Notice(
            f"{row} {'changed after its sign-off' if row.disturbed else 'does not tie'}",
            row.disturbed
            or f"Differences between Square and Exact that need a person: {number(row.reconciliation.findings)}.",
            admin_url(Month, row.pk),
            "bad",
        )
        for row in rows.filter(Q(reconciliation__findings__gt=0, signed_at=None) | ~Q(disturbed=""))[:12]
        if row.reconciliation
    ]


# --- the chart ----------------------------------------------------------------------------------
WIDTH, HEIGHT, FOOT, HEAD = 900, 200, 24, 16


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart, in the units of its view box."""

    day: health.Day
    x: int
    width: int
    good_y: int
    good_height: int
    wait_y: int
    wait_height: int
    url: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    width: int
    height: int
    base: int
    bars: Sequence[Bar]
    top: int
    booked: str
    waiting: str


def chart(days: Sequence[health.Day]) -> Chart | None:
    """Bars of booked and waiting records per day; None when there is nothing to draw."""
    top = max((day.booked + day.waiting for day in days), default=0)
    if not top:
        return None
    slot, room, base = WIDTH // len(days), HEIGHT - FOOT - HEAD, HEIGHT - FOOT
    bars = []
    for place, day in enumerate(days):
        good = round(room * day.booked / top)
        wait = max(3, round(room * day.waiting / top)) if day.waiting else 0
        bars.append(
            Bar(
                day=day, x=place * slot + 3, width=slot - 6, good_y=base - good, good_height=good,
                wait_y=base - good - wait, wait_height=wait, url=shown.items_url(day=day.day.isoformat()),
                label=f"{day.day:%-d %b}",
            )
        )  # fmt: skip
    return Chart(
        WIDTH,
        HEIGHT,
        base,
        bars,
        top,
        number(sum(day.booked for day in days)),
        number(sum(day.waiting for day in days)),
    )


# --- the set-up guide ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Step:
    title: str
    sentence: str
    is_done: bool
    is_next: bool
    url: str


def guide(done: health.SetUp) -> list[Step]:
    """The steps from nothing to a lane that runs; the first one not done is the next."""
    steps = (
        ("Connect Square", "Add the connection and give consent.", done.square, "connections_connection_add"),
        ("Connect Exact Online", "Add the connection, register its redirect address, give consent.", done.exact,
         "connections_connection_add"),
        ("Choose the division", "Pin the division that Square is booked in.", done.division,
         "connections_division_changelist"),
        ("Say which account is which", "Add GL mappings: revenue per tax, clearing, cash, tips, fees.", done.mappings,
         "mappings_glmapping_changelist"),
        ("Add a lane", "It says which locations are booked where, and how.", done.lane, "sync_synclane_add"),
        ("Try it, then switch it on", "Press 'Run now' on the lane, preview some records, then switch it on.",
         done.switched_on, "sync_synclane_changelist"),
    )  # fmt: skip
    following = next((place for place, step in enumerate(steps) if not step[2]), None)
    return [
        Step(title, sentence, is_done, place == following, _page(page))
        for place, (title, sentence, is_done, page) in enumerate(steps)
    ]


def _page(name: str) -> str:
    try:
        return reverse(f"admin:{name}")
    except NoReverseMatch:
        return ""
