"""The division's reference data, cached: what mappings point at, and what is checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clients, clock
from connections.models import Division
from connections.providers.exact import odata, resources
from connections.providers.exact.client import ExactClient
from connections.providers.exact.payloads import (
    Account,
    CostCode,
    FinancialPeriod,
    GLAccount,
    PeriodStatus,
    VATCode,
)
from connections.providers.exact.payloads import Journal as JournalRow
from connections.providers.exact.resources import Resource
from mappings.models import (
    ClosedPeriod,
    CostCenter,
    CostUnit,
    DebtorAccount,
    GLMapping,
    Journal,
    LedgerAccount,
    ReferenceRow,
    VatCode,
)

STALE = timedelta(hours=24)
CUSTOMER = "C"


def refresh_if_stale(division: Division) -> None:
    """Read the reference data again when it is older than a day."""
    if division.reference_read_at is None or clock.now() - division.reference_read_at > STALE:
        refresh(division)


def refresh(division: Division) -> None:
    """Read everything mappings may point at, then store it in one transaction.

    What Exact no longer lists keeps its row with `gone_at` set, so that mappings which use it can be shown. Raises the
    errors of the providers; then nothing is stored.
    """
    client = clients.exact_client(division)
    rows = _read(client) | _read_cost_codes(client, division)
    closed = _closed_periods(client)
    now = clock.now()
    with transaction.atomic():
        counts = {model.__name__: store(division, model, found, at=now) for model, found in rows.items()}
        _store_closed(division, closed)
        division.reference_read_at = now
        division.save(update_fields=["reference_read_at"])
        fact = Fact("reference.read", "division", division.pk, str(division), division=division.code, detail=counts)
        trail.record([fact], at=now)


def refresh_periods(division: Division) -> None:
    """Read again what is closed, and nothing else: Exact has just refused an entry for it."""
    closed = _closed_periods(clients.exact_client(division))
    with transaction.atomic():
        _store_closed(division, closed)
        detail = {"closed": len(closed)}
        fact = Fact("reference.periods", "division", division.pk, str(division), division=division.code, detail=detail)
        trail.record([fact], at=clock.now())


def _read(client: ExactClient) -> dict[type[ReferenceRow], dict[str, Mapping[str, Any]]]:
    customers = client.read(resources.ACCOUNTS, where=odata.eq("Status", CUSTOMER))
    return {
        LedgerAccount: {row.id: _ledger_account(row) for row in client.read(resources.GL_ACCOUNTS)},
        VatCode: {row.id: _vat_code(row) for row in client.read(resources.VAT_CODES)},
        Journal: {row.id: _journal(row) for row in client.read(resources.JOURNALS)},
        DebtorAccount: {row.id: _debtor(row) for row in customers},
    }


def _read_cost_codes(client: ExactClient, division: Division) -> dict[type[ReferenceRow], dict[str, Mapping[str, Any]]]:
    """Of what the division's rules name: who uses none spends no call, and needs no right, on them."""
    rules = GLMapping.objects.filter(division=division)
    wanted: tuple[tuple[type[ReferenceRow], Resource[CostCode], bool], ...] = (
        (CostCenter, resources.COST_CENTERS, rules.exclude(cost_center="").exists()),
        (CostUnit, resources.COST_UNITS, rules.exclude(cost_unit="").exists()),
    )
    return {
        model: {row.id: _cost_code(row) for row in client.read(resource)} for model, resource, used in wanted if used
    }


def _cost_code(row: CostCode) -> dict[str, Any]:
    ended = row.ends is not None and row.ends.date() < clock.now().date()
    return {"code": row.code, "name": row.name, "is_blocked": not row.is_active or ended}


def _ledger_account(row: GLAccount) -> dict[str, Any]:
    return {
        "code": row.code, "name": row.name, "type": row.type, "vat_code": row.vat_code, "is_blocked": row.is_blocked,
        "cost_center_use": row.cost_center_use, "cost_unit_use": row.cost_unit_use,
    }  # fmt: skip


def _vat_code(row: VATCode) -> dict[str, Any]:
    return {
        "code": row.code, "name": row.name, "percentage": row.percentage, "type": row.kind,
        "account": row.gl_to_pay_code, "claim_account": row.gl_to_claim_code, "is_blocked": row.is_blocked,
        "use": row.use,
    }  # fmt: skip


def _journal(row: JournalRow) -> dict[str, Any]:
    return {
        "code": row.code, "name": row.name, "type": row.type, "currency": row.currency,
        "account": row.gl_account_code, "is_blocked": row.is_blocked, "allows_vat": row.allows_vat,
        "allows_other_currencies": row.allows_other_currencies,
    }  # fmt: skip


def _debtor(row: Account) -> dict[str, Any]:
    return {
        "code": row.code, "name": row.name, "status": row.status, "email": row.email[:254],
        "vat_number": row.vat_number, "receivables_account": row.receivables, "is_blocked": row.is_blocked,
        "payment_condition": row.payment_condition,
    }  # fmt: skip


def store(
    division: Division, model: type[ReferenceRow], found: Mapping[str, Mapping[str, Any]], *, at: datetime
) -> int:
    """Write only what differs. Returns how many rows did."""
    manager = model._default_manager
    held = {row.remote_id: row for row in manager.filter(division=division)}
    fresh = [model(division=division, remote_id=key, **found[key]) for key in found.keys() - held.keys()]
    changed = [row for key, row in held.items() if key in found and _take_over(row, found[key])]
    gone = [row for key, row in held.items() if key not in found and row.gone_at is None]
    for row in gone:
        row.gone_at = at
    manager.bulk_create(fresh, batch_size=200)
    for row in [*changed, *gone]:
        row.save()
    return len(fresh) + len(changed) + len(gone)


def _take_over(row: ReferenceRow, values: Mapping[str, Any]) -> bool:
    differs = row.gone_at is not None or any(getattr(row, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(row, name, value)
    row.gone_at = None
    return differs


def _closed_periods(client: ExactClient) -> list[tuple[PeriodStatus, FinancialPeriod]]:
    """Closed (journal, year, period) with their dates. Reference: JournalStatusList, FinancialPeriods."""
    statuses = client.read(resources.PERIOD_STATUSES, where=odata.eq("Status", 1))
    closed = [status for status in statuses if status.is_closed]
    if not closed:
        return []
    dated = {(row.year, row.period): row for row in client.read(resources.FINANCIAL_PERIODS)}
    return [(row, dated[row.year, row.period]) for row in closed if (row.year, row.period) in dated]


def _store_closed(division: Division, closed: Iterable[tuple[PeriodStatus, FinancialPeriod]]) -> None:
    ClosedPeriod.objects.filter(division=division).delete()
    rows = [
        ClosedPeriod(
            division=division, journal=status.journal, year=status.year, period=status.period,
            starts=period.starts.date(), ends=period.ends.date(),
        )
        for status, period in closed
        if period.starts and period.ends
    ]  # fmt: skip
    ClosedPeriod.objects.bulk_create(rows, batch_size=200)
