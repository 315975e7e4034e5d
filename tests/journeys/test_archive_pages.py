"""What people see and do about the archive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from config.demo import archive as demo
from connections import clock
from connections.sandbox.faults import Fault
from sync import runs
from sync.alerts import sending, watching
from sync.alerts.kinds import Kind
from sync.models import AlertChannel, ArchiveAttestation, ArchivePolicy, ArchiveTable, SyncLane, SyncRun
from sync.models.lanes import ARCHIVE
from tests.connections.sandbox.snowflake_world import pem
from tests.journeys.archive import Archive, open_archive
from tests.journeys.pages import press
from tests.world import World

LISTS = ("archivetable", "archivebatch", "archiveattestation", "archivedrecord")


@pytest.fixture
def archive(world: World) -> Iterator[Archive]:
    made = open_archive(world)
    yield made
    world.sandbox.snowflake.close()


def page(browser: Client, name: str, *args: object, **query: object) -> str:
    answer = browser.get(reverse(f"admin:sync_{name}", args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.accepts("S003-07", "S003-39")
def test_a_lane_is_added_by_its_form_weekly_and_for_all_divisions(browser: Client, world: World) -> None:
    shop = world.furnish()
    target = demo.connect(world.sandbox, "Archive", pem=pem())
    text = browser.get(reverse("admin:sync_synclane_add"), {"flow": ARCHIVE}).content.decode()
    assert "Exact connection" in text
    assert f">{shop.square}<" not in text
    assert 'value="10080" selected' in text
    form = {
        "label": "Archive", "source": shop.exact.pk, "division": shop.division.pk, "priority": "0",
        "cadence_minutes": "10080",
        "is_enabled": "on", "archive_policy-TOTAL_FORMS": "1", "archive_policy-INITIAL_FORMS": "0",
        "archive_policy-0-target": target.pk, "archive_policy-0-all_divisions": "on",
    }  # fmt: skip
    url = f"{reverse('admin:sync_synclane_add')}?flow={ARCHIVE}"
    assert browser.post(url, form).status_code == 302
    lane = SyncLane.objects.get(flow=ARCHIVE)
    assert (lane.cadence_minutes, lane.archive_policy.target) == (7 * 24 * 60, target)
    again = browser.post(url, {**form, "label": "Twice"}).content.decode()
    assert "archives a division of these there already" in again
    assert ArchivePolicy.objects.count() == 1
    world.sandbox.snowflake.close()


def test_the_pages_show_what_was_copied_and_that_both_sides_are_equal(browser: Client, archive: Archive) -> None:
    for name in LISTS:
        assert page(browser, f"{name}_changelist")
    archive.book(3)
    run = archive.run()
    tables = page(browser, "archivetable_changelist", cursor__lane__id__exact=archive.lane.pk)
    assert "transaction_lines" in tables
    assert "badge-good" in tables
    assert "badge-bad" not in tables
    batches = page(browser, "archivebatch_changelist", run_id=run.pk)
    assert str(archive.lane.archive_batches.first().request_id) in batches
    assert "equal" in page(browser, "archiveattestation_changelist", run__id__exact=run.pk)
    shown = page(browser, "syncrun_change", run.pk)
    assert "rows written to Snowflake" in shown
    assert "calls to Snowflake" in shown
    assert "Square" not in shown.split('id="progress-title"')[1].split("</section>")[0]
    lane = page(browser, "synclane_change", archive.lane.pk)
    assert "Attestations" in lane
    assert ArchiveTable.objects.filter(verdict="equal").count() == ArchiveAttestation.objects.count()


def test_a_run_under_way_shows_how_far_it_is(browser: Client, archive: Archive) -> None:
    run = archive.opened()
    archive.world.sandbox.faults.add(Fault("503", "exact", "GET", "*Journals*", times=0))
    runs.work_slice(run.pk)
    state = browser.get(reverse("admin:sync_syncrun_progress", args=[run.pk])).json()
    assert 0 < state["percent"] < 100
    archive.world.sandbox.faults.clear()
    assert runs.work_to_rest(SyncRun.objects.get(pk=run.pk)).state == "done"


def test_a_paused_archive_goes_on_where_it_was_when_it_is_resumed(browser: Client, archive: Archive) -> None:
    press(browser, archive.lane, "pause", reason="Audit week")
    archive.lane.refresh_from_db()
    assert archive.lane.is_paused
    with pytest.raises(runs.NotNow, match="Audit week"):
        archive.opened(after=timedelta(0))
    press(browser, archive.lane, "resume")
    assert archive.run().rows_written > 0


def test_a_table_that_differs_is_one_mail_and_one_when_both_sides_are_equal_again(archive: Archive) -> None:
    AlertChannel.objects.create(name="Finance", addresses="anna@example.com", kinds=[Kind.ARCHIVE])
    archive.book(3)
    archive.run()
    code = archive.lane.division.code
    archive.query(f'UPDATE "transaction_lines" SET "division_id" = 7 WHERE "division_id" = {code}')
    archive.book(1)
    archive.run()
    assert mails() == [f"[Tillbridge] Archive: transaction_lines of {archive.lane.division} differs"]
    assert "3 rows missing (written 4, there 1)" in mail.outbox[0].body
    archive.run()
    assert mails() == [], "nothing was written, so nothing was compared"

    archive.query(f'UPDATE "transaction_lines" SET "division_id" = {code} WHERE "division_id" = 7')
    archive.book(1)
    archive.run()
    assert mails() == []
    archive.world.timeline.advance(16 * 60)
    assert mails() == [f"[Tillbridge] Over: Archive: transaction_lines of {archive.lane.division} differs"]


def test_an_archive_that_failed_is_told_and_what_has_a_known_cause_is_not(archive: Archive) -> None:
    AlertChannel.objects.create(name="Finance", addresses="anna@example.com", kinds=[Kind.LANE])
    archive.world.sandbox.faults.add(Fault("503", "exact", "GET", "*Journals*", times=0))
    assert archive.attempt().state == "failed"
    assert mails() == [f"[Tillbridge] Lane {archive.lane} stopped"]
    archive.world.sandbox.faults.clear()
    archive.run()
    assert mails() == []
    archive.world.timeline.advance(16 * 60)
    assert mails() == [f"[Tillbridge] Over: Lane {archive.lane} stopped"]


def mails() -> list[str]:
    """Subjects of what is told now."""
    mail.outbox.clear()
    watching.look(clock.now())
    sending.send_due(clock.now())
    return [message.subject for message in mail.outbox]
