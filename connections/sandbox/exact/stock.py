"""Items with the accounts they are booked on, what they are sold and bought for, and where they lie."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from connections.sandbox.exact import checks, masters
from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision

_FIGURES = ("CurrentStock", "PlannedStockIn", "PlannedStockOut", "ProjectedStock", "ReservedStock")
_BOOKED_ON = ("GLRevenue", "GLCosts", "GLStock")


def _with_accounts(division: ExactDivision, body: Row) -> Row:
    """# Reference: appendix A, logistics/Items: an account is written by its GUID and shown with code and name."""
    shown: Row = {}
    for field in _BOOKED_ON:
        if body.get(field):
            gl = checks.gl_account(division, body[field])
            shown |= {f"{field}Code": gl["Code"], f"{field}Description": gl["Description"]}
    return {**body, **shown}


def create_item(division: ExactDivision, body: Row) -> Row:
    return masters.create("items")(division, _with_accounts(division, body))


def change_item(division: ExactDivision, key: str, body: Row) -> None:
    masters.change("items")(division, key, _with_accounts(division, body))


def _item(division: ExactDivision, body: Row) -> Row:
    """The columns that a row shows of its item. Raises `Rule`."""
    item = division.tables["items"].get(body.get("Item"))
    if item is None:
        raise Rule("reference", "Item")
    return {"ItemCode": item["Code"], "ItemDescription": item["Description"]}


def create_price(division: ExactDivision, body: Row) -> Row:
    """A sales price: of one customer, or of nobody in particular. A guess: from one piece on, unless it says else."""
    named: Row = {}
    if body.get("Account"):
        named = {"AccountName": checks.account(division, body["Account"])["Name"]}
    usual = {"Currency": division.currency, "Quantity": Decimal(1), "NumberOfItemsPerUnit": Decimal(1)}
    return division.add("salesitemprices", **{**usual, **body, **_item(division, body), **named})


def create_supplier_item(division: ExactDivision, body: Row) -> Row:
    """What an item costs at a supplier."""
    supplier = checks.account(division, body.get("Supplier"), "Supplier")
    if not supplier.get("IsSupplier"):
        raise Rule("invalid", "AccountType")
    shown = {"SupplierCode": supplier["Code"], "SupplierDescription": supplier["Name"]}
    usual = {"Currency": division.currency, "MainSupplier": False}
    return division.add("supplieritem", **{**usual, **body, **_item(division, body), **shown})


def create_item_warehouse(division: ExactDivision, body: Row) -> Row:
    """# Reference: section 9, the stock figures of ItemWarehouses are read-only: they follow from what is moved."""
    warehouse = division.tables["warehouses"].get(body.get("Warehouse"))
    if warehouse is None:
        raise Rule("reference", "Warehouse")
    shown = {"WarehouseCode": warehouse["Code"], "WarehouseDescription": warehouse["Description"]}
    nothing = dict.fromkeys(_FIGURES, Decimal(0))
    return division.add("itemwarehouses", **{**nothing, **body, **_item(division, body), **shown})


def set_stock(division: ExactDivision, item: str, warehouse: str, *, current: int, planned_out: int = 0) -> Row:
    """As goods that are received do: the stock of an item (by GUID) in a warehouse (by code)."""
    place = division.tables["warehouses"].first("Code", warehouse)
    place = place or division.add("warehouses", Code=warehouse, Description=f"Warehouse {warehouse}")
    rows = [row for row in division.tables["itemwarehouses"].find("Item", item) if row["Warehouse"] == place["ID"]]
    row = rows[0] if rows else create_item_warehouse(division, {"Item": item, "Warehouse": place["ID"]})
    figures = {"CurrentStock": current, "PlannedStockOut": planned_out, "ProjectedStock": current - planned_out}
    changed = {name: Decimal(figure) for name, figure in figures.items()}
    return division.tables["itemwarehouses"].change(row["ID"], **changed, Modified=division.now())
