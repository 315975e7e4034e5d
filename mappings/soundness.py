"""Whether decisions still hold: the reference data as validation reads it, and the mappings it contradicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from connections.models import Division
from mappings.bookkeeping.validation import Facts, unusable
from mappings.models import (
    CostCenter,
    CostUnit,
    CustomerMapping,
    DebtorAccount,
    Decision,
    GLMapping,
    Journal,
    LedgerAccount,
    ReferenceRow,
    VatCode,
)
from mappings.roles import ACCOUNT_TYPES, Role

CUSTOMER = "C"


def facts(division: Division) -> Facts:
    """What has been read of the division, blocked and vanished rows included."""
    return Facts(
        accounts={row.remote_id: row for row in LedgerAccount.objects.filter(division=division)},
        vat_codes=_by_code(VatCode, division),
        journals=_by_code(Journal, division),
        cost_centers=_by_code(CostCenter, division) or None,
        cost_units=_by_code(CostUnit, division) or None,
        shut={row.remote_id: (row.code, debtor_trouble(row)) for row in _shut(division)},
    )


def _shut(division: Division) -> QuerySet[DebtorAccount]:
    rows = DebtorAccount.objects.filter(division=division)
    return rows.filter(Q(is_blocked=True) | Q(gone_at__isnull=False))


def _by_code(model: type[ReferenceRow], division: Division) -> Mapping[str, Any]:
    """A code that was removed and made anew is there: the row in use counts."""
    rows = model._default_manager.filter(division=division).order_by("gone_at")
    found: dict[str, Any] = {}
    for row in rows:
        if row.code not in found or row.gone_at is None:
            found[row.code] = row
    return found


def rule_trouble(row: GLMapping) -> str:
    """Why a rule cannot be used as Exact is now, for the list of rules; "" when it can. Needs account and VAT code."""
    if row.status != Decision.MATCHED or row.account is None:
        return ""
    types = ACCOUNT_TYPES.get(Role(row.role), frozenset())
    parts = [f"account {row.account.code} {wrong}" for wrong in [unusable(row.account)] if wrong]
    if not parts and types and row.account.type not in types:
        parts.append(f"account {row.account.code} is of type {row.account.type}")
    if row.vat_code and (wrong := unusable(row.vat_code)):
        parts.append(f"VAT code {row.vat_code.code} {wrong}")
    return ", ".join(parts)


def customer_trouble(row: CustomerMapping) -> str:
    """Why a matched customer cannot be sold to as Exact is now; "" when it can. Needs the Exact account."""
    if row.status != Decision.MATCHED or row.debtor is None:
        return ""
    return debtor_trouble(row.debtor)


def debtor_trouble(row: DebtorAccount) -> str:
    """'is blocked', 'is no customer any more', or "". Only customers (status C) are read: who lost it is gone."""
    if row.gone_at or (row.status and row.status != CUSTOMER):
        return "is no customer in Exact any more"
    return "is blocked" if row.is_blocked else ""


def _broken(name: str) -> Q:
    return Q(**{f"{name}__is_blocked": True}) | Q(**{f"{name}__gone_at__isnull": False})


def troubled_rules() -> QuerySet[GLMapping]:
    """Rules in use that name a blocked or vanished account or VAT code."""
    return GLMapping.objects.filter(_broken("account") | _broken("vat_code"), status=Decision.MATCHED)


def troubled_customers() -> QuerySet[CustomerMapping]:
    """Matched customers whose Exact account is blocked or vanished."""
    return CustomerMapping.objects.filter(_broken("debtor"), status=Decision.MATCHED)
