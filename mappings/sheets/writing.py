"""Mappings out into a spreadsheet that can come back in: CSV streamed row by row, or XLSX.

Texts that a spreadsheet would run are made harmless (`audit.cells`); rates and days stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from openpyxl import Workbook

from audit.cells import BYTE_ORDER_MARK, csv_writer
from mappings.sheets.columns import Subject

FORMS = ("csv", "xlsx")
READ, BLOCK = 2_000, 500
IN_MEMORY = 1024 * 1024


def download(subject: Subject, rows: QuerySet[Any], *, form: str, name: str) -> HttpResponseBase:
    """The mappings as a file. Raises `ValueError` for an unknown form."""
    if form not in FORMS:
        raise ValueError(f"There is no form {form!r}; choose one of {', '.join(FORMS)}.")
    cells = _cells(subject, rows)
    if form == "xlsx":
        return FileResponse(_book(subject, cells), as_attachment=True, filename=f"{name}.xlsx")
    answer = StreamingHttpResponse(_blocks(subject, cells), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _cells(subject: Subject, rows: QuerySet[Any]) -> Iterator[list[str]]:
    beside = rows.select_related("division", *subject.relations)
    return (list(subject.cells(row).values()) for row in beside.iterator(chunk_size=READ))


def _header(subject: Subject) -> list[str]:
    return [str(field.column_name) for field in subject.fields.values()]


def _blocks(subject: Subject, cells: Iterator[list[str]]) -> Iterator[bytes]:
    write = csv_writer()
    yield BYTE_ORDER_MARK + write([_header(subject)])
    while block := list(islice(cells, BLOCK)):
        yield write(block)


def _book(subject: Subject, cells: Iterator[list[str]]) -> Any:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(str(subject.model._meta.verbose_name_plural)[:31])
    sheet.append(_header(subject))
    for row in cells:
        sheet.append(row)
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the response closes it
    book.save(file)
    file.seek(0)
    return file
