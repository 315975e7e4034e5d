"""What a statement came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from connections.sandbox.snowflake.relations import LONGEST_TEXT, Column, Type

TEXT = Type("TEXT", length=LONGEST_TEXT)
COUNT = Type("FIXED", precision=19)


@dataclass(frozen=True)
class Outcome:
    columns: list[Column]
    rows: list[list[str | None]]
    stats: dict[str, int] = field(default_factory=dict)
    # Rows changed, for the log of statements.
    changed: int = 0


def done(sentence: str) -> Outcome:
    return Outcome([Column("status", TEXT)], [[sentence]])


def counted(verb: str, rows: int) -> Outcome:
    """`verb` as in "number of rows inserted"."""
    stats = {"numRowsInserted": 0, "numRowsUpdated": 0, "numRowsDeleted": 0, f"numRows{verb.capitalize()}": rows}
    return Outcome([Column(f"number of rows {verb}", COUNT)], [[str(rows)]], stats, changed=rows)


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Outcome:
    texts = [[None if value is None else str(value) for value in row] for row in rows]
    return Outcome([Column(name, TEXT) for name in names], texts)
