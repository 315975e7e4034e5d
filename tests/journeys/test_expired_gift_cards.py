"""Gift cards that nobody will spend any more: stated by finance, booked once. In cents, debit +."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client

from connections.sandbox.square import LineSpec, TenderSpec
from mappings.models import GLMapping, LedgerAccount, VatCode
from sync.models import Expiry, SyncItem
from tests.journeys.shop import Till
from tests.pages import text_of

ADD = "/admin/sync/expiry/add/"
CARD = LineSpec("Gift card", 5000, tax="", item_type="GIFT_CARD")


def state(till: Till, browser: Client, **changes: Any) -> Any:
    assert till.world.shop
    lane = till.world.shop.lane
    form = {"lane": lane.pk, "location": lane.feeds.get().location_id, "on": "2026-03-02", "value": "30.00"}
    return browser.post(ADD, {**form, "reason": "Older than the terms allow", **changes})


def earn(till: Till, account: str, code: str) -> None:
    assert till.world.shop
    division = till.world.shop.division
    GLMapping.objects.create(
        division=division, role="breakage", effective_from=date(2020, 1, 1),
        account=LedgerAccount.objects.get(division=division, code=account),
        vat_code=VatCode.objects.get(division=division, code=code),
    )  # fmt: skip


# A card of 50.00 sold, 30.00 of it expired: 20.00 is still owed. Nothing to receive.
def test_an_expired_gift_card_becomes_revenue_once(till: Till, browser: Client) -> None:
    earn(till, "8010", "NV")
    till.sell(CARD, tenders=(TenderSpec("card", fee=0),))
    till.next_morning()
    assert state(till, browser).status_code == 302
    for _ in range(3):
        till.next_morning()
    assert till.ledger == {"1105": 5000, "2160": -2000, "8010": -3000}
    assert till.owed_by("Counter sales") == 0
    item = SyncItem.objects.get(kind="expiry")
    assert item.state == "done"
    page = text_of(browser.get(f"/admin/sync/syncitem/{item.pk}/change/"))
    assert "stated as expired by a person" in page
    assert "Stated as expired" in page
    assert "30.00" in text_of(browser.get("/admin/sync/expiry/"))


# 30.00 at 21 % holds 5.21.
def test_an_expired_gift_card_carries_vat_where_its_rule_says_so(till: Till, browser: Client) -> None:
    earn(till, "8010", "2")
    state(till, browser)
    till.next_morning()
    assert till.ledger == {"2160": 3000, "8010": -2479, "1500": -521}


def test_without_a_rule_it_waits(till: Till, browser: Client) -> None:
    state(till, browser)
    till.next_morning()
    item = SyncItem.objects.get(kind="expiry")
    assert (item.state, item.problem_kind) == ("waiting", "unmapped_account")
    assert "account for breakage" in item.problem


def test_what_has_not_expired_or_does_not_belong_to_the_lane_is_refused(till: Till, browser: Client) -> None:
    assert "still owed to their holders" in text_of(state(till, browser, on="2026-03-05"))
    assert "greater than or equal to 0.01" in text_of(state(till, browser, value="0"))
    assert not Expiry.objects.exists()


def test_a_bookkeeper_may_not_state_it(till: Till, client: Client, plain_http: None) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.groups.add(Group.objects.get(name="Bookkeeper"))
    client.force_login(bob)
    assert client.get(ADD).status_code == 403
    assert client.get("/admin/sync/expiry/").status_code == 200
