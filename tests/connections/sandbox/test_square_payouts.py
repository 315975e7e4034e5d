from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from connections.sandbox.square import LineSpec, TenderSpec, TransferFee

from .square_world import MORNING, NOW, World

NIGHT = MORNING + timedelta(hours=14)
NEXT_DAY = MORNING + timedelta(days=1)


def amount(data: dict[str, Any], name: str = "amount_money") -> int:
    return data[name]["amount"]


@pytest.fixture
def world() -> World:
    return World()


def entries(world: World, payout: Any) -> list[tuple[str, int, int, int]]:
    """(type, gross, fee, net), oldest first, as the API shows them."""
    shown = world.get(f"/v2/payouts/{payout['id']}/payout-entries?sort_order=ASC").get("payout_entries", [])
    names = ("gross_amount_money", "fee_amount_money", "net_amount_money")
    return [(entry["type"], *(amount(entry, name) for name in names)) for entry in shown]


def test_a_batch_is_the_sum_of_its_entries(world):
    sale = world.sell(gross=10_000)
    refund = world.square.refund(sale.payment_ids[0], 1000, at=MORNING + timedelta(hours=4))
    payout = world.square.pay_out("Amsterdam", at=NIGHT)
    assert entries(world, payout) == [("CHARGE", 10_000, 175, 9825), ("REFUND", -1000, -18, -982)]
    assert amount(payout) == 9825 - 982
    charge, back = world.get(f"/v2/payouts/{payout['id']}/payout-entries?sort_order=ASC")["payout_entries"]
    assert charge["type_charge_details"] == {"payment_id": sale.payment_ids[0]}
    assert back["type_refund_details"] == {"payment_id": sale.payment_ids[0], "refund_id": refund["id"]}
    assert (charge["payout_id"], charge["effective_at"]) == (payout["id"], "2026-03-02T09:30:15.72Z")


def test_a_payout_has_all_that_a_bank_statement_is_matched_by(world):
    world.sell()
    payout = world.square.pay_out("Amsterdam", at=NIGHT)
    shown = world.get(f"/v2/payouts/{payout['id']}")["payout"]
    assert shown["id"].startswith("po_")
    assert shown["end_to_end_id"].startswith("L")
    assert (shown["status"], shown["type"], shown["version"]) == ("SENT", "BATCH", 1)
    assert (shown["arrival_date"], shown["location_id"]) == ("2026-03-04", world.amsterdam)
    assert shown["destination"]["type"] == "BANK_ACCOUNT"


def test_money_of_payouts_has_a_currency_code_unless_switched(world):
    world.sell()
    assert world.square.pay_out("Amsterdam", at=NIGHT)["amount_money"] == {"amount": 982, "currency_code": "EUR"}
    world.square.payout_currency_code = False
    world.sell(at=NEXT_DAY)
    assert world.square.pay_out("Amsterdam", at=NEXT_DAY)["amount_money"] == {"amount": 982, "currency": "EUR"}


@pytest.mark.parametrize("kind", ["cash", "external", "gift_card", "house"])
def test_what_square_does_not_hold_is_never_paid_out(world, kind):
    world.sell(kind=kind)
    assert world.square.balance("Amsterdam") == 0
    assert world.square.pay_out("Amsterdam", at=NIGHT) is None
    assert world.get("/v2/payouts") == {}


def test_nothing_is_paid_out_twice_and_the_balance_is_the_rest(world):
    world.sell(gross=1000)
    world.sell(at=NIGHT + timedelta(hours=1), gross=2000)
    world.sell(where="Utrecht", gross=9000)
    assert world.square.balance("Amsterdam") == 982 + 1965
    first = world.square.pay_out("Amsterdam", at=NEXT_DAY, until=NIGHT)
    assert amount(first) == 982
    assert world.square.balance("Amsterdam") == 1965
    assert world.square.balance("Amsterdam", at=NEXT_DAY - timedelta(minutes=1)) == 982 + 1965
    assert amount(world.square.pay_out("Amsterdam", at=NEXT_DAY)) == 1965
    assert world.square.pay_out("Amsterdam", at=NEXT_DAY) is None
    assert world.square.balance("Utrecht") == 8842


def test_an_approved_payment_is_paid_out_once_it_is_captured(world):
    sale = world.sell(status="APPROVED")
    assert world.square.pay_out("Amsterdam", at=NIGHT) is None
    world.square.capture(sale.payment_ids[0], at=NEXT_DAY)
    assert amount(world.square.pay_out("Amsterdam", at=NEXT_DAY)) == 982


def test_a_fee_counts_from_capture_also_before_the_payment_shows_it(world):
    sale = world.sell(at=NOW)
    assert "processing_fee" not in sale.payments[0]
    assert world.square.balance("Amsterdam") == 982


def test_an_adjusted_fee_is_inside_its_charge_or_later_an_entry_of_its_own(world):
    first, second = world.sell(gross=1000), world.sell(gross=2000)
    world.square.add_fee(first.payment_ids[0], -3, at=MORNING + timedelta(hours=3))
    before = world.square.pay_out("Amsterdam", at=NIGHT)
    world.square.add_fee(second.payment_ids[0], 4, at=NEXT_DAY)
    after = world.square.pay_out("Amsterdam", at=NEXT_DAY)
    assert entries(world, before) == [("CHARGE", 1000, 15, 985), ("CHARGE", 2000, 35, 1965)]
    assert entries(world, after) == [("FEE", -4, 0, -4)]
    assert world.square.payout_entries(after["id"])[0]["type_fee_details"] == {"payment_id": second.payment_ids[0]}


def test_with_gross_settlement_fees_are_entries_of_their_own(world):
    world.square.gross_settlement = True
    sale = world.sell(gross=10_000)
    world.square.refund(sale.payment_ids[0], 1000, at=MORNING + timedelta(hours=4))
    payout = world.square.pay_out("Amsterdam", at=NIGHT)
    assert entries(world, payout) == [
        ("CHARGE", 10_000, 0, 10_000),
        ("PROCESSING_FEE", -175, 0, -175),
        ("REFUND", -1000, 0, -1000),
        ("PROCESSING_FEE_REFUND", 18, 0, 18),
    ]
    assert amount(payout) == 8843


def test_more_refunds_than_sales_make_a_negative_payout(world):
    sale = world.sell(gross=10_000)
    world.square.pay_out("Amsterdam", at=NIGHT)
    world.square.refund(sale.payment_ids[0], fee_returned=0, at=NEXT_DAY)
    assert amount(world.square.pay_out("Amsterdam", at=NEXT_DAY)) == -10_000


def test_what_cancels_out_waits_for_the_next_payout(world):
    world.square.add_payout_entry("ADJUSTMENT", 500, at=MORNING)
    world.square.add_payout_entry("ADJUSTMENT", -500, at=MORNING)
    assert world.square.pay_out("Amsterdam", at=NIGHT) is None
    world.sell(at=NEXT_DAY)
    payout = world.square.pay_out("Amsterdam", at=NEXT_DAY)
    assert [kind for kind, *_ in entries(world, payout)] == ["ADJUSTMENT", "ADJUSTMENT", "CHARGE"]


def test_a_payout_is_paid_and_looks_changed(world):
    world.sell()
    payout = world.square.pay_out("Amsterdam", at=NIGHT)
    world.square.settle_payout(payout["id"], at=NEXT_DAY)
    shown = world.get(f"/v2/payouts/{payout['id']}")["payout"]
    assert (shown["status"], shown["version"], shown["updated_at"]) == ("PAID", 2, "2026-03-03T09:30:15.72Z")


def test_a_payout_that_failed_is_in_the_balance_again(world):
    world.sell()
    payout = world.square.pay_out("Amsterdam", at=NIGHT)
    world.square.settle_payout(payout["id"], "FAILED", at=NEXT_DAY)
    assert world.square.balance("Amsterdam") == amount(payout)
    again = world.square.pay_out("Amsterdam", at=NEXT_DAY)
    assert entries(world, again) == [("RETURNED_PAYOUT", 982, 0, 982)]
    with pytest.raises(ValueError, match="is FAILED and cannot become PAID"):
        world.square.settle_payout(payout["id"], "PAID")


def test_a_simple_payout_has_no_entries_and_turns_up_in_a_later_batch(world):
    world.sell(gross=10_000)
    fee = TransferFee(amount=60, tax=13)
    simple = world.square.transfer("Amsterdam", 4000, at=MORNING + timedelta(hours=3), fee=fee)
    assert (simple["type"], amount(simple)) == ("SIMPLE", 4000)
    assert [(part["type"], amount(part)) for part in simple["payout_fee"]] == [
        ("TRANSFER_FEE", 60),
        ("TAX_ON_TRANSFER_FEE", 13),
    ]
    assert world.get(f"/v2/payouts/{simple['id']}/payout-entries") == {}
    batch = world.square.pay_out("Amsterdam", at=NIGHT)
    assert entries(world, batch) == [
        ("CHARGE", 10_000, 175, 9825),
        ("MONEY_TRANSFER", -4000, 0, -4000),
        ("DEPOSIT_FEE", -60, 0, -60),
        ("TAX_ON_FEE", -13, 0, -13),
    ]
    shown = world.square.payout_entries(batch["id"])
    assert shown[2]["type_deposit_fee_details"] == {"payout_id": simple["id"]}
    assert shown[3]["type_tax_on_fee_details"] == {"tax_rate_description": "VAT 21%"}


def test_a_batch_may_cost_a_fee_that_is_inside_it(world):
    world.sell(gross=10_000)
    payout = world.square.pay_out("Amsterdam", at=NIGHT, fee=TransferFee(amount=147))
    assert amount(payout) == 9825 - 147
    assert [kind for kind, *_ in entries(world, payout)] == ["CHARGE", "DEPOSIT_FEE"]


def test_an_application_fee_is_an_entry_of_the_third_party(world):
    world.sell(gross=1000, app_fee=100)
    payout = world.square.pay_out("Amsterdam", at=NIGHT)
    assert entries(world, payout) == [("CHARGE", 1000, 18, 982), ("THIRD_PARTY_FEE", -100, 0, -100)]


def test_entries_of_any_type_can_be_had_known_or_not(world):
    key = world.sell().payment_ids[0]
    world.square.add_payout_entry("TAX_ON_FEE", -21, at=MORNING, tax_rate_description="VAT 21%", payment_id=key)
    world.square.add_payout_entry("SUBSCRIPTION_FEE", -3500, at=MORNING, location="Utrecht")
    world.square.add_payout_entry("CARBON_REMOVAL", -7, at=MORNING)
    payout = world.square.pay_out("Amsterdam", at=NIGHT)
    assert {kind for kind, *_ in entries(world, payout)} == {"CHARGE", "TAX_ON_FEE", "CARBON_REMOVAL"}
    tax = next(item for item in world.square.payout_entries(payout["id"]) if item["type"] == "TAX_ON_FEE")
    assert tax["type_tax_on_fee_details"] == {"tax_rate_description": "VAT 21%", "payment_id": key}
    assert amount(world.square.pay_out("Utrecht", at=NIGHT)) == -3500
    with pytest.raises(ValueError, match="never returns"):
        world.square.add_payout_entry("PAYOUT", 1)
    with pytest.raises(ValueError, match="no refund_id; known are payment_id"):
        world.square.add_payout_entry("CHARGE", 1, refund_id="x")


def test_the_worked_payout_of_a_bookkeeper(world):
    """45.12 + 60.86 + 46.12 - 9.83 - 35.00 - 7.35 = 99.92."""
    for gross, tip, fee in ((4189, 400, 77), (6194, 0, 108), (4694, 0, 82)):
        sale = world.square.sell("Amsterdam", MORNING, [LineSpec("Item", gross)], [TenderSpec(tip=tip, fee=fee)])
    world.square.refund(sale.payment_ids[0], 1000, at=MORNING + timedelta(hours=3))
    world.square.add_payout_entry("SUBSCRIPTION_FEE", -3500, at=MORNING)
    world.square.add_payout_entry("TAX_ON_FEE", -735, at=MORNING)
    assert amount(world.square.pay_out("Amsterdam", at=NIGHT)) == 9992


# Lists.


def paid_daily(world: World, days: int, where: str = "Amsterdam") -> list[str]:
    made = []
    for day in range(days):
        world.sell(at=MORNING + timedelta(days=day), where=where)
        payout = world.square.pay_out(where, at=NIGHT + timedelta(days=day))
        made.append(payout["id"])
    return made


def walked(world: World, path: str, name: str) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page = world.get(f"{path}&cursor={cursor}" if cursor else path)
        found += [item["id"] for item in page.get(name, [])]
        cursor = page.get("cursor", "")
        if not cursor:
            return found


def test_without_a_location_the_payouts_are_those_of_the_main_one(world):
    made = paid_daily(world, 3)
    elsewhere = paid_daily(world, 1, "Utrecht")
    assert walked(world, "/v2/payouts?limit=2", "payouts") == made[::-1]
    assert walked(world, "/v2/payouts?limit=2&sort_order=ASC", "payouts") == made
    assert walked(world, f"/v2/payouts?location_id={world.utrecht}", "payouts") == elsewhere


def test_payouts_are_filtered_by_creation_with_both_ends_and_by_status(world):
    made = paid_daily(world, 3)
    world.square.settle_payout(made[1])
    window = "begin_time=2026-03-02T23:30:15.720Z&end_time=2026-03-03T23:30:15.720Z&sort_order=ASC"
    assert walked(world, f"/v2/payouts?{window}", "payouts") == made[:2]
    assert walked(world, f"/v2/payouts?{window}&status=PAID", "payouts") == [made[1]]


def test_payouts_of_more_than_a_year_ago_are_asked_for_by_name(world):
    old = NOW - timedelta(days=400)
    world.sell(at=old)
    world.square.pay_out("Amsterdam", at=old + timedelta(hours=12))
    assert world.get("/v2/payouts") == {}
    assert len(walked(world, "/v2/payouts?begin_time=2021-01-01T00:00:00Z", "payouts")) == 1


def test_entries_come_in_pages(world):
    for minute in range(5):
        world.sell(at=MORNING + timedelta(minutes=minute))
    payout = world.square.pay_out("Amsterdam", at=NIGHT)
    made = [entry["id"] for entry in world.square.payout_entries(payout["id"])]
    path = f"/v2/payouts/{payout['id']}/payout-entries?limit=2"
    assert walked(world, path, "payout_entries") == made[::-1]
    assert walked(world, path + "&sort_order=ASC", "payout_entries") == made


def test_a_cursor_of_one_payout_is_no_cursor_of_another(world):
    made = []
    for day in range(2):
        for minute in range(2):
            world.sell(at=MORNING + timedelta(days=day, minutes=minute))
        made.append(world.square.pay_out("Amsterdam", at=NIGHT + timedelta(days=day))["id"])
    cursor = world.get(f"/v2/payouts/{made[0]}/payout-entries?limit=1")["cursor"]
    refused = world.refused("GET", f"/v2/payouts/{made[1]}/payout-entries?limit=1&cursor={cursor}")
    assert refused == (400, "INVALID_CURSOR", "cursor")


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("status=LOST", (400, "INVALID_ENUM_VALUE", "status")),
        ("sort_order=UP", (400, "INVALID_SORT_ORDER", "sort_order")),
        ("location_id=nowhere", (400, "INVALID_VALUE", "location_id")),
        ("begin_time=yesterday", (400, "INVALID_TIME", "begin_time")),
        ("sort_field=CREATED_AT", (400, "UNKNOWN_QUERY_PARAMETER", "sort_field")),
        ("updated_at_begin_time=2026-01-01T00:00:00Z", (400, "UNKNOWN_QUERY_PARAMETER", "updated_at_begin_time")),
    ],
)
def test_a_question_about_payouts_that_square_does_not_know_is_refused(world, query, refusal):
    assert world.refused("GET", f"/v2/payouts?{query}") == refusal


@pytest.mark.parametrize("path", ["/v2/payouts/x", "/v2/payouts/x/payout-entries", "/v2/invoices/x"])
def test_an_unknown_one_is_not_found(world, path):
    assert world.refused("GET", path)[:2] == (404, "NOT_FOUND")


def test_payouts_can_be_made_from_another_process(world):
    world.sell()
    act = world.square.control
    act("add_payout_entry", {"type": "ADJUSTMENT", "amount": 18, "at": MORNING.isoformat()})
    assert act("balance", {"location": "Amsterdam"}) == {"amount": 1000}
    payout = act("pay_out", {"location": "Amsterdam", "at": NIGHT.isoformat(), "until": NIGHT.isoformat()})
    assert act("settle_payout", {"payout_id": payout["id"], "status": "FAILED"})["status"] == "FAILED"
    assert json.dumps(act("state", {}))
