from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError
from pytest_django.fixtures import Settings

from connections import checks, endpoints
from connections.clock import Clock
from connections.models import Connection


def found(**options: object) -> set[str]:
    return {str(problem.id) for problem in run_checks(**options) if str(problem.id).startswith("connections.")}  # type: ignore[arg-type]


def test_these_settings_have_nothing_to_complain_about() -> None:
    assert found() == set()


@pytest.mark.parametrize(
    ("salts", "problem"),
    [("a-single-text-of-length", "connections.E001"), ([], "connections.E001"), (["short"], "connections.E002")],
)
def test_sealing_keys_are_a_list_of_long_keys(settings: Settings, salts: object, problem: str) -> None:
    settings.SALT_KEY = salts
    assert found() == {problem}


def test_sqlite_without_wal_and_immediate_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"timeout": 20}}
    monkeypatch.setitem(settings.DATABASES, "default", plain)
    assert [problem.id for problem in checks.database_options(None)] == ["connections.E003"]


def test_a_connection_pool_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    pooled = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"pool": True}}
    monkeypatch.setitem(settings.DATABASES, "default", pooled)
    assert [problem.id for problem in checks.database_options(None)] == ["connections.E004"]


@pytest.mark.parametrize("setting", ["nonsense", "0,fast", "0,-1", "yesterday,2"])
def test_an_unreadable_clock_is_refused(settings: Settings, setting: str) -> None:
    settings.TILLBRIDGE_CLOCK = setting
    assert found() == {"connections.E005"}


def test_a_clock_setting_is_read() -> None:
    assert Clock.parse("1700000000,60").speed == 60
    assert Clock.parse("2026-03-02T12:00:00Z,2").origin == 1772452800
    assert Clock.parse("").speed == 1


@pytest.mark.django_db
class TestAFastClock:
    def row(self, environment: str) -> Connection:
        return Connection.objects.create(system="square", environment=environment, label=environment, client_id="app")

    def test_is_allowed_while_every_connection_is_a_local_sandbox(self, settings: Settings) -> None:
        settings.TILLBRIDGE_CLOCK = "0,60"
        self.row("local_sandbox")
        checks.require_honest_clock()
        assert found(databases=["default"]) == set()

    def test_is_refused_beside_a_real_connection(self, settings: Settings) -> None:
        settings.TILLBRIDGE_CLOCK = "0,60"
        row = self.row("production")
        assert found(databases=["default"]) == {"connections.E006"}
        with pytest.raises(ImproperlyConfigured, match="production"):
            checks.require_honest_clock()
        with pytest.raises(ImproperlyConfigured, match="not called"):
            endpoints.base_url(row)


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ("production", "https://connect.squareup.com"),
        ("vendor_sandbox", "https://connect.squareupsandbox.com"),
        ("local_sandbox", "http://127.0.0.1:9400/square"),
    ],
)
def test_square_has_one_address_per_environment(environment: str, address: str) -> None:
    assert endpoints.base_url(Connection(system="square", environment=environment)) == address


def test_a_local_exact_sandbox_takes_its_address_from_the_setting(settings: Settings) -> None:
    settings.SANDBOX_EXACT_URL = "http://stand-in.test/{region}/exact"
    row = Connection(system="exact", environment="local_sandbox", region="de")
    assert endpoints.base_url(row) == "http://stand-in.test/de/exact"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"region": ""}, "exact_has_a_region"),
        ({"region": "nl", "environment": "vendor_sandbox"}, "exact_has_no_vendor_sandbox"),
    ],
)
def test_the_database_refuses_an_exact_connection_that_leads_nowhere(fields: dict[str, str], name: str) -> None:
    with pytest.raises(IntegrityError, match=name):
        Connection.objects.create(system="exact", label="x", client_id="app", **fields)
