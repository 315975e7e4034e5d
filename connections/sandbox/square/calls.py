"""One call on its way through the sandbox: what was matched, checked and allowed before a handler sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from connections.sandbox.square.cursors import Cursors
from connections.sandbox.square.errors import SquareError, invalid
from connections.sandbox.square.facts import Json, facts
from connections.sandbox.square.grants import App
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Collection, Key, Record, Span
from connections.sandbox.wire import Request


@dataclass(slots=True)
class Call:
    """`values` are the checked query parameters or the checked body; `path` what stands in the path's braces."""

    state: State
    cursors: Cursors
    request: Request
    name: str
    path: dict[str, str]
    values: Json = field(default_factory=dict)
    # Whose personal access token it came with.
    app: App | None = None

    def bound(self) -> Json:
        """What a cursor is bound to."""
        return {"endpoint": self.name, "path": self.path, **self.values}


@dataclass(frozen=True, slots=True)
class Listing:
    """A resolved list query: what a cursor carries on, so that later pages keep the first request's window."""

    by: str
    locations: tuple[str, ...]
    span: Span
    descending: bool
    after: Key | None = None

    def scan(self, collection: Collection) -> Iterator[Record]:
        return collection.scan(self.by, self.locations, self.span, descending=self.descending, after=self.after)


def page(records: Iterable[Record], limit: int) -> tuple[list[Record], bool]:
    """The first `limit`, and whether more follow."""
    found = list(islice(records, limit + 1))
    return found[:limit], len(found) > limit


def limited(value: int | None, *, default: int, most: int, capped: bool) -> int:
    """The page size: what is too large is capped by some endpoints and refused by others."""
    if value is None:
        return default
    if value < 1:
        raise invalid("VALUE_TOO_LOW", "The limit must be at least 1.", field="limit")
    if value > most and not capped:
        raise invalid("VALUE_TOO_HIGH", f"The limit must be at most {most}.", field="limit")
    return min(value, most)


@cache
def _templates() -> dict[int, list[tuple[str, tuple[str, ...]]]]:
    """(method and template, segments) by number of segments; literal paths before those with braces."""
    result: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for name in sorted(facts()["endpoints"], key=lambda text: (text.count("{"), text)):
        segments = tuple(name.partition(" ")[2].split("/"))
        result.setdefault(len(segments), []).append((name, segments))
    return result


def route(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The endpoint of a path and the values of its braces. Raises Square's 404, or 405 for another method."""
    given = path.split("/")
    known = False
    for name, segments in _templates().get(len(given), []):
        found = _matched(segments, given)
        if found is not None:
            known = True
            if name.startswith(f"{method} "):
                return name, found
    if known:
        raise SquareError(405, "METHOD_NOT_ALLOWED", f"HTTP method `{method}` is not allowed for `{path}`.")
    detail = f"API endpoint for URL path `{path}` and HTTP method `{method}` is not found."
    raise SquareError(404, "NOT_FOUND", detail, strict=True)


def _matched(segments: tuple[str, ...], given: list[str]) -> dict[str, str] | None:
    found = {}
    for segment, value in zip(segments, given, strict=True):
        if segment.startswith("{") and value:
            found[segment[1:-1]] = value
        elif segment != value:
            return None
    return found
