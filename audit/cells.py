"""Texts in the cells of a spreadsheet: nothing it would run goes out, and what went out comes back as it was."""

from __future__ import annotations

# Reference: OWASP ASVS 5 1.2.10, and the full-width twins that some spreadsheets read the same way.
STARTS_A_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")


def safe_text(text: str) -> str:
    """The text with an apostrophe before it when a spreadsheet might run it. For text only: -12.50 is a number."""
    first = text.lstrip(" \"'")[:1]
    return f"'{text}" if first in STARTS_A_FORMULA and first else text


def restored_text(cell: str) -> str:
    """What `safe_text` made the cell of; any other cell as it is."""
    return cell[1:] if cell.startswith("'") and safe_text(cell[1:]) == cell else cell
