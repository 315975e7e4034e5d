"""A world for one test: a sandbox of both vendors in this process, a clock that only moves when told, and a shop."""

from __future__ import annotations

import copy
import copyreg
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from config.demo import shop as shops
from config.demo.shop import Shop
from connections import clients, clock
from connections.sandbox.adapter import SandboxAdapter
from connections.sandbox.app import Sandbox
from connections.sandbox.clock import SandboxClock
from sync import runs
from sync.models import SyncRun

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Timeline(clock.Clock):
    """A clock that stands still until it is moved; sleeping moves it."""

    def __init__(self, start: datetime = START) -> None:
        super().__init__()
        self.moment = start

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=max(0.0, seconds))

    advance = sleep


@dataclass
class World:
    timeline: Timeline
    sandbox: Sandbox
    customers: list[str] = field(default_factory=list)
    shop: Shop | None = None

    def furnish(self, **choices: object) -> Shop:
        go_live = choices.pop("go_live", self.timeline.now().date() - timedelta(days=1))
        self.shop = shops.furnish(self.sandbox, go_live=go_live, customers=self.customers, **choices)  # type: ignore[arg-type]
        return self.shop

    @property
    def site(self):  # type: ignore[no-untyped-def]
        return self.sandbox.exact.site(shops.REGION)

    @property
    def books(self):  # type: ignore[no-untyped-def]
        """The division in Exact's own ledger."""
        return self.site.division(shops.DIVISION)

    def run(self, trigger: str = "schedule") -> SyncRun:
        """Open the lane and work until it rests."""
        assert self.shop
        self.shop.lane.refresh_from_db()
        return runs.work_to_rest(runs.open_run(self.shop.lane, trigger=trigger))

    def close_days(self) -> None:
        """Move to the next morning, when yesterday is summed up."""
        self.timeline.advance(24 * 3600)


@contextmanager
def world(start: datetime = START, *, seed: int = 1, sandbox: type[Sandbox] = Sandbox) -> Iterator[World]:
    timeline = Timeline(start)
    made = World(timeline, sandbox(seed=seed, clock=SandboxClock(timeline.now)))
    restore = clock.install(timeline)
    factory, clients.session_factory = clients.session_factory, lambda: mounted(made.sandbox)
    try:
        made.customers = shops.found(made.sandbox)
        yield made
    finally:
        clients.session_factory = factory
        restore()


def mounted(sandbox: Sandbox) -> requests.Session:
    """A session whose calls to the local sandbox reach `sandbox` in this process."""
    session = requests.Session()
    session.mount("http://127.0.0.1:9400/", SandboxAdapter(sandbox))
    return session


def duplicate(sandbox: Any, timeline: Timeline, other: Timeline | None = None) -> Any:
    """The same vendors once more, on the same clock or on another; locks are made anew."""
    for lock in (threading.RLock, threading.Lock):
        copyreg.pickle(type(lock()), lambda _, lock=lock: (lock, ()))  # type: ignore[misc]
    return copy.deepcopy(sandbox, {id(timeline): other or timeline})
