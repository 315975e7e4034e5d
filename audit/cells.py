"""Cells and rows of a spreadsheet: nothing it would run goes out, and what went out comes back as it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

# Reference: OWASP ASVS 5 1.2.10, and the full-width twins that some spreadsheets read the same way.
STARTS_A_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")
# By it spreadsheets know that a file is UTF-8.
BYTE_ORDER_MARK = "\ufeff".encode()


def safe_text(text: str) -> str:
    """The text with an apostrophe before it when a spreadsheet might run it. For text only: -12.50 is a number."""
    first = text.lstrip(" \"'")[:1]
    return f"'{text}" if first in STARTS_A_FORMULA and first else text


def restored_text(cell: str) -> str:
    """What `safe_text` made the cell of; any other cell as it is."""
    return cell[1:] if cell.startswith("'") and safe_text(cell[1:]) == cell else cell


def csv_writer(delimiter: str = ",", *, quotes_all: bool = True) -> Callable[[Iterable[Sequence[Any]]], bytes]:
    """What turns rows into bytes of CSV, for files sent in blocks: UTF-8, lines end in CR LF. Reference: RFC 4180.

    `quotes_all`: every cell in quotes; otherwise only those that need them. Cells are written as they are given.
    """
    buffer = io.StringIO()
    writer = csv.writer(
        buffer,
        delimiter=delimiter,
        quoting=csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL,
        lineterminator="\r\n",
    )

    def write(rows: Iterable[Sequence[Any]]) -> bytes:
        writer.writerows(rows)
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text.encode()

    return write
