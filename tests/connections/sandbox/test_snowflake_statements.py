from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from connections.sandbox.faults import Fault
from tests.connections.sandbox.snowflake_world import SnowflakeWorld, request_id, snowflake_world

INSERT = "INSERT INTO n (i) SELECT 1"
PATH = "*/api/v2/statements"


@pytest.fixture
def world() -> Iterator[SnowflakeWorld]:
    with snowflake_world() as made:
        made.rows("CREATE TABLE n (i NUMBER)")
        yield made


def rows(world: SnowflakeWorld) -> int:
    return int(str(world.account.query("SELECT COUNT(*) FROM n")[0][0]))


@pytest.mark.accepts("S003-37")
def test_a_request_repeated_with_retry_is_carried_out_once(world: SnowflakeWorld) -> None:
    one = request_id()
    first = world.post(INSERT, query={"requestId": one})
    again = world.post(INSERT, query={"requestId": one, "retry": "true"})
    assert first.json()["statementHandle"] == again.json()["statementHandle"]
    assert (again.json()["data"], again.json()["stats"]["numRowsInserted"], rows(world)) == ([["1"]], 1, 1)


def test_a_request_repeated_without_retry_runs_twice(world: SnowflakeWorld) -> None:
    one = request_id()
    for _ in range(2):
        world.post(INSERT, query={"requestId": one})
    assert rows(world) == 2


def test_a_failed_request_is_tried_anew_by_retry(world: SnowflakeWorld) -> None:
    one = {"requestId": request_id(), "retry": "true"}
    world.account.warehouses["LOAD_WH"].auto_resume = False
    assert world.post(INSERT, query=one).status_code == 422
    world.account.warehouses["LOAD_WH"].auto_resume = True
    assert world.post(INSERT, query=one).status_code == 200
    assert rows(world) == 1


def test_a_request_too_large_for_the_history_is_not_recognised(world: SnowflakeWorld) -> None:
    one, note = request_id(), "x" * 1_100_000
    statement = "INSERT INTO n (i) SELECT LENGTH(?)"
    world.post(statement, note, query={"requestId": one})
    world.post(statement, note, query={"requestId": one, "retry": "true"})
    assert rows(world) == 2


def test_a_request_id_belongs_to_one_statement(world: SnowflakeWorld) -> None:
    one = request_id()
    world.post(INSERT, query={"requestId": one})
    other = world.post("INSERT INTO n (i) SELECT 2", query={"requestId": one, "retry": "true"})
    assert (other.status_code, rows(world)) == (400, 1)


def test_an_asynchronous_statement_is_fetched_by_its_handle(world: SnowflakeWorld) -> None:
    given = world.post(INSERT, query={"async": "true"})
    handle = given.json()["statementHandle"]
    assert (given.status_code, given.json()["code"]) == (202, "333334")
    assert given.json()["statementStatusUrl"] == f"/api/v2/statements/{handle}"
    done = world.get(handle)
    assert (done.status_code, done.json()["code"], done.json()["data"]) == (200, "090001", [["1"]])


def test_a_slow_statement_answers_202_until_it_is_done(world: SnowflakeWorld) -> None:
    world.account.switches.set("statement_seconds", 60)
    handle = world.post(INSERT).json()["statementHandle"]
    assert (world.get(handle).status_code, rows(world)) == (202, 0)
    world.advance(60)
    assert (world.get(handle).status_code, rows(world)) == (200, 1)


def test_a_cancelled_statement_never_runs(world: SnowflakeWorld) -> None:
    world.account.switches.set("statement_seconds", 60)
    handle = world.post(INSERT).json()["statementHandle"]
    assert (world.cancel(handle).status_code, world.cancel(handle).status_code) == (200, 422)
    world.advance(60)
    assert (world.get(handle).json()["code"], rows(world)) == ("000604", 0)


def test_a_statement_ends_at_its_timeout(world: SnowflakeWorld) -> None:
    world.account.switches.set("statement_seconds", 120)
    handle = world.post(INSERT, timeout=60).json()["statementHandle"]
    world.advance(61)
    assert (world.get(handle).status_code, rows(world)) == (408, 0)


def test_an_unknown_handle_is_not_found(world: SnowflakeWorld) -> None:
    answer = world.get(request_id())
    assert (answer.status_code, answer.json()["code"]) == (422, "000709")


def test_a_handle_also_answers_where_its_path_is_joined_to_the_host(world: SnowflakeWorld) -> None:
    url = world.post(INSERT).json()["statementStatusUrl"]
    answer = world.http.get(f"{world.server.base_url}{url}", headers=world.headers(), timeout=10)
    assert answer.json()["data"] == [["1"]]


def test_a_long_result_comes_in_partitions(world: SnowflakeWorld) -> None:
    world.account.switches.set("partition_rows", 2)
    first = world.post("SELECT column1 FROM VALUES (1),(2),(3),(4),(5) ORDER BY 1")
    handle, parts = first.json()["statementHandle"], first.json()["resultSetMetaData"]["partitionInfo"]
    assert [part["rowCount"] for part in parts] == [2, 2, 1]
    last = world.get(handle, partition="2")
    assert (last.headers["Content-Encoding"], last.json()) == ("gzip", {"data": [["5"]]})
    assert world.get(handle, partition="3").status_code == 400


@pytest.mark.accepts("S003-37")
def test_throttling_has_the_vendors_body_and_changes_nothing(world: SnowflakeWorld) -> None:
    world.sandbox.faults.add(Fault("429", system="snowflake", path=PATH, times=2))
    assert [world.post(INSERT).status_code for _ in range(3)] == [429, 429, 200]
    assert rows(world) == 1


@pytest.mark.parametrize(("action", "kept"), [("drop_before", 0), ("drop_after", 1)])
def test_an_answer_is_dropped_before_or_after_the_work(world: SnowflakeWorld, action: str, kept: int) -> None:
    world.sandbox.faults.add(Fault(action, system="snowflake", path=PATH))
    one = request_id()
    with pytest.raises(requests.ConnectionError):
        world.post(INSERT, query={"requestId": one})
    assert rows(world) == kept
    assert world.post(INSERT, query={"requestId": one, "retry": "true"}).status_code == 200
    assert rows(world) == 1


def test_a_late_commit_is_still_one_commit(world: SnowflakeWorld) -> None:
    world.sandbox.faults.add(Fault("late_commit", system="snowflake", path=PATH, seconds=30))
    with pytest.raises(requests.ConnectionError):
        world.post(INSERT, query={"requestId": request_id()})
    assert rows(world) == 0
    world.advance(31)
    world.sandbox.settle()
    assert rows(world) == 1


def test_an_answer_is_cut_off(world: SnowflakeWorld) -> None:
    world.sandbox.faults.add(Fault("truncate", system="snowflake", path=PATH))
    answer = world.post(INSERT)
    with pytest.raises(ValueError):
        answer.json()
    assert rows(world) == 1


WRONG_BODIES = {
    "an unknown field": {"statment": "SELECT 1"},
    "no statement": {"statement": " "},
    "a timeout in words": {"timeout": "60"},
    "an unknown parameter": {"parameters": {"autocommit": "false"}},
    "a binding that is a list": {"bindings": {"1": {"type": "TEXT", "value": ["a", "b"]}}},
    "a binding that is a number": {"bindings": {"1": {"type": "FIXED", "value": 1}}},
    "a binding of an unknown type": {"bindings": {"1": {"type": "VARIANT", "value": "{}"}}},
    "a gap between bindings": {"bindings": {"2": {"type": "TEXT", "value": "a"}}},
    "a binding that nothing reads": {"bindings": {"1": {"type": "TEXT", "value": "a"}}},
    "several statements": {"parameters": {"MULTI_STATEMENT_COUNT": "2"}},
}


@pytest.mark.parametrize("body", WRONG_BODIES.values(), ids=WRONG_BODIES)
def test_a_body_beyond_the_documented_is_refused(world: SnowflakeWorld, body: dict[str, object]) -> None:
    answer = world.post("SELECT 1", **body) if "statement" not in body else world.post(" ")
    assert (answer.status_code, answer.json()["code"]) == (400, "390142")
    assert world.sandbox.log.refusals[-1].system == "snowflake"


@pytest.mark.parametrize(
    "query", [{"requestID": request_id()}, {"requestId": "1"}, {"async": "yes"}, {"retry": "true"}]
)
def test_a_query_beyond_the_documented_is_refused(world: SnowflakeWorld, query: dict[str, str]) -> None:
    assert world.post("SELECT 1", query=query).status_code == 400


def test_headers_paths_and_methods_are_looked_at(world: SnowflakeWorld) -> None:
    body = {"statement": "SELECT 1"}
    statuses = [
        world.http.post(world.url, data=json.dumps(body), headers=world.headers(**more), timeout=10).status_code
        for more in ({"Content-Type": "text/plain"}, {"Accept": "text/html"}, {"User-Agent": ""})
    ]
    assert statuses == [415, 400, 400]
    assert world.http.get(world.url, headers=world.headers(), timeout=10).status_code == 405
    assert world.http.post(f"{world.url}s", json=body, headers=world.headers(), timeout=10).status_code == 404


def test_a_value_that_is_missing_or_of_the_wrong_type_fails_the_statement(world: SnowflakeWorld) -> None:
    assert world.error("SELECT ?::NUMBER + ?", ("FIXED", "1")) == "002049"
    assert world.error("SELECT ?::NUMBER", ("FIXED", "one")) == "100037"
    bound = world.rows("SELECT ?, ?, ?", ("BOOLEAN", "true"), ("DATE", "86400000"), ("TIMESTAMP_TZ", "1000000000 1440"))
    assert bound == [["true", "1", "1.000000000 1440"]]


def test_tables_may_lie_in_a_folder_and_accounts_do_not_mix(world: SnowflakeWorld, tmp_path: Path) -> None:
    world.sandbox.snowflake.folder = tmp_path
    for name in ("TB-ONE", "TB-TWO"):
        other = world.sandbox.snowflake.account(name)
        other.add_schema("D", "S")
        other.query("CREATE TABLE n (i NUMBER)")
    world.sandbox.snowflake.account("TB-ONE").query("INSERT INTO n (i) SELECT 1")
    assert world.sandbox.snowflake.account("tb_two").query("SELECT COUNT(*) FROM n") == [["0"]]
    assert {"TB-ONE.duckdb", "TB-TWO.duckdb"} <= {file.name for file in tmp_path.iterdir()}


def test_another_process_sets_the_account_up_and_looks_into_its_tables(world: SnowflakeWorld) -> None:
    control = f"{world.server.base_url}/_sandbox/snowflake"
    world.rows(INSERT, parameters={"query_tag": "run 7"})
    asked = world.http.post(f"{control}/query", json={"statement": "SELECT COUNT(*) FROM n"}, timeout=10)
    assert asked.json() == [["1"]]
    log = world.http.post(f"{control}/statements", json={}, timeout=10).json()
    assert (log[-1]["statement"], log[-1]["query_tag"], log[-1]["rows"]) == (INSERT, "run 7", 1)
    changed = {"name": "LOAD_WH", "auto_resume": False, "is_suspended": True}
    world.http.post(f"{control}/set_warehouse", json=changed, timeout=10)
    assert world.error(INSERT) == "000606"
    assert world.http.post(f"{control}/made_up", json={}, timeout=10).status_code == 400
