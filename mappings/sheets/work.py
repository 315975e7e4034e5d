"""An upload on its way: checked, confirmed, applied, undone. Each step may be cut off anywhere and goes on from there.

Nothing is written while any line is wrong. What is confirmed is what the preview shows: the file is kept by its digest,
and each mapping must still be what the preview compared with. Lines are applied in short transactions, each with its
facts and the count of lines done; when one meets a mapping that somebody changed meanwhile, what was written is taken
back and the import is refused as a whole.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django_q.tasks import async_task

from audit import context, trail
from audit.trail import Fact
from connections import clock
from connections.models import Division
from mappings import examples, foureyes
from mappings.models import GLMapping
from mappings.sheets.applying import Impossible, Stale, Writer
from mappings.sheets.checking import Checked, Checking
from mappings.sheets.columns import SUBJECTS
from mappings.sheets.models import SheetImport, SheetRow, State
from mappings.sheets.reading import LARGEST_FILE, UnreadableSheet, is_small, lines
from mappings.signals import mapping_changed

SLICE_SECONDS = 60.0
CHUNK = 200
# So many lines are written while the person waits; more by a worker.
FEW_LINES = 500
ABANDONED = timedelta(minutes=3)


def upload(subject: str, *, name: str, content: bytes, by: str) -> SheetImport:
    """Keep the file and check it: at once when it is small, else by a worker."""
    if len(content) > LARGEST_FILE:
        raise Impossible(f"The file is larger than {LARGEST_FILE // 1024 // 1024} MB. Split it.")
    now = clock.now()
    with transaction.atomic():
        sheet = SheetImport.objects.create(
            subject=subject, file_name=name[-200:], digest=hashlib.sha256(content).hexdigest(), content=content,
            uploaded_by=by, uploaded_at=now, touched_at=now,
        )  # fmt: skip
        _tell(sheet, "uploaded", digest=sheet.digest, size=len(content))
    _begin(sheet, at_once=is_small(content))
    return sheet


def confirm(sheet: SheetImport, *, by: str) -> None:
    """Write what the preview shows."""
    if sheet.state != State.CHECKED or not sheet.new + sheet.changed:
        raise Impossible(f"This import is {sheet.state}: there is nothing to write.")
    _two_people(sheet, by)
    _move(sheet, State.CHECKED, State.APPLYING, by=by, confirmed_by=by, done=0)
    _begin(sheet, at_once=sheet.new + sheet.changed <= FEW_LINES)


def _two_people(sheet: SheetImport, by: str) -> None:
    """Where a division wants four eyes on its mappings, whoever uploaded the file does not confirm it."""
    if by != sheet.uploaded_by:
        return
    codes = {_division_of(line) for line in _to_do(sheet).values_list("key", flat=True).iterator()}
    divisions = Division.objects.filter(code__in=[code for code in codes if code.isdigit()])
    if foureyes.are_wanted(divisions.values_list("pk", flat=True)):
        raise Impossible("Mappings of this division want four eyes: somebody else confirms what you uploaded.")


def _division_of(key: str) -> str:
    """A line's key begins with its division."""
    return key.split(" ", 1)[0]


def undo(sheet: SheetImport, *, by: str) -> None:
    """Put each mapping back to what it was; one that the import made is ignored from then on: entries may name it."""
    if sheet.state != State.APPLIED:
        raise Impossible(f"This import is {sheet.state}; only an applied one can be undone.")
    _move(sheet, State.APPLIED, State.UNDOING, by=by)
    _begin(sheet, at_once=sheet.done <= FEW_LINES)


def _begin(sheet: SheetImport, *, at_once: bool) -> None:
    if at_once:
        go_on(sheet.pk)
        sheet.refresh_from_db()
    else:
        ring(sheet.pk)


def ring(sheet_id: int) -> None:
    name = {"task_name": f"import-{sheet_id}"}
    transaction.on_commit(lambda: async_task("mappings.sheets.work.go_on", sheet_id, q_options=name))


def ring_abandoned() -> int:
    """Imports whose worker has died are taken up again. Returns how many."""
    silent = SheetImport.objects.filter(state__in=SheetImport.OPEN, touched_at__lt=clock.now() - ABANDONED)
    ids = list(silent.values_list("pk", flat=True))
    for sheet_id in ids:
        ring(sheet_id)
    return len(ids)


def go_on(sheet_id: int) -> str:
    """One slice of whatever step the import is in. Safe to call twice, late, or for one that is over."""
    sheet = SheetImport.objects.get(pk=sheet_id)
    steps = {State.UPLOADED: _check, State.CHECKING: _check, State.APPLYING: _apply, State.UNDOING: _take_back}
    step = steps.get(State(sheet.state))
    if step is None:
        return str(sheet.state)
    with context.acting(actor=sheet.confirmed_by or sheet.uploaded_by, trigger="person"), suppress(Impossible):
        if not step(sheet, time.monotonic() + SLICE_SECONDS):
            ring(sheet_id)
    return str(sheet.state)


# --- checking -----------------------------------------------------------------------------------
def _check(sheet: SheetImport, _until: float) -> bool:
    """Begins anew when it was cut off: it writes nothing but its own findings."""
    _move(sheet, State(sheet.state), State.CHECKING, done=0, lines=0, new=0, changed=0, unchanged=0, wrong=0)
    sheet.rows.all().delete()
    rules: list[GLMapping] = []
    try:
        for batch in Checking(SUBJECTS[sheet.subject], lines(bytes(sheet.content))).batches():
            _keep(sheet, batch)
            rules += [one.row for one in batch if isinstance(one.row, GLMapping)]
    except UnreadableSheet as wrong:
        _move(sheet, State.CHECKING, State.WRONG, sentence=str(wrong), content=b"", finished_at=clock.now())
        return True
    broken = [] if sheet.wrong else examples.broken(rules)
    after = State.WRONG if sheet.wrong or broken else State.CHECKED
    told = " ".join(broken[:3]) or _found(sheet)
    _move(sheet, State.CHECKING, after, sentence=told, content=b"", finished_at=clock.now())
    return True


def _keep(sheet: SheetImport, batch: Sequence[Checked]) -> None:
    rows = [
        SheetRow(
            sheet=sheet, line=one.line, verdict=one.verdict, key=one.key, target_id=one.target_id,
            before=dict(one.before), after=dict(one.after), problems=[list(problem) for problem in one.problems],
        )
        for one in batch
        if one.verdict
    ]  # fmt: skip
    for one in batch:
        name = str(one.verdict) if one.verdict else "unchanged"
        setattr(sheet, name, getattr(sheet, name) + 1)
    sheet.lines += len(batch)
    sheet.done, sheet.touched_at = sheet.lines, clock.now()
    with transaction.atomic():
        SheetRow.objects.bulk_create(rows)
        sheet.save(update_fields=["lines", "new", "changed", "unchanged", "wrong", "done", "touched_at"])


def _found(sheet: SheetImport) -> str:
    if sheet.wrong:
        return f"{sheet.wrong} of {sheet.lines} lines are wrong, so nothing is written. Put them right, upload again."
    if not sheet.new + sheet.changed:
        return f"All {sheet.lines} lines say what is there already. There is nothing to write."
    return f"{sheet.lines} lines: {sheet.new} new, {sheet.changed} changed, {sheet.unchanged} unchanged."


# --- applying and taking back -------------------------------------------------------------------
def _apply(sheet: SheetImport, until: float) -> bool:
    if sheet.turning_back:
        return _take_back(sheet, until)
    writer = Writer(sheet)
    if sheet.done == 0 and (stale := _stale(sheet, writer)):
        _move(sheet, State.APPLYING, State.REFUSED, sentence=stale, finished_at=clock.now())
        return True
    for chunk in _chunks(sheet, after=sheet.done):
        try:
            writer.write(chunk)
        except (Stale, IntegrityError) as met:
            _move(sheet, State.APPLYING, State.APPLYING, turning_back=True, sentence=_met(met, chunk))
            return _take_back(sheet, until)
        if time.monotonic() >= until:
            return False
    _move(sheet, State.APPLYING, State.APPLIED, sentence=f"{sheet.done} mappings written.", finished_at=clock.now())
    _tell_lanes(sheet)
    return True


def _met(met: Exception, chunk: Sequence[SheetRow]) -> str:
    where = str(met) if isinstance(met, Stale) else f"Of lines {chunk[0].line} to {chunk[-1].line} one"
    return (
        f"{where} was changed or added by somebody after the preview. Everything is as it was; upload the file again."
    )


def _to_do(sheet: SheetImport) -> QuerySet[SheetRow]:
    """Every line that is kept: those that change nothing are not, and while one is wrong nothing is written."""
    return sheet.rows.order_by("id")


def _chunks(sheet: SheetImport, *, after: int = 0) -> Iterator[list[SheetRow]]:
    """Some hundred lines at a time, without the first `after`. By key: counting off lines costs more each time."""
    rows = _to_do(sheet)
    last = rows.values_list("pk", flat=True)[after - 1] if after else 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _stale(sheet: SheetImport, writer: Writer) -> str:
    """Looked at before the first line is written, so that most of what changed meanwhile costs nothing."""
    for chunk in _chunks(sheet):
        try:
            writer.targets(chunk)
        except Stale as met:
            return _met(met, chunk)
    return ""


def _take_back(sheet: SheetImport, until: float) -> bool:
    """From the last line written to the first."""
    writer = Writer(sheet)
    while sheet.done:
        chunk = list(_to_do(sheet)[max(0, sheet.done - CHUNK) : sheet.done])
        try:
            writer.write_back(chunk)
        except Stale as met:
            sentence = f"{met} was changed since the import, so undoing stopped there. Put that mapping right by hand."
            return _stopped(sheet, sentence)
        if time.monotonic() >= until:
            return False
    after = State.REFUSED if sheet.turning_back else State.UNDONE
    sentence = sheet.sentence if sheet.turning_back else "Every mapping is as it was before the import."
    _move(sheet, State(sheet.state), after, sentence=sentence, finished_at=clock.now())
    _tell_lanes(sheet)
    return True


def _stopped(sheet: SheetImport, sentence: str) -> bool:
    _move(sheet, State(sheet.state), State.APPLIED, sentence=sentence, turning_back=False)
    return True


# --- the import's own row -----------------------------------------------------------------------
def _move(sheet: SheetImport, before: State, after: State, *, by: str = "", **changes: Any) -> None:
    """Conditional on the state it was in: of two workers, or two people, one gets through."""
    values = {"state": after, "touched_at": clock.now(), **changes}
    with transaction.atomic():
        if not SheetImport.objects.filter(pk=sheet.pk, state=before).update(**values):
            raise Impossible("Somebody else has gone on with this import. Open it again.")
        if after is not before:
            with context.acting(actor=by) if by else context.acting(actor=context.current().actor):
                _tell(sheet, after, sentence=changes.get("sentence", ""))
    for name, value in values.items():
        setattr(sheet, name, value)


def _tell(sheet: SheetImport, verb: str, **detail: Any) -> None:
    fact = Fact(f"import.{verb}", "sheetimport", sheet.pk, str(sheet), detail=detail)
    trail.record([fact], at=clock.now())


def _tell_lanes(sheet: SheetImport) -> None:
    """What waited for one of these mappings goes on: once per division, not once per line."""
    subject = SUBJECTS[sheet.subject]
    ids = _to_do(sheet).exclude(target_id=None).values("target_id")
    divisions = subject.model._default_manager.filter(pk__in=ids).values_list("division_id", flat=True).distinct()
    kinds = tuple(kind.value for kind in subject.solves)
    for division_id in divisions.order_by("division_id"):
        mapping_changed.send(sender=subject.model, division_id=division_id, kinds=kinds)
