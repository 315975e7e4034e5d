"""One measurement: the vendors in one process, the preparation in another, the pipeline alone in a third.

The parent imports no Django and stays small: a process that is started inherits its starter's peak memory.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any

from tests import environment  # noqa: F401 - sets the environment that the children inherit

MODES = ("daily_summary", "per_payment")
DAYS = 31
PROCESSES = multiprocessing.get_context("spawn")


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


def measure(mode: str, payments: int) -> Measured:
    """A fresh data folder, a fresh sandbox, one run of one lane."""
    from tests.benchmarks import pipeline, vendors

    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        pipe, theirs = PROCESSES.Pipe()
        sandbox = PROCESSES.Process(target=vendors.serve_month, args=(theirs, payments, DAYS), daemon=True)
        sandbox.start()
        theirs.close()
        opened = pipe.recv()
        os.environ |= opened.environment
        lane = _in_a_process(pipeline.prepare, opened, mode)
        before = _asked(pipe, "calls")
        ran = _in_a_process(pipeline.run, lane)
        after = _asked(pipe, "calls")
        tied = _in_a_process(pipeline.compare, lane, _asked(pipe, "books"))
        pipe.send("end")
        sandbox.join(10)
    calls = {f"{system}_calls": after[system] - before[system] for system in after}
    return Measured(payments=payments, **ran, **calls, **tied)


def _asked(pipe: Pipe, question: str) -> Any:
    pipe.send(question)
    return pipe.recv()


def _in_a_process(work: Callable[..., Any], *arguments: object) -> Any:
    """What `work` returns, worked out by a process of its own."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_answer, args=(sender, work, arguments))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise SystemExit(f"{work.__name__} ended without a result; its error stands above.") from None
    finally:
        process.join()


def _answer(sender: Pipe, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    sender.send(work(*arguments))
