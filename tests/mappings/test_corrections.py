"""What is taken back and booked anew: worked cases, and what holds for every sale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.bookkeeping import correction, summary, texts
from mappings.bookkeeping.legs import Account, Document, LegKind, LegPlan, Line, ledger
from mappings.bookkeeping.reversal import reverse
from mappings.roles import Role
from tests.mappings.test_properties import Sold, sold

AR = Account("guid-1300", "1300", 20)
REVENUE = Line(Role.REVENUE, Account("guid-8000", "8000", 110), 2066, vat_code="2", vat=434, rate=Decimal(21))
SALE = LegPlan(LegKind.SALE, "ORD", 0, Document.SALES_ENTRY, "70", date(2026, 3, 4), "EUR", AR, None, (REVENUE,))


def per_account_and_code(legs: Iterable[LegPlan]) -> Counter[tuple[str, str, str]]:
    """Currency, account and VAT code -> net; the code's VAT under "VAT"; what the document's own account moves."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for leg in legs:
        main = leg.main_account.code if leg.main_account else ""
        for line in leg.lines:
            sums[leg.currency, line.account.code, line.vat_code] += line.amount
            sums[leg.currency, "VAT", line.vat_code] += line.vat
            sums[leg.currency, f"main {main}", ""] += line.amount + line.vat
    return Counter({key: amount for key, amount in sums.items() if amount})


@given(sold())
def test_a_posting_and_its_reversal_come_to_nothing_per_account_and_vat_code(made: Sold) -> None:
    legs = [leg for leg in made.legs() if not leg.problem]
    assert per_account_and_code([*legs, *(reverse(leg) for leg in legs)]) == {}


@given(st.lists(sold(), min_size=1, max_size=4, unique_by=lambda made: made.order.id))
def test_a_summary_and_the_summary_of_its_reversals_come_to_nothing(made: list[Sold]) -> None:
    sales = [leg for one in made for leg in one.legs() if leg.kind is LegKind.SALE and not leg.problem]
    days: dict[summary.Day, list[LegPlan]] = {}
    for leg in sales:
        days.setdefault(summary.day_of(leg), []).append(replace(leg, stands_alone=False))
    for legs in days.values():
        lines = [*summary.merge(legs), *summary.merge([reverse(leg) for leg in legs])]
        main = legs[0].main_account
        assert main is not None
        assert ledger(Document.SALES_ENTRY, main.code, lines) == {}
        for code in {line.vat_code for line in lines}:
            assert sum(line.vat for line in lines if line.vat_code == code) == 0


@given(sold(), sold())
def test_after_a_correction_the_books_hold_what_the_record_says_now(before: Sold, after: Sold) -> None:
    was, now = before.legs()[0], after.legs()[0]
    if was.problem or now.problem:
        return
    found = correction.correct(was, now)
    assert found.taken_back is not None
    assert per_account_and_code([was, found.taken_back, found.booked]) == per_account_and_code([now])
    assert (found.taken_back.ordinal, found.taken_back.is_reversal) == (was.ordinal, True)


@pytest.mark.parametrize(
    ("now", "same"),
    [
        (SALE, True),
        # Another account or code: a mapping changed, the record did not.
        (replace(SALE, lines=(replace(REVENUE, account=Account("guid-8001", "8001", 110), vat_code="3"),)), True),
        # The same money on two accounts: two categories that were mapped to one before.
        (replace(SALE, lines=(replace(REVENUE, amount=1000, vat=210), replace(REVENUE, amount=1066, vat=224))), True),
        (replace(SALE, lines=(replace(REVENUE, amount=2067, vat=433),)), False),
        (replace(SALE, lines=(replace(REVENUE, rate=Decimal(9)),)), False),
        (replace(SALE, date=date(2026, 3, 5)), False),
        (replace(SALE, tender="CASH"), False),
        (replace(SALE, currency="GBP"), False),
        (replace(SALE, lines=()), False),
    ],
)
def test_only_another_event_is_a_change(now: LegPlan, same: bool) -> None:
    assert correction.tells_the_same(SALE, now) is same


def test_revisions_of_a_place_do_not_meet_the_fees_that_count_from_0() -> None:
    first = replace(SALE, kind=LegKind.FEE, ordinal=1)
    second = correction.revised(first, first)
    third = correction.revised(replace(first, ordinal=1), second)
    assert [leg.ordinal for leg in (first, second, third)] == [1, 1001, 2001]
    assert {correction.place_of(leg.ordinal) for leg in (first, second, third)} == {1}


def test_texts_say_what_is_taken_back() -> None:
    back = reverse(replace(SALE, receipt_number="R2D2"))
    money = replace(back, kind=LegKind.RECEIPT, tender="CARD")
    assert texts.taken_back_word([SALE]) == ""
    assert texts.taken_back_word([back]) == "reversed"
    assert texts.taken_back_word([SALE, back]) == "corrected"
    assert texts.sale_header(back, place="Utrecht", taken_back="reversed") == (
        "Square sale reversed R2D2 Utrecht 2026-03-04"
    )
    assert texts.line_text(money, REVENUE, reference="TB-1") == "TB-1 card reversed R2D2"


def test_a_day_shows_what_was_taken_back_on_lines_of_its_own() -> None:
    """20.66 and 4.34 taken back, 30.00 and 6.30 booked: two lines, not their difference."""
    now = replace(SALE, ordinal=1000, lines=(replace(REVENUE, amount=3000, vat=630),))
    lines = summary.merge([reverse(SALE), now])
    assert [(line.amount, line.vat) for line in lines] == [(3000, 630), (-2066, -434)]
