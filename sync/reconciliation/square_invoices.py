"""What Square's own figures say an invoice should move: its sale when it is published. Pure.

The goods of its order; what they and the payment requests differ by is rounding. Money comes with its payments.
Reference: square.md 3.6 (Invoice); bookkeeping section 2 "invoice published", "invoice canceled".
"""

from __future__ import annotations

from collections.abc import Iterable

from sync.reconciliation import pools
from sync.reconciliation.choices import Chosen
from sync.reconciliation.figures import Moves
from sync.reconciliation.pools import Pool
from sync.reconciliation.square import Raw, amount, goods

NOT_PUBLISHED = frozenset({"DRAFT", "SCHEDULED"})
CANCELED = "CANCELED"


def requests(invoice: Raw) -> Iterable[Raw]:
    return invoice.get("payment_requests") or ()


def asked(invoice: Raw) -> int:
    return sum(amount(one, "computed_amount_money") for one in requests(invoice))


def unpaid(invoice: Raw) -> int:
    """Square counts cash rounding among what was paid."""
    paid = sum(amount(one, "total_completed_amount_money") for one in requests(invoice))
    return asked(invoice) - paid + sum(amount(one, "rounding_adjustment_included_money") for one in requests(invoice))


def currency(invoice: Raw) -> str:
    return next((str(one["computed_amount_money"]["currency"]) for one in requests(invoice)), "")


def sale_moves(invoice: Raw, order: Raw, chosen: Chosen) -> Moves:
    moved = goods(order, chosen)
    moved["receivables"] = asked(invoice)
    moved["rounding"] -= sum(moved.values())
    return {role: moving for role, moving in moved.items() if moving}


def sale_of(pool: Pool, wanted: int) -> Moves:
    """Of a canceled one, whose goods only the booked sale still tells: Square's amount, in the shares of those."""
    moved = pools.moves(pools.part(pool, wanted))
    return {**{role: -moving for role, moving in moved.items()}, "receivables": wanted}
