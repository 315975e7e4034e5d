"""Rules that are missing, laid before finance with the accounts that other divisions and the ledger speak for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.models import Division
from mappings import history, suggestions
from mappings.models import Decision, GLMapping, LedgerAccount, VatCode
from mappings.resolution import NO_TAX, asked_by
from mappings.roles import ACCOUNT_TYPES, Role
from mappings.suggestions import Candidate, Precedent, Suggestion, Wanted

SHOWN = 5
# A rule is proposed on more than the account's name: what others decided, or what the ledger shows.
ENOUGH = 400
REASON = "Missing for what Square sends; nobody has decided yet."


def suggest(division: Division, wanted: Wanted) -> list[Suggestion]:
    """Accounts of the division for what is wanted, best first. Reads what is cached and calls nobody."""
    usable = LedgerAccount.objects.filter(
        division=division, gone_at=None, is_blocked=False, type__in=ACCOUNT_TYPES[wanted.role]
    )
    codes = VatCode.objects.filter(division=division, gone_at=None, is_blocked=False)
    return suggestions.accounts(
        wanted,
        [Candidate(row.remote_id, row.code, row.name, row.vat_code) for row in usable],
        precedents=_precedents(division, wanted.role),
        history=history.counted(division),
        rates={row.code: (row.percentage * 100).normalize() for row in codes if row.use != "P"},
    )


def _precedents(division: Division, role: Role) -> list[Precedent]:
    rows = GLMapping.objects.filter(role=role.value, status=Decision.MATCHED).exclude(division=division)
    return [
        Precedent(_wanted(row), row.account.code, row.account.name)
        for row in rows.select_related("account").order_by("pk")
        if row.account
    ]


def _wanted(row: GLMapping) -> Wanted:
    return Wanted(Role(row.role), row.tax_rate, row.tax_name, row.category, row.tender)


def wanted_by(subject: str) -> tuple[Wanted, dict[str, Any]] | None:
    """What a record waits for, and the fields of the rule that would answer it; None when the subject tells nothing."""
    asked = asked_by(subject)
    if not asked:
        return None
    role, rate = Role(asked["role"]), asked.get("tax_rate")
    if role.is_taxed and not rate and asked.get("tax_name") != NO_TAX:
        return None
    percent = Decimal(rate) if rate else None
    wanted = Wanted(role, percent, asked.get("tax_name", ""), tender=asked.get("tender", ""))
    return wanted, {**asked, "tax_rate": percent}


def _proposed(division_id: int, fields: Mapping[str, Any]) -> GLMapping | None:
    same = {"tax_name": "", "tender": "", **fields}
    rate = same.pop("tax_rate")
    rows = GLMapping.objects.filter(division=division_id, status=Decision.PROPOSED, **same)
    return rows.filter(tax_rate__isnull=True).first() if rate is None else rows.filter(tax_rate=rate).first()


def propose(division: Division, missing: Mapping[str, date]) -> int:
    """One proposed rule per subject (-> the first day that waits) that an account speaks for. Returns how many.

    Nothing is booked by a proposal. One that stands is moved forward to the first day that waits.
    """
    made = []
    for subject, since in sorted(missing.items()):
        found = wanted_by(subject)
        if found is None:
            continue
        row = _proposed(division.pk, found[1])
        if row is not None:
            GLMapping.objects.filter(pk=row.pk, effective_from__gt=since).update(effective_from=since)
            continue
        suggested = suggest(division, found[0])
        if suggested and suggested[0].score >= ENOUGH:
            made.append(_row(division, found[1], suggested, since))
    with transaction.atomic():
        GLMapping.objects.bulk_create(made, ignore_conflicts=True)
        trail.record([_fact(row) for row in made], at=clock.now())
    return len(made)


def _row(division: Division, fields: Mapping[str, Any], suggested: list[Suggestion], since: date) -> GLMapping:
    return GLMapping(
        division=division, status=Decision.PROPOSED, effective_from=since, reason=REASON,
        candidates=[evidence(one) for one in suggested[:SHOWN]], **fields,
    )  # fmt: skip


def evidence(found: Suggestion) -> dict[str, Any]:
    """As it is kept on the rule. `score`: per mille."""
    return {
        "id": found.candidate.id, "code": found.candidate.code, "name": found.candidate.name, "score": found.score,
        "percent": found.score // 10,
        "agrees": list(found.reasons), "differs": [], "vat_code": found.vat_code,
    }  # fmt: skip


def _fact(row: GLMapping) -> Fact:
    best = row.candidates[0]
    detail = {"account": best["code"], "score": best["score"], "because": best["agrees"]}
    return Fact("glmapping.proposed", "glmapping", None, str(row), str(row), row.division.code, detail)
