"""What a person does on the pages: fill in a form, press a button and confirm, read the words."""

from __future__ import annotations

import html
import re
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse


def page_of(row: Model, name: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])


def press(browser: Client, row: Model, action: str, **fields: str) -> Any:
    """The button on a row's page, and yes on the page that asks whether you are sure."""
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_do", args=[row.pk, action])
    return browser.post(address, {"confirmed": "yes", "count": "1", **fields}, follow=True)


def press_on_list(browser: Client, rows: list[Model], action: str, **fields: str) -> Any:
    """The same for a selection on the list."""
    address = reverse(f"admin:{rows[0]._meta.app_label}_{rows[0]._meta.model_name}_changelist")
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return browser.post(address, {**chosen, "confirmed": "yes", "count": str(len(rows)), **fields}, follow=True)


def save_form(browser: Client, address: str, **changed: Any) -> Any:
    """Open the form, change some fields, save."""
    form = browser.get(address).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    kept = {form.add_prefix(name): value for name, value in {**shown, **changed}.items() if value not in (None, False)}
    return browser.post(address, kept, follow=True)


def words(response: Any) -> str:
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
