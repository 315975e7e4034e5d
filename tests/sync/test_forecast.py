"""What a run needs and when it is done: tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import forecast
from sync.forecast import Allowance, Backlog, Need

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("backlog", "need"),
    [
        (Backlog(), Need(exact=0, square=0)),
        (Backlog(lists=4), Need(exact=0, square=4)),
        (Backlog(lists=4, reads_reference=True), Need(exact=9, square=4)),
        # 250 sales in 3 pages with their orders, each an entry, read back by 30
        (Backlog(lists=4, expected=250), Need(exact=250 + 9, square=4 + 6)),
        # the same in daily summaries: about one entry per 50
        (Backlog(lists=4, expected=250, entries_each=0.02), Need(exact=5 + 1, square=10)),
        (Backlog(held=10, entries_each=0.5), Need(exact=5 + 1, square=0)),
        (Backlog(drafted=3, ready=4, unconfirmed=30), Need(exact=7 + 2, square=0)),
        (Backlog(in_doubt=2), Need(exact=2, square=0)),
        # a plan sends nothing
        (Backlog(lists=4, expected=250, ready=9, in_doubt=1, sends=False), Need(exact=1, square=10)),
        (Backlog(usual=17, sends=False), Need(exact=17, square=0)),
    ],
)
def test_a_backlog_comes_to_calls(backlog, need) -> None:
    assert forecast.needs(backlog) == need


def allowed(left: int, kept: int = 500, a_minute: int = 50) -> Allowance:
    return Allowance(left=left, kept=kept, a_day=5000, a_minute=a_minute, resets_at=MIDNIGHT)


@pytest.mark.parametrize(
    ("calls", "allowance", "done_by"),
    [
        (0, allowed(4380), NOW),
        (500, allowed(4380), NOW + timedelta(minutes=10)),
        (3880, allowed(4380), NOW + timedelta(minutes=77.6)),
        (3980, allowed(4380), MIDNIGHT + timedelta(minutes=2)),
        (100, allowed(500), MIDNIGHT + timedelta(minutes=2)),
        (100, allowed(0), MIDNIGHT + timedelta(minutes=2)),
        (10_000, allowed(5000), MIDNIGHT + timedelta(days=1, minutes=20)),
        (10_000, allowed(5000, kept=5000), None),
        (1000, allowed(5000, a_minute=0), NOW + timedelta(minutes=1000)),
    ],
)
def test_calls_take_as_long_as_minute_and_day_allow(calls, allowance, done_by) -> None:
    assert forecast.done_by(calls, allowance, now=NOW) == done_by


@given(st.integers(0, 50_000), st.integers(0, 50_000), st.integers(0, 5000), st.integers(0, 4999))
def test_more_calls_are_never_done_sooner(fewer, more, left, kept) -> None:
    fewer, more = sorted((fewer, more))
    allowance = allowed(left, kept)

    assert NOW <= forecast.done_by(fewer, allowance, now=NOW) <= forecast.done_by(more, allowance, now=NOW)
