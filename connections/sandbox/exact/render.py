"""Rows as OData v2 JSON: `__metadata` first, then the properties in model order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connections.sandbox.exact.catalogue import Endpoint
from connections.sandbox.exact.odata import as_utc
from connections.sandbox.exact.store import Key, Row

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the wall clock counted as if it were UTC, see `wall_date`
_MILLISECOND = timedelta(milliseconds=1)
# Recorded as null where other collections are deferred.
_NULL_COLLECTIONS = frozenset(("Class_01", "Class_02", "Class_03", "Class_04", "Class_05", "Notes"))


def wall_date(value: datetime) -> str:
    """# Reference: section 1.2, the milliseconds encode the server's local wall clock as if it were UTC."""
    return f"/Date({(value - _EPOCH) // _MILLISECOND})/"


def number(value: Decimal | float) -> float | int:
    """120 for 120.00: JSON numbers carry no trailing zeros."""
    return int(value) if value == int(value) else float(value)


_WRITERS: dict[str, Callable[[Any], Any]] = {"D": wall_date, "N": number, "L": str}


def key_text(endpoint: Endpoint, row: Row) -> str:
    parts = [_key_literal(endpoint, name, row.get(name)) for name in endpoint.keys]
    if len(parts) == 1:
        return parts[0]
    return ",".join(f"{name}={part}" for name, part in zip(endpoint.keys, parts, strict=True))


def _key_literal(endpoint: Endpoint, name: str, value: Any) -> str:
    kind = endpoint.properties[name].type
    if kind == "L":
        return f"{value}L"
    return f"guid'{value}'" if kind == "G" else (f"'{value}'" if kind == "S" else str(value))


@dataclass(frozen=True)
class Renderer:
    """For one endpoint and one `$select`; compiled once, used for every row of an answer."""

    endpoint: Endpoint
    root: str  # absolute address of the service, without the key
    columns: tuple[str, ...] | None = None
    expanded: dict[str, Callable[[Row], list[Row]]] | None = None
    utc: ZoneInfo | None = None  # the zone to convert from, where dates are switched to UTC
    blank: frozenset[str] | None = None  # answer only these, all else null

    def many(self, rows: Iterable[Row]) -> list[Row]:
        plan = self._plan()
        return [self._one(row, plan) for row in rows]

    def one(self, row: Row) -> Row:
        return self._one(row, self._plan())

    def _plan(self) -> list[tuple[str, Callable[[Any], Any] | None, bool]]:
        chosen = self.columns or tuple(self.endpoint.properties)
        wanted = set(chosen) | set(self.expanded or ())
        return [
            (name, self._writer(found.type), found.type == "C")
            for name, found in self.endpoint.properties.items()
            if name in wanted
        ]

    def _writer(self, kind: str) -> Callable[[Any], Any] | None:
        if kind == "D" and self.utc is not None:
            zone = self.utc
            return lambda value: wall_date(as_utc(value, zone))
        return _WRITERS.get(kind)

    def _one(self, row: Row, plan: list[tuple[str, Callable[[Any], Any] | None, bool]]) -> Row:
        uri = f"{self.root}({key_text(self.endpoint, row)})"
        out: Row = {"__metadata": {"uri": uri, "type": self.endpoint.model}}
        for name, write, collection in plan:
            if collection:
                out[name] = self._collection(name, row, uri)
                continue
            value = row.get(name)
            if value is not None and self.blank is not None and name not in self.blank:
                value = None
            out[name] = write(value) if write is not None and value is not None else value
        return out

    def _collection(self, name: str, row: Row, uri: str) -> Any:
        if self.expanded and name in self.expanded:
            return {"results": self.expanded[name](row)}
        return None if name in _NULL_COLLECTIONS else {"__deferred": {"uri": f"{uri}/{name}"}}


def literal(value: Any) -> str:
    """A value as it stands in `$skiptoken`."""
    if isinstance(value, datetime):
        text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return f"datetime'{text}'"
    if isinstance(value, str):
        guid = len(value) == 36 and value.count("-") == 4  # noqa: PLR2004
        quoted = value.replace("'", "''")
        return f"guid'{value}'" if guid else f"'{quoted}'"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def token(values: Iterable[Any], key: Key) -> str:
    keys = key if isinstance(key, tuple) else (key,)
    return ",".join(literal(value) for value in (*values, *keys))
