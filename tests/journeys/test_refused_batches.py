"""One bad line in a batch: it waits with Exact's reason, the others are booked, and Exact is not asked too often."""

from __future__ import annotations

import json
from collections import Counter
from math import ceil, log2
from typing import Any

import pytest

from audit.models import AuditEntry
from connections.sandbox.exact import messages
from connections.sandbox.exact.catalogue import endpoints
from connections.sandbox.faults import Fault
from connections.sandbox.square import LineSpec, TenderSpec
from mappings import reference
from sync import actions, runs
from sync.models import Posting, SyncItem
from tests.journeys.pages import page_of, words
from tests.journeys.shop import Till

VOUCHER = TenderSpec("external", external_type="FOOD_VOUCHER")
LOAF = LineSpec("Loaf", 1090, tax="VAT 9")


def demand_cost_center(till: Till, account: str, use: int = 1) -> None:
    """Exact now wants a cost centre on this account, and says so without naming line or account."""
    row = till.world.books.gl(account)
    till.world.books.tables["glaccounts"].change(row["ID"], UseCostcenter=use)


def refusals(till: Till, endpoint: str) -> int:
    return sum(
        1 for call in till.world.sandbox.log.entries
        if call.system == "exact" and call.method == "POST" and call.path.endswith(endpoint) and call.status == 500
    )  # fmt: skip


def settled(till: Till, hours: int = 12) -> None:
    """Run hour after hour until nothing is drafted any more."""
    for _ in range(hours):
        if not Posting.objects.filter(state__in=["draft", "sending"]).exists():
            return
        till.run_after(hours=1, minutes=10)


def in_the_books(till: Till) -> Counter[str]:
    """How often each reference of a money leg stands in Exact's ledger, by its first 19 characters."""
    lines = [line for kind in ("bankentrylines", "cashentrylines") for line in till.world.books.tables[kind]]
    return Counter(line["Description"] for line in lines)


@pytest.mark.parametrize("bad", [(3,), (0, 198), (57, 58)])
def test_bad_records_among_400_lines_wait_alone_and_cost_a_refusal_per_halving(
    till: Till, bad: tuple[int, ...]
) -> None:
    sales = [till.sell(tenders=(VOUCHER if number in bad else TenderSpec("card"),)) for number in range(200)]
    demand_cost_center(till, "1110")
    till.next_morning()
    first = refusals(till, "BankEntries")

    settled(till)

    assert first <= 6
    assert {till.item(sales[number]).state for number in bad} == {"waiting"}
    assert {till.item(sale).state for number, sale in enumerate(sales) if number not in bad} == {"done"}
    for number in bad:
        assert "Cost center" in till.item(sales[number]).problem
    # 200 records: each bad one is refused at most once per halving, and the whole once.
    assert refusals(till, "BankEntries") <= 1 + len(bad) * ceil(log2(200))
    assert max(in_the_books(till).values()) == 1
    # Each card sale: 25.00 less the fee of 0.44.
    assert till.ledger["1105"] == (200 - len(bad)) * (2500 - 44)
    assert till.ledger["1300"] == len(bad) * 2500, "what the vouchers paid is still open"


def test_after_six_refusals_the_rest_waits_an_hour_and_goes_on_by_itself(till: Till) -> None:
    for number in range(128):
        till.sell(tenders=(VOUCHER if number in (1, 70) else TenderSpec("card"),))
    demand_cost_center(till, "1110")

    run = till.next_morning()

    assert (run.state, refusals(till, "BankEntries")) == ("done", 6)
    assert "Calls to it rest until" in run.sentence
    resting = Posting.objects.filter(state="draft")
    assert resting.exists()
    assert all(posting.due_at > till.world.timeline.now() for posting in resting)
    assert not SyncItem.objects.filter(state="waiting").exists(), "nobody has to do anything"
    till.run_after(minutes=20)
    assert refusals(till, "BankEntries") == 6

    till.run_after(hours=1)

    assert refusals(till, "BankEntries") > 6
    settled(till)
    assert SyncItem.objects.filter(state="waiting").count() == 2
    assert SyncItem.objects.filter(state="done").count() == 126


def test_other_endpoints_go_on_while_one_rests(till: Till) -> None:
    for number in range(128):
        till.sell(tenders=(VOUCHER if number in (1, 70) else TenderSpec("card"),))
    cash = till.sell(tenders=(TenderSpec("cash"),))
    demand_cost_center(till, "1110")

    till.next_morning()

    assert Posting.objects.filter(state="draft", document="bank_entry").exists()
    assert till.item(cash).state == "done"


def test_a_record_put_right_and_replayed_is_booked_once(till: Till) -> None:
    sales = [till.sell(tenders=(VOUCHER if number == 2 else TenderSpec("card"),)) for number in range(5)]
    demand_cost_center(till, "1110")
    till.next_morning()
    settled(till)
    demand_cost_center(till, "1110", use=0)

    actions.replay_items(SyncItem.objects.filter(state="waiting"), by="anna")
    till.run_after(minutes=5)

    assert {till.item(sale).state for sale in sales} == {"done"}
    assert max(in_the_books(till).values()) == 1
    assert "1300" not in till.ledger


def test_an_answer_that_names_the_customer_leaves_out_its_records_only(till: Till) -> None:
    hotel = till.world.customers[0]
    known, others = till.sell(customer_id=hotel), [till.sell() for _ in range(9)]
    till.next_morning()
    account = till.world.books.tables["accounts"].first("Name", "Hotel Prinsengracht")
    later, counter = till.sell(customer_id=hotel), [till.sell() for _ in range(9)]
    till.world.close_days()
    # Between the entry of the sale and that of its money somebody blocks the customer in Exact.
    till.world.sandbox.faults.add(Fault("500_page", "exact", "POST", "*/BankEntries"))
    till.world.run()
    till.world.books.tables["accounts"].change(account["ID"], Blocked=True)
    for _ in range(3):
        till.run_after(minutes=5)

    assert refusals(till, "BankEntries") <= 2  # the page of the fault is one
    assert till.item(later).state == "waiting"
    assert "Blocked" in till.item(later).problem
    assert {till.item(sale).state for sale in [known, *others, *counter]} == {"done"}


def test_a_summary_is_planned_again_without_the_account_that_the_answer_names(till: Till, browser) -> None:
    loaves = [till.sell(LOAF) for _ in range(2)]
    mugs = [till.sell() for _ in range(3)]
    till.world.books.block_account("8001")

    till.next_morning()

    entry = Posting.objects.get(document="sales_entry")
    assert (entry.state, entry.ordinal, entry.legs.count()) == ("confirmed", 0, 3)
    assert {till.item(sale).state for sale in mugs} == {"done"}
    assert {(till.item(sale).state, till.item(sale).problem_kind) for sale in loaves} == {("waiting", "refused")}
    assert refusals(till, "SalesEntries") == 1
    assert "8001" in words(browser.get(page_of(till.item(loaves[0]))))
    assert till.ledger["8000"] == -3 * 2066

    till.world.books.block_account("8001", blocked=False)
    actions.replay_items(SyncItem.objects.filter(state="waiting"), by="anna")
    till.run_after(minutes=5)

    supplement = Posting.objects.get(document="sales_entry", ordinal=1)
    assert (supplement.state, supplement.legs.count()) == ("confirmed", 2)
    assert {till.item(sale).state for sale in loaves} == {"done"}
    # Two loaves of 10.90 at 9 %: 10.00 net each.
    assert till.ledger["8001"] == -2000


def test_a_summary_whose_answer_names_nothing_waits_whole(till: Till) -> None:
    sales = [till.sell(), till.sell(LOAF)]
    demand_cost_center(till, "8001")

    till.next_morning()

    assert {till.item(sale).state for sale in sales} == {"waiting"}
    assert Posting.objects.get(document="sales_entry").state == "refused"
    assert refusals(till, "SalesEntries") == 1


@pytest.mark.parametrize("grouping", ["per_payment", "daily_summary"])
def test_a_period_closed_after_the_reference_data_were_read_is_refused_once(empty_till: Till, grouping: str) -> None:
    till = empty_till
    till.world.furnish(sales_grouping=grouping)
    sales = [till.sell() for _ in range(22)]
    till.world.books.close_period(2026, 3)

    till.next_morning()

    assert refusals(till, "SalesEntries") == 1
    assert {(till.item(sale).state, till.item(sale).problem_kind) for sale in sales} == {("waiting", "period_closed")}
    assert AuditEntry.objects.filter(verb="reference.read").count() == 2
    till.world.books.reopen_period(2026, 3)
    actions.replay_items(SyncItem.objects.filter(state="waiting"), by="anna")
    till.run_after(minutes=5)
    settled(till)
    assert {till.item(sale).state for sale in sales} == {"done"}
    assert till.ledger["8000"] == -22 * 2066


def test_twenty_two_entries_that_each_name_nothing_are_refused_six_times_an_hour(empty_till: Till) -> None:
    till = empty_till
    till.world.furnish(sales_grouping="per_payment")
    for _ in range(22):
        till.sell()
    demand_cost_center(till, "8000")

    till.next_morning()

    assert refusals(till, "SalesEntries") == 6
    assert Posting.objects.filter(document="sales_entry", state="refused").count() == 6
    assert Posting.objects.filter(document="sales_entry", state="draft").count() == 16


def said(monkeypatch: pytest.MonkeyPatch, sentence: str) -> None:
    """Exact words what is mandatory in another way."""
    monkeypatch.setitem(messages.SENTENCES, "mandatory", (sentence,) * 4)


def test_a_line_that_the_answer_names_by_number_is_tried_alone_at_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales = [till.sell(tenders=(VOUCHER if number == 9 else TenderSpec("card"),)) for number in range(20)]
    demand_cost_center(till, "1110")
    till.world.close_days()
    body = _lines_of_the_money_entry(till)
    number = 1 + next(
        index for index, line in enumerate(body) if line["GLAccount"] == till.world.books.gl("1110")["ID"]
    )
    said(monkeypatch, f"Line {number}: Mandatory: {{field}}")

    for _ in range(4):
        till.run_after(minutes=5)

    assert refusals(till, "BankEntries") == 2, "the whole, and the bad record alone"
    assert [till.item(sale).state for sale in sales].count("done") == 19


def _lines_of_the_money_entry(till: Till) -> list[dict[str, Any]]:
    """As it would be sent: read from a first attempt that never arrived."""
    till.world.sandbox.faults.add(Fault("drop_before", "exact", "POST", "*/BankEntries"))
    till.world.run()
    lines: list[dict[str, Any]] = json.loads(Posting.objects.get(document="bank_entry").body)["BankEntryLines"]
    return lines


def test_a_number_that_is_wrong_condemns_nobody(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    sales = [till.sell(tenders=(VOUCHER if number == 6 else TenderSpec("card"),)) for number in range(8)]
    demand_cost_center(till, "1110")
    said(monkeypatch, "Line 1: Mandatory: {field}")

    till.next_morning()
    settled(till)

    assert {till.item(sale).state for number, sale in enumerate(sales) if number != 6} == {"done"}
    assert till.item(sales[6]).state == "waiting"


def test_an_entry_that_exact_says_it_holds_already_is_never_cut(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        till.sell(tenders=(VOUCHER if number == 1 else TenderSpec("card"),))
    demand_cost_center(till, "1110")
    said(monkeypatch, "Data already exists")

    till.next_morning()

    assert Posting.objects.get(document="bank_entry").state == "refused"
    assert refusals(till, "BankEntries") == 1


def test_the_page_of_a_refused_entry_leads_to_its_halves_and_back(till: Till, browser: Any) -> None:
    for number in range(4):
        till.sell(tenders=(VOUCHER if number == 1 else TenderSpec("card"),))
    demand_cost_center(till, "1110")
    till.next_morning()
    settled(till)

    whole = Posting.objects.get(document="bank_entry", ordinal=0)
    page = browser.get(page_of(whole))

    assert whole.state == "split"
    assert "Cost center" in words(page)
    for half in whole.parts.all():
        assert page_of(half) in page.content.decode()
        assert page_of(whole) in browser.get(page_of(half)).content.decode()
    assert len(whole.parts.all()) == 2
    told = AuditEntry.objects.get(verb="posting.split", subject=whole.reference)
    assert sorted(told.detail["into"]) == sorted(half.reference for half in whole.parts.all())


@pytest.mark.parametrize("state", ["draft", "sending"])
def test_a_body_that_exact_would_refuse_is_not_sent(till: Till, state: str) -> None:
    """Somebody blocked the account in Exact and had the reference data read between drafting and sending."""
    sales = [till.sell(LOAF), till.sell(), till.sell()]
    till.world.close_days()
    action = {"draft": "429", "sending": "drop_before"}[state]
    till.world.sandbox.faults.add(Fault(action, "exact", "POST", "*/SalesEntries"))
    run = runs.open_run(till.world.shop.lane, trigger="schedule")
    runs.work_slice(run.pk)
    assert Posting.objects.get(document="sales_entry").state == state
    till.world.timeline.advance(61)
    till.world.books.block_account("8001")
    reference.refresh(till.world.shop.division)

    for _ in range(4):
        till.run_after(minutes=5)

    assert refusals(till, "SalesEntries") == 0
    assert [till.item(sale).state for sale in sales] == ["waiting", "done", "done"]
    assert till.item(sales[0]).problem_kind == "unsendable"
    assert "GL account 8001 is blocked in Exact" in till.item(sales[0]).problem


@pytest.mark.accepts("S002-19")
def test_an_entry_that_is_a_cent_off_is_not_sent(till: Till, browser: Any) -> None:
    sale = till.sell()
    till.world.close_days()
    till.world.sandbox.faults.add(Fault("429", "exact", "POST", "*/SalesEntries"))
    run = runs.open_run(till.world.shop.lane, trigger="schedule")
    runs.work_slice(run.pk)
    draft = Posting.objects.get(state="draft")
    Posting.objects.update(body=draft.body.replace("20.66", "20.67"))
    asked = till.calls("exact", "POST", "SalesEntries")

    till.run_after(minutes=5)

    assert till.calls("exact", "POST", "SalesEntries") == asked
    page = words(browser.get(page_of(till.item(sale))))
    assert "its lines come to EUR 25.01 where it should move EUR 25.00" in page
    assert "8000" not in till.ledger


def test_a_request_that_exact_does_not_understand_is_not_cut(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        till.sell()
    monkeypatch.delitem(endpoints()["financialtransaction/BankEntryLines"].properties, "OurRef")

    till.next_morning()

    entry = Posting.objects.get(document="bank_entry")
    assert (entry.state, entry.legs.count()) == ("refused", 8)
    assert "does not exist on type" in entry.problem
