"""A month with invoices, refunds and payouts, compared role by role."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connections.sandbox.generator import generate
from connections.sandbox.generator_invoices import cancel_part_paid
from sync.models import SyncItem
from sync.models.invoices import InvoiceStanding
from tests.journeys.shop import cents, ledger_of

# --- a month ------------------------------------------------------------------------------------
ACCOUNTS = {
    "receivables": ("1300",), "clearing": ("1105",), "cash": ("1000",), "other_tender": ("1110",),
    "revenue": ("8000", "8001", "8002"), "output_vat": ("1500", "1501"), "tips": ("2150",),
    "service_charge": ("8010",), "processing_fee": ("4960",), "rounding": ("4990",), "bank_in_transit": ("1290",),
}  # fmt: skip


@pytest.mark.parametrize("grouping", ["daily_summary", "per_payment"])
def test_a_month_with_invoices_refunds_and_payouts_ties_to_the_cent_in_every_role(world, grouping):
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        world.sandbox.square, seed=5, payments=150, days=20, end=end, customers=world.customers, oddities=False,
        refunds=0.1, payouts=True, invoices=0.2,
    )  # fmt: skip
    world.furnish(go_live=month.days[0], sales_grouping=grouping)

    run = world.run()
    assert cancel_part_paid(world.sandbox.square, month, at=world.timeline.now()) > 0
    world.close_days()
    last = world.run()

    assert (run.state, last.state) == ("done", "done"), (run.sentence, last.sentence)
    assert not SyncItem.objects.exclude(state="done").exists()
    truth = month.ledger()
    booked = {role: sum(world.books.balance(code) for code in codes) for role, codes in ACCOUNTS.items()}
    assert {role: cents(amount) for role, amount in booked.items()} == {role: truth[role] for role in ACCOUNTS}
    assert set(ledger_of(world.books)) <= {code for codes in ACCOUNTS.values() for code in codes}
    shown = {row.item.source_id: row for row in InvoiceStanding.objects.select_related("item")}
    for made in month.invoices:
        assert shown[made.invoice_id].total - made.truth.due == made.credited
        assert shown[made.invoice_id].why in EXPECTED[made.how]
    assert world.run().entries_posted == 0


# Nothing is matched in this division: what is settled shows as such once a bookkeeper has matched it. An invoice that
# was canceled before it was read owes nothing.
EXPECTED = {
    "whole": ("unmatched",), "deposit": ("unmatched",), "part": ("partly_paid",), "unpaid": ("not_paid",),
    "canceled": ("nothing_owed",), "canceled_part": ("unmatched",),
}  # fmt: skip
