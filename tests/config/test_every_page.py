"""Every page of every model, those of the last features too: its right asked for, nothing written, no secret shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.adminkit import BackOfficeAdmin
from audit.models import AuditEntry
from connections.fields import SealedTextField
from connections.models import Connection
from connections.providers.errors import Unreadable
from mappings.sheets import pages as sheet_pages
from sync.admin.books import BooksProofAdmin
from sync.models import BooksProof
from tests.config.stocked import CANARY, Rows, stock
from tests.config.test_attacks import pages_of
from tests.pages import in_role, text_of
from tests.till import Shop

ROLES = ("Auditor", "Bookkeeper", "Operator", "Approver")
# What Django keeps of somebody's visit.
OF_THE_VISIT = ("django_session", "auth_user")
WRITES = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)
ANSWERS = {200, 302, 400, 403, 404, 405}


@pytest.fixture
def rows(shop: Shop) -> Rows:
    return stock(shop)


def base(model: Any) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}"


def test_reading_any_page_writes_nothing(rows: Rows, anna: Client) -> None:
    assert len(rows) > 45
    for _name, url in pages_of(rows):
        if url.endswith("/logout/"):
            continue
        with CaptureQueriesContext(
            connection,
        ) as seen:
            answer = anna.get(url)
        assert answer.status_code in ANSWERS, (url, answer.status_code)
        tables = {found.group(1) for query in seen if (found := WRITES.match(query["sql"]))}
        assert tables <= set(OF_THE_VISIT), (url, tables)


def test_no_page_shows_a_secret(rows: Rows, anna: Client) -> None:
    planted = 0
    for model, row in rows.items():
        sealed = [field.name for field in model._meta.concrete_fields if isinstance(field, SealedTextField)]
        for name in sealed:
            setattr(row, name, f"{CANARY}-{name}")
        if sealed:
            row.save()
            planted += len(sealed)
    assert planted > 4
    for _name, url in pages_of(rows):
        if not url.endswith("/logout/"):
            assert CANARY not in whole(anna.get(url, follow=True)), url


def whole(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode(errors="replace")


@pytest.mark.parametrize("role", ROLES)
def test_a_row_is_shown_to_whoever_may_see_it_and_to_nobody_else(rows: Rows, role: str) -> None:
    browser = in_role(role)
    user = User.objects.get(username__startswith="someone")
    for model, row in rows.items():
        may = user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
        for page, arguments in (("changelist", []), ("change", [row.pk])):
            status = browser.get(reverse(f"{base(model)}_{page}", args=arguments)).status_code
            # The page of an order leads on to its record.
            assert status in ({200, 302} if may else {403}), (model.__name__, page, status)


@pytest.mark.parametrize("role", ROLES)
def test_every_verb_of_every_model_needs_its_right(rows: Rows, role: str) -> None:
    browser = in_role(role)
    user = User.objects.get(username__startswith="someone")
    facts, tried = AuditEntry.objects.count(), 0
    for model, page in admin.site._registry.items():
        assert isinstance(page, BackOfficeAdmin)
        for name, verb in page.verbs().items():
            assert verb.permission, (model.__name__, name)
            if model not in rows or user.has_perm(verb.permission):
                continue
            tried += 1
            asked = {"confirmed": "yes", "count": "1", "reason": "because"}
            done = browser.post(reverse(f"{base(model)}_do", args=[rows[model].pk, name]), asked)
            assert done.status_code == 403, (model.__name__, name)
    assert tried > 2
    assert AuditEntry.objects.count() == facts


def test_a_verb_is_done_by_posting_and_never_by_reading(rows: Rows, anna: Client) -> None:
    facts = AuditEntry.objects.count()
    for model, page in admin.site._registry.items():
        assert isinstance(page, BackOfficeAdmin)
        for name in page.verbs():
            if model in rows:
                url = reverse(f"{base(model)}_do", args=[rows[model].pk, name])
                with CaptureQueriesContext(connection) as seen:
                    assert anna.get(url, {"confirmed": "yes", "count": "1", "reason": "x"}).status_code in ANSWERS
                assert not [query for query in seen if (found := WRITES.match(query["sql"]))
                            and found.group(1) not in OF_THE_VISIT], url  # fmt: skip
    assert AuditEntry.objects.count() == facts


def test_a_page_that_falls_over_shows_no_secret(rows: Rows, anna: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(self: object, request: object, row: object) -> None:
        token = f"{CANARY}-of-{Connection.objects.count()}"
        raise Unreadable(f"Something with {token} went wrong.")

    monkeypatch.setattr(BooksProofAdmin, "detail", fall)
    anna.raise_request_exception = False
    answer = anna.get(reverse(f"{base(BooksProof)}_change", args=[rows[BooksProof].pk]))
    assert answer.status_code == 500
    assert CANARY not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(
    rows: Rows, anna: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_pages, "LARGEST_FILE", 10)
    form = sheet_pages.UploadForm(data={}, files={"file": _file(b"x" * 11)})
    assert "file" in form.errors
    assert "too large" in str(form.errors["file"]) or "larger" in str(form.errors["file"])


def _file(content: bytes) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("sheet.csv", content)


@pytest.mark.parametrize("page", ["0", "-1", "abc", "²", "9" * 30, ""])
def test_a_page_number_that_cannot_be_read_shows_the_first(rows: Rows, anna: Client, page: str) -> None:
    url = reverse(f"{base(BooksProof)}_change", args=[rows[BooksProof].pk])
    answer = anna.get(url, {"page": page})
    assert answer.status_code == 200
    assert "Page 1" in text_of(answer)


def test_the_page_of_a_proof_asks_the_same_number_of_statements_however_many_events_there_are(
    shop: Shop, rows: Rows, anna: Client
) -> None:
    url = reverse(f"{base(BooksProof)}_change", args=[rows[BooksProof].pk])
    anna.get(url)
    with CaptureQueriesContext(connection) as few:
        anna.get(url)
    for number in range(10, 22):
        shop.booked(number)
    with CaptureQueriesContext(connection) as many:
        anna.get(url)
    assert len(many) == len(few)
