"""Crashes on purpose: an engine that dies at a chosen boundary, and stays dead."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from config.prove import checks, consent
from config.prove.boundaries import Boundaries
from config.prove.witness import WitnessedSandbox
from connections import clients
from connections.sandbox.square import LineSpec, TenderSpec
from sync import runs
from sync.models import Posting, SyncRun
from tests.world import START, World, duplicate
from tests.world import world as make_world

# How a transaction that is given up leaves the database: a dead process does nothing, its database still rolls back.
AFTERMATH = ("ROLLBACK", "RELEASE")
# A test is itself one transaction, so the engine's begin with a savepoint.
WRITES = ("before SAVEPOINT", "before INSERT", "before UPDATE", "before DELETE")


class Crashed(BaseException):
    """The process is gone. No `except Exception` sees it, as none would see a `kill -9`."""


@dataclass
class Crash(Boundaries):
    """Once struck, nothing of the process reaches the database or the wire any more, not even its clean-up."""

    is_dead: bool = False

    def step(self, name: str) -> None:
        if self.is_dead and name.split()[1] not in AFTERMATH:
            raise Crashed(name)
        super().step(name)


@contextmanager
def dying(at: int, *, counts: Any) -> Iterator[Crash]:
    """Within the block the engine dies at its `at`-th boundary of those that `counts` chooses (0: counts only)."""

    def die(name: str) -> None:
        crash.is_dead = True
        raise Crashed(name)

    crash = Crash(at, die, counts=counts)
    with watched(crash):
        try:
            yield crash
        except Crashed:
            # What was open has been rolled back; only Django's note of it, meant for the dead, is left.
            transaction.set_rollback(False)


@dataclass
class Stops(Boundaries):
    """Strikes at each boundary, or at each `every`-th; what is done while it strikes is not counted."""

    every: int = 1
    is_striking: bool = False

    def step(self, name: str) -> None:
        if self.is_striking or not self.counts(name):
            return
        self.passed += 1
        if (self.passed - 1) % self.every == 0:
            self.is_striking = True
            self.strike(name)
            self.is_striking = False


def deaths(
    world: World,
    work: Callable[[World], object],
    aftermath: Callable[[World], list[str]],
    *,
    counts: Callable[[str], bool],
    every: int = 1,
) -> tuple[int, dict[int, list[str]]]:
    """How many boundaries a worker passes, and what is wrong after a death at each of them, by its number.

    It works once. At each boundary it is held, and the rows, the books and the hour that a dead one would leave go to
    `aftermath`, where others recover; then all that is taken back, and the worker goes on. Only between transactions:
    what a death would roll back is not rolled back here.
    """
    broken: dict[int, list[str]] = {}
    # Where nobody's work is under way, and no block of Django's is open.
    outside, blocks = contextvars.copy_context(), list(connection.atomic_blocks)

    def die(name: str) -> None:
        assert not any(connection.savepoint_ids), name
        connection.atomic_blocks, of_the_dead = list(blocks), connection.atomic_blocks
        with held, undone(world):
            if found := outside.run(aftermath, world):
                broken[stops.passed] = found
        connection.atomic_blocks = of_the_dead

    with undone(world), dying(0, counts=counts) as undisturbed:
        work(world)
    held, stops = Held(), Stops(0, die, counts=counts, every=every)
    with held.clock(), undone(world), watched(stops):
        work(world)
    assert stops.passed == undisturbed.passed, "a worker that is held does not do what it does otherwise"
    return stops.passed, broken


class Held:
    """Takes the real seconds within out of what a slice of work, or an answer, may last."""

    def __init__(self) -> None:
        self.seconds, self.real = 0.0, time.monotonic

    def __enter__(self) -> None:
        self.since = self.real()

    def __exit__(self, *problem: object) -> None:
        self.seconds += self.real() - self.since

    @contextmanager
    def clock(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "monotonic", lambda: self.real() - self.seconds)
            yield


@contextmanager
def watched(boundaries: Boundaries) -> Iterator[Boundaries]:
    factory, clients.session_factory = clients.session_factory, boundaries.sessions(clients.session_factory)
    try:
        with connection.execute_wrapper(boundaries.statement):
            yield boundaries
    finally:
        clients.session_factory = factory


def before_commits(name: str) -> bool:
    """Before each transaction that writes, and each write outside of one. Dying at any statement within a transaction
    leaves what dying before it leaves, and dying after its commit is dying before the next: these are all there are."""
    return name.startswith(WRITES) and not any(connection.savepoint_ids)


def around_calls(name: str) -> bool:
    """Before each request leaves and after each answer has come."""
    return name.endswith(("GET", "POST"))


@contextmanager
def shop(*, start: datetime = START, **choices: Any) -> Iterator[World]:
    """A furnished shop with four payments on three sales, each of them its own case, and their day closed."""
    with make_world(start, sandbox=WitnessedSandbox) as world:
        square = world.sandbox.square
        square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
        square.add_tax("VAT 21", "21")
        world.furnish(**choices)
        sell(world, TenderSpec("card", 2500, tip=200))
        sell(world, TenderSpec("cash", 1000), TenderSpec("card", 1500))
        sell(world, TenderSpec("cash", 2500))
        world.close_days()
        yield world


def sell(world: World, *tenders: TenderSpec) -> None:
    world.sandbox.square.sell("Amsterdam", world.timeline.now(), [LineSpec("Mug", 2500, tax="VAT 21")], tenders)


@contextmanager
def undone(world: World) -> Iterator[World]:
    """Rows, books and time are taken back at the end: the next crash begins where this one began."""
    point, sandbox, moment = transaction.savepoint(), world.sandbox, world.timeline.moment
    world.sandbox = duplicate(sandbox, world.timeline)
    try:
        yield world
    finally:
        world.sandbox, world.timeline.moment = sandbox, moment
        transaction.savepoint_rollback(point)
        transaction.savepoint_commit(point)  # or each change to come would look after it too


def work_once(world: World) -> SyncRun:
    """Open the lane and work one slice: what one task of one worker does."""
    run = runs.open_run(world.shop.lane, trigger="schedule")
    runs.work_slice(run.pk)
    return run


def recover(world: World) -> None:
    """Until nothing is under way: the lease of the dead runs out, and others take over when they may.

    A token refresh that died ends the consent, since Exact gives each refresh token once: a person gives it again.
    """
    for _ in range(12):
        world.timeline.advance(timedelta(minutes=4).total_seconds())
        consent.give_again(world.sandbox)
        world.run()
        if checks.is_at_rest(world.shop.lane):
            return
    raise AssertionError(f"not at rest: {list(Posting.objects.values_list('reference', 'state', 'problem'))}")


def wrongs(world: World) -> list[str]:
    """What is not booked exactly once, to the cent, with its trail."""
    lane, sandbox = world.shop.lane, world.sandbox
    return [*checks.lost(lane, sandbox, odd=()), *checks.breaches(lane, sandbox)]


def between_steps(name: str) -> bool:
    """Where a worker may sleep: outside transactions, and not on the wire, where a request arrives when it likes."""
    return not connection.savepoint_ids and name.startswith((*WRITES, "after GET", "after POST"))


@contextmanager
def sleeping(
    at: int, *, meanwhile: Callable[[], None], counts: Callable[[str], bool] = between_steps
) -> Iterator[Boundaries]:
    """Within the block the engine sleeps at that boundary; when it wakes up, `meanwhile` has happened."""
    with watched(Boundaries(at, lambda _: meanwhile(), counts=counts)) as boundaries:
        yield boundaries


def hold_first_post(hold: Callable[[str], None]) -> None:
    """The first worker to send an entry is held right before it leaves. Ends with the world."""
    boundaries = Boundaries(1, hold, counts=lambda name: name == "before POST" and bool(Posting.objects.exists()))
    clients.session_factory = boundaries.sessions(clients.session_factory)
