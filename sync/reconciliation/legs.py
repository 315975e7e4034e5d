"""Our legs as they are frozen: which event each is about, what it moves by role and account, its VAT. Pure.

The content is read as plain JSON: tens of thousands pass by, and nothing but sums is kept of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sync.reconciliation.books import Taxed
from sync.reconciliation.groups import BOOKED, Held
from sync.reconciliation.square import Group
from sync.reconciliation.square_payouts import TOLD_ELSEWHERE

SALES = "sales_entry"
MONEY = frozenset({"bank_entry", "cash_entry"})
# Documents that move no ledger account. Reference: bookkeeping section 2, "order (by switch)".
WITHOUT_LEDGER = frozenset({"quotation", "sales_order"})


class LegRow(NamedTuple):
    """The columns of a leg that are read, in this order."""

    item_id: int
    kind: str
    ordinal: int
    is_reversal: bool
    reference: str
    order_id: str
    document: str
    journal: str
    date: date
    currency: str
    debtor: str
    state: str
    posting_id: int | None
    posting__state: str | None
    problem: str
    content: Mapping[str, Any]
    item__source_id: str


class Part(NamedTuple):
    """What a leg moves on one account for one role."""

    account: str
    role: str
    amount: int


def _fees(row: LegRow) -> Group:
    return "fee", row.item__source_id


def _payout_entry(row: LegRow) -> Group:
    """A difference in the fee of a payment or refund belongs to that event's fees; another entry stands for itself."""
    if row.order_id and row.content.get("tender") in TOLD_ELSEWHERE:
        return "fee", row.order_id
    return "payout_entry", row.content.get("source_id", "")


def _refund(row: LegRow) -> Group:
    """What an exchange takes back belongs to its own order, with what that sells: together they are its net."""
    source = row.content.get("source_id") or row.item__source_id
    return ("refund", source) if source == row.item__source_id else ("sale", source)


# Kind of leg -> the event it is about. A kind that is not here stands alone, and so stands out.
GROUPS: Mapping[str, Callable[[LegRow], Group]] = {
    "sale": lambda row: ("sale", row.order_id),
    "receipt": lambda row: ("receipt", row.item__source_id),
    "fee": _fees,
    "app_fee": _fees,
    "source_fee": _fees,
    "refund_fee": _fees,
    "refund": _refund,
    "refund_money": lambda row: ("refund_money", row.item__source_id),
    "payout": lambda row: ("payout", row.item__source_id),
    "payout_entry": _payout_entry,
    "dispute": lambda row: ("dispute", row.item__source_id),
    "breakage": lambda row: ("breakage", row.item__source_id),
    "invoice_credit": lambda row: ("invoice_credit", row.item__source_id),
    "order": lambda row: ("order", row.item__source_id),
}


def group_of(row: LegRow) -> Group:
    known = GROUPS.get(row.kind)
    return known(row) if known else (row.kind, row.reference)


def is_booked(row: LegRow) -> bool:
    """A leg whose entry stands in conflict stands in Exact, whatever its own state says."""
    return row.state in BOOKED or row.posting__state == "conflict"


@dataclass(frozen=True, slots=True)
class LedgerLeg:
    """A leg with what it moves, debit +."""

    row: LegRow
    parts: tuple[Part, ...]

    @property
    def is_booked(self) -> bool:
        return is_booked(self.row)

    @property
    def order(self) -> str:
        """The order that it leaves open on a customer: what an exchange takes back settles its own."""
        kind, event = group_of(self.row)
        return event if kind == "sale" else self.row.order_id

    @property
    def held(self) -> Held:
        moves: Counter[str] = Counter()
        for part in self.parts:
            moves[part.role] += part.amount
        row = self.row
        state = "posted" if self.is_booked else row.state
        plain = {role: amount for role, amount in moves.items() if amount}
        return Held(group_of(row), row.date, row.currency, plain, state, row.reference, row.posting_id, row.problem)

    def vat(self) -> Iterator[tuple[str, Taxed]]:
        """By VAT code: what sales owe, and what fees claim."""
        for line in self.row.content.get("lines", ()) if self.parts else ():
            if line["vat_code"]:
                yield line["vat_code"], Taxed(line["amount"], line["vat"], line["vat"])

    def owing(self) -> Iterator[tuple[str, int]]:
        """By Exact customer, what this leg adds to what they owe."""
        lines = self.row.content.get("lines", ())
        if self.row.document == SALES and self.row.debtor:
            yield self.row.debtor, sum(line["amount"] + line["vat"] for line in lines)
        elif self.row.document in MONEY:
            yield from ((line["debtor"], -line["amount"]) for line in lines if line["debtor"])


def ledger_leg(row: LegRow, main_roles: Mapping[str, str]) -> LedgerLeg:
    """`main_roles`: journal -> the role of its own account."""
    if row.document in WITHOUT_LEDGER:
        return LedgerLeg(row, ())
    main = (row.content.get("main_account") or {}).get("code", "")
    role = "receivables" if row.document == SALES else main_roles.get(row.journal, "other_tender")
    return LedgerLeg(row, tuple(_parts(row, main, role)))


def _parts(row: LegRow, main: str, main_role: str) -> Iterator[Part]:
    for line in row.content.get("lines", ()):
        yield Part(line["account"]["code"], line["role"], -line["amount"])
        yield Part(main, main_role, line["amount"] + line["vat"])
        if line["vat"]:
            is_claimed = row.document in MONEY and line["vat"] < 0
            yield Part(line["vat_account"] or "vat", "input_vat" if is_claimed else "output_vat", -line["vat"])
