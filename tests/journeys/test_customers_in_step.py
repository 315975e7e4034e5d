"""Customers kept in step: an edit on either side reaches the other, field by field, and nothing else is written."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import AuditEntry
from connections.sandbox.app import Sandbox
from connections.sandbox.wire import Request, Response
from tests.journeys.customers import ATELIER, DAMRAK, HOTEL, MUSEUM, Register, bodies, open_register
from tests.world import world as make_world

VAT = "NL856240123B01"


class Recording(Sandbox):
    """Keeps what was sent."""

    def handle(self, request: Request, **more: Any) -> Response:
        self.__dict__.setdefault("recorded", []).append((request.method, request.path, request.body))
        return super().handle(request, **more)


@pytest.fixture
def register(db: None):  # type: ignore[no-untyped-def]
    with make_world(sandbox=Recording) as world:
        made = open_register(world)
        made.run()
        made.world.sandbox.recorded.clear()  # type: ignore[attr-defined]
        yield made


TO_EXACT = [
    ({"company_name": "Hotel Zon"}, {"Name": "Hotel Zon"}),
    ({"email_address": "new@prinsengracht.example"}, {"Email": "new@prinsengracht.example"}),
    ({"phone_number": "+31 20 5550199"}, {"Phone": "+31 20 5550199"}),
    ({"tax_ids": {"eu_vat": VAT}}, {"VATNumber": VAT}),
    ({"address": {**DAMRAK, "locality": "Utrecht"}},
     {"AddressLine1": "Damrak 1", "Postcode": "1012 LG", "City": "Utrecht"}),
]  # fmt: skip


@pytest.mark.accepts("S000-13", "S000-35", "S002-42")
def test_an_edit_at_square_reaches_exact_with_what_changed_and_nothing_else(register: Register) -> None:
    hotel, name = register.ids[0], HOTEL
    for edit, sent in TO_EXACT:
        register.edit_square(hotel, **edit)

        register.run()

        name = sent.get("Name", name)
        row = register.in_exact(name)
        assert {column: row[column] for column in sent} == sent
        assert bodies(register.world, "PUT") == [sent]
        assert register.link(hotel).state == "in_step"


TO_SQUARE = [
    ({"Name": "Hotel Zon"}, {"company_name": "Hotel Zon"}),
    ({"Email": "new@prinsengracht.example"}, {"email_address": "new@prinsengracht.example"}),
    ({"Phone": "+31 20 5550199"}, {"phone_number": "+31 20 5550199"}),
    ({"VATNumber": VAT}, {"tax_ids": {"eu_vat": VAT}}),
    ({"AddressLine1": "Damrak 1", "Postcode": "1012 LG", "City": "Utrecht"},
     {"address": {"address_line_1": "Damrak 1", "postal_code": "1012 LG", "locality": "Utrecht"}}),
]  # fmt: skip


@pytest.mark.accepts("S000-14", "S000-35")
def test_an_edit_in_exact_reaches_square_by_its_version(register: Register) -> None:
    hotel, name = register.ids[0], HOTEL
    for edit, sent in TO_SQUARE:
        version = register.at_square(hotel)["version"]
        register.edit_exact(name, **edit)

        register.run()

        name = edit.get("Name", name)
        assert register.at_square(hotel)["version"] == version + 1
        (body,) = [body for body in bodies(register.world, "POST") if body.get("customers")]
        assert body == {"customers": {hotel: {**sent, "version": version}}}
        assert register.link(hotel).state == "in_step"


@pytest.mark.accepts("S000-16")
def test_three_idle_runs_write_nothing_and_cost_five_calls(register: Register) -> None:
    register.edit_square(register.ids[0], email_address="new@prinsengracht.example")
    register.edit_exact(ATELIER, Phone="+31 20 5550123")
    register.run()
    writes, calls = len(register.writes), register.calls

    runs = [register.run() for _ in range(3)]

    assert len(register.writes) == writes
    assert [(run.sent_to_exact, run.sent_to_square, run.records_changed) for run in runs] == [(0, 0, 0)] * 3
    assert register.calls - calls == 3 * 5  # accounts, contacts, addresses, deletions of Exact; one search at Square


def test_our_own_write_comes_back_and_is_no_change(register: Register) -> None:
    register.edit_exact(HOTEL, Email="new@prinsengracht.example")
    assert register.run().sent_to_square == 1
    following = register.run(after=60)  # Square still lists it as changed in this window
    assert (following.records_read, following.records_changed, following.sent_to_exact) == (1, 0, 0)


def test_different_fields_edited_on_both_sides_are_both_kept(register: Register) -> None:
    hotel = register.ids[0]
    register.edit_square(hotel, phone_number="+31 20 5550199")
    register.edit_exact(HOTEL, Email="new@prinsengracht.example")

    run = register.run()

    assert register.in_exact(HOTEL)["Phone"] == "+31 20 5550199"
    assert register.at_square(hotel)["email_address"] == "new@prinsengracht.example"
    assert (run.conflicts, run.sent_to_exact, run.sent_to_square) == (0, 1, 1)


def test_what_is_emptied_on_one_side_is_emptied_on_the_other(register: Register) -> None:
    hotel = register.ids[0]
    assert register.at_square(hotel)["email_address"] == "inkoop@prinsengracht.example"  # filled in at the first run
    register.edit_square(hotel, email_address=None)
    register.run()
    assert not register.in_exact(HOTEL)["Email"]

    register.edit_square(hotel, address=DAMRAK)
    register.run()
    register.edit_exact(HOTEL, AddressLine1=None, Postcode=None, City=None)
    register.run()
    assert "address" not in register.at_square(hotel)


def test_someone_who_writes_between_our_read_and_our_write_is_not_overwritten(register: Register) -> None:
    """The version that Square was asked for is no longer its version: read again, judged again, and sent then."""
    hotel, square = register.ids[0], register.world.sandbox.square
    register.edit_exact(HOTEL, Email="exact@prinsengracht.example")
    register.link(hotel)
    handle, pending = square.handle, [{"phone_number": "+31 20 5550177"}]

    def meanwhile(request: Request) -> Response:
        if "bulk-update" in request.path and pending:
            register.edit_square(hotel, **pending.pop())
        return handle(request)

    square.handle = meanwhile  # type: ignore[method-assign]  # somebody at the till
    run = register.run()

    held = register.at_square(hotel)
    assert (held["email_address"], held["phone_number"]) == ("exact@prinsengracht.example", "+31 20 5550177")
    assert register.in_exact(HOTEL)["Phone"] == "+31 20 5550177"
    assert run.conflicts == 0


@pytest.mark.parametrize("status", [409, 400])
def test_either_answer_to_a_stale_version_is_understood(register: Register, status: int) -> None:
    register.world.sandbox.square.state.stale_status = status
    test_someone_who_writes_between_our_read_and_our_write_is_not_overwritten(register)


@pytest.mark.accepts("S000-15")
def test_payment_terms_are_kept_in_exact_and_shown_at_square(register: Register) -> None:
    hotel = register.ids[0]
    register.edit_exact(HOTEL, PaymentConditionSales="30")
    register.run()
    assert register.terms(hotel) == "30 · 30 days"
    assert register.link(hotel).debtor.payment_condition == "30"

    register.edit_exact(HOTEL, PaymentConditionSales="14")
    register.run()
    assert register.terms(hotel) == "14 · 14 days"
    register.edit_exact(HOTEL, PaymentConditionSales=None)
    register.run()
    register.run()
    assert register.terms(hotel) == "none"
    definitions = register.world.sandbox.square.state.definitions
    assert [row["visibility"] for row in definitions.values()] == ["VISIBILITY_READ_ONLY"]


def test_the_person_at_a_company_becomes_a_contact_and_follows(register: Register) -> None:
    hotel = register.ids[0]
    register.edit_square(hotel, given_name="Eva", family_name="Bos")
    register.run()
    contacts = register.world.books.tables["contacts"]
    (contact,) = contacts.find("Account", register.in_exact(HOTEL)["ID"])
    assert (contact["FullName"], contact["Email"]) == ("Eva Bos", "inkoop@prinsengracht.example")

    register.edit_square(hotel, family_name="Vos")
    register.run()
    assert [row["FullName"] for row in contacts.find("Account", contact["Account"])] == ["Eva Vos"]
    assert register.run().sent_to_exact == 0


def test_a_contact_that_both_changed_waits_for_a_person(register: Register) -> None:
    hotel = register.ids[0]
    register.edit_square(hotel, given_name="Eva", family_name="Bos")
    register.run()
    contacts = register.world.books.tables["contacts"]
    (contact,) = contacts.find("Account", register.in_exact(HOTEL)["ID"])
    contacts.change(contact["ID"], LastName="Maas", FullName="Eva Maas")
    register.edit_square(hotel, family_name="Vos")

    run = register.run()

    assert run.conflicts == 1
    assert register.link(hotel).conflicts["contact"] == {
        "square": ["Eva", "Vos"], "exact": ["Eva", "Maas"], "base": ["Eva", "Bos"],
    }  # fmt: skip
    assert contacts.get(contact["ID"])["LastName"] == "Maas"


def test_instant_profiles_are_left_out_unless_the_lane_takes_them(register: Register) -> None:
    from mappings.models import CustomerMapping

    instant = register.customer(given_name="J", family_name="Doe", creation_source="INSTANT_PROFILE")
    known = register.customer(company_name="Studio Noord")
    register.run()
    met = set(CustomerMapping.objects.values_list("square_customer_id", flat=True))
    assert known in met
    assert instant not in met

    policy = register.lane.customer_policy
    policy.reads_instant_profiles = True
    policy.save()
    register.edit_square(instant, family_name="Doering")
    register.run()
    assert CustomerMapping.objects.filter(square_customer_id=instant, status="proposed").exists()


@pytest.mark.accepts("S000-39")
def test_no_ledger_account_and_no_supplier_is_ever_written(register: Register) -> None:
    register.edit_exact(MUSEUM, IsSupplier=True)
    register.edit_square(register.ids[2], phone_number="+31 20 5550166", company_name="Museum West")
    register.edit_square(register.ids[0], phone_number="+31 20 5550199")

    register.run()

    link = register.link(register.ids[2])
    assert (link.state, "suppliers are never written" in link.sentence) == ("waiting", True)
    assert register.in_exact(MUSEUM).get("Phone") is None
    paths = {path.rpartition("/")[2].partition("(")[0] for method, path in register.writes if "exact" in path}
    assert paths <= {"Accounts", "Contacts", "Addresses"}
    assert register.refusals == []


def test_the_trail_names_fields_and_never_what_stands_in_them(register: Register) -> None:
    register.edit_square(register.ids[0], email_address="secret@prinsengracht.example")
    register.run()
    entry = AuditEntry.objects.get(verb="customer.sent_to_exact", subject=register.ids[0])
    assert entry.detail["fields"] == ["email"]
    assert entry.detail.keys() == {"fields", "calls"}
    assert not AuditEntry.objects.filter(detail__icontains="secret@").exists()


@pytest.mark.parametrize(
    ("direction", "exact", "square"),
    [("to_exact", "square@x.example", "a@x.example"), ("to_square", "inkoop@prinsengracht.example", "b@x.example")],
)
def test_a_direction_that_is_shut_is_not_written(register: Register, direction: str, exact: str, square: str) -> None:
    policy = register.lane.customer_policy
    policy.direction = direction
    policy.save()
    register.edit_square(register.ids[0], email_address="square@x.example")
    register.edit_exact(ATELIER, Email="b@x.example")
    register.edit_square(register.ids[1], email_address="a@x.example") if direction == "to_exact" else None
    register.run()
    assert register.in_exact(HOTEL)["Email"] == exact
    assert register.at_square(register.ids[1])["email_address"] == square
