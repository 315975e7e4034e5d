"""What a share of the schedules runs in: its own data folder, port, keys and fast clock."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

# One real second is the shortest time-out of a call: sixty seconds of the clock, so that a lease is three real seconds.
SPEED = 60


def environment(folder: Path, *, speed: int = SPEED) -> dict[str, str]:
    port = _free_port()
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "TILLBRIDGE_MODE": "demo",
        "SECRET_KEY": "prove-only-signing-key-of-a-sandbox-that-lives-for-minutes",
        "SALT_KEY": "prove-only-sealing-key-of-a-sandbox",
        "TILLBRIDGE_DATA": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'tillbridge.sqlite3'}",
        "TILLBRIDGE_CLOCK": f"{time.time():.3f},{speed}",
        "SANDBOX_SQUARE_URL": f"http://127.0.0.1:{port}/square",
        "SANDBOX_EXACT_URL": f"http://127.0.0.1:{port}/exact/{{region}}",
        "LOG_LEVEL": "ERROR",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
