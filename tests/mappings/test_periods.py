"""What becomes of a leg whose period is closed, worked out by hand, and what must hold for any leg."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.bookkeeping import periods, texts
from mappings.bookkeeping.explanation import explain
from mappings.bookkeeping.legs import Account, Document, LegKind, LegPlan, Line, ProblemKind, ledger
from mappings.bookkeeping.payments import plan
from mappings.bookkeeping.periods import Calendar, Policy
from mappings.resolution import RuleBook
from mappings.roles import Role
from tests.mappings.shop import RULES, account, context, line, moved, order, payment, rule, written

ACCRUAL = replace(
    rule(90, Role.ACCRUAL, "2160", effective_from=date(2020, 1, 1)), account=Account("guid-1900", "1900", 27)
)
BOOK = RuleBook([*RULES, ACCRUAL])
OWN_DAY = date(2026, 3, 4)


@dataclass(frozen=True)
class Closed:
    journal: str
    year: int
    period: int
    starts: date
    ends: date

    @property
    def label(self) -> str:
        return f"{self.journal} {self.year}-{self.period:02}"


def month(journal: str, year: int, number: int) -> Closed:
    first = date(year, number, 1)
    after = date(year + number // 12, number % 12 + 1, 1)
    return Closed(journal, year, number, first, after - timedelta(days=1))


def fit(
    legs: tuple[LegPlan, ...], policy: Policy, *closed: Closed, family: tuple[str, ...] = ()
) -> tuple[LegPlan, ...]:
    return periods.fitted(legs, calendar=Calendar(closed), policy=policy, rulebook=BOOK, family=family)


# 25.00 with 21 % VAT inside and a tip of 4.00, by card, fee 0.80, on 4 March 2026.
PAID = payment(2900, tip=400, fees=[80])
SALE = plan(PAID, order([line(2500, "VAT 21", 434)], [PAID]), context()).legs
MARCH = (month("70", 2026, 3), month("21", 2026, 3), month("10", 2026, 3))
APRIL = (month("70", 2026, 4),)

NEXT_DAYS = [
    ("open", (), OWN_DAY),
    ("another month", (month("70", 2026, 2),), OWN_DAY),
    ("another journal", (month("60", 2026, 3),), OWN_DAY),
    ("its month", MARCH, date(2026, 4, 1)),
    ("one journal of its family", (month("21", 2026, 3),), date(2026, 4, 1)),
    ("two months, each in one journal", (month("21", 2026, 3), *APRIL), date(2026, 5, 1)),
    ("the rest of the year", tuple(month("70", 2026, number) for number in range(3, 13)), date(2027, 1, 1)),
]


@pytest.mark.parametrize(("name", "closed", "day"), NEXT_DAYS, ids=[row[0] for row in NEXT_DAYS])
def test_all_legs_of_a_record_are_booked_on_the_first_day_that_is_open_in_all_its_journals(
    name: str, closed: tuple[Closed, ...], day: date
) -> None:
    fitted = fit(SALE, Policy.NEXT_OPEN_DAY, *closed)
    assert {one.date for one in fitted} == {day}
    assert {one.moved_from for one in fitted} == ({None} if day == OWN_DAY else {OWN_DAY})


@pytest.mark.parametrize("closed", [MARCH, MARCH[:1], MARCH[1:2]])
def test_a_closed_journal_holds_the_whole_family_before_anything_is_sent(closed: tuple[Closed, ...]) -> None:
    fitted = fit(SALE, Policy.HOLD, *closed)
    assert {one.problem.kind for one in fitted if one.problem} == {ProblemKind.PERIOD_CLOSED}
    assert all(one.problem and one.problem.subject.endswith("2026-03") for one in fitted)
    assert {one.date for one in fitted} == {OWN_DAY}


def test_the_journal_of_another_tender_of_the_same_sale_holds_it_too() -> None:
    assert fit(SALE, Policy.HOLD, month("10", 2026, 3)) == SALE
    held = fit(SALE, Policy.HOLD, month("10", 2026, 3), family=("70", "21", "10"))
    problem = held[0].problem
    assert problem
    assert (
        "Period 2026-03 of journal 10 is closed in Exact (it belongs with the sale in journal 70)" in problem.sentence
    )


def test_a_leg_that_waits_for_something_else_is_left_alone() -> None:
    strange = plan(PAID, order([line(2500, "Tourist tax 13", 288)], [PAID]), context()).legs
    fitted = fit(strange, Policy.NEXT_OPEN_DAY, *MARCH)
    assert fitted[0] == strange[0]
    assert fitted[1].date == date(2026, 4, 1)


# Next open day: revenue 20.66 with 4.34 of VAT and the tip of 4.00 stay as they are, a month later.
# Accrual: revenue (8000, type 110) and the fee (4960, type 120) go to 1900; VAT 1500, tips 2150 and clearing stay.
def test_on_the_next_open_day_every_account_moves_as_it_would_have() -> None:
    fitted = fit(SALE, Policy.NEXT_OPEN_DAY, *MARCH)
    assert kinds_of(fitted) == ["sale", "receipt", "fee"]
    assert moved(fitted) == moved(SALE)
    assert moved(fitted) == {"1105": "+28.20", "1500": "-4.34", "2150": "-4.00", "4960": "+0.80", "8000": "-20.66"}


def test_by_accrual_the_result_goes_to_the_accrual_account_and_the_rest_where_it_always_goes() -> None:
    fitted = fit(SALE, Policy.ACCRUAL, *MARCH)
    assert written(fitted[0]) == ["1900 +20.66 2 v+4.34", "2150 +4.00 NV"]
    assert written(fitted[1]) == ["1300 +29.00"]
    assert written(fitted[2]) == ["1900 -0.80"]
    # 20.66 of revenue and 0.80 of cost: 19.86 in credit.
    assert moved(fitted) == {"1105": "+28.20", "1500": "-4.34", "1900": "-19.86", "2150": "-4.00"}
    assert "instead of 8000, as its period is closed: rule 90: accrual" in fitted[0].lines[0].note


def test_by_accrual_without_a_rule_the_legs_with_a_result_wait_for_one() -> None:
    fitted = periods.fitted(SALE, calendar=Calendar(MARCH), policy=Policy.ACCRUAL, rulebook=RuleBook(RULES))
    sale, receipt, fee = fitted
    assert receipt.problem is None
    for one in (sale, fee):
        assert one.problem
        assert (one.problem.kind, one.problem.subject) == (ProblemKind.UNMAPPED_ACCOUNT, "accrual")


def test_by_accrual_several_rates_stay_apart() -> None:
    paid = payment(4790)
    # 25.00 at 21 %: 4.34; 12.95 at 9 %: 1.07; 9.95 at 0 %.
    mixed = order([line(2500, "VAT 21", 434), line(1295, "VAT 9", 107), line(995, "VAT 0", 0)], [paid])
    sale = fit(plan(paid, mixed, context()).legs, Policy.ACCRUAL, *MARCH)[0]
    assert written(sale) == ["1900 +20.66 2 v+4.34", "1900 +11.88 1 v+1.07", "1900 +9.95 0"]


def test_a_refund_of_a_sale_that_was_accrued_goes_to_the_revenue_of_its_own_day() -> None:
    """The refund is a fact of its own period: it takes the sale as it was owed, not as it was moved."""
    accrued = fit(SALE, Policy.ACCRUAL, *MARCH)[0]
    assert periods.as_owed(accrued).lines[0].account == account("8000")


TEXTS = [
    (SALE[0], "TB-7F3K2M81QA5VNB0C revenue 21 % R2D2 2026-03-04"),
    (SALE[1], "TB-7F3K2M81QA5VNB0C card R2D2 2026-03-04"),
    (SALE[2], "TB-7F3K2M81QA5VNB0C fee R2D2 2026-03-04"),
]


@pytest.mark.parametrize(("owed", "text"), TEXTS, ids=[one.kind for one, _ in TEXTS])
def test_the_own_day_stays_in_the_texts(owed: LegPlan, text: str) -> None:
    fitted = fit((owed,), Policy.NEXT_OPEN_DAY, *MARCH)[0]
    assert texts.line_text(fitted, fitted.lines[0], reference="TB-7F3K2M81QA5VNB0C") == text
    assert texts.sale_header(fitted, place="Utrecht").endswith("2026-03-04")


VAT = [
    (date(2026, 3, 4), date(2026, 3, 31), ""),
    (date(2026, 1, 31), date(2026, 2, 1), "stays in the same return where you file by the quarter"),
    (date(2026, 3, 4), date(2026, 4, 1), "to a later return: from 2026-03 to 2026-04, or to quarter 2 of 2026"),
    (date(2026, 12, 31), date(2027, 1, 1), "from 2026-12 to 2027-01, or to quarter 1 of 2027"),
]


@pytest.mark.parametrize(("own", "booked", "words"), VAT)
def test_the_page_says_which_return_the_vat_moves_to(own: date, booked: date, words: str) -> None:
    note = periods.vat_note(own, booked)
    assert words in note
    assert bool(note) == bool(words)


def test_the_explanation_of_a_moved_leg_names_both_days_and_the_return() -> None:
    told = " ".join(explain(fit(SALE, Policy.NEXT_OPEN_DAY, *MARCH)[0]))
    assert "It belongs to 2026-03-04, whose period is closed in Exact, and is booked on 2026-04-01." in told
    assert "Its VAT moves to a later return" in told


def kinds_of(legs: tuple[LegPlan, ...]) -> list[str]:
    return [one.kind.value for one in legs]


# --- what must hold for any leg -----------------------------------------------------------------
ACCOUNTS = [Account(f"guid-{code}", code, kind) for code, kind in (("8000", 110), ("4960", 120), ("2150", 60))]
AMOUNTS = st.integers(-10_000_000, 10_000_000)
LINES = st.builds(
    Line, role=st.sampled_from([Role.REVENUE, Role.TIPS]), account=st.sampled_from(ACCOUNTS), amount=AMOUNTS,
    vat_code=st.sampled_from(["2", "1", "NV"]), vat=AMOUNTS, rate=st.sampled_from([None, Decimal(21)]),
)  # fmt: skip
DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))
LEGS = st.builds(
    LegPlan, kind=st.sampled_from([LegKind.SALE, LegKind.FEE]), source_id=st.just("ORD"), ordinal=st.integers(0, 3),
    document=st.just(Document.SALES_ENTRY), journal=st.sampled_from(["70", "21", "10"]), date=DAYS,
    currency=st.sampled_from(["EUR", "JPY"]), main_account=st.just(Account("guid-1300", "1300", 20)),
    debtor=st.none(), lines=st.lists(LINES, min_size=1, max_size=4).map(tuple),
)  # fmt: skip
MONTHS = st.builds(
    month, st.sampled_from(["70", "21", "10", "60"]), st.sampled_from([2025, 2026, 2027]), st.integers(1, 12)
)
MOVES = st.sampled_from([Policy.NEXT_OPEN_DAY, Policy.ACCRUAL])


@given(st.lists(LEGS, min_size=1, max_size=4).map(tuple), st.lists(MONTHS, max_size=40).map(tuple), MOVES)
def test_a_moved_leg_is_the_same_debt_on_an_open_day(
    legs: tuple[LegPlan, ...], closed: tuple[Closed, ...], policy: Policy
) -> None:
    calendar, family = Calendar(closed), {one.journal for one in legs}
    for before, after in zip(legs, fit(legs, policy, *closed), strict=True):
        assert after.problem is None
        assert calendar.closing(family, after.date) is None
        assert before.date <= after.date
        assert (after.moved_from is None) == (after.date == before.date)
        assert [(one.amount, one.vat, one.vat_code) for one in after.lines] == [
            (one.amount, one.vat, one.vat_code) for one in before.lines
        ]
        assert after.total == before.total
        assert sum(ledger(after.document, "1300", after.lines).values()) == 0
        assert replace(periods.as_owed(after), lines=()) == replace(before, lines=())
        assert [replace(one, note="") for one in periods.as_owed(after).lines] == list(before.lines)


@given(LEGS, st.lists(MONTHS, max_size=40).map(tuple))
def test_by_accrual_no_moved_leg_touches_the_result(owed: LegPlan, closed: tuple[Closed, ...]) -> None:
    after = fit((owed,), Policy.ACCRUAL, *closed)[0]
    if after.moved_from:
        assert all(one.account.type not in periods.RESULT for one in after.lines)
    else:
        assert after == owed


@given(LEGS, st.lists(MONTHS, max_size=40).map(tuple), MOVES)
def test_what_was_moved_is_moved_no_further_while_its_period_stays_open(
    owed: LegPlan, closed: tuple[Closed, ...], policy: Policy
) -> None:
    once = fit((owed,), policy, *closed)
    assert fit(once, policy, *closed) == once


@given(st.lists(MONTHS, max_size=40), DAYS)
def test_spans_cover_exactly_the_closed_days(closed: list[Closed], day: date) -> None:
    calendar = Calendar(closed)
    inside = any(first <= day <= last for first, last in calendar.spans("70"))
    assert inside == (calendar.closing(["70"], day) is not None)
