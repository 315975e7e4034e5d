"""Statements at Snowflake: submitted, asked after, cancelled, their results read.

Nothing is repeated here. Whoever writes stores the request's id first, sends, and after `NoAnswer` sends the same again
with `is_repeat`: Snowflake then does not carry it out a second time.
Reference: snowflake.md 1.1, 1.3, 1.9.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from connections.providers.errors import NoAnswer
from connections.providers.http import Answer, Call, TokenSource, Transport, with_token
from connections.providers.snowflake import answers
from connections.providers.snowflake.answers import Result, Running
from connections.providers.snowflake.statements import Statement

SYSTEM = "snowflake"
PATH = "/api/v2/statements"
USER_AGENT = "Tillbridge/0.1"
# Seconds between two looks at a running statement.
FIRST_LOOK, LONGEST_PAUSE = 0.5, 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """Where statements run. Names count letter for letter, without SQL's quotes; an empty one is the user's default."""

    role: str = ""
    warehouse: str = ""
    database: str = ""
    schema: str = ""

    def fields(self) -> dict[str, str]:
        named = {"role": self.role, "warehouse": self.warehouse, "database": self.database, "schema": self.schema}
        return {name: value for name, value in named.items() if value}


class SnowflakeClient:
    """One user of one account. `base_url` may carry a path prefix. Every method raises the errors of
    `providers.errors`. `sleep` takes seconds of the clock that `transport.now` tells.
    """

    def __init__(
        self,
        base_url: str,
        *,
        context: Context,
        tokens: TokenSource,
        transport: Transport,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.context = context
        self.tokens = tokens
        self.transport = transport
        self.sleep = sleep

    def submit(
        self,
        statement: Statement,
        *,
        request_id: str,
        is_repeat: bool = False,
        is_asynchronous: bool = False,
        tag: str = "",
        timeout: int | None = None,
    ) -> Result | Running:
        """Send one statement once.

        `request_id`: a UUID, stored before the first send. `is_repeat`: it was sent before with the same id. `tag`:
        what Snowflake's own history shows beside it. `timeout`: seconds after which Snowflake cancels it.
        """
        query = {"requestId": request_id, **({"retry": "true"} if is_repeat else {})}
        if is_asynchronous:
            query["async"] = "true"
        call = Call(SYSTEM, statement.operation, "POST", PATH)
        body = encode(statement, self.context, tag=tag, timeout=timeout)
        return self._send(call, PATH, self._outcome, query=query, body=body)

    def status(self, handle: str) -> Result | Running:
        """How far a statement is; its result when it is done. A read: asking again does no harm."""
        call = Call(SYSTEM, "statements.status", "GET", f"{PATH}/handle")
        return self._send(call, f"{PATH}/{handle}", self._outcome)

    def execute(
        self, statement: Statement, *, request_id: str, is_repeat: bool = False, tag: str = "", patience: float = 60
    ) -> Result:
        """Submit and wait for the end, `patience` seconds of the clock at most."""
        found = self.submit(statement, request_id=request_id, is_repeat=is_repeat, tag=tag)
        return found if isinstance(found, Result) else self.wait(found.handle, patience=patience)

    def wait(self, handle: str, *, patience: float) -> Result:
        """The result of a running statement. Raises `NoAnswer` (its `field` is the handle) when patience ends first."""
        give_up, pause = self.transport.now() + timedelta(seconds=patience), FIRST_LOOK
        while True:
            found = self.status(handle)
            if isinstance(found, Result):
                return found
            if self.transport.now() >= give_up:
                sentence = f"Snowflake is still at work on a statement after {patience:.0f} seconds."
                raise NoAnswer(sentence, status=202, field=handle)
            self.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def cancel(self, handle: str) -> None:
        """Raises `Refused` when it is over already."""
        call = Call(SYSTEM, "statements.cancel", "POST", f"{PATH}/handle/cancel")
        self._send(call, f"{PATH}/{handle}/cancel", self._ended, body=b"{}")

    def rows(self, result: Result) -> Iterator[tuple[str | None, ...]]:
        """All rows, partition after partition, as they are needed."""
        yield from result.rows
        for place in range(1, result.partitions):
            yield from self._partition(result, place)

    def _partition(self, result: Result, place: int) -> tuple[tuple[str | None, ...], ...]:
        def read(call: Call, answer: Answer) -> tuple[tuple[str | None, ...], ...]:
            return answers.partition(call, answer, width=len(result.columns), now=self.transport.now())

        call = Call(SYSTEM, "statements.partition", "GET", f"{PATH}/handle")
        return self._send(call, f"{PATH}/{result.handle}", read, query={"partition": str(place)})

    def _outcome(self, call: Call, answer: Answer) -> Result | Running:
        return answers.outcome(call, answer, now=self.transport.now())

    def _ended(self, call: Call, answer: Answer) -> None:
        if answer.status != 200:  # noqa: PLR2004 - the only success
            raise answers.error(call, answer, now=self.transport.now())

    def _send(
        self,
        call: Call,
        path: str,
        read: Callable[[Call, Answer], T],
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> T:
        """Addresses are made from the handle alone: where an answer says to look next is not followed."""
        headers = {
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            "X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"

        def attempt(once: Call, token: str) -> T:
            return self.transport.send(
                once,
                f"{self.base_url}{path}",
                headers={**headers, "Authorization": f"Bearer {token}"},
                read=lambda answer: read(once, answer),
                params=query,
                body=body,
            )

        return with_token(self.tokens, call, attempt)


def encode(statement: Statement, context: Context, *, tag: str = "", timeout: int | None = None) -> bytes:
    """The body of a request. Bound values are texts, whatever their type."""
    body: dict[str, Any] = {"statement": statement.text, **context.fields()}
    if statement.bindings:
        body["bindings"] = {
            str(place): {"type": bound.type, "value": bound.value} for place, bound in enumerate(statement.bindings, 1)
        }
    if tag:
        body["parameters"] = {"query_tag": tag}
    if timeout is not None:
        body["timeout"] = timeout
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
