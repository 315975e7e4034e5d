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
from tests.benchmarks import machine

MODES = ("daily_summary", "per_payment")
DAYS = 31
PROCESSES = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The month compared once it is booked. `unexplained`: cents, and findings without cents."""

    seconds: float
    cpu: float
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
    cpu: float
    statements: int
    peak: int
    resting: int
    exact_calls: int
    square_calls: int
    difference: int
    doubled: int
    state: str
    reconciled: Reconciled


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the whole month. `cpu`: of our process alone, whatever else the machine does meanwhile; `load` before
    it began; `stolen`: per cent of the machine's time that its host took.
    """

    seconds: float
    cpu: float
    statements: int
    peak: int
    resting: int
    state: str
    exact_calls: int
    square_calls: int
    load: float
    stolen: float


@dataclass(frozen=True, slots=True)
class Month:
    """Everything a merchant has in a month. `booked` does all in one run; on a month of its own, `plan` reads, resolves
    and plans, `again` plans what is held by then, `posted` books what was approved. `alone`: entries that had to stand
    alone; `others`: payments besides.
    """

    payments: int
    booked: Ran
    plan: Ran
    again: Ran
    posted: Ran
    documents: dict[str, int]
    tied: dict[str, int]
    reconciled: Reconciled
    pages: Sequence[tuple[str, float, int]]

    @property
    def peak(self) -> int:
        return max(self.booked.peak, self.plan.peak, self.again.peak, self.posted.peak)

    @property
    def exact_calls(self) -> int:
        return self.plan.exact_calls + self.posted.exact_calls


def measure_months(sizes: Sequence[int]) -> dict[int, Month]:
    """One after the other, nothing of ours beside them: their seconds have targets."""
    return {payments: _month(payments) for payments in sizes}


def _month(payments: int) -> Month:
    with in_a_process(measure_month, payments) as pipe:
        found: Month = pipe.recv()
    return found


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

    with _opened(vendors.serve_month, payments, mode) as (sandbox, lane):
        before = _asked(sandbox, "calls")
        ran = done(pipeline.run, lane)
        after = _asked(sandbox, "calls")
        compared = _reconciled(sandbox, lane)
        tied = done(pipeline.compare, lane, _asked(sandbox, "books"))
    calls = {f"{system}_calls": after[system] - before[system] for system in after}
    return Measured(payments=payments, **ran, **calls, **tied, reconciled=compared)


def measure_month(payments: int) -> Month:
    """The whole month, in daily summaries: booked in one run; then another like it planned, planned again, approved and
    booked, reconciled, looked at.
    """
    from tests.benchmarks import pages, pipeline, vendors

    with _opened(vendors.serve_whole_month, payments, "daily_summary") as (sandbox, lane):
        booked = _ran(sandbox, pipeline.run, lane)
    with _opened(vendors.serve_whole_month, payments, "daily_summary") as (sandbox, lane):
        plan, again, posted = (_ran(sandbox, work, lane) for work in (pipeline.plan, pipeline.plan, pipeline.post_plan))
        reconciled = _reconciled(sandbox, lane)
        return Month(
            payments=payments, booked=booked, plan=plan, again=again, posted=posted, reconciled=reconciled,
            documents=done(pipeline.documents, lane), tied=_asked(sandbox, "tied"), **done(pages.measure, lane),
        )  # fmt: skip


@contextmanager
def _opened(vendor: Callable[..., None], payments: int, mode: str) -> Iterator[tuple[Pipe, int]]:
    """The vendors at work in a process of their own, and a lane that may run."""
    from tests.benchmarks import pipeline

    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        with in_a_process(vendor, payments, DAYS, is_talking=True) as sandbox:
            opened = sandbox.recv()
            os.environ |= opened.environment
            yield sandbox, done(pipeline.prepare, opened, mode)
            sandbox.send("end")


def _ran(sandbox: Pipe, work: Callable[..., Any], lane: int) -> Ran:
    before, load, began = _asked(sandbox, "calls"), os.getloadavg()[0], machine.ticks()
    ran = done(work, lane)
    stolen, after = machine.stolen_since(began), _asked(sandbox, "calls")
    calls = {f"{system}_calls": after[system] - before[system] for system in after}
    return Ran(**ran, **calls, load=load, stolen=stolen)


def _reconciled(sandbox: Pipe, lane: int) -> Reconciled:
    from tests.benchmarks import pipeline

    before = _asked(sandbox, "calls")["exact"]
    found = done(pipeline.reconcile, lane)
    return Reconciled(exact_calls=_asked(sandbox, "calls")["exact"] - before, **found)


def _asked(pipe: Pipe, question: str) -> Any:
    pipe.send(question)
    return pipe.recv()


def done(work: Callable[..., Any], *arguments: object) -> Any:
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
