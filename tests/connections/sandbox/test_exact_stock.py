"""People, prices and stock as Exact keeps them, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from connections.sandbox.exact import stock
from tests.connections.sandbox.exact_world import World, said

NOBODY = "11111111-1111-1111-1111-111111111111"


def made(world: World, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = world.post(path, body, Prefer="return=representation")
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["d"])


def mug(world: World) -> dict[str, Any]:
    accounts = {"GLRevenue": world.gl("8000"), "GLCosts": world.gl("4500")}
    return made(world, "logistics/Items", {"Code": "MUG", "Description": "Mug", "IsSalesItem": True, **accounts})


def test_an_item_shows_the_codes_of_its_accounts() -> None:
    world = World()
    item = mug(world)
    assert (item["GLRevenueCode"], item["GLCostsCode"]) == ("8000", "4500")
    assert world.put(f"logistics/Items(guid'{item['ID']}')", {"GLRevenue": world.gl("8001")}).status_code == 204
    (row,) = world.rows("sync/Logistics/Items", select="Code,GLRevenueCode", filter="Timestamp gt 1L")[-1:]
    assert (row["Code"], row["GLRevenueCode"]) == ("MUG", "8001")


def test_prices_need_an_item_and_a_supplier() -> None:
    world = World()
    item = mug(world)["ID"]
    price = made(world, "logistics/SalesItemPrices", {"Item": item, "Price": 12.5})
    assert (price["ItemCode"], price["Price"], price["Currency"], price["Account"]) == ("MUG", 12.5, "EUR", None)
    body = {"Item": item, "Supplier": world.customer, "PurchasePrice": 4.1, "PurchaseUnit": "pcs", "ItemUnit": NOBODY}
    assert said(world.post("logistics/SupplierItem", body)).startswith("Invalid: Account (Type)")
    supplier = world.division.add_account("Pottery", Status="A", IsSupplier=True)["ID"]
    bought = made(world, "logistics/SupplierItem", {**body, "Supplier": supplier, "MainSupplier": True})
    assert (bought["SupplierDescription"], bought["PurchasePrice"]) == ("Pottery", 4.1)
    assert said(world.post("logistics/SalesItemPrices", {"Item": NOBODY, "Price": 1})) == "Invalid reference: Item"
    assert said(world.post("logistics/SupplierItem", {**body, "Supplier": NOBODY})) == "Invalid reference: Supplier"


def test_stock_follows_what_is_moved_not_what_is_sent() -> None:
    world = World()
    item = mug(world)["ID"]
    place = made(world, "inventory/Warehouses", {"Code": "1", "Description": "Main"})["ID"]
    row = made(world, "inventory/ItemWarehouses", {"Item": item, "Warehouse": place, "CurrentStock": 99})
    assert (row["CurrentStock"], row["WarehouseCode"]) == (0, "1")
    stock.set_stock(world.division, item, "1", current=12, planned_out=2)
    found = world.rows(
        "inventory/ItemWarehouses", select="WarehouseDescription,CurrentStock,ProjectedStock",
        filter=f"Item eq guid'{item}'",
    )  # fmt: skip
    assert [(one["WarehouseDescription"], one["CurrentStock"], one["ProjectedStock"]) for one in found] == [
        ("Main", 12, 10)
    ]
    wrong = world.post("inventory/ItemWarehouses", {"Item": item, "Warehouse": NOBODY})
    assert said(wrong) == "Invalid reference: Warehouse"
    used = world.delete(f"inventory/Warehouses(guid'{place}')")
    assert used.status_code == 500


@pytest.mark.parametrize(
    ("path", "listed", "kind"),
    [
        ("crm/Contacts", "sync/CRM/Contacts", 5),
        ("crm/Addresses", "sync/CRM/Addresses", 3),
        ("logistics/SalesItemPrices", "sync/Logistics/SalesItemPrices", 8),
        ("logistics/SupplierItem", "sync/Logistics/SupplierItem", 30),
    ],
)
def test_what_changes_and_goes_is_told_by_row_version(path: str, listed: str, kind: int) -> None:
    world = World()
    supplier = world.division.add_account("Pottery", Status="A", IsSupplier=True)["ID"]
    bodies: dict[str, dict[str, Any]] = {
        "crm/Contacts": {"Account": world.customer, "FirstName": "Anna", "LastName": "de Vries"},
        "crm/Addresses": {"Account": world.customer, "Type": 3, "City": "Utrecht"},
        "logistics/SalesItemPrices": {"Item": mug(world)["ID"], "Price": 12.5},
        "logistics/SupplierItem": {
            "Item": world.rows("logistics/Items", select="ID", filter="Code eq 'MUG'")[0]["ID"], "Supplier": supplier,
            "PurchasePrice": 4, "PurchaseUnit": "pcs", "ItemUnit": NOBODY,
        },
    }  # fmt: skip
    row = made(world, path, bodies[path])
    first = world.rows(listed, select="ID,Timestamp", filter="Timestamp gt 1L")
    assert [one["ID"] for one in first] == [row["ID"]]
    version = first[0]["Timestamp"]
    assert world.rows(listed, select="ID", filter=f"Timestamp gt {version}L") == []
    assert world.get(listed, select="ID", filter=f"ID eq guid'{row['ID']}'").status_code == 400

    assert world.delete(f"{path}(guid'{row['ID']}')").status_code == 204
    gone = world.rows("sync/Deleted", select="EntityType,EntityKey", filter="Timestamp gt 1L")
    assert [(one["EntityType"], one["EntityKey"]) for one in gone] == [(kind, row["ID"])]
