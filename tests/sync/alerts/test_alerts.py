"""One alert per crossing, one word when it is over, and each kind of early warning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from audit import seals
from audit.models import AuditEntry
from connections.models import CallBudget, Connection, VendorCall
from mappings.bookkeeping.legs import ProblemKind
from sync import tasks
from sync.alerts import conditions, sending, watching
from sync.alerts.kinds import Kind
from sync.models import Alert, AlertChannel, AlertLimits, AlertMessage
from tests.pages import NOW, confirm, in_role, text_of
from tests.till import Shop

MINUTE = timedelta(minutes=1)


@pytest.fixture
def told(shop: Shop) -> AlertChannel:
    """Somebody who is told by mail; nothing is over a limit yet."""
    return AlertChannel.objects.create(name="Finance", addresses="anna@example.com\nbob@example.com")


def calls(shop: Shop, count: int, *, status: int | None = 500, ago: timedelta = MINUTE, operation: str = "x") -> None:
    first = VendorCall.objects.count()
    VendorCall.objects.bulk_create(
        VendorCall(
            at=NOW - ago, connection=shop.exact, system="exact", operation=operation, method="GET", status=status,
            failure="" if status and status < 400 else "Refused", duration_ms=5, trigger="schedule",
            request_id=f"alerts-{first + number}",
        )
        for number in range(count)
    )  # fmt: skip


def look_and_send(now: datetime = NOW) -> list[str]:
    """What a worker does each minute, and the subjects of the mails it sent."""
    seals.seal(now=now)
    watching.look(now)
    mail.outbox.clear()
    AlertMessage.objects.filter(state="waiting").update(due_at=NOW)
    sending.send_due(NOW)
    return [message.subject for message in mail.outbox]


# --- crossings ------------------------------------------------------------------------------------
@pytest.mark.accepts("S001-37")
def test_the_eleventh_error_is_one_mail_the_twelfth_none_and_the_recovery_one(told: AlertChannel, shop: Shop) -> None:
    calls(shop, 10)
    assert look_and_send() == []
    calls(shop, 1)
    assert look_and_send() == ["[Tillbridge] Many calls to Exact Online “Books” fail"]
    assert mail.outbox[0].bcc == ["anna@example.com", "bob@example.com"]
    assert "11 of its 11 calls failed in the last hour; the limit is 10." in mail.outbox[0].body
    assert f"/admin/connections/connection/{shop.exact.pk}/change/" in mail.outbox[0].body
    calls(shop, 1)
    assert look_and_send() == []

    VendorCall.objects.all().delete()
    assert look_and_send(NOW + MINUTE) == []  # it may swing
    assert look_and_send(NOW + 20 * MINUTE) == ["[Tillbridge] Over: Many calls to Exact Online “Books” fail"]
    assert look_and_send(NOW + 40 * MINUTE) == []
    verbs = AuditEntry.objects.filter(verb__startswith="alert.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["alert.opened", "alert.recovered"]


def test_a_figure_that_swings_around_its_limit_is_one_alert(told: AlertChannel, shop: Shop) -> None:
    calls(shop, 11)
    assert len(look_and_send()) == 1
    VendorCall.objects.all().delete()
    assert look_and_send(NOW + 5 * MINUTE) == []
    calls(shop, 11, ago=-5 * MINUTE)
    assert look_and_send(NOW + 10 * MINUTE) == []
    VendorCall.objects.all().delete()
    assert look_and_send(NOW + 20 * MINUTE) == []
    assert Alert.objects.get().is_open


def test_two_workers_that_look_at_once_open_one_alert(shop: Shop) -> None:
    calls(shop, 11)
    (one,) = conditions.found(NOW)
    assert watching._open(one, NOW)
    assert watching._open(one, NOW) is None
    assert Alert.objects.count() == 1


def test_nothing_is_wrong_in_a_quiet_shop(told: AlertChannel, shop: Shop) -> None:
    for number in range(5):
        shop.booked(number)
    assert conditions.found(NOW) == []


# --- each kind ------------------------------------------------------------------------------------
def kinds() -> set[Kind]:
    return {one.kind for one in conditions.found(NOW)}


def sentence() -> str:
    (one,) = conditions.found(NOW)
    return one.sentence


@pytest.mark.accepts("S001-60")
def test_three_renewals_that_fail_in_a_row_are_told_with_where_to_consent(shop: Shop) -> None:
    calls(shop, 1, status=200, operation="oauth.refresh", ago=10 * MINUTE)
    calls(shop, 2, operation="oauth.refresh")
    assert kinds() == set()
    calls(shop, 1, operation="oauth.refresh")
    (one,) = conditions.found(NOW)
    assert one.kind is Kind.AUTHENTICATION
    assert one.page == f"/admin/connections/connection/{shop.exact.pk}/change/"
    calls(shop, 1, status=200, operation="oauth.refresh", ago=timedelta(0))
    assert kinds() == set()


def test_a_connection_that_needs_consent_is_told_and_a_new_one_is_not(shop: Shop) -> None:
    Connection.objects.filter(pk=shop.exact.pk).update(status="needs_consent", status_reason="Exact forgot us.")
    assert sentence() == "Exact forgot us. Nothing is booked until consent is given."
    Connection.objects.filter(pk=shop.exact.pk).update(status="new")
    assert kinds() == set()


@pytest.mark.accepts("S001-61")
def test_a_share_of_errors_is_compared_with_what_is_usual(shop: Shop) -> None:
    calls(shop, 6)
    calls(shop, 14, status=200)  # 30 % of 20
    assert kinds() == {Kind.ERROR_RATE}
    assert "30 % of its 20 calls failed in the last hour; in the week before it was 0.0 %" in sentence()
    calls(shop, 30, ago=timedelta(days=2))
    calls(shop, 70, status=200, ago=timedelta(days=2))  # 30 % is what it always is
    assert kinds() == set()


@pytest.mark.accepts("S002-78")
def test_early_warnings_come_before_anything_stops(shop: Shop) -> None:
    Connection.objects.filter(pk=shop.exact.pk).update(refresh_expires_at=NOW + timedelta(days=7, hours=1))
    assert kinds() == set()
    Connection.objects.filter(pk=shop.exact.pk).update(refresh_expires_at=NOW + timedelta(days=6, hours=1))
    assert kinds() == {Kind.CONSENT}
    assert "ends in 6 days" in sentence()


@pytest.mark.parametrize(
    ("used", "hours_left", "is_told"),
    [(2600, 12, True), (2400, 12, False), (900, 20, False), (5001, 23, True), (1300, 18, True)],
)
def test_the_pace_of_the_day_is_told_while_calls_are_left(
    shop: Shop, used: int, hours_left: int, is_told: bool
) -> None:
    CallBudget.objects.create(
        connection=shop.exact, division=shop.division.code, tokens=5, refilled_at=NOW, day_limit=5000,
        day_remaining=5000 - used, day_resets_at=NOW + timedelta(hours=hours_left),
    )  # fmt: skip
    assert (Kind.QUOTA in kinds()) is is_told


def test_records_that_stay_unbooked_are_told_but_not_those_that_nobody_expects(shop: Shop) -> None:
    day = NOW.date() - timedelta(days=3)
    shop.waiting(1, ProblemKind.BEFORE_GO_LIVE, day=day)
    shop.waiting(2, ProblemKind.UNMAPPED_TAX, day=NOW.date() - timedelta(days=1))
    shop.booked(3, day=day)
    assert kinds() == set()
    shop.waiting(4, ProblemKind.UNMAPPED_TAX, day=day)
    assert sentence() == (
        f"1 record is older than 48 hours and not booked, the oldest of {day}. The work list says why."
    )


def test_a_wave_of_unmapped_records_is_told(shop: Shop) -> None:
    for number in range(20):
        shop.waiting(number, ProblemKind.UNMAPPED_TAX)
    assert kinds() == set()
    shop.waiting(20, ProblemKind.UNMAPPED_CUSTOMER)
    assert kinds() == {Kind.UNMAPPED}


def test_a_held_division_and_a_disturbed_month_are_told(shop: Shop) -> None:
    shop.division.held_reason = "Exact no longer lists it."
    shop.division.save()
    shop.month(disturbed="Revenue differs by EUR 12.10 since.", disturbed_at=NOW, signed_at=NOW, signed_by="anna")
    assert kinds() == {Kind.DIVISION, Kind.DRIFT}


# --- limits ---------------------------------------------------------------------------------------
def test_limits_of_a_connection_go_before_those_of_all(shop: Shop) -> None:
    AlertLimits.objects.create(errors=2)
    calls(shop, 3)
    assert kinds() == {Kind.ERRORS}
    AlertLimits.objects.create(connection=shop.exact, errors=None)
    assert kinds() == set()


def test_there_is_one_row_of_limits_for_all(shop: Shop) -> None:
    AlertLimits.objects.create()
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertLimits.objects.create()


# --- messages -------------------------------------------------------------------------------------
def broken(*args: Any, **kwargs: Any) -> int:
    raise ConnectionRefusedError("nobody is there")


def test_a_mail_server_that_is_away_is_tried_again_and_said(
    told: AlertChannel, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls(shop, 11)
    watching.look(NOW)
    with monkeypatch.context() as away:
        away.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", broken)
        assert sending.send_due(NOW) == 0
    message = AlertMessage.objects.get()
    assert (message.state, message.attempts, message.due_at) == ("waiting", 1, NOW + MINUTE)
    assert "ConnectionRefusedError" in message.failure
    assert sending.send_due(NOW) == 0  # not before its time
    assert sending.send_due(NOW + MINUTE) == 1
    assert len(mail.outbox) == 1


def test_after_a_day_of_trying_a_message_is_given_up(
    told: AlertChannel, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls(shop, 11)
    watching.look(NOW)
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", broken)
    for _ in range(sending.ATTEMPTS + 3):
        sending.send_due(NOW + timedelta(days=9))
        AlertMessage.objects.filter(state="waiting").update(due_at=NOW)
    message = AlertMessage.objects.get()
    assert (message.state, message.attempts) == ("failed", sending.ATTEMPTS)


def test_a_message_somebody_else_has_taken_is_not_sent_twice(told: AlertChannel, shop: Shop) -> None:
    calls(shop, 11)
    watching.look(NOW)
    seen = AlertMessage.objects.select_related("alert", "channel").get()
    assert sending.send_due(NOW) == 1
    assert not sending._send(seen)
    assert len(mail.outbox) == 1


def test_a_channel_gets_the_kinds_it_asked_for(shop: Shop) -> None:
    AlertChannel.objects.create(name="Tokens", addresses="a@example.com", kinds=[Kind.CONSENT])
    AlertChannel.objects.create(name="Off", addresses="b@example.com", is_on=False)
    calls(shop, 11)
    assert look_and_send() == []


def test_slack_reads_names_as_they_are() -> None:
    assert sending.slack_text("<Bloem & Co>") == "&lt;Bloem &amp; Co&gt;"


def test_the_minute_looks_and_a_worker_sends(told: AlertChannel, shop: Shop, rung: Callable[[], list[str]]) -> None:
    calls(shop, 11)
    tasks.look()
    assert "sync.tasks.send_alerts" in rung()
    assert tasks.send_alerts() == 1


# --- pages ----------------------------------------------------------------------------------------
@pytest.fixture
def rung(db: None) -> Callable[[], list[str]]:
    from django_q.models import OrmQ

    return lambda: [row.func() if callable(row.func) else str(row.task()["func"]) for row in OrmQ.objects.all()]


def test_an_alert_is_read_from_the_work_list_on(told: AlertChannel, shop: Shop) -> None:
    calls(shop, 11)
    look_and_send()
    browser = in_role("Auditor")
    assert "1 limit crossed" in text_of(browser.get("/admin/"))
    assert "Finance" in text_of(browser.get("/admin/sync/alert/?is=open"))
    page = text_of(browser.get(f"/admin/sync/alert/{Alert.objects.get().pk}/change/"))
    assert "11 of its 11 calls failed" in page
    assert "that it began sent 1" in page


def test_an_administrator_sets_up_a_channel_and_tries_it(shop: Shop) -> None:
    browser = in_role("Administrator")
    wrong = browser.post("/admin/sync/alertchannel/add/", {"name": "F", "way": "mail", "addresses": "anna@"})
    assert "anna@ is no e-mail address." in text_of(wrong)
    inside = {"name": "S", "way": "webhook", "url": "https://10.1.2.3/hook", "addresses": ""}
    assert "private network" in text_of(browser.post("/admin/sync/alertchannel/add/", inside))
    assert "Enter the address" in text_of(browser.post("/admin/sync/alertchannel/add/", {**inside, "url": ""}))
    browser.post("/admin/sync/alertchannel/add/", {"name": "F", "way": "mail", "addresses": "a@b.nl, c@d.nl; a@b.nl",
                                                    "is_on": "on"})  # fmt: skip
    channel = AlertChannel.objects.get()
    assert channel.addresses == "a@b.nl\nc@d.nl"
    assert "1 alert channel sent" in text_of(confirm(browser, f"/admin/sync/alertchannel/{channel.pk}/do/test/"))
    assert mail.outbox[0].subject == "[Tillbridge] A test of this channel"


def test_the_address_of_a_webhook_is_never_shown_and_kept_when_left_empty(shop: Shop) -> None:
    browser = in_role("Administrator")
    values = {"name": "S", "way": "webhook", "url": "https://hooks.example.com/very-secret", "is_on": "on"}
    browser.post("/admin/sync/alertchannel/add/", values)
    channel = AlertChannel.objects.get()
    page = f"/admin/sync/alertchannel/{channel.pk}/change/"
    assert "very-secret" not in browser.get(page).content.decode()
    assert "hooks.example.com" in text_of(browser.get("/admin/sync/alertchannel/"))
    browser.post(page, {**values, "name": "Slack", "url": ""})
    channel.refresh_from_db()
    assert channel.name == "Slack"
    assert channel.url is not None
    assert channel.url.open().endswith("very-secret")  # type: ignore[union-attr]
    assert not AuditEntry.objects.filter(detail__icontains="very-secret").exists()


def test_who_may_only_look_changes_no_limits(shop: Shop) -> None:
    assert in_role("Auditor").get("/admin/sync/alertlimits/add/").status_code == 403
    assert in_role("Operator").get("/admin/sync/alertlimits/add/").status_code == 200
