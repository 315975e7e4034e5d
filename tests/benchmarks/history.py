"""A backfill of a merchant's past: read at night in batches, killed on the way, released and booked within the limits.

One clock drives both sides and stands still while anything works. The vendors' real limits hold.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.benchmarks.results import MEGABYTE, Row, at_most
from tests.benchmarks.stage import in_a_process

RECORDS, QUICK = 20_000, 2_000
DAYS = 31
# Statements into a batch at which it dies, one batch after the other.
KILLS = (20, 45, 80)
BATCHES = 10
TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Filled:
    """`missing`, `early`: records that were not read, and that were booked before anybody released them. `unbooked`:
    that were released and are not in the books.
    """

    records: int
    read_seconds: float
    book_seconds: float
    kills: int
    batches: int
    nights: int
    missing: int
    early: int
    unbooked: int
    refused: int
    estimated_calls: int
    calls: int
    peak: int
    resting: int


def measure(records: int) -> Filled:
    """A fresh data folder in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        with in_a_process(_measured, records) as pipe:
            found: Filled = pipe.recv()
    return found


def _measured(records: int) -> Filled:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    return _play(records)


def _play(records: int) -> Filled:
    from connections.sandbox.generator import generate
    from tests.benchmarks.pipeline import peak
    from tests.world import START
    from tests.world import world as make_world

    with make_world() as world:
        end = START - timedelta(days=3)
        month = generate(
            world.sandbox.square, seed=1, payments=records, days=DAYS, end=end, shape="counter", oddities=False
        )
        lane = world.furnish().lane
        world.run()
        lane.is_enabled = False
        lane.save()
        resting, seen = peak(), len(world.sandbox.log.entries)
        began = time.perf_counter()
        read = _read(world, lane, month.days[0], records)
        reading = time.perf_counter() - began
        missing, early = records - _held(lane), _booked(lane)
        began = time.perf_counter()
        calls = _book(world, lane)
        booking = time.perf_counter() - began
        statuses = Counter(entry.status for entry in world.sandbox.log.entries[seen:])
        return Filled(
            records=records, read_seconds=reading, book_seconds=booking, **read, missing=missing, early=early,
            unbooked=records - _booked(lane), refused=statuses[TOO_MANY], calls=calls, peak=peak(), resting=resting,
        )  # fmt: skip


def _read(world: Any, lane: Any, first_day: Any, records: int) -> dict[str, int]:
    """Night after night, minute by minute, as workers do; three batches die on the way."""
    from sync import backfill, runs
    from sync.models import Backfill, SyncRun

    now = world.timeline.now
    made = Backfill.objects.create(
        lane=lane, begins=first_day, ends=lane.go_live, from_hour=22, to_hour=6, reason="bench", created_at=now(),
        batch_size=max(100, records // BATCHES),
    )  # fmt: skip
    job = Backfill.objects.select_related("lane__division__connection").get(pk=made.pk)
    backfill.begin(job, by="bench")
    kills, nights = list(KILLS), set()
    died = 0
    while Backfill.objects.filter(pk=job.pk, state="running").exists():
        if backfill.open_due():
            nights.add((now() - timedelta(hours=12)).date())
            run = SyncRun.objects.get(state="queued")
            if kills and _dies(run, kills.pop(0)):
                died += 1
                world.timeline.advance(300)  # until its lease has run out and the sweep finds it
            runs.work_to_rest(run)
        world.timeline.advance(60)
    job.refresh_from_db()
    batches = SyncRun.objects.filter(lane=lane, purpose="fill", state="done").count()
    estimated = backfill.prospect(job).booking_calls or 0
    return {"kills": died, "batches": batches, "nights": len(nights), "estimated_calls": estimated}


def _dies(run: Any, statement: int) -> bool:
    """Work on the run until that statement; from then on nothing of the process reaches database or wire."""
    from sync import runs
    from tests.crashing import Crash, Crashed, watched

    def die(name: str) -> None:
        crash.is_dead = True
        raise Crashed(name)

    crash = Crash(statement, die, counts=lambda name: name.startswith("before "))
    with watched(crash):
        try:
            runs.work_slice(run.pk)
        except Crashed:
            return True
    return False


def _book(world: Any, lane: Any) -> int:
    """Somebody releases all of it; the lane books it by itself. Returns calls to Exact."""
    from sync import actions, runs
    from sync.models import SyncItem, SyncRun

    before = world.sandbox.log.count("exact", containing="/api/v1/")
    actions.release(SyncItem.objects.filter(lane=lane, problem_kind="before_go_live").defer("payload"), by="bench")
    for run in SyncRun.objects.filter(state="queued"):
        runs.work_to_rest(run)
    world.timeline.advance(3600)
    world.run()
    return int(world.sandbox.log.count("exact", containing="/api/v1/") - before)


def _held(lane: Any) -> int:
    from sync.models import SyncItem

    return SyncItem.objects.filter(lane=lane, kind="payment").count()


def _booked(lane: Any) -> int:
    from sync.models import SyncItem

    return SyncItem.objects.filter(lane=lane, kind="payment", state="done").count()


def rows(records: int) -> list[Row]:
    found = measure(records)
    name = f"{records:,} records of history"
    return [
        Row(f"{name}: read", round(found.read_seconds, 1), "s"),
        Row(f"{name}: batches, on {found.nights} nights of the clock", found.batches, ""),
        Row(f"{name}: batches killed", found.kills, "", f"= {len(KILLS)}", found.kills == len(KILLS)),
        at_most(f"{name}: not read", found.missing, "", 0),
        at_most(f"{name}: booked before they were released", found.early, "", 0),
        at_most(f"{name}: not booked once they were", found.unbooked, "", 0),
        at_most(f"{name}: answers 429", found.refused, "", 0),
        Row(f"{name}: released and booked", round(found.book_seconds, 1), "s"),
        Row(f"{name}: calls to Exact for it", found.calls, f"{found.estimated_calls} estimated"),
        Row(f"{name}: peak memory with both vendors", round(found.peak / MEGABYTE, 1), "MB"),
        Row(f"{name}: of which before it began", round(found.resting / MEGABYTE, 1), "MB"),
    ]
