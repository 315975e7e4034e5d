"""What Square's own figures say a payout should move, from the raw payout and its entries. Pure.

Entries of payments, refunds and transfers tell of money that other records move; every other entry moves the Square
balance by itself, and the table below says what for, written a second time from Square's list of types.
Reference: square.md 3.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from sync.reconciliation.square import Owed, Raw, amount, local

TOLD_ELSEWHERE = frozenset(
    {
        "CHARGE", "REFUND", "FEE", "FREE_PROCESSING", "THIRD_PARTY_FEE", "THIRD_PARTY_FEE_REFUND", "PROCESSING_FEE",
        "PROCESSING_FEE_REFUND", "UNDO_PROCESSING_FEE_REFUND", "MONEY_TRANSFER", "MONEY_TRANSFER_REVERSAL",
        "RETURNED_PAYOUT", "PAYOUT",
    }
)  # fmt: skip
# The beginning of a type's name -> the role it is for; the first that fits.
ROLES = (
    ("TAX_ON_FEE", "fee_vat_pending"),
    ("APP_FEE", "platform_fee"),
    ("PAID_SERVICE_FEE", "platform_fee"),
    ("LOCAL_OFFERS", "platform_fee"),
    ("DEPOSIT_FEE", "processing_fee"),
    ("SUBSCRIPTION_FEE", "processing_fee"),
    ("REDEMPTION_CODE", "processing_fee"),
    ("GIFT_CARD_LOAD_FEE", "processing_fee"),
    ("UNDO_GIFT_CARD_LOAD_FEE", "processing_fee"),
    ("GIFT_CARD_POOL", "gift_card"),
    ("DISPUTE", "dispute"),
    ("OPEN_DISPUTE", "dispute"),
    ("HOLD_ADJUSTMENT", "reserve"),
    ("RELEASE_ADJUSTMENT", "reserve"),
    ("RESERVE", "reserve"),
    ("SQUARE_CAPITAL", "loan"),
    ("CREDIT_CARD_REPAYMENT", "loan"),
    ("PERCENTAGE_PROCESSING", "loan"),
    ("AUTOMATIC_SAVINGS", "transit"),
    ("AUTOMATIC_BITCOIN", "transit"),
    ("BALANCE_FOLDERS", "transit"),
    ("SQUARE_PAYROLL", "transit"),
)
SENT = ("SENT", "PAID", "FAILED")


def payout_events(payout: Raw, entries: Sequence[Raw], zone: ZoneInfo) -> Iterator[Owed]:
    """The transfer, its return when it failed, and each entry that moves the balance by itself."""
    if payout.get("status") not in SENT:
        return
    money = payout["amount_money"]
    currency, sent = money.get("currency") or money.get("currency_code", ""), amount(payout, "amount_money")
    group, day = ("payout", payout["id"]), local(payout["created_at"], zone)
    yield Owed(group, day, currency, {"transit": sent, "clearing": -sent})
    if payout["status"] == "FAILED":
        yield Owed(group, local(payout["updated_at"], zone), currency, {"transit": -sent, "clearing": sent})
    for entry in entries:
        if entry["type"] not in TOLD_ELSEWHERE:
            yield _entry(entry, day, currency, zone)


def _entry(entry: Raw, day: date, currency: str, zone: ZoneInfo) -> Owed:
    net = amount(entry, "net_amount_money")
    on = local(entry["effective_at"], zone) if entry.get("effective_at") else day
    return Owed(("payout_entry", entry["id"]), on, currency, {"clearing": net, role_of(entry["type"]): -net})


def role_of(kind: str) -> str:
    """Suspense for what Square does not explain, and for what is newer than the table."""
    return next((role for beginning, role in ROLES if kind.startswith(beginning)), "suspense")
