"""Square against our entries against Exact's ledger, per role and to the cent, straight from what both vendors hold.

Nothing here uses the bookkeeping core or the vendors' clients. Square's figures are those that reconciliation works out
from raw records (`sync.reconciliation.square*`), here from the vendor's own instead of those we keep; Exact's are added
up from its raw ledger lines. So a mistake made on the way from one to the other shows as a difference.
Amounts are in minor units, debit +, credit -.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from mappings.models import GLMapping, Journal
from sync.lifecycle import LegState
from sync.models import Leg, Posting, SyncLane
from sync.reconciliation import square as figures
from sync.reconciliation import square_invoices, square_payouts, square_refunds
from sync.reconciliation.choices import DEFAULT
from sync.reconciliation.legs import LegRow, group_of
from sync.reconciliation.pools import of_invoice
from sync.reconciliation.square import Group, Owed, Raw
from sync.reconciliation.square_refunds import Returned, Sold

ROLES = (
    "receivables", "clearing", "cash", "other_tender", "revenue", "output_vat", "tips", "service_charge", "gift_card",
    "processing_fee", "platform_fee", "rounding", "transit",
)  # fmt: skip
BOOKED = frozenset({LegState.POSTED, LegState.CONFIRMED})
GONE = frozenset({LegState.REVERSING, LegState.REVERSED, LegState.DISMISSED})
# Sums over a month: no day is compared here.
ANY_ZONE = ZoneInfo("UTC")
# What one event moves, by role; the event is (kind, Square id).
Event = Group
Moved = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One role. `square` = `waiting` + `exact` + `difference`."""

    role: str
    square: int
    waiting: int
    postings: int
    exact: int

    @property
    def difference(self) -> int:
        return self.square - self.waiting - self.exact


@dataclass(frozen=True, slots=True)
class Report:
    """`records`: how many of each kind Square holds; `waiting`: records of which something is not booked."""

    records: Mapping[str, int]
    rows: tuple[Row, ...]
    doubled: int
    waiting: int

    @property
    def payments(self) -> int:
        return self.records["payments"]

    @property
    def is_clean(self) -> bool:
        return not self.doubled and all(row.difference == 0 for row in self.rows)

    def as_json(self, *, exact_calls: int, square_calls: int) -> dict[str, Any]:
        names = ("square", "waiting", "postings", "exact", "difference")
        roles = [{"role": row.role, **{name: money(getattr(row, name)) for name in names}} for row in self.rows]
        return {
            **self.records, "roles": roles, "doubled": self.doubled, "waiting": self.waiting,
            "exact_calls": exact_calls, "square_calls": square_calls,
        }  # fmt: skip


def money(amount: int) -> str:
    """-1234 -> '-12.34'. The demonstration shop keeps its books in euros."""
    return str(Decimal(amount).scaleb(-2))


@dataclass(frozen=True, slots=True)
class Held:
    """What Square holds, raw: `orders` by id, `payouts` with their entries."""

    payments: Sequence[Raw]
    orders: Mapping[str, Raw]
    refunds: Sequence[Raw] = ()
    payouts: Sequence[tuple[Raw, Sequence[Raw]]] = ()
    invoices: Sequence[Raw] = ()

    @classmethod
    def of(cls, square: Any) -> Held:
        """All that a stand-in of Square holds."""
        payments, state = square.payments(), square.state
        refunds, invoices = ([record.data for record in rows] for rows in (state.refunds, state.invoices))
        named = {row["order_id"] for row in (*payments, *refunds, *invoices) if row.get("order_id")}
        payouts = [(record.data, square.payout_entries(record.data["id"])) for record in state.payouts]
        return cls(payments, {key: square.order(key) for key in named}, refunds, payouts, invoices)

    @property
    def counts(self) -> dict[str, int]:
        done = [row for row in (*self.payments, *self.refunds) if row["status"] == "COMPLETED"]
        refunds = sum("payment_id" in row for row in done)
        return {
            "payments": len(done) - refunds, "refunds": refunds, "invoices": len(self.invoices),
            "payouts": len(self.payouts),
        }  # fmt: skip


def compare(lane: SyncLane, held: Held, lines: Iterable[Mapping[str, Any]]) -> Report:
    """Compare raw records of Square with raw ledger lines of Exact, through what our rows say is booked."""
    said = list(square_events(held))
    booked = booked_events(lane)
    square = _sum(owed.moves for _, owed in said)
    waiting = _sum(owed.moves for _, owed in said if owed.group not in booked)
    role_of = roles_of_accounts(lane)
    lines = list(lines)
    exact = by_role(((str(line["GLAccountCode"]).strip(), cents(line["AmountFC"])) for line in lines), role_of)
    ours = by_role(_expected(lane), role_of)
    names = dict.fromkeys([*ROLES, *sorted({*square, *exact})])
    rows = tuple(Row(name, square[name], waiting[name], ours[name], exact[name]) for name in names)
    unbooked = {record for record, owed in said if owed.group not in booked}
    return Report(records=held.counts, rows=rows, doubled=doubled(lines), waiting=len(unbooked))


def square_events(held: Held) -> Iterator[tuple[str, Owed]]:
    """What each event should move, from Square's own figures, with the id of the record that tells of it."""
    yield from _of_payments(held)
    yield from _of_refunds(held)
    for invoice in held.invoices:
        if invoice["status"] not in {*square_invoices.NOT_PUBLISHED, square_invoices.CANCELED}:
            order = held.orders[invoice["order_id"]]
            moves, day = square_invoices.sale_moves(invoice, order, DEFAULT), _day(invoice)
            yield invoice["id"], Owed(("sale", order["id"]), day, square_invoices.currency(invoice), moves)
    for payout, entries in held.payouts:
        for owed in square_payouts.payout_events(payout, entries, ANY_ZONE):
            yield payout["id"], owed


def _of_payments(held: Held) -> Iterator[tuple[str, Owed]]:
    sold: set[str] = set()
    invoiced = {invoice["order_id"] for invoice in held.invoices}
    for payment in held.payments:
        key = payment.get("order_id", "")
        sells = key not in sold and payment["status"] == "COMPLETED"
        events = figures.payment_events(
            payment, held.orders.get(key), ANY_ZONE, sells=sells, invoiced=key in invoiced
        )  # fmt: skip
        for owed in events:
            sold.add(key)
            yield payment["id"], owed


def _of_refunds(held: Held) -> Iterator[tuple[str, Owed]]:
    """In the order they came, since each finds what the one before it left of the sale."""
    payments = {payment["id"]: payment for payment in held.payments}
    invoices = {invoice["order_id"]: invoice for invoice in held.invoices}
    sold: dict[str, Sold] = {}
    for refund in sorted(held.refunds, key=lambda row: (row["created_at"], row["id"])):
        if refund["status"] != "COMPLETED":
            continue
        payment = payments[refund["payment_id"]]
        key = payment["order_id"]
        if key not in sold:
            sold[key] = _sold(held.orders[key], invoices.get(key))
        back = Returned(refund, held.orders.get(refund.get("order_id", "")), _day(refund))
        for owed in square_refunds.refund_events(back, sold[key].credit(back), payment, ANY_ZONE):
            yield refund["id"], owed


def _sold(order: Raw, invoice: Raw | None) -> Sold:
    pool = of_invoice(order, DEFAULT, square_invoices.asked(invoice)) if invoice else None
    return Sold(order, pool=pool)


def _day(record: Raw) -> Any:
    return figures.local(record["created_at"], ANY_ZONE)


def booked_events(lane: SyncLane) -> set[Event]:
    """The events of which our rows say that they stand in Exact, all of each."""
    rows = Leg.objects.filter(lane=lane, is_reversal=False).exclude(state__in=GONE).values_list(*LegRow._fields)
    legs = [(group_of(row), row.state in BOOKED) for row in map(LegRow._make, rows.iterator())]
    return {group for group, _ in legs} - {group for group, is_booked in legs if not is_booked}


def roles_of_accounts(lane: SyncLane) -> dict[str, str]:
    """GL account code -> role, as the division's mapping has it."""
    division = lane.division
    found = {
        rule.account.code: rule.role
        for rule in GLMapping.objects.filter(division=division).select_related("account")
        if rule.account
    }
    journals = dict(Journal.objects.filter(division=division).values_list("code", "account"))
    found |= {journals[lane.clearing_journal]: "clearing", journals.get(lane.cash_journal, ""): "cash"}
    receivables = division.ledgeraccount_set.filter(type=20).values_list("code", flat=True)
    vat = division.vatcode_set.exclude(account="").values_list("account", flat=True)
    return {**found, **dict.fromkeys(receivables, "receivables"), **dict.fromkeys(vat, "output_vat")}


def by_role(movements: Iterable[tuple[str, int]], role_of: Mapping[str, str]) -> Counter[str]:
    """Sum per role; an account without one stands under its code, so that it cannot hide."""
    totals: Counter[str] = Counter()
    for code, amount in movements:
        totals[role_of.get(code, f"account {code}")] += amount
    return totals


def _expected(lane: SyncLane) -> Iterator[tuple[str, int]]:
    states = ("posted", "confirmed", "reversed")
    for expected in Posting.objects.filter(lane=lane, state__in=states).values_list("expected", flat=True).iterator():
        yield from expected.items()


def doubled(lines: Iterable[Mapping[str, Any]]) -> int:
    """How many of our references stand in more than one entry."""
    entries: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        for text in (line.get("YourRef"), line.get("Description")):
            if text and text.startswith("TB-"):
                entries[text.split()[0].split("/")[0]].add(str(line["EntryID"]))
    return sum(1 for found in entries.values() if len(found) > 1)


def cents(value: Any) -> int:
    exact = Decimal(str(value)).scaleb(2)
    if exact != exact.to_integral_value():
        raise ValueError("a ledger line holds a fraction of a cent")
    return int(exact)


def _sum(moves: Iterable[Moved]) -> Counter[str]:
    total: Counter[str] = Counter()
    for moved in moves:
        for role, amount in moved.items():
            total[role] += amount
    return total
