"""The burst: every batch of every division, one INSERT after the other, once all of them have been read.

1. Commit that it is being sent, under the request id it was made with.
2. Send. What was sent before goes out again under the same id, as a repeat: Snowflake carries it out once.
3. Commit what came of it, with the table's totals. A count that differs from ours is a conflict, and a person looks.
Reference: snowflake.md 1.2, 1.3, 1.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import F

from audit.trail import Fact
from connections import clock
from connections.providers.errors import Refused
from connections.providers.snowflake import statements
from connections.providers.snowflake.answers import Result, Running
from connections.providers.snowflake.statements import Stamp, Statement
from sync import engine
from sync.archive import buffering, documents
from sync.archive.catalogue import BY_NAME
from sync.archive.making import FIRST_LOOK, LONGEST_PAUSE, ask
from sync.archive.work import Copying
from sync.engine import Move, Outcome
from sync.lifecycle import BatchState
from sync.models import ArchiveBatch, ArchiveTable

SYSTEM = "exact"
OPEN = (BatchState.DRAFT, BatchState.SENDING)
# How long Snowflake knows a request again is not documented. A batch older than this is counted before it is repeated.
REMEMBERED = timedelta(hours=1)


def open_batches(copying: Copying) -> int:
    return ArchiveBatch.objects.filter(lane=copying.work.lane, state__in=OPEN).count()


def write_all(copying: Copying) -> None:
    """In the order they were made, so that a later version of a record is written later too."""
    for batch in _open(copying):
        write(copying, batch)
        copying.work.breathe()


def _open(copying: Copying) -> Iterator[ArchiveBatch]:
    rows = ArchiveBatch.objects.filter(lane=copying.work.lane, state__in=OPEN).order_by("id")
    rows = rows.select_related("table__division__connection")
    while batch := rows.first():
        yield batch


def write(copying: Copying, batch: ArchiveBatch) -> None:
    """Raises the errors of `providers.errors`; the batch then stays as it is, and goes on with the next slice."""
    statement = statement_of(batch)
    if batch.state == BatchState.SENDING and not _may_repeat(batch):
        _count_again(copying, batch)
        return
    handle = batch.handle
    is_repeat = batch.attempts > 0
    if not handle:
        _commit_sending(copying, batch, statement)
    try:
        found = copying.snowflake.status(handle) if handle else _submit(copying, batch, statement, is_repeat=is_repeat)
        result = _await(copying, batch, found)
    except Refused as refusal:
        if handle:  # of an earlier slice, and perhaps too old: sent once more under its id, which tells for certain
            _let_go(copying, batch)
            return
        _give_back(copying, batch, refusal)
        raise
    _settle(copying, batch, result.changed)


def statement_of(batch: ArchiveBatch) -> Statement:
    """The same statement however often it is made: all that is in it stands in the row. Raises `Refused` if not."""
    division = batch.table.division
    stamp = Stamp(SYSTEM, division.connection.region, division.code, batch.stamp, batch.request_id)
    made = statements.insert(BY_NAME[batch.table.entity].table, stamp, buffering.rows_of(batch))
    if batch.state == BatchState.SENDING and digest_of(made) != batch.digest:
        raise Refused(f"{batch} is no longer what was sent first; it is left alone. Its rows may be in Snowflake.")
    return made


def digest_of(statement: Statement) -> str:
    digest = sha256(statement.text.encode())
    for bound in statement.bindings:
        digest.update(b"\0" + (bound.value or "").encode())
    return digest.hexdigest()


def _may_repeat(batch: ArchiveBatch) -> bool:
    return batch.sent_at is None or clock.now() - batch.sent_at < REMEMBERED


def _commit_sending(copying: Copying, batch: ArchiveBatch, statement: Statement) -> None:
    now = clock.now()
    changes: dict[str, Any] = {
        "statement": statement.text, "digest": digest_of(statement), "attempts": batch.attempts + 1,
        "sent_at": batch.sent_at or now,
    }  # fmt: skip
    before = BatchState(batch.state)
    engine.apply(
        Outcome([Move(ArchiveBatch, {"pk": batch.pk}, before, BatchState.SENDING, changes)]), grip=copying.work.grip
    )
    batch.state, batch.attempts, batch.sent_at = BatchState.SENDING, batch.attempts + 1, changes["sent_at"]
    batch.statement, batch.digest = statement.text, changes["digest"]


def _submit(copying: Copying, batch: ArchiveBatch, statement: Statement, *, is_repeat: bool) -> Result | Running:
    return copying.snowflake.submit(
        statement, request_id=batch.request_id, is_repeat=is_repeat, tag=f"tillbridge run {copying.work.run.pk}"
    )


def _await(copying: Copying, batch: ArchiveBatch, found: Result | Running) -> Result:
    """Ask until it is done. Its handle is kept, so that another slice asks too instead of sending again."""
    pause = FIRST_LOOK
    while isinstance(found, Running):
        kept = Move(ArchiveBatch, {"pk": batch.pk}, BatchState.SENDING, BatchState.SENDING, {"handle": found.handle})
        engine.apply(Outcome([kept]), grip=copying.work.grip)
        copying.work.breathe()
        clock.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        found = copying.snowflake.status(found.handle)
    return found


def _give_back(copying: Copying, batch: ArchiveBatch, refusal: Refused) -> None:
    """Refused as a whole: nothing was written."""
    changes = {"sentence": refusal.sentence, "handle": ""}
    fact = Fact(
        "archivebatch.refused", "archivebatch", batch.pk, str(batch), batch.request_id, batch.table.division.code,
        {"table": batch.table.entity, "problem": refusal.sentence},
    )  # fmt: skip
    move = Move(ArchiveBatch, {"pk": batch.pk}, BatchState.SENDING, BatchState.DRAFT, changes)
    engine.apply(Outcome([move], facts=[fact]), grip=copying.work.grip)


def _let_go(copying: Copying, batch: ArchiveBatch) -> None:
    move = Move(ArchiveBatch, {"pk": batch.pk}, BatchState.SENDING, BatchState.SENDING, {"handle": ""})
    engine.apply(Outcome([move]), grip=copying.work.grip)


def _count_again(copying: Copying, batch: ArchiveBatch) -> None:
    """Its answer was lost too long ago to rely on Snowflake's memory: the rows themselves tell. None: sent anew."""
    counted = statements.count_of_batch(BY_NAME[batch.table.entity].table, batch.request_id)
    result = ask(copying, counted)
    there = int(result.rows[0][0] or 0)
    if there:
        _settle(copying, batch, there)
        return
    changes = {"sent_at": None, "handle": ""}
    move = Move(ArchiveBatch, {"pk": batch.pk}, BatchState.SENDING, BatchState.DRAFT, changes)
    engine.apply(Outcome([move]), grip=copying.work.grip)


def _settle(copying: Copying, batch: ArchiveBatch, there: int) -> None:
    """Snowflake has `there` rows of it. Raises `Refused` where that is not what was sent."""
    run, now, is_whole = copying.work.run, clock.now(), there == batch.rows
    sentence = "" if is_whole else (
        f"Snowflake says it wrote {there} rows of {batch}, of {batch.rows} sent to {batch.table}. Compare the table "
        f"with request {batch.request_id}; the batch is not sent again."
    )  # fmt: skip
    after = BatchState.DONE if is_whole else BatchState.CONFLICT
    changes = {"done_at": now, "sentence": sentence, "handle": "", **({"body": b""} if is_whole else {})}
    fact = Fact(
        f"archivebatch.{after}", "archivebatch", batch.pk, str(batch), batch.request_id, batch.table.division.code,
        {"table": batch.table.entity, "rows": there, "sent": batch.rows, "digest": batch.digest},
    )  # fmt: skip
    run.rows_written += there
    run.steps_done += 1
    run.touched_at = now
    outcome = Outcome(
        [Move(ArchiveBatch, {"pk": batch.pk}, BatchState.SENDING, after, changes)], facts=[fact],
        updates=[(run, ["rows_written", "steps_done", "touched_at"])],
    )  # fmt: skip
    with transaction.atomic():
        engine.apply(outcome, grip=copying.work.grip)
        _add_up(batch)
    if not is_whole:
        raise Refused(sentence)


def _add_up(batch: ArchiveBatch) -> None:
    """What we hold the table to contain: what was sent, so that a conflict shows as a difference."""
    table = ArchiveTable.objects.get(pk=batch.table_id)
    ArchiveTable.objects.filter(pk=table.pk).update(
        rows=F("rows") + batch.rows, amount=str(documents.total(table.amount, batch.amount)),
        version=max(table.version, batch.version), written_at=clock.now(), last_batch=batch, owes_proof=True,
    )  # fmt: skip
