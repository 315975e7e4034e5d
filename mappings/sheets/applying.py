"""The lines of a confirmed import into the mappings, and back out of them: some hundred at a time, each batch whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from mappings.models import Decision
from mappings.sheets import checking
from mappings.sheets.columns import SUBJECTS, Known
from mappings.sheets.models import SheetImport, SheetRow, Verdict


class Stale(Exception):
    """A mapping is no longer what the line was compared with."""


class Impossible(Exception):
    """The step cannot be taken; the message is a sentence for the person who asked."""


class Writer:
    """`sheet.done` counts the lines that stand in the mappings, in the transaction that puts them there."""

    def __init__(self, sheet: SheetImport) -> None:
        self.sheet, self.subject = sheet, SUBJECTS[sheet.subject]
        self.known = Known.read()

    def write(self, chunk: Sequence[SheetRow]) -> None:
        """Raises `Stale`, or the database's `IntegrityError` when somebody added one of the new mappings meanwhile."""
        with transaction.atomic():
            self._claim(self.sheet.done + len(chunk))
            self._store(chunk, self.targets(chunk, locked=True), cells="after")
        self.sheet.done += len(chunk)

    def write_back(self, chunk: Sequence[SheetRow]) -> None:
        """Raises `Stale` when a mapping was changed since the import."""
        with transaction.atomic():
            self._claim(self.sheet.done - len(chunk))
            held = self.targets(chunk, cells="after", locked=True)
            self._store([line for line in chunk if line.verdict == Verdict.CHANGED], held, cells="before")
            self._ignore([line for line in chunk if line.verdict == Verdict.NEW], held)
        self.sheet.done -= len(chunk)

    def targets(self, chunk: Iterable[SheetRow], *, cells: str = "before", locked: bool = False) -> dict[int, Any]:
        """The mappings of the lines by id. Raises `Stale` unless each is what its line says."""
        ids = [line.target_id for line in chunk if line.target_id]
        rows = self.subject.model._default_manager.select_related("division", *self.subject.relations)
        rows = rows.select_for_update(of=("self",)) if locked else rows
        held = {row.pk: row for row in rows.filter(pk__in=ids)}
        for line in chunk:
            row = held.get(line.target_id or 0)
            shown = self.subject.cells(row) if row else {}
            if line.target_id and any(shown.get(name) != value for name, value in getattr(line, cells).items()):
                raise Stale(f"Line {line.line} ({line.key})")
        return held

    def _claim(self, after: int) -> None:
        """Count first, conditionally: of two workers one goes on and the other one stops."""
        mine = SheetImport.objects.filter(pk=self.sheet.pk, state=self.sheet.state, done=self.sheet.done)
        if not mine.update(done=after, touched_at=clock.now()):
            raise Impossible("Another worker is at it.")

    def _store(self, chunk: Sequence[SheetRow], held: dict[int, Any], *, cells: str) -> None:
        """Each mapping as the line's cells say, with a fact per mapping."""
        self.known.meet(self.subject, (getattr(line, cells) for line in chunk))
        made = [(line, self._as_told(line, held.get(line.target_id or 0), cells)) for line in chunk]
        added = [(line, row) for line, row in made if row.pk is None]
        rows = self.subject.model._default_manager
        rows.bulk_create([row for _, row in added])
        names = [*self.subject.fields, "decided_by", "decided_at"]
        rows.bulk_update([row for line, row in made if line.target_id], names, batch_size=100)
        facts = [self._fact(line, row, cells) for line, row in made]
        for line, row in added:
            line.target_id = row.pk
        SheetRow.objects.bulk_update([line for line, _ in added], ["target_id"], batch_size=100)
        trail.record(facts, at=clock.now())

    def _as_told(self, line: SheetRow, row: Any, cells: str) -> Any:
        """A cell that names something of a division is read with the division beside it."""
        told = getattr(line, cells)
        beside = {**(self.subject.cells(row) if row else {}), **told}
        values = {
            name: column.clean(beside, known=self.known)
            for name, column in self.subject.fields.items()
            if column.column_name in told
        }
        wanted = checking.changed_row(self.subject, row, values)
        wanted.decided_by, wanted.decided_at = self.sheet.confirmed_by, clock.now()
        return wanted

    def _fact(self, line: SheetRow, row: Any, cells: str) -> Fact:
        there = line.before if cells == "after" else line.after
        detail: dict[str, Any] = {name: [there.get(name), value] for name, value in getattr(line, cells).items()}
        verb = f"{self.sheet.subject}.{'changed' if line.target_id else 'added'}"
        detail |= {"import": self.sheet.pk, "line": line.line}
        return Fact(verb, self.sheet.subject, row.pk, str(row), division=row.division.code, detail=detail)

    def _ignore(self, made: Sequence[SheetRow], held: dict[int, Any]) -> None:
        """Not removed: an entry may already name it."""
        ids = [line.target_id for line in made if line.target_id]
        reason = f"Made by import {self.sheet.pk}, which was undone."
        self.subject.model._default_manager.filter(pk__in=ids).update(status=Decision.IGNORED, reason=reason)
        facts = [
            Fact(
                f"{self.sheet.subject}.changed", self.sheet.subject, pk, str(held[pk]), division=held[pk].division.code,
                detail={"status": [held[pk].status, Decision.IGNORED.value], "import": self.sheet.pk},
            )
            for pk in ids
        ]  # fmt: skip
        trail.record(facts, at=clock.now())
