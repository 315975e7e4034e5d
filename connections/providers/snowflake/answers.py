"""What an answer of the SQL API means: a result, a statement still running, or one error of the family.

Reference: snowflake.md 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreadable, VendorError
from connections.providers.http import Answer, Call
from connections.providers.payload import decode
from connections.providers.snowflake import refusals

INCOMPLETE = "391908"
BAD_TOKEN = frozenset({"390144", "390303", "390318", "390100", "390101"})
# Others hold the lock of a table, or too many wait for it: nothing was done.
BUSY = frozenset({"000625"})
# Snowflake names no time to wait. The ledger adds a part that grows and is left to chance.
PAUSE = timedelta(seconds=1)
LONGEST_SENTENCE = 500
_INCIDENT = re.compile(r"\[([0-9a-fA-F-]{36})\]")


@dataclass(frozen=True, slots=True)
class Running:
    """Not done yet. Ask by the handle; never send the statement again."""

    handle: str


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Result:
    """The first partition of a result. Values are texts, or None for SQL's NULL."""

    handle: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    partitions: int
    total: int

    def records(self) -> list[dict[str, str | None]]:
        """By column name: columns are never found by their place, since Snowflake inserts new ones."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    @property
    def changed(self) -> int:
        """Rows inserted, as the statement itself reports them. Raises `NoAnswer` when it does not: it was done."""
        first = self.rows[0][0] if len(self.rows) == 1 and self.rows[0] else None
        if first is None or not first.isdigit():
            raise NoAnswer("Snowflake did not say how many rows it inserted; the statement was done.")
        return int(first)


def outcome(call: Call, answer: Answer, *, now: datetime) -> Result | Running:
    """Raises the error that the answer means."""
    if answer.status == HTTPStatus.ACCEPTED:
        return Running(_handle(call, _document(call, answer)))
    if answer.status != HTTPStatus.OK:
        raise error(call, answer, now=now)
    document = _document(call, answer)
    if document.get("code") == INCOMPLETE:
        raise Unreadable(f"{call.operation}: the result is too large to be read whole")
    return _result(call, document)


def partition(call: Call, answer: Answer, *, width: int, now: datetime) -> tuple[tuple[str | None, ...], ...]:
    """Rows of a later partition, which comes without a description."""
    if answer.status != HTTPStatus.OK:
        raise error(call, answer, now=now)
    return _rows(call, _document(call, answer).get("data"), width)


def error(call: Call, answer: Answer, *, now: datetime) -> VendorError:  # noqa: PLR0911 - one line per status
    """What an answer outside 200 and 202 means."""
    code, state, message = _said(answer)
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            return _bad_token(code, message)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled("Snowflake asks to slow down.", until=now + PAUSE, status=answer.status)
        case HTTPStatus.FORBIDDEN | HTTPStatus.NOT_FOUND:
            sentence = "No Snowflake account answers at this address, or its SQL API is switched off."
            return Refused(sentence, status=answer.status, code=code)
        case HTTPStatus.REQUEST_TIMEOUT:
            return Refused(f"Snowflake ended {call.operation} at its time limit.", status=answer.status, code=code)
        case HTTPStatus.UNPROCESSABLE_ENTITY if code in BUSY:
            sentence = "Others hold the table in Snowflake; nothing was written."
            return Throttled(sentence, until=now + PAUSE, status=answer.status)
        case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return refused(call, answer.status, code, state, message)
    return NoAnswer(f"Snowflake failed on {call.operation} (HTTP {answer.status}).", status=answer.status, code=code)


def refused(call: Call, status: int, code: str, state: str, message: str) -> Refused:
    """`field` is the SQL state."""
    said = message or "without saying why"
    known = refusals.remedy(code, state, message)
    sentence = f"Snowflake refused {call.operation} ({code or f'HTTP {status}'}): {said}"
    return Refused(f"{sentence} {known}" if known else sentence, status=status, code=code, field=state)


def _bad_token(code: str, message: str) -> NotAuthorised:
    """Snowflake tells why only to an administrator, who asks with the number in the message."""
    incident = _INCIDENT.search(message)
    sentence = "Snowflake does not take the token: the key is not registered at this user, or not in this account."
    if incident:
        ask = f"SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('{incident[1]}')"
        sentence = f"{sentence} An administrator sees the reason with {ask}."
    kind = "revoked" if code in BAD_TOKEN else "unknown"
    return NotAuthorised(sentence, status=401, code=kind, field=incident[1] if incident else "")


def _said(answer: Answer) -> tuple[str, str, str]:
    """Code, SQL state and message of any error body; all empty when there is none."""
    try:
        document = decode(answer.body)
    except ValueError:
        return "", "", ""
    if not isinstance(document, Mapping):
        return "", "", ""
    return _word(document, "code"), _word(document, "sqlState"), _word(document, "message")


def _word(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return " ".join(value.split())[:LONGEST_SENTENCE] if isinstance(value, str) else ""


def _document(call: Call, answer: Answer) -> Mapping[str, Any]:
    try:
        document = decode(answer.body)
    except ValueError:
        raise NoAnswer(f"Snowflake's answer to {call.operation} cannot be read.", status=answer.status) from None
    if not isinstance(document, Mapping):
        raise NoAnswer(f"Snowflake's answer to {call.operation} is not an object.", status=answer.status)
    return document


def _handle(call: Call, document: Mapping[str, Any]) -> str:
    handle = document.get("statementHandle")
    if not isinstance(handle, str) or not re.fullmatch(r"[0-9a-fA-F-]{36}", handle):
        raise NoAnswer(f"Snowflake's answer to {call.operation} names no statement.")
    return handle


def _result(call: Call, document: Mapping[str, Any]) -> Result:
    described = document.get("resultSetMetaData")
    if not isinstance(described, Mapping):
        raise NoAnswer(f"Snowflake's answer to {call.operation} describes no result.")
    kinds, parts = described.get("rowType"), described.get("partitionInfo")
    if not isinstance(kinds, list) or not all(isinstance(kind, Mapping) for kind in kinds):
        raise NoAnswer(f"Snowflake's answer to {call.operation} describes no columns.")
    columns = tuple(Column(str(kind.get("name")), str(kind.get("type"))) for kind in kinds)
    rows = _rows(call, document.get("data"), len(columns))
    total = described.get("numRows")
    return Result(
        handle=_handle(call, document),
        columns=columns,
        rows=rows,
        partitions=len(parts) if isinstance(parts, list) and parts else 1,
        total=total if isinstance(total, int) else len(rows),
    )


def _rows(call: Call, data: object, width: int) -> tuple[tuple[str | None, ...], ...]:
    if not isinstance(data, list) or not all(isinstance(row, list) and len(row) == width for row in data):
        raise NoAnswer(f"Snowflake's answer to {call.operation} holds no rows of {width} columns.")
    if not all(value is None or isinstance(value, str) for row in data for value in row):
        raise NoAnswer(f"Snowflake's answer to {call.operation} holds a value that is no text.")
    return tuple(tuple(row) for row in data)
