"""Processes that want a token at the same moment, and die where they are told to."""

from __future__ import annotations

import os
import signal
import traceback
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any

from config.prove import crew
from config.prove.lines import Lines, Point
from config.prove.timing import Ahead, SharedClock
from connections import clock
from connections.credentials import NeedsConsent, StoredTokens
from connections.providers.errors import VendorError

TOKEN, CONSENT, LATER, KILLED, FELL_OVER = "token", "consent", "later", "killed", "fell over"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one wish for a token: the token, or the sentence of what stood in the way."""

    kind: str
    text: str = ""
    passed: tuple[Point, ...] = field(default=(), repr=False)


def serve(pipe: Pipe, connection_id: int, ahead: Ahead, struck: Any) -> None:
    """The body of the process: a token for each order, until the line is closed. `struck`: 0 until somebody dies, then
    one more than the phase of the refresh in which it did.
    """
    clock.install(SharedClock(clock.current(), ahead))
    while True:
        try:
            at = pipe.recv()
        except EOFError:
            return
        pipe.send(_wish(connection_id, at, struck))


def _wish(connection_id: int, at: Point | None, struck: Any) -> Outcome:
    def strike(lines: Lines) -> None:
        with struck.get_lock():
            if struck.value:
                return
            struck.value = lines.phase + 1
        os.kill(os.getpid(), signal.SIGKILL)

    lines = Lines(at, strike)
    try:
        with lines:
            return Outcome(TOKEN, StoredTokens(connection_id).current(), tuple(lines.passed))
    except NeedsConsent as refusal:
        return Outcome(CONSENT, str(refusal), tuple(lines.passed))
    except VendorError as problem:
        return Outcome(LATER, str(problem), tuple(lines.passed))
    except Exception:  # noqa: BLE001 - the outermost loop: whatever it is, the proof must show it
        return Outcome(FELL_OVER, traceback.format_exc())


class Hand:
    """One of the processes, made anew when it was killed."""

    def __init__(self, connection_id: int, ahead: Ahead, struck: Any) -> None:
        self._arguments = (connection_id, ahead, struck)
        self.start()

    def start(self) -> None:
        self.pipe, theirs = crew.forks.Pipe()
        arguments = (theirs, *self._arguments)
        self.process: BaseProcess = crew.forks.Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, at: Point | None) -> None:
        self.pipe.send(at)

    def hear(self) -> Outcome | None:
        """What it says; None while it says nothing."""
        try:
            return self.pipe.recv() if self.pipe.poll() else None
        except (EOFError, ConnectionResetError):
            self.process.join()
            return Outcome(KILLED if self.process.exitcode == -signal.SIGKILL else FELL_OVER, "ended silently")

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()
