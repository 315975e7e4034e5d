"""The clearing account proven: what is booked = what Exact shows = what Square has not paid out; each cent named."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest

from connections.sandbox.exact import ledger, statements
from connections.sandbox.generator import generate
from connections.sandbox.square.payouts import TransferFee
from mappings.models import GLMapping
from sync import clearing_proof, tasks
from sync.models import SyncItem
from sync.models.clearing import ClearingOpening, ClearingProof
from tests.journeys.pages import page_of, press, words
from tests.journeys.shop import MUG


def proof_of(world, day=None):
    lane = world.shop.lane
    lane.refresh_from_db()
    (proof,) = clearing_proof.prove(lane, day or clearing_proof.yesterday(lane))
    return proof


def kinds(proof):
    return {difference.kind.value: difference.amount for difference in proof.differences}


def pay_out(till, **more):
    return till.world.sandbox.square.pay_out("Amsterdam", at=till.world.timeline.now(), **more)


def held(till):
    """What Square says it still owes."""
    return till.world.sandbox.square.balance("Amsterdam", at=till.world.timeline.now())


def test_what_is_booked_shown_and_owed_is_the_same(till):
    till.sell(MUG)
    till.next_morning()

    proof = proof_of(till.world)

    assert (proof.books, proof.ledger, proof.square) == (2456, 2456, 2456)
    assert held(till) == 2456
    assert proof.is_proven
    assert proof.differences == ()


def test_it_asks_exact_once_and_square_never(till):
    till.sell(MUG)
    till.next_morning()
    before = till.calls("exact"), till.calls("square")
    proof_of(till.world)
    assert (till.calls("exact"), till.calls("square")) == (before[0] + 1, before[1])


def test_records_that_wait_are_named_with_what_they_are_worth(till):
    till.sell(MUG)
    GLMapping.objects.filter(role="revenue", tax_rate=21).update(effective_from="2030-01-01")
    GLMapping.objects.filter(role="processing_fee").update(effective_from="2030-01-01")
    till.next_morning()

    proof = proof_of(till.world)

    # Its receipt waits for the sale, which nobody has mapped.
    assert (proof.books, proof.ledger, proof.square) == (0, 0, 2456)
    assert kinds(proof) == {"waiting": 2456}
    assert proof.differences[0].items == (SyncItem.objects.get().pk,)
    assert not proof.is_proven


def test_what_a_day_has_not_closed_for_is_a_matter_of_time(till):
    till.sell(MUG)
    run = till.run_after(hours=3)
    assert run.state == "done", run.sentence

    proof = proof_of(till.world, till.world.timeline.now().date())

    assert kinds(proof) == {"timing": 2456}
    assert proof.is_proven


def test_an_entry_by_somebody_else_is_found_in_exact(till):
    till.sell(MUG)
    till.next_morning()
    book_by_hand(till, Decimal("-7.5"), till.world.timeline.now().date() - timedelta(days=1))

    proof = proof_of(till.world)

    assert (proof.books, proof.ledger, proof.square) == (2456, 1706, 2456)
    assert kinds(proof) == {"foreign": -750}
    assert not proof.is_proven


def test_an_entry_that_was_deleted_in_exact_is_missed(till):
    till.sell(MUG)
    till.next_morning()
    till.world.timeline.advance(7200)
    delete_entry(till)

    proof = proof_of(till.world)

    assert kinds(proof) == {"deleted": -2456}
    assert not proof.is_proven


def test_an_opening_balance_stands_for_what_was_before(world, empty_till):
    """25.00 - 0.44 was taken two days before go-live and is paid out after it."""
    empty_till.sell(MUG)
    world.close_days()
    world.close_days()
    world.furnish(go_live=world.timeline.now().date())
    lane = world.shop.lane
    pay_out(empty_till)
    empty_till.next_morning()

    proof = proof_of(world)
    assert (proof.books, proof.square) == (-2456, -2456)
    assert "Nobody has stated an opening balance" in proof.notices[0]

    ClearingOpening.objects.create(
        lane=lane, currency="EUR", day=lane.go_live, amount=2456, reason="Square dashboard", stated_by="anna",
        stated_at=world.timeline.now(),
    )  # fmt: skip
    proof = proof_of(world)
    assert (proof.opening, proof.books, proof.square, proof.ledger) == (2456, 0, 0, -2456)
    assert kinds(proof) == {"opening": -2456}

    book_by_hand(empty_till, Decimal("24.56"), lane.go_live - timedelta(days=1))
    proof = proof_of(world)
    assert proof.ledger == 0
    assert proof.is_proven


def test_an_entry_from_before_go_live_is_part_of_the_opening_balance(world, empty_till):
    square = world.sandbox.square
    empty_till.sell(MUG)
    square.add_payout_entry("SUBSCRIPTION_FEE", -500, location="Amsterdam", at=world.timeline.now())
    world.close_days()
    world.close_days()
    world.furnish(go_live=world.timeline.now().date())
    pay_out(empty_till)
    empty_till.next_morning()

    proof = proof_of(world)

    assert "4500" not in empty_till.ledger
    assert (proof.books, proof.square) == (-1956, -1956)


def test_the_fee_of_an_instant_transfer_is_pending_until_a_payout_shows_it(till):
    till.sell(MUG)
    till.next_morning()
    fee = TransferFee(amount=15, tax=3)
    till.world.sandbox.square.transfer("Amsterdam", 1000, at=till.world.timeline.now(), fee=fee)
    till.next_morning()

    proof = proof_of(till.world)
    assert held(till) == 2456 - 1000 - 18 == proof.square
    assert kinds(proof) == {"fee_pending": -18}
    assert proof.is_proven

    pay_out(till)
    till.next_morning()
    proof = proof_of(till.world)
    assert (proof.books, proof.square, proof.ledger, proof.differences) == (0, 0, 0, ())
    assert till.ledger["4960"] == 44 + 15


def test_a_payout_of_payments_that_are_not_held_is_named(till):
    till.sell(MUG)
    till.next_morning()
    till.world.sandbox.square.add_payout_entry(
        "CHARGE", 900, location="Amsterdam", at=till.world.timeline.now(), payment_id="ghost"
    )
    pay_out(till)
    till.next_morning()

    proof = proof_of(till.world)
    assert kinds(proof) == {"unverified": 900}
    assert not proof.is_proven


def test_a_fee_that_the_payout_knew_first_is_told_and_counts_once(till):
    sold = till.sell(MUG)
    payout = pay_out(till)
    entry = next(row for row in till.world.sandbox.square.payout_entries(payout["id"]) if row["type"] == "CHARGE")
    entry["fee_amount_money"]["amount"] -= 3
    entry["net_amount_money"]["amount"] += 3
    payout["amount_money"]["amount"] += 3
    till.next_morning()

    proof = proof_of(till.world)
    assert (proof.books, proof.square, proof.ledger, proof.differences) == (0, 0, 0, ())
    assert any("otherwise than these do (EUR 0.03)" in notice for notice in proof.notices)

    till.world.sandbox.square.add_fee(sold.payment_ids[0], -3, at=till.world.timeline.now())
    till.next_morning()
    proof = proof_of(till.world)
    assert (proof.books, proof.square, proof.ledger, proof.differences) == (0, 0, 0, ())
    assert not proof.notices[1:]


def test_what_stands_in_suspense_is_told(till):
    till.sell(MUG)
    till.world.sandbox.square.add_payout_entry(
        "BRAND_NEW_TYPE", -120, location="Amsterdam", at=till.world.timeline.now()
    )
    pay_out(till)
    till.next_morning()

    proof = proof_of(till.world)

    assert proof.is_proven
    assert any("EUR -1.20; it is booked on suspense" in notice for notice in proof.notices)


@pytest.mark.parametrize("grouping", ["per_day", "per_payout"])
def test_a_month_with_refunds_and_payouts_is_proven_on_each_of_its_days(world, grouping):
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        world.sandbox.square, seed=8, payments=120, days=12, end=end, customers=world.customers, oddities=False,
        refunds=0.1, payouts=True,
    )  # fmt: skip
    world.furnish(go_live=month.days[0])
    world.shop.lane.clearing_grouping = grouping
    world.shop.lane.save()
    assert world.run().state == "done"

    for day in month.days:
        proof = proof_of(world, day)
        assert proof.is_proven, (day, proof)
        assert proof.books + sum(kinds(proof).values()) == proof.square or "timing" in kinds(proof)
    last = proof_of(world)
    assert last.square == month.ledger()["clearing"]


def test_it_is_compared_each_night_and_kept_with_its_time(till, browser):
    till.sell(MUG)
    till.next_morning()

    tasks.nightly()

    row = ClearingProof.objects.get()
    assert (row.is_proven, row.made_at) == (True, till.world.timeline.now())
    assert "are all EUR 24.56" in words(browser.get(page_of(row)))


def test_somebody_asks_a_worker_compares_and_the_page_leads_to_the_records(till, browser, queue):
    till.sell(MUG)
    GLMapping.objects.filter(role="revenue", tax_rate=21).update(effective_from="2030-01-01")
    till.next_morning()
    with queue.listening():
        press(browser, till.world.shop.lane, "clearing")
    queue.work()

    row = ClearingProof.objects.get()
    assert (row.is_proven, row.asked_by) == (False, "anna")
    response = browser.get(page_of(row))
    assert "Not proven: 1 difference needs somebody" in words(response)
    assert page_of(SyncItem.objects.get()) in response.content.decode()

    GLMapping.objects.filter(role="revenue").update(effective_from="2020-01-01")
    SyncItem.objects.update(state="extracted")
    till.next_morning()
    with queue.listening():
        press(browser, row, "again")
    queue.work()

    row.refresh_from_db()
    assert row.is_proven, row.found


def book_by_hand(till, amount, day):
    """A bookkeeper's own entry in the clearing journal, in Exact."""
    books = till.world.books
    fees = books.tables["glaccounts"].first("Code", "4960")["ID"]
    line = {"GLAccount": fees, "AmountFC": amount, "Description": "by hand"}
    line["Date"] = datetime.combine(day, time(0, 0))
    statements.post(books, {"JournalCode": "21", "BankEntryLines": [line]}, statements.BANK)


def delete_entry(till):
    books = till.world.books
    ledger.remove(books, next(line["EntryID"] for line in books.lines() if line["JournalCode"].strip() == "21"))
