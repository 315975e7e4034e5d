"""Actions that change something: first a page that says what will happen, then the deed, then what came of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import helpers
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.text import capfirst

from audit.adminkit.formats import number

if TYPE_CHECKING:
    from audit.adminkit.base import BackOfficeAdmin

SHOWN = 10
MOST = 10_000


class CannotDo(Exception):
    """An action could not be carried out at all; the sentence is for the person who asked."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action: how many were done, and who was skipped and why as (name, reason)."""

    done: int = 0
    skipped: Sequence[tuple[str, str]] = ()
    sentence: str = ""
    goto: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmedAction:
    """One verb for people, on a list, on the page of a row, or both.

    `done` finishes "3 records ..."; `reversible` says in a sentence whether it can be undone; `applies` decides about
    the button on a row's page (the list offers the action always, and the deed itself skips what does not fit);
    `confirms` False runs at one click: only for what neither books nor loses anything; `preview` adds to the confirm
    page what exactly would come of it, as (label, value), and `binds_preview` refuses the deed when that is no longer
    what was shown; `named`: how many of those that were skipped are called by name, for each reason.
    """

    name: str
    label: str
    explains: str
    permission: str
    run: Callable[[HttpRequest, QuerySet[Any], str], Outcome]
    done: str
    reversible: str = ""
    asks_reason: bool = False
    applies: Callable[[Any], bool] | None = None
    on_list: bool = True
    on_page: bool = True
    confirms: bool = True
    is_grave: bool = False
    preview: Callable[[QuerySet[Any]], Sequence[tuple[str, Any]]] | None = None
    binds_preview: bool = False
    named: int = 3

    def allowed(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)

    def offered(self, request: HttpRequest, row: Model) -> bool:
        return self.on_page and self.allowed(request) and (self.applies is None or self.applies(row))


def perform(
    page: BackOfficeAdmin, request: HttpRequest, rows: QuerySet[Any], action: ConfirmedAction, *, back: str
) -> HttpResponse:
    """The confirm page, or the deed when it was confirmed for exactly this many rows."""
    count = rows[: MOST + 1].count()
    reason = request.POST.get("reason", "").strip()
    foreseen = tuple(action.preview(rows)) if action.preview and action.binds_preview and count <= MOST else None
    objection = _objection(request, action, count=count, reason=reason) or _overtaken(request, foreseen)
    if request.method == "POST" and not objection and (request.POST.get("confirmed") or not action.confirms):
        return _run(page, request, rows, action, reason=reason, back=back)
    if foreseen is None:
        foreseen = tuple(action.preview(rows)) if action.preview and count <= MOST else ()
    context = {
        **page.admin_site.each_context(request),
        "title": action.label,
        "opts": page.opts,
        "action": action,
        "count": count,
        "noun": _noun(page, count),
        "rows": [page.describe(row) for row in rows[:SHOWN]],
        "more": max(0, count - SHOWN),
        "stake": [*page.stake(rows), *foreseen] if count <= MOST else (),
        "shown": _digest(foreseen) if action.binds_preview else "",
        "objection": objection,
        "reason": reason,
        "back": back,
        "selected": request.POST.getlist(helpers.ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        "may_confirm": 0 < count <= MOST,
    }
    return TemplateResponse(request, "admin/confirm.html", context, status=422 if objection else 200)


def _objection(request: HttpRequest, action: ConfirmedAction, *, count: int, reason: str) -> str:
    if count > MOST:
        return f"At most {number(MOST)} can be taken at once. Filter the list and choose fewer."
    if not request.POST.get("confirmed"):
        return ""
    if request.POST.get("count") != str(count):
        return f"The selection changed while you were reading: it is now {number(count)}. Please look again."
    if action.asks_reason and not reason:
        return "Give a reason. It is kept in the audit trail, and a colleague will read it later."
    return ""


def _overtaken(request: HttpRequest, foreseen: Sequence[tuple[str, Any]] | None) -> str:
    """What the page showed must be what is done: somebody may have decided while it was read."""
    shown = request.POST.get("shown", "")
    if foreseen is None or not request.POST.get("confirmed") or not shown or shown == _digest(foreseen):
        return ""
    return "What would come of it changed while you were reading. Please look again; nothing was done."


def _digest(foreseen: Sequence[tuple[str, Any]]) -> str:
    return hashlib.sha256(repr([(label, str(value)) for label, value in foreseen]).encode()).hexdigest()


def _run(
    page: BackOfficeAdmin, request: HttpRequest, rows: QuerySet[Any], action: ConfirmedAction, *, reason: str, back: str
) -> HttpResponse:
    try:
        outcome = action.run(request, rows, reason)
    except CannotDo as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(back)
    tell(page, request, action, outcome)
    return HttpResponseRedirect(outcome.goto or back)


def tell(page: BackOfficeAdmin, request: HttpRequest, action: ConfirmedAction, outcome: Outcome) -> None:
    """Messages: what was done, then one per reason for which rows were skipped."""
    if outcome.sentence:
        messages.success(request, outcome.sentence)
    elif outcome.done:
        messages.success(request, f"{number(outcome.done)} {_noun(page, outcome.done)} {action.done}.")
    elif not outcome.skipped:
        messages.info(request, "There was nothing to do.")
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for name, reason in outcome.skipped:
        by_reason[reason].append(name)
    for reason, names in by_reason.items():
        more = len(names) - action.named
        few = ", ".join(names[: action.named]) + (f" and {number(more)} more" if more > 0 else "")
        messages.warning(request, f"{number(len(names))} skipped ({few}): {reason}")


def _noun(page: BackOfficeAdmin, count: int) -> str:
    return str(page.opts.verbose_name if count == 1 else page.opts.verbose_name_plural)


def as_admin_action(action: ConfirmedAction) -> Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]:
    """The form in which Django's list page calls an action."""

    def call(page: BackOfficeAdmin, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        return perform(page, request, rows, action, back=request.get_full_path())

    call.__name__ = action.name
    call.short_description = capfirst(action.label)  # type: ignore[attr-defined]  # how Django labels it
    return call
