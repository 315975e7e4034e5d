"""What items are sold and bought for, and where they lie.

Reference: exact-online.md appendix A; logistics/SalesItemPrices, logistics/SupplierItem, inventory/ItemWarehouses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from connections.providers.exact import odata
from connections.providers.exact.client import ExactClient
from connections.providers.exact.resources import Resource
from connections.providers.exact.values import guid, required_guid, trimmed, wall_clock
from connections.providers.payload import Reader

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SalesPrice:
    """What an item costs from a quantity on, between two days. `account`: the one customer it is for, "" for all."""

    id: str
    item: str
    account: str
    price: Decimal
    currency: str
    quantity: Decimal
    unit: str
    starts: datetime | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class SupplierPrice:
    """What an item costs us at a supplier. `is_main`: the supplier it usually comes from."""

    id: str
    item: str
    supplier_code: str
    supplier_name: str
    price: Decimal
    currency: str
    unit: str
    is_main: bool
    starts: datetime | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Stock:
    """An item in a warehouse: pieces that are there, promised in and out, and what that comes to."""

    warehouse_code: str
    warehouse_name: str
    current: Decimal
    planned_in: Decimal
    planned_out: Decimal
    projected: Decimal


def sales_price(row: Row) -> SalesPrice:
    reader = Reader(row, "SalesItemPrices")
    return SalesPrice(
        id=required_guid(reader, "ID"),
        item=guid(reader, "Item"),
        account=guid(reader, "Account"),
        price=reader.optional_decimal("Price"),
        currency=trimmed(reader, "Currency"),
        quantity=reader.optional_decimal("Quantity"),
        unit=trimmed(reader, "Unit"),
        starts=wall_clock(reader, "StartDate"),
        ends=wall_clock(reader, "EndDate"),
    )


def supplier_price(row: Row) -> SupplierPrice:
    reader = Reader(row, "SupplierItem")
    return SupplierPrice(
        id=required_guid(reader, "ID"),
        item=guid(reader, "Item"),
        supplier_code=trimmed(reader, "SupplierCode"),
        supplier_name=reader.optional_text("SupplierDescription"),
        price=reader.optional_decimal("PurchasePrice"),
        currency=trimmed(reader, "Currency"),
        unit=trimmed(reader, "PurchaseUnit"),
        is_main=reader.optional_flag("MainSupplier"),
        starts=wall_clock(reader, "StartDate"),
        ends=wall_clock(reader, "EndDate"),
    )


def stock(row: Row) -> Stock:
    reader = Reader(row, "ItemWarehouses")
    return Stock(
        warehouse_code=trimmed(reader, "WarehouseCode"),
        warehouse_name=reader.optional_text("WarehouseDescription"),
        current=reader.optional_decimal("CurrentStock"),
        planned_in=reader.optional_decimal("PlannedStockIn"),
        planned_out=reader.optional_decimal("PlannedStockOut"),
        projected=reader.optional_decimal("ProjectedStock"),
    )


SALES_PRICES = Resource(
    "logistics/SalesItemPrices",
    ("ID", "Item", "Account", "Price", "Currency", "Quantity", "Unit", "StartDate", "EndDate"),
    sales_price,
)
SUPPLIER_PRICES = Resource(
    "logistics/SupplierItem",
    (
        "ID", "Item", "SupplierCode", "SupplierDescription", "PurchasePrice", "Currency", "PurchaseUnit",
        "MainSupplier", "StartDate", "EndDate",
    ),
    supplier_price,
)  # fmt: skip
STOCK = Resource(
    "inventory/ItemWarehouses",
    ("WarehouseCode", "WarehouseDescription", "CurrentStock", "PlannedStockIn", "PlannedStockOut", "ProjectedStock"),
    stock,
)


def of_item(client: ExactClient, item: str) -> tuple[Stock, ...]:
    """The stock of one item (by GUID) in each warehouse, as it is now; none for what is kept nowhere."""
    return tuple(client.read(STOCK, where=odata.eq("Item", odata.guid(item)), orderby="WarehouseCode"))
