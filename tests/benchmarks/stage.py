"""One measurement: the vendors in one process, the preparation in another, the pipeline alone in a third.

The parent imports no Django and stays small: a process that is started inherits its starter's peak memory.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any

from tests import environment  # noqa: F401 - sets the environment that the children inherit

MODES = ("daily_summary", "per_payment")
DAYS = 31
PROCESSES = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The month compared once it is booked. `unexplained`: cents, and findings without cents."""

    seconds: float
    lines: int
    exact_calls: int
    unexplained: int
    peak: int
    resting: int


@dataclass(frozen=True, slots=True)
class Measured:
    """`peak` in bytes; `difference` in cents, over all accounts; calls without those of setting up and comparing."""

    payments: int
    seconds: float
    statements: int
    peak: int
    resting: int
    exact_calls: int
    square_calls: int
    difference: int
    doubled: int
    state: str
    reconciled: Reconciled


def measure_all(wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Measured]:
    """The longest runs beside the others: the whole takes minutes less then, and each is a little slower."""
    *others, longest = wanted
    with in_a_process(measure, *longest) as beside:
        measured = {one: _waited(one) for one in others}
        return {**measured, longest: beside.recv()}


def _waited(one: tuple[str, int]) -> Measured:
    with in_a_process(measure, *one) as pipe:
        found: Measured = pipe.recv()
    return found


def measure(mode: str, payments: int) -> Measured:
    """A fresh data folder, a fresh sandbox, one run of one lane."""
    from tests.benchmarks import pipeline, vendors

    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        with in_a_process(vendors.serve_month, payments, DAYS, is_talking=True) as sandbox:
            opened = sandbox.recv()
            os.environ |= opened.environment
            lane = _done(pipeline.prepare, opened, mode)
            before = _asked(sandbox, "calls")
            ran = _done(pipeline.run, lane)
            after = _asked(sandbox, "calls")
            reconciled = _done(pipeline.reconcile, lane)
            asked = _asked(sandbox, "calls")["exact"] - after["exact"]
            tied = _done(pipeline.compare, lane, _asked(sandbox, "books"))
            sandbox.send("end")
    calls = {f"{system}_calls": after[system] - before[system] for system in after}
    compared = Reconciled(exact_calls=asked, **reconciled)
    return Measured(payments=payments, **ran, **calls, **tied, reconciled=compared)


def _asked(pipe: Pipe, question: str) -> Any:
    pipe.send(question)
    return pipe.recv()


def _done(work: Callable[..., Any], *arguments: object) -> Any:
    with in_a_process(work, *arguments) as pipe:
        return pipe.recv()


@contextmanager
def in_a_process(work: Callable[..., Any], *arguments: object, is_talking: bool = False) -> Iterator[Pipe]:
    """`work` in a process of its own; the pipe brings what it returns. One that `is_talking` gets the other end."""
    ours, theirs = PROCESSES.Pipe()
    target, given = (work, (theirs, *arguments)) if is_talking else (_answer, (theirs, work, arguments))
    process = PROCESSES.Process(target=target, args=given)
    process.start()
    theirs.close()
    try:
        yield ours
    except EOFError:
        raise SystemExit(f"{work.__name__} ended without a result; its error stands above.") from None
    finally:
        ours.close()
        process.join()


def _answer(pipe: Pipe, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    pipe.send(work(*arguments))
