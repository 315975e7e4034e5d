"""INFORMATION_SCHEMA: the views the sandbox has of it, as far as a role may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connections.sandbox.snowflake.relations import Relation
from connections.sandbox.snowflake.session import Session

Shape = Sequence[tuple[str, str]]
View = Callable[[Session, str], tuple[Shape, list[list[object]]]]
_TABLES = (
    ("TABLE_CATALOG", "VARCHAR"), ("TABLE_SCHEMA", "VARCHAR"), ("TABLE_NAME", "VARCHAR"), ("TABLE_OWNER", "VARCHAR"),
    ("TABLE_TYPE", "VARCHAR"), ("CREATED", "TIMESTAMPTZ"),
)  # fmt: skip
_COLUMNS = (
    ("TABLE_CATALOG", "VARCHAR"), ("TABLE_SCHEMA", "VARCHAR"), ("TABLE_NAME", "VARCHAR"), ("COLUMN_NAME", "VARCHAR"),
    ("ORDINAL_POSITION", "DECIMAL(9,0)"), ("IS_NULLABLE", "VARCHAR"), ("DATA_TYPE", "VARCHAR"),
    ("CHARACTER_MAXIMUM_LENGTH", "DECIMAL(9,0)"), ("NUMERIC_PRECISION", "DECIMAL(9,0)"),
    ("NUMERIC_SCALE", "DECIMAL(9,0)"), ("DATETIME_PRECISION", "DECIMAL(9,0)"),
)  # fmt: skip


def seen(session: Session, database: str) -> list[Relation]:
    found = session.account.relations.values()
    return [row for row in found if row.path[0] == database and session.find(row.path)]


def _tables(session: Session, database: str) -> tuple[Shape, list[list[object]]]:
    rows: list[list[object]] = [
        [*row.path, row.owner, "VIEW" if row.is_view else "BASE TABLE", row.created_at.isoformat()]
        for row in seen(session, database)
    ]
    return _TABLES, rows


def _columns(session: Session, database: str) -> tuple[Shape, list[list[object]]]:
    rows: list[list[object]] = []
    for row in seen(session, database):
        for place, column in enumerate(row.columns, 1):
            kind = column.type
            is_number, is_time = kind.kind == "FIXED", kind.kind.startswith("TIME")
            rows.append(
                [*row.path, column.name, place, "YES" if column.nullable else "NO", kind.named, kind.length or None,
                 kind.precision if is_number else None, kind.scale if is_number else None,
                 kind.scale if is_time else None]
            )  # fmt: skip
    return _COLUMNS, rows


VIEWS: dict[str, View] = {"TABLES": _tables, "COLUMNS": _columns}
