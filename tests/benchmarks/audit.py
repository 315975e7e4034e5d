"""The audit trail's proof at length: sealed, verified, exported with proof, and the export verified without us."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks import stage
from tests.benchmarks.results import FLAT, MEGABYTE, Row, at_most

ENTRIES = 1_000_000
LONGEST = 30  # seconds of a look at all of them
BLOCK = 5_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# One seal a minute while this many facts come in each.
A_MINUTE = 500

Ran = Mapping[str, float]


def rows(entries: int) -> list[Row]:
    """A tenth of them first: what grows with the trail would show."""
    measured = {count: _measured(count) for count in (entries // 10, entries)}
    found = [row for count, phases in measured.items() for row in _of(count, phases)]
    small, large = measured[entries // 10], measured[entries]
    for phase in ("verify", "export"):
        name = f"{phase}: memory at {entries:,} audit entries against {entries // 10:,}"
        found.append(at_most(name, round(large[phase]["peak"] / small[phase]["peak"], 2), "x", FLAT))
    return found


def _of(count: int, phases: Mapping[str, Ran]) -> Iterator[Row]:
    name = f"{count:,} audit entries:"
    for phase, ran in phases.items():
        longest = LONGEST if phase == "verify" and count == ENTRIES else None
        yield at_most(f"{name} {phase}", round(ran["seconds"], 1), "s", longest)
        yield Row(f"{name} {phase}, CPU", round(ran["cpu"], 1), "s")
        yield Row(f"{name} {phase}, peak memory", round(ran["peak"] / MEGABYTE, 1), "MB")


def _measured(count: int) -> dict[str, Ran]:
    """Each phase in a process of its own, over one fresh database."""
    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        }  # fmt: skip
        _done(fill, count)
        phases: Sequence[tuple[str, Callable[..., Ran]]] = (
            ("seal", seal), ("verify", verify), ("export", export), ("export verified without us", outside),
        )  # fmt: skip
        return {name: _done(phase, folder) for name, phase in phases}


def _done(work: Callable[..., Any], *arguments: object) -> Any:
    with stage.in_a_process(work, *arguments) as pipe:
        return pipe.recv()


def fill(count: int) -> None:
    """As many facts as `count`, each as long as those of a booked leg. Written past the trail's way in, which has a
    measurement of its own: what is measured here is the proof.
    """
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction

    call_command("migrate", verbosity=0)
    marks = ", ".join(["%s"] * 14)
    statement = (
        "INSERT INTO audit_auditentry (at, actor, trigger, verb, subject_type, subject_id, subject, source, division, "
        f"lane_id, run_id, request_id, detail, digest) VALUES ({marks})"
    )
    for start in range(0, count, BLOCK):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, [_fact(number) for number in range(start, min(start + BLOCK, count))])


def _fact(number: int) -> tuple[Any, ...]:
    import json

    from audit.verifier import digest_of

    at = BEGIN + timedelta(seconds=number * 60 / A_MINUTE)
    detail = {"entry": f"TB-{number // 400:016}", "problem": "", "calls": []}
    values = (
        "tillbridge", "schedule", "leg.posted", "leg", number, f"TB-{number:016}", f"PAY{number:019}", 123456, 1,
        number // 20_000, "",
    )  # fmt: skip
    digest = digest_of([at.isoformat(), *values, detail])
    return (at.isoformat(" ").removesuffix("+00:00"), *values, json.dumps(detail), digest)


def seal(_folder: str) -> Ran:
    """As after a long time without a worker: seals of 10,000 entries."""
    return _timed(_seal)


def verify(_folder: str) -> Ran:
    return _timed(_verify)


def export(folder: str) -> Ran:
    return _timed(lambda: _export(Path(folder) / "trail.zip"))


def outside(folder: str) -> Ran:
    """The verifier alone, as an auditor runs it; its memory is that of the largest child."""
    import resource

    from audit import verifier

    file, began, spent = Path(folder) / "trail.zip", time.monotonic(), os.times().children_user
    done = subprocess.run(
        [sys.executable, "-I", verifier.__file__, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Everything stands"), done.stdout
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"seconds": time.monotonic() - began, "cpu": os.times().children_user - spent, "peak": peak}


def _timed(work: Callable[[], None]) -> Ran:
    import django

    django.setup()
    from tests.benchmarks.pipeline import peak

    began, spent = time.monotonic(), time.process_time()
    work()
    return {"seconds": time.monotonic() - began, "cpu": time.process_time() - spent, "peak": peak()}


def _seal() -> None:
    from audit import seals

    seals.seal(now=BEGIN + timedelta(days=1))


def _verify() -> None:
    from audit import verification

    for reached in verification.verify(trusts=lambda _manifest, _signature: False):
        last = reached
    assert (last.is_done, last.unsealed) == (True, 0)


def _export(path: Path) -> None:
    from audit import bundle
    from audit.models import AuditEntry

    now = BEGIN + timedelta(days=1)
    contents = bundle.of_period(AuditEntry.objects.all(), since=None, until=None, asked="", now=now)
    with path.open("wb") as file:
        for _, block in bundle.written(contents):
            file.write(block)
