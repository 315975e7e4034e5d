from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.connections.sandbox.snowflake_world import DATABASE, HOUSE, ROLE, SCHEMA, SnowflakeWorld, snowflake_world

TABLE = """CREATE TABLE IF NOT EXISTS "invoices" (
    "region" VARCHAR(2) NOT NULL, "division_id" NUMBER(38,0), "synced_at" TIMESTAMP_TZ(9), "data" VARIANT)"""
INSERT = """INSERT INTO "invoices" ("region", "division_id", "synced_at", "data")
    SELECT ?, ?, TO_TIMESTAMP_TZ(f.value:m::VARCHAR, 'YYYY-MM-DD"T"HH24:MI:SS.FF3TZH:TZM'), f.value:d
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) f"""


@pytest.fixture
def world() -> Iterator[SnowflakeWorld]:
    with snowflake_world() as made:
        made.rows(TABLE)
        yield made


def put(world: SnowflakeWorld, *documents: str, moment: str = "2026-03-02T12:00:00.125+00:00") -> None:
    array = ",".join(f'{{"m":"{moment}","d":{document}}}' for document in documents)
    assert world.rows(INSERT, "nl", ("FIXED", "100001"), f"[{array}]") == [[str(len(documents))]]


@pytest.mark.accepts("S003-32")
def test_one_bound_array_becomes_as_many_rows(world: SnowflakeWorld) -> None:
    put(world, '{"ID":1}', '{"ID":2}', '{"ID":3}')
    assert world.rows('SELECT COUNT(*), MIN("division_id") FROM "invoices"') == [["3", "100001"]]
    assert world.rows('SELECT "synced_at" FROM "invoices" LIMIT 1') == [["1772452800.125000000 1440"]]


@pytest.mark.accepts("S003-21")
def test_a_document_comes_back_exact_to_the_last_digit(world: SnowflakeWorld) -> None:
    text = '{"AmountDC":12345678901234567.89,"Small":0.10,"Whole":-3,"Note":"é \\"x\\"","None":null,"Lines":[{"Q":1}]}'
    put(world, text)
    [[kept]] = world.rows('SELECT "data" FROM "invoices"')
    assert json.loads(str(kept), parse_float=Decimal) == json.loads(text, parse_float=Decimal)
    assert world.rows('SELECT SUM("data":AmountDC::NUMBER(38,2)) FROM "invoices"') == [["12345678901234567.89"]]


def test_members_of_a_document_are_reached_by_their_exact_names(world: SnowflakeWorld) -> None:
    put(world, '{"ID":"a","Lines":[{"Q":1},{"Q":2}],"None":null}')
    assert world.rows('SELECT "data":ID::VARCHAR, "data":id, "data":None::VARCHAR FROM "invoices"') == [
        ["a", None, None]
    ]
    lines = 'SELECT l.index, l.value:Q::NUMBER FROM "invoices" i, LATERAL FLATTEN(INPUT => i."data":Lines) l ORDER BY 1'
    assert world.rows(lines) == [["0", "1"], ["1", "2"]]


@pytest.mark.accepts("S003-34")
def test_names_are_exact(world: SnowflakeWorld) -> None:
    assert world.error("SELECT * FROM invoices") == "002003"
    assert world.error('SELECT REGION FROM "invoices"') == "000904"
    assert world.error('SELECT 1 FROM "INVOICES"') == "002003"
    world.rows("CREATE TABLE invoices (id NUMBER)")
    assert world.rows('SELECT COUNT(*) FROM "INVOICES"') == [["0"]]
    assert [row[1] for row in world.rows("SHOW TABLES")] == ["invoices", "INVOICES"]


def test_two_columns_may_differ_in_case_alone(world: SnowflakeWorld) -> None:
    world.rows('CREATE TABLE "cases" ("id" NUMBER, "ID" NUMBER, "Id" NUMBER)')
    world.rows('INSERT INTO "cases" ("id", "ID", "Id") SELECT 1, 2, 3')
    assert world.rows('SELECT "Id", id, "id" FROM "cases"') == [["3", "2", "1"]]


def test_an_account_may_ignore_the_case_of_quoted_names(world: SnowflakeWorld) -> None:
    world.account.switches.set("quoted_identifiers_ignore_case", True)
    shown = world.rows("SHOW PARAMETERS LIKE 'QUOTED_IDENTIFIERS_IGNORE_CASE'")
    assert shown[0][:2] == ["QUOTED_IDENTIFIERS_IGNORE_CASE", "true"]
    assert world.error('SELECT 1 FROM "invoices"') == "002003"
    world.rows('CREATE TABLE "receipts" ("id" NUMBER)')
    assert [row[1] for row in world.rows("SHOW TABLES LIKE 'receipts'")] == ["RECEIPTS"]


def test_values_hold_no_more_than_16384_rows(world: SnowflakeWorld) -> None:
    world.rows("CREATE TABLE n (i NUMBER)")
    assert world.rows(f"INSERT INTO n SELECT column1 FROM VALUES {','.join(['(1)'] * 500)}") == [["500"]]
    assert world.error(f"INSERT INTO n VALUES {','.join(['(1)'] * 16_385)}") == "001795"


REFUSED = {
    "PARSE_JSON in VALUES": ("""INSERT INTO "invoices" ("region", "data") VALUES ('nl', PARSE_JSON('{}'))""", "002014"),
    "a text for a document": ("""INSERT INTO "invoices" ("region", "data") SELECT 'nl', '{}'""", "002023"),
    "nothing for a column that needs something": ("""INSERT INTO "invoices" ("region") SELECT NULL""", "100072"),
    "a needed column left out": ("""INSERT INTO "invoices" ("division_id") SELECT 1""", "100072"),
    "a text that is too long": ("""INSERT INTO "invoices" ("region") VALUES ('nld')""", "100078"),
    "more values than columns": ("""INSERT INTO "invoices" ("region") VALUES ('nl', 1)""", "002020"),
    "an unknown column": ("""INSERT INTO "invoices" ("nowhere") VALUES ('nl')""", "000904"),
    "an unknown function": ("SELECT MADE_UP(1)", "002140"),
    "no SQL": ("SELEC 1", "001003"),
    "two statements": ("SELECT 1; SELECT 2", "000008"),
    "no number": ("SELECT 'x'::NUMBER", "100038"),
    "no JSON": ("SELECT PARSE_JSON('{x')", "100069"),
    "a key twice": ("""SELECT PARSE_JSON('{"a":1,"a":2}')""", "100069"),
    "a table that is there": ('CREATE TABLE "invoices" ("id" NUMBER)', "002002"),
    "a lone USE": ("USE ROLE ARCHIVIST", "391911"),
    "files": ("SELECT * FROM read_csv('/etc/passwd')", "000002"),
    "text of files": ("SELECT content FROM read_text('/etc/passwd')", "000002"),
}


@pytest.mark.parametrize(("statement", "code"), REFUSED.values(), ids=REFUSED)
def test_a_statement_that_snowflake_refuses_is_refused(world: SnowflakeWorld, statement: str, code: str) -> None:
    assert world.error(statement) == code
    assert world.account.query('SELECT COUNT(*) FROM "invoices"') == [["0"]]


def test_not_a_number_inside_a_bound_array_is_refused_whole(world: SnowflakeWorld) -> None:
    assert world.error(INSERT, "nl", ("FIXED", "1"), '[{"d":{"a":1}},{"d":{"a":NaN}}]') == "100069"
    assert world.account.query('SELECT COUNT(*) FROM "invoices"') == [["0"]]


def test_a_table_made_again_in_another_shape_stays_as_it_was(world: SnowflakeWorld) -> None:
    [[said]] = world.rows('CREATE TABLE IF NOT EXISTS "invoices" ("id" NUMBER)')
    assert "already exists, statement succeeded" in str(said)
    assert [row[:2] for row in world.rows('DESCRIBE TABLE "invoices"')] == [
        ["region", "VARCHAR(2)"],
        ["division_id", "NUMBER(38,0)"],
        ["synced_at", "TIMESTAMP_TZ(9)"],
        ["data", "VARIANT"],
    ]
    columns = "SELECT column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'invoices' ORDER BY 1"
    assert world.rows(columns) == [["data"], ["division_id"], ["region"], ["synced_at"]]


def test_a_column_can_be_added_once(world: SnowflakeWorld) -> None:
    for _ in range(2):
        world.rows('ALTER TABLE "invoices" ADD COLUMN IF NOT EXISTS "is_supplier" BOOLEAN')
    put(world, "{}")
    assert world.rows('SELECT "is_supplier" FROM "invoices"') == [[None]]


@pytest.mark.accepts("S003-36")
def test_a_view_shows_the_latest_of_several_versions(world: SnowflakeWorld) -> None:
    put(world, '{"ID":1,"v":"old"}', moment="2026-03-01T00:00:00.000+00:00")
    put(world, '{"ID":1,"v":"new"}', moment="2026-03-02T00:00:00.000+00:00")
    world.rows(
        """CREATE OR REPLACE VIEW "latest" AS SELECT "data":v::VARCHAR AS "v" FROM "invoices"
        QUALIFY ROW_NUMBER() OVER (PARTITION BY "data":ID::NUMBER ORDER BY "synced_at" DESC) = 1"""
    )
    assert world.rows('SELECT "v" FROM "latest"') == [["new"]]
    assert world.rows('SELECT COUNT(*) FROM "invoices"') == [["2"]]


def test_values_are_written_as_the_api_writes_them(world: SnowflakeWorld) -> None:
    row = "SELECT 12.50::NUMBER(10,2), TRUE, '2026-03-02'::DATE, '2026-03-02 01:00:00'::TIMESTAMP_NTZ, NULL, 1.5::FLOAT"
    assert world.rows(row) == [["12.50", "true", "20514", "1772413200.000000000", None, "1.5"]]
    assert world.rows("SELECT CURRENT_DATE(), OBJECT_CONSTRUCT('a', 1, 'b', 'x')") == [["20514", '{"a":1,"b":"x"}']]
    assert world.post("SELECT NULL", query={"nullable": "false"}).json()["data"] == [["null"]]


def test_the_warehouse_is_shown_with_what_was_set(world: SnowflakeWorld) -> None:
    answer = world.post("SHOW WAREHOUSES LIKE 'load_wh'").json()
    names = [column["name"] for column in answer["resultSetMetaData"]["rowType"]]
    row = dict(zip(names, answer["data"][0], strict=True))
    assert (row["name"], row["state"], row["auto_resume"]) == (HOUSE, "SUSPENDED", "true")
    world.account.grant(ROLE, "OPERATE", "WAREHOUSE", HOUSE)
    world.rows(f"ALTER WAREHOUSE {HOUSE} SET AUTO_RESUME = FALSE")
    shown = world.rows("SHOW WAREHOUSES")[0]
    assert shown[names.index("auto_resume")] == "false"


def test_a_warehouse_wakes_once_for_several_statements_and_falls_asleep_again(world: SnowflakeWorld) -> None:
    house = world.account.warehouses[HOUSE]
    put(world, "{}")
    put(world, "{}")
    assert house.wakes == 1
    world.advance(601)
    put(world, "{}")
    assert house.wakes == 2


def test_a_suspended_warehouse_that_does_not_resume_does_no_work(world: SnowflakeWorld) -> None:
    world.account.warehouses[HOUSE].auto_resume = False
    assert world.error('SELECT * FROM "invoices"') == "000606"
    assert world.rows("SELECT 1") == [["1"]]


RIGHTS = {
    "no use of the warehouse": (("USAGE", "WAREHOUSE", HOUSE), 'SELECT * FROM "invoices"', "000606"),
    "no use of the schema": (("USAGE", "SCHEMA", DATABASE, SCHEMA), 'SELECT * FROM "invoices"', "002003"),
    "no right to make tables": (
        ("CREATE TABLE", "SCHEMA", DATABASE, SCHEMA), 'CREATE TABLE "t" ("a" NUMBER)', "003001",
    ),
    "no right to make views": (
        ("CREATE VIEW", "SCHEMA", DATABASE, SCHEMA), 'CREATE VIEW "v" AS SELECT 1 AS A', "003001",
    ),
    "no ownership any more": (
        ("OWNERSHIP", "TABLE", DATABASE, SCHEMA, "invoices"), """INSERT INTO "invoices" ("region") VALUES ('nl')""",
        "002003",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lost", "statement", "code"), RIGHTS.values(), ids=RIGHTS)
def test_a_role_does_what_it_was_granted(
    world: SnowflakeWorld, lost: tuple[str, ...], statement: str, code: str
) -> None:
    world.account.revoke(ROLE, *lost)
    assert world.error(statement) == code


def test_a_right_to_read_is_none_to_write(world: SnowflakeWorld) -> None:
    world.account.add_role("READER")
    for privilege, on, *name in (
        ("USAGE", "WAREHOUSE", HOUSE), ("USAGE", "DATABASE", DATABASE), ("USAGE", "SCHEMA", DATABASE, SCHEMA),
        ("SELECT", "TABLE", DATABASE, SCHEMA, "invoices"),
    ):  # fmt: skip
        world.account.grant("READER", privilege, on, *name)
    world.account.users["LOADER"].roles.append("READER")
    assert world.rows('SELECT COUNT(*) FROM "invoices"', role="READER") == [["0"]]
    assert world.error("""INSERT INTO "invoices" ("region") VALUES ('nl')""", role="READER") == "003001"
    assert world.error("SELECT 1", role="OWNER") == "390189"


def test_a_context_that_does_not_exist_is_empty(world: SnowflakeWorld) -> None:
    asked = "SELECT CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_DATABASE(), CURRENT_SCHEMA()"
    assert world.rows(asked) == [[ROLE, HOUSE, DATABASE, SCHEMA]]
    assert world.rows(asked, warehouse=HOUSE.lower(), schema=SCHEMA.upper()) == [[ROLE, None, DATABASE, None]]
