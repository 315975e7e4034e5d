"""Who leaves how much to whom: tables of cases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections import priorities
from connections.priorities import Claim, Priority

DAY = timedelta(days=1)
FIRST, SECOND, LAST = Priority.FIRST, Priority.SECOND, Priority.LAST


@pytest.mark.parametrize(
    ("priority", "leaves", "hours_left", "day", "burst"),
    [
        (Priority.PEOPLE, None, 24, 0, 0),
        (FIRST, None, 24, 500, 0),
        (FIRST, 40, 24, 500, 0),  # nobody but people comes before the first
        (SECOND, None, 24, 1500, 2),
        (SECOND, None, 12, 1000, 2),
        (SECOND, None, 0, 500, 2),
        (SECOND, 0, 24, 500, 0),
        (LAST, None, 24, 3000, 5),
        (LAST, None, 6, 1125, 5),
        (LAST, 80, 24, 4500, 8),
        (LAST, 80, 48, 4500, 8),  # a reset further off than a day
        (LAST, 80, -1, 500, 8),  # a reset that is over
    ],
)
def test_each_priority_leaves_its_share_of_what_is_left_of_the_day(priority, leaves, hours_left, day, burst) -> None:
    whose = priorities.claim(priority, leaves)

    kept = priorities.share(whose, day_limit=5000, burst=10, day_left=timedelta(hours=hours_left))

    assert (kept.day, kept.burst) == (day, burst)


@given(
    st.sampled_from(Priority),
    st.integers(0, 80),
    st.integers(1, 100_000),
    st.floats(1, 1000),
    st.timedeltas(timedelta(0), DAY),
)
def test_one_call_can_always_be_taken_and_lower_priorities_leave_at_least_as_much(
    priority, leaves, day_limit, burst, day_left
) -> None:
    kept = [
        priorities.share(priorities.claim(one), day_limit=day_limit, burst=burst, day_left=day_left) for one in Priority
    ]
    chosen = priorities.share(priorities.claim(priority, leaves), day_limit=day_limit, burst=burst, day_left=day_left)

    assert chosen.burst <= burst - 1
    assert 0 <= chosen.day <= day_limit
    assert [one.day for one in kept] == sorted(one.day for one in kept)
    assert [one.burst for one in kept] == sorted(one.burst for one in kept)


@pytest.mark.parametrize(
    ("whose", "remaining", "hours_left", "waits_hours"),
    [
        (Claim(LAST, 50), 1750, 12, 0.25),  # its share has just been reached: a quarter of an hour at least
        (Claim(LAST, 50), 1125, 12, 6),  # 625 above the people's: as much as is left to others six hours before the end
        (Claim(LAST, 50), 500, 12, 12),
        (Claim(SECOND, 20), 750, 12, 6),
        (Claim(FIRST, 0), 500, 12, 12),
        (Claim(Priority.PEOPLE, 0), 0, 12, 12),
        (Claim(LAST, 50), 520, 0.1, 0.1),
    ],
)
def test_whoever_left_its_share_is_told_when_there_is_more(whose, remaining, hours_left, waits_hours) -> None:
    waits = priorities.wait_for_day(whose, day_limit=5000, remaining=remaining, day_left=timedelta(hours=hours_left))

    assert waits == timedelta(hours=waits_hours)
