"""What a journey does and looks at: sell at a till, let mornings come, read the books."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connections.sandbox.square import LineSpec, TenderSpec
from connections.sandbox.square.till import Sale
from sync.models import SyncItem, SyncRun
from tests.world import World

MUG = LineSpec("Mug", 2500, tax="VAT 21")
CARD = TenderSpec("card")


@dataclass
class Till:
    """One counter in Amsterdam, booked in one division."""

    world: World

    def sell(self, *lines: LineSpec, tenders: tuple[TenderSpec, ...] = (CARD,), **more: Any) -> Sale:
        at = more.pop("at", self.world.timeline.now())
        return self.world.sandbox.square.sell("Amsterdam", at, lines or (MUG,), tenders, **more)

    def next_morning(self) -> SyncRun:
        self.world.close_days()
        return self.world.run()

    def run_after(self, **span: float) -> SyncRun:
        self.world.timeline.advance(timedelta(**span).total_seconds())
        return self.world.run()

    @property
    def ledger(self) -> dict[str, int]:
        """Account -> movement in cents, debit +; accounts that came to nothing left out."""
        return ledger_of(self.world.books)

    def owed_by(self, customer: str) -> int:
        """What the open terms of an Exact customer come to, in cents."""
        account = self.world.books.tables["accounts"].first("Name", customer)
        return sum(cents(term["Amount"]) for term in self.world.books.receivables(account["ID"]))

    def item(self, sale: Sale, tender: int = 0) -> SyncItem:
        return SyncItem.objects.get(source_id=sale.payment_ids[tender])

    def calls(self, system: str = "*", method: str = "*", containing: str = "") -> int:
        return self.world.sandbox.log.count(system, method, containing)

    @property
    def posts(self) -> int:
        """Entries that Exact was asked to book."""
        return self.calls("exact", "POST", "Entries")


def ledger_of(books: Any) -> dict[str, int]:
    moved: Counter[str] = Counter()
    for line in books.lines():
        moved[line["GLAccountCode"]] += cents(line["AmountDC"])
    return {code: amount for code, amount in moved.items() if amount}


def cents(amount: Any) -> int:
    return int(amount * 100)
