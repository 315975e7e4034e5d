from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection as database
from django.db import connections as databases
from django.db import transaction

from audit.models import AuditEntry
from connections import clients, credentials, divisions, grants
from connections.credentials import Locked, NeedsConsent, StoredTokens, Superseded
from connections.models import Connection, VendorCall
from connections.providers.errors import NotAuthorised, Throttled, Unreachable
from connections.providers.exact import resources
from connections.sandbox.faults import Fault
from tests.connections.vendors import SECRET, TOKEN_PATH, Vendors

pytestmark = pytest.mark.django_db(transaction=True)
Status = Connection.Status


def secrets_of(row: Connection) -> tuple[str, str]:
    seen = Connection.objects.get(pk=row.pk)
    return seen.access_token.open(), seen.refresh_token.open()


def together(count: int, work: Callable[[], object]) -> list[object]:
    gate = Barrier(count)

    def one() -> object:
        gate.wait(5)
        try:
            return work()
        except NotAuthorised as refusal:
            return refusal
        finally:
            databases.close_all()

    with ThreadPoolExecutor(count) as pool:
        return [done.result(30) for done in [pool.submit(one) for _ in range(count)]]


@pytest.mark.accepts("S000-19", "S002-12")
def test_an_exact_token_of_569_seconds_is_used_and_one_of_575_renewed(vendors: Vendors) -> None:
    row = vendors.exact()
    first = secrets_of(row)
    vendors.time.advance(569)
    assert StoredTokens(row.pk).current() == first[0]
    assert vendors.token_calls() == 0
    vendors.time.advance(6)
    assert StoredTokens(row.pk).current() != first[0]
    assert vendors.token_calls() == 1


def test_the_new_pair_is_stored_with_the_day_it_dies_and_one_fact(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    renewed = credentials.keep_alive(row)
    assert renewed.refresh_expires_at == vendors.time.now() + timedelta(days=30)
    assert renewed.access_expires_at == vendors.time.now() + timedelta(seconds=600)
    assert renewed.refresh_started_at is None
    assert AuditEntry.objects.filter(verb="connection.token_renewed", subject_id=row.pk).count() == 1


def test_sixteen_who_want_a_new_token_at_once_make_one_call(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    tokens = together(16, lambda: StoredTokens(row.pk).current())
    assert vendors.token_calls() == 1
    assert set(tokens) == {secrets_of(row)[0]}


def test_sixteen_wait_for_the_one_whose_answer_is_slow(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    vendors.sandbox.faults.add(Fault("delay", system="exact", path=TOKEN_PATH, seconds=0.5))
    tokens = together(16, lambda: StoredTokens(row.pk).current())
    assert vendors.token_calls() == 1
    assert len(set(tokens)) == 1


def test_an_exact_refresh_whose_answer_is_lost_asks_for_consent_at_once(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    vendors.sandbox.faults.add(Fault("drop_after", system="exact", path=TOKEN_PATH))
    outcomes = together(4, lambda: StoredTokens(row.pk).current())
    assert all(isinstance(outcome, NeedsConsent) for outcome in outcomes)
    assert vendors.token_calls() == 1, "the old refresh token was sent again"
    seen = Connection.objects.get(pk=row.pk)
    assert seen.status == Status.NEEDS_CONSENT
    assert "give consent again" in seen.status_reason
    assert AuditEntry.objects.filter(verb="connection.consent_needed").count() == 1


@pytest.mark.parametrize("action", ["drop_before", "truncate"])
def test_whenever_an_exact_answer_is_missing_the_old_refresh_token_is_not_sent_again(
    vendors: Vendors, action: str
) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    vendors.sandbox.faults.add(Fault(action, system="exact", path=TOKEN_PATH))
    for _ in range(3):
        with pytest.raises(NeedsConsent):
            StoredTokens(row.pk).current()
    assert vendors.token_calls() == 1


@pytest.mark.parametrize("action", ["500_page", "503"])
def test_a_token_endpoint_that_answers_with_an_error_page_is_asked_again_later(vendors: Vendors, action: str) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    vendors.sandbox.faults.add(Fault(action, system="exact", path=TOKEN_PATH))
    assert StoredTokens(row.pk).current(), "the old access token is still good"
    vendors.time.advance(5)
    StoredTokens(row.pk).current()
    assert vendors.token_calls() == 1, "not at once"

    vendors.time.advance(30)

    assert StoredTokens(row.pk).current()
    assert vendors.token_calls() == 2
    assert Connection.objects.get(pk=row.pk).status == Status.LIVE


def test_a_refresh_token_that_was_spent_behind_an_error_page_asks_for_consent_at_the_next_try(
    vendors: Vendors,
) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    vendors.sandbox.faults.add(Fault("500_after", system="exact", path=TOKEN_PATH))
    StoredTokens(row.pk).current()
    vendors.time.advance(35)
    for _ in range(3):
        with pytest.raises(NeedsConsent):
            StoredTokens(row.pk).current()
    assert vendors.token_calls() == 2


def test_a_process_that_died_while_refreshing_exact_leaves_a_connection_that_needs_consent(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    assert credentials._claim(Connection.objects.get(pk=row.pk))
    vendors.time.advance(credentials.LEASE + 1)
    with pytest.raises(NeedsConsent, match="lost"):
        StoredTokens(row.pk).current()
    assert vendors.token_calls() == 0


def test_a_slow_refresher_that_still_gets_its_answer_saves_the_connection(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    secret, refresh = SECRET, secrets_of(row)[1]
    assert credentials._claim(Connection.objects.get(pk=row.pk))
    mine = Connection.objects.get(pk=row.pk)
    vendors.time.advance(credentials.LEASE + 1)
    with pytest.raises(NeedsConsent):
        StoredTokens(row.pk).current()
    credentials._refresh(mine, client_secret=secret, refresh_token=refresh)
    assert Connection.objects.get(pk=row.pk).status == Status.LIVE


def test_a_consent_given_while_a_refresh_is_under_way_counts(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    refresh = secrets_of(row)[1]
    assert credentials._claim(Connection.objects.get(pk=row.pk))
    mine = Connection.objects.get(pk=row.pk)
    grant = grants.refresh(mine, client_secret=SECRET, refresh_token=refresh, ledger=credentials.TokenLedger(mine))
    vendors.give(row, user="piet")
    given = secrets_of(row)
    with pytest.raises(Superseded):
        credentials.keep(mine, grant, verb="connection.token_renewed")
    assert secrets_of(row) == given
    assert StoredTokens(row.pk).current() == given[0]


def test_a_vendor_out_of_reach_costs_nothing_while_the_token_is_good(vendors: Vendors) -> None:
    row = vendors.exact()
    first = secrets_of(row)
    vendors.time.advance(580)
    vendors.server.stop()
    assert StoredTokens(row.pk).current() == first[0]
    vendors.time.advance(40)
    with pytest.raises(Unreachable):
        StoredTokens(row.pk).current()
    assert Connection.objects.get(pk=row.pk).status == Status.LIVE


def test_exact_saying_too_early_is_no_failure(vendors: Vendors) -> None:
    row = vendors.exact()
    Connection.objects.update(granted_at=vendors.time.now() - timedelta(seconds=580), refresh_not_before=None)
    assert StoredTokens(row.pk).current() == secrets_of(row)[0]
    assert vendors.token_calls() == 1
    vendors.time.advance(580)
    assert StoredTokens(row.pk).current() == secrets_of(row)[0]
    assert vendors.token_calls() == 2


def test_a_revoked_exact_consent_is_noticed_at_the_next_refresh(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.site.revoke("exact-app")
    vendors.time.advance(580)
    with pytest.raises(NeedsConsent):
        StoredTokens(row.pk).current()
    assert Connection.objects.get(pk=row.pk).status == Status.NEEDS_CONSENT


def test_an_exact_token_refused_before_its_time_is_not_sent_again(vendors: Vendors) -> None:
    row = vendors.exact()
    client = clients.exact_client(vendors.division(row))
    vendors.site.revoke("exact-app")
    with pytest.raises(Throttled, match="asked for"):
        list(client.read(resources.JOURNALS))
    before = sum(vendors.sandbox.log.counters.values())
    with pytest.raises(Throttled):
        list(client.read(resources.JOURNALS))
    assert sum(vendors.sandbox.log.counters.values()) == before


def test_a_square_token_is_renewed_after_a_week_with_the_same_refresh_token(vendors: Vendors) -> None:
    row = vendors.square()
    first = secrets_of(row)
    vendors.time.advance(6 * 86_400)
    assert StoredTokens(row.pk).current() == first[0]
    vendors.time.advance(86_500)
    assert StoredTokens(row.pk).current() != first[0]
    assert secrets_of(row)[1] == first[1]
    assert vendors.token_calls("square") == 1


def test_a_lost_square_answer_is_asked_for_again(vendors: Vendors) -> None:
    row = vendors.square()
    first = secrets_of(row)
    vendors.time.advance(8 * 86_400)
    vendors.sandbox.faults.add(Fault("drop_after", system="square", path="/oauth2/token"))
    assert StoredTokens(row.pk).current() == first[0], "the old token is still good"
    vendors.time.advance(60)
    assert StoredTokens(row.pk).current() != first[0]


def test_a_square_token_that_expired_unnoticed_is_renewed_in_the_middle_of_a_call(vendors: Vendors) -> None:
    row = vendors.square()
    vendors.sandbox.faults.add(Fault("expire_token", system="square", path="/v2/locations"))
    assert len(clients.square_client(row).locations()) == 2
    assert vendors.token_calls("square") == 1


@pytest.mark.accepts("S000-26")
def test_one_side_that_breaks_leaves_the_others_working(vendors: Vendors) -> None:
    a, square = vendors.exact("A"), vendors.square()
    b = vendors.give(vendors.exact("B", is_connected=False), user="piet")
    vendors.site.revoke("exact-app", "piet")
    vendors.time.advance(8 * 86_400)
    with pytest.raises(NeedsConsent):
        StoredTokens(b.pk).current()
    StoredTokens(a.pk).current()
    StoredTokens(square.pk).current()
    assert set(Connection.objects.filter(status=Status.LIVE)) == {Connection.objects.get(pk=a.pk), square}


def test_a_token_is_never_renewed_inside_a_transaction(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(580)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        StoredTokens(row.pk).current()
    assert vendors.token_calls() == 0


@pytest.mark.accepts("S002-13")
def test_connections_idle_for_a_day_are_due_to_be_kept_alive(vendors: Vendors) -> None:
    row, square = vendors.exact(), vendors.square()
    assert not credentials.due_for_keepalive().exists()
    vendors.time.advance(86_400)
    assert list(credentials.due_for_keepalive()) == [row]
    vendors.time.advance(6 * 86_400)
    assert set(credentials.due_for_keepalive()) == {row, square}
    for due in credentials.due_for_keepalive():
        credentials.keep_alive(due)
    assert not credentials.due_for_keepalive().exists()


@pytest.mark.accepts("S002-13")
def test_a_consent_near_its_end_is_listed(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(22 * 86_400)
    assert not credentials.dying_within(7).exists()
    vendors.time.advance(86_400)
    assert list(credentials.dying_within(7)) == [row]
    assert not credentials.dying_within(2).exists()


def test_an_exact_consent_unused_for_thirty_days_needs_a_person(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.time.advance(31 * 86_400)
    with pytest.raises(NeedsConsent, match="30 days"):
        StoredTokens(row.pk).current()


def test_a_locked_connection_opens_again_when_the_keys_come_back(vendors: Vendors, settings) -> None:  # type: ignore[no-untyped-def]
    row, keys = vendors.exact(), settings.SALT_KEY
    settings.SALT_KEY = ["another-salt-0123456789"]
    with pytest.raises(Locked):
        StoredTokens(row.pk).current()
    assert Connection.objects.get().status == Status.LOCKED
    settings.SALT_KEY = keys
    StoredTokens(row.pk).current()
    assert Connection.objects.get().status == Status.LIVE


def test_after_each_refresh_the_divisions_are_compared_and_a_failure_there_costs_nothing(vendors: Vendors) -> None:
    row = vendors.exact()
    divisions.discover(row)
    vendors.time.advance(580)
    vendors.sandbox.faults.add(Fault("500_page", system="exact", path="/api/v1/current/Me"))
    StoredTokens(row.pk).current()
    assert AuditEntry.objects.filter(verb="divisions.not_compared").count() == 1
    vendors.time.advance(580)
    StoredTokens(row.pk).current()
    assert vendors.calls("/current/Me") == 3


@pytest.mark.accepts("S000-18")
def test_token_calls_are_in_the_request_ledger_and_no_secret_is_anywhere_in_the_database(vendors: Vendors) -> None:
    row = vendors.exact()
    canaries = [*secrets_of(row), SECRET]
    vendors.time.advance(580)
    StoredTokens(row.pk).current()
    canaries += secrets_of(row)
    assert VendorCall.objects.filter(operation="oauth.refresh", status=200).count() == 1
    dump = dumped()
    assert not [canary for canary in canaries if canary in dump]


def dumped() -> str:
    with database.cursor() as cursor:
        parts = []
        for table in database.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            parts.append(repr(cursor.fetchall()))
    return "".join(parts)
