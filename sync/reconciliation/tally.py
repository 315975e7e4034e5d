"""What is added up for one lane while its records and the ledger pass by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.reconciliation.books import Books, Entry, Place, Taxed
from sync.reconciliation.figures import Cell, Figures, Period, cells_of
from sync.reconciliation.legs import MONEY, LedgerLeg
from sync.reconciliation.square import Owed

# Event -> what it is to the till's cash flow, and the roles it shows on. Received, refunded, kept as fees, paid out.
FLOW = {
    "receipt": ("received", ("receivables",), -1),
    "refund_money": ("refunded", ("receivables",), 1),
    "fee": ("fees", ("processing_fee", "platform_fee"), 1),
    "payout": ("settled", ("transit",), 1),
}


@dataclass(slots=True)
class Tally:
    """`placed`: what our booked legs put on an account, by role, so that the ledger's amount of an account that serves
    several roles can be told apart. `open_orders`: what booked legs leave open on customers by order, less what
    Square's figures leave open; `busy_orders`: those of which something waits or is on its way.
    """

    period: Period
    role_of: Callable[[str], str]
    figures: Figures = field(init=False)
    placed: defaultdict[Place, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    shown: Counter[Place] = field(default_factory=Counter)
    vat: dict[tuple[str, str], Taxed] = field(default_factory=dict)
    debtors: Counter[tuple[str, str]] = field(default_factory=Counter)
    settled: Counter[tuple[str, str]] = field(default_factory=Counter)
    open_orders: Counter[tuple[str, str]] = field(default_factory=Counter)
    busy_orders: set[str] = field(default_factory=set)
    flow: defaultdict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    records: int = 0

    def __post_init__(self) -> None:
        self.figures = Figures(self.period)

    def owe(self, owed: Owed, order: str = "") -> None:
        if order and (owing := owed.moves.get("receivables", 0)):
            self._open(order, owed.currency, -owing)
        self.figures.add(self.figures.square, cells_of(owed.day, owed.currency, owed.moves))
        if owed.day in self.period and owed.group[0] in FLOW:
            name, roles, sign = FLOW[owed.group[0]]
            amount = sign * sum(owed.moves.get(role, 0) for role in roles)
            self.flow[owed.currency, owed.day.isoformat()][name] += amount

    def book(self, leg: LedgerLeg) -> None:
        """A leg that stands in Exact."""
        row = leg.row
        if row.order_id and (owing := sum(amount for _, amount in leg.owing())):
            self._open(leg.order, row.currency, owing)
        if row.date not in self.period:
            return
        for part in leg.parts:
            self.placed[Place(row.date, part.account, row.currency)][part.role] += part.amount
            self.figures.ours[Cell(row.date, part.role, row.currency)] += part.amount
        for code, taxed in leg.vat():
            self.vat[row.currency, code] = self.vat.get((row.currency, code), Taxed()) + taxed
        for debtor, amount in leg.owing():
            self.debtors[row.currency, debtor] += amount
            if row.document in MONEY:
                self.settled[row.currency, debtor] -= amount

    def _open(self, order: str, currency: str, amount: int) -> None:
        """What is settled is forgotten, so that only the open ones are held."""
        self.open_orders[order, currency] += amount
        if not self.open_orders[order, currency]:
            del self.open_orders[order, currency]

    def show(self, entry: Entry) -> None:
        """An entry of ours as the ledger has it."""
        for place, amount in entry.moved.items():
            if place.day in self.period:
                self.shown[place] += amount

    def show_cells(self, cells: Mapping[Cell, int]) -> None:
        """What the ledger shows beside our entries; `cells` is Square minus Exact."""
        self.figures.add(self.figures.exact, ((cell, -amount) for cell, amount in cells.items()))

    def close(self) -> Figures:
        """Give the ledger's amounts to roles: what our legs placed where they did, the rest to the account's role."""
        for place in {*self.placed, *self.shown}:
            rest = self.shown[place]
            for role, amount in self.placed[place].items() if place in self.placed else ():
                self.figures.exact[Cell(place.day, role, place.currency)] += amount
                rest -= amount
            if rest:
                role = "output_vat" if place.account == "vat" else self.role_of(place.account)
                self.figures.exact[Cell(place.day, role, place.currency)] += rest
        self.figures.close()
        return self.figures


def vat_rows(tally: Tally, books: Books, lane: int) -> list[dict[str, Any]]:
    """Per currency and VAT code: net and VAT of our frozen lines, and of the ledger."""
    shown = books.vat.get(lane, {})
    rows = []
    for currency, code in sorted({*tally.vat, *shown}):
        ours, exact = tally.vat.get((currency, code), Taxed()), shown.get((currency, code), Taxed())
        rows.append(
            {
                "currency": currency, "code": code, "base": ours.base, "vat": ours.stated, "exact_base": exact.base,
                "exact_vat": exact.stated, "exact_booked": exact.booked,
            }
        )  # fmt: skip
    return rows


def debtor_rows(tally: Tally, books: Books, lane: int) -> list[dict[str, Any]]:
    """Per currency and Exact customer: what the period sold to them and what they paid, by our legs; and what it added
    to what they owe, by our legs and by the ledger.
    """
    shown: Mapping[tuple[str, str], int] = books.debtors.get(lane, {})
    rows = []
    for key in sorted({*tally.debtors, *tally.settled, *shown}):
        ours, paid = tally.debtors.get(key, 0), tally.settled.get(key, 0)
        rows.append(
            {"currency": key[0], "debtor": key[1], "sold": ours + paid, "paid": paid, "ours": ours,
             "exact": shown.get(key, 0)}
        )  # fmt: skip
    return rows


def flow_rows(tally: Tally) -> list[dict[str, Any]]:
    """Per currency and day: received, refunded, fees and paid out, by Square's own figures."""
    return [
        {"currency": currency, "day": day, **{name: moved[name] for name, _, _ in FLOW.values()}}
        for (currency, day), moved in sorted(tally.flow.items())
    ]
