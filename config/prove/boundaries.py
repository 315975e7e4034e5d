"""Where a worker can die: before and after each statement it runs and each request it sends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import BaseAdapter

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


TABLE = re.compile(r'(?:FROM|INTO|UPDATE) "(\w+)"')


def _words(sql: str) -> str:
    """'SELECT sync_leg', 'BEGIN'."""
    verb, table = sql.split(None, 1)[0], TABLE.search(sql)
    return f"{verb} {table.group(1)}" if table else verb


def any_boundary(name: str) -> bool:  # noqa: ARG001 - the form of `counts`
    return True


@dataclass
class Boundaries:
    """Counts the boundaries one worker passes and strikes at the one named `at` (0: never).

    `counts` chooses among them by name: "before INSERT sync_leg", "after POST". A commit lies between the last
    statement of a transaction and whatever comes next, so both of its sides are boundaries too.
    """

    at: int
    strike: Callable[[str], None]
    counts: Callable[[str], bool] = any_boundary
    passed: int = 0

    def step(self, name: str) -> None:
        if not self.counts(name):
            return
        self.passed += 1
        if self.passed == self.at:
            self.strike(name)

    def statement(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """For `connection.execute_wrapper`."""
        words = _words(sql)
        self.step(f"before {words}")
        result = execute(sql, params, many, context)
        self.step(f"after {words}")
        return result

    def sessions(self, make: Callable[[], requests.Session]) -> Callable[[], requests.Session]:
        """A factory whose sessions pass a boundary before each request leaves and after its answer has begun."""

        def watched() -> requests.Session:
            session = make()
            for prefix, adapter in list(session.adapters.items()):
                session.mount(prefix, _Watched(adapter, self))
            return session

        return watched


class _Watched(BaseAdapter):
    def __init__(self, inner: BaseAdapter, boundaries: Boundaries) -> None:
        super().__init__()
        self.inner, self.boundaries = inner, boundaries

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self.boundaries.step(f"before {request.method}")
        response = self.inner.send(request, **options)
        self.boundaries.step(f"after {request.method}")
        return response

    def close(self) -> None:
        self.inner.close()
