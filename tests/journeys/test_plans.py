"""A run is planned, read, approved by somebody with the right, and then exactly that plan is booked."""

from __future__ import annotations

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from connections.sandbox.faults import Fault
from connections.sandbox.square import LineSpec, TenderSpec
from mappings.models import GLMapping, LedgerAccount
from sync import extraction, grip, tasks
from sync.flows import FLOWS
from sync.flows.base import Work
from sync.models import PlannedEntry, Posting, SyncItem, SyncRun
from tests import pictures
from tests.journeys.pages import page_of, press, save_form, words
from tests.pages import in_role

CAKE = LineSpec("Cake", 1090, tax="VAT 9")


@pytest.fixture(params=["per_payment", "daily_summary"])
def till(empty_till, request):
    pictures.furnish(empty_till.world, sales_grouping=request.param)
    return empty_till


@pytest.fixture
def careful(till):
    """A lane whose every plan needs approval."""
    lane = till.world.shop.lane
    lane.needs_approval = True
    lane.save()
    return till


def planned(browser, queue, till):
    """The next morning somebody asks for a plan."""
    till.world.close_days()
    with queue.listening():
        press(browser, till.world.shop.lane, "plan")
    queue.work()
    return SyncRun.objects.latest("id")


def approved(browser, queue, run):
    with queue.listening():
        response = press(browser, run, "approve")
    queue.work()
    run.refresh_from_db()
    return response


def entries(run, **filters):
    return PlannedEntry.objects.filter(run=run, **filters).order_by("position")


def test_a_plan_shows_all_and_books_nothing_until_it_is_approved(till, browser, queue):
    till.sell()
    till.sell(CAKE, tenders=(TenderSpec("cash"),))
    run = planned(browser, queue, till)

    assert (run.state, till.posts, till.ledger, Posting.objects.count()) == ("planned", 0, {}, 0)
    page = words(browser.get(page_of(run)))
    for told in ("The plan", "Accounts before and after", "Totals per role and VAT code", "calls to Exact, about"):
        assert told in page
    # 25.00 at 21 % is 20.66 and 4.34, 10.90 at 9 % is 10.00 and 0.90
    for told in ("EUR 20.66", "EUR 4.34", "EUR 10.00", "EUR 0.90", "8000", "8001", "1300"):
        assert told in page

    shown = {row.reference: (row.expected, row.total, row.date) for row in entries(run)}
    approved(browser, queue, run)

    assert run.state == "done"
    assert "Approved by anna" in run.sentence
    assert {row.reference: (row.expected, row.total, row.date) for row in Posting.objects.all()} == shown
    assert till.ledger == {
        "1000": 1090,
        "1105": 2456,
        "4960": 44,
        "8000": -2066,
        "1500": -434,
        "8001": -1000,
        "1501": -90,
    }
    assert till.posts == len(shown)
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}
    verbs = AuditEntry.objects.filter(subject_type="run", subject_id=run.pk).values_list("verb", flat=True)
    assert {"run.queued", "run.planned", "run.approved", "run.done"} <= set(verbs)


def test_receipts_of_a_plan_carry_the_number_of_the_sale_that_was_booked_before_them(till, browser, queue):
    till.sell()
    run = planned(browser, queue, till)
    assert "OurRef" not in entries(run, document="bank_entry").get().body

    approved(browser, queue, run)

    sale = Posting.objects.get(document="sales_entry")
    assert f'"OurRef":{sale.remote_number}' in Posting.objects.get(document="bank_entry").body


def test_every_line_of_a_plan_can_be_taken_out_as_a_file(till, browser, queue):
    till.sell()
    run = planned(browser, queue, till)

    response = browser.post(f"/admin/sync/plannedentry/{run.pk}/lines/")

    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert {(row["for"], row["account"], row["net"], row["vat"]) for row in rows} == {
        ("revenue", "8000", "20.66", "4.34"), ("receivables", "1300", "25.00", "0.00"),
        ("processing_fee", "4960", "-0.44", "0.00"),
    }  # fmt: skip
    assert browser.get(f"/admin/sync/plannedentry/{run.pk}/lines/").status_code == 405
    assert AuditEntry.objects.filter(verb="plan.exported", actor="anna").count() == 1


def test_a_mapping_that_changes_refuses_the_entries_it_concerns_and_lets_the_rest_go(empty_till, browser, queue):
    till = empty_till
    till.world.furnish(sales_grouping="per_payment")
    till.sell()
    cake = till.sell(CAKE)
    run = planned(browser, queue, till)
    rule = GLMapping.objects.get(role="revenue", tax_rate=9)
    other = LedgerAccount.objects.get(code="8002", division=till.world.shop.division)
    save_form(browser, page_of(rule), account=str(other.pk), reason="Cakes have an account of their own")

    approved(browser, queue, run)

    refused = entries(run, state="refused")
    # The cake's sale; and the receipts of the day, since one of the sales that they settle was not booked.
    assert [row.document for row in refused] == ["sales_entry", "bank_entry"]
    assert "A decision has changed" in refused[0].reason
    assert "8001" in refused[0].reason
    assert "8002" in refused[0].reason
    assert "was not booked" in refused[1].reason
    assert till.ledger == {"1300": 2500, "8000": -2066, "1500": -434}
    assert "1 of 3 entries booked. 2 refused" in run.sentence
    assert "not booked, and why" in words(browser.get(page_of(run)))

    again = planned(browser, queue, till)
    assert {row.document for row in entries(again)} == {"sales_entry", "bank_entry"}
    approved(browser, queue, again)
    assert till.ledger["8002"] == -1000
    assert till.item(cake).state == "done"
    assert till.ledger.get("1300", 0) == 0


def test_what_comes_in_after_the_plan_is_not_booked_with_it(till, browser, queue):
    till.sell()
    run = planned(browser, queue, till)
    late = till.sell(CAKE)
    approved(browser, queue, run)
    assert {row.reference for row in Posting.objects.all()} == {row.reference for row in entries(run)}
    assert not SyncItem.objects.filter(source_id=late.payment_ids[0]).exists()

    following = planned(browser, queue, till)
    assert "8001" in {code for row in entries(following) for code in row.expected}
    approved(browser, queue, following)
    assert (till.ledger["8000"], till.ledger["8001"]) == (-2066, -1000)


def test_a_sale_that_square_made_doubtful_meanwhile_is_planned_no_more(till, browser, queue):
    sale = till.sell()
    run = planned(browser, queue, till)
    money = {"amount": 2600, "currency": "EUR"}
    till.world.sandbox.square.change_payment(sale.payment_ids[0], amount_money=money, total_money=money)
    newer = planned(browser, queue, till)
    assert SyncRun.objects.get(pk=run.pk).state == "superseded"
    assert (newer.state, newer.sentence) == ("done", "There is nothing to book, and so nothing to plan.")
    assert (till.item(sale).state, till.item(sale).problem_kind) == ("waiting", "unbalanced")
    assert till.ledger == {}


def test_a_sale_that_square_changed_meanwhile_is_not_booked_by_the_plan_of_before(empty_till, browser, queue):
    till = empty_till
    till.world.furnish(sales_grouping="per_payment")
    sale, other = till.sell(), till.sell(CAKE)
    run = planned(browser, queue, till)
    money, vat = {"amount": 3630, "currency": "EUR"}, {"amount": 630, "currency": "EUR"}
    square = till.world.sandbox.square
    order = square.order(sale.order_id)
    line = {**order["line_items"][0], "total_money": money, "total_tax_money": vat}
    line["applied_taxes"] = [{**line["applied_taxes"][0], "applied_money": vat}]
    tenders = [{**order["tenders"][0], "amount_money": money}]
    square.change_order(sale.order_id, tenders=tenders, line_items=[line], total_money=money, total_tax_money=vat)
    square.change_payment(sale.payment_ids[0], amount_money=money, total_money=money)
    till.world.timeline.advance(600)
    read_only(till)

    approved(browser, queue, run)

    reasons = {row.reason for row in entries(run, state="refused")}
    assert any("Square has changed a record" in reason for reason in reasons)
    assert till.item(other).legs.get(kind="sale").state == "confirmed"
    assert till.ledger["8001"] == -1000
    assert "8000" not in till.ledger
    approved(browser, queue, planned(browser, queue, till))
    assert till.ledger["8000"] == -3000


def read_only(till):
    """A worker that died after it had read Square: what it read is kept, between the plan and its approval."""
    lane = till.world.shop.lane
    run = SyncRun.objects.create(lane=lane, trigger="person", state="done", created_at=till.world.timeline.now())
    work = Work(lane=lane, run=run, grip=grip.take(lane))
    extraction.read_feeds(work, FLOWS["payments"])
    work.grip.release()


def test_a_newer_plan_supersedes_an_older_one_and_an_equal_one_does_not(till, browser, queue):
    till.sell()
    first = planned(browser, queue, till)
    same = planned(browser, queue, till)
    assert (SyncRun.objects.get(pk=first.pk).state, same.state) == ("planned", "done")
    assert f"plan of run {first.pk}" in same.sentence

    till.sell(CAKE)
    second = planned(browser, queue, till)

    first.refresh_from_db()
    assert (first.state, second.state) == ("superseded", "planned")
    assert "only a plan that waits for approval is decided" in words(approved(browser, queue, first))
    assert till.posts == 0
    approved(browser, queue, second)
    assert (till.ledger["8000"], till.ledger["8001"]) == (-2066, -1000)


def test_an_unapproved_plan_does_not_hold_the_lane(till, browser, queue):
    till.sell()
    plan = planned(browser, queue, till)

    ordinary = till.world.run()

    assert ordinary.entries_posted == 2
    posts = till.posts
    approved(browser, queue, plan)
    assert set(entries(plan).values_list("state", flat=True)) == {"refused"}
    assert "was booked meanwhile" in entries(plan).first().reason
    assert till.posts == posts


def test_a_lane_that_needs_approval_never_books_by_itself(careful, browser, queue):
    till = careful
    till.sell()
    for _ in range(3):
        till.next_morning()
    assert (till.posts, till.ledger) == (0, {})
    run = SyncRun.objects.get(state="planned")
    assert run.requested_by == ""

    approved(browser, queue, run)

    assert till.ledger == {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
    assert till.next_morning().state == "done"


def test_what_got_no_answer_is_seen_through_by_the_next_plan_of_such_a_lane(careful, browser, queue):
    till = careful
    till.sell()
    till.next_morning()
    till.world.sandbox.faults.add(Fault("drop_before", "exact", "POST", "*/SalesEntries"))
    run = SyncRun.objects.get(state="planned")
    approved(browser, queue, run)
    assert run.state == "approved"

    for _ in range(4):
        till.run_after(minutes=10)

    run.refresh_from_db()
    assert run.state == "done"
    assert till.ledger == {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
    assert till.posts == 3


def test_a_sweep_books_what_was_approved_while_another_run_was_open(till, browser, queue):
    till.sell()
    plan = planned(browser, queue, till)
    busy = SyncRun.objects.create(
        lane=till.world.shop.lane,
        trigger="person",
        state="paused",
        created_at=till.world.timeline.now(),
        purpose="plan",
    )
    press(browser, plan, "approve")
    SyncRun.objects.filter(pk=busy.pk).update(state="cancelled")
    till.world.shop.lane.due_at = till.world.timeline.now().replace(year=2030)
    till.world.shop.lane.save()

    with queue.listening():
        tasks.sweep()
    queue.work()

    assert SyncRun.objects.latest("id").purpose == "post"
    assert till.ledger["8000"] == -2066


def test_a_bookkeeper_plans_and_cannot_approve_an_approver_can(careful):
    till = careful
    till.sell()
    till.next_morning()
    run = SyncRun.objects.get(state="planned")
    bookkeeper, approver = in_role("Bookkeeper"), in_role("Approver")
    assert "Approve and book" not in words(bookkeeper.get(page_of(run)))

    refused = press(bookkeeper, run, "approve")

    run.refresh_from_db()
    assert (refused.status_code, run.state) == (403, "planned")
    press(approver, run, "approve")
    run.refresh_from_db()
    assert run.state == "approved"


@pytest.fixture(autouse=True)
def over_http(plain_http):
    """Every page here is asked for over plain http."""


def test_with_four_eyes_nobody_approves_what_they_planned(till, browser, queue):
    till.sell()
    lane = till.world.shop.lane
    lane.four_eyes = True
    lane.save()
    run = planned(browser, queue, till)
    assert "four eyes" in words(approved(browser, queue, run))
    assert run.state == "planned"

    other = Client()
    other.force_login(User.objects.create_superuser("bert", password="x"))
    approved(other, queue, run)

    assert run.state == "done"


def test_a_rejected_plan_books_nothing_and_says_why(till, browser, queue):
    till.sell()
    run = planned(browser, queue, till)
    press(browser, run, "reject", reason="Wait for the invoice")
    run.refresh_from_db()
    assert (run.state, till.posts) == ("rejected", 0)
    assert "Wait for the invoice" in words(browser.get(page_of(run)))
    assert planned(browser, queue, till).state == "planned"


def test_a_period_closed_in_exact_meanwhile_is_refused_before_anything_is_sent(empty_till, browser, queue):
    till = empty_till
    till.world.furnish(sales_grouping="per_payment")
    till.sell()
    run = planned(browser, queue, till)
    till.world.books.close_period(2026, 3, "70")
    tasks.refresh_reference(till.world.shop.division.pk)

    approved(browser, queue, run)

    reasons = dict(entries(run).values_list("document", "reason"))
    assert "closed" in reasons["sales_entry"]
    assert till.posts == 0
