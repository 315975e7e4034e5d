"""How Exact writes things: wall-clock times, padded codes, numbers as text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from connections.providers.errors import Unreadable
from connections.providers.payload import Reader

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose, see `wall_clock`
WRITTEN = re.compile(r"/Date\((-?\d{1,16})\)/")


def wall_clock(reader: Reader, name: str) -> datetime | None:
    """A naive local time of the site; None when absent.

    The milliseconds of `/Date(ms)/` are the site's wall clock written as if it were UTC, without a mark at the change
    of summer time: to convert it is the business of whoever knows the zone. Reference: exact-online.md 1 (2).
    """
    text = reader.optional_text(name, default=None)
    if text is None:
        return None
    try:
        if found := WRITTEN.fullmatch(text):
            return EPOCH + timedelta(milliseconds=int(found[1]))
        moment = datetime.fromisoformat(text)  # `Me.ServerTime` is written like this
    except (ValueError, OverflowError):
        raise Unreadable(f"{reader.path}.{name} is not a time as Exact writes it") from None
    if moment.tzinfo is not None:
        raise Unreadable(f"{reader.path}.{name} is a time with a zone")
    return moment


def trimmed(reader: Reader, name: str) -> str:
    """A code without Exact's padding; "" when absent."""
    return str(reader.optional_text(name)).strip()


def number(reader: Reader, name: str) -> int | None:
    """A whole number, also when written as text; None when absent."""
    value: int | None = reader.optional_integer(name, default=None)
    return value


def guid(reader: Reader, name: str) -> str:
    """A GUID in lower case, as Exact compares them; "" when absent."""
    return str(reader.optional_text(name)).strip("{} ").lower()


def required_guid(reader: Reader, name: str) -> str:
    reader.text(name)
    return guid(reader, name)
