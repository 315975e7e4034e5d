"""Many new rows in few statements: stored as the ORM stores them, with their ids, whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from connections.models import CallBudget, Connection, SigningKey
from connections.rows import insert, insert_unless_there

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def books() -> Connection:
    return Connection.objects.create(system="exact", region="nl", label="Books")


def budgets(books: Connection, count: int) -> list[CallBudget]:
    return [
        CallBudget(connection=books, division=number, tokens=number / 4, refilled_at=NOON + timedelta(seconds=number),
                   day_resets_at=NOON, blocked_until=NOON if number % 2 else None)
        for number in range(count)
    ]  # fmt: skip


def test_a_row_that_is_there_is_left_and_its_double_told(books: Connection) -> None:
    first, double = budgets(books, 1) + budgets(books, 1)
    with CaptureQueriesContext(connection) as asked:
        assert insert_unless_there(first)
    assert len(asked) == 1
    double.tokens = 77
    assert not insert_unless_there(double)
    assert list(CallBudget.objects.values_list("tokens", flat=True)) == [first.tokens]


def test_rows_come_back_as_the_orm_would_have_stored_them(books: Connection) -> None:
    insert(budgets(books, 5))
    ours = list(CallBudget.objects.order_by("division").values())
    CallBudget.objects.all().delete()
    CallBudget.objects.bulk_create(budgets(books, 5))
    theirs = list(CallBudget.objects.order_by("division").values())
    assert len(ours) == 5
    assert [{**row, "id": 0} for row in ours] == [{**row, "id": 0} for row in theirs]


def test_a_field_that_prepares_its_value_does_so_here_too() -> None:
    insert([SigningKey(name="trail", public="aa", private="secret", made_at=NOON)])
    assert str(SigningKey.objects.get().private.open()) == "secret"
    with connection.cursor() as cursor:
        cursor.execute("SELECT private FROM connections_signingkey")
        assert "secret" not in cursor.fetchone()[0]


def test_each_row_gets_its_own_id_over_several_statements(books: Connection) -> None:
    rows = budgets(books, 500)
    with CaptureQueriesContext(
        connection,
    ) as seen:
        insert(rows)
    assert len([query for query in seen if query["sql"].startswith("INSERT")]) <= 5
    assert dict(CallBudget.objects.values_list("division", "pk")) == {row.division: row.pk for row in rows}
    rows[3].day_remaining = 7
    rows[3].save()  # as an update: it is known to be stored
    assert CallBudget.objects.count() == 500


def test_a_row_may_name_one_that_was_stored_after_it_was_named() -> None:
    late = Connection(system="exact", region="nl", label="Late")
    rows = budgets(late, 2)
    late.save()
    insert(rows)
    assert set(CallBudget.objects.values_list("connection", flat=True)) == {late.pk}


def test_one_bad_row_leaves_none(books: Connection) -> None:
    twice = [*budgets(books, 300), *budgets(books, 1)]
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(twice)
    assert not CallBudget.objects.exists()


def test_stored_rows_and_rows_of_several_models_are_refused(books: Connection) -> None:
    (stored,) = budgets(books, 1)
    stored.save()
    with pytest.raises(ValueError, match="new and of one model"):
        insert([stored])
    with pytest.raises(ValueError, match="new and of one model"):
        insert([*budgets(books, 1), SigningKey(name="trail", public="", private="", made_at=NOON)])
    insert([])
