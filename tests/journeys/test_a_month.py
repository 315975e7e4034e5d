"""A month of everything a till does, compared account by account; and what was asked of the vendors for it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from config.demo import report as reports
from config.demo.report import Held, Report
from connections.providers.square.client import OPERATIONS, WRITES
from connections.sandbox.generator import generate
from sync.models import Posting, SyncItem
from tests.journeys.shop import ledger_of
from tests.world import World

PAYMENTS, DAYS = 500, 30
READS_BY_POST = {
    "/v2/orders/search",
    "/v2/orders/batch-retrieve",
    "/v2/customers/search",
    "/v2/customers/bulk-retrieve",
}
MONEY_PATHS = ("/v2/payments", "/v2/refunds", "/v2/payouts")
BOOKS = {"salesentry/SalesEntries", "financialtransaction/BankEntries", "financialtransaction/CashEntries"}


def a_month(world: World, payments: int, *, days: int = DAYS, **choices: object):
    """Generated, read and booked; every day of it is closed by then."""
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(world.sandbox.square, seed=7, payments=payments, days=days, end=end, customers=world.customers)
    world.furnish(go_live=month.days[0], **choices)
    run = world.run()
    assert run.state == "done", run.sentence
    return month


def compared(world: World) -> Report:
    return reports.compare(world.shop.lane, Held.of(world.sandbox.square), world.books.lines())


@pytest.mark.accepts("S000-01", "S000-17", "S000-39", "S000-42", "S002-14")
def test_a_month_of_mixed_payments_ties_to_the_cent_and_nothing_else_was_touched(world):
    month = a_month(world, PAYMENTS)

    report = compared(world)
    assert report.payments == PAYMENTS
    assert {row.role: row.difference for row in report.rows if row.difference} == {}
    assert report.doubled == 0
    assert {item.source_id for item in SyncItem.objects.filter(state="waiting")} == set(month.odd_payments)
    assert sum(ledger_of(world.books).values()) == 0
    assert Posting.objects.exclude(state="confirmed").count() == 0
    assert_only_reads_at_square(world)
    assert_only_entries_in_the_pinned_division(world)


def assert_only_reads_at_square(world: World) -> None:
    calls = [entry for entry in world.sandbox.log.entries if entry.system == "square"]
    written = {(entry.method, entry.path) for entry in calls if entry.method != "GET"}
    assert {path for _, path in written} <= READS_BY_POST | {"/oauth2/token"}
    assert all(entry.method == "GET" for entry in calls if entry.path.startswith(MONEY_PATHS))
    assert world.sandbox.log.refusals == []


def assert_only_entries_in_the_pinned_division(world: World) -> None:
    calls = [entry for entry in world.sandbox.log.entries if entry.system == "exact"]
    data = [entry for entry in calls if "oauth2" not in entry.path and not entry.path.endswith("current/Me")]
    assert {entry.division for entry in data} == {world.shop.division.code}
    assert all(re.match(rf"^/api/v1/{world.shop.division.code}/\w", entry.path) for entry in data)
    written = {entry.path.split("/", 4)[4] for entry in data if entry.method != "GET"}
    assert written <= BOOKS


@pytest.mark.accepts("S000-17")
def test_the_list_of_operations_at_square_holds_no_write_but_those_of_customers():
    """Reference: Square's searches and bulk reads are POST."""
    writes = {path for method, path in OPERATIONS.values() if method != "GET"}
    of_customers = {OPERATIONS[name][1] for name in WRITES}
    assert writes <= READS_BY_POST | {"/oauth2/token/status"} | of_customers
    assert all(path.startswith("/v2/customers/") for path in of_customers)
    assert {method for method, path in OPERATIONS.values() if path.startswith(MONEY_PATHS)} == {"GET"}


@pytest.mark.accepts("S000-09", "S000-01")
def test_per_payment_each_sale_is_one_entry_whose_id_is_kept(world):
    month = a_month(world, 40, days=3, sales_grouping="per_payment")

    sales = world.books.entries("70")
    # A tender nobody knows holds up the receipt, not the sale.
    booked = sum(sale.odd in {"", "unmapped_tender"} for sale in month.sales)
    assert len(sales) == booked == world.sandbox.log.count("exact", "POST", "SalesEntries")
    kept = set(Posting.objects.filter(document="sales_entry").values_list("remote_id", flat=True))
    assert kept == {entry["EntryID"] for entry in sales}
    assert all(row.difference == 0 for row in compared(world).rows)


def test_unchanged_data_costs_nothing(world):
    a_month(world, 60, days=3)
    before = list(SyncItem.objects.order_by("id").values())
    entries, posts = list(Posting.objects.order_by("id").values()), world.sandbox.log.count("exact", "POST", "Entries")
    orders = world.sandbox.log.count("square", "POST", "orders")

    world.timeline.advance(300)
    again = world.run()

    assert (again.records_changed, again.entries_planned, again.entries_posted) == (0, 0, 0)
    assert world.sandbox.log.count("exact", "POST", "Entries") == posts
    # Orders without lines are asked for again; nothing else is.
    assert world.sandbox.log.count("square", "POST", "orders") - orders <= 1
    assert list(Posting.objects.order_by("id").values()) == entries
    still = [{**row, "recheck_at": None, "attempts": 0} for row in SyncItem.objects.order_by("id").values()]
    assert still == [{**row, "recheck_at": None, "attempts": 0} for row in before]
