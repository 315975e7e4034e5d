"""The exact texts of our documents in Exact. They are frozen with the leg, so that a look-up can use `eq`.

A bank or cash line is found by its Description, a sales entry by its YourRef.
Reference: Exact cuts YourRef at 50 characters without a word; we stay at 30. Description holds 60.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from mappings.bookkeeping.correction import place_of
from mappings.bookkeeping.legs import LegKind, LegPlan, Line
from mappings.resolution import percent
from mappings.roles import Role

LINE_LENGTH = 60
YOUR_REF_LENGTH = 30
TENDER_WORDS = {
    "CARD": "card",
    "CASH": "cash",
    "WALLET": "wallet",
    "BANK_ACCOUNT": "bank transfer",
    "BUY_NOW_PAY_LATER": "pay later",
    "GIFT_CARD": "gift card",
}
KIND_WORDS = {
    LegKind.FEE: "fee",
    LegKind.APP_FEE: "platform fee",
    LegKind.SOURCE_FEE: "external fee",
    LegKind.REFUND_FEE: "refund fee",
    LegKind.DISPUTE: "dispute lost",
}
OF_SALES = (LegKind.SALE, LegKind.REFUND, LegKind.BREAKAGE, LegKind.INVOICE_CREDIT)
# What a payment of an invoice brings beside the invoice: lines of the money entry that say what they are.
BESIDE = (Role.TIPS, Role.ROUNDING)


def your_ref(reference: str) -> str:
    """The reference, alone: `YourRef eq` must find it. Raises `ValueError` when it would be cut."""
    if len(reference) > YOUR_REF_LENGTH:
        raise ValueError(f"a reference of {len(reference)} characters does not fit YourRef")
    return reference


def line_text(leg: LegPlan, line: Line, *, reference: str) -> str:
    """'TB-7F3K2M81QA5VNB0C fee R2D2'; the second line of a pair opens with 'TB-7F3K2M81QA5VNB0C/2'. What was moved
    to another period ends with its own day.
    """
    words = _sale_words(line) if leg.kind in OF_SALES or line.role in BESIDE else _money_words(leg)
    own_day = leg.moved_from.isoformat() if leg.moved_from else ""
    taken_back = "reversed" if leg.is_reversal else ""
    return _fitted(reference + line.suffix, words, taken_back, leg.receipt_number, last=own_day)


def summary_line_text(line: Line, *, reference: str) -> str:
    """'TB-7F3K2M81QA5VNB0C revenue 21 %'."""
    return _fitted(reference, _sale_words(line))


def sale_header(leg: LegPlan, *, place: str, taken_back: str = "") -> str:
    """'Square sale R2D2 Utrecht 2026-03-04', 'Square refund ...', 'Square invoice 0000012 Utrecht 2026-03-04', 'Square
    sale corrected ...': its own day, also where a closed period moved its entry. `place` is the name of the location,
    `taken_back` what `taken_back_word` says of the entry's legs.
    """
    own_day = (leg.moved_from or leg.date).isoformat()
    if leg.invoice:
        kind = "credit of invoice" if leg.kind is LegKind.INVOICE_CREDIT else "invoice"
        return _fitted(f"Square {kind} {leg.invoice}", taken_back, place, last=own_day)
    return _fitted(f"Square {leg.kind}", taken_back, leg.receipt_number, place, last=own_day)


def summary_header(*, place: str, day: date, supplement: int = 0, taken_back: str = "") -> str:
    """'Square sales Utrecht 2026-03-04', '... supplement 1', 'Square sales reversed Utrecht 2026-03-04'."""
    last = f"{day.isoformat()} supplement {supplement}" if supplement else day.isoformat()
    return _fitted("Square sales", taken_back, place, last=last)


def taken_back_word(legs: Iterable[LegPlan]) -> str:
    """What an entry's header says when it takes booked legs back: all of it, or some and books others."""
    reversals = {leg.is_reversal for leg in legs}
    return "reversed" if reversals == {True} else "corrected" if True in reversals else ""


def order_header(*, place: str, day: date) -> str:
    """'Square order Utrecht 2026-03-04'."""
    return _fitted("Square order", place, last=day.isoformat())


def order_line_text(words: str) -> str:
    return _fitted(words)


def _sale_words(line: Line) -> str:
    return " ".join(filter(None, [line.role.words, percent(line.rate) if line.rate is not None else ""]))


def _money_words(leg: LegPlan) -> str:
    if leg.kind is LegKind.RECEIPT:
        return _tender_words(leg.tender)
    if leg.kind is LegKind.REFUND_MONEY:
        return f"refund {_tender_words(leg.tender)}"
    if leg.kind is LegKind.PAYOUT:
        return "payout returned" if place_of(leg.ordinal) else "payout"
    return KIND_WORDS.get(leg.kind) or _tender_words(leg.tender)


def _tender_words(tender: str) -> str:
    """A payout entry's type stands in the tender's place and reads the same way."""
    return TENDER_WORDS.get(tender, tender.removeprefix("EXTERNAL:").replace("_", " ").lower())


def _fitted(*parts: str, last: str = "") -> str:
    """One line of printable text. What is too long loses the end of its middle, never the reference or the day."""
    room = LINE_LENGTH - (len(last) + 1 if last else 0)
    text = _plain(" ".join(filter(None, parts)))[:room].rstrip()
    return f"{text} {last}" if last else text


def _plain(text: str) -> str:
    """Without line breaks, control characters and doubled blanks, which Exact may change and `eq` then misses."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
