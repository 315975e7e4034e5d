"""Why an invoice is still open in Exact, or that it is proven settled: "open until proven matched".

Exact matches a receipt with its sale by itself, by hand, or not at all, and offers no call to do so. So after posting
the list of open terms is asked, and what is left of an invoice gets one of a closed list of reasons.
Reference: exact-online.md 10.3, ReceivablesList; bookkeeping section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connections.providers.square.payloads.invoices import NOT_YET
from mappings.bookkeeping.context import written


class Why(StrEnum):
    """Where an invoice stands between Square and Exact."""

    NOT_PUBLISHED = "not_published"
    NOTHING_OWED = "nothing_owed"
    BEFORE_GO_LIVE = "before_go_live"
    NOT_BOOKED = "not_booked"
    NOT_PAID = "not_paid"
    PARTLY_PAID = "partly_paid"
    RECEIPT_WAITING = "receipt_waiting"
    UNMATCHED = "unmatched"
    DIFFERS = "differs"
    MATCHED = "matched"


# Nothing more comes by itself, and still something is open: a bookkeeper looks.
LEFTOVERS = (Why.RECEIPT_WAITING, Why.UNMATCHED, Why.DIFFERS)
# What is open in Exact, with or without a good reason.
OPEN = (Why.NOT_PAID, Why.PARTLY_PAID, *LEFTOVERS)
# Settled, or never ours to follow.
OVER = (Why.NOTHING_OWED, Why.BEFORE_GO_LIVE, Why.MATCHED)


@dataclass(frozen=True, slots=True)
class Facts:
    """Minor units, positive. `paid`: at Square, without tips. `received` and `credited`: what our booked receipts and
    the credit of a cancel take off the sale. `open`: what Exact's list shows of it, None when it was not asked, 0 when
    the sale is not (any more) on the list. `problem`: why the invoice or one of its payments waits.
    """

    status: str
    currency: str
    total: int
    paid: int = 0
    received: int = 0
    credited: int = 0
    is_booked: bool = False
    is_before_go_live: bool = False
    owes_nothing: bool = False
    open: int | None = None
    problem: str = ""


def why(facts: Facts) -> tuple[Why, str]:
    """The reason, and a sentence that says what it means and what to do."""
    if facts.status in NOT_YET:
        return Why.NOT_PUBLISHED, "Not published at Square yet: nothing is booked."
    if facts.is_before_go_live:
        sentence = "Published before go-live: the books are taken to hold its sale; only its payments are booked."
        return Why.BEFORE_GO_LIVE, sentence
    if not facts.is_booked:
        return _unbooked(facts)
    return _settled(facts) if facts.open == 0 else _open(facts)


def _unbooked(facts: Facts) -> tuple[Why, str]:
    if facts.owes_nothing and not facts.problem:
        return Why.NOTHING_OWED, "Canceled or failed before its sale was booked: nothing is owed."
    return Why.NOT_BOOKED, facts.problem or "Its sale is on its way to Exact."


def _settled(facts: Facts) -> tuple[Why, str]:
    """Off the list of open terms. Proven only when our own entries say that it should be."""
    rest = facts.total - facts.received - facts.credited
    if rest <= 0:
        return Why.MATCHED, "Settled: Exact shows nothing of it as open."
    sentence = (
        f"Exact shows the invoice as settled, but of {_money(facts, facts.total)} Tillbridge booked "
        f"{_money(facts, facts.received)} as received and {_money(facts, facts.credited)} as credited. Somebody "
        f"matched {_money(facts, rest)} with something else: look at the customer's card in Exact."
    )
    return Why.DIFFERS, sentence


def _open(facts: Facts) -> tuple[Why, str]:
    rest = facts.total - facts.received - facts.credited
    if facts.problem:
        return Why.RECEIPT_WAITING, f"A payment or credit of it is not in the books: {facts.problem}"
    if facts.paid > facts.received:
        missing = _money(facts, facts.paid - facts.received)
        return Why.RECEIPT_WAITING, f"{missing} was paid at Square whose receipt is not in Exact yet."
    if facts.open is not None and not max(rest, 0) <= facts.open <= facts.total:
        return Why.DIFFERS, _different(facts, rest)
    if rest <= 0:
        return Why.UNMATCHED, _unmatched(facts)
    if not facts.received:
        return Why.NOT_PAID, "Not paid at Square yet."
    return Why.PARTLY_PAID, f"{_money(facts, facts.received)} is paid, {_money(facts, rest)} is not yet."


def _different(facts: Facts, rest: int) -> str:
    return (
        f"Exact shows {_money(facts, facts.open or 0)} of it as open, where {_money(facts, max(rest, 0))} to "
        f"{_money(facts, facts.total)} can be explained by what Tillbridge booked. Somebody changed or matched it by "
        "hand: look at the customer's card in Exact."
    )


def _unmatched(facts: Facts) -> str:
    parts = "its receipts" if facts.received else "its credit"
    if facts.received and facts.credited:
        parts = "its receipts and its credit"
    return (
        f"Exact holds the invoice and {parts}, which come to the same, but has not matched them. Match them on the "
        "customer's card in Exact: Exact offers no call for it."
    )


def _money(facts: Facts, amount: int) -> str:
    return written(amount, facts.currency)
