"""`manage.py worker` with real processes: a cluster that was killed in part is restarted whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django_q.brokers import get_broker
from django_q.tasks import async_task

from sync.models import Beat

# A busy machine takes seconds to start the cluster; one that is restarted before its first beat never gets there.
SILENCE = 8.0
PATIENCE = 60.0


@dataclass
class Process:
    pid: int
    parent: int
    group: int


def processes() -> Iterator[Process]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            yield Process(int(entry.name), int(fields[1]), int(fields[2]))


@dataclass
class Supervised:
    """The supervisor under test. `ring` queues a heartbeat, as the queue's own schedule does each minute."""

    supervisor: subprocess.Popen[bytes]
    output: Path
    started: float = field(default_factory=time.monotonic)

    def cluster(self) -> list[int]:
        """The processes of the queue, its head first."""
        heads = {process.pid for process in processes() if process.parent == self.supervisor.pid}
        return sorted(process.pid for process in processes() if process.group in heads)

    def until(self, happens: Callable[[], object]) -> None:
        """Rings until it happens. Fails when the time of the test is up."""
        while not happens():
            assert time.monotonic() - self.started < PATIENCE, "it did not happen in time"
            if not get_broker().queue_size():
                async_task("sync.tasks.beat")
            time.sleep(0.1)  # real processes; there is nothing to wait on but the rows they write

    def end(self) -> None:
        self.supervisor.terminate()
        try:
            self.supervisor.wait(5)
        finally:
            for pid in self.cluster():
                os.kill(pid, signal.SIGKILL)
            self.supervisor.kill()
            self.supervisor.wait()


@pytest.fixture
def supervised(transactional_db: None, tmp_path: Path) -> Iterator[Supervised]:
    if connection.vendor != "sqlite":
        pytest.skip("the processes are pointed at the test database by its file")
    address = {"DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}", "WORKERS": "1"}
    command = [sys.executable, "manage.py", "worker", "--silence", str(SILENCE)]
    output = tmp_path / "output"
    with output.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env={**os.environ, **address}, stdout=written, stderr=subprocess.STDOUT
        )
    supervised = Supervised(process, output)
    yield supervised
    supervised.end()
    get_broker().purge_queue()


def last_beat() -> object:
    return Beat.objects.filter(name="worker").values_list("at", flat=True).first()


def idle_worker(supervised: Supervised) -> int:
    """The only worker waits for work with the queue's lock in hand; whoever kills it leaves the lock locked."""
    head = supervised.cluster()[0]
    sentinel = next(process.pid for process in processes() if process.parent == head)
    return min(process.pid for process in processes() if process.parent == sentinel)


@pytest.mark.processes
def test_a_cluster_that_stalls_because_its_worker_was_killed_is_restarted_whole(supervised):
    supervised.until(last_beat)
    before, old = last_beat(), set(supervised.cluster())
    os.kill(idle_worker(supervised), signal.SIGKILL)
    killed = time.monotonic()

    supervised.until(lambda: last_beat() != before)

    assert time.monotonic() - killed >= SILENCE - 1
    assert f"no sign of life for {SILENCE:.0f} s: it is restarted whole" in supervised.output.read_text()
    assert not old & {process.pid for process in processes()}


@pytest.mark.processes
def test_a_cluster_whose_head_dies_leaves_nobody_behind_and_is_started_again(supervised):
    supervised.until(last_beat)
    before, old = last_beat(), set(supervised.cluster())
    os.kill(supervised.cluster()[0], signal.SIGKILL)

    supervised.until(lambda: last_beat() != before and old.isdisjoint(process.pid for process in processes()))
