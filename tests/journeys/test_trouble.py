"""Vendors that stall, throttle, drop and forget: the run waits as long as helps, and nothing is booked twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from audit.models import AuditEntry
from connections import credentials
from connections.sandbox.faults import Fault
from mappings import reference
from sync.models import Posting, SyncRun

ENTRIES = "*/salesentry/SalesEntries"
MUG_BOOKED = {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}


def fail(till, action, *, times=1, **where):
    till.world.sandbox.faults.add(Fault(action, times=times, **where))


def pauses(till):
    """How long each pause of the run was, in seconds, as the trail has it."""
    told = AuditEntry.objects.filter(verb="run.paused").order_by("id")
    return [(datetime.fromisoformat(entry.detail["due_at"]) - entry.at).total_seconds() for entry in told]


@pytest.mark.accepts("S000-27")
def test_a_vendor_that_is_down_is_asked_again_at_growing_distances(till):
    till.sell()
    till.world.close_days()
    fail(till, "503", system="square", path="/v2/payments", times=3)

    run = till.world.run()

    waited = pauses(till)
    assert run.state == "done"
    # Each pause is double the last, and up to a quarter longer by chance, so that lanes do not march in step.
    assert [base < pause < 1.25 * base for base, pause in zip((30, 60, 120), waited, strict=True)] == [True] * 3
    assert till.ledger == MUG_BOOKED


@pytest.mark.accepts("S000-27")
def test_a_refusal_is_not_repeated(till):
    till.sell()
    till.world.books.block_account("8000")
    till.next_morning()
    asked = till.calls("exact", "POST", "SalesEntries")

    for _ in range(3):
        till.run_after(hours=1)

    assert till.calls("exact", "POST", "SalesEntries") == asked == 1
    assert Posting.objects.get(document="sales_entry").state == "refused"


@pytest.mark.accepts("S000-45", "S000-46", "S001-30")
@pytest.mark.parametrize("action", ["drop_after", "500_after", "truncate"])
def test_an_entry_whose_answer_was_lost_is_found_not_sent_again(till, action):
    till.sell()
    till.world.close_days()
    fail(till, action, system="exact", method="POST", path=ENTRIES)
    till.world.run()
    assert Posting.objects.get(document="sales_entry").state == "sending"

    for _ in range(3):
        till.run_after(minutes=5)

    assert till.calls("exact", "POST", "SalesEntries") == 1
    assert till.ledger == MUG_BOOKED
    posting = Posting.objects.get(document="sales_entry")
    told = AuditEntry.objects.filter(subject_type="posting", subject=posting.reference).order_by("id")
    assert [entry.verb for entry in told] == [
        "posting.draft", "posting.sending", "posting.sending", "posting.posted", "posting.confirmed"
    ]  # fmt: skip
    assert told[3].detail["remote_id"] == posting.remote_id


@pytest.mark.accepts("S000-45")
@pytest.mark.parametrize("action", ["drop_before", "500_page", "503"])
def test_an_entry_that_never_arrived_is_sent_again_after_two_looks(till, action):
    till.sell()
    till.world.close_days()
    fail(till, action, system="exact", method="POST", path=ENTRIES)
    till.world.run()

    for _ in range(4):
        till.run_after(minutes=5)

    assert till.calls("exact", "POST", "SalesEntries") == 2
    assert till.ledger == MUG_BOOKED


@pytest.mark.accepts("S000-45")
def test_a_late_commit_is_waited_for(till):
    till.sell()
    till.world.close_days()
    fail(till, "late_commit", system="exact", method="POST", path=ENTRIES, seconds=75)
    till.world.run()

    for _ in range(3):
        till.run_after(minutes=5)

    assert till.calls("exact", "POST", "SalesEntries") == 1
    assert till.ledger == MUG_BOOKED


@pytest.mark.parametrize("system", ["exact", "square"])
def test_a_throttled_call_is_waited_for(till, system):
    till.sell()
    till.world.close_days()
    fail(till, "429", system=system, times=2)

    assert till.world.run().state == "done"
    assert till.ledger == MUG_BOOKED


@pytest.mark.accepts("S000-06", "S002-12")
def test_expired_access_tokens_are_renewed_once_per_vendor(till):
    till.sell()
    till.world.timeline.advance(timedelta(days=29).total_seconds())
    till.world.sandbox.log.clear()

    run = till.world.run()

    assert run.state == "done", run.sentence
    assert till.calls("exact", "POST", "token") == 1
    assert till.calls("square", "POST", "token") == 1
    assert till.ledger == MUG_BOOKED


@pytest.mark.accepts("S000-19", "S002-12")
@pytest.mark.parametrize(("age", "renewals"), [(569, 0), (575, 1)])
def test_a_token_is_renewed_ahead_of_its_end_and_never_before_exact_allows(till, age, renewals):
    till.world.timeline.moment = till.world.shop.exact.granted_at + timedelta(seconds=age)

    reference.refresh(till.world.shop.division)

    assert till.calls("exact", "POST", "token") == renewals
    assert till.world.sandbox.log.refusals == []


@pytest.mark.accepts("S000-21", "S000-41")
def test_ten_syncs_ask_exact_once_who_we_are(till):
    for _ in range(10):
        till.run_after(seconds=20)

    assert SyncRun.objects.filter(state="done").count() == 10
    assert till.calls("exact", "GET", "/api/v1/current/Me") == 1


@pytest.mark.accepts("S000-26")
def test_a_consent_withdrawn_at_exact_leaves_square_alone_and_says_what_to_do(till):
    till.sell()
    till.world.site.revoke("sandbox-exact-app")
    till.world.timeline.advance(timedelta(days=8).total_seconds())

    till.world.run()

    shop = till.world.shop
    shop.exact.refresh_from_db()
    assert shop.exact.status == "needs_consent"
    assert "consent" in shop.exact.status_reason.lower()
    credentials.keep_alive(shop.square)
    shop.square.refresh_from_db()
    assert shop.square.status == "live"
    assert till.calls("square", "POST", "/oauth2/token") == 1
