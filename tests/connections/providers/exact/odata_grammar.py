"""A second reading of OData filters, written from the grammar and not from the builder: text in, tree out.

Precedence as OData v2 has it: `not` binds tighter than a comparison, that tighter than `and`, that tighter than `or`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

TOKEN = re.compile(
    r"""\s*(?:
      (?P<typed>(?:guid|datetime)'[^']*')
    | (?P<text>'(?:[^']|'')*')
    | (?P<number>-?\d+(?:\.\d+)?L?)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")


def parse(text: str) -> Any:
    parser = Parser(tokens(text))
    tree = parser.either()
    assert parser.here == len(parser.tokens), f"rest of the filter left over: {parser.tokens[parser.here :]}"
    return tree


def options(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))


def tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        assert match, f"no token at {text[position:]!r}"
        kind = match.lastgroup
        assert kind
        found.append((kind, match[kind]))
        position = match.end()
    return found


class Parser:
    def __init__(self, found: list[tuple[str, str]]) -> None:
        self.tokens = found
        self.here = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.here] if self.here < len(self.tokens) else ("", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.here += 1
        return token

    def took(self, kind: str, value: str) -> bool:
        if self.peek() == (kind, value):
            self.here += 1
            return True
        return False

    def either(self) -> Any:
        return self.joined("or", self.both)

    def both(self) -> Any:
        return self.joined("and", self.comparison)

    def joined(self, word: str, part: Any) -> Any:
        parts = [part()]
        while self.took("name", word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else (word, *parts)

    def comparison(self) -> Any:
        left = self.unary()
        if self.peek()[0] == "name" and self.peek()[1] in COMPARISONS:
            return (self.take()[1], left, self.unary())
        return left

    def unary(self) -> Any:
        if self.took("name", "not"):
            return ("not", self.unary())
        return self.primary()

    def primary(self) -> Any:
        kind, value = self.take()
        if (kind, value) == ("mark", "("):
            tree = self.either()
            assert self.took("mark", ")")
            return tree
        if kind == "name" and self.took("mark", "("):
            return self.call(value)
        if kind == "text":
            return ("text", value[1:-1].replace("''", "'"))
        return (kind, value)

    def call(self, name: str) -> Any:
        arguments = [self.either()]
        while self.took("mark", ","):
            arguments.append(self.either())
        assert self.took("mark", ")")
        return (name, *arguments)
