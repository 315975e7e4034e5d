"""What a generated month should come to, worked out from the decisions and not from the orders Square made of them.

Decimal arithmetic of its own, on purpose: it shares no code with the sandbox's order arithmetic. Amounts in minor
units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

RATES = {"VAT 21": Decimal(21), "VAT 9": Decimal(9), "VAT 0": Decimal(0), "Tourist tax 13": Decimal(13)}
CARD_FEE = Decimal("0.0175")
CASH_STEP = 5


@dataclass
class Totals:
    """Sales figures as positive amounts. `revenue` and `vat` by tax name, `tenders` by kind (`external:<type>`), with
    tips; `service` is net of VAT; `rounding` signed as Square has it; discounts are netted."""

    revenue: Counter[str] = field(default_factory=Counter)
    vat: Counter[str] = field(default_factory=Counter)
    tenders: Counter[str] = field(default_factory=Counter)
    tips: int = 0
    service: int = 0
    rounding: int = 0
    fees: int = 0

    def add(self, other: Totals) -> None:
        for mine, theirs in (
            (self.revenue, other.revenue),
            (self.vat, other.vat),
            (self.tenders, other.tenders),
        ):
            for name, amount in theirs.items():
                mine[name] += amount
        self.tips += other.tips
        self.service += other.service
        self.rounding += other.rounding
        self.fees += other.fees

    @property
    def due(self) -> int:
        """What the buyers paid, tips aside."""
        return sum(self.revenue.values()) + sum(self.vat.values()) + self.service + self.rounding

    @property
    def gross(self) -> int:
        return self.due + self.tips

    @property
    def settled(self) -> int:
        """What it does to the Square balance."""
        return self.tenders["card"] - self.fees

    def ledger(self) -> dict[str, int]:
        """Per ledger role, debit positive and credit negative; adds up to nothing."""
        external = sum(amount for name, amount in self.tenders.items() if name.startswith("external"))
        return {
            "clearing": self.settled,
            "cash": self.tenders["cash"],
            "other_tender": external,
            "revenue": -sum(self.revenue.values()),
            "output_vat": -sum(self.vat.values()),
            "tips": -self.tips,
            "service_charge": -self.service,
            "rounding": -self.rounding,
            "processing_fee": self.fees,
        }


@dataclass(frozen=True, slots=True)
class GeneratedSale:
    """`odd` is empty, or why it has to wait: unmapped_tax, unmapped_tender, unmapped_customer, no_lines."""

    order_id: str
    payment_ids: tuple[str, ...]
    location_id: str
    at: datetime
    day: date
    odd: str
    truth: Totals


@dataclass(frozen=True, slots=True)
class GeneratedRefund:
    """`how` is all, items, amount or several; `truth` what went back, in positive amounts, fees too. By amount: the
    largest remainder over the remaining gross per rate, its VAT in proportion to what remains."""

    refund_id: str
    payment_id: str
    order_id: str
    location_id: str
    at: datetime
    day: date
    how: str
    truth: Totals


@dataclass(frozen=True, slots=True)
class GeneratedInvoice:
    """`how` is whole, deposit, part, unpaid, canceled or canceled_part. `truth`: what is booked of it in the end, the
    `credited` part of a cancel taken off (largest remainder per rate, VAT in proportion). `left`: what its customer
    still owes. `settled`: when each of its payments moved the Square balance, and by how much.
    """

    invoice_id: str
    order_id: str
    payment_ids: tuple[str, ...]
    location_id: str
    at: datetime
    day: date
    how: str
    truth: Totals
    left: int
    credited: int
    settled: tuple[tuple[datetime, int], ...]


@dataclass(frozen=True, slots=True)
class GeneratedPayout:
    """`amount` is worked out from sales and refunds; `day` is the local day it closes."""

    payout_id: str
    location_id: str
    at: datetime
    day: date
    amount: int


@dataclass
class GeneratedMonth:
    """`days` are the local days, first to last; `settled_at` is when the last fee shows."""

    days: tuple[date, ...]
    locations: tuple[str, ...]
    settled_at: datetime
    sales: list[GeneratedSale] = field(default_factory=list)
    refunds: list[GeneratedRefund] = field(default_factory=list)
    payouts: list[GeneratedPayout] = field(default_factory=list)
    invoices: list[GeneratedInvoice] = field(default_factory=list)

    @property
    def payments(self) -> int:
        return sum(len(sale.payment_ids) for sale in self.sales)

    @property
    def odd_payments(self) -> dict[str, str]:
        """Payment id -> why it must wait."""
        return {key: sale.odd for sale in self.sales if sale.odd for key in sale.payment_ids}

    @property
    def odd_orders(self) -> dict[str, str]:
        return {sale.order_id: sale.odd for sale in self.sales if sale.odd}

    @property
    def truth(self) -> Totals:
        """Everything, the odd ones included."""
        return self.totals(lambda _: True)

    @property
    def waiting(self) -> Totals:
        return self.totals(lambda sale: bool(sale.odd))

    @property
    def booked(self) -> Totals:
        """What the books must come to while the odd ones wait."""
        return self.totals(lambda sale: not sale.odd)

    @property
    def refunded(self) -> Totals:
        """What went back, in positive amounts."""
        result = Totals()
        for refund in self.refunds:
            result.add(refund.truth)
        return result

    @property
    def invoiced(self) -> Totals:
        """What is booked of the invoices in the end."""
        result = Totals()
        for invoice in self.invoices:
            result.add(invoice.truth)
        return result

    @property
    def paid_out(self) -> int:
        return sum(payout.amount for payout in self.payouts)

    def balance(self, location_id: str) -> int:
        """What Square holds of that location at the end."""
        came = sum(sale.truth.settled for sale in self.sales if sale.location_id == location_id)
        came += sum(invoice.truth.settled for invoice in self.invoices if invoice.location_id == location_id)
        went = sum(refund.truth.settled for refund in self.refunds if refund.location_id == location_id)
        return came - went - sum(payout.amount for payout in self.payouts if payout.location_id == location_id)

    def ledger(self, *, odd: bool = True) -> dict[str, int]:
        """Per ledger role with refunds, invoices and payouts, debit positive; `odd` False leaves out the sales that
        wait. What customers still owe on invoices is `receivables`.
        """
        sold = (self.truth if odd else self.booked).ledger()
        back, invoiced = self.refunded.ledger(), self.invoiced.ledger()
        roles = {role: amount - back[role] + invoiced[role] for role, amount in sold.items()}
        if self.invoices:
            roles["receivables"] = sum(invoice.left for invoice in self.invoices)
        return {**roles, "clearing": roles["clearing"] - self.paid_out, "bank_in_transit": self.paid_out}

    def totals(self, which: Callable[[GeneratedSale], bool]) -> Totals:
        result = Totals()
        for sale in self.sales:
            if which(sale):
                result.add(sale.truth)
        return result


def rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def shares(amount: int, prices: Sequence[int]) -> list[int]:
    """By largest remainder over the prices."""
    exact = [Decimal(amount) * price / sum(prices) for price in prices]
    result = [int(value.quantize(Decimal(1), ROUND_FLOOR)) for value in exact]
    missing = amount - sum(result)
    neediest = sorted(range(len(prices)), key=lambda place: result[place] - exact[place])
    for place in neediest[:missing]:
        result[place] += 1
    return result


def is_tied(amount: int, prices: Sequence[int]) -> bool:
    """Whether `shares` had to choose between equals."""
    left = sorted((Decimal(amount) * price / sum(prices) % 1 for price in prices), reverse=True)
    missing = int(sum(left))
    return 0 < missing < len(left) and left[missing - 1] == left[missing]


def tax_on(amount: int, name: str, *, inclusive: bool) -> int:
    rate = RATES[name]
    return rounded(amount * rate / (100 + rate) if inclusive else amount * rate / 100)


def card_fee(total: int) -> int:
    return rounded(total * CARD_FEE)


def cash_rounding(total: int) -> int:
    """To the nearest five cents, as Dutch tills do."""
    return rounded(Decimal(total) / CASH_STEP) * CASH_STEP - total
