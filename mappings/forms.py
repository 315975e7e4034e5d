"""What a person may decide about a mapping, and why a decision is refused before Exact would refuse it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q

from connections.models import Division, Location
from mappings import examples, objections
from mappings import opening_forms as openings
from mappings.conflicts import deciding
from mappings.models import (
    CustomerMapping,
    Decision,
    GLMapping,
    ItemMapping,
)
from mappings.objections import Objection
from mappings.resolution import NO_TAX

if TYPE_CHECKING:
    _CustomerForm = forms.ModelForm[CustomerMapping]
    _RuleForm = forms.ModelForm[GLMapping]
    _ItemForm = forms.ModelForm[ItemMapping]
    _Form = forms.BaseForm
else:
    _CustomerForm = _RuleForm = _ItemForm = forms.ModelForm
    _Form = object

# What a person decides; the other two are what the product says while nobody has.
DECIDED = (Decision.MATCHED, Decision.IGNORED)
# Buttons of the customer's page: this candidate (its primary key), or nobody in particular.
ACCEPT, COLLECTIVE = "_accept", "_collective"
REST = "_rest"  # of an article's page: no item of its own
SEEN = "_seen"  # how the mapping stood when its page was opened: whoever comes second is told who decided what


def offer(field: forms.Field, values: Iterable[tuple[str, str]]) -> None:
    field.choices = list(values)  # type: ignore[attr-defined]  # a field with choices
    field.widget.choices = field.choices  # type: ignore[attr-defined]


def offer_decisions(form: forms.ModelForm[Any], sentence: str, *more: Decision) -> None:
    """Matched and ignored, and what else is possible; a proposal or conflict shows as such until it is decided."""
    held = Decision(form.instance.status) if form.instance.pk else None
    shown = dict.fromkeys([*([held] if held else []), *DECIDED, *more])
    offer(form.fields["status"], [(value, value.label) for value in shown])
    form.fields["status"].help_text = sentence


def offer_divisions(form: forms.ModelForm[Any]) -> None:
    """Divisions that lanes may book in, and the one the row has."""
    field = form.fields["division"]
    field.queryset = Division.objects.filter(Q(is_pinned=True) | Q(pk=form.instance.division_id))  # type: ignore[attr-defined]


def press(form: Any, *, field: str, aside: str) -> None:
    """A button decides at one click: it fills in the choice and the status, and the form is checked as ever.

    `aside` is the button that chooses nobody in particular.
    """
    if not form.is_bound or not {ACCEPT, aside} & set(form.data):
        return
    chosen = form.data.get(ACCEPT, "")
    status = Decision.MATCHED if chosen else Decision.IGNORED
    filled = {**form.data.dict(), field: chosen, "status": status}
    if form.instance.status not in DECIDED and filled.get("reason") == form.instance.reason:
        filled["reason"] = ""  # it said that nobody had decided
    form.data = filled


class Objecting(_Form):
    """A form that refuses what `objections` have something against, beside the field it is about."""

    instance: Any

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        seen = self.data.get(SEEN)
        if seen and seen != deciding.token(self.instance):  # as it is in the database: nothing is filled in yet
            self.add_error(None, f"{deciding.settled(self.instance)} Nothing of yours was saved.")
        self.prepare(cleaned)
        for name, sentence in self.objected(cleaned):
            self.add_error(name, sentence)
        return cleaned

    def prepare(self, cleaned: dict[str, Any]) -> None:
        """What is set right before anything is held against the values."""

    def objected(self, cleaned: dict[str, Any]) -> Iterator[Objection]:
        raise NotImplementedError


class CustomerForm(Objecting, _CustomerForm):
    class Meta:
        model = CustomerMapping
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "status" not in self.fields:
            return  # who may only look is shown values; the form then has no fields of the model
        offer_divisions(self)
        offer_decisions(
            self,
            "Matched: booked on the Exact account above. Ignored: booked on the lane's collective debtor. To be "
            "created: waits until its account is there.",
            Decision.CREATE,
        )
        self.fields[
            "debtor"
        ].help_text = "Leave it empty when the customer is ignored or its account is yet to be created."
        self.fields["effective_from"].help_text = "Counts for payments from this day on."
        press(self, field="debtor", aside=COLLECTIVE)

    def objected(self, cleaned: dict[str, Any]) -> Iterator[Objection]:
        return objections.to_customer(cleaned)


class ItemForm(Objecting, _ItemForm):
    class Meta:
        model = ItemMapping
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "status" not in self.fields:
            return  # who may only look is shown values; the form then has no fields of the model
        offer_divisions(self)
        offer_decisions(self, "Matched: orders name the item above. Ignored: they name the lane's item for the rest.")
        self.fields["item"].help_text = "Leave it empty when the article is ignored."
        self.fields["effective_from"].help_text = "Counts for orders placed from this day on."
        press(self, field="item", aside=REST)

    def objected(self, cleaned: dict[str, Any]) -> Iterator[Objection]:
        return objections.to_item(cleaned)


class RuleForm(Objecting, _RuleForm):
    """A rule as people make it: a location by name, an account of a type that makes sense for the role."""

    location = forms.ChoiceField(required=False, label="Square location")

    class Meta:
        model = GLMapping
        fields = "__all__"
        labels = {"cost_center": "Cost centre"}
        help_texts = {
            "role": "What the amount is.",
            "tender": "CARD, CASH, GIFT_CARD, or EXTERNAL: and Square's type, such as EXTERNAL:CHECK",
            "tax_name": f"As it is called in Square; {NO_TAX} for what is sold without tax.",
            "tax_rate": "In per cent, such as 21.",
            "customer_kind": "business (has a VAT number), known, or counter.",
            "vat_code": "Exact's code for the tax; needed for revenue, service charges and discounts.",
            "effective_from": "Counts for payments from this day on.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tender" not in self.fields:
            return  # who may only look is shown values; the form then has no fields of the model
        known = [(row.location_id, row.name) for row in Location.objects.order_by("name")]
        held = self.instance.location
        if held and held not in dict(known):
            known.append((held, held))
        offer(self.fields["location"], [("", "every location"), *known])
        offer_divisions(self)
        offer_decisions(self, "Matched: used for booking. Ignored: kept, and not used.")
        openings.press(self, ACCEPT)

    def _post_clean(self) -> None:
        """Once the row is as it would be saved, the examples that finance wrote must hold."""
        super()._post_clean()  # type: ignore[misc]  # Django's own, unknown to its stubs
        if not self.errors and "tender" in self.fields:
            for told in examples.broken([self.instance]):
                self.add_error(None, told)

    def prepare(self, cleaned: dict[str, Any]) -> None:
        openings.take_the_place_of_a_proposal(self, cleaned)

    def objected(self, cleaned: dict[str, Any]) -> Iterator[Objection]:
        return objections.to_rule(cleaned)
