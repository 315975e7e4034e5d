"""A DuckDB file in Snowflake's place: takes the archive's own statements, and writes the rows they carry.

It knows the two statements of a run that finds its tables and views made: INSERT, and the totals of an attestation.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import duckdb

from connections.providers.snowflake.answers import Column, Result
from connections.providers.snowflake.statements import Statement, Table
from sync.archive.catalogue import BY_NAME, ENTITIES

KINDS = {
    "VARCHAR": "VARCHAR",
    "NUMBER": "BIGINT",
    "TIMESTAMP_TZ": "TIMESTAMPTZ",
    "BOOLEAN": "BOOLEAN",
    "VARIANT": "JSON",
}


# What DuckDB may keep of the file in memory; it would take four fifths of the machine's.
SETTINGS: dict[str, str | int] = {"memory_limit": "100MB", "threads": 1, "preserve_insertion_order": "false"}


class Warehouse:
    """In the place of a `SnowflakeClient`. A batch that is there already is not written again, as at Snowflake.

    `together`: how many statements are committed at once. Of more than one none is safe before the last: for whoever
    keeps nothing of its own to go on from, and begins anew.
    """

    def __init__(self, file: str, *, together: int = 1) -> None:
        self.together, self.open = together, 0
        self.connection = duckdb.connect(file, config=SETTINGS)
        self.connection.execute("CREATE TABLE IF NOT EXISTS _batches (id VARCHAR PRIMARY KEY, rows BIGINT)")
        for entity in ENTITIES:
            self.connection.execute(f'CREATE TABLE IF NOT EXISTS "{entity.name}" ({_columns(entity.table)})')

    def submit(self, statement: Statement, **_: Any) -> Result:
        known = {"rows.insert": self._insert, "tables.total": self._total}
        return known[statement.operation](statement)

    def _insert(self, statement: Statement) -> Result:
        name = statement.text.split('"', 2)[1]
        flags = BY_NAME[name].table.flags
        form = ", ".join(
            f'"{key}": "{kind}"' for key, kind in (*SENT, *((flag, "BOOLEAN") for flag in flags), DOCUMENT)
        )
        source, region, division, stamp, batch, rows = (bound.value for bound in statement.bindings)
        values = [source, region, int(division or 0), stamp, batch, rows]
        done = self.connection.execute("SELECT rows FROM _batches WHERE id = ?", [batch]).fetchall()
        if not done:
            if not self.open:
                self.connection.begin()
            done = self.connection.execute(
                f'INSERT INTO "{name}" SELECT ?, ?, ?, row.r, row.m::TIMESTAMPTZ, ?, ?, row.h, row.x, '
                f"{''.join(f'row.{flag}, ' for flag in flags)}row.d "
                f"FROM (SELECT unnest(from_json(?, '[{{{form}}}]')) AS row)",
                values,
            ).fetchall()
            self.connection.execute("INSERT INTO _batches VALUES (?, ?)", [batch, done[0][0]])
            self.open += 1
            if self.open == self.together:
                self._commit()
        return _result(("number of rows inserted",), done)

    def _total(self, statement: Statement) -> Result:
        """Each part names its table and the fields it sums. Of this ledger's numbers: two decimals are enough."""
        found = []
        for part in statement.text.split("UNION ALL"):
            name = part.split("'", 2)[1]
            amount = BY_NAME[name].amount
            summed = f"SUM((data->>'{amount}')::DECIMAL(38,10))" if amount else "NULL"
            found += self.connection.execute(
                f"SELECT '{name}', division_id, COUNT(*), {summed}, MAX((data->>'Timestamp')::BIGINT) "
                f'FROM "{name}" GROUP BY division_id'
            ).fetchall()
        return _result(("entity", "division_id", "rows", "amount", "version"), found)

    def _commit(self) -> None:
        self.connection.commit()
        self.open = 0

    def checkpoint(self) -> None:
        """Everything into the file itself, as it is when the file is closed."""
        if self.open:
            self._commit()
        self.connection.execute("CHECKPOINT")

    def lines(self) -> dict[str, Any]:
        """Transaction lines as they stand in the file."""
        [(rows, lines, amount)] = self.connection.execute(
            "SELECT COUNT(*), COUNT(DISTINCT record_id), SUM((data->>'AmountDC')::DECIMAL(38,2)) FROM transaction_lines"
        ).fetchall()
        return {"rows": rows, "lines": lines, "amount": str(amount)}


# The form of the rows of an INSERT.
SENT = (("r", "VARCHAR"), ("m", "VARCHAR"), ("h", "VARCHAR"), ("x", "BOOLEAN"))
DOCUMENT = ("d", "JSON")


def _columns(table: Table) -> str:
    return ", ".join(
        f'"{column.name}" {KINDS[column.type.partition("(")[0]]}{" NOT NULL" if column.required else ""}'
        for column in table.columns
    )


def _result(names: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> Result:
    found = tuple(tuple(None if value is None else str(value) for value in row) for row in rows)
    return Result(str(uuid.uuid4()), tuple(Column(name, "text") for name in names), found, 1, len(found))
