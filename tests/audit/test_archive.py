"""Old entries move to signed files, and leave the database only when the files hold them."""

from __future__ import annotations

import json
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.utils import IntegrityError

from audit import archive, seals, trail, verifier
from audit.archive import NotArchived
from audit.models import AuditArchive, AuditEntry
from audit.verification import Broken, verify
from connections import signing
from tests.audit.intruder import tamper
from tests.audit.telling import ids, sealed, tell
from tests.audit.test_bundle import checked
from tests.pages import NOW

BEFORE = NOW + timedelta(minutes=2)


def move(folder: Path, **choices: object) -> AuditArchive | None:
    return archive.archive(BEFORE, folder, signer=signing.signer(), now=lambda: NOW, **choices)  # type: ignore[arg-type]


def stands() -> int:
    *_, last = verify(trusts=signing.trusts)
    return last.entries


def test_old_entries_move_to_a_file_and_the_chain_still_stands(db: None, tmp_path: Path) -> None:
    keys = sealed(3, 4, 5)
    head = seals.head()
    row = move(tmp_path)
    assert row is not None
    assert (row.first_seal, row.last_seal, row.count) == (1, 2, 7)
    assert ids()[:-1] == keys[7:], "the newest entry tells of the archive"
    assert seals.head() == head
    assert stands() == 5
    assert AuditEntry.objects.get(verb="audit.archived").detail["entries"] == 7


def test_the_file_verifies_by_itself_and_against_the_key_and_the_head(db: None, tmp_path: Path) -> None:
    sealed(3, 4, 5)
    row = move(tmp_path)
    assert row is not None
    file = tmp_path / row.file
    with zipfile.ZipFile(file) as held:
        assert json.loads(held.read("manifest.json"))["key"] == signing.public_key()
    code, said = checked(file, "--key", signing.public_key())
    assert (code, said.split(",")[0]) == (0, "Everything stands: 7 entries (0 not sealed)")
    assert checked(file, "--key", "11" * 32)[0] == 1


def test_files_follow_each_other_without_a_gap(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST", 4)
    sealed(3, 4, 5)
    rows = [move(tmp_path), move(tmp_path)]
    assert [(row.first_seal, row.last_seal) for row in rows if row] == [(1, 1), (2, 2)]
    assert move(tmp_path) is None
    assert stands() == 5


def test_nothing_that_is_not_sealed_or_too_young_is_moved(db: None, tmp_path: Path) -> None:
    tell(3)
    assert move(tmp_path) is None
    seals.seal(now=NOW)
    assert archive.archive(NOW, tmp_path, signer=signing.signer(), now=lambda: NOW) is None
    assert len(ids()) == 3


def test_an_entry_that_came_late_is_moved_with_its_own_seal(db: None, tmp_path: Path) -> None:
    row = AuditEntry.objects.get(pk=sealed(3)[-1])
    row.id += 1_002  # far from ids that the database gives out itself
    AuditEntry.objects.bulk_create([row])
    seals.seal(now=NOW)
    row.id -= 1
    row.at = NOW + timedelta(days=9)
    row.digest = trail.digest(row)
    AuditEntry.objects.bulk_create([row])
    seals.seal(now=NOW)
    moved = move(tmp_path)
    assert moved is not None
    assert moved.count == 4
    assert row.id in ids()
    assert len(ids()) == 2
    assert stands() == 1


def test_a_trail_that_was_altered_is_not_moved(db: None, tmp_path: Path) -> None:
    keys = sealed(3, 4)
    tamper("UPDATE audit_auditentry SET actor = 'x' WHERE id = %s", keys[1])
    with pytest.raises(NotArchived, match=f"entry {keys[1]}: its values do not give its digest. Nothing was removed"):
        move(tmp_path)
    assert ids() == keys
    assert not AuditArchive.objects.exists()


def test_an_entry_that_is_gone_keeps_the_others_here(db: None, tmp_path: Path) -> None:
    keys = sealed(3, 4)
    tamper("DELETE FROM audit_auditentry WHERE id = %s", keys[1])
    with pytest.raises(NotArchived, match=f"entry {keys[1]}: it was sealed"):
        move(tmp_path)


def test_who_was_stopped_while_removing_is_followed_by_one_who_goes_on(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed(3, 4, 5)
    with monkeypatch.context() as patch:
        patch.setattr(archive, "remove_archived", lambda: 0)
        assert move(tmp_path)
    assert stands() == 12, "what a file holds may still be here"
    assert move(tmp_path) is None
    assert stands() == 5


def test_an_entry_of_an_archive_that_is_still_here_may_not_differ(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = sealed(3, 4, 5)
    with monkeypatch.context() as patch:
        patch.setattr(archive, "remove_archived", lambda: 0)
        move(tmp_path)
    tamper("UPDATE audit_auditentry SET actor = 'x' WHERE id = %s", keys[0])
    with pytest.raises(Broken, match=f"entry {keys[0]} was changed"):
        stands()


def test_the_database_lets_go_of_nothing_else(db: None, tmp_path: Path) -> None:
    keys = sealed(3, 4, 5)
    move(tmp_path)
    with pytest.raises(IntegrityError, match="written once"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditentry WHERE id = %s", [keys[7]])


def test_an_archive_whose_record_was_changed_is_named(db: None, tmp_path: Path) -> None:
    sealed(3, 4, 5)
    move(tmp_path)
    tamper("UPDATE audit_auditarchive SET last_seal = 3")
    with pytest.raises(Broken, match="was not signed by this installation"):
        stands()


def test_an_export_leaves_out_what_stands_in_files_and_verifies(db: None, tmp_path: Path) -> None:
    sealed(3, 4, 5)
    move(tmp_path)
    call_command("audit", "export", to=tmp_path / "rest.zip")
    code, said = checked(tmp_path / "rest.zip")
    assert (code, said.split(",")[0]) == (0, "Everything stands: 6 entries (0 not sealed)")
    assert verifier.check(tmp_path / "rest.zip")["first_seal"] == 3


def test_the_command_moves_all_that_is_older(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST", 4)
    sealed(3, 4, 5)
    call_command("audit", "archive", before=date(2026, 11, 30), to=tmp_path)
    said = capsys.readouterr().out
    assert said.count("entries of seals") == 3
    call_command("audit", "archive", before=date(2026, 11, 30), to=tmp_path)
    assert "Nothing that is sealed is that old." in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_said(db: None, tmp_path: Path) -> None:
    keys = sealed(3)
    with pytest.raises(CommandError, match="No such file"):
        call_command("audit", "archive", before=date(2026, 11, 30), to=tmp_path / "nowhere")
    assert ids() == keys
