from __future__ import annotations

import pytest
import requests

from connections.sandbox.app import Sandbox
from connections.sandbox.faults import Fault
from connections.sandbox.server import serve
from connections.sandbox.square import LineSpec


@pytest.fixture
def sandbox() -> Sandbox:
    sandbox = Sandbox()
    sandbox.square.add_location("Amsterdam")
    sandbox.square.add_tax("VAT 21", "21")
    sandbox.square.register_app("app", "secret", ["http://localhost/callback"])
    return sandbox


@pytest.fixture
def session(sandbox):
    with requests.Session() as session, serve(sandbox) as server:
        session.headers["Authorization"] = f"Bearer {sandbox.square.issue_tokens('app').access_token}"
        session.base = server.square_url
        yield session


def test_a_sale_is_read_over_the_wire(sandbox, session):
    sale = sandbox.square.sell("Amsterdam", lines=[LineSpec("Mug", 1495)])
    answer = session.get(f"{session.base}/v2/payments", params={"sort_field": "UPDATED_AT"}, timeout=5)
    assert answer.headers["Content-Type"] == "application/json"
    assert [payment["id"] for payment in answer.json()["payments"]] == list(sale.payment_ids)
    found = session.post(f"{session.base}/v2/orders/batch-retrieve", json={"order_ids": [sale.order_id]}, timeout=5)
    assert found.json()["orders"][0]["total_money"] == {"amount": 1495, "currency": "EUR"}


def test_a_refusal_stands_in_the_log_of_the_whole_sandbox(sandbox, session):
    answer = session.post(f"{session.base}/v2/payments", json={}, timeout=5)
    assert answer.status_code == 403
    assert [(entry.system, entry.path) for entry in sandbox.log.refusals] == [("square", "/v2/payments")]


@pytest.mark.parametrize(
    ("action", "code"), [("expire_token", "ACCESS_TOKEN_EXPIRED"), ("revoke_token", "ACCESS_TOKEN_REVOKED")]
)
def test_a_token_can_be_made_to_fail_on_the_way(sandbox, session, action, code):
    sandbox.faults.add(Fault(action, system="square"))
    answer = session.get(f"{session.base}/v2/locations", timeout=5)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, code)


def test_too_many_calls_are_answered_with_the_envelope(sandbox, session):
    sandbox.faults.add(Fault("429", system="square"))
    answer = session.get(f"{session.base}/v2/locations", timeout=5)
    assert (answer.status_code, answer.json()["errors"][0]["category"]) == (429, "RATE_LIMIT_ERROR")
    assert session.get(f"{session.base}/v2/locations", timeout=5).ok


def test_the_consent_page_leads_back_with_a_code(session):
    query = {"client_id": "app", "scope": "PAYMENTS_READ ORDERS_READ", "state": "s"}
    page = session.get(f"{session.base}/oauth2/authorize", params=query, timeout=5)
    assert f'action="{session.base}/oauth2/authorize"' in page.text
    answer = session.post(
        f"{session.base}/oauth2/authorize", data={**query, "decision": "allow"}, allow_redirects=False, timeout=5
    )
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("http://localhost/callback?code=sq0cgp-")
