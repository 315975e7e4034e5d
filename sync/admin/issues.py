"""Issues and replays on the screen: why records wait, who looks after it, and the whole family replayed at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from audit import adminkit, words
from audit.adminkit import (
    ChoiceFilter,
    ConfirmedAction,
    DetailAdmin,
    Outcome,
    admin_url,
    badge,
    exact_filter,
    link,
    local_time,
    number,
)
from connections import clock
from sync import actions, issues, replays
from sync.admin import naming, shown, timeline
from sync.admin.verbs import REPLAY_ITEMS, by, each, stake_of
from sync.models import SyncItem
from sync.models.issues import Issue, Replay

WORK = "sync.work_issue"
MOST_RECORDS = 20
TONES = {
    Issue.State.OPEN: "bad", Issue.State.ACKNOWLEDGED: "wait", Issue.State.IGNORED: "quiet",
    Issue.State.RESOLVED: "good",
}  # fmt: skip
REPLAY_TONES = {Replay.State.RUNNING: "busy", Replay.State.DONE: "good", Replay.State.CANCELLED: "quiet"}

adminkit.add_subject("issue", Issue)
adminkit.add_subject("replay", Replay)
words.add(
    {
        "issue.opened": "issue opened",
        "issue.returned": "issue came back",
        "issue.reopened": "issue no longer ignored",
        "issue.resolved": "issue resolved: nothing waits for it",
        "issue.acknowledged": "issue acknowledged",
        "issue.assigned": "issue assigned",
        "issue.ignored": "issue ignored for a time",
        "replay.asked": "replay of many records asked for",
        "replay.done": "replay of many records done",
        "replay.cancelled": "replay of many records cancelled",
    },
    tones={"issue.opened": "wait", "issue.returned": "bad", "issue.resolved": "good"},
)


def title_of(row: Issue) -> str:
    found = shown.remedy(row.kind)
    name = found.title if found else str(row.get_kind_display())
    return f"{name}{f': {row.subject}' if row.subject else ''}"


# --- verbs ----------------------------------------------------------------------------------------
def replay_all(request: HttpRequest, rows: QuerySet[Issue], reason: str) -> Outcome:  # noqa: ARG001
    """One replay per issue: each is cancelled and followed by itself."""
    made, skipped = [], []
    for row in rows.select_related("division"):
        try:
            made.append(replays.begin(issues.records_of(row), what=title_of(row), by=by(request), issue=row))
        except actions.Impossible as refusal:
            skipped.append((title_of(row), str(refusal)))
    goto = admin_url(Replay, made[0].pk) if len(made) == 1 else adminkit.list_url(Replay)
    return Outcome(done=len(made), skipped=skipped, goto=goto if made else "")


def _stake(rows: QuerySet[Issue]) -> list[tuple[str, Any]]:
    """Counted now, from the records."""
    chosen = [issues.records_of(row) for row in rows]
    count = sum(records.count() for records in chosen)
    money = stake_of(chosen[0], total="amount") if len(chosen) == 1 else ()
    return [("Records", number(count)), *money]


REPLAY = ConfirmedAction(
    name="replay",
    label="Cause is fixed: replay all",
    explains="Works every record of this issue out anew, in the order in which one needs the other, and books what can "
    "be booked. A worker does it; you can watch and cancel it. Nothing is booked twice.",
    permission=REPLAY_ITEMS,
    run=replay_all,
    done="being replayed",
    reversible="Replaying changes nothing in Exact by itself; what is booked then stays until it is undone.",
    applies=lambda row: row.state != Issue.State.RESOLVED,
    preview=_stake,
)


def _acknowledge(row: Issue, name: str, _reason: str) -> None:
    try:
        issues.acknowledge(row, by=name)
    except issues.Impossible as refusal:
        raise actions.Impossible(str(refusal)) from None


ACKNOWLEDGE = ConfirmedAction(
    name="acknowledge",
    label="Acknowledge",
    explains="Says that you have seen it and look after it.",
    permission=WORK,
    run=each(_acknowledge),
    done="acknowledged",
    confirms=False,
    applies=lambda row: row.state in (Issue.State.OPEN, Issue.State.IGNORED),
)


# --- issues ---------------------------------------------------------------------------------------
class WorkForm(forms.Form):
    owner = forms.ChoiceField(required=False, label="Who looks after it")
    ignored_until = forms.DateField(
        required=False, label="Ignore until", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="It leaves the work list until that day. Its records go on waiting.",
    )  # fmt: skip
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="For your colleagues.")

    def __init__(self, row: Issue, data: Any = None) -> None:
        super().__init__(data, initial={"owner": row.owner, "ignored_until": row.ignored_until, "note": row.note})
        names = {name: name for name in _workers()} | ({row.owner: row.owner} if row.owner else {})
        self.fields["owner"].choices = [("", "nobody"), *names.items()]  # type: ignore[attr-defined]

    def clean_ignored_until(self) -> Any:
        day = self.cleaned_data["ignored_until"]
        if day and day != self.initial["ignored_until"] and day <= clock.now().date():
            raise forms.ValidationError("Choose a day to come: from then on it is open again.")
        return day


def _workers() -> list[str]:
    """Everybody who may work on issues."""
    right = Permission.objects.filter(codename="work_issue", content_type__app_label="sync")
    people = get_user_model().objects.filter(is_active=True, is_staff=True)
    allowed = people.filter(Q(is_superuser=True) | Q(groups__permissions__in=right) | Q(user_permissions__in=right))
    return list(allowed.distinct().order_by("username").values_list("username", flat=True))


class StandingFilter(ChoiceFilter):
    """Without a choice, what stands."""

    title = "state"
    parameter_name = "state"
    options = (
        ("open", "open"), ("acknowledged", "acknowledged"), ("ignored", "ignored"), ("resolved", "resolved"),
        ("all", "all"),
    )  # fmt: skip

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Without a choice the list is not the whole."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "open or acknowledged"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        chosen = self.value()
        if chosen == "all":
            return queryset
        states = [chosen] if chosen else [Issue.State.OPEN, Issue.State.ACKNOWLEDGED]
        return queryset.filter(state__in=states)


class IssueList(ChangeList):
    """The rows of one page call a customer by its name, as the work list does."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        known = naming.names([(row.kind, row.subject) for row in rows], with_locations=False)
        for row in rows:
            row.told = known.read(title_of(row))
        self.result_list = rows


@admin.register(Issue)
class IssueAdmin(DetailAdmin):
    confirmed_actions = (ACKNOWLEDGE, REPLAY)
    detail_template = "admin/sync/issue.html"
    list_display = ("cause", "state_shown", "records", "money", "since", "last", "owner", "division")
    list_display_links = ("cause",)
    list_filter = (StandingFilter, "kind", exact_filter("owner", "owner"), "division")
    list_select_related = ("division",)
    sortable_by = ()
    introduction = (
        "Equal causes in one row. It ends by itself when nothing waits for it any more, and comes back with it."
    )
    empty = "Nothing waits for a person. A cause that keeps records from the books appears here within a minute."

    @admin.display(description="cause")
    def cause(self, row: Issue) -> str:
        return str(getattr(row, "told", "")) or title_of(row)

    @admin.display(description="state")
    def state_shown(self, row: Issue) -> SafeString:
        return state_of(row)

    @admin.display(description="records")
    def records(self, row: Issue) -> str:
        return number(row.count)

    @admin.display(description="money at stake")
    def money(self, row: Issue) -> SafeString:
        return shown.sums(row.sums)

    @admin.display(description="first seen")
    def since(self, row: Issue) -> SafeString:
        return local_time(row.first_seen)

    @admin.display(description="last seen")
    def last(self, row: Issue) -> SafeString:
        return local_time(row.last_seen)

    def describe(self, row: Issue) -> str:
        return title_of(row)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        return IssueList

    # --- one issue -------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.work_view)
        return [path("<int:issue_id>/work/", view, name="sync_issue_work"), *super().get_urls()]

    def detail(self, request: HttpRequest, row: Issue) -> Mapping[str, Any]:
        waiting = issues.records_of(row)
        rows = list(waiting.select_related("location").defer("payload").order_by("took_place_at")[:MOST_RECORDS])
        names = naming.names([(row.kind, row.subject)])
        remedy = shown.remedy(row.kind)
        since = rows[0].local_day if rows else None
        total = waiting.count()
        return {
            "title": names.read(title_of(row)),
            "issue": row,
            "badge": state_of(row),
            "remedy": remedy,
            "sentence": names.read(row.sentence),
            "fix_url": shown.remedy_url(row.kind, row.subject, names, since=since, division=row.division_id),
            "records": [
                (link(admin_url(SyncItem, item.pk), shown.name_of(item)), local_time(item.local_day), item.location,
                 shown.money(item.amount, item.currency))
                for item in rows
            ],
            "total": total,
            "more": max(0, total - MOST_RECORDS),
            "all_url": shown.items_url(state="waiting", kind=row.kind, subject=row.subject),
            "replays": [
                (admin_url(Replay, one.pk), one, _replay_badge(one))
                for one in row.replays.defer("ids")[:MOST_RECORDS]
            ],
            "timeline": timeline.of_subject("issue", row.pk),
            "work_url": reverse("admin:sync_issue_work", args=[row.pk]) if request.user.has_perm(WORK) else "",
        }  # fmt: skip

    def work_view(self, request: HttpRequest, issue_id: int) -> HttpResponse:
        """Assign it, ignore it for a time, write a note."""
        row: Issue = self._row(request, str(issue_id))
        if not request.user.has_perm(WORK):
            raise PermissionDenied
        form = WorkForm(row, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                _work(row, form)
            except issues.Impossible as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, "Saved.")
                return HttpResponseRedirect(admin_url(Issue, row.pk))
        context = {
            **self.admin_site.each_context(request), "title": f"Work on: {title_of(row)}", "opts": self.opts,
            "original": row, "form": form, "back": admin_url(Issue, row.pk),
        }  # fmt: skip
        return TemplateResponse(request, "admin/sync/issue_work.html", context, status=422 if form.errors else 200)


def _work(row: Issue, form: WorkForm) -> None:
    """Only what changed, so that two people who work on different things do not undo each other."""
    given, changed = form.cleaned_data, form.changed_data
    if "note" in changed:
        Issue.objects.filter(pk=row.pk).update(note=given["note"])
    if "owner" in changed:
        issues.assign(row, given["owner"])
        row.refresh_from_db()
    if "ignored_until" in changed and given["ignored_until"]:
        issues.ignore(row, until=given["ignored_until"], reason=given["note"])
    elif "ignored_until" in changed:
        issues.acknowledge(row, by=row.owner)


def state_of(row: Issue) -> SafeString:
    words_ = str(row.get_state_display())
    if row.state == Issue.State.IGNORED and row.ignored_until:
        words_ = f"ignored until {row.ignored_until:%-d %b}"
    elif row.state == Issue.State.OPEN and row.returned:
        words_ = "back again"
    return badge(words_, TONES[Issue.State(row.state)])


# --- replays --------------------------------------------------------------------------------------
def _cancel(row: Replay, name: str, _reason: str) -> None:
    replays.cancel(row, by=name)


CANCEL = ConfirmedAction(
    name="cancel",
    label="Cancel",
    explains="Replays no more of these records. What is through is on its way into the books; the rest goes on "
    "waiting.",
    permission=REPLAY_ITEMS,
    run=each(_cancel),
    done="cancelled",
    reversible="Replay the rest whenever you like.",
    applies=lambda row: row.is_open,
)


@admin.register(Replay)
class ReplayAdmin(DetailAdmin):
    confirmed_actions = (CANCEL,)
    detail_template = "admin/sync/replay.html"
    list_display = ("what", "state_shown", "total", "through", "left_out", "requested_by", "asked")
    list_display_links = ("what",)
    list_filter = ("state",)
    sortable_by = ()
    empty = "Many records at once are replayed from an issue, or from the list of records."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Replay]:
        return super().get_queryset(request).defer("ids").select_related("issue__division")

    @admin.display(description="state")
    def state_shown(self, row: Replay) -> SafeString:
        return _replay_badge(row)

    @admin.display(description="on their way")
    def through(self, row: Replay) -> str:
        return number(row.done)

    @admin.display(description="skipped")
    def left_out(self, row: Replay) -> str:
        return number(row.skipped)

    @admin.display(description="asked for")
    def asked(self, row: Replay) -> SafeString:
        return local_time(row.created_at)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<int:replay_id>/progress/", view, name="sync_replay_progress"), *super().get_urls()]

    def progress_view(self, request: HttpRequest, replay_id: int) -> HttpResponse:
        return JsonResponse(_progress(self._row(request, str(replay_id))))

    def detail(self, request: HttpRequest, row: Replay) -> Mapping[str, Any]:  # noqa: ARG002
        return {
            "title": f"Replay of {number(row.total)} records",
            "replay": row,
            "badge": _replay_badge(row),
            "progress": _progress(row),
            "progress_url": reverse("admin:sync_replay_progress", args=[row.pk]) if row.is_open else "",
            "issue_url": admin_url(Issue, row.issue_id) if row.issue_id else "",
            "issue_title": title_of(row.issue) if row.issue else "",
            "unsaid": row.skipped - len(row.reasons),
        }


def _progress(row: Replay) -> dict[str, Any]:
    sentence = f"{number(row.position)} of {number(row.total)} records are through."
    if not row.is_open:
        sentence = f"{row.get_state_display().capitalize()}: {number(row.done)} on their way into the books."
    texts = {"sentence": sentence, "done": number(row.done), "skipped": number(row.skipped)}
    percent = 100 * row.position // row.total if row.total else 100
    return {"percent": percent, "is_over": not row.is_open, "texts": texts}


def _replay_badge(row: Replay) -> SafeString:
    return badge(row.get_state_display(), REPLAY_TONES[Replay.State(row.state)])
