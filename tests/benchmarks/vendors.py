"""The vendors' side of a measurement: a month of sales behind a socket, with quotas out of the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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
    customers: tuple[str, ...] = ()

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

    def issue_tokens(self, _client_id: str, _scopes: object = None) -> Any:
        return self.tokens


COUNTER = {"shape": "counter", "oddities": False}
# Every kind of sale a till knows, but for those that wait for a person: all that is generated must be booked.
WHOLE = {"shape": "mixed", "oddities": False, "refunds": 0.05, "invoices": 0.10, "payouts": True}
ACCOUNTS = {
    "1300": "receivables", "1105": "clearing", "1000": "cash", "1110": "other_tender", "8000": "revenue",
    "8001": "revenue", "8002": "revenue", "1500": "output_vat", "1501": "output_vat", "2150": "tips",
    "8010": "service_charge", "4960": "processing_fee", "4990": "rounding", "1290": "bank_in_transit",
}  # fmt: skip


def serve_month(pipe: Pipe, payments: int, days: int) -> None:
    """A month of counter sales: sell, serve, and answer questions until told to end."""
    _serve(pipe, payments, days, COUNTER)


def serve_whole_month(pipe: Pipe, payments: int, days: int) -> None:
    """The same with everything a merchant has: refunds, invoices, payouts, known customers."""
    _serve(pipe, payments, days, WHOLE)


def _serve(pipe: Pipe, payments: int, days: int, kinds: Mapping[str, Any]) -> None:
    import django

    django.setup()
    from connections.sandbox.app import Sandbox
    from connections.sandbox.server import serve

    sandbox = Sandbox(seed=SEED)
    with serve(sandbox) as server:
        month, opened = _opened(sandbox, server, payments, days, kinds)
        pipe.send(opened)
        answers = {
            "calls": lambda: _calls(sandbox), "books": lambda: _books(sandbox),
            "tied": lambda: _tied(sandbox, month),
        }  # fmt: skip
        with suppress(EOFError):
            while (question := pipe.recv()) != "end":
                pipe.send(answers[question]())


def _opened(sandbox: Any, server: Any, payments: int, days: int, kinds: Mapping[str, Any]) -> tuple[Any, Opened]:
    from config.demo import shop as shops
    from connections.sandbox.exact.apps import Limits
    from connections.sandbox.generator import generate

    customers = shops.found(sandbox, limits=Limits(minute=1_000_000, day=100_000_000))
    end = datetime.now(UTC) - SETTLED
    month = generate(sandbox.square, seed=SEED, payments=payments, days=days, end=end, customers=customers, **kinds)
    return month, Opened(
        environment={"SANDBOX_SQUARE_URL": server.square_url, "SANDBOX_EXACT_URL": server.exact_url},
        go_live=month.days[0],
        square_tokens=sandbox.square.issue_tokens(shops.SQUARE_APP),
        exact_tokens=sandbox.exact.site(shops.REGION).issue_tokens(shops.EXACT_APP),
        customers=tuple(customers),
    )


def _calls(sandbox: Any) -> dict[str, int]:
    return {system: sandbox.log.count(system) for system in ("exact", "square")}


def _ledger(sandbox: Any) -> list[dict[str, Any]]:
    from config.demo import shop as shops

    lines: list[dict[str, Any]] = sandbox.exact.site(shops.REGION).division(shops.DIVISION).lines()
    return lines


def _books(sandbox: Any) -> dict[str, Any]:
    """Raw records, past every client of ours."""
    payments = sandbox.square.payments()
    orders = {key: sandbox.square.order(key) for key in {row["order_id"] for row in payments}}
    return {"payments": payments, "orders": orders, "lines": _ledger(sandbox)}


def _tied(sandbox: Any, month: Any) -> dict[str, int]:
    """Exact's ledger against what the generator decided, in cents over all roles; an account it does not know counts
    in full. And the clearing account against what Square still holds of each location.
    """
    lines, truth = _ledger(sandbox), month.ledger()
    booked: Counter[str] = Counter()
    for line in lines:
        code = str(line["GLAccountCode"]).strip()
        booked[ACCOUNTS.get(code, f"account {code}")] += int((line["AmountDC"] * 100).to_integral_exact())
    difference = sum(abs(booked[role] - truth.get(role, 0)) for role in {*booked, *truth})
    held = sum(month.balance(location) for location in month.locations)
    return {"difference": difference, "clearing": booked["clearing"] - held, "doubled": _doubled(lines)}


def _doubled(lines: list[dict[str, Any]]) -> int:
    from config.demo import report

    return report.doubled(lines)
