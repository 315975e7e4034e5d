"""The one clock. Everything that asks what time it is asks here.

`TILLBRIDGE_CLOCK=<origin>,<speed>` makes it run fast from a moment on: `origin` is the real time (epoch seconds or
RFC 3339) at which fast and real time were equal, so every process that reads the same value shares the same time.
Only allowed while every connection is a local sandbox (`connections.checks`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.conf import settings


class Clock:
    """Aware UTC time and a sleep that counts in the same seconds."""

    def __init__(self, *, origin: float = 0.0, speed: float = 1.0) -> None:
        self.origin = origin
        self.speed = speed

    @classmethod
    def parse(cls, setting: str) -> Clock:
        """From the setting; empty is real time. Raises `ValueError` with a sentence."""
        if not setting:
            return cls()
        origin, _, speed = setting.rpartition(",")
        try:
            began = (
                float(origin) if origin.replace(".", "", 1).isdigit() else datetime.fromisoformat(origin).timestamp()
            )
            factor = float(speed)
        except ValueError:
            raise ValueError("TILLBRIDGE_CLOCK must read '<epoch seconds or RFC 3339 time>,<speed>'.") from None
        if factor <= 0:
            raise ValueError("TILLBRIDGE_CLOCK needs a speed above 0.")
        return cls(origin=began, speed=factor)

    def now(self) -> datetime:
        real = time.time()
        return datetime.fromtimestamp(self.origin + (real - self.origin) * self.speed, UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds) / self.speed)


_clock: Clock | None = None


def current() -> Clock:
    global _clock  # noqa: PLW0603 - one clock per process, that is the point
    if _clock is None:
        _clock = Clock.parse(settings.TILLBRIDGE_CLOCK)
    return _clock


def install(clock: Clock | None) -> Callable[[], None]:
    """Use another clock in this process; returns what puts the old one back. For prove and tests."""
    global _clock
    before, _clock = _clock, clock

    def restore() -> None:
        global _clock  # noqa: PLW0603
        _clock = before

    return restore


def now() -> datetime:
    return current().now()


def sleep(seconds: float) -> None:
    current().sleep(seconds)


def outside(span: timedelta) -> timedelta:
    """How long it lasted outside: queue and supervisor live in real time, also where our clock runs fast."""
    return span / current().speed
