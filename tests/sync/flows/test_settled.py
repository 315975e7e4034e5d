"""Which payout states which fee of an event."""

from __future__ import annotations

from datetime import date

import pytest

from sync.flows.settled import Charged, Said, stated


def payouts(*fees: int) -> list[Said]:
    """One a day from 2 March, each saying so much of the event's fees."""
    return [Said(f"po_{day}", date(2026, 3, day), fee) for day, fee in enumerate(fees, start=2)]


def charged(*fees: tuple[int, int]) -> list[Charged]:
    """Each (fee, day of March on which it took effect); the first was there when the payment was."""
    return [Charged("fee", n, fee, date(2026, 3, day) if n else date.min) for n, (fee, day) in enumerate(fees)]


@pytest.mark.parametrize(
    ("said", "fees", "expected"),
    [
        pytest.param([44], [(44, 2)], ["po_2"], id="one payout, one fee"),
        pytest.param([40], [(44, 2)], ["po_2"], id="the payout posted a difference of 4 itself"),
        pytest.param([44], [(44, 2), (3, 3)], ["po_2", None], id="a late fee waits for its payout"),
        pytest.param([44, 3], [(44, 2), (3, 3)], ["po_2", "po_3"], id="and goes with it"),
        # 44, 47, 44: what the first payout said as well.
        pytest.param([44, 3, -3], [(44, 2), (3, 3), (-3, 4)], ["po_2", "po_3", "po_4"], id="given back"),
        pytest.param([44, 3], [(44, 2), (3, 3), (-3, 4)], ["po_2", "po_3", None], id="given back, not paid out yet"),
        pytest.param([44, 5], [(44, 2), (3, 3), (2, 3)], ["po_2", "po_3", "po_3"], id="two late fees in one payout"),
        pytest.param([0, 44], [(44, 2)], ["po_3"], id="settled gross, the fee stated later"),
        pytest.param([0], [(44, 2)], ["po_2"], id="settled gross, the fee stated of no event"),
        pytest.param([47], [(44, 2), (3, 2)], ["po_2", "po_2"], id="adjusted before it was paid out"),
        pytest.param([44, 6], [(44, 2), (3, 3)], ["po_2", "po_3"], id="a payout that says more states it too"),
    ],
)
def test_each_fee_goes_with_the_payout_that_states_it(said, fees, expected):
    found = stated(payouts(*said), charged(*fees))

    assert [one and one.payout for one in found] == expected
