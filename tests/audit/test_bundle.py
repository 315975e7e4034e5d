"""What an auditor takes away: checked without the product, by one file that the download brings along."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit import bundle, cells, export, seals, verifier
from audit.models import AuditEntry, AuditSeal
from tests.audit.telling import TEXTS, ids, sealed, tell
from tests.pages import NOW, in_role
from tests.till import Shop

DOWNLOAD = "/admin/audit/auditseal/download/"
EXPORT = "/admin/audit/auditentry/export/"


def saved(response: Any, folder: Path) -> Path:
    file = folder / "trail.zip"
    file.write_bytes(b"".join(response.streaming_content))
    return file


def checked(file: Path, *options: str) -> tuple[int, str]:
    """Exit code and words of the verifier from the file itself, in a Python that sees nothing of ours."""
    script = file.with_name("verify.py")
    with zipfile.ZipFile(file) as held:
        script.write_bytes(held.read("verify.py"))
    command = [sys.executable, "-I", "-S", "-W", "error", str(script), str(file), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=file.parent)
    return done.returncode, done.stdout + done.stderr


def rewritten(file: Path, name: str, change: Callable[[str], str], *, tells: bool = False) -> Path:
    """The same file with one part changed; `tells`: the manifest is made to fit."""
    with zipfile.ZipFile(file) as held:
        parts = {part: held.read(part) for part in held.namelist()}
    before = parts[name]
    parts[name] = change(before.decode()).encode()
    assert parts[name] != before
    if tells:
        manifest = json.loads(parts["manifest.json"])
        manifest["sha256"][name] = hashlib.sha256(parts[name]).hexdigest()
        rows = csv.reader(io.StringIO(parts["entries.csv"].decode(), newline=""))
        manifest["entries"] = sum(1 for _ in rows) - 1
        parts["manifest.json"] = json.dumps(manifest).encode()
    made = file.with_name("changed.zip")
    with zipfile.ZipFile(made, "w") as target:
        for part, data in parts.items():
            target.writestr(part, data)
    return made


def lines(change: Callable[[list[list[str]]], None]) -> Callable[[str], str]:
    """A change of the rows of a CSV file."""

    def changed(text: str) -> str:
        rows = list(csv.reader(io.StringIO(text, newline="")))
        change(rows)
        return cells.csv_writer()(rows).decode()

    return changed


@pytest.fixture
def whole(shop: Shop, anna: Client, tmp_path: Path) -> Path:
    sealed(7, 8, 9)
    return saved(anna.post(DOWNLOAD, {}), tmp_path)


def test_a_download_verifies_by_itself_with_the_texts_a_spreadsheet_would_run(whole: Path) -> None:
    code, said = checked(whole, "--head", seals.head().head)
    assert (code, said) == (0, f"Everything stands: 24 entries (0 not sealed), head {seals.head().head}.\n")
    with zipfile.ZipFile(whole) as held:
        rows = list(csv.DictReader(io.StringIO(held.read("entries.csv").decode(), newline="")))
        assert set(held.namelist()) == {"entries.csv", "seals.csv", "manifest.json", "verify.py"}
    assert {row["subject"] for row in rows} == {cells.safe_text(text) for text in TEXTS}
    assert tuple(rows[0]) == export.COLUMNS


def test_the_verifier_is_one_short_file_of_the_standard_library() -> None:
    text = Path(verifier.__file__).read_text()
    assert text.count("\n") <= 200
    names = {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert names <= set(sys.stdlib_module_names)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_both_readers_of_a_guarded_cell_read_the_same(text: str) -> None:
    cell = cells.safe_text(text)
    assert verifier.restored(cell) == cells.restored_text(cell) == text


@pytest.mark.parametrize("column", [column for column in export.COLUMNS if column not in {"id", "digest"}])
@pytest.mark.parametrize("tells", [False, True], ids=["alone", "manifest made to fit"])
def test_a_value_changed_in_the_file_is_named(whole: Path, column: str, tells: bool) -> None:
    place, key = export.COLUMNS.index(column), ids()[10]
    other = {"detail": "{}", "at": "2020-01-01T00:00:00+00:00"}.get(column, "4711")

    def change(rows: list[list[str]]) -> None:
        rows[11][place] = other

    code, said = checked(rewritten(whole, "entries.csv", lines(change), tells=tells))
    assert (code, said) == (1, f"DOES NOT STAND: entry {key}: its values do not give its digest\n")


CHANGES: dict[str, tuple[Callable[[list[list[str]]], None], str]] = {
    "first removed": (lambda rows: rows.pop(1) and None, "entry {0}: it was sealed (seal 1) and is missing"),
    "one removed": (lambda rows: rows.pop(11) and None, "entry {10}: it was sealed (seal 2) and is missing"),
    "last removed": (lambda rows: rows.pop() and None, "entry {23}: it was sealed (seal 3) and is missing"),
    "cut off": (lambda rows: rows.__delitem__(slice(20, None)), "entry {19}: it was sealed (seal 3) and is missing"),
    "one twice": (lambda rows: rows.insert(5, rows[5]), "entry {4}: it stands after entry {4}"),
    "swapped rows": (lambda rows: rows.insert(5, rows.pop(9)), "entry {4}: it stands after entry {8}"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_rows_removed_doubled_or_moved_are_named(whole: Path, change: str) -> None:
    deed, said = CHANGES[change]
    code, told = checked(rewritten(whole, "entries.csv", lines(deed), tells=True))
    assert (code, told) == (1, f"DOES NOT STAND: {said.format(*ids())}\n")


def test_rows_that_changed_ids_are_named(whole: Path) -> None:
    def change(rows: list[list[str]]) -> None:
        rows[5][1:], rows[9][1:] = rows[9][1:], rows[5][1:]

    code, said = checked(rewritten(whole, "entries.csv", lines(change), tells=True))
    assert (code, said) == (1, f"DOES NOT STAND: entry {ids()[4]}: another fact was sealed under this id\n")


@pytest.mark.parametrize("column", [column for column in bundle.SEAL_COLUMNS if column != "number"])
def test_a_changed_seal_is_named(whole: Path, column: str) -> None:
    place = bundle.SEAL_COLUMNS.index(column)
    other = {"digests": "AAAA" * 32, "spans": "1-8"}.get(column, "2020-01-01T00:00:00+00:00")

    def change(rows: list[list[str]]) -> None:
        rows[2][place] = other

    code, said = checked(rewritten(whole, "seals.csv", lines(change), tells=True))
    assert (code, said) == (1, "DOES NOT STAND: seal 2: it was changed, or a seal before it\n")


def test_a_missing_seal_is_named_and_a_cut_end_does_not_fit_the_manifest(whole: Path) -> None:
    code, said = checked(rewritten(whole, "seals.csv", lines(lambda rows: rows.pop(2) and None), tells=True))
    assert (code, said) == (1, "DOES NOT STAND: seal 2 is missing\n")
    code, said = checked(rewritten(whole, "seals.csv", lines(lambda rows: rows.pop() and None), tells=True))
    assert (code, said) == (1, "DOES NOT STAND: manifest.json: it tells of other entries or seals\n")


def test_a_file_cut_off_and_made_to_fit_is_found_by_a_head_that_was_mailed(whole: Path, tmp_path: Path) -> None:
    mailed = seals.head().head
    earlier = bundle.head_of(1)
    cut = rewritten(whole, "seals.csv", lines(lambda rows: rows.__delitem__(slice(2, None))), tells=True)
    cut = rewritten(cut, "entries.csv", lines(lambda rows: rows.__delitem__(slice(8, None))), tells=True)
    cut = rewritten(cut, "manifest.json", lambda text: text.replace(mailed, earlier))
    assert checked(cut)[0] == 0
    assert checked(cut, "--head", mailed) == (
        1, f"DOES NOT STAND: head {mailed}: the chain of this export does not pass through it\n"
    )  # fmt: skip
    assert checked(cut, "--head", earlier)[0] == 0


def test_what_is_no_file_of_ours_says_so(whole: Path) -> None:
    whole.with_name("changed.zip").write_bytes(whole.read_bytes()[:-60])
    command = [sys.executable, "-I", verifier.__file__, "changed.zip"]
    done = subprocess.run(command, cwd=whole.parent, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"DOES NOT STAND: cannot be read")


def test_a_period_holds_its_entries_and_verifies(shop: Shop, anna: Client, tmp_path: Path) -> None:
    for day in range(5):
        tell(4, start=day * 4, minutes=day * 1440)
        seals.seal(now=NOW + timedelta(days=day, minutes=1))
    tell(3, start=20, minutes=2 * 1440 + 300)
    file = saved(anna.post(DOWNLOAD, {"from": "2026-11-22", "to": "2026-11-23"}), tmp_path)
    code, said = checked(file)
    assert (code, said.split(",")[0]) == (0, "Everything stands: 11 entries (0 not sealed)")

    gone = rewritten(file, "entries.csv", lines(lambda rows: rows.pop(3) and None), tells=True)
    assert checked(gone)[1] == f"DOES NOT STAND: entry {ids()[6]}: it was sealed (seal 2) and is missing\n"


def test_the_filtered_list_is_exported_with_proof_too(shop: Shop, anna: Client, tmp_path: Path) -> None:
    sealed(7, 8)
    file = saved(anna.post(f"{EXPORT}?source=PAY3", {"form": "proof"}), tmp_path)
    code, said = checked(file, "--head", bundle.head_of(2))
    assert (code, said.split(",")[0]) == (0, "Everything stands: 1 entries (0 not sealed)")

    def change(rows: list[list[str]]) -> None:
        rows[1][0] = str(ids()[5])

    assert "another fact was sealed under this id" in checked(rewritten(file, "entries.csv", lines(change)))[1]


def test_what_was_written_meanwhile_is_not_in_the_file(shop: Shop, anna: Client, tmp_path: Path) -> None:
    sealed(4)
    response = anna.post(DOWNLOAD, {})
    tell(3, start=4)
    assert "5 entries" not in checked(saved(response, tmp_path))[1]
    assert AuditEntry.objects.filter(verb="audit.exported").latest("id").detail["rows"] == 4


def test_a_trail_without_entries_is_exported_too(shop: Shop, anna: Client, tmp_path: Path) -> None:
    code, said = checked(saved(anna.post(DOWNLOAD, {"from": "2020-01-01", "to": "2020-01-02"}), tmp_path))
    assert (code, said.split(",")[0]) == (0, "Everything stands: 0 entries (0 not sealed)")


@pytest.mark.parametrize("day", ["31-12-2026", "2026-02-30", "x", "9999-12-31"])
def test_a_day_that_is_none_is_refused(shop: Shop, anna: Client, day: str) -> None:
    assert anna.post(DOWNLOAD, {"to": day}).status_code == 400


def test_only_who_may_export_downloads(shop: Shop) -> None:
    assert in_role("Operator").post(DOWNLOAD, {}).status_code == 403
    auditor = in_role("Auditor")
    assert auditor.get(DOWNLOAD).status_code == 302  # back to the page with the button
    response = auditor.post(DOWNLOAD, {})
    assert (response.status_code, response["Content-Type"]) == (200, "application/zip")
    assert b"".join(response.streaming_content).startswith(b"PK")


def test_the_command_writes_the_same_file(db: None, tmp_path: Path) -> None:
    sealed(5)
    call_command("audit", "export", to=tmp_path / "trail.zip")
    assert checked(tmp_path / "trail.zip")[0] == 0


def test_memory_stays_flat_however_much_goes_out(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "WINDOW", 500)
    monkeypatch.setattr(seals, "MOST", 500)

    def peak(count: int) -> int:
        tell(count, start=AuditEntry.objects.count())
        contents = bundle.of_period(AuditEntry.objects.all(), since=None, until=None, asked="", now=NOW)
        tracemalloc.start()
        for _ in bundle.written(contents):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    few, many = peak(1_500), peak(4_500)
    assert many < few * 1.4
    assert AuditSeal.objects.count() == 12
