"""Values of `?`, each a text with its type. Reference: 1.5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from connections.sandbox.snowflake.errors import Failed, malformed

TYPES = frozenset(
    ("FIXED", "REAL", "DECFLOAT", "TEXT", "BINARY", "BOOLEAN", "DATE", "TIME", "TIMESTAMP_TZ", "TIMESTAMP_LTZ",
     "TIMESTAMP_NTZ")
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = 1440


def read(given: object) -> list[Any]:
    """The values in order. Raises `Denied` for a wrong form and `Failed` for a wrong value."""
    if not isinstance(given, Mapping):
        raise malformed("bindings must be an object")
    wanted = [str(place) for place in range(1, len(given) + 1)]
    if set(given) != set(wanted):
        raise malformed('bindings must be named "1", "2", ... without a gap')
    return [_value(place, given[place]) for place in wanted]


def _value(place: str, binding: object) -> Any:
    if not isinstance(binding, Mapping) or set(binding) != {"type", "value"}:
        raise malformed(f"binding {place} must hold a type and a value, nothing else")
    kind, value = binding["type"], binding["value"]
    if kind not in TYPES:
        raise malformed(f"binding {place} has the unknown type {kind!r}")
    if value is None:
        return None
    if not isinstance(value, str):
        raise malformed(f"the value of binding {place} must be a string; arrays are a matter of the drivers")
    try:
        return _READ.get(kind, str)(value)
    except (ValueError, InvalidOperation, OverflowError):
        what = {"FIXED": "Numeric", "BOOLEAN": "Boolean"}.get(str(kind), str(kind))
        raise Failed("100037", "22018", f"{what} value '{value[:60]}' is not recognized") from None


def _number(text: str) -> Decimal | int:
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        raise ValueError
    return Decimal(text) if "." in text else int(text)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _moment(text: str) -> datetime:
    """Nanoseconds since 1970, and for TIMESTAMP_TZ the offset in minutes plus 1440, which is lost here."""
    ticks, _, offset = text.partition(" ")
    if offset and not 0 <= int(offset) <= 2 * _OFFSET:
        raise ValueError
    return EPOCH + timedelta(microseconds=int(ticks) // 1000)


def _wall_clock(text: str) -> datetime:
    return _moment(text).replace(tzinfo=None)


def _day(text: str) -> date:
    """Milliseconds since 1970."""
    return (EPOCH + timedelta(milliseconds=int(text))).date()


_READ: Mapping[str, Any] = {
    "FIXED": _number,
    "REAL": float,
    "DECFLOAT": Decimal,
    "BOOLEAN": _flag,
    "BINARY": bytes.fromhex,
    "DATE": _day,
    "TIMESTAMP_TZ": _moment,
    "TIMESTAMP_LTZ": _moment,
    "TIMESTAMP_NTZ": _wall_clock,
}
