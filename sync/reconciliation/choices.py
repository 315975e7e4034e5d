"""What a leg was booked by where a division's choice changes the figures: read from the leg, as a fact about it. Pure.

Square states no tax on tips, on single-purpose gift cards or inside fees, so their rate is that of the leg's own line;
every amount is worked out from Square's record all the same. A leg that tells of no choice was booked by the defaults.
Reference: bookkeeping section 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

ZERO = Decimal(0)
FEE_ROLES = frozenset({"processing_fee", "platform_fee"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """`tips`: rate of the VAT inside tips that are kept, None where they are owed to staff; `card`: the same of
    single-purpose gift cards. `is_contra`: discounts on an account of their own. `fees`: (kind of leg, place) -> rate
    of the VAT inside that fee.
    """

    tips: Decimal | None = None
    card: Decimal | None = None
    is_contra: bool = False
    fees: Mapping[tuple[str, int], Decimal] = field(default_factory=dict)

    def fee(self, kind: str, place: int = 0) -> Decimal:
        return self.fees.get((kind, place), ZERO)


DEFAULT = Chosen()


def of_sale(content: Mapping[str, Any]) -> Chosen:
    """From the frozen content of a sale or credit."""
    chosen = content.get("conventions") or {}
    rates = _rates(content)
    return Chosen(
        tips=rates.get("tips", ZERO) if chosen.get("tips") == "kept" else None,
        card=rates.get("gift_card", ZERO) if chosen.get("gift_cards") == "single_purpose" else None,
        is_contra=chosen.get("discounts") == "contra",
    )


def of_fee(content: Mapping[str, Any]) -> Decimal:
    """From the frozen content of a fee: the rate of the VAT inside it, 0 where there is none."""
    if (content.get("conventions") or {}).get("fee_vat") != "included":
        return ZERO
    rates = _rates(content)
    return next((rates[role] for role in sorted(FEE_ROLES & rates.keys())), ZERO)


def rate_of(content: Mapping[str, Any], role: str) -> Decimal:
    return _rates(content).get(role, ZERO)


def _rates(content: Mapping[str, Any]) -> dict[str, Decimal]:
    lines = content.get("lines") or ()
    return {line["role"]: Decimal(str(line["rate"])) for line in lines if line.get("rate") is not None}


def inside(gross: int, rate: Decimal) -> int:
    """The VAT inside an amount, half-up: 12.10 at 21 % holds 2.10."""
    return int((Decimal(gross) * rate / (100 + rate)).quantize(Decimal(1), ROUND_HALF_UP))
