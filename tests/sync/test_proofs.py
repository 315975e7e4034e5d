"""The worker keeps the trail's proof: sealed each minute, verified, mailed and archived each night."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from pytest_django.fixtures import Settings

from audit import seals
from audit.models import AuditArchive, AuditEntry, AuditVerification
from connections import clock
from mappings.bookkeeping.legs import ProblemKind
from sync import summary, tasks
from tests.audit.telling import sealed, tell
from tests.pages import NOW
from tests.till import Shop


class Later(clock.Clock):
    def __init__(self, **span: float) -> None:
        super().__init__()
        self.moment = NOW + timedelta(**span)

    def now(self) -> Any:
        return self.moment


@pytest.fixture
def mailed(settings: Settings) -> list[Any]:
    settings.SUMMARY_MAIL_TO = ["finance@example.com", "auditor@example.com"]
    return mail.outbox


def work_off(capture: Any) -> list[str]:
    """What the workers do with what is rung by then, the vendors' part left out. Returns which tasks those were."""
    done = []
    while task := OrmQ.objects.order_by("id").first():
        rung = task.task
        task.delete()
        done.append(rung["func"])
        if rung["func"].split(".")[-1] in {"verify_audit", "archive_audit", "mail_summary"}:
            with capture(execute=True):
                import_string(rung["func"])(*rung["args"])
    return done


def test_each_beat_seals_what_the_trail_was_told(shop: Shop) -> None:
    tell(3)
    tasks.beat()
    assert seals.unsealed().count == 0
    tasks.beat()
    assert seals.head().number == 1


def test_a_night_verifies_and_mails(shop: Shop, mailed: list[Any], django_capture_on_commit_callbacks: Any) -> None:
    sealed(3)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.nightly()
    assert {"sync.tasks.verify_audit", "sync.tasks.mail_summary"} <= set(work_off(django_capture_on_commit_callbacks))
    assert AuditVerification.objects.get().finding == ""
    assert len(mailed) == 1


def test_the_mail_tells_the_head_the_facts_and_what_waits(shop: Shop, mailed: list[Any]) -> None:
    sealed(3, 4)
    shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    shop.waiting(2, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    shop.waiting(3, ProblemKind.WAITS_FOR_SALE)
    assert summary.send()
    (letter,) = mailed
    assert letter.bcc == ["finance@example.com", "auditor@example.com"]
    assert letter.subject == "Tillbridge, 21-11-2026: 2 records waiting for a person"
    assert seals.head().head in letter.body
    assert "7 facts in the last 24 hours, 7 sealed in all." in letter.body
    assert "- 2 records: unmapped tax" in letter.body
    assert "waits for sale" not in letter.body
    assert "http://testserver/admin/" in letter.body
    assert "Tourist" not in letter.body, "a mail holds no names"


def test_the_mailed_head_covers_what_was_told_before_it(shop: Shop, mailed: list[Any]) -> None:
    sealed(3)
    tell(2, start=3)
    summary.send()
    assert seals.head().sealed == 5
    assert seals.head().head in mailed[0].body


def test_a_night_mails_once_and_the_next_night_again(shop: Shop, mailed: list[Any]) -> None:
    assert summary.send()
    assert not summary.send()
    restore = clock.install(Later(hours=24))
    try:
        assert summary.send()
    finally:
        restore()
    assert len(mailed) == 2


def test_without_an_address_nothing_is_mailed(shop: Shop) -> None:
    assert not summary.send()
    assert mail.outbox == []


def test_a_mail_server_that_is_down_is_told_in_the_trail(
    shop: Shop, mailed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise SMTPServerDisconnected("please run connect() first")

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    assert not summary.send()
    assert "SMTPServerDisconnected" in AuditEntry.objects.get(verb="audit.summary_failed").detail["problem"]


def test_what_is_older_than_it_is_kept_moves_to_files_at_night(
    shop: Shop, settings: Settings, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    settings.AUDIT_KEEP_DAYS, settings.AUDIT_ARCHIVE_DIR = 30, str(tmp_path)
    for day in (-50, -40, -3):
        tell(2, start=day + 100, minutes=day * 1440)
        seals.seal(now=NOW)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.nightly()
    done = work_off(django_capture_on_commit_callbacks)
    assert done.count("sync.tasks.archive_audit") == 2, "until there is none left"
    (archived,) = AuditArchive.objects.all()
    assert (archived.count, (tmp_path / archived.file).exists()) == (4, True)
    assert AuditVerification.objects.get().finding == ""


def test_everything_is_kept_for_ever_unless_somebody_says_otherwise(
    shop: Shop, settings: Settings, django_capture_on_commit_callbacks: Any
) -> None:
    tell(2, minutes=-5_000_000)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.nightly()
    assert "sync.tasks.archive_audit" not in work_off(django_capture_on_commit_callbacks)


def test_a_verification_that_found_something_is_in_the_next_mail(shop: Shop, mailed: list[Any]) -> None:
    AuditVerification.objects.create(
        asked_at=NOW, asked_by="nightly", ended_at=NOW, finding="Audit entry 5 is missing."
    )
    summary.send()
    assert "Last verified 21-11-2026 13:00: Audit entry 5 is missing." in mailed[0].body
