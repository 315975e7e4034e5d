from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections

from audit import seals
from audit.models import AuditEntry, AuditSeal, SealedSpan
from audit.verifier import BEGINNING
from tests.audit.telling import ids, sealed, tell
from tests.pages import NOW


def covered() -> list[int]:
    return sorted(
        key
        for first, last in SealedSpan.objects.values_list("first", "last")
        for key in range(first, last + 1)
    )  # fmt: skip


def test_a_seal_covers_what_came_since_the_one_before_and_is_chained_to_it(db: None) -> None:
    sealed(3, 2)
    second, first = AuditSeal.objects.all()
    assert (first.number, first.count, second.number, second.count) == (1, 3, 2, 2)
    assert len({first.head, second.head, BEGINNING}) == 3
    assert covered() == ids()
    assert seals.head().sealed == 5


def test_a_quiet_minute_makes_no_seal(db: None) -> None:
    sealed(2)
    assert seals.seal(now=NOW) == 0
    assert AuditSeal.objects.count() == 1


def test_a_trail_that_was_never_sealed_has_a_head_all_the_same(db: None) -> None:
    assert (seals.head().number, seals.head().head) == (0, "0" * 64)
    assert seals.unsealed().count == 0


def test_what_waits_to_be_sealed_is_counted_with_its_age(db: None) -> None:
    sealed(2)
    tell(3, start=2, minutes=5)
    left = seals.unsealed()
    assert (left.count, left.oldest) == (3, NOW + timedelta(minutes=5, microseconds=2))


def test_many_entries_become_several_seals_in_one_go(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST", 4)
    tell(10)
    assert seals.seal(now=NOW) == 10
    assert list(AuditSeal.objects.order_by("number").values_list("count", flat=True)) == [4, 4, 2]
    assert covered() == ids()


def commit(*keys: int) -> None:
    """Entries that took these ids, whenever that was, and commit now."""
    at = NOW.isoformat()
    for key in keys:
        AuditEntry.objects.create(id=key, at=at, actor="a", trigger="t", verb="v", subject_type="s", digest="0" * 64)


def test_an_entry_that_commits_late_is_covered_by_a_later_seal_once(db: None) -> None:
    """As on PostgreSQL, where a transaction may commit after others that took higher ids."""
    commit(101, 102, 105)
    assert seals.seal(now=NOW) == 3
    commit(104, 106)
    assert seals.unsealed().count == 2
    assert seals.seal(now=NOW) == 2
    assert seals.seal(now=NOW, everywhere=True) == 0
    assert seals.spans_by_seal(1, 2) == {1: [(101, 102), (105, 105)], 2: [(104, 104), (106, 106)]}


def test_what_commits_very_late_is_found_at_night(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "RECENT_SEALS", 2)
    for key in (101, 103, 104, 105, 106):
        commit(key)
        seals.seal(now=NOW)
    commit(99, 102)
    assert seals.seal(now=NOW) == 0
    assert seals.seal(now=NOW, everywhere=True) == 2
    assert covered() == ids()


@pytest.mark.django_db(transaction=True)
def test_sealers_and_writers_at_once_cover_everything_once() -> None:
    """No ids are lost and none is covered twice, whoever comes first."""
    failed: list[Exception] = []
    done = threading.Event()

    def repeat(act: object, times: int) -> None:
        try:
            for number in range(times):
                act(number)  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 - told by the test
            failed.append(error)
        finally:
            connections.close_all()

    def seal_on(_: int) -> None:
        while not done.is_set():
            seals.seal(now=NOW)

    writers = [threading.Thread(target=repeat, args=(lambda n: tell(3, start=n), 12)) for _ in range(3)]
    sealers = [threading.Thread(target=repeat, args=(seal_on, 1)) for _ in range(2)]
    for thread in (*sealers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    seals.seal(now=NOW, everywhere=True)

    assert failed == []
    assert covered() == ids()
    assert len(ids()) == 108
    assert list(AuditSeal.objects.order_by("number").values_list("number", flat=True)) == list(
        range(1, AuditSeal.objects.count() + 1)
    )


def test_sealing_takes_few_statements_however_long_the_trail(db: None, django_assert_max_num_queries: object) -> None:
    sealed(*[2] * 12)
    tell(200, start=24)
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        seals.seal(now=NOW)
