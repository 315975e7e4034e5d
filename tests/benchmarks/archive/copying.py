"""Our side of a measurement. Each function runs in a process of its own and sets Django up itself."""

from __future__ import annotations

import os
import signal
import time
import uuid
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.archive.books import PATH, Opened


@dataclass(frozen=True, slots=True)
class Copied:
    """One run of the lane, from opening it to the last attestation. `rows`, `lines`: transaction lines in the DuckDB
    file and different ones among them; `equal`, `different`: attestations.
    """

    seconds: float
    cpu: float
    peak: int
    resting: int
    state: str
    written: int
    rows: int = 0
    lines: int = 0
    amount: str = ""
    equal: int = 0
    different: int = 0


def prepare(opened: Opened) -> int:
    """Tables, connections that have passed their tests, and a lane. Returns the lane's id."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    from config.demo import archive
    from config.demo import shop as shops
    from connections import divisions

    sandbox: Any = opened  # it answers what is asked of a sandbox here: its tokens
    exact = shops.connect_exact(sandbox, "Bench")
    division = next(row for row in divisions.discover(exact) if row.code == shops.DIVISION)
    division = divisions.pin(division, by="bench")
    return archive.lane_of(division, archive.authorise("Bench", opened.pem), label="Archive").pk


def warm(lane_id: int) -> None:
    """Have the pages of the ledger made that are kept as they are answered, before anybody is measured."""
    import django

    django.setup()
    from connections import clients
    from connections.providers.exact import changes, odata
    from sync.archive.catalogue import fields_of
    from sync.models import SyncLane

    client = clients.exact_client(SyncLane.objects.get(pk=lane_id).division)
    where = odata.gt("Timestamp", odata.Int64(changes.BEGINNING))
    for _ in client.pages(PATH, select=fields_of(PATH), where=where):
        pass


def copy(lane_id: int, file: str = "", dies_at: tuple[str, int] = ("", 0)) -> Copied:
    """One run, into a DuckDB file in Snowflake's place, or without one to the stand-in's SQL API.

    `dies_at`: the statement in our database, and the how manieth of them, at which this process kills itself (SIGKILL).
    """
    import django

    django.setup()
    from django.db import connection

    from sync import runs
    from sync.models import SyncLane
    from tests.benchmarks.pipeline import peak

    # Whoever died before held the lane; his lease would run out after some minutes.
    SyncLane.objects.filter(pk=lane_id).update(lease_until=None)
    warehouse = _warehouse(lane_id, file) if file else None
    lane = SyncLane.objects.get(pk=lane_id)
    resting, began, spent = peak(), time.monotonic(), time.process_time()
    with connection.execute_wrapper(_Killer(*dies_at)):
        over = runs.work_to_rest(runs.open_run(lane, trigger="person"))
    if warehouse:
        warehouse.checkpoint()
    ran = {"seconds": time.monotonic() - began, "cpu": time.process_time() - spent, "peak": peak(), "resting": resting}
    return Copied(**ran, state=f"{over.state}: {over.sentence}", written=over.rows_written, **_proved(over.pk),
                  **(warehouse.lines() if warehouse else {}))  # fmt: skip


def read_and_write(lane_id: int, file: str) -> Copied:
    """What dlt does with the same lines, with the lane's own parts: read, made into documents with their digests, and
    written in the same statements. No cursor, nothing compared, kept or attested.
    """
    import django

    django.setup()
    from connections import clients, clock
    from connections.providers.exact import changes, odata
    from connections.providers.snowflake import statements
    from connections.providers.snowflake.statements import Stamp
    from sync.archive import documents, reading, writing
    from sync.archive.buffering import FULL
    from sync.archive.catalogue import ENTITIES, fields_of
    from sync.models import SyncLane
    from tests.benchmarks.archive.warehouse import Warehouse
    from tests.benchmarks.pipeline import peak

    division = SyncLane.objects.get(pk=lane_id).division
    entity = next(entity for entity in ENTITIES if entity.name == "transaction_lines")
    region, read = division.connection.region, 0
    resting, began, spent = peak(), time.monotonic(), time.process_time()
    # dlt commits a load at once; some 20 MB at a time keep the memory flat.
    warehouse, client = Warehouse(file, together=20), clients.exact_client(division)
    part: list[str] = []
    size = 0

    def write() -> None:
        stamp = Stamp(writing.SYSTEM, region, division.code, clock.now(), str(uuid.uuid4()))
        warehouse.submit(statements.insert(entity.table, stamp, part))
        part.clear()

    where = odata.gt("Timestamp", odata.Int64(changes.BEGINNING))
    for rows in reading.together(client.written(PATH, select=fields_of(PATH), where=where)):
        with reading.without_collector():
            found = [documents.read(row, entity.key, PATH) for row in rows]
        for document in found:
            text = statements.envelope(
                document.key, document.text, digest=document.digest,
                modified_at=documents.instant(document.modified, region), flags=entity.flags_of(document.row),
            )  # fmt: skip
            weight = statements.weight(text)
            if size + weight > FULL:
                write()
                size = 0
            part.append(text)
            size += weight
        read += len(rows)
    if part:
        write()
    warehouse.checkpoint()
    ran = {"seconds": time.monotonic() - began, "cpu": time.process_time() - spent, "peak": peak(), "resting": resting}
    return Copied(**ran, state="read and written", written=read, **warehouse.lines())


def _warehouse(lane_id: int, file: str) -> Any:
    """The file takes Snowflake's place, with its tables made and its warehouse awake."""
    from connections import clients, clock
    from sync.archive import making, reports
    from sync.archive.catalogue import ENTITIES
    from sync.models import ArchivePolicy
    from tests.benchmarks.archive.warehouse import Warehouse

    made = {entity.name: making.digest_of(entity.table) for entity in ENTITIES}
    made[reports.NAME] = reports.digest()
    ArchivePolicy.objects.filter(lane=lane_id).update(made=made, warehouse_seen_at=clock.now())
    warehouse: Any = Warehouse(file)
    clients.snowflake_client = lambda *_, **__: warehouse
    return warehouse


def _proved(run_id: int) -> dict[str, int]:
    from sync.models import ArchiveAttestation

    verdicts = list(ArchiveAttestation.objects.filter(run=run_id).values_list("is_equal", flat=True))
    return {"equal": verdicts.count(True), "different": verdicts.count(False)}


class _Killer:
    """Stands between Django and the database."""

    def __init__(self, statement: str, at: int) -> None:
        self.statement, self.left = statement, at

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.statement and sql.replace('"', "").startswith(self.statement):
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)
