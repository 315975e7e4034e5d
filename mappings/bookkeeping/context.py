"""What planning a record needs to know besides the record: the lane's choices, and who and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from connections import money
from mappings.bookkeeping.conventions import ConventionBook, Conventions
from mappings.bookkeeping.legs import Account, Debtor, LegPlan, Line, Problem, ProblemKind
from mappings.resolution import Case, Gap, Match, RuleBook
from mappings.roles import Role

SECOND = "/2"  # the suffix of the second line of a pair that nets to zero


@dataclass(frozen=True, slots=True)
class Origin:
    """A sale as it was booked, and the credits of it that stand."""

    sale: LegPlan
    earlier: tuple[LegPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """`location` is the word that the rules use for it. `tender_journals`: tender as the rules write it
    ("EXTERNAL:CHECK", "GIFT_CARD") -> the code of its own journal and that journal's account.
    `rounding_limit`: minor units that Square's own figures may be off before a record waits.
    `special_codes`: VAT codes whose sales may not be grouped (export, intra-community, OSS).
    `vat_journals`: codes of the journals that allow VAT. `origins`: the sales that an exchange takes goods back of, by
    order id.
    """

    rulebook: RuleBook
    debtor: Debtor | Problem
    receivables: Account | None
    timezone: ZoneInfo
    location: str
    sales_journal: str
    clearing_journal: str
    clearing_account: Account | None
    cash_journal: str = ""
    cash_account: Account | None = None
    tender_journals: Mapping[str, tuple[str, Account | None]] = field(default_factory=dict)
    sales_grouping: Literal["per_payment", "daily_summary"] = "per_payment"
    rounding_limit: int = 2
    accepted_currency: str = "EUR"
    special_codes: frozenset[str] = frozenset()
    conventions: ConventionBook = field(default_factory=ConventionBook)
    vat_journals: frozenset[str] = frozenset()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def local_date(self, moment: datetime) -> date:
        """The day at the till, which is the day of the books."""
        return moment.astimezone(self.timezone).date()


class Waits(Exception):
    """Raised inside this package while a leg is made; the leg then carries the problem instead of lines."""

    def __init__(self, kind: ProblemKind, sentence: str, subject: str = "") -> None:
        super().__init__(sentence)
        self.problem = Problem(kind=kind, sentence=sentence, subject=subject)


def conventions_of(leg: LegPlan, context: Context) -> Conventions:
    """The choices a leg follows: those it was booked by, else those of its day."""
    return context.conventions.of(leg.kind, leg.source_id, leg.ordinal, leg.date)


def waiting(leg: LegPlan, problem: Problem) -> LegPlan:
    return replace(leg, problem=problem, lines=())


def debtor(context: Context) -> Debtor:
    """Who owes. Raises `Waits` with the problem that stands in its place."""
    if isinstance(context.debtor, Problem):
        raise Waits(context.debtor.kind, context.debtor.sentence, context.debtor.subject)
    return context.debtor


def receivables(owing: Debtor, context: Context) -> Account:
    account = owing.receivables or context.receivables
    if account is None:
        sentence = "The division names no receivables account. Read its GL accounts again or set one, then replay."
        raise Waits(ProblemKind.UNMAPPED_ACCOUNT, sentence, Role.RECEIVABLES.words)
    return account


def rule_for(case: Case, context: Context) -> Match:
    """The rule for a case. Raises `Waits`: no rule, two rules, or a sales rule that leaves the VAT code to Exact."""
    found = context.rulebook.find(case)
    if isinstance(found, Gap):
        untaxed = found.is_ambiguous or not case.role.is_taxed
        raise Waits(
            ProblemKind.UNMAPPED_ACCOUNT if untaxed else ProblemKind.UNMAPPED_TAX, found.sentence, found.subject
        )
    return found


def line(match: Match, amount: int, *, because: str = "", **more: Any) -> Line:
    """A line on the account of a rule; `because` is the convention that shaped it."""
    rule = match.rule
    return Line(
        role=rule.role,
        account=rule.account,
        amount=amount,
        cost_center=rule.cost_center,
        cost_unit=rule.cost_unit,
        rule=rule.id,
        note="; ".join(filter(None, [match.reason, because])),
        **more,
    )


def sales_line(match: Match, amount: int, **more: Any) -> Line:
    """As `line`, with the rule's VAT code, without which Exact falls back on the GL account's and taxes a tip."""
    rule = match.rule
    if not rule.vat_code:
        sentence = (
            f"Rule {rule.id} ({rule.role.words}) names no VAT code, and Exact would take the default of GL account "
            f"{rule.account.code}. Set one on the rule (a code of type N where there is no VAT), then replay."
        )
        raise Waits(ProblemKind.UNMAPPED_TAX, sentence, f"rule {rule.id}: no VAT code")
    return line(match, amount, vat_code=rule.vat_code, vat_account=rule.vat_account, **more)


def written(amount: int, currency: str) -> str:
    return money.written(amount, currency)
