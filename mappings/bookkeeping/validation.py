"""What Exact would refuse, seen before it is sent: blocked, vanished or unfit accounts, codes, journals, customers.

Every refusal costs a call of the error budget and holds up what was sent with it; the division's reference data, read
once a day or by button, shows most of them beforehand. What it does not show, Exact's answer explains
(`connections/providers/exact/messages.py`). A leg with an objection waits with a sentence that names the rule and the
remedy; everything else goes on.
Reference: exact-online.md 6 (messages of business rules), 9 (GLAccounts, VATCodes, Journals), 10.7 (currency).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from connections import money
from mappings.bookkeeping.context import written
from mappings.bookkeeping.legs import Document, LegPlan, Line, Problem, ProblemKind
from mappings.roles import ACCOUNT_TYPES, Role

SALES_JOURNALS, MONEY_JOURNALS, GENERAL = (20, 21), (10, 12), 90
JOURNAL_TYPES = {
    Document.SALES_ENTRY: SALES_JOURNALS,
    Document.BANK_ENTRY: (12,),
    Document.CASH_ENTRY: (10,),
}
PURCHASES, INCLUDING = "P", "I"  # VATCodes.VATTransactionType and VATCodes.Type
MANDATORY = 1  # GLAccounts.UseCostcenter, UseCostunit


class Cached(Protocol):
    """A row of the division's reference data. `gone_at`: Exact no longer lists it."""

    code: str
    is_blocked: bool
    gone_at: datetime | None


class LedgerAccount(Cached, Protocol):
    type: int
    cost_center_use: int
    cost_unit_use: int


class VatCode(Cached, Protocol):
    type: str
    use: str
    percentage: Decimal


class Journal(Cached, Protocol):
    type: int
    currency: str
    allows_other_currencies: bool
    allows_vat: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """The reference data of one division: GL accounts by GUID, the rest by code. Cost centres and units are None while
    nobody has read them. `shut`: customers that cannot be sold to, by GUID, each with (code, what is wrong with it).
    """

    accounts: Mapping[str, LedgerAccount] = field(default_factory=dict)
    vat_codes: Mapping[str, VatCode] = field(default_factory=dict)
    journals: Mapping[str, Journal] = field(default_factory=dict)
    cost_centers: Mapping[str, Cached] | None = None
    cost_units: Mapping[str, Cached] | None = None
    shut: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def checked(leg: LegPlan, facts: Facts) -> LegPlan:
    """The leg, waiting with the first objection where Exact would refuse it."""
    if leg.problem:
        return leg
    found = next((objection for check in CHECKS for objection in check(leg, facts)), None)
    return replace(leg, problem=found) if found else leg


def unusable(row: Cached) -> str:
    """Why a row of the reference data cannot be used: "is blocked", "no longer exists", or "" for one that can."""
    if row.gone_at:
        return "no longer exists"
    return "is blocked" if row.is_blocked else ""


def _objection(what: str, why: str, remedy: str) -> Problem:
    return Problem(ProblemKind.UNUSABLE, f"{why} {remedy}", what[:200])


def _rule(line: Line) -> str:
    return f"rule {line.rule} ({line.role.words})" if line.rule else f"the {line.role.words} of this record"


def _remedy(line: Line, instead: str) -> str:
    if not line.rule:
        return f"Put it right in Exact and read the division's data again, or {instead}."
    return f"Put it right in Exact and read the division's data again, or give the rule {instead}; it then goes on."


# --- accounts -----------------------------------------------------------------------------------
def _accounts(leg: LegPlan, facts: Facts) -> Iterable[Problem]:
    yield from _main_account(leg, facts)
    for line in leg.lines:
        row = facts.accounts.get(line.account.id)
        if row is None:
            continue
        named = f"GL account {row.code}, which {_rule(line)} names,"
        if wrong := unusable(row):
            why = f"{named} {wrong} in Exact, so this {leg.kind} would be refused."
            yield _objection(f"GL account {row.code}", why, _remedy(line, "another account"))
        elif row.type not in (fitting := _types_for(line)):
            wanted = " or ".join(str(kind) for kind in sorted(fitting))
            role = (Role.ACCRUAL if line.instead_of else line.role).words
            why = f"{named} is of type {row.type} in Exact; {role} needs {wanted}."
            yield _objection(f"GL account {row.code}", why, _remedy(line, "another account"))


def _main_account(leg: LegPlan, facts: Facts) -> Iterable[Problem]:
    row = facts.accounts.get(leg.main_account.id) if leg.main_account else None
    if row is not None and (wrong := unusable(row)):
        why = f"GL account {row.code}, which journal {leg.journal} or its customer moves, {wrong} in Exact."
        remedy = "Put it right in Exact and read the division's data again, or choose another journal on the lane."
        yield _objection(f"GL account {row.code}", why, remedy)


def _types_for(line: Line) -> frozenset[int]:
    return ACCOUNT_TYPES[Role.ACCRUAL if line.instead_of else line.role]


# --- customers ----------------------------------------------------------------------------------
def _customer(leg: LegPlan, facts: Facts) -> Iterable[Problem]:
    """Of legs whose customer was chosen earlier, such as a refund on the customer of its sale."""
    code, wrong = facts.shut.get(leg.debtor.id, ("", "")) if leg.debtor else ("", "")
    if wrong:
        why = f"Exact account {code}, which this {leg.kind} is booked on, {wrong}, so it would be refused."
        yield _objection(f"customer {code}", why, "Put it right in Exact and read the division's data again.")


# --- VAT codes ----------------------------------------------------------------------------------
def _vat_codes(leg: LegPlan, facts: Facts) -> Iterable[Problem]:
    for line in leg.lines:
        if line.vat_code:
            yield from _vat_code(leg, line, facts.vat_codes.get(line.vat_code))


def _vat_code(leg: LegPlan, line: Line, row: VatCode | None) -> Iterable[Problem]:
    """One that nobody has read says nothing: Exact decides."""
    if row is None:
        return
    what = f"VAT code {row.code}"
    named = f"VAT code {row.code}, which {_rule(line)} names,"
    remedy = _remedy(line, "another VAT code")
    if wrong := unusable(row):
        yield _objection(what, f"{named} {wrong} in Exact, so this {leg.kind} would be refused.", remedy)
    elif leg.document is not Document.SALES_ENTRY:
        return
    elif row.use == PURCHASES:
        yield _objection(what, f"{named} is for purchases; a sale needs a code for sales.", remedy)
    elif row.type == INCLUDING:
        why = f"{named} includes the VAT in the amount, and Tillbridge sends amounts without it: Exact would book less."
        yield _objection(what, why, remedy)
    elif line.vat and not row.percentage:
        vat = written(line.vat, leg.currency)
        yield _objection(what, f"{named} carries no VAT, and Square charged {vat}: Exact would refuse it.", remedy)


# --- journals and currencies --------------------------------------------------------------------
def _journals(leg: LegPlan, facts: Facts) -> Iterable[Problem]:
    row = facts.journals.get(leg.journal)
    if row is None:
        return
    wrong = unusable(row)
    wanted = JOURNAL_TYPES.get(leg.document, (row.type,))
    if wrong:
        why = f"Journal {row.code} {wrong} in Exact, so this {leg.kind} would be refused."
    elif row.type not in wanted:
        needed = " or ".join(str(kind) for kind in wanted)
        why = f"Journal {row.code} is of type {row.type} in Exact; this {leg.kind} needs type {needed}."
    elif row.type == GENERAL and not row.allows_vat and any(line.vat_code for line in leg.lines):
        why = f"Journal {row.code} takes no VAT codes in Exact, and this {leg.kind} carries one."
    else:
        why = currency_objection(row, leg.currency)
    if why:
        yield _objection(f"journal {row.code}", why, "Choose another journal on the lane, or put it right in Exact.")


def currency_objection(journal: Journal, currency: str) -> str:
    """Why a journal cannot take this currency, as a sentence; "" when it can. One whose currency nobody has read can.

    A bank or cash journal must be kept in the currency itself: what Square has not paid out yet is a balance in that
    currency, and a journal in another would turn each change of the rate into a difference nobody can explain.
    """
    if not journal.currency or journal.currency == currency:
        return ""
    if journal.type in MONEY_JOURNALS:
        return (
            f"Journal {journal.code} is kept in {journal.currency}, and the locations take {currency}. A merchant in "
            f"{currency} needs a journal and an account of its own in {currency}; add them in Exact."
        )
    if journal.allows_other_currencies:
        return ""
    return (
        f"Journal {journal.code} is kept in {journal.currency} and takes no other currency, and the locations take "
        f"{currency}. Allow other currencies on it in Exact (variable currency), or add a sales journal in {currency}."
    )


def countable(currency: str) -> str:
    """Why nothing can be booked in a currency, as a sentence; "" when it can."""
    try:
        places = money.exponent(currency)
    except money.UnknownCurrency as unknown:
        return str(unknown)
    # Reference: exact-online.md 10.7, amounts are rounded to 2 decimals: a third one would be lost in each line.
    return "" if places <= 2 else f"Exact books two decimals, and {currency} has {places}: amounts would be cut."  # noqa: PLR2004


# --- cost centres and units ---------------------------------------------------------------------
def _costs(leg: LegPlan, facts: Facts) -> Iterable[Problem]:
    for line in leg.lines:
        account = facts.accounts.get(line.account.id)
        yield from _cost(
            line, "cost centre", line.cost_center, facts.cost_centers, account.cost_center_use if account else 0
        )
        yield from _cost(line, "cost unit", line.cost_unit, facts.cost_units, account.cost_unit_use if account else 0)


def _cost(line: Line, word: str, code: str, known: Mapping[str, Cached] | None, use: int) -> Iterable[Problem]:
    if not code and use == MANDATORY:
        why = f"GL account {line.account.code} demands a {word} in Exact, and {_rule(line)} names none."
        yield _objection(f"GL account {line.account.code}: {word}", why, f"Name one on the rule of {line.role.words}.")
    if not code or known is None:
        return
    row = known.get(code)
    wrong = unusable(row) if row else "does not exist"
    if wrong:
        why = f"The {word} {code}, which {_rule(line)} names, {wrong} in Exact."
        yield _objection(f"{word} {code}", why, _remedy(line, f"another {word}"))


CHECKS: tuple[Callable[[LegPlan, Facts], Iterable[Problem]], ...] = (
    _journals,
    _customer,
    _accounts,
    _vat_codes,
    _costs,
)
