from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from connections.providers.snowflake import statements
from connections.providers.snowflake.client import Context, encode
from connections.providers.snowflake.statements import Stamp, Statement, Table, Unstorable
from tests.connections.sandbox.snowflake_world import SnowflakeWorld, snowflake_world

INVOICES = Table("purchase_invoices")
PARTIES = Table("accounts", flags=("is_supplier", "is_customer"))
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BATCH = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


def stamp(at: datetime = NOON, batch: str = BATCH, division: int = 100001) -> Stamp:
    return Stamp("exact", "nl", division, at, batch)


CREATE = """CREATE TABLE IF NOT EXISTS "accounts" (
    "source_system" VARCHAR(20) NOT NULL,
    "region" VARCHAR(10) NOT NULL,
    "division_id" NUMBER(38,0) NOT NULL,
    "record_id" VARCHAR(100) NOT NULL,
    "modified_at" TIMESTAMP_TZ(6),
    "synced_at" TIMESTAMP_TZ(6) NOT NULL,
    "batch_id" VARCHAR(36) NOT NULL,
    "payload_digest" VARCHAR(64) NOT NULL,
    "is_deleted" BOOLEAN NOT NULL,
    "is_supplier" BOOLEAN,
    "is_customer" BOOLEAN,
    "data" VARIANT
)"""
INSERT = """INSERT INTO "accounts" ("source_system", "region", "division_id", "record_id", "modified_at", "synced_at", \
"batch_id", "payload_digest", "is_deleted", "is_supplier", "is_customer", "data")
SELECT ?, ?, ?, f.value:r::VARCHAR, TO_TIMESTAMP_TZ(f.value:m::VARCHAR, 'YYYY-MM-DD"T"HH24:MI:SS.FF6TZH:TZM'),
    TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD"T"HH24:MI:SS.FF6TZH:TZM'), ?, f.value:h::VARCHAR, f.value:x::BOOLEAN, \
f.value:is_supplier::BOOLEAN, f.value:is_customer::BOOLEAN, f.value:d
FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) f"""
LATEST = """CREATE OR REPLACE VIEW "purchase_invoices_latest" COPY GRANTS AS
SELECT "source_system", "region", "division_id", "record_id", "modified_at", "synced_at", "batch_id", \
"payload_digest", "is_deleted", "data"
FROM (
    SELECT *
    FROM "purchase_invoices"
    QUALIFY ROW_NUMBER() OVER (PARTITION BY "source_system", "region", "division_id", "record_id" \
ORDER BY "synced_at" DESC, "modified_at" DESC NULLS LAST, "batch_id" DESC) = 1
)
WHERE NOT "is_deleted\""""
DELETED = """CREATE OR REPLACE VIEW "purchase_invoices_deleted" COPY GRANTS AS
SELECT "source_system", "region", "division_id", "record_id", "synced_at", "batch_id"
FROM (
    SELECT *
    FROM "purchase_invoices"
    QUALIFY ROW_NUMBER() OVER (PARTITION BY "source_system", "region", "division_id", "record_id" \
ORDER BY "synced_at" DESC, "modified_at" DESC NULLS LAST, "batch_id" DESC) = 1
)
WHERE "is_deleted\""""
HISTORY = """CREATE OR REPLACE VIEW "purchase_invoices_history" COPY GRANTS AS
SELECT "source_system", "region", "division_id", "record_id", "modified_at", "synced_at", "batch_id", \
"payload_digest", "is_deleted", "data", "synced_at" AS "valid_from",
    LEAD("synced_at") OVER (PARTITION BY "source_system", "region", "division_id", "record_id" \
ORDER BY "synced_at", "modified_at" NULLS FIRST, "batch_id") AS "valid_until"
FROM "purchase_invoices\""""
GOLDEN = {
    "create": (statements.create(PARTIES), CREATE),
    "insert": (statements.insert(PARTIES, stamp(), []), INSERT),
    "latest": (statements.latest(INVOICES), LATEST),
    "deleted": (statements.deleted(INVOICES), DELETED),
    "history": (statements.history(INVOICES), HISTORY),
}


@pytest.mark.accepts("S003-34", "S003-35", "S003-22")
@pytest.mark.parametrize(("made", "text"), GOLDEN.values(), ids=GOLDEN)
def test_the_sql_reads_as_written_down_here(made: Statement, text: str) -> None:
    assert made.text == text


@pytest.mark.accepts("S003-23")
def test_no_statement_changes_or_removes_a_row() -> None:
    made = [
        statements.create(INVOICES), statements.describe(INVOICES), statements.insert(INVOICES, stamp(), ["{}"]),
        statements.count_of_batch(INVOICES, BATCH), statements.as_of(INVOICES, NOON), *statements.views(INVOICES),
        statements.context(), statements.show_warehouses("W"), statements.show_grants("R"), statements.show_quoting(),
    ]  # fmt: skip
    for statement in made:
        assert not re.search(r"\b(UPDATE|DELETE|MERGE|TRUNCATE|DROP|ALTER)\b", statement.text.replace("is_deleted", ""))


@pytest.mark.accepts("S003-32")
def test_the_text_of_an_insert_is_the_same_for_one_row_and_for_many() -> None:
    one, many = (statements.insert(INVOICES, stamp(), ["{}"] * count) for count in (1, 500))
    assert one.text == many.text
    assert [bound.value for bound in one.bindings[:5]] == [
        "exact",
        "nl",
        "100001",
        "2026-03-02T12:00:00.000000+00:00",
        BATCH,
    ]


@pytest.mark.parametrize("name", ["", "Invoices", 'a"b', "a b", "1a", "a;drop", "x" * 101])
def test_a_name_that_is_not_plain_and_small_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        Table(name)
    with pytest.raises(ValueError, match="no name"):
        Table("accounts", flags=(name,))


def test_a_time_without_a_zone_is_refused_and_one_of_another_zone_is_the_same_moment() -> None:
    with pytest.raises(ValueError, match="zone"):
        statements.moment(datetime(2026, 3, 2))  # noqa: DTZ001 - what is refused
    abroad = NOON.astimezone(timezone(timedelta(hours=9)))
    assert statements.moment(abroad) == statements.moment(NOON)


def test_text_for_show_cannot_leave_its_quotes() -> None:
    assert statements.show_warehouses("a'b\\").text == r"SHOW WAREHOUSES LIKE 'a''b\\'"
    assert statements.show_grants('a"b').text == 'SHOW GRANTS TO ROLE "a""b"'


def test_a_record_that_snowflake_cannot_hold_is_a_sentence() -> None:
    with pytest.raises(Unstorable, match="20 MB"):
        statements.envelope("r", '"' + "x" * 20_000_000 + '"', digest="h")
    with pytest.raises(Unstorable, match="surrogate"):
        statements.envelope("r", '{"a":"\ud800"}', digest="h")


texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=40)
numbers = some.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=2)
documents = some.dictionaries(texts, some.one_of(texts, some.integers(), some.booleans(), some.none()), max_size=5)


@given(record_id=texts, document=documents, amount=numbers)
def test_a_row_holds_its_document_letter_for_letter(record_id: str, document: dict[str, Any], amount: Decimal) -> None:
    text = f'{{"Amount":{amount:f},"Rest":{json.dumps(document)}}}'
    row = statements.envelope(record_id, text, digest="h", modified_at=NOON)
    assert text in row
    read = json.loads(row, parse_float=Decimal)
    assert (read["r"], read["d"]["Amount"], read["d"]["Rest"]) == (record_id, amount, document)


@given(rows=some.lists(some.tuples(texts, documents), min_size=1, max_size=5))
def test_the_weight_of_rows_is_what_they_take_in_the_request(rows: list[tuple[str, dict[str, Any]]]) -> None:
    made = [statements.envelope(record_id, json.dumps(document), digest="h") for record_id, document in rows]
    empty = encode(statements.insert(INVOICES, stamp(), []), Context())
    full = encode(statements.insert(INVOICES, stamp(), made), Context())
    assert len(full) - len(empty) <= sum(map(statements.weight, made)) <= len(full) - len(empty) + 2 * len(made)


# -- as Snowflake understands it


@pytest.fixture
def world() -> Iterator[SnowflakeWorld]:
    with snowflake_world() as made:
        yield made


def run(world: SnowflakeWorld, made: Statement) -> list[dict[str, str | None]]:
    values = [(bound.type, bound.value) for bound in made.bindings]
    answer = world.post(made.text, *values)
    assert answer.status_code == 200, answer.text
    names = [column["name"] for column in answer.json()["resultSetMetaData"]["rowType"]]
    return [dict(zip(names, row, strict=True)) for row in answer.json()["data"]]


def put(world: SnowflakeWorld, *rows: str, at: datetime, batch: str = BATCH) -> None:
    run(world, statements.insert(INVOICES, stamp(at, batch), rows))


def version(record_id: str, text: str, **more: Any) -> str:
    return statements.envelope(record_id, f'{{"v":"{text}"}}', digest=text, **more)


@pytest.mark.accepts("S003-22", "S003-23", "S003-36", "S003-04")
def test_views_show_the_latest_version_any_instant_and_what_was_deleted(world: SnowflakeWorld) -> None:
    run(world, statements.create(INVOICES))
    for view in statements.views(INVOICES):
        run(world, view)
    days = [NOON + timedelta(days=day) for day in range(4)]
    put(world, version("a", "a1"), version("b", "b1"), at=days[0])
    put(world, version("a", "a2", modified_at=days[0]), at=days[1])
    put(world, statements.envelope("b", None, digest="", is_deleted=True), at=days[2])

    def known(at: datetime) -> list[str | None]:
        rows = run(world, statements.as_of(INVOICES, at))
        return sorted(str(json.loads(str(row["data"]))["v"]) for row in rows)

    assert [known(day) for day in days] == [["a1", "b1"], ["a2", "b1"], ["a2"], ["a2"]]
    assert known(days[0] - timedelta(seconds=1)) == []
    assert [row["payload_digest"] for row in run(world, Statement('SELECT * FROM "purchase_invoices_latest"', ""))] == [
        "a2"
    ]
    assert [row["record_id"] for row in run(world, Statement('SELECT * FROM "purchase_invoices_deleted"', ""))] == ["b"]
    assert run(world, Statement("SELECT record_id FROM purchase_invoices", "")) == [{"RECORD_ID": "a"}]
    assert world.account.query('SELECT COUNT(*) FROM "purchase_invoices"') == [["4"]]


def test_versions_of_one_moment_have_one_latest_for_every_reader(world: SnowflakeWorld) -> None:
    run(world, statements.create(INVOICES))
    for view in statements.views(INVOICES):
        run(world, view)
    put(world, version("a", "a1"), at=NOON, batch=BATCH)
    put(world, version("a", "a2"), at=NOON, batch=BATCH.replace("6f", "7f"))
    latest = run(world, Statement('SELECT "payload_digest" FROM "purchase_invoices_latest"', ""))
    assert latest == [{"payload_digest": "a2"}]
    assert [row["payload_digest"] for row in run(world, statements.as_of(INVOICES, NOON))] == ["a2"]


def test_divisions_and_flags_stand_in_columns_of_their_own(world: SnowflakeWorld) -> None:
    run(world, statements.create(PARTIES))
    row = statements.envelope("a", "{}", digest="h", flags={"is_supplier": True, "is_customer": False})
    run(world, statements.insert(PARTIES, stamp(), [row]))
    asked = 'SELECT "source_system", "region", "division_id", "is_supplier", "is_customer", "synced_at" FROM "accounts"'
    assert world.account.query(asked) == [["exact", "nl", "100001", "true", "false", "1772452800.000000000 1440"]]
    counted = run(world, statements.count_of_batch(PARTIES, BATCH))
    assert list(counted[0].values()) == ["1"]


def test_a_table_of_another_shape_is_told_column_by_column(world: SnowflakeWorld) -> None:
    run(world, statements.create(INVOICES))
    assert statements.differences(INVOICES, run(world, statements.describe(INVOICES))) == []
    more = Table("purchase_invoices", flags=("is_supplier",))
    assert statements.differences(more, run(world, statements.describe(more))) == ["is_supplier is missing"]
    world.rows(
        'CREATE OR REPLACE TABLE "purchase_invoices" ("record_id" NUMBER, "data" VARIANT NOT NULL, "x" NUMBER NOT NULL)'
    )
    found = statements.differences(INVOICES, run(world, statements.describe(INVOICES)))
    assert "record_id is NUMBER(38,0) instead of VARCHAR(100)" in found
    assert {"data may not be empty", "x must be filled and is not known here", "division_id is missing"} <= set(found)
