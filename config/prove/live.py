"""`manage.py prove --live`: the live books, each leg looked for in Exact; ends with an error when one is not right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from django.core.management.base import CommandError

from audit import context
from connections import clock
from connections.models import Division
from connections.providers.errors import VendorError
from sync.books_proof import keeping
from sync.models import BooksProof
from sync.models.lanes import BOOKING


def prove(month: date | None, division: int | None, *, say: Callable[[str], object]) -> None:
    """`month` None: the running one. Raises `CommandError` when anything is not as it should be, or was not seen."""
    found: list[BooksProof] = []
    for one in _divisions(division):
        found += _proven(one, month or clock.now().date())
    for row in found:
        say("\n".join(_lines(row)))
    if wrong := [str(row) for row in found if not row.is_proven]:
        raise CommandError(f"Not proven: {'; '.join(wrong)}. See what was found above.")


def _proven(division: Division, month: date) -> list[BooksProof]:
    try:
        with context.acting(actor=context.SYSTEM, trigger="person"):
            return keeping.prove_and_keep(division, month)
    except VendorError as error:
        raise CommandError(f"The books of division {division} cannot be read: {error.sentence}") from error


def _divisions(code: int | None) -> Sequence[Division]:
    chosen = Division.objects.filter(lanes__flow=BOOKING).select_related("connection").distinct().order_by("code")
    if found := list(chosen if code is None else chosen.filter(code=code)):
        return found
    raise CommandError(f"No lane books in division {code}." if code else "There is no lane yet: nothing to prove.")


def _lines(row: BooksProof) -> list[str]:
    figures = (
        ("Square events booked", row.events), ("legs booked", row.legs), ("legs in one document", row.in_one),
        ("legs missing", row.missing), ("legs doubled", row.doubled), ("documents", row.entries),
        ("documents to the cent", row.equal), ("legs not booked", row.unbooked), ("legs on their way", row.settling),
        ("ledger lines read", row.lines), ("findings", row.found),
    )  # fmt: skip
    head = f"{row}: {'proven' if row.is_proven else 'NOT PROVEN'}"
    told = [f"  {found.sentence}" for found in row.findings.all()]
    return [head, *(f"  {name:<24}{figure:>8}" for name, figure in figures), f"  digest {row.digest}", *told]
