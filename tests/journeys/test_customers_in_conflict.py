"""Both sides changed, or one went away: a person decides on the customer's page, and nothing is lost until then."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditEntry
from mappings.models import CustomerMapping
from sync.models import CustomerLink, SyncLane
from tests.journeys.conftest import Queue, unfurnished
from tests.journeys.customers import ATELIER, DAMRAK, HOTEL, MUSEUM, Register, open_register
from tests.journeys.pages import page_of, press, press_on_list, words
from tests.pages import in_role
from tests.world import World

OURS, THEIRS = "square@prinsengracht.example", "exact@prinsengracht.example"


@pytest.fixture
def register(world: World) -> Register:
    made = open_register(world)
    made.run()
    return made


def fall_out(register: Register) -> CustomerLink:
    """Both sides of the hotel get another e-mail between two runs; Exact a phone number besides."""
    register.edit_square(register.ids[0], email_address=OURS)
    register.edit_exact(HOTEL, Email=THEIRS, Phone="+31 20 5550199")
    assert register.run().conflicts > 0
    return register.link(register.ids[0])


def decide(browser: Client, link: CustomerLink, field: str, **form: str) -> Any:
    address = reverse("admin:sync_customerlink_resolve", args=[link.pk, field])
    return browser.post(address, {"revision": str(link.revision), **form}, follow=True)


@pytest.mark.accepts("S000-16", "S002-39")
def test_an_edit_on_both_sides_waits_with_both_values_and_other_fields_go_on(register, browser):
    link = fall_out(register)

    assert link.conflicts == {"email": {"square": [OURS], "exact": [THEIRS], "base": ["inkoop@prinsengracht.example"]}}
    assert register.in_exact(HOTEL)["Email"] == THEIRS
    assert register.at_square(register.ids[0])["email_address"] == OURS
    assert register.at_square(register.ids[0])["phone_number"] == "+31 20 5550199"
    before = len(register.writes)
    for _ in range(3):
        register.run()
    assert len(register.writes) == before

    page = words(browser.get(page_of(link)))
    for part in (OURS, THEIRS, "inkoop@prinsengracht.example", "Which e-mail is right?", "Neither is sent"):
        assert part in page
    assert HOTEL in words(browser.get(reverse("admin:sync_customerlink_changelist"), {"state": "conflict"}))


@pytest.mark.accepts("S000-16")
@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ({"take": "square"}, OURS), ({"take": "exact"}, THEIRS),
        ({"take": "own", "text": "own@x.example"}, "own@x.example"),
    ],
)  # fmt: skip
def test_what_a_person_chooses_reaches_the_other_side(register, browser, queue: Queue, choice, kept):
    link = fall_out(register)
    with queue.listening():
        told = words(decide(browser, link, "email", reason="She called.", **choice))
    assert "The e-mail is decided" in told
    queue.work()

    assert register.in_exact(HOTEL)["Email"] == register.at_square(register.ids[0])["email_address"] == kept
    assert register.link(register.ids[0]).state == "in_step"
    assert register.run().sent_to_exact == 0
    fact = AuditEntry.objects.get(verb="customer.resolved")
    assert (fact.actor, fact.detail["fields"], fact.detail["reason"]) == ("anna", ["email"], "She called.")
    assert kept not in str(fact.detail)


def test_a_decision_needs_a_reason_a_right_and_the_values_that_were_seen(register, browser):
    link = fall_out(register)
    assert "Say why" in words(decide(browser, link, "email", take="square", reason=" "))
    refused = words(decide(browser, link, "email", take="own", text="nobody", reason="x"))
    assert "The e-mail is no address" in refused
    assert "no such field" in words(decide(browser, link, "shoes", take="square", reason="x"))
    auditor = in_role("Auditor")
    assert decide(auditor, link, "email", take="square", reason="x").status_code == 403
    assert "Somebody who may resolve" in words(auditor.get(page_of(link)))

    register.edit_exact(HOTEL, Email="third@prinsengracht.example")
    register.run()
    assert "somebody changed it" in words(decide(browser, link, "email", take="square", reason="x"))
    assert register.link(register.ids[0]).conflicts["email"]["exact"] == ["third@prinsengracht.example"]


def test_a_selection_is_decided_at_once(register, browser):
    register.edit_square(register.ids[1], email_address="square@vos.example", phone_number="+31 20 5550111")
    register.edit_exact(ATELIER, Email="exact@vos.example", Phone="+31 20 5550222")
    fall_out(register)
    links = [register.link(register.ids[place]) for place in (0, 1)]

    told = words(press_on_list(browser, links, "take_exact", reason="The books are right."))

    assert "2 customers decided" in told
    register.run()
    register.run()
    assert register.at_square(register.ids[1])["email_address"] == "exact@vos.example"
    assert register.at_square(register.ids[1])["phone_number"] == "+31 20 5550222"
    assert register.at_square(register.ids[0])["email_address"] == THEIRS


def test_the_owner_of_a_field_has_its_word(register):
    policy = register.lane.customer_policy
    policy.owner_email, policy.owner_phone = "exact", "none"
    policy.save()
    hotel = register.ids[0]
    register.edit_square(hotel, email_address=OURS, phone_number="+31 20 5550111")
    register.edit_exact(HOTEL, Email=THEIRS, Phone="+31 20 5550222")

    assert register.run().conflicts == 0

    assert register.at_square(hotel)["email_address"] == THEIRS
    assert register.in_exact(HOTEL)["Phone"] == "+31 20 5550222"
    assert register.at_square(hotel)["phone_number"] == "+31 20 5550111"


def test_a_merged_customer_is_followed_and_its_account_stays(register):
    square, hotel = register.world.sandbox.square, register.ids[0]
    double = register.customer(given_name="Eva", phone_number="+31 20 5550144")
    merged = square.merge_customers(hotel, double, at=register.world.timeline.now())["id"]

    register.run()

    link = register.link(merged)
    assert (str(link.debtor.name), link.state, link.leads) == (HOTEL, "in_step", True)
    assert (register.link(hotel).state, register.link(hotel).merged_into) == ("merged", merged)
    mapping = CustomerMapping.objects.get(square_customer_id=merged)
    assert (mapping.status, mapping.debtor.name) == ("matched", HOTEL)
    assert CustomerMapping.objects.get(square_customer_id=hotel).status == "matched"  # what was paid names the old id
    assert register.in_exact(HOTEL)["Phone"] == "+31 20 5550144"
    register.edit_square(merged, email_address=OURS)
    register.run()
    assert register.in_exact(HOTEL)["Email"] == OURS


def test_two_merged_customers_that_were_two_accounts_are_a_question(register):
    merged = register.world.sandbox.square.merge_customers(
        register.ids[0], register.ids[1], at=register.world.timeline.now()
    )["id"]
    before = {name: register.in_exact(name) for name in (HOTEL, ATELIER)}

    register.run()
    register.run()

    mapping = CustomerMapping.objects.get(square_customer_id=merged)
    assert mapping.status == "conflict"
    assert {candidate["name"] for candidate in mapping.candidates} == {HOTEL, ATELIER}
    assert "Choose the account" in mapping.reason
    assert {name: register.in_exact(name) for name in (HOTEL, ATELIER)} == before


def test_a_deleted_customer_leaves_exact_as_it_is(register):
    before = register.in_exact(HOTEL)
    register.world.sandbox.square.remove_customer(register.ids[0])

    register.run(after=25 * 3600)

    link = register.link(register.ids[0])
    assert (link.state, link.sentence.startswith("Deleted in Square")) == ("gone", True)
    register.edit_exact(HOTEL, Email=THEIRS)
    register.run()
    assert register.in_exact(HOTEL) == {**before, "Email": THEIRS, "Modified": register.in_exact(HOTEL)["Modified"],
                                        "Timestamp": register.in_exact(HOTEL)["Timestamp"]}  # fmt: skip


def test_two_square_customers_on_one_account_wait_until_one_leads(register, browser, queue: Queue):
    second = register.customer(company_name="Hotel P", email_address="second@prinsengracht.example")
    register.map(second, HOTEL)
    register.run()

    link = register.link(second)
    assert link.state == "shared"
    assert "Only one Square customer can be kept in step" in link.sentence
    register.edit_square(second, phone_number="+31 20 5550133")
    register.run()
    assert register.in_exact(HOTEL).get("Phone") is None

    with queue.listening():
        assert "leading" in words(press(browser, register.link(second), "lead", reason="The other is old."))
    queue.work()
    assert register.link(register.ids[0]).state == "shared"
    assert register.in_exact(HOTEL)["Phone"] == "+31 20 5550133"
    assert sorted(register.link(second).conflicts) == ["email", "name"]  # both said something else: asked, not lost


def test_an_account_deleted_in_exact_while_mapped_is_said_and_nothing_is_lost(register):
    books = register.world.books
    books.forget("accounts", register.in_exact(MUSEUM)["ID"])
    museum = register.ids[2]
    register.edit_square(museum, email_address="new@museum.example")

    run = register.run()

    link = register.link(museum)
    assert link.state == "waiting"
    assert "was deleted, or is no customer any more" in link.sentence
    assert "Not sent: e-mail" in link.sentence
    assert run.records_waiting == 1
    assert register.at_square(museum)["email_address"] == "new@museum.example"


BAD = [
    ({"tax_ids": {"eu_vat": "NL12"}}, "The VAT number is not one"),
    ({"email_address": "a" * 95 + "@zon.example"}, "The e-mail has 107 characters; Exact takes 100"),
    ({"address": {**DAMRAK, "country": "ZZ"}}, "names the country ZZ, which Exact does not know"),
]


def test_what_exact_does_not_take_waits_with_the_field_and_the_rest_goes_on(register):
    hotel = register.ids[0]
    for edit, sentence in BAD:
        register.edit_square(hotel, phone_number=f"+31 20 555{BAD.index((edit, sentence)):04}", **edit)
        register.run()
        link = register.link(hotel)
        assert (link.state, sentence in link.sentence) == ("waiting", True), link.sentence
        assert register.in_exact(HOTEL)["Phone"] == register.at_square(hotel)["phone_number"]
    held = register.in_exact(HOTEL)
    assert (held.get("VATNumber"), held["Email"], held.get("AddressLine1")) == (
        None, "inkoop@prinsengracht.example", None,
    )  # fmt: skip
    register.edit_square(hotel, tax_ids={"eu_vat": "NL856240123B01"}, email_address=OURS, address=DAMRAK)
    register.run()
    assert register.link(hotel).state == "in_step"
    assert register.in_exact(HOTEL)["AddressLine1"] == "Damrak 1"


def test_what_square_does_not_take_waits_with_the_field(register):
    register.edit_exact(HOTEL, Phone="ext. 12", Email=THEIRS)
    register.run()
    link = register.link(register.ids[0])
    assert "The phone number is none that Square takes" in link.sentence
    assert register.at_square(register.ids[0])["email_address"] == THEIRS


def test_a_refusal_is_not_tried_again_until_something_changes(register, browser, monkeypatch):
    """What our rules let through and Exact does not: told in Exact's words, at the cost of one error."""
    monkeypatch.setitem(__import__("mappings.customers.sides", fromlist=["EXACT_LENGTHS"]).EXACT_LENGTHS, "city", 99)
    register.edit_square(register.ids[0], address={**DAMRAK, "locality": "x" * 40})
    register.run()
    link = register.link(register.ids[0])
    assert (link.state, "Invalid: City" in link.sentence) == ("waiting", True)
    puts = register.world.sandbox.log.count("exact", "PUT")
    register.run()
    assert register.world.sandbox.log.count("exact", "PUT") == puts

    assert "looked at again" in words(press(browser, link, "look_again"))
    register.run()
    assert register.world.sandbox.log.count("exact", "PUT") == puts + 1


def test_a_lane_for_customers_is_added_on_the_pages_and_paused(world, browser):
    unfurnished(world)
    shop = world.furnish()
    address = f"{reverse('admin:sync_synclane_add')}?flow=customers"
    shown = words(browser.get(address))
    assert "Whose word counts" in shown
    assert "Sales go here" not in shown
    form = {"label": "Customers", "source": shop.square.pk, "division": shop.division.pk, "is_enabled": "on",
            "cadence_minutes": "15", "priority": "0",
            "customer_policy-TOTAL_FORMS": "1", "customer_policy-INITIAL_FORMS": "0",
            "customer_policy-MIN_NUM_FORMS": "1", "customer_policy-MAX_NUM_FORMS": "1",
            "customer_policy-0-direction": "both", "customer_policy-0-unmapped": "propose"}  # fmt: skip
    owned = ("name", "email", "phone", "address", "vat_number")
    form |= {f"customer_policy-0-owner_{name}": "both" for name in owned}
    form |= {"customer_policy-0-owner_contact": "square", "customer_policy-0-owner_terms": "exact"}
    browser.post(address, form)
    lane = SyncLane.objects.get(label="Customers")
    assert (lane.flow, lane.customer_policy.owner_email, lane.books) == ("customers", "both", False)
    again = words(browser.post(address, {**form, "label": "Twice"}, follow=True))
    assert "kept in step with this division by another lane" in again
    register = Register(world, lane)
    assert register.run().sent_to_square > 0
    assert "customers" in words(browser.get(page_of(lane)))
    press(browser, lane, "pause", reason="Holidays")
    assert "Holidays" in words(browser.get(reverse("admin:sync_synclane_changelist")))
    assert "nothing to plan" in words(press_on_list(browser, [SyncLane.objects.get(pk=lane.pk)], "plan"))
