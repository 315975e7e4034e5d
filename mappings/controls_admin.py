"""Examples, four eyes, and the changes that wait for somebody else, on the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit import adminkit, words
from audit.adminkit import ConfirmedAction, DetailAdmin, Outcome, badge, local_time
from connections.models import Location
from mappings import examples, foureyes
from mappings.admin import NARROWING, DecisionAdmin
from mappings.controls import MappingExample, MappingPolicy, ProposedChange
from mappings.forms import offer, offer_divisions
from mappings.roles import ACCOUNT_TYPES, Role

if TYPE_CHECKING:
    _ExampleForm = forms.ModelForm[MappingExample]
else:
    _ExampleForm = forms.ModelForm

State = ProposedChange.State
TONES = {State.WAITING: "wait", State.APPROVED: "good", State.REJECTED: "bad", State.WITHDRAWN: "quiet"}
KINDS = {
    "glmapping": "GL mapping", "customermapping": "customer mapping", "itemmapping": "item mapping",
    "convention": "conventions", "tenderjournal": "tender journal", "mappingexample": "example",
    "mappingpolicy": "mapping policy",
}  # fmt: skip
words.add(
    {
        "mapping.proposed": "change of a mapping proposed",
        "mapping.approved": "proposed change approved",
        "mapping.rejected": "proposed change rejected",
        "mapping.withdrawn": "proposed change withdrawn",
        "mappingexample.added": "example written",
        "mappingexample.changed": "example changed",
        "mappingpolicy.added": "mapping policy set",
        "mappingpolicy.changed": "mapping policy changed",
    },
    tones={"mapping.proposed": "wait", "mapping.approved": "good", "mapping.rejected": "bad"},
)
for _name, _model in (("proposedchange", ProposedChange), ("mappingexample", MappingExample),
                      ("mappingpolicy", MappingPolicy)):  # fmt: skip
    adminkit.add_subject(_name, _model)


# --- Examples -------------------------------------------------------------------------------------
class ExampleForm(_ExampleForm):
    location = forms.ChoiceField(required=False, label="Square location")

    class Meta:
        model = MappingExample
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" not in self.fields:
            return  # who may only look is shown values; the form then has no fields of the model
        offer_divisions(self)
        known = {row.location_id: row.name for row in Location.objects.order_by("name")}
        held = {self.instance.location: self.instance.location} if self.instance.location else {}
        offer(self.fields["location"], [("", "every location"), *(held | known).items()])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        division, account, role = (cleaned.get(name) for name in ("division", "account", "role"))
        for name in ("account", "vat_code"):
            if division and cleaned.get(name) and cleaned[name].division_id != division.pk:
                self.add_error(name, f"{cleaned[name]} belongs to another division than {division}.")
        if account and role in set(Role) and account.type not in ACCOUNT_TYPES[Role(role)]:
            self.add_error("account", f"{account} is of type {account.type}, which no rule of this role may name.")
        amounts = [cleaned[name] for name in ("amount", "net", "vat") if cleaned.get(name) is not None]
        if len(amounts) == 3 and amounts[0] != amounts[1] + amounts[2]:  # noqa: PLR2004 - all three
            self.add_error("net", "Net and VAT together must come to the amount.")
        return cleaned


@admin.register(MappingExample)
class MappingExampleAdmin(DecisionAdmin):
    form = ExampleForm
    releases = False
    list_display = ("sentence", "holds", "is_in_force", "division", "decided")
    list_filter = ("is_in_force", "role", "division")
    list_select_related = ("division", "account", "vat_code")
    autocomplete_fields = ("account", "vat_code")
    readonly_fields = ("holds", "decided_by", "decided_at")
    empty = "No example yet. Write what must come of an amount; a rule that would break it can then not be saved."
    fieldsets = (
        (None, {"fields": ("division", "role", "amount", "on")}),
        ("Of", {"fields": (("tax_name", "tax_rate"), "tender", "location")}),
        (
            "Narrower still",
            {"fields": ("category", "customer_kind", "fee_type", "payout_entry_type"), "classes": ("collapse",)},
        ),
        ("Must give", {"fields": ("account", "vat_code", ("net", "vat"), "holds")}),
        ("Decision", {"fields": ("is_in_force", "reason", "decided_by", "decided_at")}),
    )

    class Media:
        js = NARROWING

    @admin.display(description="example")
    def sentence(self, row: MappingExample) -> str:
        return str(row)

    @admin.display(description="with the rules of now")
    def holds(self, row: MappingExample) -> SafeString:
        if not row.is_in_force:
            return badge("not tried", "quiet")
        given = examples.given(row, examples.book_of(row.division))
        if given == examples.wanted(row):
            return badge("holds", "good")
        return badge(f"gives {given.words(row.division.currency)}", "bad")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        day = initial.pop("effective_from", None)
        return {"on": day, **initial}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        given = examples.given(obj, examples.book_of(obj.division))
        if obj.is_in_force and given != examples.wanted(obj):
            told = given.words(obj.division.currency)
            messages.warning(request, f"The rules of now do not keep to this example. They give: {told}")


# --- Four eyes ------------------------------------------------------------------------------------
@admin.register(MappingPolicy)
class MappingPolicyAdmin(DecisionAdmin):
    releases = False
    list_display = ("division", "four_eyes", "decided")
    list_select_related = ("division",)
    readonly_fields = ("decided_by", "decided_at")
    fieldsets = ((None, {"fields": ("division", "four_eyes", "reason", "decided_by", "decided_at")}),)
    empty = "No division asks for four eyes: whoever may change a mapping decides alone."

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        initial.pop("effective_from", None)
        return initial


def _each(decide: Callable[[HttpRequest, ProposedChange, str], None]) -> Callable[..., Outcome]:
    def run(request: HttpRequest, rows: QuerySet[ProposedChange], reason: str) -> Outcome:
        done, refused = 0, []
        for change in rows.select_related("division").order_by("id"):
            try:
                with transaction.atomic():
                    decide(request, change, reason)
                done += 1
            except foureyes.Undecidable as refusal:
                refused.append((str(change), str(refusal)))
        return Outcome(done=done, skipped=refused)

    return run


def approve(request: HttpRequest, change: ProposedChange, reason: str = "") -> None:
    """Save it as its page would, with every check of now. Raises `Undecidable`."""
    by = request.user.get_username()
    foureyes.may_decide(change, by=by)
    row = foureyes.row_of(change)
    page: Any = admin.site.get_model_admin(type(row))
    if not (page.has_change_permission(request) if row.pk else page.has_add_permission(request)):
        raise foureyes.Undecidable(f"you may not decide about {page.opts.verbose_name_plural}")
    data = {name: value for name, value in change.values.items() if value not in (None, False)}
    form = page.get_form(request, row if row.pk else None, change=bool(row.pk))(data, instance=row)
    if not form.is_valid():
        told = " ".join(str(sentence) for errors in form.errors.values() for sentence in errors)
        raise foureyes.Undecidable(f"it can no longer be saved: {told}")
    made = form.save(commit=False)
    made.approved_by = by
    foureyes.decide(change, State.APPROVED, by=by, reason=reason)
    page.save_model(request, made, form, bool(change.subject_id))
    ProposedChange.objects.filter(pk=change.pk).update(subject_id=made.pk)


def reject(request: HttpRequest, change: ProposedChange, reason: str) -> None:
    by = request.user.get_username()
    foureyes.may_decide(change, by=by)
    foureyes.decide(change, State.REJECTED, by=by, reason=reason)


def withdraw(request: HttpRequest, change: ProposedChange, reason: str) -> None:
    by = request.user.get_username()
    if change.proposed_by != by:
        raise foureyes.Undecidable("somebody else proposed it; it can be rejected, not withdrawn")
    foureyes.decide(change, State.WITHDRAWN, by=by, reason=reason)


def _waits(change: ProposedChange) -> bool:
    return change.state == State.WAITING


APPROVE = "mappings.approve_proposedchange"
VERBS = (
    ConfirmedAction(
        name="approve", label="Approve", permission=APPROVE, run=_each(approve), done="approved",
        explains="The change is saved as it was proposed and counts from now on. Records that waited for it go on.",
        reversible="By another change, proposed and approved like this one. What is booked meanwhile stays.",
        applies=_waits,
    ),
    ConfirmedAction(
        name="reject", label="Reject", permission=APPROVE, run=_each(reject), done="rejected", asks_reason=True,
        explains="The mapping stays as it is.", reversible="It can be proposed again.", applies=_waits,
    ),
    ConfirmedAction(
        name="withdraw", label="Withdraw", permission="mappings.view_proposedchange", run=_each(withdraw),
        done="withdrawn", explains="What you proposed yourself is taken back. The mapping stays as it is.",
        reversible="It can be proposed again.", applies=_waits,
    ),
)  # fmt: skip


@admin.register(ProposedChange)
class ProposedChangeAdmin(DetailAdmin):
    detail_template = "admin/mappings/proposed.html"
    confirmed_actions = VERBS
    list_display = ("subject", "kind", "state_shown", "proposed", "decided", "division")
    list_filter = ("state", "model", "division")
    list_select_related = ("division",)
    empty = "Nothing was proposed. Where a division asks for four eyes, each change of a mapping waits here."

    @admin.display(description="kind", ordering="model")
    def kind(self, row: ProposedChange) -> str:
        return KINDS.get(row.model, row.model) + ("" if row.before else ", new")

    @admin.display(description="state", ordering="state")
    def state_shown(self, row: ProposedChange) -> SafeString:
        return badge(row.get_state_display(), TONES[State(row.state)])

    @admin.display(description="proposed")
    def proposed(self, row: ProposedChange) -> str:
        return f"{row.proposed_by}, {row.proposed_at:%Y-%m-%d}"

    @admin.display(description="decided")
    def decided(self, row: ProposedChange) -> str:
        return f"{row.decided_by}, {row.decided_at:%Y-%m-%d}" if row.decided_at else "–"

    def describe(self, row: ProposedChange) -> str:
        told = [f"{name}: {before or 'nothing'} becomes {after or 'nothing'}" for name, before, after in row.shown]
        changes = "; ".join(told)
        return f"{row} ({row.proposed_by}): {changes}"

    def detail(self, request: HttpRequest, row: ProposedChange) -> Mapping[str, Any]:
        is_mine = row.proposed_by == request.user.get_username()
        buttons = [button for button in self.buttons(request, row) if (button["action"].name == "withdraw") == is_mine]
        return {
            "row": row, "badge": self.state_shown(row), "kind": self.kind(row), "buttons": buttons,
            "proposed_at": local_time(row.proposed_at), "decided_at": local_time(row.decided_at),
            "subject_url": adminkit.admin_url(apps.get_model("mappings", row.model), row.subject_id)
            if row.subject_id else "",
        }  # fmt: skip
