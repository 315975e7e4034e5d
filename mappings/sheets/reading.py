"""A spreadsheet as it was uploaded -> its lines, without trusting it: bounded in bytes, columns, rows and cells.

CSV in UTF-8 (with or without byte-order mark) or UTF-16, separated by comma, semicolon or tab; XLSX of one sheet.
Raises `UnreadableSheet` with a sentence that names the line, and never reads further than the limits.
Reference for the limits on XLSX: a file of 645 KB that unpacks to 191 MB kept a reader busy for 49 s.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

LARGEST_FILE = 20 * 1024 * 1024
MOST_ROWS = 100_000
MOST_COLUMNS = 60
LONGEST_CELL = 10_000
LONGEST_LINE = MOST_COLUMNS * LONGEST_CELL
MOST_PARTS, LARGEST_UNPACKED, HIGHEST_RATIO = 100, 200 * 1024 * 1024, 100
# What a person can wait for while it is read: a second's worth. XLSX is measured unpacked.
SMALL_CSV, SMALL_UNPACKED = 200_000, 2_000_000
# More than any table of mappings has: 100,000 lines of 17 columns. A reader takes a second for 50,000 of them.
MOST_CELLS, PIECE = 2_000_000, 1024 * 1024
CELL = re.compile(rb"<(?:\w+:)?c[ />]")
ZIP = b"PK\x03\x04"
SEPARATORS = ",;\t"

Lines = Iterator[tuple[int, Mapping[str, str]]]


class UnreadableSheet(Exception):
    """The file cannot be read as a table; the message is a sentence for whoever uploaded it."""


def is_small(content: bytes) -> bool:
    """Whether the file is read, or refused, in a moment."""
    if not content.startswith(ZIP):
        return len(content) <= SMALL_CSV
    try:
        return _unpacked(content) <= SMALL_UNPACKED
    except UnreadableSheet:
        return True


def lines(content: bytes) -> Lines:
    """Each line that holds anything: its number as a spreadsheet shows it, and its cells by column name.

    Names of columns are compared without capitals and surrounding blanks. Numbers of an XLSX come as they are written
    (21, not 21.0), dates as 2026-03-31.
    """
    if len(content) > LARGEST_FILE:
        raise UnreadableSheet(f"The file is larger than {LARGEST_FILE // 1024 // 1024} MB. Split it.")
    table = _from_xlsx(content) if content.startswith(ZIP) else _from_csv(content)
    number, header = next(table, (0, ()))
    names = _names(header)
    for count, (number, cells) in enumerate(table, start=1):
        if count > MOST_ROWS:
            raise UnreadableSheet(
                f"The file has more than {MOST_ROWS:,} rows. Split it; nothing was read into the books."
            )
        if any(cells):
            yield number, _row(number, names, cells)


def _names(header: Sequence[str]) -> list[str]:
    names = [name.strip().casefold().replace(" ", "_") for name in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UnreadableSheet("The file is empty: its first line must name the columns.")
    if len(names) > MOST_COLUMNS:
        raise UnreadableSheet(f"The file has {len(names):,} columns; {MOST_COLUMNS} are the most.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableSheet(f"Two columns have the same name: {twice[0] or '(empty)'}. Rename or remove one.")
    return names


def _row(number: int, names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if any(cells[len(names) :]):
        raise UnreadableSheet(
            f"Line {number} has more cells than the first line names columns. Is a separator inside a text that is not "
            "in quotes?"
        )
    for name, cell in zip(names, cells, strict=False):
        if len(cell) > LONGEST_CELL:
            raise UnreadableSheet(f"Line {number}, column {name}: the cell is longer than {LONGEST_CELL:,} characters.")
        if "\0" in cell:
            raise UnreadableSheet(f"Line {number}, column {name}: the cell holds a character that no text has (NUL).")
    padded = [*cells, *[""] * (len(names) - len(cells))]
    return {name: cell.strip(" ") for name, cell in zip(names, padded, strict=False)}


# --- CSV ----------------------------------------------------------------------------------------
def _from_csv(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    _require_text(content)
    csv.field_size_limit(LONGEST_CELL * 10)
    separator = _separator(_text_of(content).readline(LONGEST_LINE))
    reader = csv.reader(_written(_text_of(content)), delimiter=separator, strict=True)
    before = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UnreadableSheet(f"Line {reader.line_num}: {error}. A quote is probably not closed.") from None
        if cells is None:
            return
        yield before + 1, cells
        before = reader.line_num


def _written(text: io.TextIOWrapper) -> Iterator[str]:
    """Line by line; one of millions of cells would take all memory before anybody counts them."""
    number = 0
    while line := text.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise UnreadableSheet(
                f"Line {number} is longer than {LONGEST_LINE:,} characters: {MOST_COLUMNS} columns are the most. "
                "Nothing was read into the books."
            )
        yield line


def _text_of(content: bytes) -> io.TextIOWrapper:
    """Decoded as it is read: as one text it would take four times the file's memory, and again for its lines."""
    return io.TextIOWrapper(io.BytesIO(content), encoding=_encoding(content), newline="")


def _encoding(content: bytes) -> str:
    return "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _require_text(content: bytes) -> None:
    """To the end, before the first line is looked at."""
    text = _text_of(content)
    with suppress(UnicodeDecodeError):
        while text.read(PIECE):
            pass
        return
    try:
        content.decode(_encoding(content))  # whole: only then does the error know its place in the file
    except UnicodeDecodeError as error:
        line, column = _place(content[: error.start].decode(_encoding(content), "replace"))
        name = _encoding(content).removesuffix("-sig").upper()
        raise UnreadableSheet(
            f"Line {line}, column {column}: a character that is not {name}. Save the file as “CSV UTF-8”, or as XLSX, "
            "and upload it again."
        ) from None


def _place(before: str) -> tuple[int, str]:
    """Line and column in which a text breaks off: the column by its name, in the first line by its number."""
    separator = _separator(before)
    rows = before.split("\n")
    column = rows[-1].count(separator) + 1
    names = [name.strip(' "\r') for name in rows[0].split(separator)] if len(rows) > 1 else []
    return len(rows), names[column - 1] if column <= len(names) else str(column)


def _separator(text: str) -> str:
    """The one that the first line holds most of."""
    first = text.split("\n", 1)[0]
    return max(SEPARATORS, key=first.count)


# --- XLSX ---------------------------------------------------------------------------------------
# What the library raises on files that are damaged, encrypted, or no table at all. Damaged XML is a SyntaxError.
DAMAGED = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError, RuntimeError, SyntaxError,
    EOFError,
)  # fmt: skip


def _from_xlsx(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    number = 0
    try:
        if _unpacked(content) > SMALL_UNPACKED:
            _count_cells(content)
        for number, cells in _rows(content):
            yield number, cells
    except DAMAGED as error:
        where = f"Line {number + 1}: the" if number else "The"
        raise UnreadableSheet(f"{where} file cannot be read as XLSX: {str(error)[:200]}.") from None


def _rows(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    try:
        if len(book.worksheets) != 1:
            raise UnreadableSheet(f"The file has {len(book.worksheets)} sheets. Keep the one to import.")
        table = book.worksheets[0]
        table.reset_dimensions()  # the size that the file states of itself may leave out lines
        yield from _cells(table.iter_rows(max_col=MOST_COLUMNS + 1))
    finally:
        book.close()


def _unpacked(content: bytes) -> int:
    """How many bytes it unpacks to, asked before anything is unpacked: a small file may hold a very large one."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except zipfile.BadZipFile:
        raise UnreadableSheet("The file begins like an XLSX and is none. Upload CSV or XLSX.") from None
    unpacked, packed = sum(part.file_size for part in parts), max(1, sum(part.compress_size for part in parts))
    if len(parts) > MOST_PARTS or unpacked > LARGEST_UNPACKED or unpacked / packed > HIGHEST_RATIO:
        raise UnreadableSheet(
            f"The file unpacks to {unpacked // 1024 // 1024} MB in {len(parts)} parts, more than a table of mappings "
            "can need. It was not opened."
        )
    return unpacked


def _count_cells(content: bytes) -> None:
    """Looked at before they are parsed, which takes far longer. Raises `UnreadableSheet`."""
    found = 0
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        for name in parts.namelist():
            if not name.startswith("xl/worksheets/"):
                continue
            with parts.open(name) as part:
                tail = b""
                while piece := part.read(PIECE):
                    whole = tail + piece
                    # What is cut off at the end of a piece is looked at with the next one.
                    end = whole.rfind(b"<") if b"<" in whole[-40:] else len(whole)
                    found += sum(1 for _ in CELL.finditer(whole, 0, end))
                    tail = whole[end:]
                    if found > MOST_CELLS:
                        raise UnreadableSheet(
                            f"The file has more than {MOST_CELLS:,} cells, more than a table of mappings can have. "
                            "It was not opened."
                        )


def _cells(rows: Iterable[Iterable[Any]]) -> Iterator[tuple[int, Sequence[str]]]:
    for number, row in enumerate(rows, start=1):
        cells = []
        for cell in row:
            if cell.data_type == "f":
                raise UnreadableSheet(
                    f"Line {number}, column {cell.column_letter}: the cell holds a formula. Paste its value instead."
                )
            if cell.data_type == "e":
                raise UnreadableSheet(
                    f"Line {number}, column {cell.column_letter}: the cell holds the error {cell.value}. Put it right."
                )
            cells.append(_text(cell.value))
        yield number, cells


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if not any((value.hour, value.minute, value.second)) else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
