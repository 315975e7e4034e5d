"""Proofs that fail and lanes that come to a stand are told once, and once more when they are well again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail

from audit import seals, verification
from audit.models import AuditEntry, AuditVerification
from connections import clock
from connections.models import Connection, Division, WebhookSubscription
from sync import proofs
from sync.alerts import conditions, sending, watching
from sync.alerts.kinds import Condition, Kind
from sync.models import AlertChannel, AlertMessage, BooksProof, SyncLane
from tests.audit.intruder import tamper
from tests.audit.telling import sealed, tell
from tests.pages import NOW, in_role, text_of
from tests.till import Shop

DAY = timedelta(days=1)


@pytest.fixture
def told(shop: Shop) -> AlertChannel:
    return AlertChannel.objects.create(name="Finance", addresses="anna@example.com")


def one() -> Condition:
    (found,) = conditions.found(NOW)
    return found


def mails(now: Any = NOW) -> list[str]:
    """Subjects of what a worker sends that looks now, and has sealed before."""
    seals.seal(now=now)
    watching.look(now)
    mail.outbox.clear()
    AlertMessage.objects.filter(state="waiting").update(due_at=NOW)
    sending.send_due(NOW)
    return [message.subject for message in mail.outbox]


def verified() -> AuditVerification:
    row = verification.ask("nightly", now=NOW)
    assert proofs.verify(row.pk)
    seals.seal(now=NOW)
    row.refresh_from_db()
    return row


# --- the audit trail ------------------------------------------------------------------------------
def test_a_trail_that_was_tampered_with_is_one_mail_that_names_the_entry_and_one_when_it_stands_again(
    told: AlertChannel,
) -> None:
    keys = sealed(3, 4)
    verified()
    assert mails() == []
    actor = AuditEntry.objects.get(pk=keys[2]).actor
    tamper("UPDATE audit_auditentry SET actor = 'nobody' WHERE id = %s", keys[2])
    verified()
    assert mails() == ["[Tillbridge] The audit trail does not stand"]
    assert f"Audit entry {keys[2]} was changed" in mail.outbox[0].body
    assert "/admin/audit/auditseal/" in mail.outbox[0].body
    verified()
    assert mails() == []
    tamper("UPDATE audit_auditentry SET actor = %s WHERE id = %s", actor, keys[2])
    assert verified().finding == ""
    assert mails(NOW + timedelta(minutes=1)) == []
    assert mails(NOW + timedelta(minutes=17)) == ["[Tillbridge] Over: The audit trail does not stand"]


def test_entries_that_nobody_seals_are_told(shop: Shop) -> None:
    verified()
    tell(2, start=100, minutes=-9)
    assert conditions.found(NOW) == []
    tell(2, start=200, minutes=-11)
    assert (one().kind, one().title) == (Kind.AUDIT, "The audit trail is not sealed any more")
    assert "What it was told 11 minutes ago is not sealed yet" in one().sentence
    seals.seal(now=NOW)
    assert conditions.found(NOW) == []


def test_a_clock_that_runs_fast_makes_no_seal_late(shop: Shop) -> None:
    tell(2, minutes=-11)
    fast = clock.Clock(origin=NOW.timestamp(), speed=60)
    restore = clock.install(fast)
    try:
        assert list(proofs.troubles(NOW)) == []
    finally:
        restore()


@pytest.mark.parametrize("was_verified", [True, False])
def test_a_trail_that_no_night_verifies_is_told(shop: Shop, was_verified: bool) -> None:
    sealed(3)
    if was_verified:
        verified()
    later = NOW + 2 * DAY + timedelta(hours=1)
    seals.seal(now=later)
    (found,) = (row for row in conditions.found(later) if row.kind is Kind.AUDIT)
    assert found.title == "The audit trail has not been verified"
    said = "The last look at the whole of it ended 2 days ago" if was_verified else "and was never verified"
    assert said in found.sentence


def test_the_page_of_health_tells_how_the_trail_stands(shop: Shop) -> None:
    browser = in_role("Administrator")
    keys = sealed(3)
    assert "the first look at all of it comes tonight" in text_of(browser.get("/admin/health/"))
    verified()
    assert "The last look at it ended just now: everything stands." in text_of(browser.get("/admin/health/"))
    tamper("DELETE FROM audit_auditentry WHERE id = %s", keys[1])
    verified()
    page = text_of(browser.get("/admin/health/"))
    assert f"Audit trail failing Audit entry {keys[1]} is missing" in page


# --- lanes ----------------------------------------------------------------------------------------
def test_a_lane_whose_last_run_failed_is_told_with_what_the_run_said(told: AlertChannel, shop: Shop) -> None:
    shop.run(state="failed", sentence="Snowflake refused: the role may not write.")
    assert mails() == ["[Tillbridge] Lane Bakery to books stopped"]
    assert "Its last run failed: Snowflake refused: the role may not write." in mail.outbox[0].body
    shop.run(state="running")
    assert mails(NOW + timedelta(minutes=1)) == [], "a new try is no success yet"
    SyncLane.objects.get().runs.filter(state="running").update(state="done")
    assert mails(NOW + timedelta(minutes=2)) == []
    assert mails(NOW + timedelta(minutes=18)) == ["[Tillbridge] Over: Lane Bakery to books stopped"]


@pytest.mark.parametrize(
    "because",
    [
        lambda: SyncLane.objects.update(paused_reason="Stocktaking"),
        lambda: SyncLane.objects.update(is_enabled=False),
        lambda: Connection.objects.filter(system="exact").update(status="needs_consent"),
        lambda: Division.objects.update(held_reason="Another name."),
    ],
    ids=["paused", "off", "no consent", "held"],
)
def test_a_lane_that_stands_for_a_known_reason_is_not_told_on_top_of_it(shop: Shop, because: Any) -> None:
    shop.run(state="failed")
    assert one().kind is Kind.LANE
    because()
    assert Kind.LANE not in {found.kind for found in conditions.found(NOW)}


def test_an_archive_that_has_not_come_to_its_end_for_two_cadences_is_told(shop: Shop) -> None:
    SyncLane.objects.update(flow="archive", cadence_minutes=7 * 24 * 60)
    shop.run(finished_at=NOW - 13 * DAY)
    assert conditions.found(NOW) == []
    shop.run(state="paused")
    SyncLane.objects.get().runs.filter(state="done").update(finished_at=NOW - 15 * DAY)
    assert one().title == "Lane Bakery to books stopped"
    assert "Its last run that came to its end did so 15 days ago" in one().sentence


# --- the books ------------------------------------------------------------------------------------
def proof(shop: Shop, **figures: int) -> BooksProof:
    values: dict[str, Any] = {
        "lane": shop.lane, "begin": date(2026, 11, 1), "end": date(2026, 11, 30), "began_at": NOW, "made_at": NOW,
        "is_proven": not figures, "legs": 9, "in_one": 9, "entries": 4, "equal": 4, "digest": "0" * 64,
    }  # fmt: skip
    return BooksProof.objects.create(**{**values, **figures})


def test_books_that_could_not_be_proven_are_told_until_a_later_look_proves_them(shop: Shop) -> None:
    proof(shop)
    assert conditions.found(NOW) == []
    row = proof(shop, in_one=8, missing=1, found=1)
    assert one().kind is Kind.BOOKS
    assert "8 of 9 booked legs stand in exactly one document in Exact; 1 in none, 0 in more than one" in one().sentence
    assert one().page == f"/admin/sync/booksproof/{row.pk}/change/"
    proof(shop)
    assert conditions.found(NOW) == []


def test_a_month_that_does_not_tie_is_told_before_anybody_signs_it(shop: Shop) -> None:
    row = shop.month(disturbed="", disturbed_at=None, signed_at=None, signed_by="", signed=None)
    assert one().kind is Kind.DRIFT
    assert "Differences between Square and Exact that nobody has explained: 1." in one().sentence
    row.reconciliation.findings = 0
    row.reconciliation.save()
    assert conditions.found(NOW) == []


# --- webhooks -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "said"),
    [({"is_enabled": False}, "switched it off"), ({"missing_since": NOW}, "no longer lists it")],
)
def test_a_subscription_that_the_vendor_let_go_of_is_told(shop: Shop, change: dict[str, Any], said: str) -> None:
    row = WebhookSubscription.objects.create(
        connection=shop.square, remote_id="wbhk_1", topics=["payment.created"], address="https://x", created_at=NOW,
        read_at=NOW,
    )  # fmt: skip
    assert conditions.found(NOW) == []
    WebhookSubscription.objects.filter(pk=row.pk).update(**change)
    assert one().kind is Kind.SILENCE
    assert said in one().sentence
