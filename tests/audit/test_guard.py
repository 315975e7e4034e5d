"""The database itself refuses to change what happened, whoever asks."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.core.management.commands import flush
from django.db import DatabaseError, connection, transaction
from django.db.utils import IntegrityError

from audit import archive, guard, seals
from audit.models import AuditArchive, AuditEntry, AuditSeal, SealedSpan
from tests.audit.intruder import unguarded
from tests.audit.telling import ids, sealed
from tests.pages import NOW

KEYS = {"audit_auditentry": "id", "audit_auditseal": "number", "audit_sealedspan": "first", "audit_auditarchive": "id"}
COLUMNS = {
    "audit_auditentry": "actor", "audit_auditseal": "head", "audit_sealedspan": "last", "audit_auditarchive": "file",
}  # fmt: skip


@pytest.fixture
def written(db: None) -> None:
    """A row in each table that the guard keeps; the archive is recorded after the second of three seals."""
    sealed(3, 3, 3)
    manifest = {"manifest": "{}", "signature": "", "sha256": "", "archived_at": NOW}
    AuditArchive.objects.create(first_seal=1, last_seal=2, count=6, file="x.zip", **manifest)


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("table", KEYS)
def test_the_database_refuses_to_change_a_row(written: None, table: str) -> None:
    with pytest.raises(IntegrityError, match="written once"):
        run(f"UPDATE {table} SET {COLUMNS[table]} = {COLUMNS[table]}")


@pytest.mark.parametrize("table", KEYS)
def test_the_database_refuses_to_remove_a_row(written: None, table: str) -> None:
    with pytest.raises(IntegrityError, match="written once"):
        run(f"DELETE FROM {table} WHERE {KEYS[table]} = (SELECT MAX({KEYS[table]}) FROM {table})")


@pytest.mark.parametrize("table", KEYS)
def test_the_database_refuses_to_put_another_row_in_a_rows_place(written: None, table: str) -> None:
    if connection.vendor == "postgresql":
        taken = (
            f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({KEYS[table]}) DO UPDATE SET {COLUMNS[table]} = "
        )
        statement = f"{taken} excluded.{COLUMNS[table]}"
    else:
        statement = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
    with pytest.raises(IntegrityError, match=r"written once|sealed once"):
        run(statement)


@pytest.mark.parametrize("table", KEYS)
def test_the_database_refuses_to_empty_a_table(written: None, table: str) -> None:
    empty = f"TRUNCATE {table}" if connection.vendor == "postgresql" else f"DELETE FROM {table}"
    with pytest.raises(IntegrityError, match="written once"):
        run(empty)


def test_models_refuse_before_the_database_has_to(written: None) -> None:
    for rows in (AuditEntry.objects, AuditSeal.objects, SealedSpan.objects, AuditArchive.objects):
        with pytest.raises(TypeError):
            rows.all().delete()
        with pytest.raises(TypeError):
            rows.all().update(pk=1)


def test_entries_of_an_archived_seal_may_go_and_no_others(written: None) -> None:
    first, *_, last = ids()
    run(f"DELETE FROM audit_auditentry WHERE id <= {first + 5}")
    assert ids() == [last - 2, last - 1, last]
    with pytest.raises(IntegrityError, match="written once"):
        run(f"DELETE FROM audit_auditentry WHERE id = {last - 2}")


def test_an_entry_is_sealed_once(db: None) -> None:
    first, *_, last = sealed(5)
    for begin, end in ((first, first), (last, last + 9), (first + 1, first + 2), (max(first - 9, 0), last + 9)):
        with pytest.raises(IntegrityError), transaction.atomic():
            SealedSpan.objects.bulk_create([SealedSpan(first=begin, last=end, seal_id=9)])
    SealedSpan.objects.bulk_create([SealedSpan(first=last + 1, last=last + 1, seal_id=9)])


def test_every_migrate_puts_back_what_is_missing(db: None) -> None:
    assert guard.stands()
    with connection.cursor() as cursor:
        on = " ON audit_auditentry" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER audit_auditentry_delete{on}")
    assert not guard.stands()
    guard.ensure(apps.get_app_config("audit"), using="default")
    assert guard.stands()


@pytest.mark.django_db(transaction=True)
def test_the_product_cannot_be_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests do between each other (`tests.conftest`) is no way for an operator."""
    sealed(2)
    monkeypatch.undo()
    handle = flush.Command.handle
    try:
        flush.Command.handle = handle.__closure__[0].cell_contents  # type: ignore[index, method-assign]
        with pytest.raises((CommandError, DatabaseError)):
            call_command("flush", interactive=False, verbosity=0)
    finally:
        flush.Command.handle = handle  # type: ignore[method-assign]
    assert AuditEntry.objects.count() == 2


def test_taken_down_by_an_intruder_it_is_put_back(db: None) -> None:
    with unguarded():
        assert not guard.stands()
    assert guard.stands()


def test_nothing_is_removed_while_nothing_is_archived(db: None) -> None:
    sealed(3)
    assert archive.remove_archived() == 0
    assert len(ids()) == 3
    assert seals.archived_up_to() == 0
