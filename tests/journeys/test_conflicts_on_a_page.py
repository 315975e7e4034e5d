"""Somebody in Square may be several in Exact: both stand side by side, and one decision books what waited."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.models import AuditEntry
from mappings import items, reference
from mappings.conflicts import deciding
from mappings.conflicts.deciding import Refused, Verb, Wish
from mappings.controls import MappingPolicy, ProposedChange
from mappings.models import CustomerMapping, DebtorAccount, GLMapping, ItemMapping
from sync.models import SyncLane
from tests.journeys import quarrel
from tests.journeys.ordering import TOWEL, Orders
from tests.journeys.pages import page_of, press, save_form, words
from tests.journeys.quarrel import resolve
from tests.journeys.test_suggestions import BOOK, earlier_entries


@pytest.fixture
def conflict(till):
    return quarrel.begin(till)


def in_role(name, role):
    user = User.objects.create_user(name, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def text(response):
    return words(response).replace(" ", " ")


# --- What is seen --------------------------------------------------------------------------------
def test_both_sides_stand_beside_each_other_and_each_field_says_in_words_how_it_compares(conflict, browser):
    assert (conflict.mapping.status, conflict.states()) == ("proposed", ["waiting"] * 2)

    page = browser.get(page_of(conflict.mapping, "resolve"))
    lines = {line.label: line for line in page.context["board"].lines}
    near = [column.row for column in page.context["board"].columns].index(conflict.near)

    assert {label: line.cells[near].verdict for label, line in lines.items()} == {
        "Name": "agrees", "Contact": "", "VAT number": "", "Chamber of commerce": "missing in Exact",
        "E-mail": "missing in Exact", "Phone": "agrees", "Address": "agrees", "In use": "",
    }  # fmt: skip
    assert lines["E-mail"].cells[1 - near].verdict == "differs"
    assert lines["VAT number"].cells[1 - near].verdict == "missing in Square"
    told = text(page)
    assert "✓ agrees" in told
    assert "✗ differs" in told
    assert "2 records wait for this" in told
    assert "EUR 50.00" in told or "50.00 EUR" in told
    assert "piet@jansen.example" in told


def test_nothing_square_told_of_a_person_reaches_the_audit_trail(conflict, browser):
    resolve(browser, conflict.mapping, "choose", target=str(conflict.near.pk))

    trail = json.dumps([[row.subject, row.detail] for row in AuditEntry.objects.filter(verb__startswith="customer")])
    assert conflict.mapping.square_customer_id in trail
    for personal in ("Piet", "Jansen", "piet@jansen.example", "2312345", "Oudegracht"):
        assert personal not in trail


def test_a_page_costs_the_same_statements_however_many_candidates_and_customers_there_are(
    till, conflict, browser, django_assert_max_num_queries
):
    def statements():
        with django_assert_max_num_queries(60) as counted:
            assert browser.get(page_of(conflict.mapping, "resolve") + "?q=Jan").status_code == 200
        return len(counted)

    few = statements()
    for number in range(8):
        quarrel.relation(till, f"Jansen {number}", Phone="030 2312345")
    reference.refresh(till.world.shop.division)
    for number in range(8):
        who = quarrel.customer(till, company_name=f"Jansen {number}", phone_number="030 2312345")
        till.sell(customer_id=who)
    till.next_morning()
    till.world.timeline.advance(25 * 3600)
    till.run_after(minutes=1)
    conflict.mapping.refresh_from_db()
    assert len(conflict.mapping.candidates) == 5
    assert statements() == few


def test_whoever_may_only_look_sees_both_sides_and_no_button(conflict, browser):
    auditor = in_role("ada", "Auditor")
    page = auditor.get(page_of(conflict.mapping, "resolve"))
    assert "You may look, and not decide" in text(page)
    assert b'name="verb" value="choose"' not in page.content
    refused = auditor.post(page_of(conflict.mapping, "resolve"), {"verb": "choose", "seen": "open"})
    assert refused.status_code == 403
    conflict.mapping.refresh_from_db()
    assert conflict.mapping.status in {"proposed", "conflict"}


def test_what_square_and_exact_tell_later_is_on_the_page_the_next_day(till, conflict, browser):
    who = conflict.mapping.square_customer_id
    till.world.sandbox.square.change_customer(who, tax_ids={"eu_vat": "NL001234567B01"})
    till.run_after(minutes=1)
    conflict.mapping.refresh_from_db()
    assert conflict.mapping.square_profile["vat_number"] == ""

    till.world.timeline.advance(25 * 3600)
    till.run_after(minutes=1)
    conflict.mapping.refresh_from_db()
    assert conflict.mapping.square_profile["vat_number"] == "NL001234567B01"
    assert conflict.mapping.status == "conflict"  # two candidates by now, each with something to say for itself


# --- The outcomes --------------------------------------------------------------------------------
@pytest.mark.accepts("CARD-06", "S000-08")
def test_the_chosen_account_gets_what_waited(conflict, browser, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        told = text(resolve(browser, conflict.mapping, "choose", "Same phone.", target=str(conflict.far.pk)))
    assert "decided, it goes to" in told
    conflict.till.run_after(minutes=1)

    conflict.mapping.refresh_from_db()
    row = conflict.mapping
    assert (row.status, row.debtor, row.reason, row.decided_by) == ("matched", conflict.far, "Same phone.", "anna")
    assert conflict.states() == ["done", "done"]
    assert conflict.booked_on() == {conflict.far.code.strip()}
    fact = AuditEntry.objects.get(verb="customermapping.changed")
    assert (fact.actor, fact.detail["verb"], fact.detail["reason"]) == ("anna", "choose", "Same phone.")


@pytest.mark.accepts("CARD-06", "S000-08")
def test_the_collective_debtor_gets_what_waited(conflict, browser, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        resolve(browser, conflict.mapping, "collective", "Comes once a year.")
    conflict.till.run_after(minutes=1)

    conflict.mapping.refresh_from_db()
    assert (conflict.mapping.status, conflict.mapping.debtor) == ("ignored", None)
    assert conflict.states() == ["done", "done"]
    debtors = {line["AccountName"] for line in conflict.till.world.books.lines() if line["GLAccountCode"] == "1300"}
    assert debtors == {"Counter sales"}


@pytest.mark.accepts("CARD-06")
def test_to_be_created_is_kept_with_who_and_why_and_its_records_go_on_waiting_with_that_sentence(
    conflict, browser, django_capture_on_commit_callbacks
):
    page = text(browser.get(page_of(conflict.mapping, "resolve")))
    assert "No lane creates customers from" in page
    with django_capture_on_commit_callbacks(execute=True):
        resolve(browser, conflict.mapping, "create", "A third Jansen, in Baarn.")
    conflict.till.run_after(minutes=1)

    conflict.mapping.refresh_from_db()
    row = conflict.mapping
    assert (row.status, row.debtor, row.decided_by) == ("create", None, "anna")
    assert conflict.states() == ["waiting", "waiting"]
    assert "anna decided that Square customer" in conflict.till.item(conflict.sales[0]).problem
    assert "It is being created" in conflict.till.item(conflict.sales[0]).problem
    page = text(browser.get(page_of(row, "resolve")))
    assert "anna decided: an account of its own is to be created in Exact. Reason: A third Jansen, in Baarn." in page
    assert "you may still decide otherwise" in page

    with django_capture_on_commit_callbacks(execute=True):
        resolve(browser, row, "choose", "It was there after all.", target=str(conflict.near.pk))
    conflict.till.run_after(minutes=1)
    assert conflict.states() == ["done", "done"]
    assert conflict.booked_on() == {conflict.near.code.strip()}


def test_a_lane_that_creates_customers_takes_the_warning_away(conflict, browser):
    lane = conflict.till.world.shop.lane
    SyncLane.objects.create(
        label="Customers", flow="customers", source=lane.source, division=lane.division, go_live=lane.go_live,
        is_enabled=True, paused_reason="not in this test",
    )  # fmt: skip
    assert "No lane creates customers from" not in text(browser.get(page_of(conflict.mapping, "resolve")))


def test_an_account_that_is_no_candidate_is_found_by_search_and_chosen(
    conflict, browser, django_capture_on_commit_callbacks
):
    page = browser.get(page_of(conflict.mapping, "resolve") + "?q=Studio")
    found = next(column for column in page.context["board"].columns if column.is_found)
    assert found.row.name == "Studio Noord"
    with django_capture_on_commit_callbacks(execute=True):
        resolve(browser, conflict.mapping, "choose", target=str(found.row.pk))
    conflict.till.run_after(minutes=1)
    assert conflict.booked_on() == {found.row.code.strip()}


# --- Merging -------------------------------------------------------------------------------------
@pytest.mark.accepts("CARD-06")
def test_two_square_customers_that_are_one_party_are_merged_in_one_decision_onto_one_account(
    till, browser, django_capture_on_commit_callbacks
):
    conflict = quarrel.begin(till)
    twin = quarrel.customer(till, company_name="Jansen", phone_number="030-2312345")
    conflict.sales.append(till.sell(customer_id=twin))
    till.next_morning()
    other = quarrel.mapping_of(twin)
    page = browser.get(page_of(conflict.mapping, "resolve"))
    assert [one.row for one in page.context["board"].others] == [other]
    assert "Tillbridge never merges accounts inside Exact" in text(page)

    chosen = {"target": str(conflict.near.pk), "other": [str(other.pk)]}
    told = text(resolve(browser, conflict.mapping, "choose", **chosen))
    assert "Press Merge, or untick them" in told
    with django_capture_on_commit_callbacks(execute=True):
        told = text(resolve(browser, conflict.mapping, "merge", "One shop, two tills.", **chosen))
    assert "With it 1 more on the same account" in told
    assert "they share one debtor from then on" in told
    till.run_after(minutes=1)

    rows = CustomerMapping.objects.filter(pk__in=[conflict.mapping.pk, other.pk])
    assert {(row.status, row.debtor, row.reason) for row in rows} == {
        ("matched", conflict.near, "One shop, two tills.")
    }
    assert conflict.states() == ["done"] * 3
    assert conflict.booked_on() == {conflict.near.code.strip()}
    facts = AuditEntry.objects.filter(verb="customermapping.changed")
    assert {fact.detail["verb"] for fact in facts} == {"merge"}


def test_an_account_that_is_twice_in_exact_is_used_once_and_its_customers_move_from_today_on(
    till, browser, django_capture_on_commit_callbacks
):
    conflict = quarrel.begin(till)
    settled = CustomerMapping.objects.create(
        division=conflict.mapping.division, merchant=conflict.mapping.merchant, square_customer_id="OLD1",
        square_name="Jansen Zeist", status="matched", debtor=conflict.far, effective_from="2026-01-01",
    )  # fmt: skip
    chosen = {"target": str(conflict.near.pk), "other": [str(settled.pk)], "double": [str(conflict.far.pk)]}
    with django_capture_on_commit_callbacks(execute=True):
        resolve(browser, conflict.mapping, "merge", "Typed twice in Exact.", **chosen)
    till.run_after(minutes=1)

    versions = CustomerMapping.objects.filter(square_customer_id="OLD1").order_by("effective_from")
    assert [(row.debtor, str(row.effective_from)) for row in versions] == [
        (conflict.far, "2026-01-01"), (conflict.near, "2026-03-03")
    ]  # fmt: skip
    assert conflict.states() == ["done", "done"]
    assert till.world.books.tables["accounts"].get(conflict.far.remote_id)  # nothing was merged inside Exact
    conflict.far.refresh_from_db()
    assert conflict.far.same_as == conflict.near

    again = quarrel.customer(till, company_name="Jansen", email_address="post@jansen.example")
    till.sell(customer_id=again)
    till.next_morning()
    assert [one["id"] for one in quarrel.mapping_of(again).candidates] == [conflict.near.remote_id]


def test_a_merge_that_cannot_be_done_whole_is_not_done_at_all(till, browser):
    conflict = quarrel.begin(till)
    twin = quarrel.customer(till, company_name="Jansen", phone_number="030-2312345")
    till.sell(customer_id=twin)
    till.next_morning()
    till.world.books.block_relation("Jansen")
    reference.refresh(till.world.shop.division)
    blocked = DebtorAccount.objects.filter(name="Jansen", is_blocked=True).get()

    chosen = {"target": str(blocked.pk), "other": [str(quarrel.mapping_of(twin).pk)]}
    told = text(resolve(browser, conflict.mapping, "merge", **chosen))
    assert "is blocked or gone in Exact" in told
    assert not CustomerMapping.objects.filter(status="matched", square_name__startswith="Jansen").exists()


@pytest.mark.accepts("S002-39")
def test_nobody_one_and_two_with_the_same_vat_number_are_told_apart_before_anything_is_created(till, browser):
    number = "NL001234567B01"
    found = []
    for _ in range(3):
        who = quarrel.customer(till, company_name="Smit", tax_ids={"eu_vat": number})
        till.sell(customer_id=who)
        till.next_morning()
        row = quarrel.mapping_of(who)
        found.append((row.status, len(row.candidates)))
        quarrel.relation(till, "Smit", VATNumber=number)
        reference.refresh(till.world.shop.division)
    assert found == [("proposed", 0), ("proposed", 1), ("conflict", 2)]
    page = text(browser.get(page_of(row, "resolve")))
    assert "% the same: a new account would probably be a double of it" in page


# --- Refusals ------------------------------------------------------------------------------------
def test_of_two_people_on_one_conflict_the_second_is_told_by_whom_it_was_decided_and_what(conflict, browser):
    bram = in_role("bram", "Bookkeeper")
    address = page_of(conflict.mapping, "resolve")
    seen = bram.get(address).context["seen"]
    resolve(browser, conflict.mapping, "choose", "Same phone.", target=str(conflict.near.pk))

    late = {"seen": seen, "since": "2026-03-02", "reason": "Same mail.", "verb": "collective"}
    response = bram.post(address, late)
    assert response.status_code == 422
    told = text(response)
    assert f"anna decided: it goes to {conflict.near}. Reason: Same phone. Nothing of yours was saved." in told
    conflict.mapping.refresh_from_db()
    assert (conflict.mapping.debtor, conflict.mapping.decided_by) == (conflict.near, "anna")


def test_of_two_who_decide_in_the_same_moment_only_one_does(conflict):
    """Both read the row before either wrote: the database decides, not what they read."""
    first, second = (CustomerMapping.objects.get(pk=conflict.mapping.pk) for _ in range(2))
    deciding.decide(first, Wish(Verb.CHOOSE, "anna", "Same phone.", conflict.near))
    with pytest.raises(Refused, match=r"anna decided: it goes to .* Nothing of yours was saved"):
        deciding.decide(second, Wish(Verb.COLLECTIVE, "bram", "Too small."))
    conflict.mapping.refresh_from_db()
    assert (conflict.mapping.status, conflict.mapping.decided_by) == ("matched", "anna")
    assert AuditEntry.objects.filter(verb="customermapping.changed").count() == 1


REFUSALS = (
    ("choose", {}, "Choose which Exact account it is"),
    ("choose", {"target": "999999"}, "Choose which Exact account it is"),
    ("collective", {"reason": " "}, "Give a reason"),
    ("collective", {"since": "2026-03-03"}, "Records since 2 March 2026 wait for this"),
    ("collective", {"since": "yesterday"}, "Enter a valid date"),
    ("merge", {}, "Choose which Exact account it is"),
    ("burn", {}, "Press one of the buttons"),
    ("", {}, "Press one of the buttons"),
)


def test_what_cannot_be_decided_is_refused_with_a_sentence_and_nothing_is_saved(conflict, browser):
    for verb, fields, sentence in REFUSALS:
        response = resolve(browser, conflict.mapping, verb, **fields)
        assert response.status_code == 422, verb
        assert sentence in text(response)
    before = conflict.mapping.status
    conflict.mapping.refresh_from_db()
    assert (conflict.mapping.status, conflict.mapping.decided_by) == (before, "")


def test_the_form_of_a_mapping_that_somebody_decided_meanwhile_overwrites_nothing(conflict, browser):
    bram = in_role("bram", "Bookkeeper")
    address = page_of(conflict.mapping)
    shown = bram.get(address)
    form = shown.context["adminform"].form
    fields = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "")}
    seen = re.search(r'name="_seen" value="([^"]+)"', shown.content.decode()).group(1)
    resolve(browser, conflict.mapping, "choose", "Same phone.", target=str(conflict.near.pk))

    told = text(bram.post(address, {**fields, "_seen": seen, "_accept": str(conflict.far.pk)}, follow=True))
    assert "anna decided: it goes to" in told
    assert "Nothing of yours was saved" in told
    conflict.mapping.refresh_from_db()
    assert (conflict.mapping.debtor, conflict.mapping.decided_by) == (conflict.near, "anna")


def test_a_customer_square_tells_nothing_of_is_not_created(till, browser):
    gone = quarrel.customer(till, company_name="Gone BV")
    sale = till.sell(customer_id=gone)
    till.world.sandbox.square.remove_customer(gone)
    till.next_morning()
    assert till.item(sale).state == "waiting"
    mapping = quarrel.mapping_of(gone)
    assert "Nothing is known of this customer but its id" in text(browser.get(page_of(mapping, "resolve")))
    assert "Square tells no name of this customer" in text(resolve(browser, mapping, "create"))


def test_an_instant_profile_is_called_one(till, browser):
    who = quarrel.customer(till, given_name="P", family_name="Jansen", creation_source="INSTANT_PROFILE")
    till.sell(customer_id=who)
    till.next_morning()
    assert "An instant profile" in text(browser.get(page_of(quarrel.mapping_of(who), "resolve")))


# --- Four eyes, and the plain form ---------------------------------------------------------------
@pytest.mark.parametrize("verb", ["choose", "create", "collective"])
def test_where_four_eyes_are_wanted_the_decision_waits_for_somebody_else(
    conflict, browser, verb, django_capture_on_commit_callbacks
):
    MappingPolicy.objects.create(division=conflict.mapping.division, four_eyes=True)
    fields = {"target": str(conflict.near.pk)} if verb == "choose" else {}
    assert "four eyes are wanted" in text(resolve(browser, conflict.mapping, verb, "Same phone.", **fields))
    before = conflict.mapping.status
    conflict.mapping.refresh_from_db()
    assert conflict.mapping.status == before

    change = ProposedChange.objects.get()
    second = in_role("bea", "Approver")
    with django_capture_on_commit_callbacks(execute=True):
        told = text(press(second, change, "approve"))
    assert "1 proposed change approved" in told, told
    conflict.mapping.refresh_from_db()
    expected = {"choose": ("matched", conflict.near), "create": ("create", None), "collective": ("ignored", None)}
    assert (conflict.mapping.status, conflict.mapping.debtor) == expected[verb]
    conflict.till.run_after(minutes=1)
    assert conflict.states() == (["waiting"] * 2 if verb == "create" else ["done"] * 2)


def test_two_square_customers_put_on_one_account_by_hand_are_warned_about(till, conflict, browser):
    twin = quarrel.customer(till, company_name="De Boer")
    till.sell(customer_id=twin)
    till.next_morning()
    save_form(browser, page_of(conflict.mapping), status="matched", debtor=conflict.near.pk)
    told = text(save_form(browser, page_of(quarrel.mapping_of(twin)), status="matched", debtor=conflict.near.pk))
    assert f"{conflict.near} is the Exact account of Square customer Jansen B.V." in told
    assert "they share one debtor from then on" in told


def test_a_decision_that_says_what_the_one_before_says_is_told_so(conflict, browser):
    row = conflict.mapping
    save_form(browser, page_of(row), status="matched", debtor=conflict.near.pk)
    values = {
        "division": row.division_id, "merchant": row.merchant_id, "square_customer_id": row.square_customer_id,
        "status": "matched", "debtor": conflict.near.pk,
        "effective_from": (row.effective_from + timedelta(days=1)).isoformat(),
    }  # fmt: skip
    told = text(browser.post("/admin/mappings/customermapping/add/", values, follow=True))
    assert "since 2 March 2026 says the same already" in told


# --- Articles and rules --------------------------------------------------------------------------
@pytest.mark.accepts("CARD-06")
@pytest.mark.parametrize("verb", ["choose", "ignore"])
def test_an_article_that_may_be_two_items_is_decided_side_by_side_and_its_order_goes_on(till, browser, queue, verb):
    orders = Orders(till)
    orders.books.add("items", Code="TEA-2", Description="Tea towel", IsSalesItem=True)
    items.refresh(till.world.shop.division)
    placed = orders.place(TOWEL)
    orders.run()
    mapping = ItemMapping.objects.get(square_item=orders.article("Tea towel"))
    assert (mapping.status, orders.record(placed).state) == ("conflict", "waiting")

    page = browser.get(page_of(mapping, "resolve"))
    assert "1 record waits for this" in text(page)
    codes = {column.row.code: column.row.pk for column in page.context["board"].columns}
    assert set(codes) == {"TEA", "TEA-2"}
    fields = {"target": str(codes["TEA-2"])} if verb == "choose" else {}
    with queue.listening():
        resolve(browser, mapping, verb, "The blue one.", **fields)
    queue.work()

    assert orders.record(placed).state == "done"
    item = "TEA-2" if verb == "choose" else "SQUARE"
    assert [line[0] for line in orders.shown(orders.heads[-1])] == [item]


@pytest.fixture
def missing(till):
    """A rate that no rule speaks of; the ledger has lines that say where it goes."""
    GLMapping.objects.filter(account__code="8001").delete()
    earlier_entries(till.world.books, "8001", "1", 60)
    earlier_entries(till.world.books, "8090", "1", 40)
    sale = till.sell(BOOK)
    till.next_morning()
    return sale


@pytest.mark.accepts("CARD-06")
def test_a_missing_rule_is_decided_side_by_side_with_its_vat_code(
    till, missing, browser, django_capture_on_commit_callbacks
):
    rule = GLMapping.objects.get(status="proposed")
    page = browser.get(page_of(rule, "resolve"))
    assert "60 of 100 earlier lines like this" in text(page)
    assert "1 record waits for this" in text(page)
    low = next(column.row for column in page.context["board"].columns if column.row.code == "8001")
    with django_capture_on_commit_callbacks(execute=True):
        resolve(browser, rule, "choose", "As the accountant said.", target=str(low.pk))
    till.run_after(minutes=1)

    rule.refresh_from_db()
    assert (rule.status, rule.account.code, rule.vat_code.code, rule.decided_by) == ("matched", "8001", "1", "anna")
    assert till.item(missing).state == "done", till.item(missing).problem


def test_a_proposed_rule_is_ignored_and_what_waits_goes_on_waiting(till, missing, browser):
    rule = GLMapping.objects.get(status="proposed")
    resolve(browser, rule, "ignore", "We write our own.")
    rule.refresh_from_db()
    assert (rule.status, rule.account, rule.reason) == ("ignored", None, "We write our own.")
    till.run_after(minutes=1)
    assert till.item(missing).state == "waiting"
