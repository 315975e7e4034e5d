"""Documents and their files in the sandbox's Exact: what the reference says, and nothing more."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.connections.sandbox.exact_world import World, said

NOBODY = "00000000-0000-4000-8000-000000000000"
LIST = base64.b64encode(b"Receipt,Total\r\n1,25.00\r\n").decode()


def document(world: World, **more: Any) -> Any:
    return world.post("documents/Documents", {"Subject": "TB-1 list of sales", "Type": 55, **more})


def file_of(world: World, key: str, **more: Any) -> Any:
    body = {"Document": key, "FileName": "TB-1.csv", "Attachment": LIST, **more}
    return world.post("documents/DocumentAttachments", body)


def test_a_document_beside_an_entry_is_found_by_its_subject_and_shows_on_the_entry() -> None:
    world = World()
    entry = world.book_sale()
    made = document(world, FinancialTransactionEntryID=entry["EntryID"], DocumentDate="2026-03-09")
    assert made.status_code == 201
    found = world.rows("documents/Documents", filter="Subject eq 'TB-1 list of sales'", select="ID,Subject")
    assert [row["ID"] for row in found] == [made.json()["d"]["ID"]]
    shown = world.get(f"salesentry/SalesEntries(guid'{entry['EntryID']}')", select="Document,DocumentSubject")
    assert shown.json()["d"]["Document"] == found[0]["ID"]
    assert shown.json()["d"]["DocumentSubject"] == "TB-1 list of sales"


def test_a_file_keeps_its_content_and_never_answers_it() -> None:
    world = World()
    key = document(world).json()["d"]["ID"]
    made = file_of(world, key).json()["d"]
    assert (made["FileName"], made["FileSize"], made["Attachment"]) == ("TB-1.csv", 24, None)
    held = world.rows("documents/DocumentAttachments", filter=f"Document eq guid'{key}'", select="ID,FileName")
    assert [row["ID"] for row in held] == [made["ID"]]
    assert world.division.tables["documentattachments"].rows[made["ID"]]["_content"].startswith(b"Receipt")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"Subject": "x"}, "Mandatory: Type"),
        ({"Type": 55}, "Mandatory: Subject"),
        ({"Subject": "x", "Type": 7}, "Invalid: Type [7]"),
        ({"Subject": "x", "Type": 55, "FinancialTransactionEntryID": NOBODY}, "Invalid reference: Entry"),
        ({"Subject": "x", "Type": 55, "Account": NOBODY}, "Invalid reference: Account"),
    ],
)
def test_a_document_that_exact_would_refuse(body: dict[str, Any], sentence: str) -> None:
    answer = World().post("documents/Documents", body)
    assert (answer.status_code, said(answer)) == (500, sentence)


def test_a_file_needs_a_document_and_base64() -> None:
    world = World()
    assert said(file_of(world, NOBODY)) == "Invalid reference: Document"
    key = document(world).json()["d"]["ID"]
    assert file_of(world, key, Attachment="not base64!").status_code == 400
    assert said(file_of(world, key, FileName="")) == "Mandatory: File name"
    assert world.post("documents/DocumentAttachments", {"Document": key, "Nonsense": 1}).status_code == 400


def test_removing_a_document_removes_its_files_and_frees_the_entry() -> None:
    world = World()
    entry = world.book_sale()
    key = document(world, FinancialTransactionEntryID=entry["EntryID"]).json()["d"]["ID"]
    file_of(world, key)
    assert world.delete(f"documents/Documents(guid'{key}')").status_code == 204
    assert world.rows("documents/DocumentAttachments", select="ID") == []
    shown = world.get(f"salesentry/SalesEntries(guid'{entry['EntryID']}')", select="Document")
    assert shown.json()["d"]["Document"] is None


def test_an_app_without_the_scope_is_told_which() -> None:
    answer = document(World(scopes="financial.accounting"))
    assert answer.status_code == 403
    assert "organization.documents" in said(answer)
