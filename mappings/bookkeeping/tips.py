"""Tips: owed to staff, or revenue of the business with VAT inside.

Square states no tax on a tip, so the VAT of one that is kept is that of the rule's code, inside the tip: 12.10 at 21 %
is 10.00 and 2.10.
Reference: bookkeeping section 1 "tips payable or tip revenue"; Square Payment.tip_money.
"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import Waits
from mappings.bookkeeping.conventions import Conventions, Tips
from mappings.bookkeeping.inside import vat_inside
from mappings.bookkeeping.legs import Line, ProblemKind
from mappings.resolution import Match

REVENUE = 110  # Reference: GLAccounts.Type


def lines(match: Match, tip: int, chosen: Conventions) -> Iterator[Line]:
    """`match`: the rule for tips, for a tip above 0."""
    why = chosen.words("tips")
    if chosen.tips is Tips.PAYABLE:
        check_untaxed(match, "Tips that are paid out to staff carry no VAT", "choose tips kept by the business")
        yield given.sales_line(match, tip, because=why)
        return
    check_revenue(match, "Tips kept by the business are revenue")
    rate = match.rule.code_rate
    vat = vat_inside(tip, rate)
    yield given.sales_line(match, tip - vat, vat=vat, rate=rate or None, because=why)


def check_untaxed(match: Match, why: str, otherwise: str) -> None:
    """A code with a rate would let Exact take VAT out of what carries none. Raises `Waits`."""
    rule = match.rule
    if not rule.code_rate:
        return
    sentence = (
        f"{why}, but rule {rule.id} ({rule.role.words}) names VAT code {rule.vat_code}. Set a code of type N on the "
        f"rule, or {otherwise} in the division's conventions; this record then goes on."
    )
    raise Waits(ProblemKind.UNMAPPED_TAX, sentence, f"rule {rule.id}: VAT on {rule.role.words}")


def check_revenue(match: Match, why: str) -> None:
    rule = match.rule
    if rule.account.type == REVENUE:
        return
    sentence = (
        f"{why}, but rule {rule.id} ({rule.role.words}) names GL account {rule.account.code} of type "
        f"{rule.account.type}. Name a revenue account (type {REVENUE}) and its VAT code on the rule; this record then "
        "goes on."
    )
    raise Waits(ProblemKind.UNMAPPED_ACCOUNT, sentence, f"rule {rule.id}: no revenue account")
