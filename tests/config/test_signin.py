"""The second factor: shown by the session itself, sealed in the database, and never guessed at length."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from connections.fields import Secret
from tests.pages import text_of

PASSWORD = "open-the-books-1"
ENROL = "/accounts/2fa/totp/activate/"


@pytest.fixture
def person(db: None, plain: None, settings: Settings) -> User:
    settings.MFA_REQUIRED = True
    return User.objects.create_superuser("anna", password=PASSWORD)


def with_password(**changes: str) -> Client:
    client = Client(REMOTE_ADDR=changes.pop("address", "192.0.2.1"), headers=changes.pop("headers", None))  # type: ignore[arg-type]
    client.post("/accounts/login/", {"login": "anna", "password": PASSWORD, **changes})
    return client


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def enrol(client: Client) -> str:
    """Sets a factor up; returns its secret, which only the person's phone and this page ever see."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = client.get(ENROL).context["form"].secret
    assert client.post(ENROL, {"code": code_of(secret)}).status_code == 302
    return str(secret)


@pytest.mark.django_db(transaction=True)
def test_who_sets_a_factor_up_is_in(person: User) -> None:
    client = with_password()
    assert client.get("/admin/").status_code == 302
    enrol(client)
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_session_opened_with_the_password_alone_stays_out_after_its_owner_has_enrolled(person: User) -> None:
    thief, owner = with_password(), with_password()
    enrol(owner)
    assert thief.get("/admin/sync/syncitem/").status_code == 302
    page = thief.get("/admin/", follow=True)
    assert "/accounts/login/" in page.redirect_chain[-1][0]
    assert "second factor" in text_of(page)
    thief.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    assert thief.get("/admin/").status_code == 302
    assert owner.get("/admin/").status_code == 200


def test_the_code_of_a_factor_opens_the_site_once(person: User) -> None:
    secret = "JBSWY3DPEHPK3PXP"
    Authenticator.objects.create(user=person, type="totp", data={"secret": Secret.seal(secret).token})
    first, second, code = with_password(), with_password(), code_of(secret)
    assert first.get("/admin/").status_code == 302
    for client in (first, second):
        client.post("/accounts/2fa/authenticate/", {"code": code})
    assert first.get("/admin/").status_code == 200
    assert second.get("/admin/").status_code == 302


def test_the_secret_of_a_factor_stands_sealed_and_is_sealed_again_with_a_new_key(
    person: User, settings: Settings
) -> None:
    secret = enrol(with_password())
    stored = [str(row.data) for row in Authenticator.objects.all()]
    assert len(stored) == 2
    assert not [text for text in stored if secret in text]
    assert all(re.search("gAAAA", text) for text in stored)
    old, new = settings.SALT_KEY, ["a-newer-salt-0123456789"]
    settings.SALT_KEY = [*new, *old]
    call_command("rotate_secrets", stdout=None)
    settings.SALT_KEY = new
    held = Authenticator.objects.get(type="totp").data["secret"]
    assert Secret(held).open() == secret


def test_a_factor_that_no_key_opens_lets_nobody_in_and_says_why(person: User, settings: Settings) -> None:
    secret = enrol(with_password())
    settings.SALT_KEY = ["another-salt-0123456789"]
    client = with_password()
    page = client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert page.status_code == 403
    assert "second factor cannot be checked" in text_of(page)
    assert client.get("/admin/").status_code == 302
    with pytest.raises(CommandError, match="second factor of anna"):
        call_command("rotate_secrets")


@pytest.mark.parametrize("forged", [False, True])
def test_a_password_is_not_guessed_at_length_whatever_address_the_caller_claims(person: User, forged: bool) -> None:
    answers: list[Any] = []
    for attempt in range(12):
        headers = {"x-forwarded-for": f"198.51.100.{attempt}"} if forged else {}
        client = Client(headers=headers)
        answers.append(client.post("/accounts/login/", {"login": "anna", "password": f"guess-{attempt}"}))
    assert "Too many" in text_of(answers[-1])
    assert Client().post("/accounts/login/", {"login": "anna", "password": PASSWORD}).status_code != 302
