"""Exact is copied into Snowflake: every version once, nothing twice, and few calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from audit.models import AuditEntry
from connections import divisions
from connections.models import VendorCall
from sync.archive.catalogue import ENTITIES, feeds
from sync.models import ArchiveAttestation, ArchiveBatch, ArchivePolicy
from tests.journeys.archive import Archive, another_division, open_archive
from tests.world import World

# One call each: every list of the catalogue, and the log of deletions.
LISTS = len(list(feeds())) + 1


@pytest.fixture
def archive(world: World) -> Iterator[Archive]:
    made = open_archive(world)
    yield made
    world.sandbox.snowflake.close()


def test_the_books_of_a_division_stand_in_snowflake_after_the_first_run(world: World) -> None:
    archive = open_archive(world, makes_all=True)
    archive.book(3, amount=Decimal("12345678901234.05"))
    run = archive.run()
    assert archive.count("transaction_lines") == 3
    assert {row["AmountDC"] for row in archive.documents("transaction_lines")} == {Decimal("12345678901234.05")}
    assert archive.count("gl_accounts") == len(archive.books.tables["glaccounts"])
    assert archive.count("customers") >= 3
    assert archive.count("dim_gl_account") == archive.count("gl_accounts")
    [[total]] = archive.query('SELECT SUM("amount") FROM "gl_reconciliation"')
    assert Decimal(str(total)) == 3 * Decimal("12345678901234.05")
    assert all(archive.count(view) == 0 for view in ("aged_payables", "stuck_orders", "invoices_by_region"))
    assert run.rows_written == run.records_changed > 100
    assert not ArchiveBatch.objects.exclude(state="done").exists()
    assert not ArchiveAttestation.objects.filter(is_equal=False).exists()


def test_a_run_with_nothing_new_makes_one_call_a_list_and_none_to_snowflake(archive: Archive) -> None:
    archive.run()
    before, asked = archive.reads(), archive.calls("snowflake")
    run = archive.run()
    assert archive.reads() - before == LISTS <= len(ENTITIES)
    assert archive.calls("snowflake") == asked
    assert (run.records_changed, run.rows_written) == (0, 0)


@pytest.mark.accepts("S003-36", "S003-53")
def test_what_changed_is_written_once_more_and_nothing_else(archive: Archive) -> None:
    line, *_ = archive.book(5)
    archive.run()
    archive.edit("transactionlines", line["ID"], AmountDC=Decimal("9.99"))
    run = archive.run()
    assert (run.records_changed, run.rows_written) == (1, 1)
    assert archive.count("transaction_lines") == 6
    latest = archive.query('SELECT "data" FROM "transaction_lines_latest"')
    assert sorted("9.99" in str(row[0]) for row in latest) == [False] * 4 + [True]


def test_a_row_version_that_went_up_alone_is_no_news(archive: Archive) -> None:
    """One change of an entry's head gives each of its lines a new version."""
    line, *_ = archive.book(2)
    archive.run()
    archive.books.tables["transactionlines"].change(line["ID"])
    run = archive.run()
    assert (run.records_changed, run.rows_written) == (0, 0)


@pytest.mark.accepts("S003-54")
def test_a_deleted_record_gets_a_last_row_and_keeps_its_versions(archive: Archive) -> None:
    line, *_ = archive.book(2)
    archive.run()
    archive.books.forget("transactionlines", line["ID"])
    run = archive.run()
    assert run.rows_written == 1
    assert archive.count("transaction_lines") == 3
    [[gone]] = archive.query('SELECT "record_id" FROM "transaction_lines_deleted"')
    assert gone == line["ID"]
    assert archive.count("transaction_lines_latest") == 1
    assert archive.run().rows_written == 0


def test_a_deleted_account_is_gone_from_every_table_it_stood_in(archive: Archive) -> None:
    row = archive.books.add("accounts", Name="Both", Code="9", Status="C", IsSupplier=True)
    archive.run()
    archive.books.forget("accounts", row["ID"])
    assert archive.run().rows_written == 2
    for table in ("suppliers", "customers"):
        assert archive.query(f'SELECT "record_id" FROM "{table}_deleted"') == [[row["ID"]]]


def test_a_supplier_who_is_none_any_more_gets_a_last_version_among_the_suppliers(archive: Archive) -> None:
    row = archive.books.add("accounts", Name="Brander", Code="9", Status="A", IsSupplier=True)
    archive.run()
    archive.edit("accounts", row["ID"], IsSupplier=False)
    assert archive.run().rows_written == 1
    flags = archive.query(f"""SELECT "is_supplier" FROM "suppliers_latest" WHERE "record_id" = '{row["ID"]}'""")
    assert [str(flag).lower() for [flag] in flags] == ["false"]


def test_what_is_gone_from_a_small_list_is_seen_by_its_absence(archive: Archive) -> None:
    unit = archive.books.add("costunits", Code="X", Description="Fair")
    archive.run()
    archive.books.tables["costunits"].remove(unit["ID"])
    assert archive.run().rows_written == 1
    assert archive.query('SELECT "record_id" FROM "cost_units_deleted"') == [[unit["ID"]]]


def test_a_small_list_of_several_pages_costs_one_call_until_something_changes(archive: Archive) -> None:
    """Among 150 cost units, of which a page holds 60: nothing, a change, a new one, one gone, one gone for another."""
    units = [archive.books.add("costunits", Code=f"{number}", Description="Fair") for number in range(150)]
    archive.run()

    def told() -> tuple[int, int]:
        before = archive.calls("exact", "hrm/Costunits")
        return archive.run().rows_written, archive.calls("exact", "hrm/Costunits") - before

    assert told() == (0, 1)
    archive.edit("costunits", units[7]["ID"], Description="Autumn fair")
    assert told() == (1, 4)
    archive.books.add("costunits", Code="new", Description="Spring fair")
    assert told() == (1, 4)
    archive.books.tables["costunits"].remove(units[8]["ID"])
    assert told() == (1, 4)
    archive.books.tables["costunits"].remove(units[9]["ID"])
    archive.books.add("costunits", Code="newer", Description="Winter fair")
    assert told() == (2, 4)
    assert told() == (0, 1)
    assert archive.count("cost_units_latest") == len(archive.books.tables["costunits"])


def test_a_small_list_that_changed_moments_before_it_was_read_is_read_whole_once_more(archive: Archive) -> None:
    for number in range(70):
        archive.books.add("costunits", Code=f"{number}", Description="Fair")
    archive.run(after=timedelta(0))
    before = archive.calls("exact", "hrm/Costunits")
    assert archive.run().rows_written == 0
    assert archive.calls("exact", "hrm/Costunits") - before == 2


def test_after_a_division_moved_everything_is_read_again_and_only_what_changed_is_written(archive: Archive) -> None:
    kept, lost = archive.book(2)
    archive.run()
    archive.books.tables["transactionlines"].remove(lost["ID"])  # its log of deletions is lost with the move
    archive.books.move()
    divisions.discover(archive.lane.source)
    run = archive.run()
    assert run.records_read > 100
    assert run.rows_written == 1
    assert archive.query('SELECT "record_id" FROM "transaction_lines_deleted"') == [[lost["ID"]]]
    assert archive.query('SELECT "record_id" FROM "transaction_lines_latest"') == [[kept["ID"]]]
    reloads = AuditEntry.objects.filter(verb="archive.reloaded").values_list("detail__why", flat=True)
    assert all("moved the division" in str(why) for why in reloads)
    assert archive.run().records_read < 100


def test_after_two_months_of_silence_the_log_of_deletions_is_not_relied_on(archive: Archive) -> None:
    line, *_ = archive.book(2)
    archive.run()
    archive.books.forget("transactionlines", line["ID"])
    archive.world.timeline.advance(timedelta(days=70).total_seconds())
    archive.consent_again()
    run = archive.run(after=timedelta(0))
    assert archive.query('SELECT "record_id" FROM "transaction_lines_deleted"') == [[line["ID"]]]
    assert run.rows_written == 1


def test_a_full_copy_writes_every_record_with_each_run(archive: Archive) -> None:
    archive.book(3)
    first = archive.run()
    archive.policy.__class__.objects.update(full_copies=True)
    second = archive.run()
    assert second.rows_written == first.rows_written
    assert archive.count("transaction_lines") == 6
    assert archive.count("transaction_lines_latest") == 3


@pytest.mark.accepts("S003-32")
def test_a_thousand_rows_cost_little_more_than_a_call(archive: Archive) -> None:
    archive.run()
    archive.book(5000)
    before = archive.calls("exact", "sync/Financial/TransactionLines")
    run = archive.run()
    assert run.rows_written == 5000
    assert archive.calls("exact", "sync/Financial/TransactionLines") - before <= 5 * 1.02
    largest = max(ArchiveBatch.objects.values_list("size", flat=True))
    assert largest < 1_000_000


def test_all_divisions_are_read_before_the_first_row_is_written(archive: Archive) -> None:
    other = another_division(archive, 200002, "Koffiehuis Utrecht BV")
    archive.book(2)
    run = archive.run()
    systems = [call.system for call in VendorCall.objects.filter(run_id=run.pk).order_by("pk")]
    assert systems == sorted(systems)  # exact, and only then snowflake
    assert set(systems) == {"exact", "snowflake"}
    found = archive.query('SELECT DISTINCT "division_id" FROM "gl_accounts" ORDER BY 1')
    assert [int(code) for [code] in found] == [archive.books.code, other.code]


def test_a_second_lane_does_not_archive_the_same_division_into_the_same_place(archive: Archive) -> None:
    archive.run()
    lane, policy = archive.lane, archive.policy
    lane.pk, lane.label, lane._state.adding = None, "Again", True
    lane.save()
    policy.pk, policy.lane, policy._state.adding = None, lane, True
    policy.save()
    run = archive.attempt()
    assert run.state == "failed"
    assert "is archived into Archive by lane" in run.sentence


def test_a_first_run_may_begin_at_a_day(archive: Archive) -> None:
    archive.book(2)
    archive.world.timeline.advance(timedelta(days=10).total_seconds())
    today = archive.world.timeline.now().date()
    archive.book(3)
    ArchivePolicy.objects.update(backfill_from=today)
    archive.run()
    assert archive.count("transaction_lines") == 3
    assert archive.policy.backfill_from is None

    ArchivePolicy.objects.update(backfill_from=today - timedelta(days=30))
    run = archive.run()
    assert archive.count("transaction_lines") == 5
    assert archive.count("transaction_lines_latest") == 5
    assert run.rows_written >= 2
    assert archive.run().rows_written == 0
