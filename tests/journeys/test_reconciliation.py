"""Does Square's money stand in Exact? Each way in which it might not gets its name."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from connections.sandbox.generator import generate
from connections.sandbox.square import TenderSpec
from sync.models import Leg, Posting, SyncItem
from sync.models.reconciliation import Reconciliation
from tests.journeys.pages import page_of, words
from tests.journeys.reconciling import MARCH, bank, book_again, book_by_hand, edit_sale, exact, found, reconcile, sales

LINES_A_CALL = 500


# --- a month that is right ---------------------------------------------------------------------------
@pytest.mark.accepts("S000-01")
def test_a_month_with_everything_ties_per_role_and_the_command_ends_well(world):
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        world.sandbox.square, seed=5, payments=120, days=12, end=end, customers=world.customers, oddities=False,
        refunds=0.1, payouts=True,
    )  # fmt: skip
    world.furnish(go_live=month.days[0])
    assert world.run().state == "done"

    days = ["--from", month.days[0].isoformat(), "--to", (month.days[-1] + timedelta(days=1)).isoformat()]
    code, printed = reconcile(*days, "--json")

    told = json.loads(printed)["reconciliations"][0]
    assert (code, told["unexplained_cents"], told["clean"]) == (0, 0, True)
    shown = {row["role"]: row for row in told["roles"]}
    truth = month.ledger()
    names = {"bank_in_transit": "transit"}
    for role, cents in truth.items():
        row = shown.get(names.get(role, role), {"square": "0", "exact": "0", "difference": "0"})
        assert Decimal(row["square"]) * 100 == Decimal(row["exact"]) * 100 == cents, role
        assert Decimal(row["difference"]) == 0


def test_comparing_costs_a_call_per_thousand_lines(world):
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(world.sandbox.square, seed=3, payments=700, days=10, end=end, oddities=False, shape="counter")
    world.furnish(go_live=month.days[0])
    world.run()
    before = world.sandbox.log.count("exact")

    code, _ = reconcile("--from", month.days[0].isoformat())

    newest = Reconciliation.objects.first()
    calls = world.sandbox.log.count("exact") - before
    assert code == 0
    assert newest.lines > 1000
    assert calls <= math.ceil(newest.lines / LINES_A_CALL)


def test_the_table_is_one_a_bookkeeper_reads(booked):
    code, printed = reconcile(*MARCH)

    assert code == 0
    assert "EUR revenue" in printed
    assert [line.split() for line in printed.splitlines() if "EUR output VAT" in line] == [
        ["EUR", "output", "VAT", "-4.34", "0.00", "-4.34", "-4.34", "0.00"]
    ]
    assert "Nothing is left unexplained" in printed


# --- each disturbance has its name -------------------------------------------------------------------
def test_an_entry_edited_in_exact_is_named_with_the_cents(booked):
    edit_sale(booked.world, "19.66")  # EUR 1.00 less revenue; Exact reckons the VAT anew: 4.13 instead of 4.34

    code, printed = reconcile(*MARCH)

    assert code == 1
    assert found() == [("edited", 121)]
    assert sales(booked.world).reference in printed


def test_an_entry_moved_to_another_month_is_edited_not_lost(booked):
    exact(booked.world).change("salesentry/SalesEntries", sales(booked.world).remote_id, {"EntryDate": "2026-04-01"})

    code, printed = reconcile(*MARCH)

    assert code == 1
    assert found() == [("edited", 2500)]
    assert "is dated 2026-04-01 instead of 2026-03-02" in printed


def test_an_entry_deleted_in_exact_is_named(booked):
    booked.world.books.delete_entry(sales(booked.world).remote_id)

    code, _ = reconcile(*MARCH)

    assert (code, found()) == (1, [("deleted", 2500)])


def test_a_foreign_entry_on_the_clearing_account_is_named(booked):
    book_by_hand(booked.world, "-7.50", on=date(2026, 3, 2))

    code, _ = reconcile(*MARCH)

    assert (code, found()) == (1, [("foreign", 750)])


@pytest.mark.parametrize("which", [sales, bank])
def test_an_entry_that_stands_twice_is_doubled(booked, which):
    posting = which(booked.world)
    book_again(booked.world, posting)

    code, printed = reconcile(*MARCH)

    assert code == 1
    assert [kind for kind, _ in found()] == ["doubled"]
    assert posting.reference in printed or Leg.objects.get(posting=posting, kind="receipt").reference in printed


def test_an_entry_booked_anew_by_hand_after_a_deletion_is_one_edit_beside_the_deletion(booked):
    posting = sales(booked.world)
    booked.world.books.delete_entry(posting.remote_id)
    book_again(booked.world, posting)

    code, _ = reconcile(*MARCH)

    assert code == 1
    assert sorted(kind for kind, _ in found()) == ["deleted", "edited"]


def test_a_record_that_waits_explains_itself(till):
    till.sell(tenders=(TenderSpec("external", external_type="CRYPTO", external_source="Coin till"),))
    till.next_morning()

    code, printed = reconcile(*MARCH)

    assert code == 0
    assert found(explained=True) == [("waiting", 2500)]
    assert "CRYPTO" in printed


def test_what_lies_before_go_live_explains_itself(empty_till):
    world = empty_till.world
    empty_till.sell(at=world.timeline.now() - timedelta(hours=20))
    world.furnish(go_live=world.timeline.now().date())
    empty_till.next_morning()

    code, _ = reconcile("--from", "2026-02-01", "--to", "2026-03-31")

    assert code == 0
    assert [kind for kind, _ in found(explained=True)] == ["before_go_live"]


def test_a_dismissed_record_explains_itself(till):
    sale = till.sell()
    till.run_after(hours=1)
    SyncItem.objects.filter(source_id=sale.payment_ids[0]).update(state="dismissed", dismissed_reason="by hand")
    Leg.objects.update(state="dismissed")

    code, _ = reconcile(*MARCH)

    assert code == 0
    assert [kind for kind, _ in found(explained=True)] == ["dismissed"]


def test_a_sale_whose_day_is_not_closed_is_timing(till):
    till.sell()
    till.run_after(hours=1)

    code, _ = reconcile(*MARCH)

    assert code == 0
    assert ("timing", 2500) in found(explained=True)


def test_a_fee_that_square_has_not_stated_is_pending(till):
    till.world.sandbox.square.fee_delay = 10 * 86_400
    till.sell()
    till.next_morning()

    code, printed = reconcile(*MARCH)

    assert code == 0
    assert [kind for kind, _ in found(explained=True)] == ["fee_pending"]
    assert "Square has not stated its fee for 1 card payment" in printed


def test_a_payout_in_transit_at_the_end_is_timing(booked):
    world = booked.world
    world.sandbox.square.pay_out("Amsterdam", at=world.timeline.now())
    booked.next_morning()

    code, printed = reconcile("--from", "2026-03-01", "--to", "2026-03-03")

    assert code == 0
    assert ("timing", 2456) in found(explained=True)
    assert "under way to the bank at the end of the period" in printed


def test_a_fee_that_only_the_payout_states_is_in_the_books_and_explained_to_nobody(booked):
    square = booked.world.sandbox.square
    payout = square.pay_out("Amsterdam", at=booked.world.timeline.now())
    entry = next(row for row in square.payout_entries(payout["id"]) if row["type"] == "CHARGE")
    entry["fee_amount_money"]["amount"] -= 3
    entry["net_amount_money"]["amount"] += 3
    payout["amount_money"]["amount"] += 3
    booked.next_morning()

    code, _ = reconcile(*MARCH)

    assert code == 0
    assert Leg.objects.filter(kind="payout_entry").count() == 1


@pytest.mark.parametrize("settles_gross", [False, True])
def test_subscriptions_disputes_and_unknown_entries_of_payouts_tie_too(world, settles_gross):
    square = world.sandbox.square
    square.gross_settlement = settles_gross
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        square,
        seed=9,
        payments=40,
        days=4,
        end=end,
        customers=world.customers,
        oddities=False,
        refunds=0.1,
        payouts=True,
    )
    for kind, amount in (("SUBSCRIPTION_FEE", -500), ("BRAND_NEW_TYPE", -700)):
        square.add_payout_entry(kind, amount, location="Amsterdam", at=end)
    square.dispute(next(row["id"] for row in square.payments() if row["source_type"] == "CARD"), 300, at=end)
    world.furnish(go_live=month.days[0])
    for place in ("Amsterdam", "Utrecht"):
        square.pay_out(place, at=world.timeline.now())
    world.close_days()
    assert world.run().state == "done"

    code, printed = reconcile("--from", month.days[0].isoformat())

    assert (code, Leg.objects.filter(kind="payout_entry").count()) == (0, 3), printed


def test_a_refund_that_failed_after_it_was_booked_ties_again(booked):
    square = booked.world.sandbox.square
    refund = square.refund(booked.world.sandbox.square.payments()[0]["id"], 1000, at=booked.world.timeline.now())
    booked.next_morning()
    assert reconcile(*MARCH)[0] == 0
    square.settle_refund(refund["id"], "FAILED", at=booked.world.timeline.now())
    booked.next_morning()

    code, _ = reconcile(*MARCH)

    assert code == 0


def test_what_our_rows_lost_is_missing(booked):
    """A receipt that no row books, although the record says it is done."""
    Leg.objects.filter(kind="fee").delete()

    code, _ = reconcile(*MARCH)

    assert code == 1
    kinds = [kind for kind, _ in found()]
    assert "missing" in kinds


def test_a_kind_of_leg_that_nobody_told_about_stands_out(booked):
    Leg.objects.filter(kind="fee").update(kind="mystery")

    code, _ = reconcile(*MARCH)

    assert code == 1
    assert {"unknown"} <= {kind for kind, _ in found()}


@pytest.mark.accepts("S001-43")
def test_missing_extra_changed_and_deleted_are_four_findings_and_no_other(till):
    """One payment never read, one entry by hand, one amount changed, one entry deleted; nothing else is named."""
    world = till.world
    till.sell()
    till.next_morning()
    till.sell()
    till.next_morning()
    unread = till.sell(tenders=(TenderSpec("cash"),))
    till.run_after(hours=1)
    till.sell(tenders=(TenderSpec("cash"),))
    till.run_after(hours=1)
    forget(unread.payment_ids[0])
    till.next_morning()
    edit_sale(world, "30.66")
    book_by_hand(world, "-7.50", on=date(2026, 3, 3))
    gone = Posting.objects.filter(document="sales_entry", date=date(2026, 3, 3)).first()
    world.books.delete_entry(gone.remote_id)

    code, _ = reconcile(*MARCH, "--fresh")

    assert code == 1
    kinds = sorted(kind for kind, _ in found())
    assert kinds == ["deleted", "edited", "foreign", "missing"]


def forget(payment: str) -> None:
    """A record that was read and is lost before it was booked: as a careless restore would leave it."""
    item = SyncItem.objects.get(source_id=payment)
    assert not item.legs.exclude(posting=None).exists(), "it must not be booked yet"
    item.legs.all().delete()
    item.delete()


@pytest.mark.accepts("S001-55")
def test_from_an_exact_entry_number_one_reaches_the_square_event(booked, browser):
    number = sales(booked.world).remote_number

    listed = browser.get("/admin/sync/posting/", {"q": str(number)})
    entry = words(browser.get(page_of(sales(booked.world))))

    assert sales(booked.world).reference in words(listed)
    item = SyncItem.objects.get()
    assert item.receipt_number in entry
    record = browser.get(page_of(item))
    rule = Leg.objects.get(kind="sale").content["lines"][0]["rule"]
    assert f"/admin/mappings/glmapping/{rule}/change/" in record.content.decode()
    assert item.source_id in words(record)


@pytest.mark.accepts("S000-07")
def test_payment_and_order_are_read_before_anything_is_posted(till):
    sale = till.sell()
    till.next_morning()

    log = till.world.sandbox.log.entries
    first_post = next(
        place for place, call in enumerate(log) if call.method == "POST" and call.path.endswith("Entries")
    )
    read = [call.path for call in log[:first_post] if call.system == "square"]
    assert any(path.startswith("/v2/payments") for path in read)
    assert any(path.startswith("/v2/orders") for path in read)
    assert SyncItem.objects.get(source_id=sale.payment_ids[0]).payload["order"]["id"] == sale.order_id


def test_a_division_that_cannot_be_read_is_said_and_not_called_clean(booked):
    site = booked.world.site
    for app in site.apps.values():
        app.scopes = ()

    with pytest.raises(CommandError):
        call_command("reconcile", *MARCH, stdout=StringIO())
    assert not Reconciliation.objects.exists()


@pytest.mark.parametrize(
    "arguments", [["--month", "soon"], ["--from", "2026-03-05", "--to", "2026-03-01"], ["--division", "999"]]
)
def test_what_cannot_be_compared_is_said_in_a_sentence(booked, arguments):
    with pytest.raises(CommandError) as refusal:
        call_command("reconcile", *arguments, stdout=StringIO())
    assert str(refusal.value).endswith((".", "month."))


def test_nothing_is_written_to_either_vendor(booked):
    log = booked.world.sandbox.log
    before = len(log.entries)

    reconcile(*MARCH, "--fresh")

    assert {call.method for call in log.entries[before:]} == {"GET"}
