"""A row of Exact as it is archived: its document digit for digit, its digest, its time, its amount. Pure.

Reference: exact-online.md 1 (2) and 8.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from connections.providers.errors import Unreadable
from connections.providers.exact.values import wall_clock
from connections.providers.exact.written import Written
from connections.providers.payload import Reader

VERSION = "Timestamp"
LONGEST_KEY = 100
# Sums are reckoned with ten decimals on both sides; what has more digits before the point is left out of both.
PLACES, WHOLE = Decimal("1e-10"), 28
_EXACT = Context(prec=60)
ZERO = Decimal(0)
# Whose wall clock a country site writes. A guess: a division abroad may live in another zone than its site.
ZONES = {"uk": "Europe/London", "us": "America/New_York"}
EMPTY = len("{}")
# A row up to its first property, with the separators of JSON as they come.
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_HEAD = re.compile(
    rf'\{{\s*(?:"__metadata"\s*:\s*\{{\s*"uri"\s*:\s*{_TEXT}\s*,\s*"type"\s*:\s*{_TEXT}\s*\}}\s*,\s*)?'
    rf'("{VERSION}"\s*:\s*(?:"\d+"|\d+)\s*,\s*)?(?=")'
)
# Stands around numbers while a document is written, so that they keep their digits. No record can know it.
_MARK = secrets.token_hex(16)
_MARKED = re.compile(f'"{_MARK}:([^"]*)"')


class Document(NamedTuple):
    """`digest` is of everything but the row version: a version that went up alone is no news."""

    key: str
    text: str
    digest: str
    version: int
    modified: datetime | None
    row: Mapping[str, Any]


def read(found: Written, key: str, path: str) -> Document:
    """Raises `Unreadable` for a row that says not which record it is."""
    row, reader = found.row, Reader(found.row, path)
    named = row.get(key)
    name = str(named).strip("{} ").lower() if isinstance(named, str | int) and not isinstance(named, bool) else ""
    if not name or len(name) > LONGEST_KEY:
        raise Unreadable(f"{path}.{key} names no record")
    text = _as_written(found) or _written_anew(row)
    version = reader.optional_integer(VERSION, default=None)
    digest = sha256(text.encode(errors="surrogatepass")).hexdigest()
    if VERSION in row:
        text = f'{{"{VERSION}":{json.dumps(row[VERSION])}{"," if len(text) > EMPTY else ""}{text[1:]}'
    return Document(name, text, digest, version or 0, wall_clock(reader, "Modified"), row)


def _as_written(found: Written) -> str:
    """The row as Exact wrote it, without what stands before its first property: the address it came from and its row
    version. Empty for one that is written any other way, holds other objects, or names a property twice, which
    Snowflake would not read. That is told by the row alone: a row that stays the same is always written the same.
    """
    head = _HEAD.match(found.text)
    if head is None:
        return ""
    named = len(found.row) - ("__metadata" in found.row) - (VERSION in found.row)
    # Each name that is given twice is counted twice here, and so is what only looks like a name.
    is_plain = found.text.count('":', head.end()) == named > 0 and bool(head[1]) == (VERSION in found.row)
    return "{" + found.text[head.end() :] if is_plain else ""


def _written_anew(row: Mapping[str, Any]) -> str:
    return written({name: value for name, value in row.items() if name != VERSION and not name.startswith("__")})


def written(value: object) -> str:
    """JSON in which every number has the digits it came with."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_marked, allow_nan=False)
    return _MARKED.sub(r"\1", text)


def _marked(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return f"{_MARK}:{value}"
    raise TypeError(f"{type(value).__name__} is not JSON")


def amount_of(row: Mapping[str, Any], field: str) -> Decimal:
    """What the row adds to the sum of its table, rounded as Snowflake rounds. Zero where there is no number."""
    value = row.get(field) if field else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return ZERO
    amount = Decimal(value)
    return ZERO if amount and amount.adjusted() >= WHOLE else rounded(amount)


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(PLACES, rounding=ROUND_HALF_UP, context=_EXACT)


def total(*amounts: Decimal | str) -> Decimal:
    with localcontext(_EXACT):
        return sum((Decimal(amount) for amount in amounts), ZERO)


@lru_cache(maxsize=1024)
def instant(wall: datetime | None, region: str) -> datetime | None:
    """Of a wall clock time of the site. In the hour that comes twice it is the earlier one."""
    return wall.replace(tzinfo=_zone(region)).astimezone(UTC) if wall else None


def wall(at: datetime, region: str) -> datetime:
    """The site's wall clock at that instant."""
    return at.astimezone(_zone(region)).replace(tzinfo=None)


def _zone(region: str) -> ZoneInfo:
    return ZoneInfo(ZONES.get(region, "Europe/Amsterdam"))
