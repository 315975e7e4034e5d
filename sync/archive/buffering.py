"""Records that are to be written, kept as batches in our own database until every division has been read.

A batch is made with the page whose rows are in it, in one transaction with the cursor: what was read is never read
again for nothing, and what was not kept is.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet

from connections import clock
from connections.providers.snowflake import statements
from connections.providers.snowflake.statements import Unstorable
from sync.archive import documents
from sync.archive.catalogue import Entity
from sync.archive.documents import ZERO, Document
from sync.lifecycle import BatchState
from sync.models import ArchiveBatch, ArchiveCursor, ArchivedRecord, ArchiveTable, SyncRun

# What the values besides the rows, the statement and the names around them take at most.
HEAD = 20_000
FULL = statements.RETRY_SAFE_BYTES - HEAD
CHUNK = 500
TICK = timedelta(microseconds=1)
# Stands behind each row of a body. JSON cannot hold it.
BETWEEN = "\x1e"


@dataclass(slots=True)
class Standing:
    """How one record stands in one table: an `ArchivedRecord` without a model's costs. `pk` is None for new ones."""

    entity: str
    record_id: str
    digest: str = ""
    generation: int = 0
    is_deleted: bool = False
    problem: str = ""
    batch_id: int | None = None
    pk: int | None = None


COLUMNS = ("entity", "record_id", "digest", "generation", "is_deleted", "problem", "batch_id")


class Row(NamedTuple):
    """One row on its way. `size`: bytes it takes in the body of a request."""

    record: Standing
    text: str
    size: int
    amount: Decimal = ZERO
    version: int = 0


@dataclass(slots=True)
class Kept:
    """What became of a page."""

    rows: int = 0
    left_out: int = 0
    changed: list[Standing] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)


def known(cursor: ArchiveCursor, keys: Iterable[str]) -> dict[tuple[str, str], Standing]:
    """(table, record) -> how it stands, of one list."""
    found: dict[tuple[str, str], Standing] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), CHUNK):
        part = ArchivedRecord.objects.filter(cursor=cursor, record_id__in=wanted[start : start + CHUNK])
        found |= {(record.entity, record.record_id): record for record in standing(part)}
    return found


def standing(records: QuerySet[ArchivedRecord]) -> Iterator[Standing]:
    return (Standing(*values) for values in records.values_list(*COLUMNS, "pk"))


def keep(
    cursor: ArchiveCursor, entities: Sequence[Entity], rows: Sequence[Document], *, run: SyncRun, region: str,
    everything: bool,
) -> Kept:  # fmt: skip
    """Put what is new or changed of a page into batches; `everything`: also what is not. In the caller's transaction.

    A record goes where a table takes it, and where it was taken before: a supplier who is none any more gets a last
    version there. Of a record that comes twice the later counts.
    """
    latest = {document.key: document for document in rows}
    before, kept = known(cursor, latest), Kept()
    for entity in entities:
        found = []
        for document in latest.values():
            record = before.get((entity.name, document.key))
            if record is None and not entity.takes(document.row):
                continue
            row = _row(cursor, entity, record, document, region=region, everything=everything, kept=kept)
            if row:
                found.append(row)
        _add(cursor, entity, found, run=run)
        kept.rows += len(found)
        kept.changed += [row.record for row in found]
    _store(cursor, kept)
    return kept


def bury(cursor: ArchiveCursor, records: Sequence[Standing], entities: Sequence[Entity], *, run: SyncRun,
         at: datetime | None = None) -> int:  # fmt: skip
    """A last row for each of these that says that it is deleted. In the caller's transaction."""
    kept = Kept()
    for entity in entities:
        found = []
        for record in records:
            if record.entity != entity.name:
                continue
            text = statements.envelope(record.record_id, None, digest="", modified_at=at, is_deleted=True)
            record.is_deleted, record.digest, record.problem = True, "", ""
            record.generation = cursor.generation
            found.append(Row(record, text, statements.weight(text)))
        _add(cursor, entity, found, run=run)
        kept.changed += [row.record for row in found]
    _store(cursor, kept)
    return len(kept.changed)


def table_of(cursor: ArchiveCursor, entity: Entity) -> ArchiveTable:
    made, _ = ArchiveTable.objects.get_or_create(
        cursor=cursor, entity=entity.name, defaults={"division": cursor.division}
    )
    return made


def rows_of(batch: ArchiveBatch) -> list[str]:
    """Each time that some were added, they became a stream of their own."""
    rest, found = bytes(batch.body), ""
    while rest:
        stream = zlib.decompressobj()
        found += stream.decompress(rest).decode()
        rest = stream.unused_data
    return found.split(BETWEEN)[:-1]


def _row(
    cursor: ArchiveCursor, entity: Entity, record: Standing | None, document: Document, *, region: str,
    everything: bool, kept: Kept,
) -> Row | None:  # fmt: skip
    """The row to be written, or nothing. What cannot be stored is noted on the record, and tried when it changes."""
    is_same = record is not None and record.digest == document.digest and not record.is_deleted
    written_now = is_same and record is not None and record.generation == cursor.generation
    if record is not None and record.pk and is_same and (not everything or written_now):
        kept.seen.append(record.pk)
        return None
    record = record or Standing(entity.name, document.key)
    record.generation = cursor.generation
    try:
        text = statements.envelope(
            document.key, document.text, digest=document.digest,
            modified_at=documents.instant(document.modified, region), flags=entity.flags_of(document.row),
        )  # fmt: skip
    except Unstorable as problem:
        record.problem, record.digest = str(problem), ""
        kept.left_out += 1
        kept.changed.append(record)
        return None
    record.digest, record.problem, record.is_deleted = document.digest, "", False
    amount = documents.amount_of(document.row, entity.amount)
    return Row(record, text, statements.weight(text), amount, document.version)


def _add(cursor: ArchiveCursor, entity: Entity, rows: Sequence[Row], *, run: SyncRun) -> None:
    """To the table's last draft while there is room, then to new ones. No batch holds a record twice: which of two
    rows with one stamp is the later one, nobody could tell.
    """
    if not rows:
        return
    table = table_of(cursor, entity)
    draft = ArchiveBatch.objects.filter(table=table, state=BatchState.DRAFT, attempts=0).order_by("id").last()
    if draft and any(row.record.batch_id == draft.pk for row in rows):
        draft = None
    part: list[Row] = []
    room = FULL - (draft.size if draft else 0)
    for row in rows:
        if row.size > room and (part or draft):
            _fill(draft, table, part, run)
            draft, part, room = None, [], FULL
        part.append(row)
        room -= row.size
    _fill(draft, table, part, run)


def _fill(draft: ArchiveBatch | None, table: ArchiveTable, rows: Sequence[Row], run: SyncRun) -> None:
    if not rows:
        return
    draft = draft or _draft(table, run)
    texts = "".join(f"{row.text}{BETWEEN}" for row in rows)
    draft.body = bytes(draft.body) + zlib.compress(texts.encode(), 1)
    draft.rows += len(rows)
    draft.size += sum(row.size for row in rows)
    draft.amount = str(documents.total(draft.amount, *(row.amount for row in rows)))
    draft.version = max(draft.version, *(row.version for row in rows))
    draft.save()
    for row in rows:
        row.record.batch_id = draft.pk


def _draft(table: ArchiveTable, run: SyncRun) -> ArchiveBatch:
    """With a stamp later than every one before it in this table: the latest version is told by it."""
    now = clock.now()
    table.last_stamp = max(now, table.last_stamp + TICK) if table.last_stamp else now
    table.save(update_fields=["last_stamp"])
    return ArchiveBatch.objects.create(
        lane_id=table.cursor.lane_id, table=table, run_id=run.pk, request_id=str(uuid.uuid4()), stamp=table.last_stamp,
        created_at=now,
    )  # fmt: skip


def _store(cursor: ArchiveCursor, kept: Kept) -> None:
    """What is there already is found by what it is, not by its key: one statement for both kinds.

    Past the models, which would take three times as long as everything else that is done with a row.
    """
    with connection.cursor() as statement:
        statement.executemany(_UPSERT.format(cursor=cursor.pk), list(map(attrgetter(*COLUMNS), kept.changed)))
    for start in range(0, len(kept.seen) if cursor.is_loading else 0, CHUNK):
        part = ArchivedRecord.objects.filter(pk__in=kept.seen[start : start + CHUNK])
        part.exclude(generation=cursor.generation).update(generation=cursor.generation)


def _upsert() -> str:
    """Of our own names alone. The place for the cursor is filled with a number."""
    again = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in ("entity", "record_id"))
    return (
        f"INSERT INTO {ArchivedRecord._meta.db_table} (cursor_id, {', '.join(COLUMNS)}) "  # noqa: S608
        f"VALUES ({{cursor:d}}, {', '.join(['%s'] * len(COLUMNS))}) "
        f"ON CONFLICT (cursor_id, record_id, entity) DO UPDATE SET {again}"
    )


_UPSERT = _upsert()
