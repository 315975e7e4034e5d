"""Compare Square, our entries and Exact's ledger; ends with an error when cents are unexplained."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import context
from connections import clock
from connections.models import Division
from connections.providers.errors import VendorError
from sync import calendar_months
from sync.calendar_months import last_day, month_before
from sync.models.reconciliation import Reconciliation
from sync.reconciliation import fresh, keeping, making, sheet


class Command(BaseCommand):
    help = (
        "Compare what Square says, what Tillbridge booked and what Exact's ledger shows, per role and to the cent. "
        "Prints one table per lane and ends with exit code 1 when cents are left that nobody explained."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--division", type=int, help="code of one division (default: every division with a lane)")
        parser.add_argument("--month", help="a whole month, as 2026-03")
        parser.add_argument("--from", dest="begin", help="first day, as 2026-03-01")
        parser.add_argument("--to", dest="end", help="last day, as 2026-03-31 (default: today)")
        parser.add_argument("--fresh", action="store_true", help="also ask Square again whether it holds what we hold")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, division: int | None, json: bool, fresh: bool, **options: Any) -> None:
        begin, end = _period(**{name: options[name] for name in ("month", "begin", "end")})
        found: list[Reconciliation] = []
        with context.acting(actor=context.SYSTEM, trigger="person"):
            for one in _divisions(division):
                found += _compared(one, begin, end, ask_square=fresh)
        if json:
            self.stdout.write(_as_json(found))
        else:
            for row in found:
                self.stdout.write("\n".join(sheet.lines(row)))
        if left := [row for row in found if not row.is_clean]:
            names = ", ".join(str(row.lane) for row in left)
            raise CommandError(f"Cents are left that nobody explained: {names}. See the differences above.")


def _compared(division: Division, begin: date, end: date, *, ask_square: bool) -> list[Reconciliation]:
    try:
        comparison = making.compare(division, begin, end)
        if ask_square:
            fresh.look(comparison)
    except VendorError as error:
        raise CommandError(f"Division {division} cannot be compared: {error.sentence}") from error
    return keeping.keep(comparison, by="", asked_square=ask_square)


def _divisions(code: int | None) -> Sequence[Division]:
    chosen = Division.objects.filter(lanes__isnull=False).select_related("connection").distinct().order_by("code")
    if code is not None:
        chosen = chosen.filter(code=code)
    if found := list(chosen):
        return found
    raise CommandError(f"No lane books in division {code}." if code else "There is no lane yet: nothing to compare.")


def _period(*, month: str | None, begin: str | None, end: str | None) -> tuple[date, date]:
    """The days asked for; without a word, last month and this one up to today."""
    if month and (begin or end):
        raise CommandError("Give either --month or --from and --to.")
    today = clock.now().date()
    try:
        if month:
            first = calendar_months.read(month)
            return first, last_day(first)
        last = date.fromisoformat(end) if end else today
        first = date.fromisoformat(begin) if begin else month_before(today)
    except ValueError:
        raise CommandError("Write a month as 2026-03 and a day as 2026-03-31.") from None
    if last < first:
        raise CommandError(f"The period ends ({last}) before it begins ({first}).")
    return first, last


def _as_json(found: Sequence[Reconciliation]) -> str:
    return json.dumps({"reconciliations": list(_plain(found))}, indent=2)


def _plain(found: Sequence[Reconciliation]) -> Iterator[dict[str, Any]]:
    return (sheet.as_json(row) for row in found)
