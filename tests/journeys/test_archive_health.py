"""An archive that stopped, or does not hold what was written, is on the work list and fails its check."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from connections import clock
from sync import vitals
from sync.models import ArchiveBatch, SyncLane
from tests.journeys.archive import Archive, open_archive
from tests.journeys.pages import words
from tests.world import World


@pytest.fixture
def archive(world: World) -> Iterator[Archive]:
    made = open_archive(world)
    made.book(3)
    made.run()
    yield made
    world.sandbox.snowflake.close()


def work_list(browser: Client) -> str:
    return words(browser.get(reverse("admin:index")))


def check(archive: Archive) -> tuple[bool, str]:
    name = f"archive-{archive.lane.pk}"
    found = {one.name: one for one in vitals.checks(clock.now())}[name]
    assert name not in {one.name for one in vitals.technical_checks(clock.now())}
    return found.is_well, found.sentence


def test_an_archive_that_works_is_well_and_not_on_the_work_list(archive: Archive, browser: Client) -> None:
    assert check(archive) == (True, "It runs, and Snowflake holds what was written.")
    assert "Archive Koffiehuis" not in work_list(browser)


def test_a_table_that_differs_is_told_with_a_way_to_it(archive: Archive, browser: Client) -> None:
    archive.query('DELETE FROM "transaction_lines"')
    archive.book(1)
    archive.attempt()
    assert "1 table does not hold in Snowflake what was written" in check(archive)[1]
    assert "differs from what was written" in work_list(browser)
    link = (
        f"{reverse('admin:sync_archivetable_changelist')}?verdict=different&cursor__lane__id__exact={archive.lane.pk}"
    )
    assert link.replace("&", "&amp;") in browser.get(reverse("admin:index")).content.decode()
    assert "transaction_lines" in words(browser.get(link))


def test_a_batch_of_which_another_number_of_rows_arrived_is_told(archive: Archive, browser: Client) -> None:
    ArchiveBatch.objects.filter(pk=ArchiveBatch.objects.latest("pk").pk).update(state="conflict")
    assert "Snowflake wrote another number of rows than was sent" in check(archive)[1]
    assert "differs from what was written" in work_list(browser)


def test_a_lane_whose_last_run_failed_has_stopped_until_one_does_not(archive: Archive, browser: Client) -> None:
    house = archive.account.warehouses["LOAD_WH"]
    house.auto_resume, house.is_suspended = False, True
    archive.book(1)
    run = archive.attempt()
    assert run.state == "failed"
    is_well, sentence = check(archive)
    assert not is_well
    assert sentence == f"Its last run failed: {run.sentence}"
    assert "has stopped" in work_list(browser)
    assert str(archive.lane) in words(browser.get(reverse("admin:health")))
    house.auto_resume = True
    archive.run()
    assert check(archive)[0]
    assert "has stopped" not in work_list(browser)


def test_a_paused_lane_has_stopped_and_one_switched_off_is_nobodys_business(archive: Archive, browser: Client) -> None:
    lanes = SyncLane.objects.filter(pk=archive.lane.pk)
    lanes.update(paused_reason="The year is being closed.")
    assert check(archive) == (False, "It is paused: The year is being closed.")
    lanes.update(is_enabled=False)
    assert f"archive-{archive.lane.pk}" not in {one.name for one in vitals.checks(clock.now())}
    assert "has stopped" not in work_list(browser)
