"""Everything the seller has at Square: profile, locations, taxes, customers, and the records that grow."""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from connections.sandbox.clock import SandboxClock
from connections.sandbox.square import times
from connections.sandbox.square.balance import Activity, Balance, charged
from connections.sandbox.square.facts import Json
from connections.sandbox.square.ids import Ids
from connections.sandbox.square.specs import Tax
from connections.sandbox.square.store import Collection, Record

if TYPE_CHECKING:
    from connections.sandbox.square.hooks import Hooks

# Fees that appear later: (when in microseconds, order of arrival, payment id, amount, kind).
Pending = tuple[int, int, str, int, str]


@dataclass(slots=True)
class RefundTrace:
    """What a refund does and would have to undo: items by quantity, fees given back, and whether Square pays it."""

    taken: dict[str, Fraction] = field(default_factory=dict)
    fee: int = 0
    app_fee: int = 0
    settled: bool = True


@dataclass
class State:
    clock: SandboxClock
    seed: int
    # Seconds after capture until the processing fee shows on the payment.
    fee_delay: float = 7200.0
    # Seconds by which lists and searches trail behind reality.
    listing_lag: float = 0.0
    # Processing fees as payout entries of their own instead of inside the charges.
    gross_settlement: bool = False
    # Payout money says `currency_code`, as all official examples do; else `currency`, as the schema does.
    payout_currency_code: bool = True
    merchant: Json = field(default_factory=dict)
    locations: dict[str, Json] = field(default_factory=dict)
    taxes: dict[str, Tax] = field(default_factory=dict)
    catalog: dict[tuple[str, ...], str] = field(default_factory=dict)
    customers: dict[str, Json] = field(default_factory=dict)
    # Customer id -> the profile it was merged into.
    merged: dict[str, str] = field(default_factory=dict)
    # Idempotency key -> (digest of the body, profile id); what a stale version is answered with, 409 or 400.
    created: dict[str, tuple[str, str]] = field(default_factory=dict)
    stale_status: int = 409
    # Definitions of custom attributes by key; (customer id, key) -> attribute.
    definitions: dict[str, Json] = field(default_factory=dict)
    attributes: dict[tuple[str, str], Json] = field(default_factory=dict)
    payments: Collection = field(default_factory=Collection)
    orders: Collection = field(default_factory=Collection)
    refunds: Collection = field(default_factory=Collection)
    payouts: Collection = field(default_factory=Collection)
    # Kept by payout id where the others have the location.
    payout_entries: Collection = field(default_factory=Collection)
    disputes: Collection = field(default_factory=Collection)
    invoices: Collection = field(default_factory=Collection)
    # Order id -> its invoice; location id -> the last number.
    invoice_of: dict[str, str] = field(default_factory=dict)
    invoice_numbers: dict[str, int] = field(default_factory=dict)
    balance: Balance = field(default_factory=Balance)
    # What came back, by uid of the line or charge; and what each refund did.
    returned: dict[str, Fraction] = field(default_factory=dict)
    refund_traces: dict[str, RefundTrace] = field(default_factory=dict)
    bank_accounts: dict[str, str] = field(default_factory=dict)
    # Line items that Square does not show yet, by order id.
    hidden_lines: dict[str, list[Json]] = field(default_factory=dict)
    # Ids of payments and refunds that lists leave out, as if Square were late with them; single reads show them.
    hidden: set[str] = field(default_factory=set)
    hooks: Hooks | None = None
    pending: list[Pending] = field(default_factory=list)
    fees_seen: int = 0

    def __post_init__(self) -> None:
        self.ids = Ids(self.seed, "records")
        # Apart, so that payouts do not change the ids of what is sold after them.
        self.bank_ids = Ids(self.seed, "bank")

    def tell(self, hooks: Hooks) -> None:
        """From now on the hooks hear what happens."""
        self.hooks = hooks
        for name in ("payment", "refund", "payout", "dispute", "invoice"):
            getattr(self, f"{name}s").watcher = partial(hooks.watch, name)

    def note(self, kind: str, name: str, key: str, data: Json | None = None, **more: Any) -> None:
        """For what no collection holds."""
        if self.hooks is not None:
            self.hooks.note(kind, name, key, data, **more)

    @property
    def main_location_id(self) -> str:
        return str(self.merchant.get("main_location_id", ""))

    def tax(self, name: str) -> Tax:
        try:
            return self.taxes[name]
        except KeyError:
            raise LookupError(f"No tax named {name!r}; add_tax() first.") from None

    def add_tax(self, name: str, percentage: Decimal, *, inclusive: bool) -> Tax:
        tax = Tax(name, percentage, inclusive, self.ids.catalog())
        self.taxes[name] = tax
        return tax

    def catalog_id(self, *name: str) -> str:
        """The same catalogue object for the same item, variation and category."""
        if name not in self.catalog:
            self.catalog[name] = self.ids.catalog()
        return self.catalog[name]

    def payment(self, payment_id: str) -> Record:
        return _found(self.payments, payment_id, "payment")

    def order(self, order_id: str) -> Record:
        return _found(self.orders, order_id, "order")

    def refund(self, refund_id: str) -> Record:
        return _found(self.refunds, refund_id, "refund")

    def payout(self, payout_id: str) -> Record:
        return _found(self.payouts, payout_id, "payout")

    def dispute(self, dispute_id: str) -> Record:
        return _found(self.disputes, dispute_id, "dispute")

    def invoice(self, invoice_id: str) -> Record:
        return _found(self.invoices, invoice_id, "invoice")

    def bank_account(self, location_id: str) -> str:
        if location_id not in self.bank_accounts:
            self.bank_accounts[location_id] = self.bank_ids.bank_account()
        return self.bank_accounts[location_id]

    def charge(self, payment: Record) -> None:
        """The captured payment is in the balance."""
        for item in charged(payment.data, payment.times["captured"]):
            self.balance.add(payment.location_id, item)

    def touch(self, payment: Record, at: datetime) -> None:
        """A new version: `updated_at` and `version_token` move. Cash payments show whole seconds."""
        shown = times.whole(at) if payment.data.get("source_type") == "CASH" else times.trimmed(at)
        self.payments.move(payment, "updated", times.micros(at))
        payment.data["updated_at"] = shown
        payment.data["version_token"] = version_token(payment.id, times.micros(at))

    def touch_order(self, order: Record, at: datetime) -> None:
        self.orders.move(order, "updated", times.micros(at))
        order.data["updated_at"] = times.fixed(at)

    def expect_fee(self, payment: Record, amount: int, *, kind: str, at: datetime) -> None:
        """The fee shows once the clock reaches that time; at once when it already has."""
        self.fees_seen += 1
        moved = payment.times["captured"] if kind == "INITIAL" else times.micros(at)
        fee = Activity(moved, "PROCESSING_FEE", -amount, payment.id, details={"payment_id": payment.id})
        self.balance.add(payment.location_id, fee)
        heapq.heappush(self.pending, (times.micros(at), self.fees_seen, payment.id, amount, kind))

    def ripen(self) -> None:
        """Show what has become visible by now."""
        now = times.micros(self.clock.now())
        while self.pending and self.pending[0][0] <= now:
            at, _, payment_id, amount, kind = heapq.heappop(self.pending)
            self._show_fee(self.payment(payment_id), amount, kind, times.moment(at))

    def _show_fee(self, payment: Record, amount: int, kind: str, at: datetime) -> None:
        data = payment.data
        money = {"amount": amount, "currency": data["amount_money"]["currency"]}
        effective = times.moment(payment.times["captured"]) + timedelta(hours=2) if kind == "INITIAL" else at
        fee = {"effective_at": times.fixed(effective), "type": kind, "amount_money": money}
        data.setdefault("processing_fee", []).append(fee)
        self.touch(payment, at)
        order = self.orders.get(data.get("order_id", ""))
        for tender in order.data.get("tenders", []) if order else []:
            if tender["id"] == payment.id:
                paid = sum(item["amount_money"]["amount"] for item in data["processing_fee"])
                tender["processing_fee_money"] = {**money, "amount": paid}


def version_token(key: str, at: int) -> str:
    return hashlib.sha256(f"{key}:{at}".encode()).hexdigest()[:45]


def _found(collection: Collection, key: str, kind: str) -> Record:
    record = collection.get(key)
    if record is None:
        raise LookupError(f"The sandbox has no {kind} {key!r}.")
    return record
