"""The vendor's limits kept by waiting: lanes of three priorities write more than a day allows, and no call is refused.

One clock drives both sides and stands still while anything works, so that calls come as fast as they ever could; it
moves only when everybody waits. The lowest priority always asks first, and so takes whatever it is let have.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tests.benchmarks.results import Row, at_most
from tests.benchmarks.stage import in_a_process

WRITES, QUICK = 10_000, 1_000
MINUTE = 60
TOO_MANY = 429
COUNTED = frozenset((400, 401, 403, 404))
# Lanes that wait this long wait for the day, not for the minute.
LONG = timedelta(minutes=2)


@dataclass
class Lane:
    """Somebody who writes. `due` is when it was told to come again; `days` counts its writes per UTC day."""

    priority: int
    left: int
    due: datetime
    done_at: datetime | None = None
    sentences: set[str] = field(default_factory=set)
    days: Counter[date] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Kept:
    """`refused`: answers with status 429; `errors`: those that Exact counts towards a block; `held`: documents at
    Exact. `order`: priorities as they came to their end; `people`: of those who asked while all lanes waited, how many
    were served.
    """

    writes: int
    held: int
    refused: int
    errors: int
    busiest_minute: int
    days: int
    order: tuple[int, ...]
    asked: int
    people: int
    per_day: Mapping[int, Counter[date]]
    sentences: Mapping[int, set[str]]


def play(world: Any, writes: int) -> Kept:
    """Three lanes share the writes evenly. The world's shop is furnished."""
    began = world.timeline.now()
    lanes = [Lane(priority, writes // 3 + (priority <= writes % 3), began) for priority in (1, 2, 3)]
    seen, before = len(world.sandbox.log.entries), _held(world)
    order: list[int] = []
    asked = people = 0
    while working := [lane for lane in lanes if lane.left]:
        now = world.timeline.now()
        ready = [lane for lane in reversed(working) if lane.due <= now]
        for lane in ready:
            _write(world, lane)
            if not lane.left:
                order.append(lane.priority)
        if not ready:
            wait = min(lane.due for lane in working) - now
            if wait > LONG:
                asked += 1
                people += _person_is_served(world)
            world.timeline.advance(wait.total_seconds())
    calls = [entry for entry in world.sandbox.log.entries[seen:] if "/api/v1/" in entry.path]
    minutes = Counter(int(entry.at.timestamp()) // MINUTE for entry in calls)
    return Kept(
        writes=writes, held=_held(world) - before, refused=sum(entry.status == TOO_MANY for entry in calls),
        errors=sum(entry.status in COUNTED for entry in calls), busiest_minute=max(minutes.values()),
        days=len({entry.at.date() for entry in calls}), order=tuple(order), asked=asked, people=people,
        per_day={lane.priority: lane.days for lane in lanes},
        sentences={lane.priority: lane.sentences for lane in lanes},
    )  # fmt: skip


def _write(world: Any, lane: Lane) -> None:
    """One document at Exact, or the lane is told when to come again."""
    from audit.context import acting
    from connections import clients, priorities
    from connections.priorities import Priority
    from connections.providers.errors import Throttled

    whose = priorities.claim(Priority(lane.priority))
    with acting(trigger="schedule"), priorities.calling(whose):
        client = clients.exact_client(world.shop.division, wait_at_most=0)
        try:
            client.create("crm/Accounts", {"Name": f"Lane {lane.priority}, write {lane.left}"})
        except Throttled as told:
            lane.due = told.until
            lane.sentences.add(told.sentence)
            return
    lane.left -= 1
    lane.days[world.timeline.now().date()] += 1


def _person_is_served(world: Any) -> bool:
    """Somebody replays or looks something up while every lane waits."""
    from audit.context import acting
    from connections import clients

    with acting(trigger="person"):
        found = clients.exact_client(world.shop.division, wait_at_most=2).first("vat/VATCodes", select=["Code"])
    return found is not None


def _held(world: Any) -> int:
    return len(world.books.tables["accounts"])


def measure(writes: int) -> Kept:
    """A fresh data folder in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        with in_a_process(_measured, writes) as pipe:
            found: Kept = pipe.recv()
    return found


def _measured(writes: int) -> Kept:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    from tests.world import world as make_world

    with make_world() as world:
        world.furnish()
        return play(world, writes)


def rows(writes: int) -> list[Row]:
    found = measure(writes)
    name = f"{writes:,} writes of three lanes within the limits"
    return [
        at_most(f"{name}: answers 429", found.refused, "", 0),
        at_most(f"{name}: errors that count towards a block", found.errors, "", 0),
        at_most(f"{name}: calls of the busiest minute", found.busiest_minute, "", MINUTE),
        Row(f"{name}: written", found.held, "", f"= {writes}", found.held == writes),
        Row(f"{name}: in the order of priority", int(found.order == (1, 2, 3)), "", "= 1", found.order == (1, 2, 3)),
        Row(f"{name}: people served while all waited", found.people, f"of {found.asked}", f"= {found.asked}",
            found.people == found.asked),
        Row(f"{name}: days of the clock", found.days, ""),
    ]  # fmt: skip
