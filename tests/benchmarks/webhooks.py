"""Webhooks while a lane works: a hundred deliveries a second at the real server, answered how fast, and none lost.

The server is waitress in a process of its own; beside it a lane books payments one by one into the same database. The
load comes at its own pace, however slow the answers (an open loop): what waits in line counts as waiting. On SQLite,
and on PostgreSQL where its server is installed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tests import cluster
from tests.benchmarks import machine, stage
from tests.benchmarks.results import Row, at_most

RATE = 100
SECONDS = 30
# A server that has just started imports its pages and opens its connections with the first requests. These are sent and
# must not be lost, and are told by themselves.
SETTLING = 3
PAYMENTS = 1_000
SENDERS = 16
# As README, Deployment has it for a server of webhooks.
THREADS = 2
LAST = 19
KEY = "bench-signature-key"
# Of the 99th percentile, in milliseconds.
TARGETS = {"sqlite": 300.0, "postgresql": 50.0}


@dataclass(frozen=True, slots=True)
class Load:
    """`waited`: milliseconds from when each was to leave until its answer; `settling`: the same of the first seconds,
    which are not among them; `stored` events of `sent` different ones. `load`: tasks that wanted a core in the minute
    before the load began, ours not among them yet; `stolen`: per cent of the machine's time that its host took.
    """

    database: str
    waited: Sequence[float]
    settling: Sequence[float]
    sent: int
    stored: int
    refused: int
    busy: str
    load: float
    stolen: float

    def percentile(self, share: float) -> float:
        ordered = sorted(self.waited)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rows() -> list[Row]:
    return [row for load in measure_both() for row in _rows(load)]


def measure_both() -> Iterator[Load]:
    """`WEBHOOK_BENCH_DATABASE_URL` names an empty PostgreSQL database to take instead of a server of our own."""
    yield measure()
    if address := os.environ.get("WEBHOOK_BENCH_DATABASE_URL"):
        yield measure(address)
    elif cluster.programs():
        with cluster.cluster(settings=cluster.DURABLE) as address:
            yield measure(address)
    else:
        print(cluster.ABSENT, flush=True)


def _rows(load: Load) -> list[Row]:
    name = f"webhooks at {RATE} a second, {load.database}, a lane at work:"
    target = TARGETS[load.database]
    return [
        Row(f"{name} median", round(load.percentile(0.5), 1), "ms"),
        at_most(f"{name} 99th percentile", round(load.percentile(0.99), 1), "ms", target),
        Row(f"{name} slowest", round(max(load.waited), 1), "ms"),
        Row(f"{name} slowest of the first {SETTLING} s", round(max(load.settling), 1), "ms"),
        at_most(f"{name} lost", load.sent - load.stored, f"of {load.sent:,}", 0),
        at_most(f"{name} refused", load.refused, "", 0),
        Row(f"{name} load average before", round(load.load, 1), f"on {os.cpu_count()} cores"),
        Row(f"{name} taken by the machine's host meanwhile", load.stolen, "%"),
    ]


def measure(address: str = "") -> Load:
    """In a fresh data folder, on SQLite in it or on the empty database of that address."""
    from tests.benchmarks import pipeline

    with tempfile.TemporaryDirectory(prefix="tillbridge-bench-") as folder:
        database, load = address or f"sqlite:///{folder}/bench.sqlite3", os.getloadavg()[0]
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings", "TILLBRIDGE_DATA": folder, "DATABASE_URL": database,
        }  # fmt: skip
        with stage.in_a_process(serve_behind, PAYMENTS, 3, is_talking=True) as sandbox:
            opened = sandbox.recv()
            port = _free_port()
            os.environ |= {**opened.environment, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
            lane = stage.done(pipeline.prepare, opened, "per_payment")
            path = stage.done(open_address, lane)
            with _server(port), stage.in_a_process(work_behind, lane) as working:
                began = machine.ticks()
                settling, waited, refused, sent = _fire(port, f"http://127.0.0.1:{port}{path}")
                stolen = machine.stolen_since(began)
                stored = stage.done(count_events)
                busy = str(working.recv()["state"])
            sandbox.send("end")
    kind = "postgresql" if database.startswith("postgres") else "sqlite"
    return Load(kind, waited, settling, sent, stored, refused, busy, load, stolen)


def serve_behind(*arguments: Any) -> None:
    """The vendors, who are on machines of their own in life, take what is left of this one."""
    from tests.benchmarks import vendors

    os.nice(LAST)
    vendors.serve_month(*arguments)


def work_behind(lane_id: int) -> dict[str, Any]:
    """The lane, as `manage.py worker` lets it run."""
    from django.conf import settings

    from tests.benchmarks import pipeline

    os.nice(settings.WORKER_NICENESS)
    return pipeline.run(lane_id)


def open_address(lane_id: int) -> str:
    """Give the lane's source a key; the path of its address."""
    import django

    django.setup()
    from connections import webhooks
    from sync.models import SyncLane

    source = SyncLane.objects.select_related("source").get(pk=lane_id).source
    webhooks.change_key(source, KEY)
    return urlsplit(webhooks.address(source)).path


def count_events() -> int:
    import django

    django.setup()
    from connections.models import WebhookEvent

    return WebhookEvent.objects.count()


@contextmanager
def _server(port: int) -> Iterator[None]:
    command = [
        sys.executable,
        "-m",
        "waitress",
        f"--listen=127.0.0.1:{port}",
        f"--threads={THREADS}",
        "config.wsgi:application",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield
    finally:
        server.terminate()
        server.wait(20)


def _fire(port: int, address: str) -> tuple[list[float], list[float], int, int]:
    """(milliseconds each of the first seconds waited, and each after them, how many were refused, how many events were
    sent); one in ten comes twice.
    """
    work: queue.Queue[tuple[float, bytes] | None] = queue.Queue()
    waited: list[tuple[float, float]] = []
    statuses: Counter[int] = Counter()
    senders = [threading.Thread(target=_send, args=(port, address, work, waited, statuses)) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    began, sent = time.monotonic(), 0
    body = b""
    for number in range(RATE * (SETTLING + SECONDS)):
        leaves = began + number / RATE
        time.sleep(max(0.0, leaves - time.monotonic()))
        if number % 10 != 1:
            body, sent = _event(), sent + 1
        work.put((leaves, body))
    for _ in senders:
        work.put(None)
    for sender in senders:
        sender.join()
    first = [took for leaves, took in waited if leaves < began + SETTLING]
    rest = [took for leaves, took in waited if leaves >= began + SETTLING]
    return first, rest, sum(count for status, count in statuses.items() if status != http.client.OK), sent


def _send(
    port: int,
    address: str,
    work: queue.Queue[tuple[float, bytes] | None],
    waited: list[tuple[float, float]],
    statuses: Counter[int],
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    path = urlsplit(address).path
    while (task := work.get()) is not None:
        leaves, body = task
        digest = hmac.new(KEY.encode(), address.encode() + body, hashlib.sha256).digest()
        signature = base64.b64encode(digest).decode()
        headers = {"Content-Type": "application/json", "x-square-hmacsha256-signature": signature}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        waited.append((leaves, (time.monotonic() - leaves) * 1000))
        statuses[answer.status] += 1
    connection.close()


def _event() -> bytes:
    """Of the size of a payment with its card details."""
    payment = {"id": "P1", "location_id": "L1", "padding": "x" * 2_000}
    event = {
        "merchant_id": "M1", "type": "payment.updated", "event_id": str(uuid.uuid4()),
        "created_at": datetime.now(UTC).isoformat(), "data": {"type": "payment", "id": "P1",
                                                              "object": {"payment": payment}},
    }  # fmt: skip
    return json.dumps(event).encode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The web server did not start.")


if __name__ == "__main__":
    from tests.benchmarks.results import show

    measured = list(measure_both())
    show(row for load in measured for row in _rows(load))
    for load in measured:
        print(f"The lane beside it on {load.database}: {load.busy}")
