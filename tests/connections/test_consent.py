from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from audit.models import AuditEntry
from connections import grants
from connections.models import Connection, ConsentState, Division, Location
from connections.providers.exact.regions import REGIONS
from connections.sandbox.faults import Fault
from tests.connections.vendors import EXACT_APP, MAIN, SECRET, TOKEN_PATH, Vendors, decide

pytestmark = pytest.mark.django_db


def set_out(browser: Client, row: Connection) -> str:
    """Press the button; returns the vendor's address."""
    page = browser.post(reverse("connections:consent", args=[row.pk]))
    assert page.status_code == 200, page.content
    return str(page.context["address"])


def come_back(browser: Client, row: Connection, answer: dict[str, str]):  # type: ignore[no-untyped-def]
    return browser.get(reverse("connections:callback", args=[row.system]), answer)


def refused(page, *words: str) -> None:  # type: ignore[no-untyped-def]
    assert page.status_code == 400
    text = page.content.decode()
    assert [word for word in words if word not in text] == []


def is_empty(row: Connection) -> bool:
    seen = Connection.objects.get(pk=row.pk)
    return seen.access_token is None and seen.refresh_token is None and seen.status == Connection.Status.NEW


@pytest.mark.accepts("S000-37", "S002-10", "S000-41", "S003-28")
def test_an_exact_consent_stores_the_tokens_and_reads_the_divisions(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    page = come_back(browser, row, decide(set_out(browser, row), "allow"))
    assert page.status_code == 302
    assert page.headers["Location"] == reverse("admin:connections_connection_change", args=[row.pk])
    seen = Connection.objects.get()
    assert (seen.status, seen.current_division, seen.account_name) == (Connection.Status.LIVE, MAIN, "Maria de Vries")
    assert (seen.refresh_expires_at - vendors.time.now()).days == 30
    assert Division.objects.count() == 3
    assert vendors.calls("/current/Me") == 1
    assert AuditEntry.objects.filter(verb="connection.consented", actor="anna").count() == 1


@pytest.mark.accepts("S000-37")
def test_a_square_consent_stores_tokens_scopes_and_locations(browser: Client, vendors: Vendors) -> None:
    row = vendors.square(is_connected=False)
    assert come_back(browser, row, decide(set_out(browser, row), "allow")).status_code == 302
    seen = Connection.objects.get()
    assert seen.account_id == vendors.sandbox.square.merchant["id"]
    assert "ORDERS_READ" in seen.scopes.split()
    assert set(Location.objects.values_list("name", flat=True)) == {"Amsterdam", "Utrecht"}


@pytest.mark.accepts("S002-07")
def test_the_consent_address_carries_what_the_vendor_wants(browser: Client, vendors: Vendors) -> None:
    address = urlsplit(set_out(browser, vendors.exact(is_connected=False)))
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.path == "/exact/nl/api/oauth2/auth"
    assert asked.pop("state")
    assert asked == {
        "client_id": EXACT_APP,
        "redirect_uri": "https://tillbridge.example/connections/callback/exact/",
        "response_type": "code",
    }


@pytest.mark.parametrize("region", sorted(REGIONS))
@pytest.mark.accepts("S000-40")
def test_each_of_the_seven_regions_leads_to_its_own_site(region: str) -> None:
    row = Connection(system="exact", environment="production", region=region, label="x", client_id="app")
    assert grants.authorize_url(row, state="s").startswith(REGIONS[region].base_url + "/api/oauth2/auth?")


@pytest.mark.accepts("S000-40")
def test_the_regions_offered_are_those_we_have_addresses_for() -> None:
    assert {code for code, _ in Connection.REGIONS} == set(REGIONS)


@pytest.mark.accepts("S002-08")
def test_a_declined_consent_is_explained_and_stores_nothing(browser: Client, vendors: Vendors) -> None:
    for row in (vendors.exact(is_connected=False), vendors.square(is_connected=False)):
        refused(come_back(browser, row, decide(set_out(browser, row), "deny")), "declined", "start again")
        assert is_empty(row)


@pytest.mark.accepts("S000-37")
def test_an_answer_without_our_state_is_refused(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    answer = decide(set_out(browser, row), "allow")
    for state in ("", "somebody-elses"):
        refused(come_back(browser, row, {**answer, "state": state}), "does not belong")
    refused(come_back(browser, row, {"code": answer["code"]}), "does not belong")
    assert is_empty(row)


def test_a_state_of_another_session_or_system_is_refused(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    answer = decide(set_out(browser, row), "allow")
    refused(Client().get(reverse("connections:callback", args=["exact"]), answer), "does not belong")
    refused(browser.get(reverse("connections:callback", args=["square"]), answer), "does not belong")
    assert is_empty(row)


def test_a_state_works_once(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    answer = decide(set_out(browser, row), "allow")
    assert come_back(browser, row, answer).status_code == 302
    before = Connection.objects.get().access_token.open()
    refused(come_back(browser, row, answer), "used before")
    assert Connection.objects.get().access_token.open() == before


def test_a_state_lives_ten_minutes(browser: Client, vendors: Vendors) -> None:
    row = vendors.square(is_connected=False)
    answer = decide(set_out(browser, row), "allow")
    vendors.time.advance(601)
    refused(come_back(browser, row, answer), "ten minutes")
    assert is_empty(row)


@pytest.mark.parametrize("system", ["exact", "square"])
@pytest.mark.accepts("S002-09")
def test_a_used_or_expired_code_is_explained(browser: Client, vendors: Vendors, system: str) -> None:
    row = vendors.exact(is_connected=False) if system == "exact" else vendors.square(is_connected=False)
    first = decide(set_out(browser, row), "allow")
    vendors.time.advance(400)
    refused(come_back(browser, row, first), "works once")
    assert is_empty(row)
    second = decide(set_out(browser, row), "allow")
    other = decide(set_out(browser, row), "allow")
    assert come_back(browser, row, second).status_code == 302
    refused(come_back(browser, row, {**other, "code": second["code"]}), "works once")


def test_wrong_app_credentials_are_explained(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    answer = decide(set_out(browser, row), "allow")
    Connection.objects.update(client_secret="mistyped")
    refused(come_back(browser, row, answer), "client secret")
    assert is_empty(row)


def test_a_vendor_that_does_not_answer_is_told_apart(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    answer = decide(set_out(browser, row), "allow")
    vendors.sandbox.faults.add(Fault("drop_after", path=TOKEN_PATH))
    assert come_back(browser, row, answer).status_code == 502
    assert is_empty(row)


def test_tokens_are_kept_when_the_account_cannot_be_read_at_once(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    vendors.sandbox.faults.add(Fault("500_page", path="/api/v1/current/Me"))
    page = browser.get(
        reverse("connections:callback", args=["exact"]), decide(set_out(browser, row), "allow"), follow=True
    )
    assert "could not be read" in page.content.decode()
    assert Connection.objects.get().status == Connection.Status.LIVE


def test_another_sellers_consent_does_not_enter_a_connected_shop(browser: Client, vendors: Vendors) -> None:
    row = vendors.square()
    Connection.objects.update(account_id="ML-ANOTHER", account_name="Other Shop")
    before = Connection.objects.get().access_token.open()
    refused(come_back(browser, row, decide(set_out(browser, row), "allow")), "another Square account")
    assert Connection.objects.get().access_token.open() == before


def test_too_narrow_a_square_consent_is_told(browser: Client, vendors: Vendors) -> None:
    row = vendors.square(is_connected=False)
    address = set_out(browser, row).replace("ORDERS_READ", "ITEMS_READ")
    page = browser.get(reverse("connections:callback", args=["square"]), decide(address, "allow"), follow=True)
    assert "granted no ORDERS_READ" in page.content.decode()
    assert Connection.objects.get().status == Connection.Status.NEEDS_CONSENT


def test_no_page_shows_code_state_or_secret(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    answer = decide(set_out(browser, row), "allow")
    Connection.objects.update(client_secret="mistyped")
    text = come_back(browser, row, answer).content.decode()
    assert not [value for value in (*answer.values(), SECRET, "mistyped") if value in text]


def test_only_a_person_who_may_starts_a_consent(client: Client, vendors: Vendors, plain_http: None) -> None:
    row = vendors.exact(is_connected=False)
    client.force_login(User.objects.create_user("ben", is_staff=True))
    assert client.post(reverse("connections:consent", args=[row.pk])).status_code == 403
    User.objects.get(username="ben").user_permissions.add(Permission.objects.get(codename="authorise_connection"))
    assert client.post(reverse("connections:consent", args=[row.pk])).status_code == 200
    assert client.get(reverse("connections:consent", args=[row.pk])).status_code == 405
    assert ConsentState.objects.count() == 1


@pytest.mark.parametrize("loss", [{"is_active": False}, {"is_superuser": False}])
def test_who_lost_the_right_on_the_way_brings_no_consent_back(
    browser: Client, vendors: Vendors, loss: dict[str, bool]
) -> None:
    row = vendors.exact(is_connected=False)
    answer = decide(set_out(browser, row), "allow")
    User.objects.update(**loss)
    refused(come_back(browser, row, answer), "does not belong to a consent")
    assert is_empty(row)


def test_a_callback_of_nonsense_is_explained(browser: Client, vendors: Vendors) -> None:
    row = vendors.exact(is_connected=False)
    good = decide(set_out(browser, row), "allow")
    for odd in (
        {},
        {"state": ""},
        {"state": "x" * 9000},
        {"state": "\0"},
        {"error": "<script>alert(1)</script>"},
    ):
        page = come_back(browser, row, odd)
        refused(page, "does not belong to a consent")
        assert "<script>alert" not in page.content.decode()
    assert come_back(browser, row, good).status_code == 302


def test_an_unknown_system_has_no_callback(browser: Client, vendors: Vendors) -> None:
    assert browser.get("/connections/callback/xero/").status_code == 404
