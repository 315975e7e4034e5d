from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses

from connections.providers.errors import NoAnswer, NotAuthorised, Throttled, VendorError
from connections.providers.square import oauth
from tests.connections.providers.doubles import transport

BASE = "http://127.0.0.1:9400/square"
APP = {"client_id": "sq0idp", "client_secret": "hush"}
GRANTED = {
    "access_token": "EAAA",
    "token_type": "bearer",
    "expires_at": "2026-04-13T09:26:53Z",
    "merchant_id": "ML1",
    "refresh_token": "EQAA",
    "short_lived": False,
}


def exchange() -> oauth.SquareTokens:
    return oauth.exchange(BASE, transport=transport(), redirect_uri="https://t.test/cb", code="c", **APP)


def refresh() -> oauth.SquareTokens:
    return oauth.refresh(BASE + "/", transport=transport(), refresh_token="EQAA", **APP)


def sent() -> Any:
    body = responses.calls[0].request.body
    assert body is not None
    return json.loads(body)


def test_the_consent_address_names_the_scopes() -> None:
    address = oauth.authorize_url(BASE, client_id="i", redirect_uri="https://t.test/cb", state="s")
    assert address.startswith(f"{BASE}/oauth2/authorize?")
    asked = dict(parse_qsl(urlsplit(address).query))
    assert asked["scope"].split() == [*oauth.SCOPES, "CUSTOMERS_WRITE"]
    assert (asked["session"], asked["state"], asked["redirect_uri"]) == ("false", "s", "https://t.test/cb")


@responses.activate
def test_a_code_becomes_tokens() -> None:
    responses.post(f"{BASE}/oauth2/token", json=GRANTED)
    tokens = exchange()
    assert (tokens.access, tokens.refresh, tokens.merchant_id) == ("EAAA", "EQAA", "ML1")
    assert tokens.expires_at == datetime(2026, 4, 13, 9, 26, 53, tzinfo=UTC)
    assert sent() == APP | {"grant_type": "authorization_code", "code": "c", "redirect_uri": "https://t.test/cb"}
    assert "Authorization" not in responses.calls[0].request.headers


@responses.activate
def test_a_refresh_that_returns_no_refresh_token_keeps_the_old_one() -> None:
    responses.post(f"{BASE}/oauth2/token", json={name: GRANTED[name] for name in GRANTED if name != "refresh_token"})
    assert refresh().refresh == "EQAA"
    assert sent() == APP | {"grant_type": "refresh_token", "refresh_token": "EQAA"}


@responses.activate
def test_a_revocation_ends_the_whole_consent_of_the_merchant() -> None:
    responses.post(f"{BASE}/oauth2/revoke", json={"success": True})
    oauth.revoke(BASE, transport=transport(), merchant_id="ML1", **APP)
    assert sent() == {"client_id": "sq0idp", "merchant_id": "ML1"}
    assert responses.calls[0].request.headers["Authorization"] == "Client hush"


LEGACY = {"message": "Not Authorized", "type": "service.not_authorized"}


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, LEGACY, "unknown"),
        (401, {"errors": [{"category": "AUTHENTICATION_ERROR", "code": "UNAUTHORIZED"}]}, "unknown"),
        (400, {"message": "cannot renew revoked token", "type": "bad_request"}, "revoked"),
        (401, {"errors": [{"category": "AUTHENTICATION_ERROR", "code": "ACCESS_TOKEN_REVOKED"}]}, "revoked"),
        (400, "<html>", "unknown"),
    ],
)
def test_a_refused_refresh_is_read_in_every_shape(status: int, body: Any, code: str) -> None:
    responses.post(f"{BASE}/oauth2/token", status=status, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(NotAuthorised) as caught:
        refresh()
    assert (caught.value.code, caught.value.status) == (code, status)
    assert "onnect again" in caught.value.sentence


@responses.activate
def test_a_used_code_is_explained() -> None:
    body = {"message": "Authorization code not found for app [sq0idp]", "type": "service.not_authorized"}
    responses.post(f"{BASE}/oauth2/token", status=401, json=body)
    with pytest.raises(NotAuthorised, match="works once"):
        exchange()


@responses.activate
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 200, "body": ""}, NoAnswer),
        ({"status": 200, "json": []}, NoAnswer),
        ({"status": 200, "json": GRANTED | {"expires_at": "soon"}}, NoAnswer),
        ({"status": 500, "json": LEGACY}, NoAnswer),
        ({"body": requests.exceptions.ReadTimeout()}, NoAnswer),
        ({"status": 429, "json": {"errors": [{"category": "V1_ERROR", "code": "too_many_requests"}]}}, Throttled),
    ],
)
def test_a_lost_answer_is_told_apart_from_a_refusal(answer: dict[str, Any], error: type[VendorError]) -> None:
    responses.post(f"{BASE}/oauth2/token", **answer)
    with pytest.raises(error) as caught:
        refresh()
    assert type(caught.value) is error


def test_tokens_do_not_show_themselves() -> None:
    tokens = oauth.SquareTokens(
        access="hush", refresh="hush", expires_at=datetime(2026, 1, 1, tzinfo=UTC), merchant_id=""
    )
    assert "hush" not in repr(tokens)
