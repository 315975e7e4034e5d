"""The page "Which rule wins?": an example, the rule that decides it and why, and those it beat."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from audit.adminkit import admin_url, badge
from connections import clock
from connections.models import Division, Location
from mappings import decisions
from mappings.models import GLMapping, LedgerAccount
from mappings.resolution import PRECEDENCE, Case, Match, RuleBook, Standing, Verdict
from mappings.roles import Role

TONES = {Standing.WINS: "good", Standing.RIVALS: "bad", Standing.LATER: "wait"}
KINDS = (("", "any"), ("business", "business (a VAT number)"), ("known", "known"), ("counter", "counter"))


class CaseForm(forms.Form):
    """An amount that looks for its account."""

    division = forms.ModelChoiceField(Division.objects.filter(is_pinned=True))
    role = forms.ChoiceField(choices=[(role.value, role.words) for role in Role])
    on = forms.DateField(label="Day", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    tax_name = forms.CharField(required=False, help_text="As it is called in Square.")
    tax_rate = forms.DecimalField(required=False, label="Tax rate %", max_digits=7, decimal_places=4)
    tender = forms.CharField(required=False, help_text="CARD, CASH, GIFT_CARD, EXTERNAL:CHECK")
    location = forms.ChoiceField(required=False, label="Square location")
    category = forms.CharField(required=False, label="Catalogue category")
    customer_kind = forms.ChoiceField(required=False, choices=KINDS)
    fee_type = forms.CharField(required=False)
    payout_entry_type = forms.CharField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(row.location_id, row.name) for row in Location.objects.order_by("name")]
        self.fields["location"].choices = [("", "anywhere"), *known]  # type: ignore[attr-defined]

    def case(self) -> Case:
        asked = self.cleaned_data
        narrowed = {name: asked[name] for name in PRECEDENCE}
        return Case(role=Role(asked["role"]), on=asked["on"], **narrowed)


def view(page: Any, request: HttpRequest) -> HttpResponse:
    """A GET that changes nothing; the address holds the example, so that it can be sent to a colleague."""
    asked = CaseForm(request.GET or None, initial=_initial())
    context = {
        **page.admin_site.each_context(request), "title": "Which rule wins?", "opts": GLMapping._meta, "form": asked,
    }  # fmt: skip
    if request.GET and asked.is_valid():
        context |= answer(asked.cleaned_data["division"], asked.case())
    return TemplateResponse(request, "admin/mappings/explain.html", context)


def _initial() -> dict[str, Any]:
    only = list(Division.objects.filter(is_pinned=True)[:2])
    return {"on": clock.now().date(), "role": Role.REVENUE.value, **({"division": only[0]} if len(only) == 1 else {})}


def answer(division: Division, case: Case) -> dict[str, Any]:
    """What the page says about one case."""
    found, verdicts = RuleBook(decisions.rules_of(division)).explain(case)
    names = dict(Location.objects.values_list("location_id", "name"))
    accounts = dict(LedgerAccount.objects.filter(division=division, gone_at=None).values_list("code", "name"))
    shown = [_shown(verdict, names, accounts) for verdict in verdicts]
    fitting = {Standing.WINS, Standing.RIVALS, Standing.BEATEN, Standing.LATER}
    return {
        "sentence": _readable(found.reason if isinstance(found, Match) else found.sentence, names),
        "is_decided": isinstance(found, Match),
        "verdicts": [row for row in shown if row["standing"] in fitting],
        "unfit": [row for row in shown if row["standing"] not in fitting],
    }


def _shown(verdict: Verdict, names: dict[str, str], accounts: dict[str, str]) -> dict[str, Any]:
    rule = verdict.rule
    return {
        "standing": verdict.standing,
        "badge": badge(str(verdict.standing), TONES.get(verdict.standing, "quiet")),
        "number": rule.id,
        "url": admin_url(GLMapping, rule.id),
        "narrowed": [(name.replace("_", " "), _value(rule, name, names)) for name in PRECEDENCE if _has(rule, name)],
        "since": rule.effective_from,
        "account": f"{rule.account.code} {accounts.get(rule.account.code, '')}".strip(),
        "vat_code": rule.vat_code,
        "why": _readable(verdict.why, names),
    }


def _has(rule: Any, name: str) -> bool:
    return getattr(rule, name) not in ("", None)


def _value(rule: Any, name: str, names: dict[str, str]) -> str:
    value = getattr(rule, name)
    return names.get(value, str(value)) if name == "location" else str(value)


def _readable(text: str, names: dict[str, str]) -> str:
    """Locations by their names."""
    for location, name in names.items():
        text = text.replace(location, name)
    return text
