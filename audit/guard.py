"""What the database itself refuses: to change or remove a fact of the trail, or what proves it.

The triggers come with the migration and are put back after every `migrate`, since a later change of a table would lose
them on SQLite. One removal is allowed: that of entries whose seal is recorded as archived (`audit.archive`). Nothing
lifts them while the product runs; `manage.py flush` fails. Who may drop triggers can still do so: that is what the
seals are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import AppConfig
from django.db import connections, transaction

ENTRIES = "audit_auditentry"
# table -> its key
TABLES = {ENTRIES: "id", "audit_auditseal": "number", "audit_sealedspan": "first", "audit_auditarchive": "id"}
REFUSED = "The audit trail is written once: nothing in it is changed or removed."
OVERLAPS = "An audit entry is sealed once: these ids are covered already."

# An id is archived when the span it lies in belongs to a seal up to which entries stand in files.
_ARCHIVED = """
    EXISTS (SELECT 1 FROM (
        SELECT seal_id, last FROM audit_sealedspan WHERE first <= OLD.id ORDER BY first DESC LIMIT 1) span
    WHERE span.last >= OLD.id AND span.seal_id <= (SELECT MAX(last_seal) FROM audit_auditarchive))
"""
# Spans do not overlap so far, so only the one that begins last before the new one's end can reach into it.
_COVERED = """
    EXISTS (SELECT 1 FROM (
        SELECT last FROM audit_sealedspan WHERE first <= NEW.last ORDER BY first DESC LIMIT 1) span
    WHERE span.last >= NEW.first)
"""


def install(vendor: str, execute: Callable[[str], Any]) -> None:
    """Create the triggers, or put them right. `vendor` as Django names it; `execute` runs one statement."""
    remove(vendor, execute)
    for statement in _sqlite() if vendor == "sqlite" else _postgresql():
        execute(statement)


def remove(vendor: str, execute: Callable[[str], Any]) -> None:
    """Take the guard down: for going back in the migrations, and for tests that play the intruder."""
    for table in TABLES:
        for event in ("update", "delete", "truncate", "insert"):
            on_table = f" ON {table}" if vendor == "postgresql" else ""
            execute(f"DROP TRIGGER IF EXISTS {table}_{event}{on_table}")
    if vendor == "postgresql":
        for function in ("audit_refuse", "audit_refuse_unarchived", "audit_refuse_overlap"):
            execute(f"DROP FUNCTION IF EXISTS {function}()")


def _sqlite() -> Iterator[str]:
    for table, key in TABLES.items():
        kept = f"WHEN NOT {_ARCHIVED}" if table == ENTRIES else ""
        yield _sqlite_trigger(table, "update", "", REFUSED)
        yield _sqlite_trigger(table, "delete", kept, REFUSED)
        # INSERT OR REPLACE removes the old row without asking a trigger about it.
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"  # noqa: S608 - names of ours
        if table == "audit_sealedspan":
            there = _COVERED
        yield _sqlite_trigger(table, "insert", f"WHEN {there}", OVERLAPS if there is _COVERED else REFUSED)


def _sqlite_trigger(table: str, event: str, condition: str, sentence: str) -> str:
    return (
        f"CREATE TRIGGER {table}_{event} BEFORE {event.upper()} ON {table} FOR EACH ROW {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def _postgresql() -> Iterator[str]:
    yield _function("audit_refuse", _raise(REFUSED))
    yield _function("audit_refuse_unarchived", f"IF {_ARCHIVED} THEN RETURN OLD; END IF; {_raise(REFUSED)}")
    yield _function("audit_refuse_overlap", f"IF {_COVERED} THEN {_raise(OVERLAPS)} END IF; RETURN NEW;")
    for table in TABLES:
        deletes = "audit_refuse_unarchived" if table == ENTRIES else "audit_refuse"
        yield _postgresql_trigger(table, "update", "ROW", "audit_refuse")
        yield _postgresql_trigger(table, "delete", "ROW", deletes)
        yield _postgresql_trigger(table, "truncate", "STATEMENT", "audit_refuse")
    yield _postgresql_trigger("audit_sealedspan", "insert", "ROW", "audit_refuse_overlap")


def _raise(sentence: str) -> str:
    return f"RAISE EXCEPTION '{sentence}' USING ERRCODE = 'integrity_constraint_violation';"


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _postgresql_trigger(table: str, event: str, each: str, function: str) -> str:
    return (
        f"CREATE TRIGGER {table}_{event} BEFORE {event.upper()} ON {table} "
        f"FOR EACH {each} EXECUTE FUNCTION {function}()"
    )


def stands(using: str = "default") -> bool:
    """Whether all triggers are there and switched on."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT tbl_name || name FROM sqlite_master WHERE type = 'trigger'")
        else:
            cursor.execute(
                "SELECT tgrelid::regclass::text || tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN "
                "('O', 'A')"
            )
        found = {name for (name,) in cursor.fetchall()}
    events = ("update", "delete", "insert") if connection.vendor == "sqlite" else ("update", "delete", "truncate")
    wanted = {f"{table}{table}_{event}" for table in TABLES for event in events}
    return wanted | {"audit_sealedspanaudit_sealedspan_insert"} <= found


def ensure(sender: AppConfig, using: str, **_: Any) -> None:  # noqa: ARG001 - Django's signature
    """Receiver of `post_migrate` of this app."""
    connection = connections[using]
    if set(TABLES) <= set(connection.introspection.table_names()) and not stands(using):
        with transaction.atomic(using=using), connection.cursor() as cursor:
            install(connection.vendor, cursor.execute)
