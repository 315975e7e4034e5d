"""How long a source is usually silent: a table of lives, and what holds for all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections import habit

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def shop(
    days: int = 28, *, opens: int = 9, closes: int = 18, closed: tuple[int, ...] = (), holidays: tuple[int, ...] = ()
):
    """An event each half hour of its opening, from a Monday on. `closed`: weekdays; `holidays`: days from the start."""
    midnight = START.replace(hour=0)
    return [
        midnight + timedelta(days=day, hours=hour, minutes=minute)
        for day in range(days)
        if day % 7 not in closed and day not in holidays
        for hour in range(opens, closes)
        for minute in (0, 30)
    ]


NIGHT, WEEKEND, SUNDAY = timedelta(hours=15.5), timedelta(hours=63.5), timedelta(hours=39.5)


@pytest.mark.parametrize(
    ("moments", "usual"),
    [
        (shop(), NIGHT),
        (shop(closed=(6,)), SUNDAY),
        (shop(closed=(5, 6)), WEEKEND),
        (shop(holidays=(10,)), NIGHT),
        (shop(holidays=(10, 20)), NIGHT),
        (shop(closed=(6,), holidays=(10, 11, 12)), SUNDAY),
        (shop(days=8), NIGHT),
        (shop(days=6), None),
        ([], None),
        ([START], None),
        ([START + timedelta(days=day) for day in range(19)], None),
        ([START + timedelta(days=day) for day in range(20)], timedelta(days=1)),
        ([START] * 50, None),
    ],
    ids=["every day", "closed on Sundays", "closed at weekends", "a holiday", "two holidays", "an outage of three days",
         "a week", "less than a week", "nothing", "one event", "too few", "just enough", "all at once"],
)  # fmt: skip
def test_the_habit_of_a_source_is_its_longest_pause_but_two(moments, usual):
    assert habit.usual_quiet(moments) == usual


@pytest.mark.parametrize(
    ("quiet", "usual", "too_long"),
    [
        (NIGHT, NIGHT, False), (NIGHT * 1.5, NIGHT, False), (NIGHT * 1.51, NIGHT, True),
        (timedelta(minutes=59), timedelta(minutes=1), False), (timedelta(minutes=61), timedelta(minutes=1), True),
        (WEEKEND, WEEKEND, False), (timedelta(days=5), WEEKEND, True), (timedelta(days=5), timedelta(), True),
    ],
)  # fmt: skip
def test_a_silence_is_too_long_beyond_half_as_much_again(quiet, usual, too_long):
    assert habit.is_too_long(quiet, usual=usual) is too_long


@given(pauses=st.lists(st.integers(1, 100_000), min_size=25, max_size=80))
def test_at_most_two_pauses_of_the_past_were_longer_than_the_habit(pauses):
    moments = [START]
    for seconds in pauses:
        moments.append(moments[-1] + timedelta(seconds=seconds))
    usual = habit.usual_quiet(moments)

    if moments[-1] - moments[0] < habit.SHORTEST_HISTORY:
        assert usual is None
    else:
        assert usual is not None
        assert sum(timedelta(seconds=seconds) > usual for seconds in pauses) <= habit.ACCIDENTS
        assert usual in {timedelta(seconds=seconds) for seconds in pauses}
