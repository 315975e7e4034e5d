"""Somebody with all rights on the database: takes the guard down, changes rows, and puts the guard back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from audit import guard


@contextmanager
def unguarded() -> Iterator[None]:
    with connection.cursor() as cursor:
        guard.remove(connection.vendor, cursor.execute)
        try:
            yield
        finally:
            guard.install(connection.vendor, cursor.execute)


def tamper(statement: str, *values: object) -> None:
    with unguarded(), connection.cursor() as cursor:
        cursor.execute(statement, values)
