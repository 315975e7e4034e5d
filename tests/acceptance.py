"""`make acceptance`: which acceptance rows are proven by a test that passed in this run, per source.

A row is proven when a test marked `@pytest.mark.accepts("S000-12")` passed and none so marked failed. The rows
stand in tests/acceptance.csv.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

ROWS = Path(__file__).with_name("acceptance.csv")
NO_TESTS_RAN = 5


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    source: str
    requirement: str


def rows() -> dict[str, Row]:
    with ROWS.open(newline="", encoding="utf-8") as file:
        return {row["id"]: Row(**row) for row in csv.DictReader(file)}


def main(arguments: list[str]) -> int:
    """Run every marked test (further arguments go to pytest), then print the rows."""
    with tempfile.TemporaryDirectory() as folder:
        proof = Path(folder) / "proven.txt"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            "--dist",
            "worksteal",
            f"--accepted={proof}",
            *arguments,
        ]
        ended = subprocess.call(command)
        proven = set(proof.read_text().split()) if proof.exists() else set()
    for line in told(rows(), proven):
        print(line)
    return 0 if ended == NO_TESTS_RAN else ended


def told(known: dict[str, Row], proven: Collection[str]) -> Iterator[str]:
    """Proven and unproven rows, source by source, with a sum at the end."""
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in known.values():
        by_source[row.source].append(row)
    for source, found in by_source.items():
        count = sum(row.id in proven for row in found)
        yield f"\n{source}: {count} of {len(found)} proven"
        for row in found:
            yield f"  {'proven  ' if row.id in proven else 'unproven'}  {row.id}  {row.requirement}"
    yield f"\n{len(proven)} of {len(known)} rows proven."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
