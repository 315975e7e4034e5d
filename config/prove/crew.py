"""Worker processes: started, waited for, woken, and never left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from config.prove import worker
from config.prove.timing import Ahead
from config.prove.worker import Fate

# Real seconds. Longer than a worker may rightly wait for somebody else's token refresh.
PATIENCE = 100.0
LOOK_EVERY = 3.0

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["config.prove.nursery"])


class Hand:
    """One worker process. `ended` is what it said last, "killed", or "hangs"."""

    def __init__(self, fate: Fate, ahead: Ahead) -> None:
        self.fate, self.ended = fate, ""
        self.line, theirs = forks.Pipe(duplex=False)
        self.process: BaseProcess = forks.Process(target=worker.work, args=(fate, ahead, theirs), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def is_stopped(self) -> bool:
        return self.ended.startswith("stopped")

    @property
    def handles(self) -> tuple[Connection, int]:
        return self.line, self.process.sentinel

    def listen(self) -> bool:
        """Take in what it said. True when it is over or has been stopped."""
        try:
            while self.line.poll():
                self.ended = self.line.recv()
        except EOFError:
            self.process.join()
        if self.process.exitcode is None:
            return self.is_stopped
        self.ended = "killed" if self.process.exitcode == -signal.SIGKILL else self.ended or "fell over: silently"
        return True

    def wake(self) -> None:
        self.ended = ""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        self._signal(signal.SIGKILL)
        self.process.join()
        self.line.close()

    def _signal(self, number: int) -> None:
        if self.process.is_alive() and self.process.pid:
            os.kill(self.process.pid, number)


def await_all(hands: Sequence[Hand], *, meanwhile: Callable[[], None]) -> None:
    """Until each is over or stopped. `meanwhile` is called while nothing happens for some seconds."""
    patience = time.monotonic() + PATIENCE
    while working := [hand for hand in hands if not hand.listen()]:
        if time.monotonic() > patience:
            return _give_up(working)
        if not wait([handle for hand in working for handle in hand.handles], LOOK_EVERY):
            meanwhile()
    return None


def _give_up(hands: Sequence[Hand]) -> None:
    for hand in hands:
        hand.end()
        hand.ended = "hangs"
