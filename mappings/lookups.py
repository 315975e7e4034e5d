"""Asking Exact about one thing while a person waits: who is there under a name, and what lies in the warehouses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from audit.adminkit import admin_url
from connections import clients
from connections.models import Division
from connections.providers.errors import VendorError
from connections.providers.exact.relations import LISTS, MOST, SEARCHES, Relation
from mappings import items
from mappings.models import DebtorAccount, ExactItem

# Each question costs a call of the division's, so it is for who decides about customers or items.
FINDS_RELATIONS, ASKS_FOR_STOCK = "mappings.change_customermapping", "mappings.change_itemmapping"
SORTS = {"C": "customer", "P": "prospect", "S": "suspect"}


class LookUpForm(forms.Form):
    division = forms.ModelChoiceField(Division.objects.filter(is_pinned=True))
    by = forms.ChoiceField(
        label="Look for",
        choices=[*((name, f"{name} …") for name in SEARCHES), *((name, f"all {name}") for name in LISTS)],
    )
    text = forms.CharField(required=False, max_length=100, help_text="Part of a name; of everything else the whole.")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("by") in SEARCHES and not cleaned.get("text") and "text" not in self.errors:
            self.add_error("text", f"Type the {cleaned['by']} to look for.")
        return cleaned

    def found(self) -> tuple[Relation, ...]:
        """Raises the errors of the providers."""
        asked = self.cleaned_data
        client = clients.exact_client(asked["division"], wait_at_most=items.AT_ONCE)
        by = asked["by"]
        return SEARCHES[by](client, asked["text"]) if by in SEARCHES else LISTS[by](client)


def relations(page: Any, request: HttpRequest) -> HttpResponse:
    """GET shows the form; POST asks Exact once. Nothing is stored."""
    _permit(request, FINDS_RELATIONS)
    only = list(Division.objects.filter(is_pinned=True)[:2])
    asked = LookUpForm(request.POST or None, initial={"division": only[0]} if len(only) == 1 else {})
    context: dict[str, Any] = {
        **page.admin_site.each_context(request), "title": "Look up in Exact", "opts": DebtorAccount._meta,
        "form": asked, "most": MOST,
    }  # fmt: skip
    if request.method == "POST" and asked.is_valid():
        try:
            found = asked.found()
        except VendorError as error:
            messages.error(request, f"{error.sentence} Nothing was looked up.")
        else:
            rows = _shown(found, asked.cleaned_data["division"])
            context |= {"is_answered": True, "found": rows, "is_cut": len(rows) >= MOST}
    return TemplateResponse(request, "admin/mappings/lookup.html", context)


def _shown(found: Iterable[Relation], division: Division) -> list[dict[str, Any]]:
    found = list(found)
    rows = DebtorAccount.objects.filter(division=division, remote_id__in=[one.account.id for one in found])
    held = {row.remote_id: row for row in rows if row.gone_at is None}
    return [
        {"account": one.account, "sort": _sort(one), "url": _url(held, one), "is_known": one.account.id in held}
        for one in found
    ]


def _url(held: Mapping[str, DebtorAccount], one: Relation) -> str:
    row = held.get(one.account.id)
    return admin_url(DebtorAccount, row.pk) if row else ""


def _sort(one: Relation) -> str:
    sorts = [SORTS.get(one.account.status, ""), "supplier" if one.is_supplier else ""]
    return " and ".join(filter(None, sorts)) or "other relation"


def stock(page: Any, request: HttpRequest, item: ExactItem) -> HttpResponse:
    """GET shows the button; POST asks Exact what lies where. Nothing is stored: it changes by the hour."""
    _permit(request, ASKS_FOR_STOCK)
    context: dict[str, Any] = {
        **page.admin_site.each_context(request), "title": f"Stock of {item}", "opts": ExactItem._meta, "item": item,
    }  # fmt: skip
    if request.method == "POST":
        try:
            context |= {"is_answered": True, "found": items.stock_of(item)}
        except VendorError as error:
            messages.error(request, f"{error.sentence} The stock was not read.")
    return TemplateResponse(request, "admin/mappings/stock.html", context)


def _permit(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
