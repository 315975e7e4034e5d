"""The tokens of a connection: read, renewed by one process at a time, never sent twice.

An Exact refresh token dies when it is used, so a refresh is a claim on the row (`refresh_fence` counts claims), a call
without any transaction open, and one UPDATE with the new pair before anybody uses it. A claim that never came to an
end means that the answer is lost: the old token is not tried again, a person is asked for consent at once.
Square's refresh token stays the same and may be sent again.
Reference: exact-online.md 2.4, square.md 2.2.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db import OperationalError, transaction
from django.db.models import F, Q, QuerySet

from audit import trail
from connections import clock, endpoints, grants
from connections.fields import DecryptionFailed, SealedTextField
from connections.grants import Grant
from connections.ledger import TokenLedger
from connections.models import Connection
from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreachable, VendorError
from connections.providers.exact.oauth import EARLIEST_REFRESH
from connections.signals import tokens_renewed

Status = Connection.Status

# Real seconds, longer than a token call can take: 5 to connect, 25 of answer, and one more silence of 15.
LEASE = 60.0
POLL = 0.05
STORE_ATTEMPTS = 5
RETRY_AFTER = timedelta(seconds=30)
KEEP_ALIVE_AGE = timedelta(hours=24)
# An access token is not used in its last seconds: the call would arrive too late.
MARGIN = timedelta(seconds=3)
# A token refused this soon after it was given was not the problem.
JUST_GIVEN = timedelta(seconds=60)
SEALED = [field.name for field in Connection._meta.get_fields() if isinstance(field, SealedTextField)]

LOST = (
    "The answer to a token refresh was lost, and Exact gives each refresh token once. "
    "Nothing is booked until you give consent again."
)
NEVER_CONSENTED = "Nobody gave consent yet. Open the connection and choose 'Give consent'."
UNTESTED = "Nobody has tested this connection yet. Register its public key at the user, then press 'Test connection'."


class NeedsConsent(NotAuthorised):
    """Only a person can go on: at the vendor's consent page."""


class Superseded(NeedsConsent):
    """A consent was given while these tokens were on their way: the newer ones count."""


class Locked(NotAuthorised):
    """A stored secret cannot be opened with the present keys."""


class StoredTokens:
    """The clients' source of access tokens: the row, renewed ahead of a call when it is time."""

    def __init__(self, connection_id: int) -> None:
        self.connection_id = connection_id

    def current(self) -> str:
        """Raises `NeedsConsent`, `Locked`, or `Throttled` while no valid token is to be had."""
        row = usable(self.connection_id)
        if is_due(row):
            row = renew(row.pk, stale=is_due)
        if not _is_fresh(row):
            raise _not_yet(row)
        return read(row, "access_token")

    def renewed(self, refused: str) -> str:
        """Another token than the refused one. Never earlier than the vendor gives one."""
        row = usable(self.connection_id)
        if read(row, "access_token") != refused:
            return read(row, "access_token")
        if row.system == Connection.System.EXACT and not is_due(row):
            raise _not_yet(_distrust(row))
        if _was_just_renewed(row):
            raise _ask_for_consent(row, f"{row.get_system_display()} refuses even a new token. Give consent again.")
        return read(renew(row.pk, stale=lambda seen: read(seen, "access_token") == refused), "access_token")


class PresentToken(StoredTokens):
    """For the connection test: what the vendor says about the token as it is, without a renewal hiding it."""

    def current(self) -> str:
        """Also a token that was refused before: the test wants to hear it from the vendor."""
        row = usable(self.connection_id)
        return read(renew(row.pk, stale=is_due) if is_due(row) else row, "access_token")

    def renewed(self, refused: str) -> str:
        return refused


def read(row: Connection, name: str) -> str:
    """A secret in plain text, "" when there is none. Raises `Locked`, and marks the row, when no key opens it."""
    secret = getattr(row, name)
    if secret is None:
        return ""
    try:
        return str(secret.open())
    except DecryptionFailed as failed:
        move(row, Status.LOCKED, str(failed))
        raise Locked(str(failed)) from None


def usable(connection_id: int) -> Connection:
    """The row as it is now. Raises `NeedsConsent` or `Locked` when no call can be made with it."""
    row = Connection.objects.get(pk=connection_id)
    if row.status == Status.LOCKED:
        for name in SEALED:
            read(row, name)
        row = move(row, Status.LIVE if row.granted_at else Status.NEW, "")
    if row.status == Status.NEW:
        never = UNTESTED if row.system == Connection.System.SNOWFLAKE else NEVER_CONSENTED
        raise NeedsConsent(row.status_reason or never, code="revoked")
    if row.status == Status.NEEDS_CONSENT:
        raise NeedsConsent(row.status_reason, code="revoked")
    return row


def unlock() -> None:
    """Connections whose secrets can be opened again, since the keys are back, go on by themselves."""
    for pk in Connection.objects.filter(status=Status.LOCKED).values_list("pk", flat=True):
        with suppress(Locked, NeedsConsent):
            usable(pk)


def renew_from(row: Connection) -> datetime:
    """The first moment at which a refresh is allowed (Exact) or wanted (Square)."""
    earliest = EARLIEST_REFRESH if row.system == Connection.System.EXACT else grants.SQUARE_RENEWAL
    granted = row.granted_at or clock.now() - earliest
    if row.system == Connection.System.SQUARE and row.refresh_not_before:
        return row.refresh_not_before
    return max(granted + earliest, row.refresh_not_before or granted)


def is_due(row: Connection) -> bool:
    return clock.now() >= renew_from(row)


def renew(connection_id: int, *, stale: Callable[[Connection], bool]) -> Connection:
    """The row with tokens that are not `stale`: refreshed here, or by whoever holds the lease while we wait.

    1. Claim the lease by a conditional update; who loses waits and reads again.
    2. Call the vendor with no transaction open.
    3. Store the pair in one update on the fence, before anything else happens.
    Raises `RuntimeError` inside a transaction.
    """
    patience = time.monotonic() + LEASE
    while True:
        row = usable(connection_id)
        if not stale(row):
            return row
        if _is_claimed(row):
            if time.monotonic() > patience:
                raise Throttled("Another process is renewing the token.", until=clock.now() + RETRY_AFTER)
            time.sleep(POLL)  # real seconds: somebody else's call over the network
            continue
        secret, token = read(row, "client_secret"), read(row, "refresh_token")
        if _was_lost(row):
            raise _ask_for_consent(row, LOST)
        if _claim(row):
            return _refresh(Connection.objects.get(pk=row.pk), client_secret=secret, refresh_token=token)


def keep(row: Connection, grant: Grant, *, verb: str, **more: object) -> Connection:
    """Store a pair in one update, if the fence is still the row's. Raises `Superseded` when a consent came first."""
    values = {
        "access_token": grant.access,
        "refresh_token": grant.refresh,
        "granted_at": grant.granted_at,
        "granted_by": endpoints.base_url(row),
        "access_expires_at": grant.access_expires_at,
        "refresh_expires_at": grant.dies_at,
        "refresh_not_before": grant.renew_from,
        "refresh_until": None,
        "refresh_started_at": None,
        "status": Status.LIVE,
        "status_reason": "",
        "status_changed_at": row.status_changed_at if row.status == Status.LIVE else clock.now(),
        **more,
    }
    if not _stored(row, values, verb=verb):
        raise Superseded("Somebody gave consent meanwhile; the newer tokens count.", code="revoked")
    return Connection.objects.get(pk=row.pk)


def adopt(connection: Connection, grant: Grant, *, scopes: str = "", account_id: str = "") -> Connection:
    """Take the tokens of a fresh consent; a refresh that is under way is overruled."""
    with transaction.atomic(durable=True):
        Connection.objects.filter(pk=connection.pk).update(refresh_fence=F("refresh_fence") + 1)
    row = Connection.objects.get(pk=connection.pk)
    more = {"consented_at": grant.granted_at, "scopes": scopes, "account_id": account_id or row.account_id}
    return keep(row, grant, verb="connection.consented", **more)


def require_consent(row: Connection, sentence: str) -> None:
    """Stop all calls of the connection until a person gives consent; the reason is shown."""
    move(row, Status.NEEDS_CONSENT, sentence)


def move(row: Connection, status: Status, reason: str) -> Connection:
    """The one writer of the status. Does nothing when another process has written it, or the tokens, meanwhile."""
    now = clock.now()
    with transaction.atomic():
        same = Connection.objects.filter(
            pk=row.pk, refresh_fence=row.refresh_fence, refresh_started_at=row.refresh_started_at
        ).exclude(status=status)
        if same.update(status=status, status_reason=reason, status_changed_at=now):
            _record(row, f"connection.{VERBS[status]}", reason=reason)
    return Connection.objects.get(pk=row.pk)


VERBS = {
    Status.NEW: "opened",
    Status.LIVE: "opened",
    Status.NEEDS_CONSENT: "consent_needed",
    Status.LOCKED: "locked",
}


def due_for_keepalive() -> QuerySet[Connection]:
    """Live connections whose tokens should be renewed, work or not, so that the consent does not die of idleness."""
    now = clock.now()
    exact = Q(system=Connection.System.EXACT, granted_at__lte=now - KEEP_ALIVE_AGE)
    square = Q(system=Connection.System.SQUARE, refresh_not_before__lte=now)
    return Connection.objects.filter(exact | square, status=Status.LIVE)


def keep_alive(connection: Connection) -> Connection:
    """Renew if it is time. Raises what the vendor's refusal means; other connections are not touched."""
    return renew(connection.pk, stale=is_due)


def dying_within(days: int) -> QuerySet[Connection]:
    """Live connections whose consent ends within so many days if nobody acts."""
    until = clock.now() + timedelta(days=days)
    return Connection.objects.filter(status=Status.LIVE, refresh_expires_at__lte=until)


def _refresh(row: Connection, *, client_secret: str, refresh_token: str) -> Connection:
    ledger = TokenLedger(row)
    try:
        grant = grants.refresh(row, client_secret=client_secret, refresh_token=refresh_token, ledger=ledger)
        kept = keep(row, grant, verb="connection.token_renewed")
    except Superseded:
        return usable(row.pk)
    except VendorError as problem:
        return _without_tokens(row, problem)
    finally:
        ledger.write()
    tokens_renewed.send(Connection, connection=kept)
    return kept


def _without_tokens(row: Connection, problem: VendorError) -> Connection:
    """What a failed refresh means. Returns the row while its access token is still good, else raises."""
    if isinstance(problem, NotAuthorised | Refused):
        raise _ask_for_consent(row, problem.sentence) from problem
    if isinstance(problem, NoAnswer) and row.system == Connection.System.EXACT and not _has_failed_openly(problem):
        raise _ask_for_consent(row, LOST) from problem
    if not isinstance(problem, Throttled | Unreachable | NoAnswer):
        raise problem
    released = _release(row, problem.until if isinstance(problem, Throttled) else clock.now() + RETRY_AFTER)
    if _is_fresh(released):
        return released
    raise problem


def _has_failed_openly(problem: NoAnswer) -> bool:
    """An HTTP answer of 5xx came, so Exact said that it gave nothing. A token that was spent nevertheless is refused
    at the next try, and then a person is asked; without any answer nobody may try.
    """
    return problem.status is not None and problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _ask_for_consent(row: Connection, sentence: str) -> NeedsConsent:
    require_consent(row, sentence)
    return NeedsConsent(sentence, code="revoked")


def _claim(row: Connection) -> bool:
    now = clock.now()
    # The lease outlives a call that takes real seconds, however fast the clock runs.
    until = now + timedelta(seconds=LEASE * clock.current().speed)
    free = Q(refresh_started_at__isnull=True)
    if row.system == Connection.System.SQUARE:
        free |= Q(refresh_until__lte=now)
    with transaction.atomic(durable=True):
        mine = Connection.objects.filter(free, pk=row.pk, refresh_fence=row.refresh_fence, status=Status.LIVE)
        return bool(mine.update(refresh_fence=F("refresh_fence") + 1, refresh_until=until, refresh_started_at=now))


def _is_claimed(row: Connection) -> bool:
    return bool(row.refresh_started_at and row.refresh_until and row.refresh_until > clock.now())


def _was_lost(row: Connection) -> bool:
    """A claim ran out without an outcome: the process died, and the refresh token may be spent."""
    return row.system == Connection.System.EXACT and row.refresh_started_at is not None


def _release(row: Connection, not_before: datetime) -> Connection:
    """Nothing was spent: give the lease back, and let nobody try again at once."""
    with transaction.atomic(durable=True):
        Connection.objects.filter(pk=row.pk, refresh_fence=row.refresh_fence).update(
            refresh_until=None, refresh_started_at=None, refresh_not_before=not_before
        )
    return Connection.objects.get(pk=row.pk)


def _stored(row: Connection, values: dict[str, object], *, verb: str) -> bool:
    """One short transaction, repeated when the database is busy: until it commits, the only copy is in memory."""
    for attempt in range(1, STORE_ATTEMPTS + 1):
        try:
            return _store(row, values, verb=verb)
        except OperationalError:
            if attempt == STORE_ATTEMPTS:
                raise
            time.sleep(attempt * POLL)
    return False


def _store(row: Connection, values: dict[str, object], *, verb: str) -> bool:
    with transaction.atomic(durable=True):
        if not Connection.objects.filter(pk=row.pk, refresh_fence=row.refresh_fence).update(**values):
            return False
        _record(row, verb, access_expires_at=values["access_expires_at"], dies_at=values["refresh_expires_at"])
    return True


def _record(row: Connection, verb: str, **detail: object) -> None:
    fact = trail.Fact(verb, "connection", row.pk, row.label, detail=detail)
    trail.record([fact], at=clock.now())


def _is_fresh(row: Connection) -> bool:
    if row.access_token is None:
        return False
    return row.access_expires_at is None or clock.now() < row.access_expires_at - MARGIN


def _distrust(row: Connection) -> Connection:
    """Exact refused a token before its time and gives no other yet: nobody sends it again until then."""
    now = clock.now()
    sentence = f"Exact refused the access token. At {renew_from(row):%H:%M} UTC a new one is asked for, which decides."
    with transaction.atomic(durable=True):
        same = Connection.objects.filter(pk=row.pk, refresh_fence=row.refresh_fence)
        if same.update(access_expires_at=now, status_reason=sentence):
            _record(row, "connection.token_refused", reason=sentence)
    return Connection.objects.get(pk=row.pk)


def _was_just_renewed(row: Connection) -> bool:
    is_renewed = row.granted_at is not None and row.granted_at != row.consented_at
    return is_renewed and clock.now() - (row.granted_at or clock.now()) < JUST_GIVEN


def _not_yet(row: Connection) -> Throttled:
    return Throttled(
        row.status_reason or f"{row.get_system_display()} gives the next access token later.", until=renew_from(row)
    )
