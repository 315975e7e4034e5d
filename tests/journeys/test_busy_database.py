"""Another process holds the database: who can wait waits, who cannot is told, and nothing is lost or doubled."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from audit.models import AuditEntry
from sync import runs, tasks
from sync.models import SyncItem, SyncRun
from tests.journeys.shop import Till

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL locks rows, not the database"),
]
HOLDER = """
import sqlite3, sys, threading
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
threading.Timer(float(sys.argv[2]), lambda: held.rollback()).run()
"""


@contextmanager
def held(seconds: float) -> Iterator[None]:
    """Another process writes, for so many seconds."""
    command = [sys.executable, "-c", HOLDER, str(connection.settings_dict["NAME"]), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield
        process.terminate()


@contextmanager
def impatient() -> Iterator[None]:
    """Our own connection waits for a tenth of a second instead of twenty."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 100")
    yield
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 20000")


def test_a_run_and_a_page_wait_for_a_writer_of_some_seconds(till: Till, browser: Client) -> None:
    sale = till.sell()
    till.world.close_days()
    with held(1.0):
        assert browser.get("/admin/").status_code == 200
        assert till.world.run().state == "done"
    assert till.item(sale).state == "done"


def test_a_page_that_waited_too_long_says_so_and_changed_nothing(till: Till, browser: Client) -> None:
    browser.raise_request_exception = False
    browser.get("/admin/")
    facts = AuditEntry.objects.count()
    with held(30), impatient():
        response = browser.post(reverse("admin:sync_synclane_do", args=[till.world.shop.lane.pk, "run"]))
    assert response.status_code == 503
    assert "database is busy" in response.content.decode()
    assert response["Retry-After"]
    assert AuditEntry.objects.count() == facts
    assert not SyncRun.objects.exists()


def test_a_worker_that_gave_up_loses_and_doubles_nothing(till: Till) -> None:
    sales = [till.sell() for _ in range(3)]
    till.world.close_days()
    run = runs.open_run(till.world.shop.lane, trigger="schedule")
    with held(30), impatient(), pytest.raises(OperationalError):
        runs.work_slice(run.pk)
    till.world.timeline.advance(600)
    assert [overdue.pk for overdue in tasks.overdue()] == [run.pk]
    runs.work_to_rest(run)
    assert {item.state for item in SyncItem.objects.all()} == {"done"}
    assert SyncItem.objects.count() == len(sales)
