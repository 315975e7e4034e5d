"""A month is closed in Exact while sales of it still come in: they wait, move on or are accrued, as the lane says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from audit.models import AuditEntry
from connections.sandbox.square import LineSpec, TenderSpec
from connections.sandbox.square.till import Sale
from mappings import reference
from mappings.models import GLMapping, LedgerAccount, VatCode
from sync import actions, clearing_proof, late
from sync.models import Leg, Posting, SyncLane
from tests.journeys.pages import page_of, words
from tests.journeys.shop import Till

MUG_BOOKED = {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
# Revenue 20.66 and the fee of 0.44 on the accrual account: 20.22 in credit.
MUG_ACCRUED = {"1105": 2456, "1900": -2022, "1500": -434}
LAST_OF_MARCH = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
FIRST_OF_APRIL = date(2026, 4, 1)


@pytest.fixture
def till(till: Till) -> Till:
    """It is the last of March, and nothing has been sold yet."""
    till.world.timeline.moment = LAST_OF_MARCH
    reference.refresh(till.world.shop.division)
    return till


def policy(till: Till, word: str) -> None:
    SyncLane.objects.update(closed_periods=word)
    if word == "accrual":
        accrual_rule(till)


def accrual_rule(till: Till) -> None:
    division = till.world.shop.division
    till.world.books.add_gl_account("1900", "Revenue to be accounted for", 27)
    reference.refresh(division)
    GLMapping.objects.create(
        division=division, role="accrual", account=LedgerAccount.objects.get(code="1900"), effective_from="2026-01-01"
    )


def close_march(till: Till, journal: str | None = None) -> None:
    till.world.books.close_period(2026, 3, journal)
    reference.refresh(till.world.shop.division)


def late_sale(till: Till) -> Sale:
    """Taken on the last of March, and known at Square only now."""
    sale = till.sell(at=LAST_OF_MARCH)
    till.world.sandbox.square.change_payment(sale.payment_ids[0], note="synchronised late")
    return sale


def entries(till: Till) -> list[tuple[str, date, str]]:
    """What stands in Exact: journal, entry date, text of its first line."""
    rows = [
        (row["JournalCode"], row["Date"].date(), row["lines"][0]["Description"]) for row in till.world.books.entries()
    ]
    return sorted(rows)


@pytest.mark.accepts("S002-21")
def test_what_is_closed_in_exact_is_read_and_shown(till: Till, browser: Any) -> None:
    assert "2026-03" not in words(browser.get("/admin/mappings/closedperiod/"))
    close_march(till, "70")
    shown = browser.get("/admin/mappings/closedperiod/").context["cl"].result_list
    assert [(row.journal, row.year, row.period, row.starts, row.ends) for row in shown] == [
        ("70", 2026, 3, date(2026, 3, 1), date(2026, 3, 31))
    ]


@pytest.mark.accepts("S002-22")
@pytest.mark.parametrize("journal", [None, "70", "21"])
def test_held_one_closed_journal_keeps_the_whole_sale_from_being_half_booked(till: Till, journal: str | None) -> None:
    sale = till.sell()
    close_march(till, journal)

    till.next_morning()

    assert (till.item(sale).state, till.item(sale).problem_kind) == ("waiting", "period_closed")
    assert till.posts == 0


@pytest.mark.accepts("S002-23")
def test_on_the_next_open_day_the_entry_moves_and_its_own_day_stays_in_text_leg_and_trail(
    till: Till, browser: Any
) -> None:
    policy(till, "next_open_day")
    sale = till.sell()
    close_march(till)

    till.run_after(hours=20)

    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED
    assert {day for _, day, _ in entries(till)} == {FIRST_OF_APRIL}
    assert all("2026-03-31" in text for _, _, text in entries(till))
    assert set(Leg.objects.values_list("date", "moved_from")) == {(FIRST_OF_APRIL, LAST_OF_MARCH.date())}
    page = words(browser.get(page_of(till.item(sale))))
    assert "It belongs to 31 Mar 2026, whose period is closed in Exact, and is booked on 1 Apr 2026." in page
    assert "Its VAT moves to a later return: from 2026-03 to 2026-04, or to quarter 2 of 2026." in page
    entry = words(browser.get(page_of(Posting.objects.get(document="sales_entry"))))
    assert "It belongs to 31 Mar 2026, whose period is closed in Exact, and is booked on 1 Apr 2026." in entry
    fact = AuditEntry.objects.filter(verb="leg.ready", source=sale.payment_ids[0]).first()
    assert fact
    assert (fact.detail["own_day"], fact.detail["booked_on"]) == ("2026-03-31", "2026-04-01")


def test_a_moved_day_is_not_mixed_with_the_day_it_moves_to(till: Till) -> None:
    policy(till, "next_open_day")
    moved = till.sell()
    close_march(till)
    till.world.timeline.moment = LAST_OF_MARCH + timedelta(days=1)
    april = till.sell()

    till.next_morning()

    assert {till.item(sale).state for sale in (moved, april)} == {"done"}
    summaries = [(day, text) for journal, day, text in entries(till) if journal == "70"]
    assert summaries == [
        (FIRST_OF_APRIL, "Square sales Amsterdam 2026-03-31"),
        (FIRST_OF_APRIL, "Square sales Amsterdam 2026-04-01"),
    ]
    assert [len(posting.legs.all()) for posting in Posting.objects.filter(document="bank_entry")] == [2, 2]


def test_what_comes_after_its_summary_was_booked_and_closed_is_a_dated_supplement(till: Till) -> None:
    policy(till, "next_open_day")
    till.sell()
    till.run_after(hours=20)
    late = late_sale(till)
    close_march(till)

    till.run_after(hours=20)

    assert till.item(late).state == "done"
    assert till.ledger == {code: 2 * amount for code, amount in MUG_BOOKED.items()}
    assert [(day, text) for journal, day, text in entries(till) if journal == "70"] == [
        (LAST_OF_MARCH.date(), "Square sales Amsterdam 2026-03-31"),
        (FIRST_OF_APRIL, "Square sales Amsterdam 2026-03-31 supplement 1"),
    ]


def test_by_accrual_the_result_of_a_closed_month_stays_out_of_the_next(till: Till) -> None:
    policy(till, "accrual")
    sale = till.sell()
    close_march(till)

    till.run_after(hours=20)

    assert till.item(sale).state == "done"
    assert till.ledger == MUG_ACCRUED
    assert {day for _, day, _ in entries(till)} == {FIRST_OF_APRIL}


def test_by_accrual_the_record_waits_for_its_rule_and_then_goes_on(till: Till) -> None:
    SyncLane.objects.update(closed_periods="accrual")
    sale = till.sell()
    close_march(till)
    till.run_after(hours=20)
    assert (till.item(sale).problem_kind, till.item(sale).problem_subject) == ("unmapped_account", "accrual")

    accrual_rule(till)
    actions.release_mapped(till.world.shop.division.pk, ["unmapped_account"])
    till.run_after(minutes=1)

    assert till.ledger == MUG_ACCRUED


def test_a_refund_of_an_accrued_sale_is_a_fact_of_its_own_month(till: Till) -> None:
    policy(till, "accrual")
    sale = till.sell(tenders=(TenderSpec("cash"),))
    close_march(till)
    till.run_after(hours=20)
    square = till.world.sandbox.square
    square.refund(sale.payment_ids[0], 2500, at=till.world.timeline.now() + timedelta(hours=1))

    till.next_morning()

    # The sale stays accrued (1900), the refund of April comes off April's revenue; the VAT of both is declared.
    assert till.ledger == {"1900": -2066, "8000": 2066}


def test_a_period_closed_after_the_legs_were_ready_is_seen_before_they_are_sent(till: Till) -> None:
    policy(till, "next_open_day")
    sale = till.sell()
    till.run_after(minutes=10)
    assert set(Leg.objects.values_list("state", "date")) == {("ready", LAST_OF_MARCH.date())}
    close_march(till)

    till.run_after(hours=20)

    assert till.item(sale).state == "done"
    assert not Posting.objects.exclude(state="confirmed").exists()
    assert {day for _, day, _ in entries(till)} == {FIRST_OF_APRIL}


@pytest.mark.accepts("S002-23")
def test_a_period_closed_under_our_hands_refuses_once_and_the_next_run_moves_what_was_refused(till: Till) -> None:
    policy(till, "next_open_day")
    sale = till.sell()
    till.world.books.close_period(2026, 3)
    till.run_after(hours=20)
    assert till.item(sale).problem_kind == "period_closed"
    refused = Posting.objects.get(state="refused", document="sales_entry")

    till.run_after(minutes=5)

    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED
    refused.refresh_from_db()
    assert (refused.state, refused.date) == ("confirmed", FIRST_OF_APRIL)


def test_a_refused_summary_is_parted_where_its_records_move_to_different_days(till: Till) -> None:
    policy(till, "next_open_day")
    by_cash = till.sell(tenders=(TenderSpec("cash"),))
    by_card = till.sell()
    books = till.world.books
    for month, journal in ((3, None), (4, "21")):
        books.close_period(2026, month, journal)
    till.run_after(hours=20)
    assert Posting.objects.get(document="sales_entry").state == "refused"

    till.run_after(minutes=5)
    for days in (15, 17):  # to 2 May, in steps that keep the consent alive
        till.run_after(days=days)

    assert {till.item(sale).state for sale in (by_cash, by_card)} == {"done"}
    assert [(day, text) for journal, day, text in entries(till) if journal == "70"] == [
        (FIRST_OF_APRIL, "Square sales Amsterdam 2026-03-31"),
        (date(2026, 5, 1), "Square sales Amsterdam 2026-03-31 supplement 1"),
    ]
    assert till.ledger == {"1000": 2500, "1105": 2456, "4960": 44, "8000": -4132, "1500": -868}


def test_what_is_frozen_stays_where_it_is_when_its_month_is_closed_later(till: Till) -> None:
    policy(till, "accrual")
    sale = till.sell()
    till.run_after(hours=20)
    close_march(till)
    item = till.item(sale)
    item.state = "waiting"
    item.save()
    actions.replay_items([item], by="anna")

    till.run_after(minutes=5)

    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED
    assert Leg.objects.filter(moved_from=None).count() == Leg.objects.count()


def test_what_was_moved_stays_where_it_is_when_its_month_is_opened_again(till: Till) -> None:
    policy(till, "next_open_day")
    sale = till.sell()
    close_march(till)
    till.run_after(hours=20)
    till.world.books.reopen_period(2026, 3)
    reference.refresh(till.world.shop.division)
    item = till.item(sale)
    item.state = "waiting"
    item.save()
    actions.replay_items([item], by="anna")

    till.run_after(minutes=5)

    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED


def test_a_lane_that_no_longer_holds_lets_its_records_go_on(till: Till) -> None:
    sale = till.sell()
    close_march(till)
    till.run_after(hours=20)
    assert till.item(sale).state == "waiting"

    policy(till, "next_open_day")
    till.run_after(minutes=5)

    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED


# --- the late-arrivals report -------------------------------------------------------------------
LATE = "/admin/sync/latearrival/"


@pytest.fixture
def late_ones(till: Till) -> dict[str, Sale]:
    """One sale in time, one that came after its day was booked, and one more when March had been closed."""
    policy(till, "next_open_day")
    sales = {"in time": till.sell()}
    till.run_after(hours=20)
    sales["late"] = late_sale(till)
    till.run_after(minutes=20)
    close_march(till)
    sales["closed"] = late_sale(till)
    till.run_after(minutes=20)
    assert {till.item(sale).state for sale in sales.values()} == {"done"}
    return sales


def reasons(page: Any) -> list[tuple[str, str, date]]:
    """Of each row: the leg, why it is there, the day it is booked on."""
    rows = page.context["cl"].result_list
    return sorted((row.kind, late.why(row), row.date) for row in rows)


def test_the_report_lists_what_came_late_or_was_moved_and_nothing_else(
    till: Till, late_ones: dict[str, Sale], browser: Any
) -> None:
    page = browser.get(LATE)
    came, moved = "came after its day was booked", "its period was closed"
    last, first = LAST_OF_MARCH.date(), FIRST_OF_APRIL
    assert reasons(page) == [
        ("fee", came, last), ("fee", moved, first),
        ("receipt", came, last), ("receipt", moved, first),
        ("sale", moved, first), ("sale", "supplement to a day that was summed up", last),
    ]  # fmt: skip
    assert till.item(late_ones["in time"]).receipt_number not in words(page).split("Sales among them")[1]


def test_the_report_adds_up_per_vat_code_and_month(till: Till, late_ones: dict[str, Sale], browser: Any) -> None:
    both = words(browser.get(LATE))
    # Two mugs of 25.00: 20.66 and 4.34 each.
    assert "2 EUR 41.32 EUR 8.68" in both
    april = browser.get(f"{LATE}?month=2026-04")
    assert "2 EUR 20.66 EUR 4.34" in words(april)
    assert {row.date for row in april.context["cl"].result_list} == {FIRST_OF_APRIL}
    other = SyncLane.objects.create(
        label="Another", source=till.world.shop.square, division=till.world.shop.division, go_live="2026-01-01",
        sales_journal="70", clearing_journal="21",
    )  # fmt: skip
    assert not browser.get(f"{LATE}?lane__id__exact={other.pk}").context["cl"].result_list
    assert browser.get(f"{LATE}?month=nonsense", follow=True).status_code == 200


def test_the_report_goes_out_as_csv_with_both_days(till: Till, late_ones: dict[str, Sale], browser: Any) -> None:
    answer = browser.post(f"{LATE}export/?month=2026-04")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = [row.split(";") for row in text.replace('"', "").split("\r\n") if row]
    assert rows[0][:3] == ["own_day", "booked_on", "why"]
    assert len(rows) == 4
    sale = next(row for row in rows if "sale" in row)
    assert sale[:3] == ["2026-03-31", "2026-04-01", "its period was closed"]
    assert sale[5] == late_ones["closed"].payment_ids[0]
    assert sale[-4:] == ["EUR", "2", "20.66", "4.34"]
    assert AuditEntry.objects.filter(verb="late.exported").count() == 1
    assert browser.get(f"{LATE}export/").status_code == 405


def test_the_report_costs_few_statements(
    till: Till, late_ones: dict[str, Sale], browser: Any, django_assert_max_num_queries: Any
) -> None:
    browser.get(LATE)
    with django_assert_max_num_queries(12):
        browser.get(LATE)


def test_a_record_that_waited_while_its_day_was_booked_is_a_late_arrival_too(till: Till, browser: Any) -> None:
    till.world.sandbox.square.add_tax("Tourist tax 13", "13")
    till.sell(LineSpec("Tour", 1130, tax="Tourist tax 13"))
    till.sell()
    till.run_after(hours=20)
    assert not browser.get(LATE).context["cl"].result_list
    GLMapping.objects.create(
        division=till.world.shop.division, role="revenue", tax_name="Tourist tax 13", effective_from="2026-01-01",
        account=LedgerAccount.objects.get(code="8001"), vat_code=VatCode.objects.get(code="1"),
    )  # fmt: skip
    actions.release_mapped(till.world.shop.division.pk, ["unmapped_tax"])
    till.run_after(minutes=1)

    assert ("sale", "supplement to a day that was summed up", LAST_OF_MARCH.date()) in reasons(browser.get(LATE))


def test_a_backlog_is_no_late_arrival(till: Till, browser: Any) -> None:
    till.sell(at=LAST_OF_MARCH - timedelta(days=2))
    till.sell(at=LAST_OF_MARCH - timedelta(days=1))
    till.run_after(hours=20)
    assert Leg.objects.filter(state="confirmed").exists()
    assert not browser.get(LATE).context["cl"].result_list


def test_only_who_may_look_sees_the_report(till: Till, client: Any, plain_http: None, db: None) -> None:
    client.force_login(User.objects.create_user("guest", password="x", is_staff=True))
    assert client.get(LATE).status_code == 403
    assert client.post(f"{LATE}export/").status_code == 403


def test_a_sale_booked_after_its_closed_month_is_a_matter_of_time_at_the_end_of_that_month(till: Till) -> None:
    policy(till, "next_open_day")
    close_march(till)
    late_sale(till)
    till.next_morning()
    assert till.ledger == MUG_BOOKED

    (proof,) = clearing_proof.prove(till.world.shop.lane, LAST_OF_MARCH.date())

    # 25.00 less the fee of 0.44: Square holds it at the end of March, the books from April on.
    assert (proof.books, proof.ledger, proof.square) == (0, 0, 2456)
    assert [(found.kind.value, found.amount) for found in proof.differences] == [("timing", 2456)]
    assert "booked on a later day" in proof.differences[0].sentence
    assert proof.is_proven
