"""The work of a day on the pages: run, look, resolve, replay, dismiss; each to whoever may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from audit.models import AuditEntry
from connections.sandbox.square import LineSpec, TenderSpec
from sync.models import Posting, SyncItem, SyncLane, SyncRun
from tests.journeys.pages import page_of, press, press_on_list, words

LISTED = (
    "connections_connection", "connections_division", "mappings_customermapping", "mappings_glmapping",
    "sync_synclane", "sync_syncrun", "sync_syncitem", "sync_posting", "audit_auditentry",
)  # fmt: skip


@pytest.fixture
def visitor(plain_http):
    """Signed in, may look at records and lanes, and nothing else."""
    user = User.objects.create_user("vera", password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_syncitem", "view_synclane", "view_posting"])
    )
    browser = Client()
    browser.force_login(user)
    return browser


def strange(till, number=1):
    """A sale whose tax nobody has mapped, waiting."""
    till.world.sandbox.square.add_tax("Tourist tax 13", "13")
    sales = [
        till.sell(LineSpec("Tour", 1130, tax="Tourist tax 13"), tenders=(TenderSpec("cash"),)) for _ in range(number)
    ]
    till.next_morning()
    return [till.item(sale) for sale in sales]


@pytest.mark.accepts("CARD-04")
@pytest.mark.parametrize("name", LISTED)
def test_every_kind_of_row_is_listed_and_searched(till, browser, name):
    till.sell()
    till.next_morning()

    address = reverse(f"admin:{name}_changelist")

    everything = browser.get(address)
    nothing = browser.get(address, {"q": "nothing is called this"})

    assert everything.status_code == nothing.status_code == 200
    assert everything.context["cl"].result_count > 0
    assert nothing.context["cl"].result_count == 0
    assert everything.context["cl"].has_filters


@pytest.mark.accepts("CARD-05", "CARD-08")
def test_run_now_opens_a_run_that_a_worker_takes_up(till, browser, queue):
    till.sell()
    till.world.close_days()

    with queue.listening():
        told = press(browser, till.world.shop.lane, "run")
    assert "run" in words(told).lower()
    assert till.posts == 0  # nothing slow happened in the request

    queue.work()

    assert SyncRun.objects.get().state == "done"
    assert SyncRun.objects.get().requested_by == "anna"
    assert till.ledger["8000"] == -2066


@pytest.mark.accepts("CARD-07", "CARD-10")
def test_replay_from_the_page_of_a_record_books_it_once_its_cause_is_gone(till, browser, queue):
    sale = till.sell()
    till.world.books.block_account("8000")
    till.next_morning()
    item = till.item(sale)
    assert "Replay" in words(browser.get(page_of(item)))
    till.world.books.block_account("8000", blocked=False)

    with queue.listening():
        press(browser, item, "replay")
    queue.work()

    assert till.item(sale).state == "done"
    assert till.ledger == {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}


@pytest.mark.accepts("CARD-07", "CARD-10")
def test_replay_of_a_selection_of_entries_and_of_failed_audit_entries(till, browser, queue):
    till.sell()
    till.world.books.block_account("8000")
    till.next_morning()
    till.world.books.block_account("8000", blocked=False)

    with queue.listening():
        press_on_list(browser, list(AuditEntry.objects.filter(verb="posting.refused")), "replay")
    queue.work()

    assert Posting.objects.exclude(state="confirmed").count() == 0
    assert till.calls("exact", "POST", "SalesEntries") == 2
    assert till.ledger["8000"] == -2066


def test_dismissing_asks_for_a_reason_and_can_be_taken_back(till, browser):
    first, second = strange(till, number=2)

    refused = press_on_list(browser, [first, second], "dismiss")
    assert "reason" in words(refused).lower()
    assert SyncItem.objects.filter(state="dismissed").count() == 0
    press_on_list(browser, [first, second], "dismiss", reason="Booked by hand")

    assert SyncItem.objects.filter(state="dismissed").count() == 2
    assert "Booked by hand" in words(browser.get(page_of(first)))
    press(browser, first, "reinstate")
    first.refresh_from_db()
    assert first.state == "extracted"


def test_the_preview_shows_the_entry_and_sends_nothing(till, browser):
    sale = till.sell()
    till.run_after(minutes=1)
    item = till.item(sale)
    before = till.calls("exact")

    shown = words(browser.get(reverse("admin:sync_syncitem_preview", args=[item.pk])))

    assert all(text in shown for text in ("8000", "1105", "20.66", "4.34"))
    assert till.calls("exact") == before
    assert SyncItem.objects.get(pk=item.pk).state == item.state


def test_a_page_of_a_booked_record_shows_its_entries_and_its_steps(till, browser):
    sale = till.sell()
    till.next_morning()

    shown = words(browser.get(page_of(till.item(sale))))

    for posting in Posting.objects.all():
        assert posting.reference in shown
    assert sale.payment_ids[0] in shown


@pytest.mark.parametrize("action", ["replay", "dismiss"])
def test_who_may_only_look_is_offered_no_verbs_and_refused_them(till, visitor, action):
    (item,) = strange(till)

    assert visitor.get(page_of(item)).status_code == 200
    assert press(visitor, item, action, reason="x").status_code == 403
    assert press(visitor, till.world.shop.lane, "run").status_code == 403
    item.refresh_from_db()
    assert item.state == "waiting"
    assert SyncLane.objects.get().runs.filter(trigger="person").count() == 0


@pytest.mark.accepts("CARD-12")
def test_the_trail_leaves_as_a_stream_in_which_no_spreadsheet_finds_a_formula(till, browser):
    lane = till.world.shop.lane
    lane.label = '=HYPERLINK("http://evil.example")'
    lane.save()
    till.sell()
    till.next_morning()

    answer = browser.post(reverse("admin:audit_auditentry_export"), {"form": "machine"})

    assert answer.streaming
    rows = b"".join(answer.streaming_content).decode().splitlines()
    assert rows[0].startswith('"id","at","actor"')
    assert len(rows) > 20
    assert not any(f',"{sign}' in row for row in rows for sign in "=+-@")


@pytest.mark.accepts("S002-11")
def test_consent_by_a_person_is_the_only_way_in_and_the_form_says_so(browser, db):
    page = browser.get(reverse("admin:connections_connection_add"))

    assert "client credentials" in words(page)
    assert not [name for name in page.context["adminform"].form.fields if "grant" in name]


def test_the_first_page_names_what_waits_grouped_by_cause(till, browser):
    strange(till, number=2)

    shown = words(browser.get(reverse("admin:index")))

    assert "Tourist tax 13" in shown
    assert "2" in shown


def test_a_run_shows_what_it_did_and_what_it_asked_of_the_vendors(till, browser):
    till.sell()
    run = till.next_morning()

    shown = words(browser.get(page_of(run)))

    assert run.sentence in shown
    assert "1" in shown
