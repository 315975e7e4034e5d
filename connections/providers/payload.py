"""A typed reader over decoded JSON, whose errors name the path and never the value.

reader = Reader(document["payment"], "payment")
amount = reader.record("amount_money").integer("amount")     # Unreadable: payment.amount_money.amount ...
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar, overload

from connections.providers.errors import Unreadable

T = TypeVar("T")

ZERO = Decimal(0)
INT64_MAX = 2**63 - 1
WHOLE = re.compile(r"-?[0-9]+")
# One digit more than 64 bits hold; beyond it a number is not even computed with.
DIGITS = 20
# Signs that no database column holds: NUL, and halves of a surrogate pair. JSON can only write them as escapes.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
REPLACEMENT = "\ufffd"
# Longer than any id of a vendor; what is longer is no id, and no column would hold it.
LONGEST_ID = 190
# An id of nothing else would name another resource once it stands in an address.
PUNCTUATION = "./ "
# A time outside of these years is a mistake, and reckoning with it could leave the calendar.
YEARS = range(1970, 2200)


def decode(body: bytes | str) -> Any:
    """JSON with every non-integer number as `Decimal`: an amount never passes through a float.

    Signs in texts that no database holds are replaced by the sign for an unknown one. Raises `ValueError` for whatever
    is not JSON, also when it nests deeper than can be read.
    """
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass") if isinstance(body, bytes) else body
        document = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
        return _storable(document) if holds_escapes(text) else document
    except (RecursionError, InvalidOperation):
        raise ValueError("nested or written in a way that cannot be read") from None


def holds_escapes(text: str) -> bool:
    """Whether it may say something that no database holds."""
    # Nearly no text holds an escape at all, and that is told many times faster.
    return "\\u" in text and ESCAPED.search(text) is not None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value


def nests_beyond(value: Any, levels: int) -> bool:
    """Whether objects and lists stand in one another deeper than that. Looks no deeper itself."""
    layer = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        if not layer:
            return False
        layer = [
            item
            for inner in layer
            for item in (inner.values() if isinstance(inner, dict) else inner)
            if isinstance(item, dict | list)
        ]
    return bool(layer)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class Reader:
    """One JSON object and where it stands. Absent and null are the same thing to every `optional_` method."""

    def __init__(self, data: Any, path: str) -> None:
        if not isinstance(data, Mapping):
            raise Unreadable(f"{path} is {_kind(data)} where an object was expected")
        self.data: Mapping[str, Any] = data
        self.path = path

    def has(self, name: str) -> bool:
        return self.data.get(name) is not None

    def text(self, name: str) -> str:
        return self._required(name, self.optional_text(name, default=None))

    @overload
    def optional_text(self, name: str, *, default: str = "") -> str: ...
    @overload
    def optional_text(self, name: str, *, default: None) -> str | None: ...
    def optional_text(self, name: str, *, default: str | None = "") -> str | None:
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong(name, value, "text")
        return value

    def identifier(self, name: str) -> str:
        """The id of something: text, not empty, not longer than an id is."""
        found = self.optional_identifier(name)
        if not found:
            raise Unreadable(f"{self.path}.{name} is missing")
        return found

    def optional_identifier(self, name: str) -> str:
        found = self.optional_text(name)
        if len(found) > LONGEST_ID:
            raise Unreadable(f"{self.path}.{name} is longer than an id can be")
        if found and not found.strip(PUNCTUATION):
            raise Unreadable(f"{self.path}.{name} is no id")
        return found

    def integer(self, name: str) -> int:
        return self._required(name, self.optional_integer(name, default=None))

    @overload
    def optional_integer(self, name: str, *, default: int = 0) -> int: ...
    @overload
    def optional_integer(self, name: str, *, default: None) -> int | None: ...
    def optional_integer(self, name: str, *, default: int | None = 0) -> int | None:
        """A whole number that fits 64 bits; Exact sends Int64 as text, which is read too."""
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, str) and WHOLE.fullmatch(value):
            value = int(value) if len(value) <= DIGITS else INT64_MAX + 1
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, value, "a whole number")
        if abs(value) > INT64_MAX:
            raise Unreadable(f"{self.path}.{name} is a number beyond 64 bits")
        return value

    def decimal(self, name: str) -> Decimal:
        return self._required(name, self.optional_decimal(name, default=None))

    @overload
    def optional_decimal(self, name: str, *, default: Decimal = ZERO) -> Decimal: ...
    @overload
    def optional_decimal(self, name: str, *, default: None) -> Decimal | None: ...
    def optional_decimal(self, name: str, *, default: Decimal | None = ZERO) -> Decimal | None:
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self._wrong(name, value, "a number")
        amount = Decimal(value)
        if amount and amount.adjusted() >= DIGITS:
            raise Unreadable(f"{self.path}.{name} is a number beyond 64 bits")
        return amount

    def optional_flag(self, name: str, *, default: bool = False) -> bool:
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def time(self, name: str) -> datetime:
        return self._required(name, self.optional_time(name))

    def optional_time(self, name: str) -> datetime | None:
        """RFC 3339 with any precision, as an aware UTC time."""
        text = self.optional_text(name, default=None)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise Unreadable(f"{self.path}.{name} is a time without a zone")
            if moment.year not in YEARS:
                raise Unreadable(f"{self.path}.{name} is a time of the year {moment.year}, which cannot be")
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise Unreadable(f"{self.path}.{name} is not an RFC 3339 time") from None

    def record(self, name: str) -> Reader:
        return Reader(self.data.get(name), f"{self.path}.{name}")

    def optional_record(self, name: str) -> Reader | None:
        return self.record(name) if self.has(name) else None

    def records(self, name: str) -> Iterator[Reader]:
        """The objects of a list; absent is empty."""
        for index, value in enumerate(self._list(name)):
            yield Reader(value, f"{self.path}.{name}[{index}]")

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            raise Unreadable(f"{self.path}.{name} holds something other than text")
        return tuple(values)

    def _list(self, name: str) -> list[Any]:
        value = self.data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, value, "a list")
        return value

    def _required(self, name: str, value: T | None) -> T:
        if value is None:
            raise Unreadable(f"{self.path}.{name} is missing")
        return value

    def _wrong(self, name: str, value: Any, expected: str) -> Unreadable:
        return Unreadable(f"{self.path}.{name} is {_kind(value)} where {expected} was expected")


def _kind(value: Any) -> str:
    names = {type(None): "nothing", bool: "a flag", int: "a whole number", Decimal: "a fraction", str: "text"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")
