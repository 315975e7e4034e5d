"""Rows come with the very text that Exact wrote them in."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from connections.providers.exact.client import _listed_with_text as listed
from connections.providers.exact.written import listing

META = {"uri": "https://start.exactonline.nl/api/v1/1/x(guid'{a},]')", "type": 'X"y'}


def body(rows: list[dict[str, Any]], *, following: str = "", **how: Any) -> bytes:
    found = {"results": [{"__metadata": META, **row} for row in rows], **({"__next": following} if following else {})}
    return json.dumps({"d": found}, **how).encode()


values = (
    some.none() | some.booleans() | some.integers() | some.text() | some.floats(allow_nan=False, allow_infinity=False)
)
rows_of_a_page = some.lists(some.dictionaries(some.text(min_size=1), values, max_size=5), min_size=1, max_size=4)
ways = some.fixed_dictionaries({
    "ensure_ascii": some.booleans(), "indent": some.sampled_from([None, 1]),
    "separators": some.sampled_from([(",", ":"), (", ", ": ")]),
})  # fmt: skip


@given(rows=rows_of_a_page, how=ways)
def test_each_text_says_what_its_row_says(rows: list[dict[str, Any]], how: dict[str, Any]) -> None:
    page = listed(listing(body(rows, following="next", **how)))
    assert page.following == "next"
    assert len(page.rows) == len(rows)
    for row, text in page.rows:
        assert not text or json.loads(text, parse_float=Decimal) == row


def test_a_text_is_what_stood_there_digit_for_digit() -> None:
    written = '{"__metadata":{"uri":"a","type":"b"},"AmountDC":1.10,"Name":"\\/Caf\u00e9\\/"}'
    page = listed(listing(f'{{"d":{{"results":[{written} ,\r\n {written}]}}}}'.encode()))
    assert [text for _, text in page.rows] == [written, written]
    assert page.rows[0].row["AmountDC"] == Decimal("1.10")


def test_a_row_with_signs_that_no_database_holds_comes_cleaned_and_without_its_text() -> None:
    clean, strange = listed(listing(body([{"a": "x"}, {"a": "\0\ud800"}]))).rows
    assert clean.text
    assert (strange.text, strange.row["a"]) == ("", "\ufffd\ufffd")


@pytest.mark.parametrize(
    "rows",
    [
        [{"ID": 1}],
        [{"ID": 1, "__metadata": META}],
        [{"__metadata": META, "Lines": {"results": [{"__metadata": META, "a": 1}]}}],
    ],
)
def test_where_the_rows_cannot_be_told_apart_they_come_without_texts(rows: list[dict[str, Any]]) -> None:
    page = listed(listing(json.dumps({"d": {"results": rows}}, separators=(",", ":")).encode()))
    assert [(row, text) for row, text in page.rows] == [(row, "") for row in rows]


@pytest.mark.parametrize(
    "text", ['{"d":{"results":[', '{"d":{"results":[{"__metadata":{}', '{"d":{"results":[{"a":NaN}]}}']
)
def test_what_is_no_json_is_no_page(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        listing(text.encode())
