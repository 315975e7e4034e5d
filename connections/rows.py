"""New rows in few statements, past the ORM's compiler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models, transaction

# PostgreSQL takes 65,535 in one statement.
MOST_PARAMETERS = 30_000


def insert(rows: Sequence[models.Model]) -> None:
    """Store new rows of one model as `bulk_create` does, and give them their ids.

    The fields prepare their values as ever. What the compiler does beside that, for expressions as values, conflicts
    and defaults of the database, none of our rows needs: it took two thirds of the time of every insert.
    Raises `ValueError` for rows of several models or rows that are stored, and what the database raises.
    """
    if not rows:
        return
    model, connection = type(rows[0]), transaction.get_connection()
    if any(type(row) is not model or not row._state.adding for row in rows):
        raise ValueError("rows to insert are new and of one model")
    fields, into, places = _statement(model)
    key = connection.ops.quote_name(model._meta.pk.column)
    size = (connection.features.max_query_params or MOST_PARAMETERS) // len(fields)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            _name_related(part, fields)
            prepared = [value for row in part for value in _prepared(row, fields)]
            cursor.execute(f"{into}{', '.join([places] * len(part))} RETURNING {key}", prepared)
            for row, (number,) in zip(part, cursor.fetchall(), strict=True):
                row.pk = number
                row._state.adding, row._state.db = False, connection.alias


def insert_unless_there(row: models.Model) -> bool:
    """Store one row unless a row that must be unique stands in its way. Returns whether it was stored; it gets no id.

    One statement, and outside of a transaction nothing besides: no begin, no savepoint, no commit of its own.
    """
    fields, into, places = _statement(type(row))
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(f"{into}{places} ON CONFLICT DO NOTHING", list(_prepared(row, fields)))
        return bool(cursor.rowcount == 1)


def _statement(model: type[models.Model]) -> tuple[list[models.Field[Any, Any]], str, str]:
    """The fields to write, the beginning of the statement, and the places of one row."""
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    quote = transaction.get_connection().ops.quote_name
    table, columns = quote(model._meta.db_table), ", ".join(quote(field.column) for field in fields)
    into = f"INSERT INTO {table} ({columns}) VALUES "  # noqa: S608 - our own names
    return fields, into, f"({', '.join(['%s'] * len(fields))})"


def _prepared(row: models.Model, fields: Sequence[models.Field[Any, Any]]) -> Iterator[Any]:
    connection = transaction.get_connection()
    return (field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields)


def _name_related(rows: Sequence[models.Model], fields: Sequence[models.Field[Any, Any]]) -> None:
    """A row that was stored after it was named as another's relation has its id only now."""
    for field in fields:
        if isinstance(field, models.ForeignKey):
            for row in rows:
                if getattr(row, field.attname) is None and field.is_cached(row) and (named := getattr(row, field.name)):
                    setattr(row, field.attname, named.pk)
