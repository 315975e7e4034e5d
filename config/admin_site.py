"""The one admin site: who may enter, what its first page shows, and what its menu lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from config.signin import has_shown_factor

# Apps whose own pages would do harm: a queue schedule can run any function, an authenticator holds secrets.
HIDDEN = frozenset({"django_q", "account", "mfa"})
# (title, app, models): the groups of the menu in the order of the work. What an app has beside these follows its last.
MENU = (
    ("Bookings", "sync", ("Issue", "SyncItem", "Posting", "InvoiceStanding", "OrderRecord", "Deposit", "Expiry")),
    ("Months and reports", "sync",
     ("Month", "Reconciliation", "BooksProof", "ClearingProof", "ClearingOpening", "LateArrival", "SourceCount")),
    ("Customers", "sync", ("CustomerLink", "CustomerCreation")),
    ("Lanes and runs", "sync", ("SyncLane", "SyncRun", "Backfill")),
    ("Archive", "sync", ("ArchiveTable", "ArchiveBatch", "ArchiveAttestation", "ArchivedRecord")),
    ("Mappings", "mappings", ("GLMapping", "CustomerMapping", "ItemMapping", "Convention", "TenderJournal",
                              "ProposedChange", "MappingExample", "MappingPolicy", "SheetImport")),
    ("As read from Exact", "mappings", ("LedgerAccount", "VatCode", "Journal", "DebtorAccount")),
    ("Alerts", "sync", ("Alert", "AlertChannel", "AlertLimits")),
    ("Connections", "connections", ("Connection", "Division", "Location", "VendorCall", "WebhookEvent",
                                    "WebhookSubscription", "WebhookTally")),
    ("Audit", "audit", ("AuditEntry", "AuditSeal")),
    ("People", "auth", ("User", "Group")),
)  # fmt: skip
# Who sees lanes may see whether they are served.
HEALTH = "sync.view_synclane"
# Reached from what they belong to: without it a row of theirs says nothing.
BELOW_OTHERS = frozenset({"PlannedEntry"})


class BackOffice(admin.AdminSite):
    site_header = "Tillbridge"
    site_title = "Tillbridge"
    index_title = "Work list"
    index_template = "admin/worklist.html"
    site_url = None
    empty_value_display = "–"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        shown: list[Any] = [model for model in models if model._meta.app_label not in HIDDEN]
        super().register(shown, admin_class, **options)

    # --- who may enter ----------------------------------------------------------------------------------------------
    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not self.lacks_second_factor(request)

    def lacks_second_factor(self, request: HttpRequest) -> bool:
        """Whether this session still owes a second factor. Asked once per page call."""
        if not settings.MFA_REQUIRED:
            return False
        lacks: bool | None = getattr(request, "_lacks_second_factor", None)
        if lacks is None:
            lacks = not (is_mfa_enabled(request.user) and has_shown_factor(request))
            request._lacks_second_factor = lacks  # type: ignore[attr-defined]  # kept for the rest of this call
        return lacks

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """There is one way in: allauth's. Somebody signed in already is told what is still missing."""
        del extra_context
        target = self._target(request)
        if not request.user.is_authenticated:
            return redirect_to_login(target, reverse("account_login"))
        if not super().has_permission(request):
            raise PermissionDenied("Your account may not enter the back office. Ask an administrator for a role.")
        if self.lacks_second_factor(request) and is_mfa_enabled(request.user):
            logout(request)
            messages.warning(request, "Sign in again, this time with your second factor.")
            return redirect_to_login(target, reverse("account_login"))
        if self.lacks_second_factor(request):
            messages.warning(request, "Set up a second factor first: everybody who works with the books needs one.")
            return HttpResponseRedirect(reverse("mfa_activate_totp"))
        return HttpResponseRedirect(target)

    def _target(self, request: HttpRequest) -> str:
        asked = request.GET.get("next", "")
        if url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure()):
            return asked
        return reverse("admin:index")

    # --- pages of its own ---------------------------------------------------------------------------------------------
    def get_urls(self) -> list[Any]:
        from config import health_page, quota_page

        quota = path("quota/<int:budget_id>/", self.admin_view(quota_page.view), name="quota")
        return [path("health/", self.admin_view(health_page.view), name="health"), quota, *super().get_urls()]

    # --- what they see ------------------------------------------------------------------------------------------------
    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "is_demo": settings.IS_DEMO}

    def index(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> Any:
        from config import worklist

        return super().index(request, {**worklist.context(request), **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The menu in the order of the work, with what is looked up rarely after it."""
        apps = {app["app_label"]: app for app in super().get_app_list(request, app_label)}
        groups = [found for group in MENU if (found := _group(apps, *group))]
        if request.user.has_perm(HEALTH) and not app_label:
            groups = [_with_health(group) if group["name"] == "Connections" else group for group in groups]
        return [*groups, *(app for label, app in apps.items() if label not in {group[1] for group in MENU})]


def _with_health(group: dict[str, Any]) -> dict[str, Any]:
    """The group with the page that belongs to no model."""
    page = {
        "name": "System health", "object_name": "Health", "admin_url": reverse("admin:health"), "add_url": None,
        "view_only": True, "perms": {"view": True},
    }  # fmt: skip
    return {**group, "models": [*group["models"], page]}


def _group(apps: Mapping[str, Any], title: str, label: str, names: tuple[str, ...]) -> dict[str, Any] | None:
    """Of an app the models of one group, and in its last group also those that no group names."""
    if label not in apps:
        return None
    named = {name for _, other, group in MENU if other == label for name in group} | BELOW_OTHERS
    takes_rest = names == [group for _, other, group in MENU if other == label][-1]
    chosen = [
        model for model in apps[label]["models"]
        if model["object_name"] in names or (takes_rest and model["object_name"] not in named)
    ]  # fmt: skip
    return {**apps[label], "name": title, "models": _in_order(chosen, names)} if chosen else None


def _in_order(models: Iterable[Any], names: tuple[str, ...]) -> list[Any]:
    places = {name: place for place, name in enumerate(names)}
    return sorted(models, key=lambda model: places.get(model["object_name"], len(places)))
