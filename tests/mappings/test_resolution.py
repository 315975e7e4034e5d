"""Which rule decides: the most specific, the newest, never a guess."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.resolution import NO_TAX, Case, Gap, Match, Rule, RuleBook, Standing, asked_by, narrowing
from mappings.roles import Role
from tests.mappings.shop import rule

DAY = date(2026, 3, 4)
SALE_21 = Case(Role.REVENUE, DAY, location="Utrecht", tax_name="VAT 21", tax_rate=Decimal(21), category="food")
UNTAXED = Case(Role.REVENUE, DAY, location="Utrecht")
FEE = Case(Role.PROCESSING_FEE, DAY, location="Utrecht", tender="CARD", fee_type="INITIAL")
AT_21 = {"tax_rate": Decimal("21.0000")}


def chosen(case: Case, *rules: Rule) -> int | None:
    found = RuleBook(rules).find(case)
    return found.rule.id if isinstance(found, Match) else None


def gap(case: Case, *rules: Rule) -> Gap:
    found = RuleBook(rules).find(case)
    assert isinstance(found, Gap)
    return found


TABLE = [
    ("by rate", SALE_21, [rule(1, Role.REVENUE, "8000", **AT_21)], 1),
    ("by name, whatever its capitals", SALE_21, [rule(1, Role.REVENUE, "8000", tax_name="vat  21")], 1),
    ("another rate", SALE_21, [rule(1, Role.REVENUE, "8000", tax_rate=Decimal(9))], None),
    ("another name", SALE_21, [rule(1, Role.REVENUE, "8000", tax_name="VAT 9", **AT_21)], None),
    ("another role", SALE_21, [rule(1, Role.TIPS, "2150")], None),
    ("another place", SALE_21, [rule(1, Role.REVENUE, "8000", location="Amsterdam", **AT_21)], None),
    ("a revenue rule silent about tax catches nothing", SALE_21, [rule(1, Role.REVENUE, "8000")], None),
    ("nor what is untaxed", UNTAXED, [rule(1, Role.REVENUE, "8000")], None),
    ("untaxed by a rule that says so", UNTAXED, [rule(1, Role.REVENUE, "8002", tax_name=NO_TAX)], 1),
    ("which catches no tax", SALE_21, [rule(1, Role.REVENUE, "8002", tax_name=NO_TAX)], None),
    ("a tax of 0 % is not untaxed", UNTAXED, [rule(1, Role.REVENUE, "8002", tax_rate=Decimal(0))], None),
    ("a tips rule narrowed to a tax", Case(Role.TIPS, DAY), [rule(1, Role.TIPS, "2150", **AT_21)], None),
    (
        "more fields win",
        SALE_21,
        [rule(1, Role.REVENUE, "8000", **AT_21), rule(2, Role.REVENUE, "8003", location="Utrecht", **AT_21)],
        2,
    ),
    (
        "with equally many the category before the location",
        SALE_21,
        [
            rule(1, Role.REVENUE, "8000", location="Utrecht", **AT_21),
            rule(2, Role.REVENUE, "8003", category="food", **AT_21),
        ],
        2,
    ),
    (
        "the location before a name beside the rate",
        SALE_21,
        [
            rule(1, Role.REVENUE, "8000", tax_name="VAT 21", **AT_21),
            rule(2, Role.REVENUE, "8003", location="Utrecht", **AT_21),
        ],
        2,
    ),
    (
        "the fee type before the tender",
        FEE,
        [rule(1, Role.PROCESSING_FEE, "4960", tender="CARD"), rule(2, Role.PROCESSING_FEE, "4965", fee_type="INITIAL")],
        2,
    ),
    (
        "the newest of the same narrowing",
        FEE,
        [rule(1, Role.PROCESSING_FEE, "4960"), rule(2, Role.PROCESSING_FEE, "4965", effective_from=date(2026, 3, 4))],
        2,
    ),
    (
        "not one that begins tomorrow",
        FEE,
        [rule(1, Role.PROCESSING_FEE, "4960"), rule(2, Role.PROCESSING_FEE, "4965", effective_from=date(2026, 3, 5))],
        1,
    ),
    (
        "an older but narrower one",
        FEE,
        [
            rule(1, Role.PROCESSING_FEE, "4960", tender="CARD"),
            rule(2, Role.PROCESSING_FEE, "4965", effective_from=date(2026, 3, 1)),
        ],
        1,
    ),
    ("twice the same decision", FEE, [rule(2, Role.PROCESSING_FEE, "4960"), rule(1, Role.PROCESSING_FEE, "4960")], 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "case", "rules", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_the_most_specific_rule_decides(name: str, case: Case, rules: list[Rule], expected: int | None) -> None:
    assert chosen(case, *rules) == expected


def test_two_rules_that_say_different_things_decide_nothing() -> None:
    found = gap(FEE, rule(2, Role.PROCESSING_FEE, "4965"), rule(1, Role.PROCESSING_FEE, "4960"))
    assert found.is_ambiguous
    assert "Rules 1 and 2 are equally specific for processing fee" in found.sentence
    assert "Ignore one or narrow it" in found.sentence


def test_an_ambiguity_below_the_winner_does_no_harm() -> None:
    loose = [rule(1, Role.PROCESSING_FEE, "4960"), rule(2, Role.PROCESSING_FEE, "4965")]
    assert chosen(FEE, *loose, rule(3, Role.PROCESSING_FEE, "4965", tender="CARD")) == 3


def test_the_reason_reads_as_a_sentence_part() -> None:
    found = RuleBook([rule(12, Role.REVENUE, "8000", location="Utrecht", **AT_21)]).find(SALE_21)
    assert isinstance(found, Match)
    assert found.reason == "rule 12: revenue at 21 %, location Utrecht, since 2026-01-01"


def test_a_gap_says_what_is_missing_and_what_to_do() -> None:
    assert gap(SALE_21).sentence == (
        "No rule gives the account for revenue at 21 %, tax VAT 21, category food, location Utrecht on 2026-03-04. "
        "Add a GL mapping for it; this record then goes on."
    )
    assert f"whose tax name is {NO_TAX}" in gap(UNTAXED).sentence
    later = rule(7, Role.PROCESSING_FEE, "4960", effective_from=date(2026, 4, 1))
    assert "Rule 7 fits, but only from 2026-04-01" in gap(FEE, later).sentence


PLACES = st.sampled_from(["", "Utrecht", "Amsterdam"])
RATES = st.sampled_from([None, Decimal(21), Decimal(9)])
WORDS = st.sampled_from(["", "a", "b"])


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    return [
        rule(
            number,
            draw(st.sampled_from([Role.REVENUE, Role.TIPS])),
            draw(st.sampled_from(["8000", "8001", "2150"])),
            location=draw(PLACES),
            tax_rate=draw(RATES),
            tax_name=draw(st.sampled_from(["", "VAT 21", NO_TAX])),
            category=draw(WORDS),
            customer_kind=draw(WORDS),
            effective_from=draw(st.dates(date(2026, 3, 1), date(2026, 3, 8))),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


CASES = st.builds(
    Case,
    role=st.sampled_from([Role.REVENUE, Role.TIPS]),
    on=st.just(DAY),
    location=PLACES,
    tax_rate=RATES,
    category=WORDS,
    customer_kind=WORDS,
)


@given(rule_sets(), CASES, st.randoms())
def test_the_order_of_rules_does_not_matter(rules: list[Rule], case: Case, chance: random.Random) -> None:
    shuffled = list(rules)
    chance.shuffle(shuffled)
    assert RuleBook(rules).find(case) == RuleBook(shuffled).find(case)


@given(rule_sets(), CASES)
def test_no_fitting_rule_is_more_specific_than_the_chosen(rules: list[Rule], case: Case) -> None:
    found = RuleBook(rules).find(case)
    if isinstance(found, Match):
        assert found.rule.effective_from <= DAY
        fitting = [one for one in rules if isinstance(RuleBook([one]).find(case), Match)]
        assert len(narrowing(found.rule)) == max(len(narrowing(one)) for one in fitting)


@given(rule_sets(), CASES)
def test_rules_that_do_not_fit_change_nothing(rules: list[Rule], case: Case) -> None:
    fitting = [one for one in rules if isinstance(RuleBook([one]).find(case), Match)]
    if fitting:
        assert RuleBook(rules).find(case) == RuleBook(fitting).find(case)


@given(rule_sets(), CASES, st.randoms())
def test_the_explanation_names_the_rule_that_is_found_and_places_every_other(
    rules: list[Rule], case: Case, chance: random.Random
) -> None:
    book, shuffled = RuleBook(rules), list(rules)
    chance.shuffle(shuffled)
    answer, verdicts = book.explain(case)
    assert answer == book.find(case)
    assert (answer, verdicts) == RuleBook(shuffled).explain(case)
    assert sorted(one.rule.id for one in verdicts) == [one.id for one in rules if one.role is case.role]
    winners = [one.rule for one in verdicts if one.standing is Standing.WINS]
    assert winners == ([answer.rule] if isinstance(answer, Match) else [])
    for one in verdicts:
        alone = isinstance(RuleBook([one.rule]).find(case), Match)
        assert alone == (one.standing in {Standing.WINS, Standing.RIVALS, Standing.BEATEN})


def test_the_explanation_says_why_each_rule_was_beaten() -> None:
    plain = rule(1, Role.TIPS, "2150", effective_from=date(2026, 1, 1))
    newer = rule(2, Role.TIPS, "2150", effective_from=date(2026, 2, 1))
    here = rule(3, Role.TIPS, "2150", location="Utrecht")
    tender = rule(4, Role.TIPS, "2150", tender="CARD")
    later = rule(5, Role.TIPS, "2150", tender="CARD", location="Utrecht", effective_from=date(2027, 1, 1))
    case = Case(Role.TIPS, DAY, location="Utrecht", tender="CARD")
    _, verdicts = RuleBook([plain, newer, here, tender, later]).explain(case)
    assert [(one.rule.id, one.standing, one.why) for one in verdicts] == [
        (4, "wins", "of the rules that fit it is the most specific, and the newest of these"),
        (3, "beaten", "both narrow on 1, and tender, on which rule 4 narrows, goes first"),
        (2, "beaten", "it narrows on 0, rule 4 on 1: the more specific one wins"),
        (1, "beaten", "it narrows on 0, rule 4 on 1: the more specific one wins"),
        (5, "later", "it counts only from 2027-01-01"),
    ]


@pytest.mark.parametrize(
    ("case", "asked"),
    [
        (
            Case(Role.REVENUE, DAY, tax_name="Tourist tax, old 13", tax_rate=Decimal("13.0000")),
            {"role": "revenue", "tax_name": "Tourist tax, old 13", "tax_rate": "13"},
        ),
        (Case(Role.SERVICE_CHARGE, DAY, tax_rate=Decimal("8.5")), {"role": "service_charge", "tax_rate": "8.5"}),
        (Case(Role.REVENUE, DAY, tax_name="Levy"), {"role": "revenue", "tax_name": "Levy"}),
        (Case(Role.REVENUE, DAY), {"role": "revenue", "tax_name": NO_TAX}),
        (Case(Role.OTHER_TENDER, DAY, tender="EXTERNAL:CRYPTO"), {"role": "other_tender", "tender": "EXTERNAL:CRYPTO"}),
        (Case(Role.PROCESSING_FEE, DAY, fee_type="INITIAL"), {"role": "processing_fee"}),
    ],
)
def test_the_subject_of_a_gap_says_what_the_missing_rule_would_be(case: Case, asked: dict[str, str]) -> None:
    assert asked_by(gap(case).subject) == asked


@pytest.mark.parametrize("subject", ["", "CUST1", "nothing: at all", f"revenue: {'x' * 300}"[:200]])
def test_a_subject_that_names_no_rule_asks_for_nothing(subject: str) -> None:
    assert asked_by(subject) == {}
