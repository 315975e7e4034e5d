"""Customers of Exact are looked for in one question, and written from a closed list; nobody else is written at all."""

from __future__ import annotations

from typing import Any

import pytest

from connections.providers.exact import customers
from connections.providers.exact.client import ExactClient
from connections.providers.exact.customers import AT_FIRST, CONTACT_WRITABLE, WRITABLE, NotOurs
from tests.connections.providers.doubles import Tokens, transport
from tests.connections.sandbox.exact_world import DIVISION, World

ZON = {
    "Email": "info@zon.example",
    "VATNumber": "NL856240123B01",
    "ChamberOfCommerce": "12345678",
    "SearchCode": "TB-1",
}


@pytest.fixture
def world() -> World:
    return World(keeps_suppliers=True)


def client_of(world: World) -> ExactClient:
    tokens = Tokens(world.tokens.access_token)
    found = ExactClient(world.site_url, division=DIVISION, tokens=tokens, transport=transport())
    found.transport.session.mount("http://sandbox.test", world.session.get_adapter("http://sandbox.test"))
    return found


@pytest.mark.accepts("S002-40")
@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("name", "Hotel Zon"), ("email", "info@zon.example"), ("vat_number", "NL856240123B01"),
        ("registration", "12345678"), ("reference", "TB-1"), ("code", ""),
    ],
)  # fmt: skip
def test_a_relation_is_found_by_what_is_known_of_it(world: World, word: str, text: str) -> None:
    made = world.division.add_account("Hotel Zon", **ZON)
    found = customers.find(client_of(world), {word: text or made["Code"].strip()})
    assert [row.id for row in found] == [made["ID"]]


def test_several_ways_are_one_question(world: World) -> None:
    for name in ("Zon", "Maan"):
        world.division.add_account(name, Email=f"{name}@x.example".lower())
    before = world.sandbox.log.count("exact", "GET", "Accounts")
    found = customers.find(client_of(world), {"email": ["zon@x.example", "maan@x.example"], "vat_number": ""})
    assert sorted(row.name for row in found) == ["Maan", "Zon"]
    assert world.sandbox.log.count("exact", "GET", "Accounts") == before + 1
    assert customers.find(client_of(world), {"email": ""}) == []


@pytest.mark.accepts("S002-42")
def test_a_change_holds_only_what_changed(world: World) -> None:
    made = world.division.add_account("Hotel Zon", **ZON)
    customers.change(client_of(world), made["ID"], {"City": "Utrecht", "AddressLine1": "Damrak 1"}, is_supplier=False)
    row = world.division.tables["accounts"].get(made["ID"])
    assert (row["City"], row["Name"], row["Email"]) == ("Utrecht", "Hotel Zon", "info@zon.example")


@pytest.mark.accepts("S002-43")
@pytest.mark.parametrize("malformed", ["", "12", "not-a-guid", "../Accounts"])
def test_a_malformed_guid_goes_nowhere(world: World, malformed: str) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        customers.change(client_of(world), malformed, {"City": "x"}, is_supplier=False)
    assert world.sandbox.log.count("exact", "PUT") == 0


def test_a_contact_is_made_found_and_changed(world: World) -> None:
    client = client_of(world)
    made = customers.create_contact(client, world.customer, {"FirstName": "Eva", "LastName": "Bos"})
    customers.change_contact(client, made.id, {"LastName": "Vos", "Phone": "020 5550101"})
    (held,) = customers.contacts_of(client, world.customer)
    assert (held.first_name, held.last_name, held.phone) == ("Eva", "Vos", "020 5550101")


@pytest.mark.accepts("S000-39")
@pytest.mark.parametrize(
    "body", [{"Status": "S"}, {"IsSupplier": True}, {"GLAccountSales": "x"}, {"CreditLineSales": 1}, {"Code": "1"}]
)
def test_what_is_not_on_the_list_is_never_sent(world: World, body: dict[str, Any]) -> None:
    client = client_of(world)
    with pytest.raises(NotOurs):
        customers.create(client, {"Name": "Zon", **body})
    with pytest.raises(NotOurs):
        customers.change(client, world.customer, body, is_supplier=False)
    with pytest.raises(NotOurs):
        customers.create_contact(client, world.customer, body)
    assert world.sandbox.log.count("exact", "POST", "crm") == world.sandbox.log.count("exact", "PUT", "crm") == 0


@pytest.mark.accepts("S000-39")
def test_a_supplier_is_kept_in_exact_only(world: World) -> None:
    with pytest.raises(NotOurs):
        customers.change(client_of(world), world.customer, {"City": "x"}, is_supplier=True)
    writable = WRITABLE | AT_FIRST | CONTACT_WRITABLE
    assert not [name for name in writable if "Supplier" in name or "Purchase" in name or name.startswith("GL")]
