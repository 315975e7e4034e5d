"""The audit trail's proof, kept by the workers: sealed each minute, verified each night, archived by age."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django_q.tasks import async_task

from audit import archive, seals, verification
from audit.adminkit import ago
from audit.models import AuditSeal, AuditVerification
from connections import clock, signing

# Real seconds of one piece of a look at the whole trail; a task may take 120.
PIECE = 45.0
# So few entries are verified while the person waits.
AT_ONCE = 20_000
# Real time. A worker seals each minute, and looks at everything each night.
SEALS_LATE, LOOKS_LATE = timedelta(minutes=10), timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the trail cannot be relied on. `name` is for machines."""

    name: str
    title: str
    sentence: str


def troubles(now: datetime) -> Iterator[Trouble]:
    """What the last look found, seals that fell behind, and looks that do not come any more."""
    last = verification.last()
    if last and last.finding:
        yield Trouble(
            "finding",
            "The audit trail does not stand",
            f"{last.finding} Somebody changed the database past the product. Keep a copy of it as it is now, and "
            "compare it with the head in a nightly mail: 'manage.py audit verify --head'.",
        )
    oldest = seals.unsealed().oldest
    if oldest and clock.outside(now - oldest) > SEALS_LATE:
        yield Trouble(
            "seals",
            "The audit trail is not sealed any more",
            f"What it was told {ago(oldest, now)} is not sealed yet; a worker does that each minute. Look at the "
            "worker's log. Until then a change of these entries would not show.",
        )
    began = AuditSeal.objects.order_by("number").values_list("sealed_at", flat=True).first()
    since = last.ended_at if last else began
    if since and clock.outside(now - since) > LOOKS_LATE:
        yield Trouble(
            "looks",
            "The audit trail has not been verified",
            f"The last look at the whole of it ended {ago(since, now)}; it should each night."
            if last
            else f"It is sealed since {ago(since, now)} and was never verified; it should be each night.",
        )


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
