"""The sandbox's own clock. Quotas, token ages and late commits all run on it.

Reads the same `TILLBRIDGE_CLOCK=<origin>,<speed>` as the product, with an implementation of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

VARIABLE = "TILLBRIDGE_CLOCK"


def _epoch(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


def source_from(setting: str) -> Callable[[], datetime]:
    """What the setting means; empty is real time. Raises `ValueError` with a sentence."""
    if not setting:
        return lambda: datetime.now(UTC)
    origin_text, _, speed_text = setting.rpartition(",")
    try:
        origin, speed = _epoch(origin_text), float(speed_text)
    except ValueError:
        raise ValueError(f"{VARIABLE} must read '<epoch seconds or RFC 3339 time>,<speed>'.") from None
    if speed <= 0:
        raise ValueError(f"{VARIABLE} needs a speed above 0.")
    return lambda: datetime.fromtimestamp(origin + (time.time() - origin) * speed, UTC)


class SandboxClock:
    """Aware UTC time from a source (by default the environment variable), plus whatever it was advanced by."""

    def __init__(self, source: Callable[[], datetime] | None = None) -> None:
        self._source = source or source_from(os.environ.get(VARIABLE, ""))
        self._ahead = timedelta()

    def now(self) -> datetime:
        return self._source().astimezone(UTC) + self._ahead

    def advance(self, seconds: float) -> datetime:
        """Move on; never back. Returns the new time."""
        if seconds < 0:
            raise ValueError("The sandbox clock only moves forward.")
        self._ahead += timedelta(seconds=seconds)
        return self.now()
