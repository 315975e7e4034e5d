from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreadable, VendorError
from connections.providers.http import Transport
from connections.providers.snowflake.answers import Result, Running
from connections.providers.snowflake.client import Context, SnowflakeClient
from connections.providers.snowflake.keypair import KeyPair, KeyPairTokens
from connections.providers.snowflake.statements import Bound, Statement
from connections.sandbox.faults import Fault
from tests.connections.providers.doubles import NOW, Tokens, Witness, transport
from tests.connections.sandbox.snowflake_world import (
    ACCOUNT,
    DATABASE,
    HOUSE,
    ROLE,
    SCHEMA,
    USER,
    PublicKey,
    SnowflakeWorld,
    pem,
    public,
    request_id,
    snowflake_world,
)

BASE = "https://myorg-archive.snowflakecomputing.com"
URL = f"{BASE}/api/v2/statements"
HANDLE = "01b2c3d4-0000-1111-2222-333344445555"
ONE = Statement("SELECT 1", "probe")
INSERT = Statement("INSERT INTO n (i) SELECT ?", "rows.insert", (Bound("FIXED", "1"),))


def stubbed(*, tokens: Tokens | None = None, witness: Witness | None = None) -> SnowflakeClient:
    return SnowflakeClient(BASE, context=Context(role="R"), tokens=tokens or Tokens(), transport=transport(witness))


def result(*rows: list[str | None], **more: Any) -> dict[str, Any]:
    width = len(rows[0]) if rows else 1
    described = {"numRows": len(rows), "rowType": [{"name": f"C{n}", "type": "text"} for n in range(width)],
                 "partitionInfo": [{"rowCount": len(rows)}]}  # fmt: skip
    return {"code": "090001", "statementHandle": HANDLE, "resultSetMetaData": described, "data": list(rows), **more}


@responses.activate
def test_a_statement_goes_out_with_its_headers_context_bindings_and_request_id() -> None:
    responses.post(URL, json=result(["1"]))
    one = request_id()
    stubbed().submit(INSERT, request_id=one, tag="run 7", timeout=60)
    request = responses.calls[0].request
    assert json.loads(request.body or b"") == {
        "statement": INSERT.text, "role": "R", "bindings": {"1": {"type": "FIXED", "value": "1"}},
        "parameters": {"query_tag": "run 7"}, "timeout": 60,
    }  # fmt: skip
    assert str(request.url) == f"{URL}?requestId={one}"
    assert request.headers["Authorization"] == "Bearer first"
    assert request.headers["X-Snowflake-Authorization-Token-Type"] == "KEYPAIR_JWT"
    assert request.headers["User-Agent"].startswith("Tillbridge/")


ERRORS: dict[str, tuple[dict[str, Any], type[VendorError]]] = {
    "throttled": ({"status": 429, "json": {"code": "390505", "message": "Too many requests."}}, Throttled),
    "lock waiters": ({"status": 422, "json": {"code": "000625", "sqlState": "57014", "message": "x"}}, Throttled),
    "a bad token": ({"status": 401, "json": {"code": "390144", "message": "JWT token is invalid."}}, NotAuthorised),
    "a failed statement": ({"status": 422, "json": {"code": "000904", "message": "x"}}, Refused),
    "a malformed request": ({"status": 400, "json": {"code": "390142", "message": "x"}}, Refused),
    "no account": ({"status": 404, "body": "<html>"}, Refused),
    "a time limit": ({"status": 408, "json": {"code": "000630", "message": "x"}}, Refused),
    "a broken server": ({"status": 500, "body": "<html>"}, NoAnswer),
    "a gateway": ({"status": 502}, NoAnswer),
    "a server that gave up": ({"status": 503, "json": {"code": "x", "message": "x"}}, NoAnswer),
    "a slow gateway": ({"status": 504}, NoAnswer),
    "a success without sense": ({"status": 200, "body": "{"}, NoAnswer),
    "a success of another form": ({"status": 200, "json": []}, NoAnswer),
    "a success without rows": ({"status": 200, "json": {**result(["1"]), "data": None}}, NoAnswer),
    "a row too short": ({"status": 200, "json": {**result(["1", "2"]), "data": [["1"]]}}, NoAnswer),
    "a value that is a number": ({"status": 200, "json": {**result(["1"]), "data": [[1]]}}, NoAnswer),
    "a result that is not whole": ({"status": 200, "json": {**result(["1"]), "code": "391908"}}, Unreadable),
    "a handle that is an address": ({"status": 202, "json": {"statementHandle": "../../x"}}, NoAnswer),
}


@responses.activate
@pytest.mark.parametrize(("answer", "error"), ERRORS.values(), ids=ERRORS)
def test_an_answer_means_one_error(answer: dict[str, Any], error: type[VendorError]) -> None:
    responses.post(URL, **answer)
    witness = Witness()
    with pytest.raises(error) as raised:
        stubbed(tokens=Tokens(fresh=[]), witness=witness).submit(ONE, request_id=request_id())
    assert type(raised.value) is error
    assert witness.ended[-1].error is raised.value


@responses.activate
def test_a_refusal_says_what_snowflake_said_and_what_to_do() -> None:
    said = {"code": "003001", "sqlState": "42501", "message": "Insufficient privileges to operate on schema 'EXACT'"}
    responses.post(URL, status=422, json=said)
    with pytest.raises(Refused, match=r"Insufficient privileges.*Grant the missing privilege") as refusal:
        stubbed().submit(ONE, request_id=request_id())
    assert (refusal.value.code, refusal.value.field) == ("003001", "42501")


@responses.activate
def test_a_suspended_warehouse_is_known_by_its_state_whatever_its_code() -> None:
    responses.post(URL, status=422, json={"code": "000999", "sqlState": "57P03", "message": "x"})
    with pytest.raises(Refused, match="does not resume by itself"):
        stubbed().submit(ONE, request_id=request_id())


@responses.activate
def test_throttling_waits_from_the_clock_of_the_transport() -> None:
    responses.post(URL, status=429, json={"code": "390505"})
    with pytest.raises(Throttled) as raised:
        stubbed().submit(ONE, request_id=request_id())
    assert raised.value.until > NOW


@responses.activate
def test_an_insert_that_names_no_count_is_done_but_not_answered() -> None:
    responses.post(URL, json=result())
    found = stubbed().submit(ONE, request_id=request_id())
    assert isinstance(found, Result)
    with pytest.raises(NoAnswer, match="was done"):
        found.changed  # noqa: B018 - the property is what is tested


# -- against the stand-in


@pytest.fixture
def world() -> Iterator[SnowflakeWorld]:
    with snowflake_world() as made:
        made.rows("CREATE TABLE n (i NUMBER)")
        yield made


class Sleeper:
    def __init__(self, world: SnowflakeWorld) -> None:
        self.world = world
        self.pauses: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.world.advance(seconds)


def client(world: SnowflakeWorld, *keys: str, sleep: Any = None) -> SnowflakeClient:
    pairs = [KeyPair.read(pem(name)) for name in keys or ("first",)]
    return SnowflakeClient(
        f"{world.server.base_url}/snowflake/tb-archive",
        context=Context(ROLE, HOUSE, DATABASE, SCHEMA),
        tokens=KeyPairTokens(pairs, account=ACCOUNT, user=USER, now=world.now),
        transport=Transport(session=world.http, now=world.now),
        sleep=sleep or Sleeper(world),
    )


def rows(world: SnowflakeWorld) -> list[list[str | None]]:
    return world.account.query("SELECT COUNT(*) FROM n")


def test_an_insert_reports_how_many_rows_it_inserted(world: SnowflakeWorld) -> None:
    assert client(world).execute(INSERT, request_id=request_id()).changed == 1
    assert rows(world) == [["1"]]


@pytest.mark.accepts("S003-37")
@pytest.mark.parametrize("action", ["drop_before", "drop_after", "truncate", "500_page", "500_after", "503"])
def test_whatever_happens_to_the_answer_a_repeat_leaves_one_row(world: SnowflakeWorld, action: str) -> None:
    world.sandbox.faults.add(Fault(action, system="snowflake"))
    one, caller = request_id(), client(world)
    with pytest.raises(NoAnswer):
        caller.execute(INSERT, request_id=one)
    assert caller.execute(INSERT, request_id=one, is_repeat=True).changed == 1
    assert rows(world) == [["1"]]


@pytest.mark.accepts("S003-37")
def test_throttling_leaves_nothing_behind(world: SnowflakeWorld) -> None:
    world.sandbox.faults.add(Fault("429", system="snowflake", times=3))
    one, caller = request_id(), client(world)
    for _ in range(3):
        with pytest.raises(Throttled):
            caller.execute(INSERT, request_id=one)
    caller.execute(INSERT, request_id=one, is_repeat=True)
    assert rows(world) == [["1"]]


def test_a_running_statement_is_asked_after_in_growing_pauses_and_never_sent_again(world: SnowflakeWorld) -> None:
    world.account.switches.set("statement_seconds", 50)
    sleep = Sleeper(world)
    assert client(world, sleep=sleep).execute(INSERT, request_id=request_id()).changed == 1
    assert sleep.pauses[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert sleep.pauses[-1] == 10.0
    assert rows(world) == [["1"]]


def test_patience_ends_with_the_handle_and_the_statement_goes_on(world: SnowflakeWorld) -> None:
    world.account.switches.set("statement_seconds", 100)
    caller = client(world)
    with pytest.raises(NoAnswer) as raised:
        caller.execute(INSERT, request_id=request_id(), patience=50)
    assert caller.wait(raised.value.field, patience=100).changed == 1


def test_a_running_statement_can_be_cancelled_once(world: SnowflakeWorld) -> None:
    caller = client(world)
    world.account.switches.set("statement_seconds", 100)
    found = caller.submit(INSERT, request_id=request_id(), is_asynchronous=True)
    assert isinstance(found, Running)
    caller.cancel(found.handle)
    with pytest.raises(Refused):
        caller.cancel(found.handle)
    with pytest.raises(Refused, match="may be sent again"):
        caller.wait(found.handle, patience=1)


def test_a_long_result_is_read_partition_by_partition(world: SnowflakeWorld) -> None:
    world.account.switches.set("partition_rows", 2)
    five = Statement("SELECT column1 FROM VALUES (1),(2),(3),(4),(NULL) ORDER BY 1", "probe")
    caller = client(world)
    found = caller.execute(five, request_id=request_id())
    assert (found.partitions, found.total) == (3, 5)
    assert list(caller.rows(found)) == [("1",), ("2",), ("3",), ("4",), (None,)]


def test_a_result_is_read_by_the_names_of_its_columns(world: SnowflakeWorld) -> None:
    found = client(world).execute(Statement('SELECT 1 AS "a", NULL AS b', "probe"), request_id=request_id())
    assert found.records() == [{"a": "1", "B": None}]


@pytest.mark.accepts("S003-31")
def test_a_long_run_goes_on_with_a_new_token(world: SnowflakeWorld) -> None:
    caller = client(world)
    for _ in range(4):
        caller.execute(INSERT, request_id=request_id())
        world.advance(55 * 60)
    assert rows(world) == [["4"]]


def test_while_keys_are_changed_the_second_one_signs_in(world: SnowflakeWorld) -> None:
    world.account.users[USER].keys[:] = [PublicKey.read(public("second"))]
    caller = client(world, "first", "second")
    assert caller.execute(INSERT, request_id=request_id()).changed == 1
    assert world.sandbox.log.count("snowflake", "POST") == 3


def test_a_key_that_is_not_registered_is_refused_with_the_number_to_ask_by(world: SnowflakeWorld) -> None:
    with pytest.raises(NotAuthorised, match=r"SYSTEM\$GET_LOGIN_FAILURE_DETAILS\('[0-9a-f-]{36}'\)"):
        client(world, "second").execute(ONE, request_id=request_id())


def test_an_account_that_does_not_exist_is_a_sentence(world: SnowflakeWorld) -> None:
    caller = client(world)
    caller.base_url = caller.base_url.replace("tb-archive", "tb-nobody")
    with pytest.raises(Refused, match="No Snowflake account"):
        caller.execute(ONE, request_id=request_id())
