"""Why a decision is refused before Exact would refuse it: the same for a form and for a line of a spreadsheet.

Each takes the values of a mapping by field name, rows for foreign keys, and gives (field, sentence).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connections.models import Division
from mappings.models import DebtorAccount, Decision, ExactItem, LedgerAccount, VatCode
from mappings.resolution import NO_TAX
from mappings.roles import ACCOUNT_TYPES, Role, words_of

CUSTOMER = "C"
Objection = tuple[str, str]


def to_rule(values: Mapping[str, Any]) -> Iterator[Objection]:
    division, account, vat_code = (values.get(name) for name in ("division", "account", "vat_code"))
    if division and account:
        yield from _account(account, division, values.get("role", ""))
    if division and vat_code and vat_code.division_id != division.pk:
        yield "vat_code", f"{vat_code} belongs to another division than {division}."
    if values.get("role") in set(Role) and values.get("status") == Decision.MATCHED:
        yield from _tax(Role(values["role"]), values)


def _account(account: LedgerAccount, division: Division, role: str) -> Iterator[Objection]:
    types = ACCOUNT_TYPES[Role(role)] if role else frozenset()
    if account.division_id != division.pk:
        yield "account", f"{account} belongs to another division."
    elif account.is_blocked or account.gone_at:
        yield "account", f"{account} is blocked or gone in Exact."
    elif types and account.type not in types:
        wanted = " or ".join(str(kind) for kind in sorted(types))
        named = words_of(role)
        sentence = f"{account} is of type {account.type}; for {named} an account of type {wanted} is needed."
        yield "account", sentence


def _tax(role: Role, values: Mapping[str, Any]) -> Iterator[Objection]:
    """A rule for revenue that names no tax would never be used; a code without VAT would be refused by Exact."""
    name, rate = values.get("tax_name"), values.get("tax_rate")
    code: VatCode | None = values.get("vat_code")
    if role.is_taxed and not name and rate is None:
        yield "tax_name", f"Say which tax: its name, its rate, or {NO_TAX}."
    if code and rate and not code.percentage:
        yield "vat_code", f"{code} carries no VAT, so Exact would refuse the {rate.normalize():f} %."


def to_customer(values: Mapping[str, Any]) -> Iterator[Objection]:
    division: Division | None = values.get("division")
    debtor: DebtorAccount | None = values.get("debtor")
    if not (division and debtor):
        return
    if values.get("status") == Decision.CREATE:
        yield "debtor", "Leave it empty: the account is yet to be created in Exact."
    if debtor.division_id != division.pk:
        yield "debtor", f"{debtor} belongs to another division than {division}."
    elif debtor.status != CUSTOMER:
        yield "debtor", f"{debtor} is not a customer in Exact (status C), so nothing can be sold to it."
    elif debtor.is_blocked or debtor.gone_at:
        yield "debtor", f"{debtor} is blocked or gone in Exact."


def to_item(values: Mapping[str, Any]) -> Iterator[Objection]:
    division: Division | None = values.get("division")
    item: ExactItem | None = values.get("item")
    if not (division and item):
        return
    if item.division_id != division.pk:
        yield "item", f"{item} belongs to another division than {division}."
    elif item.is_blocked or item.gone_at:
        yield "item", f"{item} is no longer sold in Exact."
