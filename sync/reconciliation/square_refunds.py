"""What Square's own figures say a refund should move, from the raw records of the refund and its sale. Pure.

By the returned items where Square names them, else by amount over what was left of the sale: worked out here a second
time, from the raw order per kind and tax rate, without the lines that were booked.
Reference: square.md 3.2, 3.3 (returns); bookkeeping section 2 "refund".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sync.reconciliation import pools
from sync.reconciliation.choices import DEFAULT, ZERO, Chosen, inside
from sync.reconciliation.figures import Moves
from sync.reconciliation.pools import Pool
from sync.reconciliation.square import (
    Owed,
    Raw,
    amount,
    cards_spent,
    fee_events,
    kept,
    place_of,
    sale_moves,
)

# Orders on which a payment is no sale yet, or never was.
NO_SALE = frozenset({"OPEN", "CANCELED"})


@dataclass(frozen=True, slots=True)
class Returned:
    """One refund as stored: Square's refund, its return order, and the day it was first seen completed."""

    refund: Raw
    order: Raw | None
    day: date

    @property
    def is_exchange(self) -> bool:
        return is_exchange(self.order)


def is_exchange(order: Raw | None) -> bool:
    return bool(order and order.get("returns") and (order.get("line_items") or order.get("service_charges")))


class Credit(NamedTuple):
    """What a refund takes back: of the sale, beside its invoice, and of a single-purpose card that it went onto."""

    moves: Moves
    beside: Moves
    was_card: bool = False


@dataclass(slots=True)
class Sold:
    """A sale and its refunds so far. Refunds must be credited in the order they came.

    `pool`: what the sale held, None to work it out from its order; `onto_card`: single-purpose cards were spent on it.
    """

    order: Raw | None
    chosen: Chosen = DEFAULT
    pool: Pool | None = None
    credited: list[tuple[str, Pool]] = field(default_factory=list)
    back_on_cards: int = 0

    @property
    def is_deposit(self) -> bool:
        return self.pool is None and bool(self.order) and (self.order or {}).get("state") in NO_SALE

    def credit(self, back: Returned, *, onto_card: bool = False) -> Credit:
        """What this refund takes back of revenue, VAT, tips; without a sale at hand, all of it as revenue."""
        wanted = amount(back.refund, "amount_money")
        if self.is_deposit:
            return Credit({}, {})
        if self.order is None and self.pool is None:
            return Credit({"revenue": wanted, "receivables": -wanted}, {})
        taken = self._taken(back, self._left(), wanted)
        self.credited.append((str(back.refund.get("order_id", "")), taken))
        beside = pools.beside(taken)
        credited = {key: held for key, held in taken.items() if key not in beside}
        moved = Counter(pools.moves(credited))
        moved["receivables"] -= pools.gross(credited)
        was_card = onto_card and self.chosen.card is not None
        if was_card:
            self._onto_card(moved, wanted)
        return Credit(_plain(moved), pools.moves(beside), was_card)

    def cancel(self, unpaid: int) -> Moves:
        """The credit of what nobody paid of a canceled invoice: of the goods alone."""
        left = {key: held for key, held in self._left().items() if key[1] != pools.BESIDE}
        taken = pools.part(left, unpaid)
        self.credited.append(("", taken))
        return _plain({**pools.moves(taken), "receivables": -unpaid})

    def exchange(self, order: Raw) -> None:
        """Goods that came back in exchange: later refunds find that much less."""
        self.credited.append(("", pools.of_return(order, self.chosen)))

    def _left(self) -> Pool:
        whole = pools.of_sale(self.order or {}, self.chosen) if self.pool is None else self.pool
        return pools.less(whole, [pool for _, pool in self.credited])

    def _taken(self, back: Returned, left: Pool, wanted: int) -> Pool:
        if wanted == pools.gross(left):
            return left
        shared = [pool for order, pool in self.credited if order and order == back.refund.get("order_id")]
        items = pools.less(pools.of_return(back.order, self.chosen), shared) if back.order else {}
        if items and pools.gross(items) >= wanted and pools.holds(left, items):
            return pools.part(items, wanted)
        return pools.part(left, wanted)

    def _onto_card(self, moved: Counter[str], wanted: int) -> None:
        """The card's sale, credited when it was spent, stands again."""
        spent = sum(cards_spent(self.order or {})) - self.back_on_cards
        share = min(wanted, spent) if spent > 0 else wanted
        vat = inside(share, self.chosen.card or ZERO)
        moved["gift_card"] -= share - vat
        moved["output_vat"] -= vat
        moved["receivables"] += share
        self.back_on_cards += share


def refund_events(
    back: Returned, credit: Credit, payment: Raw | None, zone: ZoneInfo, chosen: Chosen = DEFAULT
) -> Iterator[Owed]:
    """The credit as `Sold` worked it out, the money and the fees of a completed refund; of an exchange its net."""
    refund, day = back.refund, back.day
    currency, wanted = refund["amount_money"]["currency"], amount(back.refund, "amount_money")
    if back.is_exchange and back.order:
        sold = sale_moves(back.order, chosen, paid=-wanted)
        yield Owed(("sale", back.order["id"]), day, currency, sold)
    elif credit.moves:
        yield Owed(("refund", refund["id"]), day, currency, credit.moves)
    place = "" if credit.was_card else place_back(refund, payment)
    if place:
        owed = wanted - sum(credit.beside.values())
        moves = _plain(Counter({place: -wanted, "receivables": owed, **credit.beside}))
        yield Owed(("refund_money", refund["id"]), day, currency, moves)
    group, fees = ("fee", refund["id"]), refund.get("processing_fee", ())
    yield from fee_events(fees, group, day, currency, zone, chosen=chosen, kind="refund_fee")
    if given := amount(refund, "app_fee_money"):
        yield Owed(group, day, currency, kept(-given, chosen.fee("app_fee"), "platform_fee"))


def place_back(refund: Raw, payment: Raw | None) -> str:
    """Where the money went. Square details the destination only when it is not where the money came from."""
    kind, details = refund.get("destination_type", ""), refund.get("destination_details", {})
    came = place_of(payment) if payment else "clearing"
    if kind == "CARD":
        brand = details.get("card_details", {}).get("card", {}).get("card_brand", "")
        is_gift = brand == "SQUARE_GIFT_CARD" or (not brand and came == "gift_card")
        return "gift_card" if is_gift else "clearing"
    return place_of({"source_type": kind}) if kind else came


def _plain(moved: Counter[str] | dict[str, int]) -> Moves:
    return {role: moving for role, moving in moved.items() if moving}
