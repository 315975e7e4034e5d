"""`manage.py audit verify | head | export | archive`: the trail's proof, from the command line."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit import archive, bundle, seals, verification
from audit.archive import NotArchived
from audit.models import AuditEntry
from audit.verification import Broken, Progress
from connections import clock, signing
from connections.fields import DecryptionFailed


class Command(BaseCommand):
    help = "Verify, export and archive the audit trail. Ends with 1 when something does not stand, and names it."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser("verify", help="does every entry and every seal still stand?")
        verify.add_argument("--head", default="", help="a head that was mailed: the chain must still pass through it")
        verbs.add_parser("head", help="seal what is new, and say the head")
        export = verbs.add_parser("export", help="entries with their proof, as one zip file")
        export.add_argument("--to", type=Path, required=True, metavar="FILE")
        export.add_argument("--since", type=date.fromisoformat, help="the first day, as in 2025-01-01")
        export.add_argument("--until", type=date.fromisoformat, help="the day after the last")
        moved = verbs.add_parser("archive", help="move what is older to signed files, and remove it here")
        moved.add_argument("--before", type=date.fromisoformat, required=True, help="a day, as in 2025-01-01")
        moved.add_argument("--to", type=Path, required=True, metavar="FOLDER")

    def handle(self, **options: Any) -> None:
        getattr(self, options["verb"])(options)

    def verify(self, options: dict[str, Any]) -> None:
        reached = Progress()
        try:
            for so_far in verification.verify(trusts=signing.trusts, known=options["head"]):
                reached = so_far
        except Broken as broken:
            raise CommandError(f"{broken} Before it {reached.entries:,} entries stand.") from None
        self.stdout.write(
            f"Everything stands: {reached.entries:,} entries under {reached.seal:,} seals, "
            f"{reached.unsealed:,} not sealed yet.\nHead {reached.head}"
        )

    def head(self, options: dict[str, Any]) -> None:
        del options
        seals.seal(now=clock.now(), everywhere=True)
        end = seals.head()
        self.stdout.write(
            f"Seal {end.number}, {end.sealed:,} entries up to {end.last_at or 'nothing'}.\nHead {end.head}"
        )

    def export(self, options: dict[str, Any]) -> None:
        since, until = options["since"], options["until"]
        contents = bundle.of_period(
            AuditEntry.objects.all(), since=since and _begin(since), until=until and _begin(until), asked="",
            now=clock.now(),
        )  # fmt: skip
        rows = 0
        with options["to"].open("wb") as file:
            for count, block in bundle.written(contents):
                rows += count
                file.write(block)
        self.stdout.write(f"{rows:,} entries written to {options['to']}. `python verify.py` in it checks it.")

    def archive(self, options: dict[str, Any]) -> None:
        files, before = 0, _begin(options["before"])
        try:
            signer = signing.signer()
            while row := archive.archive(before, options["to"], signer=signer, now=clock.now):
                files += 1
                self.stdout.write(
                    f"{row.count:,} entries of seals {row.first_seal} to {row.last_seal} are in {row.file}."
                )
        except (NotArchived, DecryptionFailed, OSError) as refused:
            raise CommandError(str(refused)) from None
        if not files:
            self.stdout.write("Nothing that is sealed is that old.")


def _begin(day: date) -> datetime:
    """Of a day here."""
    return timezone.make_aware(datetime.combine(day, time.min))
