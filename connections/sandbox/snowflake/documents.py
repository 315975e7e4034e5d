"""What PARSE_JSON takes, and how exact numbers survive an engine that reads fractions as doubles."""

from __future__ import annotations

import json
import re
from typing import Any

from connections.sandbox.snowflake.errors import Failed

# Stands before a number that a double would change, written as a text inside the engine.
EXACT = "\ue000"
_LONG_FRACTION = re.compile(r"[:\[,]\s*-?(?=[0-9.]{17})[0-9]+\.[0-9]+\s*[,}\]]")
_MARKED = re.compile(f'"{EXACT}([^"]*)"')
DIGITS = 15
LARGEST_PARSED = 64 * 1024 * 1024


def checked(text: str) -> str:
    """The text as the engine takes it. # Reference: 1.6: a duplicate key is an error."""
    if len(text) > LARGEST_PARSED:
        raise Failed("100069", "22P02", "Error parsing JSON: document is too large")
    try:
        document = json.loads(text, object_pairs_hook=_pairs, parse_constant=_refused)
    except ValueError as wrong:
        raise Failed("100069", "22P02", f"Error parsing JSON: {wrong}") from None
    except RecursionError:
        raise Failed("100069", "22P02", "Error parsing JSON: nested too deeply") from None
    del document
    return _marked(text) if _LONG_FRACTION.search(text) else text


def unmarked(text: str) -> str:
    """A document as it was written."""
    return _MARKED.sub(r"\1", text) if EXACT in text else text


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'duplicate object attribute "{double}"')
    return found


def _refused(name: str) -> Any:
    raise ValueError(f"unknown keyword {name!r}")


def _marked(text: str) -> str:
    document = json.loads(text, parse_float=lambda number: EXACT + number if _is_long(number) else float(number))
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _is_long(number: str) -> bool:
    return "e" not in number.lower() and len(number.strip("-").replace(".", "").strip("0")) > DIGITS
