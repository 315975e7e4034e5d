"""Whatever kind of record a month holds, its reconciliation leaves no cent unexplained."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client

from connections.sandbox.generator import generate
from connections.sandbox.generator_invoices import cancel_part_paid
from connections.sandbox.square import LineSpec, RequestSpec, TenderSpec
from mappings import reference
from sync.models import Leg, Posting, SyncItem
from sync.models.reconciliation import Reconciliation
from sync.reconciliation import months
from tests.journeys import test_conventions as conventions
from tests.journeys import test_corrections as corrections
from tests.journeys import test_deposits as deposits
from tests.journeys import test_exchanges as exchanges
from tests.journeys import test_expired_gift_cards as expired
from tests.journeys import test_periods as periods
from tests.journeys import test_undo as undo
from tests.journeys.desk import BALANCE, DEPOSIT, Desk
from tests.journeys.pages import page_of, press, words
from tests.journeys.reconciling import MARCH, book_by_hand, found, reconcile
from tests.journeys.shop import MUG, Till


@pytest.mark.parametrize("clearing", ["per_day", "per_payout"])
@pytest.mark.parametrize("sales", ["daily_summary", "per_payment"])
def test_a_month_with_invoices_refunds_and_payouts_is_clean_however_it_is_grouped(world, sales, clearing):
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        world.sandbox.square, seed=5, payments=80, days=10, end=end, customers=world.customers, oddities=False,
        refunds=0.1, payouts=True, invoices=0.2,
    )  # fmt: skip
    world.furnish(go_live=month.days[0], sales_grouping=sales)
    world.shop.lane.clearing_grouping = clearing
    world.shop.lane.save()
    world.run()
    assert cancel_part_paid(world.sandbox.square, month, at=world.timeline.now()) > 0
    world.close_days()
    assert world.run().state == "done"

    days = ["--from", month.days[0].isoformat(), "--to", world.timeline.now().date().isoformat()]
    code, printed = reconcile(*days, "--json")

    told = json.loads(printed)["reconciliations"][0]
    assert (code, told["unexplained_cents"], told["clean"]) == (0, 0, True), told["differences"][:30]
    kinds = set(Reconciliation.objects.first().differences.values_list("kind", flat=True))
    assert kinds <= {"timing"}


# --- a journey per kind -----------------------------------------------------------------------------
def dispute_lost(till: Till, browser: Client) -> None:
    """25.00 disputed, taken off by a payout, and lost."""
    sale = till.sell()
    now = till.world.timeline.now
    filed = till.world.sandbox.square.dispute(sale.payment_ids[0], None, at=now())
    till.world.sandbox.square.pay_out("Amsterdam", at=now())
    till.next_morning()
    till.world.sandbox.square.settle_dispute(filed["id"], "LOST", at=now())
    for _ in range(2):
        till.next_morning()
    assert Leg.objects.filter(kind="dispute", state="confirmed").count() == 1


def expiry(till: Till, browser: Client) -> None:
    """A card of 50.00 sold, 30.00 of it expired, with 21 % inside."""
    expired.earn(till, "8010", "2")
    till.sell(expired.CARD)
    till.next_morning()
    expired.state(till, browser)
    till.next_morning()
    assert Leg.objects.filter(kind="breakage", state="confirmed").count() == 1


def exchange(till: Till, browser: Client) -> None:
    """Of mug and bread the mug for a lamp, then the bread given back."""
    sale = till.sell(MUG, exchanges.BREAD, tenders=(exchanges.FREE,))
    till.next_morning()
    square = till.world.sandbox.square
    square.exchange(sale, [sale.order["line_items"][0]["uid"]], [exchanges.LAMP], [exchanges.FREE])
    till.next_morning()
    square.refund(sale.payment_ids[0], items="all")
    till.next_morning()
    assert Leg.objects.filter(kind="refund", state="confirmed").count() == 2


def exchange_for_less(till: Till, browser: Client) -> None:
    sale = till.sell(MUG, tenders=(exchanges.FREE,))
    till.next_morning()
    till.world.sandbox.square.exchange(sale, "all", [exchanges.BOOK])
    for _ in range(2):
        till.next_morning()


def deposit(till: Till, browser: Client) -> None:
    """One deposit becomes a sale, another goes back in part."""
    order, other = deposits.deposit(till), deposits.deposit(till)
    till.next_morning()
    till.world.sandbox.square.pay(order.order_id, (deposits.FREE,))
    till.world.sandbox.square.refund(other.payment_ids[0], 1500)
    for _ in range(2):
        till.next_morning()


def contra_discount(till: Till, browser: Client) -> None:
    """Wine of 50.00 for 40.00 beside bread with nothing off, and 13.00 of it given back by amount."""
    conventions.choose(till, browser, discounts="contra")
    conventions.discounts_of_their_own(till)
    wine = LineSpec("Wine", 5000, tax="VAT 21", discount=1000)
    sale = till.sell(wine, exchanges.BREAD)
    till.next_morning()
    till.world.sandbox.square.refund(sale.payment_ids[0], 1300)
    till.next_morning()
    assert any(line["role"] == "discount" for leg in Leg.objects.all() for line in leg.content["lines"])


def kept_tips(till: Till, browser: Client) -> None:
    conventions.choose(till, browser, tips="kept")
    conventions.rule(till, "tips", "8010", "2")
    sale = till.sell(tenders=(TenderSpec("card", tip=1210),))
    till.next_morning()
    till.world.sandbox.square.refund(sale.payment_ids[0], 1111)
    till.next_morning()


def single_purpose_card(till: Till, browser: Client) -> None:
    """A card of 50.00 sold, 25.00 spent with it, and 10.00 of that given back onto it."""
    conventions.choose(till, browser, gift_cards="single_purpose")
    conventions.rule(till, "gift_card", "8010", "2")
    till.sell(conventions.GIFT)
    till.next_morning()
    spent = till.sell(tenders=(TenderSpec("gift_card"),))
    till.next_morning()
    till.world.sandbox.square.refund(spent.payment_ids[0], 1000)
    for _ in range(2):
        till.next_morning()
    assert not Leg.objects.filter(kind="refund_money").exists()


def fee_vat_inside(till: Till, browser: Client) -> None:
    conventions.allow_vat(till)
    conventions.choose(till, browser, fee_vat="included")
    conventions.rule(till, "processing_fee", "4960", "2")
    till.sell(tenders=(TenderSpec("card", fee=121),))
    till.next_morning()
    assert till.ledger["1510"] == 21


def fee_vat_separate(till: Till, browser: Client) -> None:
    conventions.choose(till, browser, fee_vat="separate")
    till.sell()
    square, now = till.world.sandbox.square, till.world.timeline.now()
    square.add_payout_entry("TAX_ON_FEE", -9, location="Amsterdam", at=now)
    square.pay_out("Amsterdam", at=now)
    for _ in range(2):
        till.next_morning()
    assert till.ledger["2999"] == 9


def correction(till: Till, browser: Client) -> None:
    corrections.policy(till, after_change="correct")
    sale = till.sell()
    till.next_morning()
    corrections.change(till, sale, 3630, 630)
    till.next_morning()
    assert Leg.objects.filter(is_reversal=True, state="confirmed").exists()


def invoice_with_everything(till: Till, browser: Client) -> None:
    """Paid with a tip and partly given back; another part-paid, then canceled."""
    desk = Desk(till)
    paid = desk.invoice(RequestSpec("BALANCE", tipping=True))
    part = desk.invoice(DEPOSIT, BALANCE, customer=1)
    desk.morning()
    payment = desk.pay(paid, tip=5000)
    desk.pay(part)
    desk.morning()
    till.world.sandbox.square.refund(payment.payment_ids[0], 40000)
    desk.cancel(part)
    for _ in range(2):
        desk.morning()
    assert Leg.objects.filter(kind="invoice_credit", state="confirmed").count() == 1


def order_without_ledger(till: Till, browser: Client) -> None:
    """A quotation in Exact is no entry, and no entry that is missing."""
    till.world.shop.lane.open_orders = "quotation"
    till.world.shop.lane.save()
    till.sell(state="OPEN", tenders=())
    till.sell()
    till.next_morning()


KINDS: tuple[Callable[[Till, Client], None], ...] = (
    dispute_lost, expiry, exchange, exchange_for_less, deposit, contra_discount, kept_tips, single_purpose_card,
    fee_vat_inside, fee_vat_separate, correction, invoice_with_everything, order_without_ledger,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_month_of_each_kind_is_explained_and_a_change_in_exact_is_found(kind, till, browser):
    kind(till, browser)
    assert not SyncItem.objects.exclude(state="done").exists(), [item.problem for item in SyncItem.objects.all()]

    code, printed = reconcile(*MARCH)
    assert (code, found()) == (0, []), printed
    checks = Reconciliation.objects.first().checks
    assert (checks["vat"]["difference"], checks["unmatched"]["count"]) == (0, 0), Reconciliation.objects.first().vat
    assert [one["unproven"] for one in checks["clearing"]["proofs"]] == [0], checks["clearing"]

    last = Posting.objects.filter(document__in=("sales_entry", "bank_entry"), state="confirmed").latest("pk")
    till.world.books.delete_entry(last.remote_id)
    code, printed = reconcile(*MARCH)
    assert code == 1
    assert "deleted" in {kind for kind, _ in found()}, printed


def test_what_was_undone_waits_and_leaves_nothing_unexplained(till, browser, queue):
    till.sell()
    run = till.next_morning()
    press(browser, run, "undo")
    undo.approved(browser, queue)
    assert till.ledger == {}

    code, printed = reconcile(*MARCH)

    assert (code, found(), [kind for kind, _ in found(explained=True)]) == (0, [], ["waiting"]), printed
    press(browser, SyncItem.objects.get(), "dismiss", reason="Not ours")
    code, printed = reconcile(*MARCH)
    assert (code, found(), [kind for kind, _ in found(explained=True)]) == (0, [], ["dismissed"]), printed


@pytest.mark.parametrize("policy", ["next_open_day", "accrual"])
def test_what_moved_to_the_next_period_is_explained_in_both_months(till, policy):
    till.world.timeline.moment = periods.LAST_OF_MARCH
    reference.refresh(till.world.shop.division)
    periods.policy(till, policy)
    till.next_morning()
    periods.close_march(till)
    periods.late_sale(till)
    till.next_morning()
    assert set(Leg.objects.values_list("moved_from", "date")) == {(date(2026, 3, 31), date(2026, 4, 1))}

    for month in ("2026-03", "2026-04"):
        code, printed = reconcile("--month", month)
        assert (code, found()) == (0, []), printed
        assert {kind for kind, _ in found(explained=True)} == {"timing"}
    assert Reconciliation.objects.first().checks["late"]["count"] == 3
    edit = Posting.objects.filter(document="sales_entry").get()
    till.world.books.delete_entry(edit.remote_id)
    code, _ = reconcile("--month", "2026-04")
    assert (code, [kind for kind, _ in found()]) == (1, ["deleted"])


def test_a_balance_that_nobody_stated_makes_the_month_red(booked, browser):
    """Somebody put 12.34 on the clearing account before go-live, and no opening balance tells of it."""
    book_by_hand(booked.world, "-12.34", on=date(2026, 2, 27))

    reconcile(*MARCH)

    row = Reconciliation.objects.first()
    assert "clearing" in months.reds(row, at=booked.world.timeline.now())
    assert row.checks["clearing"]["proofs"][0]["unproven"] == 1234
    page = words(browser.get(page_of(row)))
    assert "Exact shows another balance of the clearing account at the beginning" in page, page


def test_the_pages_of_a_month_with_everything_are_red_only_for_what_waits(world, browser):
    """The month of the demo: 5 % refunds, 5 % invoices, daily payouts, and a few records that wait on purpose."""
    end = world.timeline.now() - timedelta(hours=30)
    month = generate(
        world.sandbox.square, seed=1, payments=120, days=30, end=end, customers=world.customers, refunds=0.05,
        invoices=0.05, payouts=True,
    )  # fmt: skip
    world.furnish(go_live=month.days[0])
    assert world.run().state == "done"

    days = sorted({day.replace(day=1) for day in month.days})
    code, printed = reconcile("--from", days[0].isoformat(), "--to", world.timeline.now().date().isoformat(), "--json")
    assert (code, found()) == (0, []), printed
    for day in days:
        code, printed = reconcile("--month", f"{day:%Y-%m}")
        assert code == 0, printed
        row = Reconciliation.objects.first()
        red = set(months.reds(row, at=world.timeline.now()))
        assert red <= {"over", "unposted"}, (red, row.checks)
        page = words(browser.get(page_of(row)))
        assert "The movement ties." in page
        assert "is proven" in page
    held = words(browser.get("/admin/sync/month/"))
    listed = words(browser.get("/admin/sync/reconciliation/"))
    assert "needs a person" not in listed
    assert f"{days[0]:%B %Y}" in held
