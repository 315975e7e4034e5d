"""How tests, the demo and the generator say what was sold and how it was paid. Amounts in minor units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
