"""Ledger roles: what an amount is, before anyone says which account it goes to."""

from __future__ import annotations

from enum import StrEnum


def words_of(role: str) -> str:
    """A role, or a figure that is kept like one, as people write it: VAT in capitals."""
    return role.replace("_", " ").replace("vat", "VAT")


class Role(StrEnum):
    RECEIVABLES = "receivables"
    CLEARING = "clearing"
    CASH = "cash"
    OTHER_TENDER = "other_tender"
    REVENUE = "revenue"
    OUTPUT_VAT = "output_vat"
    TIPS = "tips"
    SERVICE_CHARGE = "service_charge"
    DISCOUNT = "discount"
    GIFT_CARD = "gift_card"
    BREAKAGE = "breakage"
    PROCESSING_FEE = "processing_fee"
    PLATFORM_FEE = "platform_fee"
    FEE_VAT_PENDING = "fee_vat_pending"
    ROUNDING = "rounding"
    DISPUTE = "dispute"
    DISPUTE_LOSS = "dispute_loss"
    RESERVE = "reserve"
    LOAN = "loan"
    SUSPENSE = "suspense"
    TRANSIT = "transit"
    ACCRUAL = "accrual"

    @property
    def words(self) -> str:
        return words_of(self.value)

    @property
    def is_taxed(self) -> bool:
        """Its rules must speak about the tax: one without a tax would silently catch every rate."""
        return self in TAXED


TAXED = frozenset({Role.REVENUE, Role.SERVICE_CHARGE, Role.DISCOUNT})


# The Exact GL account types that make sense for a role. Reference: GLAccounts.Type; bookkeeping section 1.
ACCOUNT_TYPES: dict[Role, frozenset[int]] = {
    Role.RECEIVABLES: frozenset({20}),
    Role.CLEARING: frozenset({12}),
    Role.CASH: frozenset({10}),
    Role.OTHER_TENDER: frozenset({12, 14, 90}),
    Role.REVENUE: frozenset({110}),
    Role.OUTPUT_VAT: frozenset({24}),
    Role.TIPS: frozenset({60, 110}),
    Role.SERVICE_CHARGE: frozenset({110}),
    Role.DISCOUNT: frozenset({110}),
    Role.GIFT_CARD: frozenset({60, 110}),
    Role.BREAKAGE: frozenset({110}),
    Role.PROCESSING_FEE: frozenset({120, 121}),
    Role.PLATFORM_FEE: frozenset({121}),
    Role.FEE_VAT_PENDING: frozenset({24, 26}),
    Role.ROUNDING: frozenset({120}),
    Role.DISPUTE: frozenset({90}),
    Role.DISPUTE_LOSS: frozenset({90, 120, 121}),
    Role.RESERVE: frozenset({90}),
    Role.LOAN: frozenset({55, 60, 90}),
    Role.SUSPENSE: frozenset({90}),
    Role.TRANSIT: frozenset({12, 90}),
    Role.ACCRUAL: frozenset({26, 27, 60, 90}),
}
