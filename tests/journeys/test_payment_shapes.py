"""Twelve ways to pay, and what each moves in the ledger of Exact. Figures by hand, in cents, debit +."""

from __future__ import annotations

import pytest

from connections.sandbox.square import ChargeSpec, LineSpec, TenderSpec

BREAD = LineSpec("Bread", 395, tax="VAT 9")
LUNCH = LineSpec("Lunch", 1295, tax="VAT 9")
PIE = LineSpec("Pie", 465, tax="VAT 9")
BEANS = LineSpec("Beans", 2500, tax="VAT 21")
GIFT = LineSpec("Gift", 899, tax="VAT 0")
CARD = TenderSpec("card")


def shape(*lines, tenders=(CARD,), moves, **more):
    return lines, tenders, more, moves


SHAPES = {
    "three rates and a tip": shape(
        BEANS, BREAD, BREAD, GIFT, tenders=[TenderSpec("card", tip=400, fee=80)],
        moves={"1105": 4509, "4960": 80, "8000": -2066, "1500": -434, "8001": -724, "1501": -66,
               "8002": -899, "2150": -400},
    ),
    "cash and card on one order": shape(
        LineSpec("Wine", 2650), LUNCH, PIE, tenders=[TenderSpec("cash", 2000), TenderSpec("card", 2410, fee=42)],
        moves={"1000": 2000, "1105": 2368, "4960": 42, "8000": -2190, "1500": -460, "8001": -1615, "1501": -145},
    ),
    "a discount over the order": shape(
        LineSpec("Wine", 5000), LUNCH, GIFT, discount=1000, tenders=[TenderSpec("card", fee=108)],
        moves={"1105": 6086, "4960": 108, "8000": -3558, "1500": -747, "8001": -1023, "1501": -92, "8002": -774},
    ),
    "a gift card sold": shape(
        LineSpec("Gift card", 5000, tax="", item_type="GIFT_CARD"), tenders=[TenderSpec("card", fee=88)],
        moves={"1105": 4912, "4960": 88, "2160": -5000},
    ),
    "a gift card spent": shape(
        LineSpec("Wine", 5300), BREAD, PIE, tenders=[TenderSpec("gift_card", 5000), TenderSpec("card", 1160, fee=20)],
        moves={"2160": 5000, "1105": 1140, "4960": 20, "8000": -4380, "1500": -920, "8001": -789, "1501": -71},
    ),
    "VAT added on top": shape(
        LineSpec("Catering", 100000, tax="VAT 9"), LineSpec("Bar", 40000), tax_mode="additive",
        tenders=[TenderSpec("card", fee=0)],
        moves={"1105": 157400, "8001": -100000, "1501": -9000, "8000": -40000, "1500": -8400},
    ),
    "a service charge with VAT": shape(
        BEANS, service_charges=[ChargeSpec("Service", amount=121, tax="VAT 21")], tenders=[TenderSpec("card", fee=0)],
        moves={"1105": 2621, "8000": -2066, "8010": -100, "1500": -455},
    ),
    "cash rounded to five cents": shape(
        GIFT, rounding=1, tenders=[TenderSpec("cash", 900)], moves={"1000": 900, "8002": -899, "4990": -1}
    ),
    "a meal voucher": shape(
        LUNCH, tenders=[TenderSpec("external", external_type="FOOD_VOUCHER")],
        moves={"1110": 1295, "8001": -1188, "1501": -107},
    ),
    "a fee of the application": shape(
        BEANS, tenders=[TenderSpec("card", fee=44, app_fee=25)],
        moves={"1105": 2431, "4960": 44, "4965": 25, "8000": -2066, "1500": -434},
    ),
    "no tax at all": shape(
        LineSpec("Deposit bottle", 100, tax=""), tenders=[TenderSpec("cash")], moves={"1000": 100, "8002": -100}
    ),
    "a phone held to the reader": shape(
        BREAD, tenders=[TenderSpec("wallet", fee=7)], moves={"1105": 388, "4960": 7, "8001": -362, "1501": -33}
    ),
}  # fmt: skip


@pytest.mark.accepts("S000-04", "S002-26")
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("grouping", ["daily_summary", "per_payment"])
def test_each_shape_of_payment_moves_its_accounts(empty_till, name, grouping):
    lines, tenders, more, moves = SHAPES[name]
    empty_till.world.furnish(sales_grouping=grouping)
    empty_till.sell(*lines, tenders=tuple(tenders), **more)

    run = empty_till.next_morning()

    assert run.state == "done", run.sentence
    assert empty_till.ledger == moves
    assert empty_till.world.sandbox.log.refusals == []


@pytest.mark.accepts("S000-04", "S000-23")
def test_a_house_account_leaves_the_sale_open_on_its_customer(till):
    till.sell(BEANS, tenders=(TenderSpec("house"),), customer_id=till.world.customers[0])

    till.next_morning()

    assert till.ledger == {"1300": 2500, "8000": -2066, "1500": -434}
    assert till.owed_by("Hotel Prinsengracht") == 2500
