"""The sandbox on a real socket: keep-alive, resets, the clock in its headers, and its control paths."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests

from connections.sandbox.app import Sandbox
from connections.sandbox.clock import SandboxClock, source_from
from connections.sandbox.exact import Limits, sales
from connections.sandbox.faults import Fault
from connections.sandbox.log import template
from connections.sandbox.server import SandboxServer, serve
from tests.connections.sandbox.exact_world import START, frozen_clock


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    sandbox = Sandbox(clock=frozen_clock())
    site = sandbox.exact.site("nl")
    site.add_division(100001, "Grachten Retail BV")
    site.register_app("app", "secret", ["https://x.example/cb"], limits=Limits(10_000, 10_000))
    with serve(sandbox) as running:
        yield running


@pytest.fixture
def session(server: SandboxServer) -> Iterator[requests.Session]:
    with requests.Session() as session:
        tokens = server.sandbox.exact.site("nl").issue_tokens("app")
        session.headers.update({"Authorization": f"Bearer {tokens.access_token}", "Accept": "application/json"})
        yield session


def _api(server: SandboxServer, path: str) -> str:
    return f"{server.exact_url.format(region='nl')}/api/v1/100001/{path}"


def test_links_lead_back_to_the_server_and_the_date_is_the_sandboxs(
    server: SandboxServer, session: requests.Session
) -> None:
    answer = session.get(_api(server, "vat/VATCodes?$select=Code"))
    assert answer.headers["Date"] == "Tue, 10 Mar 2026 12:00:05 GMT"
    assert answer.json()["d"]["results"][0]["__metadata"]["uri"].startswith(_api(server, "vat/VATCodes(guid'"))


def test_a_connection_serves_many_requests(server: SandboxServer) -> None:
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        for _ in range(3):
            connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_a_drop_sends_no_byte_and_resets(server: SandboxServer, session: requests.Session) -> None:
    server.sandbox.faults.add(Fault("drop_before", system="exact"))
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(b"GET /exact/nl/api/v1/current/Me HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    server.sandbox.faults.add(Fault("drop_after", system="exact"))
    with pytest.raises(requests.ConnectionError):
        session.get(_api(server, "vat/VATCodes"))


def test_a_delay_outlasts_the_callers_patience(server: SandboxServer, session: requests.Session) -> None:
    server.sandbox.faults.add(Fault("delay", system="exact", seconds=0.4))
    with pytest.raises(requests.ReadTimeout):
        session.get(_api(server, "vat/VATCodes"), timeout=(1, 0.1))


def test_callers_at_once_get_numbers_of_their_own(server: SandboxServer, session: requests.Session) -> None:
    division = server.sandbox.exact.site("nl").division(100001)
    line = {"GLAccount": division.gl("8000")["ID"], "AmountFC": 1.0, "VATCode": "2"}
    body = {"Customer": division.counter_sales["ID"], "Journal": "70", "SalesEntryLines": [line]}

    def post(_: int) -> int:
        with requests.Session() as own:
            answer = own.post(_api(server, "salesentry/SalesEntries"), json=body, headers=dict(session.headers))
            return int(answer.json()["d"]["EntryNumber"])

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(post, range(40)))
    assert sorted(numbers) == list(range(26700001, 26700041))


def test_a_body_without_length_is_refused(server: SandboxServer) -> None:
    answer = requests.post(f"{server.base_url}/square/v2/x", data=iter([b"{}"]), timeout=5)
    assert answer.status_code == 411


def test_a_taken_port_is_an_os_error(server: SandboxServer) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(server.sandbox, port=server.port)


def test_control_moves_the_clock_and_arms_faults(server: SandboxServer, session: requests.Session) -> None:
    control = f"{server.base_url}/_sandbox/"
    assert session.post(control + "clock", json={"seconds": 60}).json() == {"now": "2026-03-10T12:01:05+00:00"}
    session.post(control + "faults", json={"action": "503", "system": "exact", "path": "*/VATCodes"})
    assert session.get(_api(server, "vat/VATCodes")).status_code == 503
    assert session.get(control + "faults").json()[0]["struck"] == 1
    assert session.delete(control + "faults").json() == []
    assert session.post(control + "faults", json={"action": "explode"}).status_code == 400
    assert session.post(control + "clock", json={"seconds": -1}).status_code == 400
    assert session.post(control + "nothing", json={}).status_code == 404


def test_control_shows_state_log_and_ledger_and_acts_on_the_books(
    server: SandboxServer, session: requests.Session
) -> None:
    control = f"{server.base_url}/_sandbox/"
    session.get(_api(server, "vat/VATCodes"), headers={"X-Request-Id": "r-1"})
    entry = session.get(control + "log").json()["entries"][-1]
    assert (entry["request_id"], entry["division"], entry["region"], entry["status"]) == ("r-1", 100001, "nl", 200)
    assert session.get(control + "state").json()["requests"] == {"exact GET /api/v1/{n}/vat/VATCodes": 1}
    assert session.get(control + "ledger?region=nl&division=100001").json() == []
    for action, body in (
        ("close_period", {"year": 2026, "period": 3}),
        ("reopen_period", {"year": 2026, "period": 3}),
        ("block_account", {"gl_code": "8000"}),
        ("rename_division", {"division": 100001, "name": "Anders"}),
        ("set_current_division", {"division": 100001}),
        ("set_language", {"language": "nl"}),
        ("switch", {"post_status": 200}),
        ("remove_division", {"division": 100001}),
    ):
        assert session.post(f"{control}exact/{action}", json=body).status_code == 200, action
    assert session.post(f"{control}exact/fly", json={}).status_code == 400
    assert session.get(_api(server, "vat/VATCodes")).status_code == 403


def test_unknown_regions_and_paths_are_not_found(server: SandboxServer) -> None:
    assert requests.get(f"{server.base_url}/exact/xx/api/v1/current/Me", timeout=5).status_code == 404


def test_the_clock_reads_the_variable_of_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    origin = datetime.now(UTC).timestamp() - 10
    monkeypatch.setenv("TILLBRIDGE_CLOCK", f"{origin},100")
    ahead = SandboxClock().now().timestamp() - origin
    assert 1000 <= ahead < 1100
    assert source_from(f"{START.isoformat()},1")().year >= 2026
    for wrong in ("fast", "1,0", "x,2"):
        with pytest.raises(ValueError, match="TILLBRIDGE_CLOCK"):
            source_from(wrong)


def test_the_log_counts_paths_without_their_ids() -> None:
    assert template("/api/v1/100001/salesentry/SalesEntries(guid'1')") == "/api/v1/{n}/salesentry/SalesEntries({key})"
    assert template("/v2/orders/batch-retrieve") == "/v2/orders/batch-retrieve"
    assert template("/v2/payments/GQTFp1ZlXdpoW4o6eGiZhbjosiDFf") == "/v2/payments/{id}"


def test_what_exacts_screens_refuse_is_an_answer_and_no_reset(server: SandboxServer) -> None:
    books = server.sandbox.exact.site("nl").division(100001)
    line = {"GLAccount": books.gl("8000")["ID"], "AmountFC": Decimal(10), "VATCode": "2"}
    sales.post(books, {"Customer": books.counter_sales["ID"], "Journal": "70", "SalesEntryLines": [line]})
    (entry,) = books.entries()
    period = {"division": 100001, "year": entry["FinancialYear"], "period": entry["FinancialPeriod"]}
    address = f"http://{server.host}:{server.port}/_sandbox/exact"
    assert requests.post(f"{address}/close_period", json=period, timeout=5).status_code == 200

    answer = requests.post(
        f"{address}/delete_entry", json={"division": 100001, "entry_id": entry["EntryID"]}, timeout=5
    )

    assert answer.status_code == 400
    assert "would refuse it: closed" in answer.json()["error"]
