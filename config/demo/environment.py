"""The environment of a self-contained command, set before Django reads its settings. Imports no Django."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import time
from collections.abc import Sequence

# Exact's 60 calls a minute become 600 or 3,600 a real minute; tokens, leases and days run along.
VISIT_SPEED, ONCE_SPEED = 10, 60
WEB_PORT = 8000


def prepare(arguments: Sequence[str]) -> None:
    """Fill in what the environment does not say: throwaway keys, a data folder of its own, a clock for the demo."""
    chosen = {
        "TILLBRIDGE_MODE": "demo",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SALT_KEY": secrets.token_urlsafe(32),
    }
    for name, value in chosen.items():
        os.environ.setdefault(name, value)
    if arguments[1] == "demo":
        # Whatever the environment or `.env` says: the demo writes into its own world only, and removes it at the end.
        os.environ.update(_demo("--once" in arguments))


def _demo(once: bool) -> dict[str, str]:
    speed = ONCE_SPEED if once else VISIT_SPEED
    web, sandbox = free_port(WEB_PORT), free_port()
    folder = tempfile.mkdtemp(prefix="tillbridge-demo-")
    return {
        "TILLBRIDGE_MODE": "demo",
        "TILLBRIDGE_DATA": folder,
        "DATABASE_URL": f"sqlite:///{folder}/tillbridge.sqlite3",
        "REDIS_URL": "",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "TILLBRIDGE_CLOCK": f"{time.time():.3f},{speed}",
        "DEMO_WEB_PORT": str(web),
        "DEMO_SANDBOX_PORT": str(sandbox),
        "PUBLIC_URL": f"http://127.0.0.1:{web}",
        "SANDBOX_SQUARE_URL": f"http://127.0.0.1:{sandbox}/square",
        "SANDBOX_EXACT_URL": f"http://127.0.0.1:{sandbox}/exact/{{region}}",
        "SANDBOX_SNOWFLAKE_URL": f"http://127.0.0.1:{sandbox}/snowflake/{{account}}",
    }


def free_port(wanted: int = 0) -> int:
    """The wanted port when it is free, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As the servers themselves do: a port whose last connection just closed is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("No port is free on 127.0.0.1.")
