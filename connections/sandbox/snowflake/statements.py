"""Statements with their handles: submitted, running, done, failed, cancelled, and found again by their request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connections.sandbox.snowflake import bindings, execution
from connections.sandbox.snowflake.errors import Denied, Failed, malformed
from connections.sandbox.snowflake.outcome import Outcome
from connections.sandbox.snowflake.session import Session

# Reference: 1.2, an answer later than this is always 202.
SYNCHRONOUS_SECONDS = 45
KEPT = 5_000
RUNNING, DONE, FAILED, CANCELLED, TIMED_OUT = "running", "done", "failed", "cancelled", "timed out"


@dataclass
class Statement:
    handle: str
    request_id: str
    text: str
    bindings: Mapping[str, Any]
    session: Session
    size: int
    tag: str
    due: datetime
    ends: datetime | None
    nullable: bool
    state: str = RUNNING
    outcome: Outcome | None = None
    failure: Failed | Denied | None = None
    repeats: int = field(default=0)

    def summary(self) -> dict[str, Any]:
        """For the log of statements: what was asked, by whom, and what came of it."""
        session = self.session
        return {
            "handle": self.handle,
            "request_id": self.request_id,
            "at": session.now,
            "statement": self.text,
            "bytes": self.size,
            "user": session.user.name,
            "role": session.role,
            "warehouse": session.warehouse,
            "query_tag": self.tag,
            "state": self.state,
            "code": self.failure.code if self.failure else "",
            "rows": self.outcome.changed if self.outcome else 0,
            "repeats": self.repeats,
        }


class Statements:
    """Of one account. A statement that takes longer is carried out when it is due, or never when it is cancelled."""

    def __init__(self) -> None:
        self.history: dict[str, Statement] = {}

    def add(self, statement: Statement) -> Statement:
        self.history[statement.handle] = statement
        for handle in list(self.history)[: max(0, len(self.history) - KEPT)]:
            del self.history[handle]
        return statement

    def repeated(self, request_id: str, text: str, size: int, session: Session) -> Statement | None:
        """What `retry=true` finds: the same request, unless it failed, is too old or too large to be recognised.

        Another text under the same id is refused: what Snowflake does with it is not known, and nobody should try.
        # Reference: 1.1, 1.6, 1.9.
        """
        switches = session.account.switches
        since = session.now - timedelta(seconds=switches.history_seconds)
        for known in reversed(list(self.history.values())):
            if known.request_id == request_id and known.session.user is session.user:
                if known.text != text:
                    raise malformed("the requestId was used for another statement")
                recognised = size <= switches.history_bytes and known.session.now >= since
                if recognised and known.state in (RUNNING, DONE):
                    known.repeats += 1
                    return known
        return None

    def find(self, handle: str, session_user: object) -> Statement | None:
        found = self.history.get(handle)
        return found if found and found.session.user is session_user else None

    def settle(self, now: datetime) -> None:
        """Carry out what is due, in the order it came."""
        for statement in self.history.values():
            if statement.state == RUNNING:
                self._settle(statement, now)

    @staticmethod
    def _settle(statement: Statement, now: datetime) -> None:
        if statement.ends is not None and statement.ends < statement.due and statement.ends <= now:
            statement.state = TIMED_OUT
        elif statement.due <= now:
            carry_out(statement)


def carry_out(statement: Statement) -> None:
    try:
        statement.outcome = execution.execute(statement.session, statement.text, bindings.read(statement.bindings))
        statement.state = DONE
    except (Failed, Denied) as failure:
        statement.failure, statement.state = failure, FAILED
        statement.session.account.refused(failure.reason)


def new_handle(chance: Any) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
