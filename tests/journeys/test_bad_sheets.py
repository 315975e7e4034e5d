"""Spreadsheets with something wrong in them: a sentence with line and column, nothing lost, nothing half done."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook

from mappings import reference
from mappings.models import CustomerMapping, DebtorAccount, Decision, ExactItem, GLMapping, ItemMapping, LedgerAccount
from mappings.sheets.models import SheetImport
from tests.journeys.pages import page_of, press, words
from tests.journeys.test_sheets import CUSTOMERS, NEW_RULE, RULES, as_csv, as_xlsx, exported, upload

ITEMS = "itemmapping"


def of_sheet(sheet: SheetImport) -> dict[int, dict[str, str]]:
    """What is wrong, by line and column."""
    return {row.line: dict(row.problems) for row in sheet.rows.filter(verdict="wrong")}


def article(till: Any, **values: str) -> dict[str, str]:
    known = {"division": "123456", "square_connection": till.world.shop.lane.source.label, "square_item": "CAT1"}
    decided = {"status": "matched", "effective_from": "2026-01-01", "reason": ""}
    return {**known, "square_name": "Mug", "exact_item": "", **decided, **values}


def table(rows: str) -> bytes:
    """An XLSX whose rows are written by hand, as other programs write them: openpyxl says how large it is, wrongly."""
    book, file, made = Workbook(), io.BytesIO(), io.BytesIO()
    book.active.append(["role"])
    book.save(file)
    with zipfile.ZipFile(file) as parts, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for name in parts.namelist():
            content = parts.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b"</sheetData>", f"{rows}</sheetData>".encode())
            out.writestr(name, content)
    return made.getvalue()


def test_a_table_that_says_it_is_smaller_than_it_is_is_read_whole(till, browser):
    """Some programs write the size of the sheet before its rows, and leave it at one cell."""
    cells = '<c r="A{0}" t="inlineStr"><is><t>tips</t></is></c>'
    sheet = upload(browser, table("".join(f'<row r="{n}">{cells.format(n)}</row>' for n in (2, 3))), name="rules.xlsx")
    assert "The column “category” is missing" in sheet.sentence, sheet.sentence


def test_ten_million_cells_are_refused_before_they_are_read(till, browser, queue):
    content = table("".join(f'<row r="{n}">{"<c/>" * 100}</row>' for n in range(2, 100_002)))
    with queue.listening():
        sheet = upload(browser, content, name="rules.xlsx")
    queue.work()
    sheet.refresh_from_db()
    assert sheet.state == "wrong"
    assert "It was not opened" in sheet.sentence


def test_a_damaged_table_is_refused_at_the_line_where_it_breaks_off(till, browser):
    sheet = upload(browser, table('<row r="2"><c r="A2"><v>1</v></c></row><row r="3"><c'), name="rules.xlsx")
    assert sheet.state == "wrong"
    assert "file cannot be read as XLSX" in sheet.sentence
    cut = upload(browser, as_xlsx([NEW_RULE])[:-300], name="rules.xlsx")
    assert (cut.state, "Upload CSV or XLSX." in cut.sentence) == ("wrong", True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a," * 2_000_000, "Line 1 is longer than 600,000 characters"),
        (b"division,role\n" + b"," * 2_000_000, "Line 2 is longer than 600,000 characters"),
        (b"division,role\n" + b",\n" * 200_000, "more than 100,000 rows"),
    ],
    ids=["one header of many", "one line of many", "many lines"],
)
def test_a_csv_of_millions_of_cells_is_refused_with_a_sentence(till, browser, queue, content, sentence):
    with queue.listening():
        sheet = upload(browser, content)
    queue.work()
    sheet.refresh_from_db()
    assert sheet.state == "wrong"
    assert sentence in sheet.sentence


def test_a_small_file_that_unpacks_to_much_is_read_by_a_worker(till, browser, queue):
    """Whoever uploads waits for what is read at once: that is measured unpacked."""
    row = '<row r="{0}">' + '<c r="A{0}"><v>1</v></c>' * 20 + "</row>"
    content = table("".join(row.format(number) for number in range(2, 8_000)))
    assert len(content) < 200_000
    with queue.listening():
        sheet = upload(browser, content, name="rules.xlsx")
    assert sheet.state == "uploaded"
    queue.work()
    sheet.refresh_from_db()
    assert sheet.state == "wrong"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("division,role,reason\n123456,tips,ok\n123456,tips,Café\n".encode("cp1252"), "Line 3, column reason"),
        ("division;role;reason\n123456;“tips”;x\n".encode("cp1252"), "Line 2, column role"),
        ("division,Naïve\n1,2\n".encode("latin-1"), "Line 1, column 2"),
        ("division,role\n123456,tips\n".encode("utf-16") + b"\x00\xd8", "Line"),
    ],
)
def test_a_wrong_encoding_is_told_with_line_and_column(till, browser, content, sentence):
    sheet = upload(browser, content)
    assert sheet.state == "wrong"
    assert sentence in sheet.sentence
    assert "is not UTF-8" in sheet.sentence or "is not UTF-16" in sheet.sentence


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#DIV/0!"])
def test_a_cell_that_holds_an_error_is_told_with_line_and_column(till, browser, error):
    row = {**dict.fromkeys(exported(browser)[0], ""), **NEW_RULE}
    sheet = upload(browser, as_xlsx([row, {**row, "tender": error}]), name="rules.xlsx")
    assert f"Line 3, column D: the cell holds the error {error}" in sheet.sentence


def test_a_formula_in_a_csv_is_a_text_like_any_other_and_finds_nothing(till, browser):
    row = {**dict.fromkeys(exported(browser)[0], ""), **NEW_RULE, "account": "=HYPERLINK(1)"}
    sheet = upload(browser, as_csv([row]))
    assert "has no GL account =HYPERLINK(1)" in of_sheet(sheet)[2]["account"]


def test_the_same_mapping_twice_names_both_lines(till, browser):
    row = {**dict.fromkeys(exported(browser)[0], ""), **NEW_RULE}
    sheet = upload(browser, as_csv([row, {**row, "account": "2160"}]))
    assert "Line 2 is about the same mapping" in of_sheet(sheet)[3]["effective_from"]
    assert not GLMapping.objects.filter(tender="CASH").exists()


@pytest.fixture
def other(till) -> Any:
    """A second pinned division with accounts of its own."""
    division = till.world.shop.division
    row = type(division).objects.get(pk=division.pk)
    row.pk, row.code, row.name = None, 222222, "Other"
    row.save()
    LedgerAccount.objects.create(division=row, remote_id="x", code="7777", name="Theirs", type=60)
    DebtorAccount.objects.create(division=row, remote_id="y", code="999", name="Their customer", status="C")
    ExactItem.objects.create(division=row, remote_id="z", code="THEIRS", name="Their item")
    return row


def test_accounts_customers_and_items_of_another_division_are_told_whose_they_are(till, browser, other):
    rule = {**dict.fromkeys(exported(browser)[0], ""), **NEW_RULE, "account": "7777"}
    customer = {**exported(browser, CUSTOMERS)[0], "square_customer_id": "NEW", "exact_account": "999"}
    item = article(till, exact_item="THEIRS")
    for subject, row, column, what in (
        (RULES, rule, "account", "GL account 7777"), (CUSTOMERS, customer, "exact_account", "account 999"),
        (ITEMS, item, "exact_item", "item THEIRS"),
    ):  # fmt: skip
        sheet = upload(browser, as_csv([row]), subject)
        told = of_sheet(sheet)[2][column]
        assert told == f"The division has no {what}: it is one of division 222222. Write the division's own."
        assert told in words(browser.get(page_of(sheet)))


def test_items_are_imported_like_the_other_mappings(till, browser, division):
    mug = ExactItem.objects.create(division=division, remote_id="m", code="MUG", name="Mug")
    row = article(till, exact_item="MUG")
    wrong = of_sheet(upload(browser, as_csv([{**row, "exact_item": ""}]), ITEMS))
    assert "names its item" in wrong[2]["exact_item"]

    sheet = upload(browser, as_csv([row]), ITEMS)
    assert (sheet.state, sheet.new) == ("checked", 1), sheet.sentence
    press(browser, sheet, "apply")
    assert ItemMapping.objects.get().item == mug
    again = upload(browser, as_csv(exported(browser, ITEMS)), ITEMS)
    assert (again.state, again.unchanged) == ("checked", 1)


def test_an_account_deleted_in_exact_while_mapped_stops_only_lines_that_change_it(till, browser, division):
    books = till.world.books
    mapped = CustomerMapping.objects.filter(status=Decision.MATCHED).select_related("debtor").first()
    books.forget("accounts", mapped.debtor.remote_id)
    reference.refresh(division)
    assert "is no customer in Exact any more" in words(browser.get("/admin/mappings/customermapping/?trouble=yes"))

    rows = exported(browser, CUSTOMERS)
    mine = next(row for row in rows if row["square_customer_id"] == mapped.square_customer_id)
    others = [row for row in rows if row is not mine]
    kept = upload(browser, as_csv([mine, *({**row, "reason": "Reviewed"} for row in others)]), CUSTOMERS)
    assert (kept.state, kept.unchanged, kept.changed) == ("checked", 1, len(others)), of_sheet(kept)
    assert others

    touched = upload(browser, as_csv([{**mine, "reason": "Reviewed"}]), CUSTOMERS)
    assert f"{mapped.debtor} is blocked or gone in Exact." in of_sheet(touched)[2]["exact_account"]
    again = upload(browser, as_csv([{**mine, "square_customer_id": "NEW"}]), CUSTOMERS)
    assert "is blocked or gone in Exact." in of_sheet(again)[2]["exact_account"]


def test_a_code_that_was_made_anew_in_exact_is_the_one_a_line_names(till, browser, division):
    books = till.world.books
    books.forget("glaccounts", books.gl("2160")["ID"])
    books.add_gl_account("2160", "Gift cards again", 60)
    reference.refresh(division)
    GLMapping.objects.filter(account__code="2160").delete()
    row = {**dict.fromkeys(exported(browser)[0], ""), **NEW_RULE, "account": "2160"}

    sheet = upload(browser, as_csv([row]))
    assert sheet.state == "checked", of_sheet(sheet)
    press(browser, sheet, "apply")
    assert GLMapping.objects.get(tender="CASH").account.name == "Gift cards again"
