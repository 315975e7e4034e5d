"""Relations, accounts and codes are made, changed and removed as at Exact."""

from __future__ import annotations

from tests.connections.sandbox.exact_world import World, said


def test_a_new_relation_answers_its_key_alone_unless_asked_for_all() -> None:
    world = World()
    terse = world.post("crm/Accounts", {"Name": "Nieuw", "Status": "C"})
    entity = terse.json()["d"]
    assert (terse.status_code, entity["Name"], entity["Code"]) == (201, None, None)
    key = f"crm/Accounts(guid'{entity['ID']}')"
    assert world.get(key, select="Name,Status,IsSales").json()["d"]["IsSales"] is True
    full = world.post("crm/Accounts", {"Name": "Nog een"}, Prefer="return=representation").json()["d"]
    assert (full["Name"], full["Status"], full["IsSales"]) == ("Nog een", "A", False)


def test_a_put_is_partial_and_answers_nothing() -> None:
    world = World()
    key = f"crm/Accounts(guid'{world.customer}')"
    answer = world.put(key, {"City": "Utrecht"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert world.get(key, select="Name,City").json()["d"]["Name"] == "Counter sales"


def test_repeating_the_code_in_a_put_is_refused() -> None:
    world = World()
    key = f"crm/Accounts(guid'{world.customer}')"
    assert said(world.put(key, {"Code": "0000001"})) == "Data already exists"
    assert said(world.post("logistics/Items", {"Code": "SQUARE", "Description": "again"})) == "Data already exists"


def test_what_is_used_cannot_be_deleted() -> None:
    world = World()
    world.book_sale()
    world.site.language = "nl"
    answer = world.delete(f"crm/Accounts(guid'{world.customer}')")
    assert (answer.status_code, said(answer)) == (500, "Kan niet verwijderen: Relatie - Gebruikt in: Boekingen")
    unused = world.division.add_account("Ongebruikt")["ID"]
    assert world.delete(f"crm/Accounts(guid'{unused}')").status_code == 204
    assert world.get(f"crm/Accounts(guid'{unused}')").status_code == 404


def test_accounts_journals_and_codes_can_be_added() -> None:
    world = World()
    gl = world.post("financial/GLAccounts", {"Code": "8020", "Description": "Catering", "Type": 110}).json()["d"]
    assert (gl["Code"], gl["Type"], gl["BalanceType"]) == ("8020", 110, "W")
    assert world.post("financial/Journals", {"Code": "71", "Description": "Sales 2", "Type": 20}).status_code == 201
    body = {
        "Code": "4",
        "Description": "13 %",
        "Type": "E",
        "VATPercentages": [{"Percentage": 0.13}],
        "GLToPay": world.gl("1500"),
    }
    assert world.post("vat/VATCodes", body).json()["d"]["Percentage"] == 0.13
    assert world.post("hrm/Costcenters", {"Code": "RTM", "Description": "Rotterdam"}).status_code == 201
    sale = world.book_sale(world.line("8020", 10.0, "0", CostCenter="RTM"), Journal="71")
    assert sale["EntryNumber"] == 26710001


def test_an_unknown_cost_centre_is_refused() -> None:
    world = World()
    answer = world.post("salesentry/SalesEntries", world.sale(world.line("8000", 1.0, "2", CostCenter="???")))
    assert said(answer) == "Invalid reference: Cost center"


def test_contacts_and_addresses_hang_on_a_relation() -> None:
    world = World()
    contact = {"Account": world.customer, "FirstName": "Jan", "LastName": "Smit"}
    created = world.post("crm/Contacts", contact, Prefer="return=representation").json()["d"]
    assert (created["FullName"], created["AccountName"]) == ("Jan Smit", "Counter sales")
    address = {"Account": world.customer, "Type": 3, "City": "Utrecht"}
    first, second = (world.post("crm/Addresses", address).json()["d"]["ID"] for _ in range(2))
    assert first == second


def test_only_three_columns_of_a_receivable_change() -> None:
    world = World()
    world.book_sale()
    (row,) = world.rows("cashflow/Receivables", select="ID")
    key = f"cashflow/Receivables(guid'{row['ID']}')"
    assert world.put(key, {"PaymentReference": "123", "AmountDC": 5}).status_code == 204
    assert world.get(key, select="PaymentReference,AmountDC").json()["d"]["AmountDC"] == -121


def test_divisions_and_ledger_lines_are_not_for_writing() -> None:
    world = World()
    assert world.delete("system/Divisions(100001)").status_code == 403
    assert world.put(f"financialtransaction/TransactionLines(guid'{world.customer}')", {}).status_code == 405
