"""Somebody subscribes on the page of a connection, looks at the list, and removes what is no longer wanted."""

from __future__ import annotations

import pytest
from django.urls import reverse

from audit.models import AuditEntry
from config.demo import shop as shops
from connections.models import Connection, WebhookSubscription
from connections.sandbox.faults import Fault
from tests.journeys.pages import page_of, press, press_on_list, save_form, words
from tests.pages import in_role
from tests.postman import Postman

SECRET = "exact-webhook-secret-canary"


@pytest.fixture
def post(till) -> Postman:
    till.world.sandbox.courier.send = postman = Postman()
    return postman


@pytest.fixture
def square(till, post, browser) -> Connection:
    """Square, with the application's own token entered on its page."""
    row = till.world.shop.square
    token = till.world.sandbox.square.personal_token(shops.SQUARE_APP)
    save_form(browser, page_of(row), personal_access_token=token)
    return row


@pytest.fixture
def exact(till, post, browser) -> Connection:
    row = till.world.shop.exact
    till.world.site.apps[shops.EXACT_APP].webhook_secret = SECRET
    save_form(browser, page_of(row), webhook_secret=SECRET)
    return row


def at_square(till) -> list[dict]:
    return [one.data for one in till.world.sandbox.square.hooks.subscriptions.values()]


def at_exact(till) -> list[str]:
    return sorted(row["Topic"] for row in till.world.books.tables["webhooksubscriptions"])


@pytest.mark.accepts("S001-28")
def test_square_is_subscribed_listed_and_removed_from_the_admin(till, browser, square):
    told = words(press(browser, square, "subscribe"))
    assert "1 subscription sends" in told
    (made,) = at_square(till)
    assert made["notification_url"] == f"http://testserver/webhooks/square/{square.pk}/"
    assert "payment.updated" in made["event_types"]

    listed = words(browser.get(reverse("admin:connections_webhooksubscription_changelist")))
    assert "sends here" in listed
    assert "1 sends here" in words(browser.get(page_of(square)))

    press_on_list(browser, [WebhookSubscription.objects.get()], "remove")
    assert at_square(till) == []
    assert WebhookSubscription.objects.count() == 0


def test_pressed_twice_there_is_one_subscription_and_what_was_changed_is_put_right(till, browser, square):
    press(browser, square, "subscribe")
    at_square(till)[0]["event_types"] = ["payment.created"]
    at_square(till)[0]["enabled"] = False
    press(browser, square, "subscribe")

    (made,) = at_square(till)
    assert made["enabled"]
    assert "invoice.published" in made["event_types"]
    assert WebhookSubscription.objects.get().is_enabled


def test_an_answer_of_square_that_was_lost_leaves_no_second_subscription(till, browser, square):
    till.world.sandbox.faults.add(Fault("drop_after", "square", "POST", "/v2/webhooks/*"))
    assert "it may have been done" in words(press(browser, square, "subscribe"))
    press(browser, square, "subscribe")

    assert len(at_square(till)) == WebhookSubscription.objects.count() == 1


def test_after_a_removal_one_can_be_made_again(till, browser, square):
    for _ in range(2):
        press(browser, square, "subscribe")
        press_on_list(browser, [WebhookSubscription.objects.get()], "remove")
    press(browser, square, "subscribe")

    assert len(at_square(till)) == 1


def test_what_is_missing_for_a_subscription_is_said(till, browser, post):
    assert "personal access token" in words(press(browser, till.world.shop.square, "subscribe"))
    assert "webhook secret of the app" in words(press(browser, till.world.shop.exact, "subscribe"))
    assert at_square(till) == at_exact(till) == []


def test_an_oauth_token_entered_by_mistake_is_refused_in_words(till, browser, square):
    token = till.world.sandbox.square.issue_tokens(shops.SQUARE_APP).access_token
    save_form(browser, page_of(square), personal_access_token=token)

    assert "Square does not let this account" in words(press(browser, square, "subscribe"))


def test_a_real_vendor_is_asked_for_https_only(till, browser, square):
    Connection.objects.filter(pk=square.pk).update(environment="vendor_sandbox")

    assert "https" in words(press(browser, square, "subscribe"))


def test_a_new_signature_key_is_taken_and_the_former_one_still_counts(till, browser, square, post):
    press(browser, square, "subscribe")
    till.sell()
    press(browser, square, "renew-key")
    till.sell()
    till.world.sandbox.courier.deliver_due()

    assert set(post.answers) == {200}
    assert AuditEntry.objects.filter(verb="connection.webhook_key_changed").count() == 2


def test_a_key_that_was_changed_in_square_s_console_is_taken_over_when_subscriptions_are_read(
    till, browser, square, post
):
    press(browser, square, "subscribe")
    at_square(till)[0]["signature_key"] = "changed-in-the-console"
    till.sell()
    till.world.sandbox.courier.deliver_due()
    assert set(post.answers) == {403}

    press(browser, square, "read-subscriptions")
    till.world.timeline.advance(120)
    till.world.sandbox.courier.deliver_due()

    assert post.answers[-1] == 200


@pytest.mark.accepts("S001-28")
def test_exact_is_subscribed_listed_and_removed_from_the_admin(till, browser, exact, post):
    told = words(press(browser, exact, "subscribe"))
    assert "3 subscriptions send" in told
    assert at_exact(till) == ["Accounts", "FinancialTransactions", "GLAccounts"]
    assert post.answers == [200] * 3  # each address was tried with an empty body

    again = words(press(browser, exact, "subscribe"))
    assert "3 subscriptions send" in again
    rows = list(WebhookSubscription.objects.all())
    assert {str(row.division) for row in rows} == {str(till.world.shop.division)}
    press_on_list(browser, rows, "remove")
    assert at_exact(till) == []


def test_a_topic_that_exact_refuses_is_told_and_the_others_are_made(till, browser, exact):
    till.world.site.switches.refused_topics = ("GLAccounts", "FinancialTransactions")

    told = words(press(browser, exact, "subscribe"))

    assert "Invalid: Topic" in told
    assert at_exact(till) == ["Accounts"]


def test_a_subscription_that_vanished_at_the_vendor_is_shown_as_such(till, browser, exact):
    press(browser, exact, "subscribe")
    table = till.world.books.tables["webhooksubscriptions"]
    table.remove(next(iter(table))["ID"])
    press(browser, exact, "read-subscriptions")

    assert WebhookSubscription.objects.filter(missing_since__isnull=False).count() == 1
    listed = words(browser.get(reverse("admin:connections_webhooksubscription_changelist")))
    assert "no longer at the vendor" in listed
    assert "2 of 3 send here" in words(browser.get(page_of(exact)))


def test_who_may_not_give_consent_may_not_subscribe(till, square):
    assert press(in_role("Bookkeeper"), square, "subscribe").status_code == 403


def test_keys_are_entered_and_never_shown(till, browser, square, exact):
    press(browser, square, "subscribe")
    key = at_square(till)[0]["signature_key"]

    shown = browser.get(page_of(square)).content + browser.get(page_of(exact)).content
    for secret in (key, SECRET, till.world.sandbox.square.personal_token(shops.SQUARE_APP)):
        assert secret.encode() not in shown
        assert secret not in str(AuditEntry.objects.values()) + str(Connection.objects.values())
