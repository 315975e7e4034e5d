"""What the audit trail tells about a record or an entry, oldest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from audit import adminkit, words
from audit.models import AuditEntry
from sync.admin.naming import Names

MOST = 200


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    actor: str
    words: str
    tone: str
    about: str
    sentence: str
    url: str


def of(sources: Iterable[str], names: Names | None = None) -> list[Step]:
    """Facts whose source reference is one of these: a Square payment id, references of entries."""
    entries = AuditEntry.objects.filter(source__in={source for source in sources if source}).order_by("-id")[:MOST]
    return [_step(entry, names or Names()) for entry in reversed(entries)]


def of_subject(subject_type: str, subject_id: int) -> list[Step]:
    """Facts about one row."""
    entries = AuditEntry.objects.filter(subject_type=subject_type, subject_id=subject_id).order_by("-id")[:MOST]
    return [_step(entry, Names()) for entry in reversed(entries)]


def _step(entry: AuditEntry, names: Names) -> Step:
    told = (
        entry.detail.get("problem")
        or entry.detail.get("sentence")
        or entry.detail.get("reason")
        or entry.detail.get("changed")
        or ""
    )
    kind = str(entry.detail.get("kind", "")).replace("_", " ")
    return Step(
        at=entry.at,
        actor="" if entry.actor == "tillbridge" else entry.actor,
        words=words.say(entry.verb),
        tone=words.tone(entry.verb),
        about=" ".join(filter(None, (kind, entry.subject if entry.subject != entry.source else ""))),
        sentence=names.read(str(told)),
        url=adminkit.admin_url(AuditEntry, entry.pk),
    )
