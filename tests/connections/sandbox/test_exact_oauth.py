"""Consent and tokens by the rules of the vendor: once, not too early, not too late."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.connections.sandbox.exact_world import REDIRECT, World

MINUTES = 60
DAYS = 24 * 60 * MINUTES


def _asked(**changes: str) -> dict[str, str]:
    return {"client_id": "app", "redirect_uri": REDIRECT, "response_type": "code", "state": "s&1", **changes}


def _consent(world: World, decision: str = "allow", **changes: str) -> dict[str, list[str]]:
    answer = world.session.post(
        f"{world.site_url}/api/oauth2/auth", data={**_asked(**changes), "decision": decision}, allow_redirects=False
    )
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def _token(world: World, **form: str) -> requests.Response:
    fields = {"client_id": "app", "client_secret": "secret", **form}
    return world.session.post(f"{world.site_url}/api/oauth2/token", data=fields)


def _exchange(world: World, code: str, **form: str) -> requests.Response:
    return _token(world, **{"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": code, **form})


def _refresh(world: World, token: str) -> requests.Response:
    return _token(world, grant_type="refresh_token", refresh_token=token)


def test_a_consent_becomes_a_token_pair() -> None:
    world = World()
    page = world.session.get(f"{world.site_url}/api/oauth2/auth", params=_asked(force_login="1"))
    assert (page.status_code, "Allow" in page.text, "Deny" in page.text) == (200, True, True)
    sent = _consent(world)
    assert sent["state"] == ["s&1"]
    answer = _exchange(world, sent["code"][0])
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("private", "no-cache")
    assert list(answer.json()) == ["access_token", "token_type", "expires_in", "refresh_token"]
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("bearer", "600")
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}", "Accept": "application/json"}
    assert world.session.get(f"{world.site_url}/api/v1/current/Me", headers=headers).status_code == 200


def test_a_denial_comes_back_with_the_state() -> None:
    assert _consent(World(), decision="deny") == {"error": ["access_denied"], "state": ["s&1"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": "http://127.0.0.1:8000/callback"},
        {"client_id": "someone"},
        {"response_type": "token"},
        {"prompt": "none"},
    ],
)
def test_what_is_not_registered_gets_a_page_and_no_redirect(changes: dict[str, str]) -> None:
    world = World()
    page = world.session.get(f"{world.site_url}/api/oauth2/auth", params=_asked(**changes), allow_redirects=False)
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert len(world.sandbox.log.refusals) == 1


def test_a_registered_loopback_address_needs_the_flag() -> None:
    world = World()
    address = "http://127.0.0.1:8000/callback"
    for allowed in (False, True):
        world.site.register_app("local", "secret", [address], loopback_redirect=allowed)
        page = world.session.get(
            f"{world.site_url}/api/oauth2/auth", params=_asked(client_id="local", redirect_uri=address)
        )
        assert page.status_code == (200 if allowed else 400)


def test_a_code_serves_once_and_lives_three_minutes() -> None:
    world = World()
    code = _consent(world)["code"][0]
    assert _exchange(world, code).status_code == 200
    assert _exchange(world, code).status_code == 400
    late = _consent(world)["code"][0]
    world.clock.advance(3 * MINUTES + 1)
    assert _exchange(world, late).json() == {"error": "invalid_request"}


def test_wrong_credentials_and_another_redirect_are_refused() -> None:
    world = World()
    code = _consent(world)["code"][0]
    assert _exchange(world, code, client_secret="wrong").json() == {"error": "invalid_request"}
    assert _exchange(world, code, redirect_uri=REDIRECT + "/x").status_code == 400
    assert _exchange(world, code).status_code == 200


def test_credentials_may_come_in_a_basic_header() -> None:
    world = World()
    basic = "Basic " + base64.b64encode(b"app:secret").decode()
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": _consent(world)["code"][0]}
    answer = world.session.post(f"{world.site_url}/api/oauth2/token", data=form, headers={"Authorization": basic})
    assert answer.status_code == 200


def test_a_refresh_before_570_seconds_is_too_early_and_harmless() -> None:
    world = World()
    world.clock.advance(569)
    answer = _refresh(world, world.tokens.refresh_token)
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")
    assert answer.headers["Reason"] == "TooEarlyToRefreshTokens: Rate limit exceeded: access_token not expired"
    world.clock.advance(1)
    assert _refresh(world, world.tokens.refresh_token).status_code == 200


def test_a_used_refresh_token_ends_the_chain_until_a_new_consent() -> None:
    world = World()
    world.clock.advance(600)
    fresh = _refresh(world, world.tokens.refresh_token).json()["refresh_token"]
    answer = _refresh(world, world.tokens.refresh_token)
    assert (answer.status_code, answer.json()["error_description"]) == (401, "Old refresh token used.")
    world.clock.advance(600)
    assert _refresh(world, fresh).status_code == 401
    assert _exchange(world, _consent(world)["code"][0]).status_code == 200


def test_a_refresh_token_expires_after_thirty_unused_days() -> None:
    world = World()
    world.clock.advance(30 * DAYS + 1)
    answer = _refresh(world, world.tokens.refresh_token)
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": "The refresh token expired at 4/9/2026 12:00:05 PM and it is now 4/9/2026 12:00:06 PM",
    }


def test_a_new_consent_of_the_same_user_ends_the_earlier_chain() -> None:
    world = World()
    _exchange(world, _consent(world)["code"][0])
    world.clock.advance(600)
    assert _refresh(world, world.tokens.refresh_token).status_code == 401


def test_an_access_token_lives_ten_minutes_and_is_of_one_site() -> None:
    world = World()
    assert world.get("crm/Accounts", top="1").status_code == 200
    world.sandbox.exact.site("be").add_division(100001, "Elders")
    elsewhere = world.url.replace("/nl/", "/be/") + "crm/Accounts"
    assert world.session.get(elsewhere, headers=world.headers).status_code == 401
    world.clock.advance(600)
    answer = world.get("crm/Accounts")
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_withdrawn_consent_ends_all_tokens() -> None:
    world = World()
    assert world.site.revoke("app") == 1
    assert world.get("crm/Accounts").status_code == 401
    world.clock.advance(600)
    assert _refresh(world, world.tokens.refresh_token).status_code == 401


def _scoped(*scopes: str) -> World:
    return World(scopes=scopes)


def test_a_missing_scope_is_named() -> None:
    world = _scoped("crm.accounts:read", "financial.accounting")
    assert world.get("crm/Accounts", top="1").status_code == 200
    answer = world.get("system/Divisions")
    sentence: dict[str, Any] = answer.json()["error"]["message"]
    assert (answer.status_code, sentence["value"]) == (
        403,
        "Forbidden - Application Scope Violated. Cannot read 'organization.administration' scope.",
    )
    assert answer.headers["Reason"] == sentence["value"]
    assert world.post("crm/Accounts", {"Name": "x"}).status_code == 403
    assert world.post("salesentry/SalesEntries", world.sale()).status_code == 201
