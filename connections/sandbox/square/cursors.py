"""Pagination cursors: opaque, bound to the query they came from, and short-lived.

Reference: Square docs, working-with-apis/pagination; documented life 5 minutes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connections.sandbox.clock import SandboxClock
from connections.sandbox.square.errors import SquareError, invalid
from connections.sandbox.square.ids import Ids

LIFE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Bookmark:
    digest: str
    state: Any
    expires_at: datetime


class Cursors:
    def __init__(self, *, seed: int, clock: SandboxClock) -> None:
        self._ids = Ids(seed, "cursor")
        self._clock = clock
        self._bookmarks: dict[str, _Bookmark] = {}

    def issue(self, query: Mapping[str, Any], state: Any) -> str:
        """A cursor that resumes at `state`, for the same query only."""
        self._forget_expired()
        token = self._ids.cursor()
        self._bookmarks[token] = _Bookmark(_digest(query), state, self._clock.now() + LIFE)
        return token

    def resume(self, token: str, query: Mapping[str, Any]) -> Any:
        found = self._bookmarks.get(token)
        if found is None or found.expires_at <= self._clock.now():
            raise _unusable("The cursor is invalid or has expired.")
        if found.digest != _digest(query):
            raise _unusable("The cursor belongs to a different query.")
        return found.state

    def _forget_expired(self) -> None:
        now = self._clock.now()
        # Issued in order of time, so the oldest stand first.
        for token, bookmark in list(self._bookmarks.items()):
            if bookmark.expires_at > now:
                return
            del self._bookmarks[token]


def _digest(query: Mapping[str, Any]) -> str:
    """The page size may change between pages, the rest may not."""
    kept = {name: value for name, value in query.items() if name not in ("cursor", "limit")}
    return json.dumps(kept, sort_keys=True)


def _unusable(detail: str) -> SquareError:
    return invalid("INVALID_CURSOR", detail, field="cursor")
