"""The audit trail's proof, kept by the workers: sealed each minute, verified each night, archived by age."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django_q.tasks import async_task

from audit import archive, seals, verification
from audit.models import AuditVerification
from connections import clock, signing

# Real seconds of one piece of a look at the whole trail; a task may take 120.
PIECE = 45.0
# So few entries are verified while the person waits.
AT_ONCE = 20_000


def verify(verification_id: int) -> bool:
    """A piece of a look at the whole trail; returns whether that was the last. What has ended is left alone."""
    row = AuditVerification.objects.get(pk=verification_id)
    if row.ended_at:
        return True
    over = time.monotonic() + PIECE
    return verification.work(row, trusts=signing.trusts, now=clock.now, is_over=lambda: time.monotonic() > over)


def verify_soon(row: AuditVerification) -> None:
    """Now if that is quick, else by a worker."""
    if seals.head().sealed <= AT_ONCE:
        verify(row.pk)
    else:
        ring(row.pk)


def ring(verification_id: int) -> None:
    name = {"task_name": f"verify-{verification_id}"}
    transaction.on_commit(lambda: async_task("sync.tasks.verify_audit", verification_id, q_options=name))


def keep_nightly() -> None:
    """Seal what came late, look at everything, and move to files what is older than it is to be kept here."""
    seals.seal(now=clock.now(), everywhere=True)
    ring(verification.ask("nightly", now=clock.now()).pk)
    if settings.AUDIT_KEEP_DAYS and settings.AUDIT_ARCHIVE_DIR:
        async_task("sync.tasks.archive_audit", q_options={"task_name": "archive-audit"})


def archive_one() -> bool:
    """Move the oldest entries, as many as one file takes, out of the database; returns whether there were any."""
    before = clock.now() - timedelta(days=settings.AUDIT_KEEP_DAYS)
    folder = Path(settings.AUDIT_ARCHIVE_DIR)
    return archive.archive(before, folder, signer=signing.signer(), now=clock.now) is not None
