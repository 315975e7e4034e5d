"""A rule is changed after it was booked by: its correction is planned and approved, and the books follow."""

from __future__ import annotations

import pytest

from audit.models import AuditEntry
from connections.sandbox.square import LineSpec
from mappings.models import GLMapping, LedgerAccount
from sync.models import Leg, PlannedEntry, SyncItem, SyncRun
from tests import pictures
from tests.journeys.pages import page_of, press, save_form, words


@pytest.fixture(params=["per_payment", "daily_summary"])
def till(empty_till, request):
    pictures.furnish(empty_till.world, sales_grouping=request.param)
    return empty_till


def rule():
    return GLMapping.objects.get(account__code="8000", role="revenue")


def change(browser, row, code="8002"):
    account = LedgerAccount.objects.get(code=code)
    return words(save_form(browser, page_of(row), account=account.pk, reason="The accountant says so"))


def planned():
    return SyncRun.objects.get(purpose="undo")


def approved(browser, queue):
    with queue.listening():
        press(browser, planned(), "approve")
    queue.work()


def test_a_changed_rule_offers_a_correction_and_the_books_follow_once_it_is_approved(till, browser, queue):
    till.sell()  # 25.00 with 21 %: 20.66 net
    till.sell(LineSpec("Book", 1090, tax="VAT 9"))  # the other rule: it stays as it is
    till.next_morning()
    before = till.ledger
    assert before["8000"] == -2066
    row, posts = rule(), till.posts

    told = change(browser, row)
    assert (
        "1 entry since 2 March 2026 holds what was booked by the former rule and would be booked otherwise now." in told
    )
    assert "Plan a correction" in told

    page = words(press(browser, row, "correct", reason="Wrong account"))
    assert "Plan to correct what rule" in page
    assert "8000 with VAT code 2 becomes 8002 with VAT code 2: once, EUR 20.66" in page
    assert till.posts == posts
    till.next_morning()
    assert till.ledger == before

    approved(browser, queue)
    till.next_morning()
    till.next_morning()

    expected = {**before, "8002": before.get("8002", 0) - 2066}
    del expected["8000"]
    assert till.ledger == expected
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}
    assert AuditEntry.objects.filter(verb="item.rebooked").exists()
    assert not SyncItem.objects.filter(to_correct=True).exists()
    assert {leg.state for leg in Leg.objects.filter(is_reversal=False)} == {"confirmed", "reversed"}
    ledger, posts = till.ledger, till.posts
    till.next_morning()
    assert (till.ledger, till.posts) == (ledger, posts)
    assert "there is nothing to correct" in words(press(browser, row, "correct", reason="Again"))


def test_a_rejected_correction_leaves_everything_as_it_was(till, browser):
    till.sell()
    till.next_morning()
    before, row = till.ledger, rule()
    change(browser, row)
    press(browser, row, "correct", reason="Wrong account")

    press(browser, planned(), "reject", reason="Let it be")
    till.next_morning()

    assert till.ledger == before
    assert not PlannedEntry.objects.filter(state="posted").exists()


def test_a_change_that_nothing_was_booked_by_offers_no_correction(till, browser):
    till.sell(LineSpec("Book", 1090, tax="VAT 9"))
    till.next_morning()
    assert "Plan a correction" not in change(browser, rule()).split("Home")[0]
    assert "booked otherwise" not in words(browser.get(page_of(GLMapping.objects.get(tax_rate=21, role="revenue"))))


def test_a_refund_of_a_corrected_sale_follows_it(till, browser, queue):
    sale = till.sell()
    till.next_morning()
    till.world.sandbox.square.refund(sale.payment_ids[0], 2500)
    till.next_morning()
    till.next_morning()
    row = rule()
    change(browser, row)
    press(browser, row, "correct", reason="Wrong account")
    approved(browser, queue)
    for _ in range(4):
        till.next_morning()

    assert "8000" not in till.ledger
    assert set(SyncItem.objects.values_list("state", flat=True)) == {"done"}
    refund = Leg.objects.filter(kind="refund", is_reversal=False).latest("ordinal")
    assert {line["account"]["code"] for line in refund.content["lines"]} == {"8002"}
