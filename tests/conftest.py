from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.core.management.commands.flush import Command as Flush
from django.test import Client
from django.test.utils import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from pytest_django.fixtures import Settings

from tests.audit.intruder import unguarded
from tests.world import World
from tests.world import world as make_world

# How fast examples come says something about the machine and who else uses it, nothing about what is tested.
hypothesis.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("tests")


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with make_world() as made:
        yield made


@pytest.fixture
def plain_http(settings: Settings, tmp_path: Path) -> None:
    """The test client speaks http, and nobody has collected static files."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECURE_SSL_REDIRECT = False
    settings.MFA_REQUIRED = False
    settings.STATIC_ROOT = str(tmp_path)


@pytest.fixture
def browser(client: Client, plain_http: None, db: None) -> Client:
    """Signed in as Anna, who may do everything."""
    client.force_login(User.objects.create_superuser("anna", password="x"))
    return client


class OneRound(PBKDF2PasswordHasher):
    """Django's own way, once instead of a million times: that makes guessing slow, a quarter of a second each."""

    iterations = 1


@pytest.fixture(scope="session", autouse=True)
def _brisk() -> Iterator[None]:
    """What makes a site safe or quick that serves for months, and only slow one that serves a single test.

    Static files are looked up when one is asked for: listing all of them takes 20 ms of every test with a client.
    """
    hasher = f"{OneRound.__module__}.{OneRound.__qualname__}"
    with override_settings(PASSWORD_HASHERS=[hasher], WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def _flushing() -> Iterator[None]:
    """Tests that commit are cleaned up by `flush`, which the audit trail's guard refuses. It is down only meanwhile."""
    handle = Flush.handle

    def handled(command: Flush, **options: Any) -> None:
        with unguarded():
            handle(command, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flush, "handle", handled)
        yield
