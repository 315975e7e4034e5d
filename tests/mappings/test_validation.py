"""What Exact would refuse is found before it is sent: one row a rule of Exact, and nothing else is held up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mappings.bookkeeping.legs import Account, LegPlan, ProblemKind
from mappings.bookkeeping.payments import plan
from mappings.bookkeeping.validation import Facts, checked, countable, currency_objection
from tests.mappings.shop import TYPES, context, line, order, payment

GONE = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A cached row; what a kind of row does not have is ignored."""

    code: str
    type: int | str = 0
    is_blocked: bool = False
    gone_at: datetime | None = None
    use: str = "B"
    percentage: Decimal = Decimal(0)
    currency: str = "EUR"
    allows_other_currencies: bool = False
    allows_vat: bool = True
    cost_center_use: int = 0
    cost_unit_use: int = 0


ACCOUNTS = {f"guid-{code}": Row(code, kind) for code, kind in TYPES.items()}
CODES = {
    "2": Row("2", "E", percentage=Decimal("0.21")),
    "1": Row("1", "E", percentage=Decimal("0.09")),
    "0": Row("0", "E"),
    "NV": Row("NV", "N"),
}
JOURNALS = {"70": Row("70", 20), "21": Row("21", 12), "10": Row("10", 10), "90": Row("90", 90, allows_vat=False)}


def facts(**changed: dict[str, Row]) -> Facts:
    """A sound division, but for these rows: account="8000" and the like by GUID or code."""
    sound = {"accounts": ACCOUNTS, "vat_codes": CODES, "journals": JOURNALS}
    centers, units = changed.pop("cost_centers", None), changed.pop("cost_units", None)
    merged = {name: {**rows, **changed.get(name, {})} for name, rows in sound.items()}
    return Facts(**merged, cost_centers=centers, cost_units=units)  # type: ignore[arg-type]


# 25.00 with 21 % VAT inside and a tip of 4.00 by card, fee 0.80.
PAID = payment(2900, tip=400, fees=[80])
SALE, RECEIPT, FEE = plan(PAID, order([line(2500, "VAT 21", 434)], [PAID]), context()).legs
CENTERED = replace(SALE, lines=tuple(replace(one, cost_center="AMS", cost_unit="WEB") for one in SALE.lines))
MEMO = replace(SALE, document="general_entry", journal="90")  # type: ignore[arg-type]
REVENUE, FEES = ACCOUNTS["guid-8000"], ACCOUNTS["guid-4960"]

OBJECTIONS = [
    ("blocked revenue account", SALE, facts(accounts={"guid-8000": replace(REVENUE, is_blocked=True)}),
     "GL account 8000", "GL account 8000, which rule 1 (revenue) names, is blocked in Exact, so this sale would be"),
    ("deleted revenue account", SALE, facts(accounts={"guid-8000": replace(REVENUE, gone_at=GONE)}),
     "GL account 8000", "no longer exists in Exact"),
    ("revenue on a balance account", SALE, facts(accounts={"guid-8000": replace(REVENUE, type=90)}),
     "GL account 8000", "is of type 90 in Exact; revenue needs 110."),
    ("blocked fee account", FEE, facts(accounts={"guid-4960": replace(FEES, is_blocked=True)}),
     "GL account 4960", "rule 7 (processing fee) names, is blocked"),
    ("blocked receivables", SALE, facts(accounts={"guid-1300": Row("1300", 20, is_blocked=True)}),
     "GL account 1300", "which journal 70 or its customer moves, is blocked"),
    ("blocked clearing account", RECEIPT, facts(accounts={"guid-1105": Row("1105", 12, is_blocked=True)}),
     "GL account 1105", "which journal 21 or its customer moves, is blocked"),
    ("blocked VAT code", SALE, facts(vat_codes={"2": replace(CODES["2"], is_blocked=True)}),
     "VAT code 2", "VAT code 2, which rule 1 (revenue) names, is blocked in Exact"),
    ("deleted VAT code", SALE, facts(vat_codes={"NV": replace(CODES["NV"], gone_at=GONE)}),
     "VAT code NV", "which rule 5 (tips) names, no longer exists"),
    ("purchase code on a sale", SALE, facts(vat_codes={"2": replace(CODES["2"], use="P")}),
     "VAT code 2", "is for purchases; a sale needs a code for sales."),
    ("code that includes the VAT", SALE, facts(vat_codes={"2": replace(CODES["2"], type="I")}),
     "VAT code 2", "Exact would book less"),
    ("code without VAT for a tax", SALE, facts(vat_codes={"2": replace(CODES["2"], percentage=Decimal(0))}),
     "VAT code 2", "carries no VAT, and Square charged EUR 4.34"),
    ("blocked sales journal", SALE, facts(journals={"70": replace(JOURNALS["70"], is_blocked=True)}),
     "journal 70", "Journal 70 is blocked in Exact, so this sale would be refused."),
    ("deleted clearing journal", RECEIPT, facts(journals={"21": replace(JOURNALS["21"], gone_at=GONE)}),
     "journal 21", "Journal 21 no longer exists"),
    ("journal of another type", RECEIPT, facts(journals={"21": Row("21", 16)}),
     "journal 21", "is of type 16 in Exact; this receipt needs type 12."),
    ("VAT code in a journal that takes none", MEMO, facts(),
     "journal 90", "Journal 90 takes no VAT codes in Exact, and this sale carries one."),
    ("sale in a currency the journal does not take", replace(SALE, currency="GBP"), facts(),
     "journal 70", "is kept in EUR and takes no other currency, and the locations take GBP"),
    ("money in a currency the journal is not kept in", replace(RECEIPT, currency="GBP"),
     facts(journals={"21": Row("21", 12, allows_other_currencies=True)}),
     "journal 21", "A merchant in GBP needs a journal and an account of its own in GBP"),
    ("customer blocked since its sale", SALE, replace(facts(), shut={"guid-counter": ("0000001", "is blocked")}),
     "customer 0000001", "Exact account 0000001, which this sale is booked on, is blocked, so it would be refused."),
    ("blocked cost centre", CENTERED, facts(cost_centers={"AMS": Row("AMS", is_blocked=True)}),
     "cost centre AMS", "The cost centre AMS, which rule 1 (revenue) names, is blocked in Exact."),
    ("absent cost centre", CENTERED, facts(cost_centers={"UTR": Row("UTR")}),
     "cost centre AMS", "does not exist in Exact."),
    ("absent cost unit", CENTERED, facts(cost_units={"SHOP": Row("SHOP")}),
     "cost unit WEB", "does not exist in Exact."),
    ("account that demands a cost centre", SALE, facts(accounts={"guid-8000": replace(REVENUE, cost_center_use=1)}),
     "GL account 8000: cost centre", "demands a cost centre in Exact, and rule 1 (revenue) names none."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "owed", "known", "subject", "words"), OBJECTIONS, ids=[row[0] for row in OBJECTIONS])
def test_what_exact_would_refuse_waits_with_the_rule_and_the_remedy(
    name: str, owed: LegPlan, known: Facts, subject: str, words: str
) -> None:
    problem = checked(owed, known).problem
    assert problem
    assert (problem.kind, problem.subject) == (ProblemKind.UNUSABLE, subject)
    assert words in problem.sentence
    assert problem.sentence.endswith(".")


@pytest.mark.parametrize("owed", [SALE, RECEIPT, FEE], ids=lambda one: one.kind.value)
def test_what_is_sound_is_left_as_it_is(owed: LegPlan) -> None:
    assert checked(owed, facts()) == owed


@pytest.mark.parametrize("owed", [SALE, RECEIPT, FEE, CENTERED], ids=["sale", "receipt", "fee", "cost centres"])
def test_what_nobody_has_read_is_left_to_exact(owed: LegPlan) -> None:
    assert checked(owed, Facts()) == owed


def test_a_blocked_fee_account_holds_the_fee_alone() -> None:
    known = facts(accounts={"guid-4960": replace(FEES, is_blocked=True)})
    assert [bool(checked(one, known).problem) for one in (SALE, RECEIPT, FEE)] == [False, False, True]


def test_a_purchase_code_on_a_fee_is_what_a_fee_needs() -> None:
    coded = replace(FEE, lines=tuple(replace(one, vat_code="2") for one in FEE.lines))
    assert checked(coded, facts(vat_codes={"2": replace(CODES["2"], use="P")})).problem is None


def test_an_accrued_line_is_judged_by_the_role_accrual() -> None:
    accrued = replace(SALE.lines[0], account=Account("guid-1900", "1900", 27), instead_of=SALE.lines[0].account)
    owed = replace(SALE, lines=(accrued,))
    assert checked(owed, facts(accounts={"guid-1900": Row("1900", 27)})).problem is None
    problem = checked(owed, facts(accounts={"guid-1900": Row("1900", 110)})).problem
    assert problem
    assert "accrual needs 26 or 27 or 60 or 90" in problem.sentence


def test_a_line_without_a_rule_names_what_it_is() -> None:
    bare = replace(SALE, lines=(replace(SALE.lines[0], rule=None),))
    problem = checked(bare, facts(accounts={"guid-8000": replace(REVENUE, is_blocked=True)})).problem
    assert problem
    assert "which the revenue of this record names, is blocked" in problem.sentence


CURRENCIES = [
    ("same", Row("21", 12, currency="GBP"), "GBP", ""),
    ("nobody has read it", Row("21", 12, currency=""), "GBP", ""),
    ("sales journal that takes others", Row("70", 20, allows_other_currencies=True), "GBP", ""),
    ("sales journal that does not", Row("70", 20), "GBP", "Allow other currencies on it in Exact"),
    ("bank journal in EUR", Row("21", 12), "USD", "a journal and an account of its own in USD"),
    ("bank journal that takes others", Row("21", 12, allows_other_currencies=True), "USD", "of its own in USD"),
    ("cash journal in EUR", Row("10", 10), "JPY", "of its own in JPY"),
]


@pytest.mark.parametrize(("name", "journal", "currency", "words"), CURRENCIES, ids=[row[0] for row in CURRENCIES])
def test_which_journal_takes_which_currency(name: str, journal: Row, currency: str, words: str) -> None:
    said = currency_objection(journal, currency)  # type: ignore[arg-type]
    assert words in said
    assert bool(said) == bool(words)


@pytest.mark.parametrize(
    ("currency", "words"),
    [("EUR", ""), ("GBP", ""), ("JPY", ""), ("KWD", "not one that Tillbridge can count in"), ("", "(none)")],
)
def test_which_currency_can_be_booked_at_all(currency: str, words: str) -> None:
    said = countable(currency)
    assert words in said
    assert bool(said) == bool(words)
