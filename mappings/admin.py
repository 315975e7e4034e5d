"""Decisions of finance staff on the screen, and the division's reference data beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import adminkit, trail, words
from audit.adminkit import BackOfficeAdmin, ReadOnlyAdmin, badge, local_time, number
from audit.trail import Fact
from connections import clock
from connections.models import Connection, Division, Location
from mappings import accepting, foureyes, soundness
from mappings.bookkeeping.legs import ProblemKind
from mappings.conflicts import pages as conflicts
from mappings.conflicts import selection, sharing
from mappings.conflicts.deciding import token
from mappings.conflicts.pages import ConflictPages
from mappings.forms import ACCEPT, COLLECTIVE, REST, CustomerForm, ItemForm, RuleForm
from mappings.models import (
    ClosedPeriod,
    CostCenter,
    CostUnit,
    CustomerMapping,
    DebtorAccount,
    Decision,
    ExactItem,
    GLMapping,
    ItemMapping,
    Journal,
    LedgerAccount,
    PaymentCondition,
    VatCode,
)
from mappings.pages import RulePages
from mappings.roles import ACCOUNT_TYPES, Role
from mappings.sheets.pages import SheetPages
from mappings.signals import mapping_changed, told_of
from mappings.versions import versions_of

TONES = {
    Decision.PROPOSED: "wait",
    Decision.MATCHED: "good",
    Decision.CONFLICT: "bad",
    Decision.IGNORED: "quiet",
    Decision.CREATE: "busy",
}
# What a decision of each kind may let go on.
SOLVED_BY_A_RULE = (
    ProblemKind.UNMAPPED_ACCOUNT,
    ProblemKind.UNMAPPED_TAX,
    ProblemKind.AMBIGUOUS_TAX,
    ProblemKind.UNUSABLE,
)
SOLVED_BY_A_CUSTOMER = (ProblemKind.UNMAPPED_CUSTOMER, ProblemKind.UNUSABLE)
SOLVED_BY_AN_ITEM = (ProblemKind.UNMAPPED_ITEM,)
DIVISION = re.compile("[0-9]{1,18}")
# Django's jQuery first: the merged order of scripts follows from this.
NARROWING = ("admin/js/vendor/jquery/jquery.min.js", "admin/js/jquery.init.js", "tillbridge/narrowing.js")

for _name, _model in (("glmapping", GLMapping), ("customermapping", CustomerMapping), ("itemmapping", ItemMapping),
                      ("debtoraccount", DebtorAccount)):  # fmt: skip
    adminkit.add_subject(_name, _model)
words.add(
    {
        "glmapping.added": "GL mapping added",
        "glmapping.changed": "GL mapping changed",
        "customermapping.added": "customer mapped",
        "customermapping.changed": "customer mapping changed",
        "itemmapping.added": "article mapped",
        "itemmapping.changed": "item mapping changed",
        "glmapping.proposed": "GL mapping laid before finance",
        "item_mapping.proposed": "article laid before finance",
        "customer_mapping.proposed": "customer laid before finance",
        "debtoraccount.same_party": "Exact account called a double of another",
    }
)


def trouble_filter(troubled: Callable[[], QuerySet[Any]]) -> type[admin.SimpleListFilter]:
    """Rows that name what is blocked in Exact, or no longer there."""

    class TroubleFilter(adminkit.ChoiceFilter):
        title = "as Exact is now"
        parameter_name = "trouble"
        options = (("yes", "blocked or gone in Exact"),)

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
            return queryset.filter(pk__in=troubled().values("pk")) if self.value() else queryset

    return TroubleFilter


def soundness_shown(trouble: str) -> SafeString:
    return badge(trouble, "bad") if trouble else badge("usable", "quiet")


class DecisionAdmin(SheetPages, BackOfficeAdmin):
    """A mapping: whoever saves it has decided it, the trail keeps what changed, and what waited for it goes on."""

    solves: Sequence[ProblemKind] = ()
    releases = True

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Where four eyes are wanted the change waits for somebody else: nothing of it has been saved."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except foureyes.Held as held:
            foureyes.propose(held.row, by=request.user.get_username())
            messages.warning(request, f"{held}: proposed. It counts once somebody else has approved it.")
            return HttpResponseRedirect(adminkit.list_url(self.model))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Whoever opens a mapping is told that a change of it waits."""
        if request.method == "GET" and kwargs.get("obj"):
            for told in foureyes.notices(kwargs["obj"]):
                messages.info(request, told)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        foureyes.hold(obj)
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
        if not self.releases:
            return
        kinds = tuple(kind.value for kind in self.solves)
        mapping_changed.send(sender=type(obj), division_id=obj.division_id, kinds=kinds)
        for told in told_of(obj):
            messages.warning(request, told)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Today and the only division there is, unless the link that led here knows better."""
        initial: dict[str, Any] = {"effective_from": clock.now().date(), **super().get_changeform_initial_data(request)}
        if isinstance(initial["effective_from"], str):
            initial["effective_from"] = parse_date(initial["effective_from"]) or clock.now().date()
        pinned = list(Division.objects.filter(is_pinned=True).values_list("pk", flat=True)[:2])
        return {"division": pinned[0], **initial} if len(pinned) == 1 else initial

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            row.may_decide = self.has_change_permission(request, row)
        return row

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A decision is taken back by a later one, not removed: entries that were booked by it refer to it."""
        return False

    @admin.display(description="status", ordering="status")
    def status_shown(self, row: Any) -> SafeString:
        return badge(row.get_status_display(), TONES[Decision(row.status)])

    @admin.display(description="suggestion")
    def suggested(self, row: Any) -> SafeString | str:
        """The best candidate of what nobody has decided yet, and the way to lay both sides beside each other."""
        if row.status not in accepting.OPEN:
            return "–"
        first: dict[str, Any] = row.candidates[0] if row.candidates else {"code": "nobody", "name": "yet"}
        told = f"{first['code']} {first['name']}" + (f", {first['score'] // 10} %" if "score" in first else "")
        more = f" and {number(len(row.candidates) - 1)} more" if len(row.candidates) > 1 else ""
        return format_html('<a href="{}">{}{}</a>', conflicts.url(row), told, more)

    @admin.display(description="decided")
    def decided(self, row: Any) -> SafeString | str:
        return format_html("{}<br>{}", row.decided_by, local_time(row.decided_at)) if row.decided_by else "–"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of a row that is only being added nobody has decided anything yet."""
        sections = super().get_fieldsets(request, obj)
        return sections if obj else [(name, _without(options, self.readonly_fields)) for name, options in sections]


def _without(options: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {**options, "fields": tuple(name for name in options["fields"] if name not in names)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str) else str(value)


@admin.register(CustomerMapping)
class CustomerMappingAdmin(ConflictPages, DecisionAdmin):
    form = CustomerForm
    solves = SOLVED_BY_A_CUSTOMER
    confirmed_actions = (
        accepting.action(
            permission="mappings.resolve_customermapping", fill=accepting.fill_customer, kinds=SOLVED_BY_A_CUSTOMER,
            noun="customer",
        ),
        *selection.actions(CustomerMapping),
    )  # fmt: skip
    list_display = (
        "name", "square_customer_id", "debtor", "suggested", "status_shown", "sound", "effective_from", "division",
        "decided",
    )  # fmt: skip
    list_filter = ("status", trouble_filter(soundness.troubled_customers), "division")
    list_select_related = ("debtor", "division")
    search_fields = ("square_customer_id__exact", "square_name__istartswith", "debtor__code__exact")
    search_help_text = "Square customer id, beginning of the name, or code of the Exact account"
    autocomplete_fields = ("debtor",)
    readonly_fields = ("candidates_shown", "sound", "decided_by", "decided_at")
    empty = "No customer is mapped yet. Counter sales need none; a named customer waits here until somebody maps it."
    fieldsets = (
        ("In Square", {"fields": ("merchant", "square_customer_id", "square_name")}),
        ("In Exact", {"fields": ("division", "candidates_shown", "debtor", "sound")}),
        ("Decision", {"fields": ("status", "effective_from", "reason", "decided_by", "decided_at")}),
    )

    @admin.display(description="as Exact is now")
    def sound(self, row: CustomerMapping) -> SafeString:
        return soundness_shown(soundness.customer_trouble(row) or soundness.condition_trouble(row))

    def save_model(self, request: HttpRequest, obj: CustomerMapping, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for told in sharing.warnings(obj):
            messages.warning(request, told)

    @admin.display(description="customer", ordering="square_name")
    def name(self, row: CustomerMapping) -> str:
        return str(row)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        merchants = list(Connection.objects.filter(system=Connection.System.SQUARE).values_list("pk", flat=True)[:2])
        known: dict[str, Any] = {"status": Decision.MATCHED, **super().get_changeform_initial_data(request)}
        return {"merchant": merchants[0], **known} if len(merchants) == 1 else known

    @admin.display(description="who it may be")
    def candidates_shown(self, row: CustomerMapping) -> SafeString:
        """The Exact accounts that resemble the customer, each with a button; the form stays for any other choice."""
        held = {
            debtor.remote_id: debtor
            for debtor in DebtorAccount.objects.filter(
                division=row.division_id, remote_id__in=[candidate["id"] for candidate in row.candidates]
            )
        }
        found = [(candidate, held[candidate["id"]]) for candidate in row.candidates if candidate["id"] in held]
        context = {"row": row, "candidates": found, "accept": ACCEPT, "collective": COLLECTIVE, "seen": token(row)}
        return SafeString(render_to_string("admin/mappings/candidates.html", context))

    class Media:
        js = NARROWING


@admin.register(ItemMapping)
class ItemMappingAdmin(ConflictPages, DecisionAdmin):
    form = ItemForm
    solves = SOLVED_BY_AN_ITEM
    confirmed_actions = selection.actions(ItemMapping)
    list_display = (
        "name", "square_item", "item", "suggested", "status_shown", "sound", "effective_from", "division", "decided",
    )  # fmt: skip
    list_filter = ("status", trouble_filter(soundness.troubled_items), "division")
    list_select_related = ("item", "division")
    search_fields = ("square_item__exact", "square_name__istartswith", "item__code__exact")
    search_help_text = "Square catalogue id, beginning of the name, or code of the Exact item"
    autocomplete_fields = ("item",)
    readonly_fields = ("candidates_shown", "decided_by", "decided_at")
    introduction = "Which Exact item each Square article is. Only orders that are written with their items use it."
    empty = "No article is mapped. Only lanes that write orders with their items need it; articles then wait here."
    fieldsets = (
        ("In Square", {"fields": ("merchant", "square_item", "square_name")}),
        ("In Exact", {"fields": ("division", "candidates_shown", "item")}),
        ("Decision", {"fields": ("status", "effective_from", "reason", "decided_by", "decided_at")}),
    )

    @admin.display(description="as Exact is now")
    def sound(self, row: ItemMapping) -> SafeString:
        return soundness_shown(soundness.item_trouble(row))

    @admin.display(description="article", ordering="square_name")
    def name(self, row: ItemMapping) -> str:
        return str(row)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        merchants = list(Connection.objects.filter(system=Connection.System.SQUARE).values_list("pk", flat=True)[:2])
        known: dict[str, Any] = {"status": Decision.MATCHED, **super().get_changeform_initial_data(request)}
        return {"merchant": merchants[0], **known} if len(merchants) == 1 else known

    @admin.display(description="which it may be")
    def candidates_shown(self, row: ItemMapping) -> SafeString:
        """The Exact items that resemble the article, each with a button; the form stays for any other choice."""
        ids = [candidate["id"] for candidate in row.candidates]
        held = {item.remote_id: item for item in ExactItem.objects.filter(division=row.division_id, remote_id__in=ids)}
        found = [(candidate, held[candidate["id"]]) for candidate in row.candidates if candidate["id"] in held]
        context = {"row": row, "candidates": found, "accept": ACCEPT, "rest": REST, "seen": token(row)}
        return SafeString(render_to_string("admin/mappings/item_candidates.html", context))

    class Media:
        js = NARROWING


@admin.register(GLMapping)
class GLMappingAdmin(ConflictPages, RulePages, DecisionAdmin):
    form = RuleForm
    solves = SOLVED_BY_A_RULE
    confirmed_actions = (
        accepting.action(
            permission="mappings.resolve_glmapping", fill=accepting.fill_rule, kinds=SOLVED_BY_A_RULE, noun="rule"
        ),
        *selection.actions(GLMapping),
    )
    list_display = (
        "rule", "account", "vat_code", "suggested", "status_shown", "sound", "effective_from", "division", "decided",
    )  # fmt: skip
    list_filter = ("role", "status", trouble_filter(soundness.troubled_rules), "division")
    list_select_related = ("account", "vat_code", "division")
    search_fields = (
        "tax_name__istartswith", "tender__iexact", "account__code__exact", "account__name__icontains",
        "category__istartswith",
    )  # fmt: skip
    search_help_text = "Beginning of a tax name or category, a tender, a GL account's code or part of its name"
    autocomplete_fields = ("account", "vat_code")
    readonly_fields = ("suggestions_shown", "sound", "versions", "decided_by", "decided_at")
    empty = "No rule yet. Each ledger role needs one that names its GL account; begin with revenue and its taxes."
    fieldsets = (
        (None, {"fields": ("division", "role")}),
        (
            "Only for",
            {
                "fields": (("tax_name", "tax_rate"), "tender", "location"),
                "description": "What is left empty counts for everything; the rule that names most wins.",
            },
        ),
        (
            "Narrower still",
            {"fields": ("category", "customer_kind", "fee_type", "payout_entry_type"), "classes": ("collapse",)},
        ),
        ("Goes to", {"fields": ("suggestions_shown", "account", "vat_code", "cost_center", "cost_unit", "sound")}),
        ("Decision", {"fields": ("status", "effective_from", "reason", "decided_by", "decided_at", "versions")}),
    )  # fmt: skip

    class Media:
        js = NARROWING

    def get_queryset(self, request: HttpRequest) -> QuerySet[GLMapping]:
        named = Location.objects.filter(location_id=OuterRef("location")).values("name")[:1]
        rows: QuerySet[GLMapping] = super().get_queryset(request)
        return soundness.with_renewed_codes(rows).annotate(location_name=Subquery(named))

    @admin.display(description="as Exact is now")
    def sound(self, row: GLMapping) -> SafeString:
        return soundness_shown(soundness.rule_trouble(row))

    @admin.display(description="suggestions")
    def suggestions_shown(self, row: GLMapping) -> SafeString:
        may_decide = row.status in accepting.OPEN and getattr(row, "may_decide", False)
        context = {"row": row, "candidates": accepting.offered(row), "accept": ACCEPT, "may_decide": may_decide,
                   "seen": token(row) if row.pk else ""}  # fmt: skip
        return SafeString(render_to_string("admin/mappings/suggestions.html", context))

    @admin.display(description="every version")
    def versions(self, row: GLMapping) -> SafeString:
        return versions_of(row)

    @admin.display(description="rule", ordering="role")
    def rule(self, row: Any) -> str:
        """The location by its name."""
        return str(row).replace(row.location, row.location_name) if row.location_name else str(row)


# --- Reference data, as last read from Exact ----------------------------------------------------
class ReferenceAdmin(ReadOnlyAdmin):
    list_filter = ("is_blocked", "division")
    list_select_related = ("division",)
    search_fields: ClassVar[tuple[str, ...]] = ("code__istartswith", "name__icontains")
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
        narrowed = found.filter(division=division) if DIVISION.fullmatch(division) else found
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


@admin.register(PaymentCondition)
class PaymentConditionAdmin(ReferenceAdmin):
    list_display = ("code", "name", "usable", "division")


@admin.register(CostCenter, CostUnit)
class CostCodeAdmin(ReferenceAdmin):
    list_display = ("code", "name", "usable", "division")
    empty = "None has been read from Exact. They are read only while a GL mapping names one."


@admin.register(ClosedPeriod)
class ClosedPeriodAdmin(ReadOnlyAdmin):
    list_display = ("journal", "year_shown", "period", "starts", "ends", "division")
    list_filter = ("division",)
    list_select_related = ("division",)
    empty = "No closed period is known. Exact is asked whenever a division's data is read."

    @admin.display(description="year", ordering="year")
    def year_shown(self, row: ClosedPeriod) -> str:
        return str(row.year)
