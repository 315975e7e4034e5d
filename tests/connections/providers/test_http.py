"""What a transport makes of a network: over real sockets where a socket decides, else over `responses`."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import requests
import responses

from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreachable
from connections.providers.http import Answer, Call, Transport, batches, next_minute, with_token
from tests.connections.providers.doubles import Tokens, Witness

CALL = Call("exact", "SalesEntries.create", "POST", "salesentry/SalesEntries", division=12)


def raw(answer: Answer) -> Answer:
    return answer


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that takes one connection, reads the request and does what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            connection, _ = listening.accept()
            with connection:
                _take_request(connection)
                behave(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(5)


def _take_request(connection: socket.socket) -> None:
    """To its end: a server that closes with some of it unread resets the connection, and its answer may be lost."""
    received = connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (more := connection.recv(missing)):
        missing -= len(more)


def send(url: str, transport: Transport | None = None, body: bytes = b"{}") -> Answer:
    sender = transport or Transport(timeout=(1, 0.3))
    return sender.send(CALL, url, headers={}, body=body, read=raw)


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(Unreachable, match="nothing was sent"):
        send(f"http://127.0.0.1:{port}/")


def test_a_name_that_does_not_resolve_means_that_nothing_was_sent() -> None:
    with pytest.raises(Unreachable):
        send("http://nowhere.invalid/")


@pytest.mark.parametrize("address", ["no-scheme/path", "ftp://host/", "http:///nohost"])
def test_an_address_that_cannot_be_used_means_that_nothing_was_sent(address: str) -> None:
    with pytest.raises(Unreachable):
        send(address)


def test_a_plain_server_where_tls_was_expected_means_that_nothing_was_sent() -> None:
    def speak_plainly(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with server(speak_plainly) as url, pytest.raises(Unreachable):
        send(url.replace("http://", "https://"))


def test_silence_after_the_request_means_that_it_may_have_been_done() -> None:
    enough = threading.Event()
    with server(lambda _: enough.wait(5)) as url:
        with pytest.raises(NoAnswer, match="may have been done"):
            send(url)
        enough.set()


def test_a_reset_after_the_request_means_that_it_may_have_been_done() -> None:
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with server(reset) as url, pytest.raises(NoAnswer):
        send(url)


def test_a_close_without_a_byte_means_that_it_may_have_been_done() -> None:
    with server(lambda _: None) as url, pytest.raises(NoAnswer):
        send(url)


def test_a_body_that_breaks_off_means_that_it_may_have_been_done() -> None:
    def half(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"d":')

    with server(half) as url, pytest.raises(NoAnswer):
        send(url)


def test_an_answer_is_not_read_past_the_cap() -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 4_000_000)

    with server(_quietly(flood)) as url, pytest.raises(NoAnswer, match="larger than 1 MB"):
        send(url, Transport(timeout=(5, 5), cap=1_000_000))


def test_an_answer_that_only_trickles_is_given_up() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"1\r\nx\r\n")
            threading.Event().wait(0.02)

    with server(_quietly(trickle)) as url, pytest.raises(NoAnswer, match="not complete"):
        send(url, Transport(timeout=(1, 1), longest=0.1))


def _quietly(behave: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """The other side hangs up while we still send: that is the point of these tests."""

    def run(connection: socket.socket) -> None:
        try:
            behave(connection)
        except OSError:
            return

    return run


@responses.activate
def test_a_redirect_is_not_followed() -> None:
    responses.get("https://vendor.test/a", status=302, headers={"Location": "https://elsewhere.test/"})
    answer = Transport().send(CALL_GET, "https://vendor.test/a", headers={}, read=raw)
    assert answer.status == 302
    assert len(responses.calls) == 1


CALL_GET = Call("square", "payments.list", "GET", "/v2/payments")


@responses.activate
def test_a_call_is_observed_with_its_status_and_carries_its_request_id() -> None:
    responses.get("https://vendor.test/a", json={}, headers={"X-RateLimit-Remaining": "7"})
    witness = Witness()
    Transport(observer=witness).send(CALL_GET, "https://vendor.test/a", headers={"A": "b"}, read=raw)
    assert witness.begun == [CALL_GET]
    assert [(seen.status, seen.error) for seen in witness.ended] == [(200, None)]
    assert witness.ended[0].headers["x-ratelimit-remaining"] == "7"
    assert responses.calls[0].request.headers["X-Request-Id"] == CALL_GET.request_id
    assert responses.calls[0].request.headers["A"] == "b"


@responses.activate
def test_what_the_reader_makes_of_an_answer_is_observed_too() -> None:
    responses.get("https://vendor.test/a", status=500)
    witness = Witness()
    refusal = Refused("no", status=500)

    def refuse(answer: Answer) -> Answer:
        raise refusal

    with pytest.raises(Refused):
        Transport(observer=witness).send(CALL_GET, "https://vendor.test/a", headers={}, read=refuse)
    assert (witness.ended[0].status, witness.ended[0].error) == (500, refusal)


def test_a_call_that_never_left_is_observed_without_a_status() -> None:
    witness = Witness()
    with pytest.raises(Unreachable):
        Transport(observer=witness).send(CALL_GET, "http://nowhere.invalid/", headers={}, read=raw)
    assert witness.ended[0].status is None
    assert isinstance(witness.ended[0].error, Unreachable)


@responses.activate
def test_an_observer_can_keep_a_call_from_being_sent() -> None:
    class Governor(Witness):
        def before(self, call: Call) -> None:
            raise Throttled("wait", until=datetime(2026, 1, 1, tzinfo=UTC))

    governor = Governor()
    with pytest.raises(Throttled):
        Transport(observer=governor).send(CALL_GET, "https://vendor.test/a", headers={}, read=raw)
    assert not responses.calls
    assert not governor.ended


@responses.activate
def test_cookies_are_not_kept() -> None:
    responses.get("https://vendor.test/a", json={}, headers={"Set-Cookie": "session=1; Path=/"})
    transport = Transport(session=requests.Session())
    for _ in range(2):
        transport.send(CALL_GET, "https://vendor.test/a", headers={}, read=raw)
    assert "Cookie" not in responses.calls[1].request.headers


def test_a_proxy_of_the_environment_does_not_see_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://proxy.invalid:1")
    with server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as url:
        assert send(url).body == b"{}"


def test_no_error_repeats_the_address_that_was_asked() -> None:
    with pytest.raises(Unreachable) as caught:
        send("http://nowhere.invalid/?secret=hush")
    assert "hush" not in caught.value.sentence


def refuse_once(refused: dict[str, str]) -> Callable[[Call, str], str]:
    def attempt(call: Call, token: str) -> str:
        refused[call.request_id] = token
        if token == "first":
            raise NotAuthorised("expired", status=401, code="expired")
        return token

    return attempt


def test_a_refused_token_is_renewed_once_and_the_call_becomes_a_request_of_its_own() -> None:
    tokens, sent = Tokens(), dict[str, str]()
    assert with_token(tokens, CALL, refuse_once(sent)) == "second"
    assert tokens.renewals == ["first"]
    assert list(sent.values()) == ["first", "second"]


def test_a_token_that_could_not_be_renewed_is_not_sent_again() -> None:
    tokens, sent = Tokens(fresh=[]), dict[str, str]()
    with pytest.raises(NotAuthorised):
        with_token(tokens, CALL, refuse_once(sent))
    assert list(sent.values()) == ["first"]


def test_a_missing_right_is_no_reason_to_renew() -> None:
    tokens = Tokens()

    def forbid(call: Call, token: str) -> None:
        raise NotAuthorised("no", status=403, code="scope")

    with pytest.raises(NotAuthorised):
        with_token(tokens, CALL, forbid)
    assert not tokens.renewals


def test_batches_keep_the_order_and_drop_repeats() -> None:
    assert list(batches(["b", "a", "b", "c"], 2)) == [("b", "a"), ("c",)]
    assert list(batches([], 2)) == []


def test_the_next_minute_is_never_now() -> None:
    assert next_minute(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
