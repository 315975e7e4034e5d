"""Rows together with the very text in which Exact wrote them, cut out of the answer: what is archived is that text, and
not what a reader made of it. Reading it is needed anyway; writing it anew would cost as much again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from connections.providers.payload import decode, holds_escapes

# What stands before the first row of a list. Reference: exact-online.md section 5, both envelopes.
_BEGIN = re.compile(r'\s*\{\s*"d"\s*:\s*(?:\{\s*"results"\s*:\s*)?\[\s*')
# How Exact begins each row. Inside of a text its quotes would be escaped, so that it stands nowhere else.
_MARK = '{"__metadata":'
_BLANK = " \t\r\n"


class Written(NamedTuple):
    """`text` is empty where the row cannot be told from the answer, or says something that no database holds: then
    `row`, from which that has been taken, is all there is.
    """

    row: Mapping[str, Any]
    text: str


def listing(body: bytes) -> tuple[Any, list[str]]:
    """The decoded answer, and the texts of its rows, or none where they cannot be told. Raises `ValueError` for
    whatever is not JSON, as `payload.decode` does.
    """
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    return decode(text), _texts(text)


def written(rows: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> Iterator[Written]:
    """As many marks as rows, and each row begins with one: then what stands between two of them is a row."""
    is_told = len(texts) == len(rows) and all(next(iter(row), "") == "__metadata" for row in rows)
    for row, text in zip(rows, texts if is_told else repeat("", len(rows)), strict=True):
        yield Written(row, "" if holds_escapes(text) else text)


def _texts(text: str) -> list[str]:
    begin = _BEGIN.match(text)
    if begin is None or not text.startswith(_MARK, begin.end()):
        return []
    *parts, last = text[begin.end() + len(_MARK) :].split(_MARK)
    found = [f"{_MARK}{part.rstrip(_BLANK).removesuffix(',').rstrip(_BLANK)}" for part in parts]
    _, end = _DECODER.raw_decode(_MARK + last)
    return [*found, (_MARK + last)[:end]]


_DECODER = json.JSONDecoder()
