"""`$filter` as Exact reads it: parsed, type-checked against the entity, compiled to a predicate.

Only what the reference shows working is understood; anything else is a syntax error, as at the vendor.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connections.sandbox.exact.errors import BadRequest
from connections.sandbox.exact.store import Row

SYNTAX = "Bad Request - Error in query syntax."
_TOKEN = re.compile(
    r"\s*(?:(?P<guid>guid'(?P<g>[0-9a-fA-F-]*)')|(?P<date>datetime'(?P<d>[^']*)')|(?P<string>'(?P<s>(?:[^']|'')*)')"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE]-?\d+)?[LlMmDdFf]?)(?![\w])|(?P<name>[A-Za-z_][\w/]*)|(?P<mark>[(),]))"
)
_GUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_FUNCTIONS = {"substringof": "SS", "startswith": "SS", "endswith": "SS", "trim": "S", "tolower": "S", "toupper": "S"}
_PREDICATES = frozenset(("substringof", "startswith", "endswith"))
_CHANGES: dict[str, Callable[[str], str]] = {"trim": str.strip, "tolower": str.lower, "toupper": str.upper}
# Literal kinds: which property types they may meet.
_FAMILY = {"G": "G", "S": "S", "D": "D", "T": "T", "N": "N", "I": "N", "H": "N", "B": "N", "L": "N", "X": "S"}


def moment(text: str, zone: ZoneInfo) -> datetime:
    """An ISO time as the site's wall clock; a zone in it shifts the time. Raises `ValueError`."""
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text.strip())
    value = datetime.fromisoformat(trimmed)
    return value if value.tzinfo is None else value.astimezone(zone).replace(tzinfo=None)


@dataclass(frozen=True)
class Node:
    """`kind`: literal, property, call, compare, and, or, not. `family`: the type of what it yields."""

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()
    family: str = "T"


class Parser:
    """Recursive descent: or < and < not < comparison."""

    def __init__(self, text: str, types: Mapping[str, str], zone: ZoneInfo) -> None:
        self._types = types
        self._zone = zone
        self._tokens = _tokens(text)
        self._at = 0
        self.fields: set[str] = set()

    def parse(self) -> Node:
        node = self._either()
        if self._at != len(self._tokens) or node.family != "T":
            raise BadRequest(SYNTAX)
        return node

    def literals(self) -> list[Any]:
        """The values of a `$skiptoken` or of a key."""
        values = [self._literal().value]
        while self._take("mark", ","):
            values.append(self._literal().value)
        if self._at != len(self._tokens):
            raise BadRequest(SYNTAX)
        return values

    def _literal(self) -> Node:
        node = self._operand()
        if node.kind != "literal":
            raise BadRequest(SYNTAX)
        return node

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, kind: str, text: str) -> bool:
        if self._peek() == (kind, text):
            self._at += 1
            return True
        return False

    def _either(self) -> Node:
        parts = [self._both()]
        while self._take("name", "or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Node("or", parts=self._truths(parts))

    def _both(self) -> Node:
        parts = [self._negated()]
        while self._take("name", "and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else Node("and", parts=self._truths(parts))

    @staticmethod
    def _truths(parts: list[Node]) -> tuple[Node, ...]:
        if any(part.family != "T" for part in parts):
            raise BadRequest(SYNTAX)
        return tuple(parts)

    def _negated(self) -> Node:
        if self._take("name", "not"):
            return Node("not", parts=self._truths([self._negated()]))
        left = self._operand()
        kind, text = self._peek()
        if kind != "name" or text not in _COMPARE:
            return left
        self._at += 1
        return self._compared(text, left, self._operand())

    @staticmethod
    def _compared(sign: str, left: Node, right: Node) -> Node:
        families = {left.family, right.family} - {"0"}
        if len(families) > 1:
            raise BadRequest(SYNTAX)
        return Node("compare", sign, (left, right))

    def _operand(self) -> Node:
        kind, text = self._peek()
        self._at += 1
        if kind == "mark" and text == "(":
            inside = self._either()
            if not self._take("mark", ")"):
                raise BadRequest(SYNTAX)
            return inside
        if kind == "name":
            return self._named(text)
        return self._value(kind, text)

    def _value(self, kind: str, text: str) -> Node:
        if kind == "string":
            return Node("literal", text.replace("''", "'"), family="S")
        if kind == "guid" and _GUID.match(text):
            return Node("literal", text.lower(), family="G")
        if kind == "number":
            digits = text.rstrip("LlMmDdFf")
            return Node("literal", int(digits) if digits.lstrip("-").isdigit() else Decimal(digits), family="N")
        if kind == "date":
            try:
                return Node("literal", moment(text, self._zone), family="D")
            except ValueError:
                raise BadRequest(SYNTAX) from None
        raise BadRequest(SYNTAX)

    def _named(self, text: str) -> Node:
        if text in ("true", "false"):
            return Node("literal", text == "true", family="T")
        if text == "null":
            return Node("literal", None, family="0")
        if self._take("mark", "("):
            return self._called(text)
        if text not in self._types:
            raise BadRequest(f"No property '{text}' exists in the type.")
        self.fields.add(text)
        return Node("property", text, family=_FAMILY.get(self._types[text], "S"))

    def _called(self, name: str) -> Node:
        wants = _FUNCTIONS.get(name)
        if wants is None:
            raise BadRequest(SYNTAX)
        arguments = [self._operand()]
        while self._take("mark", ","):
            arguments.append(self._operand())
        if not self._take("mark", ")") or "".join(argument.family for argument in arguments) != wants:
            raise BadRequest(SYNTAX)
        return Node("call", name, tuple(arguments), family="T" if name in _PREDICATES else "S")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise BadRequest(SYNTAX)
        kind = match.lastgroup
        tokens.append((kind, match.group({"guid": "g", "date": "d", "string": "s"}.get(kind, kind))))
        at = match.end()
    return tokens


def value_of(node: Node) -> Callable[[Row], Any]:
    """What a row says for an operand."""
    if node.kind == "literal":
        constant = node.value
        return lambda _row: constant
    if node.kind == "property":
        name = node.value
        return lambda row: row.get(name)
    if node.kind == "call":
        return _call(node)
    return predicate(node)


def _call(node: Node) -> Callable[[Row], Any]:
    first = value_of(node.parts[0])
    if node.value in ("trim", "tolower", "toupper"):
        change = _CHANGES[node.value]
        return lambda row: None if (text := first(row)) is None else change(text)
    second = value_of(node.parts[1])
    if node.value == "substringof":
        return lambda row: (first(row) or "") in (second(row) or "")
    test = str.startswith if node.value == "startswith" else str.endswith
    return lambda row: test(first(row) or "", second(row) or "")


def predicate(node: Node) -> Callable[[Row], bool]:
    if node.kind == "and":
        tests = [predicate(part) for part in node.parts]
        return lambda row: all(test(row) for test in tests)
    if node.kind == "or":
        tests = [predicate(part) for part in node.parts]
        return lambda row: any(test(row) for test in tests)
    if node.kind == "not":
        test = predicate(node.parts[0])
        return lambda row: not test(row)
    if node.kind == "compare":
        return _comparison(node)
    truth = value_of(node)
    return lambda row: bool(truth(row))


def _comparison(node: Node) -> Callable[[Row], bool]:
    left, right = (value_of(part) for part in node.parts)
    test = _COMPARE[node.value]
    if any(part.family == "S" for part in node.parts):
        left, right = _unpadded(left), _unpadded(right)
    if node.value in ("eq", "ne"):
        return lambda row: test(left(row), right(row))

    def ordered(row: Row) -> bool:
        one, other = left(row), right(row)
        return one is not None and other is not None and test(one, other)

    return ordered


def _unpadded(value: Callable[[Row], Any]) -> Callable[[Row], Any]:
    return lambda row: None if (text := value(row)) is None else text.rstrip(" ")


def candidates(node: Node, indexed: frozenset[str]) -> list[tuple[str, Any]] | None:
    """(column, value) pairs of which every matching row has one; None when only a scan can tell."""
    if node.kind == "compare" and node.value == "eq":
        by_kind = {part.kind: part for part in node.parts}
        if set(by_kind) == {"property", "literal"} and by_kind["property"].value in indexed:
            return [(by_kind["property"].value, by_kind["literal"].value)]
        return None
    found = [candidates(part, indexed) for part in node.parts] if node.kind in ("and", "or") else []
    if node.kind == "or":
        return None if any(part is None for part in found) else [pair for part in found for pair in part or ()]
    known = [part for part in found if part is not None]
    return min(known, key=len) if known else None


def version_floor(node: Node) -> int:
    """For a filter on Timestamp: the version above which rows can match; 0 when it does not say."""
    if node.kind == "and":
        return max(version_floor(part) for part in node.parts)
    if node.kind != "compare" or node.value not in ("gt", "ge"):
        return 0
    column, bound = node.parts
    if column.value != "Timestamp" or bound.kind != "literal" or not isinstance(bound.value, int):
        return 0
    return bound.value if node.value == "gt" else bound.value - 1


def as_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    """The wall clock of a site as UTC, naive."""
    return wall.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
