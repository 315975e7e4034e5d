"""Lanes, runs, records and entries on the screen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from audit.trail import Fact
from mappings.bookkeeping.legs import ProblemKind
from sync.models import Leg, Posting, SyncItem, SyncLane, SyncRun
from tests.pages import NOW, confirm, in_role, text_of
from tests.till import Shop

ITEMS, POSTINGS, RUNS, LANES = (f"/admin/sync/{name}/" for name in ("syncitem", "posting", "syncrun", "synclane"))


def page(base: str, pk: int) -> str:
    return f"{base}{pk}/change/"


def listed(client: Client, base: str, **query: Any) -> list[Any]:
    return list(client.get(base, query).context["cl"].result_list)


# --- Records ----------------------------------------------------------------------------------------------------------
@pytest.mark.accepts("CARD-04")
def test_a_record_is_recognised_in_the_list(shop: Shop, anna: Client) -> None:
    shop.waiting(7, ProblemKind.UNMAPPED_TAX, "revenue: Tourist tax", amount=123450)
    text = text_of(anna.get(ITEMS))
    for part in (
        "R0007",
        "PAY000007",
        "Amsterdam",
        "CARD",
        "EUR 1,234.50",
        "waiting",
        "No rule for this tax: revenue: Tourist tax",
    ):
        assert part in text


@pytest.mark.parametrize(
    "term", ["PAY000002", "ORD000002", "TB-SAL0000000000002", "tb-sal0000000000002", "TB-0000000000000020"]
)
def test_a_record_is_found_by_payment_order_leg_or_entry(shop: Shop, anna: Client, term: str) -> None:
    second = [shop.booked(number) for number in (1, 2, 3)][1]
    Leg.objects.filter(item=second, kind="sale").update(reference="TB-SAL0000000000002")
    assert listed(anna, ITEMS, q=term) == [second]


def test_a_list_is_narrowed_to_a_cause_and_says_so(shop: Shop, anna: Client) -> None:
    tax = shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    shop.waiting(2, ProblemKind.UNMAPPED_TAX, "Other tax")
    query = {"state__exact": "waiting", "problem_kind__exact": "unmapped_tax", "problem_subject": "Tourist tax"}
    assert listed(anna, ITEMS, **query) == [tax]
    assert "Cause All Tourist tax" in text_of(anna.get(ITEMS, query))


def test_a_record_shows_both_sides_the_reasons_the_entry_and_the_timeline(shop: Shop, anna: Client) -> None:
    item = shop.booked(1)
    shop.tell(
        Fact("item.extracted", "item", None, item.source_id, item.source_id),
        Fact("posting.confirmed", "posting", 1, "TB-0000000000000010", "TB-0000000000000010"),
    )
    text = text_of(anna.get(page(ITEMS, item.pk)))
    for part in (
        "Sourdough loaf", "VAT 21", "EUR 12.10",  # Square
        "8000 Revenue 21 %", "EUR 10.00", "EUR 2.10", "revenue · VAT 21 · 21 %",  # legs and why
        "1300 Trade debtors", "1105 Square clearing",  # ledger
        '&quot;AmountFC&quot;: 10.50', "Exact entry number 26700010",  # as it was sent
        "record read from Square", "entry confirmed in the ledger",  # timeline
    ):  # fmt: skip
        assert part in text, part


def test_a_waiting_record_says_why_what_to_do_and_where(shop: Shop, anna: Client) -> None:
    item = shop.waiting(
        1, ProblemKind.UNMAPPED_TAX, "Tourist tax", problem="No rule gives the account for Tourist tax."
    )
    response = anna.get(page(ITEMS, item.pk))
    assert "No rule gives the account for Tourist tax." in text_of(response)
    assert "What to do: Add a GL mapping with its VAT code" in text_of(response)
    assert (
        f"/admin/mappings/glmapping/add/?effective_from={item.local_day}&amp;division={shop.division.pk}"
        in response.content.decode()
    )


def test_a_record_that_cannot_be_read_is_still_shown(shop: Shop, anna: Client) -> None:
    item = shop.waiting(
        1,
        ProblemKind.UNREADABLE,
        "payment.id is missing",
        payload={"payment": {"x": 1}, "order": None},
        currency="",
        amount=0,
    )
    text = text_of(anna.get(page(ITEMS, item.pk)))
    assert "The record cannot be read" in text
    assert "&quot;x&quot;: 1" in text


def test_names_from_square_cannot_carry_markup(shop: Shop, anna: Client) -> None:
    item = shop.payment(1)
    item.payload["order"]["line_items"][0]["name"] = "<script>alert(1)</script>"
    item.save()
    assert "<script>alert" not in anna.get(page(ITEMS, item.pk)).content.decode()


@pytest.mark.accepts("CARD-10")
def test_a_waiting_record_is_replayed_from_its_page(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    first = text_of(anna.get(f"{ITEMS}{item.pk}/do/replay/"))
    assert "1 record" in first
    assert "EUR 12.10" in first
    assert "123456 Bakery BV" in first
    result = text_of(confirm(anna, f"{ITEMS}{item.pk}/do/replay/"))
    item.refresh_from_db()
    assert item.state == "extracted"
    assert "1 record on the way to be booked." in result
    assert AuditEntry.objects.filter(verb="item.replayed", actor="anna", trigger="person").exists()


@pytest.mark.accepts("CARD-07")
def test_selected_records_are_replayed_and_the_others_explained(shop: Shop, anna: Client) -> None:
    waiting, booked = shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax"), shop.booked(2)
    chosen = {"action": "replay", "_selected_action": [str(waiting.pk), str(booked.pk)]}
    result = text_of(confirm(anna, ITEMS, count=2, **chosen))
    assert "1 record on the way to be booked." in result
    assert "1 skipped (PAY000002): it is done; only a waiting record can be replayed" in result


def test_dismissing_asks_for_a_reason_and_can_be_taken_back(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.UNSUPPORTED)
    assert "Give a reason" in text_of(confirm(anna, f"{ITEMS}{item.pk}/do/dismiss/"))
    confirm(anna, f"{ITEMS}{item.pk}/do/dismiss/", reason="booked by hand")
    item.refresh_from_db()
    assert item.state == "dismissed"
    assert "booked by hand" in text_of(anna.get(page(ITEMS, item.pk)))
    confirm(anna, f"{ITEMS}{item.pk}/do/reinstate/")
    item.refresh_from_db()
    assert item.state == "extracted"


def test_what_lies_before_go_live_is_booked_only_after_a_click(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.BEFORE_GO_LIVE, "2026-09-22")
    confirm(anna, f"{ITEMS}{item.pk}/do/release/")
    item.refresh_from_db()
    assert item.released


def test_a_preview_shows_the_entries_and_changes_nothing(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    before = (list(SyncItem.objects.values()), Leg.objects.count(), Posting.objects.count(), AuditEntry.objects.count())
    text = text_of(anna.get(f"{ITEMS}{item.pk}/preview/"))
    assert "8000 Revenue 21 % EUR 10.00" in text
    assert "1300 Trade debtors EUR 12.10" in text
    assert "No rule gives the account for processing fee" in text
    after = (list(SyncItem.objects.values()), Leg.objects.count(), Posting.objects.count(), AuditEntry.objects.count())
    assert before == after


# --- Entries ----------------------------------------------------------------------------------------------------------
def test_an_entry_shows_what_it_moves_its_legs_and_its_body(shop: Shop, anna: Client) -> None:
    item = shop.booked(1)
    posting = Posting.objects.get(reference="TB-0000000000000010")
    response = anna.get(page(POSTINGS, posting.pk))
    text = text_of(response)
    for part in (
        "Sales entry of EUR 12.10",
        "1300 Trade debtors EUR 12.10",
        "8000 Revenue 21 % EUR 10.00",
        "Made of 1 leg",
        "R0001",
        "AmountFC",
    ):
        assert part in text, part
    assert page(ITEMS, item.pk) in response.content.decode()


@pytest.mark.parametrize("term", ["TB-0000000000000010", "26700010", "guid-10"])
def test_an_entry_is_found_by_reference_number_or_id(shop: Shop, anna: Client, term: str) -> None:
    shop.booked(1), shop.booked(2)
    assert [posting.reference for posting in listed(anna, POSTINGS, q=term)] == ["TB-0000000000000010"]


def test_an_entry_in_doubt_says_that_nothing_is_sent_twice(shop: Shop, anna: Client) -> None:
    item = shop.payment(1)
    posting = shop.entry(1, shop.sale(item), state="sending", due_at=NOW, problem="Sent, but no usable answer came.")
    text = text_of(anna.get(page(POSTINGS, posting.pk)))
    assert "in doubt" in text
    assert "no usable answer" in text


@pytest.mark.accepts("CARD-07")
def test_a_refused_entry_is_replayed_from_its_page(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.REFUSED)
    posting = shop.entry(1, shop.sale(item), state="refused", remote_id="")
    shop.leg(item, shop.sale(item), posting=posting, state="refused")
    result = text_of(confirm(anna, f"{POSTINGS}{posting.pk}/do/replay/"))
    assert "1 entry on the way to be booked." in result


def test_a_confirmed_entry_offers_no_replay(shop: Shop, anna: Client) -> None:
    shop.booked(1)
    posting = Posting.objects.first()
    assert posting
    assert "/do/replay/" not in anna.get(page(POSTINGS, posting.pk)).content.decode()
    assert "only a refused or conflicting entry" in text_of(confirm(anna, f"{POSTINGS}{posting.pk}/do/replay/"))


# --- Lanes ------------------------------------------------------------------------------------------------------------
@pytest.mark.accepts("CARD-05")
def test_run_now_opens_the_lane_and_leads_to_the_run(shop: Shop, anna: Client) -> None:
    response = anna.post(f"{LANES}{shop.lane.pk}/do/run/", follow=True)
    run = SyncRun.objects.get()
    assert response.redirect_chain[-1][0] == page(RUNS, run.pk)
    assert (run.trigger, run.requested_by, run.state) == ("person", "anna", "queued")


def test_a_lane_that_cannot_run_says_why(shop: Shop, anna: Client) -> None:
    shop.square.status = "needs_consent"
    shop.square.save()
    text = text_of(anna.post(f"{LANES}{shop.lane.pk}/do/run/", follow=True))
    assert "Connection Bakery is not live" in text
    assert not SyncRun.objects.exists()


def test_a_get_never_starts_a_run(shop: Shop, anna: Client) -> None:
    anna.get(f"{LANES}{shop.lane.pk}/do/run/")
    assert not SyncRun.objects.exists()


@pytest.mark.accepts("CARD-11")
def test_a_lane_is_paused_with_a_reason_and_resumed(shop: Shop, anna: Client) -> None:
    confirm(anna, f"{LANES}{shop.lane.pk}/do/pause/", reason="year end")
    assert "paused year end (anna)" in text_of(anna.get(LANES))
    assert "/do/run/" not in anna.get(page(LANES, shop.lane.pk)).content.decode()
    confirm(anna, f"{LANES}{shop.lane.pk}/do/resume/")
    shop.lane.refresh_from_db()
    assert not shop.lane.is_paused


@pytest.mark.accepts("CARD-11")
def test_a_lane_shows_its_next_and_its_last_run(shop: Shop, anna: Client) -> None:
    run = shop.run()
    response = anna.get(LANES)
    assert "21 Nov 2026 13:10" in text_of(response)
    assert page(RUNS, run.pk) in response.content.decode()


def lane_form(lane: SyncLane, **changes: Any) -> dict[str, Any]:
    """What the page sends back when nothing was touched, and the changes."""
    told = {field.name: getattr(lane, field.attname) for field in lane._meta.concrete_fields if field.editable}
    held = {name: value for name, value in told.items() if value is not None and value is not False}
    feeds: dict[str, Any] = {"feeds-TOTAL_FORMS": lane.feeds.count(), "feeds-INITIAL_FORMS": lane.feeds.count()}
    for place, feed in enumerate(lane.feeds.all()):
        row = {"id": feed.pk, "lane": lane.pk, "location": feed.location_id}
        feeds |= {f"feeds-{place}-{name}": value for name, value in row.items()}
    return {**held, "is_enabled": "on", **feeds, **changes}


def test_a_lane_refuses_a_journal_of_the_wrong_type(shop: Shop, anna: Client) -> None:
    text = text_of(anna.post(page(LANES, shop.lane.pk), lane_form(shop.lane, sales_journal="21", cash_journal="99")))
    assert "Journal 21 Square clearing is of type 12; a sales journal (type 20) is needed." in text
    assert "The division has no such journal." in text


def test_a_changed_lane_is_told_in_the_trail(shop: Shop, anna: Client) -> None:
    response = anna.post(page(LANES, shop.lane.pk), lane_form(shop.lane, cadence_minutes=30))
    assert response.status_code == 302, text_of(response)
    fact = AuditEntry.objects.get(verb="lane.changed")
    assert fact.detail == {"cadence_minutes": "30"}
    assert (fact.actor, fact.division) == ("anna", 123456)


# --- Runs -------------------------------------------------------------------------------------------------------------
def test_a_run_shows_live_progress(shop: Shop, anna: Client) -> None:
    run = shop.run(state="running", phase="sales", records_read=140, entries_planned=20, entries_posted=10)
    for number in range(3):
        shop.call(number, run)
    response = anna.get(page(RUNS, run.pk))
    assert f'data-progress-url="{RUNS}{run.pk}/progress/"' in response.content.decode()
    state = anna.get(f"{RUNS}{run.pk}/progress/").json()
    assert (state["percent"], state["is_over"]) == (25, False)
    assert state["texts"]["records_read"] == "140"
    assert (state["texts"]["calls_exact"], state["texts"]["calls_square"]) == ("3", "0")
    assert state["texts"]["sentence"] == "Booking sales, 25 % of the entries drafted so far."
    assert state["texts"]["left"] == "about 9 min"


def test_progress_is_unknown_while_square_is_being_read(shop: Shop, anna: Client) -> None:
    run = shop.run(state="running", phase="read", records_read=40)
    state = anna.get(f"{RUNS}{run.pk}/progress/").json()
    assert state["percent"] is None
    assert state["texts"]["left"] == "cannot be said yet"


def test_a_run_whose_worker_is_silent_says_that_nothing_is_lost(shop: Shop, anna: Client) -> None:
    run = shop.run(state="running", phase="sales", touched_at=NOW - timedelta(minutes=5))
    assert "The worker has not answered for a while." in text_of(anna.get(page(RUNS, run.pk)))


def test_a_finished_run_says_what_happened_and_polls_no_more(shop: Shop, anna: Client) -> None:
    run = shop.run(entries_posted=8)
    response = anna.get(page(RUNS, run.pk))
    assert "12 read, 8 entries booked." in text_of(response)
    assert "took 3 min 0 s" in text_of(response)
    assert "progress.js" not in response.content.decode()
    assert anna.get(f"{RUNS}{run.pk}/progress/").json()["is_over"]


def test_a_queued_run_is_cancelled_and_a_running_one_is_not(shop: Shop, anna: Client) -> None:
    run = shop.run(state="queued")
    confirm(anna, f"{RUNS}{run.pk}/do/cancel/")
    run.refresh_from_db()
    assert run.state == "cancelled"
    other = shop.run(state="running")
    assert "only a queued or paused run can be cancelled" in text_of(confirm(anna, f"{RUNS}{other.pk}/do/cancel/"))


# --- Who may, and at what cost ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        (("Auditor",), set()),
        (("Bookkeeper",), {"replay", "dismiss", "reinstate", "entry"}),
        (("Operator",), {"replay", "entry", "run", "pause", "resume", "cancel"}),
        (("Approver",), {"replay", "dismiss", "reinstate", "entry", "release"}),
        (
            ("Administrator",),
            {"replay", "dismiss", "reinstate", "release", "entry", "run", "pause", "resume", "cancel"},
        ),
    ],
)
def test_each_role_is_allowed_its_verbs_and_no_other(shop: Shop, roles: tuple[str, ...], allowed: set[str]) -> None:
    item, run = shop.waiting(1, ProblemKind.UNSUPPORTED), shop.run()
    posting = shop.entry(1, shop.sale(item), state="refused")
    urls = {name: f"{ITEMS}{item.pk}/do/{name}/" for name in ("replay", "dismiss", "reinstate", "release")}
    urls |= {name: f"{LANES}{shop.lane.pk}/do/{name}/" for name in ("run", "pause", "resume")}
    urls |= {"cancel": f"{RUNS}{run.pk}/do/cancel/", "entry": f"{POSTINGS}{posting.pk}/do/replay/"}
    client = in_role(*roles)
    assert {name for name, url in urls.items() if client.get(url).status_code == 200} == allowed
    assert {name for name, url in urls.items() if client.get(url).status_code == 403} == set(urls) - allowed


@pytest.mark.parametrize("base", [ITEMS, POSTINGS, RUNS, LANES])
def test_without_a_role_nothing_is_seen(shop: Shop, base: str) -> None:
    assert in_role().get(base).status_code == 403


def test_the_progress_and_the_preview_are_for_those_who_may_see(shop: Shop) -> None:
    item, run = shop.payment(1), shop.run()
    nobody = in_role()
    assert nobody.get(f"{RUNS}{run.pk}/progress/").status_code == 403
    assert nobody.get(f"{ITEMS}{item.pk}/preview/").status_code == 403
    assert in_role("Auditor").get(f"{ITEMS}{item.pk}/preview/").status_code == 200


@pytest.mark.parametrize(("base", "most"), [(ITEMS, 8), (POSTINGS, 7), (RUNS, 7), (LANES, 9)])
def test_a_list_takes_few_statements_however_long_it_is(
    shop: Shop, anna: Client, base: str, most: int, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(30):
        shop.booked(number)
        shop.run()
    with django_assert_max_num_queries(most):
        anna.get(base)


def test_the_page_of_an_entry_with_many_legs_takes_few_statements(
    shop: Shop, anna: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    plan = shop.sale(shop.payment(0))
    posting = shop.entry(1, plan)
    for number in range(1, 40):
        item = shop.payment(number)
        shop.leg(item, shop.sale(item), posting=posting)
    with django_assert_max_num_queries(13):
        anna.get(page(POSTINGS, posting.pk))


@pytest.mark.parametrize("base", [ITEMS, POSTINGS, RUNS])
def test_what_only_the_product_writes_cannot_be_edited(shop: Shop, anna: Client, base: str) -> None:
    item = shop.booked(1)
    shop.run()
    assert anna.get(f"{base}add/").status_code == 403
    assert anna.get(f"{base}{item.pk}/delete/").status_code in {403, 404}
    assert "delete_selected" not in anna.get(base).content.decode()


@pytest.mark.parametrize("base", [ITEMS, POSTINGS, RUNS, LANES])
def test_an_empty_list_says_what_to_do(plain: None, anna: Client, base: str) -> None:
    text = text_of(anna.get(base))
    assert any(words in text for words in ("Run now", "Add one", "once a run finds"))
