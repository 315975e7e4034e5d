"""The rate governor: how many calls a division still has this minute and today, shared by every process.

A token bucket in the database. Refill plus burst stay within the vendor's limit, or a rolling minute is broken:
50 a minute and a burst of 10 let 60 through, 60 and 30 let 90 through.
Reference: exact-online.md section 4. Square publishes no limits; there only its 429 counts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F

from audit import context
from connections import clock, priorities
from connections.models import CallBudget, ErrorBudget, VendorCall
from connections.priorities import PERSONS, Claim, Priority
from connections.providers.errors import Throttled
from connections.providers.exact.limits import Limits, Window

MINUTE = 60.0
BURST_SHARE = 1 / 6
# Exact blocks the key above ten errors an hour per endpoint.
ERRORS_FOR_MACHINES = 6
ERRORS_FOR_PEOPLE = 8
HOUR = timedelta(hours=1)
SLOT = timedelta(minutes=5)
COUNTED_ERRORS = frozenset({400, 401, 403, 404})
PEOPLE = frozenset({"person", "replay"})
SHORTEST_PAUSE = 0.01
LONGEST_BACKOFF = 300.0


class EndpointRests(Throttled):
    """One endpoint of a division is left alone until then. Others are not: who has something else to do goes on."""


@dataclass(frozen=True, slots=True)
class Pause:
    until: datetime
    sentence: str

    @property
    def seconds(self) -> float:
        return max((self.until - clock.now()).total_seconds(), SHORTEST_PAUSE)

    def error(self) -> Throttled:
        return Throttled(self.sentence, until=self.until)


def is_person() -> bool:
    return context.current().trigger in PEOPLE


def claim() -> Claim:
    """Whose call it is that is being made."""
    return PERSONS if is_person() else priorities.current()


def take(connection_id: int, division: int, *, wait_at_most: float) -> CallBudget:
    """Take one call; returns what that left, `refilled_at` the moment it was granted. Sleeps at most `wait_at_most`
    seconds of the clock for it.

    Raises `Throttled`, and `RuntimeError` inside a transaction: no call goes out while one is open.
    """
    give_up = clock.now() + timedelta(seconds=wait_at_most)
    while isinstance(decided := _attempt(connection_id, division), Pause):
        if decided.until > give_up:
            raise decided.error()
        clock.sleep(decided.seconds)
    return decided


def refusals_of(endpoint: str) -> str:
    """Where refused writes count. Exact does not count its business rules (HTTP 500), we do: a cause that refuses one
    entry refuses the next. Reading the endpoint goes on: nothing may keep an entry in doubt from being looked up.
    """
    return f"write {endpoint}"


def require_errors_left(connection_id: int, division: int, endpoint: str, *, writes: bool = False) -> None:
    """Raises `EndpointRests` when this endpoint gave so many errors this hour that the next could block the key, or
    refused so many writes that somebody should look first.
    """
    now = clock.now()
    names = [endpoint[:60], *([refusals_of(endpoint)[:60]] if writes else [])]
    rows = ErrorBudget.objects.filter(
        connection_id=connection_id, division=division, endpoint__in=names, hour__gt=now - HOUR - SLOT
    )
    counted = list(rows.order_by("hour").values_list("hour", "errors"))
    until = rests_until(ERRORS_FOR_PEOPLE if is_person() else ERRORS_FOR_MACHINES, counted)
    if until is None:
        return
    errors = sum(count for _, count in counted)
    raise EndpointRests(
        f"Exact refused {errors} calls to {endpoint} this hour and blocks an app above ten. "
        f"Calls to it rest until {until:%H:%M} UTC; remove the cause before you replay.",
        until=until,
    )


def rests_until(allowed: int, counted: Sequence[tuple[datetime, int]]) -> datetime | None:
    """Until when an endpoint with these errors, oldest first, is left alone by those who stop at `allowed`."""
    return _falls_below(allowed, counted) if sum(count for _, count in counted) >= allowed else None


def _falls_below(allowed: int, counted: Sequence[tuple[datetime, int]]) -> datetime:
    """When so many of these errors, oldest first, are more than an hour old that fewer than `allowed` are left."""
    left = sum(count for _, count in counted)
    for slot, count in counted:
        left -= count
        if left < allowed:
            return slot + SLOT + HOUR
    raise ValueError("nothing is counted")


def count_error(connection_id: int, division: int, endpoint: str, *, at: datetime) -> None:
    row, is_new = ErrorBudget.objects.get_or_create(
        connection_id=connection_id, division=division, endpoint=endpoint[:60], hour=_slot(at)
    )
    ErrorBudget.objects.filter(pk=row.pk).update(errors=F("errors") + 1)
    if is_new:
        ErrorBudget.objects.filter(connection_id=connection_id, hour__lt=at - timedelta(days=2)).delete()


def learn(connection_id: int, division: int, limits: Limits, *, left: CallBudget | None = None) -> None:
    """Take over what an answer told. Counts are only ever lowered within a day; what is not told stays.

    `left`: what the call itself had left, which is brought up to date as well. An answer that says no less, as most do,
    is not held against the row: others may have lowered that meanwhile, which such an answer would not undo.
    """
    if left and not _taught(left, limits):
        return
    row = CallBudget.objects.filter(connection_id=connection_id, division=division).first()
    if row is None or not _taught(row, limits):
        return
    with locked(connection_id, division) as budget:
        _taught(budget, limits)


def block(connection_id: int, division: int, *, until: datetime) -> None:
    """The vendor answered 429: nobody calls before then."""
    with locked(connection_id, division) as budget:
        budget.blocked_until = max(until, budget.blocked_until or until)


def require_unblocked(connection_id: int) -> None:
    """For Square and Snowflake. Raises `Throttled`, and `RuntimeError` inside a transaction."""
    with transaction.atomic(durable=True):
        row = CallBudget.objects.filter(connection_id=connection_id, division=0).first()
    if row and row.blocked_until and row.blocked_until > clock.now():
        raise Throttled(f"The vendor asked to wait until {row.blocked_until:%H:%M:%S} UTC.", until=row.blocked_until)


def backoff(connection_id: int, *, at: datetime) -> timedelta:
    """How much longer than asked to leave a vendor alone that names no limits: up to 2, 4, 8 ... seconds, growing with
    each 429, in part by chance. Without the chance all workers would come back at once.
    """
    recent = VendorCall.objects.filter(connection_id=connection_id, status=429, at__gt=at - timedelta(minutes=10))
    step = min(2.0 ** recent[:10].count(), LONGEST_BACKOFF)
    return timedelta(seconds=step * random.uniform(0.5, 1))  # noqa: S311 - no secret hangs on it


@contextmanager
def locked(connection_id: int, division: int, *, durable: bool = False) -> Iterator[CallBudget]:
    """The row, held until it is saved at the end of the block."""
    now = clock.now()
    fresh = {"tokens": 10.0, "refilled_at": now, "day_resets_at": _next_midnight(now)}
    with transaction.atomic(durable=durable):
        budget, _ = CallBudget.objects.select_for_update().get_or_create(
            connection_id=connection_id, division=division, defaults=fresh
        )
        yield budget
        budget.save()


def _attempt(connection_id: int, division: int) -> Pause | CallBudget:
    with locked(connection_id, division, durable=True) as budget:
        # Read under the lock: a time from before the wait for it would refill the bucket twice.
        now = clock.now()
        _refill(budget, now)
        pause = _pause(budget, now)
        if pause is None:
            budget.tokens -= 1
            budget.day_remaining -= 1
        return pause or budget


def _refill(budget: CallBudget, now: datetime) -> None:
    elapsed = max(0.0, (now - budget.refilled_at).total_seconds())
    burst = budget.minute_limit * BURST_SHARE
    budget.tokens = min(burst, budget.tokens + elapsed * _rate(budget))
    budget.refilled_at = now
    if now >= budget.day_resets_at:
        budget.day_remaining = budget.day_limit
        budget.day_resets_at = _next_midnight(now)


def _pause(budget: CallBudget, now: datetime) -> Pause | None:
    if budget.blocked_until and budget.blocked_until > now:
        return Pause(budget.blocked_until, f"The vendor asked to wait until {budget.blocked_until:%H:%M:%S} UTC.")
    whose = claim()
    kept = share_of(budget, whose, now)
    if budget.day_remaining <= kept.day:
        return _day_pause(budget, whose, kept.day, now)
    if budget.tokens < 1 + kept.burst:
        until = now + timedelta(seconds=(1 + kept.burst - budget.tokens) / _rate(budget))
        return Pause(until, f"Division {budget.division} has used its calls of this minute.")
    return None


def share_of(budget: CallBudget, whose: Claim, now: datetime) -> priorities.Share:
    """What `whose` leaves to others of this division's calls."""
    burst = budget.minute_limit * BURST_SHARE
    return priorities.share(whose, day_limit=budget.day_limit, burst=burst, day_left=budget.day_resets_at - now)


def left_today(budget: CallBudget, now: datetime) -> int:
    """Calls of today: a day that is over has all of them back."""
    return budget.day_limit if now >= budget.day_resets_at else max(0, budget.day_remaining)


def pace(budget: CallBudget) -> int:
    """Calls a minute, in the long run."""
    return max(1, int(_rate(budget) * MINUTE))


def _day_pause(budget: CallBudget, whose: Claim, kept: int, now: datetime) -> Pause:
    wait = priorities.wait_for_day(
        whose, day_limit=budget.day_limit, remaining=budget.day_remaining, day_left=budget.day_resets_at - now
    )
    until = now + wait
    if whose.priority > Priority.FIRST and until < budget.day_resets_at:
        return Pause(
            until,
            f"Division {budget.division} has {budget.day_remaining} calls left today, and {kept} are kept for people "
            f"and for lanes that come first. This lane waits and goes on at {until:%H:%M} UTC.",
        )
    return Pause(budget.day_resets_at, _day_is_over(budget, kept))


def _day_is_over(budget: CallBudget, kept: int) -> str:
    rest = f" but the {kept} kept for people" if kept else ""
    return (
        f"Division {budget.division} has used its {budget.day_limit} calls of today{rest}. "
        f"Work goes on at {budget.day_resets_at:%H:%M} UTC."
    )


def _rate(budget: CallBudget) -> float:
    """Tokens per second."""
    return max(budget.minute_limit, 1) * (1 - BURST_SHARE) / MINUTE


def _taught(budget: CallBudget, limits: Limits) -> bool:
    """Whether the row changed."""
    before = _state(budget)
    _learn_day(budget, limits.day)
    _learn_minute(budget, limits.minute)
    return _state(budget) != before


def _state(budget: CallBudget) -> tuple[object, ...]:
    return (
        budget.tokens, budget.minute_limit, budget.day_limit, budget.day_remaining, budget.day_resets_at,
        budget.blocked_until,
    )  # fmt: skip


def _learn_day(budget: CallBudget, day: Window) -> None:
    if day.limit:
        # What is used stays used, whatever the limit turns out to be.
        budget.day_remaining += day.limit - budget.day_limit
        budget.day_limit = day.limit
    if day.reset and day.reset < budget.day_resets_at and day.reset <= clock.now():
        return  # an answer of yesterday
    if day.reset and day.reset > budget.day_resets_at and budget.day_resets_at <= clock.now():
        budget.day_remaining = budget.day_limit
    budget.day_resets_at = day.reset or budget.day_resets_at
    if day.remaining is not None:
        budget.day_remaining = min(budget.day_remaining, day.remaining)


def _learn_minute(budget: CallBudget, minute: Window) -> None:
    if minute.limit:
        budget.minute_limit = minute.limit
    if minute.remaining is None or (minute.reset and minute.reset <= clock.now()):
        return
    budget.tokens = min(budget.tokens, float(minute.remaining))
    if minute.remaining == 0 and minute.reset:
        budget.blocked_until = max(minute.reset, budget.blocked_until or minute.reset)


def _slot(moment: datetime) -> datetime:
    """The few minutes an error counts in: its hour begins at their end, since the vendor's clock is not ours and
    nobody knows whether its hour rolls.
    """
    return moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)


def _next_midnight(moment: datetime) -> datetime:
    today = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)
