"""Applications, consents and tokens: who may do what, and until when.

Reference: Square docs, oauth-api/overview and refresh-revoke-limit-scope. Code flow: the refresh token does not
expire and is returned again; PKCE: it serves once and lives 90 days. Access tokens live 30 days,
short-lived ones 24 hours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connections.sandbox.clock import SandboxClock
from connections.sandbox.square.errors import LegacyError, SquareError
from connections.sandbox.square.ids import Ids

CODE_LIFE = timedelta(minutes=5)
TOKEN_LIFE = timedelta(days=30)
SHORT_LIFE = timedelta(hours=24)
PKCE_REFRESH_LIFE = timedelta(days=90)

# Granted when the scope parameter is missing or misspelt (forum topic 11950).
DEFAULT_SCOPES = ("MERCHANT_PROFILE_READ", "PAYMENTS_READ", "SETTLEMENTS_READ", "BANK_ACCOUNTS_READ")
# What a bookkeeping integration reads.
READ_SCOPES = (
    "MERCHANT_PROFILE_READ",
    "PAYMENTS_READ",
    "ORDERS_READ",
    "CUSTOMERS_READ",
    "INVOICES_READ",
    "PAYOUTS_READ",
    "DISPUTES_READ",
)


@dataclass(frozen=True, slots=True)
class App:
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    name: str


@dataclass(slots=True)
class Grant:
    """One consent. `expires_at` is set for PKCE only."""

    app: App
    scopes: tuple[str, ...]
    refresh_token: str
    pkce: bool = False
    expires_at: datetime | None = None
    revoked: bool = False


@dataclass(slots=True)
class AccessToken:
    value: str
    grant: Grant
    scopes: tuple[str, ...]
    expires_at: datetime
    short_lived: bool = False
    revoked: bool = False


@dataclass(slots=True)
class Code:
    value: str
    app: App
    scopes: tuple[str, ...]
    # As given in the consent address; empty when it was left out there.
    redirect_uri: str
    challenge: str
    expires_at: datetime
    used: bool = False


@dataclass
class Grants:
    clock: SandboxClock
    seed: int
    apps: dict[str, App] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, AccessToken] = field(default_factory=dict)
    refreshable: dict[str, Grant] = field(default_factory=dict)
    # (client id, scopes) a person has said yes to: asked again, Square does not ask again.
    consented: set[tuple[str, frozenset[str]]] = field(default_factory=set)
    # Personal access token -> its application.
    personal: dict[str, App] = field(default_factory=dict)
    on_revoke: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        self._ids = Ids(self.seed, "grants")

    def code(self, app: App, scopes: tuple[str, ...], *, redirect_uri: str, challenge: str) -> Code:
        code = Code(self._ids.code(), app, scopes, redirect_uri, challenge, self.clock.now() + CODE_LIFE)
        self.codes[code.value] = code
        self.consented.add((app.client_id, frozenset(scopes)))
        return code

    def redeem(self, client_id: str, value: str, *, redirect_uri: str) -> Code:
        """A code serves once, for its own application, for five minutes."""
        code = self.codes.get(value)
        if code is None or code.used or code.app.client_id != client_id or code.expires_at <= self.clock.now():
            raise LegacyError(401, f"Authorization code not found for app [{client_id}]")
        if code.redirect_uri != redirect_uri and (code.redirect_uri or redirect_uri not in code.app.redirect_uris):
            raise LegacyError(401, "Not Authorized")
        code.used = True
        return code

    def grant(self, app: App, scopes: tuple[str, ...], *, pkce: bool = False) -> Grant:
        expires_at = self.clock.now() + PKCE_REFRESH_LIFE if pkce else None
        grant = Grant(app, scopes, self._ids.refresh_token(), pkce, expires_at)
        self.refreshable[grant.refresh_token] = grant
        return grant

    def refresh(self, client_id: str, refresh_token: str) -> Grant:
        """The grant behind a refresh token; a PKCE grant gets its next one."""
        grant = self.refreshable.get(refresh_token)
        if grant is None or grant.app.client_id != client_id:
            raise LegacyError(401, "Not Authorized")
        if grant.revoked:
            raise LegacyError(400, "cannot renew revoked token", "bad_request")
        if grant.expires_at is not None and grant.expires_at <= self.clock.now():
            raise LegacyError(401, "Not Authorized")
        if grant.pkce:
            del self.refreshable[refresh_token]
            grant.refresh_token = self._ids.refresh_token()
            grant.expires_at = self.clock.now() + PKCE_REFRESH_LIFE
            self.refreshable[grant.refresh_token] = grant
        return grant

    def token(self, grant: Grant, *, scopes: tuple[str, ...] = (), short_lived: bool = False) -> AccessToken:
        """Scopes can only narrow what was granted."""
        narrowed = tuple(scope for scope in grant.scopes if not scopes or scope in scopes)
        expires_at = self.clock.now() + (SHORT_LIFE if short_lived else TOKEN_LIFE)
        token = AccessToken(self._ids.access_token(), grant, narrowed, expires_at, short_lived)
        self.tokens[token.value] = token
        return token

    def live(self, value: str) -> AccessToken:
        """Raises Square's 401 for an unknown, expired or revoked access token."""
        token = self.tokens.get(value)
        if token is None:
            raise SquareError(401, "UNAUTHORIZED", "This request could not be authorized.")
        if token.revoked or token.grant.revoked:
            raise SquareError(401, "ACCESS_TOKEN_REVOKED", "The provided access token has been revoked.")
        if token.expires_at <= self.clock.now():
            raise SquareError(401, "ACCESS_TOKEN_EXPIRED", "The provided access token has expired.")
        return token

    def personal_token(self, client_id: str) -> str:
        """The application's own, the same each time."""
        known = next((token for token, app in self.personal.items() if app.client_id == client_id), "")
        token = known or Ids(self.seed, f"personal:{client_id}").access_token()
        self.personal[token] = self.apps[client_id]
        return token

    def revoke(self, client_id: str, by: str = "APPLICATION") -> None:
        """The whole authorisation: every grant of the application, and the consent with it. `by`: APPLICATION,
        MERCHANT or SQUARE.
        """
        if self.on_revoke is not None:
            self.on_revoke(by)
        for grant in self.refreshable.values():
            if grant.app.client_id == client_id:
                grant.revoked = True
        self.consented = {known for known in self.consented if known[0] != client_id}

    def authenticated(self, client_id: str, client_secret: str) -> App:
        app = self.apps.get(client_id)
        if app is None or app.client_secret != client_secret:
            raise LegacyError(401, "Not Authorized")
        return app


def challenge_of(verifier: str) -> str:
    """PKCE, method S256."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
