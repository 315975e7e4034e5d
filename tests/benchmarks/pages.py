"""What the pages of the back office cost once a month is in it: each list, and the pages that add a month up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any


def measure(_lane_id: int) -> dict[str, Any]:
    """Each page the second time it is asked for, when templates are compiled: address, CPU milliseconds, statements."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.test import Client, override_settings

    plain = {"SESSION_COOKIE_SECURE": False, "CSRF_COOKIE_SECURE": False, "SECURE_SSL_REDIRECT": False}
    with override_settings(**plain, MFA_REQUIRED=False, ALLOWED_HOSTS=["testserver"]):
        browser = Client()
        browser.force_login(User.objects.create_superuser("bench"))
        return {"pages": [(address, *_asked(browser, address)) for address in _addresses()]}


def _asked(browser: Any, address: str) -> tuple[float, int]:
    from django.db import connection

    from tests.benchmarks.pipeline import Counter

    _answer(browser, address)
    statements, spent = Counter(), time.process_time()
    with connection.execute_wrapper(statements):
        _answer(browser, address)
    return round((time.process_time() - spent) * 1000, 1), statements.number


def _answer(browser: Any, address: str) -> None:
    """Only a page that is shown counts: a redirect or a refusal would be quick."""
    answer = browser.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address} answers {answer.status_code}.")


def _addresses() -> Iterator[str]:
    """The work list, every list, and the newest row of each table that a bookkeeper opens."""
    from django.contrib import admin
    from django.urls import reverse

    yield reverse("admin:index")
    for model in admin.site._registry:
        label = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{label}_changelist")
        newest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
        # A proxy shows some of the rows of its table, not always the newest.
        if model._meta.app_label == "sync" and not model._meta.proxy and newest is not None:
            yield reverse(f"{label}_change", args=[newest])
