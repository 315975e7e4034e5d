"""A process that wants a token is killed before each line of the refresh: what the next one finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection as database

from config.prove.lines import BEFORE, OVER, Lines, Point
from connections import credentials
from connections.credentials import LOST, NeedsConsent, StoredTokens
from connections.models import Connection
from connections.sandbox.faults import Fault
from tests.connections.vendors import TOKEN_PATH, Vendors

pytestmark = pytest.mark.django_db(transaction=True)
ALL_OF_A_REFRESH = 100


class Killed(BaseException):
    """The process is gone: nothing of it reaches the database or the wire any more."""


@contextmanager
def killed_at(point: Point | None) -> Iterator[Lines]:
    is_dead = False

    def strike(_: Lines) -> None:
        nonlocal is_dead
        is_dead = True
        raise Killed

    def statement(execute: Any, *arguments: Any) -> Any:
        if is_dead:
            raise Killed
        return execute(*arguments)

    lines = Lines(point, strike)
    with database.execute_wrapper(statement):
        try:
            with lines:
                yield lines
        except Killed:
            assert is_dead
            _roll_back()


def _roll_back() -> None:
    """What the database does with the transaction of a process that is gone, also of one that died leaving it."""
    if database.in_atomic_block:
        database.in_atomic_block = database.needs_rollback = False
        database.savepoint_ids.clear()
        database.atomic_blocks.clear()
        database.rollback()
        database.set_autocommit(True)


def lines_of_a_refresh(vendors: Vendors, row: Connection, fault: str | None = None) -> list[Point]:
    vendors.give(row)
    vendors.time.advance(580)
    arm(vendors, fault)
    with killed_at(None) as lines:
        StoredTokens(row.pk).current()
    return lines.passed


def outcome_of(row: Connection) -> tuple[str, str]:
    """The token that the next one gets, or why there is none."""
    try:
        return StoredTokens(row.pk).current(), ""
    except NeedsConsent as refusal:
        return "", str(refusal)


def arm(vendors: Vendors, fault: str | None) -> None:
    vendors.sandbox.faults.clear()
    if fault:
        vendors.sandbox.faults.add(Fault(fault, system="exact", path=TOKEN_PATH))


@pytest.mark.parametrize("fault", [None, "503"])
def test_whoever_dies_at_any_line_leaves_a_live_chain_or_says_at_once_that_it_is_lost(
    vendors: Vendors, fault: str | None
) -> None:
    row = vendors.exact()
    points = lines_of_a_refresh(vendors, row, fault)
    assert len(points) > ALL_OF_A_REFRESH
    lost = 0
    for point in points:
        vendors.give(row)
        vendors.time.advance(580)
        sent = vendors.token_calls()
        arm(vendors, fault)
        with killed_at(point) as lines:
            StoredTokens(row.pk).current()
        vendors.sandbox.faults.clear()
        vendors.time.advance(credentials.LEASE + 1)

        token, refusal = outcome_of(row)
        if refusal:
            assert lines.phase not in {BEFORE, OVER}, f"the chain broke by our fault: {point}"
            assert (refusal, Connection.objects.get().status) == (LOST, "needs_consent"), point
            assert vendors.token_calls() <= sent + 1, f"a refresh token was sent again: {point}"
            lost += 1
        else:
            given = vendors.site.oauth.access[token]
            assert given.chain.alive, f"an old refresh token was sent again: {point}"
            assert given.expires_at > vendors.time.now(), point
    assert 0 < lost < len(points)
