"""Copying the rules of one division to another, by account code and VAT code. What has no counterpart is listed."""

from __future__ import annotations

from datetime import date

from connections.models import Division
from mappings.express import Proposal, Proposed, existing, narrowing_of
from mappings.models import CostCenter, CostUnit, Decision, GLMapping, LedgerAccount, VatCode
from mappings.resolution import PRECEDENCE
from mappings.roles import ACCOUNT_TYPES, Role

CODES = (("cost_center", CostCenter, "cost centre"), ("cost_unit", CostUnit, "cost unit"))


class NoCounterpart(Exception):
    """The rule cannot be copied; the message says what the other division lacks."""


def propose(source: Division, target: Division, *, on: date) -> Proposed:
    """The rules of `source` in use on that day, as they would stand in `target`."""
    rows = GLMapping.objects.filter(division=source, status=Decision.MATCHED, effective_from__lte=on)
    newest = {(row.role, _narrowing(row)): row for row in rows.select_related("account", "vat_code")
              .order_by("effective_from", "pk")}  # fmt: skip
    known, found, left = existing(target), [], []
    for place, row in sorted(newest.items(), key=lambda pair: pair[1].pk):
        if place in known:
            left.append((str(row), "The division has a rule for this already."))
            continue
        try:
            found.append(_copied(row, target))
        except NoCounterpart as lack:
            left.append((str(row), str(lack)))
    return Proposed(found, left)


def _narrowing(row: GLMapping) -> tuple[object, ...]:
    return narrowing_of({name: getattr(row, name) for name in PRECEDENCE})


def _copied(row: GLMapping, target: Division) -> Proposal:
    role = Role(row.role)
    account, code = _account(row, role, target), _vat_code(row, target)
    for name, model, words in CODES:
        value = getattr(row, name)
        if value and not model.objects.filter(division=target, code=value, gone_at=None, is_blocked=False).exists():
            raise NoCounterpart(f"There is no {words} {value} that can be used.")
    narrowed = {name: getattr(row, name) for name in PRECEDENCE if getattr(row, name) not in ("", None)}
    more = {name: getattr(row, name) for name, _, _ in CODES if getattr(row, name)}
    return Proposal(role, account, code, f"As rule {row.pk} of division {row.division}", narrowed, more)


def _account(row: GLMapping, role: Role, target: Division) -> LedgerAccount:
    code = row.account.code if row.account else ""
    found = LedgerAccount.objects.filter(division=target, code=code, gone_at=None, is_blocked=False).first()
    if found is None:
        raise NoCounterpart(f"There is no GL account {code} that can be used.")
    if found.type not in ACCOUNT_TYPES[role]:
        raise NoCounterpart(f"GL account {found} is of type {found.type} there, which {role.words} cannot use.")
    return found


def _vat_code(row: GLMapping, target: Division) -> VatCode | None:
    if row.vat_code is None:
        return None
    code = row.vat_code
    found = VatCode.objects.filter(division=target, code=code.code, gone_at=None, is_blocked=False).first()
    if found is None:
        raise NoCounterpart(f"There is no VAT code {code.code} that can be used.")
    if (found.percentage, found.type) != (code.percentage, code.type):
        raise NoCounterpart(f"VAT code {found} means another rate or type there.")
    return found
