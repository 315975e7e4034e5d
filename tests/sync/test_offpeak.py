"""Hours in which history is read, and when so much work is done in them: tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import offpeak
from sync.offpeak import Estimate, Window

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NIGHT = Window(22, 6, AMSTERDAM)
LUNCH = Window(12, 13, AMSTERDAM)
ALWAYS = Window(9, 9, AMSTERDAM)


def utc(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    """One hour behind Amsterdam in winter, two in summer."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "moment", "opens"),
    [
        (NIGHT, utc(10, 20, 59), utc(10, 21)),
        (NIGHT, utc(10, 21), utc(10, 21)),
        (NIGHT, utc(11, 4, 59), utc(11, 4, 59)),
        (NIGHT, utc(11, 5), utc(11, 21)),
        (NIGHT, utc(10, 19, 59, month=7), utc(10, 20, month=7)),
        (LUNCH, utc(10, 12), utc(11, 11)),
        (ALWAYS, utc(10, 3), utc(10, 3)),
        (NIGHT, utc(28, 20, 30, month=3), utc(28, 21, month=3)),  # the night the clock goes forward
    ],
)
def test_a_window_opens_at_its_hour_in_its_zone(window, moment, opens) -> None:
    assert window.opens(moment) == opens
    assert window.is_open(opens)


@pytest.mark.parametrize(
    ("hours", "window", "now", "found"),
    [
        (0, NIGHT, utc(10, 12), Estimate(1, utc(10, 21))),
        (2, NIGHT, utc(10, 12), Estimate(1, utc(10, 23))),
        (8, NIGHT, utc(10, 12), Estimate(1, utc(11, 5))),
        (9, NIGHT, utc(10, 12), Estimate(2, utc(11, 22))),
        (9, NIGHT, utc(11, 4), Estimate(2, utc(12, 5))),
        (3, LUNCH, utc(10, 9), Estimate(3, utc(12, 12))),
        (30, ALWAYS, utc(10, 8), Estimate(2, utc(11, 14))),
        (24 * 40_000, NIGHT, utc(10, 8), None),
    ],
)
def test_work_is_done_in_as_many_openings_as_it_needs(hours, window, now, found) -> None:
    assert offpeak.estimate(timedelta(hours=hours), window, now=now) == found


@given(st.integers(0, 23), st.integers(0, 23), st.integers(0, 366 * 24 * 60))
def test_every_window_opens_within_a_day_or_so(begin, end, minutes) -> None:
    window, now = Window(begin, end, AMSTERDAM), utc(1, 0) + timedelta(minutes=minutes)

    opens = window.opens(now)

    assert now <= opens <= now + timedelta(hours=25)
