"""How long a source is usually silent, learned from when its events came; pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime, timedelta

# Four weeks hold each weekly closing day at least three times.
LOOKS_BACK = timedelta(days=28)
# Pauses that happen once or twice in four weeks are a holiday or an outage, and no habit.
ACCIDENTS = 2
# Less than this tells nothing about nights and weekends.
SHORTEST_HISTORY = timedelta(days=7)
FEWEST_EVENTS = 20
# How much longer than the habit is too long; and what is never too long.
FACTOR = 1.5
NEVER_TOO_LONG = timedelta(hours=1)


def usual_quiet(moments: Iterable[datetime]) -> timedelta | None:
    """The longest pause between events that is no accident, of moments in order; None while too little is known.

    The pause that lasts now is none of them: it is what is judged.
    """
    first = last = None
    count = 0
    gaps: list[timedelta] = []
    for moment in moments:
        if last is not None:
            gaps = heapq.nlargest(ACCIDENTS + 1, [*gaps, moment - last])
        first, last, count = first or moment, moment, count + 1
    if first is None or last is None or count < FEWEST_EVENTS or last - first < SHORTEST_HISTORY:
        return None
    return gaps[-1]


def is_too_long(quiet: timedelta, *, usual: timedelta) -> bool:
    """Whether a silence is longer than the habit allows for."""
    return quiet > max(NEVER_TOO_LONG, usual * FACTOR)
