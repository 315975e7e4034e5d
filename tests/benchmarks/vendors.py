"""The vendors' side of a measurement: a month of counter sales behind a socket, with quotas out of the way."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from typing import Any

# Every generated day is closed by now, and every fee shows.
SETTLED = timedelta(hours=30)
SEED = 1


@dataclass(frozen=True)
class Opened:
    """What the other processes need to know. The tokens are objects of the sandbox."""

    environment: dict[str, str]
    go_live: date
    square_tokens: Any
    exact_tokens: Any

    # The form in which `config.demo.shop.furnish` asks a sandbox for tokens.
    @property
    def square(self) -> Issuer:
        return Issuer(self.square_tokens)

    @property
    def exact(self) -> Issuer:
        return Issuer(self.exact_tokens)


@dataclass(frozen=True)
class Issuer:
    tokens: Any

    def site(self, _region: str) -> Issuer:
        return self

    def issue_tokens(self, _client_id: str) -> Any:
        return self.tokens


def serve_month(pipe: Pipe, payments: int, days: int) -> None:
    """Sell, serve, and answer questions until told to end."""
    import django

    django.setup()
    from connections.sandbox.app import Sandbox
    from connections.sandbox.server import serve

    sandbox = Sandbox(seed=SEED)
    with serve(sandbox) as server:
        pipe.send(_opened(sandbox, server, payments, days))
        with suppress(EOFError):
            while (question := pipe.recv()) != "end":
                pipe.send(_calls(sandbox) if question == "calls" else _books(sandbox))


def _opened(sandbox: Any, server: Any, payments: int, days: int) -> Opened:
    from config.demo import shop as shops
    from connections.sandbox.exact.apps import Limits
    from connections.sandbox.generator import generate

    shops.found(sandbox, limits=Limits(minute=1_000_000, day=100_000_000))
    end = datetime.now(UTC) - SETTLED
    month = generate(sandbox.square, seed=SEED, payments=payments, days=days, end=end, shape="counter", oddities=False)
    return Opened(
        environment={"SANDBOX_SQUARE_URL": server.square_url, "SANDBOX_EXACT_URL": server.exact_url},
        go_live=month.days[0],
        square_tokens=sandbox.square.issue_tokens(shops.SQUARE_APP),
        exact_tokens=sandbox.exact.site(shops.REGION).issue_tokens(shops.EXACT_APP),
    )


def _calls(sandbox: Any) -> dict[str, int]:
    return {system: sandbox.log.count(system) for system in ("exact", "square")}


def _books(sandbox: Any) -> dict[str, Any]:
    """Raw records, past every client of ours."""
    from config.demo import shop as shops

    payments = sandbox.square.payments()
    orders = {key: sandbox.square.order(key) for key in {row["order_id"] for row in payments}}
    return {
        "payments": payments,
        "orders": orders,
        "lines": sandbox.exact.site(shops.REGION).division(shops.DIVISION).lines(),
    }
