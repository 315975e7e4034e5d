"""What nonsense, haste and colleagues without the right meet at the pages of plans, months, money and clearing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from mappings.models import Convention, TenderJournal
from sync.lifecycle import RunState
from sync.models import Expiry, LaneLocation, Plan, PlannedEntry, SyncItem, SyncRun
from sync.models.clearing import ClearingOpening
from sync.models.reconciliation import Month
from tests.pages import confirm, in_role, text_of
from tests.till import Shop

FORMULA = '=HYPERLINK("http://evil.example";"look")'
MARKUP = '<script>alert(1)</script><img src=x onerror="alert(1)">'
NONSENSE = ("abc", "", "9" * 26, "²", "\0", "-1", "0001-01", "9999-12", "9999-99", "2026-00", "١٢", MARKUP)
LONG = "x" * 5000


def planned(shop: Shop, *, by: str = "bert") -> SyncRun:
    """A plan of one entry that waits for approval, with texts that come from outside."""
    run = shop.run(state="planned", requested_by=by, purpose="plan")
    Plan.objects.create(
        run=run, entries=1, lines=1, calls=2, accounts={"EUR": [["8000", 0, -1000]]},
        totals={"EUR": [["revenue", "2", -1000, -210]]}, left_out=[[MARKUP, FORMULA]],
    )  # fmt: skip
    PlannedEntry.objects.create(
        run=run, position=0, stage="sales", document="sales_entry", journal="70", date=shop.now.date(), currency="EUR",
        total=1210, reference="TB-0000000000000009", group="g", body="{}", expected={"8000": -1000},
        lines=[["revenue", "8000", -1000, "2", -210, FORMULA], ["receivables", "1300", 1210, "", 0, MARKUP]],
    )  # fmt: skip
    return run


def doors(shop: Shop) -> Iterator[tuple[str, str]]:
    """(GET parameter, page) of the bookkeeping pages that read one."""
    lane, entry = f"/admin/sync/synclane/{shop.lane.pk}", shop.entry(7, shop.sale(shop.payment(7))).pk
    yield "month", f"{lane}/money/"
    yield "page", f"/admin/sync/posting/{entry}/sales/"
    yield "month", "/admin/sync/latearrival/"
    yield "run_id", "/admin/sync/plannedentry/"
    for name in ("lane", "day", "currency", "stated"):
        yield name, "/admin/sync/clearingopening/add/"
    for name in ("lane", "location", "on", "value"):
        yield name, "/admin/sync/expiry/add/"
    for name in ("division", "effective_from", "tips"):
        yield name, "/admin/mappings/convention/add/"
    for name in ("division", "journal", "tender"):
        yield name, "/admin/mappings/tenderjournal/add/"


def test_an_address_with_nonsense_in_it_is_answered_by_a_page(shop: Shop, anna: Client) -> None:
    shop.booked(1)
    for name, url in doors(shop):
        for value in (*NONSENSE, "9999-99-99", "0001-01-01", "9999-12-31", LONG):
            response = anna.get(url, {name: value})
            assert response.status_code in {200, 302}, (url, name, value)
            if response.status_code == 200:
                assert b"<script>alert" not in response.content, (url, name)


def forms(shop: Shop) -> dict[str, dict[str, str]]:
    """What each form takes."""
    since = shop.lane.go_live.isoformat()
    return {
        "sync/clearingopening": {
            "lane": str(shop.lane.pk), "currency": "EUR", "day": since, "stated": "1.00", "reason": "r",
        },
        "sync/expiry": {
            "lane": str(shop.lane.pk), "location": str(shop.location.pk), "on": since, "value": "1.00", "reason": "r",
        },
        "mappings/convention": {
            "division": str(shop.division.pk), "effective_from": since, "fee_vat": "none", "tips": "payable",
            "service": "as_charged", "discounts": "netted", "gift_cards": "multi_purpose", "reason": "",
        },
        "mappings/tenderjournal": {
            "division": str(shop.division.pk), "tender": "EXTERNAL:CHECK", "journal": "21", "reason": "",
        },
    }  # fmt: skip


FIELDS = [
    *(("sync/clearingopening", name) for name in ("lane", "currency", "day", "stated", "reason")),
    *(("sync/expiry", name) for name in ("lane", "location", "on", "value", "reason")),
    *(("mappings/convention", name) for name in ("division", "effective_from", "tips", "fee_vat", "reason")),
    *(("mappings/tenderjournal", name) for name in ("division", "tender", "journal", "reason")),
]


@pytest.mark.parametrize(("form", "field"), FIELDS)
def test_a_form_with_nonsense_in_a_field_is_answered_by_a_page(shop: Shop, anna: Client, form: str, field: str) -> None:
    values = ("NaN", "Infinity", "-1e400", "1e20", "9999-99-99", "0001-01-01", "9999-12-31", LONG, *NONSENSE)
    for value in values:
        response = anna.post(f"/admin/{form}/add/", {**forms(shop)[form], field: value})
        assert response.status_code in {200, 302}, (form, field, value)
    for page in ("", "add/"):
        shown = anna.get(f"/admin/{form}/{page}")
        assert shown.status_code == 200, (form, field)
        assert b"<script>alert" not in shown.content


def test_each_form_takes_what_is_right(shop: Shop, anna: Client) -> None:
    for form, values in forms(shop).items():
        assert anna.post(f"/admin/{form}/add/", values).status_code == 302, form
    assert [model.objects.count() for model in (ClearingOpening, Expiry, Convention, TenderJournal)] == [1, 1, 1, 1]


def test_expired_cards_that_are_sent_twice_are_booked_once(shop: Shop, anna: Client) -> None:
    """A second click on 'Save' sends the same form again."""
    values = forms(shop)["sync/expiry"]
    anna.post("/admin/sync/expiry/add/", values)
    again = anna.post("/admin/sync/expiry/add/", values)
    assert "stated already" in text_of(again)
    assert (Expiry.objects.count(), SyncItem.objects.filter(kind="expiry").count()) == (1, 1)
    assert anna.post("/admin/sync/expiry/add/", {**values, "reason": "another card"}).status_code == 302


def test_an_expiry_books_nothing_for_a_location_of_another_lane(shop: Shop, anna: Client) -> None:
    LaneLocation.objects.all().delete()
    anna.post("/admin/sync/expiry/add/", forms(shop)["sync/expiry"])
    assert not Expiry.objects.exists()


# --- plans --------------------------------------------------------------------------------------
def test_a_plan_shows_what_came_from_outside_as_text_and_no_spreadsheet_runs_it(shop: Shop, anna: Client) -> None:
    run = planned(shop)
    for url in (f"/admin/sync/syncrun/{run.pk}/change/", f"/admin/sync/plannedentry/{run.planned.get().pk}/change/"):
        assert b"<script>alert" not in anna.get(url).content
    answer = anna.post(f"/admin/sync/plannedentry/{run.pk}/lines/")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert len(rows) == 3
    assert not [cell for row in rows for cell in row if cell[:1] in {"=", "+", "@"}]


def test_the_lines_of_a_plan_are_asked_for_by_post_and_kept_in_the_trail(shop: Shop, anna: Client) -> None:
    url = f"/admin/sync/plannedentry/{planned(shop).pk}/lines/"
    assert anna.get(url).status_code == 405
    assert Client().post(url).status_code == 302
    assert in_role().post(url).status_code == 403
    assert AuditEntry.objects.filter(verb="plan.exported").count() == 0
    anna.post(url)
    assert AuditEntry.objects.filter(verb="plan.exported").count() == 1


def test_the_lines_of_a_plan_that_is_not_there_are_not_found(shop: Shop, anna: Client) -> None:
    assert anna.post("/admin/sync/plannedentry/999999/lines/").status_code == 404
    assert anna.post(f"/admin/sync/plannedentry/{'9' * 26}/lines/").status_code == 404
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("deed", ["approve", "reject"])
def test_a_plan_is_decided_once(shop: Shop, anna: Client, deed: str) -> None:
    run = planned(shop)
    asked = {"reason": "no"}
    confirm(anna, f"/admin/sync/syncrun/{run.pk}/do/{deed}/", **asked)
    decided = SyncRun.objects.get(pk=run.pk).state
    for late in ("approve", "reject"):
        response = confirm(anna, f"/admin/sync/syncrun/{run.pk}/do/{late}/", **asked)
        assert "only a plan that waits for approval is decided" in text_of(response)
    assert SyncRun.objects.get(pk=run.pk).state == decided
    assert SyncRun.objects.filter(purpose="post").count() == (deed == "approve")


def test_nobody_approves_the_own_plan_where_four_eyes_are_wanted(shop: Shop, anna: Client) -> None:
    """By the button, by the list, and among plans of others."""
    shop.lane.four_eyes = True
    shop.lane.save()
    run = planned(shop, by="anna")
    assert "four eyes" in text_of(confirm(anna, f"/admin/sync/syncrun/{run.pk}/do/approve/"))
    chosen = {"action": "approve", "_selected_action": [str(run.pk)], "confirmed": "yes", "count": "1"}
    assert "four eyes" in text_of(anna.post("/admin/sync/syncrun/", chosen, follow=True))
    assert SyncRun.objects.get(pk=run.pk).state == RunState.PLANNED
    bea = Client()
    bea.force_login(User.objects.create_superuser("bea"))
    confirm(bea, f"/admin/sync/syncrun/{run.pk}/do/approve/")
    assert SyncRun.objects.get(pk=run.pk).state == RunState.APPROVED


def test_a_bookkeeper_plans_and_undoes_but_approves_and_signs_nothing(shop: Shop) -> None:
    shop.booked(1)
    run, month, browser = planned(shop), shop.month(), in_role("Bookkeeper")
    asked = {"confirmed": "yes", "count": "1", "reason": "because"}
    for url in (f"syncrun/{run.pk}/do/approve/", f"syncrun/{run.pk}/do/reject/", f"month/{month.pk}/do/sign-red/",
                f"month/{month.pk}/do/take-back/", f"synclane/{shop.lane.pk}/do/run/"):  # fmt: skip
        assert browser.post(f"/admin/sync/{url}", asked).status_code in {403, 404}, url
    for form in ("sync/clearingopening", "sync/expiry", "mappings/convention"):
        assert browser.post(f"/admin/{form}/add/", forms(shop)[form]).status_code == 403, form
    assert SyncRun.objects.get(pk=run.pk).state == RunState.PLANNED
    assert not any(model.objects.exists() for model in (Expiry, ClearingOpening, Convention))


def test_a_plan_is_read_in_words_and_leads_to_what_booked_it(shop: Shop, anna: Client) -> None:
    run, booking = planned(shop), shop.run(purpose="post")
    text = text_of(anna.get("/admin/sync/plannedentry/", {"run_id": run.pk}))
    assert "Sales entry" in text
    assert "sales_entry" not in text
    assert "handed over" in text  # the filter says it as the list does
    assert f"Plan of run {run.pk} 1 entries, 1 lines" in text_of(anna.get(f"/admin/sync/syncrun/{run.pk}/do/approve/"))
    shop.entry(9, shop.sale(shop.payment(9)), run_id=booking.pk)
    run.planned.update(state="posted")
    page = anna.get(f"/admin/sync/syncrun/{run.pk}/change/")
    assert f"Booked by run {booking.pk} : its entries" in text_of(page)
    assert f"/admin/sync/posting/?run_id={booking.pk}" in page.content.decode()


# --- months -------------------------------------------------------------------------------------
def test_a_red_month_is_not_signed_without_a_reason_nor_as_if_it_were_green(shop: Shop, anna: Client) -> None:
    month = shop.month(signed_by="", signed_at=None, signed=None, signed_reason="", disturbed="", disturbed_at=None)
    url = f"/admin/sync/month/{month.pk}/do"
    confirm(anna, f"{url}/sign/")
    confirm(anna, f"{url}/sign-red/", reason="   ")
    assert not Month.objects.get(pk=month.pk).is_signed
    confirm(anna, f"{url}/sign-red/", reason=MARKUP)
    assert Month.objects.get(pk=month.pk).is_signed
    assert b"<script>alert" not in anna.get(f"/admin/sync/month/{month.pk}/change/").content


def test_a_file_of_a_reconciliation_holds_no_formula(shop: Shop, anna: Client) -> None:
    row = shop.month().reconciliation
    row.differences.create(kind="foreign", is_explained=False, sentence=FORMULA, source_id=FORMULA, currency="EUR")
    text = anna.get(f"/admin/sync/reconciliation/{row.pk}/csv/").content.decode().lstrip("\ufeff")
    cells: list[Any] = [cell for line in csv.reader(io.StringIO(text), delimiter=";") for cell in line]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "@"}]
    assert in_role().get(f"/admin/sync/reconciliation/{row.pk}/csv/").status_code == 403


def test_a_month_says_in_words_what_is_left_and_leads_to_its_late_arrivals(shop: Shop, anna: Client) -> None:
    month = shop.month()
    row = month.reconciliation
    row.differences.create(kind="foreign", is_explained=False, sentence="At LAMS.", currency="EUR")
    assert "it is not over yet, unposted records, clearing differs" in text_of(anna.get("/admin/sync/month/"))
    page = anna.get(f"/admin/sync/month/{month.pk}/change/")
    late = f"/admin/sync/latearrival/?lane__id__exact={shop.lane.pk}&amp;month={month.starts:%Y-%m}"
    assert late in page.content.decode()
    assert "At Amsterdam." in text_of(page)


# --- the way from one page to the next ------------------------------------------------------------
def test_a_lane_leads_to_its_lists(shop: Shop, anna: Client) -> None:
    page = anna.get(f"/admin/sync/synclane/{shop.lane.pk}/change/").content.decode()
    for name in ("clearingproof", "month", "syncrun", "invoicestanding", "latearrival"):
        url = f"/admin/sync/{name}/?lane__id__exact={shop.lane.pk}"
        assert f'href="{url}"' in page, name
        assert anna.get(url).status_code == 200, name


def test_the_menu_is_in_groups_and_leaves_out_what_is_read_from_a_plan(shop: Shop, anna: Client) -> None:
    menu = anna.get("/admin/").context["app_list"]
    groups = {app["name"]: [model["object_name"] for model in app["models"]] for app in menu}
    assert list(groups)[:4] == ["Bookings", "Months and reports", "Customers", "Lanes and runs"]
    assert groups["Lanes and runs"] == ["SyncLane", "SyncRun", "Backfill"]
    shown = [name for names in groups.values() for name in names]
    assert len(shown) == len(set(shown))
    registered = {model.__name__ for model in admin.site._registry}
    assert registered - set(shown) == {"PlannedEntry"}
    assert anna.get("/admin/sync/").status_code == 200


def test_a_list_with_rows_says_what_stands_in_it(shop: Shop, anna: Client) -> None:
    shop.month()
    planned(shop)
    for name, word in (("month", "Is a month right?"), ("reconciliation", "Each comparison as it was made"),
                       ("plannedentry", "Each entry as it would be booked")):  # fmt: skip
        assert word in text_of(anna.get(f"/admin/sync/{name}/")), name
