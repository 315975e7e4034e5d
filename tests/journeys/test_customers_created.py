"""A customer that is new at Square becomes an account in Exact: once, and only where there is none already."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connections.sandbox.faults import Fault
from connections.sandbox.square.till import Sale
from mappings.models import CustomerMapping, Decision
from sync import actions, replays
from sync.models import CustomerCreation, SyncItem, SyncRun
from tests.journeys import quarrel
from tests.journeys.conftest import Queue
from tests.journeys.customers import DAMRAK, Register, open_register
from tests.journeys.shop import Till
from tests.world import World

VAT = "NL856240123B01"
ZON: dict[str, Any] = {
    "company_name": "Hotel Zon", "given_name": "Eva", "family_name": "Bos", "email_address": "info@zon.example",
    "phone_number": "+31 20 5550101", "address": DAMRAK, "tax_ids": {"eu_vat": VAT}, "reference_id": "87654321",
}  # fmt: skip


@pytest.fixture
def register(world: World) -> Register:
    """Whoever is new at Square and resembles nobody is created."""
    made = open_register(
        world, unmapped="create", registration_in_reference=True, new_condition="30",
        new_classification="00000000-0000-4000-8000-000000000001",
    )  # fmt: skip
    made.run()
    return made


def decision(who: str) -> CustomerMapping:
    return CustomerMapping.objects.select_related("debtor").get(square_customer_id=who)


def accounts(register: Register, name: str) -> list[dict[str, Any]]:
    return list(register.world.books.tables["accounts"].find("Name", name))


@pytest.mark.accepts("S001-21", "S002-38", "S002-39")
def test_a_new_customer_becomes_an_account_with_its_contact(register):
    zon = register.customer(**ZON)

    run = register.run()

    (row,) = accounts(register, "Hotel Zon")
    shown = {name: str(row[name]).strip() for name in (
        "Status", "Email", "Phone", "VATNumber", "ChamberOfCommerce", "AddressLine1", "Postcode", "City", "Country",
        "PaymentConditionSales", "Classification1",
    )}  # fmt: skip
    assert shown == {
        "Status": "C", "Email": "info@zon.example", "Phone": "+31 20 5550101", "VATNumber": VAT,
        "ChamberOfCommerce": "87654321", "AddressLine1": "Damrak 1", "Postcode": "1012 LG", "City": "Amsterdam",
        "Country": "NL", "PaymentConditionSales": "30", "Classification1": "00000000-0000-4000-8000-000000000001",
    }  # fmt: skip
    (contact,) = register.world.books.tables["contacts"].find("Account", row["ID"])
    assert (contact["FullName"], row["MainContact"]) == ("Eva Bos", contact["ID"])
    assert (decision(zon).status, decision(zon).debtor.remote_id) == ("matched", row["ID"])
    assert row["SearchCode"] == CustomerCreation.objects.get(mapping=decision(zon)).reference
    assert run.sent_to_exact == 2
    assert register.link(zon).state == "in_step"
    assert register.terms(zon) == "30 · 30 days"
    assert [register.run().sent_to_exact for _ in range(3)] == [0, 0, 0]


@pytest.mark.accepts("S001-21", "S002-39")
def test_one_account_with_the_same_number_is_linked_and_none_is_made(register):
    books = register.world.books
    books.add_account("Zon Hotels", VATNumber="NL 8562.40.123.B01", Email="other@zon.example")
    books.add_account("Maan", ChamberOfCommerce="11112222")
    by_vat = register.customer(**ZON)
    by_registration = register.customer(company_name="Cafe Maan", reference_id="11112222")

    register.run()

    assert [decision(who).debtor.name for who in (by_vat, by_registration)] == ["Zon Hotels", "Maan"]
    assert accounts(register, "Hotel Zon") == accounts(register, "Cafe Maan") == []
    assert "same VAT number" in decision(by_vat).reason


@pytest.mark.accepts("S001-21")
def test_one_account_with_the_same_e_mail_is_proposed_and_a_person_may_create_all_the_same(register, browser):
    register.world.books.add_account("Zon Groep", Email="Info@Zon.example")
    zon = register.customer(company_name="Receptie", email_address="info@zon.example")
    register.run()
    assert decision(zon).status == "proposed"
    assert decision(zon).candidates[0]["name"] == "Zon Groep"
    assert accounts(register, "Receptie") == []

    quarrel.resolve(browser, decision(zon), "create", "The reception is a party of its own.")
    assert decision(zon).status == "create"
    register.run()

    assert decision(zon).status == "matched"
    assert decision(zon).reason == "The reception is a party of its own. Created in Exact from Square's customer."
    assert len(accounts(register, "Receptie")) == 1


@pytest.mark.accepts("S002-39")
def test_two_accounts_that_fit_are_a_conflict_and_none_is_made(register):
    for name in ("Zon Noord", "Zon Zuid"):
        register.world.books.add_account(name, VATNumber=VAT)
    zon = register.customer(**ZON)
    register.run()
    CustomerMapping.objects.filter(square_customer_id=zon).update(status=Decision.CREATE, decided_by="anna")
    register.run()

    found = decision(zon)
    assert (found.status, {one["name"] for one in found.candidates}) == ("conflict", {"Zon Noord", "Zon Zuid"})
    assert "2 accounts in Exact have this VAT number" in found.reason
    assert accounts(register, "Hotel Zon") == []


def test_a_supplier_with_the_same_number_is_neither_linked_nor_touched_nor_doubled(register):
    supplier = register.world.books.add_account("Zon Inkoop", "A", IsSupplier=True, VATNumber=VAT)
    before = dict(supplier)
    zon = register.customer(**ZON)

    register.run()

    assert decision(zon).status == "conflict"
    assert "is no customer that can be sold to" in decision(zon).reason
    assert accounts(register, "Hotel Zon") == []
    assert register.world.books.tables["accounts"].get(supplier["ID"]) == before
    assert register.refusals == []


def sold_to_somebody_new(register: Register) -> tuple[Till, Sale]:
    """A sale to a customer whom Anna has decided to create, the morning after: it waits for the account."""
    till, zon = Till(register.world), register.customer(**ZON)
    CustomerMapping.objects.create(
        division=register.lane.division, merchant=register.lane.source, square_customer_id=zon, square_name="Hotel Zon",
        status=Decision.CREATE, effective_from="2020-01-01", decided_by="anna",
    )  # fmt: skip
    sale = till.sell(customer_id=zon)
    till.next_morning()
    return till, sale


def debtors(till: Till) -> set[str]:
    """Who stands on the account of trade debtors."""
    return {line["AccountName"] for line in till.world.books.lines() if line["GLAccountCode"] == "1300"}


def test_what_waited_for_the_customer_is_booked_once_it_is_created(register, queue: Queue):
    till, sale = sold_to_somebody_new(register)
    assert "It is being created" in till.item(sale).problem

    with queue.listening():
        register.run()
    queue.work()
    till.run_after(minutes=1)

    assert SyncItem.objects.get(source_id=sale.payment_ids[0]).state == "done"
    assert till.owed_by("Hotel Zon") == 0
    assert debtors(till) == {"Hotel Zon"}


@pytest.mark.accepts("S000-38")
@pytest.mark.parametrize("together", [True, False])
def test_a_replay_has_the_customer_made_before_the_records_that_need_it(register, queue, together):
    """Customer, invoice, payment: a replay opens the lane of customers first, of its own accord."""
    till, sale = sold_to_somebody_new(register)
    type(register.lane).objects.filter(pk=register.lane.pk).update(is_enabled=True)
    asked = SyncRun.objects.count()

    with queue.listening():
        if together:
            replays.begin(SyncItem.objects.filter(state="waiting"), what="all", by="anna")
        else:
            actions.replay_items(SyncItem.objects.filter(state="waiting"), by="anna")
    with queue.listening():
        queue.work()

    opened = list(SyncRun.objects.order_by("id")[asked:].values_list("lane__flow", flat=True))
    assert opened[0] == "customers"
    assert "payments" in opened
    queue.work()
    till.run_after(minutes=1)
    assert till.item(sale).state == "done"
    assert debtors(till) == {"Hotel Zon"}


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "late_commit"])
def test_an_account_whose_answer_was_lost_is_found_and_not_made_twice(register, kind):
    zon = register.customer(**ZON)
    register.world.sandbox.faults.add(Fault(kind, "exact", "POST", "*/crm/Accounts", seconds=60))

    register.run()
    order = CustomerCreation.objects.get(mapping=decision(zon))
    assert (order.state, decision(zon).status) == ("sending", "create")
    for _ in range(3):
        register.run()

    (row,) = accounts(register, "Hotel Zon")
    assert decision(zon).debtor.remote_id == row["ID"]
    assert CustomerCreation.objects.get(pk=order.pk).state == "created"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tax_ids": {"eu_vat": "12345"}}, "The VAT number is not one"),
        ({"address": {**DAMRAK, "country": "ZZ"}}, "the country ZZ, which Exact does not know"),
        ({"email_address": "a" * 95 + "@zon.example"}, "The e-mail has 107 characters"),
        ({"company_name": "x" * 60}, "The name has 60 characters"),
    ],
)
def test_half_an_account_is_never_made(register, fields, said):
    accounts_before = len(register.world.books.tables["accounts"])
    zon = register.customer(**{**ZON, **fields})
    register.run()
    assert (decision(zon).status, said in decision(zon).reason) == ("proposed", True)
    assert len(register.world.books.tables["accounts"]) == accounts_before
    posts = json.dumps([path for method, path in register.writes if method == "POST" and "Accounts" in path])
    assert posts == "[]"
