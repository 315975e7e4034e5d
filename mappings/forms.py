"""What a person may decide about a mapping, and why a decision is refused before Exact would refuse it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q

from connections.models import Division, Location
from mappings.models import (
    CustomerMapping,
    DebtorAccount,
    Decision,
    ExactItem,
    GLMapping,
    ItemMapping,
    LedgerAccount,
    VatCode,
)
from mappings.resolution import NO_TAX
from mappings.roles import ACCOUNT_TYPES, Role

if TYPE_CHECKING:
    _CustomerForm = forms.ModelForm[CustomerMapping]
    _RuleForm = forms.ModelForm[GLMapping]
    _ItemForm = forms.ModelForm[ItemMapping]
else:
    _CustomerForm = _RuleForm = _ItemForm = forms.ModelForm

CUSTOMER = "C"
# What a person decides; the other two are what the product says while nobody has.
DECIDED = (Decision.MATCHED, Decision.IGNORED)
# Buttons of the customer's page: this candidate (its primary key), or nobody in particular.
ACCEPT, COLLECTIVE = "_accept", "_collective"
REST = "_rest"  # of an article's page: no item of its own


def offer(field: forms.Field, values: Iterable[tuple[str, str]]) -> None:
    field.choices = list(values)  # type: ignore[attr-defined]  # a field with choices
    field.widget.choices = field.choices  # type: ignore[attr-defined]


def offer_decisions(form: forms.ModelForm[Any], sentence: str) -> None:
    """Matched and ignored; a proposal or conflict shows as such until it is decided."""
    held = Decision(form.instance.status) if form.instance.pk else None
    shown = dict.fromkeys([*([held] if held else []), *DECIDED])
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


class CustomerForm(_CustomerForm):
    class Meta:
        model = CustomerMapping
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "status" not in self.fields:
            return  # who may only look is shown values; the form then has no fields of the model
        offer_divisions(self)
        offer_decisions(
            self, "Matched: booked on the Exact account above. Ignored: booked on the lane's collective debtor."
        )
        self.fields["debtor"].help_text = "Leave it empty when the customer is ignored."
        self.fields["effective_from"].help_text = "Counts for payments from this day on."
        press(self, field="debtor", aside=COLLECTIVE)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        division, debtor = cleaned.get("division"), cleaned.get("debtor")
        if division and debtor:
            self._check_debtor(debtor, division)
        return cleaned

    def _check_debtor(self, debtor: DebtorAccount, division: Division) -> None:
        if debtor.division_id != division.pk:
            self.add_error("debtor", f"{debtor} belongs to another division than {division}.")
        elif debtor.status != CUSTOMER:
            self.add_error("debtor", f"{debtor} is not a customer in Exact (status C), so nothing can be sold to it.")
        elif debtor.is_blocked or debtor.gone_at:
            self.add_error("debtor", f"{debtor} is blocked or gone in Exact.")


class ItemForm(_ItemForm):
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

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        division, item = cleaned.get("division"), cleaned.get("item")
        if division and item:
            self._check_item(item, division)
        return cleaned

    def _check_item(self, item: ExactItem, division: Division) -> None:
        if item.division_id != division.pk:
            self.add_error("item", f"{item} belongs to another division than {division}.")
        elif item.is_blocked or item.gone_at:
            self.add_error("item", f"{item} is no longer sold in Exact.")


class RuleForm(_RuleForm):
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

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        division, account, vat_code = (cleaned.get(name) for name in ("division", "account", "vat_code"))
        if division and account:
            self._check_account(account, division.pk, cleaned.get("role", ""))
        if division and vat_code and vat_code.division_id != division.pk:
            self.add_error("vat_code", f"{vat_code} belongs to another division than {division}.")
        if cleaned.get("role") in set(Role) and cleaned.get("status") == Decision.MATCHED:
            self._check_tax(Role(cleaned["role"]), cleaned)
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

    def _check_tax(self, role: Role, cleaned: dict[str, Any]) -> None:
        """A rule for revenue that names no tax would never be used; a code without VAT would be refused by Exact."""
        name, rate = cleaned.get("tax_name"), cleaned.get("tax_rate")
        code: VatCode | None = cleaned.get("vat_code")
        if role.is_taxed and not name and rate is None:
            self.add_error("tax_name", f"Say which tax: its name, its rate, or {NO_TAX}.")
        if code and rate and not code.percentage:
            self.add_error("vat_code", f"{code} carries no VAT, so Exact would refuse the {rate.normalize():f} %.")
