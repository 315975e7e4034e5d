"""What crosses a limit now: read from the rows, a few statements per connection, nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.db.models import Count, Min, QuerySet

from audit.adminkit import admin_url, list_url
from connections.models import CallBudget, Connection, Division, VendorCall
from mappings.bookkeeping.legs import ProblemKind
from sync import health, quiet, vitals
from sync.alerts import proven
from sync.alerts.kinds import Condition, Kind
from sync.lifecycle import ItemState
from sync.models import SyncItem, SyncLane
from sync.models.alerts import AlertLimits
from sync.models.reconciliation import Month

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
# Of fewer calls a share says little; before this part of a day is over so does its pace.
FEWEST_CALLS, EARLIEST = 20, 0.25
TIMES_USUAL = 3
RENEWAL = "oauth.refresh"
UNMAPPED = (
    ProblemKind.UNMAPPED_ACCOUNT, ProblemKind.UNMAPPED_TAX, ProblemKind.AMBIGUOUS_TAX, ProblemKind.UNMAPPED_CUSTOMER,
    ProblemKind.UNMAPPED_ITEM,
)  # fmt: skip
# Nobody expects these to be booked by themselves.
NOT_EXPECTED = (ProblemKind.BEFORE_GO_LIVE,)


def found(now: datetime) -> list[Condition]:
    """Everything that is over its limit at this moment."""
    rows = AlertLimits.objects.select_related("connection")
    limits = {row.connection_id: row for row in rows}
    return [
        *(one for connection in _connections() for one in _of(connection, _limits(limits, connection.pk), now)),
        *(one for lane in _lanes() for one in _of_lane(lane, _limits(limits, lane.source_id), now)),
        *_divisions(),
        *_drifted(),
        *_silent(now),
        *_deaf(),
        *proven.found(now),
    ]


def _limits(known: Mapping[int | None, AlertLimits], connection: int) -> AlertLimits:
    return known.get(connection) or known.get(None) or AlertLimits()


def _connections() -> QuerySet[Connection]:
    return Connection.objects.exclude(status=Connection.Status.NEW).without_secrets()


def _of(row: Connection, limits: AlertLimits, now: datetime) -> Iterator[Condition]:
    subject, page = f"connection {row.pk}", admin_url(Connection, row.pk)
    for kind, title, sentence in (
        *_authentication(row, limits),
        *_consent(row, limits, now),
        *_errors(row, limits, now),
        *_quota(row, limits, now),
    ):
        yield Condition(kind, subject, title, sentence, page)


Told = tuple[Kind, str, str]


def _authentication(row: Connection, limits: AlertLimits) -> Iterator[Told]:
    if row.status != Connection.Status.LIVE:
        sentence = row.status_reason or f"It {row.get_status_display()}."
        is_archive = row.system == Connection.System.SNOWFLAKE
        until = (
            "Nothing is archived until a test passes." if is_archive else "Nothing is booked until consent is given."
        )
        yield Kind.AUTHENTICATION, f"{row.full_name} cannot be used", f"{sentence} {until}"
    elif limits.failed_renewals and _failed_renewals(row, limits.failed_renewals) >= limits.failed_renewals:
        sentence = (
            f"The last {limits.failed_renewals} renewals of its token failed. If this goes on, its work stops. Open it "
            "and press 'Test connection'; give consent again when that fails too."
        )
        yield Kind.AUTHENTICATION, f"{row.full_name} cannot renew its token", sentence


def _failed_renewals(row: Connection, most: int) -> int:
    """How many of the last renewals failed in a row, up to `most`."""
    calls = VendorCall.objects.filter(connection=row, operation=RENEWAL).order_by("-at", "-id")
    count = 0
    for failure in calls.values_list("failure", flat=True)[:most]:
        if not failure:
            break
        count += 1
    return count


def _consent(row: Connection, limits: AlertLimits, now: datetime) -> Iterator[Told]:
    ends = row.refresh_expires_at
    if not limits.token_days or not ends or row.status != Connection.Status.LIVE:
        return
    if ends - now <= timedelta(days=limits.token_days):
        when = row.consent_ends(now)
        sentence = f"Its consent ends {when} if nobody acts. Open it and give consent again: it takes a minute."
        yield Kind.CONSENT, f"The consent of {row.full_name} ends {when}", sentence


def _errors(row: Connection, limits: AlertLimits, now: datetime) -> Iterator[Told]:
    total, failed = _counted(row, now - HOUR)
    if limits.errors is not None and failed > limits.errors:
        sentence = f"{failed} of its {total} calls failed in the last hour; the limit is {limits.errors}."
        yield (
            Kind.ERRORS,
            f"Many calls to {row.full_name} fail",
            f"{sentence} Look at the request ledger for the cause.",
        )
    if limits.error_share is None or total < FEWEST_CALLS or 100 * failed <= limits.error_share * total:
        return
    all_calls, all_failed = _counted(row, now - WEEK)
    usual = (all_failed - failed) / (all_calls - total) if all_calls > total else 0
    if failed / total > TIMES_USUAL * usual:
        sentence = (
            f"{100 * failed / total:.0f} % of its {total} calls failed in the last hour; in the week before it was "
            f"{100 * usual:.1f} %. Look at the request ledger for the cause."
        )
        yield Kind.ERROR_RATE, f"A high share of calls to {row.full_name} fails", sentence


def _counted(row: Connection, since: datetime) -> tuple[int, int]:
    """Calls that left the building, and those of them that failed."""
    counts = VendorCall.objects.filter(connection=row, at__gte=since).aggregate(
        total=Count("pk"), failed=Count("pk", filter=vitals.FAILED)
    )
    return counts["total"], counts["failed"]


def _quota(row: Connection, limits: AlertLimits, now: datetime) -> Iterator[Told]:
    if not limits.quota_share:
        return
    for budget in CallBudget.objects.filter(connection=row, day_resets_at__gt=now):
        passed = 1 - (budget.day_resets_at - now) / DAY
        left = vitals.calls_left(budget, now)
        used = budget.day_limit - left
        expected = used / passed if passed >= EARLIEST else used
        if not left or 100 * expected > limits.quota_share * budget.day_limit:
            sentence = (
                f"{used} of {budget.day_limit} calls of division {budget.division} are used, and {passed:.0%} of the "
                f"day is over: at this pace it takes {expected:.0f}. Work then waits for the next day. Let lanes run "
                "less often, or look what calls so much."
            )
            yield Kind.QUOTA, f"The day's calls of {row.full_name} run out", sentence
            return


# --- lanes ----------------------------------------------------------------------------------------
def _lanes() -> QuerySet[SyncLane]:
    return SyncLane.objects.filter(is_enabled=True).select_related("division", "source")


def _of_lane(lane: SyncLane, limits: AlertLimits, now: datetime) -> Iterator[Condition]:
    subject = f"lane {lane.pk}"
    if limits.unbooked_hours and (told := _unbooked(lane, limits.unbooked_hours, now)):
        page = list_url(SyncItem, lane__id__exact=lane.pk, state__in="extracted,resolved,waiting")
        yield Condition(Kind.UNBOOKED, subject, f"Lane {lane} is behind", told, page)
    if limits.unmapped_growth is not None and (told := _unmapped(lane, limits.unmapped_growth, now)):
        page = list_url(SyncItem, lane__id__exact=lane.pk, state__exact="waiting")
        yield Condition(Kind.UNMAPPED, subject, f"Lane {lane} meets much that is unmapped", told, page)


def _unbooked(lane: SyncLane, hours: int, now: datetime) -> str:
    late = SyncItem.objects.filter(
        lane=lane, state__in=(ItemState.EXTRACTED, ItemState.RESOLVED, ItemState.WAITING),
        took_place_at__lt=now - timedelta(hours=hours),
    ).exclude(problem_kind__in=NOT_EXPECTED)  # fmt: skip
    seen = late.order_by().aggregate(count=Count("pk"), oldest=Min("local_day"))
    if not seen["count"]:
        return ""
    records = f"{seen['count']} record{' is' if seen['count'] == 1 else 's are'}"
    return f"{records} older than {hours} hours and not booked, the oldest of {seen['oldest']}. The work list says why."


def _unmapped(lane: SyncLane, most: int, now: datetime) -> str:
    new = SyncItem.objects.filter(
        lane=lane, state=ItemState.WAITING, problem_kind__in=UNMAPPED, waiting_since__gte=now - DAY
    ).count()
    if new <= most:
        return ""
    return f"{new} records of the last 24 hours wait for a mapping; the limit is {most}. The work list groups them."


# --- divisions and books --------------------------------------------------------------------------
def _divisions() -> Iterator[Condition]:
    for row in health.held_divisions():
        title = f"Division {row} is held"
        yield Condition(Kind.DIVISION, f"division {row.pk}", title, row.held_reason, admin_url(Division, row.pk))


def _silent(now: datetime) -> Iterator[Condition]:
    for row in health.silences(now):
        page = admin_url(Connection, row.connection.pk)
        told = quiet.sentence(row, now)
        yield Condition(Kind.SILENCE, f"connection {row.connection.pk}", quiet.title(row), told, page)


def _deaf() -> Iterator[Condition]:
    """Subscriptions that the vendor let go of: nothing comes by them, whatever the habit."""
    for row in health.lost_subscriptions():
        why = "no longer lists it" if row.missing_since else "switched it off"
        told = f"The vendor {why}. Press 'Subscribe to webhooks' on the connection. Lanes look at their own times."
        page = admin_url(Connection, row.connection_id)
        yield Condition(
            Kind.SILENCE, f"subscription {row.pk}", f"Webhooks of {row.connection.full_name}: {row} ended", told, page
        )


def _drifted() -> Iterator[Condition]:
    """Months that changed after their sign-off, and those that the night found not to tie."""
    rows = Month.objects.filter(reconciliation__findings__gt=0, signed_at=None)
    for row in rows.select_related("lane__division", "reconciliation"):
        count = row.reconciliation.findings if row.reconciliation else 0
        told = f"Differences between Square and Exact that nobody has explained: {count}. The month's page names each."
        yield Condition(Kind.DRIFT, f"month {row.pk}", f"{row} does not tie", told, admin_url(Month, row.pk))
    for row in Month.objects.exclude(disturbed="").select_related("lane__division"):
        title = f"{row} changed after its sign-off"
        yield Condition(Kind.DRIFT, f"month {row.pk}", title, row.disturbed, admin_url(Month, row.pk))
