"""What a dispute becomes once the bank has decided. Ledger movements: debit +, credit -; worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.square.payloads import Dispute
from mappings.bookkeeping import dispute as bookkeeping
from mappings.bookkeeping import texts
from mappings.bookkeeping.dispute import DisputeContext
from mappings.bookkeeping.legs import Debtor, LegPlan, ProblemKind
from mappings.roles import Role
from tests.mappings.shop import LATER, RULES, account, context, moved, rule, written

DISPUTE_RULES = (*RULES, rule(23, Role.DISPUTE, "1291"), rule(27, Role.DISPUTE_LOSS, "4970"))
USUAL = context(rules=DISPUTE_RULES)
HOTEL = Debtor("guid-hotel", "Hotel", receivables=account("1310"))


def dispute(state: str, **changed: Any) -> Dispute:
    values: dict[str, Any] = {
        "id": "dp_1", "state": state, "reason": "NO_KNOWLEDGE", "currency": "EUR", "amount": 2500, "payment_id": "PAY1",
        "location_id": "L1", "created_at": LATER, "updated_at": LATER,
    }  # fmt: skip
    return Dispute(**{**values, **changed})


def lost(held: int, **known: Any) -> LegPlan:
    (leg,) = bookkeeping.plan(dispute("LOST"), DisputeContext(USUAL, held, **known)).legs
    return leg


@pytest.mark.parametrize("state", ["INQUIRY_EVIDENCE_REQUIRED", "EVIDENCE_REQUIRED", "PROCESSING", "WON", "NEW", ""])
def test_until_it_is_lost_payouts_alone_move_its_money(state: str) -> None:
    made = bookkeeping.plan(dispute(state), DisputeContext(USUAL, held=2500))
    assert (made.legs, made.problem) == ((), None)
    assert "EUR 25.00 stands on disputes" in made.notes[0]


def test_a_loss_takes_what_stands_on_disputes_to_its_account() -> None:
    """Disputes 25.00 debit since the payout. Two lines that net to zero: credit disputes, debit losses."""
    leg = lost(2500)
    assert written(leg) == ["1291 +25.00", "4970 -25.00"]
    assert leg.total == 0
    assert moved([leg]) == {"1291": "-25.00", "4970": "+25.00"}
    texts_of = [texts.line_text(leg, line, reference="TB-1") for line in leg.lines]
    assert texts_of == ["TB-1 dispute lost", "TB-1/2 dispute lost"]


def test_a_known_customer_owes_it_again_on_their_own_account() -> None:
    leg = lost(2500, customer=HOTEL)
    assert moved([leg]) == {"1291": "-25.00", "1310": "+25.00"}
    assert [line.debtor for line in leg.lines] == ["", "guid-hotel"]


def test_only_what_payouts_moved_is_taken_off_whatever_was_asked() -> None:
    assert moved([lost(700)]) == {"1291": "-7.00", "4970": "+7.00"}
    nothing = bookkeeping.plan(dispute("LOST"), DisputeContext(USUAL, held=0))
    assert nothing.legs == ()
    assert "No payout has moved money" in nothing.notes[0]


def test_money_that_comes_back_after_the_loss_takes_the_loss_back() -> None:
    leg = lost(0, taken_off=2500, ordinal=1)
    assert leg.ordinal == 1
    assert moved([leg]) == {"1291": "+25.00", "4970": "-25.00"}


def test_it_is_of_the_day_it_was_decided_in_the_time_of_the_till() -> None:
    late = dispute("LOST", updated_at=datetime(2026, 3, 9, 23, 30, tzinfo=UTC))
    (leg,) = bookkeeping.plan(late, DisputeContext(USUAL, held=1)).legs
    assert leg.date.isoformat() == "2026-03-10"


def test_without_an_account_for_losses_it_waits() -> None:
    (leg,) = bookkeeping.plan(dispute("LOST"), DisputeContext(context(rules=DISPUTE_RULES[:-1]), held=2500)).legs
    assert leg.problem
    assert leg.problem.kind is ProblemKind.UNMAPPED_ACCOUNT


@given(st.lists(st.integers(-9999, 9999), max_size=5), st.booleans())
def test_whatever_payouts_move_for_a_lost_dispute_disputes_end_at_nothing(movements: list[int], charged: bool) -> None:
    """Worked out after each movement, the legs together take off exactly what stands on disputes."""
    held = taken_off = ordinal = 0
    for movement in movements:
        held += movement
        known = DisputeContext(USUAL, held, taken_off, ordinal, HOTEL if charged else None)
        for leg in bookkeeping.plan(dispute("LOST"), known).legs:
            assert (leg.ordinal, leg.total) == (ordinal, 0)
            taken_off, ordinal = taken_off + leg.lines[0].amount, ordinal + 1
    assert taken_off == held
