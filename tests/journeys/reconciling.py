"""What somebody does in Exact's own screens, and what a comparison prints and finds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from connections import clients
from sync.models import Posting
from sync.models.reconciliation import Reconciliation
from tests.world import World

MARCH = ["--month", "2026-03"]


def reconcile(*arguments: str) -> tuple[int, str]:
    """Exit code and what was printed, as a shell sees them."""
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except CommandError:
        return 1, out.getvalue()
    return 0, out.getvalue()


def found(*, explained: bool = False) -> list[tuple[str, int]]:
    """Kind and cents of the differences of the newest comparison."""
    newest = Reconciliation.objects.first()
    return [(row.kind, row.amount) for row in newest.differences.filter(is_explained=explained)]


def exact(world: World) -> Any:
    """A client of Exact, for what somebody does there by hand."""
    return clients.exact_client(world.shop.division)


def sale_line(world: World) -> Mapping[str, Any]:
    return next(row for row in world.books.tables["salesentrylines"] if row["GLAccountCode"] == "8000")


def edit_sale(world: World, amount: str) -> None:
    line = sale_line(world)
    exact(world).change("salesentry/SalesEntryLines", line["ID"], {"AmountFC": Decimal(amount)})


def book_by_hand(world: World, amount: str, *, on: date) -> None:
    """Somebody books on the Square clearing account."""
    fees = world.books.gl("4960")["ID"]
    line = {"AmountFC": Decimal(amount), "GLAccount": fees, "Date": on.isoformat(), "Description": "Correction by hand"}
    exact(world).create("financialtransaction/BankEntries", {"JournalCode": "21", "BankEntryLines": [line]})


def book_again(world: World, posting: Posting) -> None:
    """The same entry a second time, as a restored program or a colleague might."""
    path = {"sales_entry": "salesentry/SalesEntries", "bank_entry": "financialtransaction/BankEntries"}
    exact(world).create(path[posting.document], posting.body.encode())


def sales(world: World) -> Posting:
    return Posting.objects.get(document="sales_entry")


def bank(world: World) -> Posting:
    return Posting.objects.get(document="bank_entry")


def april(world: World) -> None:
    world.timeline.advance((date(2026, 4, 2) - world.timeline.now().date()).days * 86_400)


def weeks_later(world: World) -> None:
    """Long after; the connection is used meanwhile, so that its consent lives on."""
    for _ in range(4):
        world.timeline.advance(10 * 86_400)
        exact(world).me()
