"""What a thief finds in the database, the logs and the trail: no secret."""

from __future__ import annotations

import io
import logging

import pytest
from django.core.management import call_command
from django.db import connection

from config.demo import shop as shops
from connections.models import Connection, VendorCall


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
