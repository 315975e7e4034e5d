from __future__ import annotations

import re

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from audit.models import AuditEntry
from connections import divisions, locations
from connections.admin import ConnectionAdmin
from connections.credentials import StoredTokens
from connections.forms import ConnectionForm
from connections.models import Connection, Division, VendorCall
from tests.connections.vendors import EXACT_APP, MAIN, OTHER, SECRET, Vendors

pytestmark = pytest.mark.django_db(transaction=True)


def page(browser: Client, name: str, *args: object, **data: object) -> str:
    answer = browser.get(reverse(f"admin:connections_{name}", args=args), data)
    assert answer.status_code == 200
    return answer.content.decode()


def change(browser: Client, row: Connection, **values: str) -> None:
    url = reverse("admin:connections_connection_change", args=[row.pk])
    assert browser.post(url, {**ENTERED, "client_secret": "", **values}).status_code == 302


def press(browser: Client, row: Connection | Division, name: str, **data: object) -> str:
    kind = row._meta.model_name
    answer = browser.post(reverse(f"admin:connections_{kind}_do", args=[row.pk, name]), data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


ENTERED = {
    "system": "exact", "environment": "local_sandbox", "region": "nl", "label": "Books", "client_id": EXACT_APP,
    "client_secret": SECRET,
}  # fmt: skip


def test_a_connection_is_entered_and_its_secret_never_shown_again(browser: Client, vendors: Vendors) -> None:
    answer = browser.post(reverse("admin:connections_connection_add"), ENTERED, follow=True)
    row = Connection.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("admin:connections_connection_change", args=[row.pk])
    assert "then press" in answer.content.decode()
    assert row.client_secret.open() == SECRET
    text = (
        answer.content.decode()
        + page(browser, "connection_change", row.pk)
        + page(browser, "connection_history", row.pk)
    )
    assert SECRET not in text
    assert row.client_secret.token not in text
    assert re.search(r'<input type="password" name="client_secret"(?![^>]*value=)', text)
    assert AuditEntry.objects.filter(verb="connection.added", actor="anna").count() == 1


def test_the_pages_show_the_redirect_address_and_how_exact_gets_its_https(browser: Client, vendors: Vendors) -> None:
    text = page(browser, "connection_add")
    assert "https://tillbridge.example/connections/callback/exact/" in text
    assert "https://tillbridge.example/connections/callback/square/" in text
    assert "only an https address" in text
    assert "client credentials" in text


def test_an_empty_secret_input_keeps_the_stored_one(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact()
    change(browser, row, label="New name")
    seen = Connection.objects.get()
    assert (seen.label, seen.client_secret.open(), seen.status) == ("New name", SECRET, Connection.Status.LIVE)
    assert AuditEntry.objects.get(verb="connection.changed").detail == {"fields": ["label"]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"region": ""}, "country site"),
        ({"client_secret": ""}, "Enter the application secret"),
        ({"environment": "vendor_sandbox"}, "no sandbox of its own"),
    ],
)
def test_what_cannot_work_is_refused_in_the_form(
    browser: Client, vendors: Vendors, changes: dict[str, str], words: str
) -> None:
    answer = browser.post(reverse("admin:connections_connection_add"), {**ENTERED, **changes})
    assert words in answer.content.decode()
    assert not Connection.objects.exists()


def test_a_fast_clock_takes_no_real_connection(browser: Client, vendors: Vendors, settings: Settings) -> None:
    settings.TILLBRIDGE_CLOCK = "0,60"
    answer = browser.post(reverse("admin:connections_connection_add"), {**ENTERED, "environment": "production"})
    assert "clock runs fast" in answer.content.decode()


def test_another_region_needs_another_consent(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact()
    change(browser, row, region="be")
    seen = Connection.objects.get()
    assert (seen.region, seen.status) == ("be", Connection.Status.NEEDS_CONSENT)
    assert "region changed" in seen.status_reason


def test_saving_the_form_does_not_bring_back_an_old_token(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact()
    stale = Connection.objects.get()
    vendors.time.advance(580)
    StoredTokens(row.pk).current()
    renewed = Connection.objects.get().access_token.token
    form = ConnectionForm({**ENTERED, "label": "Other", "client_secret": ""}, instance=stale)
    assert form.is_valid()
    with transaction.atomic():
        ConnectionAdmin(Connection, site).save_model(None, form.save(commit=False), form, change=True)
    seen = Connection.objects.get()
    assert (seen.label, seen.access_token.token) == ("Other", renewed)


@pytest.mark.accepts("S000-48")
def test_testing_tells_live_from_revoked(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact()
    assert "answers as Maria de Vries" in press(browser, row, "test")
    vendors.site.revoke(EXACT_APP)
    assert "consent was withdrawn" in press(browser, row, "test")


def test_several_are_tested_from_the_list(browser: Client, vendors: Vendors) -> None:
    rows = [vendors.exact(), vendors.square(), vendors.square("New", is_connected=False)]
    answer = browser.post(
        reverse("admin:connections_connection_changelist"),
        {"action": "test", "_selected_action": [row.pk for row in rows]}, follow=True,
    )  # fmt: skip
    text = answer.content.decode()
    assert "3 divisions" in text
    assert "2 locations" in text
    assert "New: Nobody gave consent yet" in text


def test_divisions_are_read_pinned_and_confirmed_by_hand(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact()
    assert "3 divisions read" in press(browser, row, "read")
    division = Division.objects.get(code=MAIN)
    assert "remembered" in page(browser, "division_do", division.pk, "pin")
    assert not Division.objects.get(code=MAIN).is_pinned
    press(browser, division, "pin", confirmed="yes", count="1")
    assert Division.objects.get(code=MAIN).is_pinned
    vendors.site.rename_division(MAIN, "Andere Zaak BV")
    divisions.discover(row)
    assert "held until confirmed" in page(browser, "division_changelist")
    press(browser, division, "confirm", confirmed="yes", count="1")
    assert not Division.objects.get(code=MAIN).is_held
    assert AuditEntry.objects.filter(verb="division.confirmed", actor="anna").count() == 1


def test_a_changed_current_division_is_shown(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact()
    divisions.discover(row)
    vendors.site.set_current_division(OTHER)
    divisions.discover(row)
    assert f"{OTHER} (was {MAIN} until" in page(browser, "connection_change", row.pk)


@pytest.mark.parametrize(
    ("days", "words"), [(1, "in 29 days"), (24, "in 6 days"), (29, "within a day"), (31, "expired")]
)
@pytest.mark.accepts("S002-13")
def test_the_page_counts_down_to_the_end_of_the_consent(
    browser: Client, vendors: Vendors, days: int, words: str
) -> None:
    vendors.exact()
    vendors.time.advance(days * 86_400 - 60)
    assert words in page(browser, "connection_changelist")


def test_a_list_with_unopenable_secrets_is_shown(browser: Client, vendors: Vendors, settings: Settings) -> None:
    row = vendors.exact()
    settings.SALT_KEY = ["another-salt-0123456789"]
    assert "SALT_KEY" in press(browser, row, "test")
    assert "secrets cannot be opened" in page(browser, "connection_changelist")
    assert "SALT_KEY" in page(browser, "connection_change", row.pk)


def test_a_connection_with_divisions_cannot_be_removed_and_an_unused_one_leaves_a_fact(
    browser: Client, vendors: Vendors
) -> None:
    used, unused = vendors.exact(), vendors.square(is_connected=False)
    vendors.division(used)
    for row in (used, unused):
        browser.post(reverse("admin:connections_connection_delete", args=[row.pk]), {"post": "yes"})
    assert list(Connection.objects.all()) == [used]
    assert AuditEntry.objects.filter(verb="connection.removed", actor="anna").count() == 1


def test_the_request_ledger_is_read_only(browser: Client, vendors: Vendors) -> None:
    divisions.discover(vendors.exact())
    call = VendorCall.objects.latest("id")
    assert "Divisions.list" in page(browser, "vendorcall_changelist")
    page(browser, "vendorcall_change", call.pk)
    assert browser.get(reverse("admin:connections_vendorcall_add")).status_code == 403
    assert browser.post(reverse("admin:connections_vendorcall_delete", args=[call.pk])).status_code == 403


def test_who_may_only_look_sees_every_page_and_no_secret(client: Client, plain_http: None, vendors: Vendors) -> None:
    row, square = vendors.exact(), vendors.square()
    division, place = vendors.division(row), locations.discover(square)[0]
    ben = User.objects.create_user("ben", is_staff=True)
    ben.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(ben)
    text = page(client, "connection_change", row.pk) + page(client, "connection_changelist")
    text += page(client, "division_change", division.pk) + page(client, "location_change", place.pk)
    text += page(client, "location_changelist") + page(client, "division_changelist")
    assert "Koffiehuis BV" in text
    assert "Give consent" not in text
    secrets = [SECRET, row.client_secret.token, row.access_token.open(), row.access_token.token]
    assert not [secret for secret in secrets if secret in text]


def test_an_unpermitted_person_neither_tests_nor_confirms(client: Client, plain_http: None, vendors: Vendors) -> None:
    row = vendors.exact()
    division = vendors.division(row)
    client.force_login(User.objects.create_user("ben", is_staff=True))
    for url in (
        reverse("admin:connections_connection_do", args=[row.pk, "test"]),
        reverse("admin:connections_division_do", args=[division.pk, "confirm"]),
    ):
        assert client.post(url, {"confirmed": "yes", "count": "1"}).status_code == 403
