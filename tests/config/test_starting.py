"""What stops a start, what a start never touches, and what its log lines may hold."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings

from config.demo import environment as world
from config.log import RedactingFilter, RedactingFormatter


def managed(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("missing", ["SECRET_KEY", "SALT_KEY"])
def test_a_missing_key_stops_the_start_with_one_sentence(missing: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != missing} | {"TILLBRIDGE_MODE": "production"}
    ended = managed("check", environment=kept)
    assert ended.returncode != 0
    assert ended.stderr.startswith(f"Tillbridge cannot start: {missing} is not set.")
    assert "Traceback" not in ended.stderr


def test_the_demo_touches_no_data_of_a_real_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = {
        "TILLBRIDGE_DATA": str(tmp_path),
        "DATABASE_URL": "postgres://real",
        "REDIS_URL": "redis://real",
        "TILLBRIDGE_MODE": "production",
    }
    for name, value in real.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    world.prepare(["manage.py", "demo", "--once"])
    chosen = {name: os.environ[name] for name in real}
    assert not [name for name, value in real.items() if value in chosen[name]]
    assert chosen["DATABASE_URL"].startswith(f"sqlite:///{chosen['TILLBRIDGE_DATA']}/")
    Path(chosen["TILLBRIDGE_DATA"]).rmdir()


@pytest.fixture
def log() -> tuple[logging.Logger, StringIO]:
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(RedactingFilter())
    handler.setFormatter(RedactingFormatter("{levelname} {message}", style="{"))
    logger = logging.Logger("under test")
    logger.addHandler(handler)
    return logger, out


def test_a_name_forges_no_log_line_and_moves_no_cursor(log: tuple[logging.Logger, StringIO]) -> None:
    logger, out = log
    logger.warning("Customer %s", "x\r\nERROR forged\u2028ERROR forged\x1b[2J\x85")
    assert out.getvalue() == "WARNING Customer x\\r\\nERROR forged\\u2028ERROR forged\\x1b[2J\\x85\n"


def fail(words: str) -> None:
    raise ValueError(words)


def test_a_traceback_holds_no_token_and_forges_no_line(log: tuple[logging.Logger, StringIO]) -> None:
    logger, out = log
    try:
        fail("access_token=EAAAl-planted-0123456789\nERROR forged\x1b[2J")
    except ValueError:
        logger.exception("failed")
    text = out.getvalue()
    assert "planted" not in text
    assert "[redacted]" in text
    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if line.startswith("ERROR forged")]


def test_a_port_that_is_taken_is_said_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = managed("sandbox", "--port", str(port), "--payments", "0")
    assert ended.returncode != 0
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr
