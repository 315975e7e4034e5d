"""Rows in memory: by key, by indexed column, in key order and in the order of their last change."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
Row = dict[str, Any]
_KEPT = 4
Key = Any  # a guid or code; a tuple where an endpoint has several key columns


class Table:
    """`stamp` gives the next row version; every insert or change takes one into `Timestamp`."""

    def __init__(
        self, *keys: str, indexed: Iterable[str] = (), stamp: Callable[[], int] | None = None, rows: Iterable[Row] = ()
    ) -> None:
        self.keys = keys
        # Told ("Create", "Update" or "Delete", row).
        self.watcher: Callable[[str, Row], None] | None = None
        self.rows: dict[Key, Row] = {}
        self._order: list[Key] = []
        self._versions: list[tuple[int, Key]] = []
        self._index: dict[str, dict[Any, dict[Key, None]]] = {column: {} for column in indexed}
        self._stamp = stamp
        self._mutations = 0
        self._arranged: dict[tuple[str, str], tuple[int, list[Row]]] = {}
        self._answered: dict[Any, tuple[int, Any]] = {}
        for row in rows:
            self.insert(row)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self.rows.values()))

    def key_of(self, row: Row) -> Key:
        return row[self.keys[0]] if len(self.keys) == 1 else tuple(row[key] for key in self.keys)

    @property
    def indexed(self) -> frozenset[str]:
        return frozenset(self._index) | (frozenset(self.keys) if len(self.keys) == 1 else frozenset())

    def insert(self, row: Row) -> Row:
        if self._stamp is not None:
            row["Timestamp"] = self._stamp()
        key = self.key_of(row)
        self._mutations += 1
        self.rows[key] = row
        if self._order and key < self._order[-1]:
            insort(self._order, key)
        else:
            self._order.append(key)
        self._enter(key, row)
        self._versions.append((row.get("Timestamp", 0), key))
        self._tell("Create", row)
        return row

    def change(self, key: Key, **changes: Any) -> Row:
        row = self.rows[key]
        self._mutations += 1
        self._leave(key, row)
        row.update(changes)
        self._enter(key, row)
        self._version(key, row)
        self._tell("Update", row)
        return row

    def remove(self, key: Key) -> Row:
        self._mutations += 1
        row = self.rows.pop(key)
        self._leave(key, row)
        del self._order[bisect_right(self._order, key) - 1]
        self._tell("Delete", row)
        return row

    def _tell(self, action: str, row: Row) -> None:
        if self.watcher is not None:
            self.watcher(action, row)

    def get(self, key: Key) -> Row | None:
        return self.rows.get(key)

    def find(self, column: str, value: Any) -> list[Row]:
        """The rows with that value, by index where there is one, in the order they were made."""
        return [self.rows[key] for key in self.keys_where(column, value)]

    def first(self, column: str, value: Any) -> Row | None:
        return next(iter(self.find(column, value)), None)

    def keys_where(self, column: str, value: Any) -> list[Key]:
        if (column,) == self.keys:
            return [value] if value in self.rows else []
        if column in self._index:
            return list(self._index[column].get(_bare(value), ()))
        return [key for key, row in self.rows.items() if _bare(row.get(column)) == _bare(value)]

    def in_key_order(self, after: Key = None) -> Iterator[Row]:
        start = 0 if after is None else bisect_right(self._order, after)
        return (self.rows[key] for key in self._order[start:])

    def in_change_order(self, after: int = 0) -> Iterator[Row]:
        """Rows whose version is above `after`, oldest change first."""
        start = bisect_right(self._versions, after, key=lambda entry: entry[0])
        for version, key in self._versions[start:]:
            row = self.rows.get(key)
            if row is not None and row["Timestamp"] == version:
                yield row

    def arranged(self, question: tuple[str, str], make: Callable[[], list[Row]]) -> list[Row]:
        """What `make` gives, kept for the next page of the same question while no row changes."""
        kept = self._arranged.get(question)
        if kept is None or kept[0] != self._mutations:
            while len(self._arranged) >= _KEPT:
                del self._arranged[next(iter(self._arranged))]
            kept = self._arranged[question] = (self._mutations, make())
        return kept[1]

    def answered(self, question: Any, make: Callable[[], T], *, keep: int) -> T:
        """What `make` gives; of the first `keep` questions kept while no row changes."""
        kept = self._answered.get(question)
        if kept is not None and kept[0] == self._mutations:
            return kept[1]  # type: ignore[no-any-return]
        made = make()
        if question in self._answered or len(self._answered) < keep:
            self._answered[question] = (self._mutations, made)
        return made

    def restamp(self) -> None:
        """Give every row a new version, as a moved division does."""
        self._mutations += 1
        self._versions.clear()
        for key, row in self.rows.items():
            self._version(key, row)

    def _version(self, key: Key, row: Row) -> None:
        if self._stamp is not None:
            row["Timestamp"] = self._stamp()
            self._versions.append((row["Timestamp"], key))

    def _enter(self, key: Key, row: Row) -> None:
        for column, values in self._index.items():
            values.setdefault(_bare(row.get(column)), {})[key] = None

    def _leave(self, key: Key, row: Row) -> None:
        for column, values in self._index.items():
            values[_bare(row.get(column))].pop(key, None)


def _bare(value: Any) -> Any:
    """The server's string comparison ignores trailing blanks, not leading ones."""
    return value.rstrip(" ") if isinstance(value, str) else value
