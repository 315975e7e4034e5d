from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.errors import Unreadable
from connections.providers.payload import INT64_MAX, Reader, decode, nests_beyond


def test_a_fraction_never_passes_through_a_float() -> None:
    assert decode("[0.1, 1e2, 30000000000.07]") == [Decimal("0.1"), Decimal("100"), Decimal("30000000000.07")]
    assert all(isinstance(number, Decimal) for number in decode("[0.1, 1e2]"))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "{", "", "[" * 100_000, "\xff", "1" * 5000])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)


def test_signs_that_no_database_holds_are_replaced_and_all_others_kept() -> None:
    assert decode(rb'{"a\u0000b": ["\ud800", "\\u0000", "\ud83d\ude00", {"c": "\udfffx"}]}') == {
        "a\ufffdb": ["\ufffd", "\\u0000", "\U0001f600", {"c": "\ufffdx"}]
    }


@pytest.mark.parametrize(("levels", "is_beyond"), [(3, False), (4, True), (900, True)])
def test_nesting_is_measured_no_deeper_than_asked(levels: int, is_beyond: bool) -> None:
    assert nests_beyond(decode("[" * levels + "]" * levels), 3) is is_beyond


@pytest.mark.parametrize("text", ["", "x" * 191])
def test_an_id_is_neither_empty_nor_endless(text: str) -> None:
    with pytest.raises(Unreadable, match=r"x\.id is (missing|longer)"):
        Reader({"id": text}, "x").identifier("id")


@given(st.integers(-INT64_MAX, INT64_MAX))
def test_whole_numbers_are_read_as_numbers_and_as_text(number: int) -> None:
    assert Reader({"n": number}, "x").integer("n") == number
    assert Reader({"n": str(number)}, "x").integer("n") == number


@pytest.mark.parametrize("value", [True, "1.0", "--1", "١", "", "1 ", [], {}, Decimal("1.5")])
def test_what_is_no_whole_number_is_refused_by_path_and_not_by_value(value: Any) -> None:
    with pytest.raises(Unreadable, match=r"^x\.n is "):
        Reader({"n": value}, "x").integer("n")


@pytest.mark.parametrize("value", [2**63, -(2**63), "9" * 19, "9" * 6000])
def test_a_number_beyond_64_bits_is_refused(value: Any) -> None:
    with pytest.raises(Unreadable, match="beyond 64 bits"):
        Reader({"n": value}, "x").integer("n")


@pytest.mark.parametrize("text", ["1e999999", "-1e20"])
def test_an_amount_beyond_64_bits_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="beyond 64 bits"):
        Reader({"n": decode(text)}, "x").decimal("n")


@pytest.mark.parametrize(
    "text",
    ["2026-01-01T00:00:00", "yesterday", "0001-01-01T00:00:00+14:00", "2026-13-01T00:00Z", "9999-12-31T23:59:59Z"],
)
def test_a_time_that_names_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match=r"x\.at"):
        Reader({"at": text}, "x").time("at")


def test_times_of_any_precision_name_the_same_moment() -> None:
    texts = ("2023-11-20T16:53:44.72Z", "2023-11-20T16:53:44.720Z", "2023-11-20T17:53:44.720000+01:00")
    assert len({Reader({"at": text}, "x").time("at") for text in texts}) == 1


def test_absent_and_null_are_the_same() -> None:
    for reader in (Reader({}, "x"), Reader({"a": None}, "x")):
        assert (reader.optional_text("a"), reader.optional_integer("a"), reader.optional_flag("a")) == ("", 0, False)
        assert reader.optional_text("a", default=None) is None
        assert not reader.has("a")
        assert list(reader.records("a")) == []
        with pytest.raises(Unreadable, match=r"x\.a is missing"):
            reader.text("a")
