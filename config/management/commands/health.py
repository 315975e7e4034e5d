"""`manage.py health`: the checks of the page "System health" on the terminal, for the person on call and for cron."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from connections import clock
from sync import vitals


def _figures() -> dict[str, Any]:
    """`backlog`: records that are not in the books, by state. `quota`: calls of each division's day."""
    now = clock.now()
    return {
        "backlog": vitals.backlog(),
        "quota": [
            {
                "connection": str(row.connection),
                "division": row.division,
                "left": vitals.calls_left(row, now),
                "allowed": row.day_limit,
            }
            for row in vitals.budgets()
        ],
    }


def _lines(figures: Mapping[str, Any]) -> Iterator[str]:
    if not figures:
        return
    backlog = figures["backlog"]
    told = ", ".join(f"{count:,} {state}" for state, count in sorted(backlog.items()))
    yield f"        Backlog: {told or 'no records'}"
    for row in figures["quota"]:
        where = f"{row['connection']}, division {row['division']}"
        yield f"        Quota: {row['left']:,} of {row['allowed']:,} calls left today at {where}"


class Command(BaseCommand):
    help = (
        "Say whether the database, the workers, the work, the connections and the audit trail are well, how much "
        "waits, and how many calls are left today. Exit code 1 when something is not well."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, **options: Any) -> None:
        first = vitals.database_check()
        checks = vitals.checks(clock.now()) if first.is_well else [first]
        figures = _figures() if first.is_well else {}
        if options["json"]:
            told = [{"check": row.name, "well": row.is_well, "sentence": row.sentence} for row in checks]
            self.stdout.write(json.dumps({"checks": told, **figures}, indent=2))
        else:
            for row in checks:
                self.stdout.write(f"{'well   ' if row.is_well else 'FAILING'} {row.title}: {row.sentence}")
            for line in _lines(figures):
                self.stdout.write(line)
        failing = [row.title for row in checks if not row.is_well]
        if failing:
            raise CommandError(f"{len(failing)} of {len(checks)} checks fail: {', '.join(failing)}.")
