"""The tables themselves: a DuckDB of the account's own, with its errors said in Snowflake's words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from connections.sandbox.snowflake.errors import Failed, invalid_identifier, null_in, unsupported
from connections.sandbox.snowflake.identifiers import inner, outer, quoted
from connections.sandbox.snowflake.relations import Column, engine_schema, from_engine
from connections.sandbox.snowflake.session import INFORMATION_SCHEMA
from connections.sandbox.snowflake.values import encoded, fetched

if TYPE_CHECKING:
    from connections.sandbox.snowflake.session import Session

# A document's elements or members, one row each, as FLATTEN gives them; PATH and THIS are not kept.
_FLATTENED = """
CREATE MACRO FLATTENED(document) AS TABLE
SELECT 1 AS "SEQ", unnest(names) AS "KEY", CAST(NULL AS VARCHAR) AS "PATH", unnest(range(len(parts))) AS "INDEX",
       unnest(parts) AS "VALUE"
FROM (
    SELECT CASE json_type(whole) WHEN 'ARRAY' THEN json_extract(whole, '$[*]')
                                 WHEN 'OBJECT' THEN json_extract(whole, '$.*') ELSE [] END AS parts,
           CASE json_type(whole) WHEN 'OBJECT' THEN json_keys(whole) END AS names
    FROM (SELECT document AS whole)
)
"""
_VARIANT_TEXT = "CREATE MACRO VARIANT_TEXT(document) AS replace(json_extract_string(document, '$'), chr(57344), '')"
_COLUMN = re.compile(r'[Cc]olumn "([^"]+)"')
_FUNCTION = re.compile(r"Function with name (\S+) does not exist")
Values = Mapping[str, Any]


class Engine:
    def __init__(self, file: Path | None = None) -> None:
        """`file`: where large tables go; without one they are in memory."""
        self._duck = duckdb.connect(str(file or ":memory:"), config={"threads": 2, "memory_limit": "1GB"})
        for line in (_FLATTENED, _VARIANT_TEXT, "SET TimeZone='UTC'", "SET enable_external_access=false"):
            self._duck.execute(line)

    def close(self) -> None:
        self._duck.close()

    def add_schema(self, database: str, schema: str) -> None:
        self._duck.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(engine_schema(database, schema))}")

    def run(self, sql: str, values: Values | None = None) -> int:
        """Carry out a change; how many rows it touched. Raises `Failed`."""
        try:
            row = self._duck.execute(sql, values or None).fetchone()
        except duckdb.Error as wrong:
            raise _said(wrong) from None
        return int(row[0]) if row and isinstance(row[0], int) else 0

    def describe(self, sql: str, values: Values | None = None) -> list[Column]:
        """Columns of a query. Raises `Failed`."""
        try:
            rows = self._duck.execute(f"DESCRIBE {sql}", values or None).fetchall()
        except duckdb.Error as wrong:
            raise _said(wrong) from None
        return [Column(outer(str(name)), from_engine(str(kind))) for name, kind, *_ in rows]

    def query(self, sql: str, values: Values | None = None) -> tuple[list[Column], list[list[str | None]]]:
        """Columns and rows, each value as the SQL API writes it. Raises `Failed`."""
        columns = self.describe(sql, values)
        names = [f"c{place}" for place in range(len(columns))]
        shown = ", ".join(fetched(name, column.type) for name, column in zip(names, columns, strict=True))
        try:
            rows = self._duck.execute(
                f"SELECT {shown} FROM ({sql}) AS q({', '.join(names)})",  # noqa: S608 - made by ourselves
                values or None,
            ).fetchall()
        except duckdb.Error as wrong:
            raise _said(wrong) from None
        kinds = [column.type for column in columns]
        return columns, [[encoded(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows]

    def show_schema(self, session: Session, database: str, name: str) -> bool:
        """Fill a view of INFORMATION_SCHEMA with what the role may see; False where there is no such view."""
        from connections.sandbox.snowflake.information import VIEWS

        if name not in VIEWS:
            return False
        columns, rows = VIEWS[name](session, database)
        where = f"{quoted(engine_schema(database, INFORMATION_SCHEMA))}.{quoted(inner(name))}"
        self.add_schema(database, INFORMATION_SCHEMA)
        declared = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns)
        self._duck.execute(f"CREATE OR REPLACE TABLE {where} ({declared})")
        if rows:
            self._insert(where, len(columns), rows)
        return True

    def _insert(self, where: str, width: int, rows: Sequence[Sequence[object]]) -> None:
        marks = ", ".join("?" * width)
        self._duck.executemany(f"INSERT INTO {where} VALUES ({marks})", rows)  # noqa: S608


def _said(wrong: duckdb.Error) -> Failed:
    """What the engine did not like, as Snowflake would have put it; the engine's own words go to the log."""
    text = str(wrong)
    reason = text.splitlines()[0]
    column, function = _COLUMN.search(text), _FUNCTION.search(text)
    if isinstance(wrong, duckdb.BinderException) and column:
        return invalid_identifier(outer(column[1]))
    if function:
        return Failed("002140", "42601", f"SQL compilation error:\nUnknown function {function[1].upper()}")
    if isinstance(wrong, duckdb.ConstraintException):
        return _constraint(reason)
    if isinstance(wrong, duckdb.ConversionException | duckdb.InvalidInputException):
        return _conversion(text, reason)
    if isinstance(wrong, duckdb.ParserException):
        return unsupported(f"this statement ({reason[:120]})")
    return Failed("002000", "42601", f"SQL compilation error:\n{reason[:200]}", reason=reason)


def _constraint(reason: str) -> Failed:
    if "NOT NULL" not in reason:
        return Failed("100078", "22000", "String is too long and would be truncated", reason=reason)
    name = outer(reason.rpartition(".")[2])
    return null_in(name)


def _conversion(text: str, reason: str) -> Failed:
    if "JSON" in text:
        return Failed("100069", "22P02", "Error parsing JSON: unknown keyword", reason=reason)
    given = re.search(r'"([^"]*)"', reason)
    code, what = ("100035", "Timestamp") if "timestamp" in text else ("100038", "Numeric value")
    return Failed(code, "22018", f"{what} '{given[1][:60] if given else ''}' is not recognized", reason=reason)
