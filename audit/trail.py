"""The one way into the audit trail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from audit import context
from audit.models import AuditEntry
from audit.redaction import redacted, redacted_text

# The fields that are stored as they are told, in the order in which a digest covers them.
PLAIN = (
    "actor", "trigger", "verb", "subject_type", "subject_id", "subject", "source", "division", "lane_id", "run_id",
    "request_id",
)  # fmt: skip
COLUMNS = ("at", *PLAIN, "detail", "digest")
STORED = DjangoJSONEncoder()
CANONICAL = DjangoJSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


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

    In one statement and past the models: a month leaves fifteen facts a payment, and building, checking and reading
    back a row of the ORM for each cost more than all else that is written.
    Raises `transaction.TransactionManagementError` outside a transaction: a fact alone proves nothing.
    """
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A fact is recorded in the transaction of its change.")
    rows = _rows(facts, at=at, acting=context.current(), stored_at=connection.ops.adapt_datetimefield_value(at))
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_insert(connection.ops.quote_name), rows)
    return len(rows)


def _rows(facts: Iterable[Fact], *, at: datetime, acting: context.Acting, stored_at: Any) -> list[tuple[Any, ...]]:
    """The facts as `COLUMNS` hold them."""
    rows, told_at, texts = [], at.isoformat(), _Texts()
    for fact in facts:
        values = (
            acting.actor, acting.trigger, fact.verb, fact.subject_type, fact.subject_id,
            redacted_text(fact.subject)[:200], fact.source[:200], fact.division, acting.lane_id, acting.run_id,
            acting.request_id,
        )  # fmt: skip
        stored, canonical = texts.of(fact.detail)
        rows.append((stored_at, *values, stored, _digest(told_at, values, canonical)))
    return rows


class _Texts:
    """Details as JSON: as they are stored, and canonical. Many facts of one change share theirs."""

    def __init__(self) -> None:
        # The detail is kept beside its texts: while it lives, nothing else has its id.
        self.known: dict[int, tuple[Mapping[str, Any], str, str]] = {}

    def of(self, detail: Mapping[str, Any]) -> tuple[str, str]:
        if not detail:
            return "{}", "{}"
        if id(detail) not in self.known:
            shown = redacted(detail)
            self.known[id(detail)] = detail, STORED.encode(shown), CANONICAL.encode(shown)
        return self.known[id(detail)][1:]


def _insert(quoted: Callable[[str], str]) -> str:
    columns = {field.name: str(field.column) for field in AuditEntry._meta.concrete_fields}
    names = ", ".join(quoted(columns[name]) for name in COLUMNS)
    places = ", ".join(["%s"] * len(COLUMNS))
    return f"INSERT INTO {quoted(AuditEntry._meta.db_table)} ({names}) VALUES ({places})"  # noqa: S608 - our own names


def digest(entry: AuditEntry) -> str:
    """SHA-256 over every field but the id, in canonical JSON: what a seal will later cover."""
    return _digest(entry.at.isoformat(), [getattr(entry, name) for name in PLAIN], CANONICAL.encode(entry.detail))


def _digest(at: str, values: Iterable[Any], detail: str) -> str:
    """`detail` is canonical JSON already."""
    others = CANONICAL.encode([at, *values])
    return hashlib.sha256(f"{others[:-1]},{detail}]".encode()).hexdigest()
