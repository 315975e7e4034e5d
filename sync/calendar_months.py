"""Months of the calendar, each by its first day: what pages, reports and commands ask for by the month."""

from __future__ import annotations

import calendar
from datetime import date, timedelta


def first_day(day: date) -> date:
    return day.replace(day=1)


def last_day(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def next_month(day: date) -> date:
    return last_day(day) + timedelta(days=1)


def month_before(day: date) -> date:
    return first_day(first_day(day) - timedelta(days=1))


def read(text: str) -> date:
    """'2026-04'. Raises `ValueError` for anything else."""
    return date.fromisoformat(f"{text}-01")
