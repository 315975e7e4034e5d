"""Which account, VAT code and cost centre an amount goes to: the most specific rule of the division wins.

1. A rule fits a case when its role is the case's, it is effective on that day, and each field it narrows on has the
   case's value. An empty field narrows nothing.
2. Roles that carry tax are stricter (`Role.is_taxed`): the rule must speak about the tax, by name, by rate or both; a
   case without any tax is met only by a rule whose tax name is `NO_TAX`.
3. Of the rules that fit, the one with more narrowing fields wins; with equally many, the one that narrows on the field
   that stands first in `PRECEDENCE`, then the next.
4. Of rules with the same narrowing, the newest that is effective. If two say different things from the same day on,
   nobody is guessed: a `Gap`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from mappings.bookkeeping.legs import Account
from mappings.roles import Role

# The fields that decide between equally many: what happened before who bought, before where, before the tax.
PRECEDENCE = (
    "payout_entry_type",
    "fee_type",
    "tender",
    "customer_kind",
    "category",
    "location",
    "tax_name",
    "tax_rate",
)
TAX_FIELDS = ("tax_name", "tax_rate")
NO_TAX = "(no tax)"  # the tax name of a rule that is meant for what Square charged no tax on
SUBJECT_LENGTH = 200
TAX = re.compile(r"(?:(?P<tax_name>.+), )?(?P<tax_rate>-?[\d.]+) %")


@dataclass(frozen=True, slots=True)
class Rule:
    """One GLMapping in use. `tax_rate` in per cents (21); `vat_account`: code of the VAT code's GL account.

    `code_rate`: per cents of the VAT code itself; `claim_account`: code of the account its VAT is claimed on.
    """

    id: int
    role: Role
    account: Account
    vat_code: str
    cost_center: str
    cost_unit: str
    effective_from: date
    vat_account: str = ""
    location: str = ""
    tender: str = ""
    tax_name: str = ""
    tax_rate: Decimal | None = None
    category: str = ""
    customer_kind: str = ""
    fee_type: str = ""
    payout_entry_type: str = ""
    code_rate: Decimal = Decimal(0)
    claim_account: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """An amount that looks for its account. Without tax: `tax_name` empty and `tax_rate` None."""

    role: Role
    on: date
    location: str = ""
    tender: str = ""
    tax_name: str = ""
    tax_rate: Decimal | None = None
    category: str = ""
    customer_kind: str = ""
    fee_type: str = ""
    payout_entry_type: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that decided, and why, as a sentence part for people."""

    rule: Rule
    reason: str


class Standing(StrEnum):
    """How a rule fares in a case, the winner first."""

    WINS = "wins"
    RIVALS = "rivals"
    BEATEN = "beaten"
    LATER = "later"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule in a case, and why, for people."""

    rule: Rule
    standing: Standing
    why: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing can be decided. `subject` is the same for equal causes on any day and at any location."""

    sentence: str
    subject: str
    is_ambiguous: bool = False


class RuleBook:
    """The rules of one division. Answers are remembered: a month asks the same few questions thousands of times."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_role: dict[Role, list[Rule]] = defaultdict(list)
        for rule in sorted(rules, key=lambda rule: rule.id):
            self._by_role[rule.role].append(rule)
        self._answers: dict[Case, Match | Gap] = {}

    def find(self, case: Case) -> Match | Gap:
        answer = self._answers.get(case)
        if answer is None:
            answer = self._answers[case] = _decide(self._by_role.get(case.role, ()), case)
        return answer

    def explain(self, case: Case) -> tuple[Match | Gap, tuple[Verdict, ...]]:
        """The answer of `find`, and what became of every rule of the role, the best first."""
        answer, rules = self.find(case), self._by_role.get(case.role, ())
        verdicts = [_verdict(rule, rules, case, answer) for rule in rules]
        order = list(Standing)
        verdicts.sort(key=lambda one: (order.index(one.standing), *_backwards(one.rule), one.rule.id))
        return answer, tuple(verdicts)


def _backwards(rule: Rule) -> tuple[int, tuple[bool, ...], int]:
    count, names, since = _rank(rule)
    return -count, tuple(not name for name in names), -since.toordinal()


def _verdict(rule: Rule, rules: Sequence[Rule], case: Case, answer: Match | Gap) -> Verdict:
    if not _fits(rule, case):
        return Verdict(rule, Standing.UNFIT, _misfit(rule, case))
    if rule.effective_from > case.on:
        return Verdict(rule, Standing.LATER, f"it counts only from {rule.effective_from}")
    best = max((one for one in rules if _fits(one, case) and one.effective_from <= case.on), key=_rank)
    if isinstance(answer, Gap):
        told = "it is as specific as another rule that says something else"
        return Verdict(rule, *((Standing.RIVALS, told) if _rank(rule) == _rank(best) else _beaten(rule, best)))
    if rule == answer.rule:
        return Verdict(rule, Standing.WINS, "of the rules that fit it is the most specific, and the newest of these")
    return Verdict(rule, *_beaten(rule, best))


def _beaten(rule: Rule, best: Rule) -> tuple[Standing, str]:
    mine, its = narrowing(rule), narrowing(best)
    if len(mine) != len(its):
        why = f"it narrows on {len(mine)}, {rule_name(best)} on {len(its)}: the more specific one wins"
    elif mine != its:
        decisive = next(name for name in PRECEDENCE if (name in its) != (name in mine))
        field = decisive.replace("_", " ")
        why = f"both narrow on {len(its)}, and {field}, on which {rule_name(best)} narrows, goes first"
    elif rule.effective_from != best.effective_from:
        why = f"{rule_name(best)} says the same of a later day, {best.effective_from}"
    else:
        why = f"{rule_name(best)} gives the same account and codes"
    return Standing.BEATEN, why


def _misfit(rule: Rule, case: Case) -> str:
    for name in PRECEDENCE:
        wanted = getattr(rule, name)
        if name not in TAX_FIELDS and wanted not in ("", getattr(case, name)):
            return f"it is only for {name.replace('_', ' ')} {wanted}"
    if rule.tax_name or rule.tax_rate is not None:
        rate = percent(rule.tax_rate) if rule.tax_rate is not None else ""
        return f"it is only for tax {' '.join(filter(None, [rule.tax_name, rate]))}"
    return "it names no tax, which a rule of this role must"


def _decide(rules: Sequence[Rule], case: Case) -> Match | Gap:
    fitting = [rule for rule in rules if _fits(rule, case)]
    effective = [rule for rule in fitting if rule.effective_from <= case.on]
    if not effective:
        return _missing(fitting, case)
    best = max(effective, key=_rank)
    rivals = [rule for rule in effective if _rank(rule) == _rank(best) and _outcome(rule) != _outcome(best)]
    if rivals:
        return _ambiguous([best, *rivals], case)
    return Match(rule=best, reason=describe(best))


def _fits(rule: Rule, case: Case) -> bool:
    return _fits_tax(rule, case) and all(
        getattr(rule, name) in ("", getattr(case, name)) for name in PRECEDENCE if name not in TAX_FIELDS
    )


def _fits_tax(rule: Rule, case: Case) -> bool:
    if case.role.is_taxed and not _has_tax(case):
        return rule.tax_name == NO_TAX and rule.tax_rate is None
    if case.role.is_taxed and not rule.tax_name and rule.tax_rate is None:
        return False
    named = not rule.tax_name or _folded(rule.tax_name) == _folded(case.tax_name)
    return named and rule.tax_rate in (None, case.tax_rate)


def _has_tax(case: Case) -> bool:
    return bool(case.tax_name) or case.tax_rate is not None


def _folded(name: str) -> str:
    """Tax names are typed by people: blanks and capitals do not make another tax."""
    return " ".join(name.split()).casefold()


def narrowing(rule: Rule) -> tuple[str, ...]:
    """The fields a rule narrows on, in order of precedence."""
    return tuple(name for name in PRECEDENCE if getattr(rule, name) not in ("", None))


def _rank(rule: Rule) -> tuple[int, tuple[bool, ...], date]:
    names = narrowing(rule)
    return len(names), tuple(name in names for name in PRECEDENCE), rule.effective_from


def _outcome(rule: Rule) -> tuple[str, str, str, str]:
    return rule.account.id, rule.vat_code, rule.cost_center, rule.cost_unit


def describe(rule: Rule) -> str:
    """'rule 12: revenue at 21 %, location Utrecht, since 2026-01-01'."""
    parts = [f"{rule_name(rule)}: {_taxed_words(rule)}", *_narrowed_words(rule), f"since {rule.effective_from}"]
    return ", ".join(parts)


def rule_name(rule: Rule) -> str:
    """'rule 12'; one that is only tried out has no number yet."""
    return f"rule {rule.id}" if rule.id else "the new rule"


def _taxed_words(subject: Rule | Case) -> str:
    rate = f" at {percent(subject.tax_rate)}" if subject.tax_rate is not None else ""
    return subject.role.words + rate


def _narrowed_words(subject: Rule | Case) -> list[str]:
    named = [f"tax {subject.tax_name}"] if subject.tax_name else []
    others = [(name.replace("_", " "), getattr(subject, name)) for name in PRECEDENCE if name not in TAX_FIELDS]
    return named + [f"{name} {value}" for name, value in others if value]


def percent(rate: Decimal) -> str:
    """Decimal('21.0000') -> '21 %'."""
    return f"{rate.normalize():f} %"


def _missing(later: Sequence[Rule], case: Case) -> Gap:
    wanted = _wanted(case)
    if later:
        first = min(later, key=lambda rule: (rule.effective_from, rule.id))
        remedy = f"Rule {first.id} fits, but only from {first.effective_from}: add one from an earlier day"
    elif case.role.is_taxed and not _has_tax(case):
        remedy = f"Add a GL mapping whose tax name is {NO_TAX}"
    else:
        remedy = "Add a GL mapping for it"
    return Gap(
        f"No rule gives the account for {wanted} on {case.on}. {remedy}; this record then goes on.", _subject(case)
    )


def _wanted(case: Case) -> str:
    untaxed = case.role.is_taxed and not _has_tax(case)
    what = f"{case.role.words} that Square charged no tax on" if untaxed else _taxed_words(case)
    ordinary = replace(case, customer_kind="") if case.customer_kind == "counter" else case
    return ", ".join([what, *_narrowed_words(ordinary)])


def _ambiguous(rules: Sequence[Rule], case: Case) -> Gap:
    ids = " and ".join(str(rule.id) for rule in sorted(rules, key=lambda rule: rule.id))
    sentence = (
        f"Rules {ids} are equally specific for {_wanted(case)} on {case.on} and name different accounts, VAT codes or "
        "cost centres. Ignore one or narrow it; this record then goes on."
    )
    return Gap(sentence, _subject(case), is_ambiguous=True)


def _subject(case: Case) -> str:
    """Without day and place, and without what most rules leave open: one missing rule is one cause."""
    parts = [case.tax_name, percent(case.tax_rate) if case.tax_rate is not None else ""]
    if case.role.is_taxed and not _has_tax(case):
        parts = [NO_TAX]
    if case.role is Role.OTHER_TENDER:
        parts.append(case.tender)
    parts += [case.fee_type, case.payout_entry_type]
    detail = ", ".join(filter(None, parts))
    return (f"{case.role.words}: {detail}" if detail else case.role.words)[:SUBJECT_LENGTH]


def asked_by(subject: str) -> dict[str, str]:
    """What a form for the missing rule starts with, by field name: `_subject` read backwards.

    Fees and payouts give their role alone; a subject that was cut off gives nothing.
    """
    words, _, detail = subject.partition(": ")
    role = next((role for role in Role if role.words == words), None)
    if role is None or len(subject) >= SUBJECT_LENGTH:
        return {}
    return {"role": role.value, **_narrowed_by(role, detail)}


def _narrowed_by(role: Role, detail: str) -> dict[str, str]:
    if role is Role.OTHER_TENDER:
        return {"tender": detail}
    if not role.is_taxed or not detail:
        return {}
    taxed = TAX.fullmatch(detail)
    return {name: value for name, value in taxed.groupdict().items() if value} if taxed else {"tax_name": detail}
