"""What stands on a side-by-side page: Square's record, each candidate of Exact in a column, and who may be the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

from mappings import accepting, likeness, profiles, proposals, soundness, suggestions
from mappings.bookkeeping.validation import unusable
from mappings.conflicts import comparing, sharing
from mappings.conflicts.comparing import Cell, Line, Verdict
from mappings.conflicts.deciding import target_of
from mappings.models import (
    CustomerMapping,
    DebtorAccount,
    ExactItem,
    GLMapping,
    ItemMapping,
    LedgerAccount,
    PaymentCondition,
    ReferenceRow,
    VatCode,
)
from mappings.roles import ACCOUNT_TYPES, Role
from mappings.suggestions import Party

FOUND = 5
SHOWN_PEOPLE = 3
# Open customers that are compared with one of them; the newest.
COMPARED = 300
Row = TypeVar("Row", bound=ReferenceRow)


@dataclass(frozen=True, slots=True)
class Column:
    """A candidate. `unfit`: why it cannot be chosen, "" when it can; `shared`: whose account it is already."""

    row: Any
    percent: int | None
    because: str
    unfit: str = ""
    shared: str = ""
    is_found: bool = False

    @property
    def may_be_chosen(self) -> bool:
        return not self.unfit


@dataclass(frozen=True, slots=True)
class Other:
    """Another customer of Square that may be the same party: `why` in words, `now` where it is booked today."""

    row: CustomerMapping
    why: str
    now: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    others: tuple[Other, ...] = ()
    is_instant: bool = False
    is_unknown: bool = False


def of(row: Any, *, query: str = "") -> Board:
    """A constant number of statements, however many candidates, others and customers there are."""
    made: Callable[..., Board] = BOARDS[type(row)]
    return made(row, query)


def _candidates(row: Any, rows: QuerySet[Row], query: str, wanted: Q) -> tuple[list[Row], list[Row]]:
    """The candidates in the order of their evidence, what was chosen first; and what the search found besides."""
    ids = [candidate["id"] for candidate in row.candidates]
    chosen = target_of(row)
    if chosen is not None:
        ids = [chosen.remote_id, *(one for one in ids if one != chosen.remote_id)]
    held = {one.remote_id: one for one in rows.filter(remote_id__in=ids)}
    usable = rows.filter(gone_at=None).exclude(remote_id__in=ids)
    found = list(usable.filter(wanted).order_by("is_blocked", "code")[:FOUND]) if query else []
    return [held[one] for one in ids if one in held], found


def _evidence(row: Any) -> dict[str, dict[str, Any]]:
    return {candidate["id"]: candidate for candidate in row.candidates}


# --- Customers -----------------------------------------------------------------------------------
def _customer(row: CustomerMapping, query: str) -> Board:
    rows = proposals.with_people(DebtorAccount.objects.filter(division=row.division_id))
    wanted = Q(code__istartswith=query) | Q(name__icontains=query) | Q(email__iexact=query) | Q(vat_number=query)
    likely, found = _candidates(row, rows, query, wanted)
    debtors = [*likely, *found]
    home, profile = row.division.country, row.square_profile
    ours = profiles.party(profile, home) if profile else Party(name=row.square_name, country=home)
    shared = sharing.customers_of([debtor.pk for debtor in debtors], but=row)
    columns = [
        _debtor_column(row, ours, debtor, shared.get(debtor.pk, []), home, is_found=debtor in found)
        for debtor in debtors
    ]
    conditions = _conditions(row.division_id, debtors)
    cells = [_debtor_cells(ours, debtor, conditions, home) for debtor in debtors]
    moving = [one for customers in shared.values() for one in customers]
    return Board(
        columns=tuple(columns), lines=comparing.lines(_square_side(row, ours), cells),
        others=(*_open_others(row, ours, home, query), *(_moving(one) for one in moving)),
        is_instant=profiles.is_instant(profile), is_unknown=not profile,
    )  # fmt: skip


def _debtor_column(
    row: CustomerMapping,
    ours: Party,
    debtor: DebtorAccount,
    shared: list[CustomerMapping],
    home: str,
    *,
    is_found: bool,
) -> Column:
    """With the evidence of now; of a customer of whom nothing is kept, that of when it was proposed."""
    match = suggestions.compare(ours, proposals.exact_party(debtor, home))
    told = proposals.evidence(match) if row.square_profile else _evidence(row).get(debtor.remote_id, {})
    return Column(
        row=debtor, percent=told.get("percent"), because=_because(told), unfit=soundness.debtor_trouble(debtor),
        shared=sharing.named(shared), is_found=is_found,
    )  # fmt: skip


def _because(told: Mapping[str, Any]) -> str:
    parts = [("agree", told.get("agrees")), ("differ", told.get("differs"))]
    said = [f"{', '.join(names)} {_verb(word, names)}" for word, names in parts if names]
    return "; ".join(said)


def _verb(word: str, names: Sequence[str]) -> str:
    return f"{word}s" if len(names) == 1 else word


def _conditions(division: int, debtors: Iterable[DebtorAccount]) -> dict[str, str]:
    codes = {debtor.payment_condition for debtor in debtors} - {""}
    rows = PaymentCondition.objects.filter(division=division, code__in=codes, gone_at=None)
    return {row.code: str(row) for row in rows}


def _square_side(row: CustomerMapping, ours: Party) -> list[tuple[str, str]]:
    """Field by field in the order of the page; the fields of `suggestions.facts` by their names there."""
    profile = row.square_profile
    company = profile.get("company", "")
    return [
        ("Name", ours.name), ("Contact", profiles.person(profile) if company else ""), ("VAT number", ours.vat_number),
        ("Chamber of commerce", ours.registration), ("E-mail", ours.email), ("Phone", ours.phone),
        ("Address", profiles.address(profile)), ("Payment condition", ""), ("In use", ""),
    ]  # fmt: skip


def _debtor_cells(ours: Party, debtor: DebtorAccount, conditions: Mapping[str, str], home: str) -> dict[str, Cell]:
    said = comparing.verdicts(ours, proposals.exact_party(debtor, home))
    town = " ".join(filter(None, [debtor.postcode, debtor.city]))
    condition = debtor.payment_condition
    return {
        "Name": Cell(debtor.name, said[suggestions.NAME]),
        "Contact": Cell(", ".join(person.name for person in getattr(debtor, "people", ())[:SHOWN_PEOPLE])),
        "VAT number": Cell(debtor.vat_number, said["VAT number"]),
        "Chamber of commerce": Cell(debtor.registration_number, said["chamber of commerce"]),
        "E-mail": Cell(debtor.email, said["e-mail"]),
        "Phone": Cell(debtor.phone, said["phone"]),
        "Address": Cell(", ".join(filter(None, [debtor.address, town, debtor.country])), said["address"]),
        "Payment condition": Cell(conditions.get(condition, condition)),
        "In use": Cell(soundness.debtor_trouble(debtor) or "yes"),
    }


def _open_others(row: CustomerMapping, ours: Party, home: str, query: str) -> list[Other]:
    """Customers of Square nobody has decided on either, that resemble this one or are looked for by name or id."""
    rows = CustomerMapping.objects.filter(division=row.division_id, status__in=accepting.OPEN).exclude(pk=row.pk)
    near = list(rows.order_by("-pk")[:COMPARED])
    wanted = Q(square_name__istartswith=query) | Q(square_customer_id=query)
    asked = list(rows.filter(wanted).order_by("-pk")[:FOUND]) if query else []
    told = {other.pk: Other(other, "found by your search") for other in asked}
    for other in near:
        theirs = profiles.party(other.square_profile, home)
        match = suggestions.compare(ours, theirs)
        if match.score >= suggestions.POSSIBLE:
            told[other.pk] = Other(other, _because(proposals.evidence(match)))
    return list(told.values())


def _moving(row: CustomerMapping) -> Other:
    return Other(row, "is on one of these accounts", now=str(row.debtor))


# --- Articles ------------------------------------------------------------------------------------
def _item(row: ItemMapping, query: str) -> Board:
    rows = ExactItem.objects.filter(division=row.division_id)
    likely, found = _candidates(row, rows, query, Q(code__istartswith=query) | Q(name__icontains=query))
    evidence = _evidence(row)
    items = [*likely, *found]
    columns = [
        Column(item, None, _because(evidence.get(item.remote_id, {})), unfit=unusable(item), is_found=item in found)
        for item in items
    ]
    code = row.square_item.removeprefix("name:")
    cells = [
        {
            "Code": Cell(item.code, _any(item.code, code, row.square_name)),
            "Name": Cell(item.name, _any(item.name, row.square_name, code)),
            "Unit": Cell(item.unit),
            "In use": Cell(unusable(item) or "yes"),
        }
        for item in items
    ]
    labels = [("Code", row.square_item), ("Name", row.square_name), ("Unit", ""), ("In use", "")]
    return Board(tuple(columns), comparing.lines(labels, cells))


def _any(theirs: str, *ours: str) -> Verdict:
    """Sellers put a code where it suits them: it agrees with whatever Square has that is written the same."""
    if not likeness.bare(theirs):
        return Verdict.ONLY_OURS if any(ours) else Verdict.NOTHING
    said = [comparing.same_text(one, theirs) for one in ours if one]
    return Verdict.AGREES if Verdict.AGREES in said else Verdict.DIFFERS if said else Verdict.ONLY_THEIRS


# --- Rules ---------------------------------------------------------------------------------------
def _rule(row: GLMapping, query: str) -> Board:
    role = Role(row.role)
    types = ACCOUNT_TYPES.get(role, frozenset())
    rows = LedgerAccount.objects.filter(division=row.division_id)
    wanted = Q(code__istartswith=query) | Q(name__icontains=query)
    likely, found = _candidates(row, rows, query, wanted & Q(type__in=types) if types else wanted)
    evidence, accounts = _evidence(row), [*likely, *found]
    used = {one.remote_id: evidence.get(one.remote_id, {}).get("vat_code") or one.vat_code for one in accounts}
    codes = VatCode.objects.filter(division=row.division_id, code__in=used.values(), gone_at=None)
    known = {code.code: code for code in codes}
    columns = [
        _account_column(
            row, one, evidence.get(one.remote_id, {}), known.get(used[one.remote_id]), is_found=one in found
        )
        for one in accounts
    ]
    cells = [_account_cells(row, one, known.get(used[one.remote_id])) for one in accounts]
    wanted_type = " or ".join(str(kind) for kind in sorted(types))
    labels = [
        ("Type", wanted_type), ("VAT", _taxed(row)), ("Tender", row.tender), ("Location", row.location),
        ("In use", ""),
    ]  # fmt: skip
    return Board(tuple(columns), comparing.lines(labels, cells))


def _taxed(row: GLMapping) -> str:
    rate = f"{row.tax_rate.normalize():f} %" if row.tax_rate is not None else ""
    return " ".join(filter(None, [row.tax_name, rate if rate not in row.tax_name else ""]))


def _account_column(
    row: GLMapping, account: LedgerAccount, told: Mapping[str, Any], code: VatCode | None, *, is_found: bool
) -> Column:
    wrong = unusable(account)
    if not wrong and Role(row.role).is_taxed and code is None and row.vat_code_id is None:
        wrong = "has no VAT code in Exact: choose one on the rule's own page"
    because = "; ".join(told.get("agrees", ()))
    return Column(account, told.get("percent"), because, unfit=wrong, is_found=is_found)


def _account_cells(row: GLMapping, account: LedgerAccount, code: VatCode | None) -> dict[str, Cell]:
    role = Role(row.role)
    types = ACCOUNT_TYPES.get(role, frozenset())
    fits = Verdict.AGREES if account.type in types else Verdict.DIFFERS if types else Verdict.NOTHING
    told = f"{code}, {(code.percentage * 100).normalize():f} %" if code else ""
    return {
        "Type": Cell(str(account.type), fits),
        "VAT": Cell(told if role.is_taxed else "", _rate(row, code) if role.is_taxed else Verdict.NOTHING),
        "In use": Cell(unusable(account) or "yes"),
    }


def _rate(row: GLMapping, code: VatCode | None) -> Verdict:
    if code is None:
        return Verdict.ONLY_OURS
    return Verdict.AGREES if code.percentage * 100 == (row.tax_rate or 0) else Verdict.DIFFERS


BOARDS: Mapping[type[Any], Callable[[Any, str], Board]] = {
    CustomerMapping: _customer, ItemMapping: _item, GLMapping: _rule,
}  # fmt: skip
