"""The list of acceptance rows and what a run says about them."""

from __future__ import annotations

import subprocess
import sys

from tests import acceptance

CLAIM = 'import pytest\n\n\n@pytest.mark.accepts("{row}")\ndef test_something() -> None:\n    assert {outcome}\n'


def run(folder, *, row, outcome="True"):
    """A run of one test that claims a row: exit status, what it printed, the rows it proved."""
    (folder / "test_claim.py").write_text(CLAIM.format(row=row, outcome=outcome))
    proof = folder / "proven.txt"
    settings = acceptance.ROWS.parent.parent / "pyproject.toml"
    given = ["-c", str(settings), "-q", "-p", "no:cacheprovider", f"--accepted={proof}", str(folder / "test_claim.py")]
    ended = subprocess.run([sys.executable, "-m", "pytest", *given], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr, proof.read_text() if proof.exists() else ""


def test_every_row_has_an_id_of_its_own_a_source_and_words() -> None:
    lines = acceptance.ROWS.read_text().splitlines()
    rows = acceptance.rows()

    assert len(rows) == len(lines) - 1
    assert all(row.id and row.source and row.requirement for row in rows.values())


def test_a_row_is_proven_by_a_test_that_passed(tmp_path) -> None:
    assert run(tmp_path, row="S000-12")[2] == "S000-12"


def test_a_row_is_not_proven_by_a_test_that_failed(tmp_path) -> None:
    assert run(tmp_path, row="S000-12", outcome="False")[2] == ""


def test_a_claim_to_a_row_that_does_not_exist_stops_the_run(tmp_path) -> None:
    status, said, _ = run(tmp_path, row="S999-99")

    assert status != 0
    assert "S999-99, which is no row of acceptance.csv" in said


def test_the_list_shows_proven_and_unproven_rows_per_source() -> None:
    rows = {key: row for key, row in acceptance.rows().items() if row.source == "Design card"}

    shown = list(acceptance.told(rows, {"CARD-05"}))

    assert shown[0] == "\nDesign card: 1 of 12 proven"
    assert sum(line.startswith("  proven ") for line in shown) == 1
    assert shown[-1] == "\n1 of 12 rows proven."
