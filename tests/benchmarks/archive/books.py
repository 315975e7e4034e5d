"""Exact's side of a measurement: a ledger of any length, whose lines are made as they are asked for, so that a million
of them fit beside everything else; the first pages are kept as they were answered, so that the time this takes is not
what is measured.

A line says what a line of a Dutch division says: 52 of its 74 properties are filled, with about 1 KB of values. With
the names of all properties, and the empty ones, Exact writes 2.1 KB.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import md5
from multiprocessing.connection import Connection as Pipe
from typing import Any

from tests.benchmarks.vendors import Issuer

PATH = "sync/Financial/TransactionLines"
# Above every row version that the division has given to its other rows.
FIRST_VERSION = 50_000_000
BEGIN = datetime(2025, 1, 2, 9, 30)  # noqa: DTZ001 - Exact's wall clock
ACCOUNTS = ("1300", "8000", "1500", "4960", "1105")
NAMES = (
    "Debiteuren",
    "Omzet hoog tarief",
    "Btw af te dragen hoog",
    "Transactiekosten betaalprovider",
    "Tussenrekening",
)
TEXT = "Verkoop koffie, gebak en lunch aan de toonbank"
PAGES_KEPT = 110
OTHER_APP = "another-program"


@dataclass(frozen=True)
class Opened:
    """What the other processes need to know. `pem`: a key registered at the stand-in of Snowflake."""

    environment: dict[str, str]
    exact_tokens: Any
    address: str
    pem: str

    # The form in which `config.demo.shop` asks a sandbox for tokens.
    @property
    def exact(self) -> Issuer:
        return Issuer(self.exact_tokens)


def line(number: int) -> dict[str, Any]:
    """One transaction line, the same whenever it is asked for; four of them are an entry."""
    entry, place = divmod(number, 4)
    moment = BEGIN + timedelta(seconds=entry)
    day = moment.replace(hour=0, minute=0, second=0)
    kind = number % len(ACCOUNTS)
    amount = amount_of(number)
    vat = Decimal("0.21")
    return {
        "Timestamp": FIRST_VERSION + number, "ID": _guid(1, number), "Account": _guid(2, entry % 5000),
        "AccountCode": f"{entry % 5000:07}".rjust(18), "AccountName": f"Koffiehuis Prinsengracht {entry % 5000}",
        "AmountDC": amount, "AmountFC": amount, "AmountVATBaseFC": amount, "AmountVATFC": (amount * vat).quantize(vat),
        "CostCenter": f"KP{entry % 12:02}", "CostCenterDescription": f"Vestiging {entry % 12} Amsterdam",
        "CostUnit": f"KD{entry % 7}", "CostUnitDescription": f"Kostendrager {entry % 7}", "Created": moment,
        "Creator": _guid(3, entry % 9), "CreatorFullName": "Maria van den Berg", "Currency": "EUR", "Date": day,
        "Description": f"{TEXT} {entry}", "Division": 123456, "DueDate": day + timedelta(days=30),
        "EntryID": _guid(4, entry), "EntryNumber": 25700000 + entry, "ExchangeRate": Decimal(1),
        "ExtraDutyAmountFC": Decimal(0), "ExtraDutyPercentage": Decimal(0), "FinancialPeriod": moment.month,
        "FinancialYear": moment.year, "GLAccount": _guid(5, kind), "GLAccountCode": ACCOUNTS[kind],
        "GLAccountDescription": NAMES[kind], "InvoiceNumber": 900000 + entry, "JournalCode": "70",
        "JournalDescription": "Verkoopboek kassa", "LineNumber": place + 1, "LineType": 0, "Modified": moment,
        "Modifier": _guid(3, entry % 9), "ModifierFullName": "Maria van den Berg", "PaymentDiscountAmount": Decimal(0),
        "PaymentReference": f"RF{entry:016}", "Quantity": Decimal(number % 7 + 1), "Status": 50, "Type": 20,
        "VATCode": "2  ", "VATCodeDescription": "BTW hoog tarief, exclusief", "VATPercentage": vat, "VATType": "B",
        "YourRef": f"TB-{entry:016}",
    }  # fmt: skip


def amount_of(number: int) -> Decimal:
    return Decimal((number * 7919) % 2_000_000 - 1_000_000) / 100


def _guid(space: int, number: int) -> str:
    """In no order, as Exact's are."""
    return str(uuid.UUID(bytes=md5(b"%d/%d" % (space, number), usedforsecurity=False).digest(), version=4))


def total(lines: int) -> Decimal:
    """The sum of all amounts."""
    return sum(map(amount_of, range(lines)), Decimal(0))


def serve_ledger(pipe: Pipe, lines: int) -> None:
    """Serve, and answer questions until told to end."""
    import django

    django.setup()
    from config.demo import archive
    from config.demo import shop as shops
    from connections.providers.snowflake.keypair import KeyPair
    from connections.sandbox.app import Sandbox
    from connections.sandbox.archive import open_archive
    from connections.sandbox.exact.apps import Limits
    from connections.sandbox.server import serve

    sandbox, pem = Sandbox(seed=1, log_limit=1000), archive.new_key()
    limits = Limits(minute=1_000_000, day=100_000_000)
    shops.found(sandbox, limits=limits)
    open_archive(sandbox, public_key=KeyPair.read(pem).public, schema=archive.SCHEMA)
    site = sandbox.exact.site(shops.REGION)
    site.register_app(OTHER_APP, shops.SECRET, limits=limits)
    site.switches.pages_kept = PAGES_KEPT
    site.division(shops.DIVISION).tables["transactionlines"] = _ledger(lines)
    with serve(sandbox) as server:
        base = server.exact_url.replace("{region}", shops.REGION)
        pipe.send(Opened(
            environment={"SANDBOX_EXACT_URL": server.exact_url, "SANDBOX_SNOWFLAKE_URL": server.snowflake_url},
            exact_tokens=site.issue_tokens(shops.EXACT_APP), address=f"{base}/api/v1/{shops.DIVISION}", pem=pem,
        ))  # fmt: skip
        answers = {
            "token": lambda: site.issue_tokens(OTHER_APP).access_token, "calls": lambda: _calls(sandbox),
            "archived": lambda: _archived(sandbox.snowflake.account(archive.ACCOUNT)),
        }  # fmt: skip
        with suppress(EOFError):
            while (question := pipe.recv()) != "end":
                pipe.send(answers[question]())
    sandbox.snowflake.close()


def _ledger(lines: int) -> Any:
    from connections.sandbox.exact.store import Row, Table

    class Ledger(Table):
        """Lines that are made when they are asked for, and nothing else."""

        def in_change_order(self, after: int = 0) -> Iterator[Row]:
            return map(line, range(max(0, after - FIRST_VERSION + 1), lines))

    return Ledger("ID")


def _calls(sandbox: Any) -> dict[str, int]:
    """Data calls: those that go with a new token aside."""
    counted = sandbox.log.counters.items()
    exact = {path: count for (system, _, path), count in counted if system == "exact" and "/api/v1/" in path}
    return {
        "exact": sum(count for path, count in exact.items() if not path.endswith(("Me", "Divisions"))),
        "lines": sum(count for path, count in exact.items() if path.endswith(PATH)),
        "snowflake": sum(count for (system, _, _), count in counted if system == "snowflake"),
    }


def _archived(account: Any) -> tuple[int, int]:
    [[rows, lines]] = account.query('SELECT COUNT(*), COUNT(DISTINCT "record_id") FROM "transaction_lines"')
    return int(rows), int(lines)
