"""What Exact's answers tell about its quotas.

Reference: exact-online.md section 4: fixed clock minute and UTC day; resets in epoch milliseconds, real UTC; on a 429
only the headers of the exceeded window are sent, so that a missing header says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from connections.providers.http import next_minute

DAY = "X-RateLimit-"
MINUTE = "X-RateLimit-Minutely-"


@dataclass(frozen=True, slots=True)
class Window:
    """One quota; None is "not told"."""

    limit: int | None = None
    remaining: int | None = None
    reset: datetime | None = None

    @property
    def is_told(self) -> bool:
        return self != Window()

    def updated(self, newer: Window) -> Window:
        """With what the newer answer told; what it left out stays."""
        return Window(
            limit=self.limit if newer.limit is None else newer.limit,
            remaining=self.remaining if newer.remaining is None else newer.remaining,
            reset=newer.reset or self.reset,
        )


@dataclass(frozen=True, slots=True)
class Limits:
    day: Window = Window()
    minute: Window = Window()

    def updated(self, newer: Limits) -> Limits:
        return Limits(day=self.day.updated(newer.day), minute=self.minute.updated(newer.minute))


def parse(headers: Mapping[str, str]) -> Limits:
    """From the headers of any answer. Unreadable values count as missing. `headers` must ignore case."""
    return Limits(day=_window(headers, DAY), minute=_window(headers, MINUTE))


def blocked_until(headers: Mapping[str, str], *, now: datetime) -> datetime:
    """When a 429 ends: the latest reset of an exceeded window, else the next minute.

    A window told alone is the exceeded one. Two windows that both have calls left explain nothing (it may be the block
    by the error limit, whose form is unknown): the next minute, so that a day is never lost to a guess.
    """
    limits = parse(headers)
    told = [window for window in (limits.day, limits.minute) if window.is_told]
    exceeded = told if len(told) == 1 else [window for window in told if window.remaining == 0]
    resets = [window.reset for window in exceeded if window.reset and window.reset > now]
    return max(resets, default=next_minute(now))


def _window(headers: Mapping[str, str], prefix: str) -> Window:
    return Window(
        limit=_number(headers.get(prefix + "Limit")),
        remaining=_number(headers.get(prefix + "Remaining")),
        reset=_moment(_number(headers.get(prefix + "Reset"))),
    )


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < len("1000000000000000") else None


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
