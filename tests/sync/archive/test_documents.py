"""What is archived of a row: its text as Exact wrote it, wherever that can be had."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from connections.providers.errors import Unreadable
from connections.providers.exact.written import Written
from connections.providers.payload import decode
from sync.archive import documents

META = '"__metadata":{"uri":"https://x/(1L)","type":"X.Y"}'


def read(text: str) -> documents.Document:
    return documents.read(Written(decode(text), text), "ID", "list")


def test_the_document_is_the_row_as_it_was_written_without_its_address() -> None:
    found = read(f'{{{META},"Timestamp":"77","ID":"{{A}}","AmountDC":1.10,"Name":"\\/x\\/"}}')
    assert found.text == '{"Timestamp":"77","ID":"{A}","AmountDC":1.10,"Name":"\\/x\\/"}'
    assert (found.key, found.version) == ("a", 77)


def test_a_row_version_alone_makes_no_other_digest() -> None:
    one, other, third = (read(f'{{{META},"Timestamp":"{v}","ID":"a","n":{n}}}') for v, n in ((1, 1), (2, 1), (3, 2)))
    assert one.digest == other.digest != third.digest


@pytest.mark.parametrize(
    "inside",
    [
        '"ID":"a","n":1,"n":2',  # Snowflake refuses a name that comes twice
        '"ID":"a","n":{"m":1}',
        '"ID":"a","Timestamp":"5"',
        '"ID" : "a"',
    ],
)
def test_what_is_written_in_any_other_way_is_written_anew(inside: str) -> None:
    found = read(f"{{{META},{inside}}}")
    row = json.loads(f"{{{inside}}}")
    assert json.loads(found.text) == row
    assert found.text.count('"n"') == ("n" in row)


# As `payload.decode` gives them: what no database holds has been taken out before.
CHARACTERS = some.characters(exclude_categories=["Cs"], exclude_characters="\0")
values = (
    some.none() | some.booleans() | some.integers() | some.text(CHARACTERS)
    | some.decimals(allow_nan=False, allow_infinity=False, places=4)
    | some.dictionaries(some.text(CHARACTERS, max_size=3), some.integers(), max_size=2)
)  # fmt: skip
names = some.text(CHARACTERS, min_size=1).filter(lambda name: name not in {"ID", "Timestamp", "Modified"})
rows = some.dictionaries(names.filter(lambda name: not name.startswith("__")), values, max_size=6)


@given(row=rows, version=some.none() | some.integers(min_value=1, max_value=2**63 - 1), with_text=some.booleans())
def test_a_document_says_all_that_its_row_says(row: dict[str, Any], version: int | None, with_text: bool) -> None:
    stamp = {"Timestamp": str(version)} if version else {}
    content = documents.written({**stamp, "ID": "a", **row})
    text = f"{{{META},{content[1:]}"
    found = documents.read(Written(decode(text), text if with_text else ""), "ID", "list")
    assert json.loads(found.text, parse_float=Decimal) == json.loads(content, parse_float=Decimal)


def test_a_row_without_its_key_is_no_record() -> None:
    with pytest.raises(Unreadable):
        read(f'{{{META},"Name":"x"}}')
