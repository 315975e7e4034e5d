"""`manage.py health`: the checks of the page "System health" on the terminal, for the person on call and for cron."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from connections import clock
from sync import vitals


class Command(BaseCommand):
    help = "Say whether the database, the workers, the work and the connections are well. Exit code 1 when not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, **options: Any) -> None:
        first = vitals.database_check()
        checks = vitals.checks(clock.now()) if first.is_well else [first]
        if options["json"]:
            told = [{"check": row.name, "well": row.is_well, "sentence": row.sentence} for row in checks]
            self.stdout.write(json.dumps({"checks": told}, indent=2))
        else:
            for row in checks:
                self.stdout.write(f"{'well   ' if row.is_well else 'FAILING'} {row.title}: {row.sentence}")
        failing = [row.title for row in checks if not row.is_well]
        if failing:
            raise CommandError(f"{len(failing)} of {len(checks)} checks fail: {', '.join(failing)}.")
