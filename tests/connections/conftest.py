from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from tests.connections.vendors import Vendors
from tests.connections.vendors import vendors as open_vendors


@pytest.fixture
def vendors(settings: Settings) -> Iterator[Vendors]:
    with open_vendors(settings) as opened:
        yield opened


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
