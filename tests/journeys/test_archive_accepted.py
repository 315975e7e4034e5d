"""What the archive was asked for, row by row: every kind of record, three countries, months of weeks."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from django.test import Client

from audit.models import AuditEntry
from config.demo import archive as demo
from config.demo import shop as shops
from connections import clients, credentials, divisions, subscriptions, webhooks
from connections.grants import Grant
from connections.models import Connection, Division, WebhookEvent
from connections.providers.snowflake import statements
from connections.sandbox.exact.division import ExactDivision
from sync import doorbell, tasks
from sync.archive.catalogue import BY_NAME, ENTITIES, Way
from sync.models import ArchiveBatch, SyncRun
from tests.journeys.archive import WEEK, Archive, another_division, open_archive
from tests.journeys.pages import page_of, press, save_form
from tests.postman import Postman
from tests.world import World

RECORDS = ("S003-01", "S003-09", "S003-10", "S003-11", "S003-12", "S003-13", "S003-14", "S003-15", "S003-16", "S003-17",
           "S003-18", "S003-19", "S003-20", "S003-35", "S003-43")  # fmt: skip
# The stand-in's tables, by the endpoint that shows them, where the name says it not.
TABLES = {"purchase_order_lines": "purchaseorderrows", "sales_order_lines": "salesorderrows"}


@pytest.fixture
def archive(world: World) -> Iterator[Archive]:
    made = open_archive(world)
    yield made
    world.sandbox.snowflake.close()


def everything(books: ExactDivision) -> None:
    """At least one record of every kind, beside what a new division has."""
    old = datetime(2026, 1, 5)  # noqa: DTZ001 - Exact's wall clock
    supplier = books.add_account("Brander BV", "A", IsSupplier=True)
    both = books.add_account("Hotel Zon", "C", IsSupplier=True)
    books.add("contacts", Account=both["ID"], FirstName="Eva", LastName="Zon")
    books.add("addresses", Account=both["ID"], City="Amsterdam")
    books.add_item("KOFFIE", "Koffiebonen")
    books.add("projects", Code="P1", Description="Verbouwing")
    books.add("costcenters", Code="KP1", Description="Amsterdam")
    books.add("costunits", Code="KD1", Description="Terras")
    invoice = books.add("purchaseinvoices", AmountDC=Decimal("121.00"), Supplier=supplier["ID"])
    order = books.add("purchaseorders", OrderNumber=1, AmountDC=Decimal(200), OrderDate=old)
    line = books.add("purchaseorderrows", PurchaseOrderID=order["PurchaseOrderID"], OrderNumber=1, OrderDate=old,
                     AmountDC=Decimal(200), SupplierName="Brander BV", LineNumber=1)  # fmt: skip
    done = books.add("purchaseorderrows", OrderNumber=2, OrderDate=old, AmountDC=Decimal(30), LineNumber=1)
    for ordered, amount in ((line, 121), (done, 30)):
        part = {"PurchaseOrderLine": ordered["ID"], "AmountDC": Decimal(amount)}
        books.add("purchaseinvoicelines", InvoiceID=invoice["ID"], **part)
    head = books.add("salesorderheaders", OrderNumber=5, AmountDC=Decimal(10))
    books.add("salesorderrows", OrderID=head["ID"], OrderNumber=5, AmountDC=Decimal(10), LineNumber=1)
    for number in (0, 1):
        books.add("salesinvoices", InvoiceNumber=7, LineNumber=number, AmountDC=Decimal("60.50"), InvoiceToName="Zon")
        books.add("transactionlines", LineNumber=number, AmountDC=Decimal(0), GLAccountCode="8000", FinancialYear=2026)
    scheme = books.add("glschemes", Code="RGS", Description="RGS")
    books.add("glclassifications", Code="W", Description="Winst", TaxonomyNamespace=scheme["ID"])
    books.add("glaccountclassificationmappings", GLAccount=books.gl("8000")["ID"], GLAccountCode="8000",
              ClassificationCode="W", ClassificationDescription="Winst", GLSchemeCode="RGS")  # fmt: skip
    books.add("paymentterms", LineType=20, AmountDC=Decimal("-60.50"))
    books.add("paymentterms", LineType=22, AmountDC=Decimal("121.00"), DueDate=old, AccountName="Brander BV")
    for kind in ("bank", "cash"):
        entry = books.add(f"{kind}entries", JournalCode="20", EntryNumber=1)
        books.add(f"{kind}entrylines", EntryID=entry["EntryID"], AmountDC=Decimal("5.05"))


def in_exact(archive: Archive, name: str) -> list[dict[str, Any]]:
    """The rows of Exact that belong in a table, straight from its books."""
    entity = BY_NAME[name]
    table = TABLES.get(name, entity.path.rpartition("/")[2].lower())
    table = {"periods": "financialperiods"}.get(name, table)
    return [row for row in archive.books.tables[table] if entity.takes(row)]


@pytest.mark.accepts(*RECORDS, "S003-04", "S003-22", "S003-34", "S003-42", "S003-45")
def test_every_kind_of_record_is_copied_in_one_run_with_where_it_comes_from(world: World) -> None:
    archive = open_archive(world, makes_all=True)
    everything(archive.books)
    archive.run()
    for entity in ENTITIES:
        rows = in_exact(archive, entity.name)
        keys = archive.query(f'SELECT "record_id" FROM "{entity.name}" ORDER BY 1')
        assert [key for [key] in keys] == sorted(row[entity.key] for row in rows), entity.name
        assert keys, entity.name
        named = 'NOT ("source_system" IS NULL OR "region" IS NULL OR "division_id" IS NULL OR "synced_at" IS NULL)'
        assert archive.query(f'SELECT COUNT(*) FROM "{entity.name}" WHERE {named}') == [[str(len(rows))]]
    both = 'SELECT COUNT(*) FROM "{}" WHERE "is_supplier" AND "is_customer"'
    assert [archive.query(both.format(name)) for name in ("suppliers", "customers")] == [[["1"]], [["1"]]]
    parents = {row["InvoiceID"] for row in archive.documents("purchase_invoice_lines")}
    assert parents == {row["ID"] for row in in_exact(archive, "purchase_invoices")}
    assert archive.documents("gl_account_classifications")[0]["ClassificationCode"] == "W"

    dimensions = {
        name: archive.count(f"dim_{name}") for name in ("gl_account", "cost_center", "cost_unit", "gl_hierarchy")
    }
    assert dimensions == {
        "gl_account": len(in_exact(archive, "gl_accounts")), "cost_center": len(in_exact(archive, "cost_centers")),
        "cost_unit": len(in_exact(archive, "cost_units")), "gl_hierarchy": 1,
    }  # fmt: skip
    stuck = archive.query('SELECT "order_number", "ordered", "invoiced" FROM "stuck_purchase_orders"')
    assert [[Decimal(str(part)) for part in row] for row in stuck] == [[1, 200, 121]]
    [[supplier, amount]] = archive.query('SELECT "supplier", "amount" FROM "aged_payables"')
    assert (supplier, Decimal(str(amount))) == ("Brander BV", 121)
    assert archive.query('SELECT "invoice_to" FROM "invoices_by_region"') == [["Zon"]]
    world.sandbox.snowflake.close()


@pytest.mark.accepts("S003-03", "S003-41")
def test_accounts_and_cost_centres_come_to_the_same_sums_in_snowflake_as_in_exact(world: World) -> None:
    archive = open_archive(world, makes_all=True)
    chance = random.Random(7)
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for _ in range(60):
        account, centre = chance.choice(["8000", "8001", "1300"]), chance.choice(["KP1", "KP2"])
        amount = Decimal(chance.randrange(-(10**9), 10**9)) / 100
        archive.book(1, amount=amount, GLAccountCode=account, CostCenter=centre, FinancialYear=2026, FinancialPeriod=3)
        sums[account, centre] += amount
    archive.run()
    found = archive.query(
        f'SELECT "gl_account_code", "cost_center", SUM("amount") FROM "gl_reconciliation" '
        f'WHERE "division_id" = {archive.books.code} GROUP BY 1, 2'
    )
    assert {(account, centre): Decimal(str(amount)) for account, centre, amount in found} == sums
    [[one]] = archive.query("""SELECT SUM("amount") FROM "gl_reconciliation" WHERE "cost_center" = 'KP1'""")
    assert Decimal(str(one)) == sum(amount for (_, centre), amount in sums.items() if centre == "KP1")
    world.sandbox.snowflake.close()


@pytest.mark.accepts("S003-55", "S003-46", "S003-23", "S003-53")
def test_any_instant_shows_what_exact_said_then(archive: Archive) -> None:
    """Changed at random week after week, and compared with what was noted each time."""
    chance, seen = random.Random(3), []
    for _ in range(6):
        living = list(archive.books.tables["transactionlines"])
        for row in chance.sample(living, len(living) // 3):
            archive.edit("transactionlines", row["ID"], AmountDC=Decimal(chance.randrange(10**6)) / 100)
        for row in chance.sample(living, len(living) // 5):
            archive.books.forget("transactionlines", row["ID"])
        archive.book(chance.randrange(2, 8))
        archive.run()
        said = {row["ID"]: row["AmountDC"] for row in archive.books.tables["transactionlines"]}
        seen.append((archive.world.timeline.now(), said))
    ask = clients.snowflake_client(archive.policy.target).execute
    for place, (at, said) in enumerate(seen):
        asked = statements.as_of(BY_NAME["transaction_lines"].table, at + timedelta(hours=1))
        rows = ask(asked, request_id=f"00000000-0000-4000-8000-{place:012}").records()
        assert {row["record_id"]: _amount(row["data"]) for row in rows} == said
    sent = [str(one["statement"]).split()[0].upper() for one in archive.account.log_of_statements()]
    assert set(sent) <= {"INSERT", "CREATE", "DESCRIBE", "SELECT", "SHOW"}
    stamps = archive.query(
        'SELECT "record_id", COUNT(*), COUNT(DISTINCT "synced_at") FROM "transaction_lines" GROUP BY 1'
    )
    assert all(rows == times for _, rows, times in stamps)
    assert max(int(rows) for _, rows, _ in stamps) > 2


def _amount(data: object) -> Decimal:
    return Decimal(str(json.loads(str(data), parse_float=Decimal)["AmountDC"]))


@pytest.mark.accepts("S003-06")
def test_each_batch_stands_in_the_trail_with_its_count_and_digest(archive: Archive) -> None:
    archive.book(3)
    run = archive.run()
    told = AuditEntry.objects.filter(verb="archivebatch.done", run_id=run.pk)
    batches = ArchiveBatch.objects.filter(run_id=run.pk)
    known = {batch.pk: (batch.table.entity, batch.rows, batch.digest) for batch in batches}
    assert {
        int(entry.subject_id): (entry.detail["table"], entry.detail["rows"], entry.detail["digest"]) for entry in told
    } == known
    assert sum(rows for _, rows, _ in known.values()) == run.rows_written
    assert all(len(digest) == 64 for _, _, digest in known.values())


@pytest.mark.accepts("S003-05", "S003-08", "S003-48", "S003-39")
def test_the_schedule_is_a_field_of_the_lane_and_a_button_runs_it_now(archive: Archive, browser: Client) -> None:
    address, policy = page_of(archive.lane), archive.policy
    below = {"TOTAL_FORMS": "1", "INITIAL_FORMS": "1", "0-id": policy.pk, "0-lane": archive.lane.pk,
             "0-target": policy.target.pk}  # fmt: skip
    below = {f"archive_policy-{name}": value for name, value in below.items()}
    shown = browser.get(address).content.decode()
    for minutes, word in ((1440, "daily"), (5040, "twice weekly"), (10080, "weekly")):
        assert f">{word}</option>" in shown
        save_form(browser, address, cadence_minutes=str(minutes), priority="0", **below)
        archive.lane.refresh_from_db()
        assert archive.lane.cadence_minutes == minutes
    press(browser, archive.lane, "run")
    assert SyncRun.objects.get(lane=archive.lane).trigger == "person"
    archive.run(after=timedelta(0))
    tasks.sweep()
    archive.lane.refresh_from_db()
    assert archive.lane.due_at - archive.world.timeline.now() > WEEK - timedelta(hours=1)
    assert SyncRun.objects.filter(lane=archive.lane, trigger="schedule").count() == 1


@pytest.mark.accepts("S003-25", "S003-44")
def test_a_run_of_twenty_five_minutes_renews_its_token_on_the_way(archive: Archive) -> None:
    made, timeline = clients.session_factory, archive.world.timeline

    def slow() -> requests.Session:
        session = made()
        send = session.send

        def later(*given: Any, **how: Any) -> requests.Response:
            timeline.advance(40)
            return send(*given, **how)

        session.send = later  # type: ignore[method-assign]
        return session

    clients.session_factory = slow
    began, before = timeline.now() + WEEK, archive.calls("exact", "token")
    run = archive.run()
    assert run.state == "done"
    assert timeline.now() - began >= timedelta(minutes=25)
    assert archive.calls("exact", "token") - before >= 2
    statuses = {entry.status for entry in archive.world.sandbox.log.entries if entry.system == "exact"}
    assert 401 not in statuses


@pytest.mark.accepts("S003-26", "S003-44")
def test_a_weekly_run_alone_keeps_the_consent_alive_for_sixty_days(archive: Archive) -> None:
    archive.consent_again()
    began = archive.world.timeline.now()
    while archive.world.timeline.now() - began < timedelta(days=60):
        archive.book(1)
        assert archive.run().rows_written >= 1
    archive.lane.source.refresh_from_db()
    assert archive.lane.source.status == Connection.Status.LIVE


@pytest.mark.accepts("S003-29", "S003-50")
def test_an_event_of_exact_opens_no_run_of_the_archive_and_the_next_poll_brings_the_record(archive: Archive) -> None:
    source, courier = archive.lane.source, archive.world.sandbox.courier
    courier.send = postman = Postman()
    webhooks.change_key(source, archive.world.site.apps[shops.EXACT_APP].webhook_secret)
    subscriptions.subscribe(source)
    archive.run()
    asked, before = archive.calls("snowflake"), SyncRun.objects.filter(lane=archive.lane).count()
    account = archive.books.add_account("Hotel Zon")
    courier.deliver_due()
    archive.world.timeline.advance(60)
    assert postman.answers
    assert set(postman.answers) == {200}
    assert archive.lane.pk not in doorbell.heed()
    assert WebhookEvent.objects.exclude(heeded_at=None).exists()
    assert SyncRun.objects.filter(lane=archive.lane).count() == before
    assert archive.calls("snowflake") == asked
    archive.run()
    assert account["ID"] in {row["ID"] for row in archive.documents("customers")}


@pytest.mark.accepts("S003-49")
def test_a_run_that_needs_more_calls_than_a_minute_allows_waits_for_the_next(archive: Archive) -> None:
    for number in range(3000):
        archive.books.add("costunits", Code=f"{number}", Description="Fair")
    began = archive.world.timeline.now() + WEEK
    archive.run()
    calls = [entry for entry in archive.world.sandbox.log.entries if entry.system == "exact" and entry.at >= began]
    assert len(calls) > 60
    assert 429 not in {entry.status for entry in calls}
    assert archive.world.timeline.now() > began
    assert archive.count("cost_units_latest") == len(archive.books.tables["costunits"])


@pytest.mark.accepts("S003-52")
def test_one_lane_archives_all_divisions_of_a_connection_and_each_record_says_which(archive: Archive) -> None:
    codes = {archive.books.code}
    for code, name in ((200002, "Utrecht BV"), (200003, "Gent BV")):
        codes.add(another_division(archive, code, name).code)
    archive.run()
    found = archive.query('SELECT "division_id", COUNT(*) FROM "gl_accounts" GROUP BY 1')
    assert {int(code): int(rows) for code, rows in found} == {
        code: len(archive.world.site.division(code).tables["glaccounts"]) for code in codes
    }


@pytest.mark.accepts("S003-02", "S003-38", "S003-40", "S003-51", "S003-27")
def test_three_countries_stand_in_one_database_and_one_question_reads_them_all(world: World) -> None:
    """Each its own Exact, at its own address, with a lane of one division."""
    archive = open_archive(world, makes_all=True, all_divisions=False)
    lanes = {"nl": archive.lane}
    for region, code in (("de", 300001), ("uk", 300002)):
        division = _abroad(archive, region, code)
        lanes[region] = demo.lane_of(
            division, archive.policy.target, label=region, all_divisions=False, made=archive.policy.made
        )
    books = {}
    for region, lane in lanes.items():
        books[region] = world.sandbox.exact.site(region).division(lane.division.code)
        books[region].add("salesinvoices", InvoiceNumber=1, LineNumber=0, AmountDC=Decimal(10), InvoiceToName=region)
        books[region].add("transactionlines", LineNumber=1, AmountDC=Decimal(3), GLAccountCode="8000")
        Archive(world, lane, archive.account).run(after=timedelta(minutes=5))
    told = archive.query('SELECT "region", "division_id", "invoice_to" FROM "invoices_by_region" ORDER BY 1')
    assert [(region, int(code), name) for region, code, name in told] == [
        (region, books[region].code, region) for region in sorted(books)
    ]
    assert len(archive.query('SELECT DISTINCT "region", "division_id" FROM "gl_reconciliation"')) == 3
    assert {entry.region for entry in world.sandbox.log.entries if entry.system == "exact"} == set(books)
    world.sandbox.snowflake.close()


def _abroad(archive: Archive, region: str, code: int) -> Division:
    """A company of another country, with an Exact connection of its own."""
    site = archive.world.sandbox.exact.site(region)
    site.register_app(shops.EXACT_APP, shops.SECRET, loopback_redirect=True)
    site.add_division(code, f"Company {region}", registration_number=str(code), country=region.upper())
    tokens, now = site.issue_tokens(shops.EXACT_APP), archive.world.timeline.now()
    row = Connection.objects.create(
        system=Connection.System.EXACT, environment=Connection.Environment.LOCAL_SANDBOX, region=region, label=region,
        client_id=shops.EXACT_APP, client_secret=shops.SECRET,
    )  # fmt: skip
    grant = Grant(
        access=tokens.access_token, refresh=tokens.refresh_token, granted_at=now,
        access_expires_at=now + timedelta(seconds=600), renew_from=now + timedelta(seconds=570),
        dies_at=now + timedelta(days=30),
    )  # fmt: skip
    found = divisions.discover(credentials.adopt(row, grant))
    return divisions.pin(next(one for one in found if one.code == code), by="anna")


@pytest.mark.accepts("S003-30")
def test_reads_ask_for_fields_filter_order_and_go_on_from_page_to_page(world: World) -> None:
    """Exact hands the place of the next page out itself ($skiptoken), so that nothing is skipped by counting."""
    archive = open_archive(world, makes_all=True)
    everything(archive.books)
    for number in range(130):
        archive.books.add("costunits", Code=f"{number}", Description="Fair")
    archive.run()
    archive.run()
    asked = [
        (entry.path.rpartition("/api/v1/")[2].partition("/")[2], dict(parse_qsl(entry.query)))
        for entry in archive.world.sandbox.log.entries
        if entry.system == "exact" and entry.method == "GET" and "/api/v1/" in entry.path
    ]
    ways = {entity.path: entity.way for entity in ENTITIES}
    lists = [(path, given) for path, given in asked if path in ways and "$skiptoken" not in given]

    assert {path for path, _ in lists} == set(ways)
    for path, given in lists:
        counts = "$top" in given  # one call that tells that a list did not change
        assert given["$select"].split(",") if not counts else given["$orderby"] == "Modified desc", path
        if ways[path] is Way.SYNC:
            assert re.fullmatch(r"Timestamp gt \d+L", given["$filter"]), path
        elif ways[path] is Way.MODIFIED:
            assert given["$orderby"].startswith("Modified"), path
    later = [given["$filter"] for path, given in lists if ways[path] is Way.MODIFIED and "$filter" in given]
    assert later
    assert all(re.fullmatch(r"Modified g[te] datetime'.+'", told) for told in later)
    assert sum(path.endswith("Costunits") and "$skiptoken" in given for path, given in asked) >= 2  # 60 rows a page
    assert archive.count("cost_units_latest") == len(archive.books.tables["costunits"])
    world.sandbox.snowflake.close()
