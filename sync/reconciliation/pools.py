"""What a sale holds per kind and tax rate, and what of it comes back. Pure.

Worked out from Square's raw order, without the lines that were booked; with one exception: Square replaces the lines of
a canceled invoice by what was paid, so that only the booked sale still says what it held (`of_lines`).
Reference: square.md 3.3 (returns); bookkeeping section 2 "refund".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from sync.reconciliation.choices import ZERO, Chosen, inside
from sync.reconciliation.figures import Moves
from sync.reconciliation.square import Raw, amount, card_sold, off_price, stated_rounding

# (role, rate of the tax) -> [gross, of it VAT, net of the discount that stands apart]
Key = tuple[str, str]
Pool = dict[Key, list[int]]
# What payments brought beside an invoice goes back with the money, not with the credit.
BESIDE = "beside"


def of_sale(order: Raw, chosen: Chosen) -> Pool:
    """A sale that was paid at once; what lines and tenders differ by is rounding."""
    pool = _goods(order, chosen)
    tenders = order.get("tenders", ())
    tips, paid = (sum(amount(tender, name) for tender in tenders) for name in ("tip_money", "amount_money"))
    _add_inside(pool, "tips", tips, chosen.tips)
    add(pool, ("rounding", "0"), paid - gross(pool))
    return pool


def of_invoice(order: Raw, chosen: Chosen, asked: int) -> Pool:
    """The goods of an invoice, and beside them what its payments brought."""
    pool = _goods(order, chosen)
    add(pool, ("rounding", "0"), asked - gross(pool))
    return _with_beside(pool, order)


def _with_beside(pool: Pool, order: Raw) -> Pool:
    tenders = order.get("tenders", ())
    add(pool, ("tips", BESIDE), sum(amount(tender, "tip_money") for tender in tenders))
    if any(tender.get("type") == "CASH" for tender in tenders) and order.get("state") == "COMPLETED":
        add(pool, ("rounding", BESIDE), stated_rounding(order))
    return pool


def of_lines(lines: Iterable[Mapping[str, Any]], order: Raw | None = None) -> Pool:
    """The booked lines of an invoice, per role and rate; `order`: with what its payments brought beside it."""
    pool: Pool = {}
    for line in lines:
        rate = f"{Decimal(str(line['rate'])).normalize():f}" if line.get("rate") else "0"
        role = "revenue" if line["role"] == "discount" else line["role"]
        add(pool, (role, rate), line["amount"] + line["vat"], line["vat"])
        if line["role"] == "discount":
            pool[role, rate][2] -= line["amount"]
    return _with_beside(pool, order) if order else pool


def of_return(order: Raw, chosen: Chosen) -> Pool:
    """What came back; empty when Square does not say which items."""
    pool: Pool = {}
    for back in order.get("returns", ()):
        taxes, lines = back.get("return_taxes", ()), back.get("return_line_items", ())
        if any(line.get("item_type") == "CUSTOM_AMOUNT" and not line.get("source_line_item_uid") for line in lines):
            return {}
        _items(pool, lines, taxes, chosen)
        _charges(pool, back.get("return_service_charges", ()), taxes)
        tips = sum(amount(tip, "applied_money") for tip in back.get("return_tips", ()))
        _add_inside(pool, "tips", tips, chosen.tips)
        add(pool, ("rounding", "0"), amount(back.get("rounding_adjustment", {}), "amount_money"))
    return pool


def _goods(order: Raw, chosen: Chosen) -> Pool:
    pool: Pool = {}
    _items(pool, order.get("line_items", ()), order.get("taxes", ()), chosen)
    _charges(pool, order.get("service_charges", ()), order.get("taxes", ()))
    return pool


def _items(pool: Pool, lines: Sequence[Raw], taxes: Sequence[Raw], chosen: Chosen) -> None:
    for line in lines:
        if line.get("item_type") == "GIFT_CARD":
            total, tax, less = card_sold(line, chosen)
            add(pool, ("gift_card", _text(chosen.card or ZERO)), total, tax, less)
            continue
        less = off_price(line, taxes) if chosen.is_contra else 0
        add(pool, ("revenue", _rate(line, taxes)), amount(line, "total_money"), amount(line, "total_tax_money"), less)


def _charges(pool: Pool, charges: Sequence[Raw], taxes: Sequence[Raw]) -> None:
    for charge in charges:
        if charge.get("treatment_type") != "APPORTIONED_TREATMENT":
            key = "service_charge", _rate(charge, taxes)
            add(pool, key, amount(charge, "total_money"), amount(charge, "total_tax_money"))


def _rate(part: Raw, taxes: Sequence[Raw]) -> str:
    rates = {tax.get("uid"): _text(Decimal(tax.get("percentage") or 0)) for tax in taxes}
    return ",".join(rates.get(tax.get("tax_uid"), "?") for tax in part.get("applied_taxes", ())) or "0"


def _text(rate: Decimal) -> str:
    return f"{rate.normalize():f}"


def _add_inside(pool: Pool, role: str, total: int, rate: Decimal | None) -> None:
    add(pool, (role, _text(rate or ZERO)), total, inside(total, rate or ZERO))


def add(pool: Pool, key: Key, total: int, vat: int = 0, less: int = 0) -> None:
    if not (total or vat or less):
        return
    held = pool.setdefault(key, [0, 0, 0])
    for place, part in enumerate((total, vat, less)):
        held[place] += part


def gross(pool: Pool) -> int:
    return sum(held[0] for held in pool.values())


def beside(pool: Pool) -> Pool:
    return {key: held for key, held in pool.items() if key[1] == BESIDE}


def moves(pool: Pool) -> Moves:
    """What giving this much back moves, per role."""
    moved: Counter[str] = Counter()
    for (role, _), (total, vat, less) in pool.items():
        moved[role] += total - vat + less
        moved["output_vat"] += vat
        moved["discount"] -= less
    return {role: moving for role, moving in moved.items() if moving}


def less(pool: Pool, taken: Iterable[Pool]) -> Pool:
    left = {key: list(held) for key, held in pool.items()}
    for one in taken:
        for key, parts in one.items():
            add(left, key, *(-part for part in parts))
    return {key: held for key, held in left.items() if any(held)}


def holds(left: Pool, items: Pool) -> bool:
    return all(
        key[0] == "rounding" or (key in left and held[0] <= left[key][0] and held[1] <= left[key][1])
        for key, held in items.items()
    )


def part(pool: Pool, wanted: int) -> Pool:
    """Largest remainder over the gross of each rate, its VAT in proportion, half-up."""
    weights = {key: max(held[0], 0) for key, held in pool.items()}
    whole = sum(weights.values())
    if wanted == gross(pool) or not whole:
        return pool
    exact = {key: Decimal(wanted) * weight / whole for key, weight in weights.items()}
    parts = {key: int(value.quantize(Decimal(1), ROUND_FLOOR)) for key, value in exact.items()}
    neediest = sorted(exact, key=lambda key: parts[key] - exact[key])
    for key in neediest[: wanted - sum(parts.values())]:
        parts[key] += 1
    return {key: _of(pool[key], share) for key, share in parts.items() if share}


def _of(held: Sequence[int], share: int) -> list[int]:
    total, vat, off = held
    if not total:
        return [share, 0, 0]
    return [share, *(int((Decimal(of * share) / total).quantize(Decimal(1), ROUND_HALF_UP)) for of in (vat, off))]
