from __future__ import annotations

import base64
import hashlib
import json

import pytest

from .square_world import CALLBACK, World, back

NOT_AUTHORIZED = {"message": "Not Authorized", "type": "service.not_authorized"}


@pytest.fixture
def world() -> World:
    return World()


def exchange(world: World, code: str, **more: str):
    return world.token_call(client_secret="secret", grant_type="authorization_code", code=code, **more)


def refresh(world: World, token: str, **more):
    return world.token_call(client_secret="secret", grant_type="refresh_token", refresh_token=token, **more)


def status(world: World, token: str):
    return json.loads(world.send("POST", "/oauth2/token/status", token=token).body)


def test_a_consent_becomes_tokens_with_an_absolute_expiry(world):
    answer = world.consent(f"client_id=app&scope=PAYMENTS_READ+ORDERS_READ&state=s1&redirect_uri={CALLBACK}")
    assert (answer["state"], answer["response_type"]) == ("s1", "code")
    code, tokens = exchange(world, answer["code"], redirect_uri=CALLBACK)
    assert code == 200
    assert tokens["access_token"].startswith("EAAA")
    assert tokens["refresh_token"].startswith("EQAA")
    assert tokens["expires_at"] == "2026-04-30T12:00:00Z"
    assert "expires_in" not in tokens
    assert status(world, tokens["access_token"]) == {
        "scopes": ["PAYMENTS_READ", "ORDERS_READ"],
        "expires_at": "2026-04-30T12:00:00Z",
        "client_id": "app",
        "merchant_id": world.square.merchant["id"],
    }


def test_the_page_names_the_application_and_its_scopes_and_escapes_what_it_was_given(world):
    page = world.send("GET", "/oauth2/authorize?client_id=app&scope=ORDERS_READ&state=%22%3E%3Cscript%3E")
    text = page.body.decode()
    assert page.headers["Content-Type"].startswith("text/html")
    assert "ORDERS_READ" in text
    assert "<script>" not in text
    assert 'action="http://sandbox/square/oauth2/authorize"' in text


def test_a_denied_consent_goes_back_with_the_state_and_no_code(world):
    answer = world.consent("client_id=app&scope=ORDERS_READ&state=s2", allow=False)
    assert answer == {"error": "access_denied", "error_description": "user_denied", "state": "s2"}


@pytest.mark.parametrize("query", ["client_id=app", "client_id=app&sscope=ORDERS_READ"])
def test_without_a_readable_scope_square_silently_grants_its_default_set(world, query):
    _, tokens = exchange(world, world.consent(query)["code"])
    granted = status(world, tokens["access_token"])["scopes"]
    assert granted == ["MERCHANT_PROFILE_READ", "PAYMENTS_READ", "SETTLEMENTS_READ", "BANK_ACCOUNTS_READ"]


@pytest.mark.parametrize(
    "query", ["client_id=other", "client_id=app&redirect_uri=http://evil.example/", "client_id=app&scope=EVERYTHING"]
)
def test_a_request_that_cannot_be_trusted_stays_on_the_page(world, query):
    page = world.send("GET", f"/oauth2/authorize?{query}")
    assert page.status == 400
    assert "Location" not in page.headers


def test_the_same_scopes_are_not_asked_twice(world):
    query = "client_id=app&scope=ORDERS_READ"
    world.consent(query)
    again = world.send("GET", f"/oauth2/authorize?{query}")
    assert "code" in back(again)
    assert world.send("GET", "/oauth2/authorize?client_id=app&scope=PAYMENTS_READ").status == 200


def test_a_code_serves_once(world):
    code = world.consent("client_id=app&scope=ORDERS_READ")["code"]
    assert exchange(world, code)[0] == 200
    message = {"message": "Authorization code not found for app [app]", "type": "service.not_authorized"}
    assert exchange(world, code) == (401, message)


def test_a_code_dies_after_five_minutes(world):
    code = world.consent("client_id=app&scope=ORDERS_READ")["code"]
    world.clock.advance(300)
    assert exchange(world, code)[0] == 401


def test_a_redirect_address_given_at_the_consent_must_be_repeated(world):
    query = f"client_id=app&scope=ORDERS_READ&redirect_uri={CALLBACK}"
    assert exchange(world, world.consent(query)["code"]) == (401, NOT_AUTHORIZED)
    assert exchange(world, world.consent(query)["code"], redirect_uri=CALLBACK)[0] == 200


@pytest.mark.parametrize("body", [{"client_secret": "wrong"}, {"client_id": "other", "client_secret": "secret"}])
def test_a_wrong_secret_is_answered_in_the_older_shape(world, body):
    code = world.consent("client_id=app&scope=ORDERS_READ")["code"]
    assert world.token_call(grant_type="authorization_code", code=code, **body) == (401, NOT_AUTHORIZED)


def test_a_refresh_returns_the_same_refresh_token_and_leaves_the_old_access_token_alive(world):
    code, renewed = refresh(world, world.tokens.refresh_token)
    assert code == 200
    assert renewed["refresh_token"] == world.tokens.refresh_token
    assert renewed["access_token"] != world.tokens.access_token
    assert world.get("/v2/locations")
    assert world.get("/v2/locations", token=renewed["access_token"])


def test_a_refresh_can_narrow_the_scopes_and_shorten_the_life(world):
    _, renewed = refresh(world, world.tokens.refresh_token, scopes=["ORDERS_READ", "PAYMENTS_WRITE"], short_lived=True)
    assert status(world, renewed["access_token"])["scopes"] == ["ORDERS_READ"]
    assert (renewed["short_lived"], renewed["expires_at"]) == (True, "2026-04-01T12:00:00Z")


def test_an_access_token_lives_thirty_days(world):
    world.clock.advance(30 * 86_400 - 1)
    assert world.get("/v2/locations")
    world.clock.advance(1)
    assert world.refused("GET", "/v2/locations")[:2] == (401, "ACCESS_TOKEN_EXPIRED")
    assert world.refused("POST", "/oauth2/token/status")[:2] == (401, "UNAUTHORIZED")
    assert refresh(world, world.tokens.refresh_token)[0] == 200


def revoke(world: World, body: dict, secret: str = "secret"):
    response = world.send("POST", "/oauth2/revoke", {"client_id": "app", **body}, authorization=f"Client {secret}")
    return response.status, json.loads(response.body)


def test_revoking_kills_every_token_of_the_authorisation(world):
    _, other = refresh(world, world.tokens.refresh_token)
    assert revoke(world, {"access_token": world.tokens.access_token}) == (200, {"success": True})
    for token in (world.tokens.access_token, other["access_token"]):
        assert world.refused("GET", "/v2/locations", token=token)[:2] == (401, "ACCESS_TOKEN_REVOKED")
    message = {"message": "cannot renew revoked token", "type": "bad_request"}
    assert refresh(world, world.tokens.refresh_token) == (400, message)


def test_one_access_token_can_be_revoked_alone(world):
    body = {"access_token": world.tokens.access_token, "revoke_only_access_token": True}
    assert revoke(world, body)[0] == 200
    assert world.refused("GET", "/v2/locations")[1] == "ACCESS_TOKEN_REVOKED"
    assert refresh(world, world.tokens.refresh_token)[0] == 200


def test_revoking_needs_the_secret_and_exactly_one_subject(world):
    both = {"access_token": world.tokens.access_token, "merchant_id": world.square.merchant["id"]}
    assert revoke(world, both, secret="wrong") == (401, NOT_AUTHORIZED)
    assert revoke(world, both)[0] == 400
    assert revoke(world, {})[0] == 400
    assert revoke(world, {"merchant_id": world.square.merchant["id"]})[0] == 200


def test_a_proof_key_replaces_the_secret_and_its_refresh_token_serves_once(world):
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).rstrip(b"=").decode()
    query = f"client_id=app&scope=ORDERS_READ&code_challenge={challenge}"
    call = {"grant_type": "authorization_code", "code_verifier": "verifier"}
    assert world.token_call(**{**call, "code_verifier": "guess"}, code=world.consent(query)["code"])[0] == 401
    code, first = world.token_call(**call, code=world.consent(query)["code"])
    assert (code, first["refresh_token_expires_at"]) == (200, "2026-06-29T12:00:00Z")
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    _, second = world.token_call(**renew)
    assert second["refresh_token"] != first["refresh_token"]
    assert world.token_call(**renew) == (401, NOT_AUTHORIZED)


@pytest.mark.parametrize(
    "body",
    [
        {"grant_type": "authorization_code", "client_secret": "secret"},
        {"grant_type": "password", "client_secret": "secret"},
        {"client_secret": "secret"},
        {"grant_type": "refresh_token", "client_secret": "secret", "refresh_token": 5},
        {"grant_type": "refresh_token", "client_secret": "secret", "colour": "red"},
    ],
)
def test_an_incomplete_token_request_is_a_bad_request_in_the_older_shape(world, body):
    code, answer = world.token_call(**body)
    assert (code, answer["type"]) == (400, "bad_request")


def test_the_sandbox_can_expire_and_revoke_a_token_on_demand(world):
    world.square.expire_token(world.tokens.access_token)
    assert world.refused("GET", "/v2/locations")[1] == "ACCESS_TOKEN_EXPIRED"
    world.square.revoke_token(world.tokens.access_token)
    assert world.refused("GET", "/v2/locations")[1] == "ACCESS_TOKEN_REVOKED"
    world.square.expire_token("unknown")
    world.square.revoke_token("unknown")
