"""Work cut into portions of bounded weight, so that what a run holds in memory does not grow with the month."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def portions(rows: Iterable[T], *, weight: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """The rows in order, each portion weighing at most `most`; a row that weighs more comes alone."""
    portion: list[T] = []
    held = 0
    for row in rows:
        heavy = weight(row)
        if portion and held + heavy > most:
            yield portion
            portion, held = [], 0
        portion.append(row)
        held += heavy
    if portion:
        yield portion
