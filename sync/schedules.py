"""The four schedules the queue needs, written by code; business cadence lives on the lane."""

from __future__ import annotations

from django_q.models import Schedule

SCHEDULES = (
    ("sweep", "sync.tasks.sweep", {"schedule_type": Schedule.MINUTES, "minutes": 1}),
    ("beat", "sync.tasks.beat", {"schedule_type": Schedule.MINUTES, "minutes": 1}),
    ("look", "sync.tasks.look", {"schedule_type": Schedule.MINUTES, "minutes": 1}),
    ("nightly", "sync.tasks.nightly", {"schedule_type": Schedule.DAILY}),
)


def ensure() -> None:
    """Create or put right the four, and remove every other: a Schedule row can run any dotted path."""
    for name, func, timing in SCHEDULES:
        Schedule.objects.update_or_create(name=name, defaults={"func": func, "repeats": -1, "args": None, **timing})
    Schedule.objects.exclude(name__in=[name for name, _, _ in SCHEDULES]).delete()
