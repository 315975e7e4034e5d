"""What a proposed rule does to the form of rules: a suggestion is accepted at one click, and a rule decides it."""

from __future__ import annotations

from typing import Any

from mappings.models import NARROWING, Decision, GLMapping, LedgerAccount, VatCode


def press(form: Any, button: str) -> None:
    """The button of a suggested account fills in the account, its VAT code and the status; the form is checked as ever.

    A VAT code that a person has chosen stays.
    """
    chosen = form.data.get(button, "") if form.is_bound else ""
    account = LedgerAccount.objects.filter(pk=chosen).first() if chosen.isdecimal() else None
    if account is None:
        return
    suggested: dict[str, Any] = next((one for one in form.instance.candidates if one["id"] == account.remote_id), {})
    codes = VatCode.objects.filter(division=account.division_id, code=suggested.get("vat_code") or "-", gone_at=None)
    vat_code = form.data.get("vat_code") or (found.pk if (found := codes.first()) else "")
    form.data = {**form.data.dict(), "account": account.pk, "vat_code": vat_code, "status": Decision.MATCHED}


def take_the_place_of_a_proposal(form: Any, cleaned: dict[str, Any]) -> None:
    """A rule made by hand for exactly what is proposed decides the proposal, rather than being refused as its twin."""
    if form.instance.pk or not cleaned.get("division"):
        return
    same = {name: cleaned.get(name) for name in (*NARROWING, "tax_rate")}
    if any(same[name] is None for name in NARROWING):
        return
    rate = same.pop("tax_rate")
    rows = GLMapping.objects.filter(status=Decision.PROPOSED, **same)
    twin = (rows.filter(tax_rate__isnull=True) if rate is None else rows.filter(tax_rate=rate)).first()
    if twin is not None:
        form.instance = twin
