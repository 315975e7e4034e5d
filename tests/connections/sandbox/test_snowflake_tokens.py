from __future__ import annotations

from collections.abc import Iterator

import jwt
import pytest
import requests

from tests.connections.sandbox.snowflake_world import ACCOUNT, USER, SnowflakeWorld, fingerprint, key, snowflake_world


@pytest.fixture
def world() -> Iterator[SnowflakeWorld]:
    with snowflake_world() as made:
        yield made


def asked(world: SnowflakeWorld, token: str, **headers: str) -> requests.Response:
    sent = {"statement": "SELECT 1", **world.context}
    return world.http.post(world.url, json=sent, headers=world.headers(token, **headers), timeout=10)


@pytest.mark.accepts("S003-31")
def test_a_token_signed_with_the_registered_key_is_taken(world: SnowflakeWorld) -> None:
    answer = asked(world, world.token())
    assert (answer.status_code, answer.json()["data"]) == (200, [["1"]])


def test_a_token_given_in_milliseconds_is_taken(world: SnowflakeWorld) -> None:
    now = int(world.now().timestamp()) * 1000
    assert asked(world, world.token(iat=now, exp=now + 60_000)).status_code == 200


SUBJECT = f"{ACCOUNT}.{USER}"
WRONG = {
    "another key's fingerprint": {"iss": f"{SUBJECT}.{fingerprint('second')}"},
    "another user": {"sub": f"{ACCOUNT}.PIET", "iss": f"{ACCOUNT}.PIET.{fingerprint()}"},
    "another account": {"sub": f"OTHER.{USER}", "iss": f"OTHER.{USER}.{fingerprint()}"},
    "small letters": {"sub": SUBJECT.lower(), "iss": f"{SUBJECT.lower()}.{fingerprint()}"},
    "an issuer of another subject": {"sub": f"{ACCOUNT}.PIET"},
    "no fingerprint": {"iss": SUBJECT},
    "an issue time to come": {"iat": 1_900_000_000},
    "no expiry": {"exp": "soon"},
    "an expiry in the past": {"exp": 1_700_000_000},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
def test_a_token_with_a_wrong_claim_is_refused(world: SnowflakeWorld, claims: dict[str, object]) -> None:
    answer = asked(world, world.token(**claims))
    assert (answer.status_code, answer.json()["code"]) == (401, "390144")


def test_a_token_signed_with_another_key_is_refused(world: SnowflakeWorld) -> None:
    now = int(world.now().timestamp())
    body = {"iss": f"{SUBJECT}.{fingerprint()}", "sub": SUBJECT, "iat": now, "exp": now + 60}
    assert asked(world, jwt.encode(body, key("second"), algorithm="RS256")).status_code == 401


def test_an_unsigned_token_is_refused(world: SnowflakeWorld) -> None:
    now = int(world.now().timestamp())
    body = {"iss": f"{SUBJECT}.{fingerprint()}", "sub": SUBJECT, "iat": now, "exp": now + 60}
    assert asked(world, jwt.encode(body, None, algorithm="none")).status_code == 401
    assert asked(world, "not.a.token").status_code == 401


@pytest.mark.accepts("S003-31")
def test_a_token_dies_after_an_hour_however_late_it_says_it_expires(world: SnowflakeWorld) -> None:
    token = world.token(lasts=7200)
    world.advance(3599)
    assert asked(world, token).status_code == 200
    world.advance(1)
    assert asked(world, token).status_code == 401


def test_an_administrator_can_ask_why_a_token_was_refused(world: SnowflakeWorld) -> None:
    said = asked(world, world.token(exp=1_700_000_000)).json()["message"]
    number = said.partition("[")[2].rstrip("]")
    assert world.account.query(f"SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('{number}')") == [
        ['{"errorCode":"JWT_TOKEN_EXPIRED"}']
    ]


def test_a_caller_without_a_token_or_with_one_of_oauth_is_refused(world: SnowflakeWorld) -> None:
    headers = world.headers()
    del headers["Authorization"]
    assert world.http.post(world.url, json={"statement": "SELECT 1"}, headers=headers, timeout=10).status_code == 401
    oauth = {"X-Snowflake-Authorization-Token-Type": "OAUTH"}
    assert asked(world, world.token(), **oauth).json()["code"] == "390303"


def test_the_second_key_of_a_user_works_and_one_that_was_taken_away_does_not(world: SnowflakeWorld) -> None:
    from tests.connections.sandbox.snowflake_world import PublicKey, public

    world.account.users[USER].keys.append(PublicKey.read(public("second")))
    second = world.token(name="second")
    assert asked(world, second).status_code == 200
    del world.account.users[USER].keys[1]
    assert asked(world, second).status_code == 401


def test_an_address_without_an_account_behind_it_is_not_found(world: SnowflakeWorld) -> None:
    url = world.url.replace("tb-archive", "tb-nobody")
    assert world.http.post(url, json={"statement": "SELECT 1"}, headers=world.headers(), timeout=10).status_code == 404
