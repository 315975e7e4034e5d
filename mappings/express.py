"""Express set-up: a whole mapping proposed from a division's chart of accounts, VAT codes and journals.

Nothing is saved here. Each proposal says why; what several accounts fit equally is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from connections.models import Division
from mappings.models import GLMapping, Journal, LedgerAccount, VatCode
from mappings.resolution import NO_TAX, PRECEDENCE, percent
from mappings.roles import ACCOUNT_TYPES, Role

NONE = "N"  # the type of a VAT code for what carries no VAT
# Words by which a chart names a role's account, in the languages of the country sites. A guess, shown as the reason.
WORDS: dict[Role, tuple[str, ...]] = {
    Role.OTHER_TENDER: ("other tender", "voucher", "waardebon", "overige betaal"),
    Role.TIPS: ("tip", "fooi", "trinkgeld", "pourboire"),
    Role.SERVICE_CHARGE: ("service charge", "servicekosten", "bedieningsgeld", "bedienung"),
    Role.DISCOUNT: ("discount", "korting", "rabatt", "remise"),
    Role.GIFT_CARD: ("gift card", "cadeaubon", "cadeaukaart", "gutschein", "carte cadeau"),
    Role.BREAKAGE: ("breakage", "expired gift", "verlopen"),
    Role.PROCESSING_FEE: ("processing", "payment fee", "transactiekosten", "betaalkosten", "zahlungsgeb"),
    Role.PLATFORM_FEE: ("platform",),
    Role.FEE_VAT_PENDING: ("invoice pending", "vat on fees", "btw nog te"),
    Role.ROUNDING: ("rounding", "afronding", "rundung", "arrondi"),
    Role.DISPUTE: ("disputed", "chargeback", "betwist"),
    Role.DISPUTE_LOSS: ("losses on dispute", "dispute loss", "verlies"),
    Role.RESERVE: ("reserve held", "reserve square", "reserve"),
    Role.LOAN: ("square loan", "loan", "lening", "darlehen"),
    Role.SUSPENSE: ("suspense", "vraagposten", "tussenrekening", "klärung"),
    Role.TRANSIT: ("in transit", "kruispost", "onderweg", "unterwegs"),
    Role.ACCRUAL: ("accrual", "overlopend", "transitor"),
}
# Sales lines without tax: Exact would take the account's own VAT code if the rule named none.
UNTAXED_SALES = frozenset({Role.TIPS, Role.GIFT_CARD, Role.ROUNDING})
TAXED = (Role.REVENUE, Role.SERVICE_CHARGE, Role.DISCOUNT)
ROLES = tuple(role for role in Role if role in WORDS and role not in TAXED)
JOURNALS = ((20, "sales journal"), (12, "clearing journal"), (10, "cash journal"))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule that could be, and why. `narrowed`: what it narrows on, by field."""

    role: Role
    account: LedgerAccount
    vat_code: VatCode | None
    reason: str
    narrowed: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same as long as the proposal says the same: what a person ticked is what is saved."""
        narrowed = ",".join(f"{name}={value}" for name, value in sorted(self.narrowed.items()))
        code = self.vat_code.pk if self.vat_code else 0
        return f"{self.role}|{narrowed}|{self.account.pk}|{code}|{','.join(sorted(self.more.values()))}"

    @property
    def words(self) -> str:
        return " · ".join([self.role.words, *(_value(value) for value in self.narrowed.values())])

    def row(self, division: Division, *, since: date) -> GLMapping:
        return GLMapping(
            division=division, role=self.role.value, account=self.account, vat_code=self.vat_code, reason=self.reason,
            effective_from=since, **self.narrowed, **self.more,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposed:
    """`open`: (for what, why nothing is proposed); `notes`: what else a person wants to know."""

    proposals: Sequence[Proposal]
    open: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()


def _value(value: Any) -> str:
    return percent(value) if isinstance(value, Decimal) else str(value)


class Chart:
    """What of a division can be used now."""

    def __init__(self, division: Division) -> None:
        usable = {"division": division, "is_blocked": False, "gone_at": None}
        self.accounts = list(LedgerAccount.objects.filter(**usable).order_by("code"))
        self.codes = list(VatCode.objects.filter(**usable).exclude(use="P").order_by("code"))
        self.journals = list(Journal.objects.filter(**usable).order_by("code"))

    def of(self, role: Role) -> list[LedgerAccount]:
        return [row for row in self.accounts if row.type in ACCOUNT_TYPES[role]]


def propose(division: Division) -> Proposed:
    """One rule per role, and per rate where a role carries tax; without those that the division has already."""
    chart, known = Chart(division), existing(division)
    made = [*_plain(chart), *_taxed(chart)]
    found = [one for one in made if isinstance(one, Proposal)]
    fresh = [one for one in found if (one.role.value, narrowing_of(one.narrowed)) not in known]
    return Proposed(fresh, [one for one in made if not isinstance(one, Proposal)], _journals(chart))


def existing(division: Division) -> set[tuple[str, tuple[Any, ...]]]:
    """Role and narrowing of every rule the division has, whatever became of it."""
    rows = GLMapping.objects.filter(division=division)
    return {(row.role, narrowing_of({name: getattr(row, name) for name in PRECEDENCE})) for row in rows}


def narrowing_of(narrowed: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(narrowed.get(name) or (narrowed.get(name) if name == "tax_rate" else "") for name in PRECEDENCE)


# --- Roles without tax ----------------------------------------------------------------------------
def _plain(chart: Chart) -> Iterator[Proposal | tuple[str, str]]:
    for role in ROLES:
        account, why = _account(chart.of(role), role)
        if account is None:
            yield role.words, why
            continue
        code, about = _untaxed(chart) if role in UNTAXED_SALES else (None, "")
        if role in UNTAXED_SALES and code is None:
            yield role.words, about
        else:
            yield Proposal(role, account, code, "; ".join(filter(None, [why, about])))


def _account(rows: Sequence[LedgerAccount], role: Role) -> tuple[LedgerAccount | None, str]:
    """By the first of the role's words that names exactly one account."""
    types = " or ".join(str(kind) for kind in sorted(ACCOUNT_TYPES[role]))
    if not rows:
        return None, f"The chart has no account of type {types} that can be used."
    for word in WORDS[role]:
        named = [row for row in rows if word in row.name.casefold()]
        if len(named) == 1:
            return named[0], f"type {named[0].type}, and its name holds “{word}”"
        if named:
            told = ", ".join(str(row) for row in named[:4])
            return None, f"Several accounts fit equally: {told}. Choose one by hand."
    return None, f"No account of type {types} has a name that says so. Choose one by hand if you need it."


def _untaxed(chart: Chart) -> tuple[VatCode | None, str]:
    rows = [row for row in chart.codes if row.type == NONE]
    if len(rows) == 1:
        return rows[0], f"VAT code {rows[0].code} is the one without VAT (type {NONE})"
    return None, f"{len(rows)} VAT codes of type {NONE} (no VAT); exactly one is needed to propose it."


# --- Roles with tax -------------------------------------------------------------------------------
def _taxed(chart: Chart) -> Iterator[Proposal | tuple[str, str]]:
    claimed = {row.pk for role in (*TAXED[1:], *ROLES) for row in [_account(chart.of(role), role)[0]] if row}
    rates = sorted({row.percentage for row in chart.codes if row.type != NONE}, reverse=True)
    for role in TAXED:
        for rate in rates:
            yield from _at(chart, role, rate, claimed)


def _at(chart: Chart, role: Role, rate: Decimal, claimed: set[int]) -> Iterator[Proposal | tuple[str, str]]:
    shown = (rate * 100).normalize()
    what = f"{role.words} at {percent(shown)}"
    code, about = _code(chart, rate)
    if code is None:
        yield what, about
        return
    account, why = _selling(chart, role, code, shown, claimed)
    if account is None:
        yield what, why
        return
    reason = "; ".join([why, about])
    if role is Role.REVENUE or rate:
        yield Proposal(role, account, code, reason, {"tax_rate": shown})
    if not rate:
        yield Proposal(role, account, code, reason, {"tax_name": NO_TAX})


def _code(chart: Chart, rate: Decimal) -> tuple[VatCode | None, str]:
    """The exclusive code of the rate: Square's tax is sent beside the net amount."""
    rows = [row for row in chart.codes if row.percentage == rate and row.type == "E"]
    if len(rows) == 1:
        return rows[0], f"VAT code {rows[0].code} is the one of {percent((rate * 100).normalize())} excluding"
    told = ", ".join(str(row) for row in rows[:4]) or "none"
    return None, f"Exactly one VAT code of this rate, excluding, is needed to propose it; found: {told}."


def _selling(
    chart: Chart, role: Role, code: VatCode, rate: Decimal, claimed: set[int]
) -> tuple[LedgerAccount | None, str]:
    if role is not Role.REVENUE:
        return _account(chart.of(role), role)
    rows = [row for row in chart.of(role) if row.pk not in claimed]
    ways = (
        ([row for row in rows if row.vat_code.strip() == code.code], f"type 110, and its own VAT code is {code.code}"),
        ([row for row in rows if _names(row, rate)], f"type 110, and its name holds “{percent(rate)}”"),
        (rows, "the only account of type 110 that is left"),
    )
    for found, why in ways:
        if len(found) == 1:
            return found[0], why
    told = ", ".join(str(row) for row in rows[:4]) or "none"
    return None, f"No single account of type 110 fits: {told}. Choose one by hand."


def _names(row: LedgerAccount, rate: Decimal) -> bool:
    words = row.name.replace("%", " % ").split()
    return any(word == f"{rate:f}" and after == "%" for word, after in pairwise(words))


# --- Journals -------------------------------------------------------------------------------------
def _journals(chart: Chart) -> list[str]:
    """Clearing and cash are accounts of journals, which the lane names: said here, decided there."""
    told = []
    for kind, word in JOURNALS:
        rows = [row for row in chart.journals if row.type == kind]
        named = [row for row in rows if "square" in row.name.casefold()] or rows
        names = ", ".join(str(row) for row in named[:4]) or "none of the right type: add one in Exact"
        told.append(f"The lane's {word} (type {kind}): {names}.")
    return told
