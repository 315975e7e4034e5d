"""One sale of a generated month before it is sold: what was decided, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from connections.sandbox.generated import Totals, rounded
from connections.sandbox.square import ChargeSpec, LineSpec, TenderSpec


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """Amounts of the whole `quantity`: `discounts` its own and its share of the order's, `charges` spread over it."""

    tax: str
    quantity: int
    gross: int
    discounts: tuple[int, int]
    charges: tuple[int, ...]
    vat: int

    def returned(self, quantity: int, *, inclusive: bool) -> tuple[int, int]:
        """Revenue and VAT of that many pieces, each amount in proportion."""
        vat, gross = self._of(self.vat, quantity), self._of(self.gross, quantity)
        less = sum(self._of(part, quantity) for part in self.discounts)
        more = sum(self._of(part, quantity) for part in self.charges)
        return gross - less + more - (vat if inclusive else 0), vat

    def _of(self, amount: int, quantity: int) -> int:
        return rounded(Decimal(amount) * quantity / self.quantity)


@dataclass(slots=True)
class Plan:
    """`discount` is on the order; `sold` is worked out from the rest."""

    lines: list[LineSpec]
    inclusive: bool = True
    discount: int = 0
    charges: list[ChargeSpec] = field(default_factory=list)
    tenders: list[TenderSpec] = field(default_factory=list)
    customer_id: str = ""
    odd: str = ""
    sold: list[PlannedLine] = field(default_factory=list)
    truth: Totals = field(default_factory=Totals)

    @property
    def is_plain(self) -> bool:
        """Lines only: what part of an amount belongs to which rate is beyond doubt."""
        return not (self.truth.tips or self.truth.rounding or self.truth.service)


def tender_name(tender: TenderSpec) -> str:
    return f"external:{tender.external_type}" if tender.kind == "external" else tender.kind
