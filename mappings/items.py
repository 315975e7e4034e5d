"""A division's items with their prices, and which article of Square each is: read only where orders are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clients, clock
from connections.models import Connection, Division
from connections.providers.exact import changes, stock
from connections.providers.exact.orders import Item as ItemRow
from connections.providers.square.payloads import Goods
from mappings import deltas
from mappings.belongings import SalesPrice, SupplierPrice
from mappings.bookkeeping.legs import Problem, ProblemKind
from mappings.bookkeeping.order import Item
from mappings.deltas import Watched, Within
from mappings.models import Decision, ExactItem, ItemMapping

STALE = timedelta(hours=24)
LONGEST_CODE, LONGEST_NAME, LONGEST_UNIT = 30, 300, 10
PRICE_STEP, LARGEST_PRICE, CENT = Decimal("0.000001"), Decimal(10**12), Decimal("0.01")
# A person waits for the answer: so long, in seconds, a call may wait for its turn.
AT_ONCE = 5


def refresh_if_stale(division: Division) -> None:
    if division.items_read_at is None or clock.now() - division.items_read_at > STALE:
        refresh(division)


def refresh(division: Division) -> None:
    """Read which items changed, a thousand a call. Raises the errors of the providers; then nothing is stored."""
    now = clock.now()
    changed = deltas.read(clients.exact_client(division), division, WATCHED, at=now)
    with transaction.atomic():
        counts = deltas.keep(division, changed, at=now)
        division.items_read_at = now
        division.save(update_fields=["items_read_at"])
        trail.record(
            [Fact("reference.read", "division", division.pk, str(division), division=division.code, detail=counts)],
            at=now,
        )


def _columns(row: ItemRow) -> dict[str, Any] | None:
    """None for what is not sold."""
    if not row.is_sold:
        return None
    ended = row.ends is not None and row.ends.date() < clock.now().date()
    return {
        "code": row.code[:LONGEST_CODE], "name": row.name[:LONGEST_NAME], "unit": row.unit[:LONGEST_UNIT],
        "is_blocked": ended, "cost": _amount(row.cost), "cost_currency": row.cost_currency[:3],
        "revenue_account": row.revenue_account[:20], "cost_account": row.cost_account[:20],
        "stock_account": row.stock_account[:20], "vat_code": row.vat_code[:10], "is_stocked": row.is_stocked,
    }  # fmt: skip


def _amount(value: Decimal | None) -> Decimal | None:
    """As the column holds it, so that the same price is no change; None for what no column holds."""
    if value is None or abs(value) >= LARGEST_PRICE:
        return None
    return value.quantize(PRICE_STEP, rounding=ROUND_HALF_UP)


def _sales_price(row: stock.SalesPrice) -> dict[str, Any] | None:
    """None for the price of one customer."""
    price = _amount(row.price)
    if row.account or price is None:
        return None
    return {"item_id": row.item, "price": price, "quantity": _amount(row.quantity) or 0, **_shared(row)}


def _supplier_price(row: stock.SupplierPrice) -> dict[str, Any] | None:
    price = _amount(row.price)
    if price is None:
        return None
    supplier = {"supplier_code": row.supplier_code[:20], "supplier_name": row.supplier_name[:LONGEST_NAME]}
    return {"item_id": row.item, "price": price, "is_main": row.is_main, **supplier, **_shared(row)}


def _shared(row: stock.SalesPrice | stock.SupplierPrice) -> dict[str, Any]:
    starts, ends = (day.date() if day else None for day in (row.starts, row.ends))
    return {"currency": row.currency[:3], "unit": row.unit[:LONGEST_UNIT], "starts": starts, "ends": ends}


# Prices are shown beside an item and decide nothing: whose app may not read them loses no order by that.
WATCHED = (
    Watched(ExactItem, changes.ITEMS, changes.ITEM, _columns),
    Watched(
        SalesPrice, changes.SALES_PRICES, changes.SALES_PRICE, _sales_price,
        within=Within(ExactItem, "item_id", stock.SALES_PRICES, "Item"), may_be_missing=True,
    ),
    Watched(
        SupplierPrice, changes.SUPPLIER_PRICES, changes.SUPPLIER_PRICE, _supplier_price,
        within=Within(ExactItem, "item_id", stock.SUPPLIER_PRICES, "Item"), may_be_missing=True,
    ),
)  # fmt: skip


def stock_of(item: ExactItem) -> tuple[stock.Stock, ...]:
    """What lies in each warehouse now, asked of Exact: one call. Raises the errors of the providers."""
    return stock.of_item(clients.exact_client(item.division, wait_at_most=AT_ONCE), item.remote_id)


def prices_on(item: ExactItem, on: date) -> tuple[SalesPrice | None, SupplierPrice | None]:
    """What one piece is sold for, and what it costs at the main supplier; of several the one that began last."""
    sold = [row for row in item.sales_prices.all() if _counts(row, on) and row.quantity <= 1]
    bought = [row for row in item.supplier_prices.all() if _counts(row, on)]
    return (
        max(sold, key=lambda row: (row.starts or date.min, row.quantity, row.pk), default=None),
        max(bought, key=lambda row: (row.is_main, row.starts or date.min, row.pk), default=None),
    )


def _counts(row: SalesPrice | SupplierPrice, on: date) -> bool:
    return (row.starts is None or row.starts <= on) and (row.ends is None or on <= row.ends)


@dataclass(frozen=True, slots=True)
class ItemBook:
    """Decisions about articles, for a batch of orders. `code`: the lane's item for the rest."""

    mapped: Mapping[str, list[ItemMapping]]
    code: str
    chosen: ExactItem | None

    @property
    def rest(self) -> Item | Problem:
        if self.chosen is None or _is_unusable(self.chosen):
            what = f"item {self.code}, which Exact does not list as sold" if self.code else "no item"
            sentence = (
                f"The lane names {what}, for totals, charges and rounding of orders. Choose one on the lane, read the "
                "division's data again, then replay."
            )
            return Problem(ProblemKind.UNMAPPED_ITEM, sentence, "item of the lane")
        return Item(self.chosen.remote_id, self.chosen.code)

    def of(self, goods: Goods, *, on: date) -> Item | Problem:
        """The item of an article on that day; of one that is ignored, the item for the rest."""
        decided = [row for row in self.mapped.get(goods.key, ()) if row.effective_from <= on]
        newest = max(decided, key=lambda row: row.effective_from, default=None)
        if newest and newest.status == Decision.IGNORED:
            return self.rest
        if newest and newest.status == Decision.MATCHED and newest.item:
            return self._usable(newest.item, goods)
        later = "" if not self.mapped.get(goods.key) or decided else f" for an order of {on}: its mapping counts later"
        sentence = (
            f"Article {goods.words or '(unnamed)'} is not mapped to an item in Exact{later}. Map it; this record then "
            "goes on."
        )
        return Problem(ProblemKind.UNMAPPED_ITEM, sentence, goods.key[:200])

    def _usable(self, row: ExactItem, goods: Goods) -> Item | Problem:
        if not _is_unusable(row):
            return Item(row.remote_id, row.code)
        sentence = f"Exact item {row} of article {goods.words} is no longer sold. Map it to another, then replay."
        return Problem(ProblemKind.UNMAPPED_ITEM, sentence, goods.key[:200])


def _is_unusable(row: ExactItem) -> bool:
    return row.is_blocked or row.gone_at is not None


def item_book(division: Division, merchant: Connection, keys: Iterable[str], *, code: str) -> ItemBook:
    """The decisions that these articles need, in two queries."""
    mapped: dict[str, list[ItemMapping]] = {}
    rows = ItemMapping.objects.filter(division=division, merchant=merchant, square_item__in=set(keys))
    for row in rows.select_related("item"):
        mapped.setdefault(row.square_item, []).append(row)
    chosen = ExactItem.objects.filter(division=division, code=code).first() if code else None
    return ItemBook(mapped=mapped, code=code, chosen=chosen)


def propose(division: Division, merchant: Connection, found: Mapping[str, Goods], *, since: date) -> int:
    """One proposed mapping per article that has none; two items that fit make a conflict. Returns how many.

    Nothing is written by a proposal. Square's orders hold no SKU, so a code is compared with what sellers put it in:
    the article's id, name and variation.
    """
    held = ItemMapping.objects.filter(division=division, merchant=merchant, square_item__in=found)
    known = set(held.values_list("square_item", flat=True))
    if known >= found.keys():
        return 0
    items = list(ExactItem.objects.filter(division=division, gone_at=None, is_blocked=False))
    rows = [
        _proposal(division, merchant, key, goods, items, since=since)
        for key, goods in found.items()
        if key not in known
    ]
    with transaction.atomic():
        ItemMapping.objects.bulk_create(rows, batch_size=200, ignore_conflicts=True)
        trail.record([_fact(row) for row in rows], at=clock.now())
    return len(rows)


def _proposal(
    division: Division, merchant: Connection, key: str, goods: Goods, items: Iterable[ExactItem], *, since: date
) -> ItemMapping:
    candidates = [evidence for item in items if (evidence := compare(goods, item))["agrees"]]
    return ItemMapping(
        division=division, merchant=merchant, square_item=key, square_name=goods.words[:LONGEST_NAME],
        status=Decision.CONFLICT if len(candidates) > 1 else Decision.PROPOSED, candidates=candidates,
        effective_from=since, reason="Seen in Square on an order; nobody has decided yet.",
    )  # fmt: skip


def compare(goods: Goods, item: ExactItem) -> dict[str, Any]:
    """What agrees between the two, by the names finance uses."""
    said = {_bare(text) for text in (goods.catalog_id, goods.name, goods.variation, goods.words) if text}
    agrees = [word for word, text in (("code", item.code), ("name", item.name)) if _bare(text) and _bare(text) in said]
    return {"id": item.remote_id, "code": item.code, "name": item.name, "agrees": agrees}


def _bare(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _fact(row: ItemMapping) -> Fact:
    detail = {"status": row.status, "candidates": len(row.candidates)}
    return Fact(
        "item_mapping.proposed", "item_mapping", None, row.square_item, row.square_item, row.division.code, detail
    )
