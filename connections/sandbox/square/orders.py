"""Order objects: what was sold, with every amount Square computes.

Reference: OpenAPI Order and its parts. Money totals are always present, also when 0; `total_money` includes tips, so
that it equals the sum of the tenders (a guess Square does not spell out); POS orders carry no `version`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from connections.sandbox.square.arithmetic import (
    ChargeInput,
    ChargeResult,
    LineInput,
    LineResult,
    OrderResult,
    Rate,
    calculate,
    half_up,
)
from connections.sandbox.square.facts import Json
from connections.sandbox.square.ids import Ids
from connections.sandbox.square.specs import ChargeSpec, LineSpec, Tax
from connections.sandbox.square.state import State


@dataclass
class Basket:
    """One sale on its way to an order; `inclusive` None leaves each tax as the catalogue has it."""

    state: State
    currency: str
    lines: Sequence[LineSpec]
    charges: Sequence[ChargeSpec] = ()
    discount: int = 0
    inclusive: bool | None = None
    uids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [name for line in self.lines for name in line.taxes] + [item.tax for item in self.charges if item.tax]
        self.taxes = {name: self.state.tax(name) for name in names}
        self.uids = {name: self.ids.uid() for name in self.taxes}
        self.result = self._calculated()

    @property
    def ids(self) -> Ids:
        return self.state.ids

    def money(self, amount: int) -> Json:
        return {"amount": amount, "currency": self.currency}

    def is_inclusive(self, tax: Tax) -> bool:
        return tax.inclusive if self.inclusive is None else self.inclusive

    def _calculated(self) -> OrderResult:
        lines = [LineInput(item.gross, item.discount, self._rates(item.taxes), _shares(item)) for item in self.lines]
        charges = [self._charge(item) for item in self.charges]
        return calculate(lines, discount=self.discount, charges=charges)

    def _rates(self, names: Sequence[str]) -> tuple[Rate, ...]:
        return tuple(Rate(self.taxes[name].percentage, self.is_inclusive(self.taxes[name])) for name in names)

    def _charge(self, item: ChargeSpec) -> ChargeInput:
        percentage = Decimal(item.percentage) if item.percentage else None
        spread = item.treatment == "apportioned"
        return ChargeInput(item.amount, percentage, self._rates((item.tax,) if item.tax else ()), spread)


def _shares(line: LineSpec) -> bool:
    return line.item_type != "GIFT_CARD"


def contents(basket: Basket) -> Json:
    """`line_items`, `taxes`, `discounts`, `service_charges`: each only where there is one."""
    discounts, applied = _discounts(basket)
    charge_uids = [basket.ids.uid() for _ in basket.charges]
    lines = [
        _line(basket, spec, result, applied[place], charge_uids)
        for place, (spec, result) in enumerate(zip(basket.lines, basket.result.lines, strict=True))
    ]
    charges = [
        _service_charge(basket, spec, result, uid)
        for spec, result, uid in zip(basket.charges, basket.result.charges, charge_uids, strict=True)
    ]
    parts = {"line_items": lines, "taxes": _taxes(basket), "discounts": discounts, "service_charges": charges}
    return {name: value for name, value in parts.items() if value}


def totals(basket: Basket, *, tip: int, rounding: int) -> Json:
    result = basket.result
    amounts = {
        "total": result.total + tip + rounding,
        "tax": result.tax,
        "discount": result.discount,
        "tip": tip,
        "service_charge": result.service_charge,
    }
    data: Json = {"total_money": basket.money(amounts["total"])}
    data |= {f"total_{name}_money": basket.money(value) for name, value in amounts.items() if name != "total"}
    data["net_amounts"] = {f"{name}_money": basket.money(value) for name, value in amounts.items()}
    if rounding:
        data["rounding_adjustment"] = {"name": "Cash rounding", "amount_money": basket.money(rounding)}
    return data


def take_back(order: Json, back: Json) -> None:
    """An exchange: the return beside the sale, and net amounts of the two. Guess: `total_money` is that of the sale.

    # Reference: OpenAPI Order.returns ("part of an itemized return or exchange"), net_amounts (sale less return).
    """
    returned = back["return_amounts"]
    order["returns"] = [back]
    order["return_amounts"] = returned
    for name, money in order["net_amounts"].items():
        money["amount"] -= returned[name]["amount"]
    order["net_amount_due_money"]["amount"] -= returned["total_money"]["amount"]


def _line(basket: Basket, spec: LineSpec, result: LineResult, discounts: list[Json], charge_uids: list[str]) -> Json:
    each = half_up(Fraction(spec.gross) / Fraction(Decimal(spec.quantity)))
    data: Json = {
        "uid": basket.ids.uid(),
        "quantity": spec.quantity,
        "name": spec.name,
        "item_type": spec.item_type,
        "base_price_money": basket.money(each),
        "variation_total_price_money": basket.money(spec.gross),
        "gross_sales_money": basket.money(spec.gross),
        "total_tax_money": basket.money(sum(result.taxes)),
        "total_discount_money": basket.money(result.discount + result.order_discount),
        "total_money": basket.money(result.total),
        "total_service_charge_money": basket.money(sum(result.charges)),
    }
    if spec.item_type == "ITEM":
        item = basket.state.catalog_id(spec.category, spec.name, spec.variation)
        data |= {"catalog_object_id": item, "catalog_version": 1, "variation_name": spec.variation}
    lists = {
        "applied_taxes": _applied_taxes(basket, spec.taxes, result.taxes),
        "applied_discounts": discounts,
        "applied_service_charges": _applied_charges(basket, result, charge_uids),
    }
    return data | {name: value for name, value in lists.items() if value}


def _applied_taxes(basket: Basket, names: Sequence[str], amounts: Sequence[int]) -> list[Json]:
    return [
        {"uid": basket.ids.uid(), "tax_uid": basket.uids[name], "applied_money": basket.money(amount)}
        for name, amount in zip(names, amounts, strict=True)
    ]


def _applied_charges(basket: Basket, result: LineResult, uids: list[str]) -> list[Json]:
    spread = [uid for uid, inside in zip(uids, basket.result.apportioned, strict=True) if inside]
    return [
        {"uid": basket.ids.uid(), "service_charge_uid": uid, "applied_money": basket.money(amount)}
        for uid, amount in zip(spread, result.charges, strict=True)
    ]


def _taxes(basket: Basket) -> list[Json]:
    applied = dict.fromkeys(basket.taxes, 0)
    parts = [(spec.taxes, result.taxes) for spec, result in zip(basket.lines, basket.result.lines, strict=True)]
    for charge, outcome in zip(basket.charges, basket.result.charges, strict=True):
        parts.append(((charge.tax,) if outcome.taxes else (), list(outcome.taxes)))
    for names, amounts in parts:
        for name, amount in zip(names, amounts, strict=True):
            applied[name] += amount
    return [_tax(basket, tax, applied[name]) for name, tax in basket.taxes.items()]


def _tax(basket: Basket, tax: Tax, applied: int) -> Json:
    return {
        "uid": basket.uids[tax.name],
        "catalog_object_id": tax.catalog_object_id,
        "catalog_version": 1,
        "name": tax.name,
        "percentage": _percentage(tax.percentage),
        "type": "INCLUSIVE" if basket.is_inclusive(tax) else "ADDITIVE",
        "applied_money": basket.money(applied),
        "scope": "LINE_ITEM",
    }


def _percentage(value: Decimal) -> str:
    """Square writes 21 as "21.0"."""
    text = format(value.normalize(), "f")
    return text if "." in text else f"{text}.0"


def _discounts(basket: Basket) -> tuple[list[Json], list[list[Json]]]:
    """The order's discounts, and per line the parts applied to it."""
    found: list[Json] = []
    applied: list[list[Json]] = [[] for _ in basket.lines]
    for place, result in enumerate(basket.result.lines):
        if result.discount:
            found.append(_discount(basket, result.discount, "LINE_ITEM"))
            applied[place].append(_applied_discount(basket, found[-1]["uid"], result.discount))
    if basket.discount:
        found.append(_discount(basket, basket.discount, "ORDER"))
        for place, result in enumerate(basket.result.lines):
            if result.order_discount:
                applied[place].append(_applied_discount(basket, found[-1]["uid"], result.order_discount))
    return found, applied


def _discount(basket: Basket, amount: int, scope: str) -> Json:
    return {
        "uid": basket.ids.uid(),
        "name": "Discount",
        "type": "FIXED_AMOUNT",
        "amount_money": basket.money(amount),
        "applied_money": basket.money(amount),
        "scope": scope,
    }


def _applied_discount(basket: Basket, uid: str, amount: int) -> Json:
    return {"uid": basket.ids.uid(), "discount_uid": uid, "applied_money": basket.money(amount)}


def _service_charge(basket: Basket, spec: ChargeSpec, result: ChargeResult, uid: str) -> Json:
    apportioned = spec.treatment == "apportioned"
    data: Json = {
        "uid": uid,
        "name": spec.name,
        "applied_money": basket.money(result.applied),
        "total_money": basket.money(result.total),
        "total_tax_money": basket.money(sum(result.taxes)),
        "calculation_phase": _phase(spec),
        "taxable": bool(spec.tax) and not apportioned,
        "type": spec.kind,
        "treatment_type": "APPORTIONED_TREATMENT" if apportioned else "LINE_ITEM_TREATMENT",
        "scope": "ORDER",
    }
    data |= {"percentage": spec.percentage} if spec.percentage else {"amount_money": basket.money(spec.amount)}
    if result.taxes:
        data["applied_taxes"] = _applied_taxes(basket, (spec.tax,), result.taxes)
    return data


def _phase(spec: ChargeSpec) -> str:
    if spec.treatment != "apportioned":
        return "SUBTOTAL_PHASE"
    return "APPORTIONED_PERCENTAGE_PHASE" if spec.percentage else "APPORTIONED_AMOUNT_PHASE"
