"""A warehouse that does not wake up by itself is told of by the run, with the command to run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from audit.models import AuditEntry
from connections.models import Connection
from sync.models import SyncRun
from tests.journeys.archive import Archive, open_archive
from tests.journeys.pages import page_of
from tests.world import World

COMMAND = 'ALTER WAREHOUSE "LOAD_WH" SET AUTO_RESUME = TRUE;'


@pytest.fixture
def archive(world: World) -> Iterator[Archive]:
    made = open_archive(world)
    yield made
    world.sandbox.snowflake.close()


def questions(archive: Archive) -> int:
    """How often Snowflake was asked for its warehouses."""
    return sum("SHOW WAREHOUSES" in str(one) for one in archive.account.log_of_statements())


@pytest.mark.accepts("S003-33")
def test_the_first_run_warns_of_a_warehouse_that_does_not_resume(archive: Archive, browser: Client) -> None:
    house = archive.account.warehouses["LOAD_WH"]
    house.auto_resume, house.auto_suspend, house.is_suspended = False, 0, False
    run = archive.run()
    assert run.sentence.endswith(COMMAND)
    assert COMMAND.replace('"', "&quot;") in browser.get(page_of(run)).content.decode()
    assert COMMAND.replace('"', "&quot;") in browser.get(page_of(archive.policy.target)).content.decode()
    warned = AuditEntry.objects.filter(verb="connection.warned")
    assert COMMAND in warned.get().detail["warning"]

    archive.book(1)
    assert archive.run().sentence.endswith(COMMAND)
    assert warned.count() == 1

    house.auto_resume = True
    archive.book(1)
    assert COMMAND not in archive.run().sentence
    assert Connection.objects.get(pk=archive.policy.target.pk).warning == ""
    before = archive.calls("snowflake")
    assert archive.run().rows_written == 0
    assert archive.calls("snowflake") == before


@pytest.mark.accepts("S003-33")
def test_a_warehouse_that_resumes_is_asked_about_once(archive: Archive) -> None:
    archive.run()
    assert AuditEntry.objects.filter(verb="connection.warned").count() == 0
    asked = questions(archive)
    archive.book(1)
    archive.run()
    assert questions(archive) == asked > 0


@pytest.mark.accepts("S003-33")
def test_a_run_into_a_warehouse_that_sleeps_for_good_says_how_to_wake_it_and_loses_nothing(archive: Archive) -> None:
    house = archive.account.warehouses["LOAD_WH"]
    house.auto_resume, house.is_suspended = False, True
    archive.book(2)
    run = archive.attempt()
    assert (run.state, run.rows_written) == ("failed", 0)
    assert "is suspended and does not resume by itself" in run.sentence
    assert run.sentence.endswith(COMMAND)
    house.auto_resume = True
    again = archive.run()
    assert archive.count("transaction_lines") == 2
    assert again.rows_written > 100
    assert SyncRun.objects.filter(lane=archive.lane).count() == 2
