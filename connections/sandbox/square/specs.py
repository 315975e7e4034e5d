"""How tests, the demo and the generator say what was sold and how it was paid. Amounts in minor units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax of the seller's catalogue; `percentage` in per cent."""

    name: str
    percentage: Decimal
    inclusive: bool
    catalog_object_id: str


@dataclass(frozen=True, slots=True)
class LineSpec:
    """`gross` is the price of the whole quantity, before discounts; `tax` one name, several, or none."""

    name: str
    gross: int
    tax: str | tuple[str, ...] = "VAT 21"
    category: str = ""
    item_type: str = "ITEM"
    quantity: str = "1"
    discount: int = 0
    variation: str = "Regular"

    @property
    def taxes(self) -> tuple[str, ...]:
        if isinstance(self.tax, tuple):
            return self.tax
        return (self.tax,) if self.tax else ()


@dataclass(frozen=True, slots=True)
class ChargeSpec:
    """A service charge of a fixed `amount` or a `percentage` of the discounted lines.

    `treatment` is "line_item" (a line of its own, taxed by `tax`) or "apportioned" (spread over the lines and taxed
    with them). `kind` is CUSTOM or AUTO_GRATUITY.
    """

    name: str = "Service"
    amount: int = 0
    percentage: str = ""
    tax: str = ""
    treatment: str = "line_item"
    kind: str = "CUSTOM"


@dataclass(frozen=True, slots=True)
class TenderSpec:
    """One payment. `amount` excludes the tip; None is whatever the order still needs.

    `kind`: card, cash, external, gift_card, house, wallet, bank, bnpl. `fee` None is the card rate of the sandbox
    (1.75 % of amount and tip, half-up, for card and wallet), 0 none.
    """

    kind: str = "card"
    amount: int | None = None
    tip: int = 0
    fee: int | None = None
    external_type: str = "OTHER"
    external_source: str = "Till"
    external_fee: int = 0
    app_fee: int = 0
    card_brand: str = "VISA"
    status: str = "COMPLETED"
    product: str = "SQUARE_POS"
    offline_at: datetime | None = None
    customer_id: str = ""
    note: str = ""


# Line or service charge uid -> quantity; uids alone come back whole; "all" is everything that is left, tip included.
Items = Mapping[str, str | int | Decimal] | Sequence[str]


@dataclass(frozen=True, slots=True)
class RefundSpec:
    """`amount` None is what the items come to, or what is left of the payment; with its `tip` and cash `rounding`.

    `fee_returned` is "proportional" to what the payment shows, or an amount; `fee_shown` False leaves it to the payout.
    `destination` is empty (as it was paid), card, gift_card, cash or external. `order_id` joins another refund's
    return order: the same goods, paid back on a second tender.
    """

    amount: int | None = None
    items: Items | None = None
    tip: int = 0
    rounding: int = 0
    reason: str = "Returned goods"
    status: str = "COMPLETED"
    fee_returned: int | str = "proportional"
    fee_shown: bool = True
    destination: str = ""
    external_type: str = "OTHER"
    external_source: str = "Till"
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """A payment request of an invoice: BALANCE (the rest), DEPOSIT or INSTALLMENT by `amount` or `percentage`."""

    kind: str = "BALANCE"
    amount: int = 0
    percentage: str = ""
    due: date | None = None
    tipping: bool = False
