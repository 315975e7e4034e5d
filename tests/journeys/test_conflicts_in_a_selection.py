"""Many conflicts at once: a page says what each row would get, and whoever cannot be decided is named."""

from __future__ import annotations

import re

import pytest

from audit.models import AuditEntry
from mappings import reference
from mappings.models import CustomerMapping
from tests.journeys import quarrel
from tests.journeys.pages import press_on_list, words

LIST = "/admin/mappings/customermapping/"


@pytest.fixture
def several(till):
    """One whom Exact knows by phone, one of two namesakes, one whom nobody knows, and one decided by Bram."""
    quarrel.relation(till, "Kwekerij Bos B.V.", Phone="020 5550101")
    quarrel.relation(till, "Smit", City="Utrecht")
    quarrel.relation(till, "Smit", City="Zeist")
    reference.refresh(till.world.shop.division)
    ids = [
        quarrel.customer(till, company_name="Bos Kwekerij", phone_number="020-5550101"),
        quarrel.customer(till, company_name="Smit"),
        quarrel.customer(till, company_name="Zwart Catering"),
        quarrel.customer(till, company_name="Al Besloten"),
    ]
    sales = [till.sell(customer_id=one) for one in ids]
    till.next_morning()
    CustomerMapping.objects.filter(square_customer_id=ids[3]).update(
        status="ignored", decided_by="bram", reason="Pays cash."
    )
    return [quarrel.mapping_of(one) for one in ids], sales


def asked(browser, rows, verb):
    chosen = {"action": f"resolve-{verb}", "_selected_action": [str(row.pk) for row in rows]}
    return browser.post(LIST, chosen)


@pytest.mark.accepts("CARD-06")
def test_the_best_candidates_are_shown_row_by_row_and_chosen_and_the_others_are_named(
    till, several, browser, django_capture_on_commit_callbacks
):
    rows, sales = several
    told = words(asked(browser, rows, "choose"))
    assert "would be decided 1" in told
    assert "would stay as they are 3" in told
    assert re.search(r"Bos Kwekerij \d+ Kwekerij Bos B.V., 8\d %: phone, name", told), told
    assert "Smit stays as it is: Two candidates are equally likely; choose on its page." in told
    assert "Zwart Catering stays as it is: Nothing in Exact resembles it" in told
    assert "Al Besloten stays as it is: bram decided: it is booked on the collective debtor. Reason: Pays cash." in told
    assert {row.status for row in CustomerMapping.objects.filter(decided_by="anna")} == set()

    nothing = words(press_on_list(browser, rows, "resolve-choose"))
    assert "Give a reason" in nothing
    with django_capture_on_commit_callbacks(execute=True):
        told = words(press_on_list(browser, rows, "resolve-choose", reason="Looked them up."))
    assert "1 customer mapping decided" in told
    assert "1 skipped (Smit): Two candidates are equally likely" in told
    assert "1 skipped (Zwart Catering): Nothing in Exact resembles it" in told

    known = CustomerMapping.objects.get(pk=rows[0].pk)
    assert (known.status, known.debtor.name, known.reason) == ("matched", "Kwekerij Bos B.V.", "Looked them up.")
    assert AuditEntry.objects.filter(verb="customermapping.changed").count() == 1
    till.run_after(minutes=1)
    assert [till.item(sale).state for sale in sales] == ["done", "waiting", "waiting", "done"]


@pytest.mark.accepts("CARD-06")
@pytest.mark.parametrize(
    "case",
    [
        ("collective", "ignored", "done", "the collective debtor of its lane"),
        ("create", "create", "waiting", "an account of its own in Exact"),
    ],
)
def test_a_selection_goes_to_the_collective_debtor_or_is_to_be_created(
    till, several, browser, django_capture_on_commit_callbacks, case
):
    verb, status, state, sentence = case
    rows, sales = several
    told = words(asked(browser, rows, verb))
    assert told.count(sentence) == 3
    with django_capture_on_commit_callbacks(execute=True):
        press_on_list(browser, rows, f"resolve-{verb}", reason="All of them.")
    till.run_after(minutes=1)

    held = CustomerMapping.objects.filter(pk__in=[row.pk for row in rows], decided_by="anna")
    assert {(row.status, row.reason) for row in held} == {(status, "All of them.")}
    assert len(held) == 3
    assert [till.item(sale).state for sale in sales[:3]] == [state] * 3


def test_what_was_decided_while_the_page_was_read_is_not_done_unseen(several, browser):
    rows, _ = several
    shown = re.search(r'name="shown" value="(\w+)"', asked(browser, rows[:2], "collective").content.decode())
    CustomerMapping.objects.filter(pk=rows[0].pk).update(status="ignored", decided_by="bram")

    answer = press_on_list(browser, rows[:2], "resolve-collective", reason="Both.", shown=shown.group(1))
    assert "What would come of it changed while you were reading" in words(answer)
    assert not CustomerMapping.objects.filter(decided_by="anna").exists()


def test_several_that_would_come_to_share_a_debtor_are_warned_about_before(till, browser):
    quarrel.relation(till, "Kwekerij Bos B.V.", Phone="020 5550101")
    reference.refresh(till.world.shop.division)
    ids = [quarrel.customer(till, company_name=name, phone_number="020-5550101") for name in ("Bos", "Bos kwekerij")]
    for one in ids:
        till.sell(customer_id=one)
    till.next_morning()
    told = words(asked(browser, [quarrel.mapping_of(one) for one in ids], "choose"))
    assert "take care" in told
    assert "would share the debtor" in told


def test_a_page_of_many_costs_no_more_statements_than_one_of_few(till, several, browser, django_assert_max_num_queries):
    rows, _ = several

    def statements(chosen):
        with django_assert_max_num_queries(60) as counted:
            assert asked(browser, chosen, "choose").status_code == 200
        return len(counted)

    few = statements(rows[:2])
    assert statements(rows) == few
