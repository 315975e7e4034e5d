"""The archive lane beside dlt: the same lines, read from the same stand-in on the same machine in the same run, one
after the other, each in a process of its own into a DuckDB file of its own.

Ours is measured twice. Once as dlt works: its reading, its documents and its statements, and nothing kept beside them.
Once as the whole lane: it compares with what it knows, keeps batches, attests, and leaves its trail. Only the client of
Snowflake is another one, which takes the same statements and writes into the file.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import stage
from tests.benchmarks.archive import books, copying
from tests.benchmarks.archive.copying import Copied
from tests.benchmarks.results import MEGABYTE, Row, at_most

SIZES, QUICK = (100_000, 1_000_000), (10_000, 50_000)
FASTER, LESS_CPU, LESS_MEMORY = 2.5, 0.4, 0.7
LARGEST = 200  # MB of a copy of any length
CALLS = 1.02  # per 1,000 rows
# Where the long copy dies: while it reads, and while it writes.
KILLS = (("INSERT INTO sync_archivedrecord", 0.4), ("UPDATE sync_archivebatch", 0.6))
HERE, ENVIRONMENT = Path(__file__).parent, Path(".bench") / "dlt"
SELECTED = Path("sync/archive/fields.json")


@dataclass(frozen=True, slots=True)
class Rival:
    """What dlt did, or in `problem` why it did not."""

    seconds: float = 0
    cpu: float = 0
    peak: int = 0
    rows: int = 0
    lines: int = 0
    version: str = ""
    problem: str = ""


def rows(*, is_quick: bool) -> list[Row]:
    short, long = QUICK if is_quick else SIZES
    return [*_beside(short), *_at_length(long)]


# -- next to dlt


def _beside(count: int) -> list[Row]:
    problem = _built()
    with _opened(count) as (vendor, opened, lane, folder):
        stage.done(copying.warm, lane)
        before = _asked(vendor, "calls")
        ours: Copied = stage.done(copying.copy, lane, f"{folder}/ours.duckdb")
        after = _asked(vendor, "calls")
        again: Copied = stage.done(copying.copy, lane, f"{folder}/ours.duckdb")
        unchanged = _asked(vendor, "calls")
        alike: Copied = stage.done(copying.read_and_write, lane, f"{folder}/alike.duckdb")
        rival = Rival(problem=problem) if problem else _raced(opened, _asked(vendor, "token"), folder)
    with _opened(count) as (vendor, _, lane, _):
        sent: Copied = stage.done(copying.copy, lane)
        archived = _asked(vendor, "archived")
    name = f"{count:,} lines of the ledger:"
    return [
        *_of_copy(name, count, ours, (after["lines"] - before["lines"]) / (count / 1000)),
        *_unchanged(name, again, {key: unchanged[key] - after[key] for key in after}),
        *_compared(name, count, ours, alike, rival),
        Row(f"{name} end to end into the SQL API sandbox", round(count / sent.seconds), "rows/s"),
        Row(f"{name} end to end, our own CPU", round(sent.cpu, 1), "s"),
        at_most(f"{name} end to end, peak memory", round(sent.peak / MEGABYTE, 1), "MB", LARGEST),
        at_most(f"{name} end to end, lost or doubled", abs(archived[0] - count) + abs(archived[1] - count), "", 0),
    ]


def _of_copy(name: str, count: int, ours: Copied, calls: float) -> list[Row]:
    wrong = abs(ours.rows - count) + abs(ours.lines - count) + (ours.amount != f"{books.total(count):.2f}")
    return [
        Row(f"{name} archived into a DuckDB file", round(count / ours.seconds), "rows/s"),
        Row(f"{name} our own CPU", round(ours.cpu, 1), "s"),
        Row(f"{name} peak memory", round(ours.peak / MEGABYTE, 1), "MB"),
        Row(f"{name} of which at rest", round(ours.resting / MEGABYTE, 1), "MB"),
        at_most(f"{name} calls for them", round(calls, 3), "per 1,000 rows", CALLS),
        at_most(f"{name} lost, doubled or of another sum", wrong, "", 0),
        at_most(f"{name} tables that differ", ours.different, f"of {ours.equal + ours.different}", 0),
    ]


def _unchanged(name: str, again: Copied, calls: dict[str, int]) -> list[Row]:
    from sync.archive.catalogue import ENTITIES

    return [
        at_most(f"{name} nothing changed, Exact calls", calls["exact"], f"for {len(ENTITIES)} tables", len(ENTITIES)),
        at_most(f"{name} nothing changed, rows and Snowflake calls", again.written + calls["snowflake"], "", 0),
    ]


def _compared(name: str, count: int, ours: Copied, alike: Copied, rival: Rival) -> list[Row]:
    """The targets are for the same reading and writing; what the lane does besides is told beside it."""
    if rival.problem:
        print(f"\nTHE COMPARISON WITH DLT WAS NOT MADE. {rival.problem}\n", file=sys.stderr, flush=True)
        return [Row(f"{name} COMPARISON WITH DLT NOT MADE", 0, "", "made", met=False)]
    wrong = abs(rival.rows - count) + abs(rival.lines - count)
    faster = round(rival.seconds / alike.seconds, 2)
    by, same, lane = f"{name} dlt {rival.version}", f"{name} read and written alone,", f"{name} the whole lane,"
    return [
        Row(by, round(count / rival.seconds), "rows/s"),
        Row(f"{by}, its CPU", round(rival.cpu, 1), "s"),
        Row(f"{by}, its peak memory", round(rival.peak / MEGABYTE, 1), "MB"),
        at_most(f"{by}, lost or doubled", wrong, "", 0),
        at_most(f"{same} lost or doubled", abs(alike.rows - count) + abs(alike.lines - count), "", 0),
        Row(f"{same} our rows a second against dlt's", faster, "x", f">= {FASTER}", faster >= FASTER),
        at_most(f"{same} our CPU against dlt's", round(alike.cpu / rival.cpu, 2), "x", LESS_CPU),
        at_most(f"{same} our peak memory against dlt's", round(alike.peak / rival.peak, 2), "x", LESS_MEMORY),
        Row(f"{lane} our rows a second against dlt's", round(rival.seconds / ours.seconds, 2), "x"),
        Row(f"{lane} our CPU against dlt's", round(ours.cpu / rival.cpu, 2), "x"),
        Row(f"{lane} our peak memory against dlt's", round(ours.peak / rival.peak, 2), "x"),
    ]


def _built() -> str:
    """dlt's own environment, from its own lock, made on first use. Returns why it could not be."""
    lock, stamp = HERE / "dlt.lock", ENVIRONMENT / ".installed"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return ""
    python = str(ENVIRONMENT / "bin" / "python")
    if shutil.which("uv"):
        make = ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)]
        fill = ["uv", "pip", "install", "--quiet", "--python", python]
    else:
        make = [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)]
        fill = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for step in (make, [*fill, "--require-hashes", "-r", str(lock)]):
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            told = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            return f"Its environment could not be built from {lock.name}: {told}"
    stamp.write_bytes(lock.read_bytes())
    return ""


def _raced(opened: books.Opened, token: str, folder: str) -> Rival:
    select = json.loads(SELECTED.read_text())[books.PATH].replace(" ", ",")
    asked = {"address": opened.address, "token": token, "path": books.PATH, "select": select,
             "file": f"{folder}/dlt.duckdb", "folder": f"{folder}/pipelines"}  # fmt: skip
    settings = {"RUNTIME__DLTHUB_TELEMETRY": "false", "HOME": folder}
    program = [str(ENVIRONMENT / "bin" / "python"), str(HERE / "rival.py"), json.dumps(asked)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, env={**os.environ, **settings})
    if done.returncode:
        return Rival(problem=f"dlt failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return Rival(**json.loads(done.stdout.strip().splitlines()[-1]))


# -- at length


def _at_length(count: int) -> list[Row]:
    """Killed while it reads and while it writes, and gone on with, end to end: the memory is the lane's own, the rows
    are counted where they arrive.
    """
    with _opened(count) as (vendor, _, lane, _):
        kills = sum(_killed(lane, "", (statement, round(part * count / 1000))) for statement, part in KILLS)
        last: Copied = stage.done(copying.copy, lane)
        archived = _asked(vendor, "archived")
    name = f"{count:,} lines of the ledger, killed {kills} times:"
    wrong = abs(archived[0] - count) + abs(archived[1] - count)
    return [
        Row(f"{name} killed", kills, "", f"= {len(KILLS)}", kills == len(KILLS)),
        at_most(f"{name} lost or doubled", wrong, "", 0),
        # Sums, counts and row versions, as the run itself compared them on both sides.
        at_most(f"{name} tables that differ", last.different, f"of {last.equal + last.different}", 0),
        at_most(f"{name} peak memory", round(last.peak / MEGABYTE, 1), "MB", LARGEST),
    ]


def _killed(lane: int, file: str, dies_at: tuple[str, int]) -> bool:
    process = stage.PROCESSES.Process(target=copying.copy, args=(lane, file, dies_at))
    process.start()
    process.join()
    return process.exitcode == -signal.SIGKILL


@contextmanager
def _opened(count: int) -> Iterator[tuple[Any, books.Opened, int, str]]:
    """The vendors at work in a process of their own, and a lane that may run, in a fresh data folder."""
    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        with stage.in_a_process(books.serve_ledger, count, is_talking=True) as vendor:
            opened = vendor.recv()
            os.environ |= opened.environment
            yield vendor, opened, stage.done(copying.prepare, opened), folder
            vendor.send("end")


def _asked(pipe: Any, question: str) -> Any:
    pipe.send(question)
    return pipe.recv()
