"""Fixtures and checks for tests of pages: people in roles, and what every page must keep to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client

from connections import clock
from tests.till import Shop, open_shop

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Still(clock.Clock):
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW


@pytest.fixture
def plain(plain_http: None) -> Iterator[None]:
    """As the test client speaks, and it is noon of one day."""
    restore = clock.install(Still())
    yield
    restore()


@pytest.fixture
def shop(db: None, plain: None) -> Shop:
    return open_shop(NOW)


@pytest.fixture
def anna(db: None, plain: None) -> Client:
    """A browser in which Anna, who may do everything, is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


def in_role(*roles: str) -> Client:
    """A browser in which somebody of these roles is signed in."""
    client = Client()
    user = User.objects.create_user(f"someone-{'-'.join(roles)}".lower() or "nobody", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=roles))
    client.force_login(user)
    return client


def text_of(response: HttpResponse | Any) -> str:
    """The words on a page, without markup, with single spaces."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


class _Inline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "style" or "style" in values or any(name.startswith("on") for name in values):
            self.found.append(f"<{tag} {attrs}>")
        if tag == "script" and not values.get("src") and values.get("type") != "application/json":
            self.found.append(f"<script {attrs}>")


def inline_code(response: HttpResponse | Any) -> list[str]:
    """What the Content-Security-Policy would refuse: styles, scripts and handlers that stand in the page."""
    reader = _Inline()
    reader.feed(response.content.decode())
    return reader.found


def confirm(client: Client, url: str, *, count: int = 1, **data: Any) -> Any:
    """Press the button of a confirm page and follow where it leads."""
    return client.post(url, {"confirmed": "yes", "count": str(count), **data}, follow=True)
