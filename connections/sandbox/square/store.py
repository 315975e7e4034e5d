"""Records kept sorted by each of their times, per location, so that a page is found by index and not by a scan."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from connections.sandbox.square.facts import Json

# (microseconds, sequence number): unique, and the position a cursor remembers.
Key = tuple[int, int]


@dataclass(slots=True, eq=False)
class Record:
    """One object as it is answered, with the exact times behind its rounded stamps."""

    data: Json
    location_id: str
    sequence: int
    times: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.data["id"])

    def key(self, by: str) -> Key:
        return self.times[by], self.sequence


@dataclass(frozen=True, slots=True)
class Span:
    """From `low`, inclusive, up to `high`, exclusive, in microseconds; None is open."""

    low: int | None = None
    high: int | None = None

    def holds(self, value: int | None) -> bool:
        if value is None:
            return self.low is None and self.high is None
        return (self.low is None or value >= self.low) and (self.high is None or value < self.high)


class Collection:
    def __init__(self) -> None:
        # Told ("added" or "updated", record).
        self.watcher: Callable[[str, Record], None] | None = None
        self._by_id: dict[str, Record] = {}
        self._by_sequence: dict[int, Record] = {}
        self._indexes: dict[tuple[str, str], list[Key]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._by_id.values())

    def add(self, data: Json, location_id: str, times: dict[str, int]) -> Record:
        record = Record(data, location_id, len(self._by_sequence))
        self._by_id[record.id] = self._by_sequence[record.sequence] = record
        for by, at in times.items():
            self._place(record, by, at)
        self._tell("added", record)
        return record

    def get(self, key: str) -> Record | None:
        return self._by_id.get(key)

    def move(self, record: Record, by: str, at: int) -> None:
        """Give the record another time, and its new place in the index."""
        self._place(record, by, at)
        if by == "updated":
            self._tell("updated", record)

    def _tell(self, what: str, record: Record) -> None:
        if self.watcher is not None:
            self.watcher(what, record)

    def _place(self, record: Record, by: str, at: int) -> None:
        index = self._indexes.setdefault((record.location_id, by), [])
        if by in record.times:
            del index[bisect_left(index, record.key(by))]
        record.times[by] = at
        insort(index, record.key(by))

    def scan(
        self, by: str, locations: Iterable[str], span: Span, *, descending: bool, after: Key | None = None
    ) -> Iterator[Record]:
        """The records of these locations in order of that time, beginning behind `after`."""
        parts = [self._slice((place, by), span, descending, after) for place in locations]
        for key in parts[0] if len(parts) == 1 else heapq.merge(*parts, reverse=descending):
            yield self._by_sequence[key[1]]

    def _slice(self, name: tuple[str, str], span: Span, descending: bool, after: Key | None) -> Iterator[Key]:
        index = self._indexes.get(name, [])
        first = 0 if span.low is None else bisect_left(index, (span.low, -1))
        last = len(index) if span.high is None else bisect_left(index, (span.high, -1))
        if after is not None and descending:
            last = min(last, bisect_left(index, after))
        elif after is not None:
            first = max(first, bisect_left(index, (after[0], after[1] + 1)))
        places = range(last - 1, first - 1, -1) if descending else range(first, last)
        return (index[place] for place in places)
