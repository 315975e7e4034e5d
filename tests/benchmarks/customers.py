"""Customers in both directions: how many calls, seconds and how much memory keeping them in step takes.

Everybody is mapped and equal on both sides at first; then a tenth is edited at Square, a tenth in Exact, and one in a
hundred on both, on the same field. Measured are the first meeting, the run after the edits, and an idle run. The
vendors live in this process and their quotas are lifted, so the calls are theirs and the seconds ours: Exact's 60 a
minute would stretch the middle run to an hour.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.results import Row
from tests.benchmarks.stage import in_a_process

SIZE, QUICK = 10_000, 1_000
EDITED, DISPUTED = 0.10, 0.01
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Ran:
    """One run. `writes`: calls that change something at a vendor."""

    seconds: float
    exact: int
    square: int
    writes: int
    sent: int
    conflicts: int
    state: str


@dataclass(frozen=True, slots=True)
class Measured:
    size: int
    first: Ran
    edited: Ran
    idle: Ran
    differing: int
    peak: int
    resting: int


def measure(size: int) -> Measured:
    """A fresh data folder in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        with in_a_process(_measured, size) as pipe:
            found: Measured = pipe.recv()
    return found


def _measured(size: int) -> Measured:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    return _play(size)


def _play(size: int) -> Measured:
    from config.demo import shop as shops
    from connections.sandbox.exact.apps import Limits
    from mappings import reference
    from tests.benchmarks.pipeline import peak
    from tests.world import world as make_world

    with make_world() as world:
        world.sandbox.square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
        world.site.apps[shops.EXACT_APP].limits = Limits(10**9, 10**9)
        shop = world.furnish()
        people = _populate(world, size)
        reference.refresh(shop.division)
        _map(shop, people)
        lane = shops.keep_customers(shop)
        resting = peak()
        first = _ran(world, lane)
        _edit(world, people)
        edited = _ran(world, lane)
        idle = _ran(world, lane)
        return Measured(size, first, edited, idle, _differing(world, people), peak(), resting)


def _populate(world: Any, size: int) -> list[tuple[str, str]]:
    """(Square id, Exact GUID) of each."""
    found = []
    for number in range(size):
        name, email = f"Customer {number}", f"mail{number}@shop.example"
        made = world.sandbox.square.add_customer(company_name=name, email_address=email)
        row = world.books.add_account(name, Email=email)
        found.append((made["id"], row["ID"]))
    return found


def _map(shop: Any, people: list[tuple[str, str]]) -> None:
    from connections import clock
    from mappings.models import CustomerMapping, DebtorAccount, Decision

    debtors = dict(DebtorAccount.objects.filter(division=shop.division).values_list("remote_id", "pk"))
    CustomerMapping.objects.bulk_create(
        [
            CustomerMapping(
                division=shop.division, merchant=shop.square, square_customer_id=square, status=Decision.MATCHED,
                debtor_id=debtors[exact], effective_from=clock.now().date(),
            )
            for square, exact in people
        ],
        batch_size=500,
    )  # fmt: skip


def _edit(world: Any, people: list[tuple[str, str]]) -> None:
    """A tenth here, another tenth there, and one in a hundred on both sides."""
    world.timeline.advance(900)
    now, books = world.timeline.now(), world.books
    some, both = int(len(people) * EDITED), int(len(people) * DISPUTED)
    for number, (square, exact) in enumerate(people[: 2 * some]):
        if number < some:
            world.sandbox.square.change_customer(square, at=now, phone_number=f"+31 20 {5_000_000 + number}")
        if number >= some or number < both:
            books.tables["accounts"].change(exact, Phone=f"+31 30 {5_000_000 + number}", Modified=books.now())


def _ran(world: Any, lane: Any) -> Ran:
    from sync import runs

    world.timeline.advance(900)
    log = world.sandbox.log
    before = {name: log.count(name) for name in ("exact", "square")}
    writes = log.count("exact", "PUT") + log.count("square", "POST", "bulk-update")
    lane.refresh_from_db()
    began = time.perf_counter()
    run = runs.work_to_rest(runs.open_run(lane, trigger="schedule"))
    return Ran(
        seconds=time.perf_counter() - began, exact=log.count("exact") - before["exact"],
        square=log.count("square") - before["square"],
        writes=log.count("exact", "PUT") + log.count("square", "POST", "bulk-update") - writes,
        sent=run.sent_to_exact + run.sent_to_square, conflicts=run.conflicts, state=run.state,
    )  # fmt: skip


def _differing(world: Any, people: list[tuple[str, str]]) -> int:
    """Customers whose phone numbers differ at last: those in conflict, and no others."""
    accounts, profiles = world.books.tables["accounts"], world.sandbox.square.state.customers
    return sum(
        (accounts.get(exact).get("Phone") or "") != profiles[square].get("phone_number", "")
        for square, exact in people
    )  # fmt: skip


def rows(size: int) -> list[Row]:
    found = measure(size)
    name, thousand = f"{size:,} customers", size / 1_000
    disputed = int(size * DISPUTED)
    edits = int(size * EDITED)
    # One call for each account that Exact is sent, four for each 40 of them, and a few to read.
    most = (edits - disputed) * (1 + 4 / 40) + 40 * thousand

    def per_thousand(calls: int) -> float:
        return round(calls / thousand, 2)

    return [
        Row(f"{name}, first meeting", round(found.first.seconds, 1), "s"),
        Row(f"{name}, first meeting: calls", per_thousand(found.first.exact + found.first.square), "per 1,000"),
        Row(f"{name}, a fifth edited", round(found.edited.seconds, 1), "s"),
        Row(f"{name}, a fifth edited: Exact calls", per_thousand(found.edited.exact), "per 1,000",
            f"<= {per_thousand(int(most))}", found.edited.exact <= most),
        Row(f"{name}, a fifth edited: Square calls", per_thousand(found.edited.square), "per 1,000", "<= 20",
            found.edited.square <= 20 * thousand + 5),
        Row(f"{name}, in conflict", found.edited.conflicts, "", f"= {disputed}", found.edited.conflicts == disputed),
        Row(f"{name}, different at last", found.differing, "", f"= {disputed}", found.differing == disputed),
        Row(f"{name}, idle", round(found.idle.seconds, 1), "s"),
        Row(f"{name}, idle: writes", found.idle.writes, "", "<= 0", found.idle.writes == 0),
        Row(f"{name}, peak memory with both vendors", round(found.peak / MEGABYTE, 1), "MB"),
        Row(f"{name}, of which before the first run", round(found.resting / MEGABYTE, 1), "MB"),
    ]  # fmt: skip
