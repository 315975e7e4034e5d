"""The archive's SQL: append-only tables with quoted small names, the INSERT, and the views that read them back.

Pure functions; nothing a record says ever becomes SQL. Rows travel as one bound JSON array, split on the server, so
that the text of an INSERT is the same for one row and for thousands.
Reference: snowflake.md sections 0, 1.6, 1.8 and 3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

# A request above 1 MB runs, but is cut in Snowflake's history, and then `retry=true` may not find it.
RETRY_SAFE_BYTES = 1_000_000
# VARIANT holds 16 MB on accounts of 2024; well under it there is room for the envelope and its escapes.
LARGEST_DOCUMENT = 8_000_000
MOMENT = """'YYYY-MM-DD"T"HH24:MI:SS.FF6TZH:TZM'"""
# What gets a sign more when JSON is written as a text: its other signs below the blank cannot stand in it.
ESCAPED = '"\\\n\r\t'
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class Bound:
    """The value of one `?`: always a text, whatever its type."""

    type: str
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """`operation` is the word for the request ledger: short, stable, without names of records."""

    text: str
    operation: str
    bindings: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    required: bool = True


# What a table holds of each record besides the flags of its kind. NUMBER and VARCHAR as DESCRIBE prints them.
COLUMNS = (
    Column("source_system", "VARCHAR(20)"),
    Column("region", "VARCHAR(10)"),
    Column("division_id", "NUMBER(38,0)"),
    Column("record_id", "VARCHAR(100)"),
    Column("modified_at", "TIMESTAMP_TZ(6)", required=False),
    Column("synced_at", "TIMESTAMP_TZ(6)"),
    Column("batch_id", "VARCHAR(36)"),
    Column("payload_digest", "VARCHAR(64)"),
    Column("is_deleted", "BOOLEAN"),
    Column("data", "VARIANT", required=False),
)
RECORD = ("source_system", "region", "division_id", "record_id")
# The later of two versions; the batch decides between rows of one moment, so that every reader decides alike.
LATEST_FIRST = '"synced_at" DESC, "modified_at" DESC NULLS LAST, "batch_id" DESC'
EARLIEST_FIRST = '"synced_at", "modified_at" NULLS FIRST, "batch_id"'


@dataclass(frozen=True, slots=True)
class Table:
    """One entity. `flags` are columns of true or false, such as is_supplier. Raises `ValueError` for a name that
    could be anything but a plain small one.
    """

    name: str
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *self.flags):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a table or column of the archive")

    @property
    def columns(self) -> tuple[Column, ...]:
        return (*COLUMNS[:-1], *(Column(flag, "BOOLEAN", required=False) for flag in self.flags), COLUMNS[-1])


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all rows of one statement share. `batch_id` is the id of its request."""

    source_system: str
    region: str
    division_id: int
    synced_at: datetime
    batch_id: str


class Unstorable(ValueError):
    """A record that Snowflake cannot hold. The sentence says why, and nothing of its content."""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text inside SQL, for SHOW, which takes no bindings."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def moment(value: datetime) -> str:
    """As `MOMENT` reads it, always in UTC. Raises `ValueError` for a time without a zone."""
    if value.tzinfo is None:
        raise ValueError("a time without a zone is no moment")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


# -- tables


def create(table: Table) -> Statement:
    """Succeeds in silence when a table of another shape is there: `differences` tells."""
    columns = ",\n    ".join(
        f"{quoted(column.name)} {column.type}{' NOT NULL' if column.required else ''}" for column in table.columns
    )
    return Statement(f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} (\n    {columns}\n)", "tables.create")


def describe(table: Table) -> Statement:
    return Statement(f"DESCRIBE TABLE {quoted(table.name)}", "tables.describe")


def differences(table: Table, described: Iterable[Mapping[str, str | None]]) -> list[str]:
    """What of the table in Snowflake is not as `create` makes it, one phrase each. Columns of others do no harm unless
    they must be filled.
    """
    there = {str(row["name"]): row for row in described}
    wanted = {column.name: column for column in table.columns}
    found = [f"{name} is missing" for name in wanted if name not in there]
    for name, row in there.items():
        kind, must = str(row["type"]), str(row["null?"]).upper().startswith("N")
        if name not in wanted:
            found += [f"{name} must be filled and is not known here"] if must else []
        elif kind != wanted[name].type:
            found.append(f"{name} is {kind} instead of {wanted[name].type}")
        elif must and not wanted[name].required:
            found.append(f"{name} may not be empty")
    return found


# -- rows


def envelope(
    record_id: str,
    document: str | None,
    *,
    digest: str,
    modified_at: datetime | None = None,
    is_deleted: bool = False,
    flags: Mapping[str, bool] | None = None,
) -> str:
    """One row of the bound array. `document` is the record as JSON text, passed through digit for digit; None for a
    deleted one. Raises `Unstorable`.
    """
    modified = f'"{moment(modified_at)}"' if modified_at else "null"
    said = "".join(f',"{name}":{"true" if value else "false"}' for name, value in (flags or {}).items())
    deleted = "true" if is_deleted else "false"
    head = f'{{"r":{_text(record_id)},"m":{modified},"h":"{digest}","x":{deleted}{said}'
    text = f'{head},"d":{document}}}' if document is not None else f"{head}}}"
    try:
        size = _bytes(text)
    except UnicodeEncodeError:
        raise Unstorable("It holds half a character (a lone surrogate), which no text in UTF-8 can.") from None
    if size > LARGEST_DOCUMENT:
        raise Unstorable(f"It is {size / 1_000_000:.0f} MB large; {LARGEST_DOCUMENT // 1_000_000} MB can be archived.")
    return text


_text = json.JSONEncoder(
    ensure_ascii=False
).encode  # made once: with other than the usual choices `dumps` makes one a call


def weight(row: str) -> int:
    """Bytes the row takes in the body of a request, where its text is written as a text once more."""
    return _bytes(row) + sum(map(row.count, ESCAPED)) + 1


def _bytes(text: str) -> int:
    """How many the text takes as UTF-8. Nearly every row is ASCII, and Python knows that of a text without a look."""
    return len(text) if text.isascii() else len(text.encode())


def insert(table: Table, stamp: Stamp, rows: Sequence[str]) -> Statement:
    """Rows made by `envelope`. The statement reports how many it inserted."""
    names = ", ".join(quoted(column.name) for column in table.columns)
    flags = "".join(f"f.value:{flag}::BOOLEAN, " for flag in table.flags)
    text = (
        f"INSERT INTO {quoted(table.name)} ({names})\n"
        f"SELECT ?, ?, ?, f.value:r::VARCHAR, TO_TIMESTAMP_TZ(f.value:m::VARCHAR, {MOMENT}),\n"
        f"    TO_TIMESTAMP_TZ(?, {MOMENT}), ?, f.value:h::VARCHAR, f.value:x::BOOLEAN, {flags}f.value:d\n"
        "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) f"
    )
    bound = (
        Bound("TEXT", stamp.source_system),
        Bound("TEXT", stamp.region),
        Bound("FIXED", str(stamp.division_id)),
        Bound("TEXT", moment(stamp.synced_at)),
        Bound("TEXT", stamp.batch_id),
        Bound("TEXT", f"[{','.join(rows)}]"),
    )
    return Statement(text, "rows.insert", bound)


def count_of_batch(table: Table, batch_id: str) -> Statement:
    """How many rows a batch left, for when its answer was lost long ago."""
    text = f'SELECT COUNT(*) FROM {quoted(table.name)} WHERE "batch_id" = ?'  # noqa: S608
    return Statement(text, "rows.count", (Bound("TEXT", batch_id),))


@dataclass(frozen=True, slots=True)
class Total:
    """A table to be counted; `amount` is the field of its documents that is summed, or nothing."""

    table: Table
    amount: str = ""


def totals(asked: Sequence[Total], source_system: str, region: str) -> Statement:
    """Per table and division: rows, the sum of amounts with ten decimals, the highest row version.

    What is no number, or larger than the sum can hold, counts as nothing. Raises `ValueError` for a strange field.
    """
    bound = (Bound("TEXT", source_system), Bound("TEXT", region)) * len(asked)
    return Statement("\nUNION ALL\n".join(map(_total, asked)), "tables.total", bound)


def _total(asked: Total) -> str:
    if asked.amount and not _FIELD.fullmatch(asked.amount):
        raise ValueError(f"{asked.amount!r} is no field of a document")
    number = 'TRY_CAST("data":{}::VARCHAR AS NUMBER(38,{}))'
    amount = f"SUM({number.format(asked.amount, 10)})" if asked.amount else "CAST(NULL AS NUMBER(38,10))"
    return (
        f'SELECT {literal(asked.table.name)} AS "entity", "division_id", COUNT(*) AS "rows", {amount} AS "amount", '
        f'MAX({number.format("Timestamp", 0)}) AS "version"\n'
        f'FROM {quoted(asked.table.name)} WHERE "source_system" = ? AND "region" = ? GROUP BY "division_id"'
    )


# -- views


def views(table: Table) -> tuple[Statement, ...]:
    """All of them, in an order in which each finds what it reads."""
    return latest(table), history(table), deleted(table), alias(table)


def latest(table: Table) -> Statement:
    """Each record as it was last archived; deleted ones are left out."""
    return _view(f"{table.name}_latest", f'SELECT {_names(table)}\nFROM (\n{_newest(table)}\n)\nWHERE NOT "is_deleted"')


def deleted(table: Table) -> Statement:
    """Records whose last version says that they were deleted, and when that was seen."""
    names = ", ".join(quoted(name) for name in (*RECORD, "synced_at", "batch_id"))
    return _view(f"{table.name}_deleted", f'SELECT {names}\nFROM (\n{_newest(table)}\n)\nWHERE "is_deleted"')


def history(table: Table) -> Statement:
    """Every version, with the moments from which and before which it was the latest. "valid_until" is empty for what
    still counts. A condition on both gives the state of any instant.
    """
    text = (
        f'SELECT {_names(table)}, "synced_at" AS "valid_from",\n'
        f'    LEAD("synced_at") OVER (PARTITION BY {_record()} ORDER BY {EARLIEST_FIRST}) AS "valid_until"\n'
        f"FROM {quoted(table.name)}"
    )
    return _view(f"{table.name}_history", text)


def alias(table: Table) -> Statement:
    """The latest versions under names that need no quotes: PURCHASE_INVOICES, RECORD_ID."""
    names = ", ".join(f"{quoted(column.name)} AS {quoted(column.name.upper())}" for column in table.columns)
    return _view(table.name.upper(), f"SELECT {names}\nFROM {quoted(f'{table.name}_latest')}")


def as_of(table: Table, at: datetime) -> Statement:
    """The records as the archive knew them at that instant."""
    text = (
        f"SELECT {_names(table)}\nFROM {quoted(f'{table.name}_history')}\n"
        f'WHERE "valid_from" <= TO_TIMESTAMP_TZ(?, {MOMENT})\n'
        f'    AND ("valid_until" IS NULL OR "valid_until" > TO_TIMESTAMP_TZ(?, {MOMENT}))\n'
        '    AND NOT "is_deleted"'
    )
    return Statement(text, "rows.as_of", (Bound("TEXT", moment(at)), Bound("TEXT", moment(at))))


def _view(name: str, query: str) -> Statement:
    """Replacing a view keeps what was granted on it."""
    return Statement(f"CREATE OR REPLACE VIEW {quoted(name)} COPY GRANTS AS\n{query}", "views.create")


def _newest(table: Table) -> str:
    return (
        f"    SELECT *\n    FROM {quoted(table.name)}\n"  # noqa: S608
        f"    QUALIFY ROW_NUMBER() OVER (PARTITION BY {_record()} ORDER BY {LATEST_FIRST}) = 1"
    )


def _names(table: Table) -> str:
    return ", ".join(quoted(column.name) for column in table.columns)


def _record() -> str:
    return ", ".join(quoted(name) for name in RECORD)


# -- looking around; none of these wakes a warehouse


def context() -> Statement:
    """What of the connection's role, warehouse, database and schema this user really gets; empty is missing.

    Capitals, since an account may make capitals of small quoted names.
    """
    asked = ", ".join(f"CURRENT_{name}() AS {quoted(name)}" for name in ("ROLE", "WAREHOUSE", "DATABASE", "SCHEMA"))
    return Statement(f"SELECT {asked}", "account.context")


def show_warehouses(name: str) -> Statement:
    """LIKE ignores case and takes `_` for any sign, so that more than the one may come."""
    return Statement(f"SHOW WAREHOUSES LIKE {literal(name)}", "warehouses.list")


def show_grants(role: str) -> Statement:
    return Statement(f"SHOW GRANTS TO ROLE {quoted(role)}", "grants.list")


def show_quoting() -> Statement:
    return Statement("SHOW PARAMETERS LIKE 'QUOTED_IDENTIFIERS_IGNORE_CASE'", "parameters.list")
