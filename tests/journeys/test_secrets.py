"""What a thief finds in the database, the logs and the trail: no secret."""

from __future__ import annotations

import csv
import io
import logging

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django_q.models import OrmQ

from config.demo import shop as shops
from connections.models import Connection, VendorCall
from sync import runs, tasks
from sync.models import SyncRun
from tests.journeys.pages import page_of, press, words


def everything_stored() -> str:
    """The database as a thief reads it: every cell of every table."""
    cells = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            cells += [str(value) for row in cursor.fetchall() for value in row]
    return "\n".join(cells)


def secrets_of(*rows: Connection) -> set[str]:
    names = ("client_secret", "access_token", "refresh_token")
    return {getattr(row, name).open() for row in rows for name in names}


@pytest.mark.accepts("S000-18")
def test_no_secret_is_readable_in_the_database_the_logs_or_a_dump(till, caplog):
    caplog.set_level(logging.DEBUG)
    shop = till.world.shop
    planted = secrets_of(shop.square, shop.exact)
    till.sell()
    till.world.timeline.advance(9 * 24 * 3600)
    till.world.run()
    planted |= secrets_of(*Connection.objects.all())

    dump = io.StringIO()
    call_command("dumpdata", stdout=dump)

    assert shops.SECRET in planted
    assert len(planted) == 8  # one application secret, two tokens of each vendor, and what they were renewed into
    for place in (everything_stored(), dump.getvalue(), caplog.text):
        assert not [secret for secret in planted if secret in place]


def test_every_call_left_a_row_that_tells_who_and_why_and_nothing_more(till):
    till.sell()
    run = till.next_morning()

    calls = VendorCall.objects.filter(run_id=run.pk)
    operations = set(calls.filter(system="square").values_list("operation", flat=True))
    assert {"payments.list", "orders.retrieve"} <= operations
    assert set(calls.values_list("trigger", flat=True)) == {"schedule"}
    assert calls.filter(method="POST", division=shops.DIVISION, status=201).exists()
    assert {field.name for field in VendorCall._meta.get_fields()} & {"body", "headers", "token", "url"} == set()


@pytest.mark.accepts("S000-18")
def test_no_secret_is_readable_on_a_page_in_a_task_or_in_an_error(till, browser, queue, caplog):
    caplog.set_level(logging.DEBUG)
    shop = till.world.shop
    planted = secrets_of(shop.square, shop.exact) | {shop.exact.refresh_token.token}
    till.sell()
    with queue.listening():
        press(browser, shop.lane, "run")
    rung = [str(task.task) for task in OrmQ.objects.all()]
    queue.work()
    till.world.site.revoke("sandbox-exact-app")
    read = [words(press(browser, shop.exact, "test")), words(press(browser, shop.exact, "read"))]
    for name in ("change", "history", "delete"):
        for row in (shop.square, shop.exact):
            read.append(browser.get(page_of(row, name)).content.decode())
    exported = browser.post(reverse("admin:audit_auditentry_export"), {"form": "machine"})
    read.append(b"".join(exported.streaming_content).decode())

    assert rung
    for place in (*rung, *read, caplog.text, everything_stored()):
        assert not [secret for secret in planted - {shop.exact.refresh_token.token} if secret in place]
    for place in (*rung, *read, caplog.text):
        assert shop.exact.refresh_token.token not in place


@pytest.mark.accepts("S000-18")
def test_with_keys_that_open_nothing_every_page_still_opens_and_says_what_to_do(till, browser, settings):
    till.sell()
    till.next_morning()
    shop, keys = till.world.shop, settings.SALT_KEY
    settings.SALT_KEY = ["another-salt-0123456789"]

    assert till.run_after(hours=1).state == "failed"

    for row in (shop.square, shop.exact, shop.lane, shop.division, SyncRun.objects.latest("pk")):
        assert browser.get(page_of(row)).status_code == 200
        assert browser.get(page_of(row, "history")).status_code == 200
    for action in ("test", "read"):
        assert "SALT_KEY" in words(press(browser, shop.square, action))
    assert browser.post(reverse("connections:consent", args=[shop.square.pk])).status_code == 400
    assert "SALT_KEY" in words(browser.get("/admin/"))
    with pytest.raises(runs.NotNow, match="SALT_KEY"):
        till.world.run()

    tasks.sweep()
    with pytest.raises(runs.NotNow, match="SALT_KEY"):
        till.world.run()

    settings.SALT_KEY = keys
    tasks.sweep()
    assert till.world.run().state == "done"


def test_a_name_that_a_spreadsheet_would_run_is_harmless_in_the_export(till, browser):
    formula = '=HYPERLINK("http://evil.example","<b>pay</b>")'
    sale = till.sell()
    till.world.sandbox.square.change_payment(sale.payment_ids[0], customer_id=formula)
    till.next_morning()
    assert formula in till.item(sale).problem

    for form in ("machine", "excel"):
        answer = browser.post(reverse("admin:audit_auditentry_export"), {"form": form})
        text = b"".join(answer.streaming_content).decode()
        cells = [
            cell for row in csv.reader(io.StringIO(text), delimiter=";" if form == "excel" else ",") for cell in row
        ]
        assert not [cell for cell in cells if cell.lstrip().startswith(tuple("=+-@\t"))]
        assert [cell for cell in cells if "evil.example" in cell]
    assert "<b>pay" not in browser.get(page_of(till.item(sale))).content.decode()
    assert "<b>pay" not in browser.get("/admin/").content.decode()
