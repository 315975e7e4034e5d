"""Run once after the database was restored from a backup, before the workers start."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit import context
from sync import restoring
from sync.restoring import Restored


class Command(BaseCommand):
    help = (
        "After a restore from backup: puts every lane in adopt mode, so that what Exact holds since then is found "
        "and not booked again, reads Square again from before the backup, and asks for consent where tokens are used "
        "up. Stop the workers first. May be run again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", metavar="TIME",
            help="When the backup was made, such as 2026-03-02T04:00+01:00. Default: the newest sign of life in it.",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        since = None
        if options["since"]:
            since = _moment(options["since"])
        with context.acting(actor=context.SYSTEM, trigger="person"):
            try:
                done = restoring.restored(since=since)
            except restoring.NotNow as standing:
                raise CommandError(str(standing)) from None
        for line in told(done):
            self.stdout.write(line)


def _moment(text: str) -> Any:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{text!r} is not a time such as 2026-03-02T04:00+01:00.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def told(done: Restored) -> list[str]:
    """What was done, and what is left for people."""
    lines = [f"The backup knows of nothing after {done.since:%Y-%m-%d %H:%M} UTC."]
    hours = done.span.total_seconds() / 3600
    lines += [
        f"Lane {lane}: in adopt mode; Square is read again from {hours:.1f} hours before where it was."
        for lane in done.lanes
    ]
    lines.append(f"{done.entries} entries were under way; each is looked up in Exact before anything else.")
    lines += [f"Connection {row}: give consent again on its page." for row in done.asking]
    lines.append("Now start the workers. When a lane's run has found everything, press 'End adopt mode' on the lane.")
    return lines
