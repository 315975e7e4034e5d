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
from connections.providers.exact import changes, odata, relations, resources
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
from connections.providers.exact.payloads import PaymentCondition as Condition
from connections.providers.exact.relations import Address, Contact
from connections.providers.exact.resources import Resource
from mappings import deltas
from mappings.belongings import DebtorAddress, DebtorContact
from mappings.deltas import Watched, Within, store
from mappings.models import (
    ClosedPeriod,
    CostCenter,
    CostUnit,
    DebtorAccount,
    GLMapping,
    Journal,
    LedgerAccount,
    PaymentCondition,
    ReferenceRow,
    VatCode,
)

STALE = timedelta(hours=24)
# After Exact told that something changed: a busy division changes customers all day, and a reading costs calls.
NEWS_STALE = timedelta(hours=1)
CUSTOMER = "C"


def refresh_if_stale(division: Division) -> None:
    """Ask Exact what changed when the last reading is older than a day, or than an hour when Exact told of a change."""
    if is_stale(division, now=clock.now()):
        refresh(division)


def is_stale(division: Division, *, now: datetime) -> bool:
    read_at, told = division.reference_read_at, division.reference_changed_at
    return read_at is None or now - read_at > (NEWS_STALE if told else STALE)


def refresh(division: Division, *, whole: bool = False) -> None:
    """Read everything mappings may point at, then store it in one transaction.

    Accounts and customers, with their people and addresses, are read by what changed (`deltas`); what Exact has no row
    versions for is small and read whole. What Exact no longer lists keeps its row with `gone_at` set, so that mappings
    which use it can be shown.
    Raises the errors of the providers; then nothing is stored. `whole` forgets how far was read before.
    """
    told = Division.objects.filter(pk=division.pk).values_list("reference_changed_at", flat=True).get()
    client = clients.exact_client(division)
    rows = _read(client) | _read_cost_codes(client, division)
    closed = _closed_periods(client)
    now = clock.now()
    # Last: the calls above may have renewed the token, and with it what is known of the division's row versions.
    changed = deltas.read(client, division, WATCHED, at=now, whole=whole)
    with transaction.atomic():
        counts = {model.__name__: store(division, model, found, at=now) for model, found in rows.items()}
        counts |= deltas.keep(division, changed, at=now)
        _store_closed(division, closed)
        division.reference_read_at = now
        division.save(update_fields=["reference_read_at"])
        # Unless another change was told while this was read.
        Division.objects.filter(pk=division.pk, reference_changed_at=told).update(reference_changed_at=None)
        fact = Fact("reference.read", "division", division.pk, str(division), division=division.code, detail=counts)
        trail.record([fact], at=now)
    division.reference_changed_at = None


def refresh_customers(division: Division) -> int:
    """Ask what changed of the division's customers, their contacts and addresses: four calls when nothing did. Returns
    how many customers differ. Raises the errors of the providers; then nothing is stored.
    """
    now = clock.now()
    changed = deltas.read(clients.exact_client(division), division, CUSTOMERS, at=now)
    with transaction.atomic():
        return deltas.keep(division, changed, at=now)[DebtorAccount.__name__]


def refresh_periods(division: Division) -> None:
    """Read again what is closed, and nothing else: Exact has just refused an entry for it."""
    closed = _closed_periods(clients.exact_client(division))
    with transaction.atomic():
        _store_closed(division, closed)
        detail = {"closed": len(closed)}
        fact = Fact("reference.periods", "division", division.pk, str(division), division=division.code, detail=detail)
        trail.record([fact], at=clock.now())


def _read(client: ExactClient) -> dict[type[ReferenceRow], dict[str, Mapping[str, Any]]]:
    return {
        VatCode: {row.id: _vat_code(row) for row in client.read(resources.VAT_CODES)},
        Journal: {row.id: _journal(row) for row in client.read(resources.JOURNALS)},
        PaymentCondition: {row.id: _condition(row) for row in client.read(resources.PAYMENT_CONDITIONS)},
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


def _condition(row: Condition) -> dict[str, Any]:
    return {"code": row.code, "name": row.name}


def debtor_columns(row: Account) -> dict[str, Any] | None:
    """None for who is no customer: suppliers and prospects are not kept."""
    if row.status != CUSTOMER:
        return None
    return {
        "code": row.code, "name": row.name, "status": row.status, "email": row.email[:254],
        "vat_number": row.vat_number, "receivables_account": row.receivables, "is_blocked": row.is_blocked,
        "payment_condition": row.payment_condition, "registration_number": row.registration_number[:50],
        "phone": row.phone[:50], "address": row.address[:200], "address2": row.address2[:200],
        "is_supplier": row.is_supplier, "postcode": row.postcode[:20], "city": row.city[:100],
        "country": row.country[:3],
    }  # fmt: skip


def _contact(row: Contact) -> dict[str, Any] | None:
    """None for who asked to be forgotten, and for who belongs to nobody."""
    if row.is_anonymised or not row.account:
        return None
    emails = [email[:254] for email in row.emails]
    return {
        "account_id": row.account, "name": row.name[:300], "job_title": row.job_title[:100],
        "email": emails[0] if emails else "", "second_email": emails[1] if emails[1:] else "",
        "phones": [phone[:50] for phone in row.phones], "is_main": row.is_main,
        "ends": row.ends.date() if row.ends else None,
    }  # fmt: skip


def _address(row: Address) -> dict[str, Any] | None:
    if not row.account:
        return None
    return {
        "account_id": row.account, "kind": row.kind, "lines": ", ".join(row.lines)[:310], "postcode": row.postcode[:20],
        "city": row.city[:100], "state": row.state[:30], "country": row.country[:3], "phone": row.phone[:50],
        "is_main": row.is_main,
    }  # fmt: skip


_OF_CONTACT = Within(DebtorAccount, "account_id", relations.CONTACTS, "Account")
_OF_ADDRESS = Within(DebtorAccount, "account_id", relations.ADDRESSES, "Account")
CUSTOMERS = (
    Watched(DebtorAccount, changes.ACCOUNTS, changes.ACCOUNT, debtor_columns),
    Watched(DebtorContact, changes.CONTACTS, changes.CONTACT, _contact, within=_OF_CONTACT),
    Watched(DebtorAddress, changes.ADDRESSES, changes.ADDRESS, _address, within=_OF_ADDRESS),
)
WATCHED = (Watched(LedgerAccount, changes.GL_ACCOUNTS, changes.GL_ACCOUNT, _ledger_account), *CUSTOMERS)


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
