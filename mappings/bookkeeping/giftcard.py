"""Gift cards: sold, spent, discounted and given back, as a debt or as a sale that was taxed already.

Multi-purpose: a debt of what the card holds until it is spent; no VAT on the card. Single-purpose: revenue and VAT when
it is sold; when it is spent, the goods carry their VAT as ever and the card's revenue and VAT are credited in the same
entry, so that neither counts twice and nothing is left to receive. What a discounted card holds is its price before
discount: the discount is the seller's, on the role "discount".
A guess: a card sold at a discount holds its price before it. The card's own activities at Square would settle it.
Reference: bookkeeping section 1 "gift cards"; Square OrderLineItem.item_type GIFT_CARD, Tender.type SQUARE_GIFT_CARD.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from connections.providers.square.payloads import Order, OrderLine, Payment, Tender
from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import Context, Waits, written
from mappings.bookkeeping.conventions import Conventions, GiftCards
from mappings.bookkeeping.discount import INSIDE, case_of, check_code
from mappings.bookkeeping.inside import vat_inside
from mappings.bookkeeping.legs import LegKind, Line, ProblemKind
from mappings.bookkeeping.tips import check_revenue, check_untaxed
from mappings.resolution import Case, Match
from mappings.roles import Role

TENDER = "SQUARE_GIFT_CARD"


def sold(part: OrderLine, order: Order, case: Case, chosen: Conventions, context: Context) -> Iterator[Line]:
    """A card sold: what it holds, and what was given off its price."""
    if not part.total and not part.discount:
        return
    match = given.rule_for(replace(case, role=Role.GIFT_CARD), context)
    rate = _rate(part, order, match, chosen)
    holds, why = part.total + part.discount, chosen.words("gift_cards")
    vat = vat_inside(holds, rate)
    yield given.sales_line(match, holds - vat, vat=vat, rate=rate or None, because=why)
    if part.discount:
        found = given.rule_for(case_of(rate, case), context)
        if rate:
            check_code(found, match)
        less = vat - (part.tax if part.taxes else vat_inside(part.total, rate))
        yield given.sales_line(found, less - part.discount, vat=-less, rate=rate or None, because=why)


def _rate(part: OrderLine, order: Order, match: Match, chosen: Conventions) -> Decimal:
    """The rate that a card is taxed at when it is sold: that of the rule's code, 0 for a multi-purpose one."""
    if chosen.gift_cards is GiftCards.MULTI_PURPOSE:
        if part.tax or part.taxes:
            raise _taxed(part, order)
        check_untaxed(match, "A multi-purpose gift card carries no VAT until it is spent", "choose single-purpose")
        return Decimal(0)
    check_revenue(match, "Single-purpose gift cards are revenue when they are sold")
    rate = match.rule.code_rate
    stated = [tax for tax in order.taxes if tax.uid in {applied.tax_uid for applied in part.taxes}]
    if any(tax.percentage != rate or tax.kind != INSIDE for tax in stated):
        raise _otherwise_taxed(part, order, match)
    return rate


def _taxed(part: OrderLine, order: Order) -> Waits:
    sentence = (
        f"A gift card of {written(part.total, order.currency)} was sold with tax, but the division books gift cards as "
        "multi-purpose: no VAT until they are spent. Choose single-purpose in its conventions, or take the tax off "
        "gift cards in Square and book this sale by hand."
    )
    return Waits(ProblemKind.UNSUPPORTED, sentence, "gift card with tax")


def _otherwise_taxed(part: OrderLine, order: Order, match: Match) -> Waits:
    sentence = (
        f"Square taxed a gift card of {written(part.total, order.currency)} otherwise than rule {match.rule.id} does "
        f"(VAT code {match.rule.vat_code}, inside the price). Give the rule the code of Square's tax, then replay."
    )
    return Waits(ProblemKind.UNMAPPED_TAX, sentence, "gift card with another tax")


def spent(order: Order, tenders: Iterator[Tender], case: Case, context: Context) -> Iterator[Line]:
    """What single-purpose cards paid is credited: it was revenue, with its VAT, when the cards were sold."""
    for tender in tenders:
        chosen = _chosen(order, tender, case, context)
        if tender.kind == TENDER and tender.amount and chosen.gift_cards is GiftCards.SINGLE_PURPOSE:
            match = given.rule_for(replace(case, role=Role.GIFT_CARD, tender="GIFT_CARD"), context)
            yield of(match, -tender.amount, chosen)


def _chosen(order: Order, tender: Tender, case: Case, context: Context) -> Conventions:
    on = context.local_date(tender.created_at) if tender.created_at else case.on
    return context.conventions.of(LegKind.SALE, order.id, 0, on)


def of(match: Match, amount: int, chosen: Conventions) -> Line:
    """A single-purpose card of that amount, gross: positive sold, negative spent."""
    check_revenue(match, "Single-purpose gift cards are revenue when they are sold")
    rate = match.rule.code_rate
    vat = vat_inside(amount, rate)
    return given.sales_line(match, amount - vat, vat=vat, rate=rate or None, because=chosen.words("gift_cards"))


def was_taxed(payment: Payment, order: Order, context: Context) -> bool:
    """Whether the card that paid was taxed when it was sold, so that its sale is credited and nothing is received."""
    if payment.tender != "GIFT_CARD":
        return False
    on = context.local_date(payment.created_at)
    return context.conventions.of(LegKind.SALE, order.id, 0, on).gift_cards is GiftCards.SINGLE_PURPOSE
