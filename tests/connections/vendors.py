"""Both vendors on a real socket, a clock that stands still until it is moved, and connections to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Lock
from urllib.parse import parse_qs, urlsplit

import requests
from pytest_django.fixtures import Settings

from connections import clients, clock, credentials, endpoints
from connections.grants import Grant
from connections.models import Connection, Division
from connections.sandbox.app import Sandbox
from connections.sandbox.clock import SandboxClock
from connections.sandbox.exact.site import ExactSite
from connections.sandbox.server import SandboxServer, serve

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EXACT_APP, SQUARE_APP, SECRET = "exact-app", "square-app", "app-secret-canary"
MAIN, OTHER, THIRD = 100001, 100002, 100003
TOKEN_PATH = "/api/oauth2/token"


class StillClock(clock.Clock):
    """Stands still until it is moved; sleeping moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.moment = START
        self.lock = Lock()

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.moment += timedelta(seconds=max(0.0, seconds))

    advance = sleep


class Vendors:
    def __init__(self, time: StillClock, sandbox: Sandbox, server: SandboxServer) -> None:
        self.time, self.sandbox, self.server = time, sandbox, server
        self.site: ExactSite = sandbox.exact.site("nl")

    def exact(
        self, label: str = "Books", *, region: str = "nl", is_connected: bool = True, **fields: object
    ) -> Connection:
        row = Connection.objects.create(
            system="exact", environment="local_sandbox", region=region, label=label, client_id=EXACT_APP,
            client_secret=SECRET, **fields,
        )  # fmt: skip
        return self.give(row) if is_connected else row

    def square(self, label: str = "Till", *, is_connected: bool = True, scopes: list[str] | None = None) -> Connection:
        row = Connection.objects.create(
            system="square", environment="local_sandbox", label=label, client_id=SQUARE_APP, client_secret=SECRET
        )
        return self.give(row, scopes=scopes) if is_connected else row

    def give(self, row: Connection, *, user: str = "maria@shop.example", scopes: list[str] | None = None) -> Connection:
        """Consent as the vendor's page would have given it."""
        now = self.time.now()
        if row.system == "square":
            tokens = self.sandbox.square.issue_tokens(SQUARE_APP, scopes)
            grant = Grant(
                access=tokens.access_token, refresh=tokens.refresh_token, granted_at=now,
                access_expires_at=tokens.expires_at, renew_from=now + timedelta(days=7), dies_at=None,
            )  # fmt: skip
            return credentials.adopt(row, grant, scopes=" ".join(tokens.scopes))
        pair = self.sandbox.exact.site(row.region).issue_tokens(EXACT_APP, user)
        grant = Grant(
            access=pair.access_token, refresh=pair.refresh_token, granted_at=now,
            access_expires_at=now + timedelta(seconds=600), renew_from=now + timedelta(seconds=570),
            dies_at=now + timedelta(days=30),
        )  # fmt: skip
        return credentials.adopt(row, grant)

    def division(self, connection: Connection, code: int = MAIN) -> Division:
        from connections import divisions

        found = next(row for row in divisions.discover(connection) if row.code == code)
        return divisions.pin(found, by="anna")

    def token_calls(self, system: str = "exact") -> int:
        return sum(
            count for (name, _, path), count in self.sandbox.log.counters.items() if name == system and "token" in path
        )

    def calls(self, path: str) -> int:
        return sum(count for (_, _, template), count in self.sandbox.log.counters.items() if template.endswith(path))


def register(sandbox: Sandbox) -> None:
    sandbox.square.register_app(SQUARE_APP, SECRET, [endpoints.redirect_address("square")])
    for region in ("nl", "be"):
        sandbox.exact.site(region).register_app(EXACT_APP, SECRET, [endpoints.redirect_address("exact")])
    site = sandbox.exact.site("nl")
    site.add_division(MAIN, "Koffiehuis BV", registration_number="12345678")
    site.add_division(OTHER, "Koffiehuis Holding BV", registration_number="23456789")
    site.add_division(THIRD, "Koffiehuis Vastgoed BV", registration_number="34567890")
    sandbox.exact.site("be").add_division(200001, "Koffiehuis Gent", country="BE")
    sandbox.square.add_location("Amsterdam")
    sandbox.square.add_location("Utrecht")


@contextmanager
def vendors(settings: Settings) -> Iterator[Vendors]:
    time = StillClock()
    sandbox = Sandbox(seed=1, clock=SandboxClock(time.now))
    opened: list[requests.Session] = []
    restore = clock.install(time)
    factory, clients.session_factory = clients.session_factory, lambda: _kept(opened)
    with serve(sandbox) as server:
        settings.SANDBOX_SQUARE_URL, settings.SANDBOX_EXACT_URL = server.square_url, server.exact_url
        settings.SANDBOX_SNOWFLAKE_URL = server.snowflake_url
        settings.PUBLIC_URL = "https://tillbridge.example"
        register(sandbox)
        try:
            yield Vendors(time, sandbox, server)
        finally:
            clients.session_factory = factory
            restore()
            sandbox.snowflake.close()
            for session in opened:
                session.close()


def _kept(opened: list[requests.Session]) -> requests.Session:
    opened.append(requests.Session())
    return opened[-1]


def decide(address: str, decision: str) -> dict[str, str]:
    """What a person does on the vendor's consent page; returns the parameters of the redirect back.

    Square shows no page to a seller who has allowed the same before.
    """
    with requests.Session() as browser:
        answer = browser.get(address, allow_redirects=False, timeout=5)
        if answer.status_code == 200:
            fields = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
            page, _, _ = address.partition("?")
            answer = browser.post(page, data={**fields, "decision": decision}, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
