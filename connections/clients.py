"""The only place where a row becomes a client."""

from __future__ import annotations

from collections.abc import Callable

import requests

from connections import clock, credentials, endpoints, keys
from connections.credentials import PresentToken, StoredTokens
from connections.ledger import WAIT_AT_MOST, Ledger
from connections.models import Connection, Division
from connections.providers.exact.client import ExactClient
from connections.providers.http import TokenSource, Transport
from connections.providers.snowflake.client import Context, SnowflakeClient
from connections.providers.square.client import SquareClient
from connections.providers.square.subscriptions import SubscriptionClient

# Where sessions come from. Tests put one here that mounts a sandbox in process.
session_factory: Callable[[], requests.Session] = requests.Session

# How long a data call may take to connect, be silent, and last; in seconds of the clock. Where the clock runs fast
# they shrink with it, but never so far that a busy machine alone would make calls fail.
CONNECT, SILENCE, LONGEST = 5.0, 20.0, 30.0
SHORTEST_REAL = 1.0
# Snowflake keeps a caller waiting for up to 45 seconds before it says that a statement is still running.
# Reference: snowflake.md 1.2
STATEMENT_SILENCE, STATEMENT_LONGEST = 50.0, 60.0

# Asked right before a write leaves: raises when whoever sends it may no longer do so.
Guard = Callable[[], None]


def answer_timeout() -> float:
    """Seconds of the clock after which a call has ended, one way or the other. Leases are longer than this.

    Its length is looked at between two pieces of the answer, so that one more silence may follow the last look.
    """
    return sum(map(_real, (CONNECT, SILENCE, LONGEST))) * clock.current().speed


def statement_timeout() -> float:
    """As `answer_timeout`, for a statement at Snowflake."""
    return sum(map(_real, (CONNECT, STATEMENT_SILENCE, STATEMENT_LONGEST))) * clock.current().speed


def _real(seconds: float) -> float:
    return max(SHORTEST_REAL, seconds / clock.current().speed)


def square_client(connection: Connection, *, wait_at_most: float = WAIT_AT_MOST) -> SquareClient:
    return _square(connection, StoredTokens(connection.pk), wait_at_most)


def exact_client(division: Division, *, wait_at_most: float = WAIT_AT_MOST, guard: Guard | None = None) -> ExactClient:
    """Pinned to the division: every data call carries it in its path.

    `wait_at_most`: seconds of the clock that one call may wait for the rate governor before it raises `Throttled`.
    """
    connection = division.connection
    return _exact(connection, StoredTokens(connection.pk), wait_at_most, division=division.code, guard=guard)


def account_client(connection: Connection, *, wait_at_most: float = WAIT_AT_MOST) -> ExactClient:
    """For Me and the list of divisions, before any division is chosen."""
    return _exact(connection, StoredTokens(connection.pk), wait_at_most)


def subscription_client(connection: Connection, *, wait_at_most: float = WAIT_AT_MOST) -> SubscriptionClient:
    """With the application's personal access token, which no seller gave. Raises `Locked` when it cannot be opened."""
    token = credentials.read(connection, "personal_access_token")
    return SubscriptionClient(
        endpoints.base_url(connection), token=token, transport=_transport(connection, wait_at_most)
    )


def testing_square_client(connection: Connection, *, wait_at_most: float) -> SquareClient:
    """Without renewal on a 401, so that a connection test sees what the vendor says."""
    return _square(connection, PresentToken(connection.pk), wait_at_most)


def testing_exact_client(connection: Connection, *, division: int | None, wait_at_most: float) -> ExactClient:
    return _exact(connection, PresentToken(connection.pk), wait_at_most, division=division)


def snowflake_client(
    connection: Connection, *, wait_at_most: float = WAIT_AT_MOST, guard: Guard | None = None
) -> SnowflakeClient:
    """Raises `NeedsConsent` for a connection that no test has passed, and `Locked`."""
    return _snowflake(connection, keys.StoredKeys(connection), wait_at_most, guard)


def testing_snowflake_client(
    connection: Connection, source: keys.PresentKeys, *, wait_at_most: float
) -> SnowflakeClient:
    return _snowflake(connection, source, wait_at_most)


def _snowflake(
    connection: Connection, tokens: TokenSource, wait_at_most: float, guard: Guard | None = None
) -> SnowflakeClient:
    names = {name: getattr(connection, name) for name in ("role", "warehouse", "database", "schema")}
    transport = _transport(connection, wait_at_most, guard, silence=STATEMENT_SILENCE, longest=STATEMENT_LONGEST)
    return SnowflakeClient(
        endpoints.base_url(connection), context=Context(**names), tokens=tokens, transport=transport, sleep=clock.sleep
    )


def _square(connection: Connection, tokens: TokenSource, wait_at_most: float) -> SquareClient:
    transport = _transport(connection, wait_at_most)
    return SquareClient(endpoints.base_url(connection), tokens=tokens, transport=transport)


def _exact(
    connection: Connection,
    tokens: TokenSource,
    wait_at_most: float,
    *,
    division: int | None = None,
    guard: Guard | None = None,
) -> ExactClient:
    transport = _transport(connection, wait_at_most, guard)
    return ExactClient(endpoints.base_url(connection), division=division, tokens=tokens, transport=transport)


def _transport(
    connection: Connection,
    wait_at_most: float,
    guard: Guard | None = None,
    *,
    silence: float = SILENCE,
    longest: float = LONGEST,
) -> Transport:
    return Transport(
        session=session_factory(),
        timeout=(_real(CONNECT), _real(silence)),
        longest=_real(longest),
        observer=Ledger(connection, wait_at_most=wait_at_most, guard=guard),
        now=clock.now,
    )
