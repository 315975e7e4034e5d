"""Square against our entries against Exact's ledger, per role and to the cent, by a path of its own.

Nothing here uses the bookkeeping core or the vendors' clients: Square's figures are added up from its raw records,
Exact's from its raw ledger lines, so that a mistake made on the way from one to the other shows as a difference.
Amounts are in minor units, debit +, credit -.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mappings.bookkeeping.correction import place_of
from mappings.models import GLMapping, Journal
from sync.lifecycle import LegState
from sync.models import Leg, Posting, SyncLane

ROLES = (
    "receivables", "clearing", "cash", "other_tender", "revenue", "output_vat", "tips", "service_charge", "gift_card",
    "processing_fee", "platform_fee", "rounding",
)  # fmt: skip
BOOKED = (LegState.POSTED, LegState.CONFIRMED)
# What one event moves, by role; the event is (kind of leg, Square id).
Event = tuple[str, str]
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
    payments: int
    rows: tuple[Row, ...]
    doubled: int
    waiting: int

    @property
    def is_clean(self) -> bool:
        return not self.doubled and all(row.difference == 0 for row in self.rows)

    def as_json(self, *, exact_calls: int, square_calls: int) -> dict[str, Any]:
        names = ("square", "waiting", "postings", "exact", "difference")
        roles = [{"role": row.role, **{name: money(getattr(row, name)) for name in names}} for row in self.rows]
        return {
            "payments": self.payments, "roles": roles, "doubled": self.doubled, "waiting": self.waiting,
            "exact_calls": exact_calls, "square_calls": square_calls,
        }  # fmt: skip


def money(amount: int) -> str:
    """-1234 -> '-12.34'. The demonstration shop keeps its books in euros."""
    return str(Decimal(amount).scaleb(-2))


def compare(
    lane: SyncLane, *, payments: Iterable[Mapping[str, Any]], orders: Mapping[str, Mapping[str, Any]],
    lines: Iterable[Mapping[str, Any]],
) -> Report:  # fmt: skip
    """Compare raw Square payments and orders with raw ledger lines of Exact, through what our rows say is booked."""
    completed = [payment for payment in payments if payment["status"] == "COMPLETED"]
    events = dict(square_events(completed, orders))
    booked = booked_events(lane)
    square, waiting = _sum(events.values()), _sum(moved for event, moved in events.items() if event not in booked)
    role_of = roles_of_accounts(lane)
    lines = list(lines)
    exact = by_role(((str(line["GLAccountCode"]).strip(), cents(line["AmountFC"])) for line in lines), role_of)
    ours = by_role(_expected(lane), role_of)
    names = [*ROLES, *sorted(set(exact) - set(ROLES))]
    rows = tuple(Row(name, square[name], waiting[name], ours[name], exact[name]) for name in names)
    unbooked = {_payment_of(event, orders) for event in events if event not in booked}
    return Report(payments=len(completed), rows=rows, doubled=doubled(lines), waiting=len(unbooked))


def square_events(
    payments: Iterable[Mapping[str, Any]], orders: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[Event, Moved]]:
    """What each sale, receipt and fee should move, from Square's own figures."""
    sold: set[str] = set()
    for payment in payments:
        order = orders.get(payment.get("order_id", ""), {})
        if order and order["id"] not in sold and order.get("state") == "COMPLETED":
            sold.add(order["id"])
            yield ("sale", order["id"]), _sale(order)
        yield from _money(payment)


def _sale(order: Mapping[str, Any]) -> Moved:
    """Net per line, VAT, tips, charges; what the customer owes is what was tendered."""
    moved: Counter[str] = Counter()
    for line in order.get("line_items", []):
        role = "gift_card" if line.get("item_type") == "GIFT_CARD" else "revenue"
        moved[role] -= _amount(line, "total_money") - _amount(line, "total_tax_money")
        moved["output_vat"] -= _amount(line, "total_tax_money")
    for charge in order.get("service_charges", []):
        if charge.get("treatment_type") != "APPORTIONED_TREATMENT":
            moved["service_charge"] -= _amount(charge, "total_money") - _amount(charge, "total_tax_money")
            moved["output_vat"] -= _amount(charge, "total_tax_money")
    moved["tips"] -= sum(_amount(tender, "tip_money") for tender in order.get("tenders", []))
    moved["rounding"] -= _amount(order.get("rounding_adjustment", {}), "amount_money")
    moved["receivables"] = sum(_amount(tender, "amount_money") for tender in order.get("tenders", []))
    return moved


def _money(payment: Mapping[str, Any]) -> Iterator[tuple[Event, Moved]]:
    total, place = _amount(payment, "total_money"), _place(payment)
    if place:
        yield ("receipt", payment["id"]), {place: total, "receivables": -total}
    for index, fee in enumerate(payment.get("processing_fee", [])):
        charged = _amount(fee, "amount_money")
        yield ("fee", f"{payment['id']}#{index}"), {"processing_fee": charged, "clearing": -charged}
    if app_fee := _amount(payment, "app_fee_money"):
        yield ("app_fee", payment["id"]), {"platform_fee": app_fee, "clearing": -app_fee}


def _place(payment: Mapping[str, Any]) -> str:
    """Where the money of a payment lands; a house account brings none."""
    card = payment.get("card_details", {}).get("card", {})
    if card.get("card_brand") == "SQUARE_GIFT_CARD":
        return "gift_card"
    kinds = {"CASH": "cash", "EXTERNAL": "other_tender", "SQUARE_ACCOUNT": ""}
    return kinds.get(payment["source_type"], "clearing")


def booked_events(lane: SyncLane) -> set[Event]:
    """The events that our rows say stand in Exact."""
    booked = Leg.objects.filter(lane=lane, state__in=BOOKED, is_reversal=False)
    legs = booked.values_list("kind", "ordinal", "order_id", "item__source_id")
    events: set[Event] = set()
    for kind, ordinal, order_id, source_id in legs.iterator():
        if kind == "sale":
            events.add((kind, order_id))
        else:
            events.add((kind, f"{source_id}#{place_of(ordinal)}" if kind == "fee" else source_id))
    return events


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


def _payment_of(event: Event, orders: Mapping[str, Mapping[str, Any]]) -> str:
    kind, key = event
    if kind != "sale":
        return key.split("#")[0]
    tenders = orders[key].get("tenders", [])
    return str(tenders[0].get("payment_id") or tenders[0]["id"]) if tenders else key


def cents(value: Any) -> int:
    exact = Decimal(str(value)).scaleb(2)
    if exact != exact.to_integral_value():
        raise ValueError("a ledger line holds a fraction of a cent")
    return int(exact)


def _amount(record: Mapping[str, Any], name: str) -> int:
    return int(record.get(name, {}).get("amount", 0))


def _sum(moves: Iterable[Moved]) -> Counter[str]:
    total: Counter[str] = Counter()
    for moved in moves:
        for role, amount in moved.items():
            total[role] += amount
    return total
