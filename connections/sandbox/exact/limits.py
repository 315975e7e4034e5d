"""Quotas per app and company, and the error budget. All on the sandbox clock, in real UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connections.sandbox.exact.apps import App

ERROR_STATUSES = frozenset((400, 401, 403, 404))
ERRORS_ALLOWED = 10
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass
class Window:
    """A fixed window: the clock minute, or the UTC day."""

    ends: datetime
    used: int = 0


class Quotas:
    def __init__(self) -> None:
        self._minutes: dict[tuple[str, int], Window] = {}
        self._days: dict[tuple[str, int], Window] = {}

    def count(self, app: App, division: int, now: datetime) -> dict[str, str] | None:
        """Count a call and return the headers of its answer, or None when a window is full."""
        minute, day = self._windows(app, division, now)
        if minute.used >= app.limits.minute or day.used >= app.limits.day:
            return None
        minute.used += 1
        day.used += 1
        return {**_day_headers(app, day), **_minute_headers(app, minute)}

    def exceeded(self, app: App, division: int, now: datetime) -> dict[str, str]:
        """# Reference: section 4, a 429 carries the headers of the exceeded window only."""
        minute, day = self._windows(app, division, now)
        return _day_headers(app, day) if day.used >= app.limits.day else _minute_headers(app, minute)

    def _windows(self, app: App, division: int, now: datetime) -> tuple[Window, Window]:
        who = (app.client_id, division)
        minute = _current(self._minutes, who, now, now.replace(second=0, microsecond=0) + _MINUTE)
        day = _current(self._days, who, now, now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY)
        return minute, day


def _current(windows: dict[tuple[str, int], Window], who: tuple[str, int], now: datetime, ends: datetime) -> Window:
    window = windows.get(who)
    if window is None or window.ends <= now:
        window = windows[who] = Window(ends)
    return window


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp()) * 1000)


def _day_headers(app: App, window: Window) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(app.limits.day),
        "X-RateLimit-Remaining": str(max(0, app.limits.day - window.used)),
        "X-RateLimit-Reset": _milliseconds(window.ends),
    }


def _minute_headers(app: App, window: Window) -> dict[str, str]:
    return {
        "X-RateLimit-Minutely-Limit": str(app.limits.minute),
        "X-RateLimit-Minutely-Remaining": str(max(0, app.limits.minute - window.used)),
        "X-RateLimit-Minutely-Reset": _milliseconds(window.ends),
    }


class ErrorBudget:
    """# Reference: section 4, more than 10 errors of one endpoint in an hour block the key, each time twice as long.

    Whether the hour rolls and what is blocked is unconfirmed: here it rolls, and app, user and company are blocked.
    """

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str, int, str], list[datetime]] = {}
        self._blocked: dict[tuple[str, str, int], datetime] = {}
        self._strikes: dict[tuple[str, str, int], int] = {}

    def blocked_until(self, client: str, user: str, division: int, now: datetime) -> datetime | None:
        until = self._blocked.get((client, user, division))
        return until if until and until > now else None

    def note(self, client: str, user: str, division: int, endpoint: str, now: datetime) -> None:
        place = (client, user, division, endpoint)
        recent = [moment for moment in self._errors.get(place, ()) if moment > now - _HOUR]
        recent.append(now)
        self._errors[place] = recent
        if len(recent) > ERRORS_ALLOWED:
            key = place[:3]
            self._strikes[key] = self._strikes.get(key, 0) + 1
            self._blocked[key] = now + _HOUR * 2 ** (self._strikes[key] - 1)
            self._errors[place] = []
