from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connections.providers.snowflake.accounts import Account, NoIdentifier
from connections.providers.snowflake.keypair import KeyPair, KeyPairTokens, WrongKey
from tests.connections.sandbox.snowflake_world import PASSPHRASE, fingerprint, key, pem, public

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> datetime:
        return self.moment


def tokens(*names: str, clock: Clock | None = None) -> KeyPairTokens:
    keys = [KeyPair.read(pem(name)) for name in names]
    return KeyPairTokens(keys, account="TB-ARCHIVE", user="LOADER", now=clock or Clock())


def claims(token: str, name: str = "first") -> dict[str, object]:
    return jwt.decode(
        token, key(name).public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )


def test_a_key_is_read_plain_and_encrypted_and_shows_the_fingerprint_snowflake_shows() -> None:
    plain, sealed = KeyPair.read(pem()), KeyPair.read(pem(passphrase=PASSPHRASE), PASSPHRASE)
    assert plain.fingerprint == sealed.fingerprint == fingerprint()
    assert plain.public in public().replace("\n", "")
    assert "PRIVATE" not in repr(plain)


def test_a_key_whose_line_breaks_were_lost_or_changed_is_read() -> None:
    for text in (pem().replace("\n", ""), pem().replace("\n", "\r\n"), f"  {pem()}\n\n", pem().replace("\n", " ")):
        assert KeyPair.read(text).fingerprint == fingerprint()


def other(kind: object, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return kind.private_bytes(Encoding.PEM, form, NoEncryption()).decode()  # type: ignore[attr-defined]


WRONG = {
    "nothing": ("", "", "no private key"),
    "half of it": (pem()[:900], "", "no private key"),
    "a damaged one": (pem().replace("M", "N", 3), "", "missing or damaged"),
    "the public one": (public(), "", "public key"),
    "the older form": (other(key(), PrivateFormat.TraditionalOpenSSL), "", "openssl pkcs8"),
    "no passphrase": (pem(passphrase=PASSPHRASE), "", "enter its passphrase"),
    "a wrong passphrase": (pem(passphrase=PASSPHRASE), "wrong-canary", "does not open"),
    "a passphrase too many": (pem(), PASSPHRASE, "leave the passphrase empty"),
    "a curve": (other(ec.generate_private_key(ec.SECP256R1())), "", "RSA keys only"),
    "a short one": (other(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "", "1024 bits"),
}


@pytest.mark.parametrize(("text", "passphrase", "said"), WRONG.values(), ids=WRONG)
def test_a_key_that_cannot_be_used_is_a_sentence_without_the_key(text: str, passphrase: str, said: str) -> None:
    with pytest.raises(WrongKey, match=said) as refusal:
        KeyPair.read(text, passphrase)
    sentence = str(refusal.value)
    assert "canary" not in sentence
    assert not [line for line in text.splitlines() if len(line) > 20 and line in sentence]


@pytest.mark.accepts("S003-31")
def test_a_token_names_account_user_and_fingerprint_and_ends_within_the_hour() -> None:
    found = claims(tokens("first").current())
    assert found["sub"] == "TB-ARCHIVE.LOADER"
    assert found["iss"] == f"TB-ARCHIVE.LOADER.{fingerprint()}"
    assert 0 < int(str(found["exp"])) - NOW.timestamp() <= 3600
    assert found["iat"] == NOW.timestamp()


@pytest.mark.accepts("S003-31")
def test_a_token_is_kept_and_renewed_before_the_hour_is_over() -> None:
    clock = Clock()
    source = tokens("first", clock=clock)
    first = source.current()
    clock.moment += timedelta(minutes=49)
    assert source.current() == first
    clock.moment += timedelta(minutes=1)
    assert source.current() != first


def test_a_refused_young_token_is_followed_by_one_of_the_other_key_and_then_by_none() -> None:
    source = tokens("first", "second")
    first = source.current()
    second = source.renewed(first)
    assert str(claims(second, "second")["iss"]).endswith(fingerprint("second"))
    assert source.current() == second
    assert source.renewed(second) == second


def test_a_key_refused_long_ago_is_tried_again() -> None:
    clock = Clock()
    source = tokens("first", "second", clock=clock)
    second = source.renewed(source.current())
    clock.moment += timedelta(minutes=6)
    anew = source.renewed(second)
    assert str(claims(anew, "second")["iss"]).endswith(fingerprint("second"))
    assert source.renewed(anew) == anew
    assert str(claims(source.renewed(anew))["iss"]).endswith(fingerprint())


def test_without_another_key_a_young_token_is_not_signed_anew_and_an_old_one_is() -> None:
    clock = Clock()
    source = tokens("first", clock=clock)
    first = source.current()
    assert source.renewed(first) == first
    clock.moment += timedelta(minutes=6)
    assert source.renewed(first) != first


def test_a_clock_that_was_set_back_makes_a_new_token() -> None:
    clock = Clock()
    source = tokens("first", clock=clock)
    first = source.current()
    clock.moment -= timedelta(hours=2)
    assert source.current() != first


IDENTIFIERS = {
    "MYORG-ARCHIVE": ("myorg-archive.snowflakecomputing.com", "MYORG-ARCHIVE"),
    "myorg-my_archive": ("myorg-my-archive.snowflakecomputing.com", "MYORG-MY_ARCHIVE"),
    "xy12345.eu-west-1": ("xy12345.eu-west-1.snowflakecomputing.com", "XY12345"),
    "xy12345.europe-west4.gcp": ("xy12345.europe-west4.gcp.snowflakecomputing.com", "XY12345"),
    "https://myorg-archive.snowflakecomputing.com/": ("myorg-archive.snowflakecomputing.com", "MYORG-ARCHIVE"),
    "myorg-archive.privatelink": ("myorg-archive.privatelink.snowflakecomputing.com", "MYORG-ARCHIVE"),
}


@pytest.mark.parametrize(("text", "found"), IDENTIFIERS.items(), ids=IDENTIFIERS)
def test_host_and_token_name_follow_from_the_identifier(text: str, found: tuple[str, str]) -> None:
    account = Account.read(text)
    assert (account.host, account.token_name) == found


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "evil.com/x", "a@evil.com", "evil.com#", "evil.com?x=", "127.0.0.1:9400", "a b", "-a", "a-", "a..b",
        ".a", "http://internal", "a\\b", "a/../b", "é", "a\n.b", "a.b.c.d.e", "x" * 64, "[::1]", "a%2eb",
    ],
)  # fmt: skip
def test_nothing_but_an_identifier_becomes_a_host(text: str) -> None:
    with pytest.raises(NoIdentifier):
        Account.read(text)
