"""The archive when things go wrong on the way to Snowflake: no row is lost, and none is there twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from connections import clients
from connections.providers.snowflake.statements import Statement
from connections.sandbox.faults import Fault
from sync import runs
from sync.models import ArchiveAttestation, ArchiveBatch, SyncRun
from tests.crashing import dying
from tests.journeys.archive import Archive, open_archive
from tests.world import World

LINES = 'SELECT COUNT(*), COUNT(DISTINCT "record_id") FROM "transaction_lines"'
STATEMENTS = "*/api/v2/statements"


@pytest.fixture
def archive(world: World) -> Iterator[Archive]:
    made = open_archive(world)
    made.run()
    yield made
    world.sandbox.snowflake.close()


def around_a_write(name: str) -> bool:
    """Before and after each request that writes, and each change of a batch."""
    return name.endswith(("POST", "INSERT sync_archivebatch", "UPDATE sync_archivebatch"))


def lines(archive: Archive) -> tuple[int, int]:
    [[rows, records]] = archive.query(LINES)
    return int(rows), int(records)


def is_whole(archive: Archive) -> bool:
    """Every batch is through, and every table that was written equals ours."""
    is_open = ArchiveBatch.objects.exclude(state="done").exists()
    return not is_open and not ArchiveAttestation.objects.filter(is_equal=False).exists()


@pytest.mark.accepts("S003-37", "S003-47")
@pytest.mark.parametrize("action", ["drop_after", "drop_before", "500_after", "500_page", "503", "429", "truncate"])
def test_an_answer_that_is_lost_doubles_nothing_and_loses_nothing(archive: Archive, action: str) -> None:
    archive.book(20)
    archive.world.sandbox.faults.add(Fault(action, "snowflake", "POST", STATEMENTS))
    run = archive.run()
    assert lines(archive) == (20, 20)
    assert run.rows_written == 20
    assert is_whole(archive)


@pytest.mark.accepts("S003-47")
def test_a_worker_killed_anywhere_is_followed_by_one_that_ends_its_work(archive: Archive) -> None:
    """At every boundary in turn: before and after what is sent, and what is committed."""
    with dying(0, counts=around_a_write) as counted:
        archive.book(1)
        archive.run()
    total = 1
    for at in range(1, counted.passed + 1):
        archive.book(1)
        total += 1
        run = archive.opened()
        with dying(at, counts=around_a_write):
            runs.work_to_rest(run)
        archive.world.timeline.advance(600)  # until its lease has run out
        archive.consent_again()  # in case it died while it renewed its token, which Exact gives once
        finished = runs.work_to_rest(SyncRun.objects.get(pk=run.pk))
        assert finished.state == "done", finished.sentence
        assert lines(archive) == (total, total)
        assert is_whole(archive)


def test_a_statement_that_takes_its_time_is_asked_after_and_not_sent_again(archive: Archive) -> None:
    archive.book(3)
    archive.account.switches.statement_seconds = 50
    run = archive.run()
    assert lines(archive) == (3, 3)
    assert run.rows_written == 3


def test_a_batch_whose_answer_was_lost_long_ago_is_counted_before_it_is_repeated(archive: Archive) -> None:
    archive.book(3)
    run = archive.opened()
    archive.world.sandbox.faults.add(Fault("drop_after", "snowflake", "POST", STATEMENTS))
    runs.work_slice(run.pk)
    assert ArchiveBatch.objects.filter(state="sending").count() == 1
    archive.account.switches.history_seconds = 1
    archive.world.timeline.advance(3 * 3600)
    finished = runs.work_to_rest(SyncRun.objects.get(pk=run.pk))
    assert finished.state == "done", finished.sentence
    assert lines(archive) == (3, 3)


def test_rows_that_somebody_took_away_in_snowflake_are_named(archive: Archive) -> None:
    archive.book(3)
    archive.run()
    archive.query('DELETE FROM "transaction_lines"')
    archive.book(1)
    run = archive.attempt()
    found = ArchiveAttestation.objects.get(is_equal=False)
    assert (found.rows, found.their_rows) == (4, 1)
    assert "3 rows missing (written 4, there 1)" in run.sentence
    assert found.table.verdict == "different"


def test_a_table_of_another_shape_is_left_alone_and_said(world: World) -> None:
    archive = open_archive(world)
    ask = clients.snowflake_client(archive.policy.target).execute
    ask(Statement('CREATE TABLE "journals" ("record_id" VARCHAR(100))', "probe"), request_id=str(uuid.uuid4()))
    run = archive.attempt()
    assert run.state == "failed"
    assert '"journals"' in run.sentence
    assert "Rename it there" in run.sentence
    assert archive.query('SELECT COUNT(*) FROM "journals"') == [["0"]]
    ask(Statement('DROP TABLE "journals"', "probe"), request_id=str(uuid.uuid4()))
    archive.run()
    assert archive.count("journals") == len(archive.books.tables["journals"])
    assert is_whole(archive)
    world.sandbox.snowflake.close()


def test_a_record_that_cannot_be_stored_is_left_out_and_said(archive: Archive) -> None:
    archive.book(1, Description="x" * 9_000_000)
    archive.book(2)
    run = archive.run()
    assert lines(archive) == (2, 2)
    assert "1 cannot be stored" in run.sentence
    assert is_whole(archive)
