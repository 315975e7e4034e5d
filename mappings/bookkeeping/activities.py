"""What each type of payout entry is to the books: one row a type, all 58 of them.

`role` is the other side of the clearing account, narrowed by rules on the payout entry type (a subscription on an
account of its own). `check` says what was booked before from its own record, so that the entry only verifies it.
Square's own fees are processing fees, those of others platform fees. What is known but says nothing about its nature
stands in suspense, as do types that are newer than this table.
Reference: Square ActivityType (OpenAPI, 2025-08-20).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mappings.roles import Role


class Check(StrEnum):
    """What an entry is compared with: nothing (it is posted), the gross and fee of a payment or refund, its fee alone,
    a payout of its own that Square moved apart from this one, or a payout that came back.
    """

    NOTHING = "nothing"
    EVENT = "event"
    FEE = "fee"
    TRANSFER = "transfer"
    RETURN = "return"


class Activity(NamedTuple):
    role: Role
    check: Check = Check.NOTHING


ACTIVITIES = {
    "ADJUSTMENT": Activity(Role.SUSPENSE),
    "APP_FEE_REFUND": Activity(Role.PLATFORM_FEE),
    "APP_FEE_REVENUE": Activity(Role.PLATFORM_FEE),
    "AUTOMATIC_SAVINGS": Activity(Role.TRANSIT),
    "AUTOMATIC_SAVINGS_REVERSED": Activity(Role.TRANSIT),
    "CHARGE": Activity(Role.PROCESSING_FEE, Check.EVENT),
    "DEPOSIT_FEE": Activity(Role.PROCESSING_FEE),
    "DEPOSIT_FEE_REVERSED": Activity(Role.PROCESSING_FEE),
    "DISPUTE": Activity(Role.DISPUTE),
    "ESCHEATMENT": Activity(Role.SUSPENSE),
    "FEE": Activity(Role.PROCESSING_FEE, Check.FEE),
    "FREE_PROCESSING": Activity(Role.PROCESSING_FEE, Check.FEE),
    "HOLD_ADJUSTMENT": Activity(Role.RESERVE),
    "INITIAL_BALANCE_CHANGE": Activity(Role.SUSPENSE),
    "MONEY_TRANSFER": Activity(Role.TRANSIT, Check.TRANSFER),
    "MONEY_TRANSFER_REVERSAL": Activity(Role.TRANSIT, Check.RETURN),
    "OPEN_DISPUTE": Activity(Role.DISPUTE),
    "OTHER": Activity(Role.SUSPENSE),
    "OTHER_ADJUSTMENT": Activity(Role.SUSPENSE),
    "PAID_SERVICE_FEE": Activity(Role.PLATFORM_FEE),
    "PAID_SERVICE_FEE_REFUND": Activity(Role.PLATFORM_FEE),
    "REDEMPTION_CODE": Activity(Role.PROCESSING_FEE),
    "REFUND": Activity(Role.PROCESSING_FEE, Check.EVENT),
    "RELEASE_ADJUSTMENT": Activity(Role.RESERVE),
    "RESERVE_HOLD": Activity(Role.RESERVE),
    "RESERVE_RELEASE": Activity(Role.RESERVE),
    "RETURNED_PAYOUT": Activity(Role.TRANSIT, Check.RETURN),
    "SQUARE_CAPITAL_PAYMENT": Activity(Role.LOAN),
    "SQUARE_CAPITAL_REVERSED_PAYMENT": Activity(Role.LOAN),
    "SUBSCRIPTION_FEE": Activity(Role.PROCESSING_FEE),
    "SUBSCRIPTION_FEE_PAID_REFUND": Activity(Role.PROCESSING_FEE),
    "SUBSCRIPTION_FEE_REFUND": Activity(Role.PROCESSING_FEE),
    "TAX_ON_FEE": Activity(Role.FEE_VAT_PENDING),
    "THIRD_PARTY_FEE": Activity(Role.PLATFORM_FEE, Check.FEE),
    "THIRD_PARTY_FEE_REFUND": Activity(Role.PLATFORM_FEE, Check.FEE),
    "PAYOUT": Activity(Role.TRANSIT, Check.TRANSFER),
    "AUTOMATIC_BITCOIN_CONVERSIONS": Activity(Role.TRANSIT),
    "AUTOMATIC_BITCOIN_CONVERSIONS_REVERSED": Activity(Role.TRANSIT),
    "CREDIT_CARD_REPAYMENT": Activity(Role.LOAN),
    "CREDIT_CARD_REPAYMENT_REVERSED": Activity(Role.LOAN),
    "LOCAL_OFFERS_CASHBACK": Activity(Role.PLATFORM_FEE),
    "LOCAL_OFFERS_FEE": Activity(Role.PLATFORM_FEE),
    # Square lends the seller what a dispute left the balance short of, and takes it back from later sales.
    "PERCENTAGE_PROCESSING_ENROLLMENT": Activity(Role.LOAN),
    "PERCENTAGE_PROCESSING_DEACTIVATION": Activity(Role.LOAN),
    "PERCENTAGE_PROCESSING_REPAYMENT": Activity(Role.LOAN),
    "PERCENTAGE_PROCESSING_REPAYMENT_REVERSED": Activity(Role.LOAN),
    "PROCESSING_FEE": Activity(Role.PROCESSING_FEE, Check.FEE),
    "PROCESSING_FEE_REFUND": Activity(Role.PROCESSING_FEE, Check.FEE),
    "UNDO_PROCESSING_FEE_REFUND": Activity(Role.PROCESSING_FEE, Check.FEE),
    # A guess: these fees are not among those of the payment. An entry of a gross-settlement seller would settle it.
    "GIFT_CARD_LOAD_FEE": Activity(Role.PROCESSING_FEE),
    "GIFT_CARD_LOAD_FEE_REFUND": Activity(Role.PROCESSING_FEE),
    "UNDO_GIFT_CARD_LOAD_FEE_REFUND": Activity(Role.PROCESSING_FEE),
    "BALANCE_FOLDERS_TRANSFER": Activity(Role.TRANSIT),
    "BALANCE_FOLDERS_TRANSFER_REVERSED": Activity(Role.TRANSIT),
    # A franchise's cards are honoured by all its shops: the debt to their holders moves with the money.
    "GIFT_CARD_POOL_TRANSFER": Activity(Role.GIFT_CARD),
    "GIFT_CARD_POOL_TRANSFER_REVERSED": Activity(Role.GIFT_CARD),
    "SQUARE_PAYROLL_TRANSFER": Activity(Role.TRANSIT),
    "SQUARE_PAYROLL_TRANSFER_REVERSED": Activity(Role.TRANSIT),
}
UNKNOWN = Activity(Role.SUSPENSE)


def activity(kind: str) -> Activity:
    """The row of a type; suspense for one that Square added later."""
    return ACTIVITIES.get(kind, UNKNOWN)
