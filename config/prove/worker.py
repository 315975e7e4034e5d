"""A real worker process that works the lane until it is done, must wait, or is struck at a boundary."""

from __future__ import annotations

import os
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection

from django.db import connection

from config.prove.boundaries import Boundaries
from config.prove.timing import Ahead, SharedClock
from connections import clients, clock
from sync import runs
from sync.models import SyncLane
from sync.runs import NotNow, Slice

BUSY_TRIES = 8
BUSY_PAUSE = 5.0
MOST_SLICES = 60
REQUESTS = ("GET", "POST", "PUT")


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a worker at its `at`-th boundary: "" (nothing), "kill", or "stop" until it is woken."""

    kind: str = ""
    at: int = 0

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}" if self.kind else "unharmed"


def work(fate: Fate, ahead: Ahead, line: Connection) -> None:
    """The body of the process. Says on the line how it ended; a killed one says nothing."""
    clock.install(SharedClock(clock.current(), ahead))
    boundaries = _boundaries(fate, line)
    clients.session_factory = boundaries.sessions(clients.session_factory)
    try:
        with connection.execute_wrapper(boundaries.statement):
            line.send(_work_lane())
    except Exception:  # noqa: BLE001 - the outermost loop: whatever it is, the schedule must show it
        line.send(f"fell over:\n{traceback.format_exc()}")


def _boundaries(fate: Fate, line: Connection) -> Boundaries:
    if fate.kind == "stop":
        return Boundaries(fate.at, lambda name: _stop(name, line), counts=_can_stop)
    return Boundaries(fate.at, lambda _: os.kill(os.getpid(), signal.SIGKILL))


def _can_stop(name: str) -> bool:
    """Not with a write lock in hand, which would stop everybody (an INSERT holds it until its row is fetched), and not
    on the wire: a request that waits there beyond every deadline arrives, whatever its sender does."""
    return name.startswith("before") and not connection.in_atomic_block and not name.endswith(REQUESTS)


def _stop(name: str, line: Connection) -> None:
    line.send(f"stopped {name}")
    os.kill(os.getpid(), signal.SIGSTOP)


def _work_lane() -> str:
    try:
        run = runs.open_run(SyncLane.objects.select_related("source", "division__connection").get(), trigger="schedule")
    except NotNow as standing:
        return f"not now: {standing}"
    busy = 0
    for _ in range(MOST_SLICES):
        ended = runs.work_slice(run.pk)
        busy += ended is Slice.BUSY
        if ended in {Slice.OVER, Slice.PAUSED} or busy > BUSY_TRIES:
            return str(ended)
        if ended is Slice.BUSY:
            clock.sleep(BUSY_PAUSE)
    return f"fell over: no end after {MOST_SLICES} slices"
