"""People and addresses of customers, prices and stock of items, and looking somebody up in Exact itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth.models import Permission, User

from audit.models import AuditEntry
from connections.sandbox.exact import masters, stock
from connections.sandbox.faults import Fault
from mappings import items, proposals, reference
from mappings.belongings import DebtorAddress, DebtorContact, SalesPrice, SupplierPrice
from mappings.models import CustomerMapping, DebtorAccount, ExactItem
from mappings.suggestions import Party
from tests.journeys.pages import page_of, press, words

HOTEL, STUDIO = "Hotel Prinsengracht", "Studio Noord"


def contact(books, customer, first, last, **more):
    account = books.tables["accounts"].first("Name", customer)["ID"]
    return masters.create_contact(books, {"Account": account, "FirstName": first, "LastName": last, **more})


def address(books, customer, **more):
    account = books.tables["accounts"].first("Name", customer)["ID"]
    return masters.create_address(books, {"Account": account, **more})


@pytest.fixture
def peopled(till):
    """Anna and Bas work for the hotel, which has an address for its invoices; a supplier has a contact too."""
    books = till.world.books
    books.add_account("Groothandel", Status="A", IsSupplier=True)
    contact(books, HOTEL, "Anna", "de Vries", JobTitleDescription="Controller", Email="anna@work.example",
            BusinessEmail="a.devries@prinsengracht.example", Mobile="06-12345678", IsMainContact=True)  # fmt: skip
    contact(books, HOTEL, "Bas", "Bos", BusinessPhone="020 5550199")
    contact(books, "Groothandel", "Carla", "Smit", Email="carla@groot.example")
    address(
        books, HOTEL, Type=3, AddressLine1="Postbus 12", Postcode="1000 AA", City="Amsterdam", Country="NL ", Main=True
    )
    address(books, "Groothandel", Type=1, AddressLine1="Kade 1")
    return till


@pytest.mark.accepts("S002-44", "S004-05")
def test_contacts_are_kept_with_their_customer_and_shown_on_its_page(peopled, division, browser):
    reference.refresh(division)

    kept = {row.name: (row.account.name, row.job_title, row.emails, row.phones) for row in DebtorContact.objects.all()}
    assert kept == {
        "Anna de Vries": (
            HOTEL, "Controller", ("anna@work.example", "a.devries@prinsengracht.example"), ["06-12345678"]
        ),
        "Bas Bos": (HOTEL, "", (), ["020 5550199"]),
    }  # fmt: skip
    assert [(str(row), row.kind) for row in DebtorAddress.objects.all()] == [("Postbus 12, 1000 AA Amsterdam, NL", 3)]

    hotel = DebtorAccount.objects.get(name=HOTEL)
    shown = words(browser.get(page_of(hotel)))
    for said in (
        "Anna de Vries (main contact)",
        "Controller",
        "06-12345678",
        "Bas Bos",
        "Postbus 12",
        "invoice (main)",
    ):
        assert said in shown
    assert "Controller" in words(browser.get(page_of(DebtorContact.objects.get(name="Anna de Vries"))))
    of_hotel = browser.get(f"/admin/mappings/debtorcontact/?account__id__exact={hotel.pk}")
    assert "Bas Bos" in words(of_hotel)
    assert "Postbus 12" in words(browser.get("/admin/mappings/debtoraddress/?q=1000"))
    assert HOTEL in words(browser.get("/admin/mappings/debtoraccount/?q=anna@work.example"))


def test_contacts_are_followed_by_what_changed_and_forgotten_when_they_go(peopled, division, calls):
    reference.refresh(division)
    books = peopled.world.books
    anna, bas = (books.tables["contacts"].first("FullName", name) for name in ("Anna de Vries", "Bas Bos"))

    books.tables["contacts"].change(anna["ID"], JobTitleDescription="Director")
    books.forget("contacts", bas["ID"])
    assert calls(reference.refresh, division) == 9
    assert [(row.name, row.job_title) for row in DebtorContact.objects.all()] == [("Anna de Vries", "Director")]

    books.tables["contacts"].change(anna["ID"], IsAnonymised=1, FullName="")
    reference.refresh(division)
    assert not DebtorContact.objects.exists()


def test_who_is_no_customer_any_more_takes_their_people_along_and_brings_them_back(peopled, division, calls):
    reference.refresh(division)
    books = peopled.world.books

    books.set_relation_status(HOTEL, "P")
    reference.refresh(division)
    assert not DebtorContact.objects.exists()
    assert not DebtorAddress.objects.exists()

    books.set_relation_status(HOTEL, "C")  # the contacts themselves did not change
    assert calls(reference.refresh, division) == 11  # one more each, to ask whose they are
    assert DebtorContact.objects.filter(account__name=HOTEL).count() == 2
    assert DebtorAddress.objects.count() == 1


def test_a_contact_that_moves_to_another_customer_moves_here(peopled, division):
    reference.refresh(division)
    books = peopled.world.books
    bas = books.tables["contacts"].first("FullName", "Bas Bos")
    books.tables["contacts"].change(bas["ID"], Account=books.tables["accounts"].first("Name", STUDIO)["ID"])
    reference.refresh(division)
    assert DebtorContact.objects.get(name="Bas Bos").account.name == STUDIO


def test_whom_a_contact_ordered_for_is_proposed_with_the_contact_as_evidence(peopled, division, browser):
    square = peopled.world.sandbox.square
    reference.refresh(division)
    customer = square.add_customer(
        given_name="Anna", family_name="de Vries", email_address="A.deVries@Prinsengracht.example"
    )["id"]
    peopled.sell(customer_id=customer)
    peopled.next_morning()

    row = CustomerMapping.objects.get(square_customer_id=customer)
    (candidate,) = row.candidates
    assert (candidate["name"], candidate["agrees"]) == (HOTEL, ["e-mail of contact Anna de Vries"])
    assert "e-mail of contact Anna de Vries" in words(browser.get(page_of(row)))


def test_a_contact_of_two_customers_makes_a_conflict_whose_page_says_so(peopled, division, browser):
    contact(peopled.world.books, STUDIO, "Anna", "de Vries", Email="anna@work.example")
    reference.refresh(division)
    customer = peopled.world.sandbox.square.add_customer(company_name="De Vries", email_address="anna@work.example")[
        "id"
    ]
    peopled.sell(customer_id=customer)
    peopled.next_morning()

    row = CustomerMapping.objects.get(square_customer_id=customer)
    assert row.status == "conflict"
    shown = words(browser.get(page_of(row, "resolve")))
    assert shown.count("e-mail of contact Anna de Vries") == 2
    assert "Anna de Vries, Bas Bos" in shown


def test_the_name_of_a_contact_stays_out_of_the_audit_trail(peopled, division, browser):
    books = peopled.world.books
    books.tables["accounts"].change(books._relation(HOTEL)["ID"], Postcode="1012 LG", AddressLine1="Damrak 1")
    reference.refresh(division)
    customer = peopled.world.sandbox.square.add_customer(
        company_name=HOTEL,
        email_address="anna@work.example",
        address={"address_line_1": "Damrak 1", "postal_code": "1012LG"},
    )["id"]
    peopled.sell(customer_id=customer)
    peopled.next_morning()
    row = CustomerMapping.objects.get(square_customer_id=customer)

    press(browser, row, "accept")

    row.refresh_from_db()
    assert (row.status, row.debtor.name) == ("matched", HOTEL)
    assert "e-mail of contact" in row.reason
    told = AuditEntry.objects.get(verb="customermapping.changed", subject_id=row.pk)
    assert "e-mail of contact" in told.detail["reason"]
    assert "Vries" not in str(told.detail)


def test_a_contact_who_left_is_shown_and_proves_nothing(peopled, division):
    books = peopled.world.books
    anna = books.tables["contacts"].first("FullName", "Anna de Vries")
    books.tables["contacts"].change(anna["ID"], EndDate=books.now().replace(year=2025))
    reference.refresh(division)
    assert DebtorContact.objects.get(name="Anna de Vries").ends.year == 2025
    asked = Party("", email="anna@work.example")
    assert proposals.directory_of(division).matches(asked) == []


# --- items ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def mug(till):
    """Sold for 12.50, for 11 from ten on, for 9 to one customer; bought for 4.10, or 3.90 elsewhere."""
    books = till.world.books
    item = stock.create_item(books, {
        "Code": "MUG", "Description": "Mug", "Unit": "pcs", "IsSalesItem": True, "GLRevenue": books.gl("8000")["ID"],
        "GLCosts": books.gl("4500")["ID"], "CostPriceStandard": 4, "CostPriceCurrency": "EUR", "SalesVatCode": "2  ",
    })  # fmt: skip
    hotel = books.tables["accounts"].first("Name", HOTEL)["ID"]
    for price in ({"Price": 12.5}, {"Price": 11, "Quantity": 10}, {"Price": 9, "Account": hotel}):
        stock.create_price(books, {"Item": item["ID"], **price})
    for name, price, is_main in (("Pottery", 4.1, True), ("Cheap", 3.9, False)):
        supplier = books.add_account(name, Status="A", IsSupplier=True)
        body = {"Item": item["ID"], "Supplier": supplier["ID"], "PurchasePrice": price, "MainSupplier": is_main}
        stock.create_supplier_item(books, body)
    return item


@pytest.mark.accepts("S002-45", "S004-13")
def test_items_are_kept_with_prices_and_accounts(till, mug, division, browser):
    items.refresh(division)

    row = ExactItem.objects.get(code="MUG")
    assert (row.revenue_account, row.cost_account, row.vat_code, row.cost) == ("8000", "4500", "2", 4)
    assert sorted(float(price.price) for price in row.sales_prices.all()) == [11, 12.5]  # not that of one customer
    for shown in (words(browser.get("/admin/mappings/exactitem/")), words(browser.get(page_of(row)))):
        assert "EUR 12.50" in shown
        assert "EUR 4.10 Pottery" in shown
        assert "8000" in shown


def test_prices_are_followed_and_go_with_their_item(till, mug, division, calls):
    items.refresh(division)
    books = till.world.books
    dear = next(row for row in books.tables["salesitemprices"].find("Item", mug["ID"]) if row["Price"] == 12.5)
    books.tables["salesitemprices"].change(dear["ID"], Price=13)
    books.forget("supplieritem", books.tables["supplieritem"].first("Item", mug["ID"])["ID"])
    assert calls(items.refresh, division) == 4
    assert sorted(map(float, SalesPrice.objects.values_list("price", flat=True))) == [11, 13]
    assert [row.supplier_name for row in SupplierPrice.objects.all()] == ["Cheap"]

    books.tables["items"].change(mug["ID"], IsSalesItem=False)
    items.refresh(division)
    assert not SalesPrice.objects.exists()
    books.tables["items"].change(mug["ID"], IsSalesItem=True)
    items.refresh(division)
    assert SalesPrice.objects.count() == 2


def test_an_app_that_may_not_read_prices_still_reads_items(till, mug, division):
    site = till.world.sandbox.exact.site("nl")
    (client_id,) = site.apps
    site.apps[client_id] = replace(
        site.apps[client_id], scopes=frozenset({"logistics.items", "organization.administration"})
    )
    items.refresh(division)
    assert ExactItem.objects.filter(code="MUG").exists()
    assert not SalesPrice.objects.exists()
    assert SupplierPrice.objects.count() == 2


@pytest.mark.accepts("S002-47")
def test_stock_is_asked_for_per_warehouse_by_a_button(till, mug, division, browser, calls):
    books = till.world.books
    stock.set_stock(books, mug["ID"], "1", current=120, planned_out=20)
    stock.set_stock(books, mug["ID"], "2", current=0)
    items.refresh(division)
    row = ExactItem.objects.get(code="MUG")
    address = f"/admin/mappings/exactitem/{row.pk}/stock/"
    assert address in browser.get(page_of(row)).content.decode()

    assert calls(browser.get, address) == 0  # looking costs nothing
    assert calls(browser.post, address) == 1
    shown = words(browser.post(address))
    assert "1 Warehouse 1 120 0 20 100" in shown
    assert "2 Warehouse 2 0 0 0 0" in shown


def test_stock_that_cannot_be_read_is_said_so(till, mug, division, browser):
    items.refresh(division)
    row = ExactItem.objects.get(code="MUG")
    till.world.sandbox.faults.add(Fault("503", "exact", "GET", "*ItemWarehouses*", times=9))
    assert "The stock was not read." in words(browser.post(f"/admin/mappings/exactitem/{row.pk}/stock/"))


# --- look-ups ------------------------------------------------------------------------------------------------------
LOOKUP = "/admin/mappings/debtoraccount/lookup/"


@pytest.mark.accepts("S002-40")
@pytest.mark.parametrize(
    "asked",
    [
        ("name", "Prinsengr"),
        ("e-mail", "inkoop@prinsengracht.example"),
        ("VAT number", "nl 8562.40.123.B01"),
        ("chamber of commerce", "34567891"),
        ("code", "3"),
    ],
)
def test_a_relation_is_looked_up_in_exact_in_five_ways(till, division, browser, calls, asked):
    books = till.world.books
    row = books._relation(HOTEL)
    books.tables["accounts"].change(
        row["ID"], VATNumber="NL856240123B01", ChamberOfCommerce="34567891", Code="3".rjust(18)
    )
    reference.refresh(division)

    question = dict(zip(("by", "text"), asked, strict=True), division=division.pk)
    assert calls(browser.post, LOOKUP, question) == 1
    shown = words(browser.post(LOOKUP, question))
    assert f"{HOTEL} 3 customer inkoop@prinsengracht.example NL856240123B01 34567891" in shown
    assert "known" in shown


@pytest.mark.accepts("S002-41")
def test_customers_and_suppliers_are_listed_apart(till, division, browser):
    books = till.world.books
    books.add_account("Groothandel", Status="A", IsSupplier=True)
    books.add_account("Both ways", Status="C", IsSales=True, IsSupplier=True)
    suppliers = words(browser.post(LOOKUP, {"division": division.pk, "by": "suppliers"}))
    customers = words(browser.post(LOOKUP, {"division": division.pk, "by": "customers"}))

    assert "Groothandel" in suppliers
    assert "Both ways" in suppliers
    assert "customer and supplier" in suppliers
    assert HOTEL not in suppliers
    assert HOTEL in customers
    assert "Groothandel" not in customers
    assert "make it one in Exact" in suppliers


def test_a_search_without_words_asks_nothing_and_says_what_to_type(till, division, browser, calls):
    assert calls(browser.post, LOOKUP, {"division": division.pk, "by": "e-mail", "text": " "}) == 0
    shown = words(browser.post(LOOKUP, {"division": division.pk, "by": "e-mail", "text": ""}))
    assert "Type the e-mail to look for." in shown
    nobody = words(browser.post(LOOKUP, {"division": division.pk, "by": "name", "text": "O'Nobody"}))
    assert "Exact has no such relation in this division." in nobody
    till.world.sandbox.faults.add(Fault("503", "exact", "GET", "*crm/Accounts*", times=9))
    failed = words(browser.post(LOOKUP, {"division": division.pk, "by": "name", "text": "Hotel"}))
    assert "Nothing was looked up." in failed


def test_who_may_only_look_spends_no_calls(till, division, client, plain_http):
    items.refresh(division)
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_debtoraccount", "view_exactitem"]))
    client.force_login(viewer)
    row = ExactItem.objects.first()
    assert client.get("/admin/mappings/debtoraccount/").status_code == 200
    assert LOOKUP not in client.get("/admin/mappings/debtoraccount/").content.decode()
    assert client.post(LOOKUP, {"by": "customers"}).status_code == 403
    assert client.post(f"/admin/mappings/exactitem/{row.pk}/stock/").status_code == 403
