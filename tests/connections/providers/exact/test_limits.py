from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from connections.providers.exact.limits import Limits, Window, blocked_until, parse
from tests.connections.providers.doubles import NOW

MINUTE_END = datetime(2026, 3, 14, 9, 27, tzinfo=UTC)
DAY_END = datetime(2026, 3, 15, tzinfo=UTC)


def headers(**values: object) -> CaseInsensitiveDict[str]:
    return CaseInsensitiveDict({f"X-RateLimit-{name.replace('_', '-')}": str(value) for name, value in values.items()})


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_resets_are_epoch_milliseconds_as_recorded() -> None:
    limits = parse(headers(Reset=1683936000000, Minutely_Reset=1683879540000, Minutely_Remaining=59, Limit=5000))
    assert limits.day == Window(limit=5000, reset=datetime(2023, 5, 13, tzinfo=UTC))
    assert limits.minute == Window(remaining=59, reset=datetime(2023, 5, 12, 8, 19, tzinfo=UTC))


def test_missing_headers_do_not_overwrite_what_is_known() -> None:
    known = parse(headers(Limit=5000, Remaining=10, Reset=millis(DAY_END), Minutely_Limit=60, Minutely_Remaining=3))
    newer = known.updated(parse(headers(Minutely_Remaining=2)))
    assert newer.day == known.day
    assert newer.minute == Window(limit=60, remaining=2)
    assert known.updated(Limits()) == known


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "٣", "9" * 30])
def test_an_unreadable_header_counts_as_missing(text: str) -> None:
    assert parse(headers(Remaining=text, Reset=text)) == Limits()


def test_the_exceeded_window_is_the_one_that_is_told() -> None:
    assert blocked_until(headers(Reset=millis(DAY_END)), now=NOW) == DAY_END
    assert blocked_until(headers(Minutely_Reset=millis(MINUTE_END)), now=NOW) == MINUTE_END


def test_of_two_windows_the_one_without_calls_left_decides() -> None:
    both = headers(Remaining=7, Reset=millis(DAY_END), Minutely_Remaining=0, Minutely_Reset=millis(MINUTE_END))
    assert blocked_until(both, now=NOW) == MINUTE_END
    both["X-RateLimit-Remaining"] = "0"
    assert blocked_until(both, now=NOW) == DAY_END


@pytest.mark.parametrize(
    "given_headers",
    [
        headers(),
        headers(Minutely_Reset=millis(NOW - timedelta(seconds=1))),
        headers(Reset=1683936000),  # seconds, as one client assumes: a moment in 1970
        headers(Remaining=7, Reset=millis(DAY_END), Minutely_Remaining=9, Minutely_Reset=millis(MINUTE_END)),
    ],
    ids=["nothing", "past", "seconds", "calls left"],
)
def test_headers_that_explain_nothing_mean_the_next_minute(given_headers: CaseInsensitiveDict[str]) -> None:
    assert blocked_until(given_headers, now=NOW) == MINUTE_END


@given(st.dictionaries(st.sampled_from(["Reset", "Remaining", "Minutely_Reset", "Minutely_Remaining"]), st.text()))
def test_no_header_makes_the_wait_end_in_the_past(values: dict[str, str]) -> None:
    assert blocked_until(headers(**values), now=NOW) > NOW
