"""The returned items of a refund as lines of the sale they come from.

The sale is frozen by account and code, so an item is found again by what it was (goods, service, gift card, tip,
rounding) and by the rate of its tax. Totals and taxes are Square's, never computed again; where the sale has several
accounts at one rate they are shared over what is left of each. What the sale was booked with beyond Square's figures
comes back as it was booked: the VAT of a tip or gift card in its share, and a discount on an account of its own with
what it was given on, whatever the conventions of today are.
Reference: Square Order.returns; a refund by amount yields one CUSTOM_AMOUNT return line without taxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from connections import money
from connections.providers.square.payloads import Order, OrderReturn, OrderTax, ReturnLine
from mappings.bookkeeping import discount, remainder
from mappings.bookkeeping.context import Waits, written
from mappings.bookkeeping.legs import LegPlan, Line, ProblemKind
from mappings.resolution import percent
from mappings.roles import Role

UNTAXED = (None, Decimal(0))
# Square states no tax on these; where the sale has VAT on them it is the convention's.
AS_BOOKED = (Role.TIPS, Role.GIFT_CARD)


class Piece(NamedTuple):
    """What came back of one kind and rate, positive; `rate` None without tax."""

    role: Role
    rate: Decimal | None
    total: int
    tax: int


def lines(order: Order | None, pool: Sequence[Line], *, sale: LegPlan) -> tuple[Line, ...] | None:
    """The returned items of the sale, positive, on the lines of the pool.

    None when Square does not itemise them, or when more came back of a kind than the pool holds: then the amount
    decides. Raises `Waits` for a tax that the sale did not have.
    """
    found = [back for back in order.returns if back.source_order_id in ("", sale.order_id)] if order else []
    if not order or not found or not all(map(_is_itemised, found)):
        return None
    made: list[Line] = []
    contra = any(line.role is Role.DISCOUNT for line in sale.lines)
    for piece in (piece for back in found for piece in _pieces(back, order.currency, contra)):
        _check_taxed(piece, sale)
        placed = _placed(piece, pool)
        if placed is None:
            return None
        made += placed
    return remainder.together(made)


def _is_itemised(back: OrderReturn) -> bool:
    return all(line.is_itemised for line in (*back.lines, *back.service_charges))


def _pieces(back: OrderReturn, currency: str, contra: bool) -> Iterator[Piece]:
    for line in back.lines:
        role = Role.GIFT_CARD if line.item_type == "GIFT_CARD" else Role.REVENUE
        rate = _rate(line, back, currency)
        if contra and line.discount and role is Role.REVENUE:
            yield from _before_discount(line, rate, back)
        else:
            yield Piece(role, rate, line.total, line.tax)
    for charge in back.service_charges:
        yield Piece(Role.SERVICE_CHARGE, _rate(charge, back, currency), charge.total, charge.tax)
    yield Piece(Role.TIPS, None, back.tip, 0)
    yield Piece(Role.ROUNDING, None, back.rounding, 0)


def _before_discount(line: ReturnLine, rate: Decimal | None, back: OrderReturn) -> Iterator[Piece]:
    """What was sold at its price, and the discount on it, as the sale has them."""
    uid = line.taxes[0].tax_uid if line.taxes else ""
    tax = OrderTax(uid, "", rate, back.kinds.get(uid, ""), 0) if rate is not None else None
    net, vat = discount.before(discount.Priced(line.total, line.tax, line.discount), tax)
    yield Piece(Role.REVENUE, rate, net + vat, vat)
    yield Piece(Role.DISCOUNT, rate, line.total - net - vat, line.tax - vat)


def _rate(line: ReturnLine, back: OrderReturn, currency: str) -> Decimal | None:
    rates = [back.rates.get(tax.tax_uid) for tax in line.taxes]
    if len(rates) > 1 or (rates and rates[0] is None):
        sentence = (
            f"Square shows a returned line of {written(line.total, currency)} whose tax cannot be told: it names "
            f"{len(rates)}, of which the return lists {sum(rate is not None for rate in rates)}. Check the return in "
            "Square; replay, or book this refund by hand."
        )
        raise Waits(ProblemKind.AMBIGUOUS_TAX, sentence, "tax of a return")
    return rates[0] if rates else None


def _check_taxed(piece: Piece, sale: LegPlan) -> None:
    if piece.tax and not _candidates(piece, sale.lines):
        raise Waits(ProblemKind.UNBALANCED, _foreign_tax(piece, sale.currency), "tax of a return")


def _placed(piece: Piece, pool: Sequence[Line]) -> list[Line] | None:
    """A piece on the lines of its kind; None when they do not hold that much."""
    if not piece.total and not piece.tax:
        return []
    if piece.role in AS_BOOKED and not piece.tax:
        booked = [line for line in pool if line.role is piece.role]
        if len(booked) == 1 and booked[0].vat:
            return list(remainder.part(booked, piece.total)) if piece.total <= remainder.gross(booked) else None
    places = _candidates(piece, pool)
    if len(places) == 1:
        return [replace(places[0], amount=piece.total - piece.tax, vat=piece.tax)]
    totals, taxes = [remainder.gross([line]) for line in places], [line.vat for line in places]
    if not _fits(piece.total, totals) or not _fits(piece.tax, taxes):
        return None
    shares = zip(places, _shared(piece.total, totals), _shared(piece.tax, taxes), strict=True)
    return [replace(line, amount=total - tax, vat=tax) for line, total, tax in shares]


def _candidates(piece: Piece, pool: Sequence[Line]) -> list[Line]:
    of_kind = [line for line in pool if line.role is piece.role]
    exact = [line for line in of_kind if line.rate == piece.rate]
    return exact or [line for line in of_kind if not piece.rate and line.rate in UNTAXED]


def _fits(amount: int, weights: Sequence[int]) -> bool:
    return bool(weights) and min(weights) >= 0 and 0 <= amount <= sum(weights)


def _shared(amount: int, weights: Sequence[int]) -> list[int]:
    return money.share(amount, weights) if amount else [0] * len(weights)


def _foreign_tax(piece: Piece, currency: str) -> str:
    rate = percent(piece.rate) if piece.rate is not None else "no stated rate"
    return (
        f"{written(piece.total, currency)} came back with {written(piece.tax, currency)} of tax at {rate}, which "
        f"none of the sale's {piece.role.words} was taxed at. Check the return in Square; book this "
        "refund by hand when it is right."
    )
