"""What payouts become in the books. Ledger movements: debit +, credit -; each expected line was worked out by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.square.payloads import Payout, PayoutEntry
from mappings.bookkeeping import payout as bookkeeping
from mappings.bookkeeping import texts
from mappings.bookkeeping.activities import ACTIVITIES, Check, activity
from mappings.bookkeeping.legs import Document, LegKind, Plan, ProblemKind
from mappings.bookkeeping.payout import PayoutContext
from mappings.bookkeeping.verification import Booked
from mappings.roles import Role
from tests.mappings.shop import LATER, RULES, cents, context, entry, moved, payout, rule, written

PAYOUT_RULES = (
    *RULES,
    rule(20, Role.TRANSIT, "1290"),
    rule(21, Role.PROCESSING_FEE, "4500", payout_entry_type="SUBSCRIPTION_FEE"),
    rule(22, Role.FEE_VAT_PENDING, "2999"),
    rule(23, Role.DISPUTE, "1291"),
    rule(24, Role.RESERVE, "1292"),
    rule(25, Role.LOAN, "1293"),
    rule(26, Role.SUSPENSE, "2998"),
)
USUAL = context(rules=PAYOUT_RULES)

CHARGES = [
    entry("CHARGE", 4589, 77, id="poe_1", payment_id="PAY1"),
    entry("CHARGE", 6194, 108, id="poe_2", payment_id="PAY2"),
    entry("CHARGE", 4694, 82, id="poe_3", payment_id="PAY3"),
]
REFUND = entry("REFUND", -1000, -17, id="poe_4", payment_id="PAY3", refund_id="PAY3_R1")
SUBSCRIPTION = entry("SUBSCRIPTION_FEE", -3500, id="poe_5")
TAX = entry("TAX_ON_FEE", -735, id="poe_6")
CASE_7 = (*CHARGES, REFUND, SUBSCRIPTION, TAX)
BOOKED = PayoutContext(
    usual=USUAL,
    payments={"PAY1": Booked(4589, 80), "PAY2": Booked(6194, 108), "PAY3": Booked(4694, 82)},
    refunds={"PAY3_R1": Booked(-1000, -17)},
)


def planned(asked: Payout, entries: tuple[PayoutEntry, ...], known: PayoutContext = BOOKED) -> Plan:
    made = bookkeeping.plan(asked, entries, known)
    assert made.problem is None, made.problem
    return made


def lines(made: Plan) -> list[str]:
    return [line for leg in made.legs for line in written(leg)]


def one(kind: str, gross: int, fee: int = 0, **changed: Any) -> Plan:
    """A payout of one entry, without its transfer."""
    made = planned(payout(gross - fee), (entry(kind, gross, fee, **changed),))
    return replace(made, legs=made.legs[1:])


def test_case_7_a_payout_posts_the_transfer_and_what_is_not_booked_yet() -> None:
    """Nets 45.12 + 60.86 + 46.12 - 9.83 - 35.00 - 7.35 = 99.92. Clearing holds 45.09 + 60.86 + 46.12 - 9.83 = 142.24.

    The fee of case 1 is 0.77 by now, 0.80 is booked: 0.03 back, a credit on fees. Debit subscriptions 35.00, fee VAT
    7.35 and bank in transit 99.92. Clearing 142.24 + 0.03 - 35.00 - 7.35 - 99.92 = 0.00.
    """
    made = planned(payout(9992), CASE_7)
    assert lines(made) == ["1290 -99.92", "4960 +0.03", "4500 -35.00", "2999 -7.35"]
    assert moved(made.legs) == {
        "1105": "-142.24", "1290": "+99.92", "2999": "+7.35", "4500": "+35.00", "4960": "-0.03",
    }  # fmt: skip
    assert made.notes == ("Square's fee for payment PAY1 differs by EUR -0.03 from what is booked. "
                          "The difference is posted.",)  # fmt: skip


def test_case_7_a_payout_that_failed_comes_back_from_the_bank_in_transit() -> None:
    failed = payout(9992, status="FAILED", updated_at=datetime(2026, 3, 11, tzinfo=UTC))
    made = planned(failed, CASE_7)
    transfer, back = [leg for leg in made.legs if leg.kind is LegKind.PAYOUT]
    assert (written(transfer), written(back)) == (["1290 -99.92"], ["1290 +99.92"])
    assert (transfer.ordinal, back.ordinal) == (0, 1)
    assert (transfer.date, back.date) == (date(2026, 3, 9), date(2026, 3, 11))
    assert moved([transfer, back]) == {}


def test_a_payout_says_where_and_how_it_is_booked() -> None:
    made = planned(payout(9992), CASE_7)
    assert {(leg.document, leg.journal) for leg in made.legs} == {(Document.BANK_ENTRY, "21")}
    places = [(leg.kind, leg.source_id, leg.ordinal) for leg in made.legs]
    assert places == [
        (LegKind.PAYOUT, "po_1", 0),
        (LegKind.PAYOUT_ENTRY, "poe_1", 0),
        (LegKind.PAYOUT_ENTRY, "poe_5", 4),
        (LegKind.PAYOUT_ENTRY, "poe_6", 5),
    ]
    words = [texts.line_text(leg, leg.lines[0], reference="TB-1") for leg in made.legs]
    assert words == ["TB-1 payout L2100000005", "TB-1 charge", "TB-1 subscription fee", "TB-1 tax on fee"]
    failed = planned(payout(9992, status="FAILED"), CASE_7).legs[1]
    assert texts.line_text(failed, failed.lines[0], reference="TB-1") == "TB-1 payout returned L2100000005"


def test_a_withdrawal_is_money_from_the_bank() -> None:
    refunded = planned(payout(-983), (REFUND,))
    assert moved(refunded.legs) == {"1105": "+9.83", "1290": "-9.83"}


def test_an_entry_has_the_day_it_took_effect() -> None:
    early = replace(SUBSCRIPTION, effective_at=datetime(2026, 2, 28, 12, tzinfo=UTC))
    made = planned(payout(-3500), (early,))
    assert [leg.date for leg in made.legs] == [date(2026, 3, 9), date(2026, 2, 28)]


def test_what_is_not_booked_yet_does_not_hold_the_payout() -> None:
    made = planned(payout(9992), CASE_7, replace(BOOKED, payments={}, refunds={}))
    assert lines(made) == ["1290 -99.92", "4500 -35.00", "2999 -7.35"]
    assert len(made.notes) == 4
    assert made.notes[0].startswith("CHARGE of EUR 45.12: payment PAY1 is not booked yet.")
    assert made.notes[3].startswith("REFUND of EUR -9.83: refund PAY3_R1 is not booked yet.")


def test_another_amount_than_booked_stands_in_suspense() -> None:
    """45.89 is booked and Square settles 45.00 with the same fee: 0.89 less than the clearing account expects."""
    short = entry("CHARGE", 4500, 80, payment_id="PAY1")
    made = planned(payout(4420), (short,))
    assert lines(made) == ["1290 -44.20", "2998 -0.89"]
    assert "Square's amount for payment PAY1 differs by EUR -0.89" in made.notes[0]


def test_a_seller_that_settles_gross_has_its_fees_in_entries_of_their_own() -> None:
    gross = entry("CHARGE", 4589, 0, id="poe_1", payment_id="PAY1")
    fee = entry("PROCESSING_FEE", -77, id="poe_2", payment_id="PAY1")
    unnamed = entry("PROCESSING_FEE", -108, id="poe_3")
    assert lines(planned(payout(4512), (gross, fee))) == ["1290 -45.12", "4960 +0.03"]
    assert lines(planned(payout(4589), (gross,), replace(BOOKED, fees_apart=True))) == ["1290 -45.89"]
    later = planned(payout(-108), (unnamed,))
    assert lines(later) == ["1290 +1.08"]
    assert "names no payment" in later.notes[0]


def test_a_fee_adjusted_later_is_posted_once() -> None:
    """The payment was settled by an earlier payout, so nothing of it is open but what this entry says."""
    adjusted = entry("FEE", -3, payment_id="PAY1")
    settled = replace(BOOKED, payments={"PAY1": Booked(0, 0)})
    assert lines(planned(payout(-3), (adjusted,), settled)) == ["1290 +0.03", "4960 -0.03"]
    stated = replace(BOOKED, payments={"PAY1": Booked(0, 3)})
    assert lines(planned(payout(-3), (adjusted,), stated)) == ["1290 +0.03"]


@pytest.mark.parametrize(
    ("kind", "gross", "expected"),
    [
        ("OPEN_DISPUTE", -5000, {"1105": "-50.00", "1291": "+50.00"}),
        ("DISPUTE", 5000, {"1105": "+50.00", "1291": "-50.00"}),
        ("RESERVE_HOLD", -2500, {"1105": "-25.00", "1292": "+25.00"}),
        ("RESERVE_RELEASE", 2500, {"1105": "+25.00", "1292": "-25.00"}),
        ("HOLD_ADJUSTMENT", -2500, {"1105": "-25.00", "1292": "+25.00"}),
        ("SQUARE_CAPITAL_PAYMENT", -1000, {"1105": "-10.00", "1293": "+10.00"}),
        ("SQUARE_CAPITAL_REVERSED_PAYMENT", 1000, {"1105": "+10.00", "1293": "-10.00"}),
        ("DEPOSIT_FEE", -175, {"1105": "-1.75", "4960": "+1.75"}),
        ("THIRD_PARTY_FEE", -10, {}),
        ("PAID_SERVICE_FEE", -10, {"1105": "-0.10", "4965": "+0.10"}),
        ("TAX_ON_FEE", -735, {"1105": "-7.35", "2999": "+7.35"}),
        ("SUBSCRIPTION_FEE_REFUND", 3500, {"1105": "+35.00", "4960": "-35.00"}),
        ("MONEY_TRANSFER", -2000, {"1105": "-20.00", "1290": "+20.00"}),
        ("ADJUSTMENT", 100, {"1105": "+1.00", "2998": "-1.00"}),
        ("MOON_LANDING_FEE", -100, {"1105": "-1.00", "2998": "+1.00"}),
        ("", -100, {"1105": "-1.00", "2998": "+1.00"}),
    ],
)
def test_each_type_goes_to_its_account(kind: str, gross: int, expected: dict[str, str]) -> None:
    assert moved(one(kind, gross).legs) == expected


def test_a_fee_that_square_writes_as_fee_counts_by_its_net() -> None:
    assert moved(one("SUBSCRIPTION_FEE", 0, 3500).legs) == {"1105": "-35.00", "4500": "+35.00"}


def test_an_unknown_type_warns_until_somebody_gives_it_an_account() -> None:
    assert (
        "EUR -1.00 stands in suspense: its type MOON_LANDING_FEE is not known" in one("MOON_LANDING_FEE", -100).notes[0]
    )
    assert "says nothing about its nature" in one("OTHER", -100).notes[0]
    decided = context(rules=[*PAYOUT_RULES, rule(30, Role.SUSPENSE, "4970", payout_entry_type="MOON_LANDING_FEE")])
    made = planned(payout(-100), (entry("MOON_LANDING_FEE", -100),), PayoutContext(usual=decided))
    assert (lines(made), made.notes) == (["1290 +1.00", "4970 -1.00"], ())


def test_a_type_without_a_rule_waits_alone() -> None:
    rules = [one for one in PAYOUT_RULES if one.role is not Role.LOAN]
    known = replace(BOOKED, usual=context(rules=rules))
    loan = entry("SQUARE_CAPITAL_PAYMENT", -1000)
    made = planned(payout(-4500), (SUBSCRIPTION, loan), known)
    assert [leg.problem.kind if leg.problem else None for leg in made.legs] == [
        None, None, ProblemKind.UNMAPPED_ACCOUNT,
    ]  # fmt: skip
    assert "payout entry type SQUARE_CAPITAL_PAYMENT" in str(made.legs[2].problem)


SIMPLE = payout(2000, kind="SIMPLE", id="po_0")


def test_a_simple_payout_has_no_entries_and_books_the_transfer() -> None:
    assert lines(planned(SIMPLE, ())) == ["1290 -20.00"]


def test_a_simple_payout_inside_a_later_batch_is_not_booked_again() -> None:
    known = replace(BOOKED, transfers={"po_0": -2000})
    moved_on = (entry("MONEY_TRANSFER", -2000), entry("CHARGE", 4589, 80, payment_id="PAY1"))
    assert lines(planned(payout(2509), moved_on, known)) == ["1290 -25.09"]
    assert lines(planned(payout(2509), moved_on)) == ["1290 -25.09", "1290 -20.00"]
    assert planned(SIMPLE, (), known).legs == ()


def test_two_transfers_of_one_amount_are_two() -> None:
    known = replace(BOOKED, transfers={"po_0": -2000})
    both = (entry("MONEY_TRANSFER", -2000, id="poe_1"), entry("MONEY_TRANSFER", -2000, id="poe_2"))
    assert lines(planned(payout(-4000), both, known)) == ["1290 +40.00", "1290 -20.00"]


def test_a_returned_payout_is_booked_once() -> None:
    returned = (entry("RETURNED_PAYOUT", 9992),)
    assert lines(planned(payout(9992, id="po_2"), returned)) == ["1290 -99.92", "1290 +99.92"]
    known = replace(BOOKED, returns={"po_1": 9992})
    assert lines(planned(payout(9992, id="po_2"), returned, known)) == ["1290 -99.92"]
    assert lines(planned(payout(9992, status="FAILED"), (entry("MONEY_TRANSFER", 9992),), known))[0] == "1290 -99.92"
    assert LegKind.PAYOUT not in [leg.kind for leg in planned(payout(9992, status="FAILED"), CASE_7, known).legs[1:]]


WAITING = [
    ("not its sum", payout(9991), CASE_7, ProblemKind.UNBALANCED, "EUR 99.91, its 6 entries come to EUR 99.92"),
    ("net", payout(81), (replace(entry("CHARGE", 100, 18), net=81),), ProblemKind.UNBALANCED, "gross less their fee"),
    ("no entries", payout(9992), (), ProblemKind.NO_LINES, "EUR 99.92 without its entries"),
    ("nothing", payout(0), (), ProblemKind.ODD_AMOUNT, "EUR 0.00"),
    ("currency", payout(100, currency="GBP"), (), ProblemKind.UNSUPPORTED, "in GBP, not in EUR"),
    ("entry", payout(-100), (entry("OTHER", -100, currency="GBP"),), ProblemKind.UNSUPPORTED, "in GBP, not in EUR"),
    ("unknown currency", payout(100, currency="XTS"), (), ProblemKind.UNKNOWN_CURRENCY, "XTS"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "asked", "entries", "kind", "words"), WAITING, ids=[row[0] for row in WAITING])
def test_a_doubtful_payout_waits_whole(
    name: str, asked: Payout, entries: tuple[PayoutEntry, ...], kind: ProblemKind, words: str
) -> None:
    made = bookkeeping.plan(asked, entries, BOOKED)
    assert made.legs == ()
    assert made.problem is not None
    assert made.problem.kind is kind
    assert words in made.problem.sentence


def test_a_payout_that_is_not_sent_owes_nothing() -> None:
    made = bookkeeping.plan(payout(9992, status="BREWING"), CASE_7, BOOKED)
    assert (made.legs, made.problem, len(made.notes)) == ((), None, 1)


# Reference: Square ActivityType.
TYPES = [
    "ADJUSTMENT", "APP_FEE_REFUND", "APP_FEE_REVENUE", "AUTOMATIC_SAVINGS", "AUTOMATIC_SAVINGS_REVERSED",
    "CHARGE", "DEPOSIT_FEE", "DEPOSIT_FEE_REVERSED", "DISPUTE", "ESCHEATMENT", "FEE", "FREE_PROCESSING",
    "HOLD_ADJUSTMENT", "INITIAL_BALANCE_CHANGE", "MONEY_TRANSFER", "MONEY_TRANSFER_REVERSAL", "OPEN_DISPUTE",
    "OTHER", "OTHER_ADJUSTMENT", "PAID_SERVICE_FEE", "PAID_SERVICE_FEE_REFUND", "REDEMPTION_CODE", "REFUND",
    "RELEASE_ADJUSTMENT", "RESERVE_HOLD", "RESERVE_RELEASE", "RETURNED_PAYOUT", "SQUARE_CAPITAL_PAYMENT",
    "SQUARE_CAPITAL_REVERSED_PAYMENT", "SUBSCRIPTION_FEE", "SUBSCRIPTION_FEE_PAID_REFUND",
    "SUBSCRIPTION_FEE_REFUND", "TAX_ON_FEE", "THIRD_PARTY_FEE", "THIRD_PARTY_FEE_REFUND", "PAYOUT",
    "AUTOMATIC_BITCOIN_CONVERSIONS", "AUTOMATIC_BITCOIN_CONVERSIONS_REVERSED", "CREDIT_CARD_REPAYMENT",
    "CREDIT_CARD_REPAYMENT_REVERSED", "LOCAL_OFFERS_CASHBACK", "LOCAL_OFFERS_FEE",
    "PERCENTAGE_PROCESSING_ENROLLMENT", "PERCENTAGE_PROCESSING_DEACTIVATION", "PERCENTAGE_PROCESSING_REPAYMENT",
    "PERCENTAGE_PROCESSING_REPAYMENT_REVERSED", "PROCESSING_FEE", "PROCESSING_FEE_REFUND",
    "UNDO_PROCESSING_FEE_REFUND", "GIFT_CARD_LOAD_FEE", "GIFT_CARD_LOAD_FEE_REFUND",
    "UNDO_GIFT_CARD_LOAD_FEE_REFUND", "BALANCE_FOLDERS_TRANSFER", "BALANCE_FOLDERS_TRANSFER_REVERSED",
    "GIFT_CARD_POOL_TRANSFER", "GIFT_CARD_POOL_TRANSFER_REVERSED", "SQUARE_PAYROLL_TRANSFER",
    "SQUARE_PAYROLL_TRANSFER_REVERSED",
]  # fmt: skip


def test_each_of_the_58_types_has_a_row() -> None:
    assert len(TYPES) == 58
    assert set(ACTIVITIES) == set(TYPES)


@given(
    st.lists(st.tuples(st.sampled_from(TYPES), st.integers(-9999, 9999), st.integers(-99, 99)), min_size=1),
    st.randoms(),
)
def test_transfer_and_entries_leave_the_clearing_account_as_the_bookings_did(
    drawn: list[tuple[str, int, int]], chance: random.Random
) -> None:
    """What the payout's legs move on clearing, plus what its verified events had moved before, is nothing: the balance
    that the payout emptied. Nothing is booked before here, so what only verifies is what is left out.
    """
    entries = [entry(kind, gross, fee, id=f"poe_{place:03}") for place, (kind, gross, fee) in enumerate(drawn)]
    asked = payout(sum(part.net for part in entries))
    if not asked.amount:
        return
    made = planned(asked, tuple(entries), PayoutContext(usual=USUAL))
    unverified = [part.net for part in entries if activity(part.kind).check in (Check.EVENT, Check.FEE)]
    assert moved(made.legs).get("1105", "+0.00") == cents(-sum(unverified))
    chance.shuffle(entries)
    assert planned(asked, tuple(entries), PayoutContext(usual=USUAL)) == made


@given(
    st.lists(
        st.tuples(st.integers(1, 99999), st.integers(0, 999), st.integers(-5, 5), st.booleans()), min_size=1, max_size=9
    )
)
def test_settled_events_and_their_differences_empty_the_clearing_account(
    drawn: list[tuple[int, int, int, bool]],
) -> None:
    events = {f"E{place}": row for place, row in enumerate(drawn)}
    sign = {source: -1 if back else 1 for source, (_, _, _, back) in events.items()}
    booked = {source: Booked(sign[source] * gross, sign[source] * fee) for source, (gross, fee, _, _) in events.items()}
    entries = tuple(
        entry(
            "REFUND" if back else "CHARGE", sign[source] * gross, sign[source] * fee + late, id=f"poe_{source}",
            payment_id=source, refund_id=source if back else "",
        )
        for source, (gross, fee, late, back) in events.items()
    )  # fmt: skip
    asked = payout(sum(part.net for part in entries))
    if not asked.amount:
        return
    known = PayoutContext(
        usual=USUAL,
        payments={source: held for source, held in booked.items() if sign[source] > 0},
        refunds={source: held for source, held in booked.items() if sign[source] < 0},
    )
    before = sum(held.gross - held.fee for held in booked.values())
    made = planned(asked, entries, known)
    assert moved(made.legs).get("1105", "+0.00") == cents(-before)
    assert {line.role for leg in made.legs for line in leg.lines} <= {Role.TRANSIT, Role.PROCESSING_FEE}


def test_entries_read_twice_count_once() -> None:
    assert planned(payout(9992), CASE_7 + CASE_7[:2]) == planned(payout(9992), CASE_7)


def test_entries_without_a_time_keep_the_day_of_the_payout() -> None:
    made = planned(payout(-3500), (replace(SUBSCRIPTION, effective_at=None),))
    assert {leg.date for leg in made.legs} == {LATER.date()}
