"""The live books proven: each leg in exactly one document of Exact, found by its reference, to the cent."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.models import AuditEntry
from connections.sandbox.exact import ledger
from connections.sandbox.generator import generate
from mappings.models import GLMapping
from sync import tasks
from sync.books_proof import keeping
from sync.models import BooksProof, Leg, Posting, SyncItem, SyncLane
from tests.journeys import reconciling
from tests.journeys.pages import page_of, press, words
from tests.journeys.shop import MUG


def proof_of(till) -> BooksProof:
    (row,) = keeping.prove_and_keep(till.world.shop.division, till.world.timeline.now().date())
    return row


def kinds(row: BooksProof) -> list[str]:
    return [found.kind for found in row.findings.all()]


def entry_of(document: str) -> Posting:
    return Posting.objects.get(document=document)


def test_what_was_booked_once_is_proven_with_its_counts(booked):
    row = proof_of(booked)

    assert (row.is_proven, kinds(row)) == (True, [])
    assert (row.events, row.legs, row.in_one, row.entries, row.equal) == (1, 3, 3, 2, 2)
    assert (row.missing, row.doubled, row.unbooked) == (0, 0, 0)
    assert AuditEntry.objects.get(verb="books.proven").detail["digest"] == row.digest


def test_a_whole_month_costs_one_call_for_a_thousand_lines(till, calls):
    for _ in range(3):
        till.sell(MUG)
        till.next_morning()
    assert Leg.objects.filter(state="confirmed").count() == 9

    assert calls(proof_of, till) == 1


def test_a_refund_that_was_booked_and_reversed_is_proven_too(till):
    sale = till.sell(MUG)
    till.next_morning()
    square, now = till.world.sandbox.square, till.world.timeline.now()
    made = square.refund(sale.payment_ids[0], 1000, at=now, reason="Cold lunch")
    till.next_morning()
    square.settle_refund(made["id"], "FAILED", at=till.world.timeline.now())
    till.next_morning()
    assert Leg.objects.filter(is_reversal=True, state="confirmed").exists()

    row = proof_of(till)

    assert (row.is_proven, row.events) == (True, 2), [found.sentence for found in row.findings.all()]


@pytest.mark.parametrize("choices", [{"sales_grouping": "per_payment"}, {"clearing_grouping": "per_payout"}])
def test_a_whole_generated_month_is_proven_however_it_is_booked(world, choices):
    month = generate(
        world.sandbox.square, seed=7, payments=60, days=12, end=world.timeline.now(), customers=world.customers
    )
    world.furnish(go_live=month.days[0])
    SyncLane.objects.update(**choices)
    for _ in range(3):
        world.run()
        world.close_days()

    rows = [row for day in (month.days[0], world.timeline.now().date())
            for row in keeping.prove_and_keep(world.shop.division, day)]  # fmt: skip

    assert all(row.is_proven for row in rows), [found.sentence for row in rows for found in row.findings.all()]
    confirmed = Leg.objects.filter(state__in=("confirmed", "reversed")).count()
    assert sum(row.in_one for row in rows) == confirmed > 100


def test_an_entry_that_stands_there_twice_is_found_by_its_reference(booked):
    reconciling.book_again(booked.world, entry_of("sales_entry"))

    row = proof_of(booked)

    assert (row.is_proven, row.doubled, row.in_one, row.missing) == (False, 1, 2, 0)
    (found,) = row.findings.all()
    assert found.kind == "doubled"
    assert len(found.entries) == 2
    assert found.reference == entry_of("sales_entry").reference


def test_a_clearing_entry_sent_twice_doubles_each_leg_in_it(booked):
    reconciling.book_again(booked.world, entry_of("bank_entry"))
    row = proof_of(booked)
    assert (row.doubled, row.in_one) == (2, 1)


def test_an_entry_that_is_gone_from_exact_is_missed_leg_by_leg(booked):
    ledger.remove(booked.world.books, entry_of("bank_entry").remote_id)

    row = proof_of(booked)

    assert (row.is_proven, row.missing, row.in_one, row.equal, row.entries) == (False, 2, 1, 1, 2)
    assert set(kinds(row)) == {"missing"}


def test_an_amount_that_was_changed_in_exact_is_seen_to_the_cent(booked):
    reconciling.edit_sale(booked.world, "25.01")

    row = proof_of(booked)

    assert (row.in_one, row.equal, row.entries) == (3, 1, 2)
    assert kinds(row) == ["amount"]


def test_an_entry_booked_anew_by_hand_stands_elsewhere(booked):
    entry = entry_of("sales_entry")
    reconciling.book_again(booked.world, entry)
    ledger.remove(booked.world.books, entry.remote_id)

    assert "elsewhere" in kinds(proof_of(booked))


def test_what_is_not_booked_here_must_not_stand_in_exact(booked):
    entry = entry_of("sales_entry")
    Leg.objects.filter(posting=entry).update(state="refused", posting=None, reference=entry.reference)
    Posting.objects.filter(pk=entry.pk).update(state="refused", reference="TB-0000000000000000")

    row = proof_of(booked)

    assert (row.unbooked, kinds(row)) == (1, ["unexpected"])


def test_a_reference_that_nobody_knows_is_told_of(booked):
    entry = entry_of("sales_entry")
    body = entry.body.replace(entry.reference, "TB-ZZZZZZZZZZZZZZZZ")
    reconciling.exact(booked.world).create("salesentry/SalesEntries", body.encode())

    row = proof_of(booked)

    (found,) = row.findings.all()
    assert (found.kind, found.reference) == ("unknown", "TB-ZZZZZZZZZZZZZZZZ")


def test_an_entry_that_is_not_the_sum_of_its_legs_is_named(booked):
    leg = Leg.objects.get(kind="fee")
    Leg.objects.filter(pk=leg.pk).update(amount=leg.amount - 1)
    assert kinds(proof_of(booked)) == ["sum"]


def test_what_was_sent_and_not_answered_yet_is_neither_proven_nor_missed(booked):
    entry = entry_of("bank_entry")
    Posting.objects.filter(pk=entry.pk).update(state="sending")
    Leg.objects.filter(posting=entry).update(state="posting")

    row = proof_of(booked)

    assert (row.is_proven, row.settling, row.legs) == (True, 2, 1)


def test_records_that_wait_are_counted_and_looked_for(till):
    till.sell(MUG)
    GLMapping.objects.filter(role="revenue", tax_rate=21).update(effective_from="2030-01-01")
    till.next_morning()

    row = proof_of(till)

    assert (row.is_proven, row.legs, row.in_one) == (True, 1, 1), "its fee needs no sale"
    assert row.unbooked == 2


def test_equal_books_have_equal_digests_and_others_not(booked):
    first, again = proof_of(booked), proof_of(booked)
    assert first.digest == again.digest
    ledger.remove(booked.world.books, entry_of("bank_entry").remote_id)
    assert proof_of(booked).digest != first.digest


def test_only_the_newest_looks_at_a_month_are_kept(booked):
    for _ in range(keeping.KEPT + 2):
        proof_of(booked)
    assert BooksProof.objects.count() == keeping.KEPT


# --- asked for ------------------------------------------------------------------------------------
def prove_live(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("prove", "--live", *arguments, stdout=out)
    except CommandError as error:
        return 1, out.getvalue() + str(error)
    return 0, out.getvalue()


def test_the_command_ends_well_when_all_is_proven_and_badly_when_not(booked):
    code, said = prove_live("--month", "2026-03")
    assert (code, "proven" in said, "NOT" in said) == (0, True, False)

    reconciling.book_again(booked.world, entry_of("sales_entry"))
    code, said = prove_live("--month", "2026-03")
    assert code == 1
    assert "stands in 2 documents" in said


@pytest.mark.parametrize("arguments", [("--month", "March"), ("--division", "1")])
def test_the_command_refuses_what_it_cannot_prove(booked, arguments):
    assert prove_live(*arguments)[0] == 1


def test_every_night_the_running_month_is_proven(booked, queue):
    with queue.listening():
        tasks.nightly()
    queue.work()

    rows = BooksProof.objects.order_by("begin")
    assert [(f"{row.begin:%Y-%m}", row.is_proven, row.made_by) for row in rows] == [
        ("2026-02", True, "nightly"), ("2026-03", True, "nightly"),
    ]  # fmt: skip


def test_a_button_has_a_worker_look_and_the_page_shows_each_event_with_its_legs(booked, browser, queue):
    with queue.listening():
        press(browser, booked.world.shop.lane, "prove")
    queue.work()

    row = BooksProof.objects.get(begin="2026-03-01")
    page = browser.get(page_of(row))
    said = words(page)
    assert "Each of the 3 legs of 1 Square events stands in exactly one document in Exact" in said
    assert said.count("found once") == 3
    assert page_of(SyncItem.objects.get()) in page.content.decode()
    for entry in Posting.objects.all():
        assert page_of(entry) in page.content.decode()
        assert str(entry.remote_number) in said
    assert row.made_by == "anna"


def test_the_page_names_what_is_wrong_and_the_work_list_leads_there(booked, browser):
    reconciling.book_again(booked.world, entry_of("sales_entry"))
    row = proof_of(booked)

    said = words(browser.get(page_of(row)))
    assert "1 thing is not as it should be" in said
    assert "delete the one that Tillbridge did not note" in said
    assert said.count("in exact more than once") == 2, "under what was found, and beside the leg"
    assert said.count("found once") == 2
    assert page_of(row) in browser.get("/admin/").content.decode()
    standing = {line["EntryID"] for line in booked.world.books.lines() if line["JournalCode"].strip() == "70"}
    (copy,) = standing - {entry_of("sales_entry").remote_id}
    ledger.remove(booked.world.books, copy)
    proof_of(booked)
    assert page_of(row) not in browser.get("/admin/").content.decode()


def test_what_is_booked_after_a_proof_is_not_claimed_by_it(booked, browser):
    row = proof_of(booked)
    booked.world.timeline.advance(timedelta(hours=1).total_seconds())
    booked.sell(MUG)
    booked.next_morning()

    said = words(browser.get(page_of(row)))
    assert (said.count("found once"), said.count("booked since")) == (3, 3)
