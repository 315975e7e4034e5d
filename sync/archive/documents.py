"""A row of Exact as it is archived: its document digit for digit, its digest, its time, its amount. Pure.

Reference: exact-online.md 1 (2) and 8.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from connections.providers.errors import Unreadable
from connections.providers.exact.values import wall_clock
from connections.providers.payload import Reader

VERSION = "Timestamp"
LONGEST_KEY = 100
# Sums are reckoned with ten decimals on both sides; what has more digits before the point is left out of both.
PLACES, WHOLE = Decimal("1e-10"), 28
ZERO = Decimal(0)
# Whose wall clock a country site writes. A guess: a division abroad may live in another zone than its site.
ZONES = {"uk": "Europe/London", "us": "America/New_York"}
# Stands around numbers while a document is written, so that they keep their digits. No record can know it.
_MARK = secrets.token_hex(16)
_MARKED = re.compile(f'"{_MARK}:([^"]*)"')


@dataclass(frozen=True, slots=True)
class Document:
    """`digest` is of everything but the row version: a version that went up alone is no news."""

    key: str
    text: str
    digest: str
    version: int
    modified: datetime | None
    row: Mapping[str, Any]


def read(row: Mapping[str, Any], key: str, path: str) -> Document:
    """Raises `Unreadable` for a row that says not which record it is."""
    reader = Reader(row, path)
    found = reader.data.get(key)
    name = str(found).strip("{} ").lower() if isinstance(found, str | int) and not isinstance(found, bool) else ""
    if not name or len(name) > LONGEST_KEY:
        raise Unreadable(f"{path}.{key} names no record")
    content = {name: value for name, value in row.items() if name != VERSION and not name.startswith("__")}
    text = written(content)
    version = reader.optional_integer(VERSION, default=None)
    digest = sha256(text.encode(errors="surrogatepass")).hexdigest()
    if VERSION in row:
        text = f'{text[:-1]}{"," if content else ""}"{VERSION}":{json.dumps(row[VERSION])}}}'
    return Document(name, text, digest, version or 0, wall_clock(reader, "Modified"), row)


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
    with localcontext(prec=60):
        return amount.quantize(PLACES, rounding=ROUND_HALF_UP)


def total(*amounts: Decimal | str) -> Decimal:
    with localcontext(prec=60):
        return sum((Decimal(amount) for amount in amounts), ZERO)


def instant(wall: datetime | None, region: str) -> datetime | None:
    """Of a wall clock time of the site. In the hour that comes twice it is the earlier one."""
    return wall.replace(tzinfo=ZoneInfo(ZONES.get(region, "Europe/Amsterdam"))).astimezone(UTC) if wall else None


def wall(at: datetime, region: str) -> datetime:
    """The site's wall clock at that instant."""
    return at.astimezone(ZoneInfo(ZONES.get(region, "Europe/Amsterdam"))).replace(tzinfo=None)
