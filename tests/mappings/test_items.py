"""Articles of Square and items of Exact: who decides, what is proposed, what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from connections.models import Division
from connections.providers.square.payloads import Goods
from mappings import items
from mappings.bookkeeping.legs import Problem, ProblemKind
from mappings.bookkeeping.order import Item
from mappings.models import ExactItem, ItemMapping
from tests.pages import in_role, text_of
from tests.till import Shop

MAPPINGS = "/admin/mappings/itemmapping/"
SPRING = date(2026, 4, 1)


def exact_item(shop: Shop, code: str = "MUG", **more: Any) -> ExactItem:
    return ExactItem.objects.create(
        division=shop.division, remote_id=f"guid-{code}", **{"code": code, "name": code.title(), **more}
    )


def goods(catalog_id: str = "VAR1", name: str = "Mug", variation: str = "Regular") -> Goods:
    return Goods(catalog_id=catalog_id, name=name, variation=variation, quantity=Decimal(1))


def mapping(shop: Shop, **changes: Any) -> dict[str, Any]:
    return {
        "division": shop.division.pk, "merchant": shop.square.pk, "square_item": "VAR1", "square_name": "Mug",
        "status": "matched", "effective_from": "2026-01-01", **changes,
    }  # fmt: skip


def book(shop: Shop, code: str = "") -> items.ItemBook:
    return items.item_book(shop.division, shop.square, ["VAR1"], code=code)


def decided(shop: Shop, **more: Any) -> ItemMapping:
    values = {"square_item": "VAR1", "status": "matched", "effective_from": date(2026, 1, 1), **more}
    return ItemMapping.objects.create(division=shop.division, merchant=shop.square, **values)


def test_the_newest_mapping_of_that_day_counts(shop: Shop) -> None:
    mug, cup = exact_item(shop), exact_item(shop, "CUP")
    decided(shop, item=mug)
    decided(shop, item=cup, effective_from=SPRING)
    assert book(shop).of(goods(), on=date(2026, 3, 31)) == Item("guid-MUG", "MUG")
    assert book(shop).of(goods(), on=SPRING) == Item("guid-CUP", "CUP")


def test_an_article_that_is_only_proposed_mapped_later_or_to_a_gone_item_waits(shop: Shop) -> None:
    unknown = book(shop).of(goods(), on=SPRING)
    row = decided(shop, item=exact_item(shop, is_blocked=True), effective_from=SPRING)
    early, gone = book(shop).of(goods(), on=date(2026, 3, 31)), book(shop).of(goods(), on=SPRING)
    ItemMapping.objects.filter(pk=row.pk).update(status="proposed")
    proposed = book(shop).of(goods(), on=SPRING)
    for found in (unknown, early, gone, proposed):
        assert isinstance(found, Problem)
        assert (found.kind, found.subject) == (ProblemKind.UNMAPPED_ITEM, "VAR1")
    assert "its mapping counts later" in early.sentence  # type: ignore[union-attr]
    assert "no longer sold" in gone.sentence  # type: ignore[union-attr]


def test_an_ignored_article_takes_the_lanes_item_for_the_rest_if_there_is_one(shop: Shop) -> None:
    decided(shop, status="ignored")
    assert isinstance(book(shop).of(goods(), on=SPRING), Problem)
    assert isinstance(book(shop, "REST").of(goods(), on=SPRING), Problem)
    exact_item(shop, "REST")
    assert book(shop, "REST").of(goods(), on=SPRING) == Item("guid-REST", "REST")


@pytest.mark.parametrize(
    ("article", "agrees"),
    [
        (goods(name="Mug"), ["code", "name"]),
        (goods(name="Coffee mug", variation="mug"), ["code", "name"]),
        (goods(catalog_id="M-U-G", name="Coffee"), ["code", "name"]),
        (goods(name="Muggle"), []),
        (goods(catalog_id="", name=""), []),
    ],
)
def test_a_code_or_name_agrees_without_regard_to_case_and_punctuation(
    shop: Shop, article: Goods, agrees: list[str]
) -> None:
    assert items.compare(article, exact_item(shop))["agrees"] == agrees


def test_articles_are_proposed_once_and_two_items_that_fit_are_a_conflict(shop: Shop) -> None:
    exact_item(shop)
    exact_item(shop, "M1", name="Plate")
    exact_item(shop, "M2", name="Plate")
    exact_item(shop, "GONE", name="Mug", is_blocked=True)
    found = {"VAR1": goods(), "VAR2": goods("VAR2", "Plate"), "name:tour": goods("", "Tour")}
    assert items.propose(shop.division, shop.square, found, since=SPRING) == 3
    assert items.propose(shop.division, shop.square, found, since=SPRING) == 0
    rows = {row.square_item: row for row in ItemMapping.objects.all()}
    assert {key: (row.status, len(row.candidates)) for key, row in rows.items()} == {
        "VAR1": ("proposed", 1), "VAR2": ("conflict", 2), "name:tour": ("proposed", 0),
    }  # fmt: skip
    assert AuditEntry.objects.filter(verb="item_mapping.proposed").count() == 3


def test_a_saved_mapping_says_who_decided_and_lets_waiting_orders_go_on(
    shop: Shop, anna: Client, django_capture_on_commit_callbacks: Any
) -> None:
    waiting = shop.waiting(1, ProblemKind.UNMAPPED_ITEM, "VAR1")
    other = shop.waiting(2, ProblemKind.UNMAPPED_TAX, "revenue: VAT 9, 9 %")
    with django_capture_on_commit_callbacks(execute=True):
        saved = anna.post(f"{MAPPINGS}add/", mapping(shop, item=exact_item(shop).pk))
    assert saved.status_code == 302, text_of(saved)
    waiting.refresh_from_db()
    other.refresh_from_db()
    assert (waiting.state, other.state) == ("extracted", "waiting")
    assert ItemMapping.objects.get().decided_by == "anna"
    assert AuditEntry.objects.get(verb="itemmapping.added").subject == "Mug"


def test_what_could_not_be_written_is_refused(shop: Shop, anna: Client) -> None:
    elsewhere = Division.objects.create(connection=shop.exact, code=2, name="Other BV", is_pinned=True)
    foreign = ExactItem.objects.create(division=elsewhere, remote_id="x", code="X", name="X")
    for changes, told in (
        ({"item": foreign.pk}, "belongs to another division"),
        ({"item": exact_item(shop, is_blocked=True).pk}, "no longer sold"),
        ({}, "needs its Exact item"),
    ):
        assert told in text_of(anna.post(f"{MAPPINGS}add/", mapping(shop, **changes)))
    assert ItemMapping.objects.count() == 0


def test_one_click_leaves_an_article_to_the_item_for_the_rest(shop: Shop, anna: Client) -> None:
    items.propose(shop.division, shop.square, {"VAR1": goods()}, since=SPRING)
    row = ItemMapping.objects.get()
    page = f"{MAPPINGS}{row.pk}/change/"
    assert "No Exact item has the code or the name" in text_of(anna.get(page))
    fields = mapping(shop, status="proposed", reason=row.reason, effective_from="2026-04-01")
    saved = anna.post(page, {**fields, "_rest": "yes"})
    assert saved.status_code == 302, text_of(saved)
    row.refresh_from_db()
    assert (row.status, row.item, row.reason) == ("ignored", None, "")


def test_bookkeepers_decide_and_auditors_look(shop: Shop) -> None:
    row = decided(shop, item=exact_item(shop))
    assert in_role("Bookkeeper").get(f"{MAPPINGS}add/").status_code == 200
    auditor = in_role("Auditor")
    assert auditor.get(f"{MAPPINGS}{row.pk}/change/").status_code == 200
    assert auditor.get(f"{MAPPINGS}add/").status_code == 403
    for page in ("/admin/mappings/exactitem/", "/admin/sync/orderrecord/"):
        assert auditor.get(page).status_code == 200
        assert auditor.get(f"{page}add/").status_code == 403
