"""The processes of the demo: sandbox in a thread, workers and web server as children that end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from connections.sandbox.app import Sandbox
from connections.sandbox.server import SandboxServer, serve

GRACE = 20.0


@contextmanager
def sandbox_on(port: int, *, seed: int) -> Iterator[tuple[Sandbox, SandboxServer]]:
    sandbox = Sandbox(seed=seed)
    server = serve(sandbox, port=port)
    try:
        yield sandbox, server
    finally:
        server.stop()


@contextmanager
def child(*arguments: str, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours in a group of its own: Ctrl-C reaches only the demo, which then ends each child in order."""
    path = Path(settings.DATA_DIR) / log
    with path.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, *arguments], stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    with child(str(manage()), "worker", log="worker.log") as process:
        yield process


@contextmanager
def web(port: int) -> Iterator[subprocess.Popen[bytes]]:
    with child("-m", "waitress", f"--listen=127.0.0.1:{port}", "config.wsgi:application", log="web.log") as process:
        yield process


def manage() -> Path:
    return Path(settings.BASE_DIR) / "manage.py"
