"""How a division books what may be booked in several ways. Figures by hand, in cents, debit +."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from connections.sandbox.square import ChargeSpec, LineSpec, TenderSpec
from mappings import reference
from mappings.models import Convention, GLMapping, LedgerAccount, VatCode
from mappings.resolution import NO_TAX
from sync.models import Leg, SyncItem
from tests.journeys.conftest import Queue
from tests.journeys.shop import MUG, Till
from tests.pages import text_of

MONDAY = date(2026, 3, 2)
GIFT = LineSpec("Gift card", 5000, tax="", item_type="GIFT_CARD")
WINE = LineSpec("Wine", 5000)
ADD = "/admin/mappings/convention/add/"


def choose(till: Till, browser: Client, *, since: date = MONDAY, **choices: str) -> None:
    """On the page, as finance does."""
    defaults = {
        "fee_vat": "none", "tips": "payable", "service": "as_charged", "discounts": "netted",
        "gift_cards": "multi_purpose",
    }  # fmt: skip
    assert till.world.shop
    division = till.world.shop.division.pk
    form = {"division": division, "effective_from": since.isoformat(), "reason": "Decided with our adviser"}
    answer = browser.post(ADD, {**form, **defaults, **choices})
    assert answer.status_code == 302, text_of(answer)


def rule(till: Till, role: str, account: str, code: str = "", **narrowed: Any) -> None:
    """A rule, in the place of the demonstration chart's."""
    assert till.world.shop
    division = till.world.shop.division
    GLMapping.objects.filter(division=division, role=role, **narrowed).delete()
    GLMapping.objects.create(
        division=division, role=role, effective_from=date(2020, 1, 1), **narrowed,
        account=LedgerAccount.objects.get(division=division, code=account),
        vat_code=VatCode.objects.filter(division=division, code=code).first(),
    )  # fmt: skip


def discounts_of_their_own(till: Till) -> None:
    rule(till, "discount", "8090", "2", tax_rate=Decimal(21))
    rule(till, "discount", "8090", "1", tax_rate=Decimal(9))
    rule(till, "discount", "8090", "0", tax_rate=Decimal(0))
    rule(till, "discount", "8090", "NV", tax_name=NO_TAX)


def notes(till: Till) -> str:
    return " ".join(line["note"] for leg in Leg.objects.all() for line in leg.content["lines"])


# --- Tips -------------------------------------------------------------------------------------------------------------
# Mug 25.00 at 21 %: 20.66 + 4.34. Tip 12.10 kept at 21 %: 10.00 + 2.10. VAT 4.34 + 2.10 = 6.44.
def test_a_tip_that_the_business_keeps_is_revenue_with_vat(till: Till, browser: Client) -> None:
    choose(till, browser, tips="kept")
    rule(till, "tips", "8010", "2")
    till.sell(tenders=(TenderSpec("card", tip=1210, fee=0),))
    till.next_morning()
    assert till.ledger == {"1105": 3710, "8000": -2066, "8010": -1000, "1500": -644}
    assert "tips kept since 2026-03-02" in notes(till)


def test_a_kept_tip_on_an_account_of_debts_waits_for_a_revenue_account(till: Till, browser: Client) -> None:
    choose(till, browser, tips="kept")
    sale = till.sell(tenders=(TenderSpec("card", tip=400, fee=0),))
    till.next_morning()
    item = till.item(sale)
    assert (item.state, item.problem_kind) == ("waiting", "unmapped_account")
    assert "names GL account 2150 of type 60" in item.problem
    assert till.ledger == {}


# The tip comes back with the VAT it was booked with, although tips are owed to staff by then.
def test_a_refund_follows_the_setting_that_its_sale_was_booked_by(till: Till, browser: Client) -> None:
    choose(till, browser, tips="kept")
    rule(till, "tips", "8010", "2")
    sale = till.sell(tenders=(TenderSpec("card", tip=1210, fee=0),))
    till.next_morning()
    choose(till, browser, since=MONDAY + timedelta(days=1), tips="payable")
    rule(till, "tips", "2150", "NV")
    till.world.sandbox.square.refund(sale.payment_ids[0], items="all")
    till.next_morning()
    assert till.ledger == {}


# --- Fees -------------------------------------------------------------------------------------------------------------
# Fee 1.21, 21 % inside: cost 1.00, to claim 0.21.
def allow_vat(till: Till) -> None:
    journal = till.world.books.tables["journals"].first("Code", "21")
    till.world.books.tables["journals"].change(journal["ID"], AllowVAT=True)
    assert till.world.shop
    reference.refresh(till.world.shop.division)


def test_vat_inside_a_fee_is_claimed_on_the_bank_line(till: Till, browser: Client) -> None:
    allow_vat(till)
    choose(till, browser, fee_vat="included")
    rule(till, "processing_fee", "4960", "2")
    till.sell(tenders=(TenderSpec("card", fee=121),))
    till.next_morning()
    assert till.ledger == {"1105": 2379, "4960": 100, "1510": 21, "8000": -2066, "1500": -434}
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}
    assert "VAT on fees: included since 2026-03-02" in notes(till)


def test_a_vat_code_that_the_journal_does_not_allow_is_found_before_anything_is_sent(
    till: Till, browser: Client
) -> None:
    choose(till, browser, fee_vat="included")
    rule(till, "processing_fee", "4960", "2")
    sale = till.sell(tenders=(TenderSpec("card", fee=121),))
    till.next_morning()
    item = till.item(sale)
    assert "Journal 21 does not allow VAT" in item.problem
    assert till.ledger == {"1105": 2500, "8000": -2066, "1500": -434}  # the fee alone waits


def test_a_reverse_charged_fee_is_reported_by_its_code_and_stays_whole(till: Till, browser: Client) -> None:
    allow_vat(till)
    choose(till, browser, fee_vat="reverse_charge")
    rule(till, "processing_fee", "4960", "VN")
    till.sell(tenders=(TenderSpec("card", fee=121),))
    till.next_morning()
    assert till.ledger == {"1105": 2379, "4960": 121, "8000": -2066, "1500": -434}
    fee = next(line for line in till.world.books.lines() if line["GLAccountCode"] == "4960")
    assert fee["VATCode"].strip() == "VN"


# A fee of 1.21 before the change, adjusted by 0.12 after it: gross first, then with its VAT of 0.02 inside.
def test_a_late_fee_follows_the_setting_of_its_own_day(till: Till, browser: Client) -> None:
    allow_vat(till)
    sale = till.sell(tenders=(TenderSpec("card", fee=121),))
    till.next_morning()
    choose(till, browser, since=MONDAY + timedelta(days=1), fee_vat="included")
    rule(till, "processing_fee", "4960", "2")
    till.world.sandbox.square.add_fee(sale.payment_ids[0], 12)
    till.next_morning()
    till.next_morning()
    assert till.ledger == {"1105": 2367, "4960": 131, "1510": 2, "8000": -2066, "1500": -434}
    assert till.item(sale).state == "done"


# Fees of a gross-settlement seller come as payout entries of their own; with VAT inside they verify all the same.
# 25.00 - 1.21 = 23.79 leaves clearing for the bank.
def test_separate_fee_entries_verify_fees_with_vat_inside(till: Till, browser: Client) -> None:
    allow_vat(till)
    choose(till, browser, fee_vat="included")
    rule(till, "processing_fee", "4960", "2")
    till.world.sandbox.square.gross_settlement = True
    till.sell(tenders=(TenderSpec("card", fee=121),))
    till.next_morning()
    payout = till.world.sandbox.square.pay_out("Amsterdam")
    assert payout
    assert payout["amount_money"]["amount"] == 2379
    for _ in range(2):
        till.next_morning()
    assert till.ledger == {"1290": 2379, "4960": 100, "1510": 21, "8000": -2066, "1500": -434}
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}


# Taken offline on Monday, at Square on Tuesday: all of it is Monday's, and so is the setting.
def test_a_late_offline_payment_belongs_to_the_day_of_the_till(till: Till, browser: Client) -> None:
    choose(till, browser, tips="kept")
    rule(till, "tips", "8010", "2")
    monday = till.world.timeline.now()
    till.next_morning()
    choose(till, browser, since=MONDAY + timedelta(days=1), tips="payable")
    sale = till.sell(tenders=(TenderSpec("card", tip=1210, fee=44, offline_at=monday),))
    till.next_morning()
    till.next_morning()
    assert till.ledger == {"1105": 3666, "4960": 44, "8000": -2066, "8010": -1000, "1500": -644}
    assert {leg.date for leg in till.item(sale).legs.all()} == {MONDAY}


# --- Discounts --------------------------------------------------------------------------------------------------------
# 50.00 less 10.00 = 40.00: net 33.06, VAT 6.94. Before: 41.32 + 8.68. The discount: 8.26 + 1.74.
def test_a_discount_stands_on_its_own_account_with_its_own_vat(till: Till, browser: Client) -> None:
    choose(till, browser, discounts="contra")
    discounts_of_their_own(till)
    till.sell(WINE, tenders=(TenderSpec("card", fee=0),), discount=1000)
    till.next_morning()
    assert till.ledger == {"1105": 4000, "8000": -4132, "8090": 826, "1500": -694}
    assert "discounts contra since 2026-03-02" in notes(till)


# Half of it back by amount: 20.00 = net 16.53, VAT 3.47. Then the rest: everything at zero.
def test_refunds_of_a_discounted_sale_take_the_discount_back_too(till: Till, browser: Client) -> None:
    choose(till, browser, discounts="contra")
    discounts_of_their_own(till)
    sale = till.sell(WINE, tenders=(TenderSpec("card", fee=0),), discount=1000)
    till.next_morning()
    choose(till, browser, since=MONDAY + timedelta(days=1), discounts="netted")
    till.world.sandbox.square.refund(sale.payment_ids[0], 2000)
    till.next_morning()
    assert till.ledger == {"1105": 2000, "8000": -2066, "8090": 413, "1500": -347}
    till.world.sandbox.square.refund(sale.payment_ids[0], 2000)
    till.next_morning()
    assert till.ledger == {}


# Two bottles of 25.00, 10.00 off: one goes back as an item, 20.00 with its 5.00 of discount.
def test_an_item_comes_back_with_its_share_of_the_discount(till: Till, browser: Client) -> None:
    choose(till, browser, discounts="contra")
    discounts_of_their_own(till)
    bottles = LineSpec("Wine", 5000, quantity="2", discount=1000)
    sale = till.sell(bottles, tenders=(TenderSpec("card", fee=0),))
    till.next_morning()
    uid = sale.order["line_items"][0]["uid"]
    till.world.sandbox.square.refund(sale.payment_ids[0], items={uid: "1"})
    till.next_morning()
    assert till.ledger == {"1105": 2000, "8000": -2066, "8090": 413, "1500": -347}


# --- Service ----------------------------------------------------------------------------------------------------------
def test_service_without_tax_waits_where_service_is_taxed(till: Till, browser: Client) -> None:
    choose(till, browser, service="taxed")
    sale = till.sell(service_charges=[ChargeSpec("Service", amount=121)], tenders=(TenderSpec("card", fee=0),))
    till.next_morning()
    assert "no tax on a service charge of EUR 1.21" in till.item(sale).problem
    choose(till, browser, since=MONDAY - timedelta(days=1), service="taxed")
    assert till.ledger == {}


# --- Gift cards -------------------------------------------------------------------------------------------------------
# Sold 50.00 at 21 %: 41.32 + 8.68. Spent on 61.60: 53.00 at 21 % (43.80 + 9.20), 8.60 at 9 % (7.89 + 0.71); the card
# is credited, 41.32 + 8.68, and 11.60 comes by card. Together: 50.00 + 11.60 received, VAT 21: 9.20.
def test_a_single_purpose_gift_card_is_taxed_once(till: Till, browser: Client) -> None:
    choose(till, browser, gift_cards="single_purpose")
    rule(till, "gift_card", "8010", "2")
    till.sell(GIFT, tenders=(TenderSpec("card", fee=0),))
    till.next_morning()
    assert till.ledger == {"1105": 5000, "8010": -4132, "1500": -868}
    lines = (LineSpec("Wine", 5300), LineSpec("Bread", 395, tax="VAT 9"), LineSpec("Pie", 465, tax="VAT 9"))
    till.sell(*lines, tenders=(TenderSpec("gift_card", 5000), TenderSpec("card", 1160, fee=0)))
    till.next_morning()
    assert till.ledger == {"1105": 6160, "8000": -4380, "8001": -789, "1500": -920, "1501": -71}
    assert till.owed_by("Counter sales") == 0


# Goods of 50.00, paid by a single-purpose card, go back onto it: revenue of the card again, no money.
def test_a_refund_onto_a_single_purpose_card_makes_it_a_sale_again(till: Till, browser: Client) -> None:
    choose(till, browser, gift_cards="single_purpose")
    rule(till, "gift_card", "8010", "2")
    till.sell(GIFT, tenders=(TenderSpec("card", fee=0),))
    sale = till.sell(WINE, tenders=(TenderSpec("gift_card"),))
    till.next_morning()
    assert till.ledger == {"1105": 5000, "8000": -4132, "1500": -868}
    till.world.sandbox.square.refund(sale.payment_ids[0], items="all")
    till.next_morning()
    assert till.ledger == {"1105": 5000, "8010": -4132, "1500": -868}
    assert till.owed_by("Counter sales") == 0


# A card of 50.00 sold for 45.00: what is owed to its holder is 50.00, the 5.00 is our discount.
def test_a_card_sold_at_a_discount_is_owed_in_full(till: Till) -> None:
    discounts_of_their_own(till)
    card = LineSpec("Gift card", 5000, tax="", item_type="GIFT_CARD", discount=500)
    till.sell(card, tenders=(TenderSpec("card", fee=0),))
    till.next_morning()
    assert till.ledger == {"1105": 4500, "2160": -5000, "8090": 500}


# Bought by card, given back onto a gift card: 25.00 is owed to its holder, and clearing keeps the money.
def test_a_refund_onto_a_gift_card_is_owed_to_its_holder(till: Till) -> None:
    sale = till.sell(MUG, tenders=(TenderSpec("card", fee=0),))
    till.next_morning()
    till.world.sandbox.square.refund(sale.payment_ids[0], items="all", destination="gift_card", fee_returned=0)
    till.next_morning()
    assert till.ledger == {"1105": 2500, "2160": -2500}


# --- What was ready is looked at again, what is booked is not ---------------------------------------------------------
def test_a_new_setting_counts_for_what_is_ready_and_leaves_what_is_booked(
    till: Till, browser: Client, queue: Queue
) -> None:
    discounts_of_their_own(till)
    booked = till.sell(WINE, tenders=(TenderSpec("card", fee=0),), discount=1000)
    till.next_morning()
    ready = till.sell(WINE, tenders=(TenderSpec("card", fee=0),), discount=1000)
    till.run_after(minutes=20)
    with queue.listening():
        choose(till, browser, discounts="contra")
    assert (till.item(booked).state, till.item(ready).state) == ("done", "extracted")
    till.next_morning()
    # Netted: revenue 33.06, VAT 6.94. Then contra: revenue 41.32, discount 8.26, VAT 6.94.
    assert till.ledger == {"1105": 8000, "8000": -7438, "8090": 826, "1500": -1388}
    # Square touches the booked payment: it is read again, and nothing of it changes.
    till.world.sandbox.square.add_fee(booked.payment_ids[0], 10)
    till.next_morning()
    assert till.item(booked).state in {"done", "resolved"}
    assert till.ledger["8090"] == 826


def test_a_bookkeeper_may_look_at_conventions_and_not_change_them(till: Till, client: Client, plain_http: None) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.groups.add(Group.objects.get(name="Bookkeeper"))
    client.force_login(bob)
    assert client.get("/admin/mappings/convention/").status_code == 200
    assert client.get(ADD).status_code == 403


def test_the_form_says_where_its_defaults_come_from(till: Till, browser: Client) -> None:
    text = text_of(browser.get(ADD))
    assert "defaults, not advice" in text
    assert "Tip 12.10, kept at 21 %: receivable +12.10, tip revenue -10.00, VAT -2.10." in text
    choose(till, browser, tips="kept")
    assert Convention.objects.get().decided_by == "anna"
    assert "as the division books since 2026-03-02" in text_of(browser.get(ADD))


def test_the_record_shows_the_setting_it_was_booked_by(till: Till, browser: Client) -> None:
    sale = till.sell(tenders=(TenderSpec("card", tip=400),))
    till.next_morning()
    text = text_of(browser.get(f"/admin/sync/syncitem/{till.item(sale).pk}/change/"))
    assert "tips payable by default" in text
    assert "VAT on fees: none by default" in text
    entries = {leg.kind: leg.posting for leg in till.item(sale).legs.select_related("posting")}
    shown = {kind: text_of(browser.get(f"/admin/sync/posting/{entry.pk}/change/")) for kind, entry in entries.items()}
    assert "discounts netted by default gift cards multi purpose by default" in shown["sale"]
    assert "Booked by the conventions VAT on fees: none by default" in shown["fee"]


@pytest.mark.parametrize("country", ["NL", "IE", "AU", ""])
def test_a_new_division_starts_with_its_countrys_defaults(till: Till, browser: Client, country: str) -> None:
    assert till.world.shop
    type(till.world.shop.division).objects.update(country=country)
    page = browser.get(ADD).content.decode()
    wanted = {"IE": "separate", "AU": "included"}.get(country, "none")
    assert f'<option value="{wanted}" selected' in page
