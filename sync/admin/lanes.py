"""Lanes on the screen: how they book, which locations feed them, and the switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit import trail
from audit.adminkit import BackOfficeAdmin, admin_url, badge, link, list_url, local_time
from audit.trail import Fact
from connections import clock
from connections.models import Connection
from mappings.models import DebtorAccount, ExactItem, Journal
from sync import restoring, soundness
from sync.admin import currencies, shown
from sync.admin.money import MoneyPage
from sync.admin.verbs import LANE_VERBS
from sync.models import BooksProof, CustomerLink, CustomerPolicy, LaneLocation, LateArrival, SyncLane, SyncRun
from sync.models.archive import ArchiveAttestation, ArchiveBatch, ArchivedRecord, ArchivePolicy, ArchiveTable
from sync.models.clearing import ClearingProof
from sync.models.invoices import InvoiceStanding
from sync.models.lanes import ARCHIVE, BOOKING, CUSTOMERS
from sync.models.reconciliation import Month

if TYPE_CHECKING:
    _Form = forms.ModelForm[SyncLane]
    _Inline = admin.TabularInline[LaneLocation, SyncLane]
    _Policies = admin.StackedInline[CustomerPolicy, SyncLane]
    _PolicyForm = forms.ModelForm[CustomerPolicy]
    _Archives = admin.StackedInline[ArchivePolicy, SyncLane]
    _ArchiveForm = forms.ModelForm[ArchivePolicy]
    _FormSet = forms.BaseInlineFormSet[LaneLocation, SyncLane, forms.ModelForm[LaneLocation]]
else:
    _FormSet = forms.BaseInlineFormSet
    _Form = forms.ModelForm
    _Inline = admin.TabularInline
    _Policies = admin.StackedInline
    _PolicyForm = forms.ModelForm
    _Archives = admin.StackedInline
    _ArchiveForm = forms.ModelForm

# Which type of journal each field must name. Reference: Exact Journals.Type.
JOURNAL_TYPES = {"sales_journal": (20, "sales"), "clearing_journal": (12, "bank"), "cash_journal": (10, "cash")}


# Lists about one lane, beside its form.
OF_CUSTOMERS = (("Customers", CustomerLink), ("Runs", SyncRun))
# Of an archive each is filtered by the lane behind its own way to it.
OF_ARCHIVE = (
    ("Tables", ArchiveTable, "cursor__lane__id__exact"), ("Batches", ArchiveBatch, "lane__id__exact"),
    ("Attestations", ArchiveAttestation, "table__cursor__lane__id__exact"),
    ("Left out", ArchivedRecord, "cursor__lane__id__exact"), ("Runs", SyncRun, "lane__id__exact"),
)  # fmt: skip
PAGES = (
    ("Clearing", ClearingProof), ("Months", Month), ("Proofs of the books", BooksProof), ("Runs", SyncRun),
    ("Invoices", InvoiceStanding), ("Late arrivals", LateArrival),
)  # fmt: skip


# What a few fields mean on a lane that keeps customers in step.
OF_A_CUSTOMER_LANE = {
    "source": "The Square seller whose customers they are. Its consent needs the right to write customers.",
    "division": "Where the customers' accounts are. Only pinned divisions can be chosen.",
    "cadence_minutes": "How often both sides are asked what changed: five calls when nothing did.",
}

OF_AN_ARCHIVE_LANE = {
    "source": "The Exact connection whose books are copied.",
    "division": "Which division; of an archive of all divisions, the one it is named after.",
    "cadence_minutes": "How often the books are copied. On demand: leave the lane switched off.",
}
CADENCES = ((7 * 24 * 60, "weekly"), (84 * 60, "twice weekly"), (24 * 60, "daily"))


class LaneForm(_Form):
    """Refuses what Exact would refuse later: journals of another type, or of which the division knows nothing."""

    flow = BOOKING  # of a lane that is being added

    class Meta:
        model = SyncLane
        fields = "__all__"
        labels = {
            "go_live": "Go-live date", "sales_grouping": "Sales are booked",
            "clearing_grouping": "Clearing is booked",
            "day_closes_after_hours": "A day closes (hours after midnight)",
        }  # fmt: skip
        help_texts = {
            "label": "What your team calls it.",
            "source": "The Square seller whose payments are booked.",
            "cadence_minutes": "How often it looks for what is new in Square.",
            "order_lines": "Each article as the Exact item it is mapped to; or the sum per VAT code on the item below.",
            "division": "Where it books. Only pinned divisions can be chosen.",
            "is_enabled": "Off: it runs only when somebody presses 'Run now'.",
            "go_live": "Payments of earlier days wait; each is booked only when somebody releases it.",
            "sales_grouping": "As one entry per day and location, or as one entry per sale. Customers with an account "
            "of their own always get entries of their own.",
            "clearing_grouping": "One entry per day; or one per payout, cut at the end of a month. Per payout, money "
            "is booked once it is paid out, or when its month is over. Cash stays per day.",
            "lost_disputes": "Where the money of a dispute goes that the bank decided against you. VAT is left alone.",
            "day_closes_after_hours": "A day is summed up only then, so that late payments are still in it.",
            "sales_journal": "Sales go here.",
            "clearing_journal": "Its account holds what Square has taken and not yet paid out.",
            "cash_journal": "Cash taken at the till goes here. Needed only where cash is taken.",
            "unknown_customers": "What happens to a sale whose customer nobody has mapped.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "order_item" in self.fields:
            self._offer_items()
        flow = self.instance.flow if self.instance.pk else self.flow
        if "label" in self.fields:
            texts = {CUSTOMERS: OF_A_CUSTOMER_LANE, ARCHIVE: OF_AN_ARCHIVE_LANE}.get(flow, {})
            for name, text in texts.items():
                self.fields[name].help_text = text
            self._offer_sources(flow)
        for name, (kind, _) in JOURNAL_TYPES.items():
            if name in self.fields:
                self.fields[name].widget = forms.Select(choices=self._journals(name, kind))

    def _offer_sources(self, flow: str) -> None:
        """Money and customers come from Square; what is archived comes from Exact."""
        system = Connection.System.EXACT if flow == ARCHIVE else Connection.System.SQUARE
        source = cast("forms.ModelChoiceField[Connection]", self.fields["source"])
        source.queryset = Connection.objects.filter(system=system)
        if flow == ARCHIVE:
            source.label = "Exact connection"
            held = self.instance.cadence_minutes if self.instance.pk else CADENCES[0][0]
            offered = dict(CADENCES) | ({} if held in dict(CADENCES) else {held: f"every {held} minutes"})
            self.fields["cadence_minutes"].label = "Runs"
            self.fields["cadence_minutes"].widget = forms.Select(choices=list(offered.items()))
            self.fields["cadence_minutes"].initial = held

    def _journals(self, name: str, kind: int) -> list[tuple[str, str]]:
        """Of this type, in the lane's division, or in any that can be chosen while it has none."""
        division = self.instance.division_id
        rows = Journal.objects.filter(type=kind, is_blocked=False, gone_at=None, division__is_pinned=True)
        known = {row.code: str(row) for row in (rows.filter(division=division) if division else rows)}
        held = getattr(self.instance, name)
        return [("", "---------"), *({held: held} | known if held else known).items()]

    def _offer_items(self) -> None:
        """The items that are known; before the first reading, which the switch begins, a code is typed."""
        rows = ExactItem.objects.filter(division=self.instance.division_id, is_blocked=False, gone_at=None)
        known = {row.code: str(row) for row in rows}
        held = self.instance.order_item
        if known:
            offered = {held: held} | known if held else known
            self.fields["order_item"].widget = forms.Select(choices=[("", "---------"), *offered.items()])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        division = cleaned.get("division")
        in_total = cleaned.get("orders") != "off" and cleaned.get("order_lines") == "total_line"
        if in_total and not cleaned.get("order_item"):
            self.add_error("order_item", "A total line needs an item of Exact: give its code.")
        for name, (kind, word) in JOURNAL_TYPES.items():
            code = cleaned.get(name)
            if division and code:
                self._check_journal(name, Journal.objects.filter(division=division, code=code).first(), kind, word)
        if cleaned.get("clearing_grouping") == "per_payout" and not cleaned.get("books_payouts"):
            self.add_error("clearing_grouping", "Per payout needs the payouts: tick 'book payouts' too.")
        if (self.instance.flow if self.instance.pk else self.flow) == CUSTOMERS and self._is_kept_elsewhere(cleaned):
            sentence = "The customers of this connection are kept in step with this division by another lane already."
            self.add_error("division", sentence)
        source = cleaned.get("source")
        if source and division and source.system == Connection.System.EXACT and division.connection_id != source.pk:
            self.add_error("division", f"{division} is no division of {source}.")
        debtor: DebtorAccount | None = cleaned.get("collective_debtor")
        if division and debtor and debtor.division_id != division.pk:
            self.add_error("collective_debtor", f"{debtor} is a customer of another division than {division}.")
        return cleaned

    def _is_kept_elsewhere(self, cleaned: Mapping[str, Any]) -> bool:
        pair = {"source": cleaned.get("source"), "division": cleaned.get("division"), "flow": CUSTOMERS}
        others = SyncLane.objects.exclude(pk=self.instance.pk)
        return None not in pair.values() and others.filter(**pair).exists()

    def _check_journal(self, name: str, journal: Journal | None, kind: int, word: str) -> None:
        if journal is None:
            problem = "The division has no such journal. Refresh the division's data, or choose another."
        elif journal.type != kind:
            problem = f"Journal {journal} is of type {journal.type}; a {word} journal (type {kind}) is needed."
        elif journal.is_blocked or journal.gone_at:
            problem = f"Journal {journal} is blocked or gone in Exact."
        else:
            return
        self.add_error(name, ValidationError(problem))


class FeedFormSet(_FormSet):
    """Rows of the table of locations, each control with a name of its own for a screen reader."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        place = "new row" if index is None else f"row {index + 1}"
        for name, label in (("location", "Location"), ("DELETE", "Remove location")):
            if name in form.fields:
                form.fields[name].widget.attrs["aria-label"] = f"{label}, {place}"

    def clean(self) -> None:
        """Journals are per currency, so a lane is: its locations share one that its journals take."""
        super().clean()
        chosen = [form.cleaned_data for form in self.forms if form.is_valid()]
        places = [row["location"] for row in chosen if row.get("location") and not row.get("DELETE")]
        if self.instance.division_id:
            for objection in currencies.objections(self.instance, places):
                raise ValidationError(objection)


class LocationInline(_Inline):
    model = LaneLocation
    formset = FeedFormSet
    extra = 0
    readonly_fields = ("read_up_to",)

    @admin.display(description="Read up to")
    def read_up_to(self, feed: LaneLocation) -> SafeString | str:
        """Each stream and how far it has been read; nothing before the first run."""
        rows = [(row.stream, local_time(row.read_up_to)) for row in feed.cursors.all()]
        return format_html_join(", ", "{} {}", rows) or "–"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A plain choice: locations are read from Square, not made here."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field


class PolicyForm(_PolicyForm):
    def has_changed(self) -> bool:
        """Choices left as they are offered are choices too."""
        return not self.instance.pk or super().has_changed()


class PolicyInline(_Policies):
    """How customers are kept in step: one set of choices, always there."""

    model = CustomerPolicy
    form = PolicyForm
    can_delete = False
    min_num = max_num = 1
    fieldsets = (
        (None, {"fields": ("direction", "unmapped", "reads_instant_profiles", "registration_in_reference")}),
        (
            "Whose word counts",
            {
                "fields": ("owner_name", "owner_email", "owner_phone", "owner_address", "owner_vat_number",
                           "owner_contact", "owner_terms"),
                "description": "Per field. 'Both': who changed it; when both did, a person decides, and never the last "
                "one to write. A side that owns a field overwrites what is typed on the other.",
            },
        ),
        ("Accounts made in Exact", {"fields": ("new_condition", "new_classification")}),
    )  # fmt: skip


class ArchiveForm(_ArchiveForm):
    def has_changed(self) -> bool:
        """Choices left as they are offered are choices too."""
        return not self.instance.pk or super().has_changed()

    def clean(self) -> dict[str, Any]:
        """Two lanes that archived one division into one place would write everything twice."""
        cleaned = super().clean() or {}
        lane, target = self.cleaned_data.get("lane"), cleaned.get("target")
        if lane is None or target is None or not lane.source_id:
            return cleaned
        others = ArchivePolicy.objects.filter(target=target, lane__source=lane.source_id).exclude(lane=lane.pk)
        if not cleaned.get("all_divisions"):
            others = others.filter(Q(all_divisions=True) | Q(lane__division=lane.division_id))
        if other := others.select_related("lane").first():
            self.add_error("target", f"Lane {other.lane} archives a division of these there already.")
        return cleaned


class ArchiveInline(_Archives):
    """Into what an archive writes, and what."""

    model = ArchivePolicy
    form = ArchiveForm
    can_delete = False
    min_num = max_num = 1
    fields = ("target", "all_divisions", "full_copies", "backfill_from")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A plain choice: connections are made on their own page."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field


@admin.register(SyncLane)
class SyncLaneAdmin(MoneyPage, BackOfficeAdmin):
    form = LaneForm
    inlines = (LocationInline, PolicyInline, ArchiveInline)
    confirmed_actions = LANE_VERBS
    list_display = (
        "label", "flow", "source", "division", "state", "sound", "next_run", "last_run", "waiting", "grouping",
    )  # fmt: skip
    list_filter = ("is_enabled", "division", "source")
    list_select_related = ("source", "division", "collective_debtor")
    search_fields = ("label",)
    autocomplete_fields = ("collective_debtor",)
    # One choice is none: shown, not asked.
    readonly_fields = ("flow", "paused_reason", "next_run", "adoption", "sound")
    empty = "There is no lane yet. Add one: it says which Square locations are booked in which Exact division, and how."
    fieldsets = (
        (None, {"fields": ("label", "flow", "source", "division")}),
        (
            "When",
            {
                "fields": (
                    "is_enabled",
                    "paused_reason",
                    "cadence_minutes",
                    "next_run",
                    "go_live",
                    "priority",
                    "leaves_percent",
                )
            },
        ),
        (
            "How it books",
            {
                "fields": (
                    "sales_grouping",
                    "clearing_grouping",
                    "day_closes_after_hours",
                    "books_payouts",
                    "rounding_limit",
                    "lost_disputes",
                    "closed_periods",
                    "books_invoices",
                    "after_change",
                    "attaches_sales_list",
                    "adopts",
                    "adoption",
                )
            },
        ),
        (
            "Where it books",
            {
                "fields": ("sales_journal", "clearing_journal", "cash_journal", "sound"),
                "description": "Journals of the division, as last read from Exact.",
            },
        ),
        ("Plans and edits", {"fields": ("needs_approval", "four_eyes", "edit_limit")}),
        ("Customers", {"fields": ("collective_debtor", "unknown_customers")}),
        (
            "Orders",
            {
                "fields": ("orders", "order_lines", "order_item"),
                "description": "Open orders with a customer, or still to be picked up, shipped or delivered, as "
                "quotations or sales orders in Exact. Counter sales never become orders.",
            },
        ),
    )

    def flow_of(self, request: HttpRequest, obj: SyncLane | None) -> str:
        """What a lane is for is said by the link that adds it, and stays."""
        if obj is not None:
            return obj.flow
        asked = request.GET.get("flow", "")
        return asked if asked in {CUSTOMERS, ARCHIVE} else BOOKING

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        flow = self.flow_of(request, obj)
        return type("LaneFormOfFlow", (form,), {"flow": flow})

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return {CUSTOMERS: (PolicyInline,), ARCHIVE: (ArchiveInline,)}.get(
            self.flow_of(request, obj), (LocationInline,)
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A lane that is only being added has not run, and only a paused one has a reason."""
        if self.flow_of(request, obj) != BOOKING:
            next_run = () if obj is None else ("next_run",)
            when = ("is_enabled", "cadence_minutes", *next_run, "priority", "leaves_percent")
            paused = ("paused_reason",) if obj is not None and obj.is_paused else ()
            return ((None, {"fields": ("label", "source", "division")}), ("When", {"fields": (*when, *paused)}))
        hidden = (
            {"next_run", "paused_reason", "sound"} if obj is None else set() if obj.is_paused else {"paused_reason"}
        )
        hidden |= set() if obj is not None and obj.adopts else {"adoption"}
        return [
            (name, {**options, "fields": tuple(field for field in options["fields"] if field not in hidden)})
            for name, options in super().get_fieldsets(request, obj)
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncLane]:
        newest = SyncRun.objects.filter(lane=OuterRef("pk")).order_by("-id")
        lanes: QuerySet[SyncLane] = super().get_queryset(request)
        return lanes.annotate(
            newest_run=Subquery(newest.values("pk")[:1]), newest_state=Subquery(newest.values("state")[:1])
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        lane = self.get_object(request, object_id)
        books = lane is None or lane.books
        pages = [{"label": "Money", "url": reverse("admin:sync_synclane_money", args=[object_id])}] if books else []
        plain = [(label, model, "lane__id__exact") for label, model in (PAGES if books else OF_CUSTOMERS)]
        pages += [
            {"label": label, "url": list_url(model, **{name: object_id})}
            for label, model, name in (OF_ARCHIVE if lane is not None and lane.archives else plain)
            if request.user.has_perm(f"sync.view_{model._meta.model_name}")
        ]
        return super().change_view(request, object_id, form_url, {"pages": pages, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With what is wrong of each lane on the page, asked for once."""
        found = super().get_changelist_instance(request)
        told = soundness.of_lanes(list(found.result_list))
        for lane in found.result_list:
            lane.troubles = told.get(lane.pk, [])
        return found

    @admin.display(description="as Exact is now")
    def sound(self, lane: Any) -> SafeString:
        """Journals, collective debtor and item of the lane that are blocked or gone."""
        if not hasattr(lane, "troubles"):
            lane.troubles = soundness.of_lanes([lane]).get(lane.pk, [])
        if not lane.troubles:
            return badge("usable", "quiet")
        return format_html_join(" ", "{}", [(badge(told, "bad"),) for told in lane.troubles])

    @admin.display(description="state")
    def state(self, lane: SyncLane) -> SafeString:
        if lane.is_paused:
            return format_html('{} <span class="help">{}</span>', badge("paused", "wait"), lane.paused_reason)
        shown_state = badge("on", "good") if lane.is_enabled else badge("off", "quiet")
        return format_html("{} {}", shown_state, badge("adopt mode", "wait")) if lane.adopts else shown_state

    @admin.display(description="found so far")
    def adoption(self, lane: SyncLane) -> str:
        return restoring.adoption(lane).sentence

    @admin.display(description="next run", ordering="due_at")
    def next_run(self, lane: SyncLane) -> SafeString:
        return local_time(lane.due_at if lane.is_enabled and not lane.is_paused else None)

    @admin.display(description="last run")
    def last_run(self, lane: Any) -> SafeString:
        if not lane.newest_run:
            return badge("never", "quiet")
        return link(admin_url(SyncRun, lane.newest_run), shown.run_badge(SyncRun(state=lane.newest_state)))

    @admin.display(description="sales are booked")
    def grouping(self, lane: SyncLane) -> str:
        return str(lane.get_sales_grouping_display()) if lane.books else "–"

    @admin.display(description="records")
    def waiting(self, lane: SyncLane) -> SafeString:
        if lane.archives:
            return link(list_url(ArchiveTable, cursor__lane__id__exact=lane.pk), "tables")
        if not lane.books:
            return link(list_url(CustomerLink, lane__id__exact=lane.pk), "customers")
        return link(shown.items_url(lane=lane.pk, state="waiting"), "waiting records")

    def delete_model(self, request: HttpRequest, obj: SyncLane) -> None:
        """Only a lane that never ran can go."""
        fact = Fact("lane.removed", "lane", obj.pk, obj.label, division=obj.division.code)
        trail.record([fact], at=clock.now())
        super().delete_model(request, obj)

    def save_model(self, request: HttpRequest, obj: SyncLane, form: Any, change: bool) -> None:
        """Switched on, a lane is due at once. The trail keeps which choices changed."""
        if not change:
            obj.flow = self.flow_of(request, None)
        if not obj.books:
            obj.go_live = obj.go_live or clock.now().date()  # it books nothing, on no day
        if "adopts" in form.changed_data:
            obj.adopts_since = clock.now() if obj.adopts else None
        if obj.is_enabled and obj.due_at is None:
            obj.due_at = clock.now()
        super().save_model(request, obj, form, change)
        detail = {name: str(form.cleaned_data.get(name)) for name in form.changed_data}
        fact = Fact(
            "lane.changed" if change else "lane.added",
            "lane",
            obj.pk,
            obj.label,
            division=obj.division.code,
            detail=detail,
        )
        trail.record([fact], at=clock.now())

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """The trail keeps which choices of customers changed, too."""
        super().save_formset(request, form, formset, change)
        changed = {
            name: str(one.cleaned_data.get(name)) for one in formset.forms if formset.model is CustomerPolicy
            for name in one.changed_data
        }  # fmt: skip
        if changed and change:
            lane = form.instance
            fact = Fact("lane.changed", "lane", lane.pk, lane.label, division=lane.division.code, detail=changed)
            trail.record([fact], at=clock.now())
