"""What Square's own figures say a refund should move, from the raw records of the refund and its sale. Pure.

By the returned items where Square names them, else by amount over what was left of the sale: worked out here a second
time, from the raw order per kind and tax rate, without the lines that were booked.
Reference: square.md 3.2, 3.3 (returns); bookkeeping section 2 "refund".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from sync.reconciliation.figures import Moves
from sync.reconciliation.square import Owed, Raw, amount, fee_events, place_of

# (role, rate of the tax) -> [gross, of it VAT]
Pool = dict[tuple[str, str], list[int]]


@dataclass(frozen=True, slots=True)
class Returned:
    """One refund as stored: Square's refund, its return order, and the day it was first seen completed."""

    refund: Raw
    order: Raw | None
    day: date


@dataclass(slots=True)
class Sold:
    """A sale and its refunds so far. Refunds must be credited in the order they came."""

    order: Raw | None
    credited: list[tuple[str, Pool]] = field(default_factory=list)

    def credit(self, back: Returned) -> Moves:
        """What this refund takes back of revenue, VAT, tips; without a sale at hand, all of it as revenue."""
        wanted = amount(back.refund, "amount_money")
        if self.order is None:
            return {"revenue": wanted, "receivables": -wanted}
        left = _less(_pool_of_sale(self.order), [pool for _, pool in self.credited])
        taken = self._taken(back, left, wanted)
        self.credited.append((str(back.refund.get("order_id", "")), taken))
        moved: Counter[str] = Counter(receivables=-wanted)
        for (role, _), (gross, vat) in taken.items():
            moved[role] += gross - vat
            moved["output_vat"] += vat
        return moved

    def _taken(self, back: Returned, left: Pool, wanted: int) -> Pool:
        if wanted == _gross(left):
            return left
        shared = [pool for order, pool in self.credited if order and order == back.refund.get("order_id")]
        items = _less(_pool_of_return(back.order), shared) if back.order else {}
        if items and _gross(items) >= wanted and _holds(left, items):
            return _part(items, wanted)
        return _part(left, wanted)


def refund_events(back: Returned, credit: Moves, payment: Raw | None, zone: ZoneInfo) -> Iterator[Owed]:
    """The credit as `Sold` worked it out, the money and the fees of a completed refund."""
    refund, day = back.refund, back.day
    currency, wanted = refund["amount_money"]["currency"], amount(back.refund, "amount_money")
    yield Owed(("refund", refund["id"]), day, currency, credit)
    if place := _place(refund, payment):
        yield Owed(("refund_money", refund["id"]), day, currency, {place: -wanted, "receivables": wanted})
    group = ("fee", refund["id"])
    yield from fee_events(refund.get("processing_fee", ()), group, day, currency, zone)
    if given := amount(refund, "app_fee_money"):
        yield Owed(group, day, currency, {"platform_fee": -given, "clearing": given})


def _place(refund: Raw, payment: Raw | None) -> str:
    """Square details the destination only when it is not where the money came from."""
    kind, details = refund.get("destination_type", ""), refund.get("destination_details", {})
    came = place_of(payment) if payment else "clearing"
    if kind == "CARD":
        brand = details.get("card_details", {}).get("card", {}).get("card_brand", "")
        is_gift = brand == "SQUARE_GIFT_CARD" or (not brand and came == "gift_card")
        return "gift_card" if is_gift else "clearing"
    return place_of({"source_type": kind}) if kind else came


def _pool_of_sale(order: Raw) -> Pool:
    rates = _rates(order.get("taxes", ()))
    pool: Pool = {}
    for line in order.get("line_items", ()):
        _put(pool, "gift_card" if line.get("item_type") == "GIFT_CARD" else "revenue", line, rates)
    for charge in order.get("service_charges", ()):
        if charge.get("treatment_type") != "APPORTIONED_TREATMENT":
            _put(pool, "service_charge", charge, rates)
    tenders = order.get("tenders", ())
    tips, paid = (sum(amount(tender, name) for tender in tenders) for name in ("tip_money", "amount_money"))
    _plain(pool, "tips", tips)
    _plain(pool, "rounding", paid - _gross(pool))
    return pool


def _pool_of_return(order: Raw) -> Pool:
    """Empty when Square does not say which items came back."""
    pool: Pool = {}
    for back in order.get("returns", ()):
        rates = _rates(back.get("return_taxes", ()))
        lines = back.get("return_line_items", ())
        if any(line.get("item_type") == "CUSTOM_AMOUNT" and not line.get("source_line_item_uid") for line in lines):
            return {}
        for line in lines:
            _put(pool, "gift_card" if line.get("item_type") == "GIFT_CARD" else "revenue", line, rates)
        for charge in back.get("return_service_charges", ()):
            if charge.get("treatment_type") != "APPORTIONED_TREATMENT":
                _put(pool, "service_charge", charge, rates)
        _plain(pool, "tips", sum(amount(tip, "applied_money") for tip in back.get("return_tips", ())))
        _plain(pool, "rounding", amount(back.get("rounding_adjustment", {}), "amount_money"))
    return pool


def _rates(taxes: Sequence[Raw]) -> Mapping[str | None, str]:
    return {tax.get("uid"): str(Decimal(tax.get("percentage") or 0).normalize()) for tax in taxes}


def _put(pool: Pool, role: str, part: Raw, rates: Mapping[str | None, str]) -> None:
    rate = ",".join(rates.get(tax.get("tax_uid"), "?") for tax in part.get("applied_taxes", ()))
    held = pool.setdefault((role, "0" if rate == "" else rate), [0, 0])
    held[0] += amount(part, "total_money")
    held[1] += amount(part, "total_tax_money")


def _plain(pool: Pool, role: str, gross: int) -> None:
    if gross:
        pool.setdefault((role, "0"), [0, 0])[0] += gross


def _gross(pool: Pool) -> int:
    return sum(gross for gross, _ in pool.values())


def _less(pool: Pool, taken: Sequence[Pool]) -> Pool:
    left = {key: list(held) for key, held in pool.items()}
    for one in taken:
        for key, (gross, vat) in one.items():
            held = left.setdefault(key, [0, 0])
            held[0] -= gross
            held[1] -= vat
    return {key: held for key, held in left.items() if held[0] or held[1]}


def _holds(left: Pool, items: Pool) -> bool:
    return all(
        key[0] == "rounding" or (key in left and gross <= left[key][0] and vat <= left[key][1])
        for key, (gross, vat) in items.items()
    )


def _part(pool: Pool, wanted: int) -> Pool:
    """Largest remainder over the gross of each rate, its VAT in proportion, half-up."""
    weights = {key: max(gross, 0) for key, (gross, _) in pool.items()}
    whole = sum(weights.values())
    if wanted == _gross(pool) or not whole:
        return pool
    exact = {key: Decimal(wanted) * weight / whole for key, weight in weights.items()}
    parts = {key: int(value.quantize(Decimal(1), ROUND_FLOOR)) for key, value in exact.items()}
    neediest = sorted(exact, key=lambda key: parts[key] - exact[key])
    for key in neediest[: wanted - sum(parts.values())]:
        parts[key] += 1
    return {key: [part, _vat(pool[key], part)] for key, part in parts.items() if part}


def _vat(held: Sequence[int], part: int) -> int:
    gross, vat = held
    return int((Decimal(vat) * part / gross).quantize(Decimal(1), ROUND_HALF_UP)) if gross else 0
