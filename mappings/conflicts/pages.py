"""The side-by-side page of a mapping that nobody has decided, and the decision taken on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.adminkit import admin_url, amount, list_url, number
from connections.money import KNOWN, to_decimal
from mappings import accepting, foureyes, suggestions
from mappings.conflicts import boards, deciding, sharing, surroundings
from mappings.conflicts.boards import Board, Column
from mappings.conflicts.deciding import TARGETS, UNSETTLED, Done, Refused, Verb, Wish
from mappings.conflicts.surroundings import Lanes, Waiting
from mappings.models import CustomerMapping, Decision, GLMapping, ItemMapping
from mappings.signals import told_of

if TYPE_CHECKING:
    from audit.adminkit import BackOfficeAdmin as _Base
else:
    _Base = object

LONGEST_QUERY = 100


@dataclass(frozen=True, slots=True)
class Way:
    """A button on a row's page that leads to another page."""

    label: str
    confirms: bool = True
    is_grave: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to decide beside the candidates: what it does, and why it cannot be taken or what it needs."""

    verb: Verb
    label: str
    explains: str
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """How a page speaks of its kind of mapping."""

    title: str
    ours: str
    theirs: str
    choose: str
    search: str


WORDS: Mapping[type[Any], Words] = {
    CustomerMapping: Words(
        "Who is {}?", "In Square", "Exact account", "Book on the chosen account",
        "Code, part of the name, e-mail or VAT number of an account; or the beginning of a Square customer's name",
    ),
    ItemMapping: Words(
        "Which item is {}?", "In Square", "Exact item", "Use the chosen item", "Code or part of the name of an item"
    ),
    GLMapping: Words(
        "Which account for {}?", "Asked for", "GL account", "Use the chosen account", "Code or part of the name"
    ),
}  # fmt: skip


class DecisionForm(forms.Form):
    """What every verb asks: why, and from which day on."""

    since = forms.DateField(label="Counts from", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    reason = forms.CharField(
        label="Reason", max_length=1_000, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Give a reason. It is kept with your name, and a colleague will read it later."},
    )  # fmt: skip


class ConflictPages(_Base):
    """For the admin of a mapping: the page `resolve` of each row, and the button that leads there."""

    def get_urls(self) -> list[URLPattern]:
        name = f"mappings_{self.opts.model_name}_resolve"
        page = path("<path:object_id>/resolve/", self.admin_site.admin_view(self.resolve_view), name=name)
        return [page, *super().get_urls()]

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        more = super().buttons(request, row)
        return [{"action": Way("Decide side by side"), "url": url(row)}, *more] if row.status in UNSETTLED else more

    def resolve_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._row(request, object_id)
        may_decide = request.user.has_perm(f"mappings.resolve_{self.opts.model_name}")
        if request.method != "POST":
            return _page(self, request, row, DecisionForm(initial={"since": row.effective_from}), may_decide=may_decide)
        if not may_decide:
            raise PermissionDenied
        asked = DecisionForm(request.POST)
        try:
            done = _decided(request, row, asked)
        except Refused as why:
            told = self._row(request, object_id)
            return _page(self, request, told, asked, may_decide=True, objection=str(why))
        _tell(request, self._row(request, object_id), done)
        return HttpResponseRedirect(url(row))


def url(row: Any) -> str:
    return reverse(f"admin:mappings_{row._meta.model_name}_resolve", args=[row.pk])


# --- The decision --------------------------------------------------------------------------------
def _decided(request: HttpRequest, row: Any, asked: DecisionForm) -> Done:
    """Raises `Refused`; nothing is stored then."""
    posted = request.POST
    if posted.get("seen", "") != deciding.token(row):
        raise Refused(f"{deciding.settled(row)} Nothing of yours was saved.")
    verb = posted.get("verb", "")
    if verb not in VERBS[type(row)]:
        raise Refused("Press one of the buttons: each says what it decides.")
    if not asked.is_valid():
        raise Refused(" ".join(str(told) for errors in asked.errors.values() for told in errors))
    target = _target(row, posted.get("target", "")) if verb in {Verb.CHOOSE, Verb.MERGE} else None
    wish = Wish(
        Verb(verb), request.user.get_username(), asked.cleaned_data["reason"], target, asked.cleaned_data["since"]
    )  # fmt: skip
    first = _waiting(row).first
    others, doubles = _ids(posted.getlist("other")), _ids(posted.getlist("double"))
    if verb == Verb.MERGE:
        return deciding.merge(row, wish, _others(row, others), _doubles(row, doubles), first_waiting=first)
    if others or doubles:
        raise Refused("You ticked who else is the same party. Press Merge, or untick them: nothing was saved.")
    return deciding.decide(row, wish, first_waiting=first)


def _ids(values: Sequence[str]) -> list[int]:
    return [int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 19]  # noqa: PLR2004


def _target(row: Any, chosen: str) -> Any:
    """The chosen row of Exact, of the mapping's own division."""
    rows = row._meta.get_field(TARGETS[type(row)]).related_model._default_manager
    ids = _ids([chosen])
    found = rows.filter(pk=ids[0], division=row.division_id).select_related("division").first() if ids else None
    if found is None:
        raise Refused(f"Choose which {WORDS[type(row)].theirs} it is: mark one in the table, or search for another.")
    return found


def _others(row: CustomerMapping, ids: Sequence[int]) -> list[CustomerMapping]:
    rows = CustomerMapping.objects.filter(pk__in=ids, division=row.division_id).exclude(pk=row.pk)
    found = list(rows.select_related("division", "merchant", "debtor").order_by("pk"))
    if len(found) != len(set(ids)):
        raise Refused("One of those you ticked is no longer there. Look at the page again; nothing was saved.")
    return found


def _doubles(row: CustomerMapping, ids: Sequence[int]) -> list[Any]:
    rows = row._meta.get_field("debtor").related_model
    return list(rows._default_manager.filter(pk__in=ids, division=row.division_id).select_related("division"))


def _tell(request: HttpRequest, row: Any, done: Done) -> None:
    if done.proposed:
        messages.warning(request, f"{row}: {accepting.PROPOSED}.")
        if request.POST.getlist("double"):
            messages.warning(request, "Which accounts are twice in Exact is not kept before then: say it again.")
        return
    goes = "waits until then" if row.status == Decision.CREATE else "goes on"
    more = f" With it {number(done.decided - 1)} more on the same account." if done.decided > 1 else ""
    messages.success(
        request, f"{deciding.ended(f'{row}: decided, {deciding.said(row)}')}{more} What waited for it {goes}."
    )
    warnings = sharing.warnings(row) if isinstance(row, CustomerMapping) else ()
    for told in (*warnings, *told_of(row)):
        messages.warning(request, told)


# --- The page ------------------------------------------------------------------------------------
def _page(
    admin: Any, request: HttpRequest, row: Any, asked: DecisionForm, *, may_decide: bool, objection: str = ""
) -> HttpResponse:
    query = (request.POST.get("q") or request.GET.get("q") or "").replace("\0", "").strip()[:LONGEST_QUERY]
    board, waiting = boards.of(row, query=query), _waiting(row)
    lanes = surroundings.lanes_of(row.division, getattr(row, "merchant", None))
    words = WORDS[type(row)]
    posted = request.POST if objection else {}
    context = {
        **admin.admin_site.each_context(request), "title": words.title.format(row), "opts": row._meta, "row": row,
        "words": words, "board": board, "waiting": waiting, "sums": _sums(waiting), "form": asked, "query": query,
        "objection": objection, "seen": deciding.token(row), "status": admin.status_shown(row),
        "is_open": row.status in accepting.OPEN, "is_undone": row.status in UNSETTLED,
        "may_decide": may_decide and row.status in UNSETTLED, "settled": deciding.settled(row),
        "offers": _offers(row, board, lanes), "lanes": lanes, "can_merge": Verb.MERGE in VERBS[type(row)],
        "chosen": posted.get("target") or _preset(row, board, query), "notices": foureyes.notices(row),
        "ticked": set(request.POST.getlist("other")) if objection else (),
        "doubled": set(request.POST.getlist("double")) if objection else (),
        "form_url": admin_url(type(row), row.pk), "next": _next(row), "creating": row.status == Decision.CREATE,
    }  # fmt: skip
    return TemplateResponse(request, "admin/mappings/resolve.html", context, status=422 if objection else 200)


def _waiting(row: Any) -> Waiting:
    return surroundings.waiting_for([row]).get(row.pk, Waiting())


def _sums(waiting: Waiting) -> SafeString:
    told = [
        (amount(to_decimal(total, currency), currency),)
        for currency, total in sorted(waiting.sums.items())
        if currency in KNOWN
    ]
    return format_html_join(" + ", "{}", told)


def _preset(row: Any, board: Board, query: str) -> str:
    """What is marked when the page opens: nothing in a conflict, the only candidate that may be chosen otherwise."""
    usable: list[Column] = [column for column in board.columns if column.may_be_chosen]
    is_clear = row.status == Decision.PROPOSED and len(usable) == 1 and not query
    return str(usable[0].row.pk) if is_clear else ""


def _offers(row: Any, board: Board, lanes: Lanes) -> list[Offer]:
    if isinstance(row, CustomerMapping):
        return [_creating(row, board, lanes), _collective(lanes)]
    if isinstance(row, ItemMapping):
        item = " or ".join(lanes.rest)
        needs = "" if item else "No lane names such an item yet: choose one on the lane, or orders go on waiting."
        told = f"Orders then name the lane's item for the rest{f' ({item})' if item else ''} with the article's name."
        return [Offer(Verb.IGNORE, "Ignore the article", told, needs)]
    told = "The proposal is kept and not used. What waits goes on waiting until another rule gives its account."
    return [Offer(Verb.IGNORE, "Ignore the proposal", told)]


def _creating(row: CustomerMapping, board: Board, lanes: Lanes) -> Offer:
    told = "A worker makes a new account of Square's data, after it has looked once more whether there is one. What "
    told = f"{told}waits goes on waiting until the account is there."
    sure = next((one for one in board.columns if (one.percent or 0) * 10 >= suggestions.THRESHOLD), None)
    needs = f"{sure.row} is {sure.percent} % the same: a new account would probably be a double of it." if sure else ""
    if not lanes.creates:
        needs = (
            f"No lane creates customers from {row.merchant.label} in {row.division} yet: your decision is kept and is "
            f"carried out once a lane of the kind customers is switched on. {needs}"
        ).strip()
    return Offer(Verb.CREATE, "Create in Exact", told, needs)


def _collective(lanes: Lanes) -> Offer:
    on = f" ({', '.join(lanes.collective)})" if lanes.collective else ""
    told = f"No account of its own: its sales are booked on the collective debtor of the lane{on}."
    needs = f"{', '.join(lanes.without)} has no collective debtor: choose one there, or its records go on waiting."
    return Offer(Verb.COLLECTIVE, "Use the collective debtor", told, needs if lanes.without else "")


def _next(row: Any) -> SafeString | str:
    """The next one to decide, conflicts first."""
    first = Case(When(status=Decision.CONFLICT, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = type(row)._default_manager.filter(status__in=accepting.OPEN, division=row.division_id).exclude(pk=row.pk)
    found = rows.order_by(first, "pk").first()
    if found is None:
        return format_html('<a href="{}">All of them</a>', list_url(type(row)))
    return format_html('<a href="{}">Next to decide: {}</a>', url(found), found)


VERBS: Mapping[type[Any], frozenset[str]] = {
    CustomerMapping: frozenset({Verb.CHOOSE, Verb.MERGE, Verb.CREATE, Verb.COLLECTIVE}),
    ItemMapping: frozenset({Verb.CHOOSE, Verb.IGNORE}),
    GLMapping: frozenset({Verb.CHOOSE, Verb.IGNORE}),
}
