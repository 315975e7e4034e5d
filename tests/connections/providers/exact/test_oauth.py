from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses

from connections.providers.errors import NoAnswer, NotAuthorised, Throttled, Unreachable, VendorError
from connections.providers.exact import oauth
from tests.connections.providers.doubles import NOW, Witness, transport

BASE = "http://127.0.0.1:9400/exact/nl"
TOKEN = f"{BASE}/api/oauth2/token"
APP = {"client_id": "{id}", "client_secret": "hush&="}
GRANTED = {"access_token": "A" * 550, "token_type": "bearer", "expires_in": "600", "refresh_token": "R" * 270}


def refresh(witness: Witness | None = None) -> oauth.ExactTokens:
    return oauth.refresh(BASE, transport=transport(witness), refresh_token="old", **APP)


def exchange() -> oauth.ExactTokens:
    return oauth.exchange(BASE, transport=transport(), redirect_uri="https://t.test/cb", code="c!/=", **APP)


def form() -> dict[str, str]:
    body = responses.calls[0].request.body
    assert isinstance(body, bytes)
    return dict(parse_qsl(body.decode()))


@pytest.mark.parametrize("base", ["https://start.exactonline.nl", BASE, BASE + "/"])
def test_the_consent_address_carries_what_exact_wants(base: str) -> None:
    address = oauth.authorize_url(base, client_id="{id}", redirect_uri="https://t.test/cb", state="s t")
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{base.rstrip('/')}/api/oauth2/auth"
    assert dict(parse_qsl(parts.query)) == {
        "client_id": "{id}",
        "redirect_uri": "https://t.test/cb",
        "response_type": "code",
        "state": "s t",
    }


def test_a_person_can_be_made_to_sign_in_again() -> None:
    address = oauth.authorize_url(BASE, client_id="i", redirect_uri="https://t/", state="s", force_login=True)
    assert ("force_login", "1") in parse_qsl(urlsplit(address).query)


@responses.activate
def test_a_code_becomes_tokens_that_expire_when_exact_says() -> None:
    responses.post(TOKEN, json=GRANTED)
    tokens = exchange()
    assert (tokens.access, tokens.refresh) == (GRANTED["access_token"], GRANTED["refresh_token"])
    assert tokens.expires_at == NOW + timedelta(seconds=600)
    assert tokens.refresh_from == NOW + timedelta(seconds=570)
    assert tokens.refresh_expires_at == NOW + timedelta(days=30)
    assert form() == APP | {"grant_type": "authorization_code", "redirect_uri": "https://t.test/cb", "code": "c!/="}


@responses.activate
def test_a_refresh_is_a_form_without_a_token_in_the_header() -> None:
    responses.post(TOKEN, json=GRANTED)
    refresh()
    assert form() == APP | {"grant_type": "refresh_token", "refresh_token": "old"}
    headers = responses.calls[0].request.headers
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Authorization" not in headers


def test_tokens_do_not_show_themselves() -> None:
    tokens = oauth.ExactTokens(access="hush", refresh="hush", obtained_at=NOW, expires_at=NOW)
    assert "hush" not in repr(tokens)


OLD = {"error": "unauthorized_client", "error_description": "Old refresh token used."}
IDLE = {
    "error": "invalid_request",
    "error_description": "The refresh token expired at 1/2/2026 3:04:05 PM and it is now 2/3/2026 3:04:05 PM",
}


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, OLD, "revoked"),
        (400, OLD, "revoked"),
        (400, IDLE, "expired"),
        (400, {"error": "invalid_request"}, "unknown"),
        (400, "<html>", "unknown"),
        (403, [], "unknown"),
    ],
)
def test_a_refused_refresh_says_whether_a_person_must_connect_again(status: int, body: Any, code: str) -> None:
    responses.post(TOKEN, status=status, **({"body": body} if isinstance(body, str) else {"json": body}))
    with pytest.raises(NotAuthorised) as caught:
        refresh()
    assert (caught.value.status, caught.value.code) == (status, code)
    assert "onnect again" in caught.value.sentence


@responses.activate
@pytest.mark.parametrize("where", ["body", "header"])
def test_a_refresh_that_comes_too_early_is_no_failure(where: str) -> None:
    said = "Rate limit exceeded: access_token not expired"
    body = {"error": "access_denied", "error_description": said} if where == "body" else {}
    headers = {"Reason": f"TooEarlyToRefreshTokens: {said}"} if where == "header" else {}
    responses.post(TOKEN, status=400, json=body, headers=headers)
    with pytest.raises(oauth.TooEarly) as caught:
        refresh()
    assert caught.value.until > NOW


@responses.activate
def test_a_used_code_is_explained() -> None:
    responses.post(TOKEN, status=400, json={"error": "invalid_grant"})
    with pytest.raises(NotAuthorised, match="works once"):
        exchange()


@responses.activate
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 200, "body": ""}, NoAnswer),
        ({"status": 200, "json": {"access_token": "a"}}, NoAnswer),
        ({"status": 200, "json": GRANTED | {"expires_in": "soon"}}, NoAnswer),
        ({"status": 200, "json": GRANTED | {"expires_in": "9" * 19}}, NoAnswer),
        ({"status": 500, "json": OLD}, NoAnswer),
        ({"status": 503, "body": "<html>"}, NoAnswer),
        ({"status": 302, "headers": {"Location": "https://x/"}}, NoAnswer),
        ({"body": requests.exceptions.ReadTimeout()}, NoAnswer),
        ({"body": requests.exceptions.ConnectTimeout()}, Unreachable),
        ({"status": 429}, Throttled),
    ],
)
def test_a_lost_answer_is_told_apart_from_a_refusal(answer: dict[str, Any], error: type[VendorError]) -> None:
    responses.post(TOKEN, **answer)
    with pytest.raises(error) as caught:
        refresh()
    assert type(caught.value) is error


@responses.activate
def test_no_error_and_no_ledger_row_holds_a_secret() -> None:
    responses.post(TOKEN, status=400, json={"error": "invalid_request", "error_description": "client hush&= unknown"})
    witness = Witness()
    with pytest.raises(NotAuthorised) as caught:
        refresh(witness)
    assert "hush" not in caught.value.sentence
    assert [(seen.call.operation, seen.call.path, seen.status) for seen in witness.ended] == [
        ("oauth.refresh", "oauth2/token", 400)
    ]
