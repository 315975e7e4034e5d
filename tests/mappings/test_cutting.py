"""Cutting a refused entry in two, again and again: exactly the bad records end up alone, and no cent is lost."""

from __future__ import annotations

from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.bookkeeping import clearing


def booked_and_refused(records: list[int], bad: set[int]) -> tuple[list[list[int]], list[int], int]:
    """What a vendor that refuses any entry with a bad record books, whom it leaves alone at the end, and refusals."""
    waiting, booked, alone, refusals = [records], [], [], 0
    while waiting:
        entry = waiting.pop(0)
        if not bad & set(entry):
            booked.append(entry)
            continue
        refusals += 1
        if len(entry) == 1:
            alone += entry
        else:
            waiting += [list(half) for half in clearing.halves(entry)]
    return booked, alone, refusals


@given(st.lists(st.integers(), min_size=1, max_size=400, unique=True), st.data())
def test_cutting_isolates_exactly_the_bad_records(records: list[int], data: st.DataObject) -> None:
    bad = set(data.draw(st.lists(st.sampled_from(records), max_size=5)))

    booked, alone, refusals = booked_and_refused(records, bad)

    assert sorted(alone) == sorted(bad)
    assert sorted(record for entry in booked for record in entry) == sorted(set(records) - bad)
    assert sum(sum(entry) for entry in booked) + sum(alone) == sum(records)
    assert refusals <= len(bad) * (1 + ceil(log2(len(records))))


@given(st.lists(st.integers(), min_size=2, max_size=50))
def test_halves_keep_the_order_and_leave_neither_empty(records: list[int]) -> None:
    left, right = clearing.halves(records)
    assert [*left, *right] == records
    assert left
    assert right


def test_a_single_record_is_not_cut() -> None:
    with pytest.raises(ValueError, match="single"):
        clearing.halves([1])
