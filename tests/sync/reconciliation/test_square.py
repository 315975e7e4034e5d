"""Square's own figures, worked out from raw records. Amounts by hand, from bookkeeping section 6."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.reconciliation import pools, square, square_payouts
from sync.reconciliation.choices import Chosen
from sync.reconciliation.square_refunds import Returned, Sold

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MARCH_2 = date(2026, 3, 2)
RATES = {"21": "21", "9": "9", "0": "0"}


def eur(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def line(rate: str, total: int, tax: int, **more: Any) -> dict[str, Any]:
    applied = [{"tax_uid": rate, "applied_money": eur(tax)}] if rate else []
    return {"uid": f"{rate}-{total}", "total_money": eur(total), "total_tax_money": eur(tax), "applied_taxes": applied,
            **more}  # fmt: skip


def order(lines: list[dict[str, Any]], tenders: list[tuple[int, int]], **more: Any) -> dict[str, Any]:
    """`tenders`: amount with tip, and the tip."""
    paid = [
        {"id": f"P{place}", "amount_money": eur(amount), "tip_money": eur(tip)}
        for place, (amount, tip) in enumerate(tenders)
    ]
    taxes = [{"uid": uid, "percentage": rate} for uid, rate in RATES.items()]
    return {"id": "ORDER", "state": "COMPLETED", "line_items": lines, "taxes": taxes, "tenders": paid,
            "closed_at": "2026-03-02T10:00:00Z", **more}  # fmt: skip


def payment(total: int, **more: Any) -> dict[str, Any]:
    return {"id": "P0", "status": "COMPLETED", "source_type": "CARD", "amount_money": eur(total),
            "total_money": eur(total), "created_at": "2026-03-02T10:00:00Z", **more}  # fmt: skip


CASES = {
    # 1. 25.00@21, 3.95@9 twice, 8.99@0, tip 4.00, card 45.89.
    "three rates and a tip": (
        order([line("21", 2500, 434), line("9", 395, 33), line("9", 395, 33), line("0", 899, 0)], [(4589, 400)]),
        {"revenue": -2066 - 724 - 899, "output_vat": -434 - 66, "tips": -400, "receivables": 4589},
    ),
    # 2. 26.50@21, 12.95@9, 4.65@9; cash 20.00, card 24.10. VAT 4.60, 1.07 and 0.38.
    "split tender": (
        order([line("21", 2650, 460), line("9", 1295, 107), line("9", 465, 38)], [(2000, 0), (2410, 0)]),
        {"revenue": -2190 - 1615, "output_vat": -605, "receivables": 4410},
    ),
    # 5. A gift card of 50.00.
    "gift card sold": (
        order([line("", 5000, 0, item_type="GIFT_CARD")], [(5000, 0)]),
        {"gift_card": -5000, "receivables": 5000},
    ),
    # Cash rounding: 9.98 paid with 10.00.
    "cash rounding": (
        order([line("21", 998, 173)], [(1000, 0)], rounding_adjustment={"amount_money": eur(2)}),
        {"revenue": -825, "output_vat": -173, "rounding": -2, "receivables": 1000},
    ),
    # A cent that nobody states is rounding; ten euros that nobody states are not.
    "a cent apart": (
        order([line("21", 999, 173)], [(1000, 0)]),
        {"revenue": -826, "output_vat": -173, "rounding": -1, "receivables": 1000},
    ),
    # A mug of 25.00 for one of 14.95: 10.05 is paid, and only the difference is sold.
    "exchange": (
        order([line("21", 2500, 434)], [(1005, 0)], returns=[{"return_line_items": [line("21", 1495, 259)]}]),
        {"revenue": -2066 + 1236, "output_vat": -434 + 259, "receivables": 1005},
    ),
    "lines missing": (order([], [(1000, 0)]), {"revenue": -1000, "receivables": 1000}),
    "service charge": (
        order([line("21", 1000, 174)], [(1100, 0)], service_charges=[line("21", 100, 17)]),
        {"revenue": -826, "service_charge": -83, "output_vat": -191, "receivables": 1100},
    ),
    "apportioned charge is inside the lines": (
        order(
            [line("21", 1100, 191)], [(1100, 0)],
            service_charges=[line("21", 100, 17, treatment_type="APPORTIONED_TREATMENT")],
        ),
        {"revenue": -909, "output_vat": -191, "receivables": 1100},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_sale_moves_what_square_states(name):
    sold, expected = CASES[name]
    moves = {role: amount for role, amount in square.sale_moves(sold).items() if amount}
    assert moves == expected
    assert sum(moves.values()) == 0


MONEY = {
    "card with its fee": (
        payment(4589, processing_fee=[{"amount_money": eur(80), "effective_at": "2026-03-02T12:00:00Z"}]),
        [("receipt", {"clearing": 4589, "receivables": -4589}), ("fee", {"processing_fee": 80, "clearing": -80})],
    ),
    "cash": (payment(2000, source_type="CASH"), [("receipt", {"cash": 2000, "receivables": -2000})]),
    "house account": (payment(2000, source_type="SQUARE_ACCOUNT"), []),
    "gift card redeemed": (
        payment(5000, card_details={"card": {"card_brand": "SQUARE_GIFT_CARD"}}),
        [("receipt", {"gift_card": 5000, "receivables": -5000})],
    ),
    "external with a fee of its processor": (
        payment(1000, source_type="EXTERNAL", external_details={"source_fee_money": eur(15)}),
        [
            ("receipt", {"other_tender": 1000, "receivables": -1000}),
            ("fee", {"processing_fee": 15, "other_tender": -15}),
        ],
    ),
    "app fee": (
        payment(1000, app_fee_money=eur(50)),
        [("receipt", {"clearing": 1000, "receivables": -1000}), ("fee", {"platform_fee": 50, "clearing": -50})],
    ),
    "authorised only": (payment(1000, status="APPROVED"), []),
}


@pytest.mark.parametrize("name", MONEY)
def test_the_money_of_a_payment(name):
    taken, expected = MONEY[name]
    events = square.payment_events(taken, None, AMSTERDAM, sells=False)
    assert [(owed.group[0], dict(owed.moves)) for owed in events] == expected


DAYS = {
    "a card at capture": (
        {"card_details": {"card_payment_timeline": {"captured_at": "2026-03-02T23:30:00Z"}}}, date(2026, 3, 3),
    ),
    "offline at the till's time": (
        {"offline_payment_details": {"client_created_at": "2026-03-01T22:59:00Z"}}, date(2026, 3, 1),
    ),
    "else at creation, in the zone of the location": ({"created_at": "2026-03-01T23:30:00Z"}, MARCH_2),
}  # fmt: skip


@pytest.mark.parametrize("name", DAYS)
def test_the_day_of_a_payment(name):
    more, expected = DAYS[name]
    assert square.taken_on(payment(100, **more), AMSTERDAM) == expected


def test_a_later_fee_stands_on_the_day_it_takes_effect():
    fees = [{"amount_money": eur(80)}, {"amount_money": eur(-3), "effective_at": "2026-03-05T10:00:00Z"}]
    found = list(square.fee_events(fees, ("fee", "P0"), MARCH_2, "EUR", AMSTERDAM))
    assert [(owed.day, owed.moves["clearing"]) for owed in found] == [(MARCH_2, -80), (date(2026, 3, 5), 3)]


# --- refunds --------------------------------------------------------------------------------------
# 4. Sale 25.00@21 (VAT 4.34), 12.95@9 (1.07), 8.99@0 = 46.94.
SALE = order([line("21", 2500, 434), line("9", 1295, 107), line("0", 899, 0)], [(4694, 0)])


def back(amount: int, returned: dict[str, Any] | None = None, key: str = "R1") -> Returned:
    refund = {"id": key, "amount_money": eur(amount), "status": "COMPLETED", "order_id": f"RO-{key}"}
    return Returned(refund, returned, MARCH_2)


def test_a_refund_by_amount_is_shared_over_the_rates():
    """Shares 5.33 / 2.76 / 1.91; VAT 0.93 and 0.23."""
    moves = Sold(SALE).credit(back(1000)).moves
    assert moves == {"receivables": -1000, "revenue": 440 + 253 + 191, "output_vat": 93 + 23}


def test_a_refund_by_items_is_what_square_states_of_them():
    returned = {
        "returns": [
            {"return_line_items": [line("9", 1295, 107, source_line_item_uid="x")],
             "return_taxes": [{"uid": "9", "percentage": "9"}]}
        ]
    }  # fmt: skip
    assert Sold(SALE).credit(back(1295, returned)).moves == {"receivables": -1295, "revenue": 1188, "output_vat": 107}


def test_a_refund_of_an_unknown_sale_is_revenue_whole():
    assert Sold(None).credit(back(1000)).moves == {"receivables": -1000, "revenue": 1000}


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=6))
def test_all_refunds_of_a_sale_add_up_to_it(parts):
    """Whatever the steps, the last takes what is left, per role."""
    sold, given_back = Sold(SALE), {"revenue": 0, "output_vat": 0}
    left = 4694
    for place, part in enumerate([*parts, 10_000]):
        amount = min(part, left)
        if amount:
            moves = sold.credit(back(amount, key=f"R{place}")).moves
            left -= amount
            for role in given_back:
                given_back[role] += moves.get(role, 0)
    assert given_back == {"revenue": 2066 + 1188 + 899, "output_vat": 541}


# --- payouts --------------------------------------------------------------------------------------
def entry(kind: str, net: int) -> dict[str, Any]:
    return {"id": f"E-{kind}", "type": kind, "net_amount_money": eur(net), "effective_at": "2026-03-02T10:00:00Z"}


def test_a_payout_moves_the_transfer_and_what_no_other_record_tells():
    """7. Payout 99.92 with a subscription and the tax on its fee."""
    payout = {"id": "PO", "status": "PAID", "amount_money": eur(9992), "created_at": "2026-03-02T10:00:00Z"}
    entries = [
        entry("CHARGE", 4512),
        entry("REFUND", -983),
        entry("SUBSCRIPTION_FEE", -3500),
        entry("TAX_ON_FEE", -735),
    ]
    found = [(owed.group, dict(owed.moves)) for owed in square_payouts.payout_events(payout, entries, AMSTERDAM)]
    assert found == [
        (("payout", "PO"), {"transit": 9992, "clearing": -9992}),
        (("payout_entry", "E-SUBSCRIPTION_FEE"), {"clearing": -3500, "processing_fee": 3500}),
        (("payout_entry", "E-TAX_ON_FEE"), {"clearing": -735, "fee_vat_pending": 735}),
    ]


def test_a_failed_payout_comes_back_the_day_it_failed():
    payout = {"id": "PO", "status": "FAILED", "amount_money": eur(9992), "created_at": "2026-03-02T10:00:00Z",
              "updated_at": "2026-03-04T10:00:00Z"}  # fmt: skip
    found = list(square_payouts.payout_events(payout, [], AMSTERDAM))
    assert [(owed.day, owed.moves["clearing"]) for owed in found] == [(MARCH_2, -9992), (date(2026, 3, 4), 9992)]


def test_the_table_of_types_agrees_with_the_one_that_books():
    """Written twice from Square's list: the two must say the same of each of the 58 types."""
    from mappings.bookkeeping.activities import ACTIVITIES, Check

    for kind, booked in ACTIVITIES.items():
        assert (kind in square_payouts.TOLD_ELSEWHERE) is (booked.check is not Check.NOTHING), kind
        if booked.check is Check.NOTHING:
            assert square_payouts.role_of(kind) == booked.role, kind
    assert square_payouts.role_of("NEWER_THAN_THE_TABLE") == "suspense"


# --- booked by another choice ------------------------------------------------------------------------
R21 = Decimal(21)
TAXES = [{"uid": "21", "percentage": "21", "type": "INCLUSIVE"}]
CHOSEN = {
    # Tip 12.10 kept at 21 %: 10.00 and 2.10.
    "tips kept": (
        order([line("21", 2500, 434)], [(3710, 1210)]),
        Chosen(tips=R21),
        {"revenue": -2066, "output_vat": -434 - 210, "tips": -1000, "receivables": 3710},
    ),
    # 50.00 for 40.00: 41.32 and 8.68 before, 33.06 and 6.94 after; the discount is 8.26.
    "discount apart": (
        order([line("21", 4000, 694, total_discount_money=eur(1000))], [(4000, 0)], taxes=TAXES),
        Chosen(is_contra=True),
        {"revenue": -4132, "discount": 826, "output_vat": -694, "receivables": 4000},
    ),
    # A card of 50.00 that is revenue at once: 41.32 and 8.68.
    "single-purpose card sold": (
        order([line("", 5000, 0, item_type="GIFT_CARD")], [(5000, 0)]),
        Chosen(card=R21),
        {"gift_card": -4132, "output_vat": -868, "receivables": 5000},
    ),
    # Sold for 45.00, it holds 50.00: 41.32 and 8.68; paid 37.19 and 7.81; the discount is 4.13.
    "single-purpose card sold for less": (
        order([line("", 4500, 0, item_type="GIFT_CARD", total_discount_money=eur(500))], [(4500, 0)]),
        Chosen(card=R21),
        {"gift_card": -4132, "discount": 413, "output_vat": -781, "receivables": 4500},
    ),
    # A debt of 50.00 for 45.00: the 5.00 are the seller's.
    "card sold for less": (
        order([line("", 4500, 0, item_type="GIFT_CARD", total_discount_money=eur(500))], [(4500, 0)]),
        Chosen(),
        {"gift_card": -5000, "discount": 500, "receivables": 4500},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHOSEN)
def test_a_sale_moves_what_it_was_booked_by(name):
    sold, chosen, expected = CHOSEN[name]
    assert square.sale_moves(sold, chosen) == expected
    assert sum(expected.values()) == 0


def test_a_single_purpose_card_that_is_spent_is_credited_with_the_sale_and_nothing_is_received():
    """25.00 paid with the card: 20.66 and 4.34 of it are given back in the same entry."""
    sold = order([line("21", 2500, 434)], [(2500, 0)])
    sold["tenders"][0]["type"] = "SQUARE_GIFT_CARD"
    assert square.sale_moves(sold, Chosen(card=R21)) == {"revenue": -2066, "gift_card": 2066}


# 1.21 with 21 % inside: 1.00 and 0.21 to claim; what comes back owes it again.
@pytest.mark.parametrize(
    ("charged", "moves"),
    [
        (121, {"processing_fee": 100, "input_vat": 21, "clearing": -121}),
        (-121, {"processing_fee": -100, "output_vat": -21, "clearing": 121}),
    ],
)
def test_the_vat_inside_a_fee_is_taken_out_of_it(charged, moves):
    assert square.kept(charged, R21, "processing_fee") == moves


def test_what_an_invoice_brought_beside_it_goes_back_with_the_money():
    """Invoice 25.00 with a tip of 5.00: of 12.00 given back 10.00 are goods (8.26 + 1.74) and 2.00 tip."""
    paid = order([line("21", 2500, 434)], [(3000, 500)])
    sold = Sold(paid, pool=pools.of_invoice(paid, Chosen(), 2500))
    credit = sold.credit(back(1200))
    assert credit.moves == {"revenue": 826, "output_vat": 174, "receivables": -1000}
    assert credit.beside == {"tips": 200}


def test_a_deposit_that_goes_back_credits_no_sale():
    assert Sold({**SALE, "state": "OPEN"}).credit(back(1000)).moves == {}
