"""A leg, and what its entry moves in the ledger, ready for a template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit import adminkit
from audit.adminkit import number
from mappings.bookkeeping import explanation
from mappings.bookkeeping.correction import place_of
from mappings.bookkeeping.legs import LegKind, LegPlan, OrderedItem, ledger
from mappings.models import GLMapping, LedgerAccount
from mappings.roles import words_of
from sync.admin import naming, shown
from sync.admin.naming import Names
from sync.legs import plan_of
from sync.lifecycle import LegState
from sync.models import Leg, Posting

DOCUMENTS = {
    "sales_entry": "Sales entry", "bank_entry": "Bank entry", "cash_entry": "Cash entry",
    "sales_order": "Sales order", "quotation": "Quotation",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShownLine:
    role: str
    account: str
    net: Any
    vat_code: str
    vat: Any
    why: str
    rule_url: str


@dataclass(frozen=True, slots=True)
class Movement:
    """One ledger account: exactly one of debit and credit is filled."""

    account: str
    debit: Any
    credit: Any


@dataclass(frozen=True, slots=True)
class ShownLeg:
    title: str
    plan: LegPlan
    reference: str
    state: Any
    document: str
    debtor: str
    lines: Sequence[ShownLine]
    movements: Sequence[Movement]
    total: Any
    moved: Sequence[str]
    problem: str
    todo: str
    fix_url: str
    fix_label: str
    posting: Posting | None
    posting_url: str
    posting_state: Any


@dataclass(frozen=True, slots=True)
class Words:
    """What legs of one division need to be read by people: names of GL accounts, and of what Square calls by id."""

    division_id: int
    accounts: Mapping[str, str]
    ids: Names


def names_of(division_id: int, plans: Iterable[LegPlan], *, more: Iterable[str] = ()) -> dict[str, str]:
    """GL code -> name, for every account the plans mention, in one statement."""
    codes = {*more}
    for plan in plans:
        codes |= {line.account.code for line in plan.lines} | {line.vat_account for line in plan.lines}
        codes |= {plan.main_account.code} if plan.main_account else set()
    rows = LedgerAccount.objects.filter(division=division_id, code__in=codes)
    return dict(rows.values_list("code", "name"))


def named(code: str, names: Mapping[str, str]) -> str:
    return {"vat": "VAT, by its code"}.get(code) or f"{code} {names.get(code, '')}".strip()


def shown_leg(leg: Leg, words: Words) -> ShownLeg:
    """A stored leg; its `posting` must be loaded."""
    return _shown(
        plan_of(leg), words, reference=leg.reference, state=shown.leg_badge(leg), posting=leg.posting,
        problem="" if leg.state == LegState.DISMISSED else leg.problem, kind=leg.problem_kind,
        subject=leg.problem_subject,
    )  # fmt: skip


def shown_plan(plan: LegPlan, words: Words) -> ShownLeg:
    """A leg that exists only in a preview."""
    problem = plan.problem
    return _shown(
        plan, words, problem=problem.sentence if problem else "", kind=problem.kind if problem else "",
        subject=problem.subject if problem else "",
    )  # fmt: skip


def _shown(
    plan: LegPlan, words: Words, *, problem: str, kind: str, subject: str,
    reference: str = "", state: Any = "", posting: Posting | None = None,
) -> ShownLeg:  # fmt: skip
    remedy = shown.remedy(kind)
    return ShownLeg(
        title=_title(plan),
        plan=plan,
        reference=reference,
        state=state,
        document=DOCUMENTS[plan.document],
        debtor=plan.debtor.name if plan.debtor else "",
        lines=[_line(plan, line, words) for line in plan.lines],
        movements=movements_of(plan, words.accounts),
        total=shown.leg_money(plan),
        moved=[naming.readable(told) for told in explanation.moved(plan)],
        problem=words.ids.read(problem),
        todo=remedy.todo if remedy else "",
        fix_url=shown.remedy_url(kind, subject, words.ids, since=plan.date, division=words.division_id),
        fix_label=remedy.button if remedy else "",
        posting=posting,
        posting_url=adminkit.admin_url(Posting, posting.pk) if posting else "",
        posting_state=shown.posting_badge(posting) if posting else "",
    )


def _title(plan: LegPlan) -> str:
    """What it is, and whether it takes back what was booked before or stands in its place."""
    name = plan.kind.replace("_", " ").capitalize()
    if plan.is_reversal:
        return f"{name}, taken back"
    if plan.kind is LegKind.ORDER:
        return f"{name}, changed" if plan.ordinal else name
    return f"{name}, corrected" if place_of(plan.ordinal) != plan.ordinal else name


def _line(plan: LegPlan, line: Any, words: Words) -> ShownLine:
    return ShownLine(
        role=_asked(line.item) if line.item else words_of(line.role),
        account=named(line.account.code, words.accounts),
        net=shown.money(line.amount, plan.currency),
        vat_code=line.vat_code,
        vat=shown.money(line.vat, plan.currency) if line.vat else "",
        why=words.ids.read(line.note),
        rule_url=adminkit.admin_url(GLMapping, line.rule) if line.rule else "",
    )


def _asked(item: OrderedItem) -> str:
    """2 x MUG Mug"""
    return f"{number(item.quantity)} x {item.code} {item.text}"


def movements_of(plan: LegPlan, names: Mapping[str, str]) -> list[Movement]:
    if plan.main_account is None:
        return []
    return movements(ledger(plan.document, plan.main_account.code, plan.lines), plan.currency, names)


def movements(moved: Mapping[str, int], currency: str, names: Mapping[str, str]) -> list[Movement]:
    """Debits first, then credits, as a bookkeeper writes a journal entry."""
    ordered = sorted(moved.items(), key=lambda pair: (pair[1] < 0, pair[0]))
    return [
        Movement(
            named(code, names),
            debit=shown.money(total, currency) if total > 0 else "",
            credit=shown.money(-total, currency) if total < 0 else "",
        )
        for code, total in ordered
    ]
