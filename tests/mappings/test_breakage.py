"""Expired gift cards: worked cases. 30.00 at 21 % holds 5.21."""

from __future__ import annotations

from datetime import date

import pytest

from mappings.bookkeeping.breakage import Expiry, plan
from mappings.bookkeeping.conventions import GiftCards
from mappings.bookkeeping.legs import LegKind
from mappings.roles import Role
from tests.mappings.shop import RULES, account, context, leg, moved, rule, written
from tests.mappings.test_conventions import CARD_REVENUE, by

EXPIRED = Expiry(id="expiry-1", amount=3000, currency="EUR", on=date(2026, 3, 4))
UNTAXED = rule(30, Role.BREAKAGE, "8160", "NV")
TAXED = rule(30, Role.BREAKAGE, "8160", "2")


@pytest.mark.parametrize(
    ("earned", "lines", "ledger"),
    [
        (UNTAXED, ["2160 -30.00 NV", "8160 +30.00 NV"], {"2160": "+30.00", "8160": "-30.00"}),
        (TAXED, ["2160 -30.00 NV", "8160 +24.79 2 v+5.21"], {"1500": "-5.21", "2160": "+30.00", "8160": "-24.79"}),
    ],
)
def test_what_is_owed_becomes_revenue(earned: object, lines: list[str], ledger: dict[str, str]) -> None:
    made = plan(EXPIRED, context(rules=(*RULES, earned)))  # type: ignore[arg-type]  # a rule
    assert written(leg(made, LegKind.BREAKAGE)) == lines
    assert moved(made.legs) == ledger
    assert (made.legs[0].total, made.legs[0].stands_alone, made.legs[0].main_account) == (0, True, account("1300"))


def test_without_a_rule_it_waits() -> None:
    problem = plan(EXPIRED, context()).legs[0].problem
    assert problem is not None
    assert "account for breakage" in problem.sentence


def test_single_purpose_cards_leave_nothing_to_book() -> None:
    made = plan(EXPIRED, by(CARD_REVENUE, UNTAXED, gift_cards=GiftCards.SINGLE_PURPOSE))
    assert made.legs == ()
    assert "nothing to book" in made.notes[0]
