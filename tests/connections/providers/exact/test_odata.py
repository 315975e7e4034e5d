from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.exact import odata, resources
from tests.connections.providers.exact.odata_grammar import options, parse

GUID = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
OPERATORS = {"eq": odata.eq, "ne": odata.ne, "gt": odata.gt, "ge": odata.ge, "lt": odata.lt, "le": odata.le}
names = st.sampled_from(["YourRef", "EntryID", "Modified", "Code", "Amount"])
texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (odata.Int64(2**62), f"{2**62}L"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.10"), "-0.10"),
        ("O'Brien''s", "'O''Brien''''s'"),
        ("", "''"),
        (GUID, f"guid'{GUID}'"),
        (date(2026, 1, 31), "datetime'2026-01-31'"),
        (datetime.fromisoformat("2026-01-31T10:00"), "datetime'2026-01-31T10:00:00'"),
        (datetime.fromisoformat("2026-01-31T10:00:01.5"), "datetime'2026-01-31T10:00:01.500000'"),
    ],
)
def test_each_kind_of_value_is_written_as_odata_writes_it(value: odata.Value, written: str) -> None:
    assert odata.literal(value) == written


def test_a_time_with_a_zone_is_refused_because_exact_would_shift_it() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        odata.literal(datetime(2026, 1, 31, tzinfo=UTC))


@pytest.mark.parametrize("value", [1.5, Decimal("NaN"), Decimal("Infinity"), object(), [1]])
def test_what_has_no_literal_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        odata.literal(value)


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(ValueError):
        odata.literal("\ud800")


@given(texts)
def test_any_text_survives_quotes_escaping_and_the_address(text: str) -> None:
    query = odata.query(select=["ID"], where=odata.eq("YourRef", text))
    assert parse(options(query)["$filter"]) == ("eq", ("name", "YourRef"), ("text", text))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15))
def test_decimals_are_written_digit_for_digit(value: Decimal) -> None:
    assert Decimal(odata.literal(value)) == value


@given(st.sampled_from(sorted(OPERATORS)), names, st.uuids() | st.datetimes() | st.integers(-(2**31), 2**31) | texts)
def test_every_operator_carries_every_kind_of_value(operator: str, name: str, value: Any) -> None:
    word, field, found = parse(str(OPERATORS[operator](name, value)))
    assert (word, field) == (operator, ("name", name))
    match value:
        case UUID():
            assert found == ("typed", f"guid'{value}'")
        case datetime():
            assert datetime.fromisoformat(found[1].removeprefix("datetime'").removesuffix("'")) == value
        case int():
            assert int(found[1]) == value
        case _:
            assert found == ("text", value)


def _leaf(operator: str, name: str, value: str) -> tuple[odata.Filter, Any]:
    return OPERATORS[operator](name, value), (operator, ("name", name), ("text", value))


def _called(kind: str, name: str, text: str) -> tuple[odata.Filter, Any]:
    field, value = ("name", name), ("text", text)
    if kind == "substringof":
        return odata.contains(name, text), (kind, value, field)
    return getattr(odata, kind)(name, text), (kind, field, value)


def _joined(word: str, parts: list[tuple[odata.Filter, Any]]) -> tuple[odata.Filter, Any]:
    join = odata.all_of if word == "and" else odata.any_of
    return join(*(part for part, _ in parts)), (word, *(tree for _, tree in parts))


def _negated(part: tuple[odata.Filter, Any]) -> tuple[odata.Filter, Any]:
    return odata.negate(part[0]), ("not", part[1])


leaves = st.builds(_leaf, st.sampled_from(sorted(OPERATORS)), names, texts) | st.builds(
    _called, st.sampled_from(["substringof", "startswith", "endswith"]), names, texts
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.builds(_joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=4))
        | st.builds(_negated, inner)
    ),
    max_leaves=12,
)


def _flat(tree: Any) -> Any:
    """`a and (b and c)` means what `a and b and c` means."""
    if not isinstance(tree, tuple) or tree[0] in ("name", "text", "typed", "number"):
        return tree
    parts = [_flat(part) for part in tree[1:]]
    if tree[0] not in ("and", "or"):
        return (tree[0], *parts)
    merged = [inner for part in parts for inner in (part[1:] if part[0] == tree[0] else (part,))]
    return (tree[0], *merged)


@given(trees)
def test_nested_conditions_keep_their_meaning(pair: tuple[odata.Filter, Any]) -> None:
    condition, tree = pair
    assert _flat(parse(str(condition))) == _flat(tree)


def test_or_within_and_stands_in_parentheses() -> None:
    either = odata.any_of(odata.eq("A", 1), odata.eq("B", 2))
    assert str(odata.all_of(either, odata.ne("C", None))) == "(A eq 1 or B eq 2) and C ne null"
    assert str(odata.negate(odata.eq("A", 1))) == "not (A eq 1)"


def test_one_condition_needs_no_joining_and_none_cannot_be_joined() -> None:
    alone = odata.eq("A", 1)
    assert odata.any_of(alone) == alone
    with pytest.raises(ValueError):
        odata.all_of()


@given(texts)
def test_a_padded_code_is_compared_trimmed(text: str) -> None:
    assert parse(str(odata.code("Code", f"   {text}"))) == ("eq", ("trim", ("name", "Code")), ("text", text.strip()))


def test_a_read_names_the_properties_it_wants() -> None:
    with pytest.raises(ValueError, match="names the properties"):
        odata.query(select=[])


def test_the_query_holds_only_what_was_asked() -> None:
    assert odata.query(select=["ID", "Code"]) == "$select=ID,Code"
    assert options(odata.query(select=["ID"], orderby="FinancialYear desc", top=0, expand="Lines")) == {
        "$select": "ID",
        "$orderby": "FinancialYear desc",
        "$top": "0",
        "$expand": "Lines",
    }


def test_thirty_ids_and_all_properties_of_a_ledger_line_fit_what_web_servers_take() -> None:
    thirty = odata.any_of(*(odata.eq("EntryID", UUID(int=number)) for number in range(30)))
    assert len(odata.query(select=resources.TRANSACTION_LINES.select, where=thirty)) <= 2048


@pytest.mark.parametrize(
    ("key", "written"),
    [
        (124132, "(124132)"),
        (GUID, f"(guid'{GUID}')"),
        (str(GUID).upper(), f"(guid'{GUID}')"),
        (f"{{{GUID}}}", f"(guid'{GUID}')"),
    ],
)
def test_keys_are_numbers_or_guids(key: Any, written: str) -> None:
    assert odata.key(key) == written


def test_a_key_that_is_neither_is_refused() -> None:
    with pytest.raises(ValueError):
        odata.key("x')/../SalesEntries(guid'")
