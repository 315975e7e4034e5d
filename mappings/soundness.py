"""Whether decisions still hold: the reference data as validation reads it, and the mappings it contradicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from connections.models import Division
from mappings.bookkeeping.validation import Facts, unusable
from mappings.models import (
    CostCenter,
    CostUnit,
    CustomerMapping,
    DebtorAccount,
    Decision,
    GLMapping,
    ItemMapping,
    Journal,
    LedgerAccount,
    PaymentCondition,
    ReferenceRow,
    TenderJournal,
    VatCode,
)
from mappings.roles import ACCOUNT_TYPES, Role

CUSTOMER = "C"
Row = TypeVar("Row", bound=ReferenceRow)


def facts(division: Division) -> Facts:
    """What has been read of the division, blocked and vanished rows included."""
    return Facts(
        accounts={row.remote_id: row for row in LedgerAccount.objects.filter(division=division)},
        vat_codes=by_code(VatCode, division),
        journals=by_code(Journal, division),
        cost_centers=by_code(CostCenter, division) or None,
        cost_units=by_code(CostUnit, division) or None,
        shut={row.remote_id: (row.code, debtor_trouble(row)) for row in shut(DebtorAccount, division)},
    )


def shut(model: type[Row], division: Division) -> QuerySet[Row]:
    """Blocked or vanished rows of what is named by its GUID."""
    return model._default_manager.filter(Q(is_blocked=True) | Q(gone_at__isnull=False), division=division)


def by_code(model: type[ReferenceRow], division: Division) -> Mapping[str, Any]:
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
    if row.vat_code and (wrong := _code_trouble(row, row.vat_code)):
        parts.append(f"VAT code {row.vat_code.code} {wrong}")
    return ", ".join(parts)


def _code_trouble(row: GLMapping, code: VatCode) -> str:
    """As planning sees it (`by_code`): of a code that was made anew in Exact, the one in use counts.

    Asks the database only about a code that is gone, and not even then for rows of `with_renewed_codes`.
    """
    if code.gone_at is None:
        return unusable(code)
    is_blocked = row.renewed_is_blocked if hasattr(row, "renewed_is_blocked") else _renewed(code).first()
    if is_blocked is None:
        return unusable(code)
    return "is blocked" if is_blocked else ""


def _renewed(code: VatCode) -> QuerySet[VatCode, bool]:
    """Whether the code that took the place of one that is gone is blocked; empty when none did."""
    return VatCode.objects.filter(division=code.division_id, code=code.code, gone_at=None).values_list(
        "is_blocked", flat=True
    )


def with_renewed_codes(rules: QuerySet[GLMapping]) -> QuerySet[GLMapping]:
    """Rules of a list, told in the same statement what became of codes that are gone."""
    same = VatCode.objects.filter(division=OuterRef("division"), code=OuterRef("vat_code__code"), gone_at=None)
    return rules.annotate(renewed_is_blocked=Subquery(same.values("is_blocked")[:1]))


def customer_trouble(row: CustomerMapping) -> str:
    """Why a matched customer cannot be sold to as Exact is now; "" when it can. Needs the Exact account."""
    if row.status != Decision.MATCHED or row.debtor is None:
        return ""
    return debtor_trouble(row.debtor)


def condition_trouble(row: CustomerMapping) -> str:
    """'payment condition 30 no longer exists', or "": what is written for the customer would name it."""
    debtor = row.debtor
    if row.status != Decision.MATCHED or debtor is None or not debtor.payment_condition:
        return ""
    known = PaymentCondition.objects.filter(division=row.division_id, code=debtor.payment_condition)
    is_gone = known.exists() and not known.filter(gone_at=None).exists()
    return f"payment condition {debtor.payment_condition} no longer exists" if is_gone else ""


def item_trouble(row: ItemMapping) -> str:
    """Why a matched article cannot be ordered as Exact is now; "" when it can. Needs the Exact item."""
    if row.status != Decision.MATCHED or row.item is None:
        return ""
    return f"item {row.item.code} {wrong}" if (wrong := unusable(row.item)) else ""


def journal_trouble(division_id: int, code: str) -> str:
    """'journal 12 is blocked', 'journal 12 no longer exists', or "". A code that was removed and made anew is there."""
    row = Journal.objects.filter(division=division_id, code=code).order_by(F("gone_at").desc(nulls_first=True)).first()
    return f"journal {code} {wrong}" if row and (wrong := unusable(row)) else ""


def debtor_trouble(row: DebtorAccount) -> str:
    """'is blocked', 'is no customer any more', or "". Only customers (status C) are read: who lost it is gone."""
    if row.gone_at or (row.status and row.status != CUSTOMER):
        return "is no customer in Exact any more"
    return "is blocked" if row.is_blocked else ""


def _broken(name: str) -> Q:
    return Q(**{f"{name}__is_blocked": True}) | Q(**{f"{name}__gone_at__isnull": False})


def troubled_rules() -> QuerySet[GLMapping]:
    """Rules in use that name a blocked or vanished account or VAT code. A code that was made anew is there."""
    same = VatCode.objects.filter(division=OuterRef("division"), code=OuterRef("vat_code__code"))
    is_usable = Exists(same.filter(gone_at=None, is_blocked=False))
    code = Q(vat_code__isnull=False) & ~Q(is_usable)
    return GLMapping.objects.filter(_broken("account") | code, status=Decision.MATCHED)


def troubled_customers() -> QuerySet[CustomerMapping]:
    """Matched customers whose Exact account is blocked or vanished, or pays by a condition that vanished."""
    same = PaymentCondition.objects.filter(division=OuterRef("division"), code=OuterRef("debtor__payment_condition"))
    is_gone = Exists(same.exclude(gone_at=None)) & ~Exists(same.filter(gone_at=None))
    return CustomerMapping.objects.filter(_broken("debtor") | Q(is_gone), status=Decision.MATCHED)


def troubled_items() -> QuerySet[ItemMapping]:
    """Matched articles whose Exact item is no longer sold, or vanished."""
    return ItemMapping.objects.filter(_broken("item"), status=Decision.MATCHED)


def troubled_tenders() -> QuerySet[TenderJournal]:
    """Tenders whose journal is blocked or vanished."""
    journals = Journal.objects.filter(division=OuterRef("division"))
    usable = journals.filter(code=OuterRef("journal"), is_blocked=False, gone_at=None)
    return TenderJournal.objects.filter(Exists(journals), ~Exists(usable))
