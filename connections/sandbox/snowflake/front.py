"""The SQL API over HTTP. Reference: 1.1 to 1.3; whatever is not named there is refused."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connections.sandbox.snowflake import tokens
from connections.sandbox.snowflake.account import Account
from connections.sandbox.snowflake.errors import Denied, Failed, malformed
from connections.sandbox.snowflake.outcome import Outcome
from connections.sandbox.snowflake.people import User
from connections.sandbox.snowflake.relations import Column
from connections.sandbox.snowflake.statements import (
    CANCELLED,
    FAILED,
    RUNNING,
    SYNCHRONOUS_SECONDS,
    TIMED_OUT,
    Statement,
    carry_out,
    new_handle,
)
from connections.sandbox.wire import Request, Response

BASE = "/api/v2/statements"
_HANDLE = re.compile(rf"{BASE}/(?P<handle>[0-9a-fA-F-]{{36}})(?P<cancel>/cancel)?")
_FIELDS: Mapping[str, type] = {
    "statement": str, "timeout": int, "database": str, "schema": str, "warehouse": str, "role": str,
    "bindings": dict, "parameters": dict,
}  # fmt: skip
_PARAMETERS = frozenset(
    ("binary_output_format", "client_result_chunk_size", "date_output_format", "time_output_format",
     "timestamp_output_format", "timestamp_ltz_output_format", "timestamp_ntz_output_format",
     "timestamp_tz_output_format", "multi_statement_count", "query_tag", "rows_per_resultset", "timezone",
     "use_cached_result")
)  # fmt: skip
LONGEST_TIMEOUT = 604_800
OK_CODE, OK_STATE, OK_MESSAGE = "090001", "00000", "Statement executed successfully."
RUNNING_CODE = "333334"
RUNNING_MESSAGE = (
    "Asynchronous execution in progress. Use provided query id to perform query monitoring and management."
)


def answer(account: Account, request: Request) -> Response:
    """Never raises."""
    now = account.clock.now()
    account.statements.settle(now)
    try:
        return _answered(account, request, now)
    except Denied as denied:
        account.log.refuse(at=now, system="snowflake", method=request.method, path=request.path, reason=denied.reason)
        return Response.json({"code": denied.code, "message": denied.message}, denied.status)
    except Failed as failed:
        account.refused(failed.reason)
        return _failure(failed, new_handle(account.chance), now)


def throttled() -> Response:
    """# Reference: 1.2; no Retry-After in the documented sample."""
    return Response.json({"code": "390505", "message": "Too many requests."}, 429)


def _answered(account: Account, request: Request, now: datetime) -> Response:
    match = _HANDLE.fullmatch(request.path)
    if request.path.rstrip("/") != BASE and match is None:
        return Response.html("Not Found", 404)
    wanted = "GET" if match and not match["cancel"] else "POST"
    if request.method != wanted:
        return Response.empty(405, {"Allow": wanted})
    _check_headers(request)
    user = tokens.caller(account, request, now)
    if match is None:
        return _submit(account, user, request, now)
    found = account.statements.find(match["handle"], user)
    if found is None:
        raise Failed("000709", "02000", f"Statement {match['handle']} not found")
    if match["cancel"]:
        _query(request, {"requestId"})
        return _cancel(found)
    query = _query(request, {"requestId", "partition"})
    return _status(account, found, _partition(query), now)


def _check_headers(request: Request) -> None:
    accept = request.headers.get("accept", "")
    if not any(kind in accept for kind in ("application/json", "*/*", "application/*")):
        # A guess, code and status.
        raise Denied(400, "391902", f"Unsupported Accept header {accept or 'null'} is specified.")
    if not re.match(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", request.headers.get("user-agent", "")):
        raise Denied(400, "391903", "Unsupported User-Agent header is specified.")
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if request.method == "POST" and media != "application/json":
        raise Denied(415, "391904", f"Unsupported Content-Type header {media} is specified.")


def _query(request: Request, known: set[str]) -> dict[str, str]:
    names = [name for name, _ in request.query]
    if set(names) - known or len(set(names)) != len(names):
        raise malformed(f"unknown or repeated query parameter among {', '.join(names)}")
    found = dict(request.query)
    if "requestId" in found and not _is_uuid(found["requestId"]):
        raise malformed("requestId must be a UUID")
    return found


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = query.get(name, str(default).lower())
    if value not in ("true", "false"):
        raise malformed(f"{name} must be true or false")
    return value == "true"


def _partition(query: Mapping[str, str]) -> int | None:
    text = query.get("partition")
    if text is not None and not text.isdigit():
        raise malformed("partition must be a number")
    return None if text is None else int(text)


# -- submitting


def _submit(account: Account, user: User, request: Request, now: datetime) -> Response:
    query = _query(request, {"requestId", "async", "nullable", "retry"})
    body = _body(request.body)
    is_async = _flag(query, "async", default=False)
    is_nullable, is_retry = _flag(query, "nullable", default=True), _flag(query, "retry", default=False)
    session = account.session(user, body, now)
    request_id, text, size = query.get("requestId", ""), body["statement"], len(request.body)
    if is_retry and not request_id:
        raise malformed("retry=true needs the requestId of the first try")
    known = account.statements.repeated(request_id, text, size, session) if is_retry else None
    if known:
        return _status(account, known, None, now)
    seconds = account.switches.statement_seconds
    is_late = is_async or seconds > SYNCHRONOUS_SECONDS
    timeout = body.get("timeout")
    statement = account.statements.add(
        Statement(
            handle=new_handle(account.chance),
            request_id=request_id,
            text=text,
            bindings=body.get("bindings", {}),
            session=session,
            size=size,
            tag=str(_parameters(body).get("query_tag", "")),
            due=now + timedelta(seconds=seconds if is_late else 0),
            ends=now + timedelta(seconds=timeout) if timeout else None,
            nullable=is_nullable,
        )
    )
    if is_late:
        return _running(statement)
    carry_out(statement)
    return _status(account, statement, None, now)


def _body(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content.decode("utf-8"))
    except ValueError as wrong:
        raise malformed(f"the body is not JSON in UTF-8: {wrong}") from None
    if not isinstance(body, dict):
        raise malformed("the body is not an object")
    unknown = set(body) - set(_FIELDS)
    if unknown:
        raise malformed(f"unknown field {min(unknown)}")
    for name, value in body.items():
        if not isinstance(value, _FIELDS[name]) or isinstance(value, bool):
            raise malformed(f"{name} must be of type {_FIELDS[name].__name__}")
    if not body.get("statement", "").strip():
        raise malformed("there is no statement")
    if not 0 <= body.get("timeout", 0) <= LONGEST_TIMEOUT:
        raise malformed("timeout is out of range")
    return body


def _parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    given = {str(name).lower(): value for name, value in body.get("parameters", {}).items()}
    unknown = set(given) - _PARAMETERS
    if unknown:
        raise malformed(f"unknown parameter {min(unknown)}")
    if str(given.get("multi_statement_count", "1")) != "1":
        raise malformed("the sandbox takes one statement at a time")
    return given


# -- answering


def _status(account: Account, statement: Statement, partition: int | None, now: datetime) -> Response:
    if statement.state == RUNNING:
        return _running(statement)
    if statement.state == FAILED and isinstance(statement.failure, Denied):
        raise statement.failure
    if statement.state == FAILED and isinstance(statement.failure, Failed):
        return _failure(statement.failure, statement.handle, now)
    if statement.state == TIMED_OUT:
        said = "Statement reached its statement or warehouse timeout and was canceled."
        return Response.json(_named(statement, "000630", "57014", said), 408)
    if statement.state == CANCELLED:
        return _failure(Failed("000604", "57014", "SQL execution canceled"), statement.handle, now)
    return _result(account, statement, partition)


def _named(statement: Statement, code: str, state: str, message: str) -> dict[str, Any]:
    return {
        "code": code,
        "sqlState": state,
        "message": message,
        "statementHandle": statement.handle,
        "statementStatusUrl": f"{BASE}/{statement.handle}",
    }


def _running(statement: Statement) -> Response:
    data = _named(statement, RUNNING_CODE, OK_STATE, RUNNING_MESSAGE)
    del data["sqlState"]
    return Response.json(data, 202)


def _failure(failed: Failed, handle: str, now: datetime) -> Response:
    data = {
        "code": failed.code,
        "sqlState": failed.state,
        "message": failed.message,
        "statementHandle": handle,
        "createdOn": round(now.timestamp() * 1000),
        "statementStatusUrl": f"{BASE}/{handle}",
    }
    return Response.json(data, 422)


def _cancel(statement: Statement) -> Response:
    if statement.state != RUNNING:
        raise Failed("000709", "02000", f"Statement {statement.handle} not found")
    statement.state = CANCELLED
    return Response.json(_named(statement, "000604", "57014", "SQL execution canceled"))


def _result(account: Account, statement: Statement, partition: int | None) -> Response:
    outcome = statement.outcome or Outcome([], [])
    size = max(1, int(account.switches.partition_rows))
    parts = [outcome.rows[start : start + size] for start in range(0, len(outcome.rows), size)] or [[]]
    if partition is not None and partition >= len(parts):
        raise malformed(f"there is no partition {partition}")
    rows = parts[partition or 0]
    data = rows if statement.nullable else [["null" if value is None else value for value in row] for row in rows]
    if partition:
        return _packed({"data": data})
    whole = {
        "resultSetMetaData": {
            "numRows": len(outcome.rows),
            "format": "jsonv2",
            "partitionInfo": [{"rowCount": len(part), "uncompressedSize": _size(part)} for part in parts],
            "rowType": [_column(statement, column) for column in outcome.columns],
        },
        "data": data,
        **_named(statement, OK_CODE, OK_STATE, OK_MESSAGE),
        "createdOn": round(statement.session.now.timestamp() * 1000),
        **({"stats": outcome.stats} if outcome.stats else {}),
    }
    return Response.json(whole, 200, _links(statement, len(parts)))


def _packed(data: Mapping[str, Any]) -> Response:
    """# Reference: 1.3, partitions after the first come gzip-encoded and without metadata."""
    response = Response.json(data)
    response.body = gzip.compress(response.body, mtime=0)
    response.headers["Content-Encoding"] = "gzip"
    return response


def _size(rows: list[list[str | None]]) -> int:
    return sum(len(value or "") + 3 for row in rows for value in row)


def _column(statement: Statement, column: Column) -> dict[str, Any]:
    kind = column.type
    is_text, is_number = kind.kind == "TEXT", kind.kind == "FIXED"
    return {
        "name": column.name,
        "database": statement.session.database,
        "schema": statement.session.schema,
        "table": "",
        "type": kind.kind.lower(),
        "nullable": column.nullable,
        "length": kind.length if is_text else None,
        "byteLength": kind.length * 4 if is_text else None,
        "precision": kind.precision if is_number else None,
        "scale": kind.scale if is_number or kind.scale else None,
        "collation": None,
    }


def _links(statement: Statement, parts: int) -> dict[str, str]:
    if parts == 1:
        return {}
    at = f"{BASE}/{statement.handle}?partition="
    return {"Link": f'<{at}0>;rel="first",<{at}1>;rel="next",<{at}{parts - 1}>;rel="last"'}
