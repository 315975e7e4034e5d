from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.http import StreamingHttpResponse
from django.test import Client

from audit import export, trail
from audit.cells import safe_text
from audit.models import AuditEntry
from audit.trail import Fact
from tests.pages import NOW, in_role
from tests.till import Shop

URL = "/admin/audit/auditentry/export/"


def tell(*facts: Fact, **when: Any) -> None:
    with transaction.atomic():
        trail.record(facts, at=when.get("at", NOW))


def rows_of(response: Any, delimiter: str = ",") -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode().removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("==1+1", "'==1+1"),
        ("+31 6 1234", "'+31 6 1234"),
        ("-12,50", "'-12,50"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("\0=1", "'\0=1"),
        ("＝1+1", "'＝1+1"),
        ("  =1+1", "'  =1+1"),
        ('"=1+1', "'\"=1+1"),
        ("Bakery = good", "Bakery = good"),
        ("", ""),
        ("   ", "   "),
    ],
)
def test_a_text_that_a_spreadsheet_might_run_gets_an_apostrophe(text: str, safe: str) -> None:
    assert safe_text(text) == safe


@pytest.mark.accepts("CARD-12")
def test_the_filtered_trail_is_exported_in_stable_columns_and_without_formulas(shop: Shop, anna: Client) -> None:
    tell(Fact("item.dismissed", "item", 7, '=HYPERLINK("http://x")', "PAY1", 123456, {"reason": "-1+1"}))
    tell(Fact("run.done", "run", 3, "run 3"))

    response = anna.post(f"{URL}?verb=item.dismissed", {"form": "machine"})
    (row,) = rows_of(response)

    assert isinstance(response, StreamingHttpResponse)
    assert tuple(row) == export.COLUMNS
    assert row["subject"] == '\'=HYPERLINK("http://x")'
    assert row["at"] == "2026-11-21T12:00:00+00:00"
    assert (row["division"], row["subject_id"]) == ("123456", "7")
    assert response["Content-Disposition"].startswith('attachment; filename="audit-trail-')


def test_the_form_for_excel_has_semicolons_local_time_and_a_byte_order_mark(shop: Shop, anna: Client) -> None:
    tell(Fact("run.done", "run", 3, "run 3"))
    response = anna.post(f"{URL}?verb=run.done", {"form": "excel"})
    text = b"".join(response.streaming_content)
    assert text.startswith(b"\xef\xbb\xbf")
    assert b'"21-11-2026 13:00:00"' in text
    assert b'";"' in text
    assert text.endswith(b"\r\n")


def test_the_trail_keeps_who_exported_what_and_how_much(shop: Shop, anna: Client) -> None:
    tell(Fact("run.done", "run", 3, "run 3"), Fact("run.done", "run", 4, "run 4"))
    list(anna.post(f"{URL}?verb=run.done", {"form": "machine"}).streaming_content)
    begun = AuditEntry.objects.get(verb="audit.export_started")
    done = AuditEntry.objects.get(verb="audit.exported")
    assert (begun.actor, done.actor) == ("anna", "anna")
    assert begun.detail["filter"] == "verb=run.done"
    assert done.detail["rows"] == 2
    assert len(done.detail["sha256"]) == 64


def test_an_export_that_is_broken_off_has_still_been_told(shop: Shop, anna: Client) -> None:
    tell(*[Fact("run.done", "run", number, "run") for number in range(1200)])
    stream = anna.post(URL, {"form": "machine"}).streaming_content
    next(iter(stream))
    assert AuditEntry.objects.filter(verb="audit.export_started").count() == 1
    assert not AuditEntry.objects.filter(verb="audit.exported").exists()


def test_only_those_with_the_permission_export(shop: Shop) -> None:
    assert in_role("Bookkeeper").post(URL, {"form": "machine"}).status_code == 403
    assert in_role("Auditor").post(URL, {"form": "machine"}).status_code == 200
    assert b">Export</button>" not in in_role("Operator").get("/admin/audit/auditentry/").content


def test_an_export_is_asked_for_by_post_in_a_known_form(shop: Shop, anna: Client) -> None:
    assert anna.get(URL).status_code == 405
    assert anna.post(URL, {"form": "word"}).status_code == 400


def test_memory_stays_flat_however_long_the_trail_is(shop: Shop) -> None:
    def peak(rows: int) -> int:
        tell(*[Fact("item.extracted", "item", n, "PAY" * 20, "PAY" * 20, detail={"n": n}) for n in range(rows)])
        tracemalloc.start()
        for _ in export._chunks(AuditEntry.objects.all(), "machine"):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    few, many = peak(2_500), peak(7_500)
    assert many < few * 1.5


def test_facts_written_during_the_export_are_not_in_it(shop: Shop, anna: Client) -> None:
    tell(Fact("run.done", "run", 3, "run 3"))
    response = anna.post(URL, {"form": "machine"})
    tell(Fact("run.done", "run", 4, "run 4"), at=NOW + timedelta(seconds=1))
    assert [row["subject"] for row in rows_of(response) if row["verb"] == "run.done"] == ["run 3"]
