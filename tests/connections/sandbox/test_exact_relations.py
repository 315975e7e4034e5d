"""What Exact refuses of a customer, and what a link with a till may not write at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connections.sandbox.exact_world import World, said

WHOLE = {"Prefer": "return=representation"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"Email": "nobody"}, "Invalid: Email"),
        ({"Email": "a" * 100 + "@zon.example"}, "Invalid: Email"),
        ({"VATNumber": "12345"}, "Invalid: VAT number"),
        ({"Country": "ZZ"}, "Invalid reference: Country"),
        ({"Country": "Nederland"}, "Invalid reference: Country"),
        ({"PaymentConditionSales": "99"}, "Invalid reference: Payment condition"),
        ({"Name": ""}, "Mandatory: Name"),
        ({"Name": "x" * 51}, "Invalid: Name"),
    ],
)
def test_a_relation_is_refused_with_the_field(fields: dict[str, Any], sentence: str) -> None:
    world = World()
    key = f"crm/Accounts(guid'{world.customer}')"
    answers = [world.put(key, fields), world.post("crm/Accounts", {"Name": "Zon", **fields})]
    assert [(answer.status_code, said(answer)) for answer in answers] == [(500, sentence)] * 2


def test_the_first_contact_is_the_main_one_and_a_change_shows_in_its_name() -> None:
    world = World()
    names = {"Account": world.customer, "FirstName": "Eva", "LastName": "Bos"}
    first = world.post("crm/Contacts", names, **WHOLE).json()["d"]["ID"]
    world.post("crm/Contacts", {**names, "FirstName": "Jan"})
    assert world.put(f"crm/Contacts(guid'{first}')", {"LastName": "Vos"}).status_code == 204
    assert world.get(f"crm/Contacts(guid'{first}')", select="FullName").json()["d"]["FullName"] == "Eva Vos"
    account = world.get(f"crm/Accounts(guid'{world.customer}')", select="MainContact").json()["d"]
    assert account["MainContact"] == first


def test_a_link_with_a_till_writes_no_ledger_account_and_no_supplier() -> None:
    world = World(keeps_suppliers=True)
    supplier = world.division.add_account("Brander", IsSupplier=True)["ID"]
    gl = world.division.gl("8000")["ID"]
    refused = [
        world.post("financial/GLAccounts", {"Code": "8020", "Description": "x", "Type": 110}),
        world.put(f"financial/GLAccounts(guid'{gl}')", {"Description": "x"}),
        world.delete(f"financial/GLAccounts(guid'{gl}')"),
        world.put(f"crm/Accounts(guid'{supplier}')", {"City": "Utrecht"}),
        world.delete(f"crm/Accounts(guid'{supplier}')"),
        world.put(f"crm/Accounts(guid'{world.customer}')", {"IsSupplier": True}),
        world.post("crm/Accounts", {"Name": "Zon", "Status": "S"}),
        world.post("crm/Contacts", {"Account": supplier, "FirstName": "Eva", "LastName": "Bos"}),
        world.post("crm/Addresses", {"Account": supplier, "Type": 1}),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert len(world.sandbox.log.refusals) == len(refused)
    assert world.put(f"crm/Accounts(guid'{world.customer}')", {"City": "Utrecht"}).status_code == 204
