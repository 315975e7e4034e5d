"""`manage.py sandbox` opens a shop, says where it is, and explains a taken port."""

from __future__ import annotations

import socket
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from connections.sandbox.server import SandboxServer


def test_it_says_where_everything_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SandboxServer, "wait", lambda _self: (_ for _ in ()).throw(KeyboardInterrupt))
    out = StringIO()
    call_command("sandbox", port=0, payments=5, days=2, stdout=out)
    for part in (
        "/square",
        "/exact/nl",
        "tillbridge-local",
        "100001 Grachten Retail BV",
        "/snowflake/tb-archive",
        "Sandbox stopped",
    ):
        assert part in out.getvalue()


def test_a_taken_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"cannot listen on 127.0.0.1:{port}.*--port"):
            call_command("sandbox", port=port, payments=0, stdout=StringIO())


def test_no_days_make_no_month() -> None:
    with pytest.raises(CommandError, match="--days"):
        call_command("sandbox", days=0, stdout=StringIO())
