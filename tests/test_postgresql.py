"""What the two databases do differently, tried on PostgreSQL each time; `make test-postgresql` runs all there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connection

from tests import cluster

# Triggers and chains, counters that two processes share, answers to webhooks, rows that many write, and a whole lane.
TRIED = (
    "tests/audit/test_guard.py", "tests/audit/test_seals.py", "tests/audit/test_verification.py",
    "tests/connections/test_budget.py", "tests/sync/test_issues.py", "tests/sync/alerts",
    "tests/journeys/test_schedule.py",
)  # fmt: skip


@pytest.mark.processes
@pytest.mark.skipif(cluster.programs() is None, reason=cluster.ABSENT)
@pytest.mark.skipif(connection.vendor == "postgresql", reason="these tests run on PostgreSQL already")
def test_what_databases_do_differently_holds_on_postgresql_too() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TRIED]
    with cluster.cluster() as address:
        ended = subprocess.run(
            command,
            env={**os.environ, "DATABASE_URL": address},
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert " passed" in ended.stdout
    assert " skipped" not in ended.stdout
