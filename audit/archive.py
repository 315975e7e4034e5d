"""Retention: sealed entries move to signed files, and only then leave the database.

A file that was not read again and found right, entry by entry, removes nothing. The seals stay, so the chain still
verifies, and the files verify with it. Files are made in the order of the seals, without a gap.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Max, Min, Sum

from audit import bundle, seals, trail, verifier
from audit.bundle import Contents, Sign
from audit.models import AuditArchive, AuditEntry, AuditSeal, SealedSpan
from audit.trail import Fact
from audit.verification import Trusts
from audit.verifier import Bad

# Entries of one file: a worker writes, reads and removes them within its time.
MOST = 200_000
# Ids removed in one transaction: others that write wait for it.
REMOVED_AT_ONCE = 2_000


class NotArchived(Exception):
    """Nothing was removed; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The key of this installation: its public half in hex, and what signs with the other."""

    key: str
    sign: Sign
    trusts: Trusts


def archive(before: datetime, folder: Path, *, signer: Signer, now: Callable[[], datetime]) -> AuditArchive | None:
    """Move the oldest sealed entries to one file, as far as all that a seal covers tell of times before `before`.
    None when there are none. Raises `NotArchived`, or `OSError` when the folder cannot be written.

    1. Remove what an archive already holds, in case somebody was stopped while removing it.
    2. Write the file, and read it again.
    3. Record the archive: from then on the database lets go of these entries.
    4. Remove them.
    """
    remove_archived()
    done = seals.archived_up_to()
    last = _last_before(before, after=done)
    if last == done:
        return None
    made_at = now()
    path = folder / f"audit-trail-seals-{done + 1:08}-{last:08}.zip"
    _write(path, _contents(done, last, made_at), signer)
    row = _read_again(path, done + 1, last, signer)
    row.archived_at = made_at
    with transaction.atomic():
        row.save(force_insert=True)
        detail = {"file": row.file, "sha256": row.sha256, "seals": [row.first_seal, last], "entries": row.count}
        trail.record([Fact("audit.archived", "audit", detail=detail)], at=made_at)
    remove_archived()
    return row


def remove_archived() -> int:
    """Remove the entries that the newest archive holds, those of older ones being gone. Returns how many."""
    newest = AuditArchive.objects.order_by("-last_seal").first()
    if newest is None:
        return 0
    spans = SealedSpan.objects.filter(seal_id__range=(newest.first_seal, newest.last_seal)).order_by("first")
    removed = 0
    for begin, end in _adjoined(spans.values_list("first", "last").iterator()):
        for first in range(begin, end + 1, REMOVED_AT_ONCE):
            last = min(end, first + REMOVED_AT_ONCE - 1)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM audit_auditentry WHERE id BETWEEN %s AND %s", [first, last])
                removed += cursor.rowcount
    return removed


def _adjoined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans that follow each other without a gap as one."""
    whole: tuple[int, int] | None = None
    for first, last in spans:
        if whole and whole[1] == first - 1:
            whole = (whole[0], last)
            continue
        if whole:
            yield whole
        whole = (first, last)
    if whole:
        yield whole


def _last_before(before: datetime, *, after: int) -> int:
    """The last seal in an unbroken row whose entries all tell of times before then, within what fits into a file."""
    last, counted = after, 0
    for number, last_at, count in (
        AuditSeal.objects.filter(number__gt=after)
        .order_by("number")
        .values_list("number", "last_at", "count")
        .iterator()
    ):
        counted += count
        if last_at >= before or (counted > MOST and last > after):
            break
        last = number
    return last


def _contents(done: int, last: int, made_at: datetime) -> Contents:
    spans = SealedSpan.objects.filter(seal_id__range=(done + 1, last))
    ends = spans.aggregate(first=Min("first"), last=Max("last"))
    entries = AuditEntry.objects.filter(id__gte=ends["first"], id__lte=ends["last"])
    return Contents(entries, done, last, made_at, only_sealed=True)


def _write(path: Path, contents: Contents, signer: Signer) -> None:
    """Whole or not at all: under another name until every byte of it is on the disk."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        for _, block in bundle.written(contents, sign=signer.sign, key=signer.key):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _read_again(path: Path, first: int, last: int, signer: Signer) -> AuditArchive:
    """What the file on the disk holds, checked as an auditor checks it, against what the database holds."""
    try:
        found = verifier.check(path, key=signer.key)
    except (Bad, OSError, ValueError, KeyError, zipfile.BadZipFile) as bad:
        raise NotArchived(f"{path} was written, but cannot be relied on: {bad}. Nothing was removed.") from bad
    with zipfile.ZipFile(path) as file:
        manifest, signature = file.read("manifest.json").decode(), file.read("signature.txt").decode()
    covered = AuditSeal.objects.filter(number__range=(first, last)).aggregate(count=Sum("count"))["count"]
    told = (found["first_seal"], found["last_seal"], found["head"], found["checked"], found["unsealed"])
    if told != (first, last, bundle.head_of(last), covered, 0) or not signer.trusts(manifest, signature):
        raise NotArchived(
            f"{path} does not hold what its seals cover. Nothing was removed. Run `manage.py audit verify`."
        )
    with path.open("rb") as raw:
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    return AuditArchive(
        first_seal=first, last_seal=last, count=covered, file=path.name, sha256=sha256, manifest=manifest,
        signature=signature,
    )  # fmt: skip
