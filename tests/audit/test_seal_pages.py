from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django_q.models import OrmQ

from audit import seals, verification
from audit.models import AuditVerification
from connections import clock
from sync import proofs, tasks
from tests.audit.intruder import tamper
from tests.audit.telling import ids, sealed, tell
from tests.pages import NOW, in_role, inline_code, text_of
from tests.till import Shop

LIST = "/admin/audit/auditseal/"
VERIFY = f"{LIST}verify/"


def test_the_page_tells_the_head_and_how_far_it_covers(shop: Shop, anna: Client) -> None:
    sealed(3, 4)
    tell(2, start=7)
    page = anna.get(LIST)
    assert seals.head().head in text_of(page)
    assert "7 entries up to" in text_of(page)
    assert "2, the oldest just now" in text_of(page)
    assert inline_code(page) == []


def test_entries_that_nobody_seals_are_bad_news(shop: Shop, anna: Client) -> None:
    sealed(3)
    tell(2, start=7, minutes=-30)
    page = text_of(anna.get(LIST))
    assert "2, the oldest 30 minutes ago" in page
    assert "No worker seals: look whether manage.py worker runs." in page


def test_an_empty_page_says_what_to_do(shop: Shop, anna: Client) -> None:
    page = text_of(anna.get(LIST))
    assert "Nothing is sealed yet." in page
    assert "start it if none runs" in page


def test_a_seal_tells_what_it_covers(shop: Shop, anna: Client) -> None:
    keys = sealed(3, 4)
    page = text_of(anna.get(f"{LIST}2/change/"))
    assert f"{keys[3]} to {keys[6]}" in page
    assert seals.head().head in page
    assert "covers 4 entries" in page


def test_a_head_from_a_mail_is_found(shop: Shop, anna: Client) -> None:
    sealed(3, 4)
    page = anna.get(LIST, {"q": seals.head().head}).content.decode()
    assert f"{LIST}2/change/" in page
    assert f"{LIST}1/change/" not in page


def test_a_short_trail_is_verified_at_once(shop: Shop, anna: Client) -> None:
    sealed(3, 4)
    page = text_of(anna.post(VERIFY, follow=True))
    assert "Everything stands: 7 entries." in page
    assert "everything stands 7 entries" in page
    assert "by anna" in page


def test_what_does_not_stand_is_said_on_the_page(shop: Shop, anna: Client) -> None:
    keys = sealed(3, 4)
    tamper("DELETE FROM audit_auditentry WHERE id = %s", keys[4])
    page = text_of(anna.post(VERIFY, follow=True))
    assert page.count(f"Audit entry {keys[4]} is missing") == 2
    assert "does not stand" in text_of(anna.get(LIST))


def test_a_long_trail_is_verified_by_a_worker_in_pieces(
    shop: Shop,
    anna: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: object,
) -> None:
    monkeypatch.setattr(proofs, "AT_ONCE", 5)
    monkeypatch.setattr(proofs, "PIECE", -1.0)
    monkeypatch.setattr(verification, "AT_ONCE", 3)
    sealed(3, 4, 5)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        page = text_of(anna.post(VERIFY, follow=True))
    assert "A worker looks at every entry now." in page
    assert "under way" in page

    pieces = 0
    while task := OrmQ.objects.order_by("id").first():
        rung, pieces = task.task, pieces + 1
        task.delete()
        assert rung["func"] == "sync.tasks.verify_audit"
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            tasks.verify_audit(*rung["args"])
    assert pieces == 4
    assert "everything stands 12 entries" in text_of(anna.get(LIST))
    assert proofs.verify(AuditVerification.objects.get().pk), "a task that comes twice does nothing"


def test_who_may_verify_and_who_may_take_away(shop: Shop) -> None:
    sealed(3)
    bookkeeper, operator, auditor = in_role("Bookkeeper"), in_role("Operator"), in_role("Auditor")
    assert bookkeeper.post(VERIFY).status_code == 403
    assert "Verify every entry" not in text_of(bookkeeper.get(LIST))
    assert operator.post(VERIFY).status_code == 302
    assert "Download with proof" not in text_of(operator.get(LIST))
    assert auditor.post(VERIFY).status_code == 302
    assert "Download with proof" in text_of(auditor.get(LIST))
    assert auditor.get(VERIFY).status_code == 302  # back to the page with the button


def test_nobody_changes_a_seal_on_its_page(shop: Shop, anna: Client) -> None:
    sealed(3)
    assert anna.get(f"{LIST}add/").status_code == 403
    assert anna.get(f"{LIST}1/delete/").status_code == 403
    assert ids() == sorted(ids())


def test_the_page_takes_few_statements_however_many_seals(
    shop: Shop, anna: Client, django_assert_max_num_queries: object
) -> None:
    sealed(*[1] * 60)
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        anna.get(LIST)
    assert clock.now() - NOW < timedelta(minutes=1)
