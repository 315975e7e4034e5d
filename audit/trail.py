"""The one way into the audit trail."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from audit import context
from audit.models import AuditEntry
from audit.redaction import redacted, redacted_text

BATCH = 500


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened. `verb` is `<subject>.<past participle>`, such as `posting.confirmed`."""

    verb: str
    subject_type: str
    subject_id: int | None = None
    subject: str = ""
    source: str = ""
    division: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def record(facts: Iterable[Fact], *, at: datetime) -> int:
    """Write the facts, in the transaction of the change they tell about. Returns how many.

    Raises `transaction.TransactionManagementError` outside a transaction: a fact alone proves nothing.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("A fact is recorded in the transaction of its change.")
    entries = [_entry(fact, at=at, acting=context.current()) for fact in facts]
    AuditEntry.objects.bulk_create(entries, batch_size=BATCH)
    return len(entries)


def _entry(fact: Fact, *, at: datetime, acting: context.Acting) -> AuditEntry:
    detail = redacted(dict(fact.detail))
    entry = AuditEntry(
        at=at,
        actor=acting.actor,
        trigger=acting.trigger,
        verb=fact.verb,
        subject_type=fact.subject_type,
        subject_id=fact.subject_id,
        subject=redacted_text(fact.subject)[:200],
        source=fact.source[:200],
        division=fact.division,
        lane_id=acting.lane_id,
        run_id=acting.run_id,
        request_id=acting.request_id,
        detail=json.loads(json.dumps(detail, cls=DjangoJSONEncoder)),
    )
    entry.digest = digest(entry)
    return entry


def digest(entry: AuditEntry) -> str:
    """SHA-256 over every field but the id, in canonical JSON: what a seal will later cover."""
    told = [entry.at.isoformat(), entry.actor, entry.trigger, entry.verb, entry.subject_type, entry.subject_id]
    where = [entry.subject, entry.source, entry.division, entry.lane_id, entry.run_id, entry.request_id]
    canonical = json.dumps([*told, *where, entry.detail], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
