"""Orders on the screen: the choices on a lane, and both sides of each order."""

from __future__ import annotations

from django.test import Client

from audit.models import AuditEntry
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import ExactItem
from sync.models import ExactOrder, SyncItem
from tests.pages import NOW, text_of
from tests.sync.test_pages import ITEMS, LANES, lane_form, listed, page
from tests.till import Shop


def test_a_lane_that_writes_totals_needs_an_item(shop: Shop, anna: Client) -> None:
    chosen = {"orders": "quotations", "order_lines": "total_line"}
    refused = anna.post(page(LANES, shop.lane.pk), lane_form(shop.lane, **chosen))
    assert "A total line needs an item" in text_of(refused)
    saved = anna.post(page(LANES, shop.lane.pk), lane_form(shop.lane, **chosen, order_item="SQUARE"))
    assert saved.status_code == 302, text_of(saved)
    shop.lane.refresh_from_db()
    assert (shop.lane.orders, shop.lane.order_item) == ("quotations", "SQUARE")
    assert AuditEntry.objects.get(verb="lane.changed").detail["orders"] == "quotations"


def test_a_lane_offers_the_items_that_were_read(shop: Shop, anna: Client) -> None:
    for code, is_blocked in (("MUG", False), ("OLD", True)):
        ExactItem.objects.create(
            division=shop.division, remote_id=code, code=code, name=f"The {code}", is_blocked=is_blocked
        )
    text = text_of(anna.get(page(LANES, shop.lane.pk)))
    assert "MUG The MUG" in text
    assert "The OLD" not in text


def test_an_order_is_shown_with_what_square_and_exact_say(shop: Shop, anna: Client) -> None:
    written = shop.payment(1, kind="order", payload={"order": {"state": "CANCELED"}}, state="done")
    ExactOrder.objects.create(
        item=written, document="quotation", remote_id="q-1", number=41, status="Rejected", is_over=True, read_at=NOW
    )
    waiting = shop.waiting(2, ProblemKind.UNMAPPED_ITEM, "VAR1", payload={"order": {"state": "OPEN"}})
    SyncItem.objects.filter(pk=waiting.pk).update(kind="order")
    text = text_of(anna.get("/admin/sync/orderrecord/"))
    for part in ("cancelled", "Quotation 41", "rejected", "open", "not yet", "Article not mapped to an item"):
        assert part in text
    assert len(listed(anna, "/admin/sync/orderrecord/", q=written.source_id)) == 1


def test_an_order_is_not_previewed_while_its_switch_is_off(shop: Shop, anna: Client) -> None:
    item = shop.payment(1, kind="order", payload={"order": {"state": "OPEN"}})
    assert "the switch on it is off" in text_of(anna.get(f"{ITEMS}{item.pk}/preview/"))
