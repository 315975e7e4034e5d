"""What a fact becomes when it is written down: the same text and the same digest for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import context, trail
from audit.models import AuditEntry
from audit.redaction import redacted, redacted_text
from audit.trail import Fact

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 5, 12, 30, 1, 250, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
# No fact holds a float: PostgreSQL would write 1e20 as a whole number, and read another digest back.
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), texts,
    st.just(Colour.RED), st.decimals(allow_nan=False, allow_infinity=False, places=2), st.dates(), st.timedeltas(),
    st.datetimes(timezones=st.just(UTC)), st.uuids(),
)  # fmt: skip
details = st.dictionaries(
    texts, st.recursive(plain, lambda held: st.lists(held, max_size=3) | st.dictionaries(texts, held, max_size=3)),
    max_size=4,
)  # fmt: skip


def recorded(facts: Iterable[Fact]) -> list[AuditEntry]:
    last = AuditEntry.objects.order_by("id").values_list("id", flat=True).last() or 0
    with transaction.atomic():
        trail.record(facts, at=AT)
    return list(AuditEntry.objects.filter(pk__gt=last).order_by("id"))


def as_first_defined(fact: Fact, acting: context.Acting) -> tuple[Any, str]:
    """The detail and the digest of a fact, step by step as the trail first defined them."""
    detail = json.loads(json.dumps(redacted(dict(fact.detail)), cls=DjangoJSONEncoder))
    told = [AT.isoformat(), acting.actor, acting.trigger, fact.verb, fact.subject_type, fact.subject_id]
    where = [redacted_text(fact.subject)[:200], fact.source[:200], fact.division]
    where += [acting.lane_id, acting.run_id, acting.request_id]
    canonical = json.dumps([*told, *where, detail], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return detail, hashlib.sha256(canonical.encode()).hexdigest()


@settings(deadline=None, max_examples=50)
@given(detail=details, subject=texts, source=texts, number=st.none() | st.integers(0, 10**9))
def test_text_and_digest_of_a_fact_are_what_they_were_from_the_first(
    detail: dict[str, Any], subject: str, source: str, number: int | None
) -> None:
    fact = Fact("leg.posted", "leg", number, subject, source, number, detail)
    with context.acting(actor="eve", trigger="person", lane_id=3, run_id=number):
        acting = context.current()
        (entry,) = recorded([fact])
    assert (entry.detail, entry.digest) == as_first_defined(fact, acting)
    assert trail.digest(entry) == entry.digest


@pytest.mark.parametrize(
    "detail",
    [
        {"amount": Decimal("12.10"), "on": date(2026, 3, 5), "after": timedelta(seconds=90), "id": UUID(int=7)},
        {"b": 1, "a": {"z": (1, 2), "é": "€ “quoted”", "token": "EAAAlongenoughtobeone"}},
        {"note": "Bearer abcdefghijklmnop was refused"},
        {},
    ],
)
def test_what_is_stored_reads_back_as_it_was_told_but_for_credentials(detail: dict[str, Any]) -> None:
    fact = Fact("posting.sending", "posting", 1, "TB-1", "TB-1", 12345, detail)
    (entry,) = recorded([fact])
    assert (entry.detail, entry.digest) == as_first_defined(fact, context.current())
    assert "abcdefgh" not in str(entry.detail)
    assert "EAAA" not in str(entry.detail)


def test_facts_keep_their_order_and_each_its_own_detail() -> None:
    shared = {"entry": "TB-1"}
    facts = [Fact("leg.posted", "leg", pk, f"TB-{pk}", detail=shared if pk % 2 else {"entry": pk}) for pk in range(600)]
    entries = recorded(facts)
    assert [entry.subject_id for entry in entries] == list(range(600))
    assert [entry.detail for entry in entries[:3]] == [{"entry": 0}, shared, {"entry": 2}]
    assert len({entry.digest for entry in entries}) == 600


def test_the_facts_of_a_change_are_one_statement() -> None:
    with (
        transaction.atomic(),
        CaptureQueriesContext(
            connection,
        ) as seen,
    ):
        assert trail.record([Fact("leg.posted", "leg", pk) for pk in range(300)], at=AT) == 300
    assert len(seen) == 1
    with transaction.atomic(), CaptureQueriesContext(connection) as seen:
        assert trail.record([], at=AT) == 0
    assert len(seen) == 0


@pytest.mark.django_db(transaction=True)
def test_a_fact_outside_the_transaction_of_its_change_is_refused() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        trail.record([Fact("leg.posted", "leg", 1)], at=AT)
    assert not AuditEntry.objects.exists()
