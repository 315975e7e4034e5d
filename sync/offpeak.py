"""Hours of the day in which history is read, in a division's zone: arithmetic on moments, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# So many openings ahead are looked at, no more: whoever needs longer hears so.
MOST_DAYS = 3_660


@dataclass(frozen=True, slots=True)
class Window:
    """From one full hour to another, local time; over midnight where the first is the later. Equal: all day."""

    from_hour: int
    to_hour: int
    zone: ZoneInfo

    @property
    def hours(self) -> int:
        """How many a day has of it."""
        return (self.to_hour - self.from_hour) % 24 or 24

    def is_open(self, moment: datetime) -> bool:
        """By the clock on the wall: nights of a change of time are an hour longer or shorter."""
        return (moment.astimezone(self.zone).hour - self.from_hour) % 24 < self.hours

    def opens(self, moment: datetime) -> datetime:
        """The moment itself while it is open, else the next full hour at which it opens."""
        if self.is_open(moment):
            return moment
        local = moment.astimezone(self.zone)
        coming = local.replace(hour=self.from_hour, minute=0, second=0, microsecond=0)
        if coming <= local:
            coming += DAY
        return coming.astimezone(moment.tzinfo)


@dataclass(frozen=True, slots=True)
class Estimate:
    """`days`: on how many days it is at work, the present one included."""

    days: int
    done_at: datetime


def estimate(work: timedelta, window: Window, *, now: datetime) -> Estimate | None:
    """When so much work will be done if it is done only while the window is open. None: in more than ten years."""
    begin, left = window.opens(now), work
    for day in range(1, MOST_DAYS):
        end = _closes(begin, window)
        if begin + left <= end:
            return Estimate(day, begin + left)
        left -= end - begin
        begin = window.opens(end) if window.hours < 24 else end  # noqa: PLR2004 - hours of a day
    return None


def _closes(moment: datetime, window: Window) -> datetime:
    """The end of the opening that holds this moment; a window of all day ends a day at its own hour."""
    local = moment.astimezone(window.zone)
    end = local.replace(hour=window.to_hour, minute=0, second=0, microsecond=0)
    if end <= local:
        end += DAY
    return end.astimezone(moment.tzinfo)


def reading(records: int, *, a_minute: float) -> timedelta:
    """How long reading so many takes, in whole minutes."""
    return timedelta(minutes=ceil(records / a_minute)) if records > 0 else timedelta(0)
