"""A discount on an account of its own: what was sold stands at its price, and the discount against it.

The discount's VAT is the VAT before it minus the VAT after it, so the two lines together are what one netted line
would be: the same net, the same VAT of the same code, the same receivable, to the cent. Square states the amounts after
discount; the VAT before it is computed from its own rate, half-up.
Reference: bookkeeping section 1 "discounts"; Square OrderLineItem.total_discount_money, OrderLineItemTax.type: within a
discount of an inclusive tax is the tax it takes away, an added tax comes on top of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from connections.providers.square.payloads import OrderTax
from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import Context, Waits
from mappings.bookkeeping.inside import vat_inside, vat_on
from mappings.bookkeeping.legs import Line, ProblemKind
from mappings.resolution import Case, Match
from mappings.roles import Role

ADDED, INSIDE = "ADDITIVE", "INCLUSIVE"


class Priced(NamedTuple):
    """One line of an order: gross `total` and its `vat` after `discount`, in minor units."""

    total: int
    vat: int
    discount: int


def lines(
    sold: Priced, tax: OrderTax | None, match: Match, case: Case, *, context: Context, why: str
) -> Iterator[Line]:
    """The line at its price before discount, on the rule of what was sold, and the discount on its own."""
    net, vat = before(sold, tax)
    rate = tax.percentage if tax else None
    yield given.sales_line(match, net, vat=vat, rate=rate, because=why)
    found = given.rule_for(replace(case, role=Role.DISCOUNT), context)
    check_code(found, match)
    less, less_vat = net - (sold.total - sold.vat), vat - sold.vat
    yield given.sales_line(found, -less, vat=-less_vat, rate=rate, because=why)


def before(sold: Priced, tax: OrderTax | None) -> tuple[int, int]:
    """Net and VAT before discount. Raises `Waits` for a tax of which Square does not say where it stands."""
    if tax is None or not tax.percentage:
        return sold.total - sold.vat + sold.discount, sold.vat
    if tax.kind == ADDED:
        net = sold.total - sold.vat + sold.discount
        return net, vat_on(net, tax.percentage)
    if tax.kind != INSIDE:
        sentence = (
            f"Square does not say whether the tax {tax.name} is inside the price or on top of it, so the price before "
            "discount cannot be told. Set the tax to one of them in Square and replay, or choose netted discounts."
        )
        raise Waits(ProblemKind.AMBIGUOUS_TAX, sentence, tax.name)
    gross = sold.total + sold.discount
    vat = vat_inside(gross, tax.percentage)
    return gross - vat, vat


def check_code(discount: Match, sale: Match) -> None:
    """The VAT of a discount must lower that of what was sold; on another code it would move VAT between two boxes."""
    if discount.rule.vat_code == sale.rule.vat_code:
        return
    sentence = (
        f"Rule {discount.rule.id} books the discount with VAT code {discount.rule.vat_code or '(none)'}, rule "
        f"{sale.rule.id} what was sold with {sale.rule.vat_code}. Give both the same code, then replay."
    )
    raise Waits(ProblemKind.UNMAPPED_TAX, sentence, f"rule {discount.rule.id}: another VAT code")


def case_of(rate: Decimal, case: Case) -> Case:
    """The case of a discount on something whose VAT is that of a rule's code, not of a tax of Square's."""
    return replace(case, role=Role.DISCOUNT, tax_rate=rate or None)
