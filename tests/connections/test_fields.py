from __future__ import annotations

import copy
import pickle
from threading import Thread
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import FieldError, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection as database
from pytest_django.fixtures import Settings

from connections import credentials
from connections.fields import DecryptionFailed, Secret
from connections.models import Connection

CANARY = "canary-secret-0123456789"
pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Connection:
    return Connection.objects.create(system="square", label="Till", client_id="app", client_secret=CANARY)


def raw(row: Connection, column: str = "client_secret") -> str:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM connections_connection WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


def write_raw(row: Connection, text: str) -> None:
    with database.cursor() as cursor:
        cursor.execute("UPDATE connections_connection SET client_secret = %s WHERE id = %s", [text, row.pk])


def test_a_secret_is_sealed_in_the_column_and_opens_when_asked(row: Connection) -> None:
    assert CANARY not in raw(row)
    assert Connection.objects.get().client_secret.open() == CANARY


def test_a_secret_never_shows_in_text_fixture_pickle_or_the_rows_variables(row: Connection) -> None:
    fixture = serializers.serialize("json", [row])
    shown = f"{row!r} {row.client_secret} {row.client_secret!r} {vars(row)} {fixture} {pickle.dumps(row)!r}"
    assert CANARY not in shown
    assert next(serializers.deserialize("json", fixture)).object.client_secret.open() == CANARY
    assert copy.deepcopy(row).client_secret.open() == CANARY


def test_what_no_key_opens_raises_instead_of_handing_out_the_ciphertext(row: Connection, settings: Settings) -> None:
    settings.SALT_KEY = ["another-salt-0123456789"]
    with pytest.raises(DecryptionFailed, match="former keys"):
        Connection.objects.get().client_secret.open()


def test_a_row_with_an_unopenable_secret_is_listed_and_saved_without_harm(row: Connection, settings: Settings) -> None:
    before, keys = raw(row), settings.SALT_KEY
    settings.SALT_KEY = ["another-salt-0123456789"]
    seen = Connection.objects.get()
    seen.label = "Till 2"
    seen.save()
    assert raw(row) == before
    settings.SALT_KEY = keys
    assert Connection.objects.get(label="Till 2").client_secret.open() == CANARY


def test_using_an_unopenable_secret_locks_the_connection_with_a_sentence(row: Connection, settings: Settings) -> None:
    settings.SALT_KEY = ["another-salt-0123456789"]
    with pytest.raises(credentials.Locked):
        credentials.read(Connection.objects.get(), "client_secret")
    seen = Connection.objects.get()
    assert seen.status == Connection.Status.LOCKED
    assert "SALT_KEY" in seen.status_reason


def test_plain_text_in_the_column_is_refused(row: Connection) -> None:
    write_raw(row, "plain-text-secret")
    with pytest.raises(DecryptionFailed):
        Connection.objects.get().client_secret.open()


def test_plain_text_in_a_fixture_is_refused(row: Connection) -> None:
    fixture = serializers.serialize("json", [row]).replace(raw(row), "plain-text-secret")
    with pytest.raises(serializers.base.DeserializationError):
        list(serializers.deserialize("json", fixture))


def test_a_failed_clean_leaves_reading_as_it_was_also_in_other_threads(row: Connection) -> None:
    field = Connection._meta.get_field("client_secret")
    field.null, before = False, field.null
    try:
        with pytest.raises(ValidationError):
            field.clean(None, None)
    finally:
        field.null = before
    opened: list[str] = []
    thread = Thread(target=lambda: opened.append(Secret(row.client_secret.token).open()))
    thread.start()
    thread.join()
    assert opened == [CANARY]
    assert Connection.objects.get().client_secret.open() == CANARY


@pytest.mark.parametrize("lookup", ["client_secret", "client_secret__startswith", "client_secret__contains"])
def test_nobody_searches_by_a_secret(lookup: str) -> None:
    with pytest.raises(FieldError):
        Connection.objects.filter(**{lookup: "c"})


def test_an_empty_secret_is_no_secret(row: Connection) -> None:
    row.client_secret = ""
    row.save()
    assert Connection.objects.filter(client_secret__isnull=True).count() == 1


@pytest.mark.accepts("S000-18")
def test_rotation_seals_every_secret_with_the_first_key(row: Connection, settings: Settings) -> None:
    settings.SALT_KEY = ["new-salt-0123456789ab", *settings.SALT_KEY]
    before = raw(row)
    call_command("rotate_secrets", verbosity=0)
    assert raw(row) != before
    settings.SALT_KEY = settings.SALT_KEY[:1]
    assert Connection.objects.get().client_secret.open() == CANARY


OLD, NEW = "salt-of-before-01234567", "salt-of-tomorrow-012345"
# As `rotate_secrets` says: while processes restart one after the other, those of a step and of the next run at once.
STEPS: tuple[dict[str, Any], ...] = (
    {"SALT_KEY": [OLD], "SECRET_KEY": OLD * 3, "SECRET_KEY_FALLBACKS": []},
    {"SALT_KEY": [OLD, NEW], "SECRET_KEY": OLD * 3, "SECRET_KEY_FALLBACKS": [NEW * 3]},
    {"SALT_KEY": [NEW, OLD], "SECRET_KEY": NEW * 3, "SECRET_KEY_FALLBACKS": [OLD * 3]},
    {"SALT_KEY": [NEW], "SECRET_KEY": NEW * 3, "SECRET_KEY_FALLBACKS": []},
)


def use(settings: Settings, step: int) -> None:
    for name, value in STEPS[step].items():
        setattr(settings, name, value)


def test_keys_change_process_by_process_and_none_is_without_its_secrets(db: None, settings: Settings) -> None:
    use(settings, 0)
    kept = Connection.objects.create(system="square", label="Kept", client_id="app", client_secret=CANARY)
    row = Connection.objects.create(system="square", label="Renewed", client_id="app", client_secret=CANARY)
    for step in range(len(STEPS) - 1):
        if step == 2:
            use(settings, 2)
            call_command("rotate_secrets", verbosity=0)
        for writer, reader in ((step, step + 1), (step + 1, step)):
            use(settings, writer)
            row.client_secret = f"by {writer}"
            row.save()
            use(settings, reader)
            row.refresh_from_db()
            kept.refresh_from_db()
            assert (row.client_secret.open(), kept.client_secret.open()) == (f"by {writer}", CANARY)


def test_rotation_names_what_no_key_opens_and_leaves_it_alone(row: Connection, settings: Settings) -> None:
    settings.SALT_KEY = ["another-salt-0123456789"]
    before = raw(row)
    with pytest.raises(CommandError, match="Till"):
        call_command("rotate_secrets")
    assert raw(row) == before
