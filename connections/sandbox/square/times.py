"""Square's timestamps: RFC 3339 in UTC, in three precisions, and as integers to sort by.

Reference: real sandbox records show `16:53:44.72Z` beside `16:53:44Z`, orders `.230Z`, tenders whole seconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from connections.sandbox.square.errors import invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$", re.IGNORECASE)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (at - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def trimmed(at: datetime) -> str:
    """Milliseconds without trailing zeros: `.230` is `.23`, `.000` is nothing."""
    whole, _, fraction = fixed(at)[:-1].partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def fixed(at: datetime) -> str:
    """Always three decimals, as orders have them."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def whole(at: datetime) -> str:
    """Whole seconds, as tenders have them."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parsed(text: str, *, field: str) -> int:
    """Microseconds of an RFC 3339 time in any precision and zone; refused otherwise."""
    if _RFC3339.match(text):
        try:
            return micros(datetime.fromisoformat(text.upper()))
        except ValueError:
            pass
    raise invalid("INVALID_TIME", f"`{text}` is not a valid RFC 3339 timestamp.", field=field)


def aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("The sandbox wants times with a zone.")
    return at.astimezone(UTC)
