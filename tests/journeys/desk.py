"""Who sends invoices at a till, and looks at what became of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from connections.sandbox.exact import sales
from connections.sandbox.square import LineSpec, RequestSpec, TenderSpec
from sync.models import Posting, SyncItem, SyncRun
from sync.models.invoices import InvoiceStanding
from tests.journeys.shop import Till
from tests.world import World

HOTEL = "Hotel Prinsengracht"
# Case 6 of the bookkeeping, with VAT inside: 1,090.00 at 9 % (90.00) and 484.00 at 21 % (84.00), 1,574.00 together.
ROOMS = (LineSpec("Rooms", 109000, tax="VAT 9"), LineSpec("Dinner", 48400, tax="VAT 21"))
DEPOSIT, BALANCE = RequestSpec("DEPOSIT", amount=47220), RequestSpec("BALANCE", due=date(2026, 4, 1), tipping=True)


class Desk:
    """Who sends invoices, and looks at what became of them."""

    def __init__(self, till: Till) -> None:
        self.till, self.world, self.square = till, till.world, till.world.sandbox.square

    def invoice(
        self, *requests: RequestSpec, customer: int = 0, where: str = "Amsterdam", **more: Any
    ) -> dict[str, Any]:
        lines = more.pop("lines", ROOMS)
        now = self.world.timeline.now()
        who = more.pop("customer_id", self.world.customers[customer])
        order = self.square.sell(where, now, lines, [], state="OPEN", customer_id=who)
        return self.square.invoice(order.order_id, requests, at=now, **more)

    def pay(self, made: dict[str, Any], **tender: Any) -> Any:
        rounding = tender.pop("rounding", 0)
        return self.square.pay_invoice(
            made["id"], TenderSpec(**tender), at=self.world.timeline.now(), rounding=rounding
        )

    def cancel(self, made: dict[str, Any]) -> None:
        self.square.cancel_invoice(made["id"], at=self.world.timeline.now())

    def morning(self) -> SyncRun:
        run = self.till.next_morning()
        assert run.state == "done", run.sentence
        return run

    @property
    def ledger(self) -> dict[str, int]:
        return self.till.ledger

    def matching(self) -> None:
        """Exact matches what fits exactly, as some divisions are set up to."""
        self.world.site.switches.auto_match = "exact"


def standing(made: dict[str, Any]) -> InvoiceStanding:
    return InvoiceStanding.objects.get(item__source_id=made["id"])


def kept(made: dict[str, Any]) -> SyncItem:
    return SyncItem.objects.get(source_id=made["id"])


def entry(world: World, kind: str = "sale") -> Any:
    posting = Posting.objects.get(legs__kind=kind)
    return next(row for row in world.books.entries() if row["EntryID"] == posting.remote_id)


SOLD = {"1300": 157400, "8000": -40000, "8001": -100000, "1500": -8400, "1501": -9000}


def without(ledger: dict[str, int], *codes: str) -> dict[str, int]:
    return {code: amount for code, amount in ledger.items() if code not in codes}


def by_hand(
    world: World, *, customer: str = HOTEL, your_ref: str = "0000001", net: str = "1400.00", **more: Any
) -> Any:
    """What a bookkeeper has typed in Exact before: 1,400.00 net at 9 % and 21 %, 1,574.00 in all."""
    books = world.books
    first = Decimal(net) - 400
    lines = [
        {"GLAccount": books.gl("8001")["ID"], "AmountFC": first, "VATCode": "1"},
        {"GLAccount": books.gl("8000")["ID"], "AmountFC": Decimal(400), "VATCode": "2"},
    ]
    account = books.tables["accounts"].first("Name", customer)
    return sales.post(
        books, {"Customer": account["ID"], "Journal": "70", "YourRef": your_ref, "SalesEntryLines": lines, **more}
    )
