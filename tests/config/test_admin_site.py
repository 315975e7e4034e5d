"""Who may enter, by which door; what the first page shows; what every page keeps to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from pytest_django.fixtures import Settings

from audit.models import AuditEntry
from connections.models import Connection
from mappings.bookkeeping.legs import ProblemKind
from sync.models import Beat, Posting, SyncLane
from tests.pages import NOW, confirm, in_role, inline_code, text_of
from tests.till import Shop

PASSWORD = "open-the-books-1"


# --- The door ---------------------------------------------------------------------------------------------------------
class NoMail(BaseEmailBackend):
    def send_messages(self, email_messages: Any) -> int:
        raise AssertionError("signing in must not need a mail server")


@pytest.fixture
def people(db: None, plain: None, settings: Settings) -> User:
    settings.EMAIL_BACKEND = f"{__name__}.NoMail"
    return User.objects.create_superuser("anna", password=PASSWORD)


def sign_in(client: Client, **changes: str) -> Any:
    return client.post("/accounts/login/", {"login": "anna", "password": PASSWORD, **changes}, follow=True)


def test_the_first_administrator_signs_in_without_a_mail_server(people: User) -> None:
    client = Client()
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/login/?next=/admin/"
    assert "Work list" in text_of(sign_in(client))


def test_a_wrong_password_is_answered_without_saying_what_was_wrong(people: User) -> None:
    wrong, unknown = sign_in(Client(), password="nonsense"), sign_in(Client(), login="nobody")
    assert "not correct" in text_of(wrong)
    assert text_of(wrong).count("not correct") == text_of(unknown).count("not correct")


def test_nobody_signs_up(people: User) -> None:
    text = text_of(Client().get("/accounts/signup/"))
    assert "closed" in text.lower()
    assert "Sign up" not in text_of(Client().get("/accounts/login/"))


def test_without_a_second_factor_nobody_enters(people: User, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    client = Client()
    client.force_login(people)
    for url in ("/admin/", "/admin/sync/syncitem/", "/admin/auth/user/", "/admin/autocomplete/", "/admin/jsi18n/"):
        response = client.get(url)
        assert response.status_code == 302, url
        assert response["Location"].startswith("/admin/login/")
    response = client.get("/admin/sync/syncitem/")
    response = client.get(response["Location"])
    assert response["Location"] == "/accounts/2fa/totp/activate/"


def test_signing_in_asks_for_the_second_factor(people: User, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    Authenticator.objects.create(user=people, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client = Client()
    response = sign_in(client)
    assert response.redirect_chain[-1][0].startswith("/accounts/2fa/authenticate/")
    assert client.get("/admin/").status_code == 302


def test_who_is_no_staff_is_told_so(db: None, plain: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("guest"))
    response = client.get("/admin/", follow=True)
    assert response.status_code == 403
    assert "may not enter the back office" in text_of(response)


def test_the_way_back_after_signing_in_stays_on_this_site(people: User) -> None:
    client = Client()
    client.force_login(people)
    assert client.get("/admin/login/?next=https://evil.example/").headers["Location"] == "/admin/"
    assert client.get("/admin/login/?next=/admin/sync/posting/").headers["Location"] == "/admin/sync/posting/"


def test_the_queues_and_the_factors_own_pages_are_not_there(db: None) -> None:
    labels = {model._meta.app_label for model in admin.site._registry}
    assert not labels & {"django_q", "mfa", "account"}
    assert {"sync", "mappings", "connections", "audit", "auth"} <= labels


# --- The work list ----------------------------------------------------------------------------------------------------
def test_the_work_list_groups_what_waits_by_cause_with_money_and_a_link(shop: Shop, anna: Client) -> None:
    for number in range(3):
        shop.waiting(number, ProblemKind.UNMAPPED_TAX, "revenue: Tourist tax", amount=100000)
    response = anna.get("/admin/")
    text = text_of(response)
    assert "3 records wait for a person" in text
    assert "No rule for this tax: revenue: Tourist tax 3 EUR 3,000.00" in text
    link = "state__exact=waiting&amp;problem_kind__exact=unmapped_tax&amp;problem_subject=revenue%3A+Tourist+tax"
    assert link in response.content.decode()


def test_every_number_of_the_work_list_leads_to_its_rows(shop: Shop, anna: Client) -> None:
    for number in range(3):
        shop.waiting(number, ProblemKind.UNMAPPED_TAX, "Tourist & tax")
    cause = anna.get("/admin/").context["causes"][0]
    assert len(anna.get(cause["url"]).context["cl"].result_list) == 3


def test_the_work_list_shows_what_stands_still(shop: Shop, anna: Client) -> None:
    item = shop.booked(1)
    shop.entry(90, shop.sale(item), state="conflict")
    SyncLane.objects.update(paused_reason="year end (anna)")
    Connection.objects.filter(pk=shop.exact.pk).update(status="needs_consent", status_reason="Used elsewhere.")
    shop.division.held_reason = "Its name changed."
    shop.division.save()
    Beat.beat("worker", at=NOW - timedelta(minutes=10))
    text = text_of(anna.get("/admin/"))
    for part in (
        "in conflict",
        "paused year end (anna)",
        "Used elsewhere.",
        "is held",
        "10 minutes ago",
        "it does not answer",
    ):
        assert part in text, part


def test_a_quiet_day_says_that_nothing_waits(shop: Shop, anna: Client) -> None:
    shop.booked(1)
    text = text_of(anna.get("/admin/"))
    assert "Nothing waits for anybody." in text
    assert "Setting up" not in text


def test_an_empty_house_begins_with_a_guide(anna: Client) -> None:
    response = anna.get("/admin/")
    steps = response.context["guide"]
    assert [step.is_next for step in steps] == [True, False, False, False, False, False]
    assert "Connect Square" in text_of(response)
    assert "/admin/connections/connection/add/" in response.content.decode()


def test_the_guide_goes_on_where_it_was_left(shop: Shop, anna: Client) -> None:
    SyncLane.objects.update(is_enabled=False)
    steps = anna.get("/admin/").context["guide"]
    assert [step.title for step in steps if step.is_next] == ["Try it, then switch it on"]


def test_the_chart_has_the_same_numbers_as_its_table(shop: Shop, anna: Client) -> None:
    shop.booked(1)
    shop.waiting(2, ProblemKind.UNMAPPED_TAX)
    response = anna.get("/admin/")
    assert "In 30 days 1 records were booked and 1 wait" in text_of(response)
    assert response.context["chart"].bars[-1].url.endswith("local_day=2026-11-21")
    assert len(anna.get(response.context["chart"].bars[-1].url).context["cl"].result_list) == 2


@pytest.mark.parametrize("role", ["Bookkeeper", "Approver", "Operator", "Auditor", "Administrator"])
def test_every_role_sees_the_work_list(shop: Shop, role: str) -> None:
    response = in_role(role).get("/admin/")
    assert response.status_code == 200
    assert "Lanes" in text_of(response)


def test_without_a_role_the_page_says_whom_to_ask(plain: None, db: None) -> None:
    assert "Your account has no role yet" in text_of(in_role().get("/admin/"))


def test_the_work_list_takes_few_statements(
    shop: Shop, anna: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(40):
        shop.waiting(number, ProblemKind.UNMAPPED_TAX, f"Tax {number}")
    with django_assert_max_num_queries(39):  # one for each thing it shows, however many records wait
        anna.get("/admin/")


# --- What every page keeps to ---------------------------------------------------------------------------------------
def every_page(shop: Shop) -> list[str]:
    item, run = shop.booked(1), shop.run(state="running")
    waiting = shop.waiting(2, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    posting = Posting.objects.get(reference="TB-0000000000000010")
    lists = [
        "sync/syncitem", "sync/posting", "sync/syncrun", "sync/synclane", "mappings/glmapping",
        "mappings/customermapping", "mappings/ledgeraccount", "mappings/vatcode",
        "mappings/journal",
        "mappings/debtoraccount", "mappings/closedperiod", "connections/connection",
        "connections/division", "connections/location", "connections/vendorcall",
        "audit/auditentry", "auth/user", "auth/group",
    ]  # fmt: skip
    pages = [f"/admin/{name}/" for name in lists]
    pages += [f"/admin/{name}/add/" for name in ("sync/synclane", "mappings/glmapping", "mappings/customermapping")]
    pages += [f"/admin/sync/syncitem/{row.pk}/change/" for row in (item, waiting)]
    pages += [f"/admin/sync/syncitem/{waiting.pk}/preview/", f"/admin/sync/syncitem/{waiting.pk}/do/dismiss/"]
    pages += [f"/admin/sync/posting/{posting.pk}/change/", f"/admin/sync/syncrun/{run.pk}/change/"]
    pages += [
        f"/admin/sync/synclane/{shop.lane.pk}/change/",
        f"/admin/mappings/glmapping/{shop.rules['revenue'].pk}/change/",
    ]
    return ["/admin/", *pages, "/accounts/2fa/", "/accounts/login/", "/accounts/logout/", "/no/such/page/"]


def test_no_page_carries_inline_code_and_each_says_so_in_its_policy(shop: Shop, anna: Client) -> None:
    for url in every_page(shop):
        response = anna.get(url, follow=True)
        assert inline_code(response) == [], url
        assert response.status_code == (404 if url == "/no/such/page/" else 200), url
        policy = response["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def test_the_sign_in_page_carries_no_inline_code(db: None, plain: None) -> None:
    assert inline_code(Client().get("/accounts/login/")) == []


def test_every_page_is_closed_to_who_is_not_signed_in(shop: Shop) -> None:
    for url in every_page(shop):
        if url.startswith("/admin/"):
            response = Client().get(url)
            assert response.status_code == 302, url
            assert "login" in response["Location"]


# --- People -----------------------------------------------------------------------------------------------------------
def test_a_lost_second_factor_is_removed_with_a_reason_by_somebody_else(shop: Shop, anna: Client) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    own = User.objects.get(username="anna")
    for person in (bob, own):
        Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={"secret": "x"})
    confirm(anna, f"/admin/auth/user/{bob.pk}/do/remove-factor/", reason="lost phone")
    text = text_of(confirm(anna, f"/admin/auth/user/{own.pk}/do/remove-factor/", reason="lazy"))
    assert "nobody removes their own factor here" in text
    assert list(Authenticator.objects.values_list("user__username", flat=True)) == ["anna"]
    assert AuditEntry.objects.get(verb="user.factor_removed", subject="bob").detail == {"reason": "lost phone"}


def test_a_role_given_to_a_person_is_told_in_the_trail(shop: Shop, anna: Client) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    role = Group.objects.get(name="Bookkeeper")
    form = {"username": "bob", "is_active": "on", "is_staff": "on", "groups": [role.pk]}
    response = anna.post(f"/admin/auth/user/{bob.pk}/change/", form)
    assert response.status_code == 302, text_of(response)
    assert AuditEntry.objects.get(verb="user.changed").detail["roles"] == ["Bookkeeper"]
