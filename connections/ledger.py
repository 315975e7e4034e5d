"""The request ledger: what every call leaves behind, and what it is asked before it goes. No tokens, no bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from audit import context
from connections import budget, clock
from connections.models import CallBudget, Connection, VendorCall
from connections.providers.errors import Refused, Throttled, VendorError
from connections.providers.exact import limits
from connections.providers.http import Call

# Real patience differs: a page waits for nobody, a worker's slice lasts a minute.
WAIT_AT_MOST = 20.0
PRUNED = 2_000


# Requests that may have changed something at Exact, until a fact of the trail names them. None: nobody notes them.
_writes: ContextVar[list[str] | None] = ContextVar("writes", default=None)


@contextmanager
def noting_writes() -> Iterator[None]:
    """Within the block each write is kept in mind until the fact of what came of it has been recorded."""
    token = _writes.set([])
    try:
        yield
    finally:
        _writes.reset(token)


def untold_writes() -> list[str]:
    """Request ids of the writes that no fact names yet."""
    return list(_writes.get() or ())


def told_writes() -> None:
    if (writes := _writes.get()) is not None:
        writes.clear()


class Ledger:
    """Observes the data calls of one connection: asks the governor before, writes a row and teaches it after."""

    def __init__(
        self, connection: Connection, *, wait_at_most: float = WAIT_AT_MOST, guard: Callable[[], None] | None = None
    ) -> None:
        self.connection_id = connection.pk
        self.is_exact = connection.system == Connection.System.EXACT
        self.wait_at_most = wait_at_most
        self.guard = guard
        self.left: CallBudget | None = None

    def before(self, call: Call) -> None:
        writes = call.method != "GET"
        if not self.is_exact:
            budget.require_unblocked(self.connection_id)
            self._ask_guard(writes=writes)
            return
        budget.require_errors_left(self.connection_id, call.division or 0, call.path, writes=writes)
        self.left = budget.take(self.connection_id, call.division or 0, wait_at_most=self.wait_at_most)
        self._ask_guard(writes=writes)

    def _ask_guard(self, *, writes: bool) -> None:
        """Last of all: the governor may have let us wait, or the machine may have slept."""
        if self.guard and writes:
            self.guard()

    def after(
        self, call: Call, *, status: int | None, duration_ms: int, headers: Mapping[str, str], error: VendorError | None
    ) -> None:
        row_of(self.connection_id, call, status=status, duration_ms=duration_ms, error=error).save(force_insert=True)
        if self.is_exact and call.method != "GET" and (writes := _writes.get()) is not None:
            writes.append(call.request_id)
        if self.is_exact:
            self._teach_exact(call, status, headers, error)
        elif isinstance(error, Throttled):
            # The caller goes by the error, everybody else by the row.
            error.until += budget.backoff(self.connection_id, at=clock.now())
            budget.block(self.connection_id, 0, until=error.until)

    def _teach_exact(
        self, call: Call, status: int | None, headers: Mapping[str, str], error: VendorError | None
    ) -> None:
        division = call.division or 0
        budget.learn(self.connection_id, division, limits.parse(headers), left=self.left)
        if isinstance(error, Throttled):
            budget.block(self.connection_id, division, until=error.until)
        if status in budget.COUNTED_ERRORS:
            budget.count_error(self.connection_id, division, call.path, at=clock.now())
        elif isinstance(error, Refused) and call.method != "GET":
            budget.count_error(self.connection_id, division, budget.refusals_of(call.path), at=clock.now())


def prune(*, before: datetime) -> int:
    """Remove rows of calls made before then, a few thousand at a time so that nobody waits for it. Returns how many."""
    removed = 0
    while keys := list(VendorCall.objects.filter(at__lt=before).order_by("id").values_list("pk", flat=True)[:PRUNED]):
        removed += VendorCall.objects.filter(pk__in=keys).delete()[0]
    return removed


class TokenLedger:
    """Observes token calls. Keeps the rows until `write`: nothing may come between a new token pair and its storing."""

    def __init__(self, connection: Connection) -> None:
        self.connection_id = connection.pk
        self.rows: list[VendorCall] = []

    def before(self, call: Call) -> None:
        """A token call has its own limit, which the refresh lease keeps."""

    def after(self, call: Call, *, error: VendorError | None, **seen: Any) -> None:
        seen.pop("headers")
        self.rows.append(row_of(self.connection_id, call, error=error, **seen))

    def write(self) -> None:
        VendorCall.objects.bulk_create(self.rows)
        self.rows = []


def row_of(
    connection_id: int, call: Call, *, status: int | None, duration_ms: int, error: VendorError | None
) -> VendorCall:
    acting = context.current()
    return VendorCall(
        at=clock.now(),
        connection_id=connection_id,
        system=call.system,
        operation=call.operation[:60],
        method=call.method,
        division=call.division,
        status=status,
        failure=type(error).__name__ if error else "",
        duration_ms=duration_ms,
        trigger=acting.trigger,
        run_id=acting.run_id,
        request_id=call.request_id,
    )
