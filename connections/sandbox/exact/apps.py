"""Who may ask: app registrations, users, and the tokens between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5


@dataclass(frozen=True)
class Limits:
    """Calls per app and company, in the clock minute and in the UTC day."""

    minute: int = 60
    day: int = 5000


@dataclass
class App:
    """`scopes` None is all; `crm.accounts` grants managing, `crm.accounts:read` reading.

    `keeps_suppliers` refuses what a link with a till has no business to write: GL accounts, and whoever is a supplier.
    `loopback_redirect` lets a demo without https register an http address of this machine; the vendor does not.
    """

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    scopes: frozenset[str] | None = None
    limits: Limits = field(default_factory=Limits)
    loopback_redirect: bool = False
    mandatory_filtering: bool = False
    webhook_secret: str = "sandbox-webhook-secret"  # noqa: S105 - worth nothing anywhere else
    keeps_suppliers: bool = False

    def may(self, scope: str, method: str) -> bool:
        if self.scopes is None or not scope or scope in self.scopes:
            return True
        return method == "GET" and f"{scope}:read" in self.scopes


@dataclass
class User:
    name: str
    full_name: str = "Maria de Vries"
    language: str = "en"
    current_division: int | None = None

    @property
    def guid(self) -> str:
        return str(uuid5(NAMESPACE_URL, self.name))

    @property
    def email(self) -> str:
        return self.name if "@" in self.name else f"{self.name}@example.com"


@dataclass
class Chain:
    """What one consent started: the tokens that follow each other until it breaks."""

    client_id: str
    user: str
    alive: bool = True
    granted_at: datetime | None = None


@dataclass
class AccessToken:
    token: str
    chain: Chain
    expires_at: datetime
    revoked: bool = False


@dataclass
class RefreshToken:
    token: str
    chain: Chain
    expires_at: datetime
    used: bool = False


@dataclass
class Code:
    code: str
    client_id: str
    user: str
    redirect_uri: str
    expires_at: datetime
    used: bool = False


@dataclass(frozen=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int = 600
