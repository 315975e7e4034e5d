"""Invoices that Exact holds already, that are older than the lane, or that wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import AuditEntry
from connections import locations
from connections.models import Location
from mappings import reference
from mappings.models import CustomerMapping, DebtorAccount, Decision
from sync import actions
from sync.models import LaneLocation, Leg, Posting, SyncItem
from sync.models.invoices import InvoiceStanding
from tests.journeys.desk import HOTEL, SOLD, Desk, by_hand, kept, standing, without


# --- already there ------------------------------------------------------------------------------
@pytest.mark.accepts("S000-24")
def test_an_invoice_that_exact_holds_already_is_left_alone_and_its_payments_name_it(desk):
    held = by_hand(desk.world)
    made = desk.invoice()
    desk.morning()

    assert len(desk.world.books.entries("70")) == 1
    assert (standing(made).existing_number, kept(made).state) == (held["InvoiceNumber"], "done")
    assert standing(made).why == "not_paid"

    desk.matching()
    desk.pay(made, fee=0)
    desk.morning()
    desk.morning()

    receipt = next(row for row in desk.world.books.tables["bankentrylines"] if row["OurRef"])
    assert receipt["OurRef"] == held["InvoiceNumber"]
    assert desk.ledger == without(SOLD, "1300") | {"1105": 157400}
    assert (standing(made).status, standing(made).why) == ("PAID", "matched")


def test_it_is_known_by_exacts_invoice_number_too(desk):
    by_hand(desk.world, your_ref="typed", InvoiceNumber=1)
    made = desk.invoice()
    desk.morning()
    assert standing(made).existing_number == 1
    assert Posting.objects.count() == 0


@pytest.mark.parametrize("other", [{"customer": "Museum Oud-West"}, {"net": "1500.00"}])
def test_a_number_that_another_invoice_carries_waits_until_a_person_decides(desk, other):
    by_hand(desk.world, **other)
    made = desk.invoice()
    desk.morning()

    assert (kept(made).state, kept(made).problem_kind) == ("waiting", "number_taken")
    assert "0000001" in kept(made).problem
    assert Posting.objects.count() == 0

    InvoiceStanding.objects.update(may_repeat=True)
    actions.replay_items([kept(made)], by="anna")
    desk.morning()

    assert kept(made).state == "done"
    # By hand 1,100.00 + 99.00 + 400.00 + 84.00 on the same customer, or 1,574.00 on another.
    assert desk.till.owed_by(HOTEL) == 157400 + (0 if "customer" in other else 168300)


def test_numbers_repeat_per_location_and_our_own_entries_are_no_rivals(desk, world):
    desk.invoice()
    world.sandbox.square.add_location("Utrecht", "Europe/Amsterdam", "EUR")

    locations.discover(world.shop.square)
    LaneLocation.objects.create(lane=world.shop.lane, location=Location.objects.get(name="Utrecht"))
    desk.invoice(where="Utrecht")
    desk.morning()

    assert {row.number for row in InvoiceStanding.objects.all()} == {"0000001"}
    assert desk.till.owed_by(HOTEL) == 2 * 157400


# --- before go-live -----------------------------------------------------------------------------
@pytest.mark.accepts("S000-25")
def test_of_an_invoice_from_before_go_live_only_the_receipt_is_booked(empty_till, browser):
    world, desk = empty_till.world, Desk(empty_till)
    made = desk.invoice()
    world.timeline.advance(timedelta(days=5).total_seconds())
    world.furnish(go_live=world.timeline.now().date())
    desk.pay(made, fee=0)
    desk.morning()

    assert desk.ledger == {"1300": -157400, "1105": 157400}
    assert desk.till.owed_by(HOTEL) == -157400
    assert (kept(made).state, standing(made).why) == ("done", "before_go_live")
    assert not SyncItem.objects.filter(state="waiting").exists()

    assert AuditEntry.objects.filter(verb="invoice.absent", source=made["id"]).exists()


def test_history_that_was_finished_before_go_live_is_not_even_kept(empty_till):
    world, desk = empty_till.world, Desk(empty_till)
    made = desk.invoice()
    desk.pay(made)
    world.timeline.advance(timedelta(days=9).total_seconds())
    world.furnish(go_live=world.timeline.now().date())
    desk.morning()
    assert SyncItem.objects.count() == 0


# --- what waits ---------------------------------------------------------------------------------
def test_an_unknown_customer_waits_never_lands_on_the_counter_and_goes_on_when_mapped(desk, world):
    stranger = world.sandbox.square.add_customer(company_name="Nobody Knows BV")["id"]
    made = desk.invoice(customer_id=stranger)
    desk.pay(made, fee=100)
    desk.morning()

    assert (kept(made).state, kept(made).problem_kind) == ("waiting", "unmapped_customer")
    payment = SyncItem.objects.get(kind="payment")
    assert (payment.state, payment.problem_kind) == ("waiting", "waits_for_sale")
    # The fee waits for nobody.
    assert desk.ledger == {"1105": -100, "4960": 100}

    proposed = CustomerMapping.objects.get(square_customer_id=stranger)
    proposed.debtor = DebtorAccount.objects.get(name="Atelier Vos")
    proposed.status = Decision.MATCHED
    proposed.save()
    actions.release_mapped(world.shop.division.pk, ())
    desk.morning()
    desk.morning()

    assert {item.state for item in SyncItem.objects.all()} == {"done"}
    assert desk.ledger == without(SOLD, "1300") | {"1105": 157300, "4960": 100}


def test_a_customer_that_goes_on_the_collective_debtor_is_not_good_enough_for_an_invoice(desk, world):
    CustomerMapping.objects.filter(square_customer_id=world.customers[0]).update(status=Decision.IGNORED, debtor=None)
    made = desk.invoice()
    desk.morning()
    assert kept(made).problem_kind == "unmapped_customer"
    assert "never booked on the collective debtor" in kept(made).problem


def test_a_payment_whose_invoice_cannot_be_seen_yet_waits_and_makes_no_sale(desk, monkeypatch):
    """Lists trail behind reality for a while, single reads do not."""
    made = desk.invoice()
    sale = desk.pay(made, fee=0)
    hidden = desk.square.state.invoices
    desk.square.state.invoices = type(hidden)()
    desk.morning()
    waiting = SyncItem.objects.get(source_id=sale.payment_ids[0])
    assert (waiting.state, waiting.problem_subject) == ("waiting", "invoice not read yet")
    assert Leg.objects.filter(kind="sale").count() == 0

    desk.square.state.invoices = hidden
    desk.morning()

    assert {item.state for item in SyncItem.objects.all()} == {"done"}
    assert desk.ledger == without(SOLD, "1300") | {"1105": 157400}


def test_an_invoice_in_a_closed_period_waits_until_it_is_opened(desk, world):
    world.books.close_period(2026, 3, "70")

    reference.refresh(world.shop.division)
    made = desk.invoice()
    desk.morning()
    assert kept(made).problem_kind == "period_closed"

    world.books.reopen_period(2026, 3, "70")
    reference.refresh(world.shop.division)
    desk.morning()

    assert desk.ledger == SOLD


def test_an_invoice_that_somebody_booked_while_it_waited_is_left_alone(desk, world):
    world.books.close_period(2026, 3, "70")
    reference.refresh(world.shop.division)
    desk.invoice()
    desk.morning()
    world.books.reopen_period(2026, 3, "70")
    by_hand(world)
    reference.refresh(world.shop.division)

    desk.morning()
    desk.morning()

    assert desk.till.owed_by(HOTEL) == 157400
    assert Posting.objects.count() == 0


def test_payments_of_a_dismissed_invoice_are_laid_before_a_person(desk, world):
    stranger = world.sandbox.square.add_customer(company_name="Nobody Knows BV")["id"]
    made = desk.invoice(customer_id=stranger)
    desk.pay(made, fee=0)
    desk.morning()
    actions.dismiss([kept(made)], reason="Booked by hand", by="anna")

    desk.morning()

    payment = SyncItem.objects.get(kind="payment")
    assert (payment.state, payment.problem_kind) == ("waiting", "unsupported")
    assert "dismissed here" in payment.problem
    assert desk.ledger == {}


def test_a_refund_of_an_invoice_that_somebody_else_booked_is_for_a_person(desk):
    by_hand(desk.world)
    made = desk.invoice()
    desk.morning()
    sale = desk.pay(made, fee=0)
    desk.morning()
    desk.square.refund(sale.payment_ids[0], 10000, at=desk.world.timeline.now())
    desk.morning()
    refund = SyncItem.objects.get(kind="refund")
    assert (refund.state, refund.problem_kind) == ("waiting", "waits_for_sale")
    assert "by hand" in refund.problem


def test_the_cancel_of_an_invoice_that_somebody_else_booked_is_for_a_person(desk):
    by_hand(desk.world)
    made = desk.invoice()
    desk.morning()
    desk.cancel(made)
    desk.morning()
    assert (kept(made).state, kept(made).problem_kind) == ("waiting", "unsupported")
    assert "EUR 1,574.00 unpaid" in kept(made).problem
    assert Posting.objects.count() == 0
