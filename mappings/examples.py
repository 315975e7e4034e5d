"""Examples that finance writes: what must come of an amount, tried on every save of a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connections import money
from connections.models import Division
from mappings import decisions
from mappings.bookkeeping.context import Waits, line, sales_line
from mappings.bookkeeping.inside import vat_inside
from mappings.controls import MappingExample
from mappings.models import GLMapping
from mappings.resolution import PRECEDENCE, Case, Gap, RuleBook
from mappings.roles import Role


@dataclass(frozen=True, slots=True)
class Given:
    """What a rule book gives for an example: the line, or the sentence that stands in its place. Minor units."""

    account: str = ""
    vat_code: str = ""
    net: int = 0
    vat: int = 0
    sentence: str = ""

    def words(self, currency: str) -> str:
        if self.sentence:
            return self.sentence
        code = f" with VAT code {self.vat_code}" if self.vat_code else ""
        net, vat = money.written(self.net, currency), money.written(self.vat, currency)
        return f"{self.account}{code}: net {net}, VAT {vat}"


def case_of(example: MappingExample) -> Case:
    fields: Mapping[str, Any] = {name: getattr(example, name) for name in PRECEDENCE}
    return Case(role=Role(example.role), on=example.on, **fields)


def given(example: MappingExample, book: RuleBook) -> Given:
    """What the rules make of the amount. The tax inside is taken out as everywhere Square states none."""
    found = book.find(case_of(example))
    if isinstance(found, Gap):
        return Given(sentence=found.sentence)
    gross = money.to_minor(example.amount, example.division.currency)
    vat = vat_inside(gross, example.tax_rate or Decimal(0))
    try:
        made = sales_line(found, gross - vat, vat=vat) if example.vat_code_id or found.rule.role.is_taxed else None
    except Waits as waits:
        return Given(sentence=waits.problem.sentence)
    made = made or line(found, gross - vat, vat=vat, vat_code=found.rule.vat_code)
    return Given(made.account.code, made.vat_code, made.amount, made.vat)


def wanted(example: MappingExample) -> Given:
    currency = example.division.currency
    code = example.vat_code.code if example.vat_code else ""
    net, vat = money.to_minor(example.net, currency), money.to_minor(example.vat, currency)
    return Given(example.account.code, code, net, vat)


def book_of(division: Division, *, changed: Sequence[GLMapping] = ()) -> RuleBook:
    return RuleBook(decisions.rules_of(division, changed=changed))


def broken(changed: Sequence[GLMapping]) -> list[str]:
    """Examples that do not hold after this change and of which the change alters what comes out, as sentences.

    One that fails already and that the change does not touch keeps nobody from mending something else.
    """
    divisions = {row.division_id: row.division for row in changed if row.division_id}
    return [told for division in divisions.values() for told in _broken(division, changed)]


def _broken(division: Division, changed: Sequence[GLMapping]) -> list[str]:
    rows = list(_in_force(division))
    if not rows:
        return []
    before, after = book_of(division), book_of(division, changed=changed)
    told = []
    for example in rows:
        made = given(example, after)
        if made != wanted(example) and made != given(example, before):
            told.append(f"This would break an example: {example}. It would give {made.words(division.currency)}")
    return told


def failing(division: Division) -> list[tuple[MappingExample, str]]:
    """Examples that do not hold now, with what comes out instead."""
    book = book_of(division)
    return [
        (example, made.words(division.currency))
        for example in _in_force(division)
        if (made := given(example, book)) != wanted(example)
    ]


def _in_force(division: Division) -> Sequence[MappingExample]:
    rows = MappingExample.objects.filter(division=division, is_in_force=True)
    return list(rows.select_related("division", "account", "vat_code"))
