"""A real browser on a real server: Chromium of the system, the product in a thread of this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.eyes import Eyes
from tests.pages import plain

__all__ = ["plain"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DESK, PHONE = 1440, 390
Opens = Callable[..., Eyes]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if "browser" in item.path.parts]
    for item in here:
        item.add_marker(pytest.mark.browser)
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="NO CHROMIUM: nothing of the pages is seen by a browser here"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One per module. Playwright's loop runs in this thread, and Django would take it for asynchronous code."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def opens(chromium: Browser, live_server, plain_http: None) -> Iterator[Opens]:
    """Opens a window of this width, in which somebody is signed in or nobody; what it complains of is collected."""
    contexts: list[BrowserContext] = []

    def window(width: int = DESK, *, user: User | None = None) -> Eyes:
        context = chromium.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            timezone_id="Europe/Amsterdam",
            reduced_motion="reduce",
        )
        contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            name = django_settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        return Eyes(context.new_page())

    yield window
    for context in contexts:
        context.close()
