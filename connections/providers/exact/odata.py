"""OData v2 as Exact speaks it: literals, filters, the query string, entity keys.

    any_of(eq("YourRef", "TB-1"), all_of(gt("Modified", datetime(2026, 1, 31)), negate(startswith("Name", "x"))))

Reference: exact-online.md section 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias
from urllib.parse import quote_plus
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Int64:
    """A number that Exact wants with an L behind it, as for `Timestamp`."""

    value: int


Value: TypeAlias = str | bool | int | Decimal | Int64 | UUID | datetime | date | None


@dataclass(frozen=True, slots=True)
class Filter:
    """A rendered condition. `joined` is the word at its top level, so that another word puts it in parentheses."""

    text: str
    joined: str = ""

    def __str__(self) -> str:
        return self.text


def literal(value: Value) -> str:
    """The value as OData writes it. Times must be without zone: Exact reckons in the site's wall clock.

    Raises `TypeError` for a float and `ValueError` for a time with a zone or text that is not Unicode.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            value.encode()
            return "'" + value.replace("'", "''") + "'"
        case Int64():
            return f"{value.value}L"
        case int():
            return str(value)
        case _:
            return _typed_literal(value)


def _typed_literal(value: Decimal | UUID | datetime | date) -> str:
    match value:
        case UUID():
            return f"guid'{value}'"
        case datetime() if value.tzinfo is not None:
            raise ValueError("Exact takes times without a zone")
        case datetime() | date():
            return f"datetime'{value.isoformat()}'"
        case Decimal() if value.is_finite():
            return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no OData literal")


def guid(text: str) -> UUID:
    """A GUID from text, braces allowed. Raises `ValueError`."""
    return UUID(text)


def eq(field: str, value: Value) -> Filter:
    return _compare(field, "eq", value)


def ne(field: str, value: Value) -> Filter:
    return _compare(field, "ne", value)


def gt(field: str, value: Value) -> Filter:
    return _compare(field, "gt", value)


def ge(field: str, value: Value) -> Filter:
    return _compare(field, "ge", value)


def lt(field: str, value: Value) -> Filter:
    return _compare(field, "lt", value)


def le(field: str, value: Value) -> Filter:
    return _compare(field, "le", value)


def code(field: str, value: str) -> Filter:
    """Equality on a padded code: an unpadded `Code eq '11'` silently matches nothing.

    Reference: exact-online.md 1 (9), 5 (functions seen working).
    """
    return Filter(f"trim({field}) eq {literal(value.strip())}")


def contains(field: str, text: str) -> Filter:
    """Text first, field second: the one OData function with that order."""
    return Filter(f"substringof({literal(text)},{field})")


def startswith(field: str, text: str) -> Filter:
    return Filter(f"startswith({field},{literal(text)})")


def endswith(field: str, text: str) -> Filter:
    return Filter(f"endswith({field},{literal(text)})")


def all_of(*filters: Filter) -> Filter:
    return _join("and", filters)


def any_of(*filters: Filter) -> Filter:
    return _join("or", filters)


def negate(condition: Filter) -> Filter:
    """Always in parentheses: `not` binds tighter than `eq`."""
    return Filter(f"not ({condition})")


def _compare(field: str, operator: str, value: Value) -> Filter:
    return Filter(f"{field} {operator} {literal(value)}")


def _join(word: str, filters: Sequence[Filter]) -> Filter:
    if not filters:
        raise ValueError(f"nothing to join with '{word}'")
    if len(filters) == 1:
        return filters[0]
    parts = (f"({part})" if part.joined not in ("", word) else str(part) for part in filters)
    return Filter(f" {word} ".join(parts), joined=word)


def query(
    *,
    select: Sequence[str],
    where: Filter | None = None,
    orderby: str = "",
    top: int | None = None,
    expand: str = "",
) -> str:
    """The query string. `$select` may not be empty: bulk endpoints demand one and heavy ones refuse to go without."""
    if not select:
        raise ValueError("a read of Exact names the properties it wants")
    options: Mapping[str, str] = {
        "$select": ",".join(select),
        "$filter": str(where or ""),
        "$orderby": orderby,
        "$top": "" if top is None else str(top),
        "$expand": expand,
    }
    return "&".join(f"{name}={_escaped(value)}" for name, value in options.items() if value)


def _escaped(value: str) -> str:
    """Quotes, commas and parentheses stay as they are: a filter of thirty ids must fit 2,048 characters."""
    return quote_plus(value, safe="'(),:")


def key(value: UUID | str | int) -> str:
    """The key of one entity: `(guid'...')`, or `(124132)`. Text must be a GUID."""
    if isinstance(value, int):
        return f"({value})"
    return f"(guid'{guid(str(value))}')"
