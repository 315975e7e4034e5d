"""Gift cards that nobody will spend any more: what is owed to their holders becomes revenue.

Square tells nobody when a card expires, or whether it may: no record of its lists says so, and the law differs by
country. So a person states the amount and the day, and this is what becomes of it: its own entry on the collective
debtor, the debt against revenue, nothing to receive. VAT, where the division's rule names a code with a rate, is inside
the amount. Single-purpose cards were revenue when they were sold: nothing is left to book.
Reference: bookkeeping section 1 "gift cards ... expired".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import Context, Waits
from mappings.bookkeeping.conventions import GiftCards
from mappings.bookkeeping.inside import vat_inside
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Plan
from mappings.bookkeeping.tips import check_untaxed
from mappings.resolution import Case
from mappings.roles import Role


@dataclass(frozen=True, slots=True)
class Expiry:
    """What a person stated: `amount` in minor units, above 0, of cards that expired on `on`."""

    id: str
    amount: int
    currency: str
    on: date


def plan(expiry: Expiry, context: Context) -> Plan:
    leg = LegPlan(
        kind=LegKind.BREAKAGE,
        source_id=expiry.id,
        ordinal=0,
        document=Document.SALES_ENTRY,
        journal=context.sales_journal,
        date=expiry.on,
        currency=expiry.currency,
        main_account=None,
        debtor=None,
        stands_alone=True,
        location=context.location,
    )
    chosen = given.conventions_of(leg, context)
    if chosen.gift_cards is GiftCards.SINGLE_PURPOSE:
        return Plan(notes=("Single-purpose gift cards were revenue when they were sold: there is nothing to book.",))
    try:
        return Plan(legs=(_with_lines(replace(leg, conventions=chosen), expiry, context),))
    except Waits as wait:
        return Plan(legs=(given.waiting(leg, wait.problem),))


def _with_lines(leg: LegPlan, expiry: Expiry, context: Context) -> LegPlan:
    owing = given.debtor(context)
    case = Case(Role.GIFT_CARD, leg.date, leg.location, customer_kind=owing.kind)
    debt = given.rule_for(case, context)
    check_untaxed(debt, "A multi-purpose gift card carries no VAT until it is spent", "choose single-purpose")
    earned = given.rule_for(replace(case, role=Role.BREAKAGE), context)
    rate = earned.rule.code_rate
    vat = vat_inside(expiry.amount, rate)
    why = "stated as expired by a person"
    lines = (
        given.sales_line(debt, -expiry.amount, because=why),
        given.sales_line(earned, expiry.amount - vat, vat=vat, rate=rate or None, because=why),
    )
    account = given.receivables(owing, context)
    return replace(leg, debtor=owing, main_account=account, lines=lines)
