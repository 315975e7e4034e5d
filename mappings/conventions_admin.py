"""The division's conventions and its tenders' journals: what each choice does to the books, by example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from audit import adminkit, words
from connections.models import Division
from mappings import soundness
from mappings.admin import DecisionAdmin, soundness_shown, trouble_filter
from mappings.bookkeeping.conventions import CHOICES, default_of
from mappings.bookkeeping.legs import ProblemKind
from mappings.forms import offer, offer_divisions
from mappings.models import Convention, Journal, TenderJournal
from mappings.signals import conventions_changed

if TYPE_CHECKING:
    _ConventionForm = forms.ModelForm[Convention]
    _TenderForm = forms.ModelForm[TenderJournal]
else:
    _ConventionForm = _TenderForm = forms.ModelForm

OWN_JOURNAL_TYPES = (10, 12)
# What each choice does to the books: a sentence, and an example of two lines (debit +, credit -).
EFFECTS: dict[str, tuple[str, ...]] = {
    "fee_vat": (
        "None: what Square keeps is cost as a whole. Inside: VAT of the rule's code is taken out. Reverse charge: "
        "the code reports it, nothing is taken out. Apart: Square takes it as an entry of its own, which waits on the "
        "account of fee VAT pending.",
        "Fee 1.21, none: fees +1.21, clearing -1.21.",
        "Fee 1.21, inside at 21 %: fees +1.00, VAT to claim +0.21, clearing -1.21.",
    ),
    "tips": (
        "Owed to staff: a debt without VAT until it is paid out. Kept: revenue, the VAT of the rule's code inside.",
        "Tip 12.10, owed: receivable +12.10, tips payable -12.10.",
        "Tip 12.10, kept at 21 %: receivable +12.10, tip revenue -10.00, VAT -2.10.",
    ),
    "service": (
        "A service charge that guests cannot refuse is part of the price. 'Always taxed' stops one that Square charged "
        "no tax on.",
        "Charge 1.21 with 21 %: receivable +1.21, service -1.00, VAT -0.21.",
        "Charge 1.21 without tax: booked on the rule for no tax; or it waits.",
    ),
    "discounts": (
        "Netted: revenue is what was paid. On an account of their own: revenue before discount, and the discount "
        "against it. VAT and receivable are the same.",
        "100.00 less 10.00, netted (without VAT): receivable +90.00, revenue -90.00.",
        "The same, on its own: receivable +90.00, discounts +10.00, revenue -100.00.",
    ),
    "gift_cards": (
        "Multi-purpose: a debt until it is spent, VAT on what it buys. Single-purpose: revenue and VAT when sold, "
        "credited when it is spent. Change it when cards sold the other way are spent, or correct them by hand: "
        "Square does not say which card was sold when.",
        "Card 12.10 sold, multi: receivable +12.10, gift cards -12.10.",
        "Card 12.10 sold, single at 21 %: receivable +12.10, card revenue -10.00, VAT -2.10.",
    ),
}
words.add(
    {
        "convention.added": "conventions set",
        "convention.changed": "conventions changed",
        "tenderjournal.added": "tender given a journal of its own",
        "tenderjournal.changed": "tender's journal changed",
    }
)
adminkit.add_subject("convention", Convention)
adminkit.add_subject("tenderjournal", TenderJournal)


def starting_from(division: Division | None) -> tuple[dict[str, str], str]:
    """What a new row starts with, and the sentence that says where that comes from."""
    newest = Convention.objects.filter(division=division).order_by("-effective_from").first() if division else None
    if newest:
        held = {name: str(getattr(newest, name)) for name in CHOICES}
        return held, f"Filled in as the division books since {newest.effective_from}."
    country = default_of(division.country if division else "")
    chosen = {name: str(getattr(country.conventions, name)) for name in CHOICES}
    guessed = ", ".join(str(Convention._meta.get_field(name).verbose_name) for name in country.guesses)  # type: ignore[union-attr]
    where = (division.country if division else "") or "this country"
    return chosen, f"Filled in with the defaults for {where}: defaults, not advice. Guessed, not looked up: {guessed}."


class ConventionForm(_ConventionForm):
    class Meta:
        model = Convention
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tips" not in self.fields:
            return  # who may only look is shown values; the form then has no fields of the model
        offer_divisions(self)
        for name, told in EFFECTS.items():
            self.fields[name].help_text = format_html_join("", "{}<br>", ((line,) for line in told))
        since = self.fields["effective_from"]
        since.help_text = "Counts for what is dated from this day on. What is booked already stays as it is."
        if not self.instance.pk:
            division = Division.objects.filter(pk=self.initial.get("division") or 0).first()
            self.fields["division"].help_text = starting_from(division)[1]


class TenderJournalForm(_TenderForm):
    class Meta:
        model = TenderJournal
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "journal" not in self.fields:
            return
        offer_divisions(self)
        rows = Journal.objects.filter(type__in=OWN_JOURNAL_TYPES, is_blocked=False, gone_at=None)
        known = {row.code: str(row) for row in rows.filter(division__is_pinned=True)}
        held = {self.instance.journal: self.instance.journal} if self.instance.journal else {}
        self.fields["journal"] = forms.ChoiceField(help_text="The tender's money is booked here, and not in clearing.")
        offer(self.fields["journal"], [("", "---------"), *(held | known).items()])

    def clean_tender(self) -> str:
        tender = str(self.cleaned_data["tender"]).strip().upper()
        if tender != "GIFT_CARD" and not tender.startswith("EXTERNAL:"):
            raise forms.ValidationError(
                "Only gift cards (GIFT_CARD) and external tenders (EXTERNAL:CHECK) can have a journal of their own: "
                "others are settled by Square or are cash."
            )
        return tender

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        division, code = cleaned.get("division"), cleaned.get("journal")
        if division and code:
            row = Journal.objects.filter(division=division, code=code, type__in=OWN_JOURNAL_TYPES).first()
            if row is None or row.is_blocked or row.gone_at:
                self.add_error("journal", f"{division} has no usable bank or cash journal {code}.")
            elif not row.account:
                self.add_error("journal", f"Journal {row} has no GL account in Exact.")
        return cleaned


@admin.register(Convention)
class ConventionAdmin(DecisionAdmin):
    form = ConventionForm
    solves = (
        ProblemKind.UNMAPPED_ACCOUNT,
        ProblemKind.UNMAPPED_TAX,
        ProblemKind.AMBIGUOUS_TAX,
        ProblemKind.UNSUPPORTED,
    )
    list_display = ("name", "fee_vat", "tips", "service", "discounts", "gift_cards", "decided")
    list_display_links = ("name",)
    list_filter = ("division",)
    list_select_related = ("division",)
    readonly_fields = ("decided_by", "decided_at")
    introduction = "How a division books what countries and firms book differently. The newest that has begun counts."
    empty = (
        "No conventions have been set: the defaults count. Fees are gross without VAT, tips are owed to staff, "
        "discounts are netted, and gift cards are a debt until they are spent."
    )
    fieldsets = (
        (None, {"fields": ("division", "effective_from")}),
        (
            "How it is booked",
            {
                "fields": tuple(CHOICES),
                "description": "Choices of the division, not tax advice. Each entry shows the choice it was booked by.",
            },
        ),
        ("Decision", {"fields": ("reason", "decided_by", "decided_at")}),
    )

    @admin.display(description="division", ordering="division")
    def name(self, row: Convention) -> str:
        return str(row)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        division = Division.objects.filter(pk=initial.get("division") or 0).first()
        return {**starting_from(division)[0], **initial}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        conventions_changed.send(sender=Convention, division_id=obj.division_id)


@admin.register(TenderJournal)
class TenderJournalAdmin(DecisionAdmin):
    form = TenderJournalForm
    solves = (ProblemKind.UNMAPPED_ACCOUNT,)
    list_display = ("tender", "journal", "sound", "division", "decided")
    list_filter = (trouble_filter(soundness.troubled_tenders), "division")
    list_select_related = ("division",)
    readonly_fields = ("decided_by", "decided_at")
    introduction = "Gift cards and external tenders whose money is booked in a journal of its own, and not in clearing."
    empty = (
        "No tender has a journal of its own. Gift cards and external tenders pass through the clearing journal as two "
        "lines that come to nothing."
    )
    fieldsets = (
        (None, {"fields": ("division", "tender", "journal")}),
        ("Decision", {"fields": ("reason", "decided_by", "decided_at")}),
    )

    @admin.display(description="as Exact is now")
    def sound(self, row: TenderJournal) -> SafeString:
        return soundness_shown(soundness.journal_trouble(row.division_id, row.journal))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        initial.pop("effective_from", None)
        return initial
