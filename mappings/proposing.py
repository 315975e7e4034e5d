"""The pages "Express set-up" and "Copy from another division": proposals, ticked by a person, then saved together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from audit.adminkit import list_url
from connections import clock
from connections.models import Division
from mappings import copying, examples, express, foureyes
from mappings.admin import SOLVED_BY_A_RULE
from mappings.express import Proposal, Proposed
from mappings.models import GLMapping

CHANGED = "What could be proposed has changed since you looked. Please look again; nothing was saved."


class SetUpForm(forms.Form):
    division = forms.ModelChoiceField(Division.objects.filter(is_pinned=True))
    since = forms.DateField(label="Counts from", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))

    def proposed(self) -> Proposed:
        return express.propose(self.cleaned_data["division"])


class CopyForm(SetUpForm):
    source = forms.ModelChoiceField(Division.objects.filter(is_pinned=True), label="Copy from")
    field_order = ("source", "division", "since")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("source") and cleaned["source"] == cleaned.get("division"):
            self.add_error("division", "Choose another division than the one that is copied from.")
        return cleaned

    def proposed(self) -> Proposed:
        chosen = self.cleaned_data
        return copying.propose(chosen["source"], chosen["division"], on=chosen["since"])


def set_up(page: Any, request: HttpRequest) -> HttpResponse:
    lead = "A whole mapping from the division's chart of accounts, VAT codes and journals. It is a proposal: read it, "
    return _view(page, request, SetUpForm, title="Express set-up", lead=f"{lead}untick what is wrong, accept the rest.")


def copy(page: Any, request: HttpRequest) -> HttpResponse:
    lead = "Rules of one division as they would stand in another, by account code and VAT code. "
    return _view(
        page, request, CopyForm, title="Copy from another division",
        lead=f"{lead}What has no counterpart there is listed and not copied.",
    )  # fmt: skip


def _view(page: Any, request: HttpRequest, kind: type[SetUpForm], *, title: str, lead: str) -> HttpResponse:
    """GET shows; POST saves exactly what was ticked, or nothing when it is no longer what was shown."""
    asked = kind(request.POST or request.GET or None, initial={"since": clock.now().date()})
    context = {
        **page.admin_site.each_context(request), "title": title, "lead": lead, "opts": GLMapping._meta, "form": asked,
        "may_add": page.has_add_permission(request),
    }  # fmt: skip
    if asked.is_bound and asked.is_valid():
        found = asked.proposed()
        if request.method == "POST":
            saved = _accept(page, request, asked, found)
            if saved:
                return saved
        context |= {"found": found, "asked": asked.cleaned_data, "is_shown": True}
    return TemplateResponse(request, "admin/mappings/proposals.html", context)


def _accept(page: Any, request: HttpRequest, asked: SetUpForm, found: Proposed) -> HttpResponse | None:
    if not page.has_add_permission(request):
        raise PermissionDenied
    ticked = request.POST.getlist("accept")
    chosen = [one for one in found.proposals if one.key in ticked]
    if not ticked or len(chosen) != len(set(ticked)):
        messages.error(request, CHANGED if ticked else "Nothing was ticked, so nothing was saved.")
        return None
    division, since = asked.cleaned_data["division"], asked.cleaned_data["since"]
    told = _store(chosen, division, since=since, by=request.user.get_username())
    for sentence in told:
        messages.error(request, sentence)
    if told:
        return None
    word = "proposed; they count once somebody else approved them" if foureyes.are_wanted([division.pk]) else "saved"
    messages.success(request, f"{len(chosen)} rules {word}.")
    return HttpResponseRedirect(list_url(GLMapping, division__id__exact=division.pk))


def _store(chosen: Sequence[Proposal], division: Division, *, since: date, by: str) -> list[str]:
    """All or none; returns what is in the way."""
    rows = [one.row(division, since=since) for one in chosen]
    if told := examples.broken(rows):
        return told
    try:
        foureyes.store(rows, by=by, kinds=[kind.value for kind in SOLVED_BY_A_RULE])
    except ValidationError as error:
        return error.messages
    return []
