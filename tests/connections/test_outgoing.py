"""Where a message may go that a person entered the address of, and what is said of one that did not arrive."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from connections import outgoing
from connections.outgoing import NotSent


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://hooks.example.com/services/T0/B0", ""),
        ("http://hooks.example.com/services", "must begin with https"),
        ("ftp://hooks.example.com/", "must begin with https"),
        ("hooks.example.com/services", "Enter an address like"),
        ("https://anna:secret@hooks.example.com/", "Enter an address like"),
        ("https://hooks.example.com:99999/", "not an address"),
        ("https://[::1]/", "private network"),
        ("https://127.0.0.1/", "private network"),
        ("https://10.0.0.8/", "private network"),
        ("https://169.254.169.254/latest/meta-data", "private network"),
        ("https://[::ffff:192.168.0.1]/", "private network"),
        ("https://100.64.0.1/", "private network"),
        ("", "Enter an address like"),
    ],
)
def test_only_public_addresses_by_https_may_be_entered(url: str, said: str) -> None:
    found = outgoing.objection_to(url)
    assert (said in found) if said else not found


def test_a_name_that_leads_into_the_own_network_is_refused_when_it_is_sent() -> None:
    """localhost looks like any other name; only its addresses tell."""
    assert outgoing.objection_to("https://localhost/hook") == ""
    with pytest.raises(NotSent, match="private network"):
        outgoing.post_json("https://localhost/hook", {"text": "x"})


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, self.headers["Host"], json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(self.server.answers)  # type: ignore[attr-defined]
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def hook(settings: Settings) -> Iterator[Any]:
    """Something in the own network that takes messages, allowed by whoever runs the machine."""
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    server.taken, server.answers = [], 200  # type: ignore[attr-defined]
    settings.OUTGOING_HOSTS = [f"127.0.0.1:{server.server_port}"]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_host_of_the_own_network_takes_messages_once_it_is_allowed(hook: Any) -> None:
    outgoing.post_json(f"http://127.0.0.1:{hook.server_port}/a/b?c=d", {"text": "over"})
    assert hook.taken == [("/a/b?c=d", f"127.0.0.1:{hook.server_port}", {"text": "over"})]
    assert "https" in outgoing.objection_to("http://127.0.0.1:1/")  # its neighbours are not allowed with it


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_anything_but_success_is_not_taken_and_no_redirect_is_followed(hook: Any, status: int) -> None:
    hook.answers = status
    with pytest.raises(NotSent, match=f"127.0.0.1 answered HTTP {status}"):
        outgoing.post_json(f"http://127.0.0.1:{hook.server_port}/secret-path", {"text": "x"})
    assert len(hook.taken) == 1


def test_what_does_not_answer_is_told_without_its_address(settings: Settings) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        settings.OUTGOING_HOSTS = [f"127.0.0.1:{port}"]
        with pytest.raises(NotSent, match=r"127\.0\.0\.1 did not answer") as failure:
            outgoing.post_json(f"http://127.0.0.1:{port}/secret-path", {"text": "x"})
    assert "secret-path" not in str(failure.value)
