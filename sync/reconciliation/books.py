"""What Exact's ledger holds of a period, added up while its lines pass by. Pure.

Lines are kept per entry, day and account, never one by one: memory grows with entries, not with lines.
Reference: exact-online.md section 9, TransactionLines: debit +, credit -; AmountVATFC on a revenue line is the VAT that
was booked for it, with the line's own sign; the VAT itself is a line of its own on the code's account.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

REFERENCE = re.compile(r"TB-[0-9A-HJKMNP-TV-Z]{16}")
# A strange entry's references are looked up one by one; a doubled clearing entry repeats hundreds.
MOST_REFERENCES = 50


class Place(NamedTuple):
    day: date
    account: str
    currency: str


class LedgerLine(NamedTuple):
    """One line of the ledger, in minor units of its currency."""

    entry: str
    number: int | None
    day: date
    journal: str
    account: str
    currency: str
    amount: int
    vat: int
    vat_code: str
    debtor: str
    text: str


@dataclass(slots=True)
class Entry:
    """One entry as the ledger shows it. `references`: ours, of an entry that we do not know by its id."""

    id: str
    number: int | None
    journal: str
    moved: dict[Place, int] = field(default_factory=dict)
    references: set[str] = field(default_factory=set)

    def by_account(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        for place, amount in self.moved.items():
            total[place.account] += amount
        return {account: amount for account, amount in total.items() if amount}

    @property
    def days(self) -> list[date]:
        return sorted({place.day for place in self.moved})


class Taxed(NamedTuple):
    """VAT of one code: `base` net, `stated` on the revenue lines, `booked` on the VAT account. Owed is positive."""

    base: int = 0
    stated: int = 0
    booked: int = 0

    def __add__(self, other: object) -> Taxed:
        if not isinstance(other, Taxed):
            return NotImplemented
        return Taxed(self.base + other.base, self.stated + other.stated, self.booked + other.booked)


@dataclass(slots=True)
class Books:
    """`known`: entry id -> lane. `vat_accounts`, `receivables`: account codes. By lane: VAT per (currency, code), and
    what customers owe per (currency, account id).

    `claimed`: VAT accounts of what is bought; no line of a bank entry states that VAT beside its net (a guess: an entry
    read back from a real division would settle it).
    """

    known: Mapping[str, int]
    vat_accounts: Container[str]
    receivables: Container[str]
    claimed: Container[str] = frozenset()
    entries: dict[str, Entry] = field(default_factory=dict)
    vat: dict[int, dict[tuple[str, str], Taxed]] = field(default_factory=dict)
    debtors: dict[int, Counter[tuple[str, str]]] = field(default_factory=dict)
    lines: int = 0

    def read(self, lines: Iterable[LedgerLine]) -> None:
        for line in lines:
            self.lines += 1
            entry = self.entries.get(line.entry)
            if entry is None:
                entry = self.entries[line.entry] = Entry(line.entry, line.number, line.journal)
            place = Place(line.day, line.account, line.currency)
            entry.moved[place] = entry.moved.get(place, 0) + line.amount
            lane = self.known.get(line.entry)
            if lane is not None:
                self._count(lane, line)
            elif len(entry.references) < MOST_REFERENCES and (found := REFERENCE.search(line.text)):
                entry.references.add(found.group())

    def _count(self, lane: int, line: LedgerLine) -> None:
        if line.account in self.receivables and line.debtor:
            self.debtors.setdefault(lane, Counter())[line.currency, line.debtor] += line.amount
        if not line.vat_code:
            return
        is_vat = line.account in self.vat_accounts
        found = Taxed(booked=-line.amount) if is_vat else Taxed(base=-line.amount, stated=-line.vat)
        if line.account in self.claimed:
            found = Taxed(stated=-line.amount, booked=-line.amount)
        rates = self.vat.setdefault(lane, {})
        key = (line.currency, line.vat_code)
        rates[key] = rates.get(key, Taxed()) + found
