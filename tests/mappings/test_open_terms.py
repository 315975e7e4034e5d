"""Why an invoice is open in Exact: one reason each, with what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.bookkeeping.open_terms import LEFTOVERS, OPEN, OVER, Facts, Why, why

# 1,574.00 booked, nothing paid, all of it open.
BOOKED = Facts(status="UNPAID", currency="EUR", total=157400, is_booked=True, open=157400)


@pytest.mark.parametrize(
    ("changed", "expected", "says"),
    [
        ({"status": "DRAFT", "is_booked": False}, Why.NOT_PUBLISHED, "Not published"),
        ({"is_booked": False, "is_before_go_live": True}, Why.BEFORE_GO_LIVE, "only its payments"),
        ({"is_booked": False, "problem": "No rule."}, Why.NOT_BOOKED, "No rule."),
        ({"is_booked": False}, Why.NOT_BOOKED, "on its way"),
        ({"status": "CANCELED", "is_booked": False, "owes_nothing": True}, Why.NOTHING_OWED, "nothing is owed"),
        ({}, Why.NOT_PAID, "Not paid at Square"),
        ({"open": None}, Why.NOT_PAID, "Not paid at Square"),
        ({"paid": 47220, "received": 47220}, Why.PARTLY_PAID, "EUR 1,101.80 is not yet"),
        # Exact matched the deposit already.
        ({"paid": 47220, "received": 47220, "open": 110180}, Why.PARTLY_PAID, "EUR 472.20 is paid"),
        ({"paid": 47220}, Why.RECEIPT_WAITING, "EUR 472.20 was paid at Square"),
        ({"problem": "No account."}, Why.RECEIPT_WAITING, "No account."),
        ({"paid": 157400, "received": 157400}, Why.UNMATCHED, "its receipts"),
        ({"status": "CANCELED", "credited": 157400}, Why.UNMATCHED, "its credit"),
        ({"paid": 47220, "received": 47220, "credited": 110180}, Why.UNMATCHED, "receipts and its credit"),
        ({"open": 100000}, Why.DIFFERS, "EUR 1,000.00 of it as open"),
        ({"open": 200000}, Why.DIFFERS, "changed or matched it by hand"),
        ({"paid": 157400, "received": 157400, "open": 0}, Why.MATCHED, "Settled"),
        ({"status": "CANCELED", "credited": 157400, "open": 0}, Why.MATCHED, "Settled"),
        # Off the list although nobody paid: somebody matched it with something else.
        ({"open": 0}, Why.DIFFERS, "EUR 1,574.00 with something else"),
        ({"paid": 47220, "received": 47220, "open": 0}, Why.DIFFERS, "EUR 1,101.80 with something else"),
    ],
)
def test_each_state_has_one_reason(changed, expected, says):
    found, sentence = why(replace(BOOKED, **changed))
    assert (found, says in sentence) == (expected, True), sentence


def test_the_groups_of_reasons_do_not_overlap():
    assert set(LEFTOVERS) <= set(OPEN)
    assert not set(OPEN) & set(OVER)
