"""A month is compared each night, signed off by a person, and red again when somebody changes it."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.models import AuditEntry
from connections.sandbox.square import TenderSpec
from sync import tasks
from sync.admin import naming
from sync.models import SyncItem
from sync.models.reconciliation import Difference, Month, Reconciliation
from sync.reconciliation import watch
from tests.journeys.pages import page_of, press, words
from tests.journeys.reconciling import (
    MARCH,
    april,
    bank,
    book_by_hand,
    edit_sale,
    exact,
    reconcile,
    sale_line,
    sales,
    weeks_later,
)
from tests.journeys.shop import MUG, Till


def test_every_night_this_month_and_the_last_are_kept(booked, queue):
    tasks.nightly()
    queue.work()

    rows = Reconciliation.objects.order_by("begin")
    assert [(row.begin, row.end, row.made_by) for row in rows] == [
        (date(2026, 3, 1), date(2026, 3, 31), "nightly"),
    ]
    assert AuditEntry.objects.filter(verb="reconciliation.made").count() == 1
    april(booked.world)
    tasks.nightly()
    queue.work()
    assert set(Month.objects.values_list("starts", flat=True)) == {date(2026, 3, 1), date(2026, 4, 1)}


def test_only_so_many_results_of_a_period_are_kept(booked):
    for _ in range(17):
        reconcile(*MARCH)

    assert Reconciliation.objects.count() == 14


def signed_march(booked: Till, browser: Client) -> Month:
    april(booked.world)
    reconcile(*MARCH)
    month = Month.objects.get(starts=date(2026, 3, 1))
    press(browser, month, "sign")
    month.refresh_from_db()
    return month


def test_a_green_month_is_signed_off_with_name_and_date(booked, browser):
    month = signed_march(booked, browser)

    page = words(browser.get(page_of(month)))

    assert month.is_green
    assert "Signed off by anna on 2 Apr 2026" in page
    fact = AuditEntry.objects.get(verb="month.signed_off")
    assert (fact.actor, fact.detail["was_green"]) == ("anna", True)


@pytest.mark.accepts("S000-31")
def test_a_month_with_three_gaps_lists_exactly_those_and_is_signed_only_with_a_reason(till, browser):
    world = till.world
    till.sell()
    till.sell(tenders=(TenderSpec("external", external_type="CRYPTO", external_source="Coin till"),))
    till.next_morning()
    edit_sale(world, "50.00")
    book_by_hand(world, "-7.50", on=date(2026, 3, 2))
    april(world)
    reconcile(*MARCH)
    month = Month.objects.get(starts=date(2026, 3, 1))

    page = words(browser.get(page_of(month)))

    told = Difference.objects.filter(reconciliation=month.reconciliation).order_by("kind")
    assert [row.kind for row in told] == ["edited", "foreign", "waiting"]
    place = world.sandbox.square.location("Amsterdam")["id"]
    assert all(naming.readable(row.sentence.replace(place, "Amsterdam")) in page for row in told)
    assert "1 record is neither booked nor decided" in page
    assert not month.is_green
    refused = words(press(browser, month, "sign"))
    month.refresh_from_db()
    assert not month.is_signed
    assert "not green yet" in refused
    press(browser, month, "sign-red", reason="Corrected in April, memo 12")
    month.refresh_from_db()
    assert (month.signed_by, month.signed_reason) == ("anna", "Corrected in April, memo 12")


def test_a_receipt_that_somebody_dismissed_leaves_its_customer_open_and_the_month_red(till, browser):
    """The sale of 25.00 is booked whole; of its money only the cash came in."""
    crypto = TenderSpec("external", 1500, external_type="CRYPTO", external_source="Coin till")
    sale = till.sell(tenders=(TenderSpec("cash", 1000), crypto))
    till.next_morning()
    press(browser, till.item(sale, 1), "dismiss", reason="Booked by hand")
    april(till.world)

    code, _ = reconcile(*MARCH)

    month = Month.objects.get(starts=date(2026, 3, 1))
    assert code == 0
    assert not month.is_green
    assert [(one["order"], one["amount"]) for one in month.reconciliation.checks["unmatched"]["orders"]] == [
        (sale.order_id, 1500)
    ]
    assert "1 order is open on a customer" in words(browser.get(page_of(month)))


def test_a_signed_month_that_changes_is_red_again_and_says_what_changed(booked, browser):
    month = signed_march(booked, browser)
    book_by_hand(booked.world, "-7.50", on=date(2026, 3, 5))

    reconcile(*MARCH)

    page = words(browser.get(page_of(month)))
    assert "Signed off by anna on 2 Apr 2026" in page
    assert "disturbed since" in page
    assert "moves the Square clearing account" in page
    assert "changed after its sign-off" in words(browser.get("/admin/"))
    assert AuditEntry.objects.filter(verb="month.disturbed").count() == 1
    entry = next(row for row in booked.world.books.entries("21") if row["EntryID"] != bank(booked.world).remote_id)
    booked.world.books.delete_entry(entry["EntryID"])
    reconcile(*MARCH)
    month.refresh_from_db()
    assert month.disturbed == ""


def test_the_drift_watch_sees_an_older_signed_month_change_without_looking_at_records(booked, browser):
    month = signed_march(booked, browser)
    weeks_later(booked.world)
    booked.world.books.delete_entry(sales(booked.world).remote_id)
    before = booked.world.sandbox.log.count("exact")

    watch.watch_oldest(booked.world.shop.division)

    month.refresh_from_db()
    assert "does not stand in Exact any more" in month.disturbed
    assert booked.world.sandbox.log.count("exact") - before <= 2
    watch.watch_oldest(booked.world.shop.division)
    assert AuditEntry.objects.filter(verb="month.disturbed").count() == 1


def test_an_undisturbed_month_stays_signed_under_the_watch(booked, browser):
    month = signed_march(booked, browser)
    weeks_later(booked.world)

    watch.watch_oldest(booked.world.shop.division)

    month.refresh_from_db()
    assert (month.disturbed, month.watched_at) == ("", booked.world.timeline.now())


def test_a_sign_off_can_be_taken_back_with_a_reason(booked, browser):
    month = signed_march(booked, browser)

    press(browser, month, "take-back", reason="An invoice is still to come")

    month.refresh_from_db()
    assert not month.is_signed
    assert AuditEntry.objects.get(verb="month.taken_back").detail["was_signed_by"] == "anna"


@pytest.mark.parametrize(("role", "may_sign"), [("Auditor", False), ("Bookkeeper", False), ("Approver", True)])
def test_an_auditor_reads_a_month_and_does_not_sign_it(booked, client, plain_http, role, may_sign):
    april(booked.world)
    reconcile(*MARCH)
    month = Month.objects.get(starts=date(2026, 3, 1))
    person = User.objects.create_user("otto", password="x", is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)

    read, signed = client.get(page_of(month)), press(client, month, "sign")

    month.refresh_from_db()
    assert read.status_code == 200
    assert ("Sign off" in words(read)) is may_sign
    assert month.is_signed is may_sign
    assert signed.status_code == (200 if may_sign else 403)


def test_a_person_compares_from_the_pages(booked, browser, queue):
    with queue.listening():
        press(browser, booked.world.shop.lane, "compare")
    queue.work()

    month = Month.objects.get()
    assert month.reconciliation.made_by == "anna"
    listed = words(browser.get("/admin/sync/month/"))
    assert "March 2026" in listed
    assert "not over yet" in listed


@pytest.mark.accepts("S000-33")
def test_the_month_page_tells_received_settled_and_outstanding_per_day_and_customer(till, browser):
    world = till.world
    till.sell(customer_id=world.customers[0])
    till.sell(MUG, MUG)
    till.next_morning()
    world.sandbox.square.pay_out("Amsterdam", at=world.timeline.now())
    till.next_morning()
    reconcile(*MARCH)

    row = Reconciliation.objects.get()

    taken = sum(payment["total_money"]["amount"] for payment in world.sandbox.square.payments())
    paid = world.sandbox.square.state.payouts
    assert sum(day["received"] for day in row.flow) == taken == 7500
    assert sum(day["settled"] for day in row.flow) == sum(p.data["amount_money"]["amount"] for p in paid)
    hotel = world.books.tables["accounts"].first("Name", "Hotel Prinsengracht")
    mine = next(one for one in row.debtors if one["debtor"] == hotel["ID"])
    assert (mine["sold"], mine["paid"], mine["ours"], mine["exact"], mine["open"]) == (2500, 2500, 0, 0, 0)
    page = words(browser.get(page_of(Month.objects.get())))
    assert "Hotel Prinsengracht" in page
    assert "EUR 75.00" in page


def test_vat_per_code_is_compared_with_the_ledger(booked, browser):
    line = sale_line(booked.world)
    changed = {"VATCode": "1", "VATAmountFC": Decimal("4.34")}
    exact(booked.world).change("salesentry/SalesEntryLines", line["ID"], changed)

    reconcile(*MARCH)

    row = Reconciliation.objects.get()
    assert {(code["code"], code["vat"], code["exact_vat"]) for code in row.vat} == {("1", 0, 434), ("2", 434, 0)}
    assert row.checks["vat"]["difference"] > 0
    assert "differs" in words(browser.get(page_of(Month.objects.get())))


def test_the_csv_holds_figures_and_differences(booked, browser):
    book_by_hand(booked.world, "-7.50", on=date(2026, 3, 2))
    reconcile(*MARCH)

    answer = browser.get(page_of(Reconciliation.objects.get(), "csv"))

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    figures = {row["role or kind"]: row for row in rows if row["what"] == "figure"}
    assert (figures["clearing"]["square"], figures["clearing"]["exact"]) == ("24.56", "17.06")
    assert [row["role or kind"] for row in rows if row["what"] == "difference"] == ["foreign"]


def test_a_month_of_which_a_record_changed_since_the_comparison_is_compared_again_before_it_is_signed(booked, browser):
    april(booked.world)
    reconcile(*MARCH)
    month = Month.objects.get(starts=date(2026, 3, 1))
    booked.world.timeline.advance(60)
    SyncItem.objects.filter(local_day=date(2026, 3, 2)).update(changed_at=booked.world.timeline.now())

    said = words(press(browser, month, "sign"))

    month.refresh_from_db()
    assert not month.is_signed
    assert "Records of it have changed since it was compared. Compare it again, then sign it off." in said
    reconcile(*MARCH)
    press(browser, month, "sign")
    month.refresh_from_db()
    assert month.is_signed
