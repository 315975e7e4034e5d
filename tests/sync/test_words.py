"""What Square calls by an id is called by its name, and what is known stands in the form already."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from connections import clock
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import CustomerMapping, Journal
from mappings.roles import Role
from sync.models import Beat, FeedCursor
from tests.pages import NOW, Still, text_of
from tests.till import AR, Shop

SENTENCE = "No rule gives the account for other tender, location LAMS."


def page(row: object, name: str) -> str:
    return f"/admin/sync/{name}/{row.pk}/change/"  # type: ignore[attr-defined]


def proposed(shop: Shop) -> CustomerMapping:
    return CustomerMapping.objects.create(
        division=shop.division, merchant=shop.square, square_customer_id="CUST1", square_name="Hotel Zon",
        status="proposed", effective_from=NOW.date(),
    )  # fmt: skip


def test_the_form_of_a_missing_rule_starts_with_what_is_known(shop: Shop, anna: Client) -> None:
    shop.waiting(1, ProblemKind.UNMAPPED_TAX, "revenue: Tourist tax 13, 13 %")
    link = anna.get("/admin/").context["causes"][0]["fix_url"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert asked == {
        "effective_from": "2026-11-21", "division": str(shop.division.pk), "role": "revenue",
        "tax_name": "Tourist tax 13", "tax_rate": "13",
    }  # fmt: skip
    initial = anna.get(link).context["adminform"].form.initial
    assert (initial["role"], initial["tax_name"], initial["tax_rate"]) == ("revenue", "Tourist tax 13", "13")


def test_a_proposed_customer_is_decided_on_its_own_page_and_called_by_name(shop: Shop, anna: Client) -> None:
    row = proposed(shop)
    item = shop.waiting(1, ProblemKind.UNMAPPED_CUSTOMER, "CUST1", problem="Square customer CUST1 is not mapped.")
    cause = anna.get("/admin/").context["causes"][0]
    assert cause["subject"] == "Hotel Zon"
    assert cause["fix_url"] == f"/admin/mappings/customermapping/{row.pk}/change/"
    assert "Customer not mapped: Hotel Zon" in text_of(anna.get("/admin/sync/syncitem/"))
    assert "Square customer Hotel Zon is not mapped." in text_of(anna.get(page(item, "syncitem")))


def test_an_unknown_customer_is_mapped_on_a_form_that_names_it(shop: Shop, anna: Client) -> None:
    shop.waiting(1, ProblemKind.UNMAPPED_CUSTOMER, "CUST9")
    form = anna.get(anna.get("/admin/").context["causes"][0]["fix_url"]).context["adminform"].form
    assert (form.initial["square_customer_id"], form.initial["merchant"]) == ("CUST9", shop.square.pk)


def test_a_sentence_names_the_location(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.UNMAPPED_ACCOUNT, "other tender", problem=SENTENCE)
    text = text_of(anna.get(page(item, "syncitem")))
    assert "other tender, location Amsterdam." in text
    assert SENTENCE not in text


def test_a_receipt_that_passes_through_its_journal_shows_what_came_in(shop: Shop, anna: Client) -> None:
    item = shop.payment(1, amount=2046)
    plan = shop.receipt(item)
    through = replace(plan.lines[0], role=Role.OTHER_TENDER, account=replace(AR, code="1110"), amount=-2046)
    plan = replace(plan, lines=(*plan.lines, through))
    entry = shop.entry(1, plan)
    shop.leg(item, plan, posting=entry, state="confirmed")
    assert "Receipt confirmed EUR 20.46" in text_of(anna.get(page(item, "syncitem")))
    assert "EUR 20.46 confirmed" in text_of(anna.get("/admin/sync/posting/"))
    assert "EUR 0.00" not in text_of(anna.get(page(entry, "posting")))


def test_a_leg_that_nobody_can_work_out_yet_names_no_amount(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.UNMAPPED_ACCOUNT, "other tender", problem=SENTENCE)
    shop.leg(item, replace(shop.sale(item), lines=()), state="waiting", problem=SENTENCE)
    text = text_of(anna.get(page(item, "syncitem")))
    assert "EUR 0.00" not in text
    assert text.count("other tender, location Amsterdam.") == 1


def test_a_lane_offers_the_journals_of_each_kind_and_says_how_far_it_has_read(shop: Shop, anna: Client) -> None:
    FeedCursor.objects.create(feed=shop.lane.feeds.get(), stream="payments", read_up_to=NOW)
    Journal.objects.create(division=shop.division, remote_id="j71", code="71", name="Gone", type=20, gone_at=NOW)
    response = anna.get(page(shop.lane, "synclane"))
    form = response.context["adminform"].form
    assert [value for value, _ in form.fields["sales_journal"].widget.choices] == ["", "70"]
    assert "payments 21 Nov 2026 13:00" in text_of(response)
    assert "&lt;time" not in response.content.decode()


def test_what_a_run_is_about_to_take_up_is_not_lost_from_the_work_list(shop: Shop, anna: Client) -> None:
    shop.payment(1, state="extracted")
    response = anna.get("/admin/")
    assert "On their way, nothing to do: 1 record ." in text_of(response)
    assert len(anna.get(response.context["underway"]["url"]).context["cl"].result_list) == 1


def test_a_worker_beats_in_real_minutes_also_where_the_clock_runs_fast(shop: Shop, anna: Client) -> None:
    Beat.beat("worker", at=NOW - timedelta(minutes=10))
    fast = Still()
    fast.speed = 10.0
    restore = clock.install(fast)
    try:
        text = text_of(anna.get("/admin/"))
    finally:
        restore()
    assert "1 minute ago a worker gave its last sign of life" in text
    assert "does not answer" not in text
