"""One fast clock for all processes of a schedule, which can be moved on while they run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from connections import clock


class Ahead(Protocol):
    """A number in memory that all processes of a schedule share: seconds ahead of the clock of the environment."""

    value: float


class SharedClock(clock.Clock):
    """The clock of `TILLBRIDGE_CLOCK` plus `ahead`."""

    def __init__(self, base: clock.Clock, ahead: Ahead) -> None:
        super().__init__(origin=base.origin, speed=base.speed)
        self.ahead = ahead

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead.value)

    def start_at(self, moment: datetime) -> None:
        self.ahead.value = (moment - super().now()).total_seconds()

    def pass_by(self, seconds: float) -> None:
        self.ahead.value += max(0.0, seconds)

    def pass_until(self, moment: datetime | None) -> None:
        if moment is not None:
            self.pass_by((moment - self.now()).total_seconds() + 1)
