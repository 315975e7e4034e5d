"""Reading the lists of every division, each from where it was left: one call when nothing is new.

A page, the batches made of it, and the cursor behind it are kept in one transaction, so that a run that is killed goes
on after the last page it kept. Reference: exact-online.md section 8.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.models import Division
from connections.providers.errors import Refused
from connections.providers.exact import changes, odata
from connections.providers.exact.values import required_guid, wall_clock
from connections.providers.exact.written import Written
from connections.providers.payload import Reader
from sync.archive import buffering, documents
from sync.archive.buffering import Standing
from sync.archive.catalogue import ENTITIES, Entity, Way, feeds, fields_of
from sync.archive.documents import Document
from sync.archive.work import Copying
from sync.models import ArchiveCursor, ArchivedRecord, SyncRun

DELETED = changes.DELETED.path
DELETED_FIELDS = ("Timestamp", "EntityType", "EntityKey", "DeletedDate")
# How long a change may take at Exact from its time to being seen in a list. A guess: posting many lines takes minutes.
OVERLAP = timedelta(minutes=5)
MODIFIED = "Modified"
# Rows of an ordinary list in one call. Reference: section 5.
PAGE = 60
# Pages of small lists are kept together, up to this many rows.
TOGETHER = 1000
CHUNK = 500
COUNTS = ["records_read", "records_changed", "records_waiting", "steps_done"]


def steps(copying: Copying) -> int:
    """How many lists there are to read: each of the catalogue and the log of deletions, per division."""
    return len(copying.divisions) * (sum(1 for _ in feeds()) + 1)


def read_all(copying: Copying) -> None:
    """The log of deletions comes last: what is deleted while the lists are read is in it."""
    for division in copying.divisions:
        for path, entities in feeds():
            _List(copying, division, path, entities).read()
        _Deletions(copying, division).read()


def cursor_of(copying: Copying, division: Division, path: str) -> ArchiveCursor:
    """Raises `Refused` when another lane archives this division into the same place."""
    lane, target = copying.work.lane, copying.policy.target
    cursor, _ = ArchiveCursor.objects.select_related("division").get_or_create(
        target=target, division=division, path=path, defaults={"lane": lane}
    )
    if cursor.lane_id != lane.pk:
        raise Refused(
            f"Division {division} is archived into {target} by lane {cursor.lane} already. Take it out of one of them."
        )
    return cursor


class _List:
    """One endpoint of one division, with the tables it feeds."""

    def __init__(self, copying: Copying, division: Division, path: str, entities: Sequence[Entity]) -> None:
        self.copying, self.division, self.path, self.entities = copying, division, path, entities
        self.run: SyncRun = copying.work.run
        self.way = entities[0].way
        self.region = division.connection.region
        self.cursor = cursor_of(copying, division, path)
        self.is_rising, self.highest = True, 0
        self.is_dated = True

    def read(self) -> None:
        cursor = self.cursor
        if cursor.run_id == self.run.pk:
            return
        began = documents.wall(clock.now(), self.region)
        if self._is_unchanged():
            self._finish(began)
            return
        if cursor.begun_run_id != self.run.pk:
            self._begin()
        for rows in together(self._pages()):
            with without_collector():
                self._keep([documents.read(row, self.entities[0].key, self.path) for row in rows])
            self.copying.work.breathe()
        self._finish(began)

    def _is_unchanged(self) -> bool:
        """Whether one call tells that a list of several pages is as it was last read: as many rows, and none that was
        changed since. Where a row does not say when it was changed, only reading it tells.
        """
        cursor, policy = self.cursor, self.copying.policy
        is_asked = self.way is Way.WHOLE and cursor.modified_to and not cursor.is_loading
        if not is_asked or policy.full_copies or policy.backfill_from or cursor.begun_run_id == self.run.pk:
            return False
        living = ArchivedRecord.objects.filter(cursor=cursor, is_deleted=False).count()
        if living <= PAGE:
            return False
        found = self.copying.exact(self.division).newest(self.path, MODIFIED)
        if found is None or found[0] != living:
            return False
        newest = wall_clock(Reader(found[1], self.path), MODIFIED)
        return newest is not None and newest.isoformat() <= cursor.modified_to

    def _begin(self) -> None:
        """Decide where this run's reading begins: after the last one, at a day, or at the beginning."""
        cursor, policy = self.cursor, self.copying.policy
        why = self._reload_reason()
        cursor.begun_run_id = self.run.pk
        if why or policy.full_copies or self.way is Way.WHOLE:
            # What an unfinished reading from the beginning has kept stands: it goes on, unless everything changed.
            if why or not cursor.is_loading or self.way is Way.WHOLE:
                cursor.generation += 1
                cursor.reached, cursor.modified_reached = 0, ""
                cursor.version, cursor.modified_to = changes.BEGINNING, ""
            cursor.is_loading = True
        elif policy.backfill_from:
            self._go_back_to(datetime.combine(policy.backfill_from, time()))
        cursor.versions_since = self.division.versions_since
        with transaction.atomic():
            self.copying.work.grip.still_held(at=clock.now())
            cursor.save()
            if why:
                _tell("archive.reloaded", cursor, {"why": why})

    def _go_back_to(self, day: datetime) -> None:
        """Read again what changed since that day; a first reading begins there. What is known is not written."""
        cursor = self.cursor
        if self.way is Way.SYNC:
            found = self.copying.exact(self.division).version_at(self.path.rpartition("/")[2], day)
            begin = max(changes.BEGINNING, found)
            cursor.version = begin if cursor.read_at is None else min(cursor.version, begin)
            cursor.reached = 0
        else:
            reached = cursor.modified_to
            cursor.modified_to = min(reached, day.isoformat()) if reached else day.isoformat()
            cursor.modified_reached = ""

    def _reload_reason(self) -> str:
        """Why what was read is no base to go on from; empty when it is. A first reading has no reason to give."""
        cursor = self.cursor
        if cursor.read_at is None:
            cursor.is_loading = cursor.is_loading or not cursor.generation
            cursor.generation = cursor.generation or 1
            return ""
        if self.way is not Way.SYNC:
            return ""
        if cursor.versions_since != self.division.versions_since:
            return "Exact moved the division: its row versions began again."
        if clock.now() - cursor.read_at > changes.DELETIONS_KEPT:
            return "It was not read for longer than Exact keeps its log of deletions."
        return ""

    def _pages(self) -> Iterator[tuple[Written, ...]]:
        client, select = self.copying.exact(self.division), fields_of(self.path)
        if self.way is Way.SYNC:
            since = max(self.cursor.version, self.cursor.reached)
            return client.written(self.path, select=select, where=odata.gt("Timestamp", odata.Int64(since)))
        if self.way is Way.WHOLE:
            return client.written(self.path, select=select)
        reached = self.cursor.modified_reached or self.cursor.modified_to
        # At the time reached others may stand that a page break parted from it; after a whole reading none does.
        after = odata.ge if self.cursor.modified_reached else odata.gt
        where = after("Modified", datetime.fromisoformat(reached)) if reached else None
        return client.written(self.path, select=select, where=where, orderby="Modified")

    def _keep(self, rows: Sequence[Document]) -> None:
        cursor, run = self.cursor, self.run
        with transaction.atomic():
            self.copying.work.grip.still_held(at=clock.now())
            kept = buffering.keep(
                cursor, self.entities, rows, run=run, region=self.region, everything=self.copying.policy.full_copies
            )
            run.records_read += len(rows)
            run.records_changed += kept.rows
            run.records_waiting += kept.left_out
            self._move(rows)
            cursor.save()
            run.touched_at = clock.now()
            run.save(update_fields=[*COUNTS, "touched_at"])

    def _move(self, rows: Sequence[Document]) -> None:
        """Past these rows, as long as every row came after the ones before it: only then is all before it read."""
        cursor = self.cursor
        if self.way is Way.SYNC:
            versions = [row.version for row in rows]
            self.is_rising = self.is_rising and all(
                one <= other for one, other in zip([cursor.reached, *versions], versions, strict=False)
            )
            if self.is_rising:
                cursor.reached = max([cursor.reached, *versions])
            self.highest = max([self.highest, cursor.reached, *versions])
        else:
            times = [row.modified.isoformat() for row in rows if row.modified]
            self.is_dated = self.is_dated and len(times) == len(rows)
            cursor.modified_reached = max([cursor.modified_reached, *times])

    def _finish(self, began: datetime) -> None:
        """The list was read to its end: what a reading from the beginning did not meet is gone."""
        cursor, run = self.cursor, self.run
        if cursor.is_loading:
            self._bury_unseen()
        with transaction.atomic():
            self.copying.work.grip.still_held(at=clock.now())
            if self.way is Way.SYNC:
                cursor.version = max(cursor.version, cursor.reached, self.highest)
            elif self.way is Way.WHOLE:
                # Of a change that came just now another one may follow with the same time.
                is_old = self.is_dated and cursor.modified_reached < (began - OVERLAP).isoformat()
                cursor.modified_to = max(cursor.modified_to, cursor.modified_reached) if is_old else ""
            else:
                last = max(cursor.modified_to, cursor.modified_reached)
                cursor.modified_to = min(last, (began - OVERLAP).isoformat()) if last else ""
            cursor.reached, cursor.modified_reached, cursor.is_loading = 0, "", False
            cursor.run_id, cursor.read_at = run.pk, clock.now()
            cursor.save()
            run.steps_done += 1
            run.save(update_fields=COUNTS)

    def _bury_unseen(self) -> None:
        while True:
            lost = ArchivedRecord.objects.filter(cursor=self.cursor, generation__lt=self.cursor.generation)
            part = list(buffering.standing(lost.filter(is_deleted=False).order_by("pk")[:CHUNK]))
            if not part:
                return
            _bury(self.copying, self.cursor, part, self.entities)


class _Deletions:
    """sync/Deleted of one division. One row of it concerns every table that the list of its kind feeds."""

    def __init__(self, copying: Copying, division: Division) -> None:
        self.copying, self.division = copying, division
        self.cursor = cursor_of(copying, division, DELETED)

    def read(self) -> None:
        cursor, run = self.cursor, self.copying.work.run
        if cursor.run_id == run.pk:
            return
        if cursor.versions_since != self.division.versions_since:
            cursor.version, cursor.versions_since = changes.BEGINNING, self.division.versions_since
        where = odata.gt("Timestamp", odata.Int64(cursor.version))
        highest = cursor.version
        for rows in self.copying.exact(self.division).pages(DELETED, select=DELETED_FIELDS, where=where):
            highest = max([highest, *self._keep(rows)])
            self.copying.work.breathe()
        with transaction.atomic():
            self.copying.work.grip.still_held(at=clock.now())
            cursor.version, cursor.run_id, cursor.read_at = highest, run.pk, clock.now()
            cursor.save()
            run.steps_done += 1
            run.save(update_fields=COUNTS)

    def _keep(self, rows: Sequence[Any]) -> list[int]:
        """The row versions. Reading them once more buries nobody twice."""
        by_kind: dict[int, dict[str, datetime | None]] = {}
        versions = []
        for row in rows:
            reader = Reader(row, "Deleted")
            versions.append(reader.integer("Timestamp"))
            gone = by_kind.setdefault(reader.integer("EntityType"), {})
            gone[required_guid(reader, "EntityKey")] = wall_clock(reader, "DeletedDate")
        for kind, gone in by_kind.items():
            self._bury(kind, gone)
        return versions

    def _bury(self, kind: int, gone: dict[str, datetime | None]) -> None:
        entities = [entity for entity in ENTITIES if entity.deleted_as == kind]
        for path in dict.fromkeys(entity.path for entity in entities):
            cursor = cursor_of(self.copying, self.division, path)
            records = buffering.known(cursor, gone).values()
            living = [record for record in records if not record.is_deleted]
            if living:
                _bury(self.copying, cursor, living, entities, gone=gone)


def _bury(
    copying: Copying, cursor: ArchiveCursor, records: Sequence[Standing], entities: Sequence[Entity],
    gone: dict[str, datetime | None] | None = None,
) -> None:  # fmt: skip
    run, region = copying.work.run, cursor.division.connection.region
    with transaction.atomic():
        copying.work.grip.still_held(at=clock.now())
        for at in {(gone or {}).get(record.record_id) for record in records}:
            some = [record for record in records if (gone or {}).get(record.record_id) == at]
            run.records_changed += buffering.bury(
                cursor, some, entities, run=run, at=documents.instant(at, region)
            )  # fmt: skip
        run.save(update_fields=COUNTS)


def together(pages: Iterator[tuple[Written, ...]]) -> Iterator[list[Written]]:
    """Pages put together until they are worth a transaction. An empty list gives none."""
    held: list[Written] = []
    for page in pages:
        held += page
        if len(held) >= TOGETHER:
            yield held
            held = []
    if held:
        yield held


@contextmanager
def without_collector() -> Iterator[None]:
    """Thousands of small objects for a moment, none of them in a circle: looking for circles among them, and each time
    among everything else too, would take a tenth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _tell(verb: str, cursor: ArchiveCursor, detail: dict[str, Any]) -> None:
    fact = Fact(verb, "archivecursor", cursor.pk, str(cursor), division=cursor.division.code, detail=detail)
    trail.record([fact], at=clock.now())
