"""What comes back to the shop: the return part of a return order, by amount or item by item.

Reference: OpenAPI OrderReturn and its parts; a refund by amount is one CUSTOM_AMOUNT line without the sale's taxes
(forum topic 12104). Guess: amounts of a part of a quantity are cumulative, so that all parts add up to the sold line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from connections.sandbox.square.arithmetic import half_up
from connections.sandbox.square.facts import Json
from connections.sandbox.square.state import State

_APPORTIONED = "APPORTIONED_TREATMENT"
# Members a returned tax or discount has in common with the sold one.
_TAX = ("catalog_object_id", "catalog_version", "name", "type", "percentage", "scope")
_DISCOUNT = ("name", "type", "scope")
_CHARGE = ("name", "percentage", "calculation_phase", "taxable", "treatment_type", "scope")
_LINE = ("name", "item_type", "catalog_object_id", "catalog_version", "variation_name", "base_price_money")


class RefundRefused(ValueError):
    """As Square refuses: `code` is its error code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


def by_amount(state: State, money: Json, *, tip: int, rounding: int, tender_id: str) -> Json:
    nothing = {**money, "amount": 0}
    custom = {**money, "amount": money["amount"] - tip - rounding}
    line = {
        "uid": state.ids.uid(),
        "quantity": "1",
        "item_type": "CUSTOM_AMOUNT",
        "base_price_money": custom,
        "variation_total_price_money": custom,
        "gross_return_money": custom,
        "total_tax_money": nothing,
        "total_discount_money": nothing,
        "total_money": custom,
    }
    back: Json = {"uid": state.ids.uid(), "return_line_items": [line]}
    amounts = {"total": money["amount"], "tax": 0, "discount": 0, "tip": tip, "service_charge": 0}
    back["return_amounts"] = {f"{name}_money": {**money, "amount": value} for name, value in amounts.items()}
    return back | extras(state, nothing, tip=tip, rounding=rounding, tender_id=tender_id)


def extras(state: State, nothing: Json, *, tip: int, rounding: int, tender_id: str) -> Json:
    """The tip and the cash rounding that come back."""
    data: Json = {}
    if tip:
        part = {"uid": state.ids.uid(), "applied_money": {**nothing, "amount": tip}, "source_tender_id": tender_id}
        data["return_tips"] = [part]
    if rounding:
        data["rounding_adjustment"] = {"name": "Cash rounding", "amount_money": {**nothing, "amount": rounding}}
    return data


@dataclass
class Returning:
    """Items of one sale on their way back. `taken` is what this return takes of each line and charge, by uid."""

    state: State
    sale: Json
    taken: dict[str, Fraction] = field(default_factory=dict)
    lines: list[Json] = field(default_factory=list)
    taxes: dict[str, Json] = field(default_factory=dict)
    discounts: dict[str, Json] = field(default_factory=dict)
    charges: dict[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.currency = self.sale["total_money"]["currency"]
        shown = self.sale.get("line_items") or self.state.hidden_lines.get(self.sale["id"], [])
        self.sold = {line["uid"]: line for line in shown}
        own = (item for item in self.sale.get("service_charges", []) if item["treatment_type"] != _APPORTIONED)
        self.charged = {item["uid"]: item for item in own}

    def money(self, amount: int) -> Json:
        return {"amount": amount, "currency": self.currency}

    def left(self) -> dict[str, Fraction]:
        """What of every line and charge has not come back yet."""
        whole = {uid: Fraction(line["quantity"]) for uid, line in self.sold.items()}
        whole |= dict.fromkeys(self.charged, Fraction(1))
        left = {uid: quantity - self.state.returned.get(uid, Fraction(0)) for uid, quantity in whole.items()}
        return {uid: quantity for uid, quantity in left.items() if quantity}

    def take(self, items: Mapping[str, Fraction]) -> None:
        """Raises `RefundRefused` for what was not sold, or beyond what is left of it."""
        left = self.left()
        for uid, quantity in items.items():
            if not 0 < quantity <= left.get(uid, 0):
                detail = f"Only {_written(left.get(uid, Fraction(0)))} of item {uid} is left to return."
                raise RefundRefused("INVALID_VALUE", detail)
            done = self.state.returned.get(uid, Fraction(0))
            self.taken[uid] = quantity
            if uid in self.sold:
                self._line(self.sold[uid], _Part(done, quantity, Fraction(self.sold[uid]["quantity"])))
            else:
                self._charge(self.charged[uid])

    def total(self, *, tip: int, rounding: int) -> int:
        return _sum(self.lines, "total_money") + self._own_charges() + tip + rounding

    def finished(self, *, tip: int, rounding: int, tender_id: str) -> Json:
        amounts = {
            "total": self.total(tip=tip, rounding=rounding),
            "tax": _sum(self.taxes.values(), "applied_money"),
            "discount": _sum(self.discounts.values(), "applied_money"),
            "tip": tip,
            "service_charge": _sum(self.charges.values(), "applied_money"),
        }
        lists = {
            "return_line_items": self.lines,
            "return_taxes": list(self.taxes.values()),
            "return_discounts": list(self.discounts.values()),
            "return_service_charges": list(self.charges.values()),
        }
        back: Json = {"uid": self.state.ids.uid(), "source_order_id": self.sale["id"]}
        back |= {name: value for name, value in lists.items() if value}
        back["return_amounts"] = {f"{name}_money": self.money(value) for name, value in amounts.items()}
        return back | extras(self.state, self.money(0), tip=tip, rounding=rounding, tender_id=tender_id)

    def _own_charges(self) -> int:
        return _sum((item for item in self.charges.values() if item["treatment_type"] != _APPORTIONED), "total_money")

    def _line(self, sold: Json, part: _Part) -> None:
        gross = part.of(sold["variation_total_price_money"])
        taxes, added = self._taxes(sold, part)
        discounts = self._references(sold, part, "discount", self.discounts, _DISCOUNT)
        charges = self._references(sold, part, "service_charge", self.charges, _CHARGE)
        less, more = _sum(discounts, "applied_money"), _sum(charges, "applied_money")
        data: Json = {
            "uid": self.state.ids.uid(),
            "source_line_item_uid": sold["uid"],
            "quantity": _written(part.quantity),
            "variation_total_price_money": self.money(gross),
            "gross_return_money": self.money(gross),
            "total_tax_money": self.money(_sum(taxes, "applied_money")),
            "total_discount_money": self.money(less),
            "total_service_charge_money": self.money(more),
            "total_money": self.money(gross - less + more + added),
        }
        lists = {"applied_taxes": taxes, "applied_discounts": discounts, "applied_service_charges": charges}
        data |= {name: sold[name] for name in _LINE if name in sold}
        self.lines.append(data | {name: value for name, value in lists.items() if value})

    def _taxes(self, sold: Json, part: _Part) -> tuple[list[Json], int]:
        """The taxes that come back, and how much of them stood on top of the price."""
        found = self._references(sold, part, "tax", self.taxes, _TAX)
        kinds = {item["uid"]: item["type"] for item in self.taxes.values()}
        return found, _sum((item for item in found if kinds[item["tax_uid"]] == "ADDITIVE"), "applied_money")

    def _references(
        self, sold: Json, part: _Part, kind: str, known: dict[str, Json], members: tuple[str, ...]
    ) -> list[Json]:
        """A line's taxes, discounts or apportioned charges: each refers to one of the return's own, and adds to it."""
        plural = "taxes" if kind == "tax" else f"{kind}s"
        found = []
        for applied in sold.get(f"applied_{plural}", []):
            amount = part.of(applied["applied_money"])
            own = self._own(applied[f"{kind}_uid"], kind, plural, known, members)
            _grow(own, amount)
            reference = {"uid": self.state.ids.uid(), f"{kind}_uid": own["uid"], "applied_money": self.money(amount)}
            found.append(reference)
        return found

    def _own(self, source: str, kind: str, plural: str, known: dict[str, Json], members: tuple[str, ...]) -> Json:
        if source not in known:
            sold = next(item for item in self.sale[plural] if item["uid"] == source)
            data: Json = {"uid": self.state.ids.uid(), f"source_{kind}_uid": source, "applied_money": self.money(0)}
            data |= {name: sold[name] for name in members if name in sold}
            if kind != "tax" and "percentage" not in sold:
                data["amount_money"] = self.money(0)
            if kind == "service_charge":
                data |= {"total_money": self.money(0), "total_tax_money": self.money(0)}
            known[source] = data
        return known[source]

    def _charge(self, sold: Json) -> None:
        """A service charge that stands beside the lines comes back whole."""
        part = _Part(Fraction(0), Fraction(1), Fraction(1))
        own = self._own(sold["uid"], "service_charge", "service_charges", self.charges, _CHARGE)
        _grow(own, sold["applied_money"]["amount"])
        taxes, _ = self._taxes(sold, part)
        own["total_money"] = dict(sold["total_money"])
        own["total_tax_money"] = dict(sold["total_tax_money"])
        if taxes:
            own["applied_taxes"] = taxes


@dataclass(frozen=True, slots=True)
class _Part:
    """`quantity` of `whole`, after `done` came back before."""

    done: Fraction
    quantity: Fraction
    whole: Fraction

    def of(self, money: Json) -> int:
        amount = Fraction(money["amount"]) / self.whole
        return half_up(amount * (self.done + self.quantity)) - half_up(amount * self.done)


def _grow(own: Json, amount: int) -> None:
    for name in ("applied_money", "amount_money", "total_money"):
        if name in own:
            own[name]["amount"] += amount


def _sum(items: Iterable[Json], member: str) -> int:
    return sum(item[member]["amount"] for item in items)


def _written(quantity: Fraction) -> str:
    return format((Decimal(quantity.numerator) / Decimal(quantity.denominator)).normalize(), "f")
