"""Many new rows of one model in few statements, past the ORM's compiler."""

from __future__ import annotations

from collections.abc import Sequence
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
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    if any(type(row) is not model or not row._state.adding for row in rows):
        raise ValueError("rows to insert are new and of one model")
    names = [model._meta.db_table, model._meta.pk.column, *(field.column for field in fields)]
    table, key, *columns = map(connection.ops.quote_name, names)
    into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608 - our own names
    places = f"({', '.join(['%s'] * len(fields))})"
    size = (connection.features.max_query_params or MOST_PARAMETERS) // len(fields)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            _name_related(part, fields)
            prepared = [
                field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in part for field in fields
            ]
            cursor.execute(f"{into}{', '.join([places] * len(part))} RETURNING {key}", prepared)
            for row, (number,) in zip(part, cursor.fetchall(), strict=True):
                row.pk = number
                row._state.adding, row._state.db = False, connection.alias


def _name_related(rows: Sequence[models.Model], fields: Sequence[models.Field[Any, Any]]) -> None:
    """A row that was stored after it was named as another's relation has its id only now."""
    for field in fields:
        if isinstance(field, models.ForeignKey):
            for row in rows:
                if getattr(row, field.attname) is None and field.is_cached(row) and (named := getattr(row, field.name)):
                    setattr(row, field.attname, named.pk)
