"""A bookkeeper edits mappings in a spreadsheet: sees what would change, writes it, takes it back, breaks nothing."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import Workbook, load_workbook

from audit.models import AuditEntry
from mappings.controls import MappingExample, MappingPolicy
from mappings.models import CustomerMapping, GLMapping, LedgerAccount
from mappings.sheets.models import SheetImport
from tests.journeys.pages import press, words
from tests.pages import in_role

RULES, CUSTOMERS = "glmapping", "customermapping"
NEW_RULE = {
    "division": "123456", "role": "tips", "tender": "CASH", "account": "2150", "vat_code": "NV",
    "effective_from": "2026-01-01", "status": "matched", "reason": "Cash tips apart",
}  # fmt: skip


def exported(browser: Any, subject: str = RULES, form: str = "csv") -> list[dict[str, str]]:
    answer = browser.post(reverse(f"admin:mappings_{subject}_export"), {"form": form})
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content)
    if form == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    header, *rows = load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)
    return [dict(zip(header, ["" if cell is None else cell for cell in row], strict=True)) for row in rows]


def as_csv(rows: list[dict[str, Any]], *, delimiter: str = ",", columns: list[str] | None = None) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns or list(rows[0]), delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def as_xlsx(rows: list[dict[str, Any]]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    book.save(file)
    return file.getvalue()


def upload(browser: Any, content: bytes, subject: str = RULES, name: str = "mappings.csv") -> SheetImport:
    file = SimpleUploadedFile(name, content)
    browser.post(reverse(f"admin:mappings_{subject}_import"), {"file": file}, follow=True)
    return SheetImport.objects.latest("pk")


def rule(**values: Any) -> GLMapping:
    return GLMapping.objects.get(**values)


@pytest.mark.accepts("CARD-09")
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_export_that_comes_back_unchanged_changes_nothing(till, browser, form):
    rows = exported(browser, form=form)
    content = as_csv(rows) if form == "csv" else as_xlsx(rows)

    sheet = upload(browser, content)

    assert len(rows) == GLMapping.objects.count()
    assert (sheet.state, sheet.unchanged, sheet.new, sheet.changed, sheet.wrong) == ("checked", len(rows), 0, 0, 0)
    assert "nothing to write" in sheet.sentence


@pytest.mark.accepts("CARD-09")
def test_changes_are_shown_field_by_field_written_when_confirmed_and_taken_back(till, browser):
    rows = exported(browser)
    tips = next(row for row in rows if row["role"] == "tips")
    tips |= {"account": "2160", "reason": "Moved"}
    sheet = upload(browser, as_csv([*rows, {**dict.fromkeys(tips, ""), **NEW_RULE}]))
    before = list(GLMapping.objects.order_by("pk").values())
    page = words(browser.get(f"/admin/mappings/sheetimport/{sheet.pk}/change/"))
    assert "account : 2150 2160" in page
    assert list(GLMapping.objects.order_by("pk").values()) == before

    press(browser, sheet, "apply")

    moved, added = rule(role="tips", tender=""), rule(role="tips", tender="CASH")
    assert (moved.account.code, moved.reason, moved.decided_by) == ("2160", "Moved", "anna")
    assert (added.account.code, added.status) == ("2150", "matched")
    told = AuditEntry.objects.get(verb="glmapping.changed", subject_id=moved.pk)
    assert told.detail["account"] == ["2150", "2160"]
    assert (told.actor, told.detail["import"]) == ("anna", sheet.pk)

    press(browser, sheet, "undo")

    sheet.refresh_from_db()
    moved.refresh_from_db()
    added.refresh_from_db()
    assert sheet.state == "undone"
    assert (moved.account.code, moved.reason) == ("2150", "Demonstration chart of accounts")
    assert added.status == "ignored"


def test_what_waited_for_a_mapping_goes_on_once_it_is_imported(till, browser, queue):
    GLMapping.objects.filter(role="tips").update(status="ignored")
    sale = till.sell(tenders=(till_card_with_tip(),))
    till.next_morning()
    assert till.item(sale).state == "waiting"
    with queue.listening():
        rows = [{**row, "status": "matched"} if row["role"] == "tips" else row for row in exported(browser)]
        press(browser, upload(browser, as_csv(rows)), "apply")
    queue.work()
    till.next_morning()
    assert till.item(sale).state == "done"


def till_card_with_tip() -> Any:
    from connections.sandbox.square import TenderSpec

    return TenderSpec("card", 2500, tip=200)


@pytest.mark.accepts("CARD-09")
def test_one_wrong_line_and_nothing_is_written(till, browser):
    rows = exported(browser)
    good = {**dict.fromkeys(rows[0], ""), **NEW_RULE}
    wrongs = {
        "account": ({"account": "9999"}, "has no GL account 9999"),
        "division": ({"division": "654321"}, "no pinned division 654321"),
        "role": ({"role": "turnover"}, "is not one of"),
        "tax_rate": ({"tax_rate": "many"}, "is not a number"),
        "effective_from": ({"effective_from": "soon"}, "is not a day"),
        "status": ({"status": "perhaps"}, "is not one of"),
        "location": ({"location": "Atlantis"}, "no Square location Atlantis"),
        "vat_code": ({"vat_code": "XX"}, "has no VAT code XX"),
    }
    lines = [good, *({**good, "fee_type": name, **change} for name, (change, _) in wrongs.items())]
    lines += [{**good, "fee_type": "type", "account": "1300"}, {**good, "fee_type": "none", "account": ""}, good]

    sheet = upload(browser, as_csv(lines))

    found = {row.line: dict(row.problems) for row in sheet.rows.filter(verdict="wrong")}
    assert sheet.state == "wrong"
    assert sorted(found) == list(range(3, 14))
    for line, (column, (_, sentence)) in enumerate(wrongs.items(), start=3):
        assert sentence in found[line][column]
    assert "type 20; for tips" in found[11]["account"]
    assert "names its account" in found[12]["account"]
    assert "Line 2 is about the same mapping" in found[13]["effective_from"]
    assert not GLMapping.objects.filter(tender="CASH").exists()
    assert "has no GL account 9999" in words(browser.get(f"/admin/mappings/sheetimport/{sheet.pk}/change/"))
    refused = press(browser, sheet, "apply")
    assert "nothing to write" in words(refused)


def test_accounts_of_another_division_are_refused(till, browser):
    other = till.world.shop.division
    other.pk, other.code, other.name = None, 222222, "Other"
    other.save()
    LedgerAccount.objects.create(division=other, remote_id="x", code="2150", name="Theirs", type=60)
    rows = exported(browser)
    theirs = {**dict.fromkeys(rows[0], ""), **NEW_RULE, "division": "222222", "vat_code": "NV"}

    sheet = upload(browser, as_csv([theirs]))

    assert "has no VAT code NV" in dict(sheet.rows.get().problems)["vat_code"]


def test_a_mapping_that_somebody_changed_after_the_preview_stops_the_whole_import(till, browser):
    rows = exported(browser)
    for row in rows:
        row["reason"] = "Reviewed"
    sheet = upload(browser, as_csv(rows))
    last = GLMapping.objects.order_by("pk").last()
    GLMapping.objects.filter(pk=last.pk).update(reason="Mine")

    press(browser, sheet, "apply")

    sheet.refresh_from_db()
    assert sheet.state == "refused"
    assert "changed or added by somebody after the preview" in sheet.sentence
    assert not GLMapping.objects.filter(reason="Reviewed").exists()


def test_a_mapping_changed_since_the_import_is_not_overwritten_by_undoing(till, browser):
    rows = [{**row, "reason": "Reviewed"} for row in exported(browser)]
    sheet = upload(browser, as_csv(rows))
    press(browser, sheet, "apply")
    GLMapping.objects.filter(pk=GLMapping.objects.order_by("pk").first().pk).update(reason="Later")

    press(browser, sheet, "undo")

    sheet.refresh_from_db()
    assert "was changed since the import" in sheet.sentence
    assert GLMapping.objects.filter(reason="Later").count() == 1


FORMULAS = ["=1+1", "==1+1", "+31 20 123", "-12,50", "@SUM(A1)", "'=quoted", "' plain", "＝1", "Café ’t Hoekje"]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_texts_that_a_spreadsheet_would_run_go_out_harmless_and_come_back_as_they_were(till, browser, form):
    held = CustomerMapping.objects.order_by("pk")[0]
    for number, name in enumerate(FORMULAS):
        held.pk, held.square_customer_id, held.square_name = None, f"CUST{number}", name
        held.save()

    rows = exported(browser, CUSTOMERS, form)

    for row in rows:
        assert str(row["square_name"]).lstrip(' "')[:1] not in "=+-@＝"
    sheet = upload(browser, as_csv(rows) if form == "csv" else as_xlsx(rows), CUSTOMERS)
    assert (sheet.state, sheet.unchanged) == ("checked", len(rows)), list(sheet.rows.values())


BOMB = io.BytesIO()
with zipfile.ZipFile(BOMB, "w", zipfile.ZIP_DEFLATED) as parts:
    parts.writestr("xl/worksheets/sheet1.xml", b" " * 30_000_000)

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "only a header": (b"division,role\n", "no line below"),
    "another table": (b"name,age\nAnna,40\n", "no column"),
    "a column is missing": (b"division,role\n123456,tips\n", "is missing"),
    "a column twice": (b"role,role\ntips,tips\n", "same name"),
    "windows letters": ("division,role,reason\n123456,tips,Café\n".encode("cp1252"), "not UTF-8"),
    "an open quote": (b'division,role\n123456,"tips\n', "quote"),
    "a separator too many": (b"division,role\n123456,tips,2150\n", "more cells"),
    "a character that is none": (b"division,role\n123456,ti\0ps\n", "NUL"),
    "a zip that is no table": (b"PK\x03\x04 not really", "none"),
    "a zip bomb": (BOMB.getvalue(), "unpacks to"),
    "a thousand columns": (",".join(map(str, range(1000))).encode() + b"\n", "columns"),
    "a page": (b"<html><body>hello</body></html>", "no line below"),
}


def test_a_file_that_is_no_table_of_mappings_is_answered_with_a_sentence(till, browser):
    for name, (content, sentence) in UNREADABLE.items():
        sheet = upload(browser, content, name="../../etc/passwd.csv")
        assert sheet.state == "wrong", name
        assert sentence in sheet.sentence, name
        assert "/" not in sheet.file_name


def test_an_empty_file_is_refused_at_the_door(till, browser):
    page = browser.post(reverse("admin:mappings_glmapping_import"), {"file": SimpleUploadedFile("x.csv", b"")})
    assert "empty" in words(page)
    assert not SheetImport.objects.exists()


def test_a_formula_in_a_cell_is_named_with_its_line_and_column(till, browser):
    rows = [{**NEW_RULE, "reason": "=1+1"}]
    sheet = upload(browser, as_xlsx(rows), name="rules.xlsx")
    assert "Line 2, column H: the cell holds a formula" in sheet.sentence


def test_semicolons_a_byte_order_mark_and_utf_16_are_read(till, browser):
    row = {**dict.fromkeys(exported(browser)[0], ""), **NEW_RULE, "reason": "Café"}
    for content in (
        as_csv([row], delimiter=";"),
        b"\xef\xbb\xbf" + as_csv([row]),
        as_csv([row]).decode().encode("utf-16"),
    ):
        sheet = upload(browser, content)
        assert (sheet.state, sheet.new) == ("checked", 1), sheet.sentence


def test_only_whoever_may_import_sees_the_button_and_gets_through(till, plain_http):
    client = in_role("Auditor")
    list_page = words(client.get("/admin/mappings/glmapping/"))
    assert "Export this list" in list_page
    assert "Import" not in list_page.split("Export this list")[1][:40]
    assert client.get(reverse("admin:mappings_glmapping_import")).status_code == 403
    assert client.get(reverse("admin:mappings_glmapping_export")).status_code == 405


def test_a_large_file_is_worked_on_by_a_worker_and_goes_on_when_one_dies(till, browser, queue, monkeypatch):
    monkeypatch.setattr("mappings.sheets.work.SLICE_SECONDS", 0.0)
    held = CustomerMapping.objects.order_by("pk")[0]
    row = exported(browser, CUSTOMERS)[0]
    rows = [{**row, "square_customer_id": f"CUST{number:06}", "square_name": "Name " * 20} for number in range(1500)]
    with queue.listening():
        sheet = upload(browser, as_csv(rows), CUSTOMERS)
    assert sheet.state == "uploaded"
    queue.work()
    sheet.refresh_from_db()
    assert (sheet.state, sheet.new) == ("checked", 1500)
    with queue.listening():
        press(browser, sheet, "apply")
    assert CustomerMapping.objects.filter(square_customer_id__startswith="CUST").count() == 0
    for _ in range(20):
        with queue.listening():
            queue.work()
    sheet.refresh_from_db()
    assert (sheet.state, sheet.done) == ("applied", 1500)
    assert CustomerMapping.objects.filter(square_customer_id__startswith="CUST", debtor=held.debtor).count() == 1500


def test_where_four_eyes_are_wanted_somebody_else_confirms_the_file(till, browser, client, plain_http):
    MappingPolicy.objects.create(division=till.world.shop.division, four_eyes=True)
    rows = [{**row, "reason": "Reviewed"} for row in exported(browser)]
    sheet = upload(browser, as_csv(rows))

    assert "somebody else confirms" in words(press(browser, sheet, "apply"))
    assert not GLMapping.objects.filter(reason="Reviewed").exists()

    press(in_role("Approver"), sheet, "apply")
    assert GLMapping.objects.filter(reason="Reviewed").count() == len(rows)


def test_a_file_that_breaks_an_example_of_finance_is_refused_with_the_example(till, browser):
    held = GLMapping.objects.get(role="revenue", tax_rate=21)
    MappingExample.objects.create(
        division=held.division, role="revenue", tax_rate=21, amount=Decimal("12.10"), on=date(2026, 3, 2),
        account=held.account, vat_code=held.vat_code, net=Decimal("10.00"), vat=Decimal("2.10"),
    )  # fmt: skip
    rows = [
        {**row, "account": "8001", "vat_code": "2"} if (row["role"], row["tax_rate"]) == ("revenue", "21") else row
        for row in exported(browser)
    ]

    sheet = upload(browser, as_csv(rows))

    assert sheet.state == "wrong"
    assert "This would break an example" in sheet.sentence
