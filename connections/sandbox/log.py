"""What was asked of the sandbox: one line per request, counts per endpoint, and every refusal with its reason."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

_KEY = re.compile(r"\(.*\)$")
_GUID = re.compile(r"^[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}$")
# Words of a path are lower case (Square) or CamelCase without digits (Exact); Square's ids are neither.
_WORD = re.compile(r"^(v\d|[a-z][a-z0-9-]{,29}|[A-Z][A-Za-z]{,29}|\$count)$")


@dataclass(frozen=True)
class RequestLogEntry:
    at: datetime
    system: str
    method: str
    path: str
    query: str
    status: int  # 0: the connection was cut
    division: int | None
    request_id: str
    duration_ms: float
    region: str


@dataclass(frozen=True)
class Refusal:
    at: datetime
    system: str
    method: str
    path: str
    reason: str


def template(path: str) -> str:
    """The path with its ids taken out: `/api/v1/{n}/salesentry/SalesEntries({key})`."""
    return "/".join(_generalised(segment) for segment in path.split("/"))


def _generalised(segment: str) -> str:
    if not segment:
        return segment
    if segment.isdigit():
        return "{n}"
    if segment.endswith(")"):
        return _KEY.sub("({key})", segment)
    return segment if _WORD.match(segment) and not _GUID.match(segment) else "{id}"


class RequestLog:
    """Bounded; the counters are not."""

    def __init__(self, limit: int = 100_000) -> None:
        self._entries: deque[RequestLogEntry] = deque(maxlen=limit)
        self._refusals: deque[Refusal] = deque(maxlen=limit)
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._lock = Lock()

    @property
    def entries(self) -> list[RequestLogEntry]:
        with self._lock:
            return list(self._entries)

    @property
    def refusals(self) -> list[Refusal]:
        with self._lock:
            return list(self._refusals)

    @property
    def counters(self) -> Counter[tuple[str, str, str]]:
        """(system, method, path template) -> requests."""
        with self._lock:
            return Counter(self._counts)

    def add(self, entry: RequestLogEntry) -> None:
        with self._lock:
            self._entries.append(entry)
            self._counts[(entry.system, entry.method, template(entry.path))] += 1

    def refuse(self, *, at: datetime, system: str, method: str, path: str, reason: str) -> None:
        """A system refused what it does not know or must never be asked."""
        with self._lock:
            self._refusals.append(Refusal(at, system, method, path, reason))

    def count(self, system: str = "*", method: str = "*", containing: str = "") -> int:
        """How many requests matched."""
        with self._lock:
            return sum(
                times
                for (of, how, path), times in self._counts.items()
                if system in ("*", of) and method in ("*", how) and containing in path
            )

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._refusals.clear()
            self._counts.clear()
