"""What a stranger, a colleague without the right, and a mistyped address meet at every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django.fixtures import Settings

from audit.adminkit import BackOfficeAdmin
from audit.models import AuditEntry
from audit.trail import Fact
from connections.models import Connection
from mappings.bookkeeping.legs import ProblemKind
from sync.models import SyncItem, SyncLane
from tests.pages import in_role
from tests.till import Shop

OPEN_TO_STAFF = {"index", "login", "logout", "password_change", "password_change_done", "jsi18n"}
CLOSED = {302, 403, 404, 405}
UNREADABLE = ("abc", "", "9" * 26, "²", "\0", "0001-01-01")
FOUR_ROLES = ("Auditor", "Bookkeeper", "Operator", "Approver")
ARGUMENT = re.compile("<(?:([a-z]+):)?[a-z_]+>")
Pages = list[tuple[str, str]]


@pytest.fixture
def rows(shop: Shop) -> dict[type[Model], Model]:
    """One row of whatever has pages, where there is one."""
    shop.booked(1)
    shop.waiting(2, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    shop.call(1, shop.run(state="queued")).save()
    shop.tell(Fact("run.done", "run", 1, "run 1"))
    User.objects.create_superuser("root")
    return {model: row for model in admin.site._registry if (row := model._default_manager.first())}


def patterns(found: list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in found:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            yield str(entry.name or ""), path


def pages_of(rows: dict[type[Model], Model]) -> Pages:
    """(name, address) of every page of the admin site, its arguments filled in with rows that exist."""
    found = []
    for name, path in patterns(get_resolver().url_patterns):
        if path.startswith("admin/"):
            owner = next(
                (model for model in rows if name.startswith(f"{model._meta.label_lower.replace('.', '_')}_")), None
            )
            key = str(rows[owner].pk) if owner else "1"
            found.append(
                (name, "/" + ARGUMENT.sub(lambda argument, key=key: "replay" if argument[1] == "slug" else key, path))
            )
    return found


def test_no_page_opens_to_a_stranger(rows: Any) -> None:
    pages = pages_of(rows)
    assert len(pages) > 100
    for _name, url in pages:
        for method in ("get", "post"):
            response = getattr(Client(), method)(url)
            assert response.status_code in CLOSED, (method, url, response.status_code)
            if response.status_code == 302 and not url.endswith("/logout/"):
                assert "login" in response["Location"], url


def test_a_colleague_without_a_role_finds_every_page_closed(rows: Any) -> None:
    nobody = in_role()
    for name, url in pages_of(rows):
        if name in OPEN_TO_STAFF or not name:
            continue
        for method in ("get", "post"):
            response = getattr(nobody, method)(url)
            # Django sends who asks for the history of a row that is not there to the first page.
            assert response.status_code in {403, 404, 405} or response["Location"] == "/admin/", (method, url)


def test_without_the_second_factor_every_page_is_closed_to_an_administrator(
    rows: Any, anna: Client, settings: Settings
) -> None:
    settings.MFA_REQUIRED = True
    for name, url in pages_of(rows):
        if name not in {"login", "logout"} and name:
            assert anna.get(url).status_code in {302, 403, 404, 405}, url


@pytest.mark.parametrize("role", FOUR_ROLES)
def test_each_role_adds_changes_and_removes_only_what_it_may(rows: Any, role: str) -> None:
    browser = in_role(role)
    user = User.objects.get(username__startswith="someone")
    for model, row in rows.items():
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for verb, url in (
            ("add", reverse(f"{base}_add")), ("delete", reverse(f"{base}_delete", args=[row.pk])),
            ("view", reverse(f"{base}_change", args=[row.pk])), ("view", reverse(f"{base}_changelist")),
            ("view", reverse(f"{base}_history", args=[row.pk])),
        ):  # fmt: skip
            may = user.has_perm(f"{model._meta.app_label}.{verb}_{model._meta.model_name}")
            if not may:
                assert browser.get(url).status_code == 403, url
                assert browser.post(url, {"post": "yes"}).status_code == 403, url


def deeds() -> Iterator[tuple[type[Model], BackOfficeAdmin, str]]:
    for model, page in admin.site._registry.items():
        assert isinstance(page, BackOfficeAdmin)
        for name in page.verbs():
            yield model, page, name


@pytest.mark.parametrize("role", FOUR_ROLES)
def test_an_action_posted_by_hand_needs_its_right(rows: Any, role: str) -> None:
    browser = in_role(role)
    user = User.objects.get(username__startswith="someone")
    facts = AuditEntry.objects.count()
    tried = 0
    for model, page, name in deeds():
        if model not in rows or user.has_perm(page.verbs()[name].permission):
            continue
        tried += 1
        asked = {"confirmed": "yes", "count": "1", "reason": "because"}
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        alone = browser.post(reverse(f"{base}_do", args=[rows[model].pk, name]), asked)
        assert alone.status_code == 403, (model, name)
        chosen = {**asked, "action": name, "_selected_action": [str(rows[model].pk)]}
        assert browser.post(reverse(f"{base}_changelist"), chosen).status_code in {200, 302, 403}
    assert tried > 2
    assert AuditEntry.objects.count() == facts


def test_nobody_changes_or_removes_what_the_product_writes(rows: Any, anna: Client) -> None:
    for name in ("auditentry", "syncitem", "posting", "syncrun", "vendorcall"):
        model, row = next((model, row) for model, row in rows.items() if model._meta.model_name == name)
        base = f"admin:{model._meta.app_label}_{name}"
        assert anna.post(reverse(f"{base}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        assert anna.post(reverse(f"{base}_add"), {}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        anna.post(reverse(f"{base}_changelist"), chosen)
        assert model._default_manager.filter(pk=row.pk).exists()
    item = SyncItem.objects.earliest("pk")
    anna.post(f"/admin/sync/syncitem/{item.pk}/change/", {"state": "done", "amount": "1"})
    assert (SyncItem.objects.get(pk=item.pk).state, SyncItem.objects.get(pk=item.pk).amount) == (
        item.state,
        item.amount,
    )


def test_a_form_takes_no_field_that_it_does_not_show(shop: Shop, anna: Client) -> None:
    shown = {"system": "exact", "environment": "local_sandbox", "region": "nl", "label": "Books", "client_id": "ex"}
    hidden = {
        "client_secret": "new-secret-0123",
        "status": "new",
        "access_token": "planted",
        "account_id": "x",
        "refresh_fence": "9",
    }
    anna.post(f"/admin/connections/connection/{shop.exact.pk}/change/", {**shown, **hidden})
    seen = Connection.objects.get(pk=shop.exact.pk)
    assert seen.client_secret is not None
    assert (seen.status, seen.access_token, seen.account_id, seen.refresh_fence) == ("live", None, "", 0)
    anna.post(
        f"/admin/sync/synclane/{shop.lane.pk}/change/", {"label": "x", "lease_until": "2030-01-01", "fence": "99"}
    )
    assert SyncLane.objects.get().label == shop.lane.label


# --- What cannot be read ----------------------------------------------------------------------------------------------
def names_of(page: Any) -> Iterator[str]:
    yield from ("q", "o", "p", "all", "e")
    for one in page.list_filter:
        if isinstance(one, str):
            yield from (f"{one}__exact", f"{one}__id__exact", one)
        elif hasattr(one, "parameter_name"):
            yield str(one.parameter_name)
        elif hasattr(one, "field"):
            yield from (f"{one.field}_from", f"{one.field}_to")


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=str), ids=lambda model: model._meta.model_name)
def test_a_filter_that_cannot_be_read_shows_the_whole_list(rows: Any, anna: Client, model: type[Model]) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for name in names_of(admin.site._registry[model]):
        for value in UNREADABLE:
            assert anna.get(url, {name: value}).status_code in {200, 302}, (name, value)


def test_who_is_shown_the_whole_list_instead_is_told(shop: Shop, anna: Client) -> None:
    response = anna.get("/admin/sync/posting/?run_id=abc", follow=True)
    assert "cannot be read" in response.content.decode()


def test_an_address_that_was_cut_off_finds_no_row(rows: Any, anna: Client) -> None:
    for model in rows:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}"
        for value in UNREADABLE:
            for page in ("change", "history", "do/replay", "preview"):
                response = anna.get(f"{base}/{quote(value)}/{page}/")
                assert response.status_code in {302, 400, 403, 404}, (base, value, page)


@pytest.mark.parametrize(
    "hints",
    ["effective_from=9999-99-99", "effective_from=0000-00-00", "effective_from=soon", "division=abc", "account=abc",
     f"account={'9' * 26}", "debtor=abc", "role=bogus", "square_customer_id=" + "x" * 5000, "nonsense=1"],
)  # fmt: skip
def test_a_link_that_fills_in_nonsense_opens_the_form_without_it(shop: Shop, anna: Client, hints: str) -> None:
    for name in ("glmapping", "customermapping"):
        assert anna.get(f"/admin/mappings/{name}/add/?{hints}").status_code == 200


@pytest.mark.parametrize("division", ["²", "abc", "9" * 26, "-1"])
def test_an_autocomplete_of_no_division_offers_nothing_worse(shop: Shop, anna: Client, division: str) -> None:
    asked = {
        "app_label": "mappings",
        "model_name": "glmapping",
        "field_name": "account",
        "term": "",
        "division": division,
    }
    assert anna.get("/admin/autocomplete/", asked).status_code in {200, 404}


def test_an_export_of_what_cannot_be_filtered_is_refused_in_words(shop: Shop, anna: Client) -> None:
    for asked in ("nonsense__bar=1", "run_id=abc"):
        response = anna.post(f"/admin/audit/auditentry/export/?{asked}", {"form": "machine"})
        assert (response.status_code, response["Content-Type"]) == (400, "text/plain; charset=utf-8")


# --- Into the secrets -------------------------------------------------------------------------------------------------
LOOKUPS = [
    f"{path}{field}__{lookup}"
    for path in ("", "source__", "connection__", "division__connection__", "lane__source__", "merchant__")
    for field in ("client_secret", "access_token")
    for lookup in ("startswith", "gt")
] + ["password__startswith", "groups__user__password__startswith", "user__password__startswith"]


def test_no_filter_reaches_into_a_secret(rows: Any, anna: Client) -> None:
    Connection.objects.update(client_secret=None)
    for model in rows:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for lookup in LOOKUPS:
            response = anna.get(url, {lookup: "g"})
            assert response.status_code == 400 or response["Location"].endswith("?e=1"), (url, lookup)
        for field in ("client_secret", "password", "payload"):
            assert anna.get(url, {"_popup": "1", "_to_field": field}).status_code == 400
        assert anna.get(url, {"o": "client_secret"}).status_code in {200, 302}


# --- The browser's own guards -----------------------------------------------------------------------------------------
def test_a_post_from_elsewhere_is_refused_everywhere(rows: Any, settings: Settings) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="root"))
    facts = AuditEntry.objects.count()
    for name, url in pages_of(rows):
        if name:
            assert browser.post(url, {"confirmed": "yes", "count": "1"}).status_code in {403, 404, 405}, url
    assert browser.post(f"/connections/{Connection.objects.earliest('pk').pk}/consent/").status_code == 403
    assert browser.post("/i18n/setlang/", {"language": "nl"}).status_code == 403
    assert AuditEntry.objects.count() == facts


def test_a_form_that_waited_too_long_is_explained(shop: Shop) -> None:
    browser = Client(enforce_csrf_checks=True)
    text = browser.post("/accounts/login/", {"login": "x", "password": "y"}).content.decode()
    assert "open the page again" in text.lower()
    assert "<style" not in text


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "https:evil.example"],
)
def test_no_way_back_leads_to_another_site(shop: Shop, anna: Client, target: str) -> None:
    assert anna.get("/admin/login/", {"next": target})["Location"] == "/admin/"
    assert "evil" not in anna.post("/i18n/setlang/", {"language": "nl", "next": target})["Location"]
    User.objects.create_superuser("bea", password="open-the-books-1")
    entered = Client().post(
        f"/accounts/login/?next={quote(target)}", {"login": "bea", "password": "open-the-books-1", "next": target}
    )
    assert entered.status_code == 302
    assert "evil" not in entered["Location"]
    assert "javascript" not in entered["Location"]


def test_another_host_name_is_refused_in_words(shop: Shop, anna: Client) -> None:
    response = anna.get("/admin/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert "evil" not in response.content.decode()


def test_every_page_forbids_framing_and_guessing(rows: Any, anna: Client) -> None:
    for url in ("/admin/", "/accounts/login/", "/no/such/page/", "/connections/callback/exact/?state=x"):
        response = anna.get(url)
        assert response["X-Frame-Options"] == "DENY"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"


# --- Becoming more than one is ----------------------------------------------------------------------------------------
@pytest.fixture
def head(shop: Shop) -> Client:
    """Somebody in the role of administrator, who is no superuser."""
    return in_role("Administrator")


def test_an_administrator_makes_nobody_a_superuser(head: Client) -> None:
    own = User.objects.get(username__startswith="someone")
    form = {
        "username": own.username,
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": list(own.groups.values_list("pk", flat=True)),
    }
    head.post(f"/admin/auth/user/{own.pk}/change/", form)
    assert not User.objects.get(pk=own.pk).is_superuser


def test_an_administrator_takes_over_no_superuser(head: Client) -> None:
    root = User.objects.create_superuser("root", password="open-the-books-1")
    new = {"password1": "close-the-books-2", "password2": "close-the-books-2", "usable_password": "true"}
    assert head.post(f"/admin/auth/user/{root.pk}/password/", new).status_code == 403
    assert head.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
    head.post(f"/admin/auth/user/{root.pk}/change/", {"username": "root", "is_staff": "on"})
    head.post(f"/admin/auth/user/{root.pk}/do/remove-factor/", {"confirmed": "yes", "count": "1", "reason": "x"})
    seen = User.objects.get(pk=root.pk)
    assert (seen.is_active, seen.check_password("open-the-books-1")) == (True, True)
    assert not AuditEntry.objects.filter(verb="user.factor_removed").exists()


def test_what_is_done_to_people_and_roles_is_told_in_the_trail(shop: Shop, anna: Client) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    new = {"password1": "close-the-books-2", "password2": "close-the-books-2", "usable_password": "true"}
    assert anna.post(f"/admin/auth/user/{bob.pk}/password/", new).status_code == 302
    role = Group.objects.create(name="Night shift")
    some = Permission.objects.filter(content_type__app_label="sync").values_list("pk", flat=True)[:2]
    changed = {"name": "Night shift", "permissions": list(some)}
    assert anna.post(f"/admin/auth/group/{role.pk}/change/", changed).status_code == 302
    assert anna.post(f"/admin/auth/group/{role.pk}/delete/", {"post": "yes"}).status_code == 302
    assert anna.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"}).status_code == 302
    told = list(AuditEntry.objects.order_by("id").values_list("verb", "subject"))
    assert told == [
        ("user.password_set", "bob"),
        ("role.changed", "Night shift"),
        ("role.removed", "Night shift"),
        ("user.removed", "bob"),
    ]


def test_a_lane_that_is_removed_is_told_in_the_trail(shop: Shop, anna: Client) -> None:
    assert anna.post(f"/admin/sync/synclane/{shop.lane.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not SyncLane.objects.exists()
    assert AuditEntry.objects.get(verb="lane.removed").subject == shop.lane.label
