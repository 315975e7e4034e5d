"""A spreadsheet of customer mappings: checked, written and taken back, as a worker does it."""

from __future__ import annotations

import csv
import io
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import stage
from tests.benchmarks.pipeline import KILOBYTE
from tests.benchmarks.results import FLAT, MEGABYTE, Row, at_most

SMALL, LARGE = 5_000, 50_000

COLUMNS = (
    "division", "square_connection", "square_customer_id", "square_name", "exact_account", "status", "effective_from",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Imported:
    """Seconds of each step, and of our own CPU for all; `locked` is the longest time a write transaction stood open;
    `peak` in bytes.
    """

    lines: int
    checking: float
    writing: float
    undoing: float
    cpu: float
    locked: float
    peak: int
    written: int


def rows(*, is_quick: bool) -> list[Row]:
    """What a large file costs, and what of that grows with it."""
    small = measure(SMALL)
    return [*_rows(small)] if is_quick else [*_rows(small), *_rows(large := measure(LARGE)), _growth(small, large)]


def _rows(one: Imported) -> Iterator[Row]:
    name, is_large = f"{one.lines:,} lines of customer mappings:", one.lines == LARGE
    both = round(one.checking + one.writing, 1)
    yield at_most(f"{name} checked and written", both, "s", 60 if is_large else None)
    yield Row(f"{name} of which checked", round(one.checking, 1), "s")
    yield Row(f"{name} taken back", round(one.undoing, 1), "s")
    yield Row(f"{name} our own CPU for all three", round(one.cpu, 1), "s")
    yield at_most(f"{name} longest write transaction", round(one.locked, 2), "s", 2)
    yield at_most(f"{name} not written", one.lines - one.written, "", 0)
    yield Row(f"{name} peak memory", round(one.peak / MEGABYTE, 1), "MB")


def _growth(small: Imported, large: Imported) -> Row:
    name = f"mappings: memory at {large.lines:,} lines against {small.lines:,}"
    return at_most(name, round(large.peak / small.peak, 2), "x", FLAT)


def measure(lines: int) -> Imported:
    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        sheet = stage.done(prepare, lines)
        return Imported(lines=lines, **stage.done(run, sheet))


def prepare(lines: int) -> int:
    """A division with as many customers as the file has lines, and the file uploaded: by the web, not by the worker
    that is measured. Returns the import's id.
    """
    import django

    django.setup()
    from django.core.management import call_command

    from connections.models import Connection, Division
    from mappings.models import DebtorAccount
    from mappings.sheets import work

    call_command("migrate", verbosity=0)
    local = {"environment": Connection.Environment.LOCAL_SANDBOX}
    Connection.objects.create(system=Connection.System.SQUARE, label="square", **local)
    exact = Connection.objects.create(system=Connection.System.EXACT, label="exact", region="nl", **local)
    division = Division.objects.create(connection=exact, code=123456, name="Bench", currency="EUR", is_pinned=True)
    DebtorAccount.objects.bulk_create(
        [
            DebtorAccount(division=division, remote_id=f"{n:036}", code=f"{n}", name=f"Customer {n}", status="C")
            for n in range(lines)
        ],
        batch_size=500,
    )
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(
        [123456, "square", f"CUST{n:06}", f"Customer {n}", n, "matched", "2026-01-01"] for n in range(lines)
    )
    return work.upload("customermapping", name="bench.csv", content=file.getvalue().encode(), by="bench").pk


def run(sheet_id: int) -> dict[str, Any]:
    import django

    django.setup()
    from mappings.models import CustomerMapping
    from mappings.sheets import work
    from mappings.sheets.models import SheetImport

    locks, spent = Locks(), time.process_time()
    sheet = SheetImport.objects.defer("content").get(pk=sheet_id)
    began = time.monotonic()
    checking = _rested(sheet, began)
    began = time.monotonic()
    work.confirm(sheet, by="bench")
    writing = _rested(sheet, began)
    written = CustomerMapping.objects.filter(status="matched").count()
    began = time.monotonic()
    work.undo(sheet, by="bench")
    undoing = _rested(sheet, began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE
    found = {"checking": checking, "writing": writing, "undoing": undoing, "cpu": time.process_time() - spent}
    return {**found, "locked": locks.longest, "peak": peak, "written": written}


def _rested(sheet: Any, began: float) -> float:
    """What the queue would do, without it."""
    from mappings.sheets import work

    while sheet.is_open:
        work.go_on(sheet.pk)
        sheet.refresh_from_db(fields=["state", "new", "changed", "done"])
    return time.monotonic() - began


class Locks:
    """How long each write transaction of this process stands open, from its BEGIN to its end."""

    def __init__(self) -> None:
        from django.db import connection

        self.longest, self._since = 0.0, 0.0
        begin, end = connection._start_transaction_under_autocommit, connection._commit

        def begun() -> None:
            begin()
            self._since = time.monotonic()

        def ended() -> Any:
            self.longest = max(self.longest, time.monotonic() - self._since)
            return end()

        connection._start_transaction_under_autocommit = begun  # type: ignore[method-assign]
        connection._commit = ended  # type: ignore[attr-defined]
