"""What a vendor's token endpoint gives, in one form for both systems. Network only; stores nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import ModuleType

from connections import clock, endpoints
from connections.ledger import TokenLedger
from connections.models import Connection
from connections.providers.exact import oauth as exact
from connections.providers.http import Transport
from connections.providers.square import oauth as square

# Reference: square.md 2.2 - refresh every seven days at the latest; a short-lived token well before it dies.
SQUARE_RENEWAL = timedelta(days=7)
SQUARE_MARGIN = timedelta(hours=6)
# The request itself takes at most this many real seconds; the refresh lease is longer.
LONGEST_TOKEN_CALL = 25.0


@dataclass(frozen=True, slots=True)
class Grant:
    """A token pair. `renew_from` is the first moment the vendor gives the next one; `dies_at` None: never by itself."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    granted_at: datetime
    access_expires_at: datetime
    renew_from: datetime
    dies_at: datetime | None
    account_id: str = ""


def authorize_url(connection: Connection, *, state: str) -> str:
    """The vendor's page on which a person gives consent."""
    address = _oauth(connection).authorize_url(
        endpoints.base_url(connection),
        client_id=connection.client_id,
        redirect_uri=endpoints.redirect_address(connection.system),
        state=state,
    )
    return str(address)


def exchange(connection: Connection, *, client_secret: str, code: str, ledger: TokenLedger) -> Grant:
    """Tokens for the code of a consent. Raises the errors of `providers.errors`."""
    tokens = _oauth(connection).exchange(
        endpoints.base_url(connection),
        transport=_transport(ledger),
        client_id=connection.client_id,
        client_secret=client_secret,
        redirect_uri=endpoints.redirect_address(connection.system),
        code=code,
    )
    return granted(tokens)


def refresh(connection: Connection, *, client_secret: str, refresh_token: str, ledger: TokenLedger) -> Grant:
    """The next token pair. Only `credentials` calls this, under the lease. Raises the errors of `providers.errors`."""
    tokens = _oauth(connection).refresh(
        endpoints.base_url(connection),
        transport=_transport(ledger),
        client_id=connection.client_id,
        client_secret=client_secret,
        refresh_token=refresh_token,
    )
    return granted(tokens)


def granted(tokens: exact.ExactTokens | square.SquareTokens) -> Grant:
    if isinstance(tokens, exact.ExactTokens):
        return Grant(
            access=tokens.access,
            refresh=tokens.refresh,
            granted_at=tokens.obtained_at,
            access_expires_at=tokens.expires_at,
            renew_from=tokens.refresh_from,
            dies_at=tokens.refresh_expires_at,
        )
    now = clock.now()
    return Grant(
        access=tokens.access,
        refresh=tokens.refresh,
        granted_at=now,
        access_expires_at=tokens.expires_at,
        renew_from=max(now, min(now + SQUARE_RENEWAL, tokens.expires_at - SQUARE_MARGIN)),
        dies_at=None,
        account_id=tokens.merchant_id,
    )


def _oauth(connection: Connection) -> ModuleType:
    return exact if connection.system == Connection.System.EXACT else square


def _transport(ledger: TokenLedger) -> Transport:
    from connections import clients  # clients asks credentials for tokens, and credentials asks here

    session = clients.session_factory()
    return Transport(session=session, timeout=(5, 15), longest=LONGEST_TOKEN_CALL, observer=ledger, now=clock.now)
