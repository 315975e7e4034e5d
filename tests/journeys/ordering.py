"""A shop whose lane writes orders: place them at Square, say which items they are, look at Exact's side."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from connections.sandbox.square import FulfilmentSpec, LineSpec
from mappings import items
from mappings.models import ExactItem, ItemMapping
from sync.models import Posting, SyncItem, SyncRun
from tests.journeys.shop import Till

MUGS = LineSpec("Mug", 5000, tax="VAT 21", quantity="2")
CAKE = LineSpec("Cake", 1295, tax="VAT 9")
TOWEL = LineSpec("Tea towel", 1000, tax="VAT 21")
FRIDAY = FulfilmentSpec("PICKUP", datetime(2026, 3, 6, 9, 0, tzinfo=UTC))
ITEMS = (("MUG", "Mug"), ("CAKE", "Cake"), ("TEA", "Tea towel"))


class Orders:
    def __init__(self, till: Till, **choices: Any) -> None:
        self.till, self.world = till, till.world
        for code, name in ITEMS:
            self.books.add("items", Code=code, Description=name, IsSalesItem=True)
        self.choose(orders="sales_orders", order_item="SQUARE", **choices)
        items.refresh(self.world.shop.division)

    @property
    def books(self) -> Any:
        return self.world.books

    @property
    def square(self) -> Any:
        return self.world.sandbox.square

    def choose(self, **choices: Any) -> None:
        """What a person sets on the lane."""
        lane = self.world.shop.lane
        type(lane).objects.filter(pk=lane.pk).update(**choices)
        lane.refresh_from_db()

    def place(self, *lines: LineSpec, **more: Any) -> dict[str, Any]:
        more = {"fulfilment": FRIDAY, "customer_id": self.world.customers[0], **more}
        order: dict[str, Any] = self.square.place_order("Amsterdam", lines or (MUGS, CAKE), **more)
        return order

    def article(self, name: str) -> str:
        catalog_id: str = self.square.state.catalog_id("", name, "Regular")
        return catalog_id

    def map(self, *names: str) -> None:
        """Finance has said which item each article is."""
        shop = self.world.shop
        for code, name in ITEMS:
            if name in names:
                item = ExactItem.objects.get(division=shop.division, code=code)
                ItemMapping.objects.create(
                    division=shop.division, merchant=shop.square, status="matched", square_item=self.article(name),
                    square_name=name, item=item, effective_from=date(2026, 1, 1),
                    decided_by="anna", decided_at=self.world.timeline.now(),
                )  # fmt: skip

    def run(self, **span: float) -> SyncRun:
        run = self.till.run_after(**(span or {"minutes": 20}))
        assert run.state == "done", run.sentence
        return run

    @property
    def heads(self) -> list[dict[str, Any]]:
        return list(self.books.tables["salesorders"])

    @property
    def quotations(self) -> list[dict[str, Any]]:
        return list(self.books.tables["quotations"])

    def lines(self, head: dict[str, Any]) -> list[dict[str, Any]]:
        key, table = ("OrderID", "salesorderlines") if "OrderID" in head else ("QuotationID", "quotationlines")
        found = self.books.tables[table].find(key, head[key])
        return sorted(found, key=lambda line: int(line["LineNumber"]))

    def shown(self, head: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Item, quantity, net amount in cents, VAT code of each line."""
        return [
            (line["ItemCode"], line["Quantity"], int(line["AmountFC"] * 100), line["VATCode"].strip())
            for line in self.lines(head)
        ]

    def record(self, order: dict[str, Any]) -> SyncItem:
        return SyncItem.objects.get(source_id=order["id"])

    def entries(self, order: dict[str, Any]) -> list[Posting]:
        """Those of one order, oldest first."""
        return list(Posting.objects.filter(legs__item__source_id=order["id"]).order_by("ordinal"))

    def writes(self) -> int:
        """Calls that change an order in Exact."""
        methods = ("POST", "PUT", "DELETE")
        return sum(self.till.calls("exact", method, part) for method in methods for part in ("Order", "Quotation"))
