"""Decisions of finance staff on the screen, and the division's reference data beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import adminkit, trail, words
from audit.adminkit import BackOfficeAdmin, ReadOnlyAdmin, badge, local_time, number
from audit.trail import Fact
from connections import clock
from connections.models import Division, Location
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import (
    ClosedPeriod,
    CustomerMapping,
    DebtorAccount,
    Decision,
    GLMapping,
    Journal,
    LedgerAccount,
    VatCode,
)
from mappings.roles import ACCOUNT_TYPES, Role
from mappings.signals import mapping_changed

if TYPE_CHECKING:
    _CustomerForm = forms.ModelForm[CustomerMapping]
    _RuleForm = forms.ModelForm[GLMapping]
else:
    _CustomerForm = _RuleForm = forms.ModelForm

TONES = {Decision.PROPOSED: "wait", Decision.MATCHED: "good", Decision.CONFLICT: "bad", Decision.IGNORED: "quiet"}
# What a decision of each kind may let go on.
SOLVED_BY_A_RULE = (ProblemKind.UNMAPPED_ACCOUNT, ProblemKind.UNMAPPED_TAX, ProblemKind.AMBIGUOUS_TAX)
SOLVED_BY_A_CUSTOMER = (ProblemKind.UNMAPPED_CUSTOMER,)
CUSTOMER = "C"
# Django's jQuery first: the merged order of scripts follows from this.
NARROWING = ("admin/js/vendor/jquery/jquery.min.js", "admin/js/jquery.init.js", "tillbridge/narrowing.js")

for _name, _model in (("glmapping", GLMapping), ("customermapping", CustomerMapping)):
    adminkit.add_subject(_name, _model)
words.add(
    {
        "glmapping.added": "GL mapping added",
        "glmapping.changed": "GL mapping changed",
        "customermapping.added": "customer mapped",
        "customermapping.changed": "customer mapping changed",
    }
)


class DecisionAdmin(BackOfficeAdmin):
    """A mapping: whoever saves it has decided it, the trail keeps what changed, and what waited for it goes on."""

    solves: Sequence[ProblemKind] = ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.decided_by, obj.decided_at = request.user.get_username(), clock.now()
        super().save_model(request, obj, form, change)
        name = str(self.opts.model_name)
        detail = {
            field: [_plain(form.initial.get(field)), _plain(form.cleaned_data.get(field))]
            for field in form.changed_data
        }
        fact = Fact(
            f"{name}.{'changed' if change else 'added'}",
            name,
            obj.pk,
            str(obj),
            division=obj.division.code,
            detail=detail,
        )
        trail.record([fact], at=obj.decided_at)
        kinds = tuple(kind.value for kind in self.solves)
        mapping_changed.send(sender=type(obj), division_id=obj.division_id, kinds=kinds)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Today and the only division there is, unless the link that led here knows better."""
        initial: dict[str, Any] = {"effective_from": clock.now().date(), **super().get_changeform_initial_data(request)}
        if isinstance(initial["effective_from"], str):
            initial["effective_from"] = parse_date(initial["effective_from"]) or clock.now().date()
        pinned = list(Division.objects.filter(is_pinned=True).values_list("pk", flat=True)[:2])
        return {"division": pinned[0], **initial} if len(pinned) == 1 else initial

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A decision is taken back by a later one, not removed: entries that were booked by it refer to it."""
        return False

    @admin.display(description="status", ordering="status")
    def status_shown(self, row: Any) -> SafeString:
        return badge(row.get_status_display(), TONES[Decision(row.status)])

    @admin.display(description="decided")
    def decided(self, row: Any) -> SafeString | str:
        return format_html("{}<br>{}", row.decided_by, local_time(row.decided_at)) if row.decided_by else "–"

    @admin.display(description="candidates")
    def evidence(self, row: Any) -> str:
        return adminkit.pretty_json(row.candidates) if row.candidates else "none"


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str) else str(value)


class CustomerForm(_CustomerForm):
    class Meta:
        model = CustomerMapping
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        division, debtor = cleaned.get("division"), cleaned.get("debtor")
        if division and debtor and debtor.division_id != division.pk:
            self.add_error("debtor", f"{debtor} belongs to another division than {division}.")
        elif debtor and debtor.status != CUSTOMER:
            self.add_error("debtor", f"{debtor} is not a customer in Exact (status C), so nothing can be sold to it.")
        elif debtor and (debtor.is_blocked or debtor.gone_at):
            self.add_error("debtor", f"{debtor} is blocked or gone in Exact.")
        return cleaned


@admin.register(CustomerMapping)
class CustomerMappingAdmin(DecisionAdmin):
    form = CustomerForm
    solves = SOLVED_BY_A_CUSTOMER
    list_display = ("name", "square_customer_id", "debtor", "status_shown", "effective_from", "division", "decided")
    list_filter = ("status", "division")
    list_select_related = ("debtor", "division")
    search_fields = ("square_customer_id__exact", "square_name__istartswith", "debtor__code__exact")
    search_help_text = "Square customer id, beginning of the name, or code of the Exact account"
    autocomplete_fields = ("debtor",)
    readonly_fields = ("evidence", "decided_by", "decided_at")
    empty = "No customer is mapped yet. Counter sales need none; a named customer waits here until somebody maps it."
    fieldsets = (
        ("In Square", {"fields": ("merchant", "square_customer_id", "square_name")}),
        ("In Exact", {"fields": ("division", "debtor", "evidence")}),
        ("Decision", {"fields": ("status", "effective_from", "reason", "decided_by", "decided_at")}),
    )

    @admin.display(description="customer", ordering="square_name")
    def name(self, row: CustomerMapping) -> str:
        return str(row)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"status": Decision.MATCHED, **super().get_changeform_initial_data(request)}

    class Media:
        js = NARROWING


class RuleForm(_RuleForm):
    """A rule as people make it: a location by name, an account of a type that makes sense for the role."""

    location = forms.ChoiceField(required=False, label="Square location", help_text="Empty: every location.")

    class Meta:
        model = GLMapping
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tender" not in self.fields:
            return  # who may only look is shown values; the form then has no fields of the model
        known = [(row.location_id, row.name) for row in Location.objects.order_by("name")]
        held = self.instance.location
        if held and held not in dict(known):
            known.append((held, held))
        self.fields["location"].choices = [("", "every location"), *known]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields[
            "tender"
        ].help_text = "CARD, CASH, GIFT_CARD, or EXTERNAL: and Square's type, such as EXTERNAL:CHECK"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        division, account, vat_code = (cleaned.get(name) for name in ("division", "account", "vat_code"))
        if division and account:
            self._check_account(account, division.pk, cleaned.get("role", ""))
        if division and vat_code and vat_code.division_id != division.pk:
            self.add_error("vat_code", f"{vat_code} belongs to another division than {division}.")
        return cleaned

    def _check_account(self, account: LedgerAccount, division_id: int, role: str) -> None:
        types = ACCOUNT_TYPES[Role(role)] if role else frozenset()
        if account.division_id != division_id:
            self.add_error("account", f"{account} belongs to another division.")
        elif account.is_blocked or account.gone_at:
            self.add_error("account", f"{account} is blocked or gone in Exact.")
        elif types and account.type not in types:
            wanted = " or ".join(str(kind) for kind in sorted(types))
            named = role.replace("_", " ")
            self.add_error(
                "account", f"{account} is of type {account.type}; for {named} an account of type {wanted} is needed."
            )


@admin.register(GLMapping)
class GLMappingAdmin(DecisionAdmin):
    form = RuleForm
    solves = SOLVED_BY_A_RULE
    list_display = ("rule", "account", "vat_code", "status_shown", "effective_from", "division", "decided")
    list_filter = ("role", "status", "division")
    list_select_related = ("account", "vat_code", "division")
    search_fields = ("tax_name__istartswith", "tender__iexact", "account__code__exact", "category__istartswith")
    search_help_text = "Beginning of a tax name or category, a tender, or a GL account code"
    autocomplete_fields = ("account", "vat_code")
    readonly_fields = ("evidence", "decided_by", "decided_at")
    empty = "No rule yet. Each ledger role needs one that names its GL account; begin with revenue and its taxes."
    fieldsets = (
        (None, {"fields": ("division", "role")}),
        (
            "Only for",
            {
                "fields": (
                    "location", "tender", ("tax_name", "tax_rate"), "category", "customer_kind", "fee_type",
                    "payout_entry_type",
                ),
                "description": "What is left empty counts for everything; the rule that names most wins.",
            },
        ),
        ("Goes to", {"fields": ("account", "vat_code", "cost_center", "cost_unit", "evidence")}),
        ("Decision", {"fields": ("status", "effective_from", "reason", "decided_by", "decided_at")}),
    )  # fmt: skip

    class Media:
        js = NARROWING

    @admin.display(description="rule", ordering="role")
    def rule(self, row: GLMapping) -> str:
        return str(row)


# --- Reference data, as last read from Exact ----------------------------------------------------
class ReferenceAdmin(ReadOnlyAdmin):
    list_filter = ("is_blocked", "division")
    list_select_related = ("division",)
    search_fields = ("code__istartswith", "name__icontains")
    search_help_text = "Beginning of the code, or part of the name"
    empty = "Nothing has been read from Exact yet. Pin a division and refresh its data."

    @admin.display(description="state", ordering="is_blocked")
    def usable(self, row: Any) -> SafeString:
        if row.gone_at:
            return badge("gone in Exact", "bad")
        return badge("blocked", "wait") if row.is_blocked else badge("in use", "good")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """An autocomplete offers only what can be used, in the division that the form names."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if not _is_autocomplete(request):
            return found, may_repeat
        division = request.GET.get("division", "")
        narrowed = found.filter(division=division) if division.isdigit() else found
        return self.offered(request, narrowed.filter(is_blocked=False, gone_at=None)), may_repeat

    def offered(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return rows


def _is_autocomplete(request: HttpRequest) -> bool:
    return bool(request.resolver_match and request.resolver_match.url_name == "autocomplete")


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReferenceAdmin):
    list_display = ("code", "name", "type_shown", "vat_code", "usable", "division")

    @admin.display(description="type", ordering="type")
    def type_shown(self, row: LedgerAccount) -> str:
        return str(row.type)

    def offered(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        role = request.GET.get("role", "")
        return rows.filter(type__in=ACCOUNT_TYPES[Role(role)]) if role in set(Role) else rows


@admin.register(VatCode)
class VatCodeAdmin(ReferenceAdmin):
    list_display = ("code", "name", "percent", "type", "account", "usable", "division")

    @admin.display(description="rate", ordering="percentage")
    def percent(self, row: VatCode) -> str:
        return f"{number((row.percentage * 100).normalize(), places=None)} %"


@admin.register(Journal)
class JournalAdmin(ReferenceAdmin):
    list_display = ("code", "name", "type", "currency", "account", "usable", "division")


@admin.register(DebtorAccount)
class DebtorAccountAdmin(ReferenceAdmin):
    list_display = ("code", "name", "status", "vat_number", "email", "usable", "division")

    def offered(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return rows.filter(status=CUSTOMER)


@admin.register(ClosedPeriod)
class ClosedPeriodAdmin(ReadOnlyAdmin):
    list_display = ("journal", "year_shown", "period", "starts", "ends", "division")
    list_filter = ("division",)
    list_select_related = ("division",)
    empty = "No closed period is known. Exact is asked whenever a division's data is read."

    @admin.display(description="year", ordering="year")
    def year_shown(self, row: ClosedPeriod) -> str:
        return str(row.year)
