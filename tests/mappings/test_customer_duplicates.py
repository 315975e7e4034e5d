"""Whether an account may be made: whoever is there already is never made a second time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.customers import duplicates
from mappings.customers.duplicates import Answer, Hit, Sought

SOUGHT = Sought("TB-1", vat_number="NL856240123B01", registration="12345678", email="info@zon.example", country="NL")
ZON = Hit("a", "71", "Zon", "C", country="NL")
VAT = replace(ZON, vat_number="856240123B01")
MAIL = replace(ZON, id="m", code="72", email="Info@Zon.example")


@pytest.mark.parametrize(
    ("hits", "answer"),
    [
        ([], Answer.CREATE),
        ([ZON], Answer.CREATE),
        ([VAT], Answer.LINK),
        ([replace(ZON, registration="012345678")], Answer.LINK),
        ([VAT, replace(VAT, id="b")], Answer.CONFLICT),
        ([VAT, VAT], Answer.LINK),  # the same account, found in two ways
        ([replace(VAT, status="S")], Answer.CONFLICT),
        ([replace(VAT, is_blocked=True)], Answer.CONFLICT),
        ([MAIL], Answer.PROPOSE),
        ([MAIL, replace(MAIL, id="n")], Answer.CONFLICT),
        ([VAT, MAIL], Answer.LINK),
        ([replace(ZON, search_code="TB-1"), VAT], Answer.FOUND),
    ],
)
def test_what_is_found_decides(hits: list[Hit], answer: Answer) -> None:
    assert duplicates.judge(SOUGHT, hits).answer is answer


def test_a_shared_e_mail_that_somebody_has_seen_is_no_objection_and_a_number_always_is() -> None:
    assert duplicates.judge(SOUGHT, [MAIL], seen=frozenset("m")).answer is Answer.CREATE
    assert duplicates.judge(SOUGHT, [VAT], seen=frozenset("a")).answer is Answer.LINK


parts = st.builds(
    Hit, id=st.sampled_from("abc"), code=st.just("1"), name=st.just("x"), status=st.sampled_from("CSP"),
    vat_number=st.sampled_from(["", "NL856240123B01", "NL000000000B01"]),
    registration=st.sampled_from(["", "12345678"]), email=st.sampled_from(["", "info@zon.example"]),
    country=st.just("NL"),
)  # fmt: skip


@given(hits=st.lists(parts, max_size=4, unique_by=lambda hit: hit.id), seen=st.frozensets(st.sampled_from("abc")))
def test_an_account_is_made_only_where_no_number_agrees_and_the_order_decides_nothing(
    hits: list[Hit], seen: frozenset[str]
) -> None:
    judged = duplicates.judge(SOUGHT, hits, seen=seen)
    assert judged == duplicates.judge(SOUGHT, list(reversed(hits)), seen=seen)
    if judged.answer is Answer.CREATE:
        assert not [hit for hit in hits if hit.vat_number == SOUGHT.vat_number or hit.registration]
    if judged.answer is Answer.LINK:
        assert judged.hits[0].is_usable
