"""Which of our references Exact's ledger shows, in which entries, and what those entries move. Pure.

An entry is known by what is written in it, not by the id that we noted when we sent it: whoever looks by id alone never
sees a second copy. A reference stands in `YourRef`, or opens the description of a line.
Reference: design.md, section 3, "References".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from sync.reconciliation.books import LedgerLine

REFERENCE = re.compile(r"TB-[0-9A-HJKMNP-TV-Z]{16}")


@dataclass(slots=True)
class Standing:
    """One entry as the ledger shows it: minor units per GL account, debit +."""

    id: str
    number: int | None
    journal: str
    days: set[date] = field(default_factory=set)
    currencies: set[str] = field(default_factory=set)
    moved: Counter[str] = field(default_factory=Counter)
    references: set[str] = field(default_factory=set)

    def read(self, line: LedgerLine) -> None:
        self.days.add(line.day)
        self.currencies.add(line.currency)
        self.moved[line.account] += line.amount
        if found := REFERENCE.search(line.text):
            self.references.add(found.group())

    @property
    def by_account(self) -> dict[str, int]:
        return {account: amount for account, amount in self.moved.items() if amount}


@dataclass(slots=True)
class Evidence:
    """`lines`: how many of the ledger were read."""

    entries: dict[str, Standing] = field(default_factory=dict)
    lines: int = 0
    _holders: dict[str, set[str]] | None = None

    def read(self, lines: Iterable[LedgerLine]) -> None:
        self._holders = None
        for line in lines:
            self.lines += 1
            entry = self.entries.get(line.entry)
            if entry is None:
                entry = self.entries[line.entry] = Standing(line.entry, line.number, line.journal)
            entry.read(line)

    def forget(self, ids: Iterable[str]) -> None:
        """Before whole entries are read again, of which only the lines of some days are known."""
        self._holders = None
        for key in ids:
            self.entries.pop(key, None)

    def holding(self, reference: str) -> list[Standing]:
        """Every entry that carries the reference, the oldest number first."""
        return sorted((self.entries[key] for key in self._by_reference.get(reference, ())), key=_by_number)

    @property
    def references(self) -> set[str]:
        return set(self._by_reference)

    @property
    def _by_reference(self) -> dict[str, set[str]]:
        if self._holders is None:
            self._holders = {}
            for entry in self.entries.values():
                for reference in entry.references:
                    self._holders.setdefault(reference, set()).add(entry.id)
        return self._holders


def _by_number(entry: Standing) -> tuple[int, str]:
    return entry.number or 0, entry.id
