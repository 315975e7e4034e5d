"""Failures as issues: opened with their cause, worked on, ended by themselves, back with the cause."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from mappings.bookkeeping.legs import ProblemKind
from sync import issues
from sync.models import SyncItem
from sync.models.issues import Issue
from tests.pages import NOW, confirm, in_role, text_of
from tests.till import Shop

TAX = ProblemKind.UNMAPPED_TAX


def look(now: Any = NOW) -> Issue:
    issues.look(now)
    return Issue.objects.get()


def verbs() -> list[str]:
    rows = AuditEntry.objects.filter(verb__startswith="issue.").order_by("id")
    return [verb.removeprefix("issue.") for verb in rows.values_list("verb", flat=True)]


def test_equal_causes_are_one_issue_with_count_money_and_times(shop: Shop) -> None:
    shop.waiting(1, TAX, "Tourist tax", amount=1000)
    shop.waiting(2, TAX, "Tourist tax", amount=250)
    shop.waiting(3, TAX, "Tourist tax", amount=500, currency="GBP")
    SyncItem.objects.filter(source_id="PAY000001").update(waiting_since=NOW - timedelta(days=2))
    row = look()
    assert (row.count, row.sums, row.state) == (3, {"EUR": 1250, "GBP": 500}, "open")
    assert (row.first_seen, row.last_seen) == (NOW - timedelta(days=2), NOW)
    shop.waiting(4, TAX, "Another")
    issues.look(NOW)
    assert Issue.objects.count() == 2


def test_what_goes_on_by_itself_is_no_issue(shop: Shop) -> None:
    shop.waiting(1, ProblemKind.WAITS_FOR_SALE)
    issues.look(NOW)
    assert not Issue.objects.exists()


def test_looking_again_writes_nothing(shop: Shop) -> None:
    shop.waiting(1, TAX, "Tourist tax")
    assert issues.look(NOW) == 1
    assert issues.look(NOW + timedelta(minutes=1)) == 0
    assert verbs() == ["opened"]


def test_it_ends_when_nothing_waits_and_returns_with_its_cause(shop: Shop) -> None:
    item = shop.waiting(1, TAX, "Tourist tax")
    look()
    SyncItem.objects.filter(pk=item.pk).update(state="done", waiting_since=None)
    row = look(NOW + timedelta(minutes=1))
    assert (row.state, row.count, row.resolved_at) == ("resolved", 0, NOW + timedelta(minutes=1))

    shop.waiting(2, TAX, "Tourist tax")
    row = look(NOW + timedelta(hours=1))
    assert (row.state, row.returned, row.count, row.resolved_at) == ("open", 1, 1, None)
    assert verbs() == ["opened", "resolved", "returned"]


def test_an_ignored_issue_leaves_the_work_list_until_its_day(shop: Shop) -> None:
    shop.waiting(1, TAX, "Tourist tax")
    row = look()
    issues.ignore(row, until=NOW.date() + timedelta(days=3), reason="the season is over")
    page = text_of(in_role("Bookkeeper").get("/admin/"))
    assert "Tourist tax" not in page
    assert look(NOW + timedelta(days=2)).state == "ignored"
    assert look(NOW + timedelta(days=3)).state == "open"
    assert verbs() == ["opened", "ignored", "reopened"]


def test_ignoring_ends_with_its_cause_too(shop: Shop) -> None:
    item = shop.waiting(1, TAX, "Tourist tax")
    issues.ignore(look(), until=NOW.date() + timedelta(days=3), reason="")
    SyncItem.objects.filter(pk=item.pk).update(state="done", waiting_since=None)
    assert look().state == "resolved"


@pytest.mark.parametrize("until", [date(2026, 11, 21), date(2020, 1, 1)])
def test_nobody_ignores_up_to_today(shop: Shop, until: date) -> None:
    shop.waiting(1, TAX, "Tourist tax")
    with pytest.raises(issues.Impossible, match="a day to come"):
        issues.ignore(look(), until=until, reason="")


def test_who_acknowledges_looks_after_it_and_a_second_one_is_told(shop: Shop) -> None:
    shop.waiting(1, TAX, "Tourist tax")
    row = look()
    stale = Issue.objects.get()
    issues.acknowledge(row, by="anna")
    row = look()
    assert (row.state, row.owner) == ("acknowledged", "anna")
    with pytest.raises(issues.Impossible, match="a moment ago"):
        issues.acknowledge(stale, by="bob")
    with pytest.raises(issues.Impossible, match="already"):
        issues.acknowledge(row, by="bob")


# --- pages ----------------------------------------------------------------------------------------
@pytest.fixture
def bookkeeper(shop: Shop) -> Client:
    return in_role("Bookkeeper")


def test_an_issue_is_read_assigned_and_ignored_on_its_page(shop: Shop, bookkeeper: Client) -> None:
    shop.waiting(1, TAX, "Tourist tax", amount=1000)
    row = look()
    listed = text_of(bookkeeper.get("/admin/sync/issue/"))
    assert "No rule for this tax: Tourist tax" in listed
    page = text_of(bookkeeper.get(f"/admin/sync/issue/{row.pk}/change/"))
    assert "1 record" in page
    assert "What to do: Add a GL mapping" in page
    assert "EUR 10.00" in page

    work = f"/admin/sync/issue/{row.pk}/work/"
    values = {"owner": "someone-bookkeeper", "ignored_until": "", "note": "asked the municipality"}
    page = text_of(bookkeeper.post(work, values, follow=True))
    assert "looked after by someone-bookkeeper" in page
    assert "Note: asked the municipality" in page
    assert look().state == "acknowledged"

    wrong = bookkeeper.post(work, {**values, "ignored_until": "2026-11-21"})
    assert wrong.status_code == 422
    assert "Choose a day to come" in text_of(wrong)
    page = text_of(bookkeeper.post(work, {**values, "ignored_until": "2026-12-01"}, follow=True))
    assert "ignored until 1 Dec" in page
    assert "No rule for this tax" not in text_of(bookkeeper.get("/admin/sync/issue/"))
    assert "No rule for this tax" in text_of(bookkeeper.get("/admin/sync/issue/?state=ignored"))
    assert "acknowledged" in text_of(bookkeeper.post(work, {**values, "ignored_until": ""}, follow=True))


def test_work_is_given_to_people_who_may_do_it(shop: Shop, bookkeeper: Client) -> None:
    shop.waiting(1, TAX, "Tourist tax")
    in_role("Auditor")
    page = bookkeeper.get(f"/admin/sync/issue/{look().pk}/work/").content.decode()
    assert "someone-bookkeeper" in page
    assert "someone-auditor" not in page


def test_an_auditor_reads_issues_and_works_on_none(shop: Shop) -> None:
    shop.waiting(1, TAX, "Tourist tax")
    row, auditor = look(), in_role("Auditor")
    page = text_of(auditor.get(f"/admin/sync/issue/{row.pk}/change/"))
    assert "Assign, ignore, note" not in page
    assert "replay all" not in page
    assert auditor.get(f"/admin/sync/issue/{row.pk}/work/").status_code == 403
    assert confirm(auditor, f"/admin/sync/issue/{row.pk}/do/acknowledge/").status_code == 403


def test_the_list_of_issues_asks_the_same_however_many_there_are(
    shop: Shop, bookkeeper: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        shop.waiting(number, TAX, f"Tax {number}")
    issues.look(NOW)
    with django_assert_max_num_queries(14):
        bookkeeper.get("/admin/sync/issue/")
