"""Deliveries arrive over HTTP: what is answered, what is stored, and what is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from audit.models import AuditEntry
from connections import webhooks
from connections.models import Connection, WebhookEvent, WebhookTally
from tests.connections.signed import KEY, SIGNATURE, deliver, exact_body, exact_event, path_of, sign, square_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def square(vendors) -> Connection:
    row = vendors.square()
    assert webhooks.change_key(row, KEY)
    return row


@pytest.fixture
def exact(vendors) -> Connection:
    row = vendors.exact()
    assert webhooks.change_key(row, KEY)
    return row


def tallies() -> dict[str, int]:
    return dict(WebhookTally.objects.values_list("outcome", "count"))


@pytest.mark.accepts("S000-30")
def test_an_event_is_stored_once_however_often_it_is_delivered(vendors, square):
    body = square_event("e-1", at=vendors.time.now())

    answers = [deliver(square, body) for _ in range(4)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 4
    (row,) = WebhookEvent.objects.all()
    assert (row.type, row.object_id, row.account, row.deliveries) == ("payment.updated", "P1", "M1", 4)
    assert (row.meaning, row.heeded_at) == ("new", None)
    assert tallies() == {}


def test_nothing_personal_is_kept_of_a_delivery(vendors, square):
    deliver(square, square_event("e-1", at=vendors.time.now()))

    assert "Jansen" not in str(WebhookEvent.objects.values())
    assert len(WebhookEvent.objects.get().digest) == 64


def test_events_in_any_order_are_kept_with_their_own_times(vendors, square):
    now = vendors.time.now()
    for minute in (5, 1, 3):
        deliver(square, square_event(f"e-{minute}", at=now - timedelta(minutes=minute)))

    assert [row.event_id for row in WebhookEvent.objects.order_by("happened_at")] == ["e-5", "e-3", "e-1"]


@pytest.mark.accepts("S000-30")
@pytest.mark.parametrize("wrong", ["", "x", "key", "address", "stripped"])
def test_a_wrong_signature_is_forbidden_and_stores_nothing(vendors, square, wrong):
    body = square_event("e-1", at=vendors.time.now())
    right = sign(body, address=f"https://tillbridge.example{path_of(square)}")
    other = {
        "key": sign(body, address=f"https://tillbridge.example{path_of(square)}", key="other"),
        "address": sign(body, address=f"http://testserver{path_of(square)}"),
        "stripped": right.rstrip("="),
    }

    answer = deliver(square, body, **{SIGNATURE: other.get(wrong, wrong)})

    assert (answer.status_code, answer.content) == (403, b"")
    assert WebhookEvent.objects.count() == 0
    assert tallies() == {"forged": 1}


def test_the_header_is_needed_at_all(vendors, square):
    answer = Client().post(path_of(square), square_event("e", at=vendors.time.now()), content_type="application/json")

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "extra", "status", "outcome"),
    [
        (b"x" * 300_000, {}, 413, "too_large"),
        (b"x" * 1_000_000, {}, 413, "too_large"),
        (b"{}", {"CONTENT_LENGTH": "-1"}, 413, "too_large"),
        (b"", {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}, 411, "no_length"),
        (b"a=1", {"content_type": "application/x-www-form-urlencoded"}, 415, "wrong_type"),
        (b"<a/>", {"content_type": "text/xml"}, 415, "wrong_type"),
        (b"", {}, 415, "wrong_type"),
        (b"{", {}, 400, "unreadable"),
        (b'{"a":' * 10_000, {}, 400, "unreadable"),
        (b"[]", {}, 400, "unreadable"),
    ],
)
def test_what_cannot_be_an_event_gets_a_short_answer_and_is_counted(square, body, extra, status, outcome):
    answer = deliver(square, body, **extra)

    assert (answer.status_code, answer.content) == (status, b"")
    assert tallies() == {outcome: 1}
    assert WebhookEvent.objects.count() == 0


def test_a_megabyte_is_refused_before_it_is_read(vendors, square):
    class Unread:
        """A body that nobody may touch."""

        def read(self, *_):
            raise AssertionError("read")

        readline = read

    answer = Client().generic(
        "POST", path_of(square), content_type="application/json", CONTENT_LENGTH="1000000", **{"wsgi.input": Unread()}
    )

    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["get", "put", "head", "delete", "patch", "options"])
def test_nothing_but_post_is_taken(square, method):
    assert getattr(Client(), method)(path_of(square)).status_code == 405


@pytest.mark.parametrize("path", ["/webhooks/square/999999/", "/webhooks/exact/{pk}/", "/webhooks/other/1/",
                                  "/webhooks/square/99999999999999999999999/"])  # fmt: skip
def test_an_unknown_address_is_not_found_and_counted(square, path):
    answer = Client().post(path.format(pk=square.pk), b"{}", content_type="application/json")

    assert answer.status_code == 404
    assert list(WebhookTally.objects.values_list("connection", "outcome", "count")) == [(None, "unknown", 1)]


def test_a_replay_of_long_ago_is_answered_and_not_kept(vendors, square):
    old = square_event("e-1", at=vendors.time.now() - timedelta(days=8))
    retried = square_event("e-2", at=vendors.time.now() - timedelta(days=2))

    assert deliver(square, old).status_code == deliver(square, retried).status_code == 200
    assert [row.event_id for row in WebhookEvent.objects.all()] == ["e-2"]
    assert tallies() == {"too_old": 1}


def test_without_a_key_nothing_is_believed(vendors):
    answer = deliver(vendors.square(), square_event("e-1", at=vendors.time.now()))

    assert answer.status_code == 403
    assert tallies() == {"no_key": 1}


def test_the_former_key_counts_for_two_days_after_a_change(vendors, square):
    webhooks.change_key(square, "new-key")
    address = f"https://tillbridge.example{path_of(square)}"

    def status(key: str, number: int) -> int:
        body = square_event(f"e-{number}", at=vendors.time.now())
        return deliver(square, body, **{SIGNATURE: sign(body, address=address, key=key)}).status_code

    assert [status("new-key", 1), status(KEY, 2)] == [200, 200]
    vendors.time.advance(49 * 3600)
    assert [status("new-key", 3), status(KEY, 4)] == [200, 403]


def test_a_key_that_no_longer_opens_asks_the_vendor_to_come_again(vendors, square, settings):
    settings.SALT_KEY = ["another-salt-key-of-some-length-0123456789"]

    assert deliver(square, square_event("e-1", at=vendors.time.now())).status_code == 503
    assert tallies() == {"locked": 1}


@pytest.mark.accepts("S001-54")
def test_no_key_is_told_anywhere(square):
    webhooks.change_key(square, "second-canary")

    assert KEY not in str(AuditEntry.objects.values()) + str(Connection.objects.values())
    assert AuditEntry.objects.filter(verb="connection.webhook_key_changed").count() == 2


def test_exact_tries_an_address_with_an_empty_body(vendors):
    """Before any secret is there: the subscription that needs it is being made."""
    answer = Client().post(path_of(vendors.exact()), b"", content_type="application/json")

    assert answer.status_code == 200
    assert tallies() == {"validated": 1}


def test_an_event_of_exact_is_stored_once(vendors, exact):
    body = exact_body(exact_event(at=vendors.time.now()))

    assert [deliver(exact, body).status_code, deliver(exact, body, content_type="").status_code] == [200, 200]
    (row,) = WebhookEvent.objects.all()
    assert (row.type, row.object_id, row.division, row.deliveries) == ("Accounts.Update", "k-1", 1, 2)


@pytest.mark.parametrize(("change", "status"), [((b"Update", b"Delete"), 403), ((b'"HashCode"', b'"Hash"'), 400)])
def test_a_content_that_was_touched_on_its_way_from_exact_is_refused(vendors, exact, change, status):
    body = exact_body(exact_event(at=vendors.time.now())).replace(*change)

    assert deliver(exact, body).status_code == status
    assert WebhookEvent.objects.count() == 0


def test_a_delivery_costs_one_look_and_one_insert(vendors, square, django_assert_num_queries):
    body = square_event("e-1", at=vendors.time.now())

    with django_assert_num_queries(2):  # the connection; then the insert, which is its own transaction
        deliver(square, body)


def test_an_address_below_webhooks_that_is_none_is_not_found(client):
    assert client.post("/webhooks/square/nobody/").status_code == 404
    assert client.post("/webhooks/").status_code == 404


def test_no_session_is_made_and_no_cookie_set(vendors, square):
    answer = deliver(square, square_event("e-1", at=vendors.time.now()))

    assert not answer.cookies
    assert Session.objects.count() == 0
    assert "no-store" in answer["Cache-Control"]


def test_what_is_older_than_is_kept_goes_away(vendors, square):
    deliver(square, square_event("e-1", at=vendors.time.now()))
    deliver(square, b"{")
    vendors.time.advance(10 * 86_400)
    deliver(square, square_event("e-2", at=vendors.time.now()))

    assert webhooks.prune(before=vendors.time.now() - timedelta(days=5)) == 1
    assert [row.event_id for row in WebhookEvent.objects.all()] == ["e-2"]
    assert tallies() == {}
